//! The links, anchors and paths in documents exist.

use super::Problem;
use crate::tree::{Tree, directory, resolved};
use std::collections::HashMap;

/// How the paths that documents name in code begin. Only these can be checked.
const ROOTS: &[&str] = &["crates/", "docs/", "scripts/", "tests/", "ops/", "xtask/", ".ci/", ".cargo/"];

pub fn check(tree: &Tree) -> Vec<Problem> {
    let documents = tree.ending(".md");
    documents
        .flat_map(|(path, text)| broken_links(tree, path, text).into_iter().chain(missing_paths(tree, path, text)))
        .collect()
}

fn broken_links(tree: &Tree, path: &str, text: &str) -> Vec<Problem> {
    let ours = targets(text).filter(|(_, target)| !target.contains("://") && !target.starts_with("mailto:"));
    ours.filter_map(|(at, target)| {
        let (file, anchor) = target.split_once('#').map_or((target, None), |(file, anchor)| (file, Some(anchor)));
        let wanted = if file.is_empty() { Some(path.to_owned()) } else { resolved(directory(path), file) };
        let Some(wanted) = wanted.filter(|wanted| tree.has(wanted)) else {
            return Some(Problem::at(path, text, at, format!("the link leads nowhere: {target}")));
        };
        let anchor = anchor.filter(|_| wanted.ends_with(".md"))?;
        let there = anchors(tree.get(&wanted).unwrap_or_default()).any(|known| known == anchor);
        (!there).then(|| Problem::at(path, text, at, format!("{wanted} has no heading for #{anchor}")))
    })
    .collect()
}

fn missing_paths(tree: &Tree, path: &str, text: &str) -> Vec<Problem> {
    let spans = prose(text).flat_map(|(at, line)| {
        let mut from = at;
        line.split('`').enumerate().filter_map(move |(number, part)| {
            let start = from;
            from += part.len() + 1;
            (number % 2 == 1).then_some((start, part))
        })
    });
    let named = spans.filter_map(|(at, span)| Some((at, named_path(span)?)));
    let missing = named.filter(|(_, named)| !tree.has(named));
    missing.map(|(at, named)| Problem::at(path, text, at, format!("there is no {named}"))).collect()
}

/// The path that a code span names; `None` for a pattern, a command, or a path outside of the project.
fn named_path(span: &str) -> Option<&str> {
    let word = span.split_whitespace().next()?;
    let is_path = ROOTS.iter().any(|root| word.starts_with(root)) && !word.contains(['<', '*', '{', '…', '$']);
    is_path.then(|| word.split(['#', ':']).next().unwrap_or(word))
}

/// The targets of a document's links, and the bytes at which the links are.
pub fn targets(text: &str) -> impl Iterator<Item = (usize, &str)> {
    prose(text).flat_map(|(at, line)| {
        line.match_indices("](").filter_map(move |(found, _)| {
            let rest = &line[found + 2..];
            let target = rest[..rest.find(')')?].split_whitespace().next()?;
            Some((at + found, target.trim_matches(['<', '>'])))
        })
    })
}

/// The lines outside of code blocks, and the bytes at which they begin.
pub fn prose(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let (mut at, mut fenced) = (0, false);
    text.split_inclusive('\n').filter_map(move |line| {
        let start = at;
        at += line.len();
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
            return None;
        }
        (!fenced).then_some((start, line.trim_end()))
    })
}

/// The anchors of a document's headings, as links name them.
fn anchors(text: &str) -> impl Iterator<Item = String> {
    let mut seen: HashMap<String, u32> = HashMap::new();
    let headings = prose(text).filter_map(|(_, line)| {
        let title = line.trim_start_matches('#');
        (title.len() < line.len()).then(|| title.strip_prefix(' ')).flatten()
    });
    headings.map(move |title| {
        let kept = title.trim().chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c));
        let slug: String = kept.collect::<String>().to_lowercase().replace(' ', "-");
        let count = seen.entry(slug.clone()).or_default();
        *count += 1;
        if *count == 1 { slug } else { format!("{slug}-{}", *count - 1) }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::messages;
    use crate::tree::planted::tree;

    #[test]
    fn broken_links_anchors_and_paths_are_found() {
        let document = "\
# Title
[missing](gone.md) and [outside](../../x) and [no heading](other.md#nowhere)
`crates/api/src/gone.rs` moved to `docs/other.md`
[here](#title) [there](other.md#a-heading-florin-dev) [again](other.md#again-1) [web](https://example.com/a#b)
`crates/<name>/src` `docs/*.md` `crates/api/src/lib.rs:12` `cargo test`
```sh
[not a link](nor.md) `crates/none`
```
";
        let other = "## A heading: `florin dev`\n# Again\n# Again\n";
        let planted = tree(&[("docs/a.md", document), ("docs/other.md", other), ("crates/api/src/lib.rs", "")]);
        assert_eq!(
            messages(&check(&planted)),
            [
                "docs/a.md:2: the link leads nowhere: gone.md",
                "docs/a.md:2: the link leads nowhere: ../../x",
                "docs/a.md:2: docs/other.md has no heading for #nowhere",
                "docs/a.md:3: there is no crates/api/src/gone.rs",
            ]
        );
    }
}
