//! No dead files: every source is compiled, every document has a link to it, and other files are named in code or documents.

use super::Problem;
use crate::modules::Modules;
use crate::tree::{Tree, directory, resolved};
use crate::workspace::Workspace;
use std::collections::BTreeSet;

pub fn check(tree: &Tree, workspace: &Workspace) -> Vec<Problem> {
    [unreached_modules(tree, workspace), unlinked_documents(tree), unnamed_files(tree)].concat()
}

/// Sources that no `mod` leads to from any target.
fn unreached_modules(tree: &Tree, workspace: &Workspace) -> Vec<Problem> {
    let targets = workspace.crates.iter().flat_map(|found| &found.targets);
    let modules = targets.flat_map(|target| Modules::of(tree, target).all);
    let reached: BTreeSet<String> = modules.map(|module| module.file).collect();
    let sources = tree.ending(".rs").filter(|(path, _)| !reached.contains(*path));
    sources.map(|(path, _)| Problem::of(path, "no `mod` leads here; declare the module or remove the file")).collect()
}

/// Documents that no other document links to.
fn unlinked_documents(tree: &Tree) -> Vec<Problem> {
    let documents = tree.ending(".md").filter(|(path, _)| path.starts_with("docs/"));
    let linked = |wanted: &str| {
        tree.ending(".md").filter(|(path, _)| *path != wanted).any(|(path, text)| {
            let mut targets = super::links::targets(text).map(|(_, target)| target);
            targets.any(|target| {
                let file = target.split('#').next().unwrap_or_default();
                resolved(directory(path), file).is_some_and(|found| found == wanted)
            })
        })
    };
    let message = "no document links here; add it to docs/README.md";
    documents.filter(|(path, _)| !linked(path)).map(|(path, _)| Problem::of(path, message)).collect()
}

/// Templates, schemas and scripts that no other file names.
fn unnamed_files(tree: &Tree) -> Vec<Problem> {
    let beside = tree.iter().filter(|(path, _)| {
        let in_crate = path.starts_with("crates/") && !path.ends_with(".rs") && !path.ends_with("/Cargo.toml");
        // Code names only the directory of migrations and snapshots; clippy finds its file by itself.
        let by_directory = ["/migrations/", "/snapshots/"].iter().any(|part| path.contains(part));
        (in_crate && !by_directory && !path.ends_with("/clippy.toml")) || path.starts_with("scripts/")
    });
    let named = |wanted: &str| {
        let name = wanted.rsplit('/').next().unwrap_or_default();
        tree.iter().any(|(path, text)| path != wanted && text.contains(name))
    };
    let message = "no file names this one; remove it, or name it where it is used";
    beside.filter(|(path, _)| !named(path)).map(|(path, _)| Problem::of(path, message)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::messages;
    use crate::tree::planted::tree;
    use crate::workspace::Crate;

    fn workspace(targets: &[&str]) -> Workspace {
        let targets = targets.iter().map(|target| (*target).to_owned()).collect();
        Workspace { crates: vec![Crate { targets, ..Crate::default() }] }
    }

    #[test]
    fn sources_that_nothing_declares_are_found() {
        let planted = tree(&[
            ("crates/a/src/lib.rs", "mod b;\npub mod c;\n// mod dead;\n#[cfg(test)]\nmod tests { mod inner {} }"),
            ("crates/a/src/b.rs", "mod deeper;"),
            ("crates/a/src/b/deeper.rs", ""),
            ("crates/a/src/c/mod.rs", "pub(crate) mod d;\n#[path = \"odd.rs\"]\nmod e;"),
            ("crates/a/src/c/d.rs", ""),
            ("crates/a/src/c/odd.rs", ""),
            ("crates/a/src/dead.rs", "mod buried;"),
            ("crates/a/src/dead/buried.rs", ""),
            ("crates/a/tests/t.rs", "mod support;"),
            ("crates/a/tests/support/mod.rs", ""),
        ]);
        let found = unreached_modules(&planted, &workspace(&["crates/a/src/lib.rs", "crates/a/tests/t.rs"]));
        let places: Vec<&str> = found.iter().map(|problem| problem.place.as_str()).collect();
        assert_eq!(places, ["crates/a/src/dead.rs", "crates/a/src/dead/buried.rs"]);
    }

    #[test]
    fn documents_that_nothing_links_to_are_found() {
        let planted = tree(&[
            ("README.md", "[docs](docs/README.md)"),
            ("docs/README.md", "[sql](sql.md#views)"),
            ("docs/sql.md", ""),
            ("docs/lost.md", "[itself](lost.md)"),
        ]);
        let found = messages(&check(&planted, &workspace(&[])));
        assert_eq!(found, ["docs/lost.md: no document links here; add it to docs/README.md"]);
    }

    #[test]
    fn files_that_nothing_names_are_found() {
        let planted = tree(&[
            ("Makefile", "\t@scripts/setup"),
            ("crates/a/src/lib.rs", "include_str!(\"../schema/used.json\")"),
            ("crates/a/schema/used.json", "{}"),
            ("crates/a/schema/unused.json", "{}"),
            ("crates/a/migrations/V1__a.sql", ""),
            ("scripts/setup", ""),
            ("scripts/forgotten", "forgotten"),
        ]);
        let places: Vec<String> = unnamed_files(&planted).into_iter().map(|problem| problem.place).collect();
        assert_eq!(places, ["crates/a/schema/unused.json", "scripts/forgotten"]);
    }
}
