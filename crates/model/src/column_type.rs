//! The warehouse's column types, as Snowflake names them
//! (<https://docs.snowflake.com/en/sql-reference/intro-summary-data-types>).

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A column type. `VARCHAR` without a length is `Varchar`; synonyms are resolved when parsing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum ColumnType {
    /// `NUMBER(precision, scale)`, precision 1 to 38, scale 0 to 37.
    Number {
        /// Digits in all.
        precision: u8,
        /// Digits after the point.
        scale: u8,
    },
    /// `FLOAT`: IEEE 754 double.
    Float,
    /// `VARCHAR`.
    Varchar,
    /// `BOOLEAN`.
    Boolean,
    /// `DATE`.
    Date,
    /// `TIME`.
    Time,
    /// `TIMESTAMP_NTZ`: wall clock, no zone.
    TimestampNtz,
    /// `TIMESTAMP_LTZ`: an instant shown in the session's zone.
    TimestampLtz,
    /// `TIMESTAMP_TZ`: an instant with its own offset.
    TimestampTz,
    /// `BINARY`.
    Binary,
    /// `VARIANT`: any JSON value.
    Variant,
}

/// The text names no column type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParseColumnTypeError(String);

impl fmt::Display for ParseColumnTypeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for ParseColumnTypeError {}

impl FromStr for ColumnType {
    type Err = ParseColumnTypeError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let upper = text.trim().to_uppercase();
        let (word, arguments) = match upper.split_once('(') {
            Some((word, rest)) => (
                word.trim(),
                Some(rest.trim_end().strip_suffix(')').ok_or_else(|| {
                    ParseColumnTypeError(format!("`{text}` lacks its closing bracket"))
                })?),
            ),
            None => (upper.as_str(), None),
        };
        let kind = match word {
            "NUMBER" | "DECIMAL" | "NUMERIC" | "DEC" => return number(text, arguments),
            "INT" | "INTEGER" | "BIGINT" | "SMALLINT" | "TINYINT" | "BYTEINT" => Self::Number {
                precision: 38,
                scale: 0,
            },
            "FLOAT" | "FLOAT4" | "FLOAT8" | "DOUBLE" | "DOUBLE PRECISION" | "REAL" => Self::Float,
            "VARCHAR" | "STRING" | "TEXT" | "CHAR" | "CHARACTER" => Self::Varchar,
            "BOOLEAN" | "BOOL" => Self::Boolean,
            "DATE" => Self::Date,
            "TIME" => Self::Time,
            "TIMESTAMP" | "TIMESTAMP_NTZ" | "DATETIME" => Self::TimestampNtz,
            "TIMESTAMP_LTZ" => Self::TimestampLtz,
            "TIMESTAMP_TZ" => Self::TimestampTz,
            "BINARY" | "VARBINARY" => Self::Binary,
            "VARIANT" => Self::Variant,
            _ => {
                return Err(ParseColumnTypeError(format!(
                    "`{text}` is not a column type"
                )));
            }
        };
        match arguments {
            None => Ok(kind),
            Some(_) => Err(ParseColumnTypeError(format!(
                "`{text}`: only NUMBER takes arguments here"
            ))),
        }
    }
}

fn number(text: &str, arguments: Option<&str>) -> Result<ColumnType, ParseColumnTypeError> {
    let wrong = || {
        ParseColumnTypeError(format!(
            "`{text}`: NUMBER takes a precision from 1 to 38 and a scale from 0 to that, at most 37"
        ))
    };
    let Some(arguments) = arguments else {
        return Ok(ColumnType::Number {
            precision: 38,
            scale: 0,
        });
    };
    let mut parts = arguments.split(',').map(|part| part.trim().parse::<u8>());
    let precision = parts.next().and_then(Result::ok).ok_or_else(wrong)?;
    let scale = parts.next().transpose().map_err(|_| wrong())?.unwrap_or(0);
    let in_range = (1..=38).contains(&precision) && scale <= precision && scale <= 37;
    if !in_range || parts.next().is_some() {
        return Err(wrong());
    }
    Ok(ColumnType::Number { precision, scale })
}

impl TryFrom<String> for ColumnType {
    type Error = ParseColumnTypeError;

    fn try_from(text: String) -> Result<Self, ParseColumnTypeError> {
        text.parse()
    }
}

impl From<ColumnType> for String {
    fn from(kind: ColumnType) -> Self {
        kind.to_string()
    }
}

impl fmt::Display for ColumnType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number { precision, scale } => write!(f, "NUMBER({precision},{scale})"),
            Self::Float => f.write_str("FLOAT"),
            Self::Varchar => f.write_str("VARCHAR"),
            Self::Boolean => f.write_str("BOOLEAN"),
            Self::Date => f.write_str("DATE"),
            Self::Time => f.write_str("TIME"),
            Self::TimestampNtz => f.write_str("TIMESTAMP_NTZ"),
            Self::TimestampLtz => f.write_str("TIMESTAMP_LTZ"),
            Self::TimestampTz => f.write_str("TIMESTAMP_TZ"),
            Self::Binary => f.write_str("BINARY"),
            Self::Variant => f.write_str("VARIANT"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::ColumnType;

    #[test]
    fn parses_synonyms_and_refuses_nonsense() {
        let number = |precision, scale| ColumnType::Number { precision, scale };
        assert_eq!("decimal(18, 2)".parse(), Ok(number(18, 2)));
        assert_eq!("int".parse(), Ok(number(38, 0)));
        assert_eq!("text".parse(), Ok(ColumnType::Varchar));
        assert!("number(39)".parse::<ColumnType>().is_err());
        assert!("number(10,11)".parse::<ColumnType>().is_err());
        assert!("money".parse::<ColumnType>().is_err());
        assert_eq!(number(38, 10).to_string(), "NUMBER(38,10)");
    }
}
