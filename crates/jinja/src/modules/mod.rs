//! Python's modules as dbt shows them to templates: `modules.datetime`, `pytz`, `re`, `itertools`.
//!
//! ```
//! use diagnostic::Source;
//! use jinja::{Environment, modules};
//!
//! # fn main() -> diagnostic::Result<()> {
//! let mut environment = Environment::new();
//! environment.add_global("modules", modules::all(modules::Clock::system()));
//! let source = Source::new("e", "modules.datetime.date(2024, 2, 28) + modules.datetime.timedelta(days=2)");
//! assert_eq!(environment.eval_expression(&source, &())?.to_string(), "2024-03-01");
//! # Ok(())
//! # }
//! ```

mod class;
mod datetime;
mod itertools;
mod pytz;
mod re;

use std::sync::Arc;

use chrono::{DateTime, Utc};
use diagnostic::Result;

pub use datetime::{date_value, datetime_value, utc_value};

use crate::{Dict, Value};

/// Tells the time to templates, so that a run "as of" some moment sees that moment.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> DateTime<Utc> + Send + Sync>);

impl Clock {
    /// The machine's clock.
    #[must_use]
    pub fn system() -> Self {
        Self(Arc::new(Utc::now))
    }

    /// A clock that asks `now`.
    #[must_use]
    pub fn of(now: impl Fn() -> DateTime<Utc> + Send + Sync + 'static) -> Self {
        Self(Arc::new(now))
    }

    /// A clock that stands still.
    #[must_use]
    pub fn fixed(at: DateTime<Utc>) -> Self {
        Self(Arc::new(move || at))
    }

    /// The time now.
    #[must_use]
    pub fn now(&self) -> DateTime<Utc> {
        (self.0)()
    }
}

/// The value of the name `modules`.
#[must_use]
pub fn all(clock: Clock) -> Value {
    Value::Dict(Dict::from_iter([
        ("pytz", pytz::module()),
        ("datetime", datetime::module(clock)),
        ("re", re::module()),
        ("itertools", itertools::module()),
    ]))
}

/// A date or time as text by a `strftime` pattern, for format specifications.
pub(crate) fn format_date(value: &Value, pattern: &str) -> Option<Result<String>> {
    datetime::strftime_value(value, pattern)
}
