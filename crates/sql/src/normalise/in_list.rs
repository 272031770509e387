//! `x IN (…)` over values of the row: one comparison each, beside a list of the constant ones.
//!
//! The engine looks constants up at once, and decides wrongly where a computed value of the list is NULL.

use std::ops::ControlFlow;

use sqlparser::ast::{BinaryOperator, Expr, UnaryOperator, Visitor};

/// Takes `expr` apart if it is a list with values that are not constant.
pub(super) fn expand(expr: &mut Expr) {
    let Expr::InList {
        expr: left,
        list,
        negated,
    } = expr
    else {
        return;
    };
    let (constant, computed): (Vec<Expr>, Vec<Expr>) =
        std::mem::take(list).into_iter().partition(is_constant);
    if computed.is_empty() {
        *list = constant;
        return;
    }
    let mut tests = Vec::new();
    if !constant.is_empty() {
        tests.push(Expr::InList {
            expr: left.clone(),
            list: constant,
            negated: false,
        });
    }
    let nested = |expr: Expr| Box::new(Expr::Nested(Box::new(expr)));
    tests.extend(computed.into_iter().map(|value| Expr::BinaryOp {
        left: nested(left.as_ref().clone()),
        op: BinaryOperator::Eq,
        right: nested(value),
    }));
    let any = tests.into_iter().reduce(|left, right| Expr::BinaryOp {
        left: Box::new(left),
        op: BinaryOperator::Or,
        right: Box::new(right),
    });
    let Some(any) = any else { return };
    let any = Expr::Nested(Box::new(any));
    *expr = match negated {
        false => any,
        true => Expr::Nested(Box::new(Expr::UnaryOp {
            op: UnaryOperator::Not,
            expr: Box::new(any),
        })),
    };
}

/// Whether `expr` has the same value for every row, as far as its form tells.
fn is_constant(expr: &Expr) -> bool {
    struct Finder;
    impl Visitor for Finder {
        type Break = ();

        fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
            match expr {
                Expr::Value(_)
                | Expr::TypedString(_)
                | Expr::Interval(_)
                | Expr::Nested(_)
                | Expr::UnaryOp { .. }
                | Expr::BinaryOp { .. }
                | Expr::Cast { .. } => ControlFlow::Continue(()),
                _ => ControlFlow::Break(()),
            }
        }
    }
    crate::walk(expr, &mut Finder).is_continue()
}
