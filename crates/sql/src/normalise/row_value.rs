//! `(a, b) in ((1, 2), …)` and `(a, b) in (select …)`: rows of several values beside each other.
//!
//! <https://docs.snowflake.com/en/sql-reference/functions/in>

use sqlparser::ast::{
    BinaryOperator, Expr, Ident, Query, SetExpr, TableAlias, TableAliasColumnDef, TableFactor,
    TableWithJoins, UnaryOperator, Value,
};

use super::like::call;
use crate::recursive::plain;

/// The name of the subquery; no statement can write it without quotes.
const ROWS: &str = "$ROWS";

/// Expands `expr` if it compares rows.
pub(super) fn expand(expr: &mut Expr) {
    let replacement = match expr {
        Expr::InList {
            expr: left,
            list,
            negated,
        } => match values(left) {
            Some(left) => in_list(left, list).map(|found| negate_if(*negated, found)),
            None => None,
        },
        Expr::InSubquery {
            expr: left,
            subquery,
            negated,
        } => values(left).and_then(|left| in_subquery(left, subquery, *negated)),
        Expr::BinaryOp {
            left,
            op: op @ (BinaryOperator::Eq | BinaryOperator::NotEq),
            right,
        } => match (values(left), values(right)) {
            (Some(left), Some(right)) if left.len() == right.len() => {
                let negated = *op == BinaryOperator::NotEq;
                all_equal(left, right).map(|equal| negate_if(negated, equal))
            }
            _ => None,
        },
        _ => None,
    };
    if let Some(replacement) = replacement {
        *expr = replacement;
    }
}

/// The values of a row of at least two.
fn values(expr: &Expr) -> Option<&[Expr]> {
    match expr {
        Expr::Tuple(values) if values.len() > 1 => Some(values),
        Expr::Nested(inner) => values(inner),
        _ => None,
    }
}

fn in_list(left: &[Expr], list: &[Expr]) -> Option<Expr> {
    let mut any = None;
    for row in list {
        let row = values(row).filter(|row| row.len() == left.len())?;
        let equal = all_equal(left, row)?;
        any = Some(match any {
            None => equal,
            Some(others) => both(others, BinaryOperator::Or, equal),
        });
    }
    any.map(nested)
}

fn all_equal(left: &[Expr], right: &[Expr]) -> Option<Expr> {
    let pairs = left.iter().zip(right);
    pairs
        .map(|(left, right)| both(left.clone(), BinaryOperator::Eq, right.clone()))
        .reduce(|all, next| both(all, BinaryOperator::And, next))
        .map(nested)
}

/// `exists (select 1 from (subquery) where …)`. A row that may be equal, because one of the values is
/// NULL, makes NOT IN untrue.
fn in_subquery(left: &[Expr], subquery: &Query, negated: bool) -> Option<Expr> {
    exists(subquery, left.len(), negated, |columns| {
        let equal = |(left, right): (&Expr, &Vec<Ident>)| {
            let right = Expr::CompoundIdentifier(right.clone());
            let equal = both(left.clone(), BinaryOperator::Eq, right);
            match negated {
                true => call("COALESCE", [equal, Expr::value(Value::Boolean(true))]),
                false => equal,
            }
        };
        let parts = left.iter().zip(columns).map(equal);
        parts.reduce(|all, next| both(all, BinaryOperator::And, next))
    })
}

/// `[not] exists (select 1 from (rows) where …)`, the condition made from the names of the `width`
/// columns.
pub(super) fn exists(
    rows: &Query,
    width: usize,
    negated: bool,
    condition: impl FnOnce(&[Vec<Ident>]) -> Option<Expr>,
) -> Option<Expr> {
    let quoted = |name: String| Ident::with_quote('"', name);
    let names: Vec<Vec<Ident>> = (0..width)
        .map(|position| vec![quoted(ROWS.to_owned()), quoted(format!("C{position}"))])
        .collect();
    let columns = names.iter().filter_map(|name| name.last());
    let alias = TableAlias {
        explicit: true,
        name: quoted(ROWS.to_owned()),
        columns: columns
            .map(|name| TableAliasColumnDef {
                name: name.clone(),
                data_type: None,
            })
            .collect(),
        at: None,
    };
    let condition = condition(&names)?;
    let mut select = match crate::parse::template("select 1 from t")? {
        SetExpr::Select(select) => select,
        _ => return None,
    };
    select.from = vec![TableWithJoins {
        relation: TableFactor::Derived {
            lateral: false,
            subquery: Box::new(rows.clone()),
            alias: Some(alias),
            sample: None,
        },
        joins: Vec::new(),
    }];
    select.selection = Some(condition);
    Some(Expr::Exists {
        subquery: Box::new(plain(SetExpr::Select(select))),
        negated,
    })
}

fn both(left: Expr, op: BinaryOperator, right: Expr) -> Expr {
    Expr::BinaryOp {
        left: Box::new(left),
        op,
        right: Box::new(right),
    }
}

fn nested(expr: Expr) -> Expr {
    Expr::Nested(Box::new(expr))
}

fn negate_if(negated: bool, expr: Expr) -> Expr {
    match negated {
        false => expr,
        true => Expr::UnaryOp {
            op: UnaryOperator::Not,
            expr: Box::new(nested(expr)),
        },
    }
}
