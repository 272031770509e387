//! Statements that change rows: INSERT, UPDATE, DELETE, MERGE, TRUNCATE.
//!
//! A changing statement becomes a query ([`tree`]) that gives, for each row to change, where it stands
//! ([`rows`]) and what comes in its place. Running it writes the new rows and notes which old ones go
//! ([`hits`]); then only the files that hold such rows are written again without them ([`target`]).

pub(crate) mod hits;
pub(crate) mod insert;
pub(crate) mod insert_many;
pub(crate) mod merge;
pub(crate) mod rows;
pub(crate) mod target;
pub(crate) mod tree;
pub(crate) mod update;
pub(crate) mod values;
