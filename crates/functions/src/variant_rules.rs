//! What becomes of VARIANT where it meets other types, conditions, orders and functions.
//!
//! <https://docs.snowflake.com/en/sql-reference/data-types-semistructured>: beside a number both sides are
//! compared as VARIANT. Beside text, a date or a time the VARIANT is cast to that type, and so it is where a truth
//! value is on the left of it; one on its right is compared as VARIANT, which accounts do and no page says.

use arrow::datatypes::DataType;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::Transformed;
use datafusion::common::{DFSchema, Result};
use datafusion::logical_expr::expr::{Case, InList, InSubquery, Like, ScalarFunction};
use datafusion::logical_expr::planner::RawBinaryExpr;
use datafusion::logical_expr::{
    Between, BinaryExpr, Expr, ExprSchemable, LogicalPlan, Operator, cast, try_cast,
};
use datafusion::optimizer::AnalyzerRule;
use datafusion::sql::sqlparser::ast::BinaryOperator;

use crate::coercion::rewrite;
use crate::scalar;
use crate::variant::cast::CARRIER;
use crate::zoned::is_zoned;

mod internal;
mod order;

pub(crate) use internal::{array_of, object_of, order_key_of, sorted_array_of, union_of};
pub(crate) use order::Ordering;

/// The operands of an operator one of which is a VARIANT, as the operator takes them; or, for a path, the
/// expression that the operator is.
pub(crate) fn operands(
    raw: RawBinaryExpr,
    left: &DataType,
    right: &DataType,
) -> Result<Result<RawBinaryExpr, Expr>> {
    if raw.op == BinaryOperator::Custom(":".to_owned()) {
        return scalar::call("get_path", vec![raw.left, raw.right]).map(Err);
    }
    if *left != CARRIER && *right != CARRIER {
        return Ok(Ok(raw));
    }
    let use_of = match &raw.op {
        BinaryOperator::Eq
        | BinaryOperator::NotEq
        | BinaryOperator::Lt
        | BinaryOperator::LtEq
        | BinaryOperator::Gt
        | BinaryOperator::GtEq
        | BinaryOperator::Spaceship => Use::Compared,
        BinaryOperator::Plus
        | BinaryOperator::Minus
        | BinaryOperator::Multiply
        | BinaryOperator::Divide
        | BinaryOperator::Modulo => Use::Number,
        BinaryOperator::StringConcat => Use::Text,
        BinaryOperator::And | BinaryOperator::Or => Use::Truth,
        _ => return Ok(Ok(raw)),
    };
    let (left, right) = use_of.both((raw.left, left), (raw.right, right));
    Ok(Ok(RawBinaryExpr {
        op: raw.op,
        left,
        right,
    }))
}

/// What an operator does with its operands.
#[derive(Clone, Copy)]
enum Use {
    Compared,
    Number,
    Text,
    Truth,
}

impl Use {
    fn of(operator: Operator) -> Option<Self> {
        match operator {
            Operator::Eq
            | Operator::NotEq
            | Operator::Lt
            | Operator::LtEq
            | Operator::Gt
            | Operator::GtEq
            | Operator::IsDistinctFrom
            | Operator::IsNotDistinctFrom => Some(Self::Compared),
            Operator::Plus
            | Operator::Minus
            | Operator::Multiply
            | Operator::Divide
            | Operator::Modulo => Some(Self::Number),
            Operator::And | Operator::Or => Some(Self::Truth),
            Operator::StringConcat
            | Operator::RegexMatch
            | Operator::RegexIMatch
            | Operator::RegexNotMatch
            | Operator::RegexNotIMatch
            | Operator::LikeMatch
            | Operator::ILikeMatch
            | Operator::NotLikeMatch
            | Operator::NotILikeMatch => Some(Self::Text),
            _ => None,
        }
    }

    fn both(self, left: (Expr, &DataType), right: (Expr, &DataType)) -> (Expr, Expr) {
        match self {
            Self::Compared => compared(left, right),
            Self::Number => (
                self.one(left.0, left.1, right.1),
                self.one(right.0, right.1, left.1),
            ),
            Self::Text | Self::Truth => (
                self.one(left.0, left.1, right.1),
                self.one(right.0, right.1, left.1),
            ),
        }
    }

    fn one(self, expr: Expr, kind: &DataType, beside: &DataType) -> Expr {
        if *kind != CARRIER {
            return expr;
        }
        match self {
            Self::Text => cast(expr, DataType::Utf8),
            Self::Truth => cast(expr, DataType::Boolean),
            Self::Compared | Self::Number => match beside {
                // Days beside a date, a moment beside a length of time.
                DataType::Date32 | DataType::Timestamp(..) => cast(expr, DataType::Int64),
                DataType::Interval(_) => cast(expr, scalar::TIMESTAMP),
                _ => cast(expr, DataType::Float64),
            },
        }
    }
}

/// Both sides of a comparison.
fn compared(left: (Expr, &DataType), right: (Expr, &DataType)) -> (Expr, Expr) {
    match (left.1, right.1) {
        (&CARRIER, other) if is_cast_to(other) => (cast(left.0, other.clone()), right.0),
        (other, &CARRIER) if casts(other) => (left.0, cast(right.0, other.clone())),
        (&CARRIER, DataType::Null) | (DataType::Null, &CARRIER) => (left.0, right.0),
        _ => (ordered(left.0, left.1), ordered(right.0, right.1)),
    }
}

/// Whether values of this type make a VARIANT on their right one of theirs to compare it.
fn casts(left: &DataType) -> bool {
    *left == DataType::Boolean || is_cast_to(left)
}

/// Whether a VARIANT is cast to this type to be compared with it.
fn is_cast_to(other: &DataType) -> bool {
    is_zoned(other)
        || matches!(
            other,
            DataType::Utf8
                | DataType::Utf8View
                | DataType::Date32
                | DataType::Timestamp(..)
                | DataType::Time64(_)
                | DataType::Binary
        )
}

/// What to compare in the place of a value that is compared as VARIANT.
fn ordered(expr: Expr, kind: &DataType) -> Expr {
    let value = match *kind {
        CARRIER => expr,
        _ => cast(expr, CARRIER),
    };
    order_key_of(value)
}

/// Puts casts round VARIANTs in every expression of a plan, before DataFusion coerces their carrier as
/// the text it is not.
#[derive(Debug)]
pub(crate) struct Meetings;

impl AnalyzerRule for Meetings {
    fn name(&self) -> &str {
        "snowflake_variant"
    }

    fn analyze(&self, plan: LogicalPlan, _: &ConfigOptions) -> Result<LogicalPlan> {
        rewrite(plan, &meet)
    }
}

fn meet(expr: Expr, schema: &DFSchema) -> Result<Transformed<Expr>> {
    Ok(match expr {
        Expr::BinaryExpr(binary) => meet_operator(binary, schema)?,
        Expr::Like(like) => meet_pattern(like, schema)?.update_data(Expr::Like),
        Expr::SimilarTo(like) => meet_pattern(like, schema)?.update_data(Expr::SimilarTo),
        Expr::InList(list) => meet_list(list, schema)?,
        Expr::Between(between) => meet_bounds(between, schema)?,
        Expr::InSubquery(subquery) => meet_subquery(subquery, schema)?,
        Expr::Case(case) => meet_case(case, schema)?,
        Expr::ScalarFunction(call) => meet_function(call, schema)?,
        Expr::Negative(value) => as_kind(*value, &DataType::Float64, schema)?
            .update_data(|value| Expr::Negative(Box::new(value))),
        Expr::Not(value) => truth(*value, schema, Expr::Not)?,
        Expr::IsTrue(value) => truth(*value, schema, Expr::IsTrue)?,
        Expr::IsFalse(value) => truth(*value, schema, Expr::IsFalse)?,
        Expr::IsNotTrue(value) => truth(*value, schema, Expr::IsNotTrue)?,
        Expr::IsNotFalse(value) => truth(*value, schema, Expr::IsNotFalse)?,
        Expr::IsUnknown(value) => truth(*value, schema, Expr::IsUnknown)?,
        Expr::IsNotUnknown(value) => truth(*value, schema, Expr::IsNotUnknown)?,
        other => Transformed::no(other),
    })
}

/// `expr` cast to `kind` if it is a VARIANT.
fn as_kind(expr: Expr, kind: &DataType, schema: &DFSchema) -> Result<Transformed<Expr>> {
    Ok(match expr.get_type(schema)? {
        CARRIER => Transformed::yes(cast(expr, kind.clone())),
        _ => Transformed::no(expr),
    })
}

fn truth(
    value: Expr,
    schema: &DFSchema,
    build: impl FnOnce(Box<Expr>) -> Expr,
) -> Result<Transformed<Expr>> {
    Ok(as_kind(value, &DataType::Boolean, schema)?.update_data(|value| build(Box::new(value))))
}

fn meet_operator(binary: BinaryExpr, schema: &DFSchema) -> Result<Transformed<Expr>> {
    let Some(use_of) = Use::of(binary.op) else {
        return Ok(Transformed::no(Expr::BinaryExpr(binary)));
    };
    let (left, right) = (
        binary.left.get_type(schema)?,
        binary.right.get_type(schema)?,
    );
    if left != CARRIER && right != CARRIER {
        return Ok(Transformed::no(Expr::BinaryExpr(binary)));
    }
    let (left, right) = use_of.both((*binary.left, &left), (*binary.right, &right));
    Ok(Transformed::yes(Expr::BinaryExpr(BinaryExpr::new(
        Box::new(left),
        binary.op,
        Box::new(right),
    ))))
}

fn meet_pattern(like: Like, schema: &DFSchema) -> Result<Transformed<Like>> {
    let text = as_kind(*like.expr, &DataType::Utf8, schema)?;
    let pattern = as_kind(*like.pattern, &DataType::Utf8, schema)?;
    let changed = text.transformed || pattern.transformed;
    let like = Like::new(
        like.negated,
        Box::new(text.data),
        Box::new(pattern.data),
        like.escape_char,
        like.case_insensitive,
    );
    Ok(if changed {
        Transformed::yes(like)
    } else {
        Transformed::no(like)
    })
}

/// The one type that all of `others` have, if a VARIANT is cast to it to be compared with them.
fn shared<'a>(others: impl IntoIterator<Item = &'a DataType>) -> Option<DataType> {
    let mut known: Option<&DataType> = None;
    for other in others {
        match (known, other) {
            (_, DataType::Null) => {}
            (None, other) if is_cast_to(other) => known = Some(other),
            (Some(known), other) if known == other => {}
            _ => return None,
        }
    }
    known.cloned()
}

fn meet_list(list: InList, schema: &DFSchema) -> Result<Transformed<Expr>> {
    let kind = list.expr.get_type(schema)?;
    let kinds = list
        .list
        .iter()
        .map(|item| item.get_type(schema))
        .collect::<Result<Vec<_>>>()?;
    if kind != CARRIER && !kinds.contains(&CARRIER) {
        return Ok(Transformed::no(Expr::InList(list)));
    }
    let InList {
        expr,
        list,
        negated,
    } = list;
    let items = list.into_iter().zip(&kinds);
    let (expr, list) = match (kind, shared(&kinds)) {
        (CARRIER, Some(shared)) => (cast(*expr, shared), items.map(|(item, _)| item).collect()),
        (kind, _) if casts(&kind) => {
            let items = items.map(|(item, _)| cast(item, kind.clone())).collect();
            (*expr, items)
        }
        (kind, _) => {
            let items = items.map(|(item, kind)| ordered(item, kind)).collect();
            (ordered(*expr, &kind), items)
        }
    };
    Ok(Transformed::yes(Expr::InList(InList::new(
        Box::new(expr),
        list,
        negated,
    ))))
}

fn meet_bounds(between: Between, schema: &DFSchema) -> Result<Transformed<Expr>> {
    let kind = between.expr.get_type(schema)?;
    let bounds = [
        between.low.get_type(schema)?,
        between.high.get_type(schema)?,
    ];
    if kind != CARRIER && !bounds.contains(&CARRIER) {
        return Ok(Transformed::no(Expr::Between(between)));
    }
    let [low, high] = &bounds;
    let (value, low, high) = match (&kind, shared(&bounds)) {
        (&CARRIER, Some(shared)) => (cast(*between.expr, shared), *between.low, *between.high),
        (kind, _) if casts(kind) => (
            *between.expr,
            cast(*between.low, kind.clone()),
            cast(*between.high, kind.clone()),
        ),
        (kind, _) => (
            ordered(*between.expr, kind),
            ordered(*between.low, low),
            ordered(*between.high, high),
        ),
    };
    Ok(Transformed::yes(Expr::Between(Between::new(
        Box::new(value),
        between.negated,
        Box::new(low),
        Box::new(high),
    ))))
}

fn meet_subquery(subquery: InSubquery, schema: &DFSchema) -> Result<Transformed<Expr>> {
    let kind = subquery.expr.get_type(schema)?;
    let found = subquery
        .subquery
        .subquery
        .schema()
        .field(0)
        .data_type()
        .clone();
    let expr = match (&kind, &found) {
        (&CARRIER, &CARRIER) => return Ok(Transformed::no(Expr::InSubquery(subquery))),
        (&CARRIER, found) if is_cast_to(found) => cast(*subquery.expr, found.clone()),
        // What is no number is in no list of numbers.
        (&CARRIER, found) => try_cast(*subquery.expr, found.clone()),
        (_, &CARRIER) => cast(*subquery.expr, CARRIER),
        _ => return Ok(Transformed::no(Expr::InSubquery(subquery))),
    };
    Ok(Transformed::yes(Expr::InSubquery(InSubquery::new(
        Box::new(expr),
        subquery.subquery,
        subquery.negated,
    ))))
}

/// A compared operand meets every value it is compared with; results that are VARIANTs meet the others.
fn meet_case(case: Case, schema: &DFSchema) -> Result<Transformed<Expr>> {
    let kind = |expr: &Expr| expr.get_type(schema);
    let mut results = case
        .when_then_expr
        .iter()
        .map(|(_, then)| kind(then))
        .collect::<Result<Vec<_>>>()?;
    if let Some(otherwise) = &case.else_expr {
        results.push(kind(otherwise)?);
    }
    let widen = results.contains(&CARRIER)
        && results
            .iter()
            .any(|result| *result != CARRIER && *result != DataType::Null);
    let given = match widen {
        true => scalar::folded(&results)?,
        false => DataType::Null,
    };
    let operand = case
        .expr
        .as_ref()
        .map(|operand| kind(operand))
        .transpose()?;
    let whens = case
        .when_then_expr
        .iter()
        .map(|(when, _)| kind(when))
        .collect::<Result<Vec<_>>>()?;
    let meets = operand
        .as_ref()
        .is_some_and(|operand| *operand == CARRIER || whens.contains(&CARRIER));
    if !widen && !meets {
        return Ok(Transformed::no(Expr::Case(case)));
    }
    let result = |expr: Box<Expr>| -> Result<Box<Expr>> {
        Ok(match widen && kind(&expr)? != given {
            true => Box::new(cast(*expr, given.clone())),
            false => expr,
        })
    };
    let shared = match &operand {
        Some(CARRIER) => shared(&whens),
        Some(other) if casts(other) => Some(other.clone()),
        _ => None,
    };
    let meeting = |expr: Box<Expr>| -> Result<Box<Expr>> {
        if !meets {
            return Ok(expr);
        }
        let found = kind(&expr)?;
        Ok(Box::new(match &shared {
            Some(shared) if found == CARRIER => cast(*expr, shared.clone()),
            Some(_) => *expr,
            None => ordered(*expr, &found),
        }))
    };
    let branches = case
        .when_then_expr
        .into_iter()
        .map(|(when, then)| Ok((meeting(when)?, result(then)?)))
        .collect::<Result<_>>()?;
    let operand = case.expr.map(meeting).transpose()?;
    let otherwise = case.else_expr.map(result).transpose()?;
    Ok(Transformed::yes(Expr::Case(Case::new(
        operand, branches, otherwise,
    ))))
}

/// DataFusion's functions that hand values on without looking into them.
const INDIFFERENT: [&str; 12] = [
    "struct",
    "named_struct",
    "make_array",
    "get_field",
    "nullif",
    "arrow_typeof",
    "array_append",
    "array_prepend",
    "array_concat",
    "array_element",
    "map",
    "union_extract",
];

/// A function of DataFusion's would read a VARIANT's text as it stands.
fn meet_function(call: ScalarFunction, schema: &DFSchema) -> Result<Transformed<Expr>> {
    let name = call.func.name();
    // Functions that begin with `$` are made by planning, which knows what it hands them.
    let own = scalar::is_own(&call.func) || name.starts_with('$');
    if own || INDIFFERENT.contains(&name) {
        return Ok(Transformed::no(Expr::ScalarFunction(call)));
    }
    let mut changed = false;
    let mut args = Vec::with_capacity(call.args.len());
    for arg in call.args {
        let arg = as_kind(arg, &DataType::Utf8, schema)?;
        changed |= arg.transformed;
        args.push(arg.data);
    }
    let call = Expr::ScalarFunction(ScalarFunction::new_udf(call.func, args));
    Ok(match changed {
        true => Transformed::yes(call),
        false => Transformed::no(call),
    })
}
