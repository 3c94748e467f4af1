//! The tree of modules of a library or program, and the modules that the code of a module refers to.

use crate::items::{Declared, Items};
use crate::tree::{Tree, directory, resolved};
use std::collections::BTreeMap;

/// The modules under one root file. Methods name a module by its index in `all`; the root has index 0.
#[derive(Debug, Default)]
pub struct Modules {
    pub all: Vec<Module>,
}

#[derive(Debug)]
pub struct Module {
    pub name: String,
    pub parent: Option<usize>,
    /// The file that it is written in.
    pub file: String,
    /// Whether it is compiled for tests only.
    pub test: bool,
    items: Items,
    children: BTreeMap<String, usize>,
    /// The directory in which the files of its children are.
    folder: String,
    /// The directory that the `#[path]` of its children is relative to.
    base: String,
}

impl Modules {
    pub fn of(tree: &Tree, root: &str) -> Self {
        let folder = directory(root);
        let mut modules = Modules::default();
        let mut open = vec![module(tree, root, "crate", folder.to_owned(), None)];
        while let Some(mut module) = open.pop() {
            let number = modules.all.len();
            module.test |= module.items.test;
            let declared = std::mem::take(&mut module.items.modules);
            modules.all.push(module);
            modules.enter(number);
            open.extend(declared.into_iter().filter_map(|declared| modules.child(tree, number, declared)));
        }
        modules
    }

    /// Adds a module to its parent's children. If two have one name, the one that is not only for tests stays.
    fn enter(&mut self, number: usize) {
        let Module { name, parent, test, .. } = &self.all[number];
        if let (name, test, Some(parent)) = (name.clone(), *test, *parent) {
            let same = self.all[parent].children.get(&name);
            if !(test && same.is_some_and(|same| !self.all[*same].test)) {
                self.all[parent].children.insert(name, number);
            }
        }
    }

    /// The module that is declared in another one; `None` if its file is not in the tree.
    fn child(&self, tree: &Tree, parent: usize, declared: Declared) -> Option<Module> {
        let Declared { name, test, path, inline } = declared;
        let above = &self.all[parent];
        let inside = format!("{}/{name}", above.folder).trim_start_matches('/').to_owned();
        let path = path.and_then(|path| resolved(&above.base, &path));
        let mut child = if let Some(items) = inline {
            let folder = path.unwrap_or(inside);
            let (base, children) = (folder.clone(), BTreeMap::new());
            Module { name, parent: Some(parent), file: above.file.clone(), test, items, children, folder, base }
        } else {
            let folder = path.as_deref().map_or(inside.clone(), |path| directory(path).to_owned());
            let mut usual = [format!("{inside}.rs"), format!("{inside}/mod.rs")].into_iter();
            let file = path.or_else(|| usual.find(|file| tree.get(file).is_some()))?;
            // `#[path]` can lead in a circle.
            if tree.get(&file).is_none() || self.upwards(parent).any(|outer| self.all[outer].file == file) {
                return None;
            }
            module(tree, &file, &name, folder, Some(parent))
        };
        child.test = above.test || test;
        Some(child)
    }

    /// A module, its parent, and so on to the root.
    pub fn upwards(&self, module: usize) -> impl Iterator<Item = usize> {
        std::iter::successors(Some(module), |module| self.all[*module].parent)
    }

    fn holds(&self, outer: usize, inner: usize) -> bool {
        self.upwards(inner).any(|module| module == outer)
    }

    /// The modules that a module refers to, except itself and those that it is in, each with the byte of its file.
    pub fn named(&self, from: usize) -> Vec<(usize, usize)> {
        let items = &self.all[from].items;
        let uses = items.uses.iter().map(|found| (&found.path, found.at));
        let all = uses.chain(items.paths.iter().map(|found| (&found.path, found.at)));
        let found = all.filter_map(|(path, at)| Some((Walk::new(self, from).follow(from, path)?, at)));
        found.filter(|(module, _)| !self.holds(*module, from)).collect()
    }

    /// The module with a macro of this name that `#[macro_export]` puts into the root of the crate.
    fn exporting(&self, name: &str) -> Option<usize> {
        self.all.iter().position(|module| !module.test && module.items.exported.contains(name))
    }

    /// Whether a module has such a name, of its own or by `use`.
    fn has(&self, module: usize, name: &str, seen: &mut Vec<usize>) -> bool {
        if seen.contains(&module) {
            return false;
        }
        seen.push(module);
        let Module { items, children, .. } = &self.all[module];
        let mut globs = items.uses.iter().filter(|found| found.name.is_none());
        children.contains_key(name)
            || items.names.contains(name)
            || items.uses.iter().any(|found| found.name.as_deref() == Some(name))
            || globs.any(|glob| {
                let inside = Walk { through_globs: false, ..Walk::new(self, module) }.follow(module, &glob.path);
                inside.is_some_and(|inside| self.has(inside, name, seen))
            })
    }
}

fn module(tree: &Tree, file: &str, name: &str, folder: String, parent: Option<usize>) -> Module {
    let items = Items::of(tree.get(file).unwrap_or_default());
    let (file, base) = (file.to_owned(), directory(file).to_owned());
    Module { name: name.to_owned(), parent, file, test: false, items, children: BTreeMap::new(), folder, base }
}

/// Looks up what a path in a module leads to.
struct Walk<'a> {
    modules: &'a Modules,
    from: usize,
    /// The modules and names that are being looked up: two `use` can refer to each other.
    seen: Vec<(usize, String)>,
    /// Whether to look for names behind `use …::*`. Not for the path of such a `use` itself: that may never end.
    through_globs: bool,
}

impl<'a> Walk<'a> {
    fn new(modules: &'a Modules, from: usize) -> Self {
        Walk { modules, from, seen: Vec::new(), through_globs: true }
    }

    /// The first module on a path that `from` is not in; if there is none, the module that the whole path leads to.
    /// `None` for what is not a module of this crate. The path is written in the module `at`.
    fn follow(&mut self, mut at: usize, path: &[String]) -> Option<usize> {
        for part in path {
            at = match part.as_str() {
                "crate" => 0,
                "self" => at,
                "super" => self.modules.all[at].parent?,
                name => self.step(at, name)?,
            };
            if !self.modules.holds(at, self.from) {
                return Some(at);
            }
        }
        Some(at)
    }

    /// What a name means in a module that `from` is in: a child, or the module that a `use` there leads to.
    fn step(&mut self, at: usize, name: &str) -> Option<usize> {
        let key = (at, name.to_owned());
        if self.seen.contains(&key) {
            return None;
        }
        self.seen.push(key);
        let Module { items, children, .. } = &self.modules.all[at];
        let mut uses = items.uses.iter().filter(|found| found.name.as_deref() == Some(name));
        let found = children.get(name).copied();
        let found = found.or_else(|| uses.find_map(|found| self.follow(at, &found.path)));
        let found = found.or_else(|| if at == 0 { self.modules.exporting(name) } else { None });
        let found = found.or_else(|| if items.names.contains(name) { None } else { self.step_into_globs(at, name) });
        self.seen.pop();
        found
    }

    fn step_into_globs(&mut self, at: usize, name: &str) -> Option<usize> {
        let modules = self.modules;
        let mut globs = modules.all[at].items.uses.iter().filter(|found| found.name.is_none());
        if !std::mem::take(&mut self.through_globs) {
            return None;
        }
        let insides: Vec<usize> = globs.by_ref().filter_map(|glob| self.follow(at, &glob.path)).collect();
        self.through_globs = true;
        insides.into_iter().find_map(|inside| match modules.holds(inside, self.from) {
            true => self.step(inside, name),
            false => modules.has(inside, name, &mut Vec::new()).then_some(inside),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::planted::tree;

    /// The modules as `file:module`, marked if they are for tests only.
    fn listed(files: &[(&str, &str)]) -> Vec<String> {
        let modules = Modules::of(&tree(files), files[0].0).all;
        let shown = modules.iter().map(|Module { file, name, test, .. }| {
            let mark = if *test { " (test)" } else { "" };
            format!("{file}: {name}{mark}")
        });
        let mut listed: Vec<String> = shown.collect();
        listed.sort();
        listed
    }

    #[test]
    fn files_of_modules_are_found() {
        let files = [
            (
                "a/src/lib.rs",
                "mod b; pub mod c; mod generated; #[cfg(test)] mod t; mod d { mod e; #[path = \"p.rs\"] mod f; }",
            ),
            ("a/src/b.rs", "mod deeper; #[path = \"odd/way.rs\"] mod g; mod i { #[path = \"h.rs\"] mod h; }"),
            ("a/src/b/deeper.rs", "#[path = \"deeper.rs\"] mod again;"),
            ("a/src/b/i/h.rs", ""),
            ("a/src/odd/way.rs", "mod beside;"),
            ("a/src/odd/beside.rs", ""),
            ("a/src/c/mod.rs", "mod r#type;"),
            ("a/src/c/type.rs", "#![cfg(test)]"),
            ("a/src/t.rs", "mod u;"),
            ("a/src/t/u.rs", ""),
            ("a/src/d/e.rs", ""),
            ("a/src/d/p.rs", ""),
        ];
        let wanted = [
            "a/src/b.rs: b",
            "a/src/b.rs: i",
            "a/src/b/deeper.rs: deeper",
            "a/src/b/i/h.rs: h",
            "a/src/c/mod.rs: c",
            "a/src/c/type.rs: type (test)",
            "a/src/d/e.rs: e",
            "a/src/d/p.rs: f",
            "a/src/lib.rs: crate",
            "a/src/lib.rs: d",
            "a/src/odd/beside.rs: beside",
            "a/src/odd/way.rs: g",
            "a/src/t.rs: t (test)",
            "a/src/t/u.rs: u (test)",
        ];
        assert_eq!(listed(&files), wanted);
    }
}
