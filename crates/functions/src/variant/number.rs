//! Numbers in canonical text.
//!
//! <https://docs.snowflake.com/en/sql-reference/functions/parse_json>: a number with an exponent, or with
//! more digits than NUMBER has, is a DOUBLE; any other stays exact.

use std::borrow::Cow;

/// What NUMBER holds.
const MOST_DIGITS: usize = 38;
const MOST_SCALE: usize = 37;

/// A number as JSON writes it, in canonical form.
pub(crate) fn number(text: &str) -> Cow<'_, str> {
    let (negative, unsigned) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    if unsigned.contains(['e', 'E']) {
        return Cow::Owned(double(text.parse().unwrap_or(f64::NAN)));
    }
    let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, ""));
    let fraction = fraction.trim_end_matches('0');
    let digits = whole.trim_start_matches('0').len() + fraction.len();
    if digits > MOST_DIGITS || fraction.len() > MOST_SCALE {
        return Cow::Owned(double(text.parse().unwrap_or(f64::NAN)));
    }
    if digits == 0 {
        return Cow::Borrowed("0");
    }
    let dropped = unsigned.len() - whole.len() - fraction.len();
    if fraction.is_empty() {
        let kept = usize::from(negative) + whole.len();
        return Cow::Borrowed(text.get(..kept).unwrap_or(text));
    }
    // One byte is the point; the others are zeros.
    Cow::Borrowed(text.get(..text.len() + 1 - dropped).unwrap_or(text))
}

/// A floating-point number: fifteen digits behind the point, sixteen where it needs them to be read back.
pub(crate) fn double(value: f64) -> String {
    if value.is_nan() {
        return "NaN".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { "Infinity" } else { "-Infinity" }.to_owned();
    }
    let short = format!("{value:.15e}");
    let text = if short.parse() == Ok(value) {
        short
    } else {
        format!("{value:.16e}")
    };
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    match exponent.strip_prefix('-') {
        Some(exponent) => format!("{mantissa}e-{exponent:0>2}"),
        None => format!("{mantissa}e+{exponent:0>2}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exact_numbers_lose_trailing_zeros_only() {
        for (text, canonical) in [
            ("1", "1"),
            ("-17", "-17"),
            ("123.12", "123.12"),
            ("123.120", "123.12"),
            ("1.0", "1"),
            ("-1.50", "-1.5"),
            ("100", "100"),
            ("0.0", "0"),
            ("-0", "0"),
            ("0.05", "0.05"),
        ] {
            assert_eq!(number(text), canonical, "{text}");
        }
    }

    #[test]
    fn exponents_make_doubles() {
        assert_eq!(number("1.912e2"), "1.912000000000000e+02");
        assert_eq!(number("1e-7"), "1.000000000000000e-07");
        assert_eq!(double(3.0), "3.000000000000000e+00");
        assert_eq!(double(0.1 + 0.2), "3.0000000000000004e-01");
        assert_eq!(double(1e300), "1.000000000000000e+300");
        let long = "1".repeat(39);
        assert!(number(&long).contains('e'));
    }
}
