//! `where a.id = b.id (+)`: the older spelling of an outer join.
//!
//! <https://docs.snowflake.com/en/sql-reference/constructs/join#joins-in-the-where-clause>

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use sqlparser::ast::{
    BinaryOperator, Expr, Join, JoinConstraint, JoinOperator, Select, TableFactor, TableWithJoins,
    Visitor,
};

use crate::refuse::Refusal;
use crate::scope::dotted;

/// Turns the conditions with `(+)` into left joins.
pub(super) fn rewrite(select: &mut Select) -> Result<(), Refusal> {
    let marked = select.selection.as_ref().is_some_and(has_mark);
    if !marked {
        return Ok(());
    }
    let mut conditions = Vec::new();
    let mut rest = Vec::new();
    for part in conjuncts(select.selection.take()) {
        let tables = marked_tables(&part)?;
        let mut tables = tables.into_iter();
        match (tables.next(), tables.next()) {
            (None, _) => rest.push(part),
            (Some(table), None) => conditions.push((table, unmarked(part))),
            (Some(_), Some(_)) => return Err(refusal("`(+)` at two tables of one condition")),
        }
    }
    select.selection = conjunction(rest);
    let from = std::mem::take(&mut select.from);
    let (optional, required): (Vec<_>, Vec<_>) = from.into_iter().partition(|table| {
        let name = name_of(&table.relation);
        conditions
            .iter()
            .any(|(marked, _)| Some(marked) == name.as_ref())
    });
    if optional.iter().any(|table| !table.joins.is_empty()) {
        return Err(refusal("`(+)` at a table that is joined otherwise, too"));
    }
    let mut required = required.into_iter();
    let Some(mut whole) = required.next() else {
        return Err(refusal("`(+)` at every table"));
    };
    for table in required {
        whole.joins.push(Join {
            relation: table.relation,
            global: false,
            join_operator: JoinOperator::CrossJoin(JoinConstraint::None),
        });
        whole.joins.extend(table.joins);
    }
    attach(&mut whole, optional, conditions)?;
    select.from = vec![whole];
    Ok(())
}

/// Joins each optional table after those its conditions name.
fn attach(
    whole: &mut TableWithJoins,
    mut optional: Vec<TableWithJoins>,
    conditions: Vec<(String, Expr)>,
) -> Result<(), Refusal> {
    while !optional.is_empty() {
        let waiting: Vec<String> = optional
            .iter()
            .filter_map(|table| name_of(&table.relation))
            .collect();
        let ready = waiting.iter().position(|name| {
            conditions
                .iter()
                .filter(|(at, _)| at == name)
                .all(|(_, condition)| {
                    qualifiers(condition)
                        .iter()
                        .all(|used| used == name || !waiting.contains(used))
                })
        });
        let Some(ready) = ready else {
            return Err(refusal("`(+)` in a circle of tables"));
        };
        let table = optional.remove(ready);
        let name = waiting.get(ready).cloned().unwrap_or_default();
        let on = conditions
            .iter()
            .filter(|(at, _)| *at == name)
            .map(|(_, condition)| condition.clone());
        let constraint = match conjunction(on.collect()) {
            Some(on) => JoinConstraint::On(on),
            None => JoinConstraint::None,
        };
        whole.joins.push(Join {
            relation: table.relation,
            global: false,
            join_operator: JoinOperator::LeftOuter(constraint),
        });
    }
    Ok(())
}

fn refusal(part: &str) -> Refusal {
    Refusal {
        part: part.to_owned(),
        remedy: "write LEFT JOIN … ON",
    }
}

fn has_mark(expr: &Expr) -> bool {
    struct Marks;
    impl Visitor for Marks {
        type Break = ();
        fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
            match expr {
                Expr::OuterJoin(_) => ControlFlow::Break(()),
                _ => ControlFlow::Continue(()),
            }
        }
    }
    crate::walk(expr, &mut Marks).is_break()
}

fn conjuncts(expr: Option<Expr>) -> Vec<Expr> {
    let mut open: Vec<Expr> = expr.into_iter().collect();
    let mut parts = Vec::new();
    while let Some(expr) = open.pop() {
        match expr {
            Expr::BinaryOp {
                left,
                op: BinaryOperator::And,
                right,
            } => {
                open.push(*right);
                open.push(*left);
            }
            Expr::Nested(inner) if has_mark(&inner) => open.push(*inner),
            other => parts.push(other),
        }
    }
    parts
}

fn conjunction(parts: Vec<Expr>) -> Option<Expr> {
    parts.into_iter().reduce(|left, right| Expr::BinaryOp {
        left: Box::new(left),
        op: BinaryOperator::And,
        right: Box::new(right),
    })
}

/// The tables whose columns carry a mark in `expr`.
fn marked_tables(expr: &Expr) -> Result<BTreeSet<String>, Refusal> {
    struct Finder {
        found: BTreeSet<String>,
        unqualified: bool,
    }
    impl Visitor for Finder {
        type Break = ();
        fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
            if let Expr::OuterJoin(inner) = expr {
                match qualifiers(inner).pop_first() {
                    Some(table) => {
                        self.found.insert(table);
                    }
                    None => self.unqualified = true,
                }
            }
            ControlFlow::Continue(())
        }
    }
    let mut finder = Finder {
        found: BTreeSet::new(),
        unqualified: false,
    };
    let _ = crate::walk(expr, &mut finder);
    match finder.unqualified {
        true => Err(refusal("`(+)` at a column without its table")),
        false => Ok(finder.found),
    }
}

fn unmarked(mut expr: Expr) -> Expr {
    let _ = crate::expressions_mut(&mut expr, &mut |part| {
        if let Expr::OuterJoin(inner) = part {
            *part = std::mem::replace(inner.as_mut(), Expr::Tuple(Vec::new()));
        }
        ControlFlow::Continue(())
    });
    expr
}

/// The table names before the columns of `expr`.
fn qualifiers(expr: &Expr) -> BTreeSet<String> {
    struct Finder(BTreeSet<String>);
    impl Visitor for Finder {
        type Break = ();
        fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
            if let Expr::CompoundIdentifier(parts) = expr
                && let [.., table, _] = parts.as_slice()
            {
                self.0.insert(table.value.clone());
            }
            ControlFlow::Continue(())
        }
    }
    let mut finder = Finder(BTreeSet::new());
    let _ = crate::walk(expr, &mut finder);
    finder.0
}

/// What the columns of a factor are qualified with.
fn name_of(factor: &TableFactor) -> Option<String> {
    match factor {
        TableFactor::Table { name, alias, .. } => match alias {
            Some(alias) => Some(alias.name.value.clone()),
            None => dotted(name).rsplit('.').next().map(str::to_owned),
        },
        TableFactor::Derived { alias, .. } => alias.as_ref().map(|alias| alias.name.value.clone()),
        _ => None,
    }
}
