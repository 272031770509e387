//! Python literals in text, as `ast.literal_eval` reads them.

use diagnostic::Source;

use crate::ast::{Expr, ExprKind};
use crate::{Dict, Key, Value};

/// The value of a literal; `None` if the text is none.
pub(crate) fn parse(text: &str) -> Option<Value> {
    // Jinja's lower-case constants are no Python literals.
    if matches!(text.trim(), "true" | "false" | "none") {
        return None;
    }
    let source = Source::new("", text);
    let expression = crate::parser::expression(&source).ok()?;
    constant(&expression)
}

/// The value of an expression made of constants only.
pub(crate) fn constant(expr: &Expr) -> Option<Value> {
    let all = |items: &[Expr]| items.iter().map(constant).collect::<Option<Vec<Value>>>();
    match &expr.kind {
        ExprKind::Literal(value) => Some(value.clone()),
        ExprKind::List(items) => all(items).map(Value::list),
        ExprKind::Tuple(items) => all(items).map(Value::tuple),
        ExprKind::Dict(entries) => {
            let dict = Dict::new();
            for (key, value) in entries {
                dict.insert_key(Key::new(constant(key)?).ok()?, constant(value)?);
            }
            Some(dict.into())
        }
        ExprKind::Negate(inner) => constant(inner)?.negate().ok(),
        ExprKind::Plus(inner) => constant(inner).filter(|value| value.as_float().is_some()),
        _ => None,
    }
}
