//! `sluice run` from outside, on whole projects: figures, crashes, failing checks, late and bad files.

mod bad_files;
mod checks;
mod concurrent;
pub mod crash;
mod disk_full;
mod drops;
mod figures;
pub mod iceberg;
mod lifecycle;
pub mod memory;
mod new_tables;
mod replay;
pub mod shop;
mod sources;
mod writers;
