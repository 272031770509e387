//! [`Value`]: what templates compute with. It behaves as the Python value of the same kind.

mod arguments;
mod collections;
mod compare;
mod convert;
mod function;
mod key;
mod object;
mod operate;
mod range;
mod repr;

use std::sync::Arc;

pub use arguments::Arguments;
pub use collections::{Dict, List, Set};
pub use function::{Function, HostFunction};
pub use key::Key;
pub use object::{Object, Operator};
pub(crate) use operate::{MAX_SIZE, slice};
pub use range::Range;
pub(crate) use repr::float_repr;

/// A value of a template. Cheap to clone; lists, dicts and sets are shared as in Python.
#[derive(Clone)]
pub enum Value {
    /// A name, attribute or item that is not there; prints as nothing.
    Undefined(Arc<Undefined>),
    /// `none`
    None,
    /// `true` or `false`
    Bool(bool),
    /// A whole number. Python's are unbounded; beyond 128 bits is an error here.
    Int(i128),
    /// A floating point number.
    Float(f64),
    /// Text.
    Str(Arc<str>),
    /// A mutable, shared list.
    List(List),
    /// An immutable sequence.
    Tuple(Arc<[Value]>),
    /// A mutable, shared mapping in order of insertion.
    Dict(Dict),
    /// A mutable, shared set in order of insertion.
    Set(Set),
    /// Anything else: functions, macros, dates, and what the host brings.
    Object(Arc<dyn Object>),
}

/// Why a value is undefined, for the message when it is used.
#[derive(Clone, Debug)]
pub struct Undefined {
    /// The missing name, attribute or item.
    pub name: Arc<str>,
    /// The type of the value that lacks it; `None` for a plain name.
    pub of: Option<Arc<str>>,
}

impl Undefined {
    /// The sentence for an error: "`x` is undefined".
    #[must_use]
    pub fn message(&self) -> String {
        match &self.of {
            None => format!("`{}` is undefined", self.name),
            Some(of) => format!("`{of}` has no attribute or item `{}`", self.name),
        }
    }
}

impl Value {
    /// An undefined plain name.
    #[must_use]
    pub fn undefined(name: impl Into<Arc<str>>) -> Self {
        Self::Undefined(Arc::new(Undefined {
            name: name.into(),
            of: None,
        }))
    }

    /// An attribute or item `name` that `owner` lacks.
    #[must_use]
    pub fn missing(owner: &Value, name: impl Into<Arc<str>>) -> Self {
        let of = Some(Arc::from(owner.type_name()));
        Self::Undefined(Arc::new(Undefined {
            name: name.into(),
            of,
        }))
    }

    /// A list of `items`.
    pub fn list(items: impl IntoIterator<Item = Value>) -> Self {
        Self::List(List::from_iter(items))
    }

    /// A tuple of `items`.
    pub fn tuple(items: impl IntoIterator<Item = Value>) -> Self {
        Self::Tuple(items.into_iter().collect())
    }

    /// A host object.
    pub fn object(object: impl Object) -> Self {
        Self::Object(Arc::new(object))
    }

    /// A host function called `name`.
    pub fn function<F: HostFunction>(name: impl Into<Arc<str>>, function: F) -> Self {
        Self::object(Function::new(name, function))
    }

    /// Whether this is undefined.
    #[must_use]
    pub fn is_undefined(&self) -> bool {
        matches!(self, Self::Undefined(_))
    }

    /// Whether this is `none`.
    #[must_use]
    pub fn is_none(&self) -> bool {
        matches!(self, Self::None)
    }

    /// The text, if this is a string.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::Str(text) => Some(text),
            _ => None,
        }
    }

    /// The whole number, if this is one (`true` counts as 1, as in Python).
    #[must_use]
    pub fn as_int(&self) -> Option<i128> {
        match self {
            Self::Int(number) => Some(*number),
            Self::Bool(flag) => Some(i128::from(*flag)),
            _ => None,
        }
    }

    /// The number as a float, if this is a number.
    #[must_use]
    pub fn as_float(&self) -> Option<f64> {
        match self {
            Self::Float(number) => Some(*number),
            _ => self.as_int().map(|number| number as f64),
        }
    }

    /// The dict, if this is one.
    #[must_use]
    pub fn as_dict(&self) -> Option<&Dict> {
        match self {
            Self::Dict(dict) => Some(dict),
            _ => None,
        }
    }

    /// The host object of type `T`, if this is one.
    #[must_use]
    pub fn downcast<T: Object>(&self) -> Option<&T> {
        match self {
            Self::Object(object) => (object.as_ref() as &dyn std::any::Any).downcast_ref::<T>(),
            _ => None,
        }
    }

    /// Python's name of the type.
    #[must_use]
    pub fn type_name(&self) -> &str {
        match self {
            Self::Undefined(_) => "Undefined",
            Self::None => "NoneType",
            Self::Bool(_) => "bool",
            Self::Int(_) => "int",
            Self::Float(_) => "float",
            Self::Str(_) => "str",
            Self::List(_) => "list",
            Self::Tuple(_) => "tuple",
            Self::Dict(_) => "dict",
            Self::Set(_) => "set",
            Self::Object(object) => object.type_name(),
        }
    }

    /// Whether `if` takes this as true.
    #[must_use]
    pub fn truthy(&self) -> bool {
        match self {
            Self::Undefined(_) | Self::None => false,
            Self::Bool(flag) => *flag,
            Self::Int(number) => *number != 0,
            Self::Float(number) => *number != 0.0,
            Self::Str(text) => !text.is_empty(),
            Self::List(list) => !list.is_empty(),
            Self::Tuple(items) => !items.is_empty(),
            Self::Dict(dict) => !dict.is_empty(),
            Self::Set(set) => !set.is_empty(),
            Self::Object(object) => object.truthy(),
        }
    }

    /// The number of items, where there is such a thing.
    #[must_use]
    #[allow(clippy::len_without_is_empty, reason = "Python's `len` may not apply")]
    pub fn len(&self) -> Option<usize> {
        match self {
            Self::Undefined(_) => Some(0),
            Self::Str(text) => Some(text.chars().count()),
            Self::List(list) => Some(list.len()),
            Self::Tuple(items) => Some(items.len()),
            Self::Dict(dict) => Some(dict.len()),
            Self::Set(set) => Some(set.len()),
            Self::Object(object) => object.len(),
            _ => None,
        }
    }

    /// The items a loop goes over: characters of text, keys of a dict. An error for the rest.
    ///
    /// # Errors
    /// J2002 if the value is not iterable.
    pub fn iterate(&self) -> diagnostic::Result<Vec<Value>> {
        match self {
            Self::Undefined(_) => Ok(Vec::new()),
            Self::Str(text) => Ok(text.chars().map(|c| Value::from(c.to_string())).collect()),
            Self::List(list) => Ok(list.items()),
            Self::Tuple(items) => Ok(items.to_vec()),
            Self::Dict(dict) => Ok(dict.keys()),
            Self::Set(set) => Ok(set.items()),
            Self::Object(object) => match object.iterate()? {
                Some(items) => Ok(items),
                None => Err(crate::fail::not_iterable(self)),
            },
            _ => Err(crate::fail::not_iterable(self)),
        }
    }

    /// Whether a loop can go over it.
    #[must_use]
    pub fn is_iterable(&self) -> bool {
        match self {
            Self::Object(object) => {
                object.len().is_some() || matches!(object.iterate(), Ok(Some(_)))
            }
            Self::None | Self::Bool(_) | Self::Int(_) | Self::Float(_) => false,
            _ => true,
        }
    }
}
