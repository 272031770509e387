//! [`Checkpoint`]: what a stream has read so far.

use std::collections::BTreeMap;
use std::time::Duration;

use connectors::postgres::{Column, Lsn};
use settings::{Apply, PostgresOrigin, PostgresStream, PostgresSync};

const CURSOR: &str = "cursor";
const LSN: &str = "lsn";
const SYSTEM: &str = "system";
const SHAPE: &str = "shape";
const TIME: &str = "time";
const NUMBER: &str = "change_number";
const LAG_BYTES: &str = "lag_bytes";
const LAG_MILLIS: &str = "lag_millis";
const MEASURED: &str = "measured_at";

/// What a stream has read so far, as texts to be kept beside its table's version.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Checkpoint {
    /// A hash of the settings that decide what a row becomes. With other settings the table is built anew.
    pub fingerprint: String,
    /// The facts by name.
    pub values: BTreeMap<String, String>,
}

impl Checkpoint {
    pub(super) fn new(stream: &PostgresStream) -> Self {
        Self {
            fingerprint: fingerprint(stream),
            values: BTreeMap::new(),
        }
    }

    /// Whether it was made with the settings that `stream` has now.
    pub(super) fn holds_for(&self, stream: &PostgresStream) -> bool {
        self.fingerprint == fingerprint(stream)
    }

    /// The greatest value of the cursor seen.
    #[must_use]
    pub fn cursor(&self) -> Option<&str> {
        self.values.get(CURSOR).map(String::as_str)
    }

    pub(super) fn with_cursor(mut self, cursor: &str) -> Self {
        self.values.insert(CURSOR.to_owned(), cursor.to_owned());
        self
    }

    /// The place in the log before which every change is in the table.
    #[must_use]
    pub fn lsn(&self) -> Option<Lsn> {
        self.values.get(LSN)?.parse().ok()
    }

    /// The cluster whose log that is.
    pub(super) fn system(&self) -> Option<&str> {
        self.values.get(SYSTEM).map(String::as_str)
    }

    pub(super) fn with_lsn(mut self, lsn: Lsn, system: &str) -> Self {
        self.values.insert(LSN.to_owned(), lsn.to_string());
        self.values.insert(SYSTEM.to_owned(), system.to_owned());
        self
    }

    fn number(&self, key: &str) -> Option<i64> {
        self.values.get(key)?.parse().ok()
    }

    fn with_number(mut self, key: &str, number: i64) -> Self {
        self.values.insert(key.to_owned(), number.to_string());
        self
    }

    /// The time of the last transaction, in microseconds since 1970, and the number of the last change stored.
    pub(super) fn clock(&self) -> (i64, u64) {
        let number = self.number(NUMBER).unwrap_or(0);
        let time = self.number(TIME).unwrap_or(0);
        (time, number.unsigned_abs())
    }

    pub(super) fn with_clock(self, time: i64, number: u64) -> Self {
        self.with_number(TIME, time)
            .with_number(NUMBER, i64::try_from(number).unwrap_or(i64::MAX))
    }

    /// How far behind the stream was when it was last followed.
    #[must_use]
    pub fn lag(&self) -> Option<Lag> {
        Some(Lag {
            bytes: self.number(LAG_BYTES)?.unsigned_abs(),
            time: Duration::from_millis(self.number(LAG_MILLIS)?.unsigned_abs()),
            measured: self.values.get(MEASURED)?.clone(),
        })
    }

    pub(super) fn with_lag(mut self, lag: &Lag) -> Self {
        let millis = i64::try_from(lag.time.as_millis()).unwrap_or(i64::MAX);
        self.values
            .insert(MEASURED.to_owned(), lag.measured.clone());
        self.with_number(LAG_BYTES, i64::try_from(lag.bytes).unwrap_or(i64::MAX))
            .with_number(LAG_MILLIS, millis)
    }

    /// The oid and the columns of the source's table when ours was last written.
    pub(super) fn shape(&self) -> Option<(u32, Vec<ColumnShape>)> {
        let mut lines = self.values.get(SHAPE)?.lines();
        let oid = lines.next()?.parse().ok()?;
        Some((oid, lines.map(ColumnShape::read).collect::<Option<_>>()?))
    }

    pub(super) fn with_shape(mut self, oid: u32, columns: &[Column]) -> Self {
        let mut lines = vec![oid.to_string()];
        lines.extend(columns.iter().map(ColumnShape::line));
        self.values.insert(SHAPE.to_owned(), lines.join("\n"));
        self
    }
}

/// How far behind the server's log a table is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lag {
    /// Bytes of the log that are not in it yet.
    pub bytes: u64,
    /// How old the newest change in it is, if there are newer ones.
    pub time: Duration,
    /// When that was measured, RFC 3339.
    pub measured: String,
}

/// A column as it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ColumnShape {
    pub(super) number: i16,
    pub(super) type_name: String,
    pub(super) name: String,
}

impl ColumnShape {
    fn line(column: &Column) -> String {
        // A name may hold anything, a line break included.
        let name = column.name.replace('\\', "\\\\").replace('\n', "\\n");
        format!("{}\t{}\t{name}", column.number, column.type_name)
    }

    fn read(line: &str) -> Option<Self> {
        let mut parts = line.splitn(3, '\t');
        Some(Self {
            number: parts.next()?.parse().ok()?,
            type_name: parts.next()?.to_owned(),
            name: unescaped(parts.next()?),
        })
    }
}

fn unescaped(text: &str) -> String {
    let mut out = String::new();
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match (c, c == '\\') {
            (_, true) => out.push(match chars.next() {
                Some('n') => '\n',
                Some(other) => other,
                None => '\\',
            }),
            (c, false) => out.push(c),
        }
    }
    out
}

/// What of the settings decides which rows there are and what they become.
fn fingerprint(stream: &PostgresStream) -> String {
    let PostgresStream {
        origin,
        sync,
        key,
        columns,
        types,
        apply,
        partition_by,
        ..
    } = stream;
    let origin = match origin {
        PostgresOrigin::Table { schema, name } => format!("table {schema}.{name}"),
        PostgresOrigin::Query(query) => format!("query {query}"),
    };
    // How far a run looks back changes no row.
    let sync = match sync {
        PostgresSync::FullRefresh => "full".to_owned(),
        PostgresSync::Incremental { cursor, append, .. } => format!("{cursor} {append}"),
        PostgresSync::Cdc => "cdc".to_owned(),
    };
    let mut text = format!("{origin}\n{sync}\n{key:?}\n{columns:?}\n{types:?}");
    if *apply != Apply::Changes {
        text.push_str(&format!("\n{apply:?}"));
    }
    if !partition_by.is_empty() {
        text.push_str(&format!("\npartition by {partition_by:?}"));
    }
    blake3::hash(text.as_bytes()).to_hex()[..32].to_owned()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::{ColumnShape, unescaped};

    #[test]
    fn a_column_is_read_as_it_was_written() {
        assert_eq!(unescaped("a\\\\b\\nc"), "a\\b\nc");
        let read = ColumnShape::read("3\tnumeric(12,2)\tamount").unwrap();
        assert_eq!(
            (read.number, read.type_name.as_str(), read.name.as_str()),
            (3, "numeric(12,2)", "amount")
        );
    }
}
