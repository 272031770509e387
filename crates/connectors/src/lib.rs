//! Source systems, one folder per system, each with the same rooms: what is there, how it is read.

pub mod files;
pub mod json_text;
pub mod postgres;
