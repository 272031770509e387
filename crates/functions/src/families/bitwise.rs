//! Bitwise functions over whole numbers and bytes, and the arithmetic of bitmaps.
//!
//! <https://docs.snowflake.com/en/sql-reference/expressions-byte-bit>
//! <https://docs.snowflake.com/en/user-guide/querying-bitmaps-for-distinct-counts>

use arrow::array::ArrayRef;
use arrow::datatypes::DataType;
use datafusion::common::{Result, ScalarValue, exec_err, plan_err};

use crate::scalar::{Call, Function, Kind, Returns};

/// How many numbers one bitmap stands for.
const BITMAP: i64 = 32_768;

macro_rules! combining {
    ($name:literal, $aliases:expr, $integers:expr, $bytes:expr) => {
        Function::kernel(
            $name,
            concat!($name, "(left, right [, 'LEFT' | 'RIGHT'])"),
            &[Kind::Any, Kind::Any, Kind::Text],
            Returns::With(combined_type),
            |call| combined(call, $integers, $bytes),
        )
        .aliases($aliases)
        .required(2)
        .coerce(operands)
    };
}

pub(super) const FUNCTIONS: &[Function] = &[
    combining!("bitand", &["bit_and"], |l, r| l & r, |l, r| l & r),
    combining!("bitor", &["bit_or"], |l, r| l | r, |l, r| l | r),
    combining!("bitxor", &["bit_xor"], |l, r| l ^ r, |l, r| l ^ r),
    Function::kernel(
        "bitshiftleft",
        "bitshiftleft(number, bits)",
        &[Kind::Integer, Kind::Integer],
        Returns::With(|_, _| Ok(DataType::Decimal128(38, 0))),
        |call| shifted(call, |number, bits| number.checked_shl(bits).unwrap_or(0)),
    )
    .aliases(&["bit_shiftleft"])
    .note("over 128 bits"),
    Function::kernel(
        "bitshiftright",
        "bitshiftright(number, bits)",
        &[Kind::Integer, Kind::Integer],
        Returns::With(|_, _| Ok(DataType::Decimal128(38, 0))),
        |call| shifted(call, |number, bits| number >> bits.min(i128::BITS - 1)),
    )
    .aliases(&["bit_shiftright"]),
    Function::kernel(
        "bitnot",
        "bitnot(value)",
        &[Kind::Any],
        Returns::Argument(0),
        |call| match call.data_type(0)? {
            DataType::Binary => {
                let values = call.blob(0)?;
                call.binaries(|row| {
                    let value = values.get(row);
                    Ok(value.map(|value| value.iter().map(|byte| !byte).collect::<Vec<u8>>()))
                })
            }
            _ => {
                let numbers = call.integer(0)?;
                call.integers(|row| Ok(numbers.get(row).map(|number| !number)))
            }
        },
    )
    .aliases(&["bit_not"])
    .coerce(|types| match types {
        [value] => Ok(vec![operand(value)]),
        _ => plan_err!("BITNOT takes one value"),
    }),
    Function::kernel(
        "getbit",
        "getbit(number, place)",
        &[Kind::Integer, Kind::Integer],
        Returns::Integer,
        |call| {
            let (numbers, places) = (call.integer(0)?, call.integer(1)?);
            call.integers(|row| match numbers.get(row).zip(places.get(row)) {
                None => Ok(None),
                // Beyond the number's own bits stands its sign.
                Some((number, place @ 0..)) => Ok(Some(number >> place.min(63) & 1)),
                Some((_, place)) => exec_err!("GETBIT takes a place from 0 on, not {place}"),
            })
        },
    ),
    Function::kernel(
        "bitmap_bucket_number",
        "bitmap_bucket_number(number)",
        &[Kind::Integer],
        Returns::Integer,
        |call| {
            let numbers = call.integer(0)?;
            call.integers(|row| {
                Ok(numbers.get(row).map(|number| match number {
                    1.. => (number - 1) / BITMAP + 1,
                    _ => number / BITMAP,
                }))
            })
        },
    ),
    Function::kernel(
        "bitmap_bit_position",
        "bitmap_bit_position(number)",
        &[Kind::Integer],
        Returns::Integer,
        |call| {
            let numbers = call.integer(0)?;
            call.integers(|row| {
                Ok(numbers.get(row).map(|number| match number {
                    1.. => (number - 1) % BITMAP,
                    _ => (number % BITMAP).abs(),
                }))
            })
        },
    ),
    Function::kernel(
        "bitmap_count",
        "bitmap_count(bitmap)",
        &[Kind::Blob],
        Returns::Integer,
        |call| {
            let values = call.blob(0)?;
            call.integers(|row| {
                let value = values.get(row);
                Ok(value.map(|bytes| bytes.iter().map(|byte| i64::from(byte.count_ones())).sum()))
            })
        },
    )
    .note("of a bitmap of BITMAP_CONSTRUCT_AGG"),
];

fn operand(data_type: &DataType) -> DataType {
    match data_type {
        DataType::Binary => DataType::Binary,
        _ => DataType::Int64,
    }
}

fn operands(types: &[DataType]) -> Result<Vec<DataType>> {
    let mut coerced: Vec<DataType> = types.iter().take(2).map(operand).collect();
    if let [left, right] = coerced.as_slice()
        && left != right
    {
        return plan_err!("A number and bytes have no bits in common");
    }
    coerced.extend(types.get(2).map(|_| DataType::Utf8));
    Ok(coerced)
}

fn combined_type(types: &[DataType], _: &[Option<&ScalarValue>]) -> Result<DataType> {
    Ok(types.first().map_or(DataType::Int64, operand))
}

fn combined(
    call: &Call,
    integers: fn(i64, i64) -> i64,
    bytes: fn(u8, u8) -> u8,
) -> Result<ArrayRef> {
    if *call.data_type(0)? != DataType::Binary {
        let (left, right) = (call.integer(0)?, call.integer(1)?);
        return call.integers(|row| {
            let pair = left.get(row).zip(right.get(row));
            Ok(pair.map(|(left, right)| integers(left, right)))
        });
    }
    let (left, right, side) = (call.blob(0)?, call.blob(1)?, call.text_if_given(2)?);
    call.binaries(|row| {
        let (Some(left), Some(right)) = (left.get(row), right.get(row)) else {
            return Ok(None);
        };
        if left.len() == right.len() {
            return Ok(Some(zipped(left, right, bytes)));
        }
        let length = left.len().max(right.len());
        let pads_left = match side.as_ref().and_then(|side| side.get(row)) {
            Some(side) if side.eq_ignore_ascii_case("left") => true,
            Some(side) if side.eq_ignore_ascii_case("right") => false,
            Some(side) => return exec_err!("Bytes are padded LEFT or RIGHT, not '{side}'"),
            None => return exec_err!("Bytes of different length need a side to pad"),
        };
        let padded = |value: &[u8]| {
            let mut zeros = vec![0; length - value.len()];
            if pads_left {
                zeros.extend_from_slice(value);
                zeros
            } else {
                [value, &zeros].concat()
            }
        };
        Ok(Some(zipped(&padded(left), &padded(right), bytes)))
    })
}

fn zipped(left: &[u8], right: &[u8], combine: fn(u8, u8) -> u8) -> Vec<u8> {
    left.iter()
        .zip(right)
        .map(|(left, right)| combine(*left, *right))
        .collect()
}

fn shifted(call: &Call, shift: impl Fn(i128, u32) -> i128) -> Result<ArrayRef> {
    let (numbers, bits) = (call.integer(0)?, call.integer(1)?);
    call.decimals(|row| {
        let Some((number, bits)) = numbers.get(row).zip(bits.get(row)) else {
            return Ok(None);
        };
        match u32::try_from(bits) {
            Ok(bits) => Ok(Some(shift(i128::from(number), bits))),
            Err(_) => exec_err!("A number is shifted by 0 or more bits, not {bits}"),
        }
    })
}
