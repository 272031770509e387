//! Calls of functions: other names, other orders of arguments, other meanings.

use sqlparser::ast::helpers::attached_token::AttachedToken;
use sqlparser::ast::{
    BinaryOperator, CaseWhen, CastKind, DataType, ExactNumberInfo, Expr, Function, FunctionArg,
    FunctionArgExpr, FunctionArgumentClause, FunctionArguments, Ident, ObjectName, OrderByExpr,
    OrderByOptions, Value, WindowType,
};

use super::template::{arguments, constant, fill, operand};
use super::{Dialect, dates, json};

/// Calls that are another expression: name, number of arguments, that expression. Names are in lower case.
///
/// <https://duckdb.org/docs/stable/sql/functions/overview>,
/// <https://www.postgresql.org/docs/current/functions.html>
const BOTH: &[(&str, usize, &str)] = &[
    ("array_length", 1, "array_size($1)"),
    ("array_length", 2, "array_size($1)"),
    ("bit_and", 1, "bitand_agg($1)"),
    ("bit_or", 1, "bitor_agg($1)"),
    ("bit_xor", 1, "bitxor_agg($1)"),
    ("bool_and", 1, "booland_agg($1)"),
    ("bool_or", 1, "boolor_agg($1)"),
    ("btrim", 1, "trim($1)"),
    ("btrim", 2, "trim($1, $2)"),
    ("cardinality", 1, "array_size($1)"),
    ("clock_timestamp", 0, "current_timestamp()"),
    ("char_length", 1, "length($1)"),
    ("character_length", 1, "length($1)"),
    ("div", 2, "trunc($1 / $2)"),
    ("every", 1, "booland_agg($1)"),
    ("gen_random_uuid", 0, "uuid_string()"),
    ("levenshtein", 2, "editdistance($1, $2)"),
    ("log", 1, "log(10, $1)"),
    ("log10", 1, "log(10, $1)"),
    ("make_date", 3, "date_from_parts($1, $2, $3)"),
    (
        "make_timestamp",
        6,
        "dateadd(microsecond, round($6 * 1000000), timestamp_ntz_from_parts($1, $2, $3, $4, $5, 0))",
    ),
    ("now", 0, "current_timestamp()"),
    ("random", 0, "uniform(0::float, 1::float, random())"),
    ("starts_with", 2, "startswith($1, $2)"),
    ("statement_timestamp", 0, "current_timestamp()"),
    ("string_to_array", 2, "split($1, $2)"),
    ("strpos", 2, "charindex($2, $1)"),
    ("transaction_timestamp", 0, "current_timestamp()"),
];

const POSTGRES: &[(&str, usize, &str)] = &[
    ("array_position", 2, "(array_position($2::variant, $1) + 1)"),
    ("array_remove", 2, "array_remove($1, $2::variant)"),
    // Words end at everything that is neither letter nor digit.
    (
        "initcap",
        1,
        r##"initcap($1, ' \t\n\r!"#$%&''()*+,-./:;<=>?@[\\]^_`{|}~')"##,
    ),
    ("sha224", 1, "sha2_binary($1, 224)"),
    ("sha256", 1, "sha2_binary($1, 256)"),
    ("sha384", 1, "sha2_binary($1, 384)"),
    ("sha512", 1, "sha2_binary($1, 512)"),
];

const DUCKDB: &[(&str, usize, &str)] = &[
    ("approx_quantile", 2, "approx_percentile($1, $2)"),
    ("arg_max", 2, "max_by($1, $2)"),
    ("arg_min", 2, "min_by($1, $2)"),
    ("argmax", 2, "max_by($1, $2)"),
    ("argmin", 2, "min_by($1, $2)"),
    ("array_contains", 2, "array_contains($2::variant, $1)"),
    ("array_has", 2, "array_contains($2::variant, $1)"),
    ("count_star", 0, "count(*)"),
    ("dayname", 1, dates::DAY_NAME),
    (
        "epoch",
        1,
        "date_part(epoch_microsecond, $1) / 1000000::float",
    ),
    ("ends_with", 2, "endswith($1, $2)"),
    ("epoch_ms", 1, "date_part(epoch_millisecond, $1)"),
    ("epoch_us", 1, "date_part(epoch_microsecond, $1)"),
    ("first", 1, "any_value($1)"),
    ("from_base64", 1, "base64_decode_binary($1)"),
    ("get_current_timestamp", 0, "current_timestamp()"),
    ("instr", 2, "charindex($2, $1)"),
    ("isodow", 1, "dayofweekiso($1)"),
    ("isoyear", 1, "yearofweekiso($1)"),
    ("last", 1, "any_value($1)"),
    ("len", 1, r#""$length"($1)"#),
    ("length", 1, r#""$length"($1)"#),
    ("list", 1, "array_agg($1)"),
    ("list_contains", 2, "array_contains($2::variant, $1)"),
    ("list_distinct", 1, "array_distinct($1)"),
    ("list_filter", 2, "filter($1, $2)"),
    ("list_has", 2, "array_contains($2::variant, $1)"),
    ("list_sort", 1, "array_sort($1)"),
    ("list_transform", 2, "transform($1, $2)"),
    ("monthname", 1, "to_char($1, 'MMMM')"),
    ("prefix", 2, "startswith($1, $2)"),
    (
        "quantile",
        2,
        "percentile_disc($2) within group (order by $1)",
    ),
    (
        "quantile_cont",
        2,
        "percentile_cont($2) within group (order by $1)",
    ),
    (
        "quantile_disc",
        2,
        "percentile_disc($2) within group (order by $1)",
    ),
    ("regexp_extract_all", 2, "regexp_substr_all($1, $2)"),
    ("regexp_full_match", 2, "regexp_like($1, $2)"),
    ("regexp_matches", 2, "(regexp_instr($1, $2) > 0)"),
    (
        "regexp_matches",
        3,
        "(regexp_instr($1, $2, 1, 1, 0, $3) > 0)",
    ),
    ("sha256", 1, "sha2($1, 256)"),
    ("str_split", 2, "split($1, $2)"),
    ("string_split", 2, "split($1, $2)"),
    ("strlen", 1, "octet_length($1)"),
    ("suffix", 2, "endswith($1, $2)"),
    ("today", 0, "current_date()"),
    ("uuid", 0, "uuid_string()"),
    ("weekday", 1, "dayofweek($1)"),
    ("xor", 2, "bitxor($1, $2)"),
];

/// `function` as the warehouse calls it; none if it is called as it is.
pub(super) fn call(function: &mut Function, dialect: Dialect) -> Option<Expr> {
    let name = name_of(function)?;
    let changed = filtered(function) | ordered(function, &name);
    let becomes = match name.as_str() {
        "first" | "last" => first_in_order(function, name == "last"),
        _ => None,
    };
    let becomes = becomes
        .or_else(|| one_for_one(function, &name, dialect))
        .or_else(|| special(function, &name, dialect));
    // What stands behind the call stays behind it.
    let becomes = becomes.and_then(|becomes| match (becomes, function.over.take()) {
        (Expr::Function(call), Some(_)) if call.over.is_some() => Some(Expr::Function(call)),
        (Expr::Function(mut call), Some(over)) => {
            call.over = Some(over);
            Some(Expr::Function(call))
        }
        (becomes, None) => Some(becomes),
        (_, Some(over)) => {
            function.over = Some(over);
            None
        }
    });
    becomes.or_else(|| changed.then(|| Expr::Function(function.clone())))
}

/// Gives a function that ranks rows an order, which these dialects do not need and the warehouse does.
fn ordered(function: &mut Function, name: &str) -> bool {
    const RANKS: [&str; 8] = [
        "row_number",
        "rank",
        "dense_rank",
        "percent_rank",
        "cume_dist",
        "ntile",
        "lag",
        "lead",
    ];
    match &mut function.over {
        Some(WindowType::WindowSpec(window))
            if window.order_by.is_empty()
                && window.window_name.is_none()
                && RANKS.contains(&name) =>
        {
            window.order_by = vec![OrderByExpr {
                expr: Expr::Value(Value::Null.into()),
                options: OrderByOptions::default(),
                with_fill: None,
            }];
            true
        }
        _ => false,
    }
}

/// The name of a function that belongs to no schema, in lower case.
pub(super) fn name_of(function: &Function) -> Option<String> {
    match function.name.0.as_slice() {
        [part] => Some(part.as_ident()?.value.to_ascii_lowercase()),
        _ => None,
    }
}

/// `agg(x) filter (where c)` becomes `agg(case when c then x end)`; `count(*)` counts ones.
fn filtered(function: &mut Function) -> bool {
    let FunctionArguments::List(list) = &mut function.args else {
        return false;
    };
    let Some(first) = list.args.first_mut() else {
        return false;
    };
    let Some(condition) = function.filter.take() else {
        return false;
    };
    let value = match first {
        FunctionArg::Unnamed(FunctionArgExpr::Wildcard) => {
            Expr::value(Value::Number("1".to_owned(), false))
        }
        FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => expr.clone(),
        _ => {
            function.filter = Some(condition);
            return false;
        }
    };
    let case = Expr::Case {
        case_token: AttachedToken::empty(),
        end_token: AttachedToken::empty(),
        operand: None,
        conditions: vec![CaseWhen {
            condition: *condition,
            result: value,
        }],
        else_result: None,
    };
    *first = FunctionArg::Unnamed(FunctionArgExpr::Expr(case));
    true
}

fn one_for_one(function: &mut Function, name: &str, dialect: Dialect) -> Option<Expr> {
    let FunctionArguments::List(list) = &function.args else {
        return None;
    };
    let count = list.args.len();
    let own = match dialect {
        Dialect::DuckDb => DUCKDB,
        Dialect::Postgres => POSTGRES,
    };
    let mut known = BOTH.iter().chain(own);
    let (.., template) = known.find(|(known, args, _)| *known == name && *args == count)?;
    // Under another name alone, DISTINCT, ORDER BY and the like stay what they are.
    let places: Vec<String> = (1..=count).map(|at| format!("${at}")).collect();
    let all = format!("({})", places.join(", "));
    if let Some(other) = template.strip_suffix(&all)
        && !other.contains('(')
    {
        function.name = ObjectName::from(vec![Ident::new(other)]);
        return Some(Expr::Function(function.clone()));
    }
    fill(template, &arguments(function)?)
}

/// What takes more than a pattern.
fn special(function: &mut Function, name: &str, dialect: Dialect) -> Option<Expr> {
    match name {
        "avg" | "mean" => return average(function),
        "greatest" | "least" => {
            let ident = Ident::new(format!("{name}_ignore_nulls"));
            function.name = ObjectName::from(vec![ident]);
            return Some(Expr::Function(function.clone()));
        }
        "mode" if function.within_group.len() == 1 => {
            let key = function.within_group.remove(0);
            return fill("mode($1)", &[&key.expr]);
        }
        "json_agg" | "jsonb_agg" => return json::aggregated(function),
        _ => {}
    }
    let args = arguments(function)?;
    match (name, args.as_slice()) {
        ("encode", [bytes, form]) => match constant(form)? {
            "hex" => fill("lower(hex_encode($1))", &[bytes]),
            "base64" => fill("base64_encode($1)", &[bytes]),
            _ => None,
        },
        ("decode", [text, form]) => match constant(form)? {
            "hex" => fill("hex_decode_binary($1)", &[text]),
            "base64" => fill("base64_decode_binary($1)", &[text]),
            _ => None,
        },
        ("concat", args) if !args.is_empty() => {
            let parts: Vec<String> = args.iter().map(|arg| never_missing(arg)).collect();
            fill(&format!("({})", parts.join(" || ")), &[])
        }
        ("concat_ws", [separator, args @ ..]) => {
            let parts: Vec<String> = args
                .iter()
                .map(|arg| format!("{}::varchar", operand(arg)))
                .collect();
            let list = format!("array_construct_compact({})", parts.join(", "));
            fill(&format!("array_to_string({list}, $1)"), &[separator])
        }
        ("regexp_replace", [text, pattern, with, options @ ..]) if options.len() < 2 => {
            // Without `g` only the first match is replaced.
            let options = match options {
                [] => "",
                [options] => constant(options)?,
                _ => return None,
            };
            let which = if options.contains('g') { 0 } else { 1 };
            let others = options.replace('g', "");
            let template = format!("regexp_replace($1, $2, $3, 1, {which}, '{others}')");
            fill(&template, &[text, pattern, with])
        }
        ("regexp_extract", [text, pattern, group @ ..]) if dialect == Dialect::DuckDb => {
            let found = match group {
                [] => "regexp_substr($1, $2)",
                [group] if group.to_string() == "0" => "regexp_substr($1, $2)",
                [_] => "regexp_substr($1, $2, 1, 1, 'e', $3)",
                _ => return None,
            };
            // No match is an empty text, a missing text stays missing.
            let template = format!("iff($1 is null, null, coalesce({found}, ''))");
            fill(&template, &args)
        }
        // The first match, as a list, or nothing. Groups would be its elements, and `g` makes rows.
        ("regexp_matches", [text, pattern, options @ ..]) if dialect == Dialect::Postgres => {
            let options = match options {
                [] => "",
                [options] => constant(options)?,
                _ => return None,
            };
            if constant(pattern)?.contains('(') || options.contains('g') {
                return None;
            }
            let found = format!("regexp_substr($1, $2, 1, 1, '{options}')");
            let template = format!("iff({found} is null, null, array_construct({found}))");
            fill(&template, &[text, pattern])
        }
        ("to_char", [moment, format]) if dialect == Dialect::Postgres => {
            dates::to_char(moment, constant(format)?)
        }
        ("strftime", [moment, format]) if dialect == Dialect::DuckDb => match constant(format) {
            Some(format) => dates::strftime(moment, format),
            None => dates::strftime(format, constant(moment)?),
        },
        ("strptime", [text, format]) if dialect == Dialect::DuckDb => {
            dates::strptime("to_timestamp_ntz", text, constant(format)?)
        }
        ("try_strptime", [text, format]) if dialect == Dialect::DuckDb => {
            dates::strptime("try_to_timestamp_ntz", text, constant(format)?)
        }
        ("date_add", [moment, interval @ Expr::Interval(_)]) => Some(Expr::BinaryOp {
            left: Box::new((*moment).clone()),
            op: BinaryOperator::Plus,
            right: Box::new((*interval).clone()),
        }),
        ("date_sub" | "datesub", [part, earlier, later]) if dialect == Dialect::DuckDb => {
            dates::elapsed(constant(part)?, later, earlier)
        }
        ("date_part" | "datepart", [part, moment]) => dates::part(constant(part)?, moment, dialect),
        _ => json::call(name, &args, dialect),
    }
}

/// An average is a floating-point number there.
fn average(function: &mut Function) -> Option<Expr> {
    let FunctionArguments::List(list) = &mut function.args else {
        return None;
    };
    let [FunctionArg::Unnamed(FunctionArgExpr::Expr(arg))] = list.args.as_mut_slice() else {
        return None;
    };
    *arg = as_double(arg.clone());
    function.name = ObjectName::from(vec![Ident::new("avg")]);
    Some(Expr::Function(function.clone()))
}

/// `first(x order by y)` is the x of the least y.
fn first_in_order(function: &Function, last: bool) -> Option<Expr> {
    let FunctionArguments::List(list) = &function.args else {
        return None;
    };
    let [FunctionArg::Unnamed(FunctionArgExpr::Expr(value))] = list.args.as_slice() else {
        return None;
    };
    let [FunctionArgumentClause::OrderBy(keys)] = list.clauses.as_slice() else {
        return None;
    };
    let [key] = keys.as_slice() else {
        return None;
    };
    let descending = key.options.asc == Some(false);
    let template = match last == descending {
        true => "min_by($1, $2)",
        false => "max_by($1, $2)",
    };
    fill(template, &[value, &key.expr])
}

/// `expr` as text, which is empty if it is missing.
fn never_missing(expr: &Expr) -> String {
    match constant(expr) {
        Some(_) => operand(expr),
        None => format!("coalesce({}::varchar, '')", operand(expr)),
    }
}

/// `expr` as a floating-point number.
pub(super) fn as_double(expr: Expr) -> Expr {
    Expr::Cast {
        kind: CastKind::Cast,
        expr: Box::new(expr),
        data_type: DataType::Double(ExactNumberInfo::None),
        array: false,
        format: None,
    }
}
