//! [`Pending`]: changes of one stream, as they come from the log, until they are brought into its table.

use std::collections::HashMap;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use connectors::postgres::{Cell, RelationMessage, RowBuilder, Tuple, TupleKind};
use diagnostic::{Error, Result, codes};

use super::Shape;
use super::keyed::{Key, KeyColumns, KeyRange};
use super::merge::{Net, Patch, PatchFrom, Put, Take};
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

enum Op {
    Put {
        row: u32,
        /// The old key, by its place among `olds`, if the log tells it.
        replaces: Option<u32>,
    },
    Take {
        old: u32,
    },
}

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
}

/// The net effect of changes.
pub(super) struct Settled {
    pub(super) rows: RecordBatch,
    pub(super) net: HashMap<Key, Net>,
    pub(super) range: Option<KeyRange>,
    pub(super) truncated: bool,
}

impl Pending {
    pub(super) fn new(shape: &Shape) -> Self {
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
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.ops.is_empty() && !self.truncated
    }

    /// Roughly the memory it takes.
    pub(super) fn bytes(&self) -> usize {
        self.rows.bytes() + self.olds.bytes() + self.ops.len() * std::mem::size_of::<Op>()
    }

    /// All rows are gone, and with them what was pending.
    pub(super) fn truncate(&mut self) -> Result<()> {
        self.rows.finish()?;
        self.olds.finish()?;
        self.ops.clear();
        self.unchanged.clear();
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
    ) -> Result<()> {
        let cells = cells(new)?;
        let before = old.map(|(kind, tuple)| Ok((kind, self::cells(tuple)?)));
        let before = before.transpose()?;
        for (at, place) in route.columns.iter().enumerate() {
            let cell = place.map_or(Some(Cell::Null), |place| cells.get(place).copied());
            match cell.ok_or_else(garbled)? {
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
        let replaces = match &before {
            Some((_, cells)) => Some(self.old(route, cells)?),
            None => None,
        };
        self.ops.push(Op::Put {
            row: self.count,
            replaces,
        });
        self.count += 1;
        Ok(())
    }

    /// A row is gone.
    pub(super) fn take(&mut self, route: &Route, old: Old<'_>) -> Result<()> {
        let old = self.old(route, &cells(old.1)?)?;
        self.ops.push(Op::Take { old });
        Ok(())
    }

    fn old(&mut self, route: &Route, cells: &[Cell<'_>]) -> Result<u32> {
        for (place, at) in self.key.iter().enumerate() {
            let cell = route.columns[*at].and_then(|place| cells.get(place));
            match cell {
                Some(Cell::Text(text)) => self.olds.text(place, text)?,
                _ => self.olds.null(place),
            }
        }
        self.olds.end_row();
        self.old_count += 1;
        Ok(self.old_count - 1)
    }

    /// The net effect, and nothing is pending any more.
    pub(super) fn settle(&mut self, schema: &SchemaRef, keys: &KeyColumns) -> Result<Settled> {
        let rows = conform(&self.rows.finish()?, schema)?;
        let olds = conform(&self.olds.finish()?, keys.schema())?;
        let (row_keys, old_keys) = (keys.of(&rows)?, keys.of(&olds)?);
        let row_key = |row: u32| Key::from(row_keys.row(row as usize).as_ref());
        let old_key = |old: u32| Key::from(old_keys.row(old as usize).as_ref());
        let ops = std::mem::take(&mut self.ops);
        let unchanged = std::mem::take(&mut self.unchanged);
        let truncated = std::mem::take(&mut self.truncated);
        (self.count, self.old_count) = (0, 0);
        let net = match self.counted {
            true => count(&ops, row_key, old_key),
            false => {
                let mut places = Vec::new();
                for (row, at) in unchanged {
                    let name = self.rows.schema().field(at).name();
                    if let Ok(column) = schema.index_of(name) {
                        places.push((row, column));
                    }
                }
                last(&ops, &places, truncated, row_key, old_key)?
            }
        };
        Ok(Settled {
            range: keys.range(&[&rows, &olds]),
            rows,
            net,
            truncated,
        })
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

/// Rows without a key: equal ones are counted.
fn count(
    ops: &[Op],
    row_key: impl Fn(u32) -> Key,
    old_key: impl Fn(u32) -> Key,
) -> HashMap<Key, Net> {
    let mut counts: HashMap<Key, (i64, u32)> = HashMap::new();
    for op in ops {
        match op {
            Op::Put { row, replaces } => {
                if let Some(old) = replaces {
                    counts.entry(old_key(*old)).or_default().0 -= 1;
                }
                let (count, at) = counts.entry(row_key(*row)).or_default();
                *count += 1;
                *at = *row;
            }
            Op::Take { old } => counts.entry(old_key(*old)).or_default().0 -= 1,
        }
    }
    let net = counts.into_iter().filter(|(_, (count, _))| *count != 0);
    net.map(|(key, (count, row))| {
        let times = u32::try_from(count.unsigned_abs()).unwrap_or(u32::MAX);
        let net = match count > 0 {
            true => Net {
                take: Take::Nothing,
                put: Some(Put {
                    row,
                    times,
                    patches: Vec::new(),
                }),
            },
            false => Net {
                take: Take::Exactly(times),
                put: None,
            },
        };
        (key, net)
    })
    .collect()
}

/// Rows with a key: the last change of each counts. Values that it does not repeat are looked for where the
/// row was before it.
fn last(
    ops: &[Op],
    unchanged: &[(u32, usize)],
    truncated: bool,
    row_key: impl Fn(u32) -> Key,
    old_key: impl Fn(u32) -> Key,
) -> Result<HashMap<Key, Net>> {
    let mut net: HashMap<Key, Net> = HashMap::new();
    let mut unchanged = unchanged.iter().peekable();
    for op in ops {
        match op {
            Op::Take { old } => {
                net.insert(old_key(*old), gone());
            }
            Op::Put { row, replaces } => {
                let key = row_key(*row);
                let before = replaces.map_or_else(|| key.clone(), &old_key);
                let mut patches = Vec::new();
                while let Some((_, column)) = unchanged.next_if(|(of, _)| of == row) {
                    let from = source(net.get(&before), *column, &before, truncated)?;
                    patches.push(Patch {
                        column: *column,
                        from,
                    });
                }
                if before != key {
                    net.insert(before, gone());
                }
                let put = Put {
                    row: *row,
                    times: 1,
                    patches,
                };
                net.insert(
                    key,
                    Net {
                        take: Take::Every,
                        put: Some(put),
                    },
                );
            }
        }
    }
    Ok(net)
}

fn gone() -> Net {
    Net {
        take: Take::Every,
        put: None,
    }
}

/// Where the value of `column` is that a row keyed `before` had.
fn source(before: Option<&Net>, column: usize, key: &Key, truncated: bool) -> Result<PatchFrom> {
    match before {
        None if !truncated => Ok(PatchFrom::Table(key.clone())),
        Some(Net { put: Some(put), .. }) => {
            let patch = put.patches.iter().find(|patch| patch.column == column);
            Ok(patch.map_or(PatchFrom::Row(put.row), |patch| patch.from.clone()))
        }
        _ => Err(Error::new(
            codes::P3004,
            "A change of a row that was deleted cannot be applied",
        )),
    }
}
