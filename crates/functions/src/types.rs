//! [`Types`]: which Arrow type holds a SQL type's values.
//!
//! <https://docs.snowflake.com/en/sql-reference/intro-summary-data-types>

use std::collections::HashMap;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, FieldRef, TimeUnit};
use datafusion::common::{Result, not_impl_err, plan_err};
use datafusion::logical_expr::planner::TypePlanner;
use datafusion::sql::sqlparser::ast::{
    self, ArrayElemTypeDef, CharacterLength, ExactNumberInfo, TimezoneInfo,
};

use crate::scalar::{TIMESTAMP, instant};
use crate::variant::cast::CARRIER;
use crate::zoned::zoned;

/// The metadata key under which a cast's field says how many characters its text may have.
const LENGTH: &str = "sluice.length";

/// The metadata key under which a field says which of the types that share a carrier it has (decision 0008).
pub const LOGICAL_TYPE: &str = "sluice.type";

/// The metadata of a field of `logical` type.
pub(crate) fn logical_metadata(logical: &str) -> HashMap<String, String> {
    HashMap::from([(LOGICAL_TYPE.to_owned(), logical.to_owned())])
}

/// Which of the types that share a carrier a field has, if it says so.
pub(crate) fn logical_type(field: &Field) -> Option<&str> {
    field.metadata().get(LOGICAL_TYPE).map(String::as_str)
}

/// What VARCHAR holds without a length.
const LONGEST: u64 = 16_777_216;

/// The metadata key under which a cast's field says how many digits of a second a moment has.
pub(crate) const DIGITS: &str = "sluice.digits";

/// How many characters text of this field may have, if its type says so.
pub(crate) fn length(field: &Field) -> Option<i64> {
    field.metadata().get(LENGTH)?.parse().ok()
}

/// Plans the types of casts and column definitions.
#[derive(Debug)]
pub(crate) struct Types;

impl TypePlanner for Types {
    fn plan_type_field(&self, sql_type: &ast::DataType) -> Result<Option<FieldRef>> {
        let Some(data_type) = plan(sql_type)? else {
            return Ok(None);
        };
        let field = Field::new("", data_type, true);
        if let Some(logical) = logical(sql_type) {
            return Ok(Some(Arc::new(
                field.with_metadata(logical_metadata(logical)),
            )));
        }
        if let Some(digits) = declared_digits(sql_type)? {
            let metadata = [(DIGITS.to_owned(), digits.to_string())];
            return Ok(Some(Arc::new(field.with_metadata(metadata.into()))));
        }
        Ok(Some(Arc::new(match declared_length(sql_type) {
            Some(length) => field.with_metadata([(LENGTH.to_owned(), length.to_string())].into()),
            None => field,
        })))
    }
}

/// The name of a type that shares its carrier with others.
fn logical(sql_type: &ast::DataType) -> Option<&'static str> {
    use ast::DataType as Sql;
    match sql_type {
        Sql::Array(_) => Some("ARRAY"),
        Sql::Custom(name, _) => {
            let name = name.to_string();
            ["VARIANT", "OBJECT"]
                .into_iter()
                .find(|logical| name.eq_ignore_ascii_case(logical))
        }
        _ => None,
    }
}

/// How many digits of a second a moment of this field has, if its type says so.
pub(crate) fn digits(field: &Field) -> Option<u32> {
    field.metadata().get(DIGITS)?.parse().ok()
}

fn declared_digits(sql_type: &ast::DataType) -> Result<Option<u64>> {
    use ast::DataType as Sql;
    let digits = match sql_type {
        Sql::Time(digits, _)
        | Sql::Timestamp(digits, _)
        | Sql::TimestampNtz(digits)
        | Sql::Datetime(digits) => *digits,
        Sql::Custom(name, arguments) => {
            let name = name.to_string().to_ascii_uppercase();
            match arguments.as_slice() {
                [digits] if name.starts_with("TIMESTAMP") || name == "DATETIME" => {
                    Some(digits.trim().parse().unwrap_or(u64::MAX))
                }
                _ => None,
            }
        }
        _ => None,
    };
    match digits {
        Some(digits) if digits > 9 => {
            plan_err!("{sql_type} is no type: a second has 0 to 9 digits")
        }
        digits => Ok(digits),
    }
}

fn declared_length(sql_type: &ast::DataType) -> Option<u64> {
    use ast::DataType as Sql;
    let declared = match sql_type {
        Sql::Varchar(length)
        | Sql::Nvarchar(length)
        | Sql::CharVarying(length)
        | Sql::CharacterVarying(length) => (*length)?,
        Sql::Char(None) | Sql::Character(None) => return Some(1),
        Sql::Char(Some(length)) | Sql::Character(Some(length)) => *length,
        Sql::String(length) => return *length,
        _ => return None,
    };
    match declared {
        CharacterLength::IntegerLength { length, .. } => Some(length).filter(|n| *n < LONGEST),
        CharacterLength::Max => None,
    }
}

fn plan(sql_type: &ast::DataType) -> Result<Option<DataType>> {
    use ast::DataType as Sql;
    Ok(Some(match sql_type {
        Sql::Numeric(info) | Sql::Decimal(info) | Sql::Dec(info) => number(info)?,
        // Snowflake's are NUMBER(38,0); 64 bits hold every value met in practice, and others are
        // refused instead of wrapped.
        Sql::Int(_)
        | Sql::Integer(_)
        | Sql::BigInt(_)
        | Sql::SmallInt(_)
        | Sql::TinyInt(_)
        | Sql::Int2(_)
        | Sql::Int4(_)
        | Sql::Int8(_) => DataType::Int64,
        Sql::Float(_)
        | Sql::Float4
        | Sql::Float8
        | Sql::Real
        | Sql::Double(_)
        | Sql::DoublePrecision
        | Sql::Float64 => DataType::Float64,
        Sql::Varchar(_)
        | Sql::Nvarchar(_)
        | Sql::Char(_)
        | Sql::Character(_)
        | Sql::CharVarying(_)
        | Sql::CharacterVarying(_)
        | Sql::Text
        | Sql::String(_) => DataType::Utf8,
        Sql::Boolean | Sql::Bool => DataType::Boolean,
        Sql::Binary(_) | Sql::Varbinary(_) | Sql::Bytea => DataType::Binary,
        Sql::Date => DataType::Date32,
        Sql::Time(_, TimezoneInfo::None | TimezoneInfo::WithoutTimeZone) => {
            DataType::Time64(TimeUnit::Nanosecond)
        }
        Sql::Datetime(_)
        | Sql::TimestampNtz(_)
        | Sql::Timestamp(_, TimezoneInfo::None | TimezoneInfo::WithoutTimeZone) => TIMESTAMP,
        Sql::Timestamp(_, TimezoneInfo::Tz | TimezoneInfo::WithTimeZone) => zoned(),
        Sql::Array(ArrayElemTypeDef::None) => CARRIER,
        Sql::Array(_) => {
            return not_impl_err!(
                "Structured types such as ARRAY(NUMBER) are not supported yet: use ARRAY"
            );
        }
        Sql::Custom(name, arguments) => return custom(&name.to_string(), arguments),
        _ => return Ok(None),
    }))
}

fn number(info: &ExactNumberInfo) -> Result<DataType> {
    match *info {
        ExactNumberInfo::None => decimal(38, 0),
        ExactNumberInfo::Precision(precision) => decimal(i64::try_from(precision).unwrap_or(0), 0),
        ExactNumberInfo::PrecisionAndScale(precision, scale) => {
            decimal(i64::try_from(precision).unwrap_or(0), scale)
        }
    }
}

/// `NUMBER(precision, scale)`.
pub(crate) fn decimal(precision: i64, scale: i64) -> Result<DataType> {
    if !(1..=38).contains(&precision) || !(0..=precision.min(37)).contains(&scale) {
        return plan_err!(
            "NUMBER({precision},{scale}) is no type: the precision is 1 to 38, the scale 0 to the precision and at most 37"
        );
    }
    let (Ok(precision), Ok(scale)) = (u8::try_from(precision), i8::try_from(scale)) else {
        return plan_err!("NUMBER({precision},{scale}) is no type");
    };
    Ok(DataType::Decimal128(precision, scale))
}

fn custom(name: &str, arguments: &[String]) -> Result<Option<DataType>> {
    Ok(Some(match name.to_ascii_uppercase().as_str() {
        "NUMBER" => {
            let mut numbers = arguments.iter().map(|text| text.trim().parse::<i64>());
            let (precision, scale) = (numbers.next(), numbers.next());
            match (precision, scale) {
                (None, _) => decimal(38, 0)?,
                (Some(Ok(precision)), None) => decimal(precision, 0)?,
                (Some(Ok(precision)), Some(Ok(scale))) => decimal(precision, scale)?,
                _ => return plan_err!("NUMBER({}) is no type", arguments.join(",")),
            }
        }
        "BYTEINT" => DataType::Int64,
        "STRING" | "NCHAR" | "NVARCHAR" | "NVARCHAR2" => DataType::Utf8,
        "DATETIME" | "TIMESTAMP_NTZ" | "TIMESTAMPNTZ" => TIMESTAMP,
        "TIMESTAMP_LTZ" | "TIMESTAMPLTZ" => instant(),
        "TIMESTAMP_TZ" | "TIMESTAMPTZ" => zoned(),
        "VARIANT" | "OBJECT" if arguments.is_empty() => CARRIER,
        "OBJECT" => {
            return not_impl_err!(
                "Structured types such as OBJECT(A NUMBER) are not supported yet: use OBJECT"
            );
        }
        "GEOGRAPHY" => DataType::LargeBinary,
        "GEOMETRY" | "VECTOR" | "MAP" => {
            return not_impl_err!("Type {name} is not supported yet");
        }
        _ => return Ok(None),
    }))
}
