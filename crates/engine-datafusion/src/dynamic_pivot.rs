//! `PIVOT (… FOR column IN (ANY))` and `IN (subquery)`: the values are read first, and the list of them
//! takes their place.
//!
//! <https://docs.snowflake.com/en/sql-reference/constructs/pivot>

use std::ops::ControlFlow;

use arrow::array::Array;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use diagnostic::{Error, Result, ResultExt, codes};
use sql::Statement;
use sqlparser::ast::{
    Cte, Expr, ExprWithAlias, Ident, PivotValueSource, Query, Statement as Ast, TableFactor, Value,
    Visitor, VisitorMut,
};

use crate::provider::Databases;
use crate::{columns, embedded, join_fallback};

/// More columns than a PIVOT makes.
const MOST: usize = 1_000;

/// Fills in the values of every PIVOT of `statement` that names none.
pub(crate) async fn fill(databases: &Databases, statement: &mut Statement) -> Result<()> {
    while let Some(wanted) = next(&statement.ast)? {
        let script = diagnostic::Source::new("pivot values", wanted.to_string());
        let Some(query) = sql::parse_script(&script)?.pop() else {
            return Err(Error::new(codes::X0001, "A query without text"));
        };
        let values = Box::pin(values(databases, query)).await?;
        let mut filler = Filler {
            values: Some(values),
        };
        let _ = sql::walk_mut(&mut statement.ast, &mut filler);
    }
    Ok(())
}

/// The distinct values of the first column of `query`, in its order.
async fn values(databases: &Databases, query: Statement) -> Result<Vec<ExprWithAlias>> {
    let statement = columns::normalise(databases, query).await?;
    let state = databases.state()?;
    let plan = embedded::plan(&state, statement.ast, None).await?;
    let (_, batches) = join_fallback::rows(state, &plan).await?;
    let mut found: Vec<ExprWithAlias> = Vec::new();
    for batch in batches {
        let Some(column) = batch.columns().first() else {
            continue;
        };
        let shown = ArrayFormatter::try_new(column.as_ref(), &FormatOptions::default())
            .explain(codes::X0001, || "A value cannot be shown".to_owned())?;
        for row in 0..column.len() {
            let value = match column.is_null(row) {
                true => null(),
                false => named(
                    &shown.value(row).to_string(),
                    column.data_type().is_numeric(),
                ),
            };
            if !found.contains(&value) {
                found.push(value);
            }
        }
        if found.len() > MOST {
            return Err(Error::new(
                codes::E1002,
                format!("PIVOT finds more than {MOST} values, and each would be a column"),
            )
            .help("name the values in a list"));
        }
    }
    Ok(found)
}

fn null() -> ExprWithAlias {
    ExprWithAlias {
        expr: Expr::value(Value::Null),
        alias: None,
    }
}

/// A value and the name of its column: text in quotes, numbers as they are.
fn named(text: &str, is_number: bool) -> ExprWithAlias {
    let expr = match is_number {
        true => Expr::value(Value::Number(text.to_owned(), false)),
        false => Expr::value(Value::SingleQuotedString(text.to_owned())),
    };
    let name = match is_number {
        true => text.to_owned(),
        false => format!("'{text}'"),
    };
    ExprWithAlias {
        expr,
        alias: Some(Ident::with_quote('"', name)),
    }
}

/// The query that reads the values of the innermost and first PIVOT without a list.
fn next(statement: &Ast) -> Result<Option<Query>> {
    let mut finder = Finder::default();
    let _ = sql::walk(statement, &mut finder);
    let Some((mut query, tables)) = finder.found else {
        return Ok(None);
    };
    if !tables.is_empty() {
        let names: Vec<String> = tables.iter().map(ToString::to_string).collect();
        let text = format!("with recursive {} {query}", names.join(", "));
        let script = diagnostic::Source::new("pivot values", text);
        if let Some(Ast::Query(whole)) = sql::parse_script(&script)?
            .pop()
            .map(|statement| statement.ast)
        {
            query = *whole;
        }
    }
    Ok(Some(query))
}

#[derive(Default)]
struct Finder {
    /// The tables that the WITH clauses around define, each list with how many are defined so far.
    tables: Vec<(Vec<Cte>, usize)>,
    found: Option<(Query, Vec<Cte>)>,
}

impl Finder {
    fn visible(&self) -> Vec<Cte> {
        let mut visible: Vec<Cte> = Vec::new();
        for (tables, defined) in &self.tables {
            for table in tables.iter().take(*defined) {
                visible.retain(|other| other.alias.name.value != table.alias.name.value);
                visible.push(table.clone());
            }
        }
        visible
    }
}

impl Visitor for Finder {
    type Break = ();

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
        let tables = query.with.as_ref().map(|with| with.cte_tables.clone());
        self.tables.push((tables.unwrap_or_default(), 0));
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, _: &Query) -> ControlFlow<()> {
        self.tables.pop();
        // The queries of a WITH clause come first and in order.
        if let Some((tables, defined)) = self.tables.last_mut()
            && *defined < tables.len()
        {
            *defined += 1;
        }
        ControlFlow::Continue(())
    }

    fn post_visit_table_factor(&mut self, factor: &TableFactor) -> ControlFlow<()> {
        let TableFactor::Pivot {
            table,
            value_column,
            value_source,
            ..
        } = factor
        else {
            return ControlFlow::Continue(());
        };
        let query = match value_source {
            PivotValueSource::List(_) => return ControlFlow::Continue(()),
            PivotValueSource::Subquery(query) => Some(query.as_ref().clone()),
            PivotValueSource::Any(order) => {
                let columns: Vec<String> = value_column.iter().map(ToString::to_string).collect();
                let order = match order.is_empty() {
                    true => columns.join(", "),
                    false => {
                        let exprs: Vec<String> = order.iter().map(ToString::to_string).collect();
                        exprs.join(", ")
                    }
                };
                let text = format!(
                    "select {0} from {table} group by {0} order by {order}",
                    columns.join(", ")
                );
                parsed(&text)
            }
        };
        if let Some(query) = query {
            self.found = Some((query, self.visible()));
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    }
}

fn parsed(text: &str) -> Option<Query> {
    let script = diagnostic::Source::new("pivot values", text);
    match sql::parse_script(&script).ok()?.pop()?.ast {
        Ast::Query(query) => Some(*query),
        _ => None,
    }
}

/// Puts the values where [`Finder`] found that they are wanted.
struct Filler {
    values: Option<Vec<ExprWithAlias>>,
}

impl VisitorMut for Filler {
    type Break = ();

    fn post_visit_table_factor(&mut self, factor: &mut TableFactor) -> ControlFlow<()> {
        if let TableFactor::Pivot { value_source, .. } = factor
            && !matches!(value_source, PivotValueSource::List(_))
            && let Some(values) = self.values.take()
        {
            *value_source = PivotValueSource::List(values);
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    }
}
