//! WITH clauses that refer to themselves.
//!
//! The word RECURSIVE is optional in Snowflake
//! (<https://docs.snowflake.com/en/sql-reference/constructs/with>), and the planner takes every UNION
//! under it for a recursion. Here the word is set where a query needs it, and every other query of the
//! clause is put between brackets, so that the planner leaves it alone.

use std::ops::ControlFlow;

use sqlparser::ast::{
    CastKind, Cte, DataType, Expr, Ident, ObjectName, Query, SelectItem, SetExpr, SetOperator,
    SetQuantifier, TableAlias, TableFactor, Value, Visitor, VisitorMut,
};

use crate::scope::dotted;

/// Marks the recursive WITH clauses of a tree as it was parsed.
pub(crate) fn mark<T: crate::Node>(tree: &mut T) {
    let _ = crate::walk_mut(tree, &mut Marker);
}

struct Marker;

impl VisitorMut for Marker {
    type Break = ();

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<()> {
        let Some(with) = &mut query.with else {
            return ControlFlow::Continue(());
        };
        let written = with.recursive;
        with.recursive |= with.cte_tables.iter().any(refers_to_itself);
        if with.recursive {
            for table in &mut with.cte_tables {
                let recursive = match written {
                    // UNION without ALL recurs only where the word says so.
                    true => names_itself(table),
                    false => refers_to_itself(table),
                };
                if recursive {
                    qualify(table);
                } else if matches!(*table.query.body, SetExpr::SetOperation { .. }) {
                    bracket(&mut table.query);
                }
            }
        }
        ControlFlow::Continue(())
    }
}

/// Whether the query of `table` is an anchor, UNION ALL, and a query over `table` itself.
pub(crate) fn refers_to_itself(table: &Cte) -> bool {
    names_itself(table)
        && matches!(
            *table.query.body,
            SetExpr::SetOperation {
                set_quantifier: SetQuantifier::All,
                ..
            }
        )
}

/// Like [`refers_to_itself`], for any UNION.
pub(crate) fn names_itself(table: &Cte) -> bool {
    let SetExpr::SetOperation {
        op: SetOperator::Union,
        left,
        right,
        ..
    } = table.query.body.as_ref()
    else {
        return false;
    };
    let name = &table.alias.name.value;
    reads(right, name) && !reads(left, name)
}

/// `select …` as `(select …)`.
fn bracket(query: &mut Query) {
    let outer = plain(SetExpr::Table(Box::new(sqlparser::ast::Table {
        table_name: None,
        schema_name: None,
    })));
    let inner = std::mem::replace(query, outer);
    *query.body = SetExpr::Query(Box::new(inner));
}

/// A query that is only its body.
pub(crate) fn plain(body: SetExpr) -> Query {
    Query {
        with: None,
        body: Box::new(body),
        order_by: None,
        limit_clause: None,
        fetch: None,
        locks: Vec::new(),
        for_clause: None,
        settings: None,
        format_clause: None,
        pipe_operators: Vec::new(),
    }
}

/// Gives the uses of `table` in itself an alias: the planner loses the case of the name otherwise.
fn qualify(table: &mut Cte) {
    let name = table.alias.name.clone();
    if let SetExpr::SetOperation { left, right, .. } = table.query.body.as_mut() {
        type_nulls(left);
        let _ = crate::walk_mut(right.as_mut(), &mut Qualifier { name });
    }
}

/// Makes a text of each NULL that an anchor selects: the anchor decides the types of the columns, and a NULL
/// has none of its own.
fn type_nulls(anchor: &mut SetExpr) {
    match anchor {
        SetExpr::Select(select) => {
            for item in &mut select.projection {
                let (SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. }) = item
                else {
                    continue;
                };
                if matches!(expr, Expr::Value(value) if value.value == Value::Null) {
                    let cast = Expr::Cast {
                        kind: CastKind::Cast,
                        expr: Box::new(expr.clone()),
                        data_type: DataType::Varchar(None),
                        array: false,
                        format: None,
                    };
                    *item = match item {
                        SelectItem::ExprWithAlias { alias, .. } => SelectItem::ExprWithAlias {
                            expr: cast,
                            alias: alias.clone(),
                        },
                        _ => SelectItem::ExprWithAlias {
                            expr: cast,
                            alias: Ident::with_quote('"', "NULL"),
                        },
                    };
                }
            }
        }
        SetExpr::SetOperation { left, right, .. } => {
            type_nulls(left);
            type_nulls(right);
        }
        _ => {}
    }
}

struct Qualifier {
    name: Ident,
}

impl VisitorMut for Qualifier {
    type Break = ();

    fn pre_visit_table_factor(&mut self, factor: &mut TableFactor) -> ControlFlow<()> {
        if let TableFactor::Table {
            name,
            alias: alias @ None,
            ..
        } = factor
            && name.0.len() == 1
            && dotted(name) == self.name.value
        {
            *alias = Some(TableAlias {
                explicit: true,
                name: self.name.clone(),
                columns: Vec::new(),
                at: None,
            });
        }
        ControlFlow::Continue(())
    }
}

fn reads(body: &SetExpr, name: &str) -> bool {
    let mut finder = Finder { name };
    crate::walk(body, &mut finder).is_break()
}

struct Finder<'a> {
    name: &'a str,
}

impl Finder<'_> {
    fn is(&self, name: &ObjectName) -> bool {
        name.0.len() == 1 && dotted(name) == self.name
    }
}

impl Visitor for Finder<'_> {
    type Break = ();

    fn pre_visit_table_factor(&mut self, factor: &TableFactor) -> ControlFlow<()> {
        match factor {
            TableFactor::Table { name, .. } if self.is(name) => ControlFlow::Break(()),
            _ => ControlFlow::Continue(()),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use diagnostic::Source;

    fn marked(text: &str) -> String {
        crate::parse_script(&Source::new("t", text)).unwrap()[0]
            .ast
            .to_string()
    }

    #[test]
    fn the_word_is_optional() {
        assert_eq!(
            marked(
                "with n (x) as (select 1 union all select x + 1 from n where x < 3) select * from n"
            ),
            "WITH RECURSIVE N (X) AS (SELECT 1 UNION ALL SELECT X + 1 FROM N AS N WHERE X < 3) SELECT * FROM N"
        );
    }

    #[test]
    fn queries_that_do_not_recur_are_left_alone() {
        assert_eq!(
            marked(
                "with orders as (select * from orders union all select * from orders) select * from orders"
            ),
            "WITH ORDERS AS (SELECT * FROM ORDERS UNION ALL SELECT * FROM ORDERS) SELECT * FROM ORDERS"
        );
        assert_eq!(
            marked("with recursive a as (select 1 union select 2 limit 1) select * from a"),
            "WITH RECURSIVE A AS ((SELECT 1 UNION SELECT 2 LIMIT 1)) SELECT * FROM A"
        );
    }
}
