//! [`Outcome`]: what a statement gives back.

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use diagnostic::Result;
use futures::TryStreamExt;

use crate::BatchStream;

/// What a statement gives back.
pub enum Outcome {
    /// A query's rows.
    Rows(Rows),
    /// A statement that changed rows: how many, of the kinds that it counts.
    Changed {
        /// Rows inserted.
        inserted: Option<u64>,
        /// Rows updated.
        updated: Option<u64>,
        /// Rows deleted.
        deleted: Option<u64>,
    },
    /// A statement that changed something else, in a sentence.
    Done(String),
}

/// The rows of a query, read once.
pub struct Rows {
    /// The columns.
    pub schema: SchemaRef,
    /// The rows.
    pub batches: BatchStream,
}

impl Rows {
    /// Reads all rows into memory.
    ///
    /// # Errors
    /// If the query fails while it runs.
    pub async fn collect(self) -> Result<Vec<RecordBatch>> {
        self.batches.try_collect().await
    }
}

impl Outcome {
    /// A statement that inserted rows.
    #[must_use]
    pub fn inserted(rows: u64) -> Self {
        Self::Changed {
            inserted: Some(rows),
            updated: None,
            deleted: None,
        }
    }

    /// A statement that updated rows.
    #[must_use]
    pub fn updated(rows: u64) -> Self {
        Self::Changed {
            inserted: None,
            updated: Some(rows),
            deleted: None,
        }
    }

    /// A statement that deleted rows.
    #[must_use]
    pub fn deleted(rows: u64) -> Self {
        Self::Changed {
            inserted: None,
            updated: None,
            deleted: Some(rows),
        }
    }

    /// Rows changed in all; 0 for anything but a change.
    #[must_use]
    pub fn rows_changed(&self) -> u64 {
        match self {
            Self::Changed {
                inserted,
                updated,
                deleted,
            } => [inserted, updated, deleted].into_iter().flatten().sum(),
            Self::Rows(_) | Self::Done(_) => 0,
        }
    }
}
