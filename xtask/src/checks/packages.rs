//! The project names no registry of packages: each machine's configuration does.

use super::Problem;
use crate::tree::Tree;

/// A file's name, what must not be in it, and what to do.
const BANNED: &[(&str, &str, &str)] = &[
    ("package-lock.json", "\"resolved\": \"http", "install with --omit-lockfile-registry-resolved"),
    ("requirements.txt", "index-url", "leave the index to the machine's configuration of pip"),
    (".cargo/config.toml", "[source", "leave sources to the machine's configuration of cargo"),
    (".cargo/config.toml", "[registries", "leave registries to the machine's configuration of cargo"),
    ("Makefile", "index-url", "leave the index to the machine's configuration of pip"),
    ("Makefile", "--registry", "leave the registry to the machine's configuration"),
];

/// Configuration files of package managers, which belong to a machine and not to a project.
const FOREIGN: &[&str] = &[".npmrc", "pip.conf", ".pypirc", ".yarnrc", "uv.toml"];

pub fn check(tree: &Tree) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (path, text) in tree.iter() {
        for (name, banned, instead) in BANNED {
            if let (true, Some(at)) = (path.ends_with(name), text.find(banned)) {
                problems.push(Problem::at(path, text, at, format!("names a registry; {instead}")));
            }
        }
        let name = path.rsplit('/').next().unwrap_or_default();
        if FOREIGN.contains(&name) {
            problems.push(Problem::of(path, "belongs to a machine, not to the project; remove it"));
        }
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::planted::tree;

    #[test]
    fn registries_are_found() {
        for (name, banned, _) in BANNED {
            let planted = format!("a\n{banned}s://packages.example/\n");
            let found = check(&tree(&[(&format!("tests/{name}"), &planted)]));
            assert_eq!(found.iter().map(|problem| &problem.place).collect::<Vec<_>>(), [&format!("tests/{name}:2")]);
        }
        assert_eq!(check(&tree(&[("tests/.npmrc", "")])).len(), 1);
        assert_eq!(check(&tree(&[("tests/package-lock.json", "{ \"version\": \"1\" }")])), []);
    }
}
