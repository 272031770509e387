//! The messages of the output plugin `pgoutput`, protocol version 1, values as text
//! (<https://www.postgresql.org/docs/current/protocol-logicalrep-message-formats.html>).
//!
//! Text is asked for because it is complete: every type has a text form, and the unusual ones are kept as
//! text anyway.

use super::Lsn;

/// One change or mark of the stream; values borrow the connection's buffer.
#[derive(Debug)]
pub enum Change<'a> {
    /// A transaction begins.
    Begin {
        /// Where its commit is in the log: what orders transactions.
        commit: Lsn,
        /// Microseconds since 1970 of its commit.
        time: i64,
        /// Its id.
        transaction: u32,
    },
    /// It is complete.
    Commit {
        /// Where its commit is in the log.
        commit: Lsn,
        /// Where its commit ends: what a reader that has it goes on from.
        end: Lsn,
    },
    /// The shape of a table, before its first change and after each change of shape.
    Relation(RelationMessage),
    /// A row is new.
    Insert {
        /// Its table.
        relation: u32,
        /// The row.
        new: Tuple<'a>,
    },
    /// A row has changed.
    Update {
        /// Its table.
        relation: u32,
        /// What identified it before, if that is another, or all of it with full identity.
        old: Option<(TupleKind, Tuple<'a>)>,
        /// The row.
        new: Tuple<'a>,
    },
    /// A row is gone.
    Delete {
        /// Its table.
        relation: u32,
        /// What identified it.
        old: (TupleKind, Tuple<'a>),
    },
    /// All rows of some tables are gone.
    Truncate {
        /// The tables.
        relations: Vec<u32>,
    },
    /// Something that changes no row: origins, types, logical messages.
    Other,
}

/// How much of an old row there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TupleKind {
    /// The columns that identify it; the others are NULL.
    Key,
    /// All columns.
    Full,
}

/// The shape of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RelationMessage {
    /// Its oid.
    pub oid: u32,
    /// Its schema.
    pub schema: String,
    /// Its name.
    pub name: String,
    /// The columns that the log carries, in order.
    pub columns: Vec<RelationColumn>,
}

/// A column of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RelationColumn {
    /// Whether it identifies rows.
    pub key: bool,
    /// Its name.
    pub name: String,
    /// The oid of its type.
    pub type_oid: u32,
    /// The modifier of its type.
    pub modifier: i32,
}

/// A value of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cell<'a> {
    /// NULL.
    Null,
    /// A large value that has not changed and is not in the log.
    Unchanged,
    /// The value as text.
    Text(&'a str),
}

/// The values of a row, read one after the other.
#[derive(Clone, Copy, Debug)]
pub struct Tuple<'a> {
    count: u16,
    bytes: &'a [u8],
}

impl<'a> Tuple<'a> {
    /// The values; `None` in place of one that is garbled, and of those behind it.
    pub fn cells(&self) -> impl Iterator<Item = Option<Cell<'a>>> + use<'a> {
        let mut reader = Reader(self.bytes);
        (0..self.count).map(move |_| reader.cell())
    }

    /// How many values it has.
    #[must_use]
    pub fn len(&self) -> usize {
        usize::from(self.count)
    }

    /// Whether it has none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }
}

/// PostgreSQL's times count from 2000.
const EPOCH_MICROS: i64 = 946_684_800_000_000;

/// Reads one message; `None` if it is garbled.
pub(super) fn read(bytes: &[u8]) -> Option<Change<'_>> {
    let mut reader = Reader(bytes);
    Some(match reader.byte()? {
        b'B' => Change::Begin {
            commit: Lsn(reader.u64()?),
            time: reader.i64()?.saturating_add(EPOCH_MICROS),
            transaction: reader.u32()?,
        },
        b'C' => {
            reader.byte()?;
            Change::Commit {
                commit: Lsn(reader.u64()?),
                end: Lsn(reader.u64()?),
            }
        }
        b'R' => Change::Relation(relation(&mut reader)?),
        b'I' => {
            let relation = reader.u32()?;
            (reader.byte()? == b'N').then_some(())?;
            Change::Insert {
                relation,
                new: reader.tuple()?,
            }
        }
        b'U' => {
            let relation = reader.u32()?;
            let (old, next) = match reader.byte()? {
                b'K' => (Some((TupleKind::Key, reader.tuple()?)), reader.byte()?),
                b'O' => (Some((TupleKind::Full, reader.tuple()?)), reader.byte()?),
                next => (None, next),
            };
            (next == b'N').then_some(())?;
            Change::Update {
                relation,
                old,
                new: reader.tuple()?,
            }
        }
        b'D' => {
            let relation = reader.u32()?;
            let kind = match reader.byte()? {
                b'K' => TupleKind::Key,
                b'O' => TupleKind::Full,
                _ => return None,
            };
            Change::Delete {
                relation,
                old: (kind, reader.tuple()?),
            }
        }
        b'T' => {
            let count = reader.u32()?;
            reader.byte()?;
            let relations = (0..count).map(|_| reader.u32()).collect::<Option<_>>()?;
            Change::Truncate { relations }
        }
        b'Y' | b'O' | b'M' => Change::Other,
        _ => return None,
    })
}

fn relation(reader: &mut Reader<'_>) -> Option<RelationMessage> {
    let oid = reader.u32()?;
    let schema = match reader.string()? {
        // pg_catalog is sent as nothing.
        "" => "pg_catalog".to_owned(),
        schema => schema.to_owned(),
    };
    let name = reader.string()?.to_owned();
    reader.byte()?;
    let columns = (0..reader.u16()?)
        .map(|_| {
            Some(RelationColumn {
                key: reader.byte()? & 1 == 1,
                name: reader.string()?.to_owned(),
                type_oid: reader.u32()?,
                modifier: reader.i32()?,
            })
        })
        .collect::<Option<_>>()?;
    Some(RelationMessage {
        oid,
        schema,
        name,
        columns,
    })
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    #[inline]
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*taken)
    }

    fn byte(&mut self) -> Option<u8> {
        self.take::<1>().map(|[byte]| byte)
    }

    fn u16(&mut self) -> Option<u16> {
        self.take().map(u16::from_be_bytes)
    }

    fn u32(&mut self) -> Option<u32> {
        self.take().map(u32::from_be_bytes)
    }

    fn i32(&mut self) -> Option<i32> {
        self.take().map(i32::from_be_bytes)
    }

    fn u64(&mut self) -> Option<u64> {
        self.take().map(u64::from_be_bytes)
    }

    fn i64(&mut self) -> Option<i64> {
        self.take().map(i64::from_be_bytes)
    }

    fn string(&mut self) -> Option<&'a str> {
        let end = self.0.iter().position(|byte| *byte == 0)?;
        let (text, rest) = self.0.split_at_checked(end)?;
        self.0 = rest.get(1..)?;
        std::str::from_utf8(text).ok()
    }

    fn cell(&mut self) -> Option<Cell<'a>> {
        Some(match self.byte()? {
            b'n' => Cell::Null,
            b'u' => Cell::Unchanged,
            b't' => {
                let length = self.u32()? as usize;
                let (text, rest) = self.0.split_at_checked(length)?;
                self.0 = rest;
                Cell::Text(std::str::from_utf8(text).ok()?)
            }
            _ => return None,
        })
    }

    /// A tuple, whose values are looked through only to find its end.
    fn tuple(&mut self) -> Option<Tuple<'a>> {
        let count = self.u16()?;
        let bytes = self.0;
        for _ in 0..count {
            match self.byte()? {
                b'n' | b'u' => {}
                b't' | b'b' => {
                    let length = self.u32()? as usize;
                    self.0 = self.0.get(length..)?;
                }
                _ => return None,
            }
        }
        Some(Tuple { count, bytes })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use super::{Cell, Change, TupleKind, read};

    #[test]
    fn an_update_with_an_old_key_and_an_unchanged_value() {
        let mut bytes = b"U\0\0\0\x07K\0\x02t\0\0\0\x011nN\0\x03".to_vec();
        bytes.extend(b"t\0\0\0\x0242un");
        let Some(Change::Update { relation, old, new }) = read(&bytes) else {
            panic!("not read")
        };
        let cells = |tuple: super::Tuple<'_>| {
            tuple
                .cells()
                .map(Option::unwrap)
                .map(|cell| format!("{cell:?}"))
                .collect::<Vec<_>>()
        };
        assert_eq!(relation, 7);
        let (kind, old) = old.unwrap();
        assert_eq!(kind, TupleKind::Key);
        assert_eq!(cells(old), ["Text(\"1\")", "Null"]);
        assert_eq!(cells(new), ["Text(\"42\")", "Unchanged", "Null"]);
        assert_eq!(new.len(), 3);
        assert_eq!(new.cells().nth(1), Some(Some(Cell::Unchanged)));
    }

    #[test]
    fn what_is_cut_off_is_not_read() {
        let whole = b"I\0\0\0\x07N\0\x01t\0\0\0\x02ab";
        assert!(read(whole).is_some());
        for length in 0..whole.len() {
            assert!(read(&whole[..length]).is_none(), "{length}");
        }
    }
}
