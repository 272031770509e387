//! Runs work that tells [`RunEvent`]s: shows them while they come, and stops the work on Ctrl-C.

use asset::Cancellation;
use diagnostic::{Result, ResultExt as _, codes};
use orchestrate::RunEvent;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

use crate::arguments::Globals;
use crate::display::Follower;

/// Exit code of a process that SIGINT ended, as shells count it.
const INTERRUPTED: i32 = 130;

/// The threads that commands work on. Not made before a command needs them: `--version` is quick.
pub fn runtime() -> Result<Runtime> {
    Builder::new_multi_thread()
        .enable_all()
        .build()
        .explain(codes::X0001, || {
            "The worker threads cannot be started".to_owned()
        })
}

/// Runs `work`, which gets where to tell events and when to stop. The first Ctrl-C asks it to stop,
/// the second ends the process: what was not published then is dropped at the next start.
pub async fn watch<T>(
    globals: &Globals,
    work: impl AsyncFnOnce(UnboundedSender<RunEvent>, &Cancellation) -> Result<T>,
) -> Result<T> {
    let (sender, events) = unbounded_channel();
    let cancellation = Cancellation::default();
    let display = tokio::spawn(Follower::new(globals).follow(events));
    let signals = tokio::spawn(obey_signals(cancellation.clone()));
    let result = work(sender, &cancellation).await;
    signals.abort();
    // The work dropped its sender, so the display has heard all and ended, or it panicked, and the
    // panic has been told.
    let _shown = display.await;
    result
}

async fn obey_signals(cancellation: Cancellation) {
    stop_signal().await;
    cancellation.cancel();
    stop_signal().await;
    std::process::exit(INTERRUPTED);
}

/// Waits for Ctrl-C or, where that exists, SIGTERM.
async fn stop_signal() {
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
