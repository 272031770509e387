//! Operators, casts, parts of arrays and everything else that is no call.

use sqlparser::ast::{
    AccessExpr, Array, BinaryOperator, CastKind, CharacterLength, DataType, ExactNumberInfo, Expr,
    Subscript, UnaryOperator, Value,
};

use super::calls::{as_double, name_of};
use super::template::{arguments, constant, fill, operand, parsed, quoted};
use super::{Dialect, dates, json};

/// What `expr` is in the warehouse's dialect; none if it is the same.
pub(super) fn expression(expr: &mut Expr, dialect: Dialect) -> Option<Expr> {
    match expr {
        Expr::BinaryOp { left, op, right } => {
            let (left, right) = (left.as_ref(), right.as_ref());
            dates::moved(left, op, right)
                .or_else(|| dates::compared(left, op, right))
                .or_else(|| json::operator(left, op, right))
                .or_else(|| operator(left, op, right, dialect))
        }
        Expr::Cast {
            kind,
            expr,
            data_type,
            ..
        } => cast(kind, expr, data_type, dialect),
        Expr::UnaryOp { op, expr } => fill(unary(*op)?, &[expr]),
        Expr::Extract { field, expr, .. } => dates::part(&field.to_string(), expr, dialect),
        Expr::Substring {
            expr: text,
            substring_from: Some(pattern),
            substring_for: None,
            ..
        } if dialect == Dialect::Postgres => {
            // A part in brackets is what is meant.
            let template = match constant(pattern)?.contains('(') {
                true => "regexp_substr($1, $2, 1, 1, 'e', 1)",
                false => "regexp_substr($1, $2)",
            };
            fill(template, &[text, pattern])
        }
        Expr::Overlay {
            expr: text,
            overlay_what: what,
            overlay_from: from,
            overlay_for: length,
        } => match length {
            Some(length) => fill("insert($1, $2, $3, $4)", &[text, from, length, what]),
            None => fill("insert($1, $2, length($3), $3)", &[text, from, what]),
        },
        Expr::SimilarTo {
            negated,
            expr: text,
            pattern,
            escape_char: None,
        } => {
            let pattern = quoted(&similar(constant(pattern)?));
            let not = if *negated { "not " } else { "" };
            fill(&format!("({not}regexp_like($1, {pattern}, 's'))"), &[text])
        }
        Expr::Interval(interval) => dates::interval(interval),
        Expr::AtTimeZone {
            timestamp,
            time_zone,
        } => dates::at_time_zone(timestamp, time_zone),
        Expr::Value(value) => scaled(&value.value),
        // A backslash escapes in a pattern, unless another character does.
        Expr::Like {
            pattern,
            escape_char,
            ..
        }
        | Expr::ILike {
            pattern,
            escape_char,
            ..
        } if dialect == Dialect::Postgres && escape_char.is_none() => {
            if !constant(pattern)?.contains('\\') {
                return None;
            }
            *escape_char = Some(Value::SingleQuotedString("\\".to_owned()).into());
            Some(expr.clone())
        }
        Expr::Array(Array { elem, named: true }) => list(elem),
        Expr::Dictionary(fields) => {
            let fields = fields.iter();
            let pairs = fields.map(|f| format!("{}, {}", quoted(&f.key.value), operand(&f.value)));
            let pairs: Vec<String> = pairs.collect();
            fill(
                &format!("object_construct_keep_null({})", pairs.join(", ")),
                &[],
            )
        }
        Expr::CompoundFieldAccess { root, access_chain } => element(root, access_chain),
        Expr::AnyOp {
            left,
            compare_op: BinaryOperator::Eq,
            right,
            ..
        } if !matches!(right.as_ref(), Expr::Subquery(_)) => {
            let list = match right.as_ref() {
                Expr::Nested(inner) => inner.as_ref(),
                other => other,
            };
            fill("array_contains($1::variant, $2)", &[left, list])
        }
        _ => None,
    }
}

/// Operators in front of a value.
fn unary(op: UnaryOperator) -> Option<&'static str> {
    Some(match op {
        UnaryOperator::PGAbs => "abs($1)",
        UnaryOperator::PGSquareRoot => "sqrt($1)",
        UnaryOperator::PGCubeRoot => "cbrt($1)",
        UnaryOperator::BitwiseNot => "bitnot($1)",
        _ => return None,
    })
}

/// A pattern of SIMILAR TO as a regular expression: `%` and `_` are those of LIKE, and points, `^` and `$` stand for
/// themselves.
fn similar(pattern: &str) -> String {
    let mut regular = String::new();
    for character in pattern.chars() {
        match character {
            '%' => regular.push_str(".*"),
            '_' => regular.push('.'),
            '.' | '^' | '$' => regular.extend(['\\', character]),
            other => regular.push(other),
        }
    }
    regular
}

fn operator(left: &Expr, op: &BinaryOperator, right: &Expr, dialect: Dialect) -> Option<Expr> {
    let both = [left, right];
    match (op, dialect) {
        // A quotient is a floating-point number there, also that of whole ones.
        (BinaryOperator::Divide, Dialect::DuckDb) => Some(Expr::BinaryOp {
            left: Box::new(as_double(left.clone())),
            op: BinaryOperator::Divide,
            right: Box::new(right.clone()),
        }),
        // That of whole numbers is whole; only the planner knows which ones are.
        (BinaryOperator::Divide, Dialect::Postgres) | (BinaryOperator::DuckIntegerDivide, _) => {
            fill(r#""$quotient"($1, $2)"#, &both)
        }
        (BinaryOperator::PGExp, _) | (BinaryOperator::BitwiseXor, Dialect::DuckDb) => {
            fill("power($1, $2)", &both)
        }
        (BinaryOperator::PGBitwiseXor, _) => fill("bitxor($1, $2)", &both),
        (BinaryOperator::BitwiseAnd, _) => fill("bitand($1, $2)", &both),
        (BinaryOperator::BitwiseOr, _) => fill("bitor($1, $2)", &both),
        (BinaryOperator::PGBitwiseShiftLeft, _) => fill("bitshiftleft($1, $2)", &both),
        (BinaryOperator::PGBitwiseShiftRight, _) => fill("bitshiftright($1, $2)", &both),
        (BinaryOperator::PGRegexMatch, _) => fill("(regexp_instr($1, $2) > 0)", &both),
        (BinaryOperator::PGRegexNotMatch, _) => fill("(regexp_instr($1, $2) = 0)", &both),
        (BinaryOperator::PGRegexIMatch, _) => {
            fill("(regexp_instr($1, $2, 1, 1, 0, 'i') > 0)", &both)
        }
        (BinaryOperator::PGRegexNotIMatch, _) => {
            fill("(regexp_instr($1, $2, 1, 1, 0, 'i') = 0)", &both)
        }
        _ => None,
    }
}

/// Types that the warehouse does not know by that name, or takes for narrower ones.
fn cast(kind: &mut CastKind, expr: &Expr, target: &mut DataType, dialect: Dialect) -> Option<Expr> {
    let becomes = match target {
        DataType::Interval { .. } => {
            return fill(&format!("interval {}", quoted(constant(expr)?)), &[]);
        }
        DataType::JSON | DataType::JSONB => {
            let template = match kind {
                CastKind::TryCast => "try_parse_json($1::varchar)",
                _ => "parse_json($1::varchar)",
            };
            return fill(template, &[expr]);
        }
        DataType::Decimal(ExactNumberInfo::None)
        | DataType::Numeric(ExactNumberInfo::None)
        | DataType::Dec(ExactNumberInfo::None) => DataType::Decimal(match dialect {
            // https://duckdb.org/docs/stable/sql/data_types/numeric
            Dialect::DuckDb => ExactNumberInfo::PrecisionAndScale(18, 3),
            // Without bounds there; as many digits behind the point as leave room for any amount.
            Dialect::Postgres => ExactNumberInfo::PrecisionAndScale(38, 12),
        }),
        DataType::HugeInt
        | DataType::UHugeInt
        | DataType::UBigInt
        | DataType::USmallInt
        | DataType::UTinyInt
        | DataType::Int2(_)
        | DataType::Int4(_)
        | DataType::Int8(_) => DataType::BigInt(None),
        // A length means nothing to DuckDB; PostgreSQL cuts what is longer.
        DataType::Varchar(Some(length)) | DataType::CharacterVarying(Some(length)) => {
            let CharacterLength::IntegerLength { length, .. } = length else {
                return None;
            };
            let template = match dialect {
                Dialect::DuckDb => "$1::varchar".to_owned(),
                Dialect::Postgres => format!("left($1::varchar, {length})"),
            };
            return fill(&template, &[expr]);
        }
        // What a text is as a list differs, other values are lists already.
        DataType::Array(_) if constant(expr).is_none() => return fill("$1::array", &[expr]),
        DataType::Float4 | DataType::Float8 => DataType::Double(ExactNumberInfo::None),
        // The bytes of a text.
        DataType::Bytea | DataType::Blob(_) => return fill("to_binary($1, 'utf-8')", &[expr]),
        DataType::Uuid => DataType::Varchar(None),
        DataType::Custom(name, _) if name.to_string().eq_ignore_ascii_case("uinteger") => {
            DataType::BigInt(None)
        }
        _ => return None,
    };
    Some(Expr::Cast {
        kind: kind.clone(),
        expr: Box::new(expr.clone()),
        data_type: becomes,
        array: false,
        format: None,
    })
}

/// Zeros behind the point make a number a fraction there, and do not count here: `n * 1.0 / m` has a fraction.
fn scaled(value: &Value) -> Option<Expr> {
    let Value::Number(number, _) = value else {
        return None;
    };
    let text = number.to_string();
    let (whole, fraction) = text.split_once('.')?;
    if !fraction.is_empty() && !fraction.ends_with('0') || fraction.contains(['e', 'E']) {
        return None;
    }
    let scale = fraction.len().max(1);
    let precision = (whole.len().max(1) + scale).min(38);
    parsed(&format!("{text}::decimal({precision}, {scale})"))
}

fn list(elements: &[Expr]) -> Option<Expr> {
    let elements: Vec<String> = elements.iter().map(operand).collect();
    fill(&format!("array_construct({})", elements.join(", ")), &[])
}

/// Lists count from one there, from zero here.
fn element(root: &Expr, chain: &[AccessExpr]) -> Option<Expr> {
    let [AccessExpr::Subscript(Subscript::Index { index })] = chain else {
        return None;
    };
    let Expr::Value(value) = index else {
        return None;
    };
    let Value::Number(number, _) = &value.value else {
        return None;
    };
    let number: i64 = number.to_string().parse().ok()?;
    let of = match root {
        Expr::Nested(inner) => inner,
        other => other,
    };
    // A part in brackets of the first match, or all of it.
    if let Expr::Function(function) = of
        && name_of(function).as_deref() == Some("regexp_match")
    {
        let args = arguments(function)?;
        let [text, pattern] = args.as_slice() else {
            return None;
        };
        return match constant(pattern)?.contains('(') {
            true => fill(
                &format!("regexp_substr($1, $2, 1, 1, 'e', {number})"),
                &args,
            ),
            false => (number == 1).then(|| fill("regexp_substr($1, $2)", &[text, pattern]))?,
        };
    }
    let cast = if holds_texts(root) { "::varchar" } else { "" };
    (number > 0).then(|| fill(&format!("get($1, {}){cast}", number - 1), &[root]))?
}

/// Whether `list` is a list of texts as it is written; what columns hold is not known here.
pub(super) fn holds_texts(list: &Expr) -> bool {
    match list {
        Expr::Nested(inner) => holds_texts(inner),
        Expr::Array(array) => array
            .elem
            .first()
            .is_some_and(|one| constant(one).is_some()),
        Expr::Function(function) => match name_of(function).as_deref() {
            Some("split" | "regexp_substr_all") => true,
            Some("array_construct") => arguments(function)
                .is_some_and(|list| list.first().is_some_and(|one| constant(one).is_some())),
            _ => false,
        },
        _ => false,
    }
}
