//! Staged files: where they are, in which format, and their rows.
//!
//! A [`Location`] is a stage, or a folder, and a path in it; [`StagedFile`]s are what it holds. A [`Format`]
//! says how they are read; [`Reading`] which columns a reader gives, chunk by chunk, with the records that
//! could not be read beside them.

mod files;
mod format;
mod infer;
mod location;
mod metadata;
mod query;
mod read;

pub(crate) use files::{Pattern, StagedFile, list};
pub(crate) use format::{Csv, Format, Json, Parquet, flag, single};
pub(crate) use infer::infer_schema;
pub(crate) use location::{Location, is_stage, outside};
pub(crate) use metadata::Metadata;
pub(crate) use query::{Used, arguments, format_and_pattern, provider, rejection, text_argument};
pub(crate) use read::{Chunk, Columns, Reading, Rejected, Unit, named_columns, width};
