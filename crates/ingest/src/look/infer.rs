//! [`infer`]: the columns of files and types that fit them, from a sample of their rows.

use std::path::Path;

use connectors::files::{FileReader, PathValues, header};
use diagnostic::{Error, Result};
use indexmap::IndexMap;
use model::ColumnType;
use settings::StreamSpec;

use super::ListedFile;
use super::guess::Guess;
use crate::contract::TextRules;
use crate::incoming::{Origin, file_format};

/// Files looked into: the first, the last and some between.
const FILES: usize = 5;

/// What files hold, as far as a sample tells.
#[derive(Debug, Default)]
pub struct Inferred {
    /// The columns, in the order in which they were met.
    pub columns: Vec<InferredColumn>,
    /// Rows looked at.
    pub rows: u64,
    /// Files looked into.
    pub files: usize,
    /// Files that could not be read, and why.
    pub failed: Vec<(String, Error)>,
}

/// A column, and the type that fits the sample.
#[derive(Clone, Debug)]
pub struct InferredColumn {
    /// Its name in a contract.
    pub name: String,
    /// Its name in the files.
    pub header: String,
    /// The type.
    pub kind: ColumnType,
    /// How dates are written, if not in ISO 8601.
    pub formats: Vec<String>,
    /// What a person should know.
    pub note: Option<String>,
    /// The first value.
    pub example: Option<String>,
    /// Rows of the sample without a value.
    pub empty: u64,
    /// Whether every row of the sample had a value of its own.
    pub unique: bool,
    /// Whether values have blanks round them.
    pub blanks: bool,
    /// Files of the sample that lack it.
    pub missing: usize,
    /// Whether it is a part of the path.
    pub from_path: bool,
}

struct Column {
    header: String,
    guess: Guess,
    files: usize,
    from_path: bool,
}

/// Looks at up to `rows` rows of some of `files`, which lie at `origin` and are written as `stream` says. Objects are
/// copied to `spill` meanwhile.
#[must_use]
pub fn infer(
    origin: &Origin,
    files: &[ListedFile],
    stream: &StreamSpec,
    rows: usize,
    spill: &Path,
) -> Inferred {
    let mut columns: IndexMap<String, Column> = IndexMap::new();
    let mut inferred = Inferred::default();
    let each = (rows / FILES.min(files.len()).max(1)).max(1);
    for file in spread(files) {
        let looked = look(origin, file, stream, each, spill, &mut columns);
        match looked {
            Ok(rows) => {
                inferred.rows += rows;
                inferred.files += 1;
            }
            Err(error) => inferred.failed.push((file.name.clone(), error)),
        }
    }
    let files = inferred.files;
    inferred.columns = columns
        .into_iter()
        .map(|(name, column)| {
            let guessed = column.guess.guessed();
            InferredColumn {
                name,
                header: column.header,
                kind: guessed.kind,
                formats: guessed.formats,
                note: guessed.note,
                example: guessed.example,
                empty: guessed.empty,
                unique: guessed.unique,
                blanks: guessed.blanks,
                missing: files.saturating_sub(column.files),
                from_path: column.from_path,
            }
        })
        .collect();
    inferred
}

/// The first file, the last one and some between.
fn spread(files: &[ListedFile]) -> impl Iterator<Item = &ListedFile> {
    let count = files.len().min(FILES);
    let last = files.len().saturating_sub(1);
    let places = (0..count).map(move |at| at * last / count.saturating_sub(1).max(1));
    places.filter_map(|at| files.get(at))
}

fn look(
    origin: &Origin,
    file: &ListedFile,
    stream: &StreamSpec,
    limit: usize,
    spill: &Path,
    columns: &mut IndexMap<String, Column>,
) -> Result<u64> {
    let texts = TextRules::new(&stream.format);
    let opened = file.open(origin, spill)?;
    let format = file_format(stream, &[]);
    let is_typed = !matches!(stream.format, settings::Format::Csv(_));
    let mut reader = FileReader::open(&opened.place, &file.name, &format, &[])?;
    let mut rows = 0;
    let mut met: Vec<usize> = Vec::new();
    while rows < limit && reader.next()? {
        let records = reader.lend();
        let header = reader.header();
        for (at, title) in header.iter().enumerate().skip(met.len()) {
            let name = contract_name(title, at);
            let entry = columns.entry(name);
            met.push(entry.index());
            let column = entry.or_insert_with(|| Column {
                header: title.clone(),
                guess: Guess::new(),
                files: 0,
                from_path: false,
            });
            column.files += 1;
        }
        let count = records.len().min(limit - rows);
        for (at, place) in met.iter().enumerate() {
            let Some((_, column)) = columns.get_index_mut(*place) else {
                continue;
            };
            for field in records.column(at).take(count) {
                match field {
                    Some((text, quoted)) if !texts.contains(text, quoted) => {
                        column.guess.value(text, is_typed && quoted);
                    }
                    _ => column.guess.nothing(),
                }
            }
        }
        rows += count;
    }
    for (name, value) in &file.values {
        let name = contract_name(name, 0);
        if met.iter().any(|at| {
            columns
                .get_index(*at)
                .is_some_and(|(known, _)| *known == name)
        }) {
            continue;
        }
        let column = columns.entry(name.clone()).or_insert_with(|| Column {
            header: name,
            guess: Guess::new(),
            files: 0,
            from_path: true,
        });
        column.files += 1;
        match PathValues::as_value(value) {
            Some(value) => column.guess.value(value.as_bytes(), false),
            None => column.guess.nothing(),
        }
    }
    Ok(rows as u64)
}

/// A header as a contract may name it: letters, digits and `_`, by which it is found again.
fn contract_name(title: &str, at: usize) -> String {
    let normal = header::normalise(title);
    match normal.chars().next() {
        None => format!("column_{}", at + 1),
        Some(_) => normal,
    }
}
