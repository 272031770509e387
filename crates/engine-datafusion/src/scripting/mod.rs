//! Snowflake Scripting: blocks and stored procedures, step by step.
//!
//! <https://docs.snowflake.com/en/developer-guide/snowflake-scripting/index>. Each statement of a block is
//! run by [`Statements`], so that whoever runs the block decides what is published when.

mod deep;
mod evaluate;
mod flow;
mod procedure;
mod raised;
mod rows;
mod scope;
mod value;

use async_trait::async_trait;
use diagnostic::{Result, Source};
use engine::{Binds, Outcome, Session};
use sql::command::Command;

use crate::{Embedded, zone};
use flow::Interpreter;

pub(crate) use procedure::{create, drop_procedure};

/// How deep blocks, procedures and texts may run each other.
const DEPTH: usize = 12;

/// Runs the statements of blocks.
#[async_trait]
pub trait Statements: Send + Sync {
    /// Runs one statement that is no block and no call.
    async fn run(&mut self, session: &Session, statement: sql::Statement) -> Result<Outcome>;

    /// An engine over what the next statement would see, for expressions.
    async fn engine(&mut self, session: &Session) -> Result<Embedded>;
}

/// Whether [`run`] has to run `statement`: a block, a call, or a text that may hold one.
#[must_use]
pub fn is_script(statement: &sql::Statement) -> bool {
    match statement.command.as_deref() {
        Some(Command::Block(_) | Command::Call(_)) => true,
        Some(_) => false,
        None => matches!(
            statement.ast,
            sqlparser::ast::Statement::Execute {
                immediate: true,
                ..
            }
        ),
    }
}

/// Runs a statement for which [`is_script`] says so.
///
/// # Errors
/// What no handler of the block handles; `E1111` for exceptions that a block raises.
pub async fn run(
    statements: &mut dyn Statements,
    session: &Session,
    statement: sql::Statement,
) -> Result<Outcome> {
    let script = statement.source.clone();
    let outcome = nested(statements, session, statement, &script, 0).await?;
    Ok(zone::told(&session.clone().current(), outcome))
}

/// Like [`run`], `depth` deep in others.
async fn nested(
    statements: &mut dyn Statements,
    session: &Session,
    mut statement: sql::Statement,
    script: &Source,
    depth: usize,
) -> Result<Outcome> {
    let mut interpreter = Interpreter::new(statements, session, script, depth);
    match statement.command.take().map(|command| *command) {
        Some(Command::Block(block)) => interpreter.top(&block, "anonymous block").await,
        Some(Command::Call(call)) => interpreter.call(&call, &statement).await,
        command => {
            statement.command = command.map(Box::new);
            let (text, values) = immediate(interpreter.statements, session, &statement).await?;
            interpreter.texts(&text, values).await
        }
    }
    .map_err(raised::Raised::into_error)
}

/// The text and the values of EXECUTE IMMEDIATE outside of a block.
async fn immediate(
    statements: &mut dyn Statements,
    session: &Session,
    statement: &sql::Statement,
) -> Result<(String, Vec<engine::Value>)> {
    let engine = statements.engine(session).await?;
    let (_, prepared) = engine.prepare(session, statement.clone()).await?;
    crate::statement::immediate::text_and_values(&prepared.ast)
}

/// Statements that are run where they stand, in one workspace.
pub(crate) struct InPlace(pub(crate) Embedded);

#[async_trait]
impl Statements for InPlace {
    async fn run(&mut self, session: &Session, statement: sql::Statement) -> Result<Outcome> {
        Box::pin(self.0.run(session, statement)).await
    }

    async fn engine(&mut self, _: &Session) -> Result<Embedded> {
        Ok(self.0.clone())
    }
}

/// `session` with values for `?`.
fn with_positional(session: &Session, positional: Vec<engine::Value>) -> Session {
    session.clone().with_binds(Binds {
        positional,
        named: session.binds.named.clone(),
    })
}
