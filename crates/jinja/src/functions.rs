//! Global functions of Jinja2 (and of Python, as far as dbt shows them), and dbt's `return`.

use std::sync::Arc;

use diagnostic::{Error, Result, codes};
use indexmap::IndexMap;
use parking_lot::RwLock;

use crate::fail::wrong_type;
use crate::methods::entries_or_pairs;
use crate::value::{Object, Range};
use crate::{Arguments, CallContext, Dict, Environment, Key, Value};

/// Adds the functions to an environment.
pub(crate) fn mount(environment: &mut Environment) {
    environment.add_function("range", range);
    environment.add_function("dict", dict);
    environment.add_function("namespace", namespace);
    environment.add_function("cycler", |_, arguments| {
        Ok(Value::object(Cycler {
            items: arguments.positional,
            at: RwLock::new(0),
        }))
    });
    environment.add_function("joiner", |_, arguments| {
        let [separator] = arguments.bind("joiner", ["sep"], 0)?;
        let separator = separator.unwrap_or_else(|| ", ".into());
        Ok(Value::object(Joiner {
            separator,
            used: RwLock::new(false),
        }))
    });
    environment.add_function("return", |context, arguments| {
        let [value] = arguments.bind("return", ["data"], 0)?;
        Err(context.return_value(value.unwrap_or(Value::None)))
    });
}

fn range(_: &mut CallContext<'_>, arguments: Arguments) -> Result<Value> {
    let mut bounds = Vec::new();
    for value in &arguments.positional {
        bounds.push(
            value
                .as_int()
                .ok_or_else(|| wrong_type("a bound of `range`", "a whole number", value))?,
        );
    }
    let range = match (bounds.as_slice(), arguments.named.is_empty()) {
        ([stop], true) => Range::new(0, *stop, 1)?,
        ([start, stop], true) => Range::new(*start, *stop, 1)?,
        ([start, stop, step], true) => Range::new(*start, *stop, *step)?,
        _ => {
            return Err(Error::new(
                codes::J2003,
                "`range` takes one to three positional arguments",
            ));
        }
    };
    Ok(Value::object(range))
}

fn dict(_: &mut CallContext<'_>, mut arguments: Arguments) -> Result<Value> {
    let named = std::mem::take(&mut arguments.named);
    let [other] = arguments.bind("dict", ["mapping"], 0)?;
    let made = Dict::new();
    if let Some(other) = other {
        for (key, value) in entries_or_pairs(&other)? {
            made.insert_key(Key::new(key)?, value);
        }
    }
    for (name, value) in named {
        made.insert(&name, value);
    }
    Ok(made.into())
}

fn namespace(context: &mut CallContext<'_>, arguments: Arguments) -> Result<Value> {
    let Value::Dict(entries) = dict(context, arguments)? else {
        return Ok(Value::None);
    };
    let namespace = Namespace::default();
    for (key, value) in entries.items() {
        namespace.set(&Arc::from(key.to_string()), value);
    }
    Ok(Value::object(namespace))
}

/// What `namespace()` gives: the one value whose attributes a template can set.
#[derive(Default)]
pub struct Namespace(RwLock<IndexMap<Arc<str>, Value>>);

impl Namespace {
    /// Sets an attribute.
    pub fn set(&self, name: &Arc<str>, value: Value) {
        self.0.write().insert(Arc::clone(name), value);
    }
}

impl Object for Namespace {
    fn type_name(&self) -> &str {
        "Namespace"
    }

    fn get_attr(&self, name: &str) -> Result<Option<Value>> {
        Ok(self.0.read().get(name).cloned())
    }

    fn get_item(&self, key: &Value) -> Result<Option<Value>> {
        Ok(key
            .as_str()
            .and_then(|name| self.0.read().get(name).cloned()))
    }

    fn repr(&self) -> String {
        let entries: Vec<(Arc<str>, Value)> = self
            .0
            .read()
            .iter()
            .map(|(name, value)| (Arc::clone(name), value.clone()))
            .collect();
        let entries: Dict = entries
            .iter()
            .map(|(name, value)| (&**name, value.clone()))
            .collect();
        format!("<Namespace {}>", Value::Dict(entries).repr())
    }
}

struct Cycler {
    items: Vec<Value>,
    at: RwLock<usize>,
}

impl Object for Cycler {
    fn type_name(&self) -> &str {
        "Cycler"
    }

    fn get_attr(&self, name: &str) -> Result<Option<Value>> {
        Ok(if name == "current" {
            self.items.get(*self.at.read()).cloned()
        } else {
            None
        })
    }

    fn call_method(
        &self,
        _: &mut CallContext<'_>,
        name: &str,
        _: &Arguments,
    ) -> Result<Option<Value>> {
        let mut at = self.at.write();
        match name {
            "next" => {
                let current = self.items.get(*at).cloned();
                *at = (*at + 1) % self.items.len().max(1);
                Ok(current)
            }
            "reset" => {
                *at = 0;
                Ok(Some(Value::None))
            }
            _ => Ok(None),
        }
    }
}

struct Joiner {
    separator: Value,
    used: RwLock<bool>,
}

impl Object for Joiner {
    fn type_name(&self) -> &str {
        "Joiner"
    }

    fn call(&self, _: &mut CallContext<'_>, arguments: Arguments) -> Result<Value> {
        arguments.none("joiner")?;
        let first = !std::mem::replace(&mut *self.used.write(), true);
        Ok(if first {
            "".into()
        } else {
            self.separator.clone()
        })
    }

    fn callable(&self) -> bool {
        true
    }
}
