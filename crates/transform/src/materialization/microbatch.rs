//! Which batches of event time a microbatch model is built for
//! (<https://docs.getdbt.com/docs/build/incremental-microbatch>).

use chrono::{DateTime, Datelike, Duration, Months, NaiveDate, Timelike, Utc};
use dbt::node::Node;
use diagnostic::{Error, Result, codes};
use serde_json::Value as Json;

pub use dbt::context::Batch;

/// How long a batch is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BatchSize {
    /// An hour.
    Hour,
    /// A day.
    Day,
    /// A month.
    Month,
    /// A year.
    Year,
}

/// The configuration of a microbatch model.
#[derive(Clone, Debug)]
pub struct MicrobatchConfig {
    /// The column with the event time.
    pub event_time: String,
    /// The first event time of all.
    pub begin: DateTime<Utc>,
    /// How long a batch is.
    pub size: BatchSize,
    /// How many batches before the current one are built again.
    pub lookback: u32,
}

impl BatchSize {
    fn parse(text: &str) -> Option<Self> {
        Some(match text.to_lowercase().as_str() {
            "hour" => Self::Hour,
            "day" => Self::Day,
            "month" => Self::Month,
            "year" => Self::Year,
            _ => return None,
        })
    }

    /// The beginning of the batch that `moment` lies in.
    fn truncate(self, moment: DateTime<Utc>) -> DateTime<Utc> {
        let (month, day, hour) = match self {
            Self::Hour => (moment.month(), moment.day(), moment.hour()),
            Self::Day => (moment.month(), moment.day(), 0),
            Self::Month => (moment.month(), 1, 0),
            Self::Year => (1, 1, 0),
        };
        let date = NaiveDate::from_ymd_opt(moment.year(), month, day);
        let start = date.and_then(|date| date.and_hms_opt(hour, 0, 0));
        start.map_or(moment, |start| start.and_utc())
    }

    /// `count` batches later (or earlier) than the batch that begins at `start`.
    fn step(self, start: DateTime<Utc>, count: i32) -> DateTime<Utc> {
        let months = |months: i32| {
            let by = Months::new(months.unsigned_abs());
            let moved = if months < 0 {
                start.checked_sub_months(by)
            } else {
                start.checked_add_months(by)
            };
            moved.unwrap_or(start)
        };
        match self {
            Self::Hour => start + Duration::hours(i64::from(count)),
            Self::Day => start + Duration::days(i64::from(count)),
            Self::Month => months(count),
            Self::Year => months(count * 12),
        }
    }

    fn id(self, start: DateTime<Utc>) -> String {
        let format = match self {
            Self::Hour => "%Y%m%dT%H",
            Self::Day => "%Y%m%d",
            Self::Month => "%Y%m",
            Self::Year => "%Y",
        };
        start.format(format).to_string()
    }
}

impl MicrobatchConfig {
    /// The configuration of `node`.
    ///
    /// # Errors
    /// `T1008` if something is missing or not known.
    pub fn of(node: &Node) -> Result<Self> {
        let config = &node.config;
        let wrong = |what: &str| {
            Error::new(
                codes::T1008,
                format!("The microbatch model `{}` {what}", node.name),
            )
            .with("file", &node.original_file_path)
        };
        let event_time = config
            .text("event_time")
            .ok_or_else(|| wrong("has no `event_time`"))?;
        let size = config
            .text("batch_size")
            .ok_or_else(|| wrong("has no `batch_size`"))?;
        let size = BatchSize::parse(size).ok_or_else(|| {
            wrong(&format!(
                "has `batch_size: {size}`, which is none of hour, day, month, year"
            ))
        })?;
        let begin = config
            .text("begin")
            .ok_or_else(|| wrong("has no `begin`"))?;
        let begin = moment(begin)
            .ok_or_else(|| wrong(&format!("has `begin: {begin}`, which is no time")))?;
        let lookback = config.get("lookback").and_then(Json::as_u64).unwrap_or(1);
        Ok(Self {
            event_time: event_time.to_owned(),
            begin: size.truncate(begin),
            size,
            lookback: u32::try_from(lookback).unwrap_or(1),
        })
    }

    /// The batches of these spans of event time.
    #[must_use]
    pub fn of_spans(&self, spans: &[(DateTime<Utc>, DateTime<Utc>)]) -> Vec<Batch> {
        let batch = |(start, end): &(DateTime<Utc>, DateTime<Utc>)| Batch {
            id: self.size.id(*start),
            start: *start,
            end: *end,
        };
        spans.iter().map(batch).collect()
    }

    /// How dbt shows when a batch begins (`MicrobatchBuilder.format_batch_start`).
    #[must_use]
    pub fn shown(&self, batch: &Batch) -> String {
        let format = match self.size {
            BatchSize::Hour => "%Y-%m-%dT%H",
            BatchSize::Day => "%Y-%m-%d",
            BatchSize::Month => "%Y-%m",
            BatchSize::Year => "%Y",
        };
        batch.start.format(format).to_string()
    }

    /// The batches of a run at `now`. A run on an existing table (`incremental`) builds the current
    /// batch and `lookback` before it; `from` and `to` are the span a user asks for.
    #[must_use]
    pub fn batches(
        &self,
        now: DateTime<Utc>,
        incremental: bool,
        from: Option<DateTime<Utc>>,
        to: Option<DateTime<Utc>>,
    ) -> Vec<Batch> {
        let size = self.size;
        let ceiling = |moment: DateTime<Utc>| {
            let start = size.truncate(moment);
            if start == moment {
                start
            } else {
                size.step(start, 1)
            }
        };
        let end = to.unwrap_or_else(|| ceiling(now));
        let start = match (from, incremental) {
            (Some(from), _) => size.truncate(from),
            (None, false) => self.begin,
            (None, true) => {
                let current = size.truncate(end);
                let back = i32::try_from(self.lookback).unwrap_or(1);
                let back = if current == end { back + 1 } else { back };
                size.step(current, -back).max(self.begin)
            }
        };
        let mut batches = Vec::new();
        let mut next = start;
        while next < end {
            let after = size.step(next, 1);
            batches.push(Batch {
                id: size.id(next),
                start: next,
                end: after.min(end),
            });
            next = after;
        }
        batches
    }
}

fn moment(text: &str) -> Option<DateTime<Utc>> {
    if let Ok(moment) = DateTime::parse_from_rfc3339(text) {
        return Some(moment.with_timezone(&Utc));
    }
    let formats = [
        "%Y-%m-%d %H:%M:%S",
        "%Y-%m-%dT%H:%M:%S",
        "%Y-%m-%d %H:%M",
        "%Y-%m-%dT%H:%M",
    ];
    let full = formats
        .iter()
        .find_map(|format| chrono::NaiveDateTime::parse_from_str(text, format).ok());
    let day = || {
        NaiveDate::parse_from_str(text.get(..10)?, "%Y-%m-%d")
            .ok()?
            .and_hms_opt(0, 0, 0)
    };
    full.or_else(day).map(|moment| moment.and_utc())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::{BatchSize, MicrobatchConfig, moment};

    fn config(size: BatchSize, lookback: u32) -> MicrobatchConfig {
        MicrobatchConfig {
            event_time: "at".to_owned(),
            begin: moment("2024-01-01").unwrap(),
            size,
            lookback,
        }
    }

    fn ids(config: &MicrobatchConfig, now: &str, incremental: bool) -> Vec<String> {
        let batches = config.batches(moment(now).unwrap(), incremental, None, None);
        batches.into_iter().map(|batch| batch.id).collect()
    }

    #[test]
    fn the_first_run_builds_all_and_later_ones_look_back() {
        let days = config(BatchSize::Day, 1);
        assert_eq!(
            ids(&days, "2024-01-03 10:00:00", false),
            ["20240101", "20240102", "20240103"]
        );
        assert_eq!(
            ids(&days, "2024-01-03 10:00:00", true),
            ["20240102", "20240103"]
        );
        assert_eq!(
            ids(&config(BatchSize::Month, 0), "2024-03-15", true),
            ["202403"]
        );
        assert_eq!(
            ids(&config(BatchSize::Hour, 1), "2024-01-01 01:30:00", false),
            ["20240101T00", "20240101T01"]
        );
        assert_eq!(
            ids(&config(BatchSize::Year, 3), "2024-06-01", true),
            ["2024"]
        );
    }

    #[test]
    fn a_span_that_is_asked_for_counts() {
        let days = config(BatchSize::Day, 1);
        let at = |text| Some(moment(text).unwrap());
        let batches = days.batches(
            at("2025-01-01").unwrap(),
            true,
            at("2024-02-01"),
            at("2024-02-03"),
        );
        assert_eq!(batches.len(), 2);
        assert_eq!(
            batches[1].condition("at", "duckdb"),
            "at >= cast('2024-02-02 00:00:00' as timestamp) and at < cast('2024-02-03 00:00:00' as timestamp)"
        );
    }
}
