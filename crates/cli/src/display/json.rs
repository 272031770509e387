//! A run as JSON, one object per line on stdout: `event`, `time`, and what the event is about.

use chrono::{SecondsFormat, Utc};
use orchestrate::{AssetResult, CheckResult, Followed, RunEvent, RunOutcome};
use serde_json::{Value, json};

use super::follow::Display;
use crate::output;

/// Writes JSON lines.
pub(super) struct JsonDisplay;

impl Display for JsonDisplay {
    fn show(&mut self, event: &RunEvent) {
        let mut value = to_json(event);
        let now = Utc::now().to_rfc3339_opts(SecondsFormat::Millis, true);
        value["time"] = Value::String(now);
        // A display must not end the run it shows.
        if let Err(error) = output::line(&value.to_string()) {
            output::message(&error.to_string());
        }
    }
}

fn to_json(event: &RunEvent) -> Value {
    match event {
        RunEvent::Planned {
            run,
            assets,
            checks,
        } => {
            let assets: Vec<Value> = assets
                .iter()
                .map(|(key, kind)| json!({ "key": key, "kind": kind }))
                .collect();
            json!({ "event": "planned", "run": run, "assets": assets, "checks": checks })
        }
        RunEvent::Started { key, attempt } => {
            json!({ "event": "started", "asset": key, "attempt": attempt })
        }
        RunEvent::Progress { key, rows } => {
            json!({ "event": "progress", "asset": key, "rows": rows })
        }
        RunEvent::Retrying {
            key,
            attempt,
            after,
            error,
        } => json!({
            "event": "retrying",
            "asset": key,
            "attempt": attempt,
            "after_seconds": after.as_secs_f64(),
            "error": error.to_json(),
        }),
        RunEvent::Finished(result) => asset_json("finished", result),
        RunEvent::Skipped(result) => asset_json("skipped", result),
        RunEvent::CheckFinished(check) => check_json(check),
        RunEvent::Followed(followed) => followed_json(followed),
        RunEvent::Reconnecting {
            source,
            after,
            error,
        } => json!({
            "event": "reconnecting",
            "source": source,
            "after_seconds": after.as_secs_f64(),
            "error": error.to_json(),
        }),
        RunEvent::Cancelling => json!({ "event": "cancelling" }),
        RunEvent::Done(outcome) => done_json(outcome),
    }
}

fn followed_json(followed: &Followed) -> Value {
    let streams = followed.changed.iter();
    let streams: Vec<Value> = streams
        .map(|(key, rows, deleted)| json!({ "asset": key, "rows": rows, "deleted": deleted }))
        .collect();
    json!({
        "event": "followed",
        "source": followed.source,
        "streams": streams,
        "changes": followed.changes,
        "transactions": followed.transactions,
        "position": followed.position,
        "lag_bytes": followed.lag_bytes,
        "lag_seconds": followed.lag.as_secs_f64(),
        "alarm": followed.alarm,
        "notices": followed.notices,
    })
}

fn asset_json(event: &str, result: &AssetResult) -> Value {
    json!({
        "event": event,
        "asset": result.key,
        "kind": result.kind,
        "status": result.status.as_str(),
        "materialization": result.materialization,
        "error": result.error.as_ref().map(|error| error.to_json()),
        "reason": result.skipped.as_ref().map(ToString::to_string),
        "attempts": result.attempts,
        "seconds": result.elapsed.as_secs_f64(),
    })
}

fn check_json(check: &CheckResult) -> Value {
    json!({
        "event": "check_finished",
        "asset": check.asset,
        "check": check.name,
        "status": check.status.as_str(),
        "outcome": check.outcome,
        "error": check.error.as_ref().map(|error| error.to_json()),
        "seconds": check.elapsed.as_secs_f64(),
    })
}

fn done_json(outcome: &RunOutcome) -> Value {
    let statuses = outcome.assets.iter().map(|asset| asset.status.as_str());
    let mut counts = serde_json::Map::new();
    for status in statuses {
        let before = counts.get(status).and_then(Value::as_u64).unwrap_or(0);
        counts.insert(status.to_owned(), json!(before + 1));
    }
    json!({
        "event": "done",
        "run": outcome.run,
        "succeeded": outcome.succeeded(),
        "cancelled": outcome.cancelled,
        "assets": counts,
        "seconds": outcome.elapsed.as_secs_f64(),
    })
}
