//! Delta tables on a file system: open at a version, write data files, commit, and the overlay that
//! keeps a run's commits away from readers until it is published.
//!
//! - [`Warehouse`] is a folder of tables, seen as everybody sees it or as one run sees it.
//! - [`Table`] is one table at one version; [`Table::commit`] adds the next one.
//! - [`ParquetSink`] writes data files and gathers the statistics Delta keeps of them.
//!
//! Committing follows the Delta protocol
//! (<https://github.com/delta-io/delta/blob/master/PROTOCOL.md>); log replay, merge, checkpoints and
//! vacuum are the Delta library's.

mod column_types;
mod commit;
mod overlay;
mod parquet_sink;
mod statistics;
mod table;
mod warehouse;

pub use column_types::{LOGICAL_TYPE, carrier, storable, storable_schema, timestamp_tz};
pub use commit::{Commit, Operation};
pub use overlay::Staged;
pub use parquet_sink::{DataFile, ParquetSink, SinkOptions};
pub use table::{StoredFile, Table};
pub use warehouse::Warehouse;
