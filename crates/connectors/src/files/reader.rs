//! [`FileReader`]: a file of any format as batches of records.

use diagnostic::Result;

use super::Place;
use super::columnar::{Columnar, open_avro, open_parquet};
use super::csv::{CsvFormat, CsvReader};
use super::excel::{Excel, ExcelFormat};
use super::header::{self, HeaderMap};
use super::json::{Documents, JsonFormat, Lines};
use super::records::Records;

/// How a stream's files become records.
#[derive(Clone, Debug)]
pub enum FileFormat {
    /// Separated values.
    Csv(CsvFormat),
    /// Objects.
    Json(JsonFormat),
    /// Parquet; a row with more bytes of text than this is a defect.
    Parquet(usize),
    /// Avro object containers; the same.
    Avro(usize),
    /// Workbooks.
    Excel(ExcelFormat),
}

impl FileFormat {
    /// Whether each record says itself which columns it has.
    #[must_use]
    pub fn is_json(&self) -> bool {
        matches!(self, Self::Json(_))
    }
}

/// Reads a file.
pub struct FileReader {
    name: String,
    expected: Vec<String>,
    rows: Rows,
}

enum Rows {
    Csv(Box<CsvReader>, u8),
    Lines(Box<Lines>),
    Documents(Box<Documents>),
    Columnar(Box<Columnar>),
    Excel(Box<Excel>),
}

impl FileReader {
    /// Opens the file at `place`, of which the `expected` columns (normalised names) are wanted. `name` is how
    /// errors call it.
    ///
    /// # Errors
    /// `F1001` if it cannot be read, `F2001` to `F2007` if it is not what the format says, `F3001` if it is
    /// empty, `F3005` and `F3008` if it has no header where there should be one.
    pub fn open(
        place: &Place,
        name: &str,
        format: &FileFormat,
        expected: &[String],
    ) -> Result<Self> {
        let rows = match format {
            FileFormat::Csv(csv) => {
                Rows::Csv(Box::new(CsvReader::open(place, name, csv)?), csv.delimiter)
            }
            FileFormat::Json(json) if json.lines => {
                Rows::Lines(Box::new(Lines::open(place, name, json, expected)?))
            }
            FileFormat::Json(json) => {
                Rows::Documents(Box::new(Documents::open(place, name, json, expected)?))
            }
            FileFormat::Parquet(max) => Rows::Columnar(Box::new(open_parquet(place, name, *max)?)),
            FileFormat::Avro(max) => Rows::Columnar(Box::new(open_avro(place, name, *max)?)),
            FileFormat::Excel(excel) => Rows::Excel(Box::new(Excel::open(place, name, excel)?)),
        };
        Ok(Self {
            name: name.to_owned(),
            expected: expected.to_vec(),
            rows,
        })
    }

    /// The names of the columns that are known so far. JSON begins with those that are expected; all others
    /// know theirs from the beginning.
    #[must_use]
    pub fn header(&self) -> &[String] {
        match &self.rows {
            Rows::Csv(csv, _) => csv.header(),
            Rows::Lines(lines) => lines.header(),
            Rows::Documents(documents) => documents.header(),
            Rows::Columnar(columnar) => columnar.header(),
            Rows::Excel(excel) => excel.header(),
        }
    }

    /// Which of the file's columns are those expected.
    ///
    /// # Errors
    /// `F3002` to `F3004` if the header does not fit.
    pub fn columns(&self) -> Result<HeaderMap> {
        let expected = &self.expected;
        match &self.rows {
            Rows::Csv(csv, delimiter) => header::map(
                &self.name,
                csv.header(),
                csv.header_line(),
                *delimiter,
                expected,
            ),
            Rows::Lines(_) | Rows::Documents(_) => Ok(HeaderMap {
                columns: (0..expected.len()).map(Some).collect(),
                missing: Vec::new(),
                unknown: Vec::new(),
            }),
            Rows::Columnar(columnar) => {
                header::map_names(&self.name, columnar.header(), None, expected)
            }
            Rows::Excel(excel) => header::map_names(
                &self.name,
                excel.header(),
                Some(excel.header_row()),
                expected,
            ),
        }
    }

    /// Reads the next batch of records, for [`FileReader::lend`]; `false` at the end of the file.
    ///
    /// # Errors
    /// As [`FileReader::open`]: the rest of the file cannot be read.
    #[allow(clippy::should_implement_trait)]
    pub fn next(&mut self) -> Result<bool> {
        Ok(match &mut self.rows {
            Rows::Csv(csv, _) => csv.next()?.is_some(),
            Rows::Lines(lines) => lines.next()?.is_some(),
            Rows::Documents(documents) => documents.next()?.is_some(),
            Rows::Columnar(columnar) => columnar.next()?.is_some(),
            Rows::Excel(excel) => excel.next().is_some(),
        })
    }

    /// The batch that was read last.
    #[must_use]
    pub fn lend(&self) -> Records<'_> {
        match &self.rows {
            Rows::Csv(csv, _) => csv.lend(),
            Rows::Lines(lines) => lines.lend(),
            Rows::Documents(documents) => documents.lend(),
            Rows::Columnar(columnar) => columnar.lend(),
            Rows::Excel(excel) => excel.lend(),
        }
    }
}
