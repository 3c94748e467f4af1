//! The keys of the demo tenant.

use platform::Secret;
use types::Entropy;

const SECRET: &str = "sk_test_";
/// Client libraries check for at least this many letters and digits.
const LENGTH_MIN: usize = 24;

/// A secret key for test mode: `sk_test_` and 24 or more ASCII letters and digits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DemoKey(Secret);

/// Why a text is not a key for `florin dev`. The text is not repeated: it may be a live key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    #[error("a live key must not be used here: florin dev is for tests, give it a key that begins with sk_test_")]
    Live,
    #[error("a secret key begins with sk_test_, followed by 24 or more ASCII letters and digits and nothing else")]
    Format,
}

impl DemoKey {
    pub fn parse(text: &str) -> Result<DemoKey, KeyError> {
        if ["sk_live_", "rk_live_", "pk_live_"].iter().any(|live| text.starts_with(live)) {
            return Err(KeyError::Live);
        }
        match text.strip_prefix(SECRET) {
            Some(rest) if rest.len() >= LENGTH_MIN && rest.bytes().all(|byte| byte.is_ascii_alphanumeric()) => {
                Ok(DemoKey(text.into()))
            }
            _ => Err(KeyError::Format),
        }
    }

    pub fn generate(entropy: &mut dyn Entropy) -> DemoKey {
        DemoKey(format!("{SECRET}{}", entropy.alphanumeric(32)).into())
    }

    pub fn secret(&self) -> &Secret {
        &self.0
    }

    pub fn reveal(&self) -> &str {
        self.0.reveal()
    }

    /// `pk_test_X` for `sk_test_X`.
    pub fn publishable(&self) -> String {
        identity::publishable_of(self.reveal()).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_test_keys_only() {
        let letters = "A1b2C3d4E5f6G7h8I9j0K1l2";
        let key = DemoKey::parse(&format!("sk_test_{letters}")).unwrap();
        assert_eq!(key.publishable(), format!("pk_test_{letters}"));
        assert!(!format!("{key:?}").contains(letters));
        for (text, error) in [
            (format!("sk_live_{letters}"), KeyError::Live),
            (format!("rk_live_{letters}"), KeyError::Live),
            (format!("pk_test_{letters}"), KeyError::Format),
            (format!("sk_test_{}", &letters[1..]), KeyError::Format),
            (format!("sk_test_{letters}_x"), KeyError::Format),
            (format!("sk_test_{letters}ä"), KeyError::Format),
            (String::new(), KeyError::Format),
        ] {
            assert_eq!(DemoKey::parse(&text), Err(error), "{text}");
        }
    }

    #[test]
    fn takes_the_keys_that_it_generates() {
        let key = DemoKey::generate(&mut types::SeededEntropy::new(1));
        assert_eq!(DemoKey::parse(key.reveal()), Ok(key));
    }
}
