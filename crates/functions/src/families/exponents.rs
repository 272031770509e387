//! Exponents, logarithms and trigonometry over floating-point numbers. A place where a function is not
//! defined is an error, as in Snowflake, not a NaN.
//!
//! <https://docs.snowflake.com/en/sql-reference/functions-numeric#exponent-root>
//! <https://docs.snowflake.com/en/sql-reference/functions-numeric#trigonometric>

use arrow::array::ArrayRef;
use arrow::datatypes::DataType;
use datafusion::common::{Result, exec_err};

use crate::scalar::{Call, Function, Kind, Returns};
use crate::text::number::float_text;

macro_rules! of_one {
    ($name:literal, $value:expr) => {
        Function::kernel(
            $name,
            concat!($name, "(number)"),
            &[Kind::Float],
            Returns::Float,
            |call| one(call, $name, $value),
        )
    };
}

macro_rules! of_two {
    ($name:literal, $syntax:literal, $value:expr) => {
        Function::kernel(
            $name,
            $syntax,
            &[Kind::Float, Kind::Float],
            Returns::Float,
            |call| two(call, $name, $value),
        )
    };
}

pub(super) const FUNCTIONS: &[Function] = &[
    of_one!("acos", f64::acos),
    of_one!("acosh", f64::acosh),
    of_one!("asin", f64::asin),
    of_one!("asinh", f64::asinh),
    of_one!("atan", f64::atan),
    of_two!("atan2", "atan2(y, x)", f64::atan2),
    of_one!("atanh", f64::atanh),
    of_one!("cbrt", f64::cbrt),
    of_one!("cos", f64::cos),
    of_one!("cosh", f64::cosh),
    Function::kernel(
        "cot",
        "cot(number)",
        &[Kind::Float],
        Returns::Float,
        |call| {
            // Infinite at 0, where other functions that have no finite value fail.
            let numbers = call.float(0)?;
            call.floats(|row| Ok(numbers.get(row).map(|number| number.tan().recip())))
        },
    ),
    of_one!("degrees", f64::to_degrees),
    of_one!("exp", f64::exp),
    of_one!("ln", f64::ln),
    // A quotient of logarithms is not exact where the result is whole.
    of_two!(
        "log",
        "log(base, number)",
        |base: f64, number: f64| match base {
            10.0 => number.log10(),
            2.0 => number.log2(),
            base => number.ln() / base.ln(),
        }
    ),
    of_two!("power", "power(base, exponent)", f64::powf).aliases(&["pow"]),
    of_one!("radians", f64::to_radians),
    of_one!("sin", f64::sin),
    of_one!("sinh", f64::sinh),
    of_one!("sqrt", f64::sqrt),
    of_one!("square", |number| number * number),
    of_one!("tan", f64::tan),
    of_one!("tanh", f64::tanh),
    Function::kernel("pi", "pi()", &[], Returns::Float, |call| {
        call.floats(|_| Ok(Some(std::f64::consts::PI)))
    }),
    Function::kernel(
        "factorial",
        "factorial(number)",
        &[Kind::Integer],
        Returns::With(|_, _| Ok(DataType::Decimal128(38, 0))),
        factorial,
    )
    .note("up to 33"),
];

/// `value`, or an error where finite numbers have no finite result.
fn defined(name: &str, arguments: &[f64], value: f64) -> Result<f64> {
    if value.is_finite() || arguments.iter().any(|argument| !argument.is_finite()) {
        return Ok(value);
    }
    let shown: Vec<String> = arguments
        .iter()
        .map(|argument| float_text(*argument))
        .collect();
    exec_err!(
        "Invalid floating point operation: {name}({})",
        shown.join(",")
    )
}

fn one(call: &Call, name: &str, value: impl Fn(f64) -> f64) -> Result<ArrayRef> {
    let numbers = call.float(0)?;
    call.floats(|row| {
        numbers
            .get(row)
            .map(|number| defined(name, &[number], value(number)))
            .transpose()
    })
}

fn two(call: &Call, name: &str, value: impl Fn(f64, f64) -> f64) -> Result<ArrayRef> {
    let (left, right) = (call.float(0)?, call.float(1)?);
    call.floats(|row| {
        let pair = left.get(row).zip(right.get(row));
        pair.map(|(left, right)| defined(name, &[left, right], value(left, right)))
            .transpose()
    })
}

fn factorial(call: &Call) -> Result<ArrayRef> {
    let numbers = call.integer(0)?;
    call.decimals(|row| match numbers.get(row) {
        None => Ok(None),
        Some(number @ 0..=33) => Ok(Some((1..=i128::from(number)).product())),
        Some(number) => exec_err!("FACTORIAL takes 0 to 33, not {number}"),
    })
}
