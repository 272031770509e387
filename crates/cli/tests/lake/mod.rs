//! The lake from outside: tables in a bucket, maintenance, and what other readers make of tables.

mod azure;
mod bucket_sources;
mod clouds;
mod constraints;
#[path = "../../../storage/tests/it/faults.rs"]
#[allow(dead_code, reason = "another crate's tests use more of it")]
mod faults;
pub mod feed;
mod foreign;
mod gcs;
mod iceberg;
mod object_store;
mod partitions;
mod peers;
pub mod readers;
mod s3s;
#[path = "../../../storage/tests/it/server.rs"]
#[allow(dead_code, reason = "another crate's tests use more of it")]
pub mod server;
mod upkeep;
mod web_identity;
mod zorder;
