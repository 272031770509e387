//! Numbers such as `1e308`, which have no exact type, are floating-point ones.
//!
//! <https://docs.snowflake.com/en/sql-reference/data-types-numeric#numeric-constants>

use sqlparser::ast::{CastKind, DataType, ExactNumberInfo, Expr, Value};

/// The largest exponent whose number 38 digits hold.
const LARGEST: u32 = 37;

/// Makes a floating-point number of `expr` if it is written with an exponent that no exact type has.
pub(super) fn float(expr: &mut Expr) {
    let Expr::Value(value) = expr else { return };
    let Value::Number(text, _) = &value.value else {
        return;
    };
    let Some((_, exponent)) = text.split_once(['e', 'E']) else {
        return;
    };
    let size = exponent.trim_start_matches(['+', '-']).parse::<u32>();
    if size.is_ok_and(|size| size <= LARGEST) {
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
