//! EXECUTE IMMEDIATE: a text run as a script.
//!
//! <https://docs.snowflake.com/en/sql-reference/sql/execute-immediate>

use diagnostic::{Error, Result, codes};
use engine::Value;
use sqlparser::ast::{Expr, Statement};

use super::unsupported;

/// The text of EXECUTE IMMEDIATE, and the values behind USING.
pub(crate) fn text_and_values(statement: &Statement) -> Result<(String, Vec<Value>)> {
    let Statement::Execute {
        name: None,
        parameters,
        has_parentheses: _,
        immediate: true,
        into,
        using,
        output: false,
        default: false,
    } = statement
    else {
        return Err(unsupported(statement));
    };
    if !into.is_empty() {
        return Err(unsupported(statement));
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
    Ok((text, positional))
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
