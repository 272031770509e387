//! A project's files, found, read and validated before anything starts: `sluice.yml`, `sources/`, `lake/`.
//!
//! [`Project::open`] is the door. Every value keeps the place it was read from where a later step
//! may still have to refuse it ([`Located`]): a rule's SQL is checked by who plans it.
//!
//! Texts may take values from the environment: `${NAME}`, `${NAME:-default}`; `$${` is a plain `${`.

mod cross_check;
mod dataset;
mod date_format;
mod duration;
mod iceberg_catalog;
mod lifecycle;
mod located;
mod new_tables;
mod project;
mod reader;
mod serve;
mod size;
mod source;
mod storage_options;
mod surroundings;

pub use dataset::{
    BinaryFormat, CheckSpec, Clean, ColumnSpec, DatasetSpec, Deduplicate, Exposed, OnChange,
    RuleSpec, SchemaContract, SilverFormat, StreamReference, WriteMode,
};
pub use date_format::{DateFormat, FormatPart};
pub use iceberg_catalog::IcebergCatalogSpec;
pub use lifecycle::{LifecycleRule, LifecycleZone};
pub use located::Located;
pub use model::Severity;
pub use new_tables::{NEW_STREAMS, NewTable, new_tables_folder};
pub use project::{EnvironmentSpec, Project, Vars};
pub use serve::{BucketEventsSpec, CallerProof, CallerSpec, ServeSpec, TlsFiles};
pub use size::parse_size;
pub use source::{
    Apply, ByteEncoding, CellRange, ChangeTable, ColumnarFormat, CsvFormat, Encoding, ExcelFormat,
    FileChange, Format, HashAlgorithm, Hmac, IdempotencyKey, JsonFormat, PostgresConnection,
    PostgresOrigin, PostgresReplication, PostgresSource, PostgresStream, PostgresSync, RawMode,
    Secret, Signature, SourceKind, SourceSpec, SslMode, StreamSpec, Timed, Watch, WebhookStream,
};
pub use surroundings::Surroundings;
