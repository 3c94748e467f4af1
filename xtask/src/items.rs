//! Finds what the code of one module declares, imports and names. It is a scanner of paths, not a parser: it expects code
//! that compiles.

use crate::lexer::Source;
use crate::tokens::{DEFINING, Token, Tokens};
use std::collections::BTreeSet;
use std::ops::Range;

/// The items of one module, without those of its inline modules and without what is compiled for tests only.
#[derive(Debug, Default)]
pub struct Items {
    /// Whether the module has the attribute `#![cfg(test)]`.
    pub test: bool,
    pub modules: Vec<Declared>,
    pub uses: Vec<Use>,
    pub paths: Vec<Path>,
    /// Functions, types, constants and macros.
    pub names: BTreeSet<String>,
    /// The macros that `#[macro_export]` puts into the root of the crate.
    pub exported: BTreeSet<String>,
}

/// `mod name;` or `mod name { … }`.
#[derive(Debug)]
pub struct Declared {
    pub name: String,
    /// Whether it is compiled for tests only.
    pub test: bool,
    /// The file that `#[path = "…"]` names.
    pub path: Option<String>,
    /// The items of an inline module.
    pub inline: Option<Items>,
}

/// One leaf of a `use`.
#[derive(Debug, PartialEq)]
pub struct Use {
    /// Begins with `crate`, `self`, `super`, `::` or a name; `*` is not part of it.
    pub path: Vec<String>,
    /// The name that it brings into scope; `None` for `*`.
    pub name: Option<String>,
    pub at: usize,
}

/// A path in code, up to its first generic argument. A single name counts if it cannot be a variable: it begins with a
/// capital letter, or `(` or `!` follows.
#[derive(Debug, PartialEq)]
pub struct Path {
    pub path: Vec<String>,
    pub at: usize,
}

impl Items {
    pub fn of(file: &str) -> Self {
        let source = Source::of(file);
        let tokens = Tokens::of(&source.code);
        let scanner = Scanner { source: &source, tokens: &tokens };
        scanner.scan(0..tokens.all.len())
    }
}

struct Scanner<'a> {
    source: &'a Source,
    tokens: &'a Tokens<'a>,
}

impl Scanner<'_> {
    fn scan(&self, range: Range<usize>) -> Items {
        let mut items = Items::default();
        let mut at = range.start;
        // The token that closes the outermost bracket, and whether the bracket is a macro's: its input may define names.
        let (mut closes, mut in_macro) = (range.start, false);
        while at < range.end {
            let token = &self.tokens.all[at];
            let next = self.tokens.all.get(at + 1).filter(|next| next.is_name());
            match token.text {
                "#" if self.tokens.text(at + 1) == "[" && self.tokens.is_test(at + 1) => {
                    let end = self.tokens.item_end(at).min(range.end);
                    let module = (at..end).find_map(|at| self.declared(at));
                    items.modules.extend(module.map(|(module, _)| Declared { test: true, ..module }));
                    at = end;
                    continue;
                }
                "#" if self.tokens.text(at + 1) == "!" && self.tokens.text(at + 2) == "[" => {
                    items.test |= self.tokens.is_test(at + 2)
                }
                "{" | "(" | "[" if at >= closes => {
                    closes = self.tokens.closing(at);
                    in_macro = self.tokens.before(at) == "!" || at > 1 && self.tokens.text(at - 2) == "!";
                }
                "mod" => {
                    if let Some((module, end)) = self.declared(at) {
                        items.modules.push(module);
                        at = end;
                        continue;
                    }
                }
                // Not the `use<'a>` of a type.
                "use" if self.tokens.text(at + 1) != "<" => {
                    at += 1;
                    self.use_tree(&mut at, &[], &mut items.uses);
                    continue;
                }
                "macro_rules" => {
                    let name = self.tokens.all.get(at + 2).map(|name| name.name().to_owned());
                    if self.tokens.attributes(at).any(|open| self.tokens.text(open + 1) == "macro_export") {
                        items.exported.extend(name.clone());
                    }
                    items.names.extend(name);
                }
                word if DEFINING.contains(&word) && (at >= closes || in_macro) => {
                    items.names.extend(next.map(|name| name.name().to_owned()));
                }
                _ => (),
            }
            if token.is_name() {
                at = self.path(at, &mut items.paths);
            } else {
                at += 1;
            }
        }
        items
    }

    /// Reads the path that begins with the name at `start`; returns the token after it.
    fn path(&self, start: usize, paths: &mut Vec<Path>) -> usize {
        let mut at = start;
        let mut path = vec![self.tokens.all[at].name().to_owned()];
        while self.tokens.text(at + 1) == "::" && self.tokens.all.get(at + 2).is_some_and(Token::is_name) {
            at += 2;
            path.push(self.tokens.all[at].name().to_owned());
        }
        let begins = match self.tokens.before(start) {
            // A method, or the rest of `<T as Trait>::name` and `::name`.
            "." | "::" => false,
            "$" => path[0] == "crate",
            before => !DEFINING.contains(&before),
        };
        let is_variable = path.len() == 1
            && !["(", "!"].contains(&self.tokens.text(at + 1))
            && !path[0].starts_with(char::is_uppercase);
        if begins && !is_variable {
            paths.push(Path { path, at: self.tokens.all[start].at });
        }
        at + 1
    }

    /// Reads what follows `use`, or one part between its braces, and sets `at` to the token after it.
    fn use_tree(&self, at: &mut usize, prefix: &[String], uses: &mut Vec<Use>) {
        let mut path = prefix.to_vec();
        let start = self.tokens.all.get(*at).map_or(0, |token| token.at);
        while let Some(token) = self.tokens.all.get(*at) {
            *at += 1;
            match token.text {
                "{" => {
                    let end = self.tokens.closing(*at - 1);
                    while *at < end {
                        self.use_tree(at, &path, uses);
                    }
                    return;
                }
                "*" => return uses.push(Use { path, name: None, at: start }),
                "::" if path.is_empty() => path.push("::".to_owned()),
                "::" | "$" => (),
                _ if token.is_name() => {
                    path.push(token.name().to_owned());
                    if self.tokens.text(*at) != "::" {
                        break;
                    }
                }
                // The comma or the semicolon.
                _ => return,
            }
        }
        if path.len() > 1 && path.last().is_some_and(|last| last == "self") {
            path.pop();
        }
        let mut name = path.last().cloned();
        if self.tokens.text(*at) == "as" {
            name = self.tokens.all.get(*at + 1).map(|name| name.name().to_owned());
            *at += 2;
        }
        uses.push(Use { path, name, at: start });
    }

    /// The module that the keyword `mod` here declares, and the token after it.
    fn declared(&self, at: usize) -> Option<(Declared, usize)> {
        let name = self.tokens.all.get(at + 1).filter(|name| self.tokens.text(at) == "mod" && name.is_name())?;
        let (inline, end) = match self.tokens.text(at + 2) {
            ";" => (None, at + 3),
            "{" => {
                let end = self.tokens.closing(at + 2);
                (Some(self.scan(at + 3..end)), end + 1)
            }
            _ => return None,
        };
        let path = self.tokens.attributes(at).find(|open| self.tokens.text(open + 1) == "path").and_then(|open| {
            let mut strings = self.source.strings.iter();
            strings.find(|(string, _)| *string > self.tokens.all[open].at).map(|(_, path)| path.clone())
        });
        Some((Declared { name: name.name().to_owned(), test: false, path, inline }, end))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn uses(code: &str) -> Vec<String> {
        let shown = |leaf: Use| format!("{} as {}", leaf.path.join(" "), leaf.name.as_deref().unwrap_or("*"));
        Items::of(code).uses.into_iter().map(shown).collect()
    }

    fn paths(code: &str) -> Vec<String> {
        Items::of(code).paths.into_iter().map(|found| found.path.join(" ")).collect()
    }

    #[test]
    fn every_leaf_of_a_use_is_read() {
        assert_eq!(
            uses("use a; pub(crate) use crate::{b::{self, c as d}, super::e::*, r#type};\nuse ::f::g as _;"),
            ["a as a", "crate b as b", "crate b c as d", "crate super e as *", "crate type as type", ":: f g as _"]
        );
        assert_eq!(
            uses("macro_rules! m { () => { use $crate::a::b; } } fn f() -> impl T + use<'x> {}"),
            ["crate a b as b"]
        );
    }

    #[test]
    fn paths_are_read_wherever_they_stand() {
        let code = "#[a::b] fn f(x: c::D<e::F>) -> impl g::H { x.i::<J>(); <K as l::M>::n(); $crate::o!(p: $q::r); s }";
        let wanted = ["a b", "c D", "e F", "g H", "J", "K", "l M", "crate o"];
        assert_eq!(paths(code), wanted);
        assert_eq!(paths("/* a::b */ f(\"c::d\", 0..e::g)"), ["f", "e g"]);
    }

    #[test]
    fn what_is_for_tests_only_is_left_out() {
        let code = "
            #[cfg(test)] use a::{b, c};
            struct S { #[cfg(test)] d: e::F, g: h::I }
            #[allow(x)] #[cfg(test)] pub(crate) fn j<K, L>() -> [m::N; 2] { o::p() }
            #[cfg(test)] const Q: r::S = t::U { v: 1 };
            #[cfg(all(test, unix))] #[path = \"odd.rs\"] mod w;
            #[cfg(test)] mod x { use y::z; }
            #[cfg(not(test))] use aa::bb;";
        let items = Items::of(code);
        let multi: Vec<String> = paths(code).into_iter().filter(|path| path.contains(' ')).collect();
        assert_eq!(multi, ["h I"]);
        assert_eq!(uses(code), ["aa bb as bb"]);
        let modules: Vec<_> = items.modules.iter().map(|found| (found.name.as_str(), found.test)).collect();
        assert_eq!(modules, [("w", true), ("x", true)]);
        assert_eq!(items.modules[0].path.as_deref(), Some("odd.rs"));
        assert!(Items::of("#![cfg(test)]").test && !Items::of("#![allow(test)]").test);
    }

    #[test]
    fn inline_modules_and_names_are_kept_apart() {
        let code = "mod a { pub fn b() { c::d() } mod e; } impl F { fn g() {} } m! { struct H; }
            #[macro_export] macro_rules! i { () => { enum J {} }; } const fn k() { fn l() {} }";
        let items = Items::of(code);
        let inside = items.modules[0].inline.as_ref().unwrap();
        assert_eq!((inside.paths.len(), inside.modules.len(), inside.names.contains("b")), (1, 1, true));
        assert_eq!(items.names.iter().filter(|name| *name != "fn").collect::<Vec<_>>(), ["H", "J", "i", "k"]);
        assert!(items.exported.contains("i") && items.paths.iter().all(|found| found.path[0] != "c"));
    }
}
