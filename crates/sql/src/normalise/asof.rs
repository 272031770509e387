//! ASOF JOIN among other joins: what stands left of it and the join itself go between brackets, where
//! the planner of relations finds them.

use sqlparser::ast::{JoinOperator, TableFactor, TableWithJoins};

/// Brackets the ASOF joins of one list of joins.
pub(super) fn bracket(table: &mut TableWithJoins) {
    while let Some(position) = table
        .joins
        .iter()
        .position(|join| matches!(join.join_operator, JoinOperator::AsOf { .. }))
    {
        let mut joins = std::mem::take(&mut table.joins);
        let after = joins.split_off(position + 1);
        let asof: Vec<_> = joins.drain(position..).collect();
        let before = TableWithJoins {
            relation: std::mem::replace(&mut table.relation, nothing()),
            joins,
        };
        let left = match before.joins.is_empty() {
            true => before.relation,
            false => nested(before),
        };
        table.relation = nested(TableWithJoins {
            relation: left,
            joins: asof,
        });
        table.joins = after;
    }
}

/// Whether these joins are what [`bracket`] made.
pub(super) fn is_bracketed(table: &TableWithJoins) -> bool {
    matches!(table.joins.as_slice(), [join] if matches!(join.join_operator, JoinOperator::AsOf { .. }))
}

fn nested(table: TableWithJoins) -> TableFactor {
    TableFactor::NestedJoin {
        table_with_joins: Box::new(table),
        alias: None,
    }
}

fn nothing() -> TableFactor {
    TableFactor::UNNEST {
        alias: None,
        array_exprs: Vec::new(),
        with_offset: false,
        with_offset_alias: None,
        with_ordinality: false,
    }
}
