//! The change data feed of a table: which rows a commit took away and brought, in files beside the data
//! (<https://github.com/delta-io/delta/blob/master/PROTOCOL.md#change-data-files>).
//!
//! A commit that only adds files, only takes whole files away, or replaces all of them needs none: readers take the
//! files' rows. Any other commit of a table with a feed says what changed, or is refused.

use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use diagnostic::{Error, Result, ResultExt, codes};

use crate::{Commit, DataFile, DataFolder, Operation, ParquetSink, SinkOptions};

/// The property by which a table says that it has a feed.
pub(crate) const ENABLED: &str = "delta.enableChangeDataFeed";

/// Where the files lie, below the table.
const FOLDER: &str = "_change_data/";

/// The column that says what became of a row.
pub(crate) const CHANGE_TYPE: &str = "_change_type";

/// The column by which the two images of an updated row find each other. It is Sluice's own: readers of the feed ask
/// for the table's columns and do not see it.
pub(crate) const PAIR: &str = "_sluice_pair";

/// The columns that readers add to a table's.
const TAKEN: [&str; 4] = [CHANGE_TYPE, "_commit_version", "_commit_timestamp", PAIR];

/// What became of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChangeType {
    /// It came.
    Insert,
    /// It was so before it was changed.
    UpdatePreimage,
    /// It is so since it was changed.
    UpdatePostimage,
    /// It left.
    Delete,
}

impl ChangeType {
    const ALL: [Self; 4] = [
        Self::Insert,
        Self::UpdatePreimage,
        Self::UpdatePostimage,
        Self::Delete,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::Insert => "insert",
            Self::UpdatePreimage => "update_preimage",
            Self::UpdatePostimage => "update_postimage",
            Self::Delete => "delete",
        }
    }

    pub(crate) fn of(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

/// Refuses a feed for a table that has columns by the names which readers give to theirs.
///
/// # Errors
/// `K3014`.
pub(crate) fn check_columns(schema: &Schema) -> Result<()> {
    let taken = |field: &&Arc<Field>| {
        TAKEN
            .iter()
            .any(|name| field.name().eq_ignore_ascii_case(name))
    };
    match schema.fields().iter().find(taken) {
        None => Ok(()),
        Some(field) => Err(Error::new(
            codes::K3014,
            format!(
                "A table with a column `{}` cannot have a change data feed, which has one of that name",
                field.name()
            ),
        )
        .help("give the column another name")),
    }
}

impl Commit {
    /// Whether a table with a feed has to be told which rows change: files are written again without some of their
    /// rows, or with others.
    #[must_use]
    pub fn mixes_rows(&self) -> bool {
        let rewrites = !self.remove.is_empty() && !self.add.is_empty();
        self.operation.changes_rows()
            && self.operation != Operation::Overwrite
            // The first version of a copy has the vectors of its source, and no rows before.
            && self.operation != Operation::Create
            && !self.remove_all
            && (rewrites || !self.vectors.is_empty())
    }

    /// Lets the table have a feed from this commit on, or no longer.
    pub fn set_change_data_feed(&mut self, on: bool) {
        self.properties
            .push((ENABLED.to_owned(), Some(on.to_string())));
    }
}

/// Writes the files of a feed.
pub struct FeedSink {
    sink: ParquetSink,
    schema: SchemaRef,
}

impl FeedSink {
    /// A sink for changed rows with `columns` of the table in `folder` that is partitioned by `partition_by`.
    #[must_use]
    pub fn new(folder: &DataFolder, columns: &SchemaRef, partition_by: &[String]) -> Self {
        let own = [
            Field::new(CHANGE_TYPE, DataType::Utf8, true),
            Field::new(PAIR, DataType::Int64, true),
        ];
        let fields = columns.fields().iter().cloned();
        let fields: Vec<_> = fields.chain(own.map(Arc::new)).collect();
        let schema: SchemaRef = Arc::new(Schema::new(fields));
        let options = SinkOptions {
            partition_by: partition_by.to_vec(),
            folder: FOLDER,
            ..SinkOptions::default()
        };
        Self {
            sink: ParquetSink::new(folder, Arc::clone(&schema), options),
            schema,
        }
    }

    /// Writes `rows` with what became of each. Both images of an updated row have the same number in `pairs`, which
    /// no other row of the commit has.
    ///
    /// # Errors
    /// `K2003` if the file cannot be written.
    pub fn write(
        &mut self,
        rows: &RecordBatch,
        kinds: impl IntoIterator<Item = ChangeType>,
        pairs: impl IntoIterator<Item = Option<i64>>,
    ) -> Result<()> {
        let kinds = kinds.into_iter().map(ChangeType::name);
        let kinds: ArrayRef = Arc::new(StringArray::from_iter_values(kinds));
        let pairs: ArrayRef = Arc::new(Int64Array::from_iter(pairs));
        let columns = rows.columns().iter().cloned().chain([kinds, pairs]);
        let rows = RecordBatch::try_new(Arc::clone(&self.schema), columns.collect())
            .explain(codes::X0001, || {
                "Changed rows cannot be put together".to_owned()
            })?;
        self.sink.write(&rows)
    }

    /// The files written, for [`Commit::change_data`].
    ///
    /// # Errors
    /// `K2003` if a file cannot be written.
    pub fn finish(self) -> Result<Vec<DataFile>> {
        let files = self.sink.finish()?;
        telemetry::failpoint("feed.after_files");
        Ok(files)
    }
}
