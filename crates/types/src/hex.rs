/// Bytes as hexadecimal digits, two each.
pub fn hex(bytes: &[u8]) -> String {
    let digit = |four_bits: u8| char::from(b"0123456789abcdef"[usize::from(four_bits)]);
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        text.push(digit(byte >> 4));
        text.push(digit(byte & 15));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shows_two_digits_a_byte() {
        assert_eq!(hex(&[0, 9, 0xa0, 0xff]), "0009a0ff");
    }
}
