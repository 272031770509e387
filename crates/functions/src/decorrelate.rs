//! Correlated subqueries in every place and of every shape, as joins.
//!
//! <https://docs.snowflake.com/en/user-guide/querying-subqueries>. DataFusion joins subqueries of a
//! simple shape in conditions of WHERE, and scalar ones that aggregate over equal columns; those are left
//! to it. EXISTS, IN, ANY and ALL elsewhere become mark joins ([`mark`]); whatever depends on its outer
//! row in another way is computed for all outer rows at once and joined to them ([`push`]), after
//! Neumann and Kemper, "Unnesting Arbitrary Queries" (BTW 2015).

mod free;
mod mark;
mod push;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{Column, JoinType, NullEquality, Result, ScalarValue, not_impl_err};
use datafusion::logical_expr::expr::{Exists, InSubquery, SetComparison, SetQuantifier};
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::utils::{conjunction, split_conjunction_owned};
use datafusion::logical_expr::{
    BinaryExpr, Expr, Filter, Join, LogicalPlan, LogicalPlanBuilder, Operator, Subquery, lit, when,
};
use datafusion::optimizer::AnalyzerRule;

use crate::relation::{qualified, reference};
use free::{free, has_subquery, is_simple, is_volatile};
use push::Pusher;

/// Makes joins of subqueries that DataFusion cannot join.
#[derive(Debug)]
pub(crate) struct Decorrelate;

impl AnalyzerRule for Decorrelate {
    fn name(&self) -> &str {
        "snowflake_decorrelate"
    }

    fn analyze(&self, plan: LogicalPlan, _: &ConfigOptions) -> Result<LogicalPlan> {
        plan.transform_up_with_subqueries(rewritten)
            .map(|done| done.data)
    }
}

fn rewritten(plan: LogicalPlan) -> Result<Transformed<LogicalPlan>> {
    if !plan.expressions().iter().any(has_subquery) {
        return Ok(Transformed::no(plan));
    }
    match plan {
        LogicalPlan::Filter(filter) => of_filter(filter),
        LogicalPlan::Join(join) => of_join(join),
        LogicalPlan::Projection(_)
        | LogicalPlan::Aggregate(_)
        | LogicalPlan::Window(_)
        | LogicalPlan::Sort(_) => of_expressions(plan),
        other => Ok(Transformed::no(other)),
    }
}

/// Conditions that DataFusion joins stay; the others are computed below.
fn of_filter(filter: Filter) -> Result<Transformed<LogicalPlan>> {
    let mut attached = Attached::new(filter.input.as_ref().clone(), true);
    let mut conditions = Vec::new();
    for condition in split_conjunction_owned(filter.predicate) {
        conditions.push(match attached.leaves_condition(&condition) {
            true => condition,
            false => attached.condition(condition)?,
        });
    }
    let predicate = conjunction(conditions).unwrap_or_else(|| lit(true));
    if !attached.changed {
        let same = Filter::try_new(predicate, filter.input)?;
        return Ok(Transformed::no(LogicalPlan::Filter(same)));
    }
    let columns: Vec<Expr> = qualified(filter.input.schema())
        .iter()
        .map(reference)
        .collect();
    LogicalPlanBuilder::from(attached.input)
        .filter(predicate)?
        .project(columns)?
        .build()
        .map(Transformed::yes)
}

/// Conditions of an outer join: computed below the side they depend on.
fn of_join(join: Join) -> Result<Transformed<LogicalPlan>> {
    let Some(condition) = join.filter.clone().filter(has_subquery) else {
        return Ok(Transformed::no(LogicalPlan::Join(join)));
    };
    let columns: Vec<Expr> = qualified(&join.schema).iter().map(reference).collect();
    let mut left = Attached::new(join.left.as_ref().clone(), false);
    let mut right = Attached::new(join.right.as_ref().clone(), false);
    let condition = condition.transform_up(|expr| {
        if !is_subquery(&expr) {
            return Ok(Transformed::no(expr));
        }
        let outer = depends_on(&expr);
        for side in [&mut left, &mut right] {
            if outer.iter().all(|column| side.has(column)) {
                return side.replace(expr).map(Transformed::yes);
            }
        }
        not_impl_err!("A subquery in ON that depends on both sides of an outer join")
    })?;
    if !left.changed && !right.changed {
        return Ok(Transformed::no(LogicalPlan::Join(join)));
    }
    let joined = Join::try_new(
        Arc::new(left.input),
        Arc::new(right.input),
        join.on,
        Some(condition.data),
        join.join_type,
        join.join_constraint,
        join.null_equality,
        join.null_aware,
    )?;
    LogicalPlanBuilder::from(LogicalPlan::Join(joined))
        .project(columns)?
        .build()
        .map(Transformed::yes)
}

/// Other expressions over one input.
fn of_expressions(plan: LogicalPlan) -> Result<Transformed<LogicalPlan>> {
    let Some(input) = plan.inputs().first().map(|input| (*input).clone()) else {
        return Ok(Transformed::no(plan));
    };
    let leaves_scalars = matches!(plan, LogicalPlan::Projection(_) | LogicalPlan::Aggregate(_));
    let keeps_columns = leaves_scalars;
    let columns: Vec<Expr> = qualified(plan.schema()).iter().map(reference).collect();
    let mut attached = Attached::new(input, leaves_scalars);
    let names = NamePreserver::new(&plan);
    let mut expressions = Vec::new();
    for expr in plan.expressions() {
        let name = names.save(&expr);
        expressions.push(name.restore(attached.rewrite(expr)?));
    }
    if !attached.changed {
        return Ok(Transformed::no(plan));
    }
    let plan = plan.with_new_exprs(expressions, vec![attached.input])?;
    let plan = match keeps_columns {
        true => plan,
        false => LogicalPlanBuilder::from(plan).project(columns)?.build()?,
    };
    Ok(Transformed::yes(plan))
}

fn is_subquery(expr: &Expr) -> bool {
    matches!(
        expr,
        Expr::Exists(_) | Expr::InSubquery(_) | Expr::ScalarSubquery(_) | Expr::SetComparison(_)
    )
}

/// The columns of the outer row that a subquery, and what it is compared with, reads.
fn depends_on(expr: &Expr) -> Vec<Column> {
    let (compared, subquery) = match expr {
        Expr::Exists(exists) => (None, &exists.subquery),
        Expr::InSubquery(within) => (Some(&within.expr), &within.subquery),
        Expr::SetComparison(comparison) => (Some(&comparison.expr), &comparison.subquery),
        Expr::ScalarSubquery(subquery) => (None, subquery),
        _ => return Vec::new(),
    };
    let mut columns = free(&subquery.subquery);
    columns.extend(compared.iter().flat_map(|expr| {
        let read = expr.column_refs();
        read.into_iter().cloned().collect::<Vec<_>>()
    }));
    columns
}

/// Keeps the names of several subqueries apart.
static NUMBER: AtomicU64 = AtomicU64::new(0);

fn number() -> u64 {
    NUMBER.fetch_add(1, Ordering::Relaxed)
}

/// Rows with the results of subqueries beside their own columns.
struct Attached {
    input: LogicalPlan,
    changed: bool,
    /// DataFusion joins scalar subqueries of this node itself.
    leaves_scalars: bool,
}

impl Attached {
    fn new(input: LogicalPlan, leaves_scalars: bool) -> Self {
        Self {
            input,
            changed: false,
            leaves_scalars,
        }
    }

    fn has(&self, column: &Column) -> bool {
        self.input.schema().has_column(column)
    }

    /// Whether DataFusion joins `condition`, one of several that all must hold.
    fn leaves_condition(&self, condition: &Expr) -> bool {
        let here = |subquery: &Subquery| {
            let outer = free(&subquery.subquery);
            outer.iter().all(|column| self.has(column))
        };
        match condition {
            Expr::Exists(exists) => {
                here(&exists.subquery) && is_simple(&exists.subquery.subquery, false)
            }
            Expr::Not(inner) => match inner.as_ref() {
                Expr::Exists(exists) => {
                    here(&exists.subquery) && is_simple(&exists.subquery.subquery, false)
                }
                _ => false,
            },
            Expr::InSubquery(within) => {
                let outer = free(&within.subquery.subquery);
                let simple = match within.negated {
                    true => outer.is_empty(),
                    false => here(&within.subquery) && is_simple(&within.subquery.subquery, false),
                };
                simple && !has_subquery(&within.expr)
            }
            _ => false,
        }
    }

    /// `expr`, of which only matters whether it is true: where IN and ANY are NULL they may as well be false.
    fn condition(&mut self, expr: Expr) -> Result<Expr> {
        match expr {
            Expr::BinaryExpr(BinaryExpr {
                left,
                op: op @ (Operator::And | Operator::Or),
                right,
            }) => {
                let (left, right) = (self.condition(*left)?, self.condition(*right)?);
                Ok(Expr::BinaryExpr(BinaryExpr::new(
                    Box::new(left),
                    op,
                    Box::new(right),
                )))
            }
            Expr::InSubquery(InSubquery {
                expr,
                subquery,
                negated: false,
            }) => {
                let expr = self.rewrite(*expr)?;
                self.found(&expr, Operator::Eq, &subquery)
            }
            Expr::SetComparison(SetComparison {
                expr,
                subquery,
                op,
                quantifier: SetQuantifier::Any,
            }) => {
                let expr = self.rewrite(*expr)?;
                self.found(&expr, op, &subquery)
            }
            other => self.rewrite(other),
        }
    }

    fn rewrite(&mut self, expr: Expr) -> Result<Expr> {
        let rewritten = expr.transform_up(|expr| match is_subquery(&expr) {
            true => self.replace(expr).map(Transformed::yes),
            false => Ok(Transformed::no(expr)),
        })?;
        Ok(rewritten.data)
    }

    /// A column, or an expression of columns, in the place of a subquery.
    fn replace(&mut self, expr: Expr) -> Result<Expr> {
        match expr {
            Expr::ScalarSubquery(subquery) => self.scalar(subquery),
            Expr::Exists(Exists { subquery, negated }) => {
                let found = self.exists(&subquery.subquery)?;
                Ok(negate_if(negated, found))
            }
            Expr::InSubquery(InSubquery {
                expr,
                subquery,
                negated,
            }) => {
                let found = self.any(&expr, Operator::Eq, &subquery)?;
                Ok(negate_if(negated, found))
            }
            Expr::SetComparison(SetComparison {
                expr,
                subquery,
                op,
                quantifier,
            }) => match quantifier {
                SetQuantifier::Any => self.any(&expr, op, &subquery),
                SetQuantifier::All => {
                    let Some(opposite) = op.negate() else {
                        return not_impl_err!("`{op} ALL` with a subquery");
                    };
                    let found = self.any(&expr, opposite, &subquery)?;
                    Ok(negate_if(true, found))
                }
            },
            other => Ok(other),
        }
    }

    /// Whether `expr op` holds for a row of `subquery`: true, false, or NULL if that depends on a NULL.
    fn any(&mut self, expr: &Expr, op: Operator, subquery: &Subquery) -> Result<Expr> {
        let found = self.found(expr, op, subquery)?;
        let rows = subquery.subquery.as_ref();
        let column = compared_column(rows)?;
        let with = |condition: Expr| {
            LogicalPlanBuilder::from(rows.clone())
                .filter(condition)?
                .build()
        };
        let mut unknown = Vec::new();
        if column.nullable_in(rows) {
            unknown.push(self.exists(&with(column.is_null())?)?);
        }
        if expr.nullable_in(&self.input) {
            let some = self.exists(rows)?;
            unknown.push(expr.clone().is_null().and(some));
        }
        let no = lit(false);
        match unknown.into_iter().reduce(Expr::or) {
            None => Ok(found),
            Some(unknown) => when(found, lit(true))
                .when(unknown, lit(ScalarValue::Boolean(None)))
                .otherwise(no),
        }
    }

    /// Whether `expr op` is true for a row of `subquery`.
    fn found(&mut self, expr: &Expr, op: Operator, subquery: &Subquery) -> Result<Expr> {
        let rows = subquery.subquery.as_ref();
        let column = compared_column(rows)?;
        let outer = self.outer(expr.clone())?;
        let compared = BinaryExpr::new(Box::new(outer), op, Box::new(column));
        let rows = LogicalPlanBuilder::from(rows.clone())
            .filter(Expr::BinaryExpr(compared))?
            .build()?;
        self.exists(&rows)
    }

    /// `expr`, which reads the outer row, as a subquery sees it.
    fn outer(&self, expr: Expr) -> Result<Expr> {
        let schema = self.input.schema();
        let seen = expr.transform_up(|expr| match expr {
            Expr::Column(column) => {
                let (_, field) = schema.qualified_field_from_column(&column)?;
                let field = Arc::clone(field);
                Ok(Transformed::yes(Expr::OuterReferenceColumn(field, column)))
            }
            other => Ok(Transformed::no(other)),
        })?;
        Ok(seen.data)
    }

    /// Whether `rows` gives a row: a column of truth values, never NULL.
    fn exists(&mut self, rows: &LogicalPlan) -> Result<Expr> {
        let place = format!("$sq{}", number());
        let rows = mark::Rows::of(rows)?;
        let joined = match rows.conditions(|column| self.has(column)) {
            Some(conditions) => conditions.mark(&self.input, &place)?,
            None => {
                let (plan, keys) = self.pushed(rows.plan()?)?;
                let outer: Vec<Column> = keys.iter().map(|(outer, _)| outer.clone()).collect();
                let mut columns = Vec::new();
                let mut own = Vec::new();
                for (position, (_, key)) in keys.into_iter().enumerate() {
                    let name = format!("$c{position}");
                    columns.push(Expr::Column(key).alias(name.as_str()));
                    own.push(Column::new(Some(place.as_str()), name));
                }
                if columns.is_empty() {
                    columns.push(lit(1_i64).alias("$c"));
                }
                let marks = LogicalPlanBuilder::from(plan)
                    .project(columns)?
                    .distinct()?
                    .alias(place.as_str())?
                    .build()?;
                join(self.input.clone(), marks, JoinType::LeftMark, outer, own)?
            }
        };
        self.input = joined;
        self.changed = true;
        Ok(Expr::Column(Column::new(Some(place), "mark")))
    }

    fn scalar(&mut self, subquery: Subquery) -> Result<Expr> {
        let outer = free(&subquery.subquery);
        let here = outer.iter().all(|column| self.has(column));
        let simple = self.leaves_scalars && here && is_simple(&subquery.subquery, true);
        if outer.is_empty() || simple {
            return Ok(Expr::ScalarSubquery(subquery));
        }
        let Some(value) = subquery.subquery.schema().columns().pop() else {
            return not_impl_err!("A scalar subquery without a column");
        };
        let place = format!("$sq{}", number());
        let (plan, keys) = self.pushed(subquery.subquery.as_ref().clone())?;
        let mut columns = vec![Expr::Column(value).alias("$value")];
        let mut own = Vec::new();
        let outer: Vec<Column> = keys.iter().map(|(outer, _)| outer.clone()).collect();
        for (position, (_, key)) in keys.into_iter().enumerate() {
            let name = format!("$c{position}");
            columns.push(Expr::Column(key).alias(name.as_str()));
            own.push(Column::new(Some(place.as_str()), name));
        }
        let values = LogicalPlanBuilder::from(plan)
            .project(columns)?
            .alias(place.as_str())?
            .build()?;
        self.input = join(self.input.clone(), values, JoinType::Left, outer, own)?;
        self.changed = true;
        Ok(Expr::Column(Column::new(Some(place), "$value")))
    }

    /// `plan` for all outer rows at once: what it gives, with the outer columns it depends on and what
    /// they are called in it.
    fn pushed(&self, plan: LogicalPlan) -> Result<(LogicalPlan, Vec<(Column, Column)>)> {
        let mut outer: Vec<Column> = Vec::new();
        for column in free(&plan) {
            if self.has(&column) && !outer.contains(&column) {
                outer.push(column);
            }
        }
        if outer.is_empty() {
            return Ok((plan, Vec::new()));
        }
        if is_volatile(&self.input) {
            return not_impl_err!(
                "A subquery that depends on rows which differ each time they are read"
            );
        }
        let mut pusher = Pusher::new(&self.input, outer.clone())?;
        let Some(pushed) = pusher.push(plan)? else {
            return not_impl_err!("A correlated subquery of this shape");
        };
        Ok((pushed.plan, outer.into_iter().zip(pushed.keys).collect()))
    }
}

/// The only column of `rows`.
fn compared_column(rows: &LogicalPlan) -> Result<Expr> {
    let mut columns = rows.schema().columns();
    match (columns.pop(), columns.is_empty()) {
        (Some(column), true) => Ok(Expr::Column(column)),
        _ => not_impl_err!("A comparison with a subquery of several columns"),
    }
}

fn negate_if(negated: bool, expr: Expr) -> Expr {
    match negated {
        true => Expr::Not(Box::new(expr)),
        false => expr,
    }
}

/// Joins rows whose keys are the same; NULL is the same as NULL.
fn join(
    left: LogicalPlan,
    right: LogicalPlan,
    join_type: JoinType,
    outer: Vec<Column>,
    own: Vec<Column>,
) -> Result<LogicalPlan> {
    let always = outer.is_empty().then(|| lit(true));
    LogicalPlanBuilder::from(left)
        .join_detailed(
            right,
            join_type,
            (outer, own),
            always,
            NullEquality::NullEqualsNull,
        )?
        .build()
}

trait NullableIn {
    /// Whether it may be NULL over the rows of `plan`.
    fn nullable_in(&self, plan: &LogicalPlan) -> bool;
}

impl NullableIn for Expr {
    fn nullable_in(&self, plan: &LogicalPlan) -> bool {
        use datafusion::logical_expr::ExprSchemable;
        // Types that do not go together yet are coerced later.
        self.nullable(plan.schema()).unwrap_or(true)
    }
}
