//! Card numbers as they are handled here: compared and hashed, never shown.

use crate::card::CardRefusal;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use std::fmt;
use types::TenantId;

/// A test card's number. It has no `Display`, and its `Debug` does not show it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Number(&'static str);

impl Number {
    pub const fn new(digits: &'static str) -> Self {
        Number(digits)
    }

    pub fn last4(self) -> &'static str {
        self.0.get(self.0.len().saturating_sub(4)..).unwrap_or_default()
    }

    pub fn is(self, digits: &Digits) -> bool {
        self.0 == digits.0
    }

    /// 16 letters and digits, the same for the same number within one tenant. Not a secret: these numbers are public.
    pub fn fingerprint(self, tenant: TenantId) -> String {
        const LETTERS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
        // A key shorter than a block is padded with zeros: that is HMAC's own rule, RFC 2104 section 2.
        let mut key = hmac::digest::Key::<Hmac<Sha256>>::default();
        key[..16].copy_from_slice(tenant.0.as_bytes());
        let mut mac = Hmac::<Sha256>::new(&key);
        mac.update(self.0.as_bytes());
        let digest = mac.finalize().into_bytes();
        let mut value = digest.iter().take(16).fold(0u128, |value, byte| (value << 8) | u128::from(*byte));
        let mut text = String::with_capacity(16);
        for _ in 0..16 {
            let digit = usize::try_from(value % 62).unwrap_or_default();
            text.push(char::from(LETTERS[digit]));
            value /= 62;
        }
        text
    }

    #[cfg(test)]
    pub fn reveal(self) -> &'static str {
        self.0
    }
}

impl fmt::Debug for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[card number]")
    }
}

/// A number without spaces and dashes, with a correct check digit. Nothing shows it.
pub struct Digits(String);

impl Digits {
    /// Reads 12 to 19 digits (ISO/IEC 7812-1), the last of which checks the others.
    pub fn parse(text: &str) -> Result<Self, NumberError> {
        let digits: String = text.chars().filter(|character| !matches!(character, ' ' | '-')).collect();
        let well_formed = (12..=19).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
        if well_formed && passes_luhn(&digits) { Ok(Digits(digits)) } else { Err(NumberError::Incorrect) }
    }
}

/// The Luhn check (ISO/IEC 7812-1, annex B).
fn passes_luhn(digits: &str) -> bool {
    let sum: u32 = digits
        .bytes()
        .rev()
        .map(|byte| u32::from(byte - b'0'))
        .enumerate()
        .map(|(place, digit)| match (place % 2, digit) {
            (0, digit) => digit,
            (_, 0..=4) => digit * 2,
            (_, digit) => digit * 2 - 9,
        })
        .sum();
    sum.is_multiple_of(10)
}

/// Why a card number is refused. None of its texts repeats the number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NumberError {
    #[error("Your card number is incorrect.")]
    Incorrect,
    #[error(
        "Your card was declined: this server has no vault, so it takes only the sandbox's test card numbers, such as \
         those for Visa test payments, and this is none of them. Nothing of it was kept."
    )]
    NotATestCard,
}

impl NumberError {
    /// The public API's error code.
    const fn code(self) -> &'static str {
        match self {
            NumberError::Incorrect => "incorrect_number",
            NumberError::NotATestCard => "card_declined",
        }
    }

    const fn decline_code(self) -> Option<&'static str> {
        match self {
            NumberError::Incorrect => None,
            NumberError::NotATestCard => Some("test_mode_live_card"),
        }
    }
}

impl From<NumberError> for CardRefusal {
    fn from(error: NumberError) -> Self {
        CardRefusal { code: error.code(), decline_code: error.decline_code(), message: error.to_string() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use types::{SeededEntropy, Timestamp};

    fn tenant(seed: u64) -> TenantId {
        TenantId::new(Timestamp::from_seconds(1_800_000_000), &mut SeededEntropy::new(seed))
    }

    #[test]
    fn numbers_are_read_with_spaces_and_dashes_and_checked() {
        for text in ["4242424242424242", "4242 4242 4242 4242", " 4242-4242-4242-4242 ", "6205500000000000004"] {
            assert!(Digits::parse(text).is_ok(), "{text}");
        }
        for text in
            ["", "4242424242424241", "4242", "4242424242424242424242", "4242.4242.4242.4242", "٤٢٤٢٤٢٤٢٤٢٤٢", "abc"]
        {
            assert_eq!(Digits::parse(text).err(), Some(NumberError::Incorrect), "{text}");
        }
    }

    #[test]
    fn fingerprints_tell_numbers_and_tenants_apart() {
        let (visa, other) = (Number::new("4242424242424242"), Number::new("4000000000000002"));
        let fingerprint = visa.fingerprint(tenant(1));
        assert_eq!(fingerprint.len(), 16);
        assert!(fingerprint.bytes().all(|byte| byte.is_ascii_alphanumeric()));
        assert_eq!(fingerprint, visa.fingerprint(tenant(1)));
        assert_ne!(fingerprint, visa.fingerprint(tenant(2)));
        assert_ne!(fingerprint, other.fingerprint(tenant(1)));
    }

    #[test]
    fn shows_four_digits_at_most() {
        let number = Number::new("4000000000009995");
        assert_eq!(number.last4(), "9995");
        assert!(!format!("{number:?}").contains("9995"));
    }
}
