//! The syntax tree of a template.

use std::sync::Arc;

use diagnostic::Source;

pub use crate::token::Span;
use crate::{Operator, Value};

/// An expression and where it stands.
#[derive(Debug)]
pub struct Expr {
    /// Where.
    pub span: Span,
    /// What.
    pub kind: ExprKind,
}

/// The kinds of expressions.
#[derive(Debug)]
pub enum ExprKind {
    /// A constant.
    Literal(Value),
    /// A variable.
    Name(Arc<str>),
    /// `[a, b]`
    List(Vec<Expr>),
    /// `(a, b)`
    Tuple(Vec<Expr>),
    /// `{a: b}`
    Dict(Vec<(Expr, Expr)>),
    /// `a.b`
    Attribute(Box<Expr>, Arc<str>),
    /// `a[b]`
    Item(Box<(Expr, Expr)>),
    /// `a[b:c:d]`
    Slice(Box<Expr>, Box<[Option<Expr>; 3]>),
    /// `a(b)`
    Call(Box<(Expr, CallArguments)>),
    /// `a | b(c)`
    Filter(Box<(Expr, Step)>),
    /// `a is b(c)`; negated by [`ExprKind::Not`]
    Test(Box<(Expr, Step)>),
    /// `not a`
    Not(Box<Expr>),
    /// `-a`
    Negate(Box<Expr>),
    /// `+a`
    Plus(Box<Expr>),
    /// `a + b`
    Binary(Operator, Box<(Expr, Expr)>),
    /// `a < b <= c`
    Compare(Box<Expr>, Vec<(Comparison, Expr)>),
    /// `a and b`
    And(Box<(Expr, Expr)>),
    /// `a or b`
    Or(Box<(Expr, Expr)>),
    /// `a ~ b ~ c`
    Concat(Vec<Expr>),
    /// `a if b else c`
    Conditional(Box<(Expr, Expr, Option<Expr>)>),
}

/// The operators that compare.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    /// `==`
    Equal,
    /// `!=`
    NotEqual,
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
    /// `in`
    In,
    /// `not in`
    NotIn,
}

/// A filter or test with its arguments.
#[derive(Debug)]
pub struct Step {
    /// Its name.
    pub name: Arc<str>,
    /// Where the name stands.
    pub span: Span,
    /// What follows in brackets.
    pub arguments: CallArguments,
}

/// The arguments of a call.
#[derive(Debug, Default)]
pub struct CallArguments {
    /// `f(a)`
    pub positional: Vec<Expr>,
    /// `f(a=b)`
    pub named: Vec<(Arc<str>, Expr)>,
    /// `f(*a)`
    pub splat: Option<Expr>,
    /// `f(**a)`
    pub named_splat: Option<Expr>,
}

/// A statement and where it stands.
#[derive(Debug)]
pub struct Stmt {
    /// Where, with its end tag.
    pub span: Span,
    /// What.
    pub kind: StmtKind,
}

/// The kinds of statements.
#[derive(Debug)]
pub enum StmtKind {
    /// The bytes of the statement's span, as they are.
    Text,
    /// `{{ a }}`
    Print(Expr),
    /// `{% if a %}…{% elif b %}…{% else %}…{% endif %}`
    If(Vec<(Expr, Vec<Stmt>)>, Vec<Stmt>),
    /// `{% for %}`
    For(Arc<ForLoop>),
    /// `{% set a = b %}`
    Set(Target, Expr),
    /// `{% set a | filter %}…{% endset %}`
    SetBlock(Target, Vec<Step>, Vec<Stmt>),
    /// `{% do a %}`
    Do(Expr),
    /// `{% macro %}` and dbt's blocks that define one
    Macro(Arc<MacroDefinition>),
    /// `{% call(x) a(b) %}…{% endcall %}`: the body and the call
    Call(Arc<MacroDefinition>, Expr),
    /// `{% filter a | b %}…{% endfilter %}`
    Filter(Vec<Step>, Vec<Stmt>),
    /// `{% with a = b %}…{% endwith %}`
    With(Vec<(Target, Expr)>, Vec<Stmt>),
    /// `{% break %}`
    Break,
    /// `{% continue %}`
    Continue,
}

/// What an assignment assigns to.
#[derive(Debug)]
pub enum Target {
    /// A variable.
    Name(Arc<str>, Span),
    /// Several at once.
    Tuple(Vec<Target>, Span),
    /// An attribute of a namespace.
    Attribute(Arc<str>, Arc<str>, Span),
}

/// `{% for target in iterable if filter recursive %}body{% else %}otherwise{% endfor %}`
#[derive(Debug)]
pub struct ForLoop {
    /// The loop variable(s).
    pub target: Target,
    /// What it goes over.
    pub iterable: Expr,
    /// Items without this are left out.
    pub filter: Option<Expr>,
    /// Whether `loop(…)` may be called.
    pub recursive: bool,
    /// Whether the body mentions `loop`.
    pub uses_loop: bool,
    /// The body.
    pub body: Vec<Stmt>,
    /// What runs if there was no item.
    pub otherwise: Vec<Stmt>,
}

/// Which tag defined a macro.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MacroKind {
    /// `{% macro %}`
    Macro,
    /// `{% test %}` or `{% data_test %}`: its macro is called `test_<name>`
    Test,
    /// `{% materialization %}`: its macro is called `materialization_<name>_<adapter>`
    Materialization,
    /// `{% snapshot %}`: its macro is called `snapshot_<name>`
    Snapshot,
    /// `{% docs %}`
    Docs,
    /// The body of `{% call %}`
    Caller,
}

/// A parameter of a macro.
#[derive(Debug)]
pub struct Parameter {
    /// Its name.
    pub name: Arc<str>,
    /// Its default.
    pub default: Option<Expr>,
    /// Its type as written after a colon, which dbt only checks.
    pub annotation: Option<String>,
}

/// The definition of a macro.
#[derive(Debug)]
pub struct MacroDefinition {
    /// The name under which it is called.
    pub name: Arc<str>,
    /// The name as written in the tag.
    pub label: Arc<str>,
    /// Which tag it was.
    pub kind: MacroKind,
    /// The adapter of a materialization.
    pub adapter: Option<Arc<str>>,
    /// The languages of a materialization.
    pub languages: Vec<Arc<str>>,
    /// Its parameters.
    pub parameters: Vec<Parameter>,
    /// The names of its parameters, as `arguments` shows them.
    pub arguments: Arc<[Value]>,
    /// Whether the body mentions `varargs`, `kwargs`, `caller`.
    pub takes: Takes,
    /// Its body.
    pub body: Vec<Stmt>,
    /// From the start of the tag to the end of the end tag.
    pub span: Span,
    /// The name in the tag.
    pub name_span: Span,
    /// The text between the tags.
    pub body_span: Span,
    /// The file it stands in.
    pub source: Source,
}

impl MacroDefinition {
    /// The whole text, tags included.
    #[must_use]
    pub fn text(&self) -> &str {
        self.source.text.get(self.span.range()).unwrap_or_default()
    }

    /// The text between the tags.
    #[must_use]
    pub fn body_text(&self) -> &str {
        self.source
            .text
            .get(self.body_span.range())
            .unwrap_or_default()
    }
}

/// Which of the special variables a macro mentions; only then it accepts what they hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Takes {
    /// `varargs`
    pub varargs: bool,
    /// `kwargs`
    pub kwargs: bool,
    /// `caller`
    pub caller: bool,
}
