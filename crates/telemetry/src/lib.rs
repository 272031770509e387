//! What a process tells about itself while it works, and where tests may kill it.
//!
//! [`start`] sets up logs once, in the binary; every crate then logs with `tracing`. [`failpoint`]
//! marks the boundaries between two durable steps, where a crash must do no harm.

mod failpoint;
mod logs;

pub use failpoint::{
    ARRIVAL_FAILPOINTS, DROP_FAILPOINTS, FAILPOINTS, FEED_FAILPOINTS, ICEBERG_FAILPOINTS,
    POSTGRES_FAILPOINTS, PUSH_FAILPOINTS, UPKEEP_FAILPOINTS, UPLOAD_FAILPOINTS, failpoint, observe,
};
pub use logs::{LogFormat, LogSettings, start};
