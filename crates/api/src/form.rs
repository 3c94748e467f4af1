//! Decodes parameters: `a[b][c]=`, `list[0][k]=`, `list[]=`.

use crate::error::ApiError;
use std::borrow::Cow;

/// Nested deeper than this, a parameter is refused.
const DEPTH_MAX: usize = 8;
/// More values in one request than this are refused.
const VALUES_MAX: usize = 2_000;

/// Takes the parameters of a request, wherever they stand in it: all have the same limits, and share them.
pub struct Form {
    params: Node,
    values: usize,
}

impl Default for Form {
    fn default() -> Self {
        Form { params: Node::empty(), values: 0 }
    }
}

impl Form {
    /// Adds form-encoded pairs.
    pub fn decode(&mut self, encoded: &[u8]) -> Result<(), ApiError> {
        for pair in encoded.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty()) {
            let (name, value) = match pair.iter().position(|byte| *byte == b'=') {
                Some(at) => (&pair[..at], &pair[at + 1..]),
                None => (pair, &[][..]),
            };
            self.add(&unescape(name)?, unescape(value)?)?;
        }
        Ok(())
    }

    /// Adds one value under a name such as `a[b][]`.
    pub fn add(&mut self, name: &[u8], value: impl Into<Vec<u8>>) -> Result<(), ApiError> {
        self.values += 1;
        if self.values > VALUES_MAX {
            return Err(ApiError::invalid(format!("More than {VALUES_MAX} parameters in one request.")));
        }
        self.params.insert(&text(name)?, text(value)?)
    }

    pub fn into_params(self) -> Node {
        self.params
    }
}

/// A parameter as it was sent: a text, or named parts (lists have numbers for names).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Node {
    Text(String),
    Map(Vec<(String, Node)>),
}

impl Node {
    /// No parameters at all.
    pub fn empty() -> Self {
        Node::Map(Vec::new())
    }

    /// Adds one value under a name such as `a[b][]`.
    fn insert(&mut self, name: &str, value: String) -> Result<(), ApiError> {
        let malformed = || ApiError::invalid("Malformed parameter name.").param(name);
        let (head, rest) = match name.find('[') {
            Some(at) => name.split_at(at),
            None => (name, ""),
        };
        if head.is_empty() {
            return Err(malformed());
        }
        let mut path = vec![head];
        if !rest.is_empty() {
            let inner = rest.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).ok_or_else(malformed)?;
            path.extend(inner.split("]["));
        }
        if path.len() > DEPTH_MAX {
            return Err(malformed());
        }
        let mut node = self;
        for part in path {
            node = node.child(part).ok_or_else(malformed)?;
        }
        match node {
            Node::Map(parts) if parts.is_empty() => {
                *node = Node::Text(value);
                Ok(())
            }
            // Sent twice: the last one counts, as everywhere on the web.
            Node::Text(text) => {
                *text = value;
                Ok(())
            }
            Node::Map(_) => Err(malformed()),
        }
    }

    /// The part of that name, made if it is not there; the empty name makes one more item of a list.
    fn child(&mut self, name: &str) -> Option<&mut Node> {
        let Node::Map(parts) = self else { return None };
        let name = if name.is_empty() { Cow::Owned(parts.len().to_string()) } else { Cow::Borrowed(name) };
        let at = match parts.iter().position(|(known, _)| *known == name) {
            Some(at) => at,
            None => {
                parts.push((name.into_owned(), Node::empty()));
                parts.len() - 1
            }
        };
        parts.get_mut(at).map(|(_, node)| node)
    }

    /// Takes the top-level parameter of that name out.
    pub fn take(&mut self, name: &str) -> Option<Node> {
        let Node::Map(parts) = self else { return None };
        let at = parts.iter().position(|(known, _)| known == name)?;
        Some(parts.remove(at).1)
    }

    /// The same parameters in whatever order give the same text: what a fingerprint is made of.
    pub fn canonical(&self, out: &mut Vec<u8>) {
        match self {
            Node::Text(text) => sized(out, text),
            Node::Map(parts) => {
                let mut sorted: Vec<_> = parts.iter().collect();
                sorted.sort_by(|(left, _), (right, _)| left.cmp(right));
                out.push(b'{');
                for (name, node) in sorted {
                    sized(out, name);
                    node.canonical(out);
                }
                out.push(b'}');
            }
        }
    }
}

/// A text behind its length, so that no two lists of texts look the same.
fn sized(out: &mut Vec<u8>, text: &str) {
    out.extend_from_slice(text.len().to_string().as_bytes());
    out.push(b':');
    out.extend_from_slice(text.as_bytes());
}

/// A text that PostgreSQL can store.
fn text(bytes: impl Into<Vec<u8>>) -> Result<String, ApiError> {
    let text =
        String::from_utf8(bytes.into()).map_err(|_| ApiError::invalid("Parameters must be encoded in UTF-8."))?;
    if text.contains('\0') {
        return Err(ApiError::invalid("Parameters may not contain the character NUL."));
    }
    Ok(text)
}

fn unescape(bytes: &[u8]) -> Result<Cow<'_, [u8]>, ApiError> {
    if !bytes.iter().any(|byte| matches!(byte, b'+' | b'%')) {
        return Ok(Cow::Borrowed(bytes));
    }
    let mut plain = Vec::with_capacity(bytes.len());
    let mut rest = bytes.iter().copied();
    while let Some(byte) = rest.next() {
        plain.push(match byte {
            b'+' => b' ',
            b'%' => {
                let digit = |byte: Option<u8>| byte.and_then(|byte| char::from(byte).to_digit(16));
                match (digit(rest.next()), digit(rest.next())) {
                    (Some(high), Some(low)) => u8::try_from(high * 16 + low).unwrap_or(b'?'),
                    _ => return Err(ApiError::invalid("The request's form encoding is broken: a stray '%'.")),
                }
            }
            other => other,
        });
    }
    Ok(Cow::Owned(plain))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(text: &str) -> Result<Node, ApiError> {
        let mut form = Form::default();
        form.decode(text.as_bytes()).map(|()| form.into_params())
    }

    fn map(parts: &[(&str, Node)]) -> Node {
        Node::Map(parts.iter().map(|(name, node)| ((*name).to_owned(), node.clone())).collect())
    }

    fn text(text: &str) -> Node {
        Node::Text(text.to_owned())
    }

    #[test]
    fn nests_and_lists() {
        assert_eq!(
            decoded("a[b][c]=1+2&list[]=x&list[]=y&k%5B0%5D[n]=%C3%BC&empty=").unwrap(),
            map(&[
                ("a", map(&[("b", map(&[("c", text("1 2"))]))])),
                ("list", map(&[("0", text("x")), ("1", text("y"))])),
                ("k", map(&[("0", map(&[("n", text("ü"))]))])),
                ("empty", text("")),
            ])
        );
    }

    #[test]
    fn refuses_what_makes_no_sense() {
        for wrong in
            ["a=1&a[b]=2", "a[b]=1&a=2", "a[b=1", "[a]=1", "a=%zz", "a=%ff", "a=%00", "a[b][c][d][e][f][g][h][i]=1"]
        {
            assert!(decoded(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn order_does_not_matter_to_a_fingerprint() {
        let canonical = |text: &str| {
            let mut out = Vec::new();
            decoded(text).unwrap().canonical(&mut out);
            out
        };
        assert_eq!(canonical("a=1&b[c]=2&b[d]=3"), canonical("b[d]=3&b[c]=2&a=1"));
        assert_ne!(canonical("a=1"), canonical("a=2"));
        assert_ne!(canonical("a[b]=1"), canonical("a=b1"));
    }
}
