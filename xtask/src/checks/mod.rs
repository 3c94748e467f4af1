//! One file for each rule. A check reads the tree and returns the problems in it; its tests plant what it must find.

mod circles;
mod domain;
mod files;
mod layers;
mod links;
mod packages;
pub mod sizes;
mod sql;
mod vague;
mod words;

use crate::tree::{Tree, line_of};
use crate::workspace::Workspace;

/// A place that breaks a rule.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// `path` or `path:line`.
    pub place: String,
    /// What is wrong, and what to do.
    pub message: String,
}

impl Problem {
    fn of(path: &str, message: impl Into<String>) -> Self {
        Problem { place: path.to_owned(), message: message.into() }
    }

    /// `text` is the content of the file, and `at` a byte of it.
    fn at(path: &str, text: &str, at: usize, message: impl Into<String>) -> Self {
        Problem { place: format!("{path}:{}", line_of(text, at)), message: message.into() }
    }
}

/// The problems that all checks find.
pub fn all(tree: &Tree, workspace: &Workspace) -> Vec<Problem> {
    let mut problems = [
        layers::check(tree, workspace),
        circles::check(tree, workspace),
        domain::check(tree),
        sql::check(tree),
        sizes::check(tree),
        files::check(tree, workspace),
        links::check(tree),
        words::check(tree),
        vague::check(tree),
        packages::check(tree),
    ]
    .concat();
    problems.sort();
    problems
}

/// Whether only tests use a file.
fn is_test(path: &str) -> bool {
    const CONTRACT_SUITE: &str = "crates/testkit/src/contract/";
    path.starts_with("tests/")
        || path.ends_with("/tests.rs")
        || path.contains("/tests/")
        || path.contains("/benches/")
        || path.starts_with(CONTRACT_SUITE)
}

#[cfg(test)]
fn messages(problems: &[Problem]) -> Vec<String> {
    problems.iter().map(|Problem { place, message }| format!("{place}: {message}")).collect()
}
