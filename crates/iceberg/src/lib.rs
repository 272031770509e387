//! Iceberg tables, format version 2 (<https://iceberg.apache.org/spec/>): read and written without a second Arrow
//! (`docs/decisions/0014-own-iceberg-writer.md`).
//!
//! - [`Folder`] is where a table's files lie; [`Table`] is one version of it. [`Table::commit`] writes manifests,
//!   which nobody reads until a metadata file leads to them, and then that metadata file, which must not exist.
//! - [`Schema`] gives columns the ids by which files and versions know them, whatever they are called.
//! - [`SqlCatalog`] keeps, for other engines, which metadata file is a table's newest; [`RestCatalog`] tells a server.
//!
//! Data files are written and read by others; here they are paths and what their footers say.

mod avro;
mod evolution;
mod folder;
mod manifest;
mod metadata;
mod metrics;
mod rest_catalog;
mod schema;
mod single_value;
mod sql_catalog;
mod table;

pub use folder::{Folder, METADATA, is_metadata_file, metadata_file};
pub use manifest::DataFile;
pub use metadata::{Snapshot, TableMetadata};
pub use rest_catalog::{RestCatalog, RestSettings};
pub use schema::{FIELD_ID, Field, Schema, Type};
pub use sql_catalog::SqlCatalog;
pub use table::{Change, Operation, Table};
