//! Stored procedures: CREATE, DROP and CALL.
//!
//! <https://docs.snowflake.com/en/developer-guide/stored-procedure/stored-procedures-snowflake-scripting>

use catalog::{FunctionArgument, FunctionResult, ObjectBody, ObjectKind};
use diagnostic::{Error, Result, Source, codes};
use engine::{Outcome, Session};
use sql::command::Command;
use sql::scripting::{Block, Call, CreateProcedure};
use sqlparser::ast::{DataType, Expr, FunctionArg, FunctionArgExpr, ObjectName};

use super::flow::Interpreter;
use super::raised::{self, Raised};
use super::scope::{Held, Variable};
use crate::Embedded;
use crate::access::Named;
use crate::commands::{drop_called, function};
use crate::names::relation;

/// CREATE PROCEDURE.
pub(crate) fn create(
    engine: &Embedded,
    session: &Session,
    create: CreateProcedure,
) -> Result<Outcome> {
    let CreateProcedure(create) = create;
    // What does not parse now would fail at every call.
    if create.language == "SQL" {
        body(&create.name.to_string(), &create.body)?;
    }
    function::create_as(engine, session, ObjectKind::Procedure, create)
}

/// DROP PROCEDURE.
pub(crate) fn drop_procedure(
    engine: &Embedded,
    session: &Session,
    name: &ObjectName,
    arguments: &[DataType],
    if_exists: bool,
) -> Result<Outcome> {
    let name = function::with_types(&relation(session, name)?, arguments);
    drop_called(engine, ObjectKind::Procedure, &name, if_exists)
}

/// The block of a procedure's body, and the script it stands in.
fn body(name: &str, text: &str) -> Result<(Block, Source)> {
    let script = Source::new(format!("procedure {name}"), text.trim());
    let mut statements = sql::parse_script(&script)?;
    let block = match (statements.pop(), statements.is_empty()) {
        (Some(statement), true) => statement.command,
        _ => None,
    };
    match block.map(|command| *command) {
        Some(Command::Block(block)) => Ok((*block, script)),
        _ => Err(Error::new(
            codes::E1002,
            "The body of a procedure is one block: `begin … end`",
        )),
    }
}

/// A procedure that a call means.
struct Found {
    arguments: Vec<FunctionArgument>,
    returns: FunctionResult,
    body: String,
}

fn find(engine: &Embedded, session: &Session, call: &Call) -> Result<Found> {
    let name = relation(session, &call.name)?;
    let start = format!("{}(", name.name.as_str());
    let given = call.arguments.len();
    let mut others = Vec::new();
    let databases = engine.databases(session);
    for ((kind, known), object) in databases.objects() {
        if kind != ObjectKind::Procedure || known.namespace() != name.namespace() {
            continue;
        }
        let ObjectBody::Function {
            arguments,
            returns,
            body,
            ..
        } = object.body
        else {
            continue;
        };
        let needed = arguments.iter().filter(|a| a.default.is_none()).count();
        if known.name.as_str().starts_with(&start) && (needed..=arguments.len()).contains(&given) {
            databases.require(&Named::Object(kind, known), "USAGE")?;
            return Ok(Found {
                arguments,
                returns,
                body,
            });
        }
        others.push(known.name.as_str().to_owned());
    }
    Err(Error::new(
        codes::E1103,
        format!("Procedure `{name}` with {given} arguments does not exist"),
    )
    .suggest(name.name.as_str(), others.iter().map(String::as_str)))
}

impl Interpreter<'_> {
    /// CALL.
    pub(super) async fn call(
        &mut self,
        call: &Call,
        statement: &sql::Statement,
    ) -> raised::Result<Outcome> {
        let session = self.session.clone().current();
        let engine = self.statements.engine(&session).await;
        let engine = engine.map_err(Raised::statement)?;
        let place = || statement.source.place(statement.span.clone());
        let found =
            find(&engine, &session, call).map_err(|error| Raised::statement(error).at(place()))?;
        let given = arguments(&found.arguments, &call.arguments)
            .map_err(|error| Raised::statement(error).at(place()))?;
        let mut variables = Vec::new();
        for (argument, value) in found.arguments.iter().zip(given) {
            let kind = Some(argument.kind.as_str());
            let value = self.value(&value, kind, &statement.span).await?;
            variables.push((argument, value));
        }
        let name = call.name.0.last().map(ToString::to_string);
        let name = name.unwrap_or_default().replace('"', "");
        let (block, script) = body(&name, &found.body).map_err(Raised::statement)?;
        // What the caller named is not seen in the procedure.
        let inner = session.with_binds(engine::Binds::default());
        let mut interpreter = Interpreter::new(self.statements, &inner, &script, self.depth + 1);
        if let FunctionResult::Scalar(kind) = &found.returns {
            interpreter.returns = Some(kind.clone());
        }
        for (argument, value) in variables {
            let variable = Variable {
                kind: Some(argument.kind.clone()),
                held: Held::Value(value),
            };
            interpreter.scope.declare(&argument.name, variable);
        }
        Box::pin(interpreter.top(&block, &name)).await
    }
}

/// The values of a procedure's arguments, by position or by name.
fn arguments(declared: &[FunctionArgument], given: &[FunctionArg]) -> Result<Vec<Expr>> {
    let mut values: Vec<Option<Expr>> = vec![None; declared.len()];
    for (position, argument) in given.iter().enumerate() {
        let (at, value) = match argument {
            FunctionArg::Unnamed(FunctionArgExpr::Expr(value)) => (Some(position), value),
            FunctionArg::Named {
                name,
                arg: FunctionArgExpr::Expr(value),
                ..
            } => {
                let mut names = declared.iter();
                (names.position(|one| one.name == name.value), value)
            }
            FunctionArg::ExprNamed {
                name: Expr::Identifier(name),
                arg: FunctionArgExpr::Expr(value),
                ..
            } => {
                let mut names = declared.iter();
                (names.position(|one| one.name == name.value), value)
            }
            other => return Err(no_argument(other)),
        };
        match at.and_then(|at| values.get_mut(at)) {
            Some(place) => *place = Some(value.clone()),
            None => return Err(no_argument(argument)),
        }
    }
    declared
        .iter()
        .zip(values)
        .map(|(declared, value)| match (value, &declared.default) {
            (Some(value), _) => Ok(value),
            (None, Some(default)) => crate::user_functions::parse_expr(default),
            (None, None) => Err(Error::new(
                codes::E1104,
                format!("Argument `{}` has no value", declared.name),
            )),
        })
        .collect()
}

fn no_argument(argument: &FunctionArg) -> Error {
    Error::new(
        codes::E1104,
        format!("The procedure does not take `{argument}`"),
    )
}
