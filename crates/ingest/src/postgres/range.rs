//! [`CursorRange`]: the part of a stream that a backfill reads again.

use connectors::postgres::{Kind, literal, quoted};

use super::Shape;

/// A part of a stream by its cursor, both ends included.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CursorRange {
    /// The first value, or the first day.
    pub from: Option<String>,
    /// The last value, or the last day.
    pub to: Option<String>,
}

impl CursorRange {
    /// The condition in SQL.
    pub(super) fn condition(&self, cursor: &str, shape: &Shape) -> String {
        let column = shape.position(cursor).and_then(|at| shape.columns.get(at));
        let type_name = column.map_or("text", |column| column.type_name.as_str());
        let is_time =
            column.is_some_and(|column| matches!(column.kind, Kind::Timestamp | Kind::TimestampTz));
        let name = quoted(cursor);
        let from = self
            .from
            .as_ref()
            .map(|from| format!("{name} >= {}::{type_name}", literal(from)));
        let to = self.to.as_ref().map(|to| {
            let is_day =
                to.len() == 10 && chrono::NaiveDate::parse_from_str(to, "%Y-%m-%d").is_ok();
            match is_time && is_day {
                true => format!("{name} < {}::{type_name} + interval '1 day'", literal(to)),
                false => format!("{name} <= {}::{type_name}", literal(to)),
            }
        });
        let parts: Vec<String> = from.into_iter().chain(to).collect();
        match parts.is_empty() {
            true => "true".to_owned(),
            false => parts.join(" and "),
        }
    }
}
