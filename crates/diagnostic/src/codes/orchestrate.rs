//! `O`: runs: scheduling, locks, failed assets.

codes! {
}
