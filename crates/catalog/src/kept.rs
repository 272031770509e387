//! [`KeptRows`]: what small tables hold that this process has written, so that what reads them next opens no files.

use std::collections::HashMap;

use arrow::array::RecordBatch;
use lake::{DataFile, DataFolder};

/// Bytes of one table's rows that are worth keeping; opening a larger table's files is little beside reading them.
pub(crate) const MOST_OF_A_TABLE: usize = 256 << 10;

/// Bytes of all rows that are kept.
const MOST: usize = 32 << 20;

/// Rows of tables by location and version.
#[derive(Default)]
pub(crate) struct KeptRows {
    tables: HashMap<(String, u64), Kept>,
    bytes: usize,
}

/// All rows of a version of a table.
struct Kept {
    rows: RecordBatch,
    folder: DataFolder,
    file: String,
}

impl KeptRows {
    /// Keeps `rows`, which are all that the table at `location` has in `version` and are in `file` of `folder`.
    pub(crate) fn insert(
        &mut self,
        location: &str,
        version: u64,
        folder: DataFolder,
        file: &DataFile,
        rows: RecordBatch,
    ) {
        let kept = Kept {
            rows,
            folder,
            file: file.path.clone(),
        };
        self.add((location.to_owned(), version), kept);
    }

    /// Takes over what a run kept of the versions it has published. What it did not publish is nobody's: another run
    /// may write a version of that number.
    pub(crate) fn take_over(
        &mut self,
        mut run: Self,
        published: impl IntoIterator<Item = (String, u64)>,
    ) {
        for key in published {
            if let Some(kept) = run.tables.remove(&key) {
                self.add(key, kept);
            }
        }
    }

    fn add(&mut self, key: (String, u64), kept: Kept) {
        let bytes = kept.rows.get_array_memory_size();
        if bytes > MOST_OF_A_TABLE {
            return;
        }
        if self.bytes + bytes > MOST {
            *self = Self::default();
        }
        self.bytes += bytes;
        if let Some(before) = self.tables.insert(key, kept) {
            self.bytes -= before.rows.get_array_memory_size();
        }
    }

    /// All rows of the table at `location` in `version`, if they are kept. The file must still be there: another
    /// process may have removed the table, and the place been given to a new one.
    pub(crate) fn get(&self, location: &str, version: u64) -> Option<RecordBatch> {
        let kept = self.tables.get(&(location.to_owned(), version))?;
        kept.folder.has(&kept.file).then(|| kept.rows.clone())
    }
}
