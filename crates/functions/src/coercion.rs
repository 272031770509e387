//! Analyzer rules around DataFusion's type coercion: before it, text that meets a truth value becomes
//! one; after it, casts and comparisons that Snowflake does otherwise become ours.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field};
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{DFSchema, Result, ScalarValue, plan_err};
use datafusion::logical_expr::expr::{
    Case, Cast, InList, Like, ScalarFunction, TryCast, WindowFunction,
};
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::utils::merge_schema;
use datafusion::logical_expr::{
    Between, Expr, ExprSchemable, LogicalPlan, LogicalPlanBuilder, Union, cast, lit,
};
use datafusion::optimizer::AnalyzerRule;

use crate::conversion::{Failure, conversion, conversion_to, differs};
use crate::operators::text_beside;
use crate::scalar::{self, common_type, folded, plain};
use crate::types::{DIGITS, decimal, digits, length, logical_type};
use crate::variant::cast::CARRIER;
use crate::zoned::is_zoned;

/// Text that meets another type in an `IN` list, a `BETWEEN`, a `CASE` or a `UNION`, and literals such as
/// `1e3`, whose scale no warehouse type has.
#[derive(Debug)]
pub(crate) struct ImplicitCasts;

impl AnalyzerRule for ImplicitCasts {
    fn name(&self) -> &str {
        "snowflake_implicit_casts"
    }

    fn analyze(&self, plan: LogicalPlan, _: &ConfigOptions) -> Result<LogicalPlan> {
        let plan = plan.transform_up_with_subqueries(unions)?.data;
        rewrite(plan, &|expr, schema| match expr {
            Expr::InList(list) => {
                let values = std::iter::once(list.expr.as_ref()).chain(&list.list);
                let Some(kind) = meeting(values, schema)? else {
                    return Ok(Transformed::no(Expr::InList(list)));
                };
                let items = list
                    .list
                    .into_iter()
                    .map(|item| brought(item, &kind, schema))
                    .collect::<Result<_>>()?;
                Ok(Transformed::yes(Expr::InList(InList::new(
                    Box::new(brought(*list.expr, &kind, schema)?),
                    items,
                    list.negated,
                ))))
            }
            Expr::Between(between) => {
                let values = [&between.expr, &between.low, &between.high];
                let Some(kind) = meeting(values.into_iter().map(AsRef::as_ref), schema)? else {
                    return Ok(Transformed::no(Expr::Between(between)));
                };
                Ok(Transformed::yes(Expr::Between(Between::new(
                    Box::new(brought(*between.expr, &kind, schema)?),
                    between.negated,
                    Box::new(brought(*between.low, &kind, schema)?),
                    Box::new(brought(*between.high, &kind, schema)?),
                ))))
            }
            Expr::Like(like) => Ok(matched(like, schema)?.update_data(Expr::Like)),
            Expr::Case(case) => alternatives(case, schema),
            Expr::ScalarFunction(call) if scalar::is_own(&call.func) => spell(call, schema)?
                .transform_data(|call| truths(call, schema))
                .map(|call| call.update_data(Expr::ScalarFunction)),
            Expr::WindowFunction(call) => ordered(*call, schema),
            Expr::Literal(value, metadata) => match value.data_type() {
                DataType::Decimal256(..) => {
                    plan_err!(
                        "Number {value} has more than 38 digits: write it as '{value}'::float"
                    )
                }
                DataType::Decimal128(_, scale) if scale < 0 => {
                    let whole = value.cast_to(&plain(&value.data_type()))?;
                    Ok(Transformed::yes(Expr::Literal(whole, metadata)))
                }
                _ => Ok(Transformed::no(Expr::Literal(value, metadata))),
            },
            other => Ok(Transformed::no(other)),
        })
    }
}

/// The type of the number that a text constant says, which has its digits where it meets other exact numbers.
pub(crate) fn spelled(expr: &Expr) -> Option<DataType> {
    let Expr::Literal(ScalarValue::Utf8(Some(text)), _) = expr else {
        return None;
    };
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let is_number = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if !is_number(whole) || !is_number(fraction) || whole.len() + fraction.len() == 0 {
        return None;
    }
    let whole = whole.trim_start_matches('0').len().max(1);
    match fraction.trim_end_matches('0').len() {
        0 if whole < 19 => Some(DataType::Int64),
        scale => decimal(
            i64::try_from(whole + scale).ok()?,
            i64::try_from(scale).ok()?,
        )
        .ok(),
    }
}

/// The types of `values`, if text constants that say numbers meet other exact numbers among them.
fn spelled_among<'a>(
    values: impl Iterator<Item = &'a Expr>,
    schema: &DFSchema,
) -> Result<Option<Vec<DataType>>> {
    let mut types = Vec::new();
    let (mut numbers, mut texts) = (false, false);
    for value in values {
        types.push(match spelled(value) {
            Some(kind) => {
                texts = true;
                kind
            }
            None => {
                let kind = plain(&value.get_type(schema)?);
                numbers |= matches!(kind, DataType::Int64 | DataType::Decimal128(..));
                kind
            }
        });
    }
    Ok((numbers && texts).then_some(types))
}

/// Makes numbers of text constants where a function brings them to one type with exact numbers.
fn spell(call: ScalarFunction, schema: &DFSchema) -> Result<Transformed<ScalarFunction>> {
    if !call.args.iter().any(|arg| spelled(arg).is_some()) {
        return Ok(Transformed::no(call));
    }
    let mut call = call;
    let func = Arc::clone(&call.func);
    let shared = |(at, arg)| scalar::is_shared(&func, at).then_some(arg);
    let values = call.args.iter().enumerate().filter_map(shared);
    if spelled_among(values, schema)?.is_none() {
        return Ok(Transformed::no(call));
    }
    for (at, arg) in call.args.iter_mut().enumerate() {
        if let Some(kind) = spelled(arg).filter(|_| scalar::is_shared(&func, at)) {
            *arg = cast(std::mem::take(arg), kind);
        }
    }
    Ok(Transformed::yes(call))
}

/// Makes truth of decimals where a function takes that: DataFusion holds conversions against Arrow's casts.
fn truths(call: ScalarFunction, schema: &DFSchema) -> Result<Transformed<ScalarFunction>> {
    let types = call.args.iter().map(|arg| arg.get_type(schema));
    let types = types.collect::<Result<Vec<_>>>()?;
    if !types.iter().any(DataType::is_decimal) {
        return Ok(Transformed::no(call));
    }
    let Some(wanted) = scalar::coerced(&call.func, &types) else {
        return Ok(Transformed::no(call));
    };
    let mut call = call;
    let mut changed = false;
    for ((arg, from), to) in call.args.iter_mut().zip(&types).zip(wanted?) {
        if scalar::is_decimal_truth(from, &to) {
            *arg = cast(std::mem::take(arg), to);
            changed = true;
        }
    }
    Ok(match changed {
        true => Transformed::yes(call),
        false => Transformed::no(call),
    })
}

/// Numbers, truth values and moments are texts to LIKE
/// (<https://docs.snowflake.com/en/sql-reference/functions/like>: what is no text is cast to one).
fn matched(like: Like, schema: &DFSchema) -> Result<Transformed<Like>> {
    let mut like = like;
    let mut changed = false;
    for side in [&mut like.expr, &mut like.pattern] {
        let kind = side.get_type(schema)?;
        if kind == DataType::Binary {
            return plan_err!("LIKE takes text, not BINARY: TO_CHAR(value, 'HEX') makes text");
        }
        if kind.is_numeric() || kind.is_temporal() || kind == DataType::Boolean || is_zoned(&kind) {
            **side = cast(std::mem::take(side.as_mut()), DataType::Utf8);
            changed = true;
        }
    }
    Ok(match changed {
        true => Transformed::yes(like),
        false => Transformed::no(like),
    })
}

/// A window's order by TIME or BINARY, of which DataFusion makes no ranges: by nanoseconds, by digits.
fn ordered(call: WindowFunction, schema: &DFSchema) -> Result<Transformed<Expr>> {
    let mut call = call;
    let mut changed = false;
    for key in &mut call.params.order_by {
        let value = key.expr.clone();
        key.expr = match value.get_type(schema)? {
            DataType::Time64(_) => scalar::call("date_part", vec![lit("epoch_nanosecond"), value])?,
            DataType::Binary => scalar::call("hex_encode", vec![value])?,
            _ => continue,
        };
        changed = true;
    }
    let call = Expr::WindowFunction(Box::new(call));
    Ok(match changed {
        true => Transformed::yes(call),
        false => Transformed::no(call),
    })
}

/// The type that values compared with each other are brought to, if text meets another type among them.
fn meeting<'a>(
    values: impl Iterator<Item = &'a Expr>,
    schema: &DFSchema,
) -> Result<Option<DataType>> {
    let types = values
        .map(|value| value.get_type(schema))
        .collect::<Result<Vec<_>>>()?;
    let common = are_mixed(&types).then(|| common_type(&types)).transpose()?;
    Ok(common.map(|common| text_beside(&common)))
}

/// What the rows of UNION and VALUES have in common, if they would not meet there by themselves. A truth value takes
/// in numbers that follow it; accounts refuse it behind numbers.
pub(crate) fn merged(types: &[DataType]) -> Result<Option<DataType>> {
    let first = |wanted: fn(&DataType) -> bool| types.iter().position(wanted);
    let is_truth = |kind: &DataType| *kind == DataType::Boolean;
    if meets_truth(types) && first(DataType::is_numeric) < first(is_truth) {
        return plan_err!(
            "A BOOLEAN follows a number among these rows: cast one of them, for example with `::int`"
        );
    }
    if !meets_truth(types) && !are_mixed(types) {
        return Ok(None);
    }
    match types.contains(&CARRIER) {
        true => common_type(types).map(Some),
        false => folded(types).map(Some),
    }
}

fn meets_truth(types: &[DataType]) -> bool {
    types.contains(&DataType::Boolean) && types.iter().any(DataType::is_numeric)
}

/// Whether text, TIMESTAMP_TZ, DATE or FLOAT meets another type among these.
fn are_mixed(types: &[DataType]) -> bool {
    let is_text = |kind: &DataType| *kind == DataType::Utf8;
    let is_other = |kind: &DataType| {
        kind.is_numeric()
            || matches!(
                kind,
                DataType::Boolean
                    | DataType::Date32
                    | DataType::Timestamp(..)
                    | DataType::Time64(_)
            )
            || is_zoned(kind)
    };
    let meets_text = types.iter().any(is_text) && types.iter().any(is_other);
    let meets_zoned = types.iter().any(is_zoned)
        && types
            .iter()
            .any(|kind| !is_zoned(kind) && *kind != DataType::Null);
    // DataFusion would count both in nanoseconds, of which 64 bits end in the year 2262.
    let meets_date = types.contains(&DataType::Date32)
        && types
            .iter()
            .any(|kind| matches!(kind, DataType::Timestamp(..)));
    // DataFusion would keep fifteen digits behind the point of both.
    let meets_float =
        types.iter().any(DataType::is_floating) && types.iter().any(DataType::is_decimal);
    meets_text || meets_zoned || meets_date || meets_float
}

pub(crate) fn brought(expr: Expr, to: &DataType, schema: &DFSchema) -> Result<Expr> {
    if expr.get_type(schema)? == *to {
        Ok(expr)
    } else {
        Ok(cast(expr, to.clone()))
    }
}

/// What a CASE compares, and what it gives.
fn alternatives(case: Case, schema: &DFSchema) -> Result<Transformed<Expr>> {
    let whens = case.when_then_expr.iter().map(|(when, _)| when.as_ref());
    let compared = match &case.expr {
        Some(operand) => meeting(whens.chain([operand.as_ref()]), schema)?,
        None => None,
    };
    let condition = match &case.expr {
        None => Some(DataType::Boolean),
        Some(_) => compared.clone(),
    };
    let results = case.when_then_expr.iter().map(|(_, then)| then);
    let results = results.chain(&case.else_expr).map(AsRef::as_ref);
    let given = match spelled_among(results.clone(), schema)? {
        Some(types) => Some(folded(&types)?),
        None => {
            let types = results.map(|result| result.get_type(schema));
            let types = types.collect::<Result<Vec<_>>>()?;
            let meet = meets_truth(&types) || are_mixed(&types);
            meet.then(|| folded(&types)).transpose()?
        }
    };
    if compared.is_none() && given.is_none() && case.expr.is_some() {
        return Ok(Transformed::no(Expr::Case(case)));
    }
    let to = |expr: Box<Expr>, kind: &Option<DataType>| match kind {
        Some(kind) => brought(*expr, kind, schema).map(Box::new),
        None => Ok(expr),
    };
    let operand = case
        .expr
        .map(|operand| to(operand, &compared))
        .transpose()?;
    let branches = case
        .when_then_expr
        .into_iter()
        .map(|(when, then)| Ok((to(when, &condition)?, to(then, &given)?)))
        .collect::<Result<Vec<_>>>()?;
    let otherwise = case
        .else_expr
        .map(|result| to(result, &given))
        .transpose()?;
    Ok(Transformed::yes(Expr::Case(Case::new(
        operand, branches, otherwise,
    ))))
}

/// A UNION's columns in which values of several types meet become what [`merged`] says.
fn unions(plan: LogicalPlan) -> Result<Transformed<LogicalPlan>> {
    let LogicalPlan::Union(union) = plan else {
        return Ok(Transformed::no(plan));
    };
    let width = union.schema.fields().len();
    let mut targets = Vec::with_capacity(width);
    for at in 0..width {
        let types: Vec<DataType> = union
            .inputs
            .iter()
            .filter_map(|input| input.schema().fields().get(at))
            .map(|field| field.data_type().clone())
            .collect();
        targets.push(merged(&types)?);
    }
    if targets.iter().all(Option::is_none) {
        return Ok(Transformed::no(LogicalPlan::Union(union)));
    }
    let inputs = union
        .inputs
        .into_iter()
        .map(|input| {
            let schema = input.schema();
            let columns = schema.columns().into_iter().zip(schema.fields());
            let columns: Vec<Expr> = columns
                .zip(&targets)
                .map(|((column, field), target)| match target {
                    Some(kind) if kind != field.data_type() => {
                        let name = column.name.clone();
                        Ok(converting(Expr::Column(column), kind, schema)?.alias(name))
                    }
                    _ => Ok(Expr::Column(column)),
                })
                .collect::<Result<_>>()?;
            let input = LogicalPlanBuilder::from(Arc::unwrap_or_clone(input));
            input.project(columns)?.build().map(Arc::new)
        })
        .collect::<Result<Vec<_>>>()?;
    let union = Union::try_new_with_loose_types(inputs)?;
    Ok(Transformed::yes(LogicalPlan::Union(union)))
}

/// `expr` as a value of `kind`, by the expression that will be run: the columns of a UNION are as nullable as
/// its inputs were when it was planned, and a cast becomes a function that may give NULL.
fn converting(expr: Expr, kind: &DataType, schema: &DFSchema) -> Result<Expr> {
    let field = Arc::new(Field::new("", kind.clone(), true));
    let original = |expr| Expr::Cast(Cast::new_from_field(expr, Arc::clone(&field)));
    Ok(own_cast(expr, &field, Failure::Error, schema, original)?.data)
}

/// Casts, written or implied, that Arrow does otherwise.
#[derive(Debug)]
pub(crate) struct OwnCasts;

impl AnalyzerRule for OwnCasts {
    fn name(&self) -> &str {
        "snowflake_casts"
    }

    fn analyze(&self, plan: LogicalPlan, _: &ConfigOptions) -> Result<LogicalPlan> {
        rewrite(plan, &|expr, schema| match expr {
            Expr::Cast(Cast { expr, field }) => {
                own_cast(*expr, &field, Failure::Error, schema, |expr| {
                    Expr::Cast(Cast::new_from_field(expr, field.clone()))
                })
            }
            Expr::TryCast(TryCast { expr, field }) => {
                own_cast(*expr, &field, Failure::Null, schema, |expr| {
                    Expr::TryCast(TryCast::new_from_field(expr, field.clone()))
                })
            }
            other => Ok(Transformed::no(other)),
        })
    }
}

/// `expr` cast to the type of a table's column, whose declaration may limit the digits of a second.
#[must_use]
pub fn cast_to_column(expr: Expr, column: &Field) -> Expr {
    let to = Field::new("", column.data_type().clone(), true);
    let digits = column.metadata().get_key_value(DIGITS);
    let to = to.with_metadata(
        digits
            .map(|(key, value)| (key.clone(), value.clone()))
            .into_iter()
            .collect(),
    );
    Expr::Cast(Cast::new_from_field(Box::new(expr), Arc::new(to)))
}

fn own_cast(
    expr: Expr,
    field: &Field,
    failure: Failure,
    schema: &DFSchema,
    original: impl FnOnce(Box<Expr>) -> Expr,
) -> Result<Transformed<Expr>> {
    let to = field.data_type();
    // A condition that is a truth value already: indexes and statistics know it as it was written.
    if *to == DataType::Boolean && expr.get_type(schema)? == DataType::Boolean {
        return Ok(Transformed::yes(expr));
    }
    if *to == CARRIER {
        return to_semi_structured(expr, field, failure, schema);
    }
    if let Some(length) = length(field) {
        let text = if differs(&expr.get_type(schema)?, to) {
            converted(expr, to, failure)?
        } else {
            cast(expr, to.clone())
        };
        // https://docs.snowflake.com/en/sql-reference/functions/try_cast: what would be cut fails, or is NULL.
        let name = match failure {
            Failure::Error => "$fitted",
            Failure::Null => "$fitting",
        };
        return Ok(Transformed::yes(scalar::call(
            name,
            vec![text, lit(length)],
        )?));
    }
    // A number keeps the digits it has.
    let cuts = |digits: &u32| *digits < 9;
    if let Some(digits) = digits(field).filter(cuts)
        && !expr.get_type(schema)?.is_numeric()
    {
        let cut = conversion_to(expr, to.clone(), Some(digits), failure);
        return Ok(Transformed::yes(cut));
    }
    if differs(&expr.get_type(schema)?, to) {
        Ok(Transformed::yes(converted(expr, to, failure)?))
    } else {
        Ok(Transformed::no(original(Box::new(expr))))
    }
}

/// A conversion; that of a path's end to text is one step with the path.
fn converted(expr: Expr, to: &DataType, failure: Failure) -> Result<Expr> {
    match expr {
        Expr::ScalarFunction(call) if *to == DataType::Utf8 && call.name() == "get_path" => {
            scalar::call("$get_path_text", call.args)
        }
        other => Ok(conversion(other, to.clone(), failure)),
    }
}

/// `::variant`, `::object`, `::array`, and coercions to VARIANT.
fn to_semi_structured(
    expr: Expr,
    field: &Field,
    failure: Failure,
    schema: &DFSchema,
) -> Result<Transformed<Expr>> {
    let name = match logical_type(field) {
        Some("OBJECT") => "to_object",
        Some("ARRAY") => "to_array",
        _ => {
            let kept = expr.get_type(schema)? == CARRIER;
            return Ok(Transformed::yes(match kept {
                true => expr,
                false => conversion(expr, CARRIER, failure),
            }));
        }
    };
    let value = match expr.get_type(schema)? {
        CARRIER => expr,
        _ => conversion(expr, CARRIER, failure),
    };
    Ok(Transformed::yes(scalar::call(name, vec![value])?))
}

/// Whether a node of `plan` or of its subqueries, or an expression of theirs, is what is looked for.
pub(crate) fn holds(
    plan: &LogicalPlan,
    node: &dyn Fn(&LogicalPlan) -> bool,
    part: &dyn Fn(&Expr) -> bool,
) -> Result<bool> {
    let mut found = false;
    plan.apply_with_subqueries(|plan| {
        found = found || node(plan);
        plan.apply_expressions(|expr| {
            found = found || expr.exists(|expr| Ok(part(expr)))?;
            Ok(stop_if(found))
        })?;
        Ok(stop_if(found))
    })?;
    Ok(found)
}

fn stop_if(found: bool) -> TreeNodeRecursion {
    match found {
        true => TreeNodeRecursion::Stop,
        false => TreeNodeRecursion::Continue,
    }
}

/// Rewrites every expression of `plan` and its subqueries; columns keep their names.
pub(crate) fn rewrite(
    plan: LogicalPlan,
    change: &dyn Fn(Expr, &DFSchema) -> Result<Transformed<Expr>>,
) -> Result<LogicalPlan> {
    let rewritten = plan.transform_up_with_subqueries(|plan| {
        let schema = visible(&plan)?;
        let names = NamePreserver::new(&plan);
        plan.map_expressions(|expr| {
            let name = names.save(&expr);
            let changed = expr.transform_up(|expr| change(expr, &schema))?;
            Ok(changed.update_data(|expr| name.restore(expr)))
        })?
        .map_data(|plan| match plan {
            // What the inputs' casts say of their columns may have changed, and a UNION keeps what it was told.
            LogicalPlan::Union(union) => {
                Union::try_new_with_loose_types(union.inputs).map(LogicalPlan::Union)
            }
            other => other.recompute_schema(),
        })
    })?;
    Ok(rewritten.data)
}

/// The columns a plan's expressions may name.
fn visible(plan: &LogicalPlan) -> Result<DFSchema> {
    let mut schema = merge_schema(&plan.inputs());
    match plan {
        LogicalPlan::TableScan(scan) => schema.merge(&DFSchema::try_from_qualified_schema(
            scan.table_name.clone(),
            &scan.source.schema(),
        )?),
        LogicalPlan::Dml(dml) => schema.merge(&DFSchema::try_from_qualified_schema(
            dml.table_name.clone(),
            &dml.target.schema(),
        )?),
        _ => {}
    }
    Ok(schema)
}
