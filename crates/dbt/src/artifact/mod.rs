//! What a command leaves under `target/`: manifest, run results, compiled and run code.

pub mod failure;
pub mod files;
pub mod manifest_file;
pub mod manifest_json;
pub mod run_results;
pub mod semantic_manifest;
