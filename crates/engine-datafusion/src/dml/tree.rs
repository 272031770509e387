//! Pieces of syntax trees, and the queries that changing statements become.

use arrow::datatypes::Schema;
use diagnostic::{Error, Result, codes};
use sqlparser::ast::{
    Expr, Ident, ObjectName, Query, Select, SelectItem, SetExpr, Statement, TableAlias,
    TableFactor, TableWithJoins, VisitorMut,
};
use sqlparser::dialect::SnowflakeDialect;
use sqlparser::parser::Parser;
use std::ops::ControlFlow;

use crate::names::identifier;

/// A quoted identifier: its letters are final.
pub(crate) fn ident(name: &str) -> Ident {
    Ident::with_quote('"', name)
}

/// `table.column`.
pub(crate) fn column(table: &Ident, column: &str) -> Expr {
    Expr::CompoundIdentifier(vec![table.clone(), ident(column)])
}

/// `expr as "name"`.
pub(crate) fn named(expr: Expr, name: &str) -> SelectItem {
    SelectItem::ExprWithAlias {
        expr,
        alias: ident(name),
    }
}

/// A table called `name`, as `alias`.
pub(crate) fn table(name: &str, alias: Ident) -> TableWithJoins {
    TableWithJoins {
        relation: factor(name, alias),
        joins: Vec::new(),
    }
}

/// A table called `name`, as `alias`.
pub(crate) fn factor(name: &str, alias: Ident) -> TableFactor {
    TableFactor::Table {
        name: ObjectName::from(vec![ident(name)]),
        alias: Some(TableAlias {
            explicit: true,
            name: alias,
            columns: Vec::new(),
            at: None,
        }),
        args: None,
        with_hints: Vec::new(),
        version: None,
        with_ordinality: false,
        partitions: Vec::new(),
        json_path: None,
        sample: None,
        index_hints: Vec::new(),
    }
}

/// `select projection from tables where condition`.
pub(crate) fn select(
    projection: Vec<SelectItem>,
    from: Vec<TableWithJoins>,
    condition: Option<Expr>,
) -> Result<Query> {
    let mut query = parse_query("SELECT 1")?;
    if let SetExpr::Select(select) = query.body.as_mut() {
        let select: &mut Select = select;
        select.projection = projection;
        select.from = from;
        select.selection = condition;
    }
    Ok(query)
}

/// A query from text of ours, whose identifiers are final.
pub(crate) fn parse_query(text: &str) -> Result<Query> {
    let parsed = Parser::parse_sql(&SnowflakeDialect, text).ok();
    match parsed.and_then(|mut statements| statements.pop()) {
        Some(Statement::Query(query)) => Ok(*query),
        _ => Err(Error::new(
            codes::X0001,
            format!("A query of the engine's own does not parse: {text}"),
        )),
    }
}

/// `target` and the name by which a statement's expressions call it: its alias, or its own name.
pub(crate) fn called(factor: &TableFactor) -> Option<(ObjectName, Ident)> {
    let TableFactor::Table { name, alias, .. } = factor else {
        return None;
    };
    let own = name.0.last().and_then(|part| part.as_ident()).cloned();
    let called = alias.as_ref().map(|alias| alias.name.clone()).or(own)?;
    Some((name.clone(), called))
}

/// The name by which expressions call the rows of `factor`, if they have one.
pub(crate) fn alias(factor: &TableFactor) -> Option<Ident> {
    match factor {
        TableFactor::Derived { alias, .. } | TableFactor::Function { alias, .. } => {
            alias.as_ref().map(|alias| alias.name.clone())
        }
        other => called(other).map(|(_, called)| called),
    }
}

/// Lets columns of `tree` that are called by their name alone be those of `table`, where the query that a statement
/// becomes has another table with such columns (`ambiguous`), which the statement cannot mean.
pub(crate) fn qualify<T: sql::Node>(tree: &mut T, table: &Ident, ambiguous: &Schema) {
    struct Qualifier<'a> {
        table: &'a Ident,
        ambiguous: &'a Schema,
        /// How many subqueries and lambdas are open: they have names of their own.
        inside: usize,
    }
    impl VisitorMut for Qualifier<'_> {
        type Break = ();

        fn pre_visit_query(&mut self, _: &mut Query) -> ControlFlow<()> {
            self.inside += 1;
            ControlFlow::Continue(())
        }

        fn post_visit_query(&mut self, _: &mut Query) -> ControlFlow<()> {
            self.inside -= 1;
            ControlFlow::Continue(())
        }

        fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
            match expr {
                Expr::Lambda(_) => self.inside += 1,
                Expr::Identifier(name) if self.inside == 0 => {
                    let column = identifier(name);
                    if self.ambiguous.field_with_name(column.as_str()).is_ok() {
                        *expr = Expr::CompoundIdentifier(vec![self.table.clone(), name.clone()]);
                    }
                }
                _ => {}
            }
            ControlFlow::Continue(())
        }

        fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
            if matches!(expr, Expr::Lambda(_)) {
                self.inside -= 1;
            }
            ControlFlow::Continue(())
        }
    }
    let mut qualifier = Qualifier {
        table,
        ambiguous,
        inside: 0,
    };
    let _ = sql::walk_mut(tree, &mut qualifier);
}

/// Lets expressions that call a table by its full name (`db.schema.t.column`) call it `short`.
pub(crate) fn shorten<T: sql::Node>(tree: &mut T, full: &[Ident], short: &Ident) {
    struct Shortener<'a> {
        full: &'a [Ident],
        short: &'a Ident,
    }
    impl VisitorMut for Shortener<'_> {
        type Break = ();

        fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
            if let Expr::CompoundIdentifier(parts) = expr
                && parts.len() > 2
                && let Some((column, table)) = parts.split_last()
                && self.full.len() >= table.len()
                && self.full[self.full.len() - table.len()..]
                    .iter()
                    .zip(table)
                    .all(|(one, other)| one.value == other.value)
            {
                *expr = Expr::CompoundIdentifier(vec![self.short.clone(), column.clone()]);
            }
            ControlFlow::Continue(())
        }
    }
    let _ = sql::walk_mut(tree, &mut Shortener { full, short });
}
