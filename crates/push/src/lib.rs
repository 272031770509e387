//! Events and files that other systems send or tell of: HTTP endpoints, durable before they answer.
//!
//! The order of the modules is the order an event passes them: [`serve`] takes the request, `lane` has a stream's
//! requests, `signature` says whether its sender is who it should be, `event` makes a line of it, [`Journal`] keeps it.
//! Of files, `pipe` and `bucket_event` hear from callers and buckets, `folder_watch` from folders; `file_service` keeps
//! what was announced, and `arrivals` has it loaded by who knows the lake.
//!
//! **Promises.** What was answered with 2xx is on disk and is read by the next run, whatever happens to the
//! process or the machine. An event that its sender names is kept once, however often it is sent; a file is loaded
//! once, however often it is told of. A request that cannot be kept is answered with an error, so that its sender
//! tries again. Memory is bounded: what waits to be kept is limited, and senders are told to come later. Secrets and
//! signatures are not kept.

mod arrivals;
mod bucket_event;
mod caller;
mod der;
mod event;
mod file_service;
mod files;
mod folder_watch;
mod journal;
mod lane;
mod pipe;
mod response;
mod serve;
mod signature;
mod tls;
mod upload;
mod writer;

pub use file_service::FileServing;
pub use files::{FilePlace, FileStream, Files, Kept, LoadReport, Look, Scope};
pub use journal::{Entry, Fate, Journal, folder};
pub use serve::{Endpoint, Server, Serving, serve};
