//! `LIKE ANY (…)`, `LIKE ALL (…)`, `RLIKE` and ESCAPE in terms the planner has.
//!
//! <https://docs.snowflake.com/en/sql-reference/functions/like_any>,
//! <https://docs.snowflake.com/en/sql-reference/functions/rlike>

use sqlparser::ast::{
    BinaryOperator, DollarQuotedString, Expr, Function, FunctionArg, FunctionArgExpr,
    FunctionArgumentList, FunctionArguments, Ident, ObjectName, UnaryOperator, Value,
};

/// How the patterns of a list combine.
enum Quantifier {
    Any,
    All,
}

/// Expands `expr` if it is one of these operators.
pub(super) fn expand(expr: &mut Expr) {
    let replacement = match expr {
        Expr::Like {
            any,
            negated,
            pattern,
            ..
        }
        | Expr::ILike {
            any,
            negated,
            pattern,
            ..
        } => match patterns(*any, pattern) {
            Some((quantifier, patterns)) => {
                let negated = *negated;
                let template = expr.clone();
                let each = patterns.into_iter().map(|p| with_pattern(&template, p));
                combine(each, &quantifier, negated)
            }
            None => {
                escape(expr);
                return;
            }
        },
        Expr::RLike {
            negated,
            expr: text,
            pattern,
            ..
        } => {
            let call = call(
                "REGEXP_LIKE",
                [text.as_ref().clone(), pattern.as_ref().clone()],
            );
            Some(negate_if(*negated, call))
        }
        _ => return,
    };
    if let Some(replacement) = replacement {
        *expr = replacement;
    }
}

/// The planner's LIKE escapes with a backslash, Snowflake's with what ESCAPE says or nothing. A pattern
/// that is no constant keeps its ESCAPE, for the planner to refuse.
fn escape(expr: &mut Expr) {
    let (Expr::Like {
        pattern,
        escape_char,
        ..
    }
    | Expr::ILike {
        pattern,
        escape_char,
        ..
    }) = expr
    else {
        return;
    };
    let escape = match escape_char.as_ref().map(|value| &value.value) {
        None => None,
        Some(Value::SingleQuotedString(text)) => text.chars().next(),
        Some(_) => return,
    };
    match pattern.as_mut() {
        Expr::Value(value) => {
            if let Value::SingleQuotedString(text)
            | Value::DollarQuotedString(DollarQuotedString { value: text, .. }) =
                &mut value.value
            {
                *text = escaped(text, escape);
                *escape_char = None;
            }
        }
        other if escape_char.is_none() => {
            let backslash = |text: &str| Expr::value(Value::SingleQuotedString(text.to_owned()));
            let text = std::mem::replace(other, Expr::Tuple(Vec::new()));
            *other = call("REPLACE", [text, backslash("\\"), backslash("\\\\")]);
        }
        _ => {}
    }
}

fn escaped(pattern: &str, escape: Option<char>) -> String {
    let mut text = String::with_capacity(pattern.len());
    let mut letters = pattern.chars();
    while let Some(letter) = letters.next() {
        let letter = match escape {
            Some(escape) if letter == escape => match letters.next() {
                Some(next) => {
                    text.push('\\');
                    next
                }
                None => letter,
            },
            _ if letter == '\\' => {
                text.push('\\');
                letter
            }
            _ => letter,
        };
        text.push(letter);
    }
    text
}

/// The patterns of a quantified LIKE. The parser knows ANY as a flag and ALL as a call.
fn patterns(any: bool, pattern: &Expr) -> Option<(Quantifier, Vec<Expr>)> {
    match pattern {
        Expr::Tuple(patterns) if any => Some((Quantifier::Any, patterns.clone())),
        Expr::Nested(pattern) if any => Some((Quantifier::Any, vec![pattern.as_ref().clone()])),
        other if any => Some((Quantifier::Any, vec![other.clone()])),
        Expr::Function(function) if function.name.to_string() == "ALL" => {
            let FunctionArguments::List(list) = &function.args else {
                return None;
            };
            let argument = |arg: &FunctionArg| match arg {
                FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => Some(expr.clone()),
                _ => None,
            };
            let patterns: Option<Vec<Expr>> = list.args.iter().map(argument).collect();
            Some((Quantifier::All, patterns?))
        }
        _ => None,
    }
}

fn with_pattern(template: &Expr, new: Expr) -> Expr {
    let mut single = template.clone();
    if let Expr::Like {
        any,
        negated,
        pattern,
        ..
    }
    | Expr::ILike {
        any,
        negated,
        pattern,
        ..
    } = &mut single
    {
        *any = false;
        *negated = false;
        **pattern = new;
    }
    single
}

fn combine(
    each: impl Iterator<Item = Expr>,
    quantifier: &Quantifier,
    negated: bool,
) -> Option<Expr> {
    let op = match quantifier {
        Quantifier::Any => BinaryOperator::Or,
        Quantifier::All => BinaryOperator::And,
    };
    let joined = each.reduce(|left, right| Expr::BinaryOp {
        left: Box::new(left),
        op: op.clone(),
        right: Box::new(right),
    })?;
    Some(negate_if(negated, Expr::Nested(Box::new(joined))))
}

fn negate_if(negated: bool, expr: Expr) -> Expr {
    if !negated {
        return expr;
    }
    Expr::UnaryOp {
        op: UnaryOperator::Not,
        expr: Box::new(expr),
    }
}

/// A call of `name` with plain arguments, as an expression.
pub(super) fn call(name: &str, arguments: impl IntoIterator<Item = Expr>) -> Expr {
    Expr::Function(function(name, arguments))
}

/// A call of `name` with plain arguments.
pub(crate) fn function(name: &str, arguments: impl IntoIterator<Item = Expr>) -> Function {
    let args = arguments
        .into_iter()
        .map(|expr| FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)))
        .collect();
    Function {
        name: ObjectName::from(vec![Ident::new(name)]),
        uses_odbc_syntax: false,
        parameters: FunctionArguments::None,
        args: FunctionArguments::List(FunctionArgumentList {
            duplicate_treatment: None,
            args,
            clauses: Vec::new(),
        }),
        filter: None,
        null_treatment: None,
        over: None,
        within_group: Vec::new(),
    }
}
