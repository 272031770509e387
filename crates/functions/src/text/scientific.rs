//! Numbers as a mantissa and a power of ten, which `EE` to `EEEEE` and `TME` in number formats write.
//!
//! <https://docs.snowflake.com/en/sql-reference/sql-format-models>

/// `d.ddd` times a power of ten.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Scientific {
    pub(crate) negative: bool,
    /// Without zeros before the first digit or behind the last one; `0` alone is zero.
    digits: String,
    exponent: i32,
}

impl Scientific {
    pub(crate) fn of_decimal(digits: i128, scale: i8) -> Self {
        let written = digits.unsigned_abs().to_string();
        let places = i32::try_from(written.len()).unwrap_or(i32::MAX);
        Self::new(digits < 0, &written, places - 1 - i32::from(scale))
    }

    /// A floating-point number by the fewest digits that tell it; none if it is infinite or no number.
    pub(crate) fn of_float(value: f64) -> Option<Self> {
        let text = format!("{:e}", value.abs());
        let (mantissa, exponent) = text.split_once('e')?;
        let digits = mantissa.replace('.', "");
        Some(Self::new(value < 0.0, &digits, exponent.parse().ok()?))
    }

    fn new(negative: bool, digits: &str, exponent: i32) -> Self {
        match digits.trim_end_matches('0') {
            "" => Self {
                negative: false,
                digits: "0".to_owned(),
                exponent: 0,
            },
            digits => Self {
                negative,
                digits: digits.to_owned(),
                exponent,
            },
        }
    }

    /// As many digits as are asked for, half away from zero, as a whole number, and the power of ten that it is
    /// multiplied with if its first `whole` digits stand before the point.
    pub(crate) fn mantissa(&self, whole: usize, fraction: usize) -> Option<(i128, i32)> {
        let kept = whole + fraction;
        let (head, tail) = self.digits.split_at(kept.min(self.digits.len()));
        let mut mantissa: i128 = format!("{head:0<kept$}").parse().ok()?;
        let mut exponent = self.exponent + 1 - i32::try_from(whole).ok()?;
        if tail.as_bytes().first().is_some_and(|digit| *digit >= b'5') {
            mantissa += 1;
            if mantissa.to_string().len() > kept {
                mantissa /= 10;
                exponent += 1;
            }
        }
        Some(match mantissa {
            0 => (0, 0),
            mantissa => (mantissa, exponent),
        })
    }

    /// All digits, and no blank: `-1.25E3`.
    pub(crate) fn minimal(&self, letter: char) -> String {
        let sign = if self.negative { "-" } else { "" };
        let (first, rest) = self.digits.split_at(1);
        let point = if rest.is_empty() { "" } else { "." };
        format!("{sign}{first}{point}{rest}{letter}{}", self.exponent)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_a_mantissa() {
        let number = Scientific::of_decimal(-1_234_560, 3);
        assert_eq!(number.minimal('E'), "-1.23456E3");
        assert_eq!(number.mantissa(1, 2), Some((123, 3)));
        assert_eq!(number.mantissa(3, 1), Some((1_235, 1)));
        assert_eq!(
            Scientific::of_decimal(9_996, 0).mantissa(1, 2),
            Some((100, 4))
        );
        assert_eq!(Scientific::of_decimal(0, 2).mantissa(1, 1), Some((0, 0)));
        let small = Scientific::of_float(2.5e-12).unwrap();
        assert_eq!(small.minimal('e'), "2.5e-12");
        assert_eq!(Scientific::of_float(f64::NAN), None);
    }
}
