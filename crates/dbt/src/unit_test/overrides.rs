//! What reads differently inside a unit test: macros, variables and environment variables.

use std::sync::Arc;

use diagnostic::Result;
use jinja::{Arguments, CallContext, Object, Value};
use serde_json::{Map, Value as Json};

use crate::context::Context;

/// Puts the overrides of a unit test into `context`.
pub(super) fn apply(context: &Context, overrides: &Map<String, Json>) {
    let part = |key: &str| match overrides.get(key) {
        Some(Json::Object(map)) => map.clone(),
        _ => Map::new(),
    };
    for (name, value) in part("macros") {
        let value = Value::from(&value);
        let function = Value::function(name.as_str(), move |_, _| Ok(value.clone()));
        context.0.extra.insert(&name, function);
    }
    for (function, key) in [("var", "vars"), ("env_var", "env_vars")] {
        let values = part(key);
        if values.is_empty() {
            continue;
        }
        if let Some(plain) = context.plain(function) {
            context
                .0
                .extra
                .insert(function, Value::object(Overridden { values, plain }));
        }
    }
}

/// `var` or `env_var` with some values of its own.
struct Overridden {
    values: Map<String, Json>,
    plain: Value,
}

impl Overridden {
    fn find(&self, arguments: &Arguments) -> Option<Value> {
        let named = || arguments.named.iter().find(|(name, _)| &**name == "var");
        let name = arguments
            .positional
            .first()
            .or_else(|| named().map(|(_, value)| value))?;
        self.values.get(name.as_str()?).map(Value::from)
    }
}

impl Object for Overridden {
    fn type_name(&self) -> &str {
        "var"
    }

    fn call(&self, context: &mut CallContext<'_>, arguments: Arguments) -> Result<Value> {
        match self.find(&arguments) {
            Some(value) => Ok(value),
            None => context.call(&self.plain, arguments),
        }
    }

    fn callable(&self) -> bool {
        true
    }

    fn call_method(
        &self,
        context: &mut CallContext<'_>,
        name: &str,
        arguments: &Arguments,
    ) -> Result<Option<Value>> {
        if name == "has_var" && self.find(arguments).is_some() {
            return Ok(Some(true.into()));
        }
        match &self.plain {
            Value::Object(plain) => Arc::clone(plain).call_method(context, name, arguments),
            _ => Ok(None),
        }
    }
}
