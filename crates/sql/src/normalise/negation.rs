//! `-x` of what need not be a number: text and values of VARIANT are read as one.
//!
//! <https://docs.snowflake.com/en/sql-reference/operators-arithmetic>. The planner's own minus takes numbers only;
//! `-0.5::varchar` is the minus of a text, because `::` binds tighter.

use sqlparser::ast::{BinaryOperator, Expr, UnaryOperator, Value};

/// Makes a call of `expr` if it is the minus of anything but a number.
pub(super) fn call(expr: &mut Expr) {
    if let Expr::UnaryOp {
        op: UnaryOperator::Minus,
        expr: operand,
    } = expr
        && !is_number(operand)
    {
        *expr = super::like::call("$NEGATE", [operand.as_ref().clone()]);
    }
}

fn is_number(expr: &Expr) -> bool {
    match expr {
        Expr::Value(value) => matches!(value.value, Value::Number(..)),
        Expr::Interval(_) => true,
        Expr::Nested(inner) => is_number(inner),
        Expr::UnaryOp {
            op: UnaryOperator::Minus | UnaryOperator::Plus,
            expr,
        } => is_number(expr),
        Expr::BinaryOp { op, .. } => matches!(
            op,
            BinaryOperator::Plus
                | BinaryOperator::Minus
                | BinaryOperator::Multiply
                | BinaryOperator::Divide
                | BinaryOperator::Modulo
        ),
        _ => false,
    }
}
