//! `CEIL(x, scale)` and `FLOOR(x, scale)`: grammar to the parser, functions to the planner.

use sqlparser::ast::{CeilFloorKind, DateTimeField, Expr};

/// Makes a call of `expr` if it is one of these.
pub(super) fn call(expr: &mut Expr) {
    let (name, value, kind) = match expr {
        Expr::Ceil { expr, field } => ("CEIL", expr, field),
        Expr::Floor { expr, field } => ("FLOOR", expr, field),
        _ => return,
    };
    let mut arguments = vec![value.as_ref().clone()];
    match kind {
        CeilFloorKind::DateTimeField(DateTimeField::NoDateTime) => {}
        // Of another dialect; the planner refuses it.
        CeilFloorKind::DateTimeField(_) => return,
        CeilFloorKind::Scale(scale) => arguments.push(Expr::Value(scale.clone())),
    }
    *expr = super::like::call(name, arguments);
}
