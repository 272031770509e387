//! Delimited text: <https://docs.snowflake.com/en/sql-reference/sql/create-file-format#type-csv>.

use std::io::Read;
use std::sync::Arc;

use arrow::array::{ArrayRef, StringBuilder, new_null_array};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use diagnostic::{Error, Result, codes};

use super::super::{Csv, StagedFile};
use super::{CHUNK, Chunk, Chunks, Columns, Place, Reading, Rejected, Unit, packed};

/// Bytes that are read at once.
const BLOCK: usize = 256 << 10;

/// What a record is.
enum Parsed {
    /// Fields and the bytes they took.
    Record(Vec<Value>, usize),
    /// Bytes that are no record, and why; the character is counted from the record's start.
    Bad {
        reason: String,
        character: usize,
        length: usize,
    },
    /// The record may go on behind the bytes that were read.
    More,
}

/// One value of a record.
struct Value {
    bytes: Vec<u8>,
    enclosed: bool,
}

/// The fields of a record, or why it is none.
type Record = std::result::Result<Vec<Value>, Rejected>;

/// The records of a file, one after the other.
struct Records {
    options: Csv,
    name: String,
    input: Box<dyn Read + Send>,
    buffer: Vec<u8>,
    at: usize,
    ended: bool,
    place: Place,
}

impl Records {
    fn open(options: &Csv, file: &StagedFile) -> Result<Self> {
        let input = packed::open(file, &options.compression)?;
        let mut records = Self {
            options: options.clone(),
            name: file.name.clone(),
            input: match &options.encoding {
                Some(encoding) => decoded(input, encoding, file)?,
                None => input,
            },
            buffer: Vec::new(),
            at: 0,
            ended: false,
            place: Place {
                row: 0,
                line: 1,
                byte: 0,
            },
        };
        records.fill()?;
        if records.buffer.starts_with(b"\xef\xbb\xbf") {
            records.pass(3);
        }
        for _ in 0..records.options.skip_header {
            records.skip_line()?;
        }
        Ok(records)
    }

    /// Reads another block; gives whether there was one.
    fn fill(&mut self) -> Result<bool> {
        if self.ended {
            return Ok(false);
        }
        self.buffer.drain(..self.at);
        self.at = 0;
        let before = self.buffer.len();
        let mut block = (&mut self.input).take(BLOCK.max(before) as u64);
        let read = block.read_to_end(&mut self.buffer).map_err(|cause| {
            Error::new(
                codes::F2001,
                format!("`{}` is damaged or cannot be read", self.name),
            )
            .because(cause)
        })?;
        self.ended = read == 0;
        Ok(read > 0)
    }

    /// Goes on behind `length` bytes.
    fn pass(&mut self, length: usize) {
        let bytes = self.rest().get(..length).unwrap_or_default();
        let lines = bytes.iter().filter(|byte| **byte == b'\n').count();
        self.place.line += lines as u64;
        self.place.byte += length as u64;
        self.at += length;
    }

    fn rest(&self) -> &[u8] {
        self.buffer.get(self.at..).unwrap_or_default()
    }

    fn skip_line(&mut self) -> Result<()> {
        loop {
            if let Some(end) = self.rest().iter().position(|byte| *byte == b'\n') {
                self.pass(end + 1);
                return Ok(());
            }
            if !self.fill()? {
                self.pass(self.rest().len());
                return Ok(());
            }
        }
    }

    /// The next record with its place, or why it is none.
    fn next(&mut self) -> Result<Option<(Place, Record)>> {
        loop {
            if self.rest().is_empty() && !self.fill()? {
                return Ok(None);
            }
            let parsed = parse(&self.options, self.rest(), self.ended);
            let (outcome, length) = match parsed {
                Parsed::More => {
                    self.fill()?;
                    continue;
                }
                Parsed::Record(fields, length) => (Ok(fields), length),
                Parsed::Bad {
                    reason,
                    character,
                    length,
                } => (Err((reason, character)), length),
            };
            let text = String::from_utf8_lossy(self.rest().get(..length).unwrap_or_default());
            let blank = text.trim_end_matches(['\r', '\n']).is_empty();
            let record = match &outcome {
                Err(_) => text.trim_end_matches(['\r', '\n']).to_owned(),
                Ok(_) => String::new(),
            };
            let mut place = self.place;
            self.pass(length);
            if blank && self.options.skip_blank_lines {
                continue;
            }
            self.place.row += 1;
            place.row = self.place.row;
            return Ok(Some((
                place,
                outcome.map_err(|(reason, character)| Rejected {
                    place,
                    character: Some(character as u64),
                    column: None,
                    reason,
                    record,
                }),
            )));
        }
    }
}

/// The whole input in UTF-8.
fn decoded(
    mut input: Box<dyn Read + Send>,
    encoding: &str,
    file: &StagedFile,
) -> Result<Box<dyn Read + Send>> {
    let Some(known) = encoding_rs::Encoding::for_label(encoding.as_bytes()) else {
        return Err(Error::new(
            codes::F2004,
            format!("There is no encoding `{encoding}`"),
        ));
    };
    let mut bytes = Vec::new();
    input.read_to_end(&mut bytes).map_err(|cause| {
        Error::new(codes::F1001, format!("`{}` cannot be read", file.name)).because(cause)
    })?;
    let (text, _, wrong) = known.decode(&bytes);
    if wrong {
        return Err(Error::new(
            codes::F2003,
            format!("`{}` is not in encoding {encoding}", file.name),
        ));
    }
    Ok(Box::new(std::io::Cursor::new(
        text.into_owned().into_bytes(),
    )))
}

/// The first record of `data`. `last` says that nothing follows.
fn parse(options: &Csv, data: &[u8], last: bool) -> Parsed {
    let mut fields = Vec::new();
    let mut at = 0;
    loop {
        let (field, next) = match field(options, data, at, last) {
            Ok(Some(found)) => found,
            Ok(None) => return Parsed::More,
            Err((reason, character)) => {
                return match line_end(options, data, character, last) {
                    Some(length) => Parsed::Bad {
                        reason,
                        character: character + 1,
                        length,
                    },
                    None => Parsed::More,
                };
            }
        };
        fields.push(field);
        match next {
            Next::Field(start) => at = start,
            Next::Record(length) => return Parsed::Record(fields, length),
        }
    }
}

/// Where a field ended: before another one, or with its record.
enum Next {
    Field(usize),
    Record(usize),
}

type FieldResult = std::result::Result<Option<(Value, Next)>, (String, usize)>;

fn field(options: &Csv, data: &[u8], start: usize, last: bool) -> FieldResult {
    let mut at = start;
    if options.trim_space {
        while matches!(data.get(at), Some(b' ' | b'\t')) && !is_delimiter(options, data, at) {
            at += 1;
        }
    }
    if at >= data.len() && !last {
        return Ok(None);
    }
    let mut quote = [0; 4];
    if let Some(enclosing) = options.enclosed_by {
        let quote = enclosing.encode_utf8(&mut quote).as_bytes();
        if data.get(at..).is_some_and(|rest| rest.starts_with(quote)) {
            return enclosed(options, data, at + quote.len(), quote, last);
        }
    }
    open_field(options, data, at, last)
}

/// A field without quotes.
fn open_field(options: &Csv, data: &[u8], start: usize, last: bool) -> FieldResult {
    let mut at = start;
    let mut escape = [0; 4];
    let escape: &[u8] = match options.escape.or(options.escape_unenclosed) {
        Some(letter) => letter.encode_utf8(&mut escape).as_bytes(),
        None => &[],
    };
    let mut bytes = Vec::new();
    let mut escaped = false;
    loop {
        match boundary(options, data, at, last) {
            Boundary::Unknown => return Ok(None),
            Boundary::Field(length) => {
                return Ok(Some((
                    finished(options, data, start, at, bytes, escaped),
                    Next::Field(at + length),
                )));
            }
            Boundary::Record(length) => {
                return Ok(Some((
                    finished(options, data, start, at, bytes, escaped),
                    Next::Record(at + length),
                )));
            }
            Boundary::None => {}
        }
        let rest = data.get(at..).unwrap_or_default();
        if !escape.is_empty() && rest.starts_with(escape) {
            let behind = at + escape.len();
            match unescaped(data, behind) {
                Some((value, length)) => {
                    bytes.extend(value);
                    escaped = true;
                    at = behind + length;
                    continue;
                }
                None if !last => return Ok(None),
                None => {}
            }
        }
        bytes.extend(rest.first());
        at += 1;
    }
}

/// The value of an open field: as written if that is a NULL_IF, else with its escapes resolved.
fn finished(
    options: &Csv,
    data: &[u8],
    start: usize,
    end: usize,
    bytes: Vec<u8>,
    escaped: bool,
) -> Value {
    let raw = data.get(start..end).unwrap_or_default();
    let null = escaped && options.null_if.iter().any(|null| null.as_bytes() == raw);
    let mut bytes = if null { raw.to_vec() } else { bytes };
    if options.trim_space {
        let kept = bytes.trim_ascii().len();
        let before = bytes.len() - bytes.trim_ascii_start().len();
        bytes.drain(..before);
        bytes.truncate(kept);
    }
    Value {
        bytes,
        enclosed: false,
    }
}

/// A field behind its opening quote.
fn enclosed(options: &Csv, data: &[u8], start: usize, quote: &[u8], last: bool) -> FieldResult {
    let mut escape = [0; 4];
    let escape: &[u8] = match options.escape {
        Some(letter) => letter.encode_utf8(&mut escape).as_bytes(),
        None => &[],
    };
    let mut bytes = Vec::new();
    let mut at = start;
    loop {
        let rest = data.get(at..).unwrap_or_default();
        if rest.is_empty() {
            return match last {
                true => Err((
                    "End of record reached while expecting the end of an enclosed field".to_owned(),
                    at,
                )),
                false => Ok(None),
            };
        }
        if !escape.is_empty() && escape != quote && rest.starts_with(escape) {
            let behind = at + escape.len();
            match unescaped(data, behind) {
                Some((value, length)) => {
                    bytes.extend(value);
                    at = behind + length;
                    continue;
                }
                None if !last => return Ok(None),
                None => {}
            }
        }
        if !rest.starts_with(quote) {
            bytes.extend(rest.first());
            at += 1;
            continue;
        }
        at += quote.len();
        if at >= data.len() && !last {
            return Ok(None);
        }
        if data.get(at..).is_some_and(|rest| rest.starts_with(quote)) {
            bytes.extend(quote);
            at += quote.len();
            continue;
        }
        while options.trim_space && matches!(data.get(at), Some(b' ' | b'\t')) {
            if is_delimiter(options, data, at) {
                break;
            }
            at += 1;
        }
        let field = Value {
            bytes,
            enclosed: true,
        };
        return match boundary(options, data, at, last) {
            Boundary::Unknown => Ok(None),
            Boundary::Field(length) => Ok(Some((field, Next::Field(at + length)))),
            Boundary::Record(length) => Ok(Some((field, Next::Record(at + length)))),
            Boundary::None => Err((
                format!(
                    "Found character '{}' instead of field delimiter '{}'",
                    char::from(data.get(at).copied().unwrap_or_default()),
                    options.field_delimiter.as_deref().unwrap_or_default()
                ),
                at,
            )),
        };
    }
}

/// What begins at a byte.
enum Boundary {
    None,
    Field(usize),
    Record(usize),
    /// It depends on bytes that were not read yet.
    Unknown,
}

fn is_delimiter(options: &Csv, data: &[u8], at: usize) -> bool {
    let delimiter = options.field_delimiter.as_deref().unwrap_or_default();
    !delimiter.is_empty()
        && data
            .get(at..)
            .is_some_and(|rest| rest.starts_with(delimiter.as_bytes()))
}

fn boundary(options: &Csv, data: &[u8], at: usize, last: bool) -> Boundary {
    let rest = data.get(at..).unwrap_or_default();
    if rest.is_empty() {
        return if last {
            Boundary::Record(0)
        } else {
            Boundary::Unknown
        };
    }
    let mut longest = 2;
    if let Some(delimiter) = &options.field_delimiter {
        if rest.starts_with(delimiter.as_bytes()) {
            return Boundary::Field(delimiter.len());
        }
        longest = longest.max(delimiter.len());
    }
    match options.record_delimiter.as_deref() {
        Some("\n") => {
            if rest.starts_with(b"\n") {
                return Boundary::Record(1);
            }
            if rest.starts_with(b"\r\n") {
                return Boundary::Record(2);
            }
        }
        Some(delimiter) => {
            if rest.starts_with(delimiter.as_bytes()) {
                return Boundary::Record(delimiter.len());
            }
            longest = longest.max(delimiter.len());
        }
        None => {}
    }
    if rest.len() < longest && !last {
        return Boundary::Unknown;
    }
    Boundary::None
}

/// Where the line of a broken record ends, counted from the record's start.
fn line_end(options: &Csv, data: &[u8], from: usize, last: bool) -> Option<usize> {
    let delimiter = options.record_delimiter.as_deref().unwrap_or("\n");
    let rest = data.get(from..).unwrap_or_default();
    let found = rest
        .windows(delimiter.len().max(1))
        .position(|window| window == delimiter.as_bytes());
    match found {
        Some(at) => Some(from + at + delimiter.len()),
        None if last => Some(data.len()),
        None => None,
    }
}

/// What stands behind an escape character, and how many bytes it is; nothing if it is cut off.
fn unescaped(data: &[u8], at: usize) -> Option<(Vec<u8>, usize)> {
    let first = *data.get(at)?;
    let one = |byte: u8| Some((vec![byte], 1));
    match first {
        b'n' => one(b'\n'),
        b't' => one(b'\t'),
        b'r' => one(b'\r'),
        b'b' => one(8),
        b'f' => one(12),
        b'0'..=b'7' => {
            let digits = data.get(at..at + 3)?;
            let text = std::str::from_utf8(digits).ok()?;
            match u8::from_str_radix(text, 8) {
                Ok(byte) => Some((vec![byte], 3)),
                Err(_) => one(first),
            }
        }
        _ => one(first),
    }
}

/// The columns that the first record names.
pub(super) fn header(options: &Csv, file: &StagedFile) -> Result<SchemaRef> {
    let mut records = Records::open(options, file)?;
    let fields = match records.next()? {
        Some((_, Ok(fields))) => fields,
        _ => Vec::new(),
    };
    let fields: Vec<Field> = fields
        .into_iter()
        .map(|field| {
            let name = String::from_utf8_lossy(&field.bytes).trim().to_owned();
            Field::new(name, DataType::Utf8, true)
        })
        .collect();
    Ok(Arc::new(Schema::new(fields)))
}

/// How many fields the first record has.
pub(crate) fn width(options: &Csv, file: &StagedFile) -> Result<usize> {
    let mut records = Records::open(options, file)?;
    Ok(match records.next()? {
        Some((_, Ok(fields))) => fields.len(),
        _ => 0,
    })
}

pub(super) fn open(reading: &Reading, options: &Csv, unit: &Unit) -> Result<Chunks> {
    let mut records = Records::open(options, &unit.file)?;
    let mut order = None;
    if options.parse_header {
        records.next()?;
        records.place.row = 0;
        if let Columns::Named(schema) = &reading.columns {
            let header = header(options, &unit.file)?;
            let places = schema.fields().iter();
            order = Some(
                places
                    .map(|field| header.index_of(field.name()).ok())
                    .collect::<Vec<_>>(),
            );
        }
    }
    let width = match &reading.columns {
        Columns::Positions(count) => *count,
        Columns::Named(schema) => schema.fields().len(),
        Columns::Whole => 1,
    };
    let order = order.unwrap_or_else(|| (0..width).map(Some).collect());
    let lines = Lines {
        reading: reading.clone(),
        options: options.clone(),
        file: Arc::clone(&unit.file),
        records,
        order,
    };
    Ok(Box::new(lines))
}

struct Lines {
    reading: Reading,
    options: Csv,
    file: Arc<StagedFile>,
    records: Records,
    /// Which field of a record each column is.
    order: Vec<Option<usize>>,
}

impl Iterator for Lines {
    type Item = Result<Chunk>;

    fn next(&mut self) -> Option<Self::Item> {
        match self.chunk() {
            Ok(chunk) if chunk.places.is_empty() && chunk.rejected.is_empty() => None,
            chunk => Some(chunk),
        }
    }
}

impl Lines {
    fn chunk(&mut self) -> Result<Chunk> {
        let mut columns: Vec<StringBuilder> =
            self.order.iter().map(|_| StringBuilder::new()).collect();
        let (mut places, mut rejected) = (Vec::new(), Vec::new());
        while places.len() < CHUNK && rejected.len() < CHUNK {
            let Some((place, record)) = self.records.next()? else {
                break;
            };
            let fields = match record {
                Ok(fields) => fields,
                Err(reason) => {
                    rejected.push(reason);
                    continue;
                }
            };
            if let Some(reason) = self.mismatch(fields.len()) {
                rejected.push(refused(place, reason, &fields, &self.options));
                continue;
            }
            match self.texts(&fields) {
                Ok(texts) => {
                    for (column, text) in columns.iter_mut().zip(texts) {
                        column.append_option(text);
                    }
                    places.push(place);
                }
                Err(reason) => rejected.push(refused(place, reason, &fields, &self.options)),
            }
        }
        let mut arrays: Vec<ArrayRef> = columns
            .iter_mut()
            .map(|column| Arc::new(column.finish()) as ArrayRef)
            .collect();
        for (array, order) in arrays.iter_mut().zip(&self.order) {
            if order.is_none() {
                *array = new_null_array(&DataType::Utf8, places.len());
            }
        }
        Ok(Chunk {
            rows: self.reading.with_metadata(arrays, &self.file, &places)?,
            places,
            rejected,
        })
    }

    /// Why a record with so many fields does not fit, if it does not.
    fn mismatch(&self, fields: usize) -> Option<String> {
        let expected = self.reading.expected?;
        (fields != expected && self.options.error_on_column_count_mismatch).then(|| {
            format!(
                "Number of columns in file ({fields}) does not match that of the corresponding table ({expected}), use file format option error_on_column_count_mismatch=false to ignore this error"
            )
        })
    }

    /// The texts of the columns, null where the format says so.
    fn texts<'a>(
        &self,
        fields: &'a [Value],
    ) -> std::result::Result<Vec<Option<std::borrow::Cow<'a, str>>>, String> {
        self.order
            .iter()
            .map(|order| {
                let Some(field) = order.and_then(|at| fields.get(at)) else {
                    return Ok(None);
                };
                if field.bytes.is_empty() && !field.enclosed && self.options.empty_field_as_null {
                    return Ok(None);
                }
                let text = match std::str::from_utf8(&field.bytes) {
                    Ok(text) => std::borrow::Cow::Borrowed(text),
                    Err(_) if self.options.replace_invalid_characters => {
                        String::from_utf8_lossy(&field.bytes)
                    }
                    Err(_) => return Err("Invalid UTF8 detected in string".to_owned()),
                };
                let null = self.options.null_if.iter().any(|null| *null == text);
                Ok((!null).then_some(text))
            })
            .collect()
    }
}

fn refused(place: Place, reason: String, fields: &[Value], options: &Csv) -> Rejected {
    let delimiter = options.field_delimiter.as_deref().unwrap_or_default();
    let texts: Vec<_> = fields
        .iter()
        .map(|field| String::from_utf8_lossy(&field.bytes))
        .collect();
    Rejected {
        place,
        character: None,
        column: None,
        reason,
        record: texts.join(delimiter),
    }
}
