//! Parts of a value: GET, GET_PATH and their kin. Keys are case-sensitive.
//!
//! <https://docs.snowflake.com/en/sql-reference/functions/get>
//! <https://docs.snowflake.com/en/sql-reference/functions/get_path>

use arrow::array::ArrayRef;
use arrow::datatypes::DataType;
use datafusion::common::{Result, exec_datafusion_err, plan_err};

use crate::scalar::{Call, Function, Kind, Returns, plain};
use crate::variant::cast::{CARRIER, plain_text};
use crate::variant::{self, ArrayWriter, Path, Step, members, unescape};

pub(super) const FUNCTIONS: &[Function] = &[
    Function::kernel(
        "get",
        "get(value, key | index)",
        &[Kind::Semi, Kind::Any],
        Returns::Variant,
        get,
    )
    .coerce(get_types),
    Function::kernel(
        "get_ignore_case",
        "get_ignore_case(object, key)",
        &[Kind::Semi, Kind::Text],
        Returns::Variant,
        get_ignore_case,
    ),
    Function::kernel(
        "get_path",
        "get_path(value, path)",
        &[Kind::Semi, Kind::Text],
        Returns::Variant,
        get_path,
    ),
    Function::kernel(
        "$get_path_text",
        "$get_path_text(value, path)",
        &[Kind::Semi, Kind::Text],
        Returns::Text,
        |call| {
            let mut find = finder(call)?;
            call.texts(|row| Ok(find(row)?.and_then(plain_text)))
        },
    )
    .note("get_path(value, path)::varchar"),
    Function::kernel(
        "object_keys",
        "object_keys(object)",
        &[Kind::Semi],
        Returns::Array,
        |call| {
            super::each(call, variant::Kind::Object, |object, _| {
                let mut writer = ArrayWriter::new();
                for (key, _) in members(object) {
                    writer.push(Some(&format!("\"{key}\"")));
                }
                Ok(Some(writer.finish()))
            })
        },
    ),
];

fn get_types(types: &[DataType]) -> Result<Vec<DataType>> {
    let [value, step] = types else {
        return plan_err!("GET takes a value and a key or an index");
    };
    let value = Kind::Semi.coerced("get", value)?;
    let step = match plain(step) {
        DataType::Utf8 | DataType::Null => DataType::Utf8,
        CARRIER => CARRIER,
        number if number.is_numeric() => DataType::Int64,
        other => return plan_err!("GET takes a key or an index, not {other}"),
    };
    Ok(vec![value, step])
}

/// What was read from the last row's argument, because it is the same in most rows.
struct Memory<T> {
    read: String,
    parsed: Option<T>,
}

impl<T> Memory<T> {
    const fn new() -> Self {
        Self {
            read: String::new(),
            parsed: None,
        }
    }

    fn recall(&mut self, text: &str, parse: impl FnOnce(&str) -> Result<T>) -> Result<&T> {
        let parsed = match self.parsed.take() {
            Some(parsed) if self.read == text => parsed,
            _ => {
                text.clone_into(&mut self.read);
                parse(text)?
            }
        };
        Ok(self.parsed.insert(parsed))
    }
}

fn get(call: &Call) -> Result<ArrayRef> {
    let values = call.variant(0)?;
    match *call.data_type(1)? {
        DataType::Int64 => {
            let indexes = call.integer(1)?;
            call.variants(|row| match (values.get(row), indexes.get(row)) {
                (Some(value), Some(index)) => Ok(Step::index(index).find(value)),
                _ => Ok(None),
            })
        }
        CARRIER => {
            let steps = call.variant(1)?;
            call.variants(|row| match (values.get(row), steps.get(row)) {
                (Some(value), Some(step)) => Ok(step_of(step).and_then(|step| step.find(value))),
                _ => Ok(None),
            })
        }
        _ => {
            let keys = call.text(1)?;
            let mut memory = Memory::new();
            call.variants(|row| match (values.get(row), keys.get(row)) {
                (Some(value), Some(key)) => {
                    let step = memory.recall(key, |key| Ok(Step::key(key)))?;
                    Ok(step.find(value))
                }
                _ => Ok(None),
            })
        }
    }
}

/// The step a VARIANT stands for: text is a key, a whole number an index.
fn step_of(value: &str) -> Option<Step> {
    match variant::kind(value) {
        variant::Kind::Text => Some(Step::key(&variant::text(value)?)),
        variant::Kind::Integer => Some(Step::index(value.parse().ok()?)),
        _ => None,
    }
}

fn get_ignore_case(call: &Call) -> Result<ArrayRef> {
    let (values, keys) = (call.variant(0)?, call.text(1)?);
    call.variants(|row| {
        let (Some(value), Some(key)) = (values.get(row), keys.get(row)) else {
            return Ok(None);
        };
        let exact = Step::key(key).find(value);
        let folded = key.to_lowercase();
        Ok(exact.or_else(|| {
            members(value)
                .find(|(name, _)| unescape(name).to_lowercase() == folded)
                .map(|(_, value)| value)
        }))
    })
}

fn get_path(call: &Call) -> Result<ArrayRef> {
    let find = finder(call)?;
    call.variants(find)
}

/// Finds the part of each row's value that its path leads to.
fn finder<'a>(call: &'a Call) -> Result<impl FnMut(usize) -> Result<Option<&'a str>>> {
    let (values, paths) = (call.variant(0)?, call.text(1)?);
    let mut memory = Memory::new();
    Ok(move |row: usize| {
        let (Some(value), Some(path)) = (values.get(row), paths.get(row)) else {
            return Ok(None);
        };
        let path = memory.recall(path, |path| {
            Path::parse(path)
                .ok_or_else(|| exec_datafusion_err!("Invalid extraction path '{path}'"))
        })?;
        Ok(path.find(value))
    })
}
