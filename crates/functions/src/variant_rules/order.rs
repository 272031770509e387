//! [`Ordering`]: ORDER BY, windows, MIN and MAX over VARIANT compare values, not their text.

use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{Column, DFSchema, Result};
use datafusion::logical_expr::expr::Sort;
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::utils::merge_schema;
use datafusion::logical_expr::{
    Aggregate, Expr, ExprSchemable, LogicalPlan, LogicalPlanBuilder, Window,
    WindowFunctionDefinition,
};
use datafusion::optimizer::AnalyzerRule;

use super::internal::{order_key_of, packed, unpacked};
use crate::scalar;
use crate::variant::cast::CARRIER;

/// Works after DataFusion's coercion, when every expression has its type.
#[derive(Debug)]
pub(crate) struct Ordering;

impl AnalyzerRule for Ordering {
    fn name(&self) -> &str {
        "snowflake_variant_order"
    }

    fn analyze(&self, plan: LogicalPlan, _: &ConfigOptions) -> Result<LogicalPlan> {
        plan.transform_up_with_subqueries(|plan| match plan {
            LogicalPlan::Sort(mut sort) => {
                let schema = merge_schema(&[&sort.input]);
                let mut changed = false;
                for key in &mut sort.expr {
                    changed |= order(key, &schema)?;
                }
                Ok(flagged(LogicalPlan::Sort(sort), changed))
            }
            LogicalPlan::Aggregate(aggregate) => in_aggregate(aggregate),
            LogicalPlan::Window(window) => in_window(window),
            other => Ok(Transformed::no(other)),
        })
        .map(|done| done.data)
    }
}

fn flagged<T>(data: T, changed: bool) -> Transformed<T> {
    match changed {
        true => Transformed::yes(data),
        false => Transformed::no(data),
    }
}

fn order(key: &mut Sort, schema: &DFSchema) -> Result<bool> {
    if key.expr.get_type(schema)? != CARRIER {
        return Ok(false);
    }
    key.expr = order_key_of(key.expr.clone());
    Ok(true)
}

fn in_aggregate(aggregate: Aggregate) -> Result<Transformed<LogicalPlan>> {
    let plan = LogicalPlan::Aggregate(aggregate.clone());
    let schema = merge_schema(&[&aggregate.input]);
    let (aggregates, extremes) = rewritten(&aggregate.aggr_expr, &schema)?;
    let Some(aggregates) = aggregates else {
        return Ok(Transformed::no(plan));
    };
    let inner = LogicalPlan::Aggregate(Aggregate::try_new(
        aggregate.input,
        aggregate.group_expr,
        aggregates,
    )?);
    restored(inner, &plan, &extremes).map(Transformed::yes)
}

fn in_window(window: Window) -> Result<Transformed<LogicalPlan>> {
    let plan = LogicalPlan::Window(window.clone());
    let schema = merge_schema(&[&window.input]);
    let (windows, extremes) = rewritten(&window.window_expr, &schema)?;
    let Some(windows) = windows else {
        return Ok(Transformed::no(plan));
    };
    let inner = LogicalPlan::Window(Window::try_new(windows, window.input)?);
    restored(inner, &plan, &extremes).map(Transformed::yes)
}

/// The expressions with their orders by value, if any has changed, and the names of those that are the
/// smallest or largest VARIANT and now packed.
fn rewritten(exprs: &[Expr], schema: &DFSchema) -> Result<(Option<Vec<Expr>>, Vec<String>)> {
    let names = NamePreserver::new_for_projection();
    let mut extremes = Vec::new();
    let mut changed = false;
    let mut results = Vec::with_capacity(exprs.len());
    for expr in exprs {
        let name = names.save(expr);
        let mut extreme = false;
        let done = expr.clone().transform_up(|expr| match expr {
            Expr::AggregateFunction(mut call) => {
                extreme |= is_extreme(call.func.name()) && pack(&mut call.params.args, schema)?;
                let mut reordered = skip_nulls(call.func.name(), &mut call.params.args, schema)?;
                // An order of distinct values is the order of the argument itself.
                if !call.params.distinct {
                    for key in &mut call.params.order_by {
                        reordered |= order(key, schema)?;
                    }
                }
                Ok(flagged(Expr::AggregateFunction(call), extreme || reordered))
            }
            Expr::WindowFunction(mut call) => {
                let aggregate = matches!(call.fun, WindowFunctionDefinition::AggregateUDF(_));
                extreme |= aggregate
                    && is_extreme(call.fun.name())
                    && pack(&mut call.params.args, schema)?;
                let mut reordered = skip_nulls(call.fun.name(), &mut call.params.args, schema)?;
                for key in &mut call.params.order_by {
                    reordered |= order(key, schema)?;
                }
                Ok(flagged(Expr::WindowFunction(call), extreme || reordered))
            }
            other => Ok(Transformed::no(other)),
        })?;
        changed |= done.transformed;
        if extreme {
            extremes.push(expr.schema_name().to_string());
        }
        results.push(match done.transformed {
            true => name.restore(done.data),
            false => done.data,
        });
    }
    Ok((changed.then_some(results), extremes))
}

fn is_extreme(name: &str) -> bool {
    matches!(name, "min" | "max")
}

/// COUNT of a VARIANT does not count JSON's null
/// (<https://docs.snowflake.com/en/sql-reference/functions/count>).
fn skip_nulls(name: &str, args: &mut [Expr], schema: &DFSchema) -> Result<bool> {
    let mut changed = false;
    for value in args.iter_mut().filter(|_| name == "count") {
        if value.get_type(schema)? == CARRIER {
            *value = scalar::call("strip_null_value", vec![std::mem::take(value)])?;
            changed = true;
        }
    }
    Ok(changed)
}

fn pack(args: &mut [Expr], schema: &DFSchema) -> Result<bool> {
    let [value] = args else { return Ok(false) };
    if value.get_type(schema)? != CARRIER {
        return Ok(false);
    }
    *value = packed(value.clone());
    Ok(true)
}

/// `inner` with the columns of `outer`: packed values are unpacked.
fn restored(inner: LogicalPlan, outer: &LogicalPlan, extremes: &[String]) -> Result<LogicalPlan> {
    if extremes.is_empty() {
        return Ok(inner);
    }
    let columns = outer
        .schema()
        .columns()
        .into_iter()
        .map(|column| {
            if column.relation.is_none() && extremes.contains(&column.name) {
                let name = column.name.clone();
                return unpacked(Expr::Column(column)).alias(name);
            }
            Expr::Column(Column::new(column.relation, column.name))
        })
        .collect::<Vec<_>>();
    LogicalPlanBuilder::from(inner).project(columns)?.build()
}
