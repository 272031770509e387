//! [`Record`]: what dbt passes to templates as an object with fields, such as the results that
//! `on-run-end` hooks see.

use diagnostic::Result;
use jinja::{Arguments, CallContext, Dict, Object, Value};

/// Fields under names; `to_dict()` gives them in plain, as dbt's own objects do.
pub struct Record {
    kind: &'static str,
    fields: Dict,
    plain: Value,
    /// Whether fields that are not there read as `none`.
    complete: bool,
}

impl Record {
    /// A record of a `kind` for messages, and what `to_dict()` gives.
    #[must_use]
    pub fn value(kind: &'static str, fields: Dict, plain: Value) -> Value {
        Value::object(Self {
            kind,
            fields,
            plain,
            complete: false,
        })
    }

    /// A node's configuration: what nobody configured is `none`.
    #[must_use]
    pub fn config(fields: Dict) -> Value {
        let plain = Value::Dict(fields.clone());
        Value::object(Self {
            kind: "Config",
            fields,
            plain,
            complete: true,
        })
    }

    fn field(&self, name: &str) -> Option<Value> {
        let found = self.fields.get(name);
        found.or_else(|| self.complete.then_some(Value::None))
    }
}

impl Object for Record {
    fn type_name(&self) -> &str {
        self.kind
    }

    fn get_attr(&self, name: &str) -> Result<Option<Value>> {
        Ok(self.field(name))
    }

    fn get_item(&self, key: &Value) -> Result<Option<Value>> {
        Ok(key.as_str().and_then(|name| self.field(name)))
    }

    fn call_method(
        &self,
        context: &mut CallContext<'_>,
        name: &str,
        arguments: &Arguments,
    ) -> Result<Option<Value>> {
        match name {
            "to_dict" => Ok(Some(self.plain.clone())),
            "get" | "items" | "keys" | "values" => {
                let fields = Value::Dict(self.fields.clone());
                context
                    .call_method(&fields, name, arguments.clone())
                    .map(Some)
            }
            _ => Ok(None),
        }
    }
}
