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
    /// A statement that changed rows: how many.
    Changed {
        /// Rows inserted.
        inserted: u64,
        /// Rows updated.
        updated: u64,
        /// Rows deleted.
        deleted: u64,
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
    /// Rows changed in all; 0 for anything but a change.
    #[must_use]
    pub fn rows_changed(&self) -> u64 {
        match self {
            Self::Changed {
                inserted,
                updated,
                deleted,
            } => inserted + updated + deleted,
            Self::Rows(_) | Self::Done(_) => 0,
        }
    }
}
