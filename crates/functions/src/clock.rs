//! Functions that read the clock: the statement's instant, or the one [`with_clock`] sets.
//!
//! <https://docs.snowflake.com/en/sql-reference/functions-context>

use std::sync::Arc;

use arrow::datatypes::DataType;
use chrono::{DateTime, Timelike, Utc};
use datafusion::common::{Result, ScalarValue};
use datafusion::execution::session_state::SessionStateBuilder;
use datafusion::logical_expr::simplify::{ExprSimplifyResult, SimplifyContext};
use datafusion::logical_expr::{
    ColumnarValue, Expr, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, TypeSignature,
    Volatility,
};

use crate::catalogue::Entry;
use crate::scalar::TIMESTAMP;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Reading {
    Timestamp,
    Date,
    Time,
}

const READINGS: &[Reading] = &[Reading::Timestamp, Reading::Date, Reading::Time];

pub(crate) const ENTRIES: &[Entry] = &[
    Entry {
        name: "current_timestamp",
        aliases: &[
            "localtimestamp",
            "getdate",
            "systimestamp",
            "sysdate",
            "now",
        ],
        family: "context",
        syntax: "current_timestamp([precision])",
        note: "the statement's instant in UTC, without a zone",
    },
    Entry {
        name: "current_date",
        aliases: &["today"],
        family: "context",
        syntax: "current_date()",
        note: "the day in UTC",
    },
    Entry {
        name: "current_time",
        aliases: &["localtime"],
        family: "context",
        syntax: "current_time([precision])",
        note: "the time of day in UTC",
    },
];

/// Makes the statement's clock stand at `instant`.
#[must_use]
pub fn with_clock(builder: SessionStateBuilder, instant: DateTime<Utc>) -> SessionStateBuilder {
    let mut builder = builder;
    builder
        .scalar_functions()
        .get_or_insert_default()
        .extend(functions(Some(instant)));
    builder
}

/// The functions, standing at `instant` or at each statement's start.
pub(crate) fn functions(instant: Option<DateTime<Utc>>) -> impl Iterator<Item = Arc<ScalarUDF>> {
    READINGS.iter().zip(ENTRIES).map(move |(reading, entry)| {
        Arc::new(ScalarUDF::new_from_impl(Clock {
            name: entry.name,
            aliases: entry.aliases.iter().map(|&name| name.to_owned()).collect(),
            reading: *reading,
            instant,
            signature: Signature::one_of(
                vec![
                    TypeSignature::Nullary,
                    TypeSignature::Exact(vec![DataType::Int64]),
                ],
                Volatility::Stable,
            ),
        }))
    })
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Clock {
    name: &'static str,
    aliases: Vec<String>,
    reading: Reading,
    instant: Option<DateTime<Utc>>,
    signature: Signature,
}

impl Clock {
    fn read(&self, start: Option<DateTime<Utc>>) -> ScalarValue {
        let now = self.instant.or(start).unwrap_or_else(Utc::now);
        match self.reading {
            Reading::Timestamp => {
                ScalarValue::TimestampMicrosecond(Some(now.timestamp_micros()), None)
            }
            Reading::Date => ScalarValue::Date32(Some(now.date_naive().to_epoch_days())),
            Reading::Time => {
                let time = now.time();
                let nanos = i64::from(time.num_seconds_from_midnight()) * 1_000_000_000
                    + i64::from(time.nanosecond() % 1_000_000_000);
                ScalarValue::Time64Nanosecond(Some(nanos))
            }
        }
    }
}

impl ScalarUDFImpl for Clock {
    fn name(&self) -> &str {
        self.name
    }

    fn aliases(&self) -> &[String] {
        &self.aliases
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(match self.reading {
            Reading::Timestamp => TIMESTAMP,
            Reading::Date => DataType::Date32,
            Reading::Time => DataType::Time64(arrow::datatypes::TimeUnit::Nanosecond),
        })
    }

    fn simplify(&self, _: Vec<Expr>, context: &SimplifyContext) -> Result<ExprSimplifyResult> {
        let value = self.read(context.query_execution_start_time());
        Ok(ExprSimplifyResult::Simplified(Expr::Literal(value, None)))
    }

    fn invoke_with_args(&self, _: ScalarFunctionArgs) -> Result<ColumnarValue> {
        Ok(ColumnarValue::Scalar(self.read(None)))
    }
}
