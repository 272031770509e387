//! [`Object`]: values that strangers bring.

use std::any::Any;
use std::cmp::Ordering;

use diagnostic::{Error, Result, codes};

use super::{Arguments, Value};
use crate::CallContext;

/// An arithmetic operator that an object may take part in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operator {
    /// `+`
    Add,
    /// `-`
    Sub,
    /// `*`
    Mul,
    /// `/`
    Div,
    /// `//`
    FloorDiv,
    /// `%`
    Rem,
    /// `**`
    Pow,
}

impl Operator {
    /// How it is written.
    #[must_use]
    pub fn symbol(self) -> &'static str {
        match self {
            Self::Add => "+",
            Self::Sub => "-",
            Self::Mul => "*",
            Self::Div => "/",
            Self::FloorDiv => "//",
            Self::Rem => "%",
            Self::Pow => "**",
        }
    }
}

/// A value that a template can use but does not know: a relation, a date, an adapter.
///
/// This is Python's data model, so it has more methods than a trait of ours usually may; all but
/// `type_name` have a default. Templates run on several threads at once: methods may be called
/// concurrently, and none may keep a lock while it calls back into a [`CallContext`].
#[allow(clippy::len_without_is_empty, reason = "Python's `len` may not apply")]
pub trait Object: Any + Send + Sync {
    /// The name of the type, as messages show it.
    fn type_name(&self) -> &str;

    /// The attribute `name` (`value.name`); `None` if there is none.
    ///
    /// # Errors
    /// Whatever computing it may raise.
    fn get_attr(&self, name: &str) -> Result<Option<Value>> {
        let _ = name;
        Ok(None)
    }

    /// The item at `key` (`value[key]`); `None` if there is none. Also tried for `value.key`.
    ///
    /// # Errors
    /// Whatever computing it may raise.
    fn get_item(&self, key: &Value) -> Result<Option<Value>> {
        let _ = key;
        Ok(None)
    }

    /// Calls the value itself.
    ///
    /// # Errors
    /// J2002 unless it can be called, and what the call raises.
    fn call(&self, context: &mut CallContext<'_>, arguments: Arguments) -> Result<Value> {
        let _ = (context, arguments);
        Err(Error::new(
            codes::J2002,
            format!("a `{}` cannot be called", self.type_name()),
        ))
    }

    /// Calls the method `name`; `None` if there is no such method, then an attribute is tried.
    ///
    /// # Errors
    /// What the call raises.
    fn call_method(
        &self,
        context: &mut CallContext<'_>,
        name: &str,
        arguments: &Arguments,
    ) -> Result<Option<Value>> {
        let _ = (context, name, arguments);
        Ok(None)
    }

    /// Whether [`Object::call`] is implemented.
    fn callable(&self) -> bool {
        false
    }

    /// The items a loop goes over; `None` if it is not iterable.
    ///
    /// # Errors
    /// Whatever computing them may raise.
    fn iterate(&self) -> Result<Option<Vec<Value>>> {
        Ok(None)
    }

    /// The number of items, if there is such a thing.
    fn len(&self) -> Option<usize> {
        None
    }

    /// Whether it is a mapping: `items`, `keys` and `dictsort` then go over its keys.
    fn mapping(&self) -> bool {
        false
    }

    /// As Python's `repr`. Objects that are equal must read the same.
    fn repr(&self) -> String {
        format!("<{}>", self.type_name())
    }

    /// As Python's `str`: what `{{ value }}` prints.
    fn text(&self) -> String {
        self.repr()
    }

    /// Whether `if` takes it as true.
    fn truthy(&self) -> bool {
        self.len() != Some(0)
    }

    /// Order and equality; `None` if the two cannot be compared. Identity is checked before.
    fn compare(&self, other: &Value) -> Option<Ordering> {
        let _ = other;
        None
    }

    /// `self op other`, or `other op self` if `reversed`; `None` if the operator does not apply.
    ///
    /// # Errors
    /// What the calculation raises.
    fn operate(&self, operator: Operator, other: &Value, reversed: bool) -> Result<Option<Value>> {
        let _ = (operator, other, reversed);
        Ok(None)
    }

    /// As JSON, for `tojson`; `None` if it has no such form.
    fn to_json(&self) -> Option<serde_json::Value> {
        None
    }
}
