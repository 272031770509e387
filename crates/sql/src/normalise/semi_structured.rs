//! Paths, array and object constants, FLATTEN and lambdas: grammar to the parser, functions to the planner.
//!
//! <https://docs.snowflake.com/en/user-guide/querying-semistructured>

use std::ops::ControlFlow;

use diagnostic::Result;
use sqlparser::ast::{
    CastKind, DataType, DictionaryField, Expr, Function, FunctionArg, FunctionArgExpr,
    FunctionArguments, Ident, Join, JoinConstraint, JoinOperator, JsonPathElem, LambdaFunction,
    ObjectName, OneOrManyWithParens, Select, Spanned, TableFactor, TableWithJoins, Value,
    VisitorMut, WildcardAdditionalOptions,
};

use super::like::call;
use crate::scope::{Context, Names, dotted, excluded, matches_pattern};
use crate::{Columns, Statement, refuse};

/// Makes a call of `expr` if it is a path, a constant in brackets, or a function of lambdas.
pub(super) fn expand(expr: &mut Expr) {
    match expr {
        Expr::JsonAccess { value, path } => {
            let value = take(value);
            *expr = access(value, std::mem::take(&mut path.path));
        }
        Expr::Array(array) if !array.named => {
            *expr = call("ARRAY_CONSTRUCT", std::mem::take(&mut array.elem));
        }
        Expr::Dictionary(fields) => {
            let pairs = std::mem::take(fields).into_iter().flat_map(pair);
            *expr = call("OBJECT_CONSTRUCT", pairs);
        }
        Expr::Function(function) => higher_order(function),
        _ => {}
    }
}

fn take(expr: &mut Expr) -> Expr {
    std::mem::replace(expr, Expr::Tuple(Vec::new()))
}

fn text(text: String) -> Expr {
    Expr::value(Value::SingleQuotedString(text))
}

fn pair(field: DictionaryField) -> [Expr; 2] {
    [text(field.key.value), *field.value]
}

/// Constant steps in one call of GET_PATH, computed ones each in a call of GET.
fn access(value: Expr, steps: Vec<JsonPathElem>) -> Expr {
    let mut value = value;
    let mut path = String::new();
    for step in steps {
        let key = match step {
            JsonPathElem::Dot { key, .. } => {
                push_key(&mut path, &key);
                continue;
            }
            JsonPathElem::Bracket { key } | JsonPathElem::ColonBracket { key } => key,
        };
        match constant(&key) {
            Some(Step::Key(key)) => push_key(&mut path, &key),
            Some(Step::Index(index)) => {
                path.push('[');
                path.push_str(&index);
                path.push(']');
            }
            None => {
                value = call("GET", [got(value, &mut path), key]);
            }
        }
    }
    got(value, &mut path)
}

fn got(value: Expr, path: &mut String) -> Expr {
    if path.is_empty() {
        return value;
    }
    call("GET_PATH", [value, text(std::mem::take(path))])
}

enum Step {
    Key(String),
    Index(String),
}

fn constant(key: &Expr) -> Option<Step> {
    match key {
        Expr::Value(value) => match &value.value {
            Value::SingleQuotedString(key) => Some(Step::Key(key.clone())),
            Value::Number(index, _) => Some(Step::Index(index.to_string())),
            _ => None,
        },
        _ => None,
    }
}

fn push_key(path: &mut String, key: &str) {
    if !path.is_empty() {
        path.push('.');
    }
    path.push('"');
    path.push_str(&key.replace('\\', "\\\\").replace('"', "\"\""));
    path.push('"');
}

/// `FILTER(array, x -> …)`, `TRANSFORM(array, x -> …)` and `REDUCE(array, start, (a, x) -> …)` over the array's
/// elements as a list.
fn higher_order(function: &mut Function) {
    let planned = match dotted(&function.name).as_str() {
        "FILTER" => "ARRAY_FILTER",
        "TRANSFORM" => "ARRAY_TRANSFORM",
        "REDUCE" => return reduce(function),
        _ => return,
    };
    let FunctionArguments::List(list) = &mut function.args else {
        return;
    };
    let [
        FunctionArg::Unnamed(FunctionArgExpr::Expr(array)),
        FunctionArg::Unnamed(FunctionArgExpr::Expr(Expr::Lambda(lambda))),
    ] = list.args.as_mut_slice()
    else {
        return;
    };
    plan_parameters(lambda);
    let elements = call("$ELEMENTS", [take(array)]);
    let lambda = Expr::Lambda(lambda.clone());
    let Expr::Function(changed) = call("TO_ARRAY", [call(planned, [elements, lambda])]) else {
        return;
    };
    *function = changed;
}

fn reduce(function: &mut Function) {
    let FunctionArguments::List(list) = &mut function.args else {
        return;
    };
    let [
        FunctionArg::Unnamed(FunctionArgExpr::Expr(array)),
        FunctionArg::Unnamed(FunctionArgExpr::Expr(start)),
        FunctionArg::Unnamed(FunctionArgExpr::Expr(Expr::Lambda(lambda))),
    ] = list.args.as_mut_slice()
    else {
        return;
    };
    plan_parameters(lambda);
    let lambda = Expr::Lambda(lambda.clone());
    let elements = call("$ELEMENTS", [take(array)]);
    if let Expr::Function(changed) = call("ARRAY_REDUCE", [elements, take(start), lambda]) {
        *function = changed;
    }
}

/// `x int -> …`: the parameter is cast where it is used.
fn plan_parameters(lambda: &mut LambdaFunction) {
    struct Caster {
        typed: Vec<(Ident, DataType)>,
    }
    impl VisitorMut for Caster {
        type Break = ();

        fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
            if let Expr::Identifier(name) = expr
                && let Some((_, data_type)) = self
                    .typed
                    .iter()
                    .find(|(typed, _)| typed.value == name.value)
            {
                *expr = Expr::Cast {
                    kind: CastKind::DoubleColon,
                    expr: Box::new(expr.clone()),
                    data_type: data_type.clone(),
                    array: false,
                    format: None,
                };
            }
            ControlFlow::Continue(())
        }
    }
    let mut typed = Vec::new();
    let parameters = match &mut lambda.params {
        OneOrManyWithParens::One(parameter) => std::slice::from_mut(parameter),
        OneOrManyWithParens::Many(parameters) => parameters.as_mut_slice(),
    };
    for parameter in parameters {
        // The planner folds names of parameters that are not quoted, in its own way.
        parameter.name.quote_style = Some('"');
        if let Some(data_type) = parameter.data_type.take() {
            typed.push((parameter.name.clone(), data_type));
        }
    }
    if !typed.is_empty() {
        let _ = crate::walk_mut(&mut lambda.body, &mut Caster { typed });
    }
}

/// `from a, lateral flatten(a.v) f join b on …` is `from a cross join lateral flatten(a.v) f join b on …`:
/// the comma binds weaker, but then the expansion would be joined before what it expands is known.
pub(super) fn bind_expansions(select: &mut Select) {
    for table in &mut select.from {
        make_lateral(&mut table.relation);
    }
    let mut bound: Vec<TableWithJoins> = Vec::with_capacity(select.from.len());
    for table in std::mem::take(&mut select.from) {
        match bound.last_mut() {
            Some(before) if !table.joins.is_empty() && is_lateral(&table.relation) => {
                before.joins.push(Join {
                    relation: table.relation,
                    global: false,
                    join_operator: JoinOperator::CrossJoin(JoinConstraint::None),
                });
                before.joins.extend(table.joins);
            }
            _ => bound.push(table),
        }
    }
    select.from = bound;
}

fn is_lateral(factor: &TableFactor) -> bool {
    matches!(
        factor,
        TableFactor::Function { lateral: true, .. } | TableFactor::Derived { lateral: true, .. }
    )
}

/// `TABLE(FLATTEN(…))` is `LATERAL FLATTEN(…)`: both see what stands before them.
pub(super) fn make_lateral(factor: &mut TableFactor) {
    let TableFactor::TableFunction { expr, alias } = factor else {
        return;
    };
    let Expr::Function(function) = expr else {
        return;
    };
    if !is_expansion(&function.name) {
        return;
    }
    let FunctionArguments::List(list) = &mut function.args else {
        return;
    };
    *factor = TableFactor::Function {
        lateral: true,
        name: function.name.clone(),
        args: std::mem::take(&mut list.args),
        with_ordinality: false,
        alias: alias.take(),
    };
}

fn is_expansion(name: &ObjectName) -> bool {
    matches!(
        dotted(name).as_str(),
        "FLATTEN" | "SPLIT_TO_TABLE" | "STRTOK_SPLIT_TO_TABLE"
    )
}

/// Whether the select has `OBJECT_CONSTRUCT(*)`, whose meaning depends on the columns of its FROM clause.
pub(super) fn wants_columns(select: &Select) -> bool {
    let mut found = |expr: &Expr| match expr {
        Expr::Function(function) if star(function).is_some() => ControlFlow::Break(()),
        _ => ControlFlow::Continue(()),
    };
    crate::own_expressions(select, &mut found).is_break()
}

/// A star that is the only argument of a function that takes columns.
struct Star<'a> {
    /// The name before it.
    table: Option<&'a ObjectName>,
    /// EXCLUDE and ILIKE.
    options: Option<&'a WildcardAdditionalOptions>,
    /// Whether each column is named by a text before it.
    keys: bool,
}

/// The star of OBJECT_CONSTRUCT, HASH or HASH_AGG; of COUNT too, unless it counts rows:
/// `count(t.*)` counts those without a NULL.
fn star(function: &Function) -> Option<Star<'_>> {
    let name = dotted(&function.name);
    let counts = name == "COUNT";
    let keys = matches!(
        name.as_str(),
        "OBJECT_CONSTRUCT" | "OBJECT_CONSTRUCT_KEEP_NULL"
    );
    if !keys && !counts && !matches!(name.as_str(), "HASH" | "HASH_AGG") {
        return None;
    }
    let FunctionArguments::List(list) = &function.args else {
        return None;
    };
    let [FunctionArg::Unnamed(argument)] = list.args.as_slice() else {
        return None;
    };
    let (table, options) = match argument {
        FunctionArgExpr::Wildcard if !counts => (None, None),
        FunctionArgExpr::QualifiedWildcard(name) => (Some(name), None),
        FunctionArgExpr::WildcardWithOptions(options)
            if options.opt_replace.is_none() && options.opt_rename.is_none() =>
        {
            (None, Some(options))
        }
        _ => return None,
    };
    Some(Star {
        table,
        options,
        keys,
    })
}

/// Puts columns, and keys if they need them, in the place of the star of `OBJECT_CONSTRUCT(*)`.
pub(super) fn expand_stars(
    select: &mut Select,
    names: &Names,
    columns: &dyn Columns,
    statement: &Statement,
) -> Result<()> {
    if !wants_columns(select) {
        return Ok(());
    }
    let scope = Context { names, columns }.scope(select);
    let mut pairs = Vec::new();
    for member in &scope.members {
        let Some(shape) = &member.shape else {
            return Err(refuse::unsupported(
                "A function of `*` over a relation whose columns are not known here",
                "name the columns",
                statement.place(select.span()),
            ));
        };
        for column in shape
            .iter()
            .filter(|column| !member.hidden.contains(&column.name))
        {
            pairs.push((member.qualifier.clone(), column.name.clone()));
        }
    }
    let _ = crate::own_expressions_mut(select, &mut |expr| {
        if let Expr::Function(function) = expr {
            fill(function, &pairs);
        }
        ControlFlow::Continue(())
    });
    Ok(())
}

/// Puts columns, known by qualifier and name, in the place of the star of `function`.
fn fill(function: &mut Function, pairs: &[(Vec<String>, String)]) {
    let Some(star) = star(function) else {
        return;
    };
    let qualifier = star.table.map(dotted);
    let left_out = star.options.map(excluded).unwrap_or_default();
    let pattern = star.options.and_then(|options| options.opt_ilike.as_ref());
    let chosen = |name: &String| {
        !left_out.contains(name)
            && pattern.is_none_or(|ilike| matches_pattern(name, &ilike.pattern))
    };
    let keys = star.keys;
    let wanted = |of: &[String]| match &qualifier {
        None => true,
        Some(qualifier) => of.last() == Some(qualifier) || of.join(".") == *qualifier,
    };
    let quoted = |name: &String| Ident::with_quote('"', name.clone());
    let args = pairs
        .iter()
        .filter(|(of, name)| wanted(of) && chosen(name))
        .flat_map(|(of, name)| {
            let column = match of.last() {
                Some(table) => Expr::CompoundIdentifier(vec![quoted(table), quoted(name)]),
                None => Expr::Identifier(quoted(name)),
            };
            let key = keys.then(|| text(name.clone()));
            key.into_iter().chain([column])
        })
        .map(|expr| FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)))
        .collect();
    if let FunctionArguments::List(list) = &mut function.args {
        list.args = args;
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use diagnostic::Source;

    fn normalised(text: &str) -> String {
        let mut statements = crate::parse_script(&Source::new("t", text)).unwrap();
        let statement = crate::normalise(statements.remove(0)).unwrap();
        statement.ast.to_string()
    }

    #[test]
    fn paths_become_calls() {
        for (text, expected) in [
            (
                "select v:a.B[0].\"c d\" as x from t",
                "SELECT GET_PATH(V, '\"a\".\"B\"[0].\"c d\"') AS X FROM T",
            ),
            (
                "select v['k'] as x from t",
                "SELECT GET_PATH(V, '\"k\"') AS X FROM T",
            ),
            (
                "select v:a[i]:b as x from t",
                "SELECT GET_PATH(GET(GET_PATH(V, '\"a\"'), I), '\"b\"') AS X FROM T",
            ),
            (
                "select [1, {'a': 2}] as x",
                "SELECT ARRAY_CONSTRUCT(1, OBJECT_CONSTRUCT('a', 2)) AS X",
            ),
            (
                "select 1 as x from t where v:a and not v:b",
                "SELECT 1 AS X FROM T WHERE GET_PATH(V, '\"a\"')::BOOLEAN AND NOT GET_PATH(V, '\"b\"')::BOOLEAN",
            ),
            (
                "select f.value as x from t, table(flatten(input => t.v:a)) f",
                "SELECT F.VALUE AS X FROM T, LATERAL FLATTEN(INPUT => GET_PATH(T.V, '\"a\"')) F",
            ),
            (
                "select transform(v, x int -> x + 1) as x from t",
                "SELECT TO_ARRAY(ARRAY_TRANSFORM($ELEMENTS(V), \"X\" -> X::INT + 1)) AS X FROM T",
            ),
            (
                "select object_construct(*) as x from (select 1 as a, 2 as \"b\") t",
                "SELECT OBJECT_CONSTRUCT('A', \"T\".\"A\", 'b', \"T\".\"b\") AS X FROM (SELECT 1 AS A, 2 AS \"b\") T",
            ),
        ] {
            assert_eq!(normalised(text), expected, "{text}");
        }
    }
}
