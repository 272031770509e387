//! [`Net`]: what a batch of changes does to the rows of one key.

use std::collections::HashMap;

use diagnostic::{Error, Result, codes};

use super::keyed::Key;
use super::marks::Keeps;

/// What happens to the rows of one key.
#[derive(Debug)]
pub(super) struct Net {
    /// Which rows of the table leave.
    pub(super) take: Take,
    /// The row that comes.
    pub(super) put: Option<Put>,
    /// When versions began and ended, if the table keeps that.
    pub(super) life: Option<Box<Life>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Take {
    Nothing,
    Every,
    Exactly(u32),
}

/// A row that comes.
#[derive(Clone, Debug)]
pub(super) struct Put {
    /// Its place among the incoming rows.
    pub(super) row: u32,
    /// How often.
    pub(super) times: u32,
    /// Values that are not in that row.
    pub(super) patches: Vec<Patch>,
}

/// Moments are microseconds since 1970.
#[derive(Debug, Default)]
pub(super) struct Life {
    /// When the table's row ended.
    pub(super) ended: i64,
    /// Since when the row that comes holds.
    pub(super) from: i64,
    /// When the row that comes was deleted.
    pub(super) until: Option<i64>,
    /// Rows that came before it, since when and until when they held.
    pub(super) closed: Vec<(Put, i64, i64)>,
}

/// A value that stands elsewhere: the log does not repeat large values that have not changed.
#[derive(Clone, Debug)]
pub(super) struct Patch {
    /// The column, by its place in the table's schema.
    pub(super) column: usize,
    /// Where the value is.
    pub(super) from: PatchFrom,
}

#[derive(Clone, Debug)]
pub(super) enum PatchFrom {
    /// In another incoming row.
    Row(u32),
    /// In the table's row of this key.
    Table(Key),
}

/// One change of a row.
pub(super) enum Op {
    Put {
        row: u32,
        /// The old row, by its place among those the log tells.
        replaces: Option<u32>,
        /// Whether the row is new rather than changed.
        insert: bool,
    },
    Take {
        old: u32,
    },
}

impl Net {
    pub(super) fn gone() -> Self {
        Self {
            take: Take::Every,
            put: None,
            life: None,
        }
    }

    pub(super) fn replaced_by(put: Put) -> Self {
        Self {
            take: Take::Every,
            put: Some(put),
            life: None,
        }
    }

    /// Every row that comes, and since when and until when it holds.
    pub(super) fn coming(&self) -> impl Iterator<Item = Coming<'_>> {
        let life = self.life.as_deref();
        let closed = life.into_iter().flat_map(|life| &life.closed);
        let closed = closed.map(|(put, from, until)| Coming {
            put,
            from: *from,
            until: Some(*until),
        });
        let last = self.put.as_ref().map(|put| Coming {
            put,
            from: life.map_or(0, |life| life.from),
            until: life.and_then(|life| life.until),
        });
        closed.chain(last)
    }
}

/// A row that comes, with its time.
#[derive(Clone, Copy, Debug)]
pub(super) struct Coming<'a> {
    pub(super) put: &'a Put,
    pub(super) from: i64,
    pub(super) until: Option<i64>,
}

/// Rows without a key: equal ones are counted.
pub(super) fn counted(
    ops: &[Op],
    row_key: impl Fn(u32) -> Key,
    old_key: impl Fn(u32) -> Key,
) -> HashMap<Key, Net> {
    let mut counts: HashMap<Key, (i64, u32)> = HashMap::new();
    for op in ops {
        match op {
            Op::Put { row, replaces, .. } => {
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
        let (take, put) = match count > 0 {
            true => {
                let patches = Vec::new();
                let put = Put {
                    row,
                    times,
                    patches,
                };
                (Take::Nothing, Some(put))
            }
            false => (Take::Exactly(times), None),
        };
        let life = None;
        (key, Net { take, put, life })
    })
    .collect()
}

/// The patches of incoming rows, by row.
pub(super) type Patched = HashMap<u32, Vec<Patch>>;

/// Changes of rows with a key, in order.
pub(super) struct Keyed<'a> {
    pub(super) ops: &'a [Op],
    /// Rows and columns whose value the log does not repeat, in the order of the rows.
    pub(super) unchanged: &'a [(u32, usize)],
    /// Whether all rows of the table leave before.
    pub(super) truncated: bool,
    /// What the table keeps of rows that have ended.
    pub(super) keeps: Keeps,
}

impl Keyed<'_> {
    /// What they do by key, and the patches of every row that has some. Values that a change does not repeat are
    /// looked for where the row was before it.
    pub(super) fn net(
        &self,
        time: impl Fn(usize) -> i64,
        row_key: impl Fn(u32) -> Key,
        old_key: impl Fn(u32) -> Key,
    ) -> Result<(HashMap<Key, Net>, Patched)> {
        let mut net: HashMap<Key, Net> = HashMap::new();
        let mut patched = Patched::new();
        let mut unchanged = self.unchanged.iter().peekable();
        for (at, op) in self.ops.iter().enumerate() {
            match op {
                Op::Take { old } => self.end(&mut net, old_key(*old), || time(at)),
                Op::Put { row, replaces, .. } => {
                    let key = row_key(*row);
                    let before = replaces.map_or_else(|| key.clone(), &old_key);
                    let mut patches = Vec::new();
                    while let Some((_, column)) = unchanged.next_if(|(of, _)| of == row) {
                        let from = source(net.get(&before), *column, &before, self.truncated)?;
                        patches.push(Patch {
                            column: *column,
                            from,
                        });
                    }
                    if !patches.is_empty() {
                        patched.insert(*row, patches.clone());
                    }
                    if before != key {
                        self.end(&mut net, before, || time(at));
                    }
                    let put = Put {
                        row: *row,
                        times: 1,
                        patches,
                    };
                    self.begin(&mut net, key, put, || time(at));
                }
            }
        }
        Ok((net, patched))
    }

    /// The row of `key` ends.
    fn end(&self, net: &mut HashMap<Key, Net>, key: Key, time: impl Fn() -> i64) {
        if self.keeps == Keeps::Nothing {
            net.insert(key, Net::gone());
            return;
        }
        let time = time();
        let (put, life) = entry(net, key, time);
        match self.keeps {
            Keeps::Deleted if put.is_some() => life.until = Some(time),
            Keeps::Versions => {
                // What one transaction makes and unmakes was never to be seen.
                if let Some(put) = put.take()
                    && life.from < time
                {
                    life.closed.push((put, life.from, time));
                }
            }
            _ => {}
        }
    }

    /// `put` is the row of `key` from now on.
    fn begin(&self, net: &mut HashMap<Key, Net>, key: Key, put: Put, time: impl Fn() -> i64) {
        if self.keeps == Keeps::Nothing {
            net.insert(key, Net::replaced_by(put));
            return;
        }
        let time = time();
        let (slot, life) = entry(net, key, time);
        if let Some(before) = slot.replace(put)
            && self.keeps == Keeps::Versions
            && life.from < time
        {
            life.closed.push((before, life.from, time));
        }
        (life.from, life.until) = (time, None);
    }
}

/// What is known of `key`; the table's row ends at `time` if nothing is known yet.
fn entry(net: &mut HashMap<Key, Net>, key: Key, time: i64) -> (&mut Option<Put>, &mut Life) {
    let net = net.entry(key).or_insert_with(Net::gone);
    let life = net.life.get_or_insert_with(|| {
        Box::new(Life {
            ended: time,
            ..Life::default()
        })
    });
    (&mut net.put, life)
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

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::{Keeps, Key, Keyed, Net, Op};

    /// The versions of one key as `row:from-until`, after changes at these times; no row is a deletion.
    fn versions(keeps: Keeps, changes: &[(Option<u32>, i64)]) -> (i64, Vec<String>) {
        let ops: Vec<Op> = changes
            .iter()
            .map(|(row, _)| match row {
                Some(row) => Op::Put {
                    row: *row,
                    replaces: None,
                    insert: false,
                },
                None => Op::Take { old: 0 },
            })
            .collect();
        let keyed = Keyed {
            ops: &ops,
            unchanged: &[],
            truncated: false,
            keeps,
        };
        let key = |_| Key::from([1].as_slice());
        let (net, _) = keyed.net(|at| changes[at].1, key, key).unwrap();
        let net: &Net = net.values().next().unwrap();
        let shown = net.coming().map(|coming| {
            let until = coming
                .until
                .map_or(String::new(), |until| until.to_string());
            format!("{}:{}-{until}", coming.put.row, coming.from)
        });
        (net.life.as_ref().unwrap().ended, shown.collect())
    }

    #[test]
    fn history_keeps_a_version_per_transaction() {
        let all = [(Some(0), 10), (Some(1), 20), (None, 30), (Some(2), 40)];
        let (ended, shown) = versions(Keeps::Versions, &all);
        assert_eq!(ended, 10);
        assert_eq!(shown, ["0:10-20", "1:20-30", "2:40-"]);
        // Within one transaction only the last state was ever to be seen.
        let one = [(Some(0), 10), (Some(1), 10), (None, 10), (Some(2), 10)];
        assert_eq!(versions(Keeps::Versions, &one).1, ["2:10-"]);
        assert!(
            versions(Keeps::Versions, &[(Some(0), 10), (None, 10)])
                .1
                .is_empty()
        );
    }

    #[test]
    fn soft_delete_keeps_the_last_row() {
        let (_, shown) = versions(Keeps::Deleted, &[(Some(0), 10), (None, 20)]);
        assert_eq!(shown, ["0:10-20"]);
        let (_, shown) = versions(Keeps::Deleted, &[(None, 10), (Some(1), 20)]);
        assert_eq!(shown, ["1:20-"]);
    }
}
