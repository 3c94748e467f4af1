//! Fixed-width base 62: 22 digits hold any 128-bit value, and texts sort as the values do.

use std::str::from_utf8;

const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
pub const WIDTH: usize = 22;

/// Division and multiplication of 128 bits are slow, so values are handled in parts of ten digits.
const PART: usize = 10;
const PART_VALUE: u128 = 62u128.pow(10);
/// The longest prefix of an id, its `_` included.
const PREFIX_MAX: usize = 10;

/// An id as it is shown: a prefix and the 22 digits of a value, most significant first. Ids are shown so often that an
/// allocation for each would be felt.
pub struct Text {
    bytes: [u8; PREFIX_MAX + WIDTH],
    length: usize,
}

impl Text {
    /// `prefix` without the `_` after it.
    pub fn new(prefix: &str, mut value: u128) -> Self {
        let mut bytes = [b'_'; PREFIX_MAX + WIDTH];
        let at = prefix.len() + 1;
        bytes[..prefix.len()].copy_from_slice(prefix.as_bytes());
        for part in bytes[at..at + WIDTH].rchunks_mut(PART) {
            let mut rest = (value % PART_VALUE) as u64;
            value /= PART_VALUE;
            for digit in part.iter_mut().rev() {
                *digit = DIGITS[(rest % 62) as usize];
                rest /= 62;
            }
        }
        Text { bytes, length: at + WIDTH }
    }

    pub fn as_str(&self) -> &str {
        // A prefix is ASCII, and so are the digits.
        from_utf8(&self.bytes[..self.length]).unwrap_or_default()
    }
}

/// The value of exactly 22 digits; `None` for anything else, or a value past 128 bits.
pub fn decode(text: &str) -> Option<u128> {
    if text.len() != WIDTH {
        return None;
    }
    text.as_bytes().rchunks(PART).rev().try_fold(0u128, |value, part| {
        let part = part.iter().try_fold(0u64, |value, byte| {
            let digit = match byte {
                b'0'..=b'9' => byte - b'0',
                b'A'..=b'Z' => byte - b'A' + 10,
                b'a'..=b'z' => byte - b'a' + 36,
                _ => return None,
            };
            Some(value * 62 + u64::from(digit))
        })?;
        value.checked_mul(PART_VALUE)?.checked_add(u128::from(part))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn round_trips_and_keeps_order() {
        let mut last = String::new();
        for value in [0, 1, 61, 62, u128::from(u64::MAX), u128::MAX - 1, u128::MAX] {
            let text = Text::new("p", value);
            let digits = text.as_str().strip_prefix("p_").unwrap().to_owned();
            assert_eq!(decode(&digits), Some(value));
            assert!(digits > last);
            last = digits;
        }
        assert_eq!(decode("zzzzzzzzzzzzzzzzzzzzzz"), None, "past 128 bits");
        assert_eq!(decode("1"), None);
        assert_eq!(decode("00000000000000000000-0"), None);
    }
}
