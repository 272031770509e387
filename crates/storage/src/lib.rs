//! Places where data lives: a folder, or a bucket of S3, Google Cloud Storage or Azure, behind one
//! [`Location`] such as `/data`, `file:///data`, `s3://bucket/prefix`, `gs://…` or `az://container/…`.
//!
//! - [`Storage::open`] finds credentials (settings, environment, AWS profiles, web identity, the machine's
//!   own) and gives a store that retries with jitter and gives up in bounded time.
//! - [`Storage::create`] writes a file only if there is none, and knows its own write after a lost answer.
//! - [`Storage::check_conditional_put`] refuses stores on which such a write cannot be trusted.
//! - [`Upload`] and [`block_on`] are for threads that write and read without `async`.
//!
//! Errors have codes of the room `B`; secrets are in none of them.

mod aws_profile;
mod conditional_put;
mod connect;
mod failure;
mod location;
mod options;
mod patience;
mod runtime;
mod s3;
mod storage;
mod upload;

pub use location::{Location, Scheme};
pub use options::StorageOptions;
pub use runtime::block_on;
pub use storage::{Created, Entry, Storage};
pub use upload::Upload;
