//! [`Fine`]: constants with more than six digits of a second keep them, in a type of their own (decision 0012).

use arrow::datatypes::{DataType, TimeUnit};
use chrono::NaiveDateTime;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::Transformed;
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::expr::Cast;
use datafusion::logical_expr::{Expr, LogicalPlan};
use datafusion::optimizer::AnalyzerRule;

use crate::coercion::{holds, rewrite};
use crate::parameters::Parameters;
use crate::scalar::TIMESTAMP;
use crate::types::digits;

/// Wall clock to the nanosecond, from 1677 to 2262.
pub(crate) const FINE: DataType = DataType::Timestamp(TimeUnit::Nanosecond, None);

/// Whether text has a seventh to ninth digit behind its point that is not zero.
pub(crate) fn is_fine(text: &str) -> bool {
    let Some((_, fraction)) = text.split_once('.') else {
        return false;
    };
    fraction
        .bytes()
        .take_while(u8::is_ascii_digit)
        .take(9)
        .skip(6)
        .any(|digit| digit != b'0')
}

/// The nanoseconds of a moment, if 64 bits hold them.
pub(crate) fn nanos(moment: NaiveDateTime) -> Option<i64> {
    moment.and_utc().timestamp_nanos_opt()
}

/// Reads constant text that is cast to TIMESTAMP_NTZ with all its digits.
#[derive(Debug)]
pub(crate) struct Fine;

impl AnalyzerRule for Fine {
    fn name(&self) -> &str {
        "snowflake_nine_digits"
    }

    fn analyze(&self, plan: LogicalPlan, options: &ConfigOptions) -> Result<LogicalPlan> {
        let is_text = |expr: &Expr| match expr {
            Expr::Literal(ScalarValue::Utf8(Some(text)), _) => is_fine(text),
            _ => false,
        };
        if !holds(&plan, &|_| false, &is_text)? {
            return Ok(plan);
        }
        let parameters = Parameters::of(options);
        rewrite(plan, &|expr, _| {
            let Expr::Cast(Cast { expr: inner, field }) = &expr else {
                return Ok(Transformed::no(expr));
            };
            let Expr::Literal(ScalarValue::Utf8(Some(text)), _) = inner.as_ref() else {
                return Ok(Transformed::no(expr));
            };
            let keeps_all = digits(field).is_none_or(|digits| digits == 9);
            if *field.data_type() != TIMESTAMP || !keeps_all || !is_fine(text) {
                return Ok(Transformed::no(expr));
            }
            let moment = parameters.read_timestamp(text);
            Ok(match moment.and_then(|(wall, _)| nanos(wall)) {
                Some(nanos) => {
                    let value = ScalarValue::TimestampNanosecond(Some(nanos), None);
                    Transformed::yes(Expr::Literal(value, None))
                }
                None => Transformed::no(expr),
            })
        })
    }
}
