//! The nouns every room shares: names of relations, column types, ids. No behaviour beyond them.

mod column_type;
mod ids;
mod name;
mod severity;

pub use column_type::{ColumnType, ParseColumnTypeError};
pub use ids::{InvocationId, RunId};
pub use name::{Identifier, RelationName, SchemaName};
pub use severity::Severity;
