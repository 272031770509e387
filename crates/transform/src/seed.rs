//! Seeds: CSV files of the project as tables, with dbt's guesses of column types.

use std::path::Path;
use std::sync::Arc;

use arrow::array::TimestampMicrosecondArray;
use arrow::array::{
    ArrayRef, BooleanArray, Date32Array, Float64Array, Int64Array, RecordBatch, StringArray,
};
use arrow::datatypes::{Field, Schema, SchemaRef};
use chrono::{NaiveDate, NaiveDateTime};
use diagnostic::{Error, Place, Result, ResultExt, codes};

/// Days from 0001-01-01 to 1970-01-01 in the proleptic Gregorian calendar.
const EPOCH: i32 = 719_163;

/// A seed's rows.
pub struct Seed {
    /// The columns, in upper case unless `quote_columns`.
    pub schema: SchemaRef,
    /// All rows.
    pub batch: RecordBatch,
}

/// Reads the file at `path`.
///
/// A column holds, in this order of preference, integers, numbers, dates, times, booleans or text,
/// as dbt's reader (agate) decides; empty fields and `null` are NULL. `text_columns` (upper case) are
/// not guessed.
///
/// # Errors
/// `T3001` if the file is no CSV, with its line.
pub fn read(
    path: &Path,
    delimiter: u8,
    quote_columns: bool,
    text_columns: &[String],
) -> Result<Seed> {
    let shown = path.display().to_string();
    let wrong = || format!("Seed `{shown}` cannot be read");
    let bytes = std::fs::read(path).explain(codes::T3001, wrong)?;
    let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
    let mut reader = csv::ReaderBuilder::new()
        .delimiter(delimiter)
        .flexible(true)
        .from_reader(text);
    let names: Vec<String> = reader
        .headers()
        .explain(codes::T3001, wrong)?
        .iter()
        .map(|name| {
            if quote_columns {
                name.to_owned()
            } else {
                folded(name)
            }
        })
        .collect();
    let mut columns: Vec<Vec<Option<String>>> = vec![Vec::new(); names.len()];
    for record in reader.records() {
        let record = record.map_err(|cause| {
            let line = cause.position().map_or(1, csv::Position::line);
            Error::new(codes::T3001, wrong())
                .at(Place::line(
                    shown.as_str(),
                    usize::try_from(line).unwrap_or(1),
                ))
                .because(cause)
        })?;
        if record.len() > names.len() {
            let line = record.position().map_or(1, csv::Position::line);
            let (has, wanted) = (record.len(), names.len());
            return Err(Error::new(codes::T3001, wrong())
                .at(Place::line(
                    shown.as_str(),
                    usize::try_from(line).unwrap_or(1),
                ))
                .with("row", format!("{has} values for {wanted} columns")));
        }
        // Fields that are left out at the end of a row are NULL.
        for (index, column) in columns.iter_mut().enumerate() {
            let value = record.get(index).unwrap_or_default();
            column.push((!is_null(value)).then(|| value.to_owned()));
        }
    }
    let arrays: Vec<ArrayRef> = names
        .iter()
        .zip(&columns)
        .map(
            |(name, values)| match text_columns.contains(&name.to_uppercase()) {
                true => text_array(values),
                false => guess(values),
            },
        )
        .collect();
    let fields: Vec<Field> = names
        .iter()
        .zip(&arrays)
        .map(|(name, array)| Field::new(name, array.data_type().clone(), true))
        .collect();
    let schema = Arc::new(Schema::new(fields));
    let batch = RecordBatch::try_new(Arc::clone(&schema), arrays).explain(codes::T3001, wrong)?;
    Ok(Seed { schema, batch })
}

/// The name of a column that is written without quotes around it. It may bring its own, as in `"END"`.
pub fn folded(name: &str) -> String {
    let quoted = name.strip_prefix('"').and_then(|n| n.strip_suffix('"'));
    match quoted {
        Some(inner) if !inner.is_empty() => inner.replace("\"\"", "\""),
        // Blanks around a name without quotes mean nothing in SQL.
        _ => name.trim().to_uppercase(),
    }
}

fn guess(values: &[Option<String>]) -> ArrayRef {
    // A column of nothing but NULL is one of integers.
    if let Some(column) = all(values, integer) {
        return Arc::new(Int64Array::from(column));
    }
    if let Some(column) = all(values, number) {
        return Arc::new(Float64Array::from(column));
    }
    if let Some(column) = all(values, date) {
        return Arc::new(Date32Array::from(column));
    }
    if let Some(column) = all(values, time) {
        return Arc::new(TimestampMicrosecondArray::from(column));
    }
    if let Some(column) = all(values, truth) {
        return Arc::new(BooleanArray::from(column));
    }
    text_array(values)
}

/// All values converted, if every one that is there can be.
fn all<T>(
    values: &[Option<String>],
    convert: impl Fn(&str) -> Option<T>,
) -> Option<Vec<Option<T>>> {
    values
        .iter()
        .map(|value| match value {
            None => Some(None),
            Some(text) => convert(text).map(Some),
        })
        .collect()
}

fn is_null(text: &str) -> bool {
    let text = text.trim();
    text.is_empty() || text.eq_ignore_ascii_case("null")
}

/// The signs of currencies that agate takes off numbers.
const CURRENCIES: [char; 19] = [
    '؋', '$', 'ƒ', '៛', '¥', '₡', '₱', '£', '€', '¢', '﷼', '₪', '₩', '₭', '₮', '₦', '฿', '₤', '₫',
];

/// The digits of a number: without a currency, a percent sign and the commas of thousands.
fn digits(text: &str) -> String {
    let text = text.trim().trim_matches('%');
    text.trim_matches(CURRENCIES).replace(',', "")
}

/// A whole number, which may be written `1.0`.
fn integer(text: &str) -> Option<i64> {
    let digits = digits(text);
    match digits.split_once('.') {
        Some((whole, fraction)) if !fraction.is_empty() && fraction.bytes().all(|b| b == b'0') => {
            whole.parse().ok()
        }
        Some(_) => None,
        None => digits.parse().ok(),
    }
}

fn number(text: &str) -> Option<f64> {
    let text = digits(text);
    // Rust also reads `inf` and `nan`, which are words in a seed.
    let digits = text.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '-' | '+' | '.'));
    digits
        .then(|| text.parse().ok())
        .flatten()
        .filter(|number: &f64| number.is_finite())
}

fn date(text: &str) -> Option<i32> {
    use chrono::Datelike;
    let date = NaiveDate::parse_from_str(text.trim(), "%Y-%m-%d").ok()?;
    Some(date.num_days_from_ce() - EPOCH)
}

/// A moment as `2024-01-31 12:00:00` or in ISO 8601 with a `T`. A time zone does not count, as the
/// column has none.
fn time(text: &str) -> Option<i64> {
    let text = text.trim();
    let iso = || {
        let at = text.find('T')? + 1;
        let zone = text.get(at..)?.find(['Z', '+', '-']);
        let plain = zone.map_or(Some(text), |zone| text.get(..at + zone))?;
        ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%dT%H:%M"]
            .iter()
            .find_map(|format| NaiveDateTime::parse_from_str(plain, format).ok())
    };
    NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S")
        .ok()
        .or_else(iso)
        .map(|time| time.and_utc().timestamp_micros())
}

fn truth(text: &str) -> Option<bool> {
    match text.trim().to_ascii_lowercase().as_str() {
        "true" => Some(true),
        "false" => Some(false),
        _ => None,
    }
}

fn text_array(values: &[Option<String>]) -> ArrayRef {
    Arc::new(StringArray::from_iter(values))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use arrow::datatypes::DataType;

    #[test]
    fn guesses_types_as_dbt_does() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("seed.csv");
        let text = "id,amount,day,flag,code,empty\n1,1.5,2024-01-31,true,007,\n2,,,False,abc,\n";
        std::fs::write(&path, text).unwrap();
        let seed = super::read(&path, b',', false, &["CODE".to_owned()]).unwrap();
        let types: Vec<_> = seed
            .schema
            .fields()
            .iter()
            .map(|f| f.data_type().clone())
            .collect();
        assert_eq!(
            types,
            [
                DataType::Int64,
                DataType::Float64,
                DataType::Date32,
                DataType::Boolean,
                DataType::Utf8,
                DataType::Int64
            ]
        );
        assert_eq!(seed.schema.field(0).name(), "ID");
    }

    #[test]
    fn names_of_columns_may_bring_their_own_quotes() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("seed.csv");
        std::fs::write(&path, "id,\"\"\"END\"\"\",\"\"\"from\"\"\"\n1,2,3\n").unwrap();
        let names = |quoted: bool| -> Vec<String> {
            let seed = super::read(&path, b',', quoted, &[]).unwrap();
            let fields = seed.schema.fields().iter();
            fields.map(|field| field.name().clone()).collect()
        };
        assert_eq!(names(false), ["ID", "END", "from"]);
        assert_eq!(names(true), ["id", "\"END\"", "\"from\""]);
    }

    #[test]
    fn reads_fields_as_agate_does() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("seed.csv");
        let text = "price,whole,at,word,missing\n\
                    \"$1,000.50\",1.0,2024-01-31T10:00:00Z,NULL,x\n\
                    7%,2,2024-01-31 10:00:00,1.5 h\n";
        std::fs::write(&path, text).unwrap();
        let seed = super::read(&path, b',', false, &[]).unwrap();
        let shown = arrow::util::pretty::pretty_format_batches(&[seed.batch]).unwrap();
        let rows: Vec<String> = shown
            .to_string()
            .lines()
            .skip(3)
            .map(str::to_owned)
            .collect();
        let cells = |row: &str| -> Vec<String> {
            row.trim_matches('|')
                .split('|')
                .map(|cell| cell.trim().to_owned())
                .collect()
        };
        assert_eq!(
            cells(&rows[0]),
            ["1000.5", "1", "2024-01-31T10:00:00", "", "x"]
        );
        assert_eq!(
            cells(&rows[1]),
            ["7.0", "2", "2024-01-31T10:00:00", "1.5 h", ""]
        );
    }

    #[test]
    fn names_the_line_that_is_wrong() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("seed.csv");
        std::fs::write(&path, "a,b\n1,2\n3,4,5\n").unwrap();
        let error = super::read(&path, b',', false, &[]).err().unwrap();
        assert_eq!(error.code().id, "T3001");
        assert_eq!(error.place().unwrap().line, 3);
    }
}
