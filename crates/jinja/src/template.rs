//! [`Template`]: a parsed file.

use std::sync::Arc;

use diagnostic::{Result, Source};

use crate::ast::{MacroDefinition, Stmt, StmtKind};
use crate::visit::{self, StaticCall};
use crate::{CallContext, Environment, Macro, Scope, Value, blocks, lexer, native, parser};

/// A parsed template. Cheap to clone, and may be rendered by many threads at once.
#[derive(Clone)]
pub struct Template(Arc<Parsed>);

struct Parsed {
    source: Source,
    body: Body,
}

enum Body {
    File(Vec<Stmt>),
    Block(Arc<MacroDefinition>),
}

impl Template {
    /// Parses a template.
    ///
    /// # Errors
    /// J1001 and J1002, at the place of the fault.
    pub fn parse(source: &Source) -> Result<Self> {
        let source = lexer::normalize(source);
        let body = parser::template(&source)?;
        Ok(Self(Arc::new(Parsed {
            source,
            body: Body::File(body),
        })))
    }

    /// Parses a file of which only the blocks of some `kinds` (`macro`, `docs`, …) matter. What stands
    /// between them need not be Jinja, as in dbt.
    ///
    /// # Errors
    /// As [`Template::parse`], for faults in the blocks.
    pub fn blocks(source: &Source, kinds: &[&str]) -> Result<Self> {
        Self::parse(source).or_else(|_| Self::parse(&blocks::only(source, kinds)))
    }

    /// The body of a block as a template of its own: how a snapshot or a docs block is rendered.
    /// Errors in it still show their place in the file.
    #[must_use]
    pub fn of_block(definition: &Arc<MacroDefinition>) -> Self {
        let source = definition.source.clone();
        Self(Arc::new(Parsed {
            source,
            body: Body::Block(Arc::clone(definition)),
        }))
    }

    /// The text it was parsed from, with `\n` line ends.
    #[must_use]
    pub fn source(&self) -> &Source {
        &self.0.source
    }

    /// Its statements.
    #[must_use]
    pub fn body(&self) -> &[Stmt] {
        match &self.0.body {
            Body::File(body) => body,
            Body::Block(definition) => &definition.body,
        }
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
        self.body()
            .iter()
            .filter_map(|statement| match &statement.kind {
                StmtKind::Macro(definition) => Some(definition),
                _ => None,
            })
    }

    /// The calls it makes, without running it.
    #[must_use]
    pub fn calls(&self) -> Vec<StaticCall> {
        visit::calls(self.body())
    }

    /// The macros of the top level as values that run in the scope of whoever calls them, as dbt's
    /// do. Variables that the file sets outside of its macros are not visible to them.
    pub fn macros(&self) -> impl Iterator<Item = (Arc<str>, Value)> {
        self.definitions().map(|definition| {
            (
                Arc::clone(&definition.name),
                Value::object(Macro::new(Arc::clone(definition))),
            )
        })
    }
}
