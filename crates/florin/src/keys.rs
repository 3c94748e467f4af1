//! The keys of the demo tenant of `florin dev`.

use std::fmt;
use types::Entropy;

const SECRET: &str = "sk_test_";
/// Client libraries check for at least this many letters and digits.
const LENGTH_MIN: usize = 24;

/// A test mode secret key: `sk_test_` and 24 or more ASCII letters and digits.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretKey(String);

/// Why a text is not a key for `florin dev`. The text is not repeated: it may be a live key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    #[error("a live key must not be used here: florin dev is for tests, give it a key that begins with sk_test_")]
    Live,
    #[error("a secret key begins with sk_test_, followed by 24 or more ASCII letters and digits and nothing else")]
    Format,
}

impl SecretKey {
    pub fn parse(text: &str) -> Result<SecretKey, KeyError> {
        if ["sk_live_", "rk_live_", "pk_live_"].iter().any(|live| text.starts_with(live)) {
            return Err(KeyError::Live);
        }
        match text.strip_prefix(SECRET) {
            Some(rest) if rest.len() >= LENGTH_MIN && rest.bytes().all(|byte| byte.is_ascii_alphanumeric()) => {
                Ok(SecretKey(text.to_owned()))
            }
            _ => Err(KeyError::Format),
        }
    }

    pub fn generate(entropy: &mut dyn Entropy) -> SecretKey {
        SecretKey(format!("{SECRET}{}", entropy.alphanumeric(32)))
    }

    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// `pk_test_X` for `sk_test_X`.
    pub fn publishable(&self) -> String {
        format!("pk_test_{}", self.0.strip_prefix(SECRET).unwrap_or_default())
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{SECRET}********")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_test_keys_only() {
        let letters = "A1b2C3d4E5f6G7h8I9j0K1l2";
        let key = SecretKey::parse(&format!("sk_test_{letters}")).unwrap();
        assert_eq!(key.publishable(), format!("pk_test_{letters}"));
        assert_eq!(format!("{key:?}"), "sk_test_********");
        for (text, error) in [
            (format!("sk_live_{letters}"), KeyError::Live),
            (format!("rk_live_{letters}"), KeyError::Live),
            (format!("pk_test_{letters}"), KeyError::Format),
            (format!("sk_test_{}", &letters[1..]), KeyError::Format),
            (format!("sk_test_{letters}_x"), KeyError::Format),
            (format!("sk_test_{letters}ä"), KeyError::Format),
            (String::new(), KeyError::Format),
        ] {
            assert_eq!(SecretKey::parse(&text), Err(error), "{text}");
        }
    }

    #[test]
    fn generates_keys_it_takes() {
        let key = SecretKey::generate(&mut types::SeededEntropy::new(1));
        assert_eq!(SecretKey::parse(key.reveal()), Ok(key));
    }
}
