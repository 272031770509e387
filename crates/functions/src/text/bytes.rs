//! Bytes as text and back: hexadecimal and Base64.
//!
//! <https://docs.snowflake.com/en/user-guide/binary-input-output>

const DIGITS: [&[u8; 16]; 2] = [b"0123456789ABCDEF", b"0123456789abcdef"];

/// Two digits a byte.
pub(crate) fn hex(bytes: &[u8], lower: bool) -> String {
    let mut text = String::with_capacity(bytes.len() * 2);
    write_hex(&mut text, bytes, lower);
    text
}

/// Appends two digits a byte.
pub(crate) fn write_hex(text: &mut String, bytes: &[u8], lower: bool) {
    let digits = DIGITS[usize::from(lower)];
    for byte in bytes {
        for digit in [byte >> 4, byte & 15] {
            text.push(char::from(digits[usize::from(digit)]));
        }
    }
}

/// The bytes of hexadecimal text, in either case.
pub(crate) fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digits: Vec<u8> = text
        .chars()
        .map(|digit| {
            digit
                .to_digit(16)
                .and_then(|digit| u8::try_from(digit).ok())
        })
        .collect::<Option<_>>()?;
    let (pairs, rest) = digits.as_chunks::<2>();
    rest.is_empty()
        .then(|| pairs.iter().map(|[high, low]| high << 4 | low).collect())
}

/// The 62nd and 63rd digit of Base64 and what fills its last group.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Alphabet {
    special: [char; 2],
    padding: Option<char>,
}

impl Default for Alphabet {
    fn default() -> Self {
        Self {
            special: ['+', '/'],
            padding: Some('='),
        }
    }
}

impl Alphabet {
    /// Up to three characters that replace `+`, `/` and `=`.
    pub(crate) fn new(characters: &str) -> Option<Self> {
        let mut alphabet = Self::default();
        let mut given = characters.chars();
        for place in &mut alphabet.special {
            *place = given.next().unwrap_or(*place);
        }
        alphabet.padding = given.next().or(alphabet.padding);
        given.next().is_none().then_some(alphabet)
    }

    fn digit(self, value: u32) -> char {
        let offset =
            |first: char, value: u32| char::from_u32(u32::from(first) + value).unwrap_or(first);
        match value {
            0..=25 => offset('A', value),
            26..=51 => offset('a', value - 26),
            52..=61 => offset('0', value - 52),
            62 => self.special[0],
            _ => self.special[1],
        }
    }

    fn value(self, digit: char) -> Option<u32> {
        let digits = |first: char| u32::from(digit) - u32::from(first);
        match digit {
            _ if digit == self.special[0] => Some(62),
            _ if digit == self.special[1] => Some(63),
            'A'..='Z' => Some(digits('A')),
            'a'..='z' => Some(digits('a') + 26),
            '0'..='9' => Some(digits('0') + 52),
            _ => None,
        }
    }

    /// Base64, broken into lines of `line` characters if that is not zero.
    pub(crate) fn encode(self, bytes: &[u8], line: usize) -> String {
        let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
        let mut written = 0;
        let mut push = |character: char| {
            if line > 0 && written > 0 && written % line == 0 {
                text.push('\n');
            }
            text.push(character);
            written += 1;
        };
        for group in bytes.chunks(3) {
            let bits = (0..3).fold(0, |bits, at| {
                bits << 8 | u32::from(group.get(at).copied().unwrap_or(0))
            });
            for at in 0..4 {
                if at <= group.len() {
                    push(self.digit(bits >> (18 - 6 * at) & 63));
                } else if let Some(padding) = self.padding {
                    push(padding);
                }
            }
        }
        text
    }

    /// The bytes of Base64 text; line breaks are skipped, padding may be missing.
    pub(crate) fn decode(self, text: &str) -> Option<Vec<u8>> {
        let text: Vec<char> = text.chars().filter(|c| !"\r\n".contains(*c)).collect();
        let padding = |digit: &&char| Some(**digit) == self.padding;
        let end = text.len() - text.iter().rev().take_while(padding).count();
        let mut bytes = Vec::with_capacity(end / 4 * 3 + 2);
        for group in text.get(..end)?.chunks(4) {
            let bits = group
                .iter()
                .try_fold(0, |bits, digit| Some(bits << 6 | self.value(*digit)?))?;
            match group.len() {
                4 => bytes.extend_from_slice(&bits.to_be_bytes()[1..]),
                3 => bytes.extend_from_slice(&(bits >> 2).to_be_bytes()[2..]),
                2 => bytes.extend_from_slice(&(bits >> 4).to_be_bytes()[3..]),
                _ => return None,
            }
        }
        Some(bytes)
    }
}

/// How bytes are written as text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Encoding {
    #[default]
    Hex,
    Base64,
    Utf8,
}

impl Encoding {
    pub(crate) fn named(name: &str) -> Option<Self> {
        Some(match name.trim().to_ascii_uppercase().as_str() {
            "HEX" => Self::Hex,
            "BASE64" => Self::Base64,
            "UTF-8" | "UTF8" => Self::Utf8,
            _ => return None,
        })
    }

    pub(crate) fn read(self, text: &str) -> Option<Vec<u8>> {
        match self {
            Self::Hex => from_hex(text),
            Self::Base64 => Alphabet::default().decode(text),
            Self::Utf8 => Some(text.as_bytes().to_vec()),
        }
    }

    /// The text of `bytes`; none if they are not what the encoding writes.
    pub(crate) fn write(self, bytes: &[u8]) -> Option<String> {
        Some(match self {
            Self::Hex => hex(bytes, false),
            Self::Base64 => Alphabet::default().encode(bytes, 0),
            Self::Utf8 => str::from_utf8(bytes).ok()?.to_owned(),
        })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn writes_and_reads_hexadecimal() {
        assert_eq!(hex(b"Snow", false), "536E6F77");
        assert_eq!(hex(&[0xab], true), "ab");
        assert_eq!(from_hex("536e6F77").unwrap(), b"Snow");
        assert_eq!(from_hex("536"), None);
        assert_eq!(from_hex("zz"), None);
    }

    #[test]
    fn writes_and_reads_base64() {
        let plain = Alphabet::default();
        for (bytes, text) in [
            ("", ""),
            ("S", "Uw=="),
            ("Sn", "U24="),
            ("Sno", "U25v"),
            ("Snowflake", "U25vd2ZsYWtl"),
        ] {
            assert_eq!(plain.encode(bytes.as_bytes(), 0), text);
            assert_eq!(plain.decode(text).unwrap(), bytes.as_bytes());
        }
        assert_eq!(plain.encode(b"Snowflake", 5), "U25vd\n2ZsYW\ntl");
        assert_eq!(plain.decode("U25vd\n2ZsYW\ntl").unwrap(), b"Snowflake");
        assert_eq!(plain.decode("U"), None);
        assert_eq!(plain.decode("U$=="), None);
        let own = Alphabet::new("$").unwrap();
        assert_eq!(own.encode(&[0xfb, 0xef, 0xbe], 0), "$$$$");
    }
}
