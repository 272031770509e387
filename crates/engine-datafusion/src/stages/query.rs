//! Staged files as tables: `from @stage/path (file_format => 'name', pattern => '…')`.
//!
//! <https://docs.snowflake.com/en/user-guide/querying-stage>

use std::ops::ControlFlow;
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use datafusion::catalog::Session as DfSession;
use datafusion::datasource::{TableProvider, TableType};
use datafusion::error::Result as DfResult;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::Expr as PlanExpr;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::stream::RecordBatchReceiverStreamBuilder;
use datafusion::physical_plan::streaming::{PartitionStream, StreamingTableExec};
use diagnostic::{Error, Result, codes};
use sql::command::OptionValue;
use sqlparser::ast::{
    Expr, FunctionArg, FunctionArgExpr, FunctionArgOperator, Ident, ObjectName, Value, Visitor,
};

use super::read::Place;
use super::{Columns, Format, Location, Metadata, Pattern, Reading, Rejected, StagedFile, Unit};
use super::{list, width};
use crate::provider::{Databases, external};
use crate::statement::unsupported;

/// Chunks a reader may be ahead of the plan.
const AHEAD: usize = 2;

/// What a statement asks of staged rows.
#[derive(Clone, Debug, Default)]
pub(crate) struct Used {
    /// The highest `$n`.
    pub(crate) positions: usize,
    /// The METADATA$… columns.
    pub(crate) metadata: Vec<Metadata>,
}

impl Used {
    /// What `tree` asks for.
    pub(crate) fn by<T: sql::Node>(tree: &T) -> Self {
        let mut used = Self::default();
        let _ = sql::walk(tree, &mut used);
        used
    }

    fn word(&mut self, word: &str) {
        if let Some(number) = word
            .strip_prefix('$')
            .and_then(|digits| digits.parse().ok())
        {
            self.positions = self.positions.max(number);
        }
        if let Some(column) = Metadata::parse(word)
            && !self.metadata.contains(&column)
        {
            self.metadata.push(column);
        }
    }
}

impl Visitor for Used {
    type Break = ();

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
        match expr {
            Expr::Value(value) => {
                if let Value::Placeholder(word) = &value.value {
                    self.word(word);
                }
            }
            Expr::Identifier(ident) => self.word(&ident.value),
            Expr::CompoundIdentifier(parts) => {
                parts.iter().for_each(|part: &Ident| self.word(&part.value));
            }
            _ => {}
        }
        ControlFlow::Continue(())
    }
}

/// Named arguments of a table function, in upper case.
pub(crate) fn arguments(given: &[FunctionArg]) -> Result<Vec<(String, Expr)>> {
    given
        .iter()
        .map(|argument| match argument {
            FunctionArg::Named {
                name,
                arg: FunctionArgExpr::Expr(value),
                operator: FunctionArgOperator::RightArrow,
            }
            | FunctionArg::ExprNamed {
                name: Expr::Identifier(name),
                arg: FunctionArgExpr::Expr(value),
                operator: FunctionArgOperator::RightArrow,
            } => Ok((name.value.to_uppercase(), value.clone())),
            other => Err(unsupported(other).help("write `name => value`")),
        })
        .collect()
}

/// The text of an argument: in quotes, or a name.
pub(crate) fn text_argument(value: &Expr) -> Result<String> {
    match value {
        Expr::Value(text) => match &text.value {
            Value::SingleQuotedString(text) => Ok(text.clone()),
            Value::DollarQuotedString(text) => Ok(text.value.clone()),
            _ => Err(unsupported(value)),
        },
        Expr::Identifier(name) => Ok(name.to_string()),
        Expr::CompoundIdentifier(_) => Ok(value.to_string()),
        _ => Err(unsupported(value)),
    }
}

/// FILE_FORMAT and PATTERN in brackets behind a stage.
pub(crate) fn format_and_pattern(
    databases: &Databases,
    location: &Location,
    given: &[FunctionArg],
) -> Result<(Format, Option<Pattern>)> {
    let (mut format, mut pattern) = (None, None);
    for (name, value) in arguments(given)? {
        match name.as_str() {
            "FILE_FORMAT" => format = Some(OptionValue::Text(text_argument(&value)?)),
            "PATTERN" => pattern = Some(Pattern::new(&text_argument(&value)?)?),
            _ => return Err(unsupported(&format!("{name} => {value}"))),
        }
    }
    let format = Format::of_statement(databases, format.as_ref(), &location.format)?;
    Ok((format, pattern))
}

/// The rows of the files that `name` means.
pub(crate) fn provider(
    databases: &Databases,
    name: &ObjectName,
    given: &[FunctionArg],
    used: &Used,
) -> Result<Arc<dyn TableProvider>> {
    let location = Location::named(databases, name)?;
    let (format, pattern) = format_and_pattern(databases, &location, given)?;
    let files: Vec<Arc<StagedFile>> = list(&location, pattern.as_ref())?
        .into_iter()
        .map(Arc::new)
        .collect();
    let columns = match &format {
        Format::Csv(options) => {
            let mut count = used.positions;
            if count == 0
                && let Some(first) = files.first()
            {
                count = width(options, first)?;
            }
            Columns::Positions(count.max(1))
        }
        Format::Json(_) | Format::Parquet(_) => Columns::Whole,
    };
    let reading = Reading {
        format,
        columns,
        metadata: used.metadata.clone(),
        expected: None,
        started: databases.session.as_of,
    };
    let units = reading.units(&files)?;
    Ok(Arc::new(StagedRows {
        schema: reading.schema(),
        reading,
        units,
        partitions: databases.compute.threads().max(1),
    }))
}

/// Rows of staged files, as a table.
#[derive(Debug)]
struct StagedRows {
    reading: Reading,
    units: Vec<Unit>,
    schema: SchemaRef,
    partitions: usize,
}

#[async_trait]
impl TableProvider for StagedRows {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    async fn scan(
        &self,
        _: &dyn DfSession,
        projection: Option<&Vec<usize>>,
        _: &[PlanExpr],
        _: Option<usize>,
    ) -> DfResult<Arc<dyn ExecutionPlan>> {
        let all: Vec<usize> = (0..self.schema.fields().len()).collect();
        let wanted = projection.unwrap_or(&all);
        let schema = Arc::new(self.schema.project(wanted)?);
        let parts = self.partitions.min(self.units.len()).max(1);
        let partitions = (0..parts)
            .map(|part| {
                let units = self.units.iter().skip(part).step_by(parts);
                Arc::new(Part {
                    reading: self.reading.clone(),
                    units: units.cloned().collect(),
                    wanted: wanted.clone(),
                    schema: Arc::clone(&schema),
                }) as Arc<dyn PartitionStream>
            })
            .collect();
        let exec = StreamingTableExec::try_new(schema, partitions, None, [], false, None)?;
        Ok(Arc::new(exec))
    }
}

/// Some of the units, read one after the other.
#[derive(Debug)]
struct Part {
    reading: Reading,
    units: Vec<Unit>,
    wanted: Vec<usize>,
    schema: SchemaRef,
}

impl PartitionStream for Part {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn execute(&self, _: Arc<TaskContext>) -> SendableRecordBatchStream {
        let mut builder = RecordBatchReceiverStreamBuilder::new(Arc::clone(&self.schema), AHEAD);
        let sender = builder.tx();
        let (reading, units, wanted) = (
            self.reading.clone(),
            self.units.clone(),
            self.wanted.clone(),
        );
        builder.spawn_blocking(move || {
            for unit in units {
                for chunk in reading.open(&unit).map_err(external)? {
                    let chunk = chunk.map_err(external)?;
                    if let Some(wrong) = chunk.rejected.first() {
                        return Err(external(rejection(wrong, &unit.file.name)));
                    }
                    let rows = chunk.rows.project(&wanted)?;
                    // Nobody listens any more: the statement ended early.
                    if sender.blocking_send(Ok(rows)).is_err() {
                        return Ok(());
                    }
                }
            }
            Ok(())
        });
        builder.build()
    }
}

/// The error for a record that ends its statement.
pub(crate) fn rejection(wrong: &Rejected, file: &str) -> Error {
    let Place { row, line, .. } = wrong.place;
    let mut error = Error::new(codes::E1301, wrong.reason.clone())
        .with("file", file)
        .with("line", line.to_string())
        .with("row", row.to_string());
    if let Some(character) = wrong.character {
        error = error.with("character", character.to_string());
    }
    if let Some(column) = &wrong.column {
        error = error.with("column", column);
    }
    if !wrong.record.is_empty() {
        let record: String = wrong.record.chars().take(200).collect();
        error = error.with("record", record);
    }
    error
}
