//! Calls: of macros, methods, host functions.

use std::sync::Arc;

use diagnostic::Result;

use super::CallContext;
use crate::ast::{CallArguments, Expr, ExprKind, Span};
use crate::{Arguments, Value, methods};

impl CallContext<'_> {
    /// Calls a value: a macro, a function, a bound method.
    ///
    /// # Errors
    /// J2001 if it is undefined (unless tolerated), J2002 if it cannot be called, and what the call
    /// raises.
    pub fn call(&mut self, callee: &Value, arguments: Arguments) -> Result<Value> {
        self.step()?;
        match callee {
            Value::Object(object) => {
                let object = Arc::clone(object);
                object.call(self, arguments)
            }
            Value::Undefined(_) if self.tolerant() => Ok(callee.clone()),
            _ => Err(crate::fail::not_callable(callee)),
        }
    }

    /// Calls `owner.name(arguments)`.
    ///
    /// # Errors
    /// As [`CallContext::call`].
    pub fn call_method(
        &mut self,
        owner: &Value,
        name: &str,
        arguments: Arguments,
    ) -> Result<Value> {
        if let Value::Object(object) = owner {
            let object = Arc::clone(object);
            if let Some(value) = object.call_method(self, name, &arguments)? {
                self.step()?;
                return Ok(value);
            }
        } else if let Some(method) = methods::find(owner, name) {
            self.step()?;
            return method(self, owner, arguments);
        }
        let callee = self.attribute(owner, name)?;
        self.call(&callee, arguments)
    }

    pub(super) fn call_with_caller(&mut self, call: &Expr, caller: Value) -> Result<Value> {
        match &call.kind {
            ExprKind::Call(parts) => {
                self.call_expression(call.span, &parts.0, &parts.1, Some(caller))
            }
            _ => self.evaluate(call),
        }
    }

    pub(super) fn call_expression(
        &mut self,
        span: Span,
        callee: &Expr,
        arguments: &CallArguments,
        caller: Option<Value>,
    ) -> Result<Value> {
        let result = match &callee.kind {
            ExprKind::Attribute(owner, name) => {
                let owner = self.evaluate(owner)?;
                let mut arguments = self.call_arguments_of(arguments)?;
                arguments
                    .named
                    .extend(caller.map(|caller| (Arc::from("caller"), caller)));
                self.call_method(&owner, name, arguments)
            }
            _ => {
                let callee = self.evaluate(callee)?;
                let mut arguments = self.call_arguments_of(arguments)?;
                arguments
                    .named
                    .extend(caller.map(|caller| (Arc::from("caller"), caller)));
                self.call(&callee, arguments)
            }
        };
        result.map_err(|error| self.locate(error, span))
    }
}
