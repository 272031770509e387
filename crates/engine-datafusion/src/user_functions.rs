//! Functions written in SQL, put in the place of their calls.
//!
//! <https://docs.snowflake.com/en/developer-guide/udf/sql/udf-sql-introduction>. A call becomes its body with
//! the arguments in the parameters' places, cast to the declared types; so nothing of a function is left
//! when the statement is planned.

use std::ops::ControlFlow;

use catalog::{FunctionArgument, FunctionResult, ObjectBody, ObjectKind};
use diagnostic::{Error, Result, Source, codes};
use sqlparser::ast::{
    Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments, Ident, ObjectName, Query,
    SelectItem, SetExpr, Statement, TableAlias, TableAliasColumnDef, TableFactor, VisitorMut,
};

use crate::access::Named;
use crate::dml::tree;
use crate::names::{identifier, relation};
use crate::provider::Databases;

/// Functions may call functions this deep; more is a circle.
const DEPTH: usize = 32;

/// Puts bodies in the places of calls, until no call is left.
pub(crate) fn inline<T: sql::Node>(databases: &Databases, tree: &mut T) -> Result<()> {
    let known = databases
        .objects()
        .into_keys()
        .any(|(kind, _)| kind == ObjectKind::Function);
    if !known {
        return Ok(());
    }
    for _ in 0..DEPTH {
        let mut inliner = Inliner {
            databases,
            changed: false,
            failed: None,
        };
        let _ = sql::walk_mut(tree, &mut inliner);
        if let Some(error) = inliner.failed {
            return Err(error);
        }
        if !inliner.changed {
            return Ok(());
        }
    }
    Err(Error::new(
        codes::E1002,
        format!("Functions call each other in a circle, or more than {DEPTH} deep"),
    ))
}

struct Inliner<'a> {
    databases: &'a Databases,
    changed: bool,
    failed: Option<Error>,
}

/// A function that a call means, with the call's arguments.
struct Call {
    arguments: Vec<FunctionArgument>,
    returns: FunctionResult,
    body: String,
    given: Vec<Expr>,
}

impl Inliner<'_> {
    fn call(&self, function: &Function) -> Result<Option<Call>> {
        if function.over.is_some() || function.filter.is_some() {
            return Ok(None);
        }
        let Ok(name) = relation(&self.databases.session, &function.name) else {
            return Ok(None);
        };
        let given = match &function.args {
            FunctionArguments::List(list) => list
                .args
                .iter()
                .map(|arg| match arg {
                    FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => Some(expr.clone()),
                    _ => None,
                })
                .collect::<Option<Vec<_>>>(),
            _ => None,
        };
        let Some(given) = given else { return Ok(None) };
        let start = format!("{}(", name.name.as_str());
        for ((kind, known), object) in self.databases.workspace.objects() {
            let ObjectBody::Function {
                arguments,
                returns,
                body,
                ..
            } = object.body
            else {
                continue;
            };
            let least = arguments
                .iter()
                .filter(|argument| argument.default.is_none())
                .count();
            if kind == ObjectKind::Function
                && known.namespace() == name.namespace()
                && known.name.as_str().starts_with(&start)
                && (least..=arguments.len()).contains(&given.len())
                && self.databases.may(&Named::Object(kind, known), "USAGE")
            {
                return Ok(Some(Call {
                    arguments,
                    returns,
                    body,
                    given,
                }));
            }
        }
        Ok(None)
    }

    fn check<T>(&mut self, done: Result<Option<T>>) -> Option<T> {
        match done {
            Ok(value) => value,
            Err(error) => {
                self.failed.get_or_insert(error);
                None
            }
        }
    }
}

impl VisitorMut for Inliner<'_> {
    type Break = ();

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        if let Expr::Function(function) = expr {
            let call = self.call(function);
            if let Some(call) = self.check(call) {
                let value = call.value().map(Some);
                if let Some(value) = self.check(value) {
                    *expr = value;
                    self.changed = true;
                }
            }
        }
        if self.failed.is_some() {
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_table_factor(&mut self, factor: &mut TableFactor) -> ControlFlow<()> {
        if let TableFactor::TableFunction {
            expr: Expr::Function(function),
            alias,
        } = factor
        {
            let name = function.name.clone();
            let call = self.call(function);
            if let Some(call) = self.check(call) {
                let alias = alias.clone();
                let rows = call.rows(&name, alias).map(Some);
                if let Some(rows) = self.check(rows) {
                    *factor = rows;
                    self.changed = true;
                }
            }
        }
        if self.failed.is_some() {
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    }
}

impl Call {
    /// The body as a query, with arguments in the parameters' places.
    fn query(&self) -> Result<Query> {
        let mut query = parse_body(&self.body)?;
        let mut parameters = Vec::new();
        for (at, argument) in self.arguments.iter().enumerate() {
            let value = match (self.given.get(at), &argument.default) {
                (Some(given), _) => given.clone(),
                (None, Some(default)) => parse_expr(default)?,
                (None, None) => continue,
            };
            parameters.push((argument.name.clone(), cast(value, &argument.kind)?));
        }
        let _ = sql::walk_mut(&mut query, &mut Parameters { parameters });
        Ok(query)
    }

    fn value(&self) -> Result<Expr> {
        let FunctionResult::Scalar(kind) = &self.returns else {
            return Err(Error::new(
                codes::E1002,
                "A function that returns a table is called as `table(f(…))`",
            ));
        };
        let query = self.query()?;
        let value = match plain(query) {
            Ok(expr) => Expr::Nested(Box::new(expr)),
            Err(query) => Expr::Subquery(query),
        };
        cast(value, kind)
    }

    fn rows(&self, name: &ObjectName, alias: Option<TableAlias>) -> Result<TableFactor> {
        let FunctionResult::Table(columns) = &self.returns else {
            return Err(Error::new(
                codes::E1002,
                format!("Function `{name}` returns a value, not a table"),
            ));
        };
        let inner = TableFactor::Derived {
            lateral: false,
            subquery: Box::new(self.query()?),
            alias: Some(TableAlias {
                explicit: true,
                name: tree::ident("__BODY"),
                columns: columns
                    .iter()
                    .map(|(column, _)| TableAliasColumnDef {
                        name: tree::ident(column),
                        data_type: None,
                    })
                    .collect(),
                at: None,
            }),
            sample: None,
        };
        let projection = columns
            .iter()
            .map(|(column, kind)| {
                let value = Expr::Identifier(tree::ident(column));
                Ok(tree::named(cast(value, kind)?, column))
            })
            .collect::<Result<Vec<_>>>()?;
        let from = sqlparser::ast::TableWithJoins {
            relation: inner,
            joins: Vec::new(),
        };
        let own = name.0.last().and_then(|part| part.as_ident()).cloned();
        Ok(TableFactor::Derived {
            lateral: false,
            subquery: Box::new(tree::select(projection, vec![from], None)?),
            alias: alias.or_else(|| {
                own.map(|name| TableAlias {
                    explicit: true,
                    name,
                    columns: Vec::new(),
                    at: None,
                })
            }),
            sample: None,
        })
    }
}

/// A query that gives one expression and reads nothing, as that expression.
fn plain(mut query: Query) -> Result<Expr, Box<Query>> {
    if query.with.is_none()
        && let SetExpr::Select(select) = query.body.as_mut()
        && select.from.is_empty()
        && select.selection.is_none()
        && select.projection.len() == 1
        && let Some(SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. }) =
            select.projection.pop()
    {
        return Ok(expr);
    }
    Err(Box::new(query))
}

/// The query of a body: itself, or the select of an expression.
pub(crate) fn parse_body(body: &str) -> Result<Query> {
    let text = body.trim().trim_end_matches(';');
    let start = text.trim_start_matches('(').trim_start().to_uppercase();
    let whole = if start.starts_with("SELECT") || start.starts_with("WITH") {
        text.to_owned()
    } else {
        format!("select {text}")
    };
    let source = Source::new("function body", whole);
    match sql::parse_script(&source)?
        .pop()
        .map(|statement| statement.ast)
    {
        Some(Statement::Query(query)) => Ok(*query),
        _ => Err(Error::new(
            codes::E1002,
            "The body of a function is an expression or a query",
        )),
    }
}

pub(crate) fn parse_expr(text: &str) -> Result<Expr> {
    plain(parse_body(text)?)
        .map_err(|_| Error::new(codes::E1002, format!("`{text}` is no expression")))
}

/// `cast(value as kind)`.
pub(crate) fn cast(value: Expr, kind: &str) -> Result<Expr> {
    let mut expr = parse_expr(&format!("cast(null as {kind})"))?;
    if let Expr::Cast { expr: inner, .. } = &mut expr {
        **inner = value;
    }
    Ok(expr)
}

/// Puts arguments in the places of parameters.
struct Parameters {
    parameters: Vec<(String, Expr)>,
}

impl VisitorMut for Parameters {
    type Break = ();

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        if let Expr::Identifier(ident) = expr
            && let Some(value) = self.value(ident)
        {
            *expr = Expr::Nested(Box::new(value));
        }
        ControlFlow::Continue(())
    }
}

impl Parameters {
    fn value(&self, ident: &Ident) -> Option<Expr> {
        let name = identifier(ident);
        self.parameters
            .iter()
            .find(|(parameter, _)| parameter == name.as_str())
            .map(|(_, value)| value.clone())
    }
}
