//! FLATTEN's columns KEY, PATH, VALUE and THIS, made of unnested rows.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, StringBuilder};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Int64Type};
use datafusion::common::{Result, ScalarValue, internal_err};
use datafusion::logical_expr::{
    ColumnarValue, Expr, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};

use super::INPUT;
use crate::variant::unescape;

/// The key without its escapes.
pub(super) fn key(key: Expr) -> Expr {
    call(Work::Key, vec![key])
}

/// The path to a part: `prefix`, then the key or the index.
pub(super) fn path(prefix: &str, key: Expr, index: Expr) -> Expr {
    call(Work::Path(prefix.to_owned()), vec![key, index])
}

/// A part as VARIANT.
pub(super) fn value(value: Expr) -> Expr {
    call(Work::Value, vec![value])
}

/// Appends `[2]`.
pub(super) fn push_index(path: &mut String, index: i64) {
    path.push('[');
    path.push_str(&index.to_string());
    path.push(']');
}

/// Appends `.key`, or `['a key']` if it is no name.
pub(super) fn push_key(path: &mut String, key: &str) {
    let is_name = key.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && key
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'$'));
    if is_name {
        if !path.is_empty() {
            path.push('.');
        }
        path.push_str(key);
    } else {
        path.push_str("['");
        path.push_str(&unescape(key).replace('\'', "\\'"));
        path.push_str("']");
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Work {
    Key,
    Path(String),
    Value,
}

fn call(work: Work, args: Vec<Expr>) -> Expr {
    let udf = FromRow {
        work,
        signature: Signature::any(args.len(), Volatility::Immutable),
    };
    ScalarUDF::new_from_impl(udf).call(args)
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct FromRow {
    work: Work,
    signature: Signature,
}

impl ScalarUDFImpl for FromRow {
    fn name(&self) -> &str {
        match self.work {
            Work::Key => "$flatten_key",
            Work::Path(_) => "$flatten_path",
            Work::Value => "$flatten_value",
        }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(match self.work {
            Work::Key | Work::Path(_) => DataType::Utf8,
            Work::Value => INPUT,
        })
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let constant = args
            .args
            .iter()
            .all(|arg| matches!(arg, ColumnarValue::Scalar(_)));
        let count = if constant { 1 } else { args.number_rows };
        let arrays = args
            .args
            .iter()
            .map(|arg| arg.to_array(count))
            .collect::<Result<Vec<_>>>()?;
        let made = self.made(&arrays)?;
        Ok(match constant {
            true => ColumnarValue::Scalar(ScalarValue::try_from_array(&made, 0)?),
            false => ColumnarValue::Array(made),
        })
    }
}

impl FromRow {
    fn made(&self, arrays: &[ArrayRef]) -> Result<ArrayRef> {
        Ok(match (&self.work, arrays) {
            (Work::Value, [values]) => cast(values, &INPUT)?,
            (Work::Key, [keys]) => {
                let mut builder = StringBuilder::new();
                for key in keys.as_string_view() {
                    builder.append_option(key.map(unescape));
                }
                Arc::new(builder.finish())
            }
            (Work::Path(prefix), [keys, indexes]) => {
                let (keys, indexes) = (keys.as_string_view(), indexes.as_primitive::<Int64Type>());
                let mut builder = StringBuilder::new();
                let mut path = String::new();
                for (key, index) in keys.iter().zip(indexes) {
                    path.clone_from(prefix);
                    match (key, index) {
                        (Some(key), _) => push_key(&mut path, key),
                        (None, Some(index)) => push_index(&mut path, index),
                        (None, None) => {}
                    }
                    builder.append_value(&path);
                }
                Arc::new(builder.finish())
            }
            _ => return internal_err!("{} got other arguments than planned", self.name()),
        })
    }
}
