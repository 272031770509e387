//! Parquet files: their columns by name, or whole rows as VARIANT.

use std::fs::File;
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, RecordBatch, StringArray};
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use diagnostic::{Error, Result, codes};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use super::super::{Parquet, StagedFile};
use super::{CHUNK, Chunk, Chunks, Columns, Place, Reading, Unit, values};

fn builder(file: &StagedFile) -> Result<ParquetRecordBatchReaderBuilder<File>> {
    let open = File::open(&file.path).map_err(|cause| {
        Error::new(codes::F1001, format!("`{}` cannot be read", file.name)).because(cause)
    })?;
    ParquetRecordBatchReaderBuilder::try_new(open).map_err(|cause| damaged(file, cause))
}

fn damaged(file: &StagedFile, cause: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::new(
        codes::F2001,
        format!("`{}` is no Parquet file, or a damaged one", file.name),
    )
    .because(cause)
}

/// The columns of the file as rows of it have them.
pub(super) fn schema(options: &Parquet, file: &StagedFile) -> Result<SchemaRef> {
    let builder = builder(file)?;
    let fields: Vec<Field> = builder
        .schema()
        .fields()
        .iter()
        .map(|field| read_as(options, field))
        .collect();
    Ok(Arc::new(Schema::new(fields)))
}

/// Nested columns come as VARIANT, and bytes without a type as text.
fn read_as(options: &Parquet, field: &Field) -> Field {
    let name = field.name().clone();
    match field.data_type() {
        kind if kind.is_nested() => {
            let logical = match kind {
                DataType::Struct(_) | DataType::Map(..) => "OBJECT",
                _ => "ARRAY",
            };
            let metadata = [("sluice.type".to_owned(), logical.to_owned())];
            Field::new(name, DataType::LargeUtf8, true).with_metadata(metadata.into())
        }
        DataType::Utf8View | DataType::LargeUtf8 => Field::new(name, DataType::Utf8, true),
        DataType::Binary | DataType::BinaryView | DataType::LargeBinary
            if options.binary_as_text =>
        {
            Field::new(name, DataType::Utf8, true)
        }
        kind => Field::new(name, kind.clone(), true),
    }
}

/// The file's row groups, one by one.
pub(super) fn units(file: &Arc<StagedFile>, number: usize) -> Result<Vec<Unit>> {
    let builder = builder(file)?;
    let mut first_row = 1;
    let mut units = Vec::new();
    for (at, group) in builder.metadata().row_groups().iter().enumerate() {
        units.push(Unit {
            file: Arc::clone(file),
            number,
            row_groups: Some(at..at + 1),
            first_row,
        });
        first_row += group.num_rows();
    }
    Ok(units)
}

pub(super) fn open(reading: &Reading, options: &Parquet, unit: &Unit) -> Result<Chunks> {
    let file = Arc::clone(&unit.file);
    let mut builder = builder(&file)?.with_batch_size(CHUNK);
    if let Columns::Named(schema) = &reading.columns {
        let wanted: Vec<usize> = builder
            .schema()
            .fields()
            .iter()
            .enumerate()
            .filter(|(_, field)| schema.column_with_name(field.name()).is_some())
            .map(|(at, _)| at)
            .collect();
        let mask = ProjectionMask::roots(builder.parquet_schema(), wanted);
        builder = builder.with_projection(mask);
    }
    if let Some(groups) = unit.row_groups.clone() {
        builder = builder.with_row_groups(groups.collect());
    }
    let rows = builder.build().map_err(|cause| damaged(&file, cause))?;
    let (reading, options) = (reading.clone(), options.clone());
    let mut next = u64::try_from(unit.first_row).unwrap_or(1);
    Ok(Box::new(rows.map(move |rows| {
        let rows = rows.map_err(|cause| damaged(&file, cause))?;
        let count = u64::try_from(rows.num_rows()).unwrap_or(0);
        let places: Vec<Place> = (next..next + count)
            .map(|row| Place {
                row,
                line: row,
                byte: 0,
            })
            .collect();
        next += count;
        let columns = columns(&reading, &options, &rows)?;
        Ok(Chunk {
            rows: reading.with_metadata(columns, &file, &places)?,
            places,
            rejected: Vec::new(),
        })
    })))
}

fn columns(reading: &Reading, options: &Parquet, rows: &RecordBatch) -> Result<Vec<ArrayRef>> {
    if !matches!(reading.columns, Columns::Named(_)) {
        return Ok(vec![values::objects(&texts(options, rows)?)?]);
    }
    let columns = rows
        .schema()
        .fields()
        .iter()
        .zip(rows.columns())
        .map(|(field, column)| {
            let kind = read_as(options, field).data_type().clone();
            let column = values::flat(column)?;
            let column = if *column.data_type() == kind {
                column
            } else {
                converted(&column, &kind)?
            };
            Ok(cleaned(column, options))
        })
        .collect::<Result<Vec<_>>>()?;
    match &reading.columns {
        Columns::Named(schema) => schema
            .fields()
            .iter()
            .map(|field| match rows.schema().index_of(field.name()) {
                Ok(at) => match columns.get(at) {
                    Some(column) if column.data_type() == field.data_type() => {
                        Ok(Arc::clone(column))
                    }
                    Some(column) => converted(column, field.data_type()),
                    None => Err(Error::new(codes::X0001, "A column is not there")),
                },
                Err(_) => Ok(arrow::array::new_null_array(
                    field.data_type(),
                    rows.num_rows(),
                )),
            })
            .collect(),
        Columns::Whole | Columns::Positions(_) => Ok(columns),
    }
}

/// `rows` with bytes as text, if the format says so.
fn texts(options: &Parquet, rows: &RecordBatch) -> Result<RecordBatch> {
    let columns = rows
        .columns()
        .iter()
        .map(|column| {
            let column = match column.data_type() {
                DataType::Binary | DataType::LargeBinary if options.binary_as_text => {
                    converted(column, &DataType::Utf8)?
                }
                _ => Arc::clone(column),
            };
            Ok(cleaned(column, options))
        })
        .collect::<Result<Vec<_>>>()?;
    let fields: Vec<Field> = rows
        .schema()
        .fields()
        .iter()
        .zip(&columns)
        .map(|(field, column)| Field::new(field.name(), column.data_type().clone(), true))
        .collect();
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns)
        .map_err(|cause| Error::new(codes::X0001, "Columns of a file do not fit").because(cause))
}

fn converted(column: &ArrayRef, kind: &DataType) -> Result<ArrayRef> {
    let exact = CastOptions {
        safe: false,
        ..CastOptions::default()
    };
    cast_with_options(column, kind, &exact).map_err(|cause| {
        Error::new(
            codes::E1004,
            format!("A value of type {} is no {kind}", column.data_type()),
        )
        .because(cause)
    })
}

/// Text without blanks around it, and null for NULL_IF, if the format says so.
fn cleaned(column: ArrayRef, options: &Parquet) -> ArrayRef {
    if (options.null_if.is_empty() && !options.trim_space) || *column.data_type() != DataType::Utf8
    {
        return column;
    }
    let texts = column.as_string::<i32>().iter().map(|text| {
        let text = match text {
            Some(text) if options.trim_space => text.trim(),
            Some(text) => text,
            None => return None,
        };
        Some(text).filter(|text| !options.null_if.iter().any(|null| null == text))
    });
    Arc::new(StringArray::from_iter(texts))
}
