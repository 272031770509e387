//! What a run hands to the asset it builds: who asks, how to report, when to stop.

use std::fmt;
use std::sync::Arc;

use diagnostic::{Error, Result, codes};
use model::RunId;
use tokio::sync::watch;

/// What a run hands to the asset or check it works on.
#[derive(Clone, Debug)]
pub struct MaterializeContext {
    /// The run.
    pub run: RunId,
    /// Which attempt this is, from 1.
    pub attempt: u32,
    /// Whether everything is rebuilt from its inputs, whatever is there.
    pub full_refresh: bool,
    /// Where progress is reported.
    pub progress: Progress,
    /// When to stop.
    pub cancellation: Cancellation,
}

/// Reports how far the work on one asset is. Reports are cheap and may be dropped.
#[derive(Clone)]
pub struct Progress(Option<Arc<dyn Fn(u64) + Send + Sync>>);

impl Progress {
    /// Reports go to `report`, which gets the number of rows so far and must not block.
    pub fn new(report: impl Fn(u64) + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(report)))
    }

    /// Reports go nowhere.
    #[must_use]
    pub fn silent() -> Self {
        Self(None)
    }

    /// So many rows are done in all.
    pub fn rows(&self, rows: u64) {
        if let Some(report) = &self.0 {
            report(rows);
        }
    }
}

impl fmt::Debug for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Progress")
    }
}

/// A request to stop, shared by everybody who works on a run. Clones are the same request.
#[derive(Clone, Debug)]
pub struct Cancellation(Arc<watch::Sender<bool>>);

impl Default for Cancellation {
    fn default() -> Self {
        Self(Arc::new(watch::Sender::new(false)))
    }
}

impl Cancellation {
    /// Asks everybody to stop. Asking twice is asking once.
    pub fn cancel(&self) {
        self.0.send_replace(true);
    }

    /// Whether somebody asked.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        *self.0.borrow()
    }

    /// Waits until somebody asks.
    pub async fn cancelled(&self) {
        let mut requests = self.0.subscribe();
        // `self` holds the sender, so waiting cannot end for any other reason.
        let _asked = requests.wait_for(|asked| *asked).await;
    }

    /// Stops work that checks between its steps.
    ///
    /// # Errors
    /// `O2001` once somebody asked.
    pub fn check(&self) -> Result<()> {
        match self.is_cancelled() {
            true => Err(Error::new(codes::O2001, "The run was cancelled")),
            false => Ok(()),
        }
    }
}
