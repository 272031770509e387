//! INFER_SCHEMA: which columns staged files have:
//! <https://docs.snowflake.com/en/sql-reference/functions/infer_schema>.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, BooleanArray, Int64Array, RecordBatch, StringArray};
use arrow::datatypes::{DataType, SchemaRef};
use datafusion::datasource::{MemTable, TableProvider};
use diagnostic::{Error, Result, ResultExt, codes};
use sql::command::OptionValue;
use sqlparser::ast::{Expr, FunctionArg, Value};

use super::{
    Columns, Format, Location, Reading, StagedFile, arguments, list, named_columns, text_argument,
    width,
};
use crate::failure::explain;
use crate::provider::Databases;
use crate::statement::unsupported;

/// A column of the files.
struct Found {
    name: String,
    kind: Kind,
    nullable: bool,
    position: Option<usize>,
    files: Vec<String>,
}

/// What a column holds.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Kind {
    /// No value was seen.
    Nothing,
    Boolean,
    /// NUMBER: digits before and behind the point.
    Number(usize, usize),
    /// A type that only files with types have.
    Plain(&'static str),
    Text,
}

impl Kind {
    fn name(&self) -> String {
        match self {
            Self::Nothing | Self::Text => "TEXT".to_owned(),
            Self::Boolean => "BOOLEAN".to_owned(),
            Self::Number(before, behind) => {
                format!("NUMBER({}, {behind})", (before + behind).clamp(1, 38))
            }
            Self::Plain(name) => (*name).to_owned(),
        }
    }

    /// The kind that holds both.
    fn with(self, other: Self) -> Self {
        match (self, other) {
            (Self::Nothing, kind) | (kind, Self::Nothing) => kind,
            (one, other) if one == other => one,
            (Self::Number(a, b), Self::Number(c, d)) => Self::Number(a.max(c), b.max(d)),
            (Self::Number(..), Self::Plain("REAL")) | (Self::Plain("REAL"), Self::Number(..)) => {
                Self::Plain("REAL")
            }
            (Self::Plain("DATE"), Self::Plain("TIMESTAMP_NTZ"))
            | (Self::Plain("TIMESTAMP_NTZ"), Self::Plain("DATE")) => Self::Plain("TIMESTAMP_NTZ"),
            (Self::Plain("OBJECT" | "ARRAY" | "VARIANT"), _)
            | (_, Self::Plain("OBJECT" | "ARRAY" | "VARIANT")) => Self::Plain("VARIANT"),
            _ => Self::Text,
        }
    }

    fn of_arrow(kind: &DataType) -> Self {
        match kind {
            DataType::Boolean => Self::Boolean,
            kind if kind.is_integer() => Self::Number(38, 0),
            DataType::Decimal32(p, s) | DataType::Decimal64(p, s) | DataType::Decimal128(p, s) => {
                let scale = usize::try_from(*s).unwrap_or(0);
                Self::Number(usize::from(*p).saturating_sub(scale), scale)
            }
            kind if kind.is_floating() => Self::Plain("REAL"),
            DataType::Date32 | DataType::Date64 => Self::Plain("DATE"),
            DataType::Time32(_) | DataType::Time64(_) => Self::Plain("TIME"),
            DataType::Timestamp(_, None) => Self::Plain("TIMESTAMP_NTZ"),
            DataType::Timestamp(_, Some(_)) => Self::Plain("TIMESTAMP_LTZ"),
            DataType::Binary | DataType::LargeBinary | DataType::FixedSizeBinary(_) => {
                Self::Plain("BINARY")
            }
            _ => Self::Text,
        }
    }

    /// What a text of a file without types looks like.
    fn of_text(text: &str) -> Self {
        if ["true", "false"].contains(&text.to_lowercase().as_str()) {
            return Self::Boolean;
        }
        if let Some(number) = number(text) {
            return number;
        }
        if chrono::NaiveDate::parse_from_str(text, "%Y-%m-%d").is_ok() {
            return Self::Plain("DATE");
        }
        let moment = text.replace('T', " ");
        if chrono::NaiveDateTime::parse_from_str(&moment, "%Y-%m-%d %H:%M:%S%.f").is_ok() {
            return Self::Plain("TIMESTAMP_NTZ");
        }
        Self::Text
    }
}

fn number(text: &str) -> Option<Kind> {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    let (before, behind) = digits.split_once('.').unwrap_or((digits, ""));
    let plain = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if !digits.is_empty() && digits != "." && plain(before) && plain(behind) {
        let before = before.trim_start_matches('0').len();
        if before + behind.len() <= 38 {
            return Some(Kind::Number(
                before.max(usize::from(behind.is_empty())),
                behind.len(),
            ));
        }
    }
    let number_like = digits.starts_with(|c: char| c.is_ascii_digit() || c == '.');
    (number_like && text.parse::<f64>().is_ok()).then_some(Kind::Plain("REAL"))
}

/// What the arguments of INFER_SCHEMA say.
struct Request {
    format: Format,
    files: Vec<StagedFile>,
    ignore_case: bool,
    max_records: usize,
}

impl Request {
    fn new(databases: &Databases, given: &[FunctionArg]) -> Result<Self> {
        let (mut location, mut format, mut names) = (None, None, None);
        let (mut ignore_case, mut max_files, mut max_records) = (false, usize::MAX, usize::MAX);
        for (name, value) in arguments(given)? {
            match name.as_str() {
                "LOCATION" => {
                    location = Some(Location::resolve(databases, &text_argument(&value)?)?);
                }
                "FILE_FORMAT" => format = Some(OptionValue::Text(text_argument(&value)?)),
                "FILES" => names = Some(texts(&value)?),
                "IGNORE_CASE" => ignore_case = truth(&value)?,
                "MAX_FILE_COUNT" => max_files = count(&value)?,
                "MAX_RECORDS_PER_FILE" => max_records = count(&value)?,
                "KIND" if text_argument(&value)?.eq_ignore_ascii_case("STANDARD") => {}
                _ => return Err(unsupported(&format!("{name} => {value}"))),
            }
        }
        let Some(location) = location else {
            return Err(Error::new(
                codes::E1002,
                "INFER_SCHEMA needs `location => '@stage/path'`",
            ));
        };
        let mut files = list(&location, None)?;
        if let Some(names) = names {
            let base = location.path.trim_end_matches('/').to_owned();
            files.retain(|file| {
                let inside = file.name.strip_prefix(&base).unwrap_or(&file.name);
                names
                    .iter()
                    .any(|name| *name == inside.trim_start_matches('/') || *name == file.name)
            });
        }
        files.truncate(max_files);
        let parquet = files
            .first()
            .is_some_and(|file| file.name.to_lowercase().ends_with(".parquet"));
        let format = match (&format, location.format.is_empty(), parquet) {
            // A file's own name says that it is Parquet; nothing else could be meant.
            (None, true, true) => Format::of_statement(
                databases,
                None,
                &[("TYPE".to_owned(), "PARQUET".to_owned())],
            )?,
            (format, ..) => Format::of_statement(databases, format.as_ref(), &location.format)?,
        };
        Ok(Self {
            format,
            files,
            ignore_case,
            max_records,
        })
    }
}

fn texts(value: &Expr) -> Result<Vec<String>> {
    match value {
        Expr::Tuple(values) => values.iter().map(text_argument).collect(),
        Expr::Nested(value) => Ok(vec![text_argument(value)?]),
        Expr::Array(array) => array.elem.iter().map(text_argument).collect(),
        other => Ok(vec![text_argument(other)?]),
    }
}

fn truth(value: &Expr) -> Result<bool> {
    match value {
        Expr::Value(value) if matches!(value.value, Value::Boolean(_)) => {
            Ok(value.value == Value::Boolean(true))
        }
        other => Err(unsupported(other)),
    }
}

fn count(value: &Expr) -> Result<usize> {
    value.to_string().parse().map_err(|_| unsupported(value))
}

/// The table that INFER_SCHEMA gives.
pub(crate) fn infer_schema(
    databases: &Databases,
    given: &[FunctionArg],
) -> Result<Arc<dyn TableProvider>> {
    let request = Request::new(databases, given)?;
    let mut found: Vec<Found> = Vec::new();
    for (at, file) in request.files.iter().enumerate() {
        let columns = columns(databases, &request, file)?;
        for known in &mut found {
            known.nullable |= !columns.iter().any(|column| column.name == known.name);
        }
        for mut column in columns {
            match found.iter_mut().find(|known| known.name == column.name) {
                Some(known) => {
                    known.kind = known.kind.clone().with(column.kind);
                    known.nullable |= column.nullable;
                    known.files.append(&mut column.files);
                }
                None => {
                    column.nullable |= at > 0;
                    found.push(column);
                }
            }
        }
    }
    let batch = table(&found, matches!(request.format, Format::Csv(_)))?;
    let table = MemTable::try_new(batch.schema(), vec![vec![batch]]).map_err(explain)?;
    Ok(Arc::new(table))
}

fn table(found: &[Found], positional: bool) -> Result<RecordBatch> {
    let texts = |texts: Vec<String>| Arc::new(StringArray::from(texts)) as ArrayRef;
    let expressions = found
        .iter()
        .enumerate()
        .map(|(at, column)| {
            let kind = column.kind.name();
            match column.position {
                _ if positional => format!("${}::{kind}", at + 1),
                _ => {
                    let plain = column
                        .name
                        .bytes()
                        .all(|b| b.is_ascii_alphanumeric() || b == b'_');
                    match plain {
                        true => format!("$1:{}::{kind}", column.name),
                        false => format!("$1:\"{}\"::{kind}", column.name),
                    }
                }
            }
        })
        .collect();
    let order = (0..).take(found.len()).collect::<Vec<i64>>();
    RecordBatch::try_from_iter_with_nullable([
        (
            "COLUMN_NAME",
            texts(found.iter().map(|column| column.name.clone()).collect()),
            true,
        ),
        (
            "TYPE",
            texts(found.iter().map(|column| column.kind.name()).collect()),
            true,
        ),
        (
            "NULLABLE",
            Arc::new(BooleanArray::from_iter(
                found.iter().map(|column| Some(column.nullable)),
            )) as ArrayRef,
            true,
        ),
        ("EXPRESSION", texts(expressions), true),
        (
            "FILENAMES",
            texts(found.iter().map(|column| column.files.join(", ")).collect()),
            true,
        ),
        (
            "ORDER_ID",
            Arc::new(Int64Array::from(order)) as ArrayRef,
            true,
        ),
    ])
    .explain(codes::X0001, || "A schema cannot be listed".to_owned())
}

fn columns(databases: &Databases, request: &Request, file: &StagedFile) -> Result<Vec<Found>> {
    let new = |name: &str, kind: Kind, nullable: bool, position: Option<usize>| Found {
        name: if request.ignore_case {
            name.to_uppercase()
        } else {
            name.to_owned()
        },
        kind,
        nullable,
        position,
        files: vec![file.name.clone()],
    };
    if matches!(request.format, Format::Parquet(_)) {
        let schema = named_columns(&request.format, file)?;
        let fields = schema.iter().flat_map(|schema| schema.fields().iter());
        return Ok(fields
            .map(|field| {
                let logical = field.metadata().get("sluice.type").map(String::as_str);
                let kind = match logical {
                    Some("OBJECT") => Kind::Plain("OBJECT"),
                    Some("ARRAY") => Kind::Plain("ARRAY"),
                    _ => Kind::of_arrow(field.data_type()),
                };
                new(field.name(), kind, true, None)
            })
            .collect());
    }
    let header: Option<SchemaRef> = named_columns(&request.format, file)?;
    let columns = match (&request.format, &header) {
        (Format::Csv(_), Some(schema)) => Columns::Named(Arc::clone(schema)),
        (Format::Csv(options), None) => Columns::Positions(width(options, file)?.max(1)),
        _ => Columns::Whole,
    };
    let reading = Reading {
        format: request.format.clone(),
        columns,
        metadata: Vec::new(),
        expected: None,
        started: databases.session.as_of,
    };
    let units = reading.units(&[Arc::new(file.clone())])?;
    let mut left = request.max_records;
    let mut found: Vec<Found> = Vec::new();
    if let Columns::Named(schema) = &reading.columns {
        found.extend(
            schema
                .fields()
                .iter()
                .enumerate()
                .map(|(at, field)| new(field.name(), Kind::Nothing, false, Some(at))),
        );
    } else if let Columns::Positions(width) = reading.columns {
        found.extend(
            (0..width).map(|at| new(&format!("c{}", at + 1), Kind::Nothing, false, Some(at))),
        );
    }
    for unit in &units {
        for chunk in reading.open(unit)? {
            let rows = chunk?.rows;
            let rows = rows.slice(0, rows.num_rows().min(left));
            left -= rows.num_rows();
            if matches!(reading.columns, Columns::Whole) {
                members(&rows, &mut found, &new)?;
            } else {
                for (column, found) in rows.columns().iter().zip(&mut found) {
                    for text in column.as_string::<i32>() {
                        match text {
                            Some(text) => {
                                found.kind = found.kind.clone().with(Kind::of_text(text));
                            }
                            None => found.nullable = true,
                        }
                    }
                }
            }
            if left == 0 {
                break;
            }
        }
    }
    Ok(found)
}

/// Makes a column of a name, a kind, whether it has nulls, and its place.
type NewColumn<'a> = dyn Fn(&str, Kind, bool, Option<usize>) -> Found + 'a;

/// The members of JSON objects.
fn members(rows: &RecordBatch, found: &mut Vec<Found>, new: &NewColumn<'_>) -> Result<()> {
    for text in rows.column(0).as_string::<i64>().iter().flatten() {
        let parsed: serde_json::Value = serde_json::from_str(text)
            .explain(codes::E1004, || "A record is no JSON".to_owned())?;
        let serde_json::Value::Object(members) = parsed else {
            continue;
        };
        for (name, value) in members {
            let kind = match &value {
                serde_json::Value::Null => Kind::Nothing,
                serde_json::Value::Bool(_) => Kind::Boolean,
                serde_json::Value::Number(text) => {
                    number(&text.to_string()).unwrap_or(Kind::Plain("REAL"))
                }
                serde_json::Value::String(text) => match Kind::of_text(text) {
                    kind @ Kind::Plain("DATE" | "TIMESTAMP_NTZ") => kind,
                    _ => Kind::Text,
                },
                serde_json::Value::Array(_) => Kind::Plain("ARRAY"),
                serde_json::Value::Object(_) => Kind::Plain("OBJECT"),
            };
            let column = new(&name, kind, true, None);
            match found.iter_mut().find(|known| known.name == column.name) {
                Some(known) => known.kind = known.kind.clone().with(column.kind),
                None => found.push(column),
            }
        }
    }
    Ok(())
}
