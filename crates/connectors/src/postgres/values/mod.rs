//! Decoding values, in PostgreSQL's binary form and in its text form. Each gives the same value for both.

pub(super) mod array;
pub(super) mod number;
pub(super) mod time;

/// Writes 16 bytes as PostgreSQL writes a `uuid`.
pub(super) fn uuid(bytes: &[u8], out: &mut String) -> Option<()> {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let bytes: &[u8; 16] = bytes.try_into().ok()?;
    let mut text = [b'-'; 36];
    let mut at = 0;
    for (index, byte) in bytes.iter().enumerate() {
        if matches!(index, 4 | 6 | 8 | 10) {
            at += 1;
        }
        text[at] = DIGITS[usize::from(byte >> 4)];
        text[at + 1] = DIGITS[usize::from(byte & 15)];
        at += 2;
    }
    out.push_str(std::str::from_utf8(&text).ok()?);
    Some(())
}

/// Reads `\x…` as `bytea_output = hex` writes it.
pub(super) fn bytes(text: &str, out: &mut Vec<u8>) -> Option<()> {
    let digits = text.strip_prefix("\\x")?.as_bytes();
    if !digits.len().is_multiple_of(2) {
        return None;
    }
    let digit = |byte: u8| -> Option<u8> {
        match byte {
            b'0'..=b'9' => Some(byte - b'0'),
            b'a'..=b'f' => Some(byte - b'a' + 10),
            b'A'..=b'F' => Some(byte - b'A' + 10),
            _ => None,
        }
    };
    for pair in digits.chunks_exact(2) {
        let [high, low] = pair else { return None };
        out.push(digit(*high)? << 4 | digit(*low)?);
    }
    Some(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    #[test]
    fn uuids_and_bytes() {
        let mut text = String::new();
        let raw: Vec<u8> = (0..16).map(|n| n * 17).collect();
        super::uuid(&raw, &mut text).unwrap();
        assert_eq!(text, "00112233-4455-6677-8899-aabbccddeeff");
        assert!(super::uuid(&raw[1..], &mut text).is_none());
        let mut bytes = Vec::new();
        super::bytes("\\x00ffA1", &mut bytes).unwrap();
        assert_eq!(bytes, [0, 255, 161]);
        assert!(super::bytes("\\x0", &mut bytes).is_none());
        assert!(super::bytes("00", &mut bytes).is_none());
    }
}
