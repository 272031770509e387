//! What a VARIANT holds: TYPEOF, IS_…, AS_….
//!
//! <https://docs.snowflake.com/en/sql-reference/functions/typeof>
//! <https://docs.snowflake.com/en/sql-reference/functions/is>
//! <https://docs.snowflake.com/en/sql-reference/functions/as>

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, LargeStringArray};
use arrow::datatypes::DataType;
use datafusion::common::{Result, ScalarValue, plan_err};

use crate::conversion::Failure;
use crate::scalar::{Call, Function, Kind as Parameter, Returns};
use crate::types::decimal;
use crate::variant::cast::from_variant;
use crate::variant::{Kind, kind};

const ANY: &[Parameter] = &[Parameter::Variant];

pub(super) const FUNCTIONS: &[Function] = &[
    Function::kernel("typeof", "typeof(value)", ANY, Returns::Text, |call| {
        let values = call.variant(0)?;
        call.texts(|row| Ok(values.get(row).and_then(name)))
    })
    .note("dates and times in a VARIANT are text"),
    is("is_array", "is_array(value)", |call| {
        holds(call, |kind| kind == Kind::Array)
    }),
    is("is_object", "is_object(value)", |call| {
        holds(call, |kind| kind == Kind::Object)
    }),
    is("is_boolean", "is_boolean(value)", |call| {
        holds(call, |kind| kind == Kind::Boolean)
    }),
    is("is_varchar", "is_varchar(value)", |call| {
        holds(call, |kind| kind == Kind::Text)
    })
    .aliases(&["is_char"]),
    is("is_integer", "is_integer(value)", |call| {
        holds(call, |kind| kind == Kind::Integer)
    }),
    is("is_decimal", "is_decimal(value)", |call| {
        holds(call, |kind| matches!(kind, Kind::Integer | Kind::Decimal))
    }),
    is("is_double", "is_double(value)", |call| {
        holds(call, |kind| {
            matches!(kind, Kind::Integer | Kind::Decimal | Kind::Double)
        })
    })
    .aliases(&["is_real"]),
    is("is_null_value", "is_null_value(value)", |call| {
        holds(call, |kind| kind == Kind::Null)
    })
    .note("true for JSON's null only"),
    Function::kernel("as_array", "as_array(value)", ANY, Returns::Array, |call| {
        narrowed(call, |kind| kind == Kind::Array)
    }),
    Function::kernel(
        "as_object",
        "as_object(value)",
        ANY,
        Returns::Object,
        |call| narrowed(call, |kind| kind == Kind::Object),
    ),
    Function::kernel(
        "as_boolean",
        "as_boolean(value)",
        ANY,
        Returns::Boolean,
        |call| narrowed(call, |kind| kind == Kind::Boolean),
    ),
    Function::kernel(
        "as_varchar",
        "as_varchar(value)",
        ANY,
        Returns::Text,
        |call| narrowed(call, |kind| kind == Kind::Text),
    )
    .aliases(&["as_char"]),
    Function::kernel(
        "as_integer",
        "as_integer(value)",
        ANY,
        Returns::With(|_, _| decimal(38, 0)),
        |call| narrowed(call, |kind| kind == Kind::Integer),
    ),
    Function::kernel(
        "as_double",
        "as_double(value)",
        ANY,
        Returns::Float,
        |call| {
            narrowed(call, |kind| {
                matches!(kind, Kind::Integer | Kind::Decimal | Kind::Double)
            })
        },
    )
    .aliases(&["as_real"]),
    Function::kernel(
        "as_decimal",
        "as_decimal(value [, precision [, scale]])",
        &[Parameter::Variant, Parameter::Integer, Parameter::Integer],
        Returns::With(decimal_type),
        |call| narrowed(call, |kind| matches!(kind, Kind::Integer | Kind::Decimal)),
    )
    .aliases(&["as_number"])
    .required(1),
    no_kind("is_date"),
    no_kind("is_time"),
    no_kind("is_timestamp_ntz"),
    no_kind("is_timestamp_ltz"),
    no_kind("is_timestamp_tz"),
    no_kind("is_binary"),
    no_kind("as_date"),
    no_kind("as_time"),
    no_kind("as_timestamp_ntz"),
    no_kind("as_timestamp_ltz"),
    no_kind("as_timestamp_tz"),
    no_kind("as_binary"),
];

const fn is(
    name: &'static str,
    syntax: &'static str,
    body: fn(&Call) -> Result<ArrayRef>,
) -> Function {
    Function::kernel(name, syntax, ANY, Returns::Boolean, body)
}

/// What VARIANT keeps as text here cannot be told from text.
const fn no_kind(name: &'static str) -> Function {
    Function::kernel(
        name,
        "not supported",
        ANY,
        Returns::With(|_, _| {
            plan_err!(
                "A VARIANT keeps dates, times and bytes as text, so their kinds cannot be told apart: cast it, for example with `::date`, or use TRY_TO_DATE"
            )
        }),
        |_| plan_err!("not supported"),
    )
    .note("refused: VARIANT keeps dates, times and bytes as text")
}

fn name(value: &str) -> Option<&'static str> {
    Some(match kind(value) {
        Kind::Undefined => return None,
        Kind::Null => "NULL_VALUE",
        Kind::Boolean => "BOOLEAN",
        Kind::Integer => "INTEGER",
        Kind::Decimal => "DECIMAL",
        Kind::Double => "DOUBLE",
        Kind::Text => "VARCHAR",
        Kind::Array => "ARRAY",
        Kind::Object => "OBJECT",
    })
}

fn holds(call: &Call, wanted: impl Fn(Kind) -> bool) -> Result<ArrayRef> {
    let values = call.variant(0)?;
    call.booleans(|row| Ok(values.get(row).map(|value| wanted(kind(value)))))
}

/// The values of the wanted kinds in the announced type, NULL for others.
fn narrowed(call: &Call, wanted: impl Fn(Kind) -> bool) -> Result<ArrayRef> {
    let values = call.variant(0)?;
    let kept: LargeStringArray = (0..call.rows())
        .map(|row| values.get(row).filter(|value| wanted(kind(value))))
        .collect();
    if *call.returns() == DataType::LargeUtf8 {
        return Ok(Arc::new(kept));
    }
    let converted = from_variant(&kept, call.returns(), Failure::Error, &call.parameters())?;
    debug_assert_eq!(converted.len(), kept.len());
    Ok(converted)
}

fn decimal_type(types: &[DataType], constants: &[Option<&ScalarValue>]) -> Result<DataType> {
    let number = |at: usize, missing: i64| {
        if at >= types.len() {
            return Ok(missing);
        }
        match constants.get(at).copied().flatten() {
            Some(ScalarValue::Int64(Some(number))) => Ok(*number),
            _ => plan_err!("AS_DECIMAL takes a constant precision and scale"),
        }
    };
    decimal(number(1, 38)?, number(2, 0)?)
}
