//! Reading workbooks: Excel (`.xlsx`, `.xlsb`, `.xls`) and OpenDocument (`.ods`). A workbook is held in memory.

use std::io::{Cursor, Read as _};

use bytes::Bytes;
use calamine::{Data, Range, Reader, Sheets, open_workbook_auto_from_rs};
use diagnostic::{Error, Place as Line, Result, codes};
use settings::CellRange;

use super::batch::Batch;
use super::records::Records;
use super::{Kind, Place, decompress};

/// Where the rows are in a stream's workbooks.
#[derive(Clone, Debug, Default)]
pub struct ExcelFormat {
    /// The sheet: its name, or its number from 1; the first one by default.
    pub sheet: Option<String>,
    /// The row that names the columns, from 1; the first that is not empty by default.
    pub header_row: Option<u32>,
    /// The cells to look at, `B3:F100`; all by default.
    pub range: Option<CellRange>,
}

/// Reads a sheet.
pub(super) struct Excel {
    cells: Range<Data>,
    header: Vec<String>,
    header_row: u32,
    first_column: u32,
    next: u32,
    last: u32,
    batch: Batch,
}

impl Excel {
    pub(super) fn open(place: &Place, name: &str, format: &ExcelFormat) -> Result<Self> {
        let (mut unpacked, compression) = decompress::open(place, name, Kind::Binary)?;
        let mut bytes = Vec::new();
        unpacked
            .read_to_end(&mut bytes)
            .map_err(|error| decompress::read_error(name, compression, error))?;
        let damaged = |cause: calamine::Error| {
            Error::new(
                codes::F2001,
                format!("`{name}` is no workbook, or it is damaged, cut off or protected"),
            )
            .with("file", name)
            .because(cause)
        };
        let mut workbook =
            open_workbook_auto_from_rs(Cursor::new(Bytes::from(bytes))).map_err(damaged)?;
        let sheet = find_sheet(&workbook, name, format.sheet.as_deref())?;
        let mut cells = workbook.worksheet_range(&sheet).map_err(damaged)?;
        let (Some(start), Some(end)) = (cells.start(), cells.end()) else {
            return Err(empty(name, &sheet));
        };
        let wanted = format.range.unwrap_or(CellRange {
            rows: (0, None),
            columns: (0, None),
        });
        let from = (wanted.rows.0.max(start.0), wanted.columns.0.max(start.1));
        let to = (
            wanted.rows.1.unwrap_or(u32::MAX).min(end.0),
            wanted.columns.1.unwrap_or(u32::MAX).min(end.1),
        );
        if from.0 > to.0 || from.1 > to.1 {
            return Err(empty(name, &sheet));
        }
        cells = cells.range(from, to);
        let header_row = match format.header_row {
            Some(row) => row.saturating_sub(1),
            None => (from.0..=to.0)
                .find(|row| (from.1..=to.1).any(|column| !is_empty(&cells, (*row, column))))
                .ok_or_else(|| empty(name, &sheet))?,
        };
        let mut header: Vec<String> = (from.1..=to.1)
            .map(|column| {
                let mut text = Vec::new();
                if let Some(cell) = cells.get_value((header_row, column)) {
                    write(cell, &mut text);
                }
                String::from_utf8_lossy(&text).trim().to_owned()
            })
            .collect();
        while header.last().is_some_and(String::is_empty) {
            header.pop();
        }
        if header.is_empty() {
            let row = usize::try_from(header_row).unwrap_or_default() + 1;
            return Err(Error::new(
                codes::F3005,
                format!("Row {row} of sheet `{sheet}` in `{name}` is no header: it is empty"),
            )
            .at(Line::line(name, row))
            .help("set `header_row` of the format to the row that names the columns"));
        }
        Ok(Self {
            batch: Batch::new(header.len()),
            cells,
            header,
            header_row,
            first_column: from.1,
            next: header_row + 1,
            last: to.0,
        })
    }

    /// The batch that was read last.
    pub(super) fn lend(&self) -> Records<'_> {
        self.batch.lend(&self.header)
    }

    pub(super) fn header(&self) -> &[String] {
        &self.header
    }

    /// The row of the header, from 1.
    pub(super) fn header_row(&self) -> usize {
        usize::try_from(self.header_row).unwrap_or_default() + 1
    }

    pub(super) fn next(&mut self) -> Option<Records<'_>> {
        self.batch.clear();
        while self.next <= self.last && !self.batch.is_full() {
            self.add(self.next);
            self.next += 1;
        }
        (!self.batch.is_empty()).then(|| self.lend())
    }

    /// Adds a row, unless it is empty.
    fn add(&mut self, row: u32) {
        let columns = (self.first_column..).take(self.header.len());
        let blank = |column: u32| is_empty(&self.cells, (row, column));
        if columns.clone().all(blank) {
            return;
        }
        self.batch.begin();
        for (at, column) in columns.enumerate() {
            match self.cells.get_value((row, column)) {
                None | Some(Data::Empty) => self.batch.null(at),
                Some(cell) => {
                    let bare = matches!(cell, Data::Int(_) | Data::Float(_) | Data::Bool(_));
                    self.batch.value(at, !bare, |out| write(cell, out));
                }
            }
        }
        self.batch.end(u64::from(row) + 1, 0, None, b"");
    }
}

fn is_empty(cells: &Range<Data>, at: (u32, u32)) -> bool {
    match cells.get_value(at) {
        None | Some(Data::Empty) => true,
        Some(Data::String(text)) => text.trim().is_empty(),
        Some(_) => false,
    }
}

fn find_sheet<R: std::io::Read + std::io::Seek>(
    workbook: &Sheets<R>,
    name: &str,
    wanted: Option<&str>,
) -> Result<String> {
    let names = workbook.sheet_names();
    let number = wanted.unwrap_or("1").parse::<usize>().ok();
    let by_name = names.iter().find(|sheet| Some(sheet.as_str()) == wanted);
    let by_number = || names.get(number?.checked_sub(1)?);
    by_name.or_else(by_number).cloned().ok_or_else(|| {
        let wanted = wanted.unwrap_or("1");
        Error::new(
            codes::F3008,
            format!("The workbook `{name}` has no sheet `{wanted}`"),
        )
        .with("file", name)
        .suggest(wanted, names.iter().map(String::as_str))
        .help(format!("its sheets are: {}", names.join(", ")))
    })
}

fn empty(name: &str, sheet: &str) -> Error {
    Error::new(
        codes::F3001,
        format!("Sheet `{sheet}` of `{name}` is empty where its rows should be"),
    )
    .with("file", name)
    .help("check `sheet` and `range` of the format")
}

/// A cell as text: dates in ISO 8601, numbers with all digits they have.
fn write(cell: &Data, out: &mut Vec<u8>) {
    let text = match cell {
        Data::Empty => return,
        Data::String(text) | Data::DurationIso(text) => text.clone(),
        Data::DateTimeIso(text) => match text.strip_suffix("T00:00:00") {
            Some(date) => date.to_owned(),
            None => text.clone(),
        },
        Data::Int(number) => number.to_string(),
        Data::Float(number) => number.to_string(),
        Data::Bool(truth) => truth.to_string(),
        Data::Error(error) => error.to_string(),
        Data::DateTime(moment) if moment.is_duration() => duration(moment.as_f64()),
        Data::DateTime(moment) => {
            let (year, month, day, hour, minute, second, milli) = moment.to_ymd_hms_milli();
            let date = format!("{year:04}-{month:02}-{day:02}");
            match (hour, minute, second, milli) {
                (0, 0, 0, 0) => date,
                (_, _, _, 0) => format!("{date} {hour:02}:{minute:02}:{second:02}"),
                _ => format!("{date} {hour:02}:{minute:02}:{second:02}.{milli:03}"),
            }
        }
    };
    out.extend_from_slice(text.as_bytes());
}

/// Days as hours, minutes and seconds.
fn duration(days: f64) -> String {
    // Workbooks keep milliseconds.
    #[allow(clippy::cast_possible_truncation)]
    let millis = (days * 86_400_000.0).round() as i64;
    let sign = if millis < 0 { "-" } else { "" };
    let (seconds, millis) = (millis.abs() / 1000, millis.abs() % 1000);
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    match millis {
        0 => format!("{sign}{hours:02}:{minutes:02}:{seconds:02}"),
        _ => format!("{sign}{hours:02}:{minutes:02}:{seconds:02}.{millis:03}"),
    }
}

#[cfg(test)]
mod tests {
    use super::duration;

    #[test]
    fn durations_may_pass_a_day() {
        assert_eq!(duration(1.5), "36:00:00");
        assert_eq!(duration(-0.25 / 24.0), "-00:15:00");
    }
}
