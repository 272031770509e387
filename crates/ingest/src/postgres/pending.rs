//! [`Pending`]: changes of one stream, as they come from the log, until they are brought into its table.

use std::collections::HashMap;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use connectors::postgres::{Cell, RelationMessage, RowBuilder, Tuple, TupleKind};
use diagnostic::{Error, Result, codes};

use super::Shape;
use super::change_log::{Columns, Entry, Event, Image, Transaction};
use super::keyed::{Key, KeyColumns, KeyRange};
use super::marks::Keeps;
use super::net::{Keyed, Net, Op, Patch, counted};
use crate::existing::conform;

/// Where the log has the stream's columns.
pub(super) struct Route {
    /// The stream's place among the streams.
    pub(super) lane: usize,
    /// For each column of the stream its place in the log's rows.
    columns: Vec<Option<usize>>,
    /// For each column of the log, whether it identifies rows.
    identity: Vec<bool>,
}

impl Route {
    pub(super) fn new(lane: usize, shape: &Shape, message: &RelationMessage) -> Self {
        let place = |name: &str| {
            let mut columns = message.columns.iter();
            columns.position(|column| column.name == name)
        };
        Self {
            lane,
            columns: shape
                .columns
                .iter()
                .map(|column| place(&column.name))
                .collect(),
            identity: message.columns.iter().map(|column| column.key).collect(),
        }
    }
}

/// An old row as the log tells it.
type Old<'a> = (TupleKind, Tuple<'a>);

/// Changes until they are applied.
pub(super) struct Pending {
    key: Vec<usize>,
    counted: bool,
    rows: RowBuilder,
    olds: RowBuilder,
    ops: Vec<Op>,
    /// Rows and columns whose value the log does not repeat, in the order of the rows.
    unchanged: Vec<(u32, usize)>,
    truncated: bool,
    /// Rows that [`RowBuilder`] has been given.
    count: u32,
    old_count: u32,
    /// Where in `ops` each transaction begins.
    transactions: Vec<(usize, Transaction)>,
    images: Option<Images>,
}

/// What a change table needs besides.
struct Images {
    /// Old rows, with all the log tells of them, and whether that is all there was.
    rows: RowBuilder,
    whole: Vec<bool>,
    /// For each incoming row the columns that have changed.
    changed: Vec<Columns>,
}

/// What becomes of changes beside their net effect.
pub(super) struct Wanted<'a> {
    /// What the table keeps of rows that have ended.
    pub(super) keeps: Keeps,
    /// Whether updates are stored with the old row, and the number of the last change stored; `None` if changes
    /// are not stored.
    pub(super) stored: Option<(bool, &'a mut u64)>,
}

/// The net effect of changes.
pub(super) struct Settled {
    pub(super) rows: RecordBatch,
    /// Old rows, for entries.
    pub(super) olds: RecordBatch,
    pub(super) net: HashMap<Key, Net>,
    pub(super) range: Option<KeyRange>,
    pub(super) truncated: bool,
    pub(super) entries: Vec<Entry>,
}

impl Pending {
    /// `stored` says whether the changes go to a change table too.
    pub(super) fn new(shape: &Shape, stored: bool) -> Self {
        let counted = shape.is_counted();
        let key: Vec<usize> = match counted {
            true => (0..shape.columns.len()).collect(),
            false => shape.key.clone(),
        };
        let old = key.iter().map(|at| shape.columns[*at].clone()).collect();
        Self {
            key,
            counted,
            rows: RowBuilder::new(shape.columns.clone()),
            olds: RowBuilder::new(old),
            ops: Vec::new(),
            unchanged: Vec::new(),
            truncated: false,
            count: 0,
            old_count: 0,
            transactions: Vec::new(),
            images: stored.then(|| Images {
                rows: RowBuilder::new(shape.columns.clone()),
                whole: Vec::new(),
                changed: Vec::new(),
            }),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.ops.is_empty() && !self.truncated
    }

    /// Roughly the memory it takes.
    pub(super) fn bytes(&self) -> usize {
        let images = self.images.as_ref().map_or(0, |images| {
            images.rows.bytes() + self.ops.len() * std::mem::size_of::<Entry>()
        });
        self.rows.bytes() + self.olds.bytes() + images + self.ops.len() * std::mem::size_of::<Op>()
    }

    /// The changes that come are of this transaction.
    pub(super) fn of_transaction(&mut self, transaction: Transaction) {
        if self.transactions.last().map(|(_, last)| *last) != Some(transaction) {
            self.transactions.push((self.ops.len(), transaction));
        }
    }

    /// All rows are gone, and with them what was pending. Only for a table that keeps nothing of that.
    pub(super) fn truncate(&mut self) -> Result<()> {
        self.rows.finish()?;
        self.olds.finish()?;
        self.ops.clear();
        self.unchanged.clear();
        self.transactions.clear();
        (self.count, self.old_count) = (0, 0);
        self.truncated = true;
        Ok(())
    }

    /// A row is new or changed.
    pub(super) fn put(
        &mut self,
        route: &Route,
        new: Tuple<'_>,
        old: Option<Old<'_>>,
        insert: bool,
    ) -> Result<()> {
        let cells = cells(new)?;
        let before = old.map(|(kind, tuple)| Ok((kind, self::cells(tuple)?)));
        let before = before.transpose()?;
        let mut changed = self.images.is_some().then(Columns::default);
        for (at, place) in route.columns.iter().enumerate() {
            let cell = place.map_or(Some(Cell::Null), |place| cells.get(place).copied());
            let cell = cell.ok_or_else(garbled)?;
            if let Some(changed) = &mut changed
                && cell != Cell::Unchanged
                && known(route, at, before.as_ref()) != Some(cell)
            {
                changed.insert(at);
            }
            match cell {
                Cell::Null => self.rows.null(at),
                Cell::Text(text) => self.rows.text(at, text)?,
                Cell::Unchanged => match known(route, at, before.as_ref()) {
                    Some(Cell::Text(text)) => self.rows.text(at, text)?,
                    _ => {
                        self.rows.null(at);
                        self.unchanged.push((self.count, at));
                    }
                },
            }
        }
        self.rows.end_row();
        if let (Some(images), Some(changed)) = (&mut self.images, changed) {
            images.changed.push(changed);
        }
        let replaces = match &before {
            Some(before) => Some(self.old(route, before)?),
            None => None,
        };
        self.ops.push(Op::Put {
            row: self.count,
            replaces,
            insert,
        });
        self.count += 1;
        Ok(())
    }

    /// A row is gone.
    pub(super) fn take(&mut self, route: &Route, old: Old<'_>) -> Result<()> {
        let old = self.old(route, &(old.0, cells(old.1)?))?;
        self.ops.push(Op::Take { old });
        Ok(())
    }

    fn old(&mut self, route: &Route, old: &(TupleKind, Vec<Cell<'_>>)) -> Result<u32> {
        for (place, at) in self.key.iter().enumerate() {
            let cell = route.columns[*at].and_then(|place| old.1.get(place));
            match cell {
                Some(Cell::Text(text)) => self.olds.text(place, text)?,
                _ => self.olds.null(place),
            }
        }
        self.olds.end_row();
        if let Some(images) = &mut self.images {
            for at in 0..route.columns.len() {
                match known(route, at, Some(old)) {
                    Some(Cell::Text(text)) => images.rows.text(at, text)?,
                    _ => images.rows.null(at),
                }
            }
            images.rows.end_row();
            images.whole.push(old.0 == TupleKind::Full);
        }
        self.old_count += 1;
        Ok(self.old_count - 1)
    }

    /// The net effect, and nothing is pending any more.
    pub(super) fn settle(
        &mut self,
        schema: &SchemaRef,
        keys: &KeyColumns,
        wanted: Wanted<'_>,
    ) -> Result<Settled> {
        let rows = conform(&self.rows.finish()?, schema)?;
        let olds = conform(&self.olds.finish()?, keys.schema())?;
        let (row_keys, old_keys) = (keys.of(&rows)?, keys.of(&olds)?);
        let row_key = |row: u32| Key::from(row_keys.row(row as usize).as_ref());
        let old_key = |old: u32| Key::from(old_keys.row(old as usize).as_ref());
        let ops = std::mem::take(&mut self.ops);
        let unchanged = std::mem::take(&mut self.unchanged);
        let truncated = std::mem::take(&mut self.truncated);
        let transactions = std::mem::take(&mut self.transactions);
        (self.count, self.old_count) = (0, 0);
        let (net, patched) = match self.counted {
            true => (counted(&ops, row_key, old_key), HashMap::new()),
            false => {
                let mut places = Vec::new();
                for (row, at) in unchanged {
                    let name = self.rows.schema().field(at).name();
                    if let Ok(column) = schema.index_of(name) {
                        places.push((row, column));
                    }
                }
                let keyed = Keyed {
                    ops: &ops,
                    unchanged: &places,
                    truncated,
                    keeps: wanted.keeps,
                };
                keyed.net(|at| of(&transactions, at).time, row_key, old_key)?
            }
        };
        let range = keys.range(&[&rows, &olds]);
        let (entries, images) = match (&mut self.images, wanted.stored) {
            (Some(images), Some((before_images, number))) => {
                let teller = Teller {
                    transactions: &transactions,
                    patched: &patched,
                    before_images,
                    key: &self.key,
                    columns: self.rows.columns().len(),
                    counted: self.counted,
                };
                let same = |row, old| row_keys.row(row as usize) == old_keys.row(old as usize);
                let entries = teller.entries(&ops, images, same, number);
                images.whole.clear();
                images.changed.clear();
                (entries, conform(&images.rows.finish()?, schema)?)
            }
            _ => (Vec::new(), RecordBatch::new_empty(schema.clone())),
        };
        Ok(Settled {
            range,
            rows,
            olds: images,
            net,
            truncated,
            entries,
        })
    }

    /// For each column of the stream its place among the data columns of the change table `schema`.
    pub(super) fn places(&self, schema: &SchemaRef, headers: usize) -> Vec<Option<usize>> {
        let columns = self.rows.schema().fields().iter();
        columns
            .map(|field| {
                let at = schema.index_of(field.name()).ok()?;
                at.checked_sub(headers)
            })
            .collect()
    }
}

/// The transaction of the change at `at`.
fn of(transactions: &[(usize, Transaction)], at: usize) -> Transaction {
    let after = transactions.partition_point(|(from, _)| *from <= at);
    let found = after.checked_sub(1).and_then(|last| transactions.get(last));
    found.map_or_else(Transaction::default, |(_, transaction)| *transaction)
}

/// Turns changes into rows of a change table.
struct Teller<'a> {
    transactions: &'a [(usize, Transaction)],
    patched: &'a HashMap<u32, Vec<Patch>>,
    before_images: bool,
    key: &'a [usize],
    /// How many columns the stream has.
    columns: usize,
    counted: bool,
}

impl Teller<'_> {
    fn entries(
        &self,
        ops: &[Op],
        images: &Images,
        same_key: impl Fn(u32, u32) -> bool,
        number: &mut u64,
    ) -> Vec<Entry> {
        let (mut key, mut all) = (Columns::default(), Columns::default());
        self.key.iter().for_each(|at| key.insert(*at));
        (0..self.columns).for_each(|at| all.insert(at));
        let mut entries = Vec::with_capacity(ops.len());
        for (at, op) in ops.iter().enumerate() {
            let transaction = of(self.transactions, at);
            let mut tell = |event, image, patches, changed: &Columns, number: u64| {
                entries.push(Entry {
                    event,
                    image,
                    patches,
                    transaction,
                    number,
                    changed: changed.clone(),
                });
            };
            *number += 1;
            match op {
                Op::Take { old } => {
                    tell(Event::Delete, Image::Old(*old), Vec::new(), &key, *number);
                }
                Op::Put {
                    row,
                    replaces,
                    insert,
                } => {
                    let patches = self.patched.get(row).cloned().unwrap_or_default();
                    let changed = images.changed.get(*row as usize).cloned();
                    let mut changed = changed.unwrap_or_default();
                    let mut event = match insert {
                        true => Event::Insert,
                        false => Event::Update,
                    };
                    if let Some(old) = *replaces {
                        let whole = images.whole.get(old as usize) == Some(&true);
                        if !self.counted && !same_key(*row, old) {
                            // A row under another key is another row.
                            tell(Event::Delete, Image::Old(old), Vec::new(), &key, *number);
                            *number += 1;
                            (event, changed) = (Event::Insert, all.clone());
                        } else if whole && self.before_images {
                            let old = Image::Old(old);
                            tell(Event::BeforeImage, old, Vec::new(), &changed, *number);
                        }
                    }
                    tell(event, Image::Row(*row), patches, &changed, *number);
                }
            }
        }
        entries
    }
}

/// The old value of the stream's column `at`, if the log tells it.
fn known<'a>(
    route: &Route,
    at: usize,
    old: Option<&(TupleKind, Vec<Cell<'a>>)>,
) -> Option<Cell<'a>> {
    let (kind, cells) = old?;
    let place = route.columns.get(at).copied()??;
    let told = *kind == TupleKind::Full || route.identity.get(place) == Some(&true);
    cells.get(place).copied().filter(|_| told)
}

fn cells<'a>(tuple: Tuple<'a>) -> Result<Vec<Cell<'a>>> {
    tuple
        .cells()
        .collect::<Option<Vec<_>>>()
        .ok_or_else(garbled)
}

fn garbled() -> Error {
    Error::new(codes::P1005, "The server sent a row that is not understood")
}
