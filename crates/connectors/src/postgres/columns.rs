//! Columns and their Arrow builders: a value in either form in, an array out.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, BinaryBuilder, BooleanBuilder, Date32Builder, Decimal128Builder, Float64Builder,
    Int64Builder, RecordBatch, StringBuilder, TimestampMicrosecondBuilder,
};
use arrow::datatypes::{Field, Schema, SchemaRef};
use diagnostic::{Error, Result, ResultExt, codes};
use model::Identifier;

use super::values::{array, number, time};
use super::{Kind, Wire, values};
use crate::json_text as json;

/// A column to read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// Its name in PostgreSQL.
    pub name: String,
    /// Its number in its table, which stays when it is renamed; 0 in a query.
    pub number: i16,
    /// What its values are.
    pub kind: Kind,
    /// How a copy sends it.
    pub wire: Wire,
    /// Its type as PostgreSQL writes it.
    pub type_name: String,
    /// The oid and the modifier of that type.
    pub declared: (u32, i32),
    /// Whether it is computed from others: the log does not carry it.
    pub generated: bool,
}

impl Column {
    /// Its name in our tables.
    #[must_use]
    pub fn identifier(&self) -> Identifier {
        Identifier::unquoted(&self.name)
    }

    /// The field of our tables.
    #[must_use]
    pub fn field(&self) -> Field {
        let field = Field::new(self.identifier().as_str(), self.kind.data_type(), true);
        if self.kind.is_variant() {
            field.with_metadata(HashMap::from([(
                "sluice.type".to_owned(),
                "VARIANT".to_owned(),
            )]))
        } else {
            field
        }
    }
}

/// The fields of `columns`.
#[must_use]
pub fn fields(columns: &[Column]) -> Vec<Field> {
    columns.iter().map(Column::field).collect()
}

/// Builds one column.
pub struct ColumnBuilder {
    kind: Kind,
    values: Values,
    scratch: String,
    bytes: Vec<u8>,
}

enum Values {
    Boolean(BooleanBuilder),
    Integer(Int64Builder),
    Float(Float64Builder),
    Decimal(Decimal128Builder, u8, i8),
    Text(StringBuilder),
    Bytes(BinaryBuilder),
    Date(Date32Builder),
    Timestamp(TimestampMicrosecondBuilder),
}

/// Why a value was not taken.
type Reason = &'static str;

const GARBLED: Reason = "it is not what its type says";

impl ColumnBuilder {
    /// A builder of values of `kind`.
    #[must_use]
    pub fn new(kind: Kind) -> Self {
        let values = match kind {
            Kind::Boolean => Values::Boolean(BooleanBuilder::new()),
            Kind::Integer => Values::Integer(Int64Builder::new()),
            Kind::Float4 | Kind::Float8 => Values::Float(Float64Builder::new()),
            Kind::Decimal { precision, scale } => Values::Decimal(
                Decimal128Builder::new().with_data_type(kind.data_type()),
                precision,
                scale,
            ),
            Kind::Bytes => Values::Bytes(BinaryBuilder::new()),
            Kind::Date => Values::Date(Date32Builder::new()),
            Kind::Timestamp => Values::Timestamp(TimestampMicrosecondBuilder::new()),
            Kind::TimestampTz => {
                Values::Timestamp(TimestampMicrosecondBuilder::new().with_timezone("UTC"))
            }
            Kind::Text | Kind::Uuid | Kind::Json | Kind::Jsonb | Kind::Array(_) | Kind::Hstore => {
                Values::Text(StringBuilder::new())
            }
        };
        Self {
            kind,
            values,
            scratch: String::new(),
            bytes: Vec::new(),
        }
    }

    /// Adds NULL.
    pub fn null(&mut self) {
        match &mut self.values {
            Values::Boolean(values) => values.append_null(),
            Values::Integer(values) => values.append_null(),
            Values::Float(values) => values.append_null(),
            Values::Decimal(values, ..) => values.append_null(),
            Values::Text(values) => values.append_null(),
            Values::Bytes(values) => values.append_null(),
            Values::Date(values) => values.append_null(),
            Values::Timestamp(values) => values.append_null(),
        }
    }

    /// Adds a value in the binary form of its type.
    pub(super) fn binary(&mut self, bytes: &[u8]) -> Result<(), Reason> {
        match &mut self.values {
            Values::Boolean(values) => match bytes {
                [byte] => values.append_value(*byte != 0),
                _ => return Err(GARBLED),
            },
            Values::Integer(values) => values.append_value(match *bytes {
                [a, b, c, d, e, f, g, h] => i64::from_be_bytes([a, b, c, d, e, f, g, h]),
                [a, b, c, d] => i64::from(i32::from_be_bytes([a, b, c, d])),
                [a, b] => i64::from(i16::from_be_bytes([a, b])),
                _ => return Err(GARBLED),
            }),
            Values::Float(values) => values.append_value(match *bytes {
                [a, b, c, d, e, f, g, h] => f64::from_be_bytes([a, b, c, d, e, f, g, h]),
                [a, b, c, d] => f64::from(f32::from_be_bytes([a, b, c, d])),
                _ => return Err(GARBLED),
            }),
            Values::Decimal(values, precision, scale) => {
                let value = number::binary(bytes, *precision, *scale);
                values.append_value(value.map_err(number::Unfit::reason)?);
            }
            Values::Bytes(values) => values.append_value(bytes),
            Values::Date(values) => {
                values.append_value(time::binary_date(bytes).ok_or("it is out of range")?);
            }
            Values::Timestamp(values) => {
                values.append_value(time::binary_timestamp(bytes).ok_or("it is out of range")?);
            }
            Values::Text(values) => match self.kind {
                Kind::Uuid => {
                    self.scratch.clear();
                    values::uuid(bytes, &mut self.scratch).ok_or(GARBLED)?;
                    values.append_value(&self.scratch);
                }
                Kind::Jsonb => {
                    let (_, text) = bytes.split_first().ok_or(GARBLED)?;
                    let text = std::str::from_utf8(text).map_err(|_| "it is not UTF-8")?;
                    self.scratch.clear();
                    json::canonical(text, &mut self.scratch).ok_or(GARBLED)?;
                    values.append_value(&self.scratch);
                }
                Kind::Text => {
                    values.append_value(std::str::from_utf8(bytes).map_err(|_| "it is not UTF-8")?);
                }
                _ => {
                    let text = std::str::from_utf8(bytes).map_err(|_| "it is not UTF-8")?;
                    return self.text(text);
                }
            },
        }
        Ok(())
    }

    /// Adds a value in the text form of its type.
    pub(super) fn text(&mut self, text: &str) -> Result<(), Reason> {
        match &mut self.values {
            Values::Boolean(values) => values.append_value(match text {
                "t" | "true" => true,
                "f" | "false" => false,
                _ => return Err(GARBLED),
            }),
            Values::Integer(values) => values.append_value(text.parse().map_err(|_| GARBLED)?),
            Values::Float(values) => values.append_value(match self.kind {
                // The nearest `real` first, as the binary form has it.
                Kind::Float4 => f64::from(text.parse::<f32>().map_err(|_| GARBLED)?),
                _ => text.parse().map_err(|_| GARBLED)?,
            }),
            Values::Decimal(values, precision, scale) => {
                let value = number::text(text, *precision, *scale);
                values.append_value(value.map_err(number::Unfit::reason)?);
            }
            Values::Bytes(values) => {
                self.bytes.clear();
                values::bytes(text, &mut self.bytes).ok_or(GARBLED)?;
                values.append_value(&self.bytes);
            }
            Values::Date(values) => {
                values.append_value(time::date(text).ok_or("it is out of range")?);
            }
            Values::Timestamp(values) => {
                values.append_value(time::timestamp(text).ok_or("it is out of range")?);
            }
            Values::Text(values) => {
                self.scratch.clear();
                let done = match self.kind {
                    Kind::Json | Kind::Jsonb => json::canonical(text, &mut self.scratch),
                    Kind::Array(element) => array::array(text, element, &mut self.scratch),
                    Kind::Hstore => array::hstore(text, &mut self.scratch),
                    _ => {
                        values.append_value(text);
                        return Ok(());
                    }
                };
                done.ok_or(GARBLED)?;
                values.append_value(&self.scratch);
            }
        }
        Ok(())
    }

    /// The values added since the last call.
    pub fn finish(&mut self) -> ArrayRef {
        match &mut self.values {
            Values::Boolean(values) => Arc::new(values.finish()),
            Values::Integer(values) => Arc::new(values.finish()),
            Values::Float(values) => Arc::new(values.finish()),
            Values::Decimal(values, ..) => Arc::new(values.finish()),
            Values::Text(values) => Arc::new(values.finish()),
            Values::Bytes(values) => Arc::new(values.finish()),
            Values::Date(values) => Arc::new(values.finish()),
            Values::Timestamp(values) => Arc::new(values.finish()),
        }
    }
}

/// Builds rows of several columns.
pub struct RowBuilder {
    columns: Vec<Column>,
    builders: Vec<ColumnBuilder>,
    schema: SchemaRef,
    rows: usize,
    bytes: usize,
}

/// What a column takes beside its values: offsets and validity.
const CELL_OVERHEAD: usize = 8;

impl RowBuilder {
    /// A builder of rows of `columns`.
    #[must_use]
    pub fn new(columns: Vec<Column>) -> Self {
        Self {
            builders: columns
                .iter()
                .map(|column| ColumnBuilder::new(column.kind))
                .collect(),
            schema: Arc::new(Schema::new(fields(&columns))),
            columns,
            rows: 0,
            bytes: 0,
        }
    }

    /// The columns.
    #[must_use]
    pub fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// The Arrow schema of the batches.
    #[must_use]
    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// Complete rows so far.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Roughly the memory they take.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Adds NULL to column `at`.
    #[inline]
    pub fn null(&mut self, at: usize) {
        if let Some(builder) = self.builders.get_mut(at) {
            builder.null();
        }
    }

    /// Adds a value as a copy sends it to column `at`.
    ///
    /// # Errors
    /// `P2005` if the column cannot hold it.
    #[inline]
    pub fn copied(&mut self, at: usize, bytes: &[u8]) -> Result<()> {
        let (Some(builder), Some(column)) = (self.builders.get_mut(at), self.columns.get(at))
        else {
            return Ok(());
        };
        self.bytes += bytes.len();
        let taken = match column.wire {
            Wire::Binary => builder.binary(bytes),
            Wire::Text => std::str::from_utf8(bytes)
                .map_err(|_| "it is not UTF-8")
                .and_then(|text| builder.text(text)),
        };
        taken.map_err(|reason| unfit(column, reason))
    }

    /// Adds a value in text to column `at`.
    ///
    /// # Errors
    /// `P2005` if the column cannot hold it.
    #[inline]
    pub fn text(&mut self, at: usize, text: &str) -> Result<()> {
        let (Some(builder), Some(column)) = (self.builders.get_mut(at), self.columns.get(at))
        else {
            return Ok(());
        };
        self.bytes += text.len();
        builder.text(text).map_err(|reason| unfit(column, reason))
    }

    /// Ends a row: every column has got one value.
    #[inline]
    pub fn end_row(&mut self) {
        self.rows += 1;
        self.bytes += self.builders.len() * CELL_OVERHEAD;
    }

    /// The rows added since the last call.
    ///
    /// # Errors
    /// `X0001` if the columns differ in length.
    pub fn finish(&mut self) -> Result<RecordBatch> {
        let arrays = self
            .builders
            .iter_mut()
            .map(ColumnBuilder::finish)
            .collect();
        (self.rows, self.bytes) = (0, 0);
        RecordBatch::try_new(Arc::clone(&self.schema), arrays).explain(codes::X0001, || {
            "Rows of a stream have columns of different lengths".to_owned()
        })
    }
}

fn unfit(column: &Column, reason: Reason) -> Error {
    Error::new(
        codes::P2005,
        format!(
            "A value of column `{}` ({}) cannot be kept: {reason}",
            column.name, column.type_name
        ),
    )
    .help(format!(
        "give the column another type in the stream's `types`, for example `types: {{{}: varchar}}`",
        column.name
    ))
}
