//! [`Template`]: a parsed file.

use std::sync::Arc;

use diagnostic::{Result, Source};

use crate::ast::{MacroDefinition, Stmt, StmtKind};
use crate::{CallContext, Environment, Macro, Scope, Value, lexer, native, parser};

/// A parsed template. Cheap to clone, and may be rendered by many threads at once.
#[derive(Clone)]
pub struct Template(Arc<Parsed>);

struct Parsed {
    source: Source,
    body: Vec<Stmt>,
}

impl Template {
    /// Parses a template.
    ///
    /// # Errors
    /// J1001 and J1002, at the place of the fault.
    pub fn parse(source: &Source) -> Result<Self> {
        let source = lexer::normalize(source);
        let body = parser::template(&source)?;
        Ok(Self(Arc::new(Parsed { source, body })))
    }

    /// The text it was parsed from, with `\n` line ends.
    #[must_use]
    pub fn source(&self) -> &Source {
        &self.0.source
    }

    /// Its statements.
    #[must_use]
    pub fn body(&self) -> &[Stmt] {
        &self.0.body
    }

    /// Renders it to text.
    ///
    /// # Errors
    /// Whatever evaluation raises, at its place, with the macros that were being called.
    pub fn render(&self, environment: &Environment, scope: &dyn Scope) -> Result<String> {
        CallContext::new(environment, scope).render(self)
    }

    /// Renders it to a value, as dbt does in YAML: a template that is one `{{ expression }}` keeps
    /// the type of its value, everything else is text.
    ///
    /// # Errors
    /// As [`Template::render`].
    pub fn render_native(&self, environment: &Environment, scope: &dyn Scope) -> Result<Value> {
        native::render(self, environment, scope)
    }

    /// The blocks of the top level that define macros (of every kind), in order.
    pub fn definitions(&self) -> impl Iterator<Item = &Arc<MacroDefinition>> {
        self.0.body.iter().filter_map(|statement| match &statement.kind {
            StmtKind::Macro(definition) => Some(definition),
            _ => None,
        })
    }

    /// The macros of the top level as values that run in the scope of whoever calls them, as dbt's
    /// do. Variables that the file sets outside of its macros are not visible to them.
    pub fn macros(&self) -> impl Iterator<Item = (Arc<str>, Value)> {
        self.definitions().map(|definition| {
            (Arc::clone(&definition.name), Value::object(Macro::new(Arc::clone(definition))))
        })
    }
}
