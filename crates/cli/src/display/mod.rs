//! Shows a run while it happens and what came of it: live bars for terminals, lines for logs, JSON for
//! machines.

pub mod columns;
mod follow;
mod following;
pub mod human;
mod json;
mod lines;
mod live;
mod log_writer;
mod summary;

pub use follow::Follower;
pub use log_writer::log_writer;
pub use summary::write_summary;
