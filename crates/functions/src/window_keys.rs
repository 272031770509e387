//! Keys of windows that are computed with operators: `partition by abs(n) > 3` is a column of the rows below.
//!
//! DataFusion asks such a key for the range of its values, and finds rows in no order where it cannot tell: functions
//! have no range, and a comparison with one is an error. The plan with the sort that it has added itself is then
//! refused as one without.

use std::sync::Arc;

use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{Column, Result};
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::logical_plan::Window;
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder};
use datafusion::optimizer::AnalyzerRule;

/// Computes such keys before their windows.
#[derive(Debug)]
pub(crate) struct WindowKeys;

impl AnalyzerRule for WindowKeys {
    fn name(&self) -> &str {
        "snowflake_window_keys"
    }

    fn analyze(&self, plan: LogicalPlan, _: &ConfigOptions) -> Result<LogicalPlan> {
        let done = plan.transform_up_with_subqueries(|plan| match plan {
            LogicalPlan::Window(window) => below(window),
            other => Ok(Transformed::no(other)),
        })?;
        Ok(done.data)
    }
}

fn below(window: Window) -> Result<Transformed<LogicalPlan>> {
    let mut keys: Vec<Expr> = Vec::new();
    let names = NamePreserver::new_for_projection();
    let mut exprs = Vec::with_capacity(window.window_expr.len());
    for expr in &window.window_expr {
        let name = names.save(expr);
        let moved = expr.clone().transform_up(|expr| {
            let Expr::WindowFunction(mut call) = expr else {
                return Ok(Transformed::no(expr));
            };
            let before = keys.len();
            let order = call.params.order_by.iter_mut().map(|key| &mut key.expr);
            for key in call.params.partition_by.iter_mut().chain(order) {
                if has_operator(key)? {
                    let column = Column::from_name(format!("$key{}", keys.len()));
                    let value = std::mem::replace(key, Expr::Column(column.clone()));
                    keys.push(value.alias(column.name));
                }
            }
            let call = Expr::WindowFunction(call);
            Ok(match keys.len() > before {
                true => Transformed::yes(call),
                false => Transformed::no(call),
            })
        })?;
        exprs.push(match moved.transformed {
            true => name.restore(moved.data),
            false => moved.data,
        });
    }
    if keys.is_empty() {
        return Ok(Transformed::no(LogicalPlan::Window(window)));
    }
    let given = window.schema.columns().into_iter().map(Expr::Column);
    let read = window.input.schema().columns().into_iter();
    let input = LogicalPlanBuilder::from(window.input.as_ref().clone())
        .project(read.map(Expr::Column).chain(keys).collect::<Vec<_>>())?
        .build()?;
    let inner = LogicalPlan::Window(Window::try_new(exprs, Arc::new(input))?);
    let plan = LogicalPlanBuilder::from(inner)
        .project(given.collect::<Vec<_>>())?
        .build()?;
    Ok(Transformed::yes(plan))
}

fn has_operator(key: &Expr) -> Result<bool> {
    key.exists(|expr| {
        Ok(matches!(
            expr,
            Expr::BinaryExpr(_) | Expr::Between(_) | Expr::Not(_)
        ))
    })
}
