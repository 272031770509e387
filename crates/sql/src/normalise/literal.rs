//! Numbers as Snowflake reads them: zeros that end a fraction do not count, `1.23e10` has the digits it stands for,
//! and `1e308`, which has no exact type, is a floating-point number.
//!
//! <https://docs.snowflake.com/en/sql-reference/data-types-numeric#numeric-constants>. What accounts answer:
//! `SELECT 1.50` is 1.5 of type NUMBER(2,1), and the quotient in `100.0 * a / b` has six digits.

use sqlparser::ast::{
    CastKind, DataType, ExactNumberInfo, Expr, Function, FunctionArg, FunctionArgExpr,
    FunctionArguments, Value,
};

/// The digits of the largest exact type.
const MOST_DIGITS: usize = 38;

/// Takes the number that `expr` is as Snowflake reads it.
pub(super) fn read(expr: &mut Expr) {
    let Expr::Value(value) = expr else { return };
    let Value::Number(text, long) = &value.value else {
        return;
    };
    let exact = match text.split_once(['e', 'E']) {
        None if text.contains('.') => Some(without_zeros(text)),
        None => return,
        Some((mantissa, exponent)) => written_out(mantissa, exponent),
    };
    if let Some(exact) = exact {
        value.value = Value::Number(exact, *long);
        return;
    }
    let mut quoted = value.clone();
    quoted.value = Value::SingleQuotedString(text.clone());
    *expr = Expr::Cast {
        kind: CastKind::Cast,
        expr: Box::new(Expr::Value(quoted)),
        data_type: DataType::Double(ExactNumberInfo::None),
        array: false,
        format: None,
    };
}

/// A number without its exponent, if that leaves no more digits than an exact type has.
fn written_out(mantissa: &str, exponent: &str) -> Option<String> {
    let exponent: isize = exponent.parse().ok()?;
    if exponent.unsigned_abs() >= MOST_DIGITS {
        return None;
    }
    let (head, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let zeros = |count: isize| "0".repeat(usize::try_from(count).unwrap_or(0));
    let digits = format!("{}{head}{fraction}{}", zeros(-exponent), zeros(exponent));
    let point = zeros(-exponent).len().checked_add(head.len())?;
    let (whole, fraction) = digits.split_at_checked(point.checked_add_signed(exponent)?)?;
    let whole = whole.trim_start_matches('0');
    let text = without_zeros(&format!("{whole}.{fraction}"));
    let count = text.bytes().filter(u8::is_ascii_digit).count();
    (count <= MOST_DIGITS).then_some(text)
}

/// A number without the zeros that end its fraction.
fn without_zeros(text: &str) -> String {
    let text = match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.'),
        false => text,
    };
    if text.is_empty() { "0" } else { text }.to_owned()
}

/// Lets UNIFORM see how its bounds are written: `UNIFORM(0.0, 1.0, …)` draws fractions.
pub(super) fn keep_bounds(function: &mut Function) {
    if function.name.to_string() != "UNIFORM" {
        return;
    }
    let FunctionArguments::List(list) = &mut function.args else {
        return;
    };
    for argument in &mut list.args {
        if let FunctionArg::Unnamed(FunctionArgExpr::Expr(bound)) = argument
            && let Expr::Value(value) = bound
            && let Value::Number(text, _) = &value.value
            && let Some((whole, fraction)) = text.split_once('.')
            && fraction.ends_with('0')
        {
            let digits = |text: &str| u64::try_from(text.len()).unwrap_or(u64::MAX);
            let scale = i64::try_from(fraction.len()).unwrap_or(i64::MAX);
            let precision = digits(whole).max(1).saturating_add(digits(fraction));
            let kind = ExactNumberInfo::PrecisionAndScale(precision, scale);
            *bound = Expr::Cast {
                kind: CastKind::Cast,
                expr: Box::new(Expr::Value(value.clone())),
                data_type: DataType::Numeric(kind),
                array: false,
                format: None,
            };
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn an_exponent_is_written_out() {
        for (mantissa, exponent, text) in [
            ("1.23", "10", "12300000000"),
            ("1.5", "+3", "1500"),
            ("1.5", "-3", ".0015"),
            ("1", "-2", ".01"),
            ("123.4500", "1", "1234.5"),
            ("1.5", "0", "1.5"),
            ("0", "5", "0"),
            ("120", "-1", "12"),
            ("1", "37", "10000000000000000000000000000000000000"),
        ] {
            assert_eq!(written_out(mantissa, exponent).unwrap(), text);
        }
        assert_eq!(written_out("12", "37"), None);
        assert_eq!(written_out("1", "308"), None);
        assert_eq!(written_out("1", "-300"), None);
    }
}
