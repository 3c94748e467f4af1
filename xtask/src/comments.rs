//! The comments of Rust, SQL and Python files.

use crate::lexer::Source;

/// The comments of a file and the bytes at which they begin, with their marks; of Python, documentation strings too.
/// None for a file of another language.
pub fn comments<'a>(path: &str, text: &'a str) -> Vec<(usize, &'a str)> {
    let spans = match path.rsplit_once('.') {
        Some((_, "rs")) => Source::of(text).comments,
        Some((_, "sql")) => spans(text, sql),
        Some((_, "py")) => spans(text, python),
        _ => Vec::new(),
    };
    spans.into_iter().map(|(from, to)| (from, &text[from..to])).collect()
}

/// How many bytes at the beginning of a text belong together, and whether they are a comment. `before` is the text
/// before it, without comments.
type Piece = fn(rest: &str, before: &str) -> Option<(usize, bool)>;

fn spans(text: &str, piece: Piece) -> Vec<(usize, usize)> {
    let (mut spans, mut code, mut at) = (Vec::new(), String::new(), 0);
    while let Some(first) = text[at..].chars().next() {
        let (length, is_comment) = piece(&text[at..], &code).unwrap_or((first.len_utf8(), false));
        if is_comment {
            spans.push((at, at + length));
        } else {
            code.push_str(&text[at..at + length]);
        }
        at += length;
    }
    spans
}

fn sql(rest: &str, _: &str) -> Option<(usize, bool)> {
    if rest.starts_with("--") {
        return Some((line(rest), true));
    }
    if rest.starts_with("/*") {
        return Some((until(rest, 2, "*/"), true));
    }
    let quote = ["'", "\""].into_iter().find(|quote| rest.starts_with(quote))?;
    // A doubled quote is the end of one text and the beginning of another, which is as good. What stands between `$$`
    // is code with comments of its own.
    Some((until(rest, 1, quote), false))
}

fn python(rest: &str, before: &str) -> Option<(usize, bool)> {
    if rest.starts_with('#') {
        return Some((line(rest), true));
    }
    let quote = ["\"\"\"", "'''", "\"", "'"].into_iter().find(|quote| rest.starts_with(quote))?;
    let length = until_unescaped(rest, quote);
    // A documentation string is the first statement of a file, a class or a function.
    let (above, indentation) = before.rsplit_once('\n').unwrap_or(("", before));
    let is_first = above.trim_end().is_empty() || above.trim_end().ends_with(':');
    // `r` is the mark of a raw string.
    Some((length, is_first && indentation.trim_matches([' ', '\t', 'r']).is_empty()))
}

fn line(rest: &str) -> usize {
    rest.find('\n').unwrap_or(rest.len())
}

fn until(rest: &str, from: usize, end: &str) -> usize {
    rest[from..].find(end).map_or(rest.len(), |found| from + found + end.len())
}

/// How long a text is with its quotes.
fn until_unescaped(rest: &str, quote: &str) -> usize {
    let mut at = quote.len();
    while let Some(first) = rest[at..].chars().next() {
        if rest[at..].starts_with(quote) {
            return at + quote.len();
        }
        let escaped = if first == '\\' { rest[at + 1..].chars().next() } else { None };
        at += first.len_utf8() + escaped.map_or(0, char::len_utf8);
    }
    rest.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found<'a>(path: &str, text: &'a str) -> Vec<&'a str> {
        comments(path, text).into_iter().map(|(_, comment)| comment).collect()
    }

    #[test]
    fn comments_of_rust_are_found() {
        let file = "//! é\nlet a = \"// no\"; /* b /* c */ */ 'x' // d";
        assert_eq!(found("a.rs", file), ["//! é", "/* b /* c */ */", "// d"]);
        assert_eq!(comments("a.rs", file)[2].0, file.len() - 4);
    }

    #[test]
    fn comments_of_sql_are_found() {
        let file = "SELECT 'it''s -- no', \"--no\" -- a\n/* b\n*/ AS $$ BEGIN -- c\nEND $$";
        assert_eq!(found("a.sql", file), ["-- a", "/* b\n*/", "-- c"]);
    }

    #[test]
    fn comments_of_python_are_found() {
        let file = "#!/x\n\"\"\"é a\"\"\"\nclass B:\n    '''c # d'''\n    def e():\n        # f\n        \"g\\\"h\"\n\
                    i = {'# no': \"\"\"no\"\"\"}\nj(\n    \"\"\"no\"\"\",\n    '\\'#',\n)  # k";
        let wanted = ["#!/x", "\"\"\"é a\"\"\"", "'''c # d'''", "# f", "\"g\\\"h\"", "# k"];
        assert_eq!(found("a.py", file), wanted);
    }

    #[test]
    fn broken_and_other_files_have_an_end() {
        for broken in ["'open", "/* open", "\"\"\"open", "'\\"] {
            let _ = (comments("a.py", broken), comments("a.sql", broken));
        }
        assert_eq!(found("a.md", "# A heading -- // x"), [""; 0]);
    }
}
