//! Snowflake's semantics as `.slt` files: parsed by `sql`, planned and run with this crate's session.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod documented;
mod registered;
mod spatial_join;

use std::collections::HashMap;
use std::path::Path;

use arrow::array::{Array, RecordBatch};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use chrono::{TimeZone, Utc};
use datafusion::common::TableReference;
use datafusion::execution::session_state::{SessionState, SessionStateBuilder};
use datafusion::prelude::SessionContext;
use diagnostic::Source;
use sqllogictest::{AsyncDB, DBOutput, DefaultColumnType, Runner};

/// One database in memory per file.
struct Memory {
    context: SessionContext,
}

#[derive(Debug)]
struct Failure(String);

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Failure {}

impl<E: std::error::Error> From<(E,)> for Failure {
    fn from((error,): (E,)) -> Self {
        Self(error.to_string())
    }
}

fn state() -> SessionState {
    let config = functions::session_config().with_target_partitions(2);
    let template = functions::register(SessionStateBuilder::new().with_config(config)).build();
    // Engines build a state per statement from one that is registered already.
    let builder = SessionStateBuilder::new_from_existing(template);
    let noon = Utc.with_ymd_and_hms(2024, 3, 4, 12, 30, 0).unwrap();
    functions::with_clock(builder, noon).build()
}

#[async_trait::async_trait]
impl AsyncDB for Memory {
    type Error = Failure;
    type ColumnType = DefaultColumnType;

    async fn run(&mut self, text: &str) -> Result<DBOutput<DefaultColumnType>, Failure> {
        let source = Source::new("test.slt", text);
        let mut statements = sql::parse_script(&source).map_err(|error| (error,))?;
        let statement = statements.remove(0);
        let mut columns = HashMap::new();
        for name in sql::relations(&statement.ast) {
            let mut table = name.0.iter().map(|part| match part.as_ident() {
                Some(ident) => ident.value.clone(),
                None => part.to_string(),
            });
            let table = TableReference::bare(table.next_back().unwrap());
            if let Ok(provider) = self.context.table_provider(table).await {
                let schema = provider.schema();
                let names = schema.fields().iter().map(|field| field.name().clone());
                columns.insert(name, names.collect::<Vec<_>>());
            }
        }
        let statement = sql::normalise_with(statement, &columns).map_err(|error| (error,))?;
        let statement = datafusion::sql::parser::Statement::Statement(Box::new(statement.ast));
        let state = self.context.state();
        let plan = state
            .statement_to_plan(statement)
            .await
            .map_err(|error| (error,))?;
        let frame = self
            .context
            .execute_logical_plan(plan)
            .await
            .map_err(|error| (error,))?;
        let columns = frame.schema().fields().len();
        let batches = frame.collect().await.map_err(|error| (error,))?;
        if columns == 0 || batches.iter().all(|batch| batch.num_columns() == 0) {
            return Ok(DBOutput::StatementComplete(0));
        }
        Ok(DBOutput::Rows {
            types: vec![DefaultColumnType::Any; columns],
            rows: batches.iter().flat_map(rows).collect(),
        })
    }

    async fn shutdown(&mut self) {}
}

fn rows(batch: &RecordBatch) -> Vec<Vec<String>> {
    let options = FormatOptions::default().with_null("NULL");
    let parameters = functions::Parameters::default();
    let columns: Vec<_> = batch
        .columns()
        .iter()
        .map(
            |column| match functions::is_shown_as_text(column.data_type(), &parameters) {
                true => functions::shown_as_text(column, &parameters).unwrap(),
                false => column.clone(),
            },
        )
        .collect();
    (0..batch.num_rows())
        .map(|row| {
            columns
                .iter()
                .map(|column| cell(column, row, &options))
                .collect()
        })
        .collect()
}

fn cell(column: &dyn Array, row: usize, options: &FormatOptions<'_>) -> String {
    let text = ArrayFormatter::try_new(column, options)
        .unwrap()
        .value(row)
        .to_string();
    if text.is_empty() {
        "(empty)".to_owned()
    } else {
        text
    }
}

#[tokio::test]
async fn behaves_as_the_files_say() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/slt");
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "slt"))
        .collect();
    files.sort();
    let mut failures = Vec::new();
    for file in files {
        // One record at a time, so that one difference does not hide the next.
        let mut runner = Runner::new(|| async {
            Ok(Memory {
                context: SessionContext::new_with_state(state()),
            })
        });
        for record in sqllogictest::parse_file::<DefaultColumnType>(&file).unwrap() {
            if let Err(error) = runner.run_async(record).await {
                failures.push(error.display(false).to_string());
            }
        }
    }
    assert!(
        failures.is_empty(),
        "{} differ\n{}",
        failures.len(),
        failures.join("\n\n")
    );
}
