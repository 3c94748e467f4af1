//! Separates the code, string literals and comments of a Rust file.

/// A Rust file, separated into its parts.
#[derive(Debug)]
pub struct Source {
    /// The file, with spaces in place of comments and of the insides of string literals: every byte of code keeps its place.
    pub code: String,
    /// The byte at which the inside of each string literal begins, and the inside as it is written in the file.
    pub strings: Vec<(usize, String)>,
    /// The bytes at which each comment begins and ends, with its marks (`//`, `/*`).
    pub comments: Vec<(usize, usize)>,
}

impl Source {
    pub fn of(file: &str) -> Self {
        let (bytes, code) = (file.as_bytes(), file.as_bytes().to_vec());
        let mut lexer = Lexer { bytes, at: 0, code, strings: Vec::new(), comments: Vec::new() };
        lexer.run();
        let strings = lexer.strings.iter().map(|(from, to)| (*from, file[*from..*to].to_owned())).collect();
        Source { code: String::from_utf8(lexer.code).unwrap_or_default(), strings, comments: lexer.comments }
    }

    /// The byte at which the unit tests at the foot of the file begin; the file's end if there are none, or if they are in
    /// a file of their own.
    pub fn tests_at(&self) -> usize {
        let mut modules = self.code.match_indices("#[cfg(test)]\nmod ").map(|(at, _)| at);
        let is_inline =
            |at: &usize| self.code[*at..].find(['{', ';']).is_some_and(|end| self.code[at + end..].starts_with('{'));
        modules.find(is_inline).unwrap_or(self.code.len())
    }

    /// The bytes at which the code has this word, as a whole word.
    pub fn words(&self, word: &str) -> Vec<usize> {
        let part = |byte: Option<&u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_');
        let bytes = self.code.as_bytes();
        let whole = |at: &usize| {
            let before = at.checked_sub(1).and_then(|before| bytes.get(before));
            let (first, last) = (part(bytes.get(*at)), part(bytes.get(at + word.len() - 1)));
            !(first && part(before) || last && part(bytes.get(at + word.len())))
        };
        self.code.match_indices(word).map(|(at, _)| at).filter(whole).collect()
    }
}

struct Lexer<'a> {
    bytes: &'a [u8],
    at: usize,
    code: Vec<u8>,
    /// Begin and end of each.
    strings: Vec<(usize, usize)>,
    comments: Vec<(usize, usize)>,
}

impl Lexer<'_> {
    fn run(&mut self) {
        while let Some(byte) = self.peek(0) {
            match (byte, self.peek(1)) {
                (b'/', Some(b'/')) => self.line_comment(),
                (b'/', Some(b'*')) => self.block_comment(),
                (b'"', _) => self.string(),
                (b'r', Some(b'"' | b'#')) if !self.is_in_word() => self.raw_string(),
                // The letter of a byte or C string counts as code; the string begins after it.
                (b'b' | b'c', Some(b'r')) if !self.is_in_word() && matches!(self.peek(2), Some(b'"' | b'#')) => {
                    self.at += 1;
                    self.raw_string();
                }
                (b'\'', _) => self.quote(),
                _ => self.at += 1,
            }
        }
    }

    fn peek(&self, ahead: usize) -> Option<u8> {
        self.bytes.get(self.at + ahead).copied()
    }

    /// Whether the byte before is part of the same name.
    fn is_in_word(&self) -> bool {
        let before = self.at.checked_sub(1).and_then(|at| self.bytes.get(at));
        before.is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_')
    }

    fn blank(&mut self, from: usize, to: usize) {
        for byte in self.code.iter_mut().take(to).skip(from).filter(|byte| **byte != b'\n') {
            *byte = b' ';
        }
    }

    fn line_comment(&mut self) {
        let from = self.at;
        while self.peek(0).is_some_and(|byte| byte != b'\n') {
            self.at += 1;
        }
        self.close_comment(from);
    }

    fn block_comment(&mut self) {
        let (from, mut depth) = (self.at, 0);
        while let Some(byte) = self.peek(0) {
            match (byte, self.peek(1)) {
                (b'/', Some(b'*')) => (depth, self.at) = (depth + 1, self.at + 2),
                (b'*', Some(b'/')) => (depth, self.at) = (depth - 1, self.at + 2),
                _ => self.at += 1,
            }
            if depth == 0 {
                break;
            }
        }
        self.close_comment(from);
    }

    fn close_comment(&mut self, from: usize) {
        self.comments.push((from, self.at));
        self.blank(from, self.at);
    }

    fn string(&mut self) {
        let from = self.at + 1;
        self.at = from;
        while let Some(byte) = self.peek(0) {
            match byte {
                b'\\' => self.at += 2,
                b'"' => break,
                _ => self.at += 1,
            }
        }
        self.close(from, 1);
    }

    fn raw_string(&mut self) {
        let hashes = self.bytes[self.at + 1..].iter().take_while(|byte| **byte == b'#').count();
        let from = self.at + 1 + hashes + 1;
        if self.bytes.get(from - 1) != Some(&b'"') {
            // A raw name: `r#type`.
            self.at += 1;
            return;
        }
        let end = [b"\"".as_slice(), &b"#".repeat(hashes)].concat();
        self.at = from;
        while self.at < self.bytes.len() && !self.bytes[self.at..].starts_with(&end) {
            self.at += 1;
        }
        self.close(from, end.len());
    }

    fn close(&mut self, from: usize, quotes: usize) {
        let to = self.at.min(self.bytes.len());
        self.strings.push((from.min(to), to));
        self.blank(from, to);
        self.at = (to + quotes).min(self.bytes.len());
    }

    /// A character, or a lifetime.
    fn quote(&mut self) {
        let from = self.at + 1;
        let width = match self.peek(1) {
            Some(b'\\') => self.bytes[from + 1..].iter().skip(1).position(|byte| *byte == b'\'').map(|at| at + 2),
            Some(first) => Some(utf8_width(first)).filter(|width| self.bytes.get(from + width) == Some(&b'\'')),
            None => None,
        };
        let Some(width) = width else {
            self.at = from;
            return;
        };
        self.blank(from, from + width);
        self.at = from + width + 1;
    }
}

fn utf8_width(first: u8) -> usize {
    match first {
        0xF0.. => 4,
        0xE0.. => 3,
        0xC0.. => 2,
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn separates_the_parts_of_a_file() {
        let file = r###"fn a<'x>(r: &'x str) { // "not a text"
    let q = ['"', '\'', 'é', '\u{e9}']; /* one /* two */ "still none" */
    call("a \"b\" // c", r#"raw "quoted" text"#, b"bytes", br"more", r#type);
}"###;
        let source = Source::of(file);
        let strings: Vec<&str> = source.strings.iter().map(|(_, string)| string.as_str()).collect();
        assert_eq!(strings, [r#"a \"b\" // c"#, r#"raw "quoted" text"#, "bytes", "more"]);
        assert_eq!(source.code.len(), file.len());
        for gone in ["not", "one", "two", "still", "é", "quoted"] {
            assert!(!source.code.contains(gone), "{gone}: {}", source.code);
        }
        assert!(source.code.contains("r#type"));
    }

    #[test]
    fn survives_what_is_no_rust() {
        for broken in ["\"open", "r#\"open", "/* open", "'", "'\\", "r#", "br#", "\"\\"] {
            assert!(Source::of(broken).code.len() == broken.len(), "{broken}");
        }
    }

    #[test]
    fn finds_whole_words_only() {
        let source = Source::of("async_trait; async fn a() {} // async\nlet s = \"async\"; x.await");
        assert_eq!(source.words("async").len(), 1);
        assert_eq!(source.words(".await").len(), 1);
    }
}
