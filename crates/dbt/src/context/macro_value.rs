//! Macros and package namespaces as templates hold them.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use diagnostic::Result;
use jinja::{Arguments, CallContext, Object, Value};

use super::Rendering;
use crate::macros::{BUILT_IN, MacroEntry};

/// A macro that notes for its rendering that it was called.
pub struct CalledMacro {
    rendering: Arc<Rendering>,
    unique_id: Arc<str>,
    inner: Value,
}

impl CalledMacro {
    /// `entry` as `rendering` calls it.
    #[must_use]
    pub fn value(rendering: &Arc<Rendering>, entry: &MacroEntry) -> Value {
        Value::object(Self {
            rendering: Arc::clone(rendering),
            unique_id: Arc::clone(&entry.unique_id),
            inner: entry.value.clone(),
        })
    }
}

impl Object for CalledMacro {
    fn type_name(&self) -> &str {
        "macro"
    }

    fn get_attr(&self, name: &str) -> Result<Option<Value>> {
        match &self.inner {
            Value::Object(object) => object.get_attr(name),
            _ => Ok(None),
        }
    }

    fn call(&self, context: &mut CallContext<'_>, arguments: Arguments) -> Result<Value> {
        // As in dbt, a node depends on the macros it calls itself, not on those they call.
        if self.rendering.depth.fetch_add(1, Ordering::Relaxed) == 0 {
            self.rendering.note(|captured| {
                captured.macros.insert(Arc::clone(&self.unique_id));
            });
        }
        let result = context.call(&self.inner, arguments);
        self.rendering.depth.fetch_sub(1, Ordering::Relaxed);
        result
    }

    fn callable(&self) -> bool {
        true
    }

    fn repr(&self) -> String {
        format!("<macro {}>", self.unique_id)
    }
}

/// `dbt_utils` in `dbt_utils.star(…)`.
pub struct PackageNamespace {
    rendering: Arc<Rendering>,
    package: String,
}

impl PackageNamespace {
    /// The namespace of `package`.
    #[must_use]
    pub fn value(rendering: &Arc<Rendering>, package: &str) -> Value {
        Value::object(Self {
            rendering: Arc::clone(rendering),
            package: package.to_owned(),
        })
    }

    fn find(&self, name: &str) -> Option<Value> {
        // A unit test may say what a package's macro gives.
        let overridden = self
            .rendering
            .extra
            .get(&format!("{}.{name}", self.package));
        overridden.or_else(|| self.rendering.macro_in(&self.package, name))
    }
}

impl Object for PackageNamespace {
    fn type_name(&self) -> &str {
        "package"
    }

    fn get_attr(&self, name: &str) -> Result<Option<Value>> {
        Ok(self.find(name))
    }

    fn get_item(&self, key: &Value) -> Result<Option<Value>> {
        Ok(key.as_str().and_then(|name| self.find(name)))
    }

    fn call_method(
        &self,
        context: &mut CallContext<'_>,
        name: &str,
        arguments: &Arguments,
    ) -> Result<Option<Value>> {
        if let Some(callee) = self.find(name) {
            return context.call(&callee, arguments.clone()).map(Some);
        }
        match name {
            "get" => {
                let key = arguments.positional.first().and_then(Value::as_str);
                let found = key.and_then(|name| self.find(name));
                Ok(Some(
                    found
                        .or_else(|| arguments.positional.get(1).cloned())
                        .unwrap_or(Value::None),
                ))
            }
            // While parsing, a package that lacks a macro may be one written for another dbt.
            _ if self.package == BUILT_IN || self.rendering.executes() => {
                let names = self.rendering.project.macros.of_package(&self.package);
                let names = names.map(|entry| &*entry.definition.name);
                let message = format!("The package `{}` has no macro `{name}`", self.package);
                Err(diagnostic::Error::new(diagnostic::codes::D2004, message).suggest(name, names))
            }
            _ => Ok(None),
        }
    }

    fn repr(&self) -> String {
        format!("<package {}>", self.package)
    }
}
