//! [`Class`]: a Python class or module as a value: callable, with methods and constants.

use diagnostic::Result;

use super::Clock;
use crate::value::Object;
use crate::{Arguments, CallContext, Value};

type Construct = fn(&Clock, Arguments) -> Result<Value>;
type ClassMethod = fn(&Clock, &str, Arguments) -> Result<Option<Value>>;

/// What can be done with a class itself.
pub(super) struct Class {
    pub name: &'static str,
    pub construct: Construct,
    pub method: ClassMethod,
    pub constant: fn(&str) -> Option<Value>,
    pub clock: Clock,
}

impl Object for Class {
    fn type_name(&self) -> &str {
        "type"
    }

    fn get_attr(&self, name: &str) -> Result<Option<Value>> {
        Ok((self.constant)(name))
    }

    fn call(&self, _: &mut CallContext<'_>, arguments: Arguments) -> Result<Value> {
        (self.construct)(&self.clock, arguments)
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
        (self.method)(&self.clock, name, arguments.clone())
    }

    fn repr(&self) -> String {
        format!("<class '{}'>", self.name)
    }
}
