//! Expressions from text with places for other expressions.

use sqlparser::ast::{Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments, Value};
use sqlparser::dialect::SnowflakeDialect;
use sqlparser::parser::{Parser, ParserError};
use sqlparser::tokenizer::Token;

use crate::written;

/// `template`, in the warehouse's dialect, with `args` in the places of `$1`, `$2` and so on.
pub(super) fn fill(template: &str, args: &[&Expr]) -> Option<Expr> {
    let mut text = template.to_owned();
    // From the last, so that `$1` does not hit `$12`.
    for (at, arg) in args.iter().enumerate().rev() {
        text = text.replace(&format!("${}", at + 1), &operand(arg));
    }
    parsed(&text)
}

/// The expression that `text` is, in the warehouse's dialect.
pub(super) fn parsed(text: &str) -> Option<Expr> {
    whole(text, |parser| parser.parse_expr())
}

/// All of `text`, read by `parse`.
pub(super) fn whole<T>(
    text: &str,
    parse: impl FnOnce(&mut Parser<'_>) -> Result<T, ParserError>,
) -> Option<T> {
    let mut parser = Parser::new(&SnowflakeDialect).try_with_sql(text).ok()?;
    let read = parse(&mut parser).ok()?;
    (parser.peek_token_ref().token == Token::EOF).then_some(read)
}

/// `expr` as text that binds as one operand.
pub(super) fn operand(expr: &Expr) -> String {
    let text = written(expr);
    match expr {
        Expr::Identifier(_)
        | Expr::CompoundIdentifier(_)
        | Expr::Value(_)
        | Expr::Function(_)
        | Expr::Lambda(_)
        | Expr::Nested(_)
        | Expr::Subquery(_) => text,
        _ => format!("({text})"),
    }
}

/// The arguments of a call that has nothing but arguments without names.
pub(super) fn arguments(function: &Function) -> Option<Vec<&Expr>> {
    let FunctionArguments::List(list) = &function.args else {
        return None;
    };
    if !list.clauses.is_empty() || list.duplicate_treatment.is_some() {
        return None;
    }
    unnamed(&list.args)
}

/// The arguments, if none has a name.
pub(super) fn unnamed(args: &[FunctionArg]) -> Option<Vec<&Expr>> {
    let plain = |arg| match arg {
        &FunctionArg::Unnamed(FunctionArgExpr::Expr(ref expr)) => Some(expr),
        _ => None,
    };
    args.iter().map(plain).collect()
}

/// The text of a constant.
pub(super) fn constant(expr: &Expr) -> Option<&str> {
    match expr {
        Expr::Value(value) => match &value.value {
            Value::SingleQuotedString(text) => Some(text),
            _ => None,
        },
        _ => None,
    }
}

/// A text as a constant of the warehouse's dialect.
pub(super) fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\\', r"\\").replace('\'', "''"))
}
