//! Functions that no statement can call: planning puts them where values of VARIANT are ordered or where
//! their carrier holds ordinary text.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BinaryBuilder, LargeStringBuilder};
use arrow::compute::{SortOptions, cast, sort_to_indices, take};
use arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::utils::take_function_args;
use datafusion::common::{Result, ScalarValue, exec_datafusion_err, internal_err};
use datafusion::logical_expr::{
    ColumnarValue, Expr, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
    Volatility,
};

use crate::types::logical_metadata;
use crate::variant::cast::{CARRIER, to_variant, written};
use crate::variant::{ArrayWriter, elements, object, order_key};

/// What the functions do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Work {
    /// VARIANT to bytes that compare as values do.
    Order,
    /// VARIANT to bytes that compare as values do and hold the value.
    Pack,
    /// The value in such bytes.
    Unpack,
    /// A list that was aggregated to an ARRAY; no rows make an empty one.
    ArrayOf,
    /// The same with the list's values in their order.
    SortedArrayOf { ascending: bool },
    /// A list of keys and values that was aggregated to an OBJECT.
    ObjectOf,
    /// A list of arrays that was aggregated to the ARRAY that holds the elements of all.
    UnionOf,
}

impl Work {
    fn name(self) -> &'static str {
        match self {
            Self::Order => "$variant_order",
            Self::Pack => "$variant_pack",
            Self::Unpack => "$variant_unpack",
            Self::ArrayOf => "$array_of",
            Self::SortedArrayOf { ascending: true } => "$array_ascending",
            Self::SortedArrayOf { ascending: false } => "$array_descending",
            Self::ObjectOf => "$object_of",
            Self::UnionOf => "$union_of",
        }
    }

    fn returns(self) -> DataType {
        match self {
            Self::Order | Self::Pack => DataType::Binary,
            Self::Unpack
            | Self::ArrayOf
            | Self::SortedArrayOf { .. }
            | Self::ObjectOf
            | Self::UnionOf => CARRIER,
        }
    }

    /// What the result's field says about its type.
    fn logical(self) -> Option<&'static str> {
        match self {
            Self::ArrayOf | Self::SortedArrayOf { .. } | Self::UnionOf => Some("ARRAY"),
            Self::ObjectOf => Some("OBJECT"),
            _ => None,
        }
    }

    fn apply(self, array: &ArrayRef) -> Result<ArrayRef> {
        Ok(match self {
            Self::Order | Self::Pack => {
                let array = cast(array, &CARRIER)?;
                let values = array.as_string::<i64>();
                let mut builder = BinaryBuilder::new();
                let mut key = Vec::new();
                for value in values {
                    match value {
                        Some(value) => {
                            key.clear();
                            order_key(value, &mut key);
                            if self == Self::Pack {
                                pack(value, &mut key);
                            }
                            builder.append_value(&key);
                        }
                        None => builder.append_null(),
                    }
                }
                Arc::new(builder.finish())
            }
            Self::Unpack => {
                let mut builder = LargeStringBuilder::new();
                for packed in array.as_binary::<i32>() {
                    builder.append_option(packed.and_then(unpack));
                }
                Arc::new(builder.finish())
            }
            Self::ArrayOf => {
                let values = to_variant(array)?;
                Arc::new(written(
                    values.iter().map(|value| Some(value.unwrap_or("[]"))),
                    String::push_str,
                ))
            }
            Self::SortedArrayOf { ascending } => {
                aggregated(array, |values| sorted_array(values, ascending))?
            }
            Self::ObjectOf => aggregated(array, object_of_pairs)?,
            Self::UnionOf => aggregated(array, union_of_arrays)?,
        })
    }
}

/// One value for the list in each row; an empty list where there is none.
fn aggregated(array: &ArrayRef, one: impl Fn(&ArrayRef) -> Result<String>) -> Result<ArrayRef> {
    let lists = array.as_list::<i32>();
    let mut builder = LargeStringBuilder::new();
    for row in 0..lists.len() {
        let values = match lists.is_null(row) {
            true => lists.values().slice(0, 0),
            false => lists.value(row),
        };
        builder.append_value(one(&values)?);
    }
    Ok(Arc::new(builder.finish()))
}

fn sorted_array(values: &ArrayRef, ascending: bool) -> Result<String> {
    let keys = match *values.data_type() {
        CARRIER => Work::Order.apply(values)?,
        _ => Arc::clone(values),
    };
    let options = SortOptions {
        descending: !ascending,
        nulls_first: false,
    };
    let order = sort_to_indices(&keys, Some(options), None)?;
    let values = to_variant(&take(values, &order, None)?)?;
    let mut writer = ArrayWriter::new();
    for value in &values {
        writer.push(value);
    }
    Ok(writer.finish())
}

fn object_of_pairs(pairs: &ArrayRef) -> Result<String> {
    let pairs = pairs.as_struct();
    let [keys, values] = pairs.columns() else {
        return internal_err!("an object is aggregated of keys and values");
    };
    let members = keys
        .as_string::<i32>()
        .iter()
        .zip(values.as_string::<i64>())
        .filter_map(|(key, value)| Some((key?.to_owned(), Cow::Borrowed(value?))))
        .collect();
    object(members).map_err(|key| exec_datafusion_err!("Duplicate field key '{key}'"))
}

/// Every element as often as the array that has it most often
/// (<https://docs.snowflake.com/en/sql-reference/functions/array_union_agg>).
fn union_of_arrays(arrays: &ArrayRef) -> Result<String> {
    let mut found: HashMap<&str, usize> = HashMap::new();
    let mut writer = ArrayWriter::new();
    for array in arrays.as_string::<i64>().iter().flatten() {
        let mut here: HashMap<&str, usize> = HashMap::new();
        for element in elements(array) {
            let count = here.entry(element).or_default();
            *count += 1;
            let known = found.entry(element).or_default();
            if *count > *known {
                *known += 1;
                writer.push(Some(element));
            }
        }
    }
    Ok(writer.finish())
}

/// Appends the value behind its key, and its length.
fn pack(value: &str, key: &mut Vec<u8>) {
    // A key that begins another one sorts before it, whatever its value's text begins with.
    key.push(0);
    key.extend_from_slice(value.as_bytes());
    let length = u64::try_from(value.len()).unwrap_or(u64::MAX);
    key.extend_from_slice(&length.to_be_bytes());
}

fn unpack(packed: &[u8]) -> Option<&str> {
    let (rest, length) = packed.split_last_chunk::<8>()?;
    let length = usize::try_from(u64::from_be_bytes(*length)).ok()?;
    let (_, value) = rest.split_at_checked(rest.len().checked_sub(length)?)?;
    std::str::from_utf8(value).ok()
}

fn call(work: Work, value: Expr) -> Expr {
    let udf = Internal {
        work,
        signature: Signature::any(1, Volatility::Immutable),
    };
    ScalarUDF::new_from_impl(udf).call(vec![value])
}

/// Bytes that compare as the VARIANT `value` does.
pub(crate) fn order_key_of(value: Expr) -> Expr {
    call(Work::Order, value)
}

/// Bytes that compare as the VARIANT `value` does, from which [`unpacked`] takes it back.
pub(super) fn packed(value: Expr) -> Expr {
    call(Work::Pack, value)
}

pub(super) fn unpacked(value: Expr) -> Expr {
    call(Work::Unpack, value)
}

/// A list that was aggregated, as an ARRAY.
pub(crate) fn array_of(list: Expr) -> Expr {
    call(Work::ArrayOf, list)
}

/// A list that was aggregated, as an ARRAY with its values in their order.
pub(crate) fn sorted_array_of(list: Expr, ascending: bool) -> Expr {
    call(Work::SortedArrayOf { ascending }, list)
}

/// A list of keys and values that was aggregated, as an OBJECT.
pub(crate) fn object_of(list: Expr) -> Expr {
    call(Work::ObjectOf, list)
}

/// A list of arrays that was aggregated, as the ARRAY of all their elements.
pub(crate) fn union_of(list: Expr) -> Expr {
    call(Work::UnionOf, list)
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Internal {
    work: Work,
    signature: Signature,
}

impl ScalarUDFImpl for Internal {
    fn name(&self) -> &str {
        self.work.name()
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(self.work.returns())
    }

    fn return_field_from_args(&self, _: ReturnFieldArgs) -> Result<FieldRef> {
        let field = Field::new(self.name(), self.work.returns(), true);
        Ok(Arc::new(match self.work.logical() {
            Some(logical) => field.with_metadata(logical_metadata(logical)),
            None => field,
        }))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let [value] = take_function_args(self.name(), args.args)?;
        Ok(match value {
            ColumnarValue::Array(array) => ColumnarValue::Array(self.work.apply(&array)?),
            ColumnarValue::Scalar(value) => {
                let array = self.work.apply(&value.to_array()?)?;
                ColumnarValue::Scalar(ScalarValue::try_from_array(&array, 0)?)
            }
        })
    }
}
