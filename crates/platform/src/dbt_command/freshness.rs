//! `dbt source freshness`: how old the newest rows of sources are.

use std::sync::Arc;
use std::time::Instant;

use chrono::{DateTime, NaiveDate, NaiveDateTime, SecondsFormat, Utc};
use dbt::artifact::run_results::Status;
use dbt::compile::Compiler;
use dbt::node::SourceTable;
use diagnostic::{Error, Result, ResultExt as _, Style, codes};
use engine_datafusion::Embedded;
use serde_json::{Value as Json, json};
use tokio::runtime::Handle;
use transform::{EngineAdapter, folding};

use super::DbtInvocation;

/// How fresh a source is.
pub struct Freshness {
    /// The source table.
    pub source: Arc<SourceTable>,
    /// `Pass`, `Warn`, `Fail` for too old, `Error` if it could not be told.
    pub status: Status,
    /// The newest row's time and the time it was asked.
    pub times: Option<(DateTime<Utc>, DateTime<Utc>)>,
    /// Why it could not be told.
    pub error: Option<Error>,
    /// Seconds it took.
    pub seconds: f64,
}

impl DbtInvocation {
    /// The sources among `ids` whose freshness is declared.
    #[must_use]
    pub fn fresh_sources(&self, ids: &[String]) -> Vec<Arc<SourceTable>> {
        let sources = &self.project.manifest.sources;
        let found = ids.iter().filter_map(|id| sources.get(id));
        let declared = |key: &str, source: &SourceTable| {
            source
                .freshness
                .get(key)
                .and_then(|after| after.get("count"))
                .is_some_and(|count| !count.is_null())
        };
        found
            .filter(|source| declared("warn_after", source) || declared("error_after", source))
            .cloned()
            .collect()
    }

    /// Asks how fresh `source` is.
    pub async fn freshness(&self, source: Arc<SourceTable>) -> Freshness {
        let clock = Instant::now();
        let asked = self.newest(&source).await;
        let seconds = clock.elapsed().as_secs_f64();
        let (status, times, error) = match asked {
            Ok((newest, now)) => {
                let age = (now - newest).num_milliseconds();
                (judge(&source.freshness, age), Some((newest, now)), None)
            }
            Err(error) => (Status::Error, None, Some(error)),
        };
        Freshness {
            source,
            status,
            times,
            error,
            seconds,
        }
    }

    async fn newest(&self, source: &Arc<SourceTable>) -> Result<(DateTime<Utc>, DateTime<Utc>)> {
        let workspace = Arc::new(self.catalog.begin("dbt source freshness")?);
        let engine = Embedded::new(Arc::clone(&workspace), self.compute.clone());
        let adapter = EngineAdapter::new(
            folding(&self.project.context, Arc::new(engine)),
            self.session.clone(),
            Handle::current(),
        );
        let compiler = Compiler::new(&self.project, Some(Arc::new(adapter)));
        let table = Arc::clone(source);
        let asked = tokio::task::spawn_blocking(move || compiler.freshness(&table))
            .await
            .explain(codes::X0001, || "A rendering thread ended early".to_owned());
        workspace.discard("only asked")?;
        let (newest, now) = asked??;
        let unclear = |what: &str| {
            Error::new(
                codes::T2003,
                format!(
                    "The freshness of `{}` cannot be told: {what}",
                    source.relation_name
                ),
            )
        };
        let newest = newest.ok_or_else(|| unclear("it has no rows"))?;
        let read = |text: &str| time(text).ok_or_else(|| unclear(&format!("`{text}` is no time")));
        let now = match now {
            Some(now) => read(&now)?,
            None => self.session.as_of,
        };
        Ok((read(&newest)?, now))
    }
}

/// A time as an engine shows it; without a zone it is in UTC.
fn time(text: &str) -> Option<DateTime<Utc>> {
    if let Ok(time) = DateTime::parse_from_rfc3339(text) {
        return Some(time.with_timezone(&Utc));
    }
    let zoned = ["%Y-%m-%d %H:%M:%S%.f %z", "%Y-%m-%d %H:%M:%S%.f%:z"];
    if let Some(time) = zoned
        .iter()
        .find_map(|format| DateTime::parse_from_str(text, format).ok())
    {
        return Some(time.with_timezone(&Utc));
    }
    let plain = ["%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M:%S%.f"];
    let plain = plain
        .iter()
        .find_map(|format| NaiveDateTime::parse_from_str(text, format).ok());
    let day = || {
        NaiveDate::parse_from_str(text, "%Y-%m-%d")
            .ok()?
            .and_hms_opt(0, 0, 0)
    };
    plain.or_else(day).map(|time| time.and_utc())
}

fn judge(freshness: &Json, age_milliseconds: i64) -> Status {
    let older = |key: &str| {
        let after = freshness.get(key)?;
        let count = after.get("count")?.as_f64()?;
        let seconds = match after.get("period")?.as_str()? {
            "minute" => 60.0,
            "hour" => 3_600.0,
            _ => 86_400.0,
        };
        #[allow(clippy::cast_precision_loss)]
        let age = age_milliseconds as f64 / 1_000.0;
        Some(age > count * seconds)
    };
    if older("error_after") == Some(true) {
        Status::Fail
    } else if older("warn_after") == Some(true) {
        Status::Warn
    } else {
        Status::Pass
    }
}

impl Freshness {
    /// The entry of `sources.json`.
    #[must_use]
    pub fn to_json(&self) -> Json {
        let time = |time: &DateTime<Utc>| time.to_rfc3339_opts(SecondsFormat::Micros, true);
        let Some((newest, now)) = &self.times else {
            let error = self.error.as_ref().map(|error| error.render(Style::Plain));
            return json!({
                "unique_id": self.source.unique_id, "error": error, "status": "runtime error",
            });
        };
        let status = match self.status {
            Status::Fail => "error",
            other => other.name(),
        };
        #[allow(clippy::cast_precision_loss)]
        let age = (*now - *newest).num_milliseconds() as f64 / 1_000.0;
        json!({
            "unique_id": self.source.unique_id,
            "max_loaded_at": time(newest),
            "snapshotted_at": time(now),
            "max_loaded_at_time_ago_in_s": age,
            "status": status,
            "criteria": self.source.freshness,
            "adapter_response": {},
            "timing": [],
            "thread_id": "main",
            "execution_time": self.seconds,
        })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use dbt::artifact::run_results::Status;
    use serde_json::json;

    use super::{judge, time};

    #[test]
    fn ages_are_judged_by_the_harder_rule_first() {
        let rules = json!({
            "warn_after": {"count": 1, "period": "hour"}, "error_after": {"count": 1, "period": "day"}
        });
        assert_eq!(judge(&rules, 3_600_000), Status::Pass);
        assert_eq!(judge(&rules, 3_600_001), Status::Warn);
        assert_eq!(judge(&rules, 86_400_001), Status::Fail);
        let only = json!({"warn_after": {"count": 12, "period": "minute"}, "error_after": {"count": null}});
        assert_eq!(judge(&only, 86_400_001), Status::Warn);
    }

    #[test]
    fn times_are_read_as_engines_show_them() {
        let noon = time("2024-03-04 12:00:00").unwrap();
        for text in [
            "2024-03-04T12:00:00",
            "2024-03-04T12:00:00Z",
            "2024-03-04 13:00:00.000 +0100",
        ] {
            assert_eq!(time(text), Some(noon), "{text}");
        }
        assert!(time("2024-03-04").is_some() && time("soon").is_none());
    }
}
