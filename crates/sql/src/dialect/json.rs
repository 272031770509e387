//! JSON: operators, calls and paths.
//!
//! <https://duckdb.org/docs/stable/data/json/json_functions>,
//! <https://www.postgresql.org/docs/current/functions-json.html>

use sqlparser::ast::{
    BinaryOperator, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments, Ident,
    LambdaFunction, ObjectName, OneOrManyWithParens, Value,
};

use super::Dialect;
use super::template::{constant, fill, operand, quoted};

/// The value that `$1` holds, be it JSON or a text of it.
const PARSED: &str = "parse_json($1::varchar)";

/// `json` as a value, also if it is a text.
pub(super) fn parsed(json: &Expr) -> Option<Expr> {
    fill(PARSED, &[json])
}

/// `->` and `->>`.
pub(super) fn operator(left: &Expr, op: &BinaryOperator, right: &Expr) -> Option<Expr> {
    let text = match op {
        BinaryOperator::Arrow => false,
        BinaryOperator::LongArrow => true,
        // A path as the text of an array: '{a,b}'.
        BinaryOperator::HashArrow | BinaryOperator::HashLongArrow => {
            let path = constant(right)?.strip_prefix('{')?.strip_suffix('}')?;
            let path: Vec<String> = path
                .split(',')
                .map(|key| format!("[{}]", step(key)))
                .collect();
            let found = fill(
                &format!("get_path({PARSED}, {})", quoted(&path.concat())),
                &[left],
            )?;
            return shown(found, *op == BinaryOperator::HashLongArrow);
        }
        // Whether there is such a key; JSON's null is a value.
        BinaryOperator::Question => {
            let template = format!("iff($1 is null, null, get({PARSED}, $2) is not null)");
            return fill(&template, &[left, right]);
        }
        _ => return None,
    };
    shown(member(left, right)?, text)
}

fn step(key: &str) -> String {
    match key.trim().parse::<u32>() {
        Ok(index) => index.to_string(),
        Err(_) => format!("\"{}\"", key.trim().trim_matches('"')),
    }
}

/// The member of `json` at a key, an index or a path.
fn member(json: &Expr, key: &Expr) -> Option<Expr> {
    match constant(key) {
        Some(path) if path.starts_with('$') => at_path(json, path),
        Some(key) => fill(&format!("get({PARSED}, {})", quoted(key)), &[json]),
        None => fill(&format!("get({PARSED}, $2)"), &[json, key]),
    }
}

/// The member at the end of `keys`.
fn below(json: &Expr, keys: &[&Expr]) -> Option<Expr> {
    let mut found = json.clone();
    for key in keys {
        found = member(&found, key)?;
    }
    (!keys.is_empty()).then_some(found)
}

/// A list of all values, also of those that are missing.
pub(super) fn aggregated(function: &mut Function) -> Option<Expr> {
    let FunctionArguments::List(list) = &mut function.args else {
        return None;
    };
    let [FunctionArg::Unnamed(FunctionArgExpr::Expr(value))] = list.args.as_mut_slice() else {
        return None;
    };
    *value = fill("coalesce(to_variant($1), parse_json('null'))", &[value])?;
    function.name = ObjectName::from(vec![Ident::new("array_agg")]);
    Some(Expr::Function(function.clone()))
}

/// `$.a.b[0]` as GET_PATH has it.
fn at_path(json: &Expr, path: &str) -> Option<Expr> {
    let path = path.strip_prefix('$')?;
    let path = path.strip_prefix('.').unwrap_or(path);
    match path {
        "" => fill(PARSED, &[json]),
        _ if path.contains('*') => None,
        _ => fill(&format!("get_path({PARSED}, {})", quoted(path)), &[json]),
    }
}

fn shown(found: Expr, text: bool) -> Option<Expr> {
    match text {
        true => fill("$1::varchar", &[&found]),
        false => Some(found),
    }
}

pub(super) fn call(name: &str, args: &[&Expr], dialect: Dialect) -> Option<Expr> {
    match (name, args) {
        ("json_extract", [json, path]) if dialect == Dialect::DuckDb => member(json, path),
        ("json_extract_string", [json, path]) => shown(member(json, path)?, true),
        ("json_extract_path" | "jsonb_extract_path", [json, keys @ ..]) => below(json, keys),
        ("json_extract_path_text" | "jsonb_extract_path_text", [json, keys @ ..]) => {
            shown(below(json, keys)?, true)
        }
        ("json_typeof" | "jsonb_typeof", [json]) => fill(
            &format!(
                "decode(typeof({PARSED}), 'NULL_VALUE', 'null', 'VARCHAR', 'string', 'BOOLEAN', 'boolean', \
                 'ARRAY', 'array', 'OBJECT', 'object', null, null, 'number')"
            ),
            &[json],
        ),
        ("json_object_agg" | "jsonb_object_agg", [key, value]) => fill(
            "object_agg($1::varchar, coalesce(to_variant($2), parse_json('null')))",
            &[key, value],
        ),
        ("json_array_length" | "jsonb_array_length", [json]) => {
            fill(&format!("array_size({PARSED})"), &[json])
        }
        ("json_array_length", [json, path]) => fill("array_size($1)", &[&member(json, path)?]),
        ("json_build_object" | "jsonb_build_object" | "json_object", pairs) => {
            let part = |(at, part): (usize, &&Expr)| match at % 2 {
                0 => format!("{}::varchar", operand(part)),
                _ => operand(part),
            };
            let pairs: Vec<String> = pairs.iter().enumerate().map(part).collect();
            fill(
                &format!("object_construct_keep_null({})", pairs.join(", ")),
                &[],
            )
        }
        ("json_build_array" | "jsonb_build_array" | "json_array", elements) => {
            let elements: Vec<String> = elements.iter().map(|part| operand(part)).collect();
            fill(&format!("array_construct({})", elements.join(", ")), &[])
        }
        ("to_json" | "to_jsonb", [value]) => fill("to_variant($1)", &[value]),
        _ => None,
    }
}

/// `a -> 'b'` is read as a function of `a`; its value being a constant key, it is a member.
pub(super) fn not_a_lambda(expr: &Expr) -> Option<Expr> {
    let Expr::Lambda(LambdaFunction { params, body, .. }) = expr else {
        return None;
    };
    let OneOrManyWithParens::One(json) = params else {
        return None;
    };
    let mut body = body.as_ref().clone();
    // `a -> 'b' -> 'c'`, and what else follows the key, binds to the right of the arrow.
    let mut key = &mut body;
    loop {
        match key {
            Expr::BinaryOp { left, .. } => key = left,
            Expr::IsNull(inner) | Expr::IsNotNull(inner) => key = inner,
            Expr::Cast { expr, .. } => key = expr,
            _ => break,
        }
    }
    match key {
        Expr::Value(value)
            if matches!(
                value.value,
                Value::SingleQuotedString(_) | Value::Number(..)
            ) => {}
        _ => return None,
    }
    *key = Expr::BinaryOp {
        left: Box::new(Expr::Identifier(json.name.clone())),
        op: BinaryOperator::Arrow,
        right: Box::new(key.clone()),
    };
    Some(body)
}
