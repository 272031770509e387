//! EXECUTE IMMEDIATE: a text run as a statement.
//!
//! <https://docs.snowflake.com/en/sql-reference/sql/execute-immediate>

use diagnostic::{Error, Result, Source, codes};
use engine::{Binds, Outcome, Session, Value};
use sqlparser::ast::{Expr, Statement};

use super::unsupported;
use crate::Embedded;

pub(super) async fn run(
    engine: &Embedded,
    session: &Session,
    statement: Statement,
) -> Result<Outcome> {
    let Statement::Execute {
        name: None,
        parameters,
        has_parentheses: _,
        immediate: true,
        into,
        using,
        output: false,
        default: false,
    } = &statement
    else {
        return Err(unsupported(&statement));
    };
    if !into.is_empty() {
        return Err(unsupported(&statement));
    }
    let text = match parameters.as_slice() {
        [Expr::Value(value)] => value.value.clone().into_string(),
        _ => None,
    };
    let Some(text) = text else {
        return Err(Error::new(
            codes::E2001,
            "EXECUTE IMMEDIATE takes a text or a session variable",
        ));
    };
    let positional = using
        .iter()
        .map(|bind| constant(&bind.expr))
        .collect::<Result<Vec<Value>>>()?;
    let inner = match positional.is_empty() {
        true => session.clone(),
        false => session.clone().with_binds(Binds {
            positional,
            ..Binds::default()
        }),
    };
    let script = Source::new("execute immediate", text.trim());
    let mut last = Outcome::Done("Statement executed successfully.".to_owned());
    for statement in sql::parse_script(&script)? {
        let span = statement.span.clone();
        let outcome = Box::pin(engine.run(&inner, statement)).await;
        last = outcome.map_err(|error| crate::locate(error, &script, &span))?;
    }
    Ok(last)
}

/// A value behind USING.
fn constant(expr: &Expr) -> Result<Value> {
    use sqlparser::ast::Value as Literal;
    match expr {
        Expr::Nested(inner) => constant(inner),
        Expr::Value(value) => Ok(match &value.value {
            Literal::Null => Value::Null,
            Literal::Boolean(value) => Value::Boolean(*value),
            Literal::Number(number, _) => Value::Number(number.clone()),
            other => match other.clone().into_string() {
                Some(text) => Value::Text(text),
                None => return Err(unsupported(other)),
            },
        }),
        other => Err(Error::new(
            codes::E2001,
            format!("`{other}` behind USING is not supported"),
        )
        .help("put the value into a session variable first")),
    }
}
