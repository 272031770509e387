//! Statements of a block, dynamic ones, cursors and result sets: whatever has rows.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use diagnostic::{Error, Source, codes};
use engine::{Outcome, Rows, Value};
use futures::StreamExt;
use sql::scripting::RowSource;
use sqlparser::ast::Expr;

use super::flow::Interpreter;
use super::raised::{Raised, Result};
use super::scope::{Held, Table};
use super::value::{cell, name_cells};
use super::{nested, with_positional};
use crate::history;

impl Interpreter<'_> {
    /// Runs what `source` says; `values` are those of its `?`.
    pub(super) async fn outcome(
        &mut self,
        source: &RowSource,
        values: Vec<Value>,
        span: &Range<usize>,
    ) -> Result<Outcome> {
        match source {
            RowSource::Name(name) => {
                let table = self.table(name, span).await?;
                Ok(Outcome::Rows(table_rows(&table)))
            }
            RowSource::Text(text, using) => {
                let text = self.value(text, None, span).await?.to_string();
                let mut values = Vec::new();
                for value in using {
                    values.push(self.value(value, None, span).await?);
                }
                self.texts(&text, values).await
            }
            RowSource::Statement(statement) => {
                let mut statement = statement.as_ref().clone();
                name_cells(&mut statement.ast, &self.scope);
                let session = with_positional(&self.bound(), values);
                let place = statement.span.clone();
                let script = self.script.clone();
                let done = self.statement(&session, statement, &script).await;
                done.map_err(|error| Raised::statement(crate::locate(error, &self.script, &place)))
            }
        }
    }

    /// Runs a statement; blocks and calls among them have a scope of their own.
    async fn statement(
        &mut self,
        session: &engine::Session,
        statement: sql::Statement,
        script: &Source,
    ) -> diagnostic::Result<Outcome> {
        let outcome = match super::is_script(&statement) {
            true => {
                let deeper = self.depth + 1;
                Box::pin(nested(self.statements, session, statement, script, deeper)).await?
            }
            false => self.statements.run(session, statement).await?,
        };
        let changed = matches!(outcome, Outcome::Changed { .. });
        self.count(changed.then(|| outcome.rows_changed()));
        Ok(outcome)
    }

    /// SQLROWCOUNT and its kin after a statement: NULL if it changed no rows, as other statements do.
    /// <https://docs.snowflake.com/en/developer-guide/snowflake-scripting/dml-status>
    pub(super) fn count(&mut self, rows: Option<u64>) {
        let number = rows.map_or(Value::Null, |rows| Value::Number(rows.to_string()));
        let truth = |holds: &dyn Fn(u64) -> bool| {
            rows.map_or(Value::Null, |rows| Value::Boolean(holds(rows)))
        };
        let scope = &mut self.scope;
        scope.declare_outermost("SQLROWCOUNT", number);
        scope.declare_outermost("SQLFOUND", truth(&|rows| rows > 0));
        scope.declare_outermost("SQLNOTFOUND", truth(&|rows| rows == 0));
    }

    /// `ACTIVITY_COUNT`: the rows a statement changed, or gave.
    pub(super) fn activity(&mut self, rows: u64) {
        let rows = Value::Number(rows.to_string());
        self.scope.declare_outermost("ACTIVITY_COUNT", rows);
    }

    /// Runs the statements of `text`, and gives what the last one gives.
    pub(super) async fn texts(&mut self, text: &str, values: Vec<Value>) -> Result<Outcome> {
        let script = Source::new("execute immediate", text.trim());
        let session = with_positional(&self.session, values);
        let mut last = Outcome::Done("Statement executed successfully.".to_owned());
        let statements = sql::parse_script(&script).map_err(Raised::statement)?;
        for statement in statements {
            let span = statement.span.clone();
            let outcome = self.statement(&session, statement, &script).await;
            last =
                outcome.map_err(|error| Raised::statement(crate::locate(error, &script, &span)))?;
        }
        Ok(last)
    }

    /// The rows of a cursor, which are read now, or of a result set.
    pub(super) async fn table(&mut self, name: &str, span: &Range<usize>) -> Result<Table> {
        let held = self.known(name, span)?.held.clone();
        match held {
            Held::Rows(Some(table)) | Held::Cursor(_, Some((table, _))) => Ok(table),
            Held::Cursor(source, None) => {
                let outcome = Box::pin(self.outcome(&source, Vec::new(), span)).await?;
                self.read(outcome, span).await
            }
            Held::Rows(None) => {
                Err(self.wrong(span, format!("Result set `{name}` holds no rows yet")))
            }
            _ => Err(self.wrong(span, format!("`{name}` is no cursor and no result set"))),
        }
    }

    /// All rows of an outcome.
    pub(super) async fn read(&self, outcome: Outcome, span: &Range<usize>) -> Result<Table> {
        let place = || self.script.place(span.clone());
        match outcome {
            Outcome::Rows(rows) => {
                let schema = Arc::clone(&rows.schema);
                let batches = rows.collect().await;
                let batches = batches.map_err(|error| Raised::statement(error).at(place()))?;
                Ok(Table {
                    schema,
                    batches: Arc::new(batches),
                })
            }
            other => {
                let batch = history::status(&other).map_err(Raised::statement)?;
                Ok(Table {
                    schema: batch.schema(),
                    batches: Arc::new(vec![batch]),
                })
            }
        }
    }

    /// OPEN.
    pub(super) async fn open(
        &mut self,
        name: &str,
        using: &[Expr],
        span: &Range<usize>,
    ) -> Result<()> {
        let Held::Cursor(source, open) = self.known(name, span)?.held.clone() else {
            return Err(self.wrong(span, format!("`{name}` is no cursor")));
        };
        if open.is_some() {
            return Err(self.wrong(span, format!("Cursor `{name}` is open already")));
        }
        let mut values = Vec::new();
        for value in using {
            values.push(self.value(value, None, span).await?);
        }
        let outcome = Box::pin(self.outcome(&source, values, span)).await?;
        let table = self.read(outcome, span).await?;
        self.hold(name, Held::Cursor(source, Some((table, 0))));
        Ok(())
    }

    /// FETCH: the next row, or nulls behind the last one.
    pub(super) async fn fetch(
        &mut self,
        name: &str,
        into: &[String],
        span: &Range<usize>,
    ) -> Result<()> {
        let Held::Cursor(source, Some((table, at))) = self.known(name, span)?.held.clone() else {
            return Err(self.wrong(span, format!("Cursor `{name}` is not open")));
        };
        let found = table.row(at).map(|(batch, row)| (batch.clone(), row));
        let exists = found.is_some();
        for (column, variable) in into.iter().enumerate() {
            let value = match &found {
                Some((batch, row)) if column < batch.num_columns() => {
                    cell(batch, column, *row).map_err(Raised::expression)?
                }
                Some(_) => {
                    let sentence = format!("Cursor `{name}` has fewer columns than variables");
                    return Err(self.wrong(span, sentence));
                }
                None => Value::Null,
            };
            self.assign(variable, value, span).await?;
        }
        let next = at + usize::from(exists);
        self.hold(name, Held::Cursor(source, Some((table, next))));
        Ok(())
    }

    /// Puts the one row of `table` into variables.
    pub(super) async fn put(
        &mut self,
        table: &Table,
        into: &[String],
        span: &Range<usize>,
    ) -> Result<()> {
        let rows = table.rows();
        if rows != 1 || table.schema.fields().len() != into.len() {
            let columns = table.schema.fields().len();
            let sentence = match rows {
                1 => format!(
                    "INTO names {} variables, and the statement gives {columns} columns",
                    into.len()
                ),
                _ => format!("INTO takes exactly one row, and the statement gives {rows}"),
            };
            let error = Error::new(codes::E1002, sentence).at(self.script.place(span.clone()));
            return Err(Raised::statement(error));
        }
        for (column, variable) in into.iter().enumerate() {
            let value = match table.row(0) {
                Some((batch, row)) => cell(batch, column, row).map_err(Raised::expression)?,
                None => Value::Null,
            };
            self.assign(variable, value, span).await?;
        }
        Ok(())
    }
}

/// `table` as the rows of a query.
pub(super) fn table_rows(table: &Table) -> Rows {
    let batches: Vec<_> = table.batches.iter().cloned().map(Ok).collect();
    Rows {
        schema: Arc::clone(&table.schema),
        batches: futures::stream::iter(batches).boxed(),
    }
}

/// Row `at` of `table`, by the names of its columns.
pub(super) fn record(table: &Table, at: usize) -> Result<BTreeMap<String, Value>> {
    let mut cells = BTreeMap::new();
    if let Some((batch, row)) = table.row(at) {
        for (column, field) in table.schema.fields().iter().enumerate() {
            let value = cell(batch, column, row).map_err(Raised::expression)?;
            cells.entry(field.name().clone()).or_insert(value);
        }
    }
    Ok(cells)
}
