//! Source systems, one folder per system. Today: [`files`].

pub mod files;
