//! [`run`]: the loop that starts steps, waits for them and settles what follows.

use std::cmp::Reverse;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};

use asset::Cancellation;
use diagnostic::{Error, codes};
use model::RunId;
use tokio::sync::mpsc::UnboundedSender;
use tokio::task::{Id, JoinError, JoinSet};

use crate::plan::Work;
use crate::work::{Shared, StepResult, blank, skipped, unjudged};
use crate::{
    AssetResult, AssetStatus, CheckStatus, Plan, RetryPolicy, RunEvent, RunOutcome, SkipReason,
};

/// How a run works.
#[derive(Clone, Debug)]
pub struct RunSettings {
    /// How many assets and checks are worked on at once.
    pub threads: usize,
    /// How many assets of a pool are built at once; a pool without a limit has none.
    pub pools: HashMap<String, usize>,
    /// Whether the first failure ends the run.
    pub fail_fast: bool,
    /// Whether everything is rebuilt from its inputs.
    pub full_refresh: bool,
    /// When to try again.
    pub retry: RetryPolicy,
    /// How long running work may take to stop before it is dropped.
    pub grace: Duration,
}

impl Default for RunSettings {
    fn default() -> Self {
        Self {
            threads: 4,
            pools: HashMap::new(),
            fail_fast: false,
            full_refresh: false,
            retry: RetryPolicy::default(),
            grace: Duration::from_secs(10),
        }
    }
}

/// Does what `plan` says and tells `events` about it. Ends early once `cancellation` is asked for.
pub async fn run(
    run: RunId,
    plan: &Plan,
    settings: &RunSettings,
    events: UnboundedSender<RunEvent>,
    cancellation: &Cancellation,
) -> RunOutcome {
    let shared = Shared {
        run,
        full_refresh: settings.full_refresh,
        retry: settings.retry.clone(),
        events,
        stop: Cancellation::default(),
    };
    let clock = Instant::now();
    let assets = plan
        .assets()
        .map(|spec| (spec.key.clone(), spec.kind))
        .collect();
    shared.tell(RunEvent::Planned {
        run,
        assets,
        checks: plan.steps.len() - plan.assets,
    });
    let mut scheduler = Scheduler::new(plan, settings, shared.clone());
    let cancelled = scheduler.work(cancellation).await;
    let outcome = RunOutcome {
        run,
        assets: scheduler.finish(),
        elapsed: clock.elapsed(),
        cancelled,
    };
    shared.tell(RunEvent::Done(Arc::new(outcome.clone())));
    outcome
}

struct Scheduler<'p> {
    plan: &'p Plan,
    settings: &'p RunSettings,
    shared: Shared,
    waits_for: Vec<usize>,
    ready: BTreeSet<(Reverse<u64>, usize)>,
    running: JoinSet<StepResult>,
    step_of: HashMap<Id, usize>,
    in_pool: HashMap<&'p str, usize>,
    results: Vec<Option<StepResult>>,
    /// Whether nothing more is started.
    stopping: bool,
}

impl<'p> Scheduler<'p> {
    fn new(plan: &'p Plan, settings: &'p RunSettings, shared: Shared) -> Self {
        let waits_for: Vec<usize> = plan.steps.iter().map(|step| step.waits_for).collect();
        let free = plan
            .steps
            .iter()
            .enumerate()
            .filter(|(_, step)| step.waits_for == 0);
        Self {
            plan,
            settings,
            shared,
            ready: free
                .map(|(at, step)| (Reverse(step.priority), at))
                .collect(),
            waits_for,
            running: JoinSet::new(),
            step_of: HashMap::new(),
            in_pool: HashMap::new(),
            results: plan.steps.iter().map(|_| None).collect(),
            stopping: false,
        }
    }

    /// Works until nothing is left or the run must stop; says whether it was cancelled.
    async fn work(&mut self, cancellation: &Cancellation) -> bool {
        let mut cancelled = false;
        let mut deadline: Option<tokio::time::Instant> = None;
        loop {
            self.start_what_can();
            if self.stopping && deadline.is_none() {
                deadline = Some(tokio::time::Instant::now() + self.settings.grace);
            }
            if self.running.is_empty() {
                return cancelled;
            }
            let grace_is_over = async {
                match deadline {
                    Some(deadline) => tokio::time::sleep_until(deadline).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                Some(joined) = self.running.join_next_with_id() => self.settle(joined),
                () = cancellation.cancelled(), if !cancelled => {
                    cancelled = true;
                    self.stopping = true;
                    self.shared.stop.cancel();
                    self.shared.tell(RunEvent::Cancelling);
                }
                () = grace_is_over => {
                    self.running.abort_all();
                    // Once is enough; from here on only the tasks' ends are awaited.
                    deadline = Some(tokio::time::Instant::now() + Duration::from_secs(86_400));
                }
            }
        }
    }

    fn start_what_can(&mut self) {
        while !self.stopping && self.running.len() < self.settings.threads.max(1) {
            let startable = self
                .ready
                .iter()
                .copied()
                .find(|(_, at)| self.pool_has_room(*at));
            let Some(entry) = startable else { return };
            self.ready.remove(&entry);
            self.start(entry.1);
        }
    }

    fn pool_of(&self, at: usize) -> Option<&'p str> {
        match &self.plan.steps[at].work {
            Work::Asset(asset) => asset.spec().pool.as_deref(),
            Work::Check(_) => None,
        }
    }

    fn pool_has_room(&self, at: usize) -> bool {
        let Some(pool) = self.pool_of(at) else {
            return true;
        };
        let used = self.in_pool.get(pool).copied().unwrap_or(0);
        self.settings
            .pools
            .get(pool)
            .is_none_or(|limit| used < (*limit).max(1))
    }

    fn start(&mut self, at: usize) {
        if let Some(pool) = self.pool_of(at) {
            *self.in_pool.entry(pool).or_default() += 1;
        }
        let shared = self.shared.clone();
        let task = match self.plan.steps[at].work.clone() {
            Work::Asset(asset) => {
                let work = async move { StepResult::Asset(shared.build(asset).await) };
                self.running.spawn(work)
            }
            Work::Check(check) => {
                let work = async move { StepResult::Check(shared.judge(check).await) };
                self.running.spawn(work)
            }
        };
        self.step_of.insert(task.id(), at);
    }

    fn settle(&mut self, joined: Result<(Id, StepResult), JoinError>) {
        let (id, result) = match joined {
            Ok((id, result)) => (id, Ok(result)),
            Err(error) => (error.id(), Err(error)),
        };
        let Some(at) = self.step_of.remove(&id) else {
            return;
        };
        if let Some(pool) = self.pool_of(at)
            && let Some(used) = self.in_pool.get_mut(pool)
        {
            *used = used.saturating_sub(1);
        }
        let result = result.unwrap_or_else(|error| self.broken(at, error));
        let consequence = consequence_of(&result);
        self.announce(&result);
        self.results[at] = Some(result);
        match consequence {
            Consequence::Release => self.release(at),
            Consequence::Hold => {}
            Consequence::Skip(reason) => {
                self.skip_after(at, &reason);
                if self.settings.fail_fast && !self.stopping {
                    self.stopping = true;
                    self.shared.stop.cancel();
                }
            }
        }
    }

    /// The result of a task that was dropped or panicked.
    fn broken(&self, at: usize, error: JoinError) -> StepResult {
        let dropped = error.is_cancelled();
        let why = Arc::new(match dropped {
            true => Error::new(codes::O2001, "The run was cancelled"),
            false => {
                tracing::error!(%error, "a task panicked");
                Error::new(codes::O2002, "The work ended without a result").because(error)
            }
        });
        match &self.plan.steps[at].work {
            Work::Asset(asset) => {
                let status = match dropped {
                    true => AssetStatus::Cancelled,
                    false => AssetStatus::Failed,
                };
                let blank = blank(asset.as_ref(), status);
                StepResult::Asset(AssetResult {
                    error: Some(why),
                    attempts: 1,
                    ..blank
                })
            }
            Work::Check(check) => {
                let status = match dropped {
                    true => CheckStatus::Skipped,
                    false => CheckStatus::Errored,
                };
                let mut result = unjudged(check.as_ref(), status);
                result.error = Some(why);
                StepResult::Check(result)
            }
        }
    }

    fn announce(&self, result: &StepResult) {
        self.shared.tell(match result {
            StepResult::Asset(result) if result.status == AssetStatus::Skipped => {
                RunEvent::Skipped(result.clone())
            }
            StepResult::Asset(result) => RunEvent::Finished(result.clone()),
            StepResult::Check(result) => RunEvent::CheckFinished(result.clone()),
        });
    }

    fn release(&mut self, at: usize) {
        for &next in &self.plan.steps[at].blocks {
            self.waits_for[next] -= 1;
            if self.waits_for[next] == 0 && self.results[next].is_none() {
                self.ready
                    .insert((Reverse(self.plan.steps[next].priority), next));
            }
        }
    }

    fn skip_after(&mut self, at: usize, reason: &SkipReason) {
        let mut open = self.plan.steps[at].blocks.clone();
        // Build order, so that listeners hear of assets in the order they know.
        open.sort_unstable_by(|a, b| b.cmp(a));
        while let Some(next) = open.pop() {
            if self.results[next].is_some() {
                continue;
            }
            let result = match &self.plan.steps[next].work {
                Work::Asset(asset) => StepResult::Asset(skipped(asset.as_ref(), reason.clone())),
                Work::Check(check) => {
                    StepResult::Check(unjudged(check.as_ref(), CheckStatus::Skipped))
                }
            };
            self.announce(&result);
            self.results[next] = Some(result);
            open.extend(self.plan.steps[next].blocks.iter().rev());
        }
    }

    /// Every asset with its checks, in build order. What was never started is told now.
    fn finish(mut self) -> Vec<AssetResult> {
        let failed = |result: &StepResult| matches!(consequence_of(result), Consequence::Skip(_));
        let stopped_by_failure =
            self.settings.fail_fast && self.results.iter().flatten().any(failed);
        for at in 0..self.results.len() {
            if self.results[at].is_some() {
                continue;
            }
            let result = match &self.plan.steps[at].work {
                Work::Asset(asset) if stopped_by_failure => {
                    StepResult::Asset(skipped(asset.as_ref(), SkipReason::FailFast))
                }
                Work::Asset(asset) => {
                    StepResult::Asset(blank(asset.as_ref(), AssetStatus::Cancelled))
                }
                Work::Check(check) => {
                    StepResult::Check(unjudged(check.as_ref(), CheckStatus::Skipped))
                }
            };
            self.announce(&result);
            self.results[at] = Some(result);
        }
        let mut assets: Vec<AssetResult> = Vec::with_capacity(self.plan.assets);
        for result in std::mem::take(&mut self.results).into_iter().flatten() {
            match result {
                StepResult::Asset(result) => assets.push(result),
                StepResult::Check(result) => {
                    if let Some(asset) = assets.iter_mut().find(|a| a.key == result.asset) {
                        asset.checks.push(result);
                    }
                }
            }
        }
        assets
    }
}

/// What a result means for the steps that wait.
enum Consequence {
    /// They may start.
    Release,
    /// They will not start, because the run stops.
    Hold,
    /// They are skipped.
    Skip(SkipReason),
}

fn consequence_of(result: &StepResult) -> Consequence {
    match result {
        StepResult::Asset(result) => match result.status {
            AssetStatus::Built | AssetStatus::Fresh => Consequence::Release,
            AssetStatus::Cancelled => Consequence::Hold,
            AssetStatus::Failed | AssetStatus::Skipped => {
                Consequence::Skip(SkipReason::Failed(result.key.clone()))
            }
        },
        StepResult::Check(result) => match result.status {
            CheckStatus::Passed | CheckStatus::Warned => Consequence::Release,
            CheckStatus::Skipped => Consequence::Hold,
            CheckStatus::Failed | CheckStatus::Errored => {
                Consequence::Skip(SkipReason::CheckFailed {
                    asset: result.asset.clone(),
                    name: result.name.clone(),
                })
            }
        },
    }
}
