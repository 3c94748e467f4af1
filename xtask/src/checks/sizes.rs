//! Files stay small: a file of more than 300 lines may shrink, but not grow.

use super::Problem;
use crate::tree::Tree;
use anyhow::{Context, bail};
use std::collections::BTreeMap;

/// The ratchet: the most lines that each larger file may have, one `LINES PATH` a line.
pub const RATCHET: &str = "xtask/ratchet.txt";

/// A file with more lines needs an entry in the ratchet.
const LINES_FREE: usize = 300;
/// No file may have more lines.
const LINES_MAX: usize = 800;

const HEADER: &str = "\
# Source files of more than 300 lines, with the most lines that each may have. `cargo xtask tidy --update` lowers what has
# become smaller; `--raise` as well is needed for anything else.
";

pub fn check(tree: &Tree) -> Vec<Problem> {
    let allowed = match allowed(tree) {
        Ok(allowed) => allowed,
        Err(error) => return vec![Problem::of(RATCHET, error.to_string())],
    };
    sizes(tree)
        .filter_map(|(path, lines)| {
            let message = match allowed.get(path) {
                _ if lines > LINES_MAX => format!("{lines} lines; split it, {LINES_MAX} are the most"),
                Some(most) if lines > *most => {
                    format!("grown from {most} to {lines} lines; split it, or see `cargo xtask tidy --help`")
                }
                None if lines > LINES_FREE => {
                    format!("{lines} lines; split it, or see `cargo xtask tidy --help`: more than {LINES_FREE} need an entry")
                }
                _ => return None,
            };
            Some(Problem::of(path, message))
        })
        .collect()
}

/// The entries of the ratchet that could be lowered.
pub fn notes(tree: &Tree) -> Vec<String> {
    let sizes: BTreeMap<&str, usize> = sizes(tree).collect();
    let entries = allowed(tree).unwrap_or_default();
    let lower = entries.iter().filter(|(path, most)| sizes.get(path.as_str()).copied().unwrap_or_default() < **most);
    lower.map(|(path, _)| format!("{path} is smaller now; `cargo xtask tidy --update` keeps it so")).collect()
}

/// The ratchet's new text; without `raise`, no entry becomes larger, and none is added.
pub fn updated(tree: &Tree, raise: bool) -> anyhow::Result<String> {
    let allowed = allowed(tree)?;
    let mut text = HEADER.to_owned();
    for (path, lines) in sizes(tree).filter(|(_, lines)| *lines > LINES_FREE) {
        let entry = match allowed.get(path) {
            _ if raise => lines,
            Some(most) => lines.min(*most),
            None => continue,
        };
        text.push_str(&format!("{entry} {path}\n"));
    }
    Ok(text)
}

fn allowed(tree: &Tree) -> anyhow::Result<BTreeMap<String, usize>> {
    let entries = tree.get(RATCHET).unwrap_or_default().lines().filter(|line| !line.starts_with('#'));
    let mut allowed = BTreeMap::new();
    for line in entries {
        let (lines, path) = line.split_once(' ').with_context(|| format!("not an entry: {line:?}"))?;
        let lines = lines.parse().with_context(|| format!("not a number of lines: {lines:?}"))?;
        if allowed.insert(path.to_owned(), lines).is_some() {
            bail!("{path} is listed twice");
        }
    }
    Ok(allowed)
}

fn sizes(tree: &Tree) -> impl Iterator<Item = (&str, usize)> {
    tree.iter().filter(|(path, text)| is_source(path, text)).map(|(path, text)| (path, text.lines().count()))
}

fn is_source(path: &str, text: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or_default();
    match name.rsplit_once('.') {
        Some((_, ending)) => ["rs", "sql", "py", "js", "mjs", "ts", "sh", "html"].contains(&ending),
        None => text.starts_with("#!"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::messages;
    use crate::tree::planted::tree;

    fn checked(lines: usize, ratchet: &str) -> Vec<String> {
        messages(&check(&tree(&[("a.rs", &"x\n".repeat(lines)), (RATCHET, ratchet)])))
    }

    #[test]
    fn large_and_growing_files_are_found() {
        assert_eq!(checked(300, ""), [""; 0]);
        assert!(checked(301, "")[0].contains("301 lines"));
        assert_eq!(checked(400, "# x\n400 a.rs\n"), [""; 0]);
        assert!(checked(401, "400 a.rs\n")[0].contains("grown from 400 to 401"));
        assert!(checked(801, "900 a.rs\n")[0].contains("the most"));
        assert!(checked(1, "many a.rs\n")[0].contains("not a number"));
        assert!(checked(1, "1 a.rs\n2 a.rs\n")[0].contains("twice"));
    }

    #[test]
    fn updating_lowers_and_never_raises_unasked() {
        let lines = |count| "x\n".repeat(count);
        let files =
            [("grown.rs", lines(500)), ("new.rs", lines(310)), ("shrunk.rs", lines(350)), ("small.rs", lines(2))];
        let mut planted = tree(&files.each_ref().map(|(path, text)| (*path, text.as_str())));
        planted.insert(RATCHET, "400 grown.rs\n400 shrunk.rs\n400 small.rs\n400 gone.rs\n".to_owned());
        assert_eq!(notes(&planted).len(), 3);
        assert_eq!(updated(&planted, false).unwrap(), format!("{HEADER}400 grown.rs\n350 shrunk.rs\n"));
        assert_eq!(updated(&planted, true).unwrap(), format!("{HEADER}500 grown.rs\n310 new.rs\n350 shrunk.rs\n"));
    }

    #[test]
    fn programs_without_an_ending_count_and_data_does_not() {
        assert!(is_source("scripts/setup", "#!/bin/sh\n") && is_source("crates/x/y.sql", ""));
        assert!(!is_source("LICENSE", "") && !is_source("docs/openapi.json", "{}"));
    }
}
