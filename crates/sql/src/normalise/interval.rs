//! `x + interval '1 year, 2 days'`: lengths of time are added by DATEADD, part by part.
//!
//! Snowflake has them as operands of `+` and `-` only
//! (<https://docs.snowflake.com/en/sql-reference/data-types-datetime#interval-constants>).

use diagnostic::{Error, Result, codes};
use sqlparser::ast::{BinaryOperator, Expr, Interval, Spanned, UnaryOperator, Value};

use super::date_parts::PARTS;
use super::like::call;
use crate::Statement;

/// Turns a sum with a length of time into calls of DATEADD.
pub(super) fn add(expr: &mut Expr, statement: &Statement) -> Result<()> {
    let Expr::BinaryOp { left, op, right } = expr else {
        return Ok(());
    };
    let (moment, length, is_added) = match (op, left.as_mut(), right.as_mut()) {
        (BinaryOperator::Plus, Expr::Interval(length), moment) => (moment, length, true),
        (BinaryOperator::Plus, moment, Expr::Interval(length)) => (moment, length, true),
        (BinaryOperator::Minus, moment, Expr::Interval(length)) => (moment, length, false),
        _ => return Ok(()),
    };
    let Some(text) = constant(length) else {
        return Ok(());
    };
    let Some(parts) = parts(&text, length) else {
        let place = statement.place(length.value.span());
        return Err(
            Error::new(codes::S1002, format!("`{text}` is not a length of time"))
                .at(place)
                .help("write whole numbers with their parts, such as `interval '1 year, 2 days'`"),
        );
    };
    let nothing = Expr::value(Value::Null);
    let mut sum = std::mem::replace(moment, nothing);
    for (count, part) in parts {
        let part = Expr::value(Value::SingleQuotedString(part));
        let count = if is_added {
            Some(count)
        } else {
            count.checked_neg()
        };
        let count = number(count.unwrap_or(i64::MAX));
        sum = call("DATEADD", [part, count, sum]);
    }
    *expr = sum;
    Ok(())
}

fn constant(length: &Interval) -> Option<String> {
    let Expr::Value(value) = length.value.as_ref() else {
        return None;
    };
    match &value.value {
        Value::SingleQuotedString(text) => Some(text.clone()),
        Value::Number(text, _) => Some(text.clone()),
        _ => None,
    }
}

/// The numbers and parts of a length of time; seconds where no part is named.
fn parts(text: &str, length: &Interval) -> Option<Vec<(i64, String)>> {
    let outside = length.leading_field.as_ref().map(ToString::to_string);
    text.split(',')
        .map(|piece| {
            let piece = piece.trim();
            let end = piece
                .find(|letter: char| !letter.is_ascii_digit() && !"+-".contains(letter))
                .unwrap_or(piece.len());
            let (count, part) = piece.split_at(end);
            let part = match (part.trim(), &outside) {
                ("", Some(part)) => part.as_str(),
                ("", None) => "SECOND",
                (part, None) => part,
                (_, Some(_)) => return None,
            };
            PARTS
                .contains(&part.to_uppercase().as_str())
                .then_some(())?;
            Some((count.parse().ok()?, part.to_lowercase()))
        })
        .collect()
}

fn number(count: i64) -> Expr {
    let digits = Expr::value(Value::Number(count.unsigned_abs().to_string(), false));
    if count >= 0 {
        return digits;
    }
    Expr::UnaryOp {
        op: UnaryOperator::Minus,
        expr: Box::new(digits),
    }
}
