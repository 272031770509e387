//! [`Key`]: a value that can be the key of a dict or the member of a set.

use std::hash::{Hash, Hasher};

use diagnostic::{Error, Result, codes};
use indexmap::Equivalent;

use super::Value;

/// A hashable value. As in Python, `1`, `1.0` and `true` are the same key.
#[derive(Clone)]
pub struct Key(Value);

impl Key {
    /// The value as a key.
    ///
    /// # Errors
    /// J2002 for a list, dict or set, whose content may change.
    pub fn new(value: Value) -> Result<Self> {
        check(&value)?;
        Ok(Self(value))
    }

    /// The value.
    #[must_use]
    pub fn value(&self) -> &Value {
        &self.0
    }
}

impl From<&str> for Key {
    fn from(text: &str) -> Self {
        Self(text.into())
    }
}

fn check(value: &Value) -> Result<()> {
    match value {
        Value::List(_) | Value::Dict(_) | Value::Set(_) => Err(Error::new(
            codes::J2002,
            format!(
                "a `{}` cannot be the key of a dict or a member of a set",
                value.type_name()
            ),
        )
        .help("use a string or a tuple")),
        Value::Tuple(items) => items.iter().try_for_each(check),
        _ => Ok(()),
    }
}

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl Eq for Key {}

impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        hash(&self.0, state);
    }
}

/// Looks a string up without making a key of it.
pub(super) struct Text<'a>(pub &'a str);

impl Hash for Text<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write(self.0.as_bytes());
    }
}

impl Equivalent<Key> for Text<'_> {
    fn equivalent(&self, key: &Key) -> bool {
        matches!(&key.0, Value::Str(text) if **text == *self.0)
    }
}

fn hash<H: Hasher>(value: &Value, state: &mut H) {
    match value {
        Value::Str(text) => state.write(text.as_bytes()),
        Value::Bool(flag) => i128::from(*flag).hash(state),
        Value::Int(number) => number.hash(state),
        Value::Float(number) if number.fract() == 0.0 && number.abs() < 1e30 => {
            (*number as i128).hash(state);
        }
        Value::Float(number) => number.to_bits().hash(state),
        Value::Tuple(items) => items.iter().for_each(|item| hash(item, state)),
        // Objects that are equal read the same (contract of `Object::repr`).
        Value::Object(object) => object.repr().hash(state),
        Value::None | Value::Undefined(_) => state.write_u8(0),
        Value::List(_) | Value::Dict(_) | Value::Set(_) => state.write_u8(1),
    }
}
