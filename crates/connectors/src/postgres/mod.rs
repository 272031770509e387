//! PostgreSQL: connections, what a database holds, rows by `COPY … (FORMAT binary)`, changes by logical
//! replication.
//!
//! [`Client`] speaks the frontend/backend protocol
//! (<https://www.postgresql.org/docs/current/protocol.html>) over one blocking socket: the same connection
//! serves statements, copies and the replication stream, and hands out its read buffer without copying, which
//! is where most of the speed comes from. Callers run it on a thread of their own.
//!
//! **Promises.** Values arrive exactly or not at all: what a column's type cannot hold is `P2005`. The same
//! value decodes to the same Arrow value whether a copy or a change brought it. Passwords appear in no error.

mod catalog;
mod client;
mod columns;
mod copy;
mod frontend;
mod kind;
mod pgoutput;
mod ranges;
mod replication;
mod scram;
mod socket;
mod tls;
mod values;

pub use catalog::{Identity, Relation, RelationInfo, describe_query, describe_table, relations};
pub use client::{Client, Row};
pub use columns::{Column, ColumnBuilder, RowBuilder, fields};
pub use copy::{CopyReader, copy_statement};
pub use kind::{Element, Kind, Wire, kind_of, overridden};
pub use pgoutput::{Cell, Change, RelationColumn, RelationMessage, Tuple, TupleKind};
pub use ranges::copy_ranges;
pub use replication::{
    ChangeStream, Event, Lsn, Slot, SlotState, alter_slot_for_failover, check_publication,
    create_publication, create_slot, current_lsn, drop_slot, exported_snapshot, heartbeat, log_end,
    release_slot, slot, system_identifier,
};

/// `text` in double quotes, as SQL takes it.
#[must_use]
pub fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('"', "\"\""))
}

/// `text` in single quotes, as SQL takes it with `standard_conforming_strings`.
#[must_use]
pub fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}
