//! COPY INTO a location: <https://docs.snowflake.com/en/sql-reference/sql/copy-into-location>.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, StringArray};
use arrow::compute::{cast, take_record_batch};
use arrow::datatypes::{DataType, Schema, SchemaRef};
use diagnostic::{Error, Result, ResultExt, codes};
use engine::{Outcome, Session};
use flate2::Compression;
use flate2::write::GzEncoder;
use parquet::arrow::ArrowWriter;
use parquet::basic::Compression as ParquetCompression;
use parquet::file::properties::WriterProperties;
use sql::command::{CopyIntoLocation, OptionValue};

use super::unknown;
use crate::listing::{Kind, Listing, count};
use crate::stages::{Csv, Format, Json, Location, Parquet, flag, list, single};
use crate::statement::unsupported;
use crate::{Embedded, embedded};

/// Bytes after which another file is begun, as in Snowflake.
const FILE_SIZE: u64 = 16 << 20;

struct Options {
    header: bool,
    overwrite: bool,
    single: bool,
    detailed: bool,
    max_file_size: u64,
    format: Option<OptionValue>,
}

pub(super) async fn run(
    engine: &Embedded,
    session: &Session,
    copy: CopyIntoLocation,
) -> Result<Outcome> {
    let options = options(&copy)?;
    let databases = engine.databases(session);
    let location = Location::named(&databases, &copy.location)?;
    let format = Format::of_statement(&databases, options.format.as_ref(), &location.format)?;
    let partition = match &copy.partition_by {
        Some(expr) if options.single || options.overwrite => {
            return Err(Error::new(
                codes::E1002,
                format!("PARTITION BY {expr} contradicts SINGLE and OVERWRITE"),
            ));
        }
        Some(expr) => format!(", cast({expr} as varchar) as \"__PARTITION\""),
        None => String::new(),
    };
    let text = match partition.as_str() {
        "" => copy.from.to_string(),
        partition => format!("select *{partition} from ({})", copy.from),
    };
    let source = diagnostic::Source::new("copy", text.as_str());
    let mut plan = embedded::plan_view(&databases, &source, &[]).await?;
    if let Format::Csv(csv) = &format {
        let text = as_texts(csv, plan.schema().as_arrow(), &text);
        let source = diagnostic::Source::new("copy", text);
        plan = embedded::plan_view(&databases, &source, &[]).await?;
    }
    let (schema, batches) = engine.collect(session, &plan).await?;
    let parts = if partition.is_empty() {
        vec![(String::new(), batches)]
    } else {
        partitions(&batches)?
    };
    let schema = match partition.is_empty() {
        true => schema,
        false => {
            let own: Vec<usize> = (0..schema.fields().len().saturating_sub(1)).collect();
            Arc::new(schema.project(&own).explain(codes::X0001, wrong)?)
        }
    };
    let mut unload = Unload {
        options: &options,
        format: &format,
        location: &location,
        run: engine.workspace().run().to_string(),
        number: 0,
        written: Vec::new(),
        input: 0,
    };
    unload.prepare()?;
    for (folder, batches) in parts {
        unload.part(&schema, &folder, &batches)?;
    }
    unload.outcome()
}

fn wrong() -> String {
    "Rows cannot be unloaded".to_owned()
}

fn options(copy: &CopyIntoLocation) -> Result<Options> {
    let mut options = Options {
        header: false,
        overwrite: false,
        single: false,
        detailed: false,
        max_file_size: FILE_SIZE,
        format: None,
    };
    for option in &copy.options {
        match option.name.as_str() {
            "FILE_FORMAT" => options.format = Some(option.value.clone()),
            "HEADER" => options.header = flag(option)?,
            "OVERWRITE" => options.overwrite = flag(option)?,
            "SINGLE" => options.single = flag(option)?,
            "DETAILED_OUTPUT" => options.detailed = flag(option)?,
            "INCLUDE_QUERY_ID" if !flag(option)? => {}
            "MAX_FILE_SIZE" => {
                options.max_file_size = single(option)?.parse().map_err(|_| unknown(option))?;
            }
            _ => return Err(unknown(option)),
        }
    }
    Ok(options)
}

/// Rows by the value of their last column, which goes.
fn partitions(batches: &[RecordBatch]) -> Result<Vec<(String, Vec<RecordBatch>)>> {
    let mut parts: Vec<(String, Vec<RecordBatch>)> = Vec::new();
    for batch in batches {
        let last = batch.num_columns().saturating_sub(1);
        let keys = cast(batch.column(last), &DataType::Utf8).explain(codes::X0001, wrong)?;
        let keys = keys.as_string::<i32>().clone();
        let own: Vec<usize> = (0..last).collect();
        let rows = batch.project(&own).explain(codes::X0001, wrong)?;
        let mut values: Vec<String> = (0..keys.len()).map(|row| key(&keys, row)).collect();
        values.sort();
        values.dedup();
        for value in values {
            let chosen = (0..keys.len()).filter(|row| key(&keys, *row) == value);
            let chosen = arrow::array::UInt64Array::from_iter_values(chosen.map(|row| row as u64));
            let part = take_record_batch(&rows, &chosen).explain(codes::X0001, wrong)?;
            match parts.iter_mut().find(|(known, _)| *known == value) {
                Some((_, batches)) => batches.push(part),
                None => parts.push((value, vec![part])),
            }
        }
    }
    Ok(parts)
}

fn key(keys: &StringArray, row: usize) -> String {
    if keys.is_null(row) {
        "__NULL__".to_owned()
    } else {
        keys.value(row).to_owned()
    }
}

struct Unload<'a> {
    options: &'a Options,
    format: &'a Format,
    location: &'a Location,
    run: String,
    number: usize,
    /// Name, bytes and rows.
    written: Vec<(String, u64, u64)>,
    /// Bytes before compression.
    input: u64,
}

impl Unload<'_> {
    /// Refuses to write where files of that name are, or removes them.
    fn prepare(&self) -> Result<()> {
        if self.options.single || !self.options.overwrite {
            return Ok(());
        }
        for file in list(self.location, None)? {
            std::fs::remove_file(&file.path).explain(codes::K2003, || {
                format!("`{}` cannot be removed", file.name)
            })?;
        }
        Ok(())
    }

    fn extension(&self) -> String {
        let packed = |kind: &str| match kind {
            "NONE" => "",
            "ZSTD" => ".zst",
            _ => ".gz",
        };
        match self.format {
            Format::Csv(csv) => match &csv.file_extension {
                Some(extension) => format!(".{}", extension.trim_start_matches('.')),
                None => format!(".csv{}", packed(&csv.compression)),
            },
            Format::Json(json) => match &json.file_extension {
                Some(extension) => format!(".{}", extension.trim_start_matches('.')),
                None => format!(".json{}", packed(&json.compression)),
            },
            Format::Parquet(parquet) => match parquet.compression.as_str() {
                "NONE" => ".parquet".to_owned(),
                "AUTO" => ".snappy.parquet".to_owned(),
                kind => format!(".{}.parquet", kind.to_lowercase()),
            },
        }
    }

    /// The name of the next file of a partition.
    fn name(&mut self, folder: &str) -> String {
        let path = &self.location.path;
        if self.options.single {
            return match path.as_str() {
                "" => "data".to_owned(),
                path if path.ends_with('/') => format!("{path}data"),
                path => path.to_owned(),
            };
        }
        let (extension, number) = (self.extension(), self.number);
        self.number += 1;
        if !folder.is_empty() {
            let separator = if path.is_empty() || path.ends_with('/') {
                ""
            } else {
                "/"
            };
            let run = &self.run;
            return format!("{path}{separator}{folder}/data_{run}_0_0_{number}{extension}");
        }
        let prefix = match path.as_str() {
            "" => "data".to_owned(),
            path if path.ends_with('/') => format!("{path}data"),
            path => path.to_owned(),
        };
        format!("{prefix}_0_0_{number}{extension}")
    }

    fn target(&mut self, folder: &str) -> Result<(String, PathBuf)> {
        let name = self.name(folder);
        let path = self.location.root.join(&name);
        if path.exists() && !self.options.overwrite {
            return Err(Error::new(
                codes::K3002,
                format!("File `{name}` exists already in the location"),
            )
            .help("unload to another path, or set `overwrite = true`"));
        }
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent).explain(codes::K2003, || {
                format!("Folder `{}` cannot be created", parent.display())
            })?;
        }
        Ok((name, path))
    }

    fn part(&mut self, schema: &SchemaRef, folder: &str, batches: &[RecordBatch]) -> Result<()> {
        let rows: usize = batches.iter().map(RecordBatch::num_rows).sum();
        // Nothing is unloaded of nothing, unless one file was asked for.
        if rows == 0 && !self.options.single {
            return Ok(());
        }
        match self.format {
            Format::Parquet(options) => self.parquet(options, schema, folder, batches),
            Format::Csv(options) => {
                let lines = csv_lines(options, schema, batches)?;
                let header = self.options.header.then(|| csv_header(options, schema));
                let delimiter = options.record_delimiter.as_deref().unwrap_or("\n");
                self.texts(folder, header, &lines, delimiter, &options.compression)
            }
            Format::Json(options) => {
                let lines = json_lines(options, schema, batches)?;
                self.texts(folder, None, &lines, "\n", &options.compression)
            }
        }
    }

    fn texts(
        &mut self,
        folder: &str,
        header: Option<String>,
        lines: &[String],
        delimiter: &str,
        compression: &str,
    ) -> Result<()> {
        let mut rest = lines;
        loop {
            let mut size = 0;
            let full = rest.iter().position(|line| {
                size += (line.len() + delimiter.len()) as u64;
                size > self.options.max_file_size && !self.options.single
            });
            let end = full.map_or(rest.len(), |at| at.max(1));
            let (now, later) = rest.split_at(end);
            let (name, path) = self.target(folder)?;
            let mut text = String::new();
            for line in header.iter().chain(now) {
                text.push_str(line);
                text.push_str(delimiter);
            }
            self.input += text.len() as u64;
            packed(&path, text.as_bytes(), compression)?;
            self.note(name, &path, now.len())?;
            if later.is_empty() {
                return Ok(());
            }
            rest = later;
        }
    }

    fn parquet(
        &mut self,
        options: &Parquet,
        schema: &SchemaRef,
        folder: &str,
        batches: &[RecordBatch],
    ) -> Result<()> {
        let (name, path) = self.target(folder)?;
        let unwritable = || format!("`{}` cannot be written", path.display());
        let compression = match options.compression.as_str() {
            "NONE" => ParquetCompression::UNCOMPRESSED,
            "ZSTD" => ParquetCompression::ZSTD(parquet::basic::ZstdLevel::default()),
            "GZIP" => return Err(unsupported(&"COMPRESSION = GZIP of Parquet")),
            _ => ParquetCompression::SNAPPY,
        };
        let schema = match self.options.header {
            true => Arc::clone(schema),
            // Without a header columns are called by their places.
            false => Arc::new(arrow::datatypes::Schema::new(
                schema
                    .fields()
                    .iter()
                    .enumerate()
                    .map(|(at, field)| field.as_ref().clone().with_name(format!("_COL_{at}")))
                    .collect::<Vec<_>>(),
            )),
        };
        let properties = WriterProperties::builder()
            .set_compression(compression)
            .build();
        let file = File::create(&path).explain(codes::K2003, unwritable)?;
        let mut writer = ArrowWriter::try_new(file, Arc::clone(&schema), Some(properties))
            .explain(codes::K2003, unwritable)?;
        let mut rows = 0;
        for batch in batches {
            rows += batch.num_rows();
            let batch = RecordBatch::try_new(Arc::clone(&schema), batch.columns().to_vec())
                .explain(codes::X0001, wrong)?;
            self.input += batch.get_array_memory_size() as u64;
            writer.write(&batch).explain(codes::K2003, unwritable)?;
        }
        writer.close().explain(codes::K2003, unwritable)?;
        self.note(name, &path, rows)
    }

    fn note(&mut self, name: String, path: &Path, rows: usize) -> Result<()> {
        let size = std::fs::metadata(path).explain(codes::K2003, || {
            format!("`{}` cannot be read", path.display())
        })?;
        self.written.push((name, size.len(), rows as u64));
        Ok(())
    }

    fn outcome(&self) -> Result<Outcome> {
        if self.options.detailed {
            let mut listing = Listing::new(&[
                ("FILE_NAME", Kind::Text),
                ("FILE_SIZE", Kind::Number),
                ("ROW_COUNT", Kind::Number),
            ]);
            for (name, size, rows) in &self.written {
                listing.push(vec![name.as_str().into(), count(*size), count(*rows)]);
            }
            return listing.outcome();
        }
        let mut listing = Listing::new(&[
            ("rows_unloaded", Kind::Number),
            ("input_bytes", Kind::Number),
            ("output_bytes", Kind::Number),
        ]);
        listing.push(vec![
            count(self.written.iter().map(|(_, _, rows)| rows).sum()),
            count(self.input),
            count(self.written.iter().map(|(_, size, _)| size).sum()),
        ]);
        listing.outcome()
    }
}

fn packed(path: &Path, bytes: &[u8], compression: &str) -> Result<()> {
    let unwritable = || format!("`{}` cannot be written", path.display());
    let mut file = File::create(path).explain(codes::K2003, unwritable)?;
    match compression {
        "NONE" => file.write_all(bytes).explain(codes::K2003, unwritable),
        "ZSTD" => zstd::stream::copy_encode(bytes, file, 0).explain(codes::K2003, unwritable),
        _ => {
            let mut packer = GzEncoder::new(file, Compression::fast());
            packer.write_all(bytes).explain(codes::K2003, unwritable)?;
            packer.finish().explain(codes::K2003, unwritable)?;
            Ok(())
        }
    }
}

/// A query that gives the rows of `query` as texts.
fn as_texts(options: &Csv, schema: &Schema, query: &str) -> String {
    let literal = |text: &str| format!("'{}'", text.replace('\\', "\\\\").replace('\'', "''"));
    let items: Vec<String> = schema
        .fields()
        .iter()
        .map(|field| {
            let name = format!("\"{}\"", field.name().replace('"', "\"\""));
            let format = match field.data_type() {
                DataType::Date32 => options.date_format.as_ref(),
                DataType::Time64(_) => options.time_format.as_ref(),
                DataType::Timestamp(..) => options.timestamp_format.as_ref(),
                zoned if functions::is_timestamp_tz(zoned) => options.timestamp_format.as_ref(),
                _ => None,
            };
            match (format, field.data_type()) {
                (Some(format), _) => format!("to_char({name}, {}) as {name}", literal(format)),
                (None, DataType::Binary) => {
                    let format = literal(&options.binary_format);
                    format!("to_char({name}, {format}) as {name}")
                }
                _ => format!("cast({name} as varchar) as {name}"),
            }
        })
        .collect();
    format!("select {} from ({query})", items.join(", "))
}

/// The texts of a column.
fn texts(column: &ArrayRef) -> Result<StringArray> {
    let texts = cast(column, &DataType::Utf8).explain(codes::X0001, wrong)?;
    Ok(texts.as_string::<i32>().clone())
}

fn csv_header(options: &Csv, schema: &SchemaRef) -> String {
    let names: Vec<String> = schema
        .fields()
        .iter()
        .map(|field| csv_value(options, Some(field.name())))
        .collect();
    names.join(options.field_delimiter.as_deref().unwrap_or_default())
}

fn csv_lines(options: &Csv, schema: &SchemaRef, batches: &[RecordBatch]) -> Result<Vec<String>> {
    if schema.fields().len() > 1 && options.field_delimiter.is_none() {
        return Err(Error::new(
            codes::E1002,
            "Several columns need a FIELD_DELIMITER",
        ));
    }
    let delimiter = options.field_delimiter.as_deref().unwrap_or_default();
    let mut lines = Vec::new();
    for batch in batches {
        let columns = batch
            .columns()
            .iter()
            .map(texts)
            .collect::<Result<Vec<_>>>()?;
        for row in 0..batch.num_rows() {
            let values: Vec<String> = columns
                .iter()
                .map(|column| {
                    let value = (!column.is_null(row)).then(|| column.value(row));
                    csv_value(options, value)
                })
                .collect();
            lines.push(values.join(delimiter));
        }
    }
    Ok(lines)
}

/// A value as it stands in a file: NULL as the first NULL_IF, what could be misread between quotes.
fn csv_value(options: &Csv, value: Option<&str>) -> String {
    let Some(value) = value else {
        return options.null_if.first().cloned().unwrap_or_default();
    };
    let special = |text: &Option<String>| {
        text.as_ref()
            .is_some_and(|text| !text.is_empty() && value.contains(text.as_str()))
    };
    match options.enclosed_by {
        // Text is always enclosed where it can be: nothing else tells an empty text from NULL.
        Some(quote) => {
            let doubled = value.replace(quote, &format!("{quote}{quote}"));
            let plain = !value.is_empty()
                && !value.contains(quote)
                && !special(&options.field_delimiter)
                && !special(&options.record_delimiter)
                && !value.contains(['\n', '\r'])
                && value.trim() == value
                && !options.null_if.iter().any(|null| null == value);
            if plain
                && options
                    .escape_unenclosed
                    .is_none_or(|escape| !value.contains(escape))
            {
                value.to_owned()
            } else {
                format!("{quote}{doubled}{quote}")
            }
        }
        None => match options.escape.or(options.escape_unenclosed) {
            Some(escape) => escaped(options, value, escape),
            None => value.to_owned(),
        },
    }
}

fn escaped(options: &Csv, value: &str, escape: char) -> String {
    let mut text = value.replace(escape, &format!("{escape}{escape}"));
    for delimiter in [&options.field_delimiter, &options.record_delimiter]
        .into_iter()
        .flatten()
    {
        if delimiter == "\n" {
            text = text.replace('\n', &format!("{escape}n"));
        } else if delimiter.chars().count() == 1 {
            text = text.replace(delimiter.as_str(), &format!("{escape}{delimiter}"));
        }
    }
    text
}

fn json_lines(_: &Json, schema: &SchemaRef, batches: &[RecordBatch]) -> Result<Vec<String>> {
    match schema.fields().as_ref() {
        [one] if *one.data_type() == DataType::LargeUtf8 => {}
        _ => {
            return Err(Error::new(
                codes::E1002,
                "JSON files are unloaded from one column of type VARIANT, OBJECT or ARRAY",
            )
            .help("write `from (select object_construct(*) from …)`"));
        }
    }
    let mut lines = Vec::new();
    for batch in batches {
        for text in batch.column(0).as_string::<i64>().iter().flatten() {
            lines.push(text.to_owned());
        }
    }
    Ok(lines)
}
