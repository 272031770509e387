//! `count(distinct a, b)`: distinct combinations, those with a NULL left out
//! (<https://docs.snowflake.com/en/sql-reference/functions/count>).

use sqlparser::ast::helpers::attached_token::AttachedToken;
use sqlparser::ast::{
    BinaryOperator, CaseWhen, DuplicateTreatment, Expr, Function, FunctionArg, FunctionArgExpr,
    FunctionArguments,
};

use super::like::call;

/// Packs several arguments of COUNT into one: a struct, or NULL if one of them is NULL.
pub(super) fn pack(function: &mut Function) {
    if function.name.to_string() != "COUNT" {
        return;
    }
    let FunctionArguments::List(list) = &mut function.args else {
        return;
    };
    let columns: Option<Vec<Expr>> = list
        .args
        .iter()
        .map(|arg| match arg {
            FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => Some(expr.clone()),
            _ => None,
        })
        .collect();
    let Some(columns) = columns.filter(|columns| columns.len() > 1) else {
        return;
    };
    let present = columns
        .iter()
        .map(|column| Expr::IsNotNull(Box::new(Expr::Nested(Box::new(column.clone())))))
        .reduce(|left, right| Expr::BinaryOp {
            left: Box::new(left),
            op: BinaryOperator::And,
            right: Box::new(right),
        });
    let Some(condition) = present else {
        return;
    };
    let result = match list.duplicate_treatment {
        Some(DuplicateTreatment::Distinct) => call("STRUCT", columns),
        // COUNT(a, b) counts the rows without a NULL.
        _ => Expr::value(sqlparser::ast::Value::Boolean(true)),
    };
    let packed = Expr::Case {
        case_token: AttachedToken::empty(),
        end_token: AttachedToken::empty(),
        operand: None,
        conditions: vec![CaseWhen { condition, result }],
        else_result: None,
    };
    list.args = vec![FunctionArg::Unnamed(FunctionArgExpr::Expr(packed))];
}
