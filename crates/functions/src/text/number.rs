//! Numbers as text and back, without a format, and the rounding they share.

/// `10^exponent`, up to the 38 digits a decimal holds.
pub(crate) fn power_of_ten(exponent: u32) -> Option<i128> {
    10_i128.checked_pow(exponent)
}

/// `value / divisor`, half away from zero; `divisor` is positive.
pub(crate) fn divide_rounding(value: i128, divisor: i128) -> i128 {
    let quotient = value / divisor;
    let remainder = (value % divisor).unsigned_abs();
    if remainder >= divisor.unsigned_abs().div_ceil(2) {
        quotient + value.signum()
    } else {
        quotient
    }
}

/// The digits of a decimal at another scale, half away from zero; none if they are too many.
pub(crate) fn rescale(digits: i128, from: i8, to: i8) -> Option<i128> {
    let shift = i32::from(to) - i32::from(from);
    match power_of_ten(shift.unsigned_abs()) {
        Some(power) if shift >= 0 => digits.checked_mul(power),
        Some(power) => Some(divide_rounding(digits, power)),
        None if shift < 0 || digits == 0 => Some(0),
        None => None,
    }
}

/// Whether the digits fit into `precision`.
pub(crate) fn fits(digits: i128, precision: u8) -> bool {
    power_of_ten(u32::from(precision)).is_none_or(|limit| digits.abs() < limit)
}

/// The digits of a decimal number in text, such as `-1.25`, `.5`, `1e3`, rounded to `scale`.
pub(crate) fn parse_decimal(text: &str, precision: u8, scale: i8) -> Option<i128> {
    let text = text.trim();
    let (negative, unsigned) = match text.as_bytes().first()? {
        b'-' => (true, text.get(1..)?),
        b'+' => (false, text.get(1..)?),
        _ => (false, text),
    };
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
        None => (unsigned, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let point = i32::try_from(whole.len()).ok()?.checked_add(exponent)?;
    let keep = point.checked_add(i32::from(scale))?;
    let mut digits: i128 = 0;
    let mut round_up = false;
    let mut place: i32 = 0;
    for byte in whole.bytes().chain(fraction.bytes()) {
        let digit = byte.is_ascii_digit().then(|| i128::from(byte - b'0'))?;
        if place < keep {
            digits = digits.checked_mul(10)?.checked_add(digit)?;
        } else if place == keep {
            round_up = digit >= 5;
        }
        place += 1;
    }
    if keep > place && digits != 0 {
        digits = digits.checked_mul(power_of_ten((keep - place).unsigned_abs())?)?;
    }
    let digits = digits + i128::from(round_up);
    let signed = if negative { -digits } else { digits };
    fits(signed, precision).then_some(signed)
}

/// A floating-point number as Snowflake shows it: `1`, `0.1`, `1e+20`.
pub(crate) fn float_text(value: f64) -> String {
    if value.is_nan() {
        return "NaN".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { "inf" } else { "-inf" }.to_owned();
    }
    let size = value.abs();
    if size != 0.0 && !(1e-4..1e15).contains(&size) {
        let scientific = format!("{value:e}");
        let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
        let (sign, exponent) = match exponent.strip_prefix('-') {
            Some(exponent) => ('-', exponent),
            None => ('+', exponent),
        };
        return format!("{mantissa}e{sign}{exponent:0>2}");
    }
    // Minus zero is shown as zero.
    format!("{}", value + 0.0)
}

/// The least and the most significant digits of a floating-point number that becomes text.
const SIGNIFICANT: (i32, i32) = (10, 15);

/// A floating-point number as VARCHAR, as accounts convert it: ten significant digits, one more for each place
/// before the point from 10 on, up to fifteen (`log(3, 4)` is `1.261859507`, and `sqrt(2e10)` `141421.356237310`
/// without its zero); an exponent where they do not reach the point.
pub(crate) fn float_varchar(value: f64) -> String {
    if !value.is_finite() {
        return float_text(value);
    }
    let exponent_of = |text: &str| -> Option<i32> { text.split_once('e')?.1.parse().ok() };
    let (least, most) = SIGNIFICANT;
    let exponent = exponent_of(&format!("{value:e}")).unwrap_or(0);
    let digits = (least + exponent).clamp(least, most);
    let behind = usize::try_from(digits - 1).unwrap_or(0);
    let exponential = format!("{value:.behind$e}");
    // Rounding may have added a digit.
    let exponent = exponent_of(&exponential).unwrap_or(exponent);
    let mantissa = exponential
        .split_once('e')
        .map_or("", |(mantissa, _)| mantissa);
    let trimmed = |text: &str| match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text.to_owned(),
    };
    if !(-4..digits).contains(&exponent) {
        let sign = if exponent < 0 { '-' } else { '+' };
        return format!("{}e{sign}{:02}", trimmed(mantissa), exponent.unsigned_abs());
    }
    let places = usize::try_from(digits - 1 - exponent).unwrap_or(0);
    trimmed(&format!("{value:.places$}"))
}

/// A decimal's digits with its point.
pub(crate) fn decimal_text(digits: i128, scale: i8) -> String {
    let Ok(scale) = usize::try_from(scale) else {
        return format!("{digits}{}", "0".repeat(usize::from(scale.unsigned_abs())));
    };
    if scale == 0 {
        return digits.to_string();
    }
    let text = format!("{:0>width$}", digits.unsigned_abs(), width = scale + 1);
    let (whole, fraction) = text.split_at(text.len() - scale);
    let sign = if digits < 0 { "-" } else { "" };
    format!("{sign}{whole}.{fraction}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounds_half_away_from_zero() {
        for (text, scale, digits) in [
            ("1.5", 0, Some(2)),
            ("-1.5", 0, Some(-2)),
            ("1.49", 0, Some(1)),
            ("0.5", 0, Some(1)),
            (" 12.345 ", 2, Some(1235)),
            ("1e3", 0, Some(1000)),
            ("1.25e-1", 3, Some(125)),
            (".5", 1, Some(5)),
            ("5.", 1, Some(50)),
            ("0.04", 1, Some(0)),
            ("", 0, None),
            ("abc", 0, None),
            ("1.2.3", 0, None),
            ("-", 0, None),
        ] {
            assert_eq!(parse_decimal(text, 38, scale), digits, "{text}");
        }
        assert_eq!(parse_decimal("1000", 3, 0), None);
        assert_eq!(rescale(-25, 1, 0), Some(-3));
    }

    #[test]
    fn shows_numbers() {
        assert_eq!(float_text(1.0), "1");
        assert_eq!(float_text(0.1), "0.1");
        assert_eq!(float_text(0.0001), "0.0001");
        assert_eq!(float_text(0.00001), "1e-05");
        assert_eq!(float_text(1e20), "1e+20");
        assert_eq!(float_text(1.5e-7), "1.5e-07");
        for (value, text) in [
            (4.0_f64.ln() / 3.0_f64.ln(), "1.261859507"),
            (0.080_722_053_022_710_99, "0.08072205302"),
            (f64::from(0.9_f32), "0.8999999762"),
            (std::f64::consts::SQRT_2 * 10.0, "14.142135624"),
            (std::f64::consts::SQRT_2 * 1e4, "14142.135623731"),
            (30.0_f64.exp(), "10686474581524.5"),
            (123_456_789.123, "123456789.123"),
            (0.1 + 0.2, "0.3"),
            (-0.0, "-0"),
            (100.0, "100"),
            (-1234.5, "-1234.5"),
            (2.5e14, "250000000000000"),
            (1e15, "1e+15"),
            (0.000_012_5, "1.25e-05"),
            (9.999_999_999_99, "10"),
            (1e100, "1e+100"),
            (f64::NAN, "NaN"),
            (f64::NEG_INFINITY, "-inf"),
        ] {
            assert_eq!(float_varchar(value), text);
        }
        assert_eq!(decimal_text(-5, 2), "-0.05");
        assert_eq!(decimal_text(1234, 2), "12.34");
    }
}
