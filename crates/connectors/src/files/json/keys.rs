//! [`Keys`]: which key of an object is which column; new ones are columns, too.

use std::collections::HashMap;

use diagnostic::{Error, Place, Result, codes};

use super::scan::{Value, object, unescape};
use crate::files::batch::Batch;
use crate::files::header::normalise;
use crate::files::records::Defect;

/// Columns that one file may have. More are keys that hold values, such as an object with an id for each key.
const COLUMNS: usize = 2048;

/// The columns of a file of objects.
pub(super) struct Keys {
    name: String,
    columns: HashMap<Vec<u8>, usize>,
    header: Vec<String>,
}

impl Keys {
    /// Columns of the file called `name`, which has those that are `expected` and maybe others.
    pub(super) fn new(name: &str, expected: &[String]) -> Self {
        Self {
            name: name.to_owned(),
            columns: HashMap::new(),
            header: expected.to_vec(),
        }
    }

    pub(super) fn header(&self) -> &[String] {
        &self.header
    }

    pub(super) fn len(&self) -> usize {
        self.header.len()
    }

    /// Adds the object `text`, which begins on `line` and at the byte `offset`, to `batch`. A text that is no
    /// object is added as a defect, with `raw` as its text.
    pub(super) fn add(
        &mut self,
        text: &[u8],
        raw: &[u8],
        (line, offset): (u64, u64),
        batch: &mut Batch,
    ) -> Result<()> {
        batch.begin();
        let mut many = false;
        let scanned = object(text, |key, value| {
            let Some(column) = self.column(key)? else {
                many = true;
                return Err("it has too many keys");
            };
            batch.widen(self.header.len());
            if batch.has(column) {
                return Err("two keys are one column");
            }
            let mut written = Ok(());
            match value {
                Value::Null => batch.null(column),
                Value::Bare(text) => batch.value(column, false, |out| out.extend_from_slice(text)),
                Value::Text(inside) => {
                    batch.value(column, true, |out| written = unescape(inside, out));
                }
            }
            written
        });
        if many {
            return Err(self.too_many(line));
        }
        let defect = scanned.err().map(Defect::Malformed);
        batch.end(line, offset, defect, raw);
        Ok(())
    }

    /// The column of `key`, as between its quotes; `None` if there are too many.
    fn column(&mut self, key: &[u8]) -> Result<Option<usize>, &'static str> {
        if let Some(column) = self.columns.get(key) {
            return Ok(Some(*column));
        }
        let mut text = Vec::new();
        unescape(key, &mut text)?;
        let mut name = normalise(&String::from_utf8_lossy(&text));
        if name.is_empty() {
            name = "column".to_owned();
        }
        let known = self.header.iter().position(|other| *other == name);
        let column = match known {
            Some(column) => column,
            None if self.header.len() >= COLUMNS => return Ok(None),
            None => {
                self.header.push(name);
                self.header.len() - 1
            }
        };
        self.columns.insert(key.to_vec(), column);
        Ok(Some(column))
    }

    fn too_many(&self, line: u64) -> Error {
        Error::new(
            codes::F2006,
            format!("The objects of `{}` have more than {COLUMNS} keys", self.name),
        )
        .at(Place::line(
            self.name.as_str(),
            usize::try_from(line).unwrap_or(usize::MAX),
        ))
        .help("keys that hold values belong into an object of their own, as a column of type `variant`")
    }
}
