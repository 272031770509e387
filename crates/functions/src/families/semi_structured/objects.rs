//! Objects: made, changed, taken apart.
//!
//! <https://docs.snowflake.com/en/sql-reference/functions/object_construct>

use std::borrow::Cow;

use arrow::array::ArrayRef;
use arrow::datatypes::DataType;
use datafusion::common::{Result, exec_datafusion_err, exec_err, plan_err};

use crate::scalar::{Call, Function, Kind as Parameter, Returns};
use crate::variant::cast::{CARRIER, plain_text};
use crate::variant::{Kind, ObjectWriter, Step, UNDEFINED, elements, kind, members, object, text};

pub(super) const FUNCTIONS: &[Function] = &[
    Function::kernel(
        "object_construct",
        "object_construct([key, value, …] | *)",
        &[Parameter::Text, Parameter::Variant],
        Returns::Object,
        |call| construct(call, false),
    )
    .required(0)
    .repeated()
    .coerce(pair_types)
    .note("keys are text; leaves members out whose value is NULL"),
    Function::kernel(
        "object_construct_keep_null",
        "object_construct_keep_null([key, value, …] | *)",
        &[Parameter::Text, Parameter::Variant],
        Returns::Object,
        |call| construct(call, true),
    )
    .required(0)
    .repeated()
    .coerce(pair_types),
    Function::kernel(
        "object_insert",
        "object_insert(object, key, value [, update])",
        &[
            Parameter::Semi,
            Parameter::Text,
            Parameter::Variant,
            Parameter::Boolean,
        ],
        Returns::Object,
        insert,
    )
    .required(3),
    Function::kernel(
        "object_delete",
        "object_delete(object, key, …)",
        &[Parameter::Semi, Parameter::Text],
        Returns::Object,
        |call| {
            let keys = keys(call)?;
            super::each(call, Kind::Object, |value, row| {
                let steps = keys(row);
                let kept =
                    members(value).filter(|(key, _)| !steps.iter().any(|step| is(step, key)));
                Ok(Some(collected(kept)))
            })
        },
    )
    .repeated(),
    Function::kernel(
        "object_pick",
        "object_pick(object, key, … | array)",
        &[Parameter::Semi, Parameter::Any],
        Returns::Object,
        |call| {
            let keys = keys(call)?;
            super::each(call, Kind::Object, |value, row| {
                let steps = keys(row);
                let kept = members(value).filter(|(key, _)| steps.iter().any(|step| is(step, key)));
                Ok(Some(collected(kept)))
            })
        },
    )
    .repeated()
    .coerce(pick_types),
    Function::kernel(
        "arrays_to_object",
        "arrays_to_object(keys, values)",
        &[Parameter::Semi, Parameter::Semi],
        Returns::Object,
        arrays_to_object,
    ),
];

fn pair_types(types: &[DataType]) -> Result<Vec<DataType>> {
    if !types.len().is_multiple_of(2) {
        return plan_err!("OBJECT_CONSTRUCT takes keys and values in pairs");
    }
    let is_key = |kind: &DataType| kind.is_null() || kind.is_string() && *kind != CARRIER;
    if !types.iter().step_by(2).all(is_key) {
        return plan_err!(
            "OBJECT_CONSTRUCT takes text as keys: cast others, for example `v:name::varchar`"
        );
    }
    let pair = [DataType::Utf8, CARRIER];
    Ok(pair.into_iter().cycle().take(types.len()).collect())
}

fn pick_types(types: &[DataType]) -> Result<Vec<DataType>> {
    let mut coerced = Vec::with_capacity(types.len());
    for (at, data_type) in types.iter().enumerate() {
        coerced.push(match (at, data_type) {
            (0, data_type) => Parameter::Semi.coerced("object_pick", data_type)?,
            (_, &CARRIER) => CARRIER,
            _ => DataType::Utf8,
        });
    }
    Ok(coerced)
}

fn construct(call: &Call, keep_null: bool) -> Result<ArrayRef> {
    let mut pairs = Vec::with_capacity(call.len() / 2);
    for at in (0..call.len()).step_by(2) {
        pairs.push((call.text(at)?, call.variant(at + 1)?));
    }
    call.variants(|row| {
        let mut found = Vec::with_capacity(pairs.len());
        for (keys, values) in &pairs {
            let Some(key) = keys.get(row) else { continue };
            let value = match values.get(row) {
                Some(value) => value,
                None if keep_null => "null",
                None => continue,
            };
            found.push((key.to_owned(), Cow::Borrowed(value)));
        }
        assembled(found).map(Some)
    })
}

fn assembled(found: Vec<(String, Cow<'_, str>)>) -> Result<String> {
    object(found).map_err(|key| exec_datafusion_err!("Duplicate field key '{key}'"))
}

fn collected<'a>(kept: impl Iterator<Item = (&'a str, &'a str)>) -> String {
    let mut writer = ObjectWriter::new();
    for (key, value) in kept {
        writer.push(key, value);
    }
    writer.finish()
}

fn is(step: &Step, key: &str) -> bool {
    matches!(step, Step::Key(wanted) if wanted == key)
}

/// The keys that the arguments after the first one name in a row: texts, or arrays of them.
fn keys(call: &Call) -> Result<impl Fn(usize) -> Vec<Step>> {
    let mut texts = Vec::new();
    let mut arrays = Vec::new();
    for at in 1..call.len() {
        match *call.data_type(at)? {
            CARRIER => arrays.push(call.variant(at)?),
            _ => texts.push(call.text(at)?),
        }
    }
    Ok(move |row: usize| {
        let named = texts.iter().filter_map(|keys| keys.get(row)).map(Step::key);
        let listed = arrays
            .iter()
            .filter_map(|keys| keys.get(row))
            .flat_map(|keys| match kind(keys) {
                Kind::Array => elements(keys).collect(),
                _ => vec![keys],
            })
            .filter_map(|key| Some(Step::key(&text(key)?)));
        named.chain(listed).collect()
    })
}

fn insert(call: &Call) -> Result<ArrayRef> {
    let (keys, values) = (call.text(1)?, call.variant(2)?);
    let updates = match call.len() {
        4 => Some(call.boolean(3)?),
        _ => None,
    };
    super::each(call, Kind::Object, |value, row| {
        let Some(key) = keys.get(row) else {
            return Ok(None);
        };
        let Step::Key(escaped) = Step::key(key) else {
            return Ok(None);
        };
        let update = updates
            .as_ref()
            .is_some_and(|updates| updates.get(row) == Some(true));
        let exists = members(value).any(|(name, _)| name == escaped);
        if exists && !update {
            return exec_err!("Duplicate field key '{key}'");
        }
        let inserted = values.get(row);
        let mut writer = ObjectWriter::new();
        let mut waiting = inserted;
        for (name, value) in members(value) {
            if name >= escaped.as_str()
                && let Some(inserted) = waiting.take()
            {
                writer.push(&escaped, inserted);
            }
            if name != escaped {
                writer.push(name, value);
            }
        }
        if let Some(inserted) = waiting {
            writer.push(&escaped, inserted);
        }
        Ok(Some(writer.finish()))
    })
}

fn arrays_to_object(call: &Call) -> Result<ArrayRef> {
    let values = call.variant(1)?;
    super::each(call, Kind::Array, |keys, row| {
        let Some(values) = values.get(row).filter(|values| kind(values) == Kind::Array) else {
            return Ok(None);
        };
        if elements(keys).count() != elements(values).count() {
            return exec_err!("ARRAYS_TO_OBJECT takes as many keys as values");
        }
        let found = elements(keys)
            .zip(elements(values))
            .filter_map(|(key, value)| {
                let value = if value == UNDEFINED { "null" } else { value };
                Some((plain_text(key)?.into_owned(), Cow::Borrowed(value)))
            })
            .collect();
        assembled(found).map(Some)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::variant::unescape;

    #[test]
    fn keys_compare_escaped() {
        assert!(is(&Step::key("a\"b"), "a\\\"b"));
        assert_eq!(unescape("a\\\"b"), "a\"b");
    }
}
