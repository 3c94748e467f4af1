//! No notes of unfinished work, and no paths that lead out of the project.

use super::Problem;
use crate::tree::{Tree, directory, resolved};

/// In two parts each, so that the check does not find this file.
const UNFINISHED: &[(&str, &str)] =
    &[("TO", "DO"), ("FIX", "ME"), ("todo", "!("), ("unimplemented", "!("), ("dbg", "!(")];

/// Files that tools or others have written.
const GENERATED: &[&str] = &["Cargo.lock", "package-lock.json", "LICENSE"];

pub fn check(tree: &Tree) -> Vec<Problem> {
    let written = tree.iter().filter(|(path, _)| !GENERATED.iter().any(|name| path.ends_with(name)));
    let found = written.flat_map(|(path, text)| {
        // The tests of the checks plant wrong paths.
        let upwards = if path.starts_with("xtask/") { Vec::new() } else { outside(tree, path, text) };
        unfinished(path, text).into_iter().chain(upwards)
    });
    found.collect()
}

fn unfinished(path: &str, text: &str) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (first, second) in UNFINISHED {
        let word = format!("{first}{second}");
        for (at, _) in text.match_indices(&word) {
            let near = [text[..at].chars().next_back(), text[at + word.len()..].chars().next()];
            if !near.iter().flatten().any(|c| c.is_alphanumeric() || *c == '_') || word.ends_with('(') {
                let message = format!("{word}: finish it, or open an issue and leave no trace here");
                problems.push(Problem::at(path, text, at, message));
            }
        }
    }
    problems
}

/// Relative paths that begin with `..` must exist in the project, from the file, its crate, or the root.
fn outside(tree: &Tree, path: &str, text: &str) -> Vec<Problem> {
    let part = |c: char| c.is_alphanumeric() || "_-./".contains(c);
    let crate_directory = path.split('/').take(2).collect::<Vec<_>>().join("/");
    let starts = text.match_indices("../").filter(|(at, _)| !text[..*at].ends_with(part));
    let mut problems = Vec::new();
    for (at, _) in starts {
        let end = text[at..].find(|c| !part(c)).map_or(text.len(), |length| at + length);
        let named = text[at..end].trim_end_matches(['.', '/']);
        let from = [directory(path), &crate_directory, ""];
        let found = from.iter().any(|from| resolved(from, named).is_some_and(|target| tree.has(&target)));
        // Tools make these directories, and git ignores them: they are not in the tree.
        let made = ["target", ".venv", "node_modules"].iter().any(|made| named.contains(made));
        if named.chars().any(char::is_alphanumeric) && !found && !made {
            problems.push(Problem::at(path, text, at, format!("{named} is not in the project")));
        }
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::planted::tree;

    #[test]
    fn unfinished_work_is_found() {
        for (first, second) in UNFINISHED {
            let planted = format!("fn a() {{}}\n// {first}{second} later\n");
            let found = check(&tree(&[("crates/a/src/lib.rs", &planted)]));
            assert_eq!(found.len(), 1, "{planted}");
            assert_eq!(found[0].place, "crates/a/src/lib.rs:2");
        }
        assert_eq!(check(&tree(&[("a.rs", "let todos = 1; // methodology, FIXTURE")])), []);
    }

    #[test]
    fn paths_out_of_the_project_are_found() {
        let up = "..";
        let planted = format!("see `{up}/elsewhere/notes.md`, {up}/{up}/x and {up}/a.md");
        let found = check(&tree(&[("docs/b.md", &planted), ("a.md", "")]));
        assert_eq!(found.len(), 2, "{found:?}");
        let code = format!("include_str!(\"{up}/schema/a.json\"); cd \"$0/{up}/{up}\"; range(0{up}/2)");
        assert_eq!(check(&tree(&[("crates/a/src/lib.rs", &code), ("crates/a/schema/a.json", "")])), []);
    }
}
