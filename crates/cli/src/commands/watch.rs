//! Runs work that tells [`RunEvent`]s: shows them while they come, and stops the work on Ctrl-C.

use std::time::Duration;

use asset::Cancellation;
use diagnostic::{Result, ResultExt as _, codes};
use orchestrate::RunEvent;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

use crate::STACK;
use crate::arguments::Globals;
use crate::display::Follower;

/// Exit code of a process that SIGINT ended, as shells count it.
pub const INTERRUPTED: u8 = 130;

/// How long stopped work may take to end.
const PATIENCE: Duration = Duration::from_secs(10);

/// The threads that commands work on. Not made before a command needs them: `--version` is quick.
pub fn runtime() -> Result<Runtime> {
    Builder::new_multi_thread()
        .enable_all()
        .thread_stack_size(STACK)
        .build()
        .explain(codes::X0001, || {
            "The worker threads cannot be started".to_owned()
        })
}

/// What work gave, and whether somebody asked it to stop.
pub struct Watched<T> {
    pub result: Result<T>,
    pub interrupted: bool,
}

/// Runs `work`, which gets where to tell events and when to stop. The first Ctrl-C asks it to stop,
/// the second ends the process: what was not published then is dropped at the next start.
pub async fn watch<T>(
    globals: &Globals,
    work: impl AsyncFnOnce(UnboundedSender<RunEvent>, &Cancellation) -> Result<T>,
) -> Watched<T> {
    let (sender, events) = unbounded_channel();
    let cancellation = Cancellation::default();
    let display = tokio::spawn(Follower::new(globals).follow(events));
    let signals = tokio::spawn(obey_signals(cancellation.clone()));
    let result = work(sender, &cancellation).await;
    signals.abort();
    // The work dropped its sender, so the display has heard all and ended, or it panicked, and the
    // panic has been told.
    let _shown = display.await;
    Watched {
        result,
        interrupted: cancellation.is_cancelled(),
    }
}

/// Runs work that changes nothing outside of the catalog, until it ends or Ctrl-C stops it; then what
/// it had begun is dropped by `recover`, and there is no result.
pub fn interruptible<T>(
    recover: impl FnOnce() -> Result<()>,
    work: impl Future<Output = Result<T>>,
) -> Result<Option<T>> {
    let runtime = runtime()?;
    let done = runtime.block_on(async {
        tokio::select! {
            done = work => Some(done),
            () = stop_signal() => None,
        }
    });
    if let Some(done) = done {
        return done.map(Some);
    }
    // Tasks must end before their locks are free.
    runtime.shutdown_timeout(PATIENCE);
    recover()?;
    Ok(None)
}

/// Waits for Ctrl-C.
pub async fn interrupted() {
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending::<()>().await;
    }
}

async fn obey_signals(cancellation: Cancellation) {
    stop_signal().await;
    cancellation.cancel();
    stop_signal().await;
    std::process::exit(INTERRUPTED.into());
}

/// Waits for Ctrl-C or, where that exists, SIGTERM.
pub async fn stop_signal() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut terminate) = signal(SignalKind::terminate()) {
            tokio::select! {
                _ = tokio::signal::ctrl_c() => {}
                _ = terminate.recv() => {}
            }
            return;
        }
    }
    // Without a handler the signal ends the process, which is as well.
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending::<()>().await;
    }
}
