//! [`SessionValues`]: what a session puts into a statement: variables, bind parameters, context functions,
//! and the tables that stand for earlier results.
//!
//! <https://docs.snowflake.com/en/sql-reference/functions-context>

use std::borrow::Cow;

use diagnostic::{Error, Result, codes};
use engine::{Session, Value};
use sqlparser::ast::{
    Expr, FunctionArg, FunctionArgExpr, FunctionArguments, Ident, ObjectName, Value as Literal,
};
use sqlparser::dialect::SnowflakeDialect;
use sqlparser::parser::Parser;

use crate::history;

/// A session, asked for values while one of its statements is prepared.
pub(crate) struct SessionValues<'a> {
    pub(crate) session: &'a Session,
}

impl SessionValues<'_> {
    fn variable(&self, name: &str) -> Option<Value> {
        let settings = self.session.memory.settings();
        settings.variables.get(name).cloned()
    }

    fn context(&self, function: &str) -> Option<Value> {
        let session = self.session;
        let text = |text: &str| Some(Value::Text(text.to_owned()));
        let name = |name: Option<&str>| match name {
            Some(name) => Value::Text(name.to_owned()),
            None => Value::Null,
        };
        match function {
            "CURRENT_DATABASE" => text(session.database.as_str()),
            "CURRENT_SCHEMA" => text(session.schema.as_str()),
            "CURRENT_SCHEMAS" => text(&format!(
                "[\"{}.{}\"]",
                session.database.as_str(),
                session.schema.as_str()
            )),
            // Who asks and in which role is a view's to say when it is read, not when it is made: functions of the
            // statement say it.
            "CURRENT_WAREHOUSE" => {
                let warehouse = session.memory.settings().warehouse;
                Some(name(warehouse.as_ref().map(|name| name.as_str())))
            }
            "CURRENT_ACCOUNT" | "CURRENT_ACCOUNT_NAME" | "CURRENT_ORGANIZATION_NAME" => {
                text("LOCAL")
            }
            "CURRENT_REGION" => text("LOCAL"),
            "CURRENT_VERSION" => text(env!("CARGO_PKG_VERSION")),
            "CURRENT_STATEMENT" => {
                let queries = session.memory.queries();
                Some(name(queries.last().map(|query| query.text.as_str())))
            }
            _ => None,
        }
    }

    /// The id of the `nth` statement before this one, or the `nth` of the session.
    fn query_id(&self, arguments: &[Expr]) -> Result<Value> {
        let nth = match arguments {
            [] => -1,
            [number] => number.to_string().parse::<i64>().map_err(|_| {
                Error::new(codes::E1002, "LAST_QUERY_ID takes a whole number")
                    .help("-1 is the statement before this one, 1 the first of the session")
            })?,
            _ => {
                return Err(Error::new(
                    codes::E1002,
                    "LAST_QUERY_ID takes one number, or nothing",
                ));
            }
        };
        let mut queries = self.session.memory.queries();
        // The statement that asks is the last one.
        queries.pop();
        let position = match usize::try_from(nth) {
            Ok(0) => None,
            Ok(forward) => Some(forward - 1),
            Err(_) => usize::try_from(nth.unsigned_abs())
                .ok()
                .and_then(|back| queries.len().checked_sub(back)),
        };
        let query = position.and_then(|position| queries.get(position));
        Ok(query.map_or(Value::Null, |query| Value::Text(query.id.clone())))
    }

    fn text(&self, argument: &Expr) -> Result<Option<String>> {
        let value = match argument {
            Expr::Value(value) => match &value.value {
                Literal::Placeholder(name) => self.constant(name),
                other => return Ok(other.clone().into_string()),
            },
            Expr::Function(function) => {
                let name = function.name.to_string();
                let arguments = match &function.args {
                    sqlparser::ast::FunctionArguments::List(list) => list
                        .args
                        .iter()
                        .map(|argument| argument.to_string())
                        .filter_map(|text| expression(&text))
                        .collect(),
                    _ => Vec::new(),
                };
                match name.as_str() {
                    "LAST_QUERY_ID" => Some(self.query_id(&arguments)?),
                    _ => None,
                }
            }
            _ => None,
        };
        Ok(value.map(|value| value.to_string()))
    }

    fn constant(&self, name: &str) -> Option<Value> {
        if let Some(variable) = name.strip_prefix('$') {
            return self.variable(variable);
        }
        let binds = &self.session.binds;
        let word = name.strip_prefix([':', '?'])?;
        match word.parse::<usize>() {
            Ok(position) => binds.positional.get(position.checked_sub(1)?).cloned(),
            // The word behind a colon may look like a path into a value, which keeps its case.
            Err(_) => binds.named.get(&word.to_uppercase()).cloned(),
        }
    }
}

impl sql::Known for SessionValues<'_> {
    fn value(&self, name: &str) -> Option<Expr> {
        self.constant(name).map(|value| literal(&value))
    }

    fn names(&self) -> Vec<String> {
        let settings = self.session.memory.settings();
        let variables = settings.variables.keys().map(|name| format!("${name}"));
        let binds = self.session.binds.named.keys();
        variables
            .chain(binds.map(|name| format!(":{name}")))
            .collect()
    }

    fn call(&self, function: &str, arguments: &[Expr]) -> Result<Option<Expr>> {
        let value = match (function, arguments) {
            ("LAST_QUERY_ID", _) => Some(self.query_id(arguments)?),
            ("GETVARIABLE", [name]) => {
                let name = self.text(name)?.unwrap_or_default();
                Some(self.variable(&name.to_uppercase()).unwrap_or(Value::Null))
            }
            (_, []) => self.context(function),
            _ => None,
        };
        Ok(value.map(|value| literal(&value)))
    }

    fn table(&self, function: &str, arguments: &[Expr]) -> Result<Option<ObjectName>> {
        let quoted = |name: &str| Ident::with_quote('"', name);
        if function == "RESULT_SCAN" {
            let id = match arguments {
                [id] => self.text(id)?,
                _ => None,
            };
            let Some(id) = id else {
                return Err(Error::new(
                    codes::E1002,
                    "RESULT_SCAN takes the id of a statement of this session",
                )
                .help("write `table(result_scan(last_query_id()))`"));
            };
            let name = vec![quoted(history::RESULTS), quoted(&id)];
            return Ok(Some(ObjectName::from(name)));
        }
        let Some(rest) = function.strip_suffix("INFORMATION_SCHEMA.QUERY_HISTORY") else {
            return Ok(None);
        };
        let limit = history::limit(arguments)?;
        let database = rest.trim_end_matches('.');
        let mut name: Vec<Ident> = Vec::new();
        if !database.is_empty() {
            name.push(quoted(database));
        }
        name.push(quoted(history::RESULTS));
        name.push(quoted(&format!("{}{limit}", history::LIST)));
        Ok(Some(ObjectName::from(name)))
    }
}

/// `value` as a statement writes it.
pub(crate) fn literal(value: &Value) -> Expr {
    match value {
        Value::Null => Expr::value(Literal::Null),
        Value::Boolean(value) => Expr::value(Literal::Boolean(*value)),
        Value::Text(text) => Expr::value(Literal::SingleQuotedString(text.clone())),
        Value::Number(number) => match expression(&with_scale(number)) {
            Some(number) => Expr::Nested(Box::new(number)),
            None => Expr::value(Literal::SingleQuotedString(number.clone())),
        },
        Value::Typed { kind, text } if matches!(kind.as_str(), "VARIANT" | "OBJECT" | "ARRAY") => {
            let mut parsed = expression(&format!("PARSE_JSON('')::{kind}"));
            if let Some(Expr::Cast { expr, .. }) = &mut parsed
                && let Expr::Function(call) = expr.as_mut()
                && let FunctionArguments::List(list) = &mut call.args
            {
                let text = Expr::value(Literal::SingleQuotedString(text.clone()));
                list.args = vec![FunctionArg::Unnamed(FunctionArgExpr::Expr(text))];
            }
            parsed.unwrap_or_else(|| Expr::value(Literal::Null))
        }
        Value::Typed { kind, text } => match expression(&format!("null::{kind}")) {
            Some(Expr::Cast {
                kind, data_type, ..
            }) => Expr::Cast {
                kind,
                expr: Box::new(Expr::value(Literal::SingleQuotedString(text.clone()))),
                data_type,
                array: false,
                format: None,
            },
            _ => Expr::value(Literal::SingleQuotedString(text.clone())),
        },
    }
}

/// A number with its type if it ends with zeros, which do not count in a constant.
fn with_scale(number: &str) -> Cow<'_, str> {
    match number.split_once('.') {
        Some((_, fraction)) if fraction.ends_with('0') => {
            let digits = number.bytes().filter(u8::is_ascii_digit).count();
            format!("{number}::number({}, {})", digits.min(38), fraction.len()).into()
        }
        _ => number.into(),
    }
}

fn expression(text: &str) -> Option<Expr> {
    let mut parser = Parser::new(&SnowflakeDialect).try_with_sql(text).ok()?;
    parser.parse_expr().ok()
}
