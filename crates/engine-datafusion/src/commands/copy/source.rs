//! [`Source`]: what a load reads, and the query that makes rows of the table of it.

use std::fmt::Write as _;
use std::sync::Arc;

use arrow::datatypes::{DataType, SchemaRef};
use diagnostic::{Error, Result, codes};
use engine::Session;
use sql::command::CopyFrom;
use sqlparser::ast::{
    FunctionArg, GroupByExpr, Ident, ObjectName, Query, Select, SetExpr, TableAlias, TableFactor,
};

use super::options::{MatchBy, Options};
use super::transform::{OneBatch, RAW, Transform, uneven};
use crate::Embedded;
use crate::dml::target::Target;
use crate::dml::{insert, tree};
use crate::embedded::plan_view;
use crate::stages::{
    Chunk, Columns, Format, Location, Metadata, Pattern, Reading, StagedFile, Unit, Used,
    format_and_pattern, is_stage, named_columns,
};
use crate::statement::unsupported;
use crate::write::Shape;

/// What a load reads, and how.
#[derive(Clone)]
pub(super) struct Source {
    pub(super) location: Location,
    /// PATTERN in the brackets of a query's stage.
    pub(super) pattern: Option<Pattern>,
    format: Format,
    /// The table's columns that get values.
    columns: Vec<String>,
    /// Whether the statement names them.
    explicit: bool,
    match_by: MatchBy,
    metadata: Vec<(String, Metadata)>,
    truncate: bool,
    query: Option<Query>,
    used: Used,
    started: chrono::DateTime<chrono::Utc>,
}

impl Source {
    pub(super) fn new(
        engine: &Embedded,
        session: &Session,
        from: CopyFrom,
        options: &Options,
        columns: Vec<String>,
        explicit: bool,
    ) -> Result<Self> {
        let databases = engine.databases(session);
        let (name, arguments, query) = match from {
            CopyFrom::Location(name) => (name, Vec::new(), None),
            CopyFrom::Query(query) => {
                let (name, arguments, query) = stage_of(*query)?;
                (name, arguments, Some(query))
            }
        };
        if !is_stage(&name) {
            return Err(Error::new(
                codes::E1002,
                format!("`{name}` is no stage, so nothing can be loaded from it"),
            )
            .help("write `from @stage/path`, or `insert into … select …` for a table"));
        }
        let location = Location::named(&databases, &name)?;
        let (inner, pattern) = format_and_pattern(&databases, &location, &arguments)?;
        let format = match (&options.format, arguments.is_empty()) {
            (None, false) => inner,
            (format, _) => Format::of_statement(&databases, format.as_ref(), &location.format)?,
        };
        let metadata = options
            .metadata
            .iter()
            .map(|(column, name)| match Metadata::parse(name) {
                Some(metadata) => Ok((column.clone(), metadata)),
                None => Err(unsupported(&format!(
                    "INCLUDE_METADATA = ({column} = {name})"
                ))),
            })
            .collect::<Result<Vec<_>>>()?;
        let used = query.as_ref().map(Used::by).unwrap_or_default();
        let source = Self {
            location,
            pattern,
            format,
            columns,
            explicit,
            match_by: options.match_by,
            metadata,
            truncate: options.truncate,
            query,
            used,
            started: session.as_of,
        };
        source.check()?;
        Ok(source)
    }

    fn check(&self) -> Result<()> {
        let by_name = self.match_by != MatchBy::Position;
        if by_name && self.query.is_some() {
            return Err(Error::new(
                codes::E1002,
                "MATCH_BY_COLUMN_NAME is not possible with a query over the files",
            ));
        }
        if !self.metadata.is_empty() && !by_name {
            return Err(Error::new(
                codes::E1002,
                "INCLUDE_METADATA needs MATCH_BY_COLUMN_NAME",
            ));
        }
        if by_name && matches!(&self.format, Format::Csv(csv) if !csv.parse_header) {
            return Err(Error::new(
                codes::E1002,
                "MATCH_BY_COLUMN_NAME needs the names of a header",
            )
            .help("set `parse_header = true` in the file format"));
        }
        Ok(())
    }

    /// Whether a query stands between files and table.
    pub(super) fn transforms(&self) -> bool {
        self.query.is_some()
    }

    fn reading(&self, columns: Columns) -> Reading {
        let mut metadata = self.used.metadata.clone();
        for (_, column) in &self.metadata {
            if !metadata.contains(column) {
                metadata.push(*column);
            }
        }
        let positional = self.query.is_none() && self.match_by == MatchBy::Position;
        Reading {
            format: self.format.clone(),
            columns,
            metadata,
            expected: positional.then_some(self.columns.len()),
            started: self.started,
        }
    }

    /// `files` in pieces that can be read side by side.
    pub(super) fn units(&self, files: &[Arc<StagedFile>]) -> Result<Vec<Unit>> {
        self.reading(Columns::Whole).units(files)
    }

    /// The raw rows of `unit`.
    pub(super) fn open(
        &self,
        unit: &Unit,
    ) -> Result<Box<dyn Iterator<Item = Result<Chunk>> + Send>> {
        let columns = match (&self.format, &self.query, self.match_by) {
            (Format::Csv(_), Some(_), _) => Columns::Positions(self.used.positions.max(1)),
            (Format::Csv(_), None, MatchBy::Position) => Columns::Positions(self.columns.len()),
            (Format::Parquet(_) | Format::Csv(_), None, MatchBy::Name | MatchBy::NameInAnyCase) => {
                match named_columns(&self.format, &unit.file)? {
                    Some(schema) => Columns::Named(self.wanted(&schema)?),
                    None => Columns::Whole,
                }
            }
            (Format::Json(_) | Format::Parquet(_), ..) => Columns::Whole,
        };
        self.reading(columns).open(unit)
    }

    /// The columns of a file that columns of the table are called by.
    fn wanted(&self, schema: &SchemaRef) -> Result<SchemaRef> {
        let indices: Vec<usize> = self
            .columns
            .iter()
            .filter_map(|column| self.found(schema, column))
            .collect();
        let wanted = schema.project(&indices).map_err(|cause| {
            Error::new(codes::X0001, "Columns of a file cannot be chosen").because(cause)
        })?;
        Ok(Arc::new(wanted))
    }

    /// Where the values for a table's `column` are.
    fn found(&self, schema: &SchemaRef, column: &str) -> Option<usize> {
        schema
            .fields()
            .iter()
            .position(|field| match self.match_by {
                MatchBy::NameInAnyCase => field.name().to_uppercase() == column.to_uppercase(),
                _ => field.name() == column,
            })
    }

    /// How raw rows with columns `schema` become rows of `target`.
    pub(super) async fn transform(
        &self,
        engine: &Embedded,
        session: &Session,
        target: &Target,
        schema: &SchemaRef,
        shape: Shape,
    ) -> Result<Transform> {
        let raw = OneBatch::new(Arc::clone(schema));
        let given = (RAW.to_owned(), Arc::new(raw.clone()) as _);
        let engine = engine.with_given([given]);
        let (text, columns) = match &self.query {
            Some(query) => (sql::written(query), self.columns.clone()),
            None => self.select(target, schema)?,
        };
        let source = diagnostic::Source::new("copy", text);
        let plan = plan_view(&engine.databases(session), &source, &[]).await?;
        let given = plan.schema().fields().len();
        // Without a list the first columns get the values, as many as there are.
        let columns = match (&self.query, self.explicit) {
            (Some(_), false) if given <= columns.len() => columns.into_iter().take(given).collect(),
            _ => columns,
        };
        if given != columns.len() {
            return Err(uneven(given, columns.len()));
        }
        let plan = insert::rows(&engine, session, target, &columns, plan).await?;
        Transform::new(&engine, session, raw, plan, shape).await
    }

    /// The query of a load without one, and the columns it gives.
    fn select(&self, target: &Target, schema: &SchemaRef) -> Result<(String, Vec<String>)> {
        let mut items: Vec<(String, String)> = Vec::new();
        let whole = matches!(schema.fields().first(), Some(field) if *field.data_type() == DataType::LargeUtf8 && field.name() == "$1");
        for (at, column) in self.columns.iter().enumerate() {
            if let Some((_, metadata)) = self.metadata.iter().find(|(name, _)| name == column) {
                items.push((quoted(metadata.name()), column.clone()));
                continue;
            }
            let kind = target.columns.field(target.position(column)?).data_type();
            let value = match self.match_by {
                MatchBy::Position if whole => {
                    if self.columns.len() != 1 || *kind != DataType::LargeUtf8 {
                        return Err(one_variant());
                    }
                    Some(quoted("$1"))
                }
                MatchBy::Position => Some(quoted(&format!("${}", at + 1))),
                MatchBy::Name if whole => {
                    Some(format!("get({}, {})", quoted("$1"), literal(column)))
                }
                MatchBy::NameInAnyCase if whole => Some(format!(
                    "get_ignore_case({}, {})",
                    quoted("$1"),
                    literal(column)
                )),
                _ => self
                    .found(schema, column)
                    .map(|at| quoted(schema.field(at).name())),
            };
            if let Some(value) = value {
                let length = target
                    .relation
                    .details
                    .column(column)
                    .and_then(|c| c.length);
                items.push((self.converted(value, kind, length), column.clone()));
            }
        }
        if items.is_empty() {
            return Err(Error::new(
                codes::K3006,
                format!(
                    "No column of the files is called as one of `{}`",
                    target.name
                ),
            ));
        }
        let mut text = String::from("select ");
        for (at, (value, column)) in items.iter().enumerate() {
            let comma = if at == 0 { "" } else { ", " };
            // Writing to a string cannot fail.
            let _ = write!(text, "{comma}{value} as {}", quoted(column));
        }
        let _ = write!(text, " from {}", quoted(RAW));
        Ok((text, items.into_iter().map(|(_, column)| column).collect()))
    }

    /// `value`, read by the format's own formats where it has some.
    fn converted(&self, value: String, kind: &DataType, length: Option<u64>) -> String {
        let value = match (self.truncate, length) {
            (true, Some(length)) => format!("left({value}, {length})"),
            _ => value,
        };
        let Format::Csv(csv) = &self.format else {
            return value;
        };
        let read = |function: &str, format: &Option<String>| {
            format
                .as_ref()
                .map(|format| format!("{function}({value}, {})", literal(format)))
        };
        let read = match kind {
            DataType::Date32 => read("to_date", &csv.date_format),
            DataType::Time32(_) | DataType::Time64(_) => read("to_time", &csv.time_format),
            DataType::Timestamp(_, None) => read("to_timestamp_ntz", &csv.timestamp_format),
            DataType::Timestamp(_, Some(_)) => read("to_timestamp_ltz", &csv.timestamp_format),
            zoned if functions::is_timestamp_tz(zoned) => {
                read("to_timestamp_tz", &csv.timestamp_format)
            }
            DataType::Binary | DataType::BinaryView => Some(format!(
                "to_binary({value}, {})",
                literal(&csv.binary_format)
            )),
            // Text of a file is JSON where the column is semi-structured.
            DataType::LargeUtf8 => Some(format!("parse_json({value})")),
            _ => None,
        };
        read.unwrap_or(value)
    }
}

fn one_variant() -> Error {
    Error::new(
        codes::K3006,
        "Files of this format have one column, so the table must have one of type VARIANT, OBJECT or ARRAY",
    )
    .help("set `match_by_column_name = case_insensitive`, or load with `from (select $1:a, $1:b from @stage)`")
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "''"))
}

/// The stage a query reads, what stands in brackets behind it, and the query over raw rows.
fn stage_of(mut query: Query) -> Result<(ObjectName, Vec<FunctionArg>, Query)> {
    let plain = query.with.is_none()
        && query.order_by.is_none()
        && query.limit_clause.is_none()
        && query.fetch.is_none();
    let SetExpr::Select(select) = query.body.as_mut() else {
        return Err(too_much(&query));
    };
    if !plain || !is_projection(select) {
        return Err(too_much(&query));
    }
    let Some(table) = select.from.first_mut() else {
        return Err(too_much(&query));
    };
    let TableFactor::Table {
        name, alias, args, ..
    } = &table.relation
    else {
        return Err(too_much(&query));
    };
    let (name, alias) = (name.clone(), alias.clone());
    let arguments = args.clone().map(|args| args.args).unwrap_or_default();
    table.relation = tree::factor(RAW, Ident::with_quote('"', RAW));
    if let (TableFactor::Table { alias: to, .. }, Some(alias)) = (&mut table.relation, alias) {
        *to = Some::<TableAlias>(alias);
    }
    Ok((name, arguments, query))
}

/// Whether the select gives one row per row.
fn is_projection(select: &Select) -> bool {
    let ungrouped =
        matches!(&select.group_by, GroupByExpr::Expressions(keys, _) if keys.is_empty());
    ungrouped
        && select.distinct.is_none()
        && select.top.is_none()
        && select.selection.is_none()
        && select.having.is_none()
        && select.qualify.is_none()
        && select.lateral_views.is_empty()
        && select.from.len() == 1
        && select
            .from
            .first()
            .is_some_and(|table| table.joins.is_empty())
}

fn too_much(query: &Query) -> Error {
    unsupported(&format!("COPY from `{query}`")).help(
        "a load may only choose and convert columns of one stage: no WHERE, JOIN, GROUP BY, DISTINCT, ORDER BY or LIMIT",
    )
}
