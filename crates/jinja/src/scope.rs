//! [`Scope`]: where a template looks for names it has not set itself.

use std::collections::HashMap;

use diagnostic::Result;

use crate::{Dict, Value};

/// The names a host provides to a rendering, resolved when they are used.
///
/// dbt's context resolves macros lazily by name through this, so a scope is asked once for every
/// use of a name and should answer quickly. Macros that a template calls see the same scope.
pub trait Scope: Send + Sync {
    /// The value of `name`; `None` lets the globals of the environment answer.
    ///
    /// # Errors
    /// Whatever computing the value may raise.
    fn get(&self, name: &str) -> Result<Option<Value>>;
}

impl Scope for Dict {
    fn get(&self, name: &str) -> Result<Option<Value>> {
        Ok(Dict::get(self, name))
    }
}

impl Scope for HashMap<String, Value> {
    fn get(&self, name: &str) -> Result<Option<Value>> {
        Ok(HashMap::get(self, name).cloned())
    }
}

/// A scope without names.
impl Scope for () {
    fn get(&self, _: &str) -> Result<Option<Value>> {
        Ok(None)
    }
}
