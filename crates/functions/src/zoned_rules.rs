//! [`Instants`]: values of TIMESTAMP_TZ are compared, ordered, grouped and joined by their instant,
//! wherever on earth they are told.
//!
//! <https://docs.snowflake.com/en/sql-reference/data-types-datetime#timestamp-ltz-timestamp-ntz-timestamp-tz>

use std::sync::Arc;

use arrow::datatypes::DataType;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::Transformed;
use datafusion::common::{Column, DFSchema, Result, not_impl_err};
use datafusion::functions_aggregate::min_max::min_udaf;
use datafusion::logical_expr::expr::{
    AggregateFunction, Case, Cast, InList, InSubquery, ScalarFunction, Sort, TryCast,
    WindowFunction,
};
use datafusion::logical_expr::utils::merge_schema;
use datafusion::logical_expr::{
    Aggregate, Between, BinaryExpr, Distinct, Expr, ExprSchemable, Join, LogicalPlan,
    LogicalPlanBuilder, Operator, Subquery, WindowFunctionDefinition, cast,
};
use datafusion::optimizer::AnalyzerRule;

use crate::coercion::{holds, rewrite};
use crate::scalar::{self, instant};
use crate::zoned::is_zoned;

/// Works before DataFusion's coercion, which would compare what carries the values.
#[derive(Debug)]
pub(crate) struct Instants;

impl AnalyzerRule for Instants {
    fn name(&self) -> &str {
        "snowflake_instants"
    }

    fn analyze(&self, plan: LogicalPlan, _: &ConfigOptions) -> Result<LogicalPlan> {
        if !holds(&plan, &shows_zoned, &makes_zoned)? {
            return Ok(plan);
        }
        let plan = rewrite(plan, &compared)?;
        plan.transform_up_with_subqueries(|plan| match plan {
            LogicalPlan::Sort(mut sort) => {
                let schema = merge_schema(&[&sort.input]);
                let changed = ordered(&mut sort.expr, &schema)?;
                Ok(flagged(LogicalPlan::Sort(sort), changed))
            }
            LogicalPlan::Aggregate(aggregate) => grouped(aggregate),
            LogicalPlan::Distinct(Distinct::All(input)) => distinct(input),
            LogicalPlan::Join(join) => joined(join),
            other => Ok(Transformed::no(other)),
        })
        .map(|done| done.data)
    }
}

fn shows_zoned(plan: &LogicalPlan) -> bool {
    let fields = plan.schema().fields();
    fields.iter().any(|field| is_zoned(field.data_type()))
        || matches!(plan, LogicalPlan::TableScan(scan)
            if scan.source.schema().fields().iter().any(|field| is_zoned(field.data_type())))
}

/// Whether an expression is where values of TIMESTAMP_TZ come from: others only hand them on.
fn makes_zoned(expr: &Expr) -> bool {
    match expr {
        Expr::Cast(Cast { field, .. }) | Expr::TryCast(TryCast { field, .. }) => {
            is_zoned(field.data_type())
        }
        Expr::Literal(value, _) => is_zoned(&value.data_type()),
        Expr::ScalarFunction(call) => scalar::makes_zoned(&call.func),
        _ => false,
    }
}

fn flagged<T>(data: T, changed: bool) -> Transformed<T> {
    match changed {
        true => Transformed::yes(data),
        false => Transformed::no(data),
    }
}

/// The instant of a value that is compared with a TIMESTAMP_TZ.
pub(crate) fn as_instant(expr: Expr, kind: &DataType) -> Expr {
    let is_moment = matches!(
        kind,
        DataType::Timestamp(_, None) | DataType::Date32 | DataType::Utf8 | DataType::Utf8View
    );
    match is_moment || is_zoned(kind) {
        true => cast(expr, instant()),
        false => expr,
    }
}

fn instant_of(expr: Expr, schema: &DFSchema) -> Result<Expr> {
    let kind = expr.get_type(schema)?;
    Ok(as_instant(expr, &kind))
}

/// Replaces a TIMESTAMP_TZ by its instant.
fn key(expr: &mut Expr, schema: &DFSchema) -> Result<bool> {
    if !is_zoned(&expr.get_type(schema)?) {
        return Ok(false);
    }
    *expr = cast(expr.clone(), instant());
    Ok(true)
}

fn keys<'a>(exprs: impl IntoIterator<Item = &'a mut Expr>, schema: &DFSchema) -> Result<bool> {
    let mut changed = false;
    for expr in exprs {
        changed |= key(expr, schema)?;
    }
    Ok(changed)
}

fn ordered(sorts: &mut [Sort], schema: &DFSchema) -> Result<bool> {
    keys(sorts.iter_mut().map(|sort| &mut sort.expr), schema)
}

fn any_zoned<'a>(exprs: impl IntoIterator<Item = &'a Expr>, schema: &DFSchema) -> Result<bool> {
    for expr in exprs {
        if is_zoned(&expr.get_type(schema)?) {
            return Ok(true);
        }
    }
    Ok(false)
}

fn is_comparison(operator: Operator) -> bool {
    matches!(
        operator,
        Operator::Eq
            | Operator::NotEq
            | Operator::Lt
            | Operator::LtEq
            | Operator::Gt
            | Operator::GtEq
            | Operator::IsDistinctFrom
            | Operator::IsNotDistinctFrom
    )
}

fn compared(expr: Expr, schema: &DFSchema) -> Result<Transformed<Expr>> {
    Ok(match expr {
        Expr::BinaryExpr(binary) if is_comparison(binary.op) => {
            let (left, right) = (
                binary.left.get_type(schema)?,
                binary.right.get_type(schema)?,
            );
            if !is_zoned(&left) && !is_zoned(&right) {
                return Ok(Transformed::no(Expr::BinaryExpr(binary)));
            }
            Transformed::yes(Expr::BinaryExpr(BinaryExpr::new(
                Box::new(as_instant(*binary.left, &left)),
                binary.op,
                Box::new(as_instant(*binary.right, &right)),
            )))
        }
        Expr::InList(list) => in_list(list, schema)?,
        Expr::Between(between) => in_bounds(between, schema)?,
        Expr::InSubquery(subquery) => in_subquery(subquery, schema)?,
        Expr::Case(case) => chosen(case, schema)?,
        Expr::ScalarFunction(call) => called(call, schema)?,
        Expr::AggregateFunction(call) => aggregated(call, schema)?,
        Expr::WindowFunction(call) => windowed(*call, schema)?,
        other => Transformed::no(other),
    })
}

fn in_list(list: InList, schema: &DFSchema) -> Result<Transformed<Expr>> {
    let values = std::iter::once(list.expr.as_ref()).chain(&list.list);
    if !any_zoned(values, schema)? {
        return Ok(Transformed::no(Expr::InList(list)));
    }
    let items = list
        .list
        .into_iter()
        .map(|item| instant_of(item, schema))
        .collect::<Result<_>>()?;
    let value = Box::new(instant_of(*list.expr, schema)?);
    Ok(Transformed::yes(Expr::InList(InList::new(
        value,
        items,
        list.negated,
    ))))
}

fn in_bounds(between: Between, schema: &DFSchema) -> Result<Transformed<Expr>> {
    let values = [&between.expr, &between.low, &between.high];
    if !any_zoned(values.into_iter().map(AsRef::as_ref), schema)? {
        return Ok(Transformed::no(Expr::Between(between)));
    }
    Ok(Transformed::yes(Expr::Between(Between::new(
        Box::new(instant_of(*between.expr, schema)?),
        between.negated,
        Box::new(instant_of(*between.low, schema)?),
        Box::new(instant_of(*between.high, schema)?),
    ))))
}

fn in_subquery(subquery: InSubquery, schema: &DFSchema) -> Result<Transformed<Expr>> {
    let inner = Arc::clone(&subquery.subquery.subquery);
    let found = inner.schema().field(0).data_type().clone();
    if !is_zoned(&found) && !is_zoned(&subquery.expr.get_type(schema)?) {
        return Ok(Transformed::no(Expr::InSubquery(subquery)));
    }
    let column = Expr::Column(Column::from(inner.schema().qualified_field(0)));
    let name = inner.schema().field(0).name().clone();
    let inner = LogicalPlanBuilder::from(Arc::unwrap_or_clone(inner))
        .project(vec![as_instant(column, &found).alias(name)])?
        .build()?;
    Ok(Transformed::yes(Expr::InSubquery(InSubquery::new(
        Box::new(instant_of(*subquery.expr, schema)?),
        Subquery {
            subquery: Arc::new(inner),
            ..subquery.subquery
        },
        subquery.negated,
    ))))
}

/// What a CASE compares its operand with.
fn chosen(case: Case, schema: &DFSchema) -> Result<Transformed<Expr>> {
    let whens = case.when_then_expr.iter().map(|(when, _)| when.as_ref());
    let compared = match &case.expr {
        Some(operand) => any_zoned(whens.chain([operand.as_ref()]), schema)?,
        None => false,
    };
    if !compared {
        return Ok(Transformed::no(Expr::Case(case)));
    }
    let brought = |expr: Box<Expr>| instant_of(*expr, schema).map(Box::new);
    let operand = case.expr.map(brought).transpose()?;
    let branches = case
        .when_then_expr
        .into_iter()
        .map(|(when, then)| Ok((brought(when)?, then)))
        .collect::<Result<Vec<_>>>()?;
    Ok(Transformed::yes(Expr::Case(Case::new(
        operand,
        branches,
        case.else_expr,
    ))))
}

/// Functions that compare their arguments.
fn called(call: ScalarFunction, schema: &DFSchema) -> Result<Transformed<Expr>> {
    if !any_zoned(&call.args, schema)? {
        return Ok(Transformed::no(Expr::ScalarFunction(call)));
    }
    let name = call.func.name();
    if !matches!(name, "equal_null" | "decode" | "nullif") {
        return converted(call, schema);
    }
    let mut args = call.args;
    if name == "nullif" {
        // Gives its first argument, so that only the question is another one.
        let Ok([value, other]) = <[Expr; 2]>::try_from(args) else {
            return not_impl_err!("NULLIF takes two values");
        };
        let asked = vec![
            instant_of(value.clone(), schema)?,
            instant_of(other, schema)?,
        ];
        let same = scalar::call("equal_null", asked)?.and(value.clone().is_not_null());
        let case = datafusion::logical_expr::when(same.is_not_true(), value).end()?;
        return Ok(Transformed::yes(case));
    }
    let count = args.len();
    for (at, arg) in args.iter_mut().enumerate() {
        let is_otherwise = count.is_multiple_of(2) && at + 1 == count;
        let is_compared = name == "equal_null" || at == 0 || (at % 2 == 1 && !is_otherwise);
        if is_compared {
            *arg = instant_of(arg.clone(), schema)?;
        }
    }
    converted(ScalarFunction::new_udf(call.func, args), schema)
}

/// A call with casts round arguments that DataFusion cannot cast.
fn converted(call: ScalarFunction, schema: &DFSchema) -> Result<Transformed<Expr>> {
    let types = call
        .args
        .iter()
        .map(|arg| arg.get_type(schema))
        .collect::<Result<Vec<_>>>()?;
    let Some(wanted) = scalar::coerced(&call.func, &types) else {
        return Ok(Transformed::no(Expr::ScalarFunction(call)));
    };
    let args = call.args.into_iter().zip(types.iter().zip(wanted?));
    let args = args.map(|(arg, (from, to))| match is_zoned(from) != is_zoned(&to) {
        true => cast(arg, to),
        false => arg,
    });
    let call = ScalarFunction::new_udf(call.func, args.collect());
    Ok(Transformed::yes(Expr::ScalarFunction(call)))
}

fn aggregated(call: AggregateFunction, schema: &DFSchema) -> Result<Transformed<Expr>> {
    let mut call = call;
    let mut changed = ordered(&mut call.params.order_by, schema)?;
    changed |= counted(
        call.func.name(),
        call.params.distinct,
        &mut call.params.args,
        schema,
    )?;
    Ok(flagged(Expr::AggregateFunction(call), changed))
}

fn windowed(call: WindowFunction, schema: &DFSchema) -> Result<Transformed<Expr>> {
    let mut call = call;
    let mut changed = ordered(&mut call.params.order_by, schema)?;
    changed |= keys(&mut call.params.partition_by, schema)?;
    if matches!(call.fun, WindowFunctionDefinition::AggregateUDF(_)) {
        changed |= counted(
            call.fun.name(),
            call.params.distinct,
            &mut call.params.args,
            schema,
        )?;
    }
    Ok(flagged(Expr::WindowFunction(Box::new(call)), changed))
}

/// The arguments of an aggregate that tells values apart.
fn counted(name: &str, distinct: bool, args: &mut [Expr], schema: &DFSchema) -> Result<bool> {
    let tells_apart = distinct || matches!(name, "approx_distinct" | "mode");
    if !tells_apart || !any_zoned(args.iter(), schema)? {
        return Ok(false);
    }
    if !matches!(name, "count" | "approx_distinct" | "min" | "max") {
        return not_impl_err!(
            "{} of distinct values of TIMESTAMP_TZ is not supported: cast to TIMESTAMP_LTZ",
            name.to_uppercase()
        );
    }
    match name {
        "min" | "max" => Ok(false),
        _ => keys(args, schema),
    }
}

/// Groups by the instant, of whose values one is shown.
fn grouped(aggregate: Aggregate) -> Result<Transformed<LogicalPlan>> {
    let schema = merge_schema(&[&aggregate.input]);
    let sets = aggregate
        .group_expr
        .iter()
        .any(|expr| matches!(expr, Expr::GroupingSet(_)));
    let members = aggregate.group_expr.iter().flat_map(|expr| match expr {
        Expr::GroupingSet(set) => set.distinct_expr().into_iter().cloned().collect(),
        other => vec![other.clone()],
    });
    let members: Vec<Expr> = members.collect();
    if !any_zoned(&members, &schema)? {
        return Ok(Transformed::no(LogicalPlan::Aggregate(aggregate)));
    }
    if sets {
        return not_impl_err!(
            "GROUPING SETS, CUBE and ROLLUP of a TIMESTAMP_TZ are not supported: cast to TIMESTAMP_LTZ"
        );
    }
    let mut groups = Vec::with_capacity(members.len());
    let mut aggregates = aggregate.aggr_expr.clone();
    let mut columns: Vec<Expr> = aggregate
        .schema
        .columns()
        .into_iter()
        .map(Expr::Column)
        .collect();
    for (at, (group, column)) in members.into_iter().zip(&mut columns).enumerate() {
        if !is_zoned(&group.get_type(&schema)?) {
            groups.push(group);
            continue;
        }
        let value = group.clone().unalias();
        let shown = format!("$zoned_{at}");
        groups.push(cast(value.clone(), instant()).alias(format!("$instant_{at}")));
        aggregates.push(min_udaf().call(vec![value]).alias(shown.clone()));
        if let Expr::Column(Column { relation, name, .. }) = column {
            let found = Expr::Column(Column::from_name(shown));
            *column = found.alias_qualified(relation.clone(), name.clone());
        }
    }
    let inner = Aggregate::try_new(aggregate.input, groups, aggregates)?;
    let plan = LogicalPlanBuilder::from(LogicalPlan::Aggregate(inner))
        .project(columns)?
        .build()?;
    Ok(Transformed::yes(plan))
}

fn distinct(input: Arc<LogicalPlan>) -> Result<Transformed<LogicalPlan>> {
    let fields = input.schema().fields();
    if !fields.iter().any(|field| is_zoned(field.data_type())) {
        let same = LogicalPlan::Distinct(Distinct::All(input));
        return Ok(Transformed::no(same));
    }
    let columns = input.schema().columns();
    let groups = columns.into_iter().map(Expr::Column).collect();
    grouped(Aggregate::try_new(input, groups, vec![])?)
}

fn joined(join: Join) -> Result<Transformed<LogicalPlan>> {
    let mut join = join;
    let mut changed = false;
    for (left, right) in &mut join.on {
        let kinds = (
            left.get_type(join.left.schema())?,
            right.get_type(join.right.schema())?,
        );
        if is_zoned(&kinds.0) || is_zoned(&kinds.1) {
            *left = as_instant(left.clone(), &kinds.0);
            *right = as_instant(right.clone(), &kinds.1);
            changed = true;
        }
    }
    Ok(flagged(LogicalPlan::Join(join), changed))
}
