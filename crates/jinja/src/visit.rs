//! Looks through a syntax tree without running it: which calls does a template make?

use std::sync::Arc;

use crate::Value;
use crate::ast::{CallArguments, Expr, ExprKind, MacroDefinition, Span, Step, Stmt, StmtKind};
use crate::literal::constant;

/// A call found in a template: `ref('orders')`, `adapter.dispatch('m', 'package')`.
#[derive(Clone, Debug)]
pub struct StaticCall {
    /// The name that is called, with what stands before its dots: `["adapter", "dispatch"]`.
    pub path: Vec<Arc<str>>,
    /// The positional arguments; `None` where the value is known only when it runs.
    pub positional: Vec<Option<Value>>,
    /// The named arguments, likewise.
    pub named: Vec<(Arc<str>, Option<Value>)>,
    /// Whether more arguments come from `*` or `**`.
    pub splat: bool,
    /// Whether it runs only under a condition, in a loop or inside a macro.
    pub conditional: bool,
    /// Where it stands.
    pub span: Span,
}

impl StaticCall {
    /// Whether every argument is known.
    #[must_use]
    pub fn is_constant(&self) -> bool {
        !self.splat
            && self.positional.iter().all(Option::is_some)
            && self.named.iter().all(|(_, value)| value.is_some())
    }

    /// The path with its dots.
    #[must_use]
    pub fn name(&self) -> String {
        self.path.join(".")
    }
}

/// The calls in `body`, in the order they are written. Calls of something that is no (dotted) name,
/// such as `adapter.dispatch('m')()`, are not listed themselves, but what they contain is.
#[must_use]
pub fn calls(body: &[Stmt]) -> Vec<StaticCall> {
    let mut found = Finder {
        calls: Vec::new(),
        conditional: 0,
    };
    found.statements(body);
    found.calls
}

/// The calls that a macro makes, in the defaults of its parameters too.
#[must_use]
pub fn macro_calls(definition: &MacroDefinition) -> Vec<StaticCall> {
    let mut found = Finder {
        calls: Vec::new(),
        conditional: 0,
    };
    found.definition(definition);
    found.calls
}

struct Finder {
    calls: Vec<StaticCall>,
    conditional: usize,
}

impl Finder {
    fn conditionally(&mut self, look: impl FnOnce(&mut Self)) {
        self.conditional += 1;
        look(self);
        self.conditional -= 1;
    }

    fn statements(&mut self, body: &[Stmt]) {
        body.iter().for_each(|statement| self.statement(statement));
    }

    fn statement(&mut self, statement: &Stmt) {
        match &statement.kind {
            StmtKind::Text | StmtKind::Break | StmtKind::Continue => {}
            StmtKind::Print(value) | StmtKind::Do(value) | StmtKind::Set(_, value) => {
                self.expr(value);
            }
            StmtKind::If(branches, otherwise) => {
                for (index, (condition, body)) in branches.iter().enumerate() {
                    if index == 0 {
                        self.expr(condition);
                    } else {
                        self.conditionally(|this| this.expr(condition));
                    }
                    self.conditionally(|this| this.statements(body));
                }
                self.conditionally(|this| this.statements(otherwise));
            }
            StmtKind::For(for_loop) => {
                self.expr(&for_loop.iterable);
                self.conditionally(|this| {
                    for_loop.filter.iter().for_each(|filter| this.expr(filter));
                    this.statements(&for_loop.body);
                    this.statements(&for_loop.otherwise);
                });
            }
            StmtKind::SetBlock(_, filters, body) | StmtKind::Filter(filters, body) => {
                self.statements(body);
                filters.iter().for_each(|step| self.step(step));
            }
            StmtKind::Macro(definition) => self.conditionally(|this| this.definition(definition)),
            StmtKind::Call(body, call) => {
                self.expr(call);
                self.conditionally(|this| this.definition(body));
            }
            StmtKind::With(bindings, body) => {
                bindings.iter().for_each(|(_, value)| self.expr(value));
                self.statements(body);
            }
        }
    }

    fn definition(&mut self, definition: &MacroDefinition) {
        for parameter in &definition.parameters {
            parameter
                .default
                .iter()
                .for_each(|default| self.expr(default));
        }
        self.statements(&definition.body);
    }

    fn step(&mut self, step: &Step) {
        self.arguments(&step.arguments);
    }

    fn arguments(&mut self, arguments: &CallArguments) {
        let named = arguments.named.iter().map(|(_, value)| value);
        let splats = arguments.splat.iter().chain(&arguments.named_splat);
        arguments
            .positional
            .iter()
            .chain(named)
            .chain(splats)
            .for_each(|value| self.expr(value));
    }

    fn expr(&mut self, expr: &Expr) {
        match &expr.kind {
            ExprKind::Literal(_) | ExprKind::Name(_) => {}
            ExprKind::List(items) | ExprKind::Tuple(items) | ExprKind::Concat(items) => {
                items.iter().for_each(|item| self.expr(item));
            }
            ExprKind::Dict(entries) => entries.iter().for_each(|(key, value)| {
                self.expr(key);
                self.expr(value);
            }),
            ExprKind::Attribute(owner, _) => self.expr(owner),
            ExprKind::Item(both) | ExprKind::Binary(_, both) => {
                self.expr(&both.0);
                self.expr(&both.1);
            }
            ExprKind::And(both) | ExprKind::Or(both) => {
                self.expr(&both.0);
                self.conditionally(|this| this.expr(&both.1));
            }
            ExprKind::Slice(owner, bounds) => {
                self.expr(owner);
                bounds.iter().flatten().for_each(|bound| self.expr(bound));
            }
            ExprKind::Call(call) => self.call(expr.span, &call.0, &call.1),
            ExprKind::Filter(filter) => {
                self.expr(&filter.0);
                self.step(&filter.1);
            }
            ExprKind::Test(test) => {
                self.expr(&test.0);
                self.step(&test.1);
            }
            ExprKind::Not(inner) | ExprKind::Negate(inner) | ExprKind::Plus(inner) => {
                self.expr(inner);
            }
            ExprKind::Compare(first, rest) => {
                self.expr(first);
                rest.iter().for_each(|(_, value)| self.expr(value));
            }
            ExprKind::Conditional(parts) => {
                self.expr(&parts.1);
                self.conditionally(|this| {
                    this.expr(&parts.0);
                    parts.2.iter().for_each(|otherwise| this.expr(otherwise));
                });
            }
        }
    }

    fn call(&mut self, span: Span, callee: &Expr, arguments: &CallArguments) {
        match path_of(callee) {
            Some(path) => self.calls.push(StaticCall {
                path,
                positional: arguments.positional.iter().map(constant).collect(),
                named: arguments
                    .named
                    .iter()
                    .map(|(name, value)| (Arc::clone(name), constant(value)))
                    .collect(),
                splat: arguments.splat.is_some() || arguments.named_splat.is_some(),
                conditional: self.conditional > 0,
                span,
            }),
            None => self.expr(callee),
        }
        self.arguments(arguments);
    }
}

fn path_of(expr: &Expr) -> Option<Vec<Arc<str>>> {
    match &expr.kind {
        ExprKind::Name(name) => Some(vec![Arc::clone(name)]),
        ExprKind::Attribute(owner, name) => {
            let mut path = path_of(owner)?;
            path.push(Arc::clone(name));
            Some(path)
        }
        _ => None,
    }
}
