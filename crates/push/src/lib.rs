//! Events that other systems send: an HTTP endpoint per stream, durable before it answers.
//!
//! The order of the modules is the order an event passes them: [`serve`] takes the request, `signature` says
//! whether its sender is who it should be, `event` makes a line of it, [`Journal`] keeps it.
//!
//! **Promises.** What was answered with 2xx is on disk and is read by the next run, whatever happens to the
//! process or the machine. An event that its sender names is kept once, however often it is sent. A request
//! that cannot be kept is answered with an error, so that its sender tries again. Memory is bounded: what
//! waits to be kept is limited, and senders are told to come later. Secrets and signatures are not kept.

mod event;
mod journal;
mod serve;
mod signature;
mod writer;

pub use journal::{Entry, Fate, Journal, folder};
pub use serve::{Endpoint, Server, serve};
