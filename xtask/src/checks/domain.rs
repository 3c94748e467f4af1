//! `domain` only decides: it does not wait, reads no clock, draws no random numbers, and does no IO.

use super::Problem;
use crate::lexer::Source;
use crate::tree::Tree;

/// Words that the code of `domain` must not have, and what to do instead.
const BANNED: &[(&str, &str)] = &[
    ("async", "a decision waits for nothing; let the caller load what it needs"),
    (".await", "a decision waits for nothing; let the caller load what it needs"),
    ("SystemTime", "take the time from Changes::now"),
    ("Instant", "take the time from Changes::now"),
    ("SystemClock", "take the time from Changes::now"),
    ("Clock", "take the time from Changes::now"),
    ("SystemEntropy", "take ids and secrets from Changes"),
    ("rand", "take ids and secrets from Changes"),
    ("now_v7", "take ids and secrets from Changes"),
    ("new_v4", "take ids and secrets from Changes"),
    ("std::env", "domain does no IO; let the caller pass it in"),
    ("std::fs", "domain does no IO; let the caller pass it in"),
    ("std::io", "domain does no IO; let the caller pass it in"),
    ("std::net", "domain does no IO; let the caller pass it in"),
    ("std::thread", "a decision starts nothing"),
    ("println!", "domain does no IO; return it"),
    ("eprintln!", "domain does no IO; return it"),
    ("Mutex", "a decision shares nothing"),
    ("static mut", "a decision shares nothing"),
];

pub fn check(tree: &Tree) -> Vec<Problem> {
    let sources = tree.ending(".rs").filter(|(path, _)| path.starts_with("crates/domain/src/"));
    sources.flat_map(|(path, text)| of_file(path, text)).collect()
}

fn of_file(path: &str, text: &str) -> Vec<Problem> {
    let source = Source::of(text);
    let found = BANNED.iter().flat_map(|(word, why)| source.words(word).into_iter().map(move |at| (at, word, why)));
    found.map(|(at, word, why)| Problem::at(path, text, at, format!("{word} in domain: {why}"))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::planted::tree;

    #[test]
    fn impure_code_is_found() {
        for planted in [
            "pub async fn load() {}",
            "fn a() { let now = std::time::SystemTime::now(); }",
            "use std::time::Instant;",
            "fn a() { rand::random() }",
            "use std::fs::read;",
            "fn a() { println!(\"x\") }",
        ] {
            for path in ["crates/domain/src/refund.rs", "crates/domain/src/payments/charge/mod.rs"] {
                let found = check(&tree(&[(path, planted)]));
                assert_eq!(found.len(), 1, "{planted}: {found:?}");
                assert_eq!(found[0].place, format!("{path}:1"));
            }
        }
    }

    #[test]
    fn words_about_it_and_other_crates_are_fine() {
        let about = "//! No async function.\nconst RANDOM: &str = \"rand\"; // .await\n";
        let elsewhere = "pub async fn load() {}";
        let found = check(&tree(&[("crates/domain/src/lib.rs", about), ("crates/api/src/call.rs", elsewhere)]));
        assert_eq!(found, []);
    }
}
