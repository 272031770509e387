//! Tables in a folder or a bucket, of Delta's format or of Iceberg's: open at a version, write data files, commit,
//! and the overlay that keeps a run's commits away from readers until it is published.
//!
//! - [`Warehouse`] is a place of tables, seen as everybody sees it or as one run sees it.
//! - [`Table`] is one table at one version; [`Table::commit`] adds the next one.
//! - [`ParquetSink`] writes data files and gathers the statistics Delta keeps of them.
//!
//! Committing follows the Delta protocol
//! (<https://github.com/delta-io/delta/blob/master/PROTOCOL.md>). Logs of small plain tables are replayed here
//! ([`log_state`]), others and checkpoints by the Delta library. What an Iceberg table is made of is the `iceberg` crate's.

mod column_types;
mod commit;
mod data_folder;
mod deletion;
mod encodings;
mod external;
mod feed;
mod feed_read;
mod feed_record;
mod file_rows;
mod iceberg_table;
mod log_state;
mod optimize;
mod overlay;
mod parquet_sink;
mod partition;
mod protocol;
mod scanned;
mod set_aside;
mod statistics;
mod table;
mod table_root;
mod upkeep;
mod warehouse;
mod zorder;

pub use column_types::{LOGICAL_TYPE, carrier, storable, storable_schema, timestamp_tz};
pub use commit::{Commit, Operation};
pub use data_folder::{DataFolder, DataRead, DataReader, DataWriter, RemoteFile};
pub use deletion::DeletedRows;
pub use deltalake::kernel::DeletionVectorDescriptor;
pub use external::ExternalTable;
pub use feed::{ChangeType, FeedSink};
pub use feed_read::{ChangedRows, VersionChanges};
pub use feed_record::Rewritten;
pub use file_rows::FileRows;
pub use iceberg_table::{IcebergTable, TableFormat};
pub use optimize::Compaction;
pub use overlay::Staged;
pub use parquet_sink::{DataFile, ParquetSink, SinkOptions};
pub use partition::{PartitionValues, check_partition_by};
pub use scanned::{Scanned, ScannedFile};
pub use table::{StoredFile, Table};
pub use upkeep::Inventory;
pub use warehouse::{TEMPORARY, Warehouse};
