//! Functions that read the clock: the statement's instant, or the one [`with_clock`] sets.
//!
//! <https://docs.snowflake.com/en/sql-reference/functions-context>

use std::sync::Arc;

use arrow::datatypes::DataType;
use chrono::{DateTime, Timelike, Utc};
use datafusion::common::{Result, ScalarValue, plan_err};
use datafusion::execution::session_state::SessionStateBuilder;
use datafusion::logical_expr::simplify::{ExprSimplifyResult, SimplifyContext};
use datafusion::logical_expr::{
    ColumnarValue, Expr, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, TypeSignature,
    Volatility,
};

use crate::catalogue::Entry;
use crate::parameters::Parameters;
use crate::scalar::{TIMESTAMP, instant, nanos_of_day};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Reading {
    /// An instant: what it shows depends on where it is read.
    Timestamp,
    Date,
    Time,
    Utc,
}

const READINGS: &[Reading] = &[
    Reading::Timestamp,
    Reading::Date,
    Reading::Time,
    Reading::Utc,
];

pub(crate) const ENTRIES: &[Entry] = &[
    Entry {
        name: "current_timestamp",
        aliases: &["localtimestamp", "getdate", "systimestamp"],
        family: "context",
        syntax: "current_timestamp([precision])",
        note: "the statement's start, TIMESTAMP_LTZ",
    },
    Entry {
        name: "current_date",
        aliases: &[],
        family: "context",
        syntax: "current_date()",
        note: "the day by the session's wall clock",
    },
    Entry {
        name: "current_time",
        aliases: &["localtime"],
        family: "context",
        syntax: "current_time([precision])",
        note: "the time of day by the session's wall clock",
    },
    Entry {
        name: "sysdate",
        aliases: &[],
        family: "context",
        syntax: "sysdate()",
        note: "the statement's start in UTC, TIMESTAMP_NTZ",
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
    /// What the clock shows, with no more than `precision` digits of a second.
    fn read(
        &self,
        start: Option<DateTime<Utc>>,
        parameters: &Parameters,
        precision: u32,
    ) -> ScalarValue {
        let now = self.instant.or(start).unwrap_or_else(Utc::now).naive_utc();
        let wall = match self.reading {
            Reading::Utc | Reading::Timestamp => now,
            _ => parameters.local(now),
        };
        let step = 10_u32.pow(9 - precision.min(9));
        let wall = wall
            .with_nanosecond(wall.nanosecond() / step * step)
            .unwrap_or(wall);
        match self.reading {
            Reading::Timestamp => ScalarValue::TimestampMicrosecond(
                Some(wall.and_utc().timestamp_micros()),
                Some("UTC".into()),
            ),
            Reading::Utc => {
                ScalarValue::TimestampMicrosecond(Some(wall.and_utc().timestamp_micros()), None)
            }
            Reading::Date => ScalarValue::Date32(Some(wall.date().to_epoch_days())),
            Reading::Time => ScalarValue::Time64Nanosecond(Some(nanos_of_day(wall.time()))),
        }
    }
}

/// How many digits of a second a call asks for.
fn precision<'a>(args: impl IntoIterator<Item = Option<&'a ScalarValue>>) -> Result<u32> {
    match args.into_iter().next() {
        None => Ok(9),
        Some(Some(value)) => match value.cast_to(&DataType::UInt32)? {
            ScalarValue::UInt32(Some(digits)) if digits <= 9 => Ok(digits),
            _ => plan_err!("A clock's precision is 0 to 9 digits, not {value}"),
        },
        Some(None) => plan_err!("A clock's precision is a constant"),
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
            Reading::Timestamp => instant(),
            Reading::Utc => TIMESTAMP,
            Reading::Date => DataType::Date32,
            Reading::Time => DataType::Time64(arrow::datatypes::TimeUnit::Nanosecond),
        })
    }

    fn simplify(&self, args: Vec<Expr>, context: &SimplifyContext) -> Result<ExprSimplifyResult> {
        let parameters = Parameters::of(context.config_options());
        let start = context.query_execution_start_time();
        let constants = args.iter().map(Expr::as_literal);
        let value = self.read(start, &parameters, precision(constants)?);
        Ok(ExprSimplifyResult::Simplified(Expr::Literal(value, None)))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let parameters = Parameters::of(&args.config_options);
        let constants = args.args.iter().map(|arg| match arg {
            ColumnarValue::Scalar(value) => Some(value),
            ColumnarValue::Array(_) => None,
        });
        let precision = precision(constants)?;
        Ok(ColumnarValue::Scalar(self.read(
            None,
            &parameters,
            precision,
        )))
    }
}
