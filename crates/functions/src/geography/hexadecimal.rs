//! Bytes written as hexadecimal digits.

use super::Reason;

/// Whether `text` can only be WKB: hexadecimal digits that begin with a byte order.
pub(super) fn looks_like(text: &str) -> bool {
    (text.starts_with("00") || text.starts_with("01"))
        && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// The bytes that `text` spells.
pub(super) fn decode(text: &str) -> Result<Vec<u8>, Reason> {
    let digit = |byte: &u8| char::from(*byte).to_digit(16);
    text.as_bytes()
        .chunks(2)
        .map(|pair| match pair {
            [high, low] => {
                let value = digit(high)? * 16 + digit(low)?;
                u8::try_from(value).ok()
            }
            _ => None,
        })
        .collect::<Option<_>>()
        .ok_or_else(|| "it is not written in hexadecimal digits".to_owned())
}
