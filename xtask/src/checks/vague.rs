//! Comments and documents name who does something.

use super::{Problem, links};
use crate::comments::comments;
use crate::tree::Tree;

/// Words that leave open who is meant, in small letters.
const VAGUE: &[&str] = &["somebody", "nobody", "whoever", "the world", "anybody", "everybody"];

/// Documents that are written by tools.
const GENERATED: &[&str] = &["docs/coverage.md"];

pub fn check(tree: &Tree) -> Vec<Problem> {
    let files = tree.iter().filter(|(path, _)| !GENERATED.contains(path));
    files.flat_map(|(path, text)| of_file(path, text)).collect()
}

fn of_file(path: &str, text: &str) -> Vec<Problem> {
    let parts = if path.ends_with(".md") { links::prose(text).collect() } else { comments(path, text) };
    let words: Vec<(usize, &str)> = parts.into_iter().flat_map(|(at, part)| words(at, part)).collect();
    let mut problems = Vec::new();
    for place in 0..words.len() {
        if let Some(word) = VAGUE.iter().find(|word| begins(text, &words[place..], word)) {
            let message = format!("\"{word}\": name who it is (the committer, the worker, the caller, the payer…)");
            problems.push(Problem::at(path, text, words[place].0, message));
        }
    }
    problems
}

/// The words of a text that begins at the byte `at`, without code between backticks, and where each begins.
fn words(at: usize, text: &str) -> Vec<(usize, &str)> {
    let (mut words, mut from) = (Vec::new(), at);
    for line in text.split_inclusive('\n') {
        // A backtick that no other one on the line closes begins no code.
        let last = line.matches('`').count();
        for (number, part) in line.split('`').enumerate() {
            if number % 2 == 0 || number == last {
                let spans = part.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|word| !word.is_empty());
                words.extend(spans.map(|word| (from + (word.as_ptr().addr() - part.as_ptr().addr()), word)));
            }
            from += part.len() + 1;
        }
        from -= 1;
    }
    words
}

/// Whether the words begin with these, with nothing between them but the end of a line and the mark of a comment.
fn begins(text: &str, words: &[(usize, &str)], wanted: &str) -> bool {
    let wanted: Vec<&str> = wanted.split(' ').collect();
    let same = words.iter().zip(&wanted).take_while(|((_, word), wanted)| word.eq_ignore_ascii_case(wanted)).count();
    let between = words.windows(2).take(wanted.len() - 1).all(|pair| {
        let [(at, word), (next, _)] = pair else { return false };
        text[at + word.len()..*next].chars().all(|c| c.is_whitespace() || "/!*#-".contains(c))
    });
    same == wanted.len() && between
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::messages;
    use crate::tree::planted::tree;

    /// The lines on which something is found.
    fn lines(path: &str, text: &str) -> Vec<String> {
        let found = check(&tree(&[(path, text)])).into_iter();
        found.map(|problem| problem.place.rsplit(':').next().unwrap_or_default().to_owned()).collect()
    }

    #[test]
    fn every_word_is_found_in_comments_and_documents() {
        for word in VAGUE {
            for (path, text) in [
                ("a.rs", format!("fn a() {{}}\n/// Asks {word}'s bank.\n")),
                ("a.rs", format!("/* a\n({word}) */ let x = 1;")),
                ("a.sql", format!("SELECT 1;\n-- {}\n", word.to_uppercase())),
                ("a.py", format!("def a():\n    \"\"\"Asks {word}.\"\"\"\n")),
                ("a.py", format!("x = 1\ny = 2 # {word}")),
                ("a.md", format!("# A\n- **{word}** asks `it`\n")),
            ] {
                assert_eq!(lines(path, &text), ["2"], "{path} {text}");
            }
        }
        let found = messages(&check(&tree(&[("a.md", "It is Nobody's.")])));
        assert_eq!(found, ["a.md:1: \"nobody\": name who it is (the committer, the worker, the caller, the payer…)"]);
        let (person, place) = (VAGUE[1], VAGUE[3].replace(' ', "\n// "));
        assert_eq!(lines("a.rs", &format!("// of {place}, é `a` and `b {person}")), ["1", "2"]);
    }

    #[test]
    fn code_and_other_words_are_fine() {
        let name = VAGUE[1];
        let beside =
            format!("let {name} = \"{name}\"; // busybody, {name}_else, the `{name}` user, other worlds, the. World");
        for (path, text) in [
            ("a.rs", beside.as_str()),
            ("a.sql", "SELECT 'nobody', \"somebody\";"),
            ("a.py", "nobody = 'somebody'\nf(\"\"\"anybody\n\"\"\")\n"),
            ("a.md", "The user `nobody`.\n```\nwhoever\n```\n"),
            ("LICENSE", "everybody"),
            ("docs/coverage.md", "everybody"),
        ] {
            assert_eq!(lines(path, text), [""; 0], "{text}");
        }
    }
}
