//! SQL is written in modules named `store`, nowhere else.

use super::{Problem, is_test};
use crate::lexer::Source;
use crate::tree::Tree;

/// How a statement in capital letters begins, and a word that must follow somewhere in it.
const STATEMENTS: &[(&str, &str)] = &[
    ("SELECT ", ""),
    ("INSERT INTO ", ""),
    ("UPDATE ", " SET "),
    ("DELETE FROM ", ""),
    ("TRUNCATE ", ""),
    ("COPY ", " FROM "),
    ("COPY ", " TO "),
    ("WITH ", " AS "),
    ("CREATE ", ""),
    ("ALTER ", ""),
    ("DROP ", ""),
    ("GRANT ", " TO "),
    ("REVOKE ", " FROM "),
    ("LOCK TABLE", ""),
    ("BEGIN ISOLATION", ""),
    ("SET ROLE", ""),
    ("SET SEARCH_PATH", ""),
    ("LISTEN ", ""),
    ("NOTIFY ", ""),
];

/// Statements that are found in small letters too: with both parts, they cannot be English.
const UNMISTAKABLE: &[(&str, &str)] =
    &[("SELECT ", " FROM "), ("INSERT INTO ", " VALUES"), ("DELETE FROM ", " WHERE "), ("CREATE TABLE ", "(")];

pub fn check(tree: &Tree) -> Vec<Problem> {
    let sources = tree.ending(".rs").filter(|(path, _)| !is_test(path) && !path.starts_with("xtask/"));
    sources.filter(|(path, _)| !is_store(path)).flat_map(|(path, text)| of_file(path, text)).collect()
}

fn is_store(path: &str) -> bool {
    path.ends_with("/store.rs") || path.contains("/store/")
}

fn of_file(path: &str, text: &str) -> Vec<Problem> {
    let source = Source::of(text);
    let tests = source.tests_at();
    let statements = source.strings.iter().filter(|(at, inside)| *at < tests && is_sql(inside));
    let message = "SQL outside a store; move it to a module named `store`";
    statements.map(|(at, _)| Problem::at(path, text, *at, message)).collect()
}

fn is_sql(text: &str) -> bool {
    // A backslash at the end of a line continues it.
    let plain = text.replace("\\n", " ").replace('\\', " ");
    let words = plain.split_whitespace().collect::<Vec<_>>().join(" ");
    let begins = |(start, needs): &(&str, &str), text: &str| text.starts_with(start) && text.contains(needs);
    words.split(';').map(str::trim_start).any(|statement| {
        STATEMENTS.iter().any(|form| begins(form, statement))
            || UNMISTAKABLE.iter().any(|form| begins(form, &statement.to_uppercase()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::planted::tree;

    #[test]
    fn statements_are_found_anywhere_but_in_a_store() {
        for planted in [
            r#"const A: &str = "SELECT 1";"#,
            r#"fn a() { query("\n    INSERT INTO t VALUES ($1)") }"#,
            r#"fn a() { query("select id from t") }"#,
            r##"fn a() { query(r#"UPDATE t SET "a" = 1"#) }"##,
            r#"fn a() { query(&format!("RESET ROLE; GRANT {role} TO x")) }"#,
        ] {
            let stores =
                ["crates/ledger/src/store/a.rs", "crates/ledger/src/b/store.rs", "crates/ledger/src/b/store/c/d.rs"];
            let files = stores.map(|path| (path, planted));
            let found = check(&tree(&[&files[..], &[("crates/api/src/b/a.rs", planted)]].concat()));
            assert_eq!(found.len(), 1, "{planted}: {found:?}");
            assert!(found[0].place.starts_with("crates/api/src/b/a.rs:"));
        }
    }

    #[test]
    fn english_tests_and_comments_are_fine() {
        let file = r#"
            // SELECT 1
            const A: &str = "Select a card to pay with; UPDATE is not possible";
            const B: &str = "create a tenant";
            #[cfg(test)]
mod tests { const A: &str = "SELECT 1"; }"#;
        let (statement, no_test) = ("\"SELECT 1\"", "#[cfg(test)]\nmod tests;\nconst A: &str = \"SELECT 1\";");
        for tests in ["crates/ledger/tests/a.rs", "crates/ledger/tests/b/c.rs", "crates/ledger/src/d/tests.rs"] {
            assert_eq!(check(&tree(&[("crates/api/src/a.rs", file), (tests, statement)])), []);
        }
        assert_eq!(check(&tree(&[("crates/api/src/b/c.rs", no_test)])).len(), 1);
    }
}
