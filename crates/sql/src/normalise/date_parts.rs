//! `dateadd(day, …)`: date parts written as bare words become texts.
//!
//! Snowflake takes a part as word or text, in many spellings
//! (<https://docs.snowflake.com/en/sql-reference/functions-date-time#supported-date-and-time-parts>).

use diagnostic::{Error, Place, Result, codes};
use sqlparser::ast::{
    Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments, ObjectNamePart, Spanned, Value,
};

use super::like::call;
use crate::Statement;

/// Functions whose first argument is a part.
const FIRST: &[&str] = &[
    "DATEADD",
    "TIMEADD",
    "TIMESTAMPADD",
    "DATEDIFF",
    "TIMEDIFF",
    "TIMESTAMPDIFF",
    "DATE_TRUNC",
    "DATE_PART",
];

/// Functions whose last argument is a part.
const LAST: &[&str] = &["TRUNC", "LAST_DAY", "TIME_SLICE"];

pub(super) const PARTS: &[&str] = &[
    "YEAR",
    "Y",
    "YY",
    "YYY",
    "YYYY",
    "YR",
    "YEARS",
    "YRS",
    "MONTH",
    "MM",
    "MON",
    "MONS",
    "MONTHS",
    "DAY",
    "D",
    "DD",
    "DAYS",
    "DAYOFMONTH",
    "DAYOFWEEK",
    "WEEKDAY",
    "DOW",
    "DW",
    "DAYOFWEEKISO",
    "DAYOFWEEK_ISO",
    "WEEKDAY_ISO",
    "DOW_ISO",
    "DW_ISO",
    "DAYOFYEAR",
    "YEARDAY",
    "DOY",
    "DY",
    "WEEK",
    "W",
    "WK",
    "WEEKS",
    "WEEKOFYEAR",
    "WOY",
    "WY",
    "WEEKISO",
    "WEEK_ISO",
    "WEEKOFYEARISO",
    "WEEKOFYEAR_ISO",
    "QUARTER",
    "Q",
    "QTR",
    "QTRS",
    "QUARTERS",
    "YEAROFWEEK",
    "YEAROFWEEKISO",
    "HOUR",
    "H",
    "HH",
    "HR",
    "HOURS",
    "HRS",
    "MINUTE",
    "M",
    "MI",
    "MIN",
    "MINUTES",
    "MINS",
    "SECOND",
    "S",
    "SEC",
    "SECONDS",
    "SECS",
    "MILLISECOND",
    "MS",
    "MSEC",
    "MILLISECONDS",
    "MICROSECOND",
    "US",
    "USEC",
    "MICROSECONDS",
    "NANOSECOND",
    "NS",
    "NSEC",
    "NANOSEC",
    "NSECOND",
    "NANOSECONDS",
    "NANOSECS",
    "NSECONDS",
    "EPOCH_SECOND",
    "EPOCH",
    "EPOCH_SECONDS",
    "EPOCH_MILLISECOND",
    "EPOCH_MILLISECONDS",
    "EPOCH_MICROSECOND",
    "EPOCH_MICROSECONDS",
    "EPOCH_NANOSECOND",
    "EPOCH_NANOSECONDS",
    "TIMEZONE_HOUR",
    "TZH",
    "TIMEZONE_MINUTE",
    "TZM",
];

/// Turns the part of a date function from a word into a text, and EXTRACT into DATE_PART.
pub(super) fn quote(expr: &mut Expr, statement: &Statement) -> Result<()> {
    match expr {
        Expr::Function(function) => quote_argument(function, statement),
        Expr::Extract {
            field, expr: value, ..
        } => {
            let part = field.to_string().trim_matches('\'').to_owned();
            if !PARTS.contains(&part.to_uppercase().as_str()) {
                return Err(unknown(&part, statement.place(value.span())));
            }
            let part = Expr::value(Value::SingleQuotedString(part.to_lowercase()));
            *expr = call("DATE_PART", [part, value.as_ref().clone()]);
            Ok(())
        }
        _ => Ok(()),
    }
}

fn quote_argument(function: &mut Function, statement: &Statement) -> Result<()> {
    let [ObjectNamePart::Identifier(name)] = function.name.0.as_slice() else {
        return Ok(());
    };
    let name = name.value.to_uppercase();
    let FunctionArguments::List(list) = &mut function.args else {
        return Ok(());
    };
    let first = FIRST.contains(&name.as_str());
    let argument = if first {
        list.args.first_mut()
    } else if LAST.contains(&name.as_str()) && list.args.len() > 1 {
        list.args.last_mut()
    } else {
        None
    };
    let Some(FunctionArg::Unnamed(FunctionArgExpr::Expr(expr))) = argument else {
        return Ok(());
    };
    let Expr::Identifier(word) = expr else {
        return Ok(());
    };
    // `trunc(x, y)` may well be a number and its scale: there a part has at least three letters.
    let part = name != "TRUNC" || word.value.len() > 2;
    if part && word.quote_style.is_none() && PARTS.contains(&word.value.to_uppercase().as_str()) {
        *expr = Expr::value(Value::SingleQuotedString(word.value.to_lowercase()));
    } else if first {
        return Err(unknown(&word.value, statement.place(word.span)));
    }
    Ok(())
}

fn unknown(part: &str, place: Place) -> Error {
    Error::new(codes::S1002, format!("`{part}` is not a date or time part"))
        .at(place)
        .suggest(part, PARTS.iter().copied())
}
