//! [`Function`]: a host function as a value.

use std::sync::Arc;

use diagnostic::Result;

use super::{Arguments, Object, Value};
use crate::CallContext;

/// What a host function looks like.
pub trait HostFunction:
    Fn(&mut CallContext<'_>, Arguments) -> Result<Value> + Send + Sync + 'static
{
}

impl<F> HostFunction for F where
    F: Fn(&mut CallContext<'_>, Arguments) -> Result<Value> + Send + Sync + 'static
{
}

/// A host function with a name.
pub struct Function {
    name: Arc<str>,
    function: Box<dyn HostFunction>,
}

impl Function {
    /// A function called `name`.
    pub fn new<F: HostFunction>(name: impl Into<Arc<str>>, function: F) -> Self {
        Self {
            name: name.into(),
            function: Box::new(function),
        }
    }
}

impl Object for Function {
    fn type_name(&self) -> &str {
        "function"
    }

    fn get_attr(&self, name: &str) -> Result<Option<Value>> {
        Ok(matches!(name, "name" | "__name__").then(|| Value::Str(Arc::clone(&self.name))))
    }

    fn call(&self, context: &mut CallContext<'_>, arguments: Arguments) -> Result<Value> {
        (self.function)(context, arguments)
    }

    fn callable(&self) -> bool {
        true
    }

    fn repr(&self) -> String {
        format!("<function {}>", self.name)
    }
}
