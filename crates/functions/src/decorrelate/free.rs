//! What a subquery reads of the rows around it, and whether DataFusion can join it.

use datafusion::common::Column;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::logical_expr::utils::split_conjunction;
use datafusion::logical_expr::{Expr, LogicalPlan, Operator};

use super::is_subquery;

/// The columns of rows around `plan` that it reads.
pub(super) fn free(plan: &LogicalPlan) -> Vec<Column> {
    let mut found = Vec::new();
    collect(plan, &mut found);
    found
}

fn collect(plan: &LogicalPlan, found: &mut Vec<Column>) {
    let known = |column: &Column| {
        plan.inputs()
            .iter()
            .any(|input| input.schema().has_column(column))
    };
    for expr in plan.expressions() {
        of_expr(&expr, &known, found);
    }
    if let LogicalPlan::Join(join) = plan {
        collect(&join.left, found);
        let mut right = Vec::new();
        collect(&join.right, &mut right);
        let lateral = is_lateral(&join.right);
        let around = |column: &Column| !(lateral && join.left.schema().has_column(column));
        for column in right.into_iter().filter(around) {
            add(column, found);
        }
        return;
    }
    for input in plan.inputs() {
        collect(input, found);
    }
}

/// Outer columns of `expr`; those of subqueries in it only if no input of its own node has them.
pub(super) fn of_expr(expr: &Expr, known: &dyn Fn(&Column) -> bool, found: &mut Vec<Column>) {
    let walked = expr.apply(|expr| {
        let subquery = match expr {
            Expr::OuterReferenceColumn(_, column) => {
                add(column.clone(), found);
                return Ok(TreeNodeRecursion::Continue);
            }
            Expr::Exists(exists) => &exists.subquery,
            Expr::InSubquery(within) => &within.subquery,
            Expr::SetComparison(comparison) => &comparison.subquery,
            Expr::ScalarSubquery(subquery) => subquery,
            _ => return Ok(TreeNodeRecursion::Continue),
        };
        for column in free(&subquery.subquery) {
            if !known(&column) {
                add(column, found);
            }
        }
        Ok(TreeNodeRecursion::Continue)
    });
    debug_assert!(walked.is_ok(), "the walk returns no error");
}

fn add(column: Column, found: &mut Vec<Column>) {
    if !found.contains(&column) {
        found.push(column);
    }
}

/// Whether `plan` is a lateral subquery, which sees what stands left of it.
pub(super) fn is_lateral(plan: &LogicalPlan) -> bool {
    match plan {
        LogicalPlan::Subquery(_) => true,
        LogicalPlan::SubqueryAlias(alias) => is_lateral(&alias.input),
        LogicalPlan::Projection(projection) => is_lateral(&projection.input),
        _ => false,
    }
}

pub(super) fn has_subquery(expr: &Expr) -> bool {
    expr.exists(|expr| Ok(is_subquery(expr))).unwrap_or(false)
}

/// Whether `expr`, over the rows of `input`, reads a row around its query. Subqueries in it may read rows of `input`.
pub(super) fn is_bound(expr: &Expr, input: &LogicalPlan) -> bool {
    let mut found = Vec::new();
    let known = |column: &Column| input.schema().has_column(column);
    of_expr(expr, &known, &mut found);
    !found.is_empty()
}

/// Whether DataFusion joins a subquery: it depends on its outer row in conditions of WHERE only, right
/// below projections; a scalar one by equality, below one aggregate.
pub(super) fn is_simple(plan: &LogicalPlan, scalar: bool) -> bool {
    let mut plan = plan;
    let mut aggregated = !scalar;
    loop {
        plan = match plan {
            LogicalPlan::Projection(projection) => {
                let bound = |expr| is_bound(expr, &projection.input);
                if projection.expr.iter().any(bound) {
                    return false;
                }
                &projection.input
            }
            LogicalPlan::SubqueryAlias(alias) => &alias.input,
            LogicalPlan::Aggregate(aggregate) if !aggregated && aggregate.group_expr.is_empty() => {
                let bound = |expr| is_bound(expr, &aggregate.input);
                if aggregate.aggr_expr.iter().any(bound) {
                    return false;
                }
                aggregated = true;
                &aggregate.input
            }
            LogicalPlan::Filter(filter) => {
                let conditions = split_conjunction(&filter.predicate);
                let plain = conditions
                    .into_iter()
                    .filter(|condition| is_bound(condition, &filter.input))
                    .all(|condition| {
                        aggregated
                            && !has_subquery(condition)
                            && (!scalar || is_equality(condition, &filter.input))
                    });
                if !plain {
                    return false;
                }
                &filter.input
            }
            other => return free(other).is_empty(),
        }
    }
}

/// Whether one side reads the outer row only, and the other does not.
fn is_equality(condition: &Expr, input: &LogicalPlan) -> bool {
    let Expr::BinaryExpr(binary) = condition else {
        return false;
    };
    let outer = |expr: &Expr| is_bound(expr, input) && expr.column_refs().is_empty();
    let inner = |expr: &Expr| !is_bound(expr, input) && !expr.column_refs().is_empty();
    binary.op == Operator::Eq
        && ((outer(&binary.left) && inner(&binary.right))
            || (inner(&binary.left) && outer(&binary.right)))
}

/// Whether `plan` may give other rows each time it is run.
pub(super) fn is_volatile(plan: &LogicalPlan) -> bool {
    plan.exists(|node| Ok(node.expressions().iter().any(Expr::is_volatile)))
        .unwrap_or(true)
}
