//! The project's files with their contents: read once, or planted by a test.

use anyhow::{Context, ensure};
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

/// Contents by path, relative to the root, with `/` between the parts. A file that is not UTF-8 has an empty content.
#[derive(Debug, Default)]
pub struct Tree {
    files: BTreeMap<String, String>,
}

impl Tree {
    /// Reads the files that git knows and new files that it does not ignore.
    pub fn read(root: &Path) -> anyhow::Result<Self> {
        let listed = Command::new("git")
            .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
            .current_dir(root)
            .output()
            .context("git cannot be run")?;
        ensure!(listed.status.success(), "git ls-files: {}", String::from_utf8_lossy(&listed.stderr));
        let mut tree = Tree::default();
        for path in String::from_utf8(listed.stdout)?.split_terminator('\0') {
            // Git also lists a file that was removed when the removal is not committed yet.
            if let Ok(bytes) = std::fs::read(root.join(path)) {
                tree.insert(path, String::from_utf8(bytes).unwrap_or_default());
            }
        }
        Ok(tree)
    }

    pub fn insert(&mut self, path: &str, text: String) {
        self.files.insert(path.to_owned(), text);
    }

    pub fn len(&self) -> usize {
        self.files.len()
    }

    pub fn get(&self, path: &str) -> Option<&str> {
        self.files.get(path).map(String::as_str)
    }

    /// Every file, by path.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.files.iter().map(|(path, text)| (path.as_str(), text.as_str()))
    }

    /// The files with paths that end with `end`.
    pub fn ending(&self, end: &'static str) -> impl Iterator<Item = (&str, &str)> {
        self.iter().filter(move |(path, _)| path.ends_with(end))
    }

    /// Whether there is such a file or directory; the root is the empty path.
    pub fn has(&self, path: &str) -> bool {
        let path = path.trim_end_matches('/');
        let inside = format!("{path}/");
        let following = self.files.range(path.to_owned()..).next();
        path.is_empty()
            || following.is_some_and(|(found, _)| found == path)
            || self.files.range(inside.clone()..).next().is_some_and(|(found, _)| found.starts_with(&inside))
    }
}

/// The directory of a file; empty for one at the root.
pub fn directory(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(directory, _)| directory)
}

/// Turns a path relative to a directory into one relative to the root; `None` when it leads out of the tree.
pub fn resolved(directory: &str, relative: &str) -> Option<String> {
    let mut parts: Vec<&str> = directory.split('/').filter(|part| !part.is_empty()).collect();
    for part in relative.split('/') {
        match part {
            "" | "." => (),
            ".." => drop(parts.pop()?),
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

/// The line, counted from 1, of the byte `at`.
pub fn line_of(text: &str, at: usize) -> usize {
    text.bytes().take(at).filter(|byte| *byte == b'\n').count() + 1
}

#[cfg(test)]
pub mod planted {
    use super::Tree;

    /// A tree of these files.
    pub fn tree(files: &[(&str, &str)]) -> Tree {
        let mut tree = Tree::default();
        for (path, text) in files {
            tree.insert(path, (*text).to_owned());
        }
        tree
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_files_and_directories() {
        let tree = planted::tree(&[("a/b.md", ""), ("a/b/c.md", ""), ("d.md", "")]);
        for there in ["", "a", "a/", "a/b", "a/b.md", "a/b/c.md", "d.md"] {
            assert!(tree.has(there), "{there}");
        }
        for missing in ["b", "a/c", "a/b/c", "d", "e"] {
            assert!(!tree.has(missing), "{missing}");
        }
    }

    #[test]
    fn resolves_paths() {
        assert_eq!(resolved("docs", "../README.md").as_deref(), Some("README.md"));
        assert_eq!(resolved("", "./a//b").as_deref(), Some("a/b"));
        assert_eq!(resolved("docs", "../../x"), None);
    }
}
