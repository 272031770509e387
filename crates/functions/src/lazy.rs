//! Conditions that can fail are asked last, and only of rows that the others leave open.
//!
//! `where b <> 0 and a / b > 2` divides by no zero, and neither does `iff(b <> 0, a / b > 2, false)`: people write
//! conditions in front of what would fail without them, and dbt's models are full of it
//! (<https://docs.snowflake.com/en/sql-reference/functions/iff>,
//! <https://docs.snowflake.com/en/sql-reference/functions/case>). DataFusion computes both sides of AND and OR for all
//! rows of a batch, unless few are left, and makes them of CASE and IFF over truth values. [`Lazy`] runs when
//! conditions are where they belong, and gives those that can fail the form that is computed for some rows:
//! `CASE b <> 0 WHEN true THEN a / b > 2 ELSE false END`. (With WHEN conditions it would become AND again.)

use arrow::datatypes::DataType;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{DFSchema, Result, ScalarValue};
use datafusion::logical_expr::expr::{Case, ScalarFunction};
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::{BinaryExpr, Expr, ExprSchemable, LogicalPlan, Operator, lit};
use datafusion::optimizer::optimizer::ApplyOrder;
use datafusion::optimizer::{OptimizerConfig, OptimizerRule};

/// What fails for texts that do not say what is asked of them.
const CONVERSIONS: &[&str] = &[
    "$fitted",
    "base64_decode_binary",
    "base64_decode_string",
    "convert",
    "hex_decode_binary",
    "hex_decode_string",
    "parse_json",
    "parse_url",
    "st_geogfromgeohash",
    "st_geographyfromewkb",
    "st_geographyfromewkt",
    "st_geographyfromtext",
    "st_geographyfromwkb",
    "st_geographyfromwkt",
    "st_geogpointfromgeohash",
    "to_binary",
    "to_boolean",
    "to_date",
    "to_double",
    "to_geography",
    "to_number",
    "to_object",
    "to_time",
    "to_timestamp_ltz",
    "to_timestamp_ntz",
    "to_timestamp_tz",
];

/// What has no value for some numbers.
const PARTIAL: &[&str] = &[
    "divide",
    "factorial",
    "ln",
    "log",
    "mod",
    "$quotient",
    "sqrt",
    "width_bucket",
];

/// Terms that are larger are not computed twice.
const LARGE: usize = 64;

/// Whether an expression can fail for a row, the more likely the later.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Risk {
    None,
    Conversion,
    /// Of numbers, which may have been converted.
    Partial,
}

/// Asks conditions that can fail last.
#[derive(Debug)]
pub(crate) struct Lazy;

impl OptimizerRule for Lazy {
    fn name(&self) -> &'static str {
        "snowflake_lazy"
    }

    fn apply_order(&self) -> Option<ApplyOrder> {
        Some(ApplyOrder::BottomUp)
    }

    fn rewrite(
        &self,
        plan: LogicalPlan,
        _: &dyn OptimizerConfig,
    ) -> Result<Transformed<LogicalPlan>> {
        match plan {
            LogicalPlan::Filter(mut filter) => {
                let schema = filter.input.schema();
                let done = condition(filter.predicate, schema)?;
                filter.predicate = done.data;
                let plan = LogicalPlan::Filter(filter);
                Ok(Transformed::new_transformed(plan, done.transformed))
            }
            LogicalPlan::Join(mut join) => {
                let Some(filter) = join.filter.take_if(|filter| !joins_places(filter)) else {
                    return Ok(Transformed::no(LogicalPlan::Join(join)));
                };
                let pairs = join.left.schema().join(join.right.schema())?;
                let done = condition(filter, &pairs)?;
                join.filter = Some(done.data);
                let plan = LogicalPlan::Join(join);
                Ok(Transformed::new_transformed(plan, done.transformed))
            }
            // Its filters choose files.
            LogicalPlan::TableScan(_) => Ok(Transformed::no(plan)),
            plan => {
                let names = NamePreserver::new(&plan);
                plan.map_expressions(|expr| {
                    if risk(&expr) == Risk::None || !has_conditions(&expr) {
                        return Ok(Transformed::no(expr));
                    }
                    let name = names.save(&expr);
                    Ok(lazy(expr, false)?.update_data(|expr| name.restore(expr)))
                })
            }
        }
    }
}

/// Whether `filter` may be what a join by place goes by ([`crate::spatial_join`]), which has to see it.
fn joins_places(filter: &Expr) -> bool {
    let found = filter.exists(|expr| {
        Ok(matches!(expr, Expr::ScalarFunction(call) if call.func.name().starts_with("st_")))
    });
    found.unwrap_or(false)
}

/// `expr`, of which only matters whether it is true for the rows of `schema`.
fn condition(expr: Expr, schema: &DFSchema) -> Result<Transformed<Expr>> {
    let done = match risk(&expr) {
        Risk::None => Transformed::no(expr),
        _ => lazy(expr, true)?,
    };
    done.transform_data(|expr| cheap_first(expr, schema))
}

fn has_conditions(expr: &Expr) -> bool {
    let found = expr.exists(|expr| Ok(connective(expr).is_some()));
    found.unwrap_or(false)
}

/// AND or OR, if it is what `expr` is made with.
fn connective(expr: &Expr) -> Option<Operator> {
    match expr {
        Expr::BinaryExpr(BinaryExpr { op, .. }) => match op {
            Operator::And | Operator::Or => Some(*op),
            _ => None,
        },
        _ => None,
    }
}

/// Whether `expr` can fail for some rows.
#[must_use]
pub fn can_fail(expr: &Expr) -> bool {
    risk(expr) != Risk::None
}

/// How `expr` can fail for some rows.
fn risk(expr: &Expr) -> Risk {
    let mut most = Risk::None;
    let walked = expr.apply(|expr| {
        if let Expr::ScalarFunction(call) = expr {
            most = most.max(of_call(call));
        }
        Ok(match most {
            Risk::Partial => TreeNodeRecursion::Stop,
            _ => TreeNodeRecursion::Continue,
        })
    });
    debug_assert!(walked.is_ok(), "the walk returns no error");
    most
}

fn of_call(call: &ScalarFunction) -> Risk {
    let reads_rows = |args: &[Expr]| args.iter().any(reads_rows);
    let name = call.func.name();
    match (name, call.args.as_slice()) {
        ("divide" | "mod", [_, Expr::Literal(divisor, _)]) if is_not_zero(divisor) => Risk::None,
        (name, args) if PARTIAL.contains(&name) && reads_rows(args) => Risk::Partial,
        (name, args) if CONVERSIONS.contains(&name) && reads_rows(args) => Risk::Conversion,
        _ => Risk::None,
    }
}

/// Whether `expr` differs between rows, or between the elements that a lambda is asked of.
fn reads_rows(expr: &Expr) -> bool {
    let found = expr.exists(|expr| Ok(matches!(expr, Expr::Column(_) | Expr::LambdaVariable(_))));
    found.unwrap_or(false)
}

fn is_not_zero(value: &ScalarValue) -> bool {
    let zero = ScalarValue::new_zero(&value.data_type());
    zero.is_ok_and(|zero| *value != zero)
}

/// `expr` with the parts of AND and OR that can fail behind the others; if it is `asked` only whether it is true,
/// false may stand for NULL.
fn lazy(expr: Expr, asked: bool) -> Result<Transformed<Expr>> {
    if risk(&expr) == Risk::None {
        return Ok(Transformed::no(expr));
    }
    if let Some(op) = connective(&expr) {
        return terms_of(expr, op, asked);
    }
    match expr {
        Expr::Alias(mut alias) => {
            let inner = lazy(std::mem::take(alias.expr.as_mut()), asked)?;
            Ok(inner.update_data(|inner| {
                *alias.expr = inner;
                Expr::Alias(alias)
            }))
        }
        Expr::Case(case) if is_made(&case) => Ok(Transformed::no(Expr::Case(case))),
        Expr::Case(mut case) if case.expr.is_none() => {
            let mut changed = false;
            for (when, _) in &mut case.when_then_expr {
                let done = lazy(std::mem::take(when.as_mut()), true)?;
                changed |= done.transformed;
                *when.as_mut() = done.data;
            }
            for value in case
                .when_then_expr
                .iter_mut()
                .map(|(_, then)| then)
                .chain(&mut case.else_expr)
            {
                let done = lazy(std::mem::take(value.as_mut()), false)?;
                changed |= done.transformed;
                *value.as_mut() = done.data;
            }
            Ok(Transformed::new_transformed(Expr::Case(case), changed))
        }
        other => other.map_children(|inner| lazy(inner, false)),
    }
}

/// The terms that `op` joins in `expr`, those that can fail behind the others.
fn terms_of(expr: Expr, op: Operator, asked: bool) -> Result<Transformed<Expr>> {
    let mut terms = Vec::new();
    flatten(expr, op, &mut terms);
    let mut changed = false;
    for term in &mut terms {
        let done = lazy(std::mem::take(term), asked)?;
        changed |= done.transformed;
        *term = done.data;
    }
    let (safe, mut risky): (Vec<Expr>, Vec<Expr>) =
        terms.into_iter().partition(|term| risk(term) == Risk::None);
    risky.sort_by_key(risk);
    let joined = |left: Expr, right: Expr| {
        Expr::BinaryExpr(BinaryExpr::new(Box::new(left), op, Box::new(right)))
    };
    let Some(mut rest) = risky.pop() else {
        // Without risk nobody asks.
        return Ok(Transformed::no(
            safe.into_iter().reduce(joined).unwrap_or_else(|| lit(true)),
        ));
    };
    let first = safe.into_iter().reduce(joined);
    let before = first.into_iter().chain(risky).rev();
    for term in before {
        if !asked && (size(&term) > LARGE || term.is_volatile()) {
            rest = joined(term, rest);
            continue;
        }
        changed = true;
        rest = behind(term, op, rest, asked);
    }
    Ok(Transformed::new_transformed(rest, changed))
}

fn flatten(expr: Expr, op: Operator, terms: &mut Vec<Expr>) {
    let mut left = Vec::from([expr]);
    while let Some(expr) = left.pop() {
        match expr {
            Expr::BinaryExpr(binary) if binary.op == op => {
                left.push(*binary.right);
                left.push(*binary.left);
            }
            term => terms.push(term),
        }
    }
}

fn size(expr: &Expr) -> usize {
    let mut count = 0;
    let walked = expr.apply(|_| {
        count += 1;
        Ok(TreeNodeRecursion::Continue)
    });
    debug_assert!(walked.is_ok(), "the walk returns no error");
    count
}

/// `first op then`, of which `then` is computed where `first` does not decide.
fn behind(first: Expr, op: Operator, then: Expr, asked: bool) -> Expr {
    let decides = op == Operator::Or;
    let (when, value, otherwise) = match (asked, op) {
        (true, Operator::And) => (true, then, lit(false)),
        (true, _) => (true, lit(true), then),
        (false, _) => {
            let both = BinaryExpr::new(Box::new(first.clone()), op, Box::new(then));
            (decides, lit(decides), Expr::BinaryExpr(both))
        }
    };
    Expr::Case(Case {
        expr: Some(Box::new(first)),
        when_then_expr: vec![(Box::new(lit(when)), Box::new(value))],
        else_expr: Some(Box::new(otherwise)),
    })
}

/// Whether [`behind`] has made `case` of a condition whose NULL counts.
fn is_made(case: &Case) -> bool {
    let both = case.else_expr.as_deref();
    match (case.expr.as_deref(), both) {
        (Some(first), Some(Expr::BinaryExpr(both))) => {
            matches!(both.op, Operator::And | Operator::Or) && *both.left == *first
        }
        _ => false,
    }
}

/// `expr` with the terms first that cost least: DataFusion asks the others of what is left, if that is little.
fn cheap_first(expr: Expr, schema: &DFSchema) -> Result<Transformed<Expr>> {
    if connective(&expr) != Some(Operator::And) || expr.is_volatile() {
        return Ok(Transformed::no(expr));
    }
    let mut terms = Vec::new();
    flatten(expr, Operator::And, &mut terms);
    let costs: Vec<u8> = terms.iter().map(|term| cost(term, schema)).collect();
    let sorted = costs.is_sorted();
    if !sorted {
        terms.sort_by_cached_key(|term| cost(term, schema));
    }
    let joined = terms.into_iter().reduce(Expr::and);
    Ok(Transformed::new_transformed(
        joined.unwrap_or_else(|| lit(true)),
        !sorted,
    ))
}

/// What computing `expr` costs, compared to others: numbers and dates, texts, the rest.
fn cost(expr: &Expr, schema: &DFSchema) -> u8 {
    let mut most = 0;
    let walked = expr.apply(|expr| {
        most = most.max(match expr {
            Expr::Column(_) => u8::from(!is_narrow(expr, schema)),
            Expr::Literal(..)
            | Expr::BinaryExpr(_)
            | Expr::Not(_)
            | Expr::IsNull(_)
            | Expr::IsNotNull(_)
            | Expr::Between(_)
            | Expr::Cast(_)
            | Expr::Alias(_) => 0,
            Expr::InList(_) => 1,
            _ => 2,
        });
        Ok(TreeNodeRecursion::Continue)
    });
    debug_assert!(walked.is_ok(), "the walk returns no error");
    most
}

fn is_narrow(expr: &Expr, schema: &DFSchema) -> bool {
    let kind = expr.get_type(schema);
    kind.is_ok_and(|kind| kind.is_primitive() || kind == DataType::Boolean)
}
