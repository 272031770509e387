//! [`Pusher`]: a correlated plan for all outer rows at once.
//!
//! Below the lowest step that depends on the outer row stands a cross join with the distinct values of
//! the columns it depends on; every step above keeps them apart: aggregates group by them, windows
//! partition by them, LIMIT counts within them.

use std::sync::Arc;

use arrow::datatypes::DataType;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{Column, DFSchema, JoinType, NullEquality, Result};
use datafusion::functions_window::expr_fn::row_number;
use datafusion::logical_expr::expr::Sort as SortExpr;
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::utils::conjunction;
use datafusion::logical_expr::{
    Aggregate, BinaryExpr, Distinct, Expr, ExprFunctionExt, ExprSchemable, FetchType, Join, Limit,
    LogicalPlan, LogicalPlanBuilder, Operator, Projection, SkipType, Union, lit,
};
use datafusion::prelude::coalesce;

use super::free::{free, is_bound, is_lateral};
use super::number;
use crate::relation::{qualified, reference};

/// A plan with the outer columns among its own.
pub(super) struct Pushed {
    pub(super) plan: LogicalPlan,
    /// What the outer columns are called in it, in their order.
    pub(super) keys: Vec<Column>,
}

pub(super) struct Pusher {
    /// The distinct values of the outer columns.
    values: LogicalPlan,
    outer: Vec<Column>,
    names: Vec<String>,
}

/// `None` where a step is of no kind that can be pushed through.
type Attempt = Result<Option<Pushed>>;

impl Pusher {
    pub(super) fn new(input: &LogicalPlan, outer: Vec<Column>) -> Result<Self> {
        let place = number();
        let names: Vec<String> = (0..outer.len())
            .map(|position| format!("$k{place}_{position}"))
            .collect();
        let columns: Vec<Expr> = outer
            .iter()
            .zip(&names)
            .map(|(column, name)| Expr::Column(column.clone()).alias(name.as_str()))
            .collect();
        let values = LogicalPlanBuilder::from(input.clone())
            .project(columns)?
            .distinct()?
            .build()?;
        Ok(Self {
            values,
            outer,
            names,
        })
    }

    /// The values of the outer columns, under a name of their own.
    fn values(&self) -> Result<Pushed> {
        let place = format!("$d{}", number());
        let plan = LogicalPlanBuilder::from(self.values.clone())
            .alias(place.as_str())?
            .build()?;
        let keys = self
            .names
            .iter()
            .map(|name| Column::new(Some(place.as_str()), name.as_str()))
            .collect();
        Ok(Pushed { plan, keys })
    }

    fn depends(&self, plan: &LogicalPlan) -> bool {
        free(plan).iter().any(|column| self.outer.contains(column))
    }

    fn bound(&self, expr: &Expr, keys: &[Column]) -> Result<Expr> {
        let bound = expr.clone().transform_up(|expr| match &expr {
            Expr::OuterReferenceColumn(_, column) => {
                let position = self.outer.iter().position(|other| other == column);
                match position.and_then(|position| keys.get(position)) {
                    Some(key) => Ok(Transformed::yes(Expr::Column(key.clone()))),
                    None => Ok(Transformed::no(expr)),
                }
            }
            _ => Ok(Transformed::no(expr)),
        })?;
        Ok(bound.data)
    }

    pub(super) fn push(&mut self, plan: LogicalPlan) -> Attempt {
        if !self.depends(&plan) {
            let Pushed { plan: values, keys } = self.values()?;
            let plan = LogicalPlanBuilder::from(values).cross_join(plan)?.build()?;
            return Ok(Some(Pushed { plan, keys }));
        }
        match plan {
            LogicalPlan::Projection(projection) => self.projection(&projection),
            LogicalPlan::Filter(filter) => {
                let Some(inner) = self.push(take(filter.input))? else {
                    return Ok(None);
                };
                let predicate = self.bound(&filter.predicate, &inner.keys)?;
                let plan = LogicalPlanBuilder::from(inner.plan)
                    .filter(predicate)?
                    .build()?;
                Ok(Some(Pushed { plan, ..inner }))
            }
            LogicalPlan::SubqueryAlias(alias) => {
                let Some(inner) = self.narrow(take(alias.input))? else {
                    return Ok(None);
                };
                let keys = inner
                    .keys
                    .into_iter()
                    .map(|key| Column::new(Some(alias.alias.clone()), key.name))
                    .collect();
                let plan = LogicalPlanBuilder::from(inner.plan)
                    .alias(alias.alias)?
                    .build()?;
                Ok(Some(Pushed { plan, keys }))
            }
            LogicalPlan::Aggregate(aggregate) => self.aggregate(aggregate),
            LogicalPlan::Distinct(Distinct::All(input)) => {
                let Some(inner) = self.narrow(take(input))? else {
                    return Ok(None);
                };
                let plan = LogicalPlanBuilder::from(inner.plan).distinct()?.build()?;
                Ok(Some(Pushed { plan, ..inner }))
            }
            // The order of a subquery's rows decides nothing but a LIMIT.
            LogicalPlan::Sort(sort) if sort.fetch.is_none() => self.push(take(sort.input)),
            LogicalPlan::Limit(limit) => self.limit(limit),
            LogicalPlan::Window(window) => {
                let names = NamePreserver::new(&LogicalPlan::Window(window.clone()));
                let Some(inner) = self.push(take(window.input))? else {
                    return Ok(None);
                };
                let mut calls = Vec::new();
                for call in &window.window_expr {
                    let name = names.save(call);
                    let call = self.bound(call, &inner.keys)?;
                    calls.push(name.restore(partitioned(call, &inner.keys)?));
                }
                let plan = LogicalPlanBuilder::from(inner.plan)
                    .window(calls)?
                    .build()?;
                Ok(Some(Pushed { plan, ..inner }))
            }
            LogicalPlan::Join(join) => self.join(join),
            LogicalPlan::Union(union) => self.union(union),
            _ => Ok(None),
        }
    }

    /// `plan` pushed, with its own columns and the keys only.
    fn narrow(&mut self, plan: LogicalPlan) -> Attempt {
        let own = qualified(plan.schema());
        let Some(inner) = self.push(plan)? else {
            return Ok(None);
        };
        let columns = own.iter().map(reference);
        let keys = inner.keys.iter().cloned().map(Expr::Column);
        let columns: Vec<Expr> = columns.chain(keys).collect();
        let plan = LogicalPlanBuilder::from(inner.plan)
            .project(columns)?
            .build()?;
        Ok(Some(Pushed { plan, ..inner }))
    }

    fn projection(&mut self, projection: &Projection) -> Attempt {
        let Some(inner) = self.push(projection.input.as_ref().clone())? else {
            return Ok(None);
        };
        let mut columns = Vec::new();
        for (expr, (qualifier, field)) in projection.expr.iter().zip(projection.schema.iter()) {
            columns.push(match is_bound(expr, &projection.input) {
                true => self
                    .bound(&expr.clone().unalias(), &inner.keys)?
                    .alias_qualified(qualifier.cloned(), field.name()),
                false => expr.clone(),
            });
        }
        columns.extend(inner.keys.iter().cloned().map(Expr::Column));
        let plan = LogicalPlanBuilder::from(inner.plan)
            .project(columns)?
            .build()?;
        Ok(Some(Pushed { plan, ..inner }))
    }

    fn aggregate(&mut self, aggregate: Aggregate) -> Attempt {
        let sets = |expr: &Expr| matches!(expr, Expr::GroupingSet(_));
        if aggregate.group_expr.iter().any(sets) {
            return Ok(None);
        }
        let names = NamePreserver::new(&LogicalPlan::Aggregate(aggregate.clone()));
        let schema = Arc::clone(aggregate.input.schema());
        let Some(inner) = self.push(take(aggregate.input))? else {
            return Ok(None);
        };
        let mut groups = Vec::new();
        for group in &aggregate.group_expr {
            let name = names.save(group);
            groups.push(name.restore(self.bound(group, &inner.keys)?));
        }
        groups.extend(inner.keys.iter().cloned().map(Expr::Column));
        let mut calls = Vec::new();
        for call in &aggregate.aggr_expr {
            let name = names.save(call);
            calls.push(name.restore(self.bound(call, &inner.keys)?));
        }
        let plan = LogicalPlan::Aggregate(Aggregate::try_new(Arc::new(inner.plan), groups, calls)?);
        let grouped = Pushed {
            plan,
            keys: inner.keys,
        };
        match aggregate.group_expr.is_empty() {
            true => self.completed(grouped, &aggregate.schema, &aggregate.aggr_expr, &schema),
            false => Ok(Some(grouped)),
        }
    }

    /// Without GROUP BY an aggregate gives a row where it reads none.
    fn completed(
        &self,
        grouped: Pushed,
        own: &DFSchema,
        calls: &[Expr],
        schema: &DFSchema,
    ) -> Attempt {
        let Pushed { plan: values, keys } = self.values()?;
        let mut columns = Vec::new();
        for (column, call) in qualified(own).iter().zip(calls) {
            let value = reference(column);
            columns.push(match empty_value(call, schema)? {
                Some(empty) => {
                    coalesce(vec![value, empty]).alias_qualified(column.0.clone(), column.1.name())
                }
                None => value,
            });
        }
        columns.extend(keys.iter().cloned().map(Expr::Column));
        let plan = LogicalPlanBuilder::from(values)
            .join_detailed(
                grouped.plan,
                JoinType::Left,
                (keys.clone(), grouped.keys),
                None,
                NullEquality::NullEqualsNull,
            )?
            .project(columns)?
            .build()?;
        Ok(Some(Pushed { plan, keys }))
    }

    fn limit(&mut self, limit: Limit) -> Attempt {
        let (SkipType::Literal(skip), FetchType::Literal(fetch)) =
            (limit.get_skip_type()?, limit.get_fetch_type()?)
        else {
            return Ok(None);
        };
        let (order, input): (Vec<SortExpr>, LogicalPlan) = match take(limit.input) {
            LogicalPlan::Projection(projection) => {
                // The order may be by columns that the projection leaves out.
                let below = LogicalPlan::Limit(Limit {
                    skip: limit.skip,
                    fetch: limit.fetch,
                    input: Arc::clone(&projection.input),
                });
                let moved = Projection::try_new(projection.expr, Arc::new(below))?;
                return self.projection(&moved);
            }
            LogicalPlan::Sort(sort) => (sort.expr, take(sort.input)),
            other => (Vec::new(), other),
        };
        let Some(inner) = self.push(input)? else {
            return Ok(None);
        };
        let mut sorted = Vec::new();
        for SortExpr {
            expr,
            asc,
            nulls_first,
        } in &order
        {
            sorted.push(self.bound(expr, &inner.keys)?.sort(*asc, *nulls_first));
        }
        let position = format!("$rn{}", number());
        let keys: Vec<Expr> = inner.keys.iter().cloned().map(Expr::Column).collect();
        let mut numbered = row_number().partition_by(keys);
        if !sorted.is_empty() {
            numbered = numbered.order_by(sorted);
        }
        let numbered = numbered.build()?.alias(position.as_str());
        let at = Expr::Column(Column::from_name(position));
        let whole = |rows: usize| lit(u64::try_from(rows).unwrap_or(u64::MAX));
        let mut conditions = vec![at.clone().gt(whole(skip))];
        if let Some(fetch) = fetch {
            conditions.push(at.lt_eq(whole(skip.saturating_add(fetch))));
        }
        let plan = LogicalPlanBuilder::from(inner.plan)
            .window(vec![numbered])?
            .filter(conjunction(conditions).unwrap_or_else(|| lit(true)))?
            .build()?;
        Ok(Some(Pushed { plan, ..inner }))
    }

    fn join(&mut self, join: Join) -> Attempt {
        let keeps_left = matches!(
            join.join_type,
            JoinType::Left | JoinType::LeftSemi | JoinType::LeftAnti | JoinType::LeftMark
        );
        let known = keeps_left || join.join_type == JoinType::Inner;
        if !known || join.null_aware || is_lateral(&join.right) {
            return Ok(None);
        }
        let in_right = self.depends(&join.right);
        let in_left = keeps_left || !in_right || self.depends(&join.left);
        let (mut left, mut right) = (take(join.left), take(join.right));
        let mut conditions: Vec<Expr> = Vec::new();
        let mut keys = Vec::new();
        if in_left {
            let Some(inner) = self.push(left)? else {
                return Ok(None);
            };
            (left, keys) = (inner.plan, inner.keys);
        }
        if in_right {
            let Some(inner) = self.push(right)? else {
                return Ok(None);
            };
            right = inner.plan;
            for (left, right) in keys.iter().zip(&inner.keys) {
                conditions.push(Expr::BinaryExpr(BinaryExpr::new(
                    Box::new(Expr::Column(left.clone())),
                    Operator::IsNotDistinctFrom,
                    Box::new(Expr::Column(right.clone())),
                )));
            }
            if !in_left {
                keys = inner.keys;
            }
        }
        if let Some(condition) = &join.filter {
            conditions.push(self.bound(condition, &keys)?);
        }
        let mut on = Vec::new();
        for (left, right) in &join.on {
            on.push((self.bound(left, &keys)?, self.bound(right, &keys)?));
        }
        let plan = LogicalPlan::Join(Join::try_new(
            Arc::new(left),
            Arc::new(right),
            on,
            conjunction(conditions),
            join.join_type,
            join.join_constraint,
            join.null_equality,
            join.null_aware,
        )?);
        Ok(Some(Pushed { plan, keys }))
    }

    fn union(&mut self, union: Union) -> Attempt {
        let mut inputs = Vec::new();
        for input in union.inputs {
            let Some(inner) = self.narrow(take(input))? else {
                return Ok(None);
            };
            inputs.push(Arc::new(inner.plan));
        }
        let own = qualified(&union.schema);
        let union = LogicalPlan::Union(Union::try_new_with_loose_types(inputs)?);
        let place = format!("$u{}", number());
        let given = qualified(union.schema());
        let mut columns = Vec::new();
        for (column, (qualifier, field)) in given.iter().zip(&own) {
            columns.push(reference(column).alias_qualified(qualifier.clone(), field.name()));
        }
        let mut keys = Vec::new();
        for (column, name) in given.iter().skip(own.len()).zip(&self.names) {
            let qualifier = datafusion::common::TableReference::bare(place.as_str());
            columns.push(reference(column).alias_qualified(Some(qualifier), name.as_str()));
            keys.push(Column::new(Some(place.as_str()), name.as_str()));
        }
        let plan = LogicalPlanBuilder::from(union).project(columns)?.build()?;
        Ok(Some(Pushed { plan, keys }))
    }
}

fn take(plan: Arc<LogicalPlan>) -> LogicalPlan {
    Arc::unwrap_or_clone(plan)
}

/// A call of a window function within the rows of each outer row.
fn partitioned(call: Expr, keys: &[Column]) -> Result<Expr> {
    let partitioned = call.transform_up(|expr| match expr {
        Expr::WindowFunction(mut function) => {
            let keys = keys.iter().cloned().map(Expr::Column);
            function.params.partition_by.extend(keys);
            Ok(Transformed::yes(Expr::WindowFunction(function)))
        }
        other => Ok(Transformed::no(other)),
    })?;
    Ok(partitioned.data)
}

/// What an aggregate gives for no rows, if that is not NULL.
fn empty_value(call: &Expr, schema: &DFSchema) -> Result<Option<Expr>> {
    let mut inner = call;
    while let Expr::Alias(alias) = inner {
        inner = &alias.expr;
    }
    let Expr::AggregateFunction(function) = inner else {
        return Ok(None);
    };
    // Types that do not go together yet are coerced later; those of counts are known.
    let kind = call.get_type(schema).unwrap_or(DataType::Int64);
    let value = function.func.default_value(&kind)?;
    Ok((!value.is_null()).then(|| lit(value)))
}
