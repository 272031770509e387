//! `sluice run` from outside, on whole projects: figures, crashes, failing checks, late and bad files.

mod bad_files;
mod checks;
mod concurrent;
mod crash;
mod drops;
mod figures;
pub mod memory;
pub mod shop;
mod writers;
