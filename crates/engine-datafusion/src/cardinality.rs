//! How many rows a plan is likely to give, from what tables know of themselves.
//!
//! Tables know their rows, and the bounds of columns of numbers and dates; nobody knows how many values are distinct.
//! A column has at most as many as its table has rows and, if it holds whole numbers or days, as lie between its
//! bounds. What remains are guesses, which serve to compare plans.

use std::collections::HashMap;

use datafusion::common::{Column, ScalarValue};
use datafusion::datasource::source_as_provider;
use datafusion::logical_expr::logical_plan::{Join, TableScan};
use datafusion::logical_expr::utils::split_conjunction;
use datafusion::logical_expr::{BinaryExpr, Expr, JoinType, LogicalPlan, Operator};

/// The part of rows that equal one value, where nothing is known of a column's values.
const EQUAL: f64 = 0.1;
/// The part of rows that a comparison keeps (the guess of System R:
/// <https://dl.acm.org/doi/10.1145/582095.582099>).
const COMPARED: f64 = 1.0 / 3.0;
/// The part of rows that a pattern or another condition keeps.
const MATCHED: f64 = 0.2;
/// The part of rows in which a column is NULL.
const NULLS: f64 = 0.05;
/// The part of groups among the rows of unknown columns.
const GROUPS: f64 = 0.5;

/// How many rows `plan` gives, about; nothing if a table in it does not know.
pub(crate) fn rows(plan: &LogicalPlan) -> Option<f64> {
    Some(match plan {
        LogicalPlan::TableScan(scan) => {
            let known = table_rows(scan)?;
            scan.fetch.map_or(known, |limit| known.min(limit as f64))
        }
        LogicalPlan::Values(values) => values.values.len() as f64,
        LogicalPlan::EmptyRelation(empty) => f64::from(u8::from(empty.produce_one_row)),
        LogicalPlan::Filter(filter) => {
            rows(&filter.input)? * kept(&filter.predicate, &[filter.input.as_ref()])
        }
        LogicalPlan::Projection(_)
        | LogicalPlan::SubqueryAlias(_)
        | LogicalPlan::Sort(_)
        | LogicalPlan::Window(_)
        | LogicalPlan::Distinct(_) => rows(plan.inputs().first()?)?,
        LogicalPlan::Limit(limit) => {
            let all = rows(&limit.input)?;
            match limit.get_fetch_type().ok()? {
                datafusion::logical_expr::FetchType::Literal(Some(most)) => all.min(most as f64),
                _ => all,
            }
        }
        LogicalPlan::Aggregate(aggregate) => {
            let all = rows(&aggregate.input)?;
            let mut groups = aggregate.group_expr.iter().map(|expr| match expr {
                Expr::Column(column) => distinct(&aggregate.input, column),
                _ => None,
            });
            // No groups give one row.
            let groups = groups.try_fold(1.0, |product, of: Option<Distinct>| {
                Some(product * of?.values)
            });
            groups.unwrap_or(all * GROUPS).min(all.max(1.0))
        }
        LogicalPlan::Union(union) => {
            let inputs = union.inputs.iter();
            inputs.map(|input| rows(input)).sum::<Option<f64>>()?
        }
        LogicalPlan::Join(join) => joined(join)?,
        _ => return None,
    })
}

fn joined(join: &Join) -> Option<f64> {
    let (left, right) = (rows(&join.left)?, rows(&join.right)?);
    let keys = join.on.iter().map(|(one, other)| {
        let of = |plan: &LogicalPlan, expr: &Expr, all: f64| {
            let known = key(expr).and_then(|column| distinct(plan, column));
            known.unwrap_or(Distinct::at_most(all))
        };
        of(&join.left, one, left).compared(of(&join.right, other, right))
    });
    let values = keys.product::<f64>().min(left.min(right)).max(1.0);
    let filter = join.filter.as_ref().map_or(1.0, |filter| {
        kept(filter, &[join.left.as_ref(), join.right.as_ref()])
    });
    let pairs = left * right / values * filter;
    // How many rows of one side meet one of the other.
    let meets = |all: f64, pairs: f64| all.min(pairs);
    Some(match join.join_type {
        JoinType::Inner => pairs,
        JoinType::Left => pairs.max(left),
        JoinType::Right => pairs.max(right),
        JoinType::Full => pairs.max(left + right),
        JoinType::LeftSemi => meets(left, pairs),
        JoinType::RightSemi => meets(right, pairs),
        JoinType::LeftAnti => (left - meets(left, pairs)).max(left * EQUAL),
        JoinType::RightAnti => (right - meets(right, pairs)).max(right * EQUAL),
        JoinType::LeftMark => left,
        JoinType::RightMark => right,
    })
}

/// How many rows the table that `scan` reads has.
fn table_rows(scan: &TableScan) -> Option<f64> {
    let provider = source_as_provider(&scan.source).ok()?;
    let rows = *provider.statistics()?.num_rows.get_value()?;
    Some(rows as f64)
}

/// The column that `expr` is, or casts.
pub(crate) fn key(expr: &Expr) -> Option<&Column> {
    match expr {
        Expr::Column(column) => Some(column),
        Expr::Cast(cast) => key(&cast.expr),
        _ => None,
    }
}

/// How many rows the table has that `column` of `plan` comes from, whatever `plan` keeps of them.
pub(crate) fn origin_rows(plan: &LogicalPlan, column: &Column) -> Option<f64> {
    table_rows(origin(plan, column)?.0)
}

/// How many values `column` of `plan` has, in the table it comes from.
pub(crate) fn distinct(plan: &LogicalPlan, column: &Column) -> Option<Distinct> {
    let rows = origin_rows(plan, column)?;
    Some(match bounds(plan, column) {
        Some(Bounds {
            low,
            high,
            whole: true,
        }) if high - low + 1.0 < rows => Distinct {
            values: (high - low + 1.0).max(1.0),
            repeat: true,
        },
        _ => Distinct::at_most(rows),
    })
}

/// How many values a column has, at most.
#[derive(Clone, Copy)]
pub(crate) struct Distinct {
    pub(crate) values: f64,
    /// Whether its bounds leave room for so few only; else there may be as many as rows, or much fewer.
    repeat: bool,
}

impl Distinct {
    pub(crate) fn at_most(rows: f64) -> Self {
        Self {
            values: rows.max(1.0),
            repeat: false,
        }
    }

    /// How many values this one has beside `others`, whose columns it equals, if it has the most: where nobody knows
    /// whether its number counts rows or values, it is guessed to lie between, as a key of one table that repeats in
    /// this one would.
    pub(crate) fn beside(self, others: f64) -> f64 {
        match self.repeat {
            true => self.values,
            false => (self.values * others).sqrt(),
        }
    }

    /// Of how many pairs of values one is of equal values: those of one column are taken to be among those of the
    /// other (Selinger et al.).
    fn compared(self, other: Self) -> f64 {
        match self.values <= other.values {
            true => other.beside(self.values),
            false => self.beside(other.values),
        }
    }
}

/// Between what the values of a column lie.
struct Bounds {
    low: f64,
    high: f64,
    /// Whether only whole numbers lie between.
    whole: bool,
}

fn bounds(plan: &LogicalPlan, column: &Column) -> Option<Bounds> {
    let (scan, name) = origin(plan, column)?;
    let provider = source_as_provider(&scan.source).ok()?;
    let at = provider.schema().index_of(name).ok()?;
    let statistics = provider.statistics()?;
    let known = statistics.column_statistics.get(at)?;
    let low = known.min_value.get_value()?;
    Some(Bounds {
        whole: !matches!(low, ScalarValue::Float64(_)),
        low: number(low)?,
        high: number(known.max_value.get_value()?)?,
    })
}

/// A number, or the number of a day.
fn number(value: &ScalarValue) -> Option<f64> {
    match value {
        ScalarValue::Int64(Some(value)) => Some(*value as f64),
        ScalarValue::Float64(Some(value)) => Some(*value),
        ScalarValue::Date32(Some(days)) => Some(f64::from(*days)),
        _ => None,
    }
}

/// The scan that `column` of `plan` comes from as it is, and its name there.
fn origin<'a>(plan: &'a LogicalPlan, column: &Column) -> Option<(&'a TableScan, &'a str)> {
    let at = plan.schema().maybe_index_of_column(column)?;
    from(plan, at)
}

fn from(plan: &LogicalPlan, at: usize) -> Option<(&TableScan, &str)> {
    match plan {
        LogicalPlan::TableScan(scan) => {
            Some((scan, scan.projected_schema.fields().get(at)?.name()))
        }
        LogicalPlan::SubqueryAlias(_)
        | LogicalPlan::Filter(_)
        | LogicalPlan::Sort(_)
        | LogicalPlan::Limit(_) => from(plan.inputs().first()?, at),
        LogicalPlan::Projection(projection) => named(&projection.input, projection.expr.get(at)?),
        LogicalPlan::Aggregate(aggregate) => named(&aggregate.input, aggregate.group_expr.get(at)?),
        LogicalPlan::Join(join) => {
            let left = join.left.schema().fields().len();
            match join.join_type {
                JoinType::RightSemi | JoinType::RightAnti | JoinType::RightMark => None,
                _ if at < left => from(&join.left, at),
                _ => from(&join.right, at - left),
            }
        }
        _ => None,
    }
}

fn named<'a>(input: &'a LogicalPlan, expr: &Expr) -> Option<(&'a TableScan, &'a str)> {
    match expr {
        Expr::Column(column) => origin(input, column),
        Expr::Alias(alias) => named(input, &alias.expr),
        _ => None,
    }
}

/// The part of the rows of `inputs`, or of their pairs, that `predicate` keeps.
pub(crate) fn kept(predicate: &Expr, inputs: &[&LogicalPlan]) -> f64 {
    // Comparisons with values that leave one range of a column.
    let mut ranges: HashMap<&Column, (f64, f64)> = HashMap::new();
    let mut part = 1.0;
    for term in split_conjunction(predicate) {
        match range(term) {
            Some((column, low, high)) if values_of(column, inputs).is_some() => {
                let known = ranges
                    .entry(column)
                    .or_insert((f64::NEG_INFINITY, f64::INFINITY));
                *known = (known.0.max(low), known.1.min(high));
            }
            _ => part *= of_term(term, inputs),
        }
    }
    for (column, (low, high)) in ranges {
        part *= match values_of(column, inputs) {
            Some(values) => {
                let whole = if values.whole { 1.0 } else { 0.0 };
                let all = values.high - values.low + whole;
                let left = high.min(values.high) - low.max(values.low) + whole;
                match all > 0.0 {
                    true => (left / all).clamp(0.0, 1.0),
                    false => 1.0,
                }
            }
            None => COMPARED,
        };
    }
    part
}

fn values_of(column: &Column, inputs: &[&LogicalPlan]) -> Option<Bounds> {
    inputs.iter().find_map(|input| bounds(input, column))
}

/// The range that `term` leaves of a column, if it is a comparison with a number or a day.
fn range(term: &Expr) -> Option<(&Column, f64, f64)> {
    const ALL: (f64, f64) = (f64::NEG_INFINITY, f64::INFINITY);
    match term {
        Expr::BinaryExpr(BinaryExpr { left, op, right }) => {
            let (column, value, op) = match (left.as_ref(), right.as_ref()) {
                (Expr::Column(column), Expr::Literal(value, _)) => (column, value, *op),
                (Expr::Literal(value, _), Expr::Column(column)) => (column, value, op.swap()?),
                _ => return None,
            };
            let value = number(value)?;
            match op {
                Operator::Lt | Operator::LtEq => Some((column, ALL.0, value)),
                Operator::Gt | Operator::GtEq => Some((column, value, ALL.1)),
                _ => None,
            }
        }
        Expr::Between(between) if !between.negated => {
            match (
                between.expr.as_ref(),
                between.low.as_ref(),
                between.high.as_ref(),
            ) {
                (Expr::Column(column), Expr::Literal(low, _), Expr::Literal(high, _)) => {
                    Some((column, number(low)?, number(high)?))
                }
                _ => None,
            }
        }
        _ => None,
    }
}

fn of_term(term: &Expr, inputs: &[&LogicalPlan]) -> f64 {
    let equal = |expr: &Expr| {
        let column = key(expr);
        let whole = column.and_then(|column| values_of(column, inputs));
        match whole {
            Some(Bounds {
                low,
                high,
                whole: true,
            }) => 1.0 / (high - low + 1.0).max(1.0),
            _ => EQUAL,
        }
    };
    match term {
        Expr::Literal(ScalarValue::Boolean(Some(true)), _) => 1.0,
        Expr::Literal(_, _) => 0.0,
        Expr::Not(inner) => 1.0 - kept(inner, inputs),
        Expr::IsNull(_) => NULLS,
        Expr::IsNotNull(_) => 1.0 - NULLS,
        Expr::Alias(alias) => kept(&alias.expr, inputs),
        Expr::BinaryExpr(BinaryExpr { left, op, right }) => match op {
            Operator::Or => {
                let (one, other) = (kept(left, inputs), kept(right, inputs));
                one + other - one * other
            }
            Operator::And => kept(left, inputs) * kept(right, inputs),
            Operator::Eq => equal(left).min(equal(right)),
            Operator::NotEq => 1.0 - equal(left).min(equal(right)),
            Operator::Lt | Operator::LtEq | Operator::Gt | Operator::GtEq => COMPARED,
            _ => MATCHED,
        },
        Expr::InList(list) => {
            let part = (list.list.len() as f64 * equal(&list.expr)).min(0.5);
            if list.negated { 1.0 - part } else { part }
        }
        Expr::Between(between) => match between.negated {
            true => 1.0 - COMPARED,
            false => COMPARED,
        },
        Expr::Like(like) if like.negated => 1.0 - MATCHED,
        _ => MATCHED,
    }
}
