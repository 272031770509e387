//! CHECK constraints: conditions in a table's log that every row of every write must meet
//! (<https://github.com/delta-io/delta/blob/master/PROTOCOL.md#check-constraints>).
//!
//! In Delta a condition has to be true; in SQL it may not be false, so that NULL passes. What SQL declares is
//! therefore written as [`stored`], which means the same to everyone who reads the log.

use std::sync::Arc;

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{DataType, SchemaRef};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use datafusion::datasource::empty::EmptyTable;
use datafusion::logical_expr::LogicalPlan;
use datafusion::physical_expr::PhysicalExpr;
use diagnostic::{Error, Result, ResultExt, Source, codes};
use engine::Session;
use lake::Table;

use crate::failure::explain;
use crate::{Embedded, embedded};

/// What conditions call the rows that are written.
const ROWS: &str = "__ROWS";
/// Columns of a row that an error shows.
const SHOWN: usize = 8;

/// What follows a condition that SQL declared.
const NOT_FALSE: &str = ") IS NOT FALSE";

/// A condition as the log has it.
pub(crate) fn stored(condition: &str) -> String {
    format!("({condition}{NOT_FALSE}")
}

/// A condition of the log as it was declared.
pub(crate) fn declared(stored: &str) -> &str {
    let inner = stored
        .strip_prefix('(')
        .and_then(|rest| rest.strip_suffix(NOT_FALSE));
    inner.unwrap_or(stored)
}

/// A condition, ready to be tried on rows.
#[derive(Clone, Debug)]
pub(crate) struct Check {
    name: String,
    condition: String,
    holds: Arc<dyn PhysicalExpr>,
}

impl Check {
    /// The conditions of `table`'s log.
    pub(crate) async fn of(
        engine: &Embedded,
        session: &Session,
        table: &Table,
    ) -> Result<Arc<[Self]>> {
        let constraints = table.constraints().await?;
        match constraints.is_empty() {
            true => Ok(Arc::new([])),
            false => Self::all(engine, session, &table.schema().await?, &constraints).await,
        }
    }

    /// The conditions `constraints`, by name, over rows of `schema`.
    pub(crate) async fn all(
        engine: &Embedded,
        session: &Session,
        schema: &SchemaRef,
        constraints: &[(String, String)],
    ) -> Result<Arc<[Self]>> {
        let mut checks = Vec::new();
        for (name, condition) in constraints {
            checks.push(Self::compile(engine, session, schema, name, condition).await?);
        }
        Ok(checks.into())
    }

    async fn compile(
        engine: &Embedded,
        session: &Session,
        schema: &SchemaRef,
        name: &str,
        condition: &str,
    ) -> Result<Self> {
        let mut databases = engine.databases(session);
        let mut given = databases.given.as_ref().clone();
        given.insert(
            ROWS.to_owned(),
            Arc::new(EmptyTable::new(Arc::clone(schema))),
        );
        databases.given = Arc::new(given);
        let text = format!("select ({condition}) from \"{ROWS}\"");
        let source = Source::new(format!("constraint {name}"), text);
        let plan = embedded::plan_view(&databases, &source, &[]).await?;
        let refused = || {
            Error::new(
                codes::E2001,
                format!(
                    "The check constraint `{name}` (`{}`) is not supported",
                    declared(condition)
                ),
            )
            .help("a check compares values of one row, which are no VARIANT, and calls no query")
        };
        let LogicalPlan::Projection(projection) = &plan else {
            return Err(refused());
        };
        let input = projection.input.as_ref();
        let reads_rows = match input {
            LogicalPlan::TableScan(_) => true,
            LogicalPlan::SubqueryAlias(alias) => matches!(*alias.input, LogicalPlan::TableScan(_)),
            _ => false,
        };
        let Some(expr) = projection.expr.first().filter(|_| reads_rows) else {
            return Err(refused());
        };
        let holds = databases
            .state()?
            .create_physical_expr(expr.clone().unalias(), input.schema())
            .map_err(explain)?;
        match holds.data_type(schema).map_err(explain)? {
            DataType::Boolean => Ok(Self {
                name: name.to_owned(),
                condition: condition.to_owned(),
                holds,
            }),
            _ => Err(refused()),
        }
    }

    /// Refuses rows for which the condition is not true.
    pub(crate) fn verify(&self, rows: &RecordBatch) -> Result<()> {
        let wrong = || format!("The check constraint `{}` cannot be tried", self.name);
        let found = self
            .holds
            .evaluate(rows)
            .and_then(|value| value.into_array(rows.num_rows()))
            .explain(codes::E1203, wrong)?;
        let Some(found) = found.as_boolean_opt() else {
            return Err(Error::new(codes::X0001, wrong()));
        };
        if found.null_count() == 0 && found.true_count() == rows.num_rows() {
            return Ok(());
        }
        let broken = (0..found.len()).find(|row| found.is_null(*row) || !found.value(*row));
        Err(Error::new(
            codes::E1203,
            format!(
                "A row breaks the check constraint `{}` (`{}`): {}",
                self.name,
                declared(&self.condition),
                shown(rows, broken.unwrap_or_default())
            ),
        )
        .help("correct the row, or `alter table … drop constraint …`"))
    }
}

/// The first values of a row.
fn shown(rows: &RecordBatch, row: usize) -> String {
    let schema = rows.schema();
    let options = FormatOptions::default().with_null("NULL");
    let values = schema.fields().iter().zip(rows.columns()).take(SHOWN);
    let values: Vec<String> = values
        .map(|(field, column)| {
            let value = match ArrayFormatter::try_new(column, &options) {
                Ok(formatter) => formatter.value(row).to_string(),
                Err(error) => error.to_string(),
            };
            let value: String = value.chars().take(40).collect();
            format!("{} = {value}", field.name())
        })
        .collect();
    values.join(", ")
}
