//! The few values of DER that are looked for in keys and certificates (X.690; RFC 5280).

use chrono::{DateTime, NaiveDateTime, Utc};

/// A value: its tag and its content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Value<'d> {
    pub(crate) tag: u8,
    pub(crate) content: &'d [u8],
}

const BIT_STRING: u8 = 0x03;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
/// `[0]`, which holds the version of a certificate.
const VERSION: u8 = 0xa0;

/// The first value of `bytes`, and what comes behind it.
pub(crate) fn first(bytes: &[u8]) -> Option<(Value<'_>, &[u8])> {
    let (tag, rest) = bytes.split_first()?;
    let (short, rest) = rest.split_first()?;
    let (length, rest) = match short {
        0..=0x7f => (usize::from(*short), rest),
        0x81..=0x84 => {
            let (digits, rest) = rest.split_at_checked(usize::from(short & 0x7f))?;
            let length = digits
                .iter()
                .fold(0, |sum, byte| sum << 8 | usize::from(*byte));
            (length, rest)
        }
        _ => return None,
    };
    let (content, rest) = rest.split_at_checked(length)?;
    Some((Value { tag: *tag, content }, rest))
}

/// The `RSAPublicKey` in a `SubjectPublicKeyInfo`.
pub(crate) fn public_key(info: &[u8]) -> Option<&[u8]> {
    let (info, _) = first(info)?;
    let (_algorithm, rest) = first(info.content)?;
    let (key, _) = first(rest)?;
    let (unused, key) = key
        .content
        .split_first()
        .filter(|_| key.tag == BIT_STRING)?;
    (*unused == 0).then_some(key)
}

/// From when until when a certificate holds.
pub(crate) fn validity(certificate: &[u8]) -> Option<(DateTime<Utc>, DateTime<Utc>)> {
    let (certificate, _) = first(certificate)?;
    let (to_be_signed, _) = first(certificate.content)?;
    let mut rest = to_be_signed.content;
    if rest.first() == Some(&VERSION) {
        rest = first(rest)?.1;
    }
    // The serial number, the algorithm and the issuer.
    for _ in 0..3 {
        rest = first(rest)?.1;
    }
    let (validity, _) = first(rest)?;
    let (from, rest) = first(validity.content)?;
    let (until, _) = first(rest)?;
    Some((time(from)?, time(until)?))
}

/// Years of `UTCTime` from 50 on are of the last century (RFC 5280, 4.1.2.5.1).
fn time(value: Value<'_>) -> Option<DateTime<Utc>> {
    let text = std::str::from_utf8(value.content).ok()?;
    let text = match value.tag {
        UTC_TIME => match text.get(..2)?.parse::<u8>().ok()? {
            0..50 => format!("20{text}"),
            _ => format!("19{text}"),
        },
        GENERALIZED_TIME => text.to_owned(),
        _ => return None,
    };
    let time = NaiveDateTime::parse_from_str(&text, "%Y%m%d%H%M%SZ").ok()?;
    Some(time.and_utc())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::{Value, first, time};

    #[test]
    fn values_are_read_with_short_and_long_lengths() {
        let long = [&[0x04, 0x81, 0x80][..], &[7; 128], &[1]].concat();
        let (value, rest) = first(&long).unwrap();
        assert_eq!(
            (value.tag, value.content.len(), rest),
            (0x04, 128, &[1][..])
        );
        assert_eq!(first(&[0x04, 0x05, 1]), None);
        assert_eq!(first(&[0x04, 0x80]), None);
    }

    #[test]
    fn times_of_both_forms_are_read() {
        let said = |tag, text: &str| {
            let content = text.as_bytes();
            time(Value { tag, content }).map(|time| time.to_rfc3339())
        };
        assert_eq!(
            said(0x17, "491231235959Z").unwrap(),
            "2049-12-31T23:59:59+00:00"
        );
        assert_eq!(
            said(0x17, "500101000000Z").unwrap(),
            "1950-01-01T00:00:00+00:00"
        );
        assert_eq!(
            said(0x18, "20500101000000Z").unwrap(),
            "2050-01-01T00:00:00+00:00"
        );
        assert_eq!(said(0x17, "no time"), None);
    }
}
