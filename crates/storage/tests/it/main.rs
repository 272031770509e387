//! Object stores as they behave: moto's S3 server, with a proxy before it that fails on purpose.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod faults;
mod s3;
mod server;
