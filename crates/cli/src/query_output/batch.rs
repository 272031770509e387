//! Arrow values as [`Cell`]s, in the texts Snowflake shows: `2024-03-04 05:06:07.000`, `1.50`, `4D5A`.

use std::borrow::Cow;

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, FixedSizeListArray, GenericListArray, OffsetSizeTrait,
    RecordBatch, StructArray,
};
use arrow::datatypes::{DataType, Float32Type, Float64Type};
use arrow::error::ArrowError;
use arrow::util::display::{ArrayFormatter, FormatOptions};

use super::{Cell, RowWriter, json};

const TIMESTAMP: &str = "%Y-%m-%d %H:%M:%S%.3f";
const TIMESTAMP_TZ: &str = "%Y-%m-%d %H:%M:%S%.3f %z";

/// Writes every row of `batch`.
pub(super) fn write_batch(writer: &mut dyn RowWriter, batch: &RecordBatch) -> std::io::Result<()> {
    let columns: Result<Vec<Column<'_>>, ArrowError> =
        batch.columns().iter().map(Column::new).collect();
    let columns = columns.map_err(std::io::Error::other)?;
    let mut cells = Vec::with_capacity(columns.len());
    for row in 0..batch.num_rows() {
        cells.clear();
        for column in &columns {
            cells.push(column.cell(row).map_err(std::io::Error::other)?);
        }
        writer.row(&cells)?;
    }
    Ok(())
}

/// A column with what is needed to show its values.
enum Column<'a> {
    Boolean(&'a BooleanArray),
    Float(&'a ArrayRef),
    Number(&'a ArrayRef, ArrayFormatter<'a>),
    Binary(&'a ArrayRef, ArrayFormatter<'a>),
    Geography(&'a ArrayRef),
    Text(&'a ArrayRef, ArrayFormatter<'a>),
    /// JSON text: VARIANT, OBJECT and ARRAY.
    Variant(&'a ArrayRef),
    Nested(&'a ArrayRef),
}

impl<'a> Column<'a> {
    fn new(array: &'a ArrayRef) -> Result<Self, ArrowError> {
        let options = FormatOptions::new()
            .with_timestamp_format(Some(TIMESTAMP))
            .with_timestamp_tz_format(Some(TIMESTAMP_TZ))
            .with_time_format(Some("%H:%M:%S"));
        let formatter = || ArrayFormatter::try_new(array.as_ref(), &options);
        Ok(match array.data_type() {
            DataType::Boolean => Self::Boolean(array.as_boolean()),
            DataType::Float32 | DataType::Float64 => Self::Float(array),
            kind if kind.is_numeric() => Self::Number(array, formatter()?),
            DataType::LargeBinary => Self::Geography(array),
            DataType::Binary | DataType::BinaryView | DataType::FixedSizeBinary(_) => {
                Self::Binary(array, formatter()?)
            }
            DataType::LargeUtf8 => Self::Variant(array),
            DataType::List(_)
            | DataType::LargeList(_)
            | DataType::FixedSizeList(..)
            | DataType::Struct(_) => Self::Nested(array),
            _ => Self::Text(array, formatter()?),
        })
    }

    fn cell(&self, row: usize) -> Result<Cell<'a>, ArrowError> {
        let array: &dyn Array = match self {
            Self::Boolean(array) => array,
            Self::Float(array)
            | Self::Number(array, _)
            | Self::Binary(array, _)
            | Self::Geography(array)
            | Self::Text(array, _)
            | Self::Variant(array)
            | Self::Nested(array) => array,
        };
        if array.is_null(row) || array.data_type() == &DataType::Null {
            return Ok(Cell::Null);
        }
        Ok(match self {
            Self::Boolean(array) => Cell::Boolean(array.value(row)),
            Self::Float(array) => Cell::Number(Cow::Owned(float(array, row))),
            Self::Number(_, formatter) => Cell::Number(shown(formatter, row)?.into()),
            Self::Binary(_, formatter) => Cell::Text(shown(formatter, row)?.to_uppercase().into()),
            Self::Geography(array) => {
                let text = functions::geojson(array.as_binary::<i64>().value(row));
                let broken = || ArrowError::ParseError("a GEOGRAPHY value is no WKB".to_owned());
                Cell::Json(text.ok_or_else(broken)?.into())
            }
            Self::Text(array, formatter) => match text(array, row) {
                Some(text) => Cell::Text(text.into()),
                None => Cell::Text(shown(formatter, row)?.into()),
            },
            Self::Variant(array) => Cell::Json(array.as_string::<i64>().value(row).into()),
            Self::Nested(array) => Cell::Json(nested(array, row)?.into()),
        })
    }
}

fn shown(formatter: &ArrayFormatter<'_>, row: usize) -> Result<String, ArrowError> {
    formatter.value(row).try_to_string()
}

/// Strings without a copy.
fn text(array: &ArrayRef, row: usize) -> Option<&str> {
    Some(match array.data_type() {
        DataType::Utf8 => array.as_string::<i32>().value(row),
        DataType::Utf8View => array.as_string_view().value(row),
        _ => return None,
    })
}

/// The shortest text that reads back as the same number; whole numbers have no point.
fn float(array: &ArrayRef, row: usize) -> String {
    match array.data_type() {
        DataType::Float32 => {
            let number = array.as_primitive::<Float32Type>().value(row);
            match is_plain(number.abs().into()) {
                true => number.to_string(),
                false => format!("{number:e}"),
            }
        }
        _ => {
            let number = array.as_primitive::<Float64Type>().value(row);
            match is_plain(number.abs()) {
                true => number.to_string(),
                false => format!("{number:e}"),
            }
        }
    }
}

fn is_plain(size: f64) -> bool {
    size == 0.0 || (1e-6..1e16).contains(&size) || !size.is_finite()
}

/// Lists and structures as JSON.
fn nested(array: &ArrayRef, row: usize) -> Result<String, ArrowError> {
    match array.data_type() {
        DataType::List(_) => list(array.as_list::<i32>(), row),
        DataType::LargeList(_) => list(array.as_list::<i64>(), row),
        DataType::FixedSizeList(..) => {
            let lists: &FixedSizeListArray = array.as_fixed_size_list();
            items(&lists.value(row))
        }
        _ => structure(array.as_struct(), row),
    }
}

fn list<O: OffsetSizeTrait>(lists: &GenericListArray<O>, row: usize) -> Result<String, ArrowError> {
    items(&lists.value(row))
}

fn items(values: &ArrayRef) -> Result<String, ArrowError> {
    let column = Column::new(values)?;
    let items = (0..values.len()).map(|row| column.cell(row).map(|cell| json::value(&cell)));
    let items: Result<Vec<String>, ArrowError> = items.collect();
    Ok(format!("[{}]", items?.join(",")))
}

fn structure(structures: &StructArray, row: usize) -> Result<String, ArrowError> {
    let fields = structures.fields().iter().zip(structures.columns());
    let parts = fields.map(|(field, column)| {
        let value = json::value(&Column::new(column)?.cell(row)?);
        Ok(format!(
            "{}:{value}",
            serde_json::Value::from(field.name().as_str())
        ))
    });
    let parts: Result<Vec<String>, ArrowError> = parts.collect();
    Ok(format!("{{{}}}", parts?.join(",")))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{
        ArrayRef, BinaryArray, BooleanArray, Date32Array, Decimal128Array, Float64Array,
        Int64Array, LargeStringArray, ListArray, NullArray, RecordBatch, StringViewArray,
        StructArray, TimestampMicrosecondArray,
    };
    use arrow::datatypes::{Field, Int32Type};

    use super::super::{QueryFormat, writer};
    use super::write_batch;

    #[test]
    fn shows_values_as_snowflake_does() {
        let moment = 1_709_528_767_123_000;
        let decimals = Decimal128Array::from(vec![Some(150), None]);
        let ids: ArrayRef = Arc::new(Int64Array::from(vec![7, 8]));
        let columns: Vec<(&str, ArrayRef)> = vec![
            ("I", Arc::clone(&ids)),
            (
                "D",
                Arc::new(decimals.with_precision_and_scale(10, 2).unwrap()),
            ),
            ("F", Arc::new(Float64Array::from(vec![1.0, 1e300]))),
            (
                "S",
                Arc::new(StringViewArray::from(vec![Some("x"), Some("")])),
            ),
            ("B", Arc::new(BooleanArray::from(vec![Some(true), None]))),
            ("DAY", Arc::new(Date32Array::from(vec![19_786, 0]))),
            (
                "T",
                Arc::new(TimestampMicrosecondArray::from(vec![moment, 0])),
            ),
            (
                "TZ",
                Arc::new(TimestampMicrosecondArray::from(vec![moment, 0]).with_timezone("+00:00")),
            ),
            (
                "BIN",
                Arc::new(BinaryArray::from(vec![b"MZ".as_slice(), b"".as_slice()])),
            ),
            ("N", Arc::new(NullArray::new(2))),
            (
                "V",
                Arc::new(LargeStringArray::from(vec![
                    Some("[undefined,\"undefined\"]"),
                    None,
                ])),
            ),
            (
                "L",
                Arc::new(ListArray::from_iter_primitive::<Int32Type, _, _>([
                    Some(vec![Some(1), None]),
                    None,
                ])),
            ),
            (
                "O",
                Arc::new(StructArray::from(vec![(
                    Arc::new(Field::new("id", ids.data_type().clone(), false)),
                    ids,
                )])),
            ),
        ];
        let batch = RecordBatch::try_from_iter(columns).unwrap();
        let names: Vec<String> = batch
            .schema()
            .fields()
            .iter()
            .map(|f| f.name().clone())
            .collect();
        let mut out = Vec::new();
        let mut rows = writer(QueryFormat::Csv, &names, Box::new(&mut out)).unwrap();
        write_batch(rows.as_mut(), &batch).unwrap();
        rows.finish().unwrap();
        drop(rows);
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "I,D,F,S,B,DAY,T,TZ,BIN,N,V,L,O\n\
             7,1.50,1,x,true,2024-03-04,2024-03-04 05:06:07.123,2024-03-04 05:06:07.123 +0000,4D5A,,\"[undefined,\"\"undefined\"\"]\",\"[1,null]\",\"{\"\"id\"\":7}\"\n\
             8,,1e300,\"\",,1970-01-01,1970-01-01 00:00:00.000,1970-01-01 00:00:00.000 +0000,\"\",,,,\"{\"\"id\"\":8}\"\n"
        );
    }
}
