//! The threads that talk to object stores, and waiting for them from threads that are not `async`.
//!
//! All requests run here, whoever asks: a caller that blocks its own thread can then never keep the
//! connection it waits for from making progress.

use std::future::Future;
use std::sync::OnceLock;
use std::sync::mpsc::sync_channel;

use diagnostic::{Error, Result, ResultExt, codes};
use tokio::runtime::{Builder, Handle, Runtime};

/// Enough for many requests at once: they wait for the network.
const THREADS: usize = 2;

static RUNTIME: OnceLock<Runtime> = OnceLock::new();

/// The runtime of all requests.
pub(crate) fn handle() -> Result<Handle> {
    if let Some(runtime) = RUNTIME.get() {
        return Ok(runtime.handle().clone());
    }
    let runtime = Builder::new_multi_thread()
        .worker_threads(THREADS)
        .thread_name("storage")
        .enable_all()
        .build()
        .explain(codes::B2003, || {
            "Threads for object stores cannot be started".to_owned()
        })?;
    // Another thread may have been faster; its runtime stays and this one ends.
    if let Err(late) = RUNTIME.set(runtime) {
        late.shutdown_background();
    }
    RUNTIME
        .get()
        .map(|runtime| runtime.handle().clone())
        .ok_or_else(broken)
}

/// Waits for `work`, which runs on the threads of this crate. Not to be called from such work itself.
///
/// # Errors
/// `X0001` if the work broke down.
pub fn block_on<T, F>(work: F) -> Result<T>
where
    T: Send + 'static,
    F: Future<Output = T> + Send + 'static,
{
    let (done, wait) = sync_channel(1);
    handle()?.spawn(async move {
        let _ = done.send(work.await);
    });
    wait.recv().map_err(|_| broken())
}

fn broken() -> Error {
    Error::new(codes::X0001, "Work on an object store broke down")
}
