//! What a plain scalar means in YAML 1.1, as PyYAML's resolver reads it.

use crate::Value;

/// The value of a scalar written without quotes.
pub(crate) fn resolve(text: &str) -> Value {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Value::Null,
        "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => {
            return Value::Bool(true);
        }
        "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => {
            return Value::Bool(false);
        }
        _ => {}
    }
    if !text.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '+' | '-' | '.')) {
        return Value::String(text.to_owned());
    }
    integer(text)
        .map(Value::Int)
        .or_else(|| float(text).map(Value::Float))
        .unwrap_or_else(|| Value::String(text.to_owned()))
}

fn split_sign(text: &str) -> (bool, &str) {
    match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    }
}

/// `123`, `1_000`, `010` (octal), `0x1f`, `0b101`, `1:30` (base 60).
pub(crate) fn integer(text: &str) -> Option<i64> {
    let (negative, digits) = split_sign(text);
    let number = if digits == "0" {
        0
    } else if let Some(binary) = digits.strip_prefix("0b") {
        radix(binary, 2)?
    } else if let Some(hexadecimal) = digits.strip_prefix("0x") {
        radix(hexadecimal, 16)?
    } else if let Some(octal) = digits.strip_prefix('0') {
        radix(octal, 8)?
    } else if digits.contains(':') {
        sixty(digits)?
    } else {
        digits
            .starts_with(|c: char| c.is_ascii_digit())
            .then_some(())?;
        radix(digits, 10)?
    };
    i64::try_from(if negative { -number } else { number }).ok()
}

fn radix(digits: &str, radix: u32) -> Option<i128> {
    let digits: String = digits.chars().filter(|c| *c != '_').collect();
    // `from_str_radix` would accept a second sign.
    digits.chars().all(|c| c.is_digit(radix)).then_some(())?;
    i128::from_str_radix(&digits, radix).ok()
}

fn sixty(digits: &str) -> Option<i128> {
    let mut parts = digits.split(':');
    let mut total = radix(parts.next()?, 10)?;
    for part in parts {
        (1..=2).contains(&part.len()).then_some(())?;
        let part = radix(part, 10).filter(|part| *part < 60)?;
        total = total.checked_mul(60)?.checked_add(part)?;
    }
    Some(total)
}

/// `1.5`, `1.`, `.5`, `1.0e+3` (the sign of the exponent is required), `.inf`, `.nan`.
pub(crate) fn float(text: &str) -> Option<f64> {
    let (negative, rest) = split_sign(text);
    let sign = if negative { -1.0 } else { 1.0 };
    match rest {
        ".inf" | ".Inf" | ".INF" => return Some(sign * f64::INFINITY),
        ".nan" | ".NaN" | ".NAN" if rest == text => return Some(f64::NAN),
        _ => {}
    }
    let (mantissa, exponent) = match rest.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (rest, None),
    };
    let (whole, fraction) = mantissa.split_once('.')?;
    let digits = |part: &str| part.chars().all(|c| c.is_ascii_digit() || c == '_');
    let starts = |part: &str| part.starts_with(|c: char| c.is_ascii_digit());
    if !digits(whole) || !digits(fraction) {
        return None;
    }
    if !starts(whole) && (!whole.is_empty() || !starts(fraction)) {
        return None;
    }
    let exponent = match exponent {
        Some(exponent) => {
            let power = exponent.strip_prefix(['+', '-'])?;
            (!power.is_empty() && power.chars().all(|c| c.is_ascii_digit())).then_some(exponent)?
        }
        None => "0",
    };
    let plain: String = mantissa.chars().filter(|c| *c != '_').collect();
    let number: f64 = format!("0{plain}0e{exponent}").parse().ok()?;
    Some(sign * number)
}

#[cfg(test)]
mod tests {
    use super::resolve;
    use crate::Value;

    #[test]
    fn reads_scalars_as_pyyaml_does() {
        let text = |t: &str| Value::String(t.to_owned());
        for (scalar, value) in [
            ("", Value::Null),
            ("~", Value::Null),
            ("yes", Value::Bool(true)),
            ("Off", Value::Bool(false)),
            ("y", text("y")),
            ("nO", text("nO")),
            ("0", Value::Int(0)),
            ("-12", Value::Int(-12)),
            ("+3", Value::Int(3)),
            ("010", Value::Int(8)),
            ("08", text("08")),
            ("0x1F", Value::Int(31)),
            ("0b11", Value::Int(3)),
            ("0o7", text("0o7")),
            ("1_000", Value::Int(1000)),
            ("12:30", Value::Int(750)),
            ("12:61", text("12:61")),
            ("99999999999999999999", text("99999999999999999999")),
            ("1.5", Value::Float(1.5)),
            ("-1.", Value::Float(-1.0)),
            (".5", Value::Float(0.5)),
            ("1.0e+3", Value::Float(1000.0)),
            ("1e3", text("1e3")),
            ("1.5e3", text("1.5e3")),
            (".inf", Value::Float(f64::INFINITY)),
            ("2024-01-02", text("2024-01-02")),
            ("1.10.2", text("1.10.2")),
            ("-", text("-")),
            (".", text(".")),
            ("+", text("+")),
        ] {
            assert_eq!(resolve(scalar), value, "{scalar}");
        }
    }
}
