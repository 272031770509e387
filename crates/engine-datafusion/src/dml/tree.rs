//! Pieces of syntax trees, and the queries that changing statements become.

use diagnostic::{Error, Result, codes};
use sqlparser::ast::{
    Expr, Ident, ObjectName, Query, Select, SelectItem, SetExpr, Statement, TableAlias,
    TableFactor, TableWithJoins, VisitMut, VisitorMut,
};
use sqlparser::dialect::SnowflakeDialect;
use sqlparser::parser::Parser;
use std::ops::ControlFlow;

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

/// Lets expressions that call a table by its full name (`db.schema.t.column`) call it `short`.
pub(crate) fn shorten<T: VisitMut>(tree: &mut T, full: &[Ident], short: &Ident) {
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
    let _: ControlFlow<()> = VisitMut::visit(tree, &mut Shortener { full, short });
}
