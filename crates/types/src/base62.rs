//! Fixed-width base 62: 22 digits hold any 128-bit value, and texts sort as the values do.

const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
pub const WIDTH: usize = 22;

/// The 22 digits of a value, most significant first.
pub fn encode(mut value: u128) -> [u8; WIDTH] {
    // Division of 128 bits is slow, so the value is first cut into parts of ten digits.
    const PART: usize = 10;
    const PART_VALUE: u128 = 62u128.pow(10);
    let mut text = [b'0'; WIDTH];
    for part in text.rchunks_mut(PART) {
        let mut rest = (value % PART_VALUE) as u64;
        value /= PART_VALUE;
        for digit in part.iter_mut().rev() {
            *digit = DIGITS[(rest % 62) as usize];
            rest /= 62;
        }
    }
    text
}

/// The value of exactly 22 digits; `None` for anything else, or a value past 128 bits.
pub fn decode(text: &str) -> Option<u128> {
    if text.len() != WIDTH {
        return None;
    }
    text.bytes().try_fold(0u128, |value, byte| {
        let digit = match byte {
            b'0'..=b'9' => byte - b'0',
            b'A'..=b'Z' => byte - b'A' + 10,
            b'a'..=b'z' => byte - b'a' + 36,
            _ => return None,
        };
        value.checked_mul(62)?.checked_add(u128::from(digit))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn round_trips_and_keeps_order() {
        let mut last = String::new();
        for value in [0, 1, 61, 62, u128::from(u64::MAX), u128::MAX - 1, u128::MAX] {
            let text = String::from_utf8(encode(value).to_vec()).unwrap();
            assert_eq!(decode(&text), Some(value));
            assert!(text > last);
            last = text;
        }
        assert_eq!(decode("zzzzzzzzzzzzzzzzzzzzzz"), None, "past 128 bits");
        assert_eq!(decode("1"), None);
        assert_eq!(decode("00000000000000000000-0"), None);
    }
}
