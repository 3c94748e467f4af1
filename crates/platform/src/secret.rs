//! Texts that mask themselves: a password, a key, or a URL that holds one can be logged, shown and serialized, and the
//! secret part of it is not there. Only `reveal` gives the text as it is.

use serde::de::{Deserializer, Error, Visitor};
use std::fmt;

/// What is shown instead of a secret.
pub const MASK: &str = "********";

/// Declares a type for a text that is shown as `$masked` says: a function from the text to what may be shown of it. An
/// empty text is shown as an empty text, so the default value survives serialization; no other default would.
macro_rules! masked_text {
    ($(#[$meta:meta])* $name:ident, $masked:expr) => {
        $(#[$meta])*
        #[derive(Clone, Default, PartialEq, Eq)]
        pub struct $name(String);

        impl $name {
            /// The text as it is: not for logs, errors or answers.
            pub fn reveal(&self) -> &str {
                &self.0
            }

            pub fn is_empty(&self) -> bool {
                self.0.is_empty()
            }

            /// What may be shown.
            fn masked(&self) -> String {
                if self.0.is_empty() { String::new() } else { $masked(&self.0) }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.masked())
            }
        }

        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(f, "{:?}", self.masked())
            }
        }

        impl From<String> for $name {
            fn from(text: String) -> Self {
                $name(text)
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                $name(text.to_owned())
            }
        }

        impl std::str::FromStr for $name {
            type Err = std::convert::Infallible;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Ok($name(text.to_owned()))
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.masked())
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                crate::secret::read_text(deserializer).map($name)
            }
        }
    };
}
pub(crate) use masked_text;

masked_text!(
    /// A password, a key, or another text of which nothing may be shown.
    Secret,
    |_: &String| MASK.to_owned()
);

/// Reads a text. The error for anything else does not repeat the value, as serde's own would: a password of digits may
/// be missing its quotes.
pub(crate) fn read_text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    deserializer.deserialize_any(TextVisitor)
}

struct TextVisitor;

impl Visitor<'_> for TextVisitor {
    type Value = String;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<String, E> {
        Ok(text.to_owned())
    }

    fn visit_bytes<E: Error>(self, _: &[u8]) -> Result<String, E> {
        Err(not_a_text())
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<String, E> {
        Err(not_a_text())
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<String, E> {
        Err(not_a_text())
    }

    fn visit_i128<E: Error>(self, _: i128) -> Result<String, E> {
        Err(not_a_text())
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<String, E> {
        Err(not_a_text())
    }

    fn visit_u128<E: Error>(self, _: u128) -> Result<String, E> {
        Err(not_a_text())
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<String, E> {
        Err(not_a_text())
    }
}

fn not_a_text<E: Error>() -> E {
    E::custom("must be a text, in quotes")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_only_revealed() {
        let secret: Secret = "hunter2".parse().unwrap();
        assert_eq!(secret.reveal(), "hunter2");
        assert_eq!((secret.to_string().as_str(), format!("{secret:?}").as_str()), (MASK, "\"********\""));
        assert_eq!(serde_json::to_string(&secret).unwrap(), "\"********\"");
        assert_eq!(serde_json::to_string(&Secret::default()).unwrap(), "\"\"");
        assert_eq!(serde_json::from_str::<Secret>("\"hunter2\"").unwrap(), secret);
    }

    #[test]
    fn an_error_does_not_repeat_it() {
        for wrong in ["4242424242", "-4242424242", "4242424242.5", "true", "[4242424242]", "{\"a\": 4242424242}"] {
            let error = serde_json::from_str::<Secret>(wrong).unwrap_err().to_string();
            assert!(!error.contains("4242424242") && !error.contains("true"), "{error}");
        }
    }
}
