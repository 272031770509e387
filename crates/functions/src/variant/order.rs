//! [`order_key`]: bytes that compare as values compare.

use super::scan::{Kind, kind};
use super::write::unescape;

/// Bytes that sort values by kind and then by value, numbers of all kinds by what they are worth.
pub(crate) fn order_key(value: &str, key: &mut Vec<u8>) {
    let kind = kind(value);
    key.push(match kind {
        Kind::Undefined => 0,
        Kind::Boolean => 2,
        Kind::Integer | Kind::Decimal | Kind::Double => 3,
        Kind::Text => 4,
        Kind::Array => 5,
        Kind::Object => 6,
        // Behind all others: https://docs.snowflake.com/en/sql-reference/functions/array_sort
        Kind::Null => 7,
    });
    match kind {
        Kind::Undefined | Kind::Null => {}
        Kind::Boolean => key.push(u8::from(value == "true")),
        Kind::Integer | Kind::Decimal | Kind::Double => number_key(value, key),
        Kind::Text => {
            let raw = value.get(1..value.len() - 1).unwrap_or_default();
            key.extend_from_slice(unescape(raw).as_bytes());
        }
        Kind::Array | Kind::Object => key.extend_from_slice(value.as_bytes()),
    }
}

/// A sign, then how many digits stand before the point, then the digits; all turned round for negative
/// numbers.
fn number_key(text: &str, key: &mut Vec<u8>) {
    let (negative, unsigned) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    match unsigned {
        "NaN" => return key.push(4),
        "Infinity" => return key.push(if negative { 0 } else { 3 }),
        _ => {}
    }
    let (mantissa, exponent) = unsigned.split_once('e').unwrap_or((unsigned, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let mut digits: Vec<u8> = whole.bytes().chain(fraction.bytes()).collect();
    let zeros = digits.iter().take_while(|digit| **digit == b'0').count();
    digits.drain(..zeros);
    while digits.last() == Some(&b'0') {
        digits.pop();
    }
    if digits.is_empty() {
        return key.push(2);
    }
    let places = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
    let point = exponent.parse().unwrap_or(0_i64) + places(whole.len()) - places(zeros);
    // Shifted, so that unsigned bytes compare as the signed number does.
    let point = u64::try_from(point + (1 << 40)).unwrap_or(0);
    let start = key.len() + 1;
    key.push(if negative { 1 } else { 2 });
    if !negative {
        key.push(1);
    }
    key.extend_from_slice(&point.to_be_bytes());
    key.extend_from_slice(&digits);
    if negative {
        // A longer number of equal digits is the smaller one.
        key.push(0);
        for byte in key.iter_mut().skip(start) {
            *byte = !*byte;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(value: &str) -> Vec<u8> {
        let mut bytes = Vec::new();
        order_key(value, &mut bytes);
        bytes
    }

    #[test]
    fn sorts_by_kind_and_value() {
        let sorted = [
            "undefined",
            "false",
            "true",
            "-Infinity",
            "-1.000000000000000e+300",
            "-100",
            "-99.5",
            "-10",
            "-9",
            "-1.55",
            "-1.5",
            "-0.001",
            "0",
            "0.001",
            "1.000000000000000e-01",
            "1.5",
            "2",
            "9",
            "10",
            "99999999999999999999",
            "1.000000000000000e+300",
            "Infinity",
            "\"\"",
            "\"10\"",
            "\"9\"",
            "[1]",
            "{\"a\":1}",
            "null",
        ];
        for pair in sorted.windows(2) {
            if let [less, more] = pair {
                assert!(key(less) < key(more), "{less} {more}");
            }
        }
    }

    #[test]
    fn equal_numbers_of_different_kinds_are_equal() {
        assert_eq!(key("1"), key("1.000000000000000e+00"));
        assert_eq!(key("150"), key("1.500000000000000e+02"));
        assert_eq!(key("-0.5"), key("-5.000000000000000e-01"));
        assert_eq!(key("0"), key("0.000000000000000e+00"));
    }
}
