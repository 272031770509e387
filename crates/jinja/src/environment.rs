//! [`Environment`]: what all renderings of a project share.

use std::collections::HashMap;
use std::sync::Arc;

use diagnostic::{Result, Source};

use crate::value::{HostFunction, Value};
use crate::{Arguments, CallContext, Scope, functions};

/// What happens when a template uses something undefined.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum UndefinedBehavior {
    /// Jinja2's default and dbt's at run time: prints as nothing, is false, has no items; calling
    /// it or asking for its attributes is an error.
    #[default]
    Lenient,
    /// Any use but `is defined` and `default` is an error.
    Strict,
    /// dbt while it parses a project: calls and attributes of an undefined value are undefined.
    Tolerant,
}

/// Bounds on what one rendering may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// How deep macros may call each other.
    pub depth: usize,
    /// How many statements, calls and filter applications may run.
    pub steps: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            depth: 400,
            steps: 200_000_000,
        }
    }
}

type Callback = Arc<dyn HostFunction>;

/// Globals, filters, tests and behaviour of a family of templates. Build it once, share it.
#[derive(Clone)]
pub struct Environment {
    globals: HashMap<String, Value>,
    filters: HashMap<String, Callback>,
    tests: HashMap<String, Callback>,
    /// What undefined values do.
    pub undefined: UndefinedBehavior,
    /// When a rendering is stopped.
    pub limits: Limits,
}

impl Default for Environment {
    fn default() -> Self {
        Self::new()
    }
}

impl Environment {
    /// An environment with Jinja2's filters, tests and global functions, and dbt's `return`.
    #[must_use]
    pub fn new() -> Self {
        let mut environment = Self {
            globals: HashMap::new(),
            filters: HashMap::new(),
            tests: HashMap::new(),
            undefined: UndefinedBehavior::default(),
            limits: Limits::default(),
        };
        functions::mount(&mut environment);
        environment
    }

    /// Adds or replaces a global variable.
    pub fn add_global(&mut self, name: impl Into<String>, value: impl Into<Value>) {
        self.globals.insert(name.into(), value.into());
    }

    /// Adds or replaces a global function.
    pub fn add_function<F: HostFunction>(&mut self, name: &str, function: F) {
        self.add_global(name, Value::function(name, function));
    }

    /// Adds or replaces a filter; the filtered value is its first argument.
    pub fn add_filter<F: HostFunction>(&mut self, name: impl Into<String>, filter: F) {
        self.filters.insert(name.into(), Arc::new(filter));
    }

    /// Adds or replaces a test; the tested value is its first argument.
    pub fn add_test<F: HostFunction>(&mut self, name: impl Into<String>, test: F) {
        self.tests.insert(name.into(), Arc::new(test));
    }

    /// The global variable `name`.
    #[must_use]
    pub fn global(&self, name: &str) -> Option<Value> {
        self.globals.get(name).cloned()
    }

    /// The names of the global variables.
    pub fn global_names(&self) -> impl Iterator<Item = &str> {
        self.globals.keys().map(String::as_str)
    }

    pub(crate) fn filter(&self, name: &str) -> Option<&Callback> {
        self.filters.get(name)
    }

    pub(crate) fn filter_names(&self) -> impl Iterator<Item = &str> {
        self.filters.keys().map(String::as_str)
    }

    pub(crate) fn test(&self, name: &str) -> Option<&Callback> {
        self.tests.get(name)
    }

    pub(crate) fn test_names(&self) -> impl Iterator<Item = &str> {
        self.tests.keys().map(String::as_str)
    }

    /// Evaluates a bare expression (no braces) to its value.
    ///
    /// # Errors
    /// Syntax errors and whatever the evaluation raises.
    pub fn eval_expression(&self, source: &Source, scope: &dyn Scope) -> Result<Value> {
        let source = crate::lexer::normalize(source);
        let expression = crate::parser::expression(&source)?;
        CallContext::new(self, scope).evaluate_expression(&source, &expression)
    }

    /// Calls a value (a macro, a function) from outside of any template.
    ///
    /// # Errors
    /// Whatever the call raises.
    pub fn call(&self, callee: &Value, scope: &dyn Scope, arguments: Arguments) -> Result<Value> {
        CallContext::new(self, scope).call(callee, arguments)
    }
}
