//! The form of API keys, and making new ones.

use contracts::KeyKind;
use platform::Secret;
use sha2::{Digest, Sha256};
use types::Entropy;

/// Random letters and digits of a new key.
const RANDOM_LETTERS: usize = 32;
const LENGTH_MAX: usize = 255;
/// The last four characters are kept, to tell keys apart, only if there are at least so many after the prefix.
const LENGTH_SHOWN: usize = 16;

/// The text does not have the form of a key. It is not repeated: it may be a mistyped key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an API key: it must begin with sk_test_, pk_test_, sk_live_ or pk_live_, then letters and digits")]
pub struct InvalidKey;

/// A secret key, and a publishable key of the same tenant.
#[derive(Debug)]
pub struct KeyPair {
    pub secret: Secret,
    pub publishable: String,
}

/// Makes two new keys.
pub fn new_key_pair(livemode: bool, entropy: &mut dyn Entropy) -> KeyPair {
    let secret = new_key(KeyKind::Secret, livemode, entropy);
    KeyPair { secret, publishable: new_key(KeyKind::Publishable, livemode, entropy).reveal().to_owned() }
}

/// Makes a new key.
pub fn new_key(kind: KeyKind, livemode: bool, entropy: &mut dyn Entropy) -> Secret {
    let prefix = match kind {
        KeyKind::Secret => "sk",
        KeyKind::Publishable => "pk",
    };
    let mode = if livemode { "live" } else { "test" };
    format!("{prefix}_{mode}_{}", entropy.alphanumeric(RANDOM_LETTERS)).into()
}

/// The publishable key with the same letters as a secret key: `pk_test_X` for `sk_test_X`. Only for demonstrations: one
/// gives the other away.
pub fn publishable_of(secret: &str) -> Option<String> {
    secret.strip_prefix("sk_").map(|rest| format!("pk_{rest}"))
}

/// What the text of a key says.
pub(crate) struct ParsedKey {
    pub hash: [u8; 32],
    pub kind: KeyKind,
    pub livemode: bool,
    /// Empty for a key that is too short to show any of it.
    pub last4: String,
}

impl ParsedKey {
    pub fn parse(key: &str) -> Result<Self, InvalidKey> {
        let (kind, rest) = match key.split_at_checked(3) {
            Some(("sk_", rest)) => (KeyKind::Secret, rest),
            Some(("pk_", rest)) => (KeyKind::Publishable, rest),
            _ => return Err(InvalidKey),
        };
        let (livemode, random) = match rest.split_at_checked(5) {
            Some(("test_", random)) => (false, random),
            Some(("live_", random)) => (true, random),
            _ => return Err(InvalidKey),
        };
        let well_formed = random.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        if random.is_empty() || key.len() > LENGTH_MAX || !well_formed {
            return Err(InvalidKey);
        }
        let shown = if random.len() >= LENGTH_SHOWN { random.get(random.len() - 4..) } else { None };
        Ok(ParsedKey {
            hash: Sha256::digest(key.as_bytes()).into(),
            kind,
            livemode,
            last4: shown.unwrap_or_default().to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use types::SeededEntropy;

    #[test]
    fn reads_its_own_keys() {
        let pair = new_key_pair(false, &mut SeededEntropy::new(1));
        let secret = pair.secret.reveal();
        assert_eq!(secret.len(), "sk_test_".len() + 32);
        assert!(secret.starts_with("sk_test_") && pair.publishable.starts_with("pk_test_"));
        assert_ne!(secret.get(8..), pair.publishable.get(8..));
        let parsed = ParsedKey::parse(secret).ok().unwrap();
        assert_eq!((parsed.kind, parsed.livemode), (KeyKind::Secret, false));
        assert!(secret.ends_with(&parsed.last4) && parsed.last4.len() == 4);
        assert_eq!(publishable_of("sk_test_X").as_deref(), Some("pk_test_X"));
    }

    #[test]
    fn refuses_other_texts_and_shows_little_of_short_keys() {
        let long = format!("sk_test_{}", "x".repeat(300));
        for wrong in ["", "sk", "sk_test_", "sk_prod_abc", "rk_test_abc", "sk_test_a b", "sk_test_é", "ééé", &long]
        {
            assert!(ParsedKey::parse(wrong).is_err(), "{wrong}");
        }
        assert_eq!(ParsedKey::parse("sk_test_X").ok().unwrap().last4, "");
        assert!(ParsedKey::parse("sk_live_X").ok().unwrap().livemode);
    }
}
