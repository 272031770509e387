//! The nouns every room shares: names of relations, column types, ids. No behaviour beyond them.

mod column_type;
mod ids;
mod name;

pub use column_type::{ColumnType, ParseColumnTypeError};
pub use ids::{InvocationId, RunId};
pub use name::{Identifier, RelationName, SchemaName};
