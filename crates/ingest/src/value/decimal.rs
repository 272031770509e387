//! Decimal numbers, digit for digit.

use super::Unreadable;

/// `10^0` to `10^38`.
pub(crate) const POWERS_OF_TEN: [i128; 39] = {
    let mut powers = [1_i128; 39];
    let mut at = 1;
    while at < 39 {
        powers[at] = powers[at - 1] * 10;
        at += 1;
    }
    powers
};

/// A number as exactly as `NUMBER(38, scale)` can say it, and what that left out. Rules judge numbers by
/// this, so that a negative number is negative however many digits it has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Exact {
    /// The number times `10^scale`, cut towards zero; the largest there is if `beyond`.
    pub(crate) units: i128,
    /// Whether there are digits behind the cut that are not zero.
    pub(crate) inexact: bool,
    /// Whether the number is larger (or smaller) than 38 digits can say.
    pub(crate) beyond: bool,
    /// Below zero. `units` may be 0 and the number still negative.
    pub(crate) negative: bool,
}

impl Exact {
    /// The units of `NUMBER(precision, scale)`, if the number is exactly one of those.
    pub(crate) fn fit(self, precision: u8) -> Result<i128, Unreadable> {
        let limit = POWERS_OF_TEN
            .get(usize::from(precision))
            .copied()
            .unwrap_or(i128::MAX);
        if self.beyond || self.units.abs() >= limit {
            return Err(Unreadable::TooLarge);
        }
        if self.inexact {
            return Err(Unreadable::TooPrecise);
        }
        Ok(self.units)
    }

    /// Whether the number is larger than `units`.
    pub(crate) fn exceeds(self, units: i128) -> bool {
        if self.negative {
            // Digits behind the cut only make it smaller, by less than one unit.
            return !self.beyond && self.units > units;
        }
        self.beyond || self.units > units || (self.units == units && self.inexact)
    }

    /// The number with one more digit, in which the digits behind the cut show as a 5: compared with any
    /// number of the type, it compares as the number itself. It is kept below `10^precision`.
    pub(crate) fn judged(self, precision: u8) -> i128 {
        let limit = POWERS_OF_TEN
            .get(usize::from(precision))
            .copied()
            .unwrap_or(i128::MAX)
            - 1;
        let sign = if self.negative { -1 } else { 1 };
        if self.beyond {
            return sign * limit;
        }
        let rest = if self.inexact { sign * 5 } else { 0 };
        self.units
            .checked_mul(10)
            .and_then(|units| units.checked_add(rest))
            .unwrap_or(sign * limit)
            .clamp(-limit, limit)
    }
}

/// Reads `text` (without blanks round it): digits with an optional sign, point and exponent.
pub(crate) fn decimal(text: &[u8], scale: u8) -> Option<Exact> {
    let (negative, digits) = match text.split_first()? {
        (b'-', rest) => (true, rest),
        (b'+', rest) => (false, rest),
        _ => (false, text),
    };
    let short = digits.len() <= 18;
    let (mantissa, fraction) = if short { small(digits) } else { None }.map_or_else(
        || large(digits),
        |(mantissa, fraction)| {
            Some((
                Mantissa {
                    value: i128::from(mantissa),
                    dropped: 0,
                    sticky: false,
                },
                fraction,
            ))
        },
    )?;
    Some(scaled(&mantissa, fraction, i64::from(scale), negative))
}

/// The digits of a number without sign: at most 38, then how many more stood before the point.
struct Mantissa {
    value: i128,
    /// Digits left out at the end.
    dropped: i64,
    /// Whether one of them was not zero.
    sticky: bool,
}

/// At most 18 characters, digits and one point: what nearly every number is.
#[inline]
fn small(digits: &[u8]) -> Option<(u64, i64)> {
    let mut mantissa = 0_u64;
    let mut point = None;
    for (at, byte) in digits.iter().enumerate() {
        let digit = byte.wrapping_sub(b'0');
        if digit <= 9 {
            mantissa = mantissa * 10 + u64::from(digit);
        } else if *byte == b'.' && point.is_none() {
            point = Some(at);
        } else {
            return None;
        }
    }
    let count = digits.len() - usize::from(point.is_some());
    let fraction = point.map_or(0, |point| digits.len() - point - 1);
    (count > 0).then_some((mantissa, i64::try_from(fraction).ok()?))
}

/// Any length, with an exponent perhaps. The second value is the number of digits after the point.
fn large(digits: &[u8]) -> Option<(Mantissa, i64)> {
    let exponent_at = digits.iter().position(|byte| matches!(byte, b'e' | b'E'));
    let (number, exponent) = match exponent_at {
        Some(at) => {
            let exponent = std::str::from_utf8(digits.get(at + 1..)?).ok()?;
            // Beyond this every number is zero or too large anyway.
            let exponent: i64 = exponent.parse::<i64>().ok()?.clamp(-100_000, 100_000);
            (digits.get(..at)?, exponent)
        }
        None => (digits, 0),
    };
    let mut mantissa = Mantissa {
        value: 0,
        dropped: 0,
        sticky: false,
    };
    let mut fraction = 0_i64;
    let mut after_point = false;
    let mut any = false;
    for byte in number {
        match byte {
            b'0'..=b'9' => {
                any = true;
                fraction += i64::from(after_point);
                let digit = i128::from(byte - b'0');
                if mantissa.dropped == 0 && mantissa.value < POWERS_OF_TEN[37] {
                    mantissa.value = mantissa.value * 10 + digit;
                } else {
                    mantissa.dropped += 1;
                    mantissa.sticky |= digit != 0;
                }
            }
            b'.' if !after_point => after_point = true,
            _ => return None,
        }
    }
    any.then_some((mantissa, fraction - exponent))
}

fn scaled(mantissa: &Mantissa, fraction: i64, scale: i64, negative: bool) -> Exact {
    let sign = if negative { -1 } else { 1 };
    let negative = negative && (mantissa.value != 0 || mantissa.sticky);
    // How many digits the mantissa must move left to have `scale` digits after the point.
    let shift = scale - (fraction - mantissa.dropped);
    let power = |digits: i64| {
        usize::try_from(digits)
            .ok()
            .and_then(|digits| POWERS_OF_TEN.get(digits))
    };
    if shift >= 0 {
        let units = match power(shift) {
            _ if mantissa.value == 0 => Some(0),
            Some(power) => mantissa.value.checked_mul(*power),
            None => None,
        };
        return match units.filter(|units| *units < POWERS_OF_TEN[38]) {
            Some(units) => Exact {
                units: sign * units,
                inexact: mantissa.sticky,
                beyond: false,
                negative,
            },
            None => Exact {
                units: sign * (POWERS_OF_TEN[38] - 1),
                inexact: false,
                beyond: true,
                negative,
            },
        };
    }
    let (units, rest) = match power(-shift) {
        Some(power) => (mantissa.value / power, mantissa.value % power),
        None => (0, mantissa.value),
    };
    Exact {
        units: sign * units,
        inexact: rest != 0 || mantissa.sticky,
        beyond: false,
        negative,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::{Unreadable, decimal};

    fn fit(text: &str, precision: u8, scale: u8) -> Result<i128, Unreadable> {
        decimal(text.as_bytes(), scale)
            .ok_or(Unreadable::NotThis)?
            .fit(precision)
    }

    #[test]
    fn keeps_every_digit_or_says_so() {
        assert_eq!(fit("17.50", 10, 2), Ok(1750));
        assert_eq!(fit("-0.005", 10, 3), Ok(-5));
        assert_eq!(fit("1.500000000000000000000000", 10, 2), Ok(150));
        assert_eq!(fit("1.505", 10, 2), Err(Unreadable::TooPrecise));
        assert_eq!(fit("123456789.5", 10, 2), Err(Unreadable::TooLarge));
        assert_eq!(
            fit("30969.466262526414", 32, 16),
            Ok(309_694_662_625_264_140_000)
        );
        assert_eq!(fit("1.5e3", 10, 2), Ok(150_000));
        assert_eq!(fit("25E-1", 10, 2), Ok(250));
        assert_eq!(fit(".5", 10, 1), Ok(5));
        assert_eq!(fit("5.", 10, 0), Ok(5));
        assert_eq!(fit(&"9".repeat(38), 38, 0), Ok(10_i128.pow(38) - 1));
        assert_eq!(fit(&"9".repeat(39), 38, 0), Err(Unreadable::TooLarge));
        assert_eq!(fit("1e400", 38, 0), Err(Unreadable::TooLarge));
        assert_eq!(fit("0e400", 38, 0), Ok(0));
        for text in [
            "", "-", ".", "1,5", "1.2.3", "abc", "1e", "0x10", "NaN", "--1", "1 000",
        ] {
            assert_eq!(fit(text, 38, 2), Err(Unreadable::NotThis), "{text}");
        }
    }

    #[test]
    fn judges_numbers_by_their_true_value() {
        let judged = |text: &str| decimal(text.as_bytes(), 2).unwrap().judged(11);
        assert_eq!(judged("1.5"), 1500);
        assert_eq!(judged("1.509"), 1505);
        assert_eq!(judged("-0.001"), -5);
        assert_eq!(judged("-1e30"), -99_999_999_999);
        let exceeds = |text: &str| decimal(text.as_bytes(), 2).unwrap().exceeds(1000);
        assert!(exceeds("10.001") && exceeds("1e300") && exceeds("10.01"));
        assert!(!exceeds("10") && !exceeds("9.999") && !exceeds("-1e300") && !exceeds("-20.5555"));
    }
}
