//! [`Marks`]: the columns that soft delete and history add to a table, and what stands in them.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, BooleanArray, RecordBatch, TimestampMicrosecondArray};
use arrow::compute::filter_record_batch;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit, TimestampMicrosecondType};
use diagnostic::{Result, ResultExt, codes};
use settings::{Apply, PostgresStream};

use super::net::Coming;
use super::shape::Shape;
use crate::tables::Feed;

/// What a table keeps of rows that have ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Keeps {
    Nothing,
    /// The last version, marked as deleted.
    Deleted,
    /// All versions.
    Versions,
}

/// The columns a table has beside its source's.
#[derive(Clone, Debug)]
pub(super) struct Marks {
    apply: Apply,
    /// When the rows of this batch are written, in microseconds since 1970.
    pub(super) now: i64,
}

/// What a column says.
#[derive(Clone, Copy)]
enum Mark {
    Deleted,
    Synced,
    From,
    To,
    Current,
}

impl Marks {
    pub(super) fn new(apply: &Apply) -> Self {
        Self {
            apply: apply.clone(),
            now: chrono::Utc::now().timestamp_micros(),
        }
    }

    /// A table without such columns.
    pub(super) fn none() -> Self {
        Self::new(&Apply::Changes)
    }

    pub(super) fn keeps(&self) -> Keeps {
        match &self.apply {
            Apply::Changes => Keeps::Nothing,
            Apply::SoftDelete { .. } => Keeps::Deleted,
            Apply::History { .. } => Keeps::Versions,
        }
    }

    pub(super) fn is_none(&self) -> bool {
        self.keeps() == Keeps::Nothing
    }

    fn list(&self) -> Vec<(&str, Mark)> {
        match &self.apply {
            Apply::Changes => Vec::new(),
            Apply::SoftDelete { deleted, synced } => vec![
                (deleted.as_str(), Mark::Deleted),
                (synced.as_str(), Mark::Synced),
            ],
            Apply::History {
                valid_from,
                valid_to,
                current,
            } => vec![
                (valid_from.as_str(), Mark::From),
                (valid_to.as_str(), Mark::To),
                (current.as_str(), Mark::Current),
            ],
        }
    }

    pub(super) fn fields(&self) -> Vec<Field> {
        let field = |(name, mark): (&str, Mark)| {
            let kind = match mark {
                Mark::Deleted | Mark::Current => DataType::Boolean,
                _ => moment_type(),
            };
            Field::new(name, kind, true)
        };
        self.list().into_iter().map(field).collect()
    }

    /// Whether a table with these columns has all of them.
    pub(super) fn are_in(&self, schema: &Schema) -> bool {
        let has = |(name, _): &(&str, Mark)| schema.column_with_name(name).is_some();
        self.list().iter().all(has)
    }

    /// What the change data feed of the stream's table has to know.
    pub(super) fn feed(&self, stream: &PostgresStream, shape: &Shape) -> Feed {
        let mut key = shape.key_names();
        if let (Apply::History { valid_from, .. }, false) = (&self.apply, key.is_empty()) {
            // Each version is a row of its own.
            key.push(valid_from.as_str().to_owned());
        }
        Feed {
            enabled: stream.change_data_feed,
            key,
        }
    }

    /// The columns of `key`, and the one that says whether a row still counts.
    pub(super) fn lookup(&self, key: &SchemaRef) -> SchemaRef {
        let alive = |field: &Field| field.data_type() == &DataType::Boolean;
        let extra = self.fields().into_iter().find(alive);
        let fields = key.fields().iter().cloned().chain(extra.map(Arc::new));
        Arc::new(Schema::new(fields.collect::<Vec<_>>()))
    }

    /// Whether each row of `batch` counts: it is the current version, or not deleted yet.
    pub(super) fn alive(&self, batch: &RecordBatch) -> Option<BooleanArray> {
        let (name, mark) = self
            .list()
            .into_iter()
            .find(|(_, mark)| matches!(mark, Mark::Deleted | Mark::Current))?;
        let flags = batch.column_by_name(name)?.as_boolean_opt()?;
        let alive = flags.iter().map(|flag| match mark {
            Mark::Deleted => Some(flag != Some(true)),
            _ => Some(flag != Some(false)),
        });
        Some(alive.collect())
    }

    /// Rows as a copy of `at` brings them.
    pub(super) fn fresh(&self, batch: RecordBatch, at: i64) -> Result<RecordBatch> {
        let rows = batch.num_rows();
        self.fill(batch, |mark| match mark {
            Mark::Deleted => flags(vec![false; rows]),
            Mark::Synced => moments(vec![Some(self.now); rows]),
            Mark::From => moments(vec![Some(at); rows]),
            Mark::To => moments(vec![None; rows]),
            Mark::Current => flags(vec![true; rows]),
        })
    }

    /// Rows of the table that ended at `ends`, as they stay in it. A version that began no earlier is left out.
    pub(super) fn ended(&self, batch: &RecordBatch, ends: &[i64]) -> Result<RecordBatch> {
        let rows = batch.num_rows();
        let from = match &self.apply {
            Apply::History { valid_from, .. } => batch
                .column_by_name(valid_from.as_str())
                .and_then(|column| column.as_primitive_opt::<TimestampMicrosecondType>()),
            _ => None,
        };
        let lasted: Option<BooleanArray> = from.map(|from| {
            let lasted = from.iter().zip(ends);
            lasted
                .map(|(from, end)| Some(from.is_none_or(|from| from < *end)))
                .collect()
        });
        let marked = self.fill(batch.clone(), |mark| match mark {
            Mark::Deleted => flags(vec![true; rows]),
            Mark::Synced => moments(vec![Some(self.now); rows]),
            Mark::From => from.map_or_else(
                || moments(vec![None; rows]),
                |from| Arc::new(from.clone()) as ArrayRef,
            ),
            Mark::To => moments(ends.iter().copied().map(Some).collect()),
            Mark::Current => flags(vec![false; rows]),
        })?;
        match lasted {
            None => Ok(marked),
            Some(lasted) => filter_record_batch(&marked, &lasted)
                .explain(codes::X0001, || "Ended rows cannot be left out".to_owned()),
        }
    }

    /// The values of the column called `name` for `rows`, if it is one of ours.
    pub(super) fn column(&self, name: &str, rows: &[Coming<'_>]) -> Option<ArrayRef> {
        let (_, mark) = self.list().into_iter().find(|(known, _)| *known == name)?;
        let each = rows.iter();
        Some(match mark {
            Mark::Deleted => flags(each.map(|row| row.until.is_some()).collect()),
            Mark::Synced => moments(vec![Some(self.now); rows.len()]),
            Mark::From => moments(each.map(|row| Some(row.from)).collect()),
            Mark::To => moments(each.map(|row| row.until).collect()),
            Mark::Current => flags(each.map(|row| row.until.is_none()).collect()),
        })
    }

    fn fill(&self, batch: RecordBatch, value: impl Fn(Mark) -> ArrayRef) -> Result<RecordBatch> {
        let marks = self.list();
        if marks.is_empty() {
            return Ok(batch);
        }
        let schema = batch.schema();
        let mut columns = batch.columns().to_vec();
        for (name, mark) in marks {
            if let Some((at, _)) = schema.column_with_name(name)
                && let Some(column) = columns.get_mut(at)
            {
                *column = value(mark);
            }
        }
        RecordBatch::try_new(schema, columns)
            .explain(codes::X0001, || "Rows cannot be marked".to_owned())
    }
}

fn moment_type() -> DataType {
    DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()))
}

fn flags(values: Vec<bool>) -> ArrayRef {
    Arc::new(BooleanArray::from(values))
}

/// Moments in microseconds since 1970, as columns have them.
pub(super) fn moments(values: Vec<Option<i64>>) -> ArrayRef {
    Arc::new(TimestampMicrosecondArray::from(values).with_timezone("UTC"))
}
