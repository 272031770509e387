//! Lateral subqueries without a FROM clause: expressions of the row beside them, so a projection.
//!
//! <https://docs.snowflake.com/en/sql-reference/constructs/join-lateral>. DataFusion joins lateral
//! subqueries over relations only.

use std::sync::Arc;

use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::Transformed;
use datafusion::common::{Result, TableReference};
use datafusion::logical_expr::expr_rewriter::strip_outer_reference;
use datafusion::logical_expr::{
    Expr, Join, JoinType, LogicalPlan, LogicalPlanBuilder, Projection, lit,
};
use datafusion::optimizer::AnalyzerRule;

use crate::relation::{qualified, reference};

/// Makes projections of such subqueries.
#[derive(Debug)]
pub(crate) struct LateralExpressions;

impl AnalyzerRule for LateralExpressions {
    fn name(&self) -> &str {
        "snowflake_lateral_expressions"
    }

    fn analyze(&self, plan: LogicalPlan, _: &ConfigOptions) -> Result<LogicalPlan> {
        let rewritten = plan.transform_up_with_subqueries(|plan| {
            let LogicalPlan::Join(join) = &plan else {
                return Ok(Transformed::no(plan));
            };
            match projected(join)? {
                Some(projected) => Ok(Transformed::yes(projected)),
                None => Ok(Transformed::no(plan)),
            }
        })?;
        Ok(rewritten.data)
    }
}

fn projected(join: &Join) -> Result<Option<LogicalPlan>> {
    let always = match &join.filter {
        None => true,
        Some(condition) => *condition == lit(true),
    };
    let keeps_all = matches!(join.join_type, JoinType::Inner | JoinType::Left);
    if !always || !join.on.is_empty() || !keeps_all {
        return Ok(None);
    }
    let Some((projection, alias)) = expressions(&join.right) else {
        return Ok(None);
    };
    let mut outputs: Vec<Expr> = qualified(join.left.schema())
        .iter()
        .map(reference)
        .collect();
    let names = projection.schema.iter();
    for (expr, (qualifier, field)) in projection.expr.iter().zip(names) {
        let qualifier = alias.clone().or_else(|| qualifier.cloned());
        let value = strip_outer_reference(expr.clone().unalias());
        outputs.push(value.alias_qualified(qualifier, field.name()));
    }
    LogicalPlanBuilder::from(Arc::unwrap_or_clone(Arc::clone(&join.left)))
        .project(outputs)?
        .build()
        .map(Some)
}

/// The expressions of a correlated subquery that reads no relation, and its alias.
fn expressions(plan: &LogicalPlan) -> Option<(&Projection, Option<TableReference>)> {
    let (subquery, alias) = match plan {
        LogicalPlan::SubqueryAlias(alias) => (alias.input.as_ref(), Some(alias.alias.clone())),
        other => (other, None),
    };
    let LogicalPlan::Subquery(subquery) = subquery else {
        return None;
    };
    let LogicalPlan::Projection(projection) = subquery.subquery.as_ref() else {
        return None;
    };
    match projection.input.as_ref() {
        LogicalPlan::EmptyRelation(empty) if empty.produce_one_row => Some((projection, alias)),
        _ => None,
    }
}
