//! `sources/*.yml`: systems that data comes from, and the streams in them.

mod postgres;

use std::path::PathBuf;

use diagnostic::Result;

use crate::Located;
use crate::reader::{Fields, File, Item, refuse_twins};

pub use postgres::{
    PostgresConnection, PostgresOrigin, PostgresReplication, PostgresSource, PostgresStream,
    PostgresSync, Secret, SslMode,
};

/// A system that data comes from.
#[derive(Clone, Debug)]
pub struct SourceSpec {
    /// Its name, the first part of `from: source.stream`.
    pub name: Located<String>,
    /// What kind of system it is, with that kind's settings.
    pub kind: SourceKind,
    /// The streams of files in it; a database keeps its own.
    pub streams: Vec<StreamSpec>,
}

/// The kinds of systems.
#[derive(Clone, Debug)]
pub enum SourceKind {
    /// A folder of files.
    Files {
        /// The folder, absolute; it need not exist yet.
        path: Located<PathBuf>,
    },
    /// A PostgreSQL database.
    Postgres(Box<PostgresSource>),
}

/// The words for kinds of systems.
#[derive(Clone, Copy)]
enum KindWord {
    Files,
    Postgres,
}

/// One stream of records: files of one shape.
#[derive(Clone, Debug)]
pub struct StreamSpec {
    /// Its name, the second part of `from: source.stream`.
    pub name: Located<String>,
    /// Patterns of paths relative to the source's folder, `/` between the parts; at least one.
    pub files: Vec<Located<String>>,
    /// How a file is split into records.
    pub format: Format,
    /// The part of the path (`run_date=2026-08-01`) that orders batches; without one, all files are
    /// one batch.
    pub batch: Option<String>,
    /// What is kept of the bytes.
    pub raw: RawMode,
}

/// How files are split into records.
#[derive(Clone, Debug, PartialEq)]
pub enum Format {
    /// Separated values.
    Csv(CsvFormat),
}

/// RFC 4180, with the usual deviations.
#[derive(Clone, Debug, PartialEq)]
pub struct CsvFormat {
    /// Between two fields.
    pub delimiter: u8,
    /// Whether the first record names the columns.
    pub header: bool,
    /// Round fields that hold a delimiter or line end; `None` if quotes mean nothing.
    pub quote: Option<u8>,
    /// How bytes become text.
    pub encoding: Encoding,
    /// The longest record in bytes; a longer one is quarantined, not kept in memory.
    pub max_record: u64,
    /// Texts that mean NULL.
    pub null_values: Vec<String>,
}

/// How bytes become text.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Encoding {
    /// A byte order mark decides; without one, UTF-8 if the file is valid UTF-8, else Windows-1252.
    Auto,
    /// This one.
    Named(&'static encoding_rs::Encoding),
}

/// What is kept of a file's bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RawMode {
    /// A copy in the raw zone: the source may delete the file.
    Copy,
    /// The path and the content's digest: the source keeps the file.
    Reference,
}

impl Default for CsvFormat {
    fn default() -> Self {
        Self {
            delimiter: b',',
            header: true,
            quote: Some(b'"'),
            encoding: Encoding::Auto,
            max_record: 16 << 20,
            null_values: vec![String::new()],
        }
    }
}

impl SourceSpec {
    /// The sources of one file.
    pub(crate) fn read_file(file: &File<'_>) -> Result<Vec<Self>> {
        let fields = file.fields(&file.document.root, &["sources"])?;
        fields.require("sources")?.list(read_source)
    }

    /// The stream called `name`.
    #[must_use]
    pub fn stream(&self, name: &str) -> Option<&StreamSpec> {
        self.streams.iter().find(|stream| stream.name.value == name)
    }

    /// Its settings as a PostgreSQL database, if it is one.
    #[must_use]
    pub fn postgres(&self) -> Option<&PostgresSource> {
        match &self.kind {
            SourceKind::Postgres(postgres) => Some(postgres),
            SourceKind::Files { .. } => None,
        }
    }
}

fn read_source(item: Item<'_>) -> Result<SourceSpec> {
    let kind = item
        .fields(&[
            "name",
            "kind",
            "path",
            "streams",
            "connection",
            "replication",
            "target_schema",
        ])?
        .require("kind")?
        .word(&[("files", KindWord::Files), ("postgres", KindWord::Postgres)])?;
    match kind {
        KindWord::Files => read_files(item),
        KindWord::Postgres => {
            let fields = item.fields(&[
                "name",
                "kind",
                "connection",
                "replication",
                "target_schema",
                "streams",
            ])?;
            let name = fields.require("name")?;
            let name = name.located(name.name("a source")?);
            let postgres = postgres::read(&name.value, &fields)?;
            Ok(SourceSpec {
                name,
                kind: SourceKind::Postgres(Box::new(postgres)),
                streams: Vec::new(),
            })
        }
    }
}

fn read_files(item: Item<'_>) -> Result<SourceSpec> {
    let fields = item.fields(&["name", "kind", "path", "streams"])?;
    let name = fields.require("name")?;
    let name = name.located(name.name("a source")?);
    let path = fields.require("path")?;
    let kind = SourceKind::Files {
        path: path.located(path.path()?),
    };
    let streams = fields.require("streams")?.list(read_stream)?;
    let places = streams
        .iter()
        .map(|stream| (stream.name.value.as_str(), stream.name.place()));
    refuse_twins(&format!("streams of the source `{}`", name.value), places)?;
    Ok(SourceSpec {
        name,
        kind,
        streams,
    })
}

fn read_stream(item: Item<'_>) -> Result<StreamSpec> {
    let fields = item.fields(&["name", "files", "format", "batch", "raw"])?;
    let name = fields.require("name")?;
    let files = fields.require("files")?;
    let patterns = files.list(read_pattern)?;
    if patterns.is_empty() {
        return Err(files.refuse("A stream needs at least one pattern in `files`"));
    }
    let format = match fields.get("format") {
        Some(format) => read_format(format)?,
        None => Format::Csv(CsvFormat::default()),
    };
    let batch = fields
        .get("batch")
        .map(|batch| batch.name("a batch"))
        .transpose()?;
    let raw = match fields.get("raw") {
        Some(raw) => raw.word(&[("copy", RawMode::Copy), ("reference", RawMode::Reference)])?,
        None => RawMode::Copy,
    };
    Ok(StreamSpec {
        name: name.located(name.name("a stream")?),
        files: patterns,
        format,
        batch,
        raw,
    })
}

fn read_pattern(item: Item<'_>) -> Result<Located<String>> {
    let pattern = item.filled()?;
    match globset::Glob::new(&pattern) {
        Ok(_) => Ok(item.located(pattern)),
        Err(error) => Err(item.refuse(&format!("`{pattern}` is no pattern: {}", error.kind()))),
    }
}

fn read_format(item: Item<'_>) -> Result<Format> {
    let fields = item.fields(&[
        "kind",
        "delimiter",
        "header",
        "quote",
        "encoding",
        "max_record",
        "null_values",
    ])?;
    fields.require("kind")?.word(&[("csv", ())])?;
    read_csv(&fields).map(Format::Csv)
}

fn read_csv(fields: &Fields<'_>) -> Result<CsvFormat> {
    let mut format = CsvFormat::default();
    if let Some(delimiter) = fields.get("delimiter") {
        format.delimiter = delimiter.ascii()?;
    }
    if let Some(header) = fields.get("header") {
        format.header = header.boolean()?;
    }
    if let Some(quote) = fields.get("quote") {
        format.quote = match quote.text()?.as_str() {
            "" | "none" => None,
            _ => Some(quote.ascii()?),
        };
        if format.quote == Some(format.delimiter) {
            return Err(quote.refuse("`quote` and `delimiter` are the same character"));
        }
    }
    if let Some(encoding) = fields.get("encoding") {
        format.encoding = read_encoding(encoding)?;
    }
    if let Some(max_record) = fields.get("max_record") {
        format.max_record = max_record.bytes()?;
    }
    if let Some(null_values) = fields.get("null_values") {
        format.null_values = null_values.list(|item| item.text())?;
    }
    Ok(format)
}

fn read_encoding(item: Item<'_>) -> Result<Encoding> {
    let label = item.text()?;
    if label == "auto" {
        return Ok(Encoding::Auto);
    }
    match encoding_rs::Encoding::for_label(label.as_bytes()) {
        Some(encoding) => Ok(Encoding::Named(encoding)),
        None => Err(item
            .refuse(&format!("`{label}` is no encoding"))
            .help("write `auto`, `utf-8`, `windows-1252`, or another label of the WHATWG list")),
    }
}
