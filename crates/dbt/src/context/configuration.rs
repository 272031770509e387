//! `config(…)`, `config.get(…)` and its kin.

use std::sync::Arc;

use diagnostic::{Error, Result, codes};
use jinja::{Arguments, CallContext, Object, Value};
use serde_json::{Map, Value as Json};

use super::{Phase, Rendering};

/// The object `config`.
pub(super) fn value(rendering: &Arc<Rendering>) -> Value {
    Value::object(ConfigObject(Arc::clone(rendering)))
}

struct ConfigObject(Arc<Rendering>);

impl ConfigObject {
    fn read(&self, key: &str) -> Option<Value> {
        let found = self.0.config()?.get(key).map(Value::from);
        // dbt offers hooks under either spelling.
        found.filter(|value| !value.is_none())
    }

    fn persists(&self, what: &str) -> bool {
        let docs = self
            .0
            .config()
            .and_then(|config| config.get("persist_docs"));
        docs.and_then(|docs| docs.get(what)).and_then(Json::as_bool) == Some(true)
    }
}

impl Object for ConfigObject {
    fn type_name(&self) -> &str {
        "config"
    }

    fn call(&self, _: &mut CallContext<'_>, arguments: Arguments) -> Result<Value> {
        if self.0.phase == Phase::Run {
            return Ok("".into());
        }
        let mut call = Map::new();
        match arguments.positional.as_slice() {
            [] => {}
            [Value::Dict(dict)] if arguments.named.is_empty() => {
                for (key, value) in dict.items() {
                    call.insert(key.to_string(), json(&value));
                }
            }
            _ => {
                let message = "`config` takes named arguments, or one dictionary";
                return Err(Error::new(codes::D1051, message));
            }
        }
        for (key, value) in &arguments.named {
            call.insert(key.to_string(), json(value));
        }
        self.0.note(|captured| captured.config.push(call));
        Ok("".into())
    }

    fn callable(&self) -> bool {
        true
    }

    fn call_method(
        &self,
        _: &mut CallContext<'_>,
        name: &str,
        arguments: &Arguments,
    ) -> Result<Option<Value>> {
        let key = arguments
            .positional
            .first()
            .map(ToString::to_string)
            .unwrap_or_default();
        let named = |name: &str| {
            arguments
                .named
                .iter()
                .find(|(n, _)| &**n == name)
                .map(|(_, v)| v)
        };
        let default = arguments
            .positional
            .get(1)
            .or_else(|| named("default"))
            .cloned();
        let parsing = self.0.phase == Phase::Parse;
        Ok(Some(match name {
            "get" if parsing => "".into(),
            "get" => self.read(&key).or(default).unwrap_or(Value::None),
            "require" | "meta_require" if parsing => "".into(),
            "require" => match self.read(&key) {
                Some(value) => value,
                None => return Err(self.missing(&key)),
            },
            "meta_get" if parsing => "".into(),
            "meta_get" | "meta_require" => {
                let meta = self.0.config().and_then(|config| config.get("meta"));
                let found = meta.and_then(|meta| meta.get(&key)).map(Value::from);
                match found.or(default) {
                    Some(value) => value,
                    None if name == "meta_require" => return Err(self.missing(&key)),
                    None => Value::None,
                }
            }
            "set" => {
                if parsing && let Some(value) = arguments.positional.get(1) {
                    let call = Map::from_iter([(key, json(value))]);
                    self.0.note(|captured| captured.config.push(call));
                }
                "".into()
            }
            "persist_relation_docs" => (!parsing && self.persists("relation")).into(),
            "persist_column_docs" => (!parsing && self.persists("columns")).into(),
            _ => return Ok(None),
        }))
    }

    fn get_attr(&self, name: &str) -> Result<Option<Value>> {
        let this = Self(Arc::clone(&self.0));
        let method: Arc<str> = Arc::from(name);
        let known = [
            "get",
            "require",
            "meta_get",
            "meta_require",
            "persist_relation_docs",
        ];
        // `config.model` and other keys read as attributes.
        if !known.contains(&name) {
            return Ok(self.read(name));
        }
        Ok(Some(Value::function(name, move |context, arguments| {
            Ok(this
                .call_method(context, &method, &arguments)?
                .unwrap_or(Value::None))
        })))
    }
}

impl ConfigObject {
    fn missing(&self, key: &str) -> Error {
        let node = self.0.node.as_ref().map_or("", |node| node.name.as_str());
        Error::new(codes::D1051, format!("`{node}` needs the setting `{key}`"))
    }
}

/// A value of `config()` as JSON. What has no JSON form (a relation, an undefined name while
/// parsing) is kept as its text, as dbt does when it writes the manifest.
fn json(value: &Value) -> Json {
    if value.is_undefined() {
        return Json::Null;
    }
    value
        .to_json()
        .unwrap_or_else(|_| Json::String(value.to_string()))
}
