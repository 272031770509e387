//! `CEIL(x, scale)` and `FLOOR(x, scale)`: grammar to the parser, functions to the planner. `ROUND(EXPR => x, …)`.

use sqlparser::ast::{
    CeilFloorKind, DateTimeField, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments,
    Value,
};

/// The parameters of ROUND (<https://docs.snowflake.com/en/sql-reference/functions/round>).
const PARAMETERS: [&str; 3] = ["EXPR", "SCALE", "ROUNDING_MODE"];

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

/// Puts the named arguments of ROUND in their places; the planner refuses names that it does not have.
pub(super) fn place_arguments(function: &mut Function) {
    if function.name.to_string() != "ROUND" {
        return;
    }
    let FunctionArguments::List(list) = &mut function.args else {
        return;
    };
    let mut placed: [Option<Expr>; 3] = [const { None }; 3];
    for argument in &list.args {
        let FunctionArg::Named {
            name,
            arg: FunctionArgExpr::Expr(value),
            ..
        } = argument
        else {
            return;
        };
        let parameter = PARAMETERS.iter().position(|known| *known == name.value);
        match parameter.and_then(|at| placed.get_mut(at)) {
            Some(place @ None) => *place = Some(value.clone()),
            _ => return,
        }
    }
    let [Some(value), scale, mode] = placed else {
        return;
    };
    let places = || Expr::value(Value::Number("0".to_owned(), false));
    let scale = scale.or_else(|| mode.is_some().then(places));
    list.args = [Some(value), scale, mode]
        .into_iter()
        .flatten()
        .map(|value| FunctionArg::Unnamed(FunctionArgExpr::Expr(value)))
        .collect();
}
