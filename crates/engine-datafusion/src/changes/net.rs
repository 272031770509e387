//! [`Net`]: what the changes of several versions come to: a row that came and left is none, and one that was changed
//! several times was changed once.

use std::collections::HashMap;

use arrow::array::{Array, ArrayRef, RecordBatch, RecordBatchOptions, new_empty_array};
use arrow::compute::interleave;
use arrow::datatypes::SchemaRef;
use arrow::row::{RowConverter, SortField};
use diagnostic::{Result, ResultExt, codes};
use lake::{ChangeType, ChangedRows, DataFolder, VersionChanges};

/// What happened to a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Change {
    /// Whether it came, and did not leave.
    pub(super) inserted: bool,
    /// Whether it is half of an update.
    pub(super) is_update: bool,
    /// The same for both halves of an update.
    pub(super) row_id: String,
}

/// A row that was read: its batch and its place in that, its version and its place among the changes of that.
#[derive(Clone, Copy, Debug)]
struct Place {
    batch: usize,
    row: usize,
    version: u64,
    number: u64,
}

impl Place {
    /// 40 hexadecimal digits.
    fn id(self) -> String {
        format!("{:016x}{:024x}", self.version, self.number)
    }
}

/// What a row was at the beginning of the interval.
#[derive(Clone, Debug)]
enum Origin {
    /// Nothing.
    Nowhere,
    /// Another row, with these values.
    Row(Place, Box<[u8]>),
}

/// The changes added so far.
pub(super) struct Net {
    schema: SchemaRef,
    append_only: bool,
    converter: RowConverter,
    batches: Vec<RecordBatch>,
    /// Rows that have come, by their values: identical ones stand for each other.
    alive: HashMap<Box<[u8]>, Vec<(Place, Origin)>>,
    /// Rows of the beginning that have left.
    gone: Vec<Place>,
}

/// A changed row of one version.
struct Changed {
    place: Place,
    values: Box<[u8]>,
    kind: ChangeType,
    pair: Option<i64>,
}

impl Net {
    pub(super) fn new(schema: &SchemaRef, append_only: bool) -> Result<Self> {
        let fields = schema.fields().iter();
        let fields = fields.map(|field| SortField::new(field.data_type().clone()));
        Ok(Self {
            schema: schema.clone(),
            append_only,
            converter: RowConverter::new(fields.collect()).explain(codes::X0001, incomparable)?,
            batches: Vec::new(),
            alive: HashMap::new(),
            gone: Vec::new(),
        })
    }

    /// Adds the changes of the next version.
    pub(super) fn add(&mut self, version: &VersionChanges, folder: &DataFolder) -> Result<()> {
        let schema = self.schema.clone();
        let mut changed = Vec::new();
        version.read(folder, &schema, |rows| {
            self.note(version.version, rows, &mut changed)
        })?;
        let leaves =
            |row: &Changed| matches!(row.kind, ChangeType::Delete | ChangeType::UpdatePreimage);
        let (leaving, coming): (Vec<_>, Vec<_>) = changed.into_iter().partition(leaves);
        let mut updated: HashMap<Option<i64>, Vec<Origin>> = HashMap::new();
        for row in leaving {
            let alive = self.alive.get_mut(&row.values);
            let known = alive.and_then(Vec::pop).map(|(_, origin)| origin);
            let origin = known.unwrap_or(Origin::Row(row.place, row.values));
            match row.kind {
                ChangeType::UpdatePreimage => updated.entry(row.pair).or_default().push(origin),
                _ => self.end(origin),
            }
        }
        for row in coming {
            let before = match row.kind {
                ChangeType::UpdatePostimage => updated.get_mut(&row.pair).and_then(Vec::pop),
                _ => None,
            };
            let origin = before.unwrap_or(Origin::Nowhere);
            self.alive
                .entry(row.values)
                .or_default()
                .push((row.place, origin));
        }
        updated
            .into_values()
            .flatten()
            .for_each(|origin| self.end(origin));
        Ok(())
    }

    fn end(&mut self, origin: Origin) {
        if let Origin::Row(place, _) = origin {
            self.gone.push(place);
        }
    }

    fn note(&mut self, version: u64, rows: ChangedRows, changed: &mut Vec<Changed>) -> Result<()> {
        let encoded = self.converter.convert_columns(rows.rows.columns());
        let encoded = encoded.explain(codes::X0001, incomparable)?;
        let whats = rows.kinds.into_iter().zip(rows.pairs);
        for ((row, values), (kind, pair)) in encoded.iter().enumerate().zip(whats) {
            if self.append_only && kind != ChangeType::Insert {
                continue;
            }
            changed.push(Changed {
                place: Place {
                    batch: self.batches.len(),
                    row,
                    version,
                    number: changed.len() as u64,
                },
                values: values.as_ref().into(),
                kind,
                pair,
            });
        }
        self.batches.push(rows.rows);
        Ok(())
    }

    /// The rows that differ, and what happened to each.
    pub(super) fn finish(self) -> Result<(RecordBatch, Vec<Change>)> {
        let mut found: Vec<(Place, Change)> = Vec::new();
        let mut add = |place: Place, inserted: bool, is_update: bool, of: Place| {
            let row_id = of.id();
            let change = Change {
                inserted,
                is_update,
                row_id,
            };
            found.push((place, change));
        };
        for place in &self.gone {
            add(*place, false, false, *place);
        }
        for (values, rows) in &self.alive {
            for (place, origin) in rows {
                match origin {
                    Origin::Nowhere => add(*place, true, false, *place),
                    // It is again what it was.
                    Origin::Row(_, before) if before == values => {}
                    Origin::Row(before, _) => {
                        add(*before, false, true, *before);
                        add(*place, true, true, *before);
                    }
                }
            }
        }
        // In the order in which things happened.
        found.sort_by_key(|(place, _)| (place.version, place.number));
        let places: Vec<(usize, usize)> = found
            .iter()
            .map(|(place, _)| (place.batch, place.row))
            .collect();
        let columns = (0..self.schema.fields().len()).map(|at| -> Result<ArrayRef> {
            let arrays: Vec<&dyn Array> = self
                .batches
                .iter()
                .map(|batch| batch.column(at).as_ref())
                .collect();
            match arrays.is_empty() {
                true => Ok(new_empty_array(self.schema.field(at).data_type())),
                false => interleave(&arrays, &places).explain(codes::X0001, incomparable),
            }
        });
        let columns = columns.collect::<Result<Vec<_>>>()?;
        let options = RecordBatchOptions::new().with_row_count(Some(places.len()));
        let rows = RecordBatch::try_new_with_options(self.schema.clone(), columns, &options);
        let rows = rows.explain(codes::X0001, incomparable)?;
        Ok((rows, found.into_iter().map(|(_, change)| change).collect()))
    }
}

fn incomparable() -> String {
    "Changed rows cannot be compared".to_owned()
}
