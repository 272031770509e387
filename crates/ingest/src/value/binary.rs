//! Bytes, written as text.

use base64::Engine as _;
use base64::engine::general_purpose::GeneralPurpose;
use base64::engine::{DecodePaddingMode, GeneralPurposeConfig};
use settings::BinaryFormat;

const BASE64: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The bytes that `text` stands for.
pub(crate) fn binary(text: &[u8], format: BinaryFormat) -> Option<Vec<u8>> {
    match format {
        BinaryFormat::Hex => {
            let (pairs, rest) = text.as_chunks::<2>();
            let byte = |[high, low]: &[u8; 2]| Some(digit(*high)? << 4 | digit(*low)?);
            rest.is_empty().then(|| pairs.iter().map(byte).collect())?
        }
        BinaryFormat::Base64 => BASE64.decode(text).ok(),
        BinaryFormat::Utf8 => Some(text.to_vec()),
    }
}

fn digit(letter: u8) -> Option<u8> {
    let value = char::from(letter).to_digit(16)?;
    u8::try_from(value).ok()
}

#[cfg(test)]
mod tests {
    use settings::BinaryFormat::{Base64, Hex, Utf8};

    use super::binary;

    #[test]
    fn bytes_are_read_in_every_format_or_not_at_all() {
        let is = |bytes: &[u8]| Some(bytes.to_vec());
        assert_eq!(binary(b"00fFa1", Hex), is(&[0, 255, 0xa1]));
        assert_eq!(binary(b"/w==", Base64), is(&[255]));
        assert_eq!(binary(b"/w", Base64), is(&[255]));
        assert_eq!(binary(b"\xc3\xa9", Utf8), is("é".as_bytes()));
        for (text, format) in [
            ("0", Hex),
            ("0g", Hex),
            ("+1", Hex),
            ("/", Base64),
            ("a b=", Base64),
        ] {
            assert_eq!(binary(text.as_bytes(), format), None, "{text}");
        }
    }
}
