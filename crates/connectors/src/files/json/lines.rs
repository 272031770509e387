//! [`Lines`]: JSON with one object on each line (<https://jsonlines.org>).

use diagnostic::Result;

use super::JsonFormat;
use super::keys::Keys;
use crate::files::Place;
use crate::files::batch::Batch;
use crate::files::csv::{CsvFormat, CsvReader};
use crate::files::records::{Defect, Records};

/// No byte of valid JSON: lines that are split at it are broken anyway.
const NEVER: u8 = 0x1f;

/// Reads a file of lines.
pub(crate) struct Lines {
    /// Lines as records of one field: with their offsets, decoded, and bounded in length.
    lines: CsvReader,
    /// The next line of the batch that `lines` lends.
    next: usize,
    count: usize,
    keys: Keys,
    batch: Batch,
}

impl Lines {
    pub(crate) fn open(
        place: &Place,
        name: &str,
        format: &JsonFormat,
        expected: &[String],
    ) -> Result<Self> {
        let format = CsvFormat {
            delimiter: NEVER,
            quote: None,
            columns: Some(vec!["line".to_owned()]),
            encoding: format.encoding,
            max_record: format.max_record,
        };
        Ok(Self {
            lines: CsvReader::open(place, name, &format)?,
            next: 0,
            count: 0,
            keys: Keys::new(name, expected),
            batch: Batch::new(expected.len()),
        })
    }

    /// The batch that was read last.
    pub(crate) fn lend(&self) -> Records<'_> {
        self.batch.lend(&[])
    }

    pub(crate) fn header(&self) -> &[String] {
        self.keys.header()
    }

    pub(crate) fn next(&mut self) -> Result<Option<Records<'_>>> {
        self.batch.clear();
        self.batch.widen(self.keys.len());
        while !self.batch.is_full() {
            if self.next == self.count {
                let Some(lines) = self.lines.next()? else {
                    break;
                };
                (self.next, self.count) = (0, lines.len());
            }
            let lines = self.lines.lend();
            while self.next < self.count && !self.batch.is_full() {
                add(&lines, self.next, &mut self.keys, &mut self.batch)?;
                self.next += 1;
            }
        }
        Ok((!self.batch.is_empty()).then(|| self.lend()))
    }
}

fn add(lines: &Records<'_>, at: usize, keys: &mut Keys, batch: &mut Batch) -> Result<()> {
    let Some(line) = lines.records().get(at) else {
        return Ok(());
    };
    let raw = lines.raw(at);
    match line.defect {
        Some(defect @ (Defect::Oversized | Defect::Undecodable)) => {
            batch.begin();
            batch.end(line.line, line.offset, Some(defect), raw);
            Ok(())
        }
        _ if raw.trim_ascii().is_empty() => Ok(()),
        // The separator of no meaning splits a broken line only; all of it is looked at.
        Some(_) => keys.add(raw, raw, (line.line, line.offset), batch),
        None => {
            let text = lines.field(at, 0).map_or(raw, |(text, _)| text);
            keys.add(text, raw, (line.line, line.offset), batch)
        }
    }
}
