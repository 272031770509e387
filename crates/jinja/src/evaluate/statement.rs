//! Statements.

use std::sync::Arc;

use diagnostic::Result;

use super::{CallContext, Macro};
use crate::ast::{Expr, Stmt, StmtKind};
use crate::{Arguments, Value};

/// What happens after a statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flow {
    Next,
    Break,
    Continue,
}

impl CallContext<'_> {
    pub(super) fn run(&mut self, body: &[Stmt]) -> Result<Flow> {
        for statement in body {
            let flow = self.statement(statement)?;
            if flow != Flow::Next {
                return Ok(flow);
            }
        }
        Ok(Flow::Next)
    }

    fn statement(&mut self, statement: &Stmt) -> Result<Flow> {
        match &statement.kind {
            StmtKind::Text => {
                let text = self.frame.source.text.get(statement.span.range());
                self.output.push_str(text.unwrap_or_default());
                return Ok(Flow::Next);
            }
            StmtKind::Print(value) => {
                self.step()
                    .map_err(|error| self.locate(error, value.span))?;
                self.print(value)?;
            }
            StmtKind::If(branches, otherwise) => return self.if_(branches, otherwise),
            StmtKind::For(for_loop) => return self.for_loop(for_loop).map(|()| Flow::Next),
            StmtKind::Set(target, value) => {
                let value = self.evaluate(value)?;
                self.assign(target, value)?;
            }
            StmtKind::SetBlock(target, filters, body) => {
                let text = self.captured_scope(body)?;
                let value = self.apply_filters(text.into(), filters)?;
                self.assign(target, value)?;
            }
            StmtKind::Do(value) => {
                self.evaluate(value)?;
            }
            StmtKind::Macro(definition) => {
                let nested = !self.frame.top;
                let closure = if nested {
                    self.visible()
                } else {
                    Arc::from([])
                };
                let module = self.frame.module.clone();
                let value = Macro::bound(Arc::clone(definition), module, closure).nested(nested);
                self.set(&definition.name, Value::object(value));
            }
            StmtKind::Call(definition, call) => {
                let module = self.frame.module.clone();
                let caller = Macro::bound(Arc::clone(definition), module, self.visible());
                let value = self.call_with_caller(call, Value::object(caller))?;
                value.write_to(&mut self.output);
            }
            StmtKind::Filter(filters, body) => {
                let text = self.captured_scope(body)?;
                let value = self.apply_filters(text.into(), filters)?;
                value.write_to(&mut self.output);
            }
            StmtKind::With(bindings, body) => {
                // Jinja2 evaluates all values outside of the new scope.
                let mut values = Vec::with_capacity(bindings.len());
                for (_, value) in bindings {
                    values.push(self.evaluate(value)?);
                }
                return self.scoped(|context| {
                    for ((target, _), value) in bindings.iter().zip(values) {
                        context.assign(target, value)?;
                    }
                    context.run(body)
                });
            }
            StmtKind::Break => return Ok(Flow::Break),
            StmtKind::Continue => return Ok(Flow::Continue),
        }
        Ok(Flow::Next)
    }

    fn print(&mut self, value: &Expr) -> Result<()> {
        let result = self.evaluate(value)?;
        if result.is_undefined() && self.strict() {
            return Err(self.locate(crate::fail::undefined(&result), value.span));
        }
        result.write_to(&mut self.output);
        Ok(())
    }

    fn if_(&mut self, branches: &[(Expr, Vec<Stmt>)], otherwise: &[Stmt]) -> Result<Flow> {
        for (condition, body) in branches {
            self.step()
                .map_err(|error| self.locate(error, condition.span))?;
            if self.condition(condition)? {
                return self.run(body);
            }
        }
        self.run(otherwise)
    }

    fn captured_scope(&mut self, body: &[Stmt]) -> Result<String> {
        self.captured_output(|context| context.scoped(|context| context.run(body)).map(|_| ()))
    }

    fn apply_filters(&mut self, value: Value, filters: &[crate::ast::Step]) -> Result<Value> {
        filters
            .iter()
            .try_fold(value, |value, step| self.filter(value, step))
    }

    pub(super) fn call_arguments_of(
        &mut self,
        arguments: &crate::ast::CallArguments,
    ) -> Result<Arguments> {
        let mut positional = Vec::with_capacity(arguments.positional.len());
        for value in &arguments.positional {
            positional.push(self.evaluate(value)?);
        }
        let mut named = Vec::with_capacity(arguments.named.len());
        for (name, value) in &arguments.named {
            named.push((Arc::clone(name), self.evaluate(value)?));
        }
        if let Some(splat) = &arguments.splat {
            let items = self.evaluate(splat)?;
            let items = items
                .iterate()
                .map_err(|error| self.locate(error, splat.span))?;
            positional.extend(items);
        }
        if let Some(splat) = &arguments.named_splat {
            let entries = self.evaluate(splat)?;
            let entries = crate::methods::entries_of(&entries)
                .map_err(|error| self.locate(error, splat.span))?;
            for (key, value) in entries {
                match key {
                    Value::Str(name) => named.push((name, value)),
                    other => {
                        let error =
                            crate::fail::wrong_type("the name of an argument", "a string", &other);
                        return Err(self.locate(error, splat.span));
                    }
                }
            }
        }
        Ok(Arguments { positional, named })
    }
}
