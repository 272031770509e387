//! Values of files as VARIANT, and the fields of positional columns.

use std::fmt::Write as _;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, LargeStringArray, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use diagnostic::{Error, Result, ResultExt, codes};

/// `$number` as text.
pub(super) fn text_field(number: usize) -> Field {
    Field::new(format!("${number}"), DataType::Utf8, true)
}

/// `$1` as VARIANT (decision 0008).
pub(super) fn variant_field() -> Field {
    let metadata = [("sluice.type".to_owned(), "VARIANT".to_owned())];
    Field::new("$1", DataType::LargeUtf8, true).with_metadata(metadata.into())
}

/// Each row as an object. Values that are null are left out, as Snowflake does it.
pub(super) fn objects(rows: &RecordBatch) -> Result<ArrayRef> {
    let mut texts = Vec::with_capacity(rows.num_rows());
    for row in 0..rows.num_rows() {
        let mut text = String::from("{");
        for (field, column) in rows.schema().fields().iter().zip(rows.columns()) {
            if column.is_null(row) {
                continue;
            }
            member(&mut text, field.name());
            value(&mut text, column, row)?;
        }
        text.push('}');
        texts.push(canonical(&text)?);
    }
    Ok(Arc::new(LargeStringArray::from_iter(texts)))
}

/// Nested columns as VARIANT; others as they are.
pub(super) fn flat(column: &ArrayRef) -> Result<ArrayRef> {
    if !column.data_type().is_nested() {
        return Ok(Arc::clone(column));
    }
    let mut texts = Vec::with_capacity(column.len());
    for row in 0..column.len() {
        if column.is_null(row) {
            texts.push(None);
            continue;
        }
        let mut text = String::new();
        value(&mut text, column, row)?;
        texts.push(canonical(&text)?);
    }
    Ok(Arc::new(LargeStringArray::from_iter(texts)))
}

fn canonical(text: &str) -> Result<Option<String>> {
    functions::variant_from_json(text)
        .map_err(|reason| Error::new(codes::E1004, format!("A row is no valid VARIANT: {reason}")))
}

fn member(out: &mut String, name: &str) {
    if !out.ends_with('{') {
        out.push(',');
    }
    quote(out, name);
    out.push(':');
}

/// Appends `text` as a JSON string.
fn quote(out: &mut String, text: &str) {
    out.push('"');
    for letter in text.chars() {
        match letter {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            // Writing to a string cannot fail.
            letter if letter < ' ' => {
                let _ = write!(out, "\\u{:04x}", u32::from(letter));
            }
            letter => out.push(letter),
        }
    }
    out.push('"');
}

fn value(out: &mut String, column: &ArrayRef, row: usize) -> Result<()> {
    if column.is_null(row) {
        out.push_str("null");
        return Ok(());
    }
    match column.data_type() {
        DataType::Struct(fields) => {
            out.push('{');
            for (field, inner) in fields.iter().zip(column.as_struct().columns()) {
                if !inner.is_null(row) {
                    member(out, field.name());
                    value(out, inner, row)?;
                }
            }
            out.push('}');
        }
        DataType::List(_) => list(out, &column.as_list::<i32>().value(row))?,
        DataType::LargeList(_) => list(out, &column.as_list::<i64>().value(row))?,
        DataType::Map(..) => {
            let entries = column.as_map().value(row);
            let (keys, values) = (entries.column(0), entries.column(1));
            out.push('{');
            for at in 0..entries.len() {
                member(out, &plain(keys, at)?);
                value(out, values, at)?;
            }
            out.push('}');
        }
        DataType::Dictionary(_, inner) => {
            let whole = cast(column, inner).explain(codes::E1004, wrong)?;
            value(out, &whole, row)?;
        }
        kind if kind.is_integer() || kind.is_decimal() || *kind == DataType::Boolean => {
            out.push_str(&plain(column, row)?);
        }
        kind if kind.is_floating() => {
            let text = plain(column, row)?;
            // JSON has no infinity and no NaN.
            if text.contains(|c: char| c.is_ascii_alphabetic() && c != 'e' && c != 'E') {
                quote(out, &text);
            } else {
                out.push_str(&text);
            }
        }
        DataType::Binary
        | DataType::LargeBinary
        | DataType::FixedSizeBinary(_)
        | DataType::BinaryView => {
            quote(out, &plain(column, row)?.to_uppercase());
        }
        DataType::Timestamp(..) => {
            let options = FormatOptions::default()
                .with_timestamp_format(Some("%Y-%m-%d %H:%M:%S%.3f"))
                .with_timestamp_tz_format(Some("%Y-%m-%d %H:%M:%S%.3f %z"));
            let shown = ArrayFormatter::try_new(column, &options).explain(codes::E1004, wrong)?;
            quote(out, &shown.value(row).to_string());
        }
        _ => quote(out, &plain(column, row)?),
    }
    Ok(())
}

fn list(out: &mut String, items: &ArrayRef) -> Result<()> {
    out.push('[');
    for at in 0..items.len() {
        if at > 0 {
            out.push(',');
        }
        value(out, items, at)?;
    }
    out.push(']');
    Ok(())
}

fn plain(column: &ArrayRef, row: usize) -> Result<String> {
    let options = FormatOptions::default();
    let shown = ArrayFormatter::try_new(column, &options).explain(codes::E1004, wrong)?;
    Ok(shown.value(row).to_string())
}

fn wrong() -> String {
    "A value of a file cannot be shown as text".to_owned()
}
