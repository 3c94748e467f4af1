//! Splits the code of a Rust file into tokens: just what finding items and paths needs.

/// One token; lifetimes are left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Token<'a> {
    /// The byte of the file at which the token begins.
    pub at: usize,
    /// A name (`r#type` keeps its mark), a number, `::`, `..`, or one other character.
    pub text: &'a str,
}

impl<'a> Token<'a> {
    pub fn is_name(&self) -> bool {
        self.text.starts_with(|c: char| c.is_alphabetic() || c == '_')
    }

    /// The name without the mark of a raw name.
    pub fn name(&self) -> &'a str {
        self.text.strip_prefix("r#").unwrap_or(self.text)
    }
}

/// The keywords that a name follows.
pub const DEFINING: &[&str] = &["fn", "struct", "enum", "union", "trait", "type", "const", "static"];

/// All tokens of a file. The methods name a token by its index.
pub struct Tokens<'a> {
    pub all: Vec<Token<'a>>,
}

impl<'a> Tokens<'a> {
    /// Takes code without comments and string literals: `Source::code`.
    pub fn of(code: &'a str) -> Self {
        let mut tokens = Vec::new();
        let mut at = 0;
        while let Some(first) = code[at..].chars().next() {
            let rest = &code[at..];
            let length = match first {
                _ if is_part(first) => word(rest),
                '\'' => match word(&rest[1..]) {
                    // The quote of a character, whose inside is blank.
                    0 => 1,
                    lifetime => {
                        at += 1 + lifetime;
                        continue;
                    }
                },
                _ if rest.starts_with("::") || rest.starts_with("..") => 2,
                _ => first.len_utf8(),
            };
            if !first.is_whitespace() {
                tokens.push(Token { at, text: &rest[..length] });
            }
            at += length;
        }
        Tokens { all: tokens }
    }

    /// The text of a token; empty after the last one.
    pub fn text(&self, at: usize) -> &'a str {
        self.all.get(at).map_or("", |token| token.text)
    }

    pub fn before(&self, at: usize) -> &'a str {
        at.checked_sub(1).map_or("", |before| self.text(before))
    }

    /// The bracket that closes the one at `open`; the number of tokens if none does.
    pub fn closing(&self, open: usize) -> usize {
        let mut depth = 0;
        for (place, token) in self.all.iter().enumerate().skip(open) {
            match token.text {
                "(" | "[" | "{" => depth += 1,
                ")" | "]" | "}" => depth -= 1,
                _ => (),
            }
            if depth == 0 {
                return place;
            }
        }
        self.all.len()
    }

    /// The opening brackets of the attributes of the item that has its keyword here, the last attribute first.
    pub fn attributes(&self, keyword: usize) -> impl Iterator<Item = usize> {
        let mut end = keyword;
        // `pub`, `pub(crate)`, `pub(in crate::a)`.
        while end > 0 && !["]", ";", "}", "{"].contains(&self.text(end - 1)) {
            end -= 1;
        }
        std::iter::from_fn(move || {
            (self.before(end) == "]").then_some(())?;
            let open = (0..end).rev().find(|open| self.text(*open) == "[" && self.closing(*open) + 1 == end)?;
            end = open.checked_sub(1).filter(|mark| self.text(*mark) == "#")?;
            Some(open)
        })
    }

    /// Whether the attribute in these brackets is `cfg(test)`, or `cfg(all(test, …))`.
    pub fn is_test(&self, open: usize) -> bool {
        let inside: Vec<&str> = (open + 1..self.closing(open)).map(|at| self.text(at)).collect();
        inside.starts_with(&["cfg", "(", "test"]) || inside.starts_with(&["cfg", "(", "all", "(", "test"])
    }

    /// The first token after an item, a field or a statement, whose attributes begin at `at`.
    pub fn item_end(&self, mut at: usize) -> usize {
        while self.text(at) == "#" {
            at = self.closing(at + 1) + 1;
        }
        let mut first = at;
        while ["pub", "(", "crate", "super", "in", ")"].contains(&self.text(first)) {
            first += 1;
        }
        let keyword = self.text(first);
        let is_item =
            DEFINING.contains(&keyword) || ["impl", "mod", "async", "unsafe", "macro_rules"].contains(&keyword);
        let is_value = ["use", "static", "type", "let"].contains(&keyword)
            || keyword == "const" && !["fn", "async", "unsafe"].contains(&self.text(first + 1));
        while at < self.all.len() {
            match self.text(at) {
                ";" => return at + 1,
                "," if !is_item && !is_value => return at + 1,
                ")" | "]" | "}" => return at,
                open @ ("(" | "[" | "{") => {
                    at = self.closing(at);
                    if open == "{" && !is_value {
                        return at + 1;
                    }
                }
                _ => (),
            }
            at += 1;
        }
        at
    }
}

fn is_part(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// The length in bytes of the name or number with which the text begins.
fn word(text: &str) -> usize {
    let end = |from: usize| text[from..].find(|c| !is_part(c)).map_or(text.len(), |length| from + length);
    let raw = text.starts_with("r#") && text[2..].starts_with(is_part);
    if raw { end(2) } else { end(0) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lexer::Source;

    #[test]
    fn splits_code_into_tokens() {
        let source = Source::of("fn r#type<'a>(x: &'a str) { 0..a::B; 'x'; r#\"raw\"# } // é");
        let found: Vec<&str> = Tokens::of(&source.code).all.iter().map(|token| token.text).collect();
        let wanted = "fn r#type < > ( x : & str ) { 0 .. a :: B ; ' ' ; r # \" \" # }";
        assert_eq!(found, wanted.split(' ').collect::<Vec<_>>());
        assert_eq!(Tokens::of("r#type").all[0].name(), "type");
    }

    #[test]
    fn finds_the_closing_bracket() {
        let found = Tokens::of("a { b(c[1]) } d");
        assert_eq!((found.closing(1), found.closing(3)), (9, 8));
        assert_eq!(Tokens::of("{ (").closing(0), 2);
    }
}
