//! Streams of files: which ones, how they become records, what is kept of them.

mod cell_range;

use std::time::Duration;

use diagnostic::Result;

use super::SourceKind;
use super::webhook::read_duration;
use crate::reader::{Fields, Item};
use crate::{Located, storage_options};

pub use cell_range::CellRange;

/// One stream of records: files of one shape.
#[derive(Clone, Debug)]
pub struct StreamSpec {
    /// Its name, the second part of `from: source.stream`.
    pub name: Located<String>,
    /// Patterns of paths relative to the source's folder, `/` between the parts; at least one. A name in
    /// braces stands for a part of the path that becomes a value of all its rows.
    pub files: Vec<Located<String>>,
    /// How a file is split into records.
    pub format: Format,
    /// The part of the path (`run_date=2026-08-01`) that orders batches; without one, all files are
    /// one batch.
    pub batch: Option<String>,
    /// What is kept of the bytes.
    pub raw: RawMode,
    /// The file that says that a folder is complete; without it, none of the folder's files is read.
    pub marker: Option<String>,
    /// What happens to a file that has another content than when it was loaded.
    pub on_file_change: FileChange,
    /// How `sluice serve` looks for its files; it does not, if there is nothing.
    pub watch: Option<Watch>,
}

/// How `sluice serve` looks for files that arrive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Watch {
    /// How often what is new is looked for. A folder of Linux also tells by itself.
    pub poll: Duration,
    /// How often all keys of a bucket are listed, those before the last one seen too.
    pub relist: Duration,
    /// How long a file in a folder must not have changed before it counts as whole, unless its writer was seen to
    /// close it.
    pub settle: Duration,
}

/// How often what is new is looked for, if nothing else is said.
const POLL: Duration = Duration::from_secs(30);
/// How often everything is listed, if nothing else is said.
const RELIST: Duration = Duration::from_secs(600);
/// How long a file must not have changed, if nothing else is said.
const SETTLE: Duration = Duration::from_secs(3);

/// What happens to a file that has another content than when it was loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileChange {
    /// It is loaded again, as a newer version of itself.
    Reload,
    /// It is rejected.
    Error,
    /// Nothing: what was loaded stays.
    Ignore,
}

/// How files are split into records.
#[derive(Clone, Debug, PartialEq)]
pub enum Format {
    /// Separated values.
    Csv(CsvFormat),
    /// JSON objects.
    Json(JsonFormat),
    /// Parquet.
    Parquet(ColumnarFormat),
    /// Avro object containers.
    Avro(ColumnarFormat),
    /// Workbooks of Excel or OpenDocument.
    Excel(ExcelFormat),
}

/// JSON objects, a record each.
#[derive(Clone, Debug, PartialEq)]
pub struct JsonFormat {
    /// Whether each stands on a line of its own; else they stand in one array, or one after the other.
    pub lines: bool,
    /// The keys that lead from a document to the array of its records; none if it is that array, or a record.
    pub records_path: Vec<String>,
    /// How bytes become text.
    pub encoding: Encoding,
    /// The longest record in bytes; a longer one is quarantined, not kept in memory.
    pub max_record: u64,
    /// Texts that mean NULL.
    pub null_values: Vec<String>,
}

/// Files whose columns have types.
#[derive(Clone, Debug, PartialEq)]
pub struct ColumnarFormat {
    /// The longest record in bytes of text; a longer one is quarantined.
    pub max_record: u64,
    /// Texts that mean NULL.
    pub null_values: Vec<String>,
}

/// Workbooks.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ExcelFormat {
    /// The sheet's name, or its number from 1; the first by default.
    pub sheet: Option<String>,
    /// The row that names the columns, from 1; the first that is not empty by default.
    pub header_row: Option<u32>,
    /// The cells to look at; all by default.
    pub range: Option<CellRange>,
    /// Texts that mean NULL.
    pub null_values: Vec<String>,
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

impl Default for JsonFormat {
    fn default() -> Self {
        Self {
            lines: true,
            records_path: Vec::new(),
            encoding: Encoding::Auto,
            max_record: 16 << 20,
            null_values: Vec::new(),
        }
    }
}

impl Default for ColumnarFormat {
    fn default() -> Self {
        Self {
            max_record: 64 << 20,
            null_values: Vec::new(),
        }
    }
}

impl Format {
    /// The texts that mean NULL.
    #[must_use]
    pub fn null_values(&self) -> &[String] {
        match self {
            Self::Csv(csv) => &csv.null_values,
            Self::Json(json) => &json.null_values,
            Self::Parquet(format) | Self::Avro(format) => &format.null_values,
            Self::Excel(excel) => &excel.null_values,
        }
    }

    /// What files with names that end as `path` does most likely are: CSV, if the name does not say.
    #[must_use]
    pub fn of_name(path: &str) -> Self {
        let mut path = path.to_ascii_lowercase();
        for packing in ["*", ".gz", ".zst", ".zstd", ".bz2", ".xz"] {
            path.truncate(path.strip_suffix(packing).map_or(path.len(), str::len));
        }
        let ends = |endings: &[&str]| endings.iter().any(|ending| path.ends_with(ending));
        if ends(&[".jsonl", ".ndjson"]) {
            return Self::Json(JsonFormat::default());
        }
        if ends(&[".json"]) {
            return Self::Json(JsonFormat {
                lines: false,
                ..JsonFormat::default()
            });
        }
        if ends(&[".parquet", ".pq"]) {
            return Self::Parquet(ColumnarFormat::default());
        }
        if ends(&[".avro"]) {
            return Self::Avro(ColumnarFormat::default());
        }
        if ends(&[".xlsx", ".xlsb", ".xls", ".xlsm", ".ods"]) {
            return Self::Excel(ExcelFormat::default());
        }
        if ends(&[".tsv"]) {
            return Self::Csv(CsvFormat {
                delimiter: b'\t',
                ..CsvFormat::default()
            });
        }
        Self::Csv(CsvFormat::default())
    }
}

/// Where a source's files are: in the folder `path`, or at a `location`.
pub(super) fn read_place(fields: &Fields<'_>) -> Result<SourceKind> {
    let (path, location) = (fields.get("path"), fields.get("location"));
    let storage = fields.get("storage");
    let place = match (path, location) {
        (Some(_), Some(both)) => {
            return Err(both.refuse("A source has a `path` or a `location`, not both"));
        }
        (None, None) => fields.require("path")?,
        (Some(place), None) | (None, Some(place)) => place,
    };
    let text = place.filled()?;
    let remote = text.split_once("://");
    match remote.filter(|(scheme, _)| *scheme != "file") {
        Some(_) => Ok(SourceKind::Objects {
            location: place.located(text),
            storage: storage.map_or_else(|| Ok(Vec::new()), storage_options::read)?,
        }),
        None if storage.is_some() => {
            Err(place.refuse("A folder takes no options of a store, as `storage` lists them"))
        }
        None => {
            let path = match text.strip_prefix("file://") {
                Some(path) => path.into(),
                None => place.path()?,
            };
            Ok(SourceKind::Files {
                path: place.located(path),
            })
        }
    }
}

pub(crate) fn read_stream(item: Item<'_>) -> Result<StreamSpec> {
    let fields = item.fields(&[
        "name",
        "files",
        "format",
        "batch",
        "raw",
        "marker",
        "on_file_change",
        "watch",
    ])?;
    let name = fields.require("name")?;
    let files = fields.require("files")?;
    let patterns = files.list(read_pattern)?;
    if patterns.is_empty() {
        return Err(files.refuse("A stream needs at least one pattern in `files`"));
    }
    let format = match fields.get("format") {
        Some(format) => read_format(format)?,
        None => patterns
            .first()
            .map_or_else(|| Format::of_name(""), |pattern| Format::of_name(pattern)),
    };
    let batch = fields
        .get("batch")
        .map(|batch| batch.name("a batch"))
        .transpose()?;
    let raw = match fields.get("raw") {
        Some(raw) => raw.word(&[("copy", RawMode::Copy), ("reference", RawMode::Reference)])?,
        None => RawMode::Copy,
    };
    let marker = fields.get("marker").map(read_marker).transpose()?;
    let on_file_change = match fields.get("on_file_change") {
        Some(change) => change.word(&[
            ("reload", FileChange::Reload),
            ("error", FileChange::Error),
            ("ignore", FileChange::Ignore),
        ])?,
        None => FileChange::Reload,
    };
    Ok(StreamSpec {
        name: name.located(name.name("a stream")?),
        files: patterns,
        format,
        batch,
        raw,
        marker,
        on_file_change,
        watch: fields.get("watch").map(read_watch).transpose()?.flatten(),
    })
}

/// `true`, `false`, or a mapping.
fn read_watch(item: Item<'_>) -> Result<Option<Watch>> {
    if matches!(item.node.value, yaml::Value::Mapping(_)) {
        let fields = item.fields(&["poll", "relist", "settle"])?;
        return Ok(Some(Watch {
            poll: read_duration(fields.get("poll"), POLL)?,
            relist: read_duration(fields.get("relist"), RELIST)?,
            settle: read_duration(fields.get("settle"), SETTLE)?,
        }));
    }
    let default = Watch {
        poll: POLL,
        relist: RELIST,
        settle: SETTLE,
    };
    Ok(item.boolean()?.then_some(default))
}

fn read_marker(item: Item<'_>) -> Result<String> {
    let marker = item.filled()?;
    if marker.contains('/') {
        return Err(item.refuse(&format!("`{marker}` is no name of a file")));
    }
    Ok(marker)
}

fn read_pattern(item: Item<'_>) -> Result<Located<String>> {
    let pattern = item.filled()?;
    match globset::Glob::new(&pattern) {
        Ok(_) => Ok(item.located(pattern)),
        Err(error) => Err(item.refuse(&format!("`{pattern}` is no pattern: {}", error.kind()))),
    }
}

#[derive(Clone, Copy)]
enum Kind {
    Csv,
    Json { lines: bool },
    Parquet,
    Avro,
    Excel,
}

const KINDS: &[(&str, Kind)] = &[
    ("csv", Kind::Csv),
    ("ndjson", Kind::Json { lines: true }),
    ("jsonl", Kind::Json { lines: true }),
    ("json", Kind::Json { lines: false }),
    ("parquet", Kind::Parquet),
    ("avro", Kind::Avro),
    ("excel", Kind::Excel),
];

fn read_format(item: Item<'_>) -> Result<Format> {
    const ALL: &[&str] = &[
        "kind",
        "records_path",
        "delimiter",
        "header",
        "quote",
        "encoding",
        "max_record",
        "null_values",
        "sheet",
        "header_row",
        "range",
    ];
    let kind = item.fields(ALL)?.require("kind")?.word(KINDS)?;
    match kind {
        Kind::Csv => {
            let fields = item.fields(&[
                "kind",
                "delimiter",
                "header",
                "quote",
                "encoding",
                "max_record",
                "null_values",
            ])?;
            read_csv(&fields).map(Format::Csv)
        }
        Kind::Json { lines } => read_json(item, lines).map(Format::Json),
        Kind::Parquet => read_columnar(item).map(Format::Parquet),
        Kind::Avro => read_columnar(item).map(Format::Avro),
        Kind::Excel => read_excel(item).map(Format::Excel),
    }
}

fn read_json(item: Item<'_>, lines: bool) -> Result<JsonFormat> {
    let known = [
        "kind",
        "encoding",
        "max_record",
        "null_values",
        "records_path",
    ];
    // Of lines each is a record.
    let fields = item.fields(
        known
            .get(..known.len() - usize::from(lines))
            .unwrap_or(&known),
    )?;
    let default = JsonFormat::default();
    let path = fields.get("records_path").map(read_records_path);
    let encoding = fields.get("encoding").map(read_encoding).transpose()?;
    let max_record = fields.get("max_record").map(|item| item.bytes());
    Ok(JsonFormat {
        lines,
        records_path: path.transpose()?.unwrap_or_default(),
        encoding: encoding.unwrap_or(default.encoding),
        max_record: max_record.transpose()?.unwrap_or(default.max_record),
        null_values: read_null_values(&fields)?,
    })
}

/// `data.items`, or the JSON pointer `/data/items` (RFC 6901), for keys that hold a dot.
fn read_records_path(item: Item<'_>) -> Result<Vec<String>> {
    let text = item.filled()?;
    let keys: Vec<String> = match text.strip_prefix('/') {
        Some(pointer) => {
            let keys = pointer.split('/');
            keys.map(|key| key.replace("~1", "/").replace("~0", "~"))
                .collect()
        }
        None => text.split('.').map(str::to_owned).collect(),
    };
    match keys.iter().any(String::is_empty) {
        true => Err(item
            .refuse(&format!("`{text}` is no path to records"))
            .help(
                "write keys with dots between them, `data.items`, or a JSON pointer, `/data/items`",
            )),
        false => Ok(keys),
    }
}

fn read_columnar(item: Item<'_>) -> Result<ColumnarFormat> {
    let fields = item.fields(&["kind", "max_record", "null_values"])?;
    let max_record = fields.get("max_record").map(|item| item.bytes());
    Ok(ColumnarFormat {
        max_record: max_record
            .transpose()?
            .unwrap_or(ColumnarFormat::default().max_record),
        null_values: read_null_values(&fields)?,
    })
}

fn read_excel(item: Item<'_>) -> Result<ExcelFormat> {
    let fields = item.fields(&["kind", "sheet", "header_row", "range", "null_values"])?;
    let header_row = fields.get("header_row").map(|item| {
        let row = item.count()?;
        u32::try_from(row).map_err(|_| item.refuse("No sheet has so many rows"))
    });
    Ok(ExcelFormat {
        sheet: fields.get("sheet").map(|item| item.filled()).transpose()?,
        header_row: header_row.transpose()?,
        range: fields.get("range").map(|item| item.parse()).transpose()?,
        null_values: read_null_values(&fields)?,
    })
}

fn read_null_values(fields: &Fields<'_>) -> Result<Vec<String>> {
    let values = fields.get("null_values");
    values.map_or_else(|| Ok(Vec::new()), |values| values.list(|item| item.text()))
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
