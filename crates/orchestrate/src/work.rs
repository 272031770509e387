//! Works on one step: attempts, pauses between them, and what came of it.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use asset::{
    Asset, AssetCheck, Cancellation, CheckOutcome, Materialization, MaterializationStatus,
    MaterializeContext, Progress,
};
use diagnostic::{Error, Result, codes};
use model::RunId;
use tokio::sync::mpsc::UnboundedSender;

use crate::progress::thinned;
use crate::{
    AssetResult, AssetStatus, CheckResult, CheckStatus, RetryPolicy, RunEvent, SkipReason,
};

/// What every step of a run shares.
#[derive(Clone)]
pub(crate) struct Shared {
    pub(crate) run: RunId,
    pub(crate) full_refresh: bool,
    pub(crate) retry: RetryPolicy,
    pub(crate) events: UnboundedSender<RunEvent>,
    pub(crate) stop: Cancellation,
}

/// What came of a step.
pub(crate) enum StepResult {
    Asset(AssetResult),
    Check(CheckResult),
}

impl Shared {
    /// Tells whoever listens; a run goes on when nobody does.
    pub(crate) fn tell(&self, event: RunEvent) {
        let _unheard = self.events.send(event);
    }

    fn context(&self, attempt: u32, progress: Progress) -> MaterializeContext {
        MaterializeContext {
            run: self.run,
            attempt,
            full_refresh: self.full_refresh,
            progress,
            cancellation: self.stop.clone(),
        }
    }

    /// Builds an asset, again if that may help.
    pub(crate) async fn build(&self, asset: Arc<dyn Asset>) -> AssetResult {
        let key = &asset.spec().key;
        let mut result = AssetResult {
            started: Some(SystemTime::now()),
            ..blank(asset.as_ref(), AssetStatus::Failed)
        };
        let clock = Instant::now();
        let outcome: Result<Materialization> = loop {
            result.attempts += 1;
            let attempt = result.attempts;
            self.tell(RunEvent::Started {
                key: key.clone(),
                attempt,
            });
            let context = self.context(attempt, thinned(key.clone(), self.events.clone()));
            match asset.materialize(&context).await {
                Ok(materialization) => break Ok(materialization),
                Err(error) => match self.pause(key, attempt, error).await {
                    Some(error) => break Err(error),
                    None => continue,
                },
            }
        };
        result.elapsed = clock.elapsed();
        match outcome {
            Ok(materialization) => {
                result.status = match materialization.status {
                    MaterializationStatus::Built => AssetStatus::Built,
                    MaterializationStatus::Fresh => AssetStatus::Fresh,
                };
                result.materialization = Some(materialization);
            }
            Err(error) => {
                if error.code() == codes::O2001 {
                    result.status = AssetStatus::Cancelled;
                }
                result.error = Some(Arc::new(error));
            }
        }
        result
    }

    /// Evaluates a check, again if that may help.
    pub(crate) async fn judge(&self, check: Arc<dyn AssetCheck>) -> CheckResult {
        let spec = check.spec();
        let clock = Instant::now();
        let mut attempt = 0;
        let outcome: Result<CheckOutcome> = loop {
            attempt += 1;
            let context = self.context(attempt, Progress::silent());
            match check.evaluate(&context).await {
                Ok(outcome) => break Ok(outcome),
                Err(error) => match self.pause(&spec.asset, attempt, error).await {
                    Some(error) => break Err(error),
                    None => continue,
                },
            }
        };
        let mut result = unjudged(check.as_ref(), CheckStatus::Errored);
        result.elapsed = clock.elapsed();
        match outcome {
            Ok(outcome) => {
                result.status = CheckStatus::of(&outcome);
                result.outcome = Some(outcome);
            }
            Err(error) => {
                if error.code() == codes::O2001 {
                    result.status = CheckStatus::Skipped;
                }
                result.error = Some(Arc::new(error));
            }
        }
        result
    }

    /// Waits before the next attempt; gives the error back if there is none.
    async fn pause(&self, key: &asset::AssetKey, attempt: u32, error: Error) -> Option<Error> {
        if self.stop.is_cancelled() || error.code() == codes::O2001 {
            return Some(error);
        }
        let Some(after) = self.retry.pause(attempt, &error) else {
            return Some(error);
        };
        let error = Arc::new(error);
        self.tell(RunEvent::Retrying {
            key: key.clone(),
            attempt,
            after,
            error: Arc::clone(&error),
        });
        tokio::select! {
            () = tokio::time::sleep(after) => None,
            () = self.stop.cancelled() => self.stop.check().err(),
        }
    }
}

/// The result of an asset nobody worked on.
pub(crate) fn blank(asset: &dyn Asset, status: AssetStatus) -> AssetResult {
    let spec = asset.spec();
    AssetResult {
        key: spec.key.clone(),
        kind: spec.kind,
        status,
        materialization: None,
        error: None,
        skipped: None,
        started: None,
        elapsed: Duration::ZERO,
        attempts: 0,
        checks: Vec::new(),
    }
}

/// The result of an asset that is not tried.
pub(crate) fn skipped(asset: &dyn Asset, reason: SkipReason) -> AssetResult {
    AssetResult {
        skipped: Some(reason),
        ..blank(asset, AssetStatus::Skipped)
    }
}

/// The result of a check without a judgement.
pub(crate) fn unjudged(check: &dyn AssetCheck, status: CheckStatus) -> CheckResult {
    let spec = check.spec();
    CheckResult {
        asset: spec.asset.clone(),
        name: spec.name.clone(),
        status,
        outcome: None,
        error: None,
        elapsed: Duration::ZERO,
    }
}
