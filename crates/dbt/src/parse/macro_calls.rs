//! Which macros a macro calls, read from its syntax tree: `state:modified.macros` follows them.

use jinja::Value;
use jinja::ast::{CallArguments, Expr, ExprKind, MacroDefinition, Step, Stmt, StmtKind};

use crate::context::ProjectContext;
use crate::macros::MacroEntry;

/// Unique ids of the macros that `entry` calls by name, in the order of the calls.
#[must_use]
pub fn called(project: &ProjectContext, entry: &MacroEntry) -> Vec<String> {
    let mut calls = Calls {
        project,
        package: &entry.package,
        found: Vec::new(),
    };
    calls.macro_body(&entry.definition);
    let own = entry.unique_id.to_string();
    calls.found.retain(|id| *id != own);
    calls.found
}

struct Calls<'c> {
    project: &'c ProjectContext,
    package: &'c str,
    found: Vec<String>,
}

impl Calls<'_> {
    fn add(&mut self, entry: Option<&MacroEntry>) {
        let Some(id) = entry.map(|entry| entry.unique_id.to_string()) else {
            return;
        };
        if !self.found.contains(&id) {
            self.found.push(id);
        }
    }

    fn macro_body(&mut self, definition: &MacroDefinition) {
        for default in definition
            .parameters
            .iter()
            .filter_map(|p| p.default.as_ref())
        {
            self.expression(default);
        }
        self.statements(&definition.body);
    }

    fn statements(&mut self, statements: &[Stmt]) {
        for statement in statements {
            self.statement(statement);
        }
    }

    fn statement(&mut self, statement: &Stmt) {
        match &statement.kind {
            StmtKind::Text | StmtKind::Break | StmtKind::Continue => {}
            StmtKind::Print(expr) | StmtKind::Do(expr) | StmtKind::Set(_, expr) => {
                self.expression(expr);
            }
            StmtKind::If(branches, otherwise) => {
                for (condition, body) in branches {
                    self.expression(condition);
                    self.statements(body);
                }
                self.statements(otherwise);
            }
            StmtKind::For(each) => {
                self.expression(&each.iterable);
                self.optional(each.filter.as_ref());
                self.statements(&each.body);
                self.statements(&each.otherwise);
            }
            StmtKind::SetBlock(_, filters, body) | StmtKind::Filter(filters, body) => {
                filters.iter().for_each(|step| self.step(step));
                self.statements(body);
            }
            StmtKind::Macro(definition) => self.macro_body(definition),
            StmtKind::Call(body, call) => {
                self.expression(call);
                self.macro_body(body);
            }
            StmtKind::With(values, body) => {
                values.iter().for_each(|(_, value)| self.expression(value));
                self.statements(body);
            }
        }
    }

    fn optional(&mut self, expr: Option<&Expr>) {
        if let Some(expr) = expr {
            self.expression(expr);
        }
    }

    fn step(&mut self, step: &Step) {
        self.arguments(&step.arguments);
    }

    fn arguments(&mut self, arguments: &CallArguments) {
        arguments
            .positional
            .iter()
            .for_each(|expr| self.expression(expr));
        arguments
            .named
            .iter()
            .for_each(|(_, expr)| self.expression(expr));
        self.optional(arguments.splat.as_ref());
        self.optional(arguments.named_splat.as_ref());
    }

    fn expression(&mut self, expr: &Expr) {
        match &expr.kind {
            ExprKind::Literal(_) | ExprKind::Name(_) => {}
            ExprKind::List(items) | ExprKind::Tuple(items) | ExprKind::Concat(items) => {
                items.iter().for_each(|item| self.expression(item));
            }
            ExprKind::Dict(entries) => entries.iter().for_each(|(key, value)| {
                self.expression(key);
                self.expression(value);
            }),
            ExprKind::Attribute(owner, _) => self.expression(owner),
            ExprKind::Item(both)
            | ExprKind::Binary(_, both)
            | ExprKind::And(both)
            | ExprKind::Or(both) => {
                self.expression(&both.0);
                self.expression(&both.1);
            }
            ExprKind::Slice(owner, bounds) => {
                self.expression(owner);
                bounds
                    .iter()
                    .for_each(|bound| self.optional(bound.as_ref()));
            }
            ExprKind::Call(call) => {
                self.call(&call.0, &call.1);
                self.expression(&call.0);
                self.arguments(&call.1);
            }
            ExprKind::Filter(filter) | ExprKind::Test(filter) => {
                self.expression(&filter.0);
                self.step(&filter.1);
            }
            ExprKind::Not(inner) | ExprKind::Negate(inner) | ExprKind::Plus(inner) => {
                self.expression(inner);
            }
            ExprKind::Compare(first, rest) => {
                self.expression(first);
                rest.iter().for_each(|(_, expr)| self.expression(expr));
            }
            ExprKind::Conditional(parts) => {
                self.expression(&parts.0);
                self.expression(&parts.1);
                self.optional(parts.2.as_ref());
            }
        }
    }

    fn call(&mut self, callee: &Expr, arguments: &CallArguments) {
        let project = self.project;
        match &callee.kind {
            ExprKind::Name(name) => self.add(project.macros.find(self.package, name)),
            ExprKind::Attribute(owner, name) => {
                let ExprKind::Name(owner) = &owner.kind else {
                    return;
                };
                if &**owner == "adapter" && &**name == "dispatch" {
                    self.dispatch(arguments);
                } else {
                    self.add(project.macros.in_package(owner, name));
                }
            }
            _ => {}
        }
    }

    /// `adapter.dispatch('name', 'package')`: every implementation that could be chosen.
    fn dispatch(&mut self, arguments: &CallArguments) {
        let literal = |expr: &Expr| match &expr.kind {
            ExprKind::Literal(Value::Str(text)) => Some(text.to_string()),
            _ => None,
        };
        let named = |name: &str| {
            arguments
                .named
                .iter()
                .find(|(have, _)| &**have == name)
                .and_then(|(_, e)| literal(e))
        };
        let Some(name) = arguments
            .positional
            .first()
            .and_then(literal)
            .or_else(|| named("macro_name"))
        else {
            return;
        };
        let project = self.project;
        let package = arguments
            .positional
            .get(1)
            .and_then(literal)
            .or_else(|| named("macro_namespace"));
        for prefix in project.adapter_prefixes() {
            let name = format!("{prefix}__{name}");
            let found = package
                .as_deref()
                .and_then(|package| project.macros.in_package(package, &name));
            let found = project
                .macros
                .in_package(&project.root.name, &name)
                .or(found);
            self.add(found.or_else(|| project.macros.find(self.package, &name)));
        }
    }
}
