//! Runs any asset in graph order; knows none.
//!
//! A [`Plan`] says what a run does and in which order; [`run`] does it: `threads` workers, the critical
//! path first, pools with limits, retries with backoff, and checks right after what they judge.
//!
//! What it promises:
//! - an asset starts after everything it depends on in the plan was built, and after every check of
//!   severity error that judges only things it depends on;
//! - what depends on something that failed is skipped and says why; the rest goes on, unless `fail_fast`;
//! - each asset is built by one worker at a time; retries never overlap;
//! - a cancelled run starts nothing more, asks what runs to stop, and after a grace period drops it;
//! - every asset and check of the plan has a result in the [`RunOutcome`], in build order.
//!
//! Publishing is the caller's: a run whose outcome did not [`RunOutcome::succeeded`] publishes nothing.

mod event;
mod outcome;
mod plan;
mod progress;
mod retry;
mod run;
mod work;

pub use event::{Followed, RunEvent};
pub use outcome::{AssetResult, AssetStatus, CheckResult, CheckStatus, RunOutcome, SkipReason};
pub use plan::Plan;
pub use retry::RetryPolicy;
pub use run::{RunSettings, run};
