//! Aggregates and window functions: what Snowflake types otherwise, and what it has beside DataFusion's.
//!
//! <https://docs.snowflake.com/en/sql-reference/functions-aggregation>

use std::sync::Arc;

use arrow::datatypes::DataType;
use datafusion::common::tree_node::TreeNode as _;
use datafusion::common::{Result, plan_err};
use datafusion::functions::core::expr_fn::r#struct;
use datafusion::functions_aggregate::approx_distinct::approx_distinct_udaf;
use datafusion::functions_aggregate::array_agg::array_agg_udaf;
use datafusion::functions_aggregate::bool_and_or::{bool_and_udaf, bool_or_udaf};
use datafusion::functions_aggregate::count::count_udaf;
use datafusion::functions_aggregate::first_last::first_value_udaf;
use datafusion::logical_expr::expr::{
    AggregateFunction, NullTreatment, Sort, WindowFunction, WindowFunctionParams,
};
use datafusion::logical_expr::planner::{PlannerResult, RawAggregateExpr, RawWindowExpr};
use datafusion::logical_expr::{
    AggregateUDF, Expr, WindowFrame, WindowFrameBound, WindowFrameUnits, WindowFunctionDefinition,
    cast, lit, when,
};

use crate::scalar::{self, plain};
use crate::variant::cast::CARRIER;
use crate::variant_rules::{array_of, object_of, sorted_array_of, union_of};

use self::folded::Fold;
use self::percentile::Between;
use self::shape::Measure;

mod collected;
mod entries;
pub(crate) mod events;
mod folded;
mod listed;
mod mode;
mod percentile;
mod placeholder;
mod renamed;
mod shape;
pub(crate) mod sketch;
mod sum;
mod top;
mod variance;
mod widened;

pub(crate) use entries::{ENTRIES, syntax};

/// The aggregates this crate adds or replaces.
pub(crate) fn all() -> Vec<Arc<AggregateUDF>> {
    let mut aggregates = vec![
        sum::sum(),
        widened::median(),
        mode::mode(),
        percentile::percentile("percentile_cont", Between::Interpolate),
        percentile::percentile("percentile_disc", Between::Choose),
        shape::shape(Measure::Skew),
        shape::shape(Measure::Kurtosis),
        folded::folded("bitmap_construct_agg", Fold::Places),
        folded::folded("bitmap_or_agg", Fold::Bitmaps),
        sketch::sketch("hll_combine", true),
    ];
    aggregates.extend(
        placeholder::NAMES
            .iter()
            .map(|name| placeholder::placeholder(name)),
    );
    aggregates.extend(crate::families::geography::aggregates());
    aggregates.extend(renamed::all());
    aggregates.extend([variance::variance(false), variance::variance(true)]);
    aggregates
}

/// DataFusion's aggregates that are Snowflake's too, under the same name.
pub(crate) const SAME: [&str; 5] = ["count", "min", "max", "any_value", "array_agg"];

/// DataFusion names `sum(x::float)` as it names `sum(x)`, and refuses both in one query.
fn name_casts(args: &mut [Expr]) -> Result<()> {
    for arg in args {
        if arg.exists(|expr| Ok(matches!(expr, Expr::Cast(_) | Expr::TryCast(_))))? {
            let name = arg.to_string();
            *arg = arg.clone().alias(name);
        }
    }
    Ok(())
}

pub(crate) fn plan_aggregate(raw: RawAggregateExpr) -> Result<PlannerResult<RawAggregateExpr>> {
    let mut raw = raw;
    name_casts(&mut raw.args)?;
    let place = Place::Group {
        filter: raw.filter.clone(),
        order_by: raw.order_by.clone(),
        nulls: raw.null_treatment,
    };
    match place.rewrite(raw.func.name(), &raw.args, raw.distinct)? {
        Some(expr) => Ok(PlannerResult::Planned(expr)),
        None => Ok(PlannerResult::Original(raw)),
    }
}

pub(crate) fn plan_window(raw: RawWindowExpr) -> Result<PlannerResult<RawWindowExpr>> {
    let mut raw = raw;
    name_casts(&mut raw.args)?;
    if raw.func_def.name() == "conditional_true_event"
        && let [condition] = raw.args.as_mut_slice()
    {
        // A number is a condition, too: zero is false.
        *condition = cast(condition.clone(), DataType::Boolean);
    }
    // https://docs.snowflake.com/en/sql-reference/functions/row_number: ORDER BY is required.
    let ranks = matches!(
        raw.func_def.name(),
        "row_number"
            | "rank"
            | "dense_rank"
            | "percent_rank"
            | "cume_dist"
            | "ntile"
            | "lag"
            | "lead"
    );
    if ranks && raw.order_by.is_empty() {
        return plan_err!(
            "{} needs ORDER BY in its OVER (…): without one any row may come first",
            raw.func_def.name().to_uppercase()
        );
    }
    let counts = matches!(
        raw.func_def.name(),
        "row_number" | "rank" | "dense_rank" | "ntile"
    );
    let place = Place::Window(Box::new(raw));
    let Place::Window(raw) = &place else {
        return plan_err!("a window function lost its window");
    };
    if counts {
        // The engine counts in unsigned numbers, which no warehouse type holds.
        let window = place.window(raw.func_def.clone(), raw.args.clone(), raw.distinct);
        return Ok(PlannerResult::Planned(cast(window, DataType::Int64)));
    }
    if let WindowFunctionDefinition::AggregateUDF(function) = &raw.func_def
        && let Some(expr) = place.rewrite(function.name(), &raw.args, raw.distinct)?
    {
        return Ok(PlannerResult::Planned(expr));
    }
    Ok(PlannerResult::Original(raw.as_ref().clone()))
}

/// What a window has when its query names no frame: from the first row to the last of equal rank.
fn is_default(frame: &WindowFrame) -> bool {
    frame.units == WindowFrameUnits::Range
        && frame.start_bound.is_unbounded()
        && frame.end_bound == WindowFrameBound::CurrentRow
}

/// Whether a frame holds the whole partition.
fn is_of_all(frame: &WindowFrame) -> bool {
    frame.start_bound.is_unbounded() && frame.end_bound.is_unbounded()
}

/// Where an aggregate stands.
enum Place {
    Group {
        filter: Option<Box<Expr>>,
        order_by: Vec<Sort>,
        nulls: Option<NullTreatment>,
    },
    Window(Box<RawWindowExpr>),
}

impl Place {
    fn call(&self, function: Arc<AggregateUDF>, args: Vec<Expr>, distinct: bool) -> Expr {
        match self {
            Self::Group {
                filter,
                order_by,
                nulls,
            } => Expr::AggregateFunction(AggregateFunction::new_udf(
                function,
                args,
                distinct,
                filter.clone(),
                order_by.clone(),
                *nulls,
            )),
            Self::Window(_) => self.window(
                WindowFunctionDefinition::AggregateUDF(function),
                args,
                distinct,
            ),
        }
    }

    fn window(&self, fun: WindowFunctionDefinition, args: Vec<Expr>, distinct: bool) -> Expr {
        let (partition_by, order_by, window_frame, filter, null_treatment) = match self {
            Self::Group { .. } => (Vec::new(), Vec::new(), WindowFrame::new(None), None, None),
            Self::Window(raw) => (
                raw.partition_by.clone(),
                raw.order_by.clone(),
                raw.window_frame.clone(),
                raw.filter.clone(),
                raw.null_treatment,
            ),
        };
        Expr::WindowFunction(Box::new(WindowFunction {
            fun,
            params: WindowFunctionParams {
                args,
                partition_by,
                order_by,
                window_frame,
                filter,
                null_treatment,
                distinct,
            },
        }))
    }

    /// The expression Snowflake's `name` is, if it is another than DataFusion's aggregate.
    fn rewrite(&self, name: &str, args: &[Expr], distinct: bool) -> Result<Option<Expr>> {
        let boolean = |expr: &Expr| cast(expr.clone(), DataType::Boolean);
        let expr = match (name, args) {
            ("avg", [value]) => scalar::call(
                match self {
                    Self::Group { .. } => "divide",
                    // Running averages have the digits of a division, those of other frames three more than
                    // their numbers.
                    Self::Window(raw) if is_default(&raw.window_frame) => "divide",
                    Self::Window(_) => "$windowed_average",
                },
                vec![
                    self.call(sum::sum(), vec![value.clone()], distinct),
                    self.call(count_udaf(), vec![value.clone()], distinct),
                ],
            )?,
            // Documented examples show the root of a variance that is rounded already.
            ("stddev" | "stddev_pop", [value]) => {
                let variance = variance::variance(name == "stddev_pop");
                let variance = self.call(variance, vec![value.clone()], distinct);
                scalar::call("sqrt", vec![variance])?
            }
            ("ratio_to_report", [value]) => scalar::call(
                "divide",
                vec![
                    value.clone(),
                    self.call(sum::sum(), vec![value.clone()], distinct),
                ],
            )?,
            ("count", [_, _, ..]) if distinct => {
                self.call(count_udaf(), vec![complete_row(args)?], true)
            }
            ("count_if", [condition]) => {
                let one = when(boolean(condition), lit(1_i64)).end()?;
                self.call(count_udaf(), vec![one], distinct)
            }
            ("booland_agg", [value]) => self.call(bool_and_udaf(), vec![boolean(value)], distinct),
            ("boolor_agg", [value]) => self.call(bool_or_udaf(), vec![boolean(value)], distinct),
            ("boolxor_agg", [value]) => {
                let value = boolean(value);
                let known = self.call(count_udaf(), vec![value.clone()], false);
                let truths = when(value, lit(1_i64)).end()?;
                let truths = self.call(count_udaf(), vec![truths], false);
                when(known.gt(lit(0_i64)), truths.eq(lit(1_i64))).end()?
            }
            ("regr_count", [y, x]) => {
                let both = complete_row(&[y.clone(), x.clone()])?;
                self.call(count_udaf(), vec![both], distinct)
            }
            ("approx_count_distinct" | "hll", [value]) => cast(
                self.call(approx_distinct_udaf(), vec![value.clone()], false),
                DataType::Int64,
            ),
            ("approx_count_distinct" | "hll", [_, _, ..]) => cast(
                self.call(approx_distinct_udaf(), vec![complete_row(args)?], false),
                DataType::Int64,
            ),
            ("hll_accumulate", [_, ..]) => {
                let complete = args.iter().map(|arg| arg.clone().is_not_null());
                let complete = complete.reduce(Expr::and).unwrap_or_else(|| lit(true));
                let hash = when(complete, scalar::call("hash", args.to_vec())?).end()?;
                self.call(sketch::sketch("hll_accumulate", false), vec![hash], false)
            }
            ("approx_percentile", [value, share]) => {
                let percentile =
                    percentile::percentile(percentile::APPROXIMATE, Between::Interpolate);
                self.call(
                    percentile,
                    vec![share.clone(), value.clone(), lit(false)],
                    distinct,
                )
            }
            ("hash_agg", [_, ..]) => {
                let hash = scalar::call("hash", args.to_vec())?;
                self.call(folded::folded("hash_agg", Fold::Hash), vec![hash], distinct)
            }
            ("listagg" | "string_agg", [value]) => self.listagg(value, lit(""), distinct)?,
            ("listagg" | "string_agg", [value, delimiter]) => {
                self.listagg(value, delimiter.clone(), distinct)?
            }
            ("array_agg" | "arrayagg", [value]) => self.array_agg(value, distinct),
            ("array_unique_agg", [value]) => array_of(self.collected(value, true)),
            ("array_union_agg", [array]) => {
                union_of(self.collected(&cast(array.clone(), CARRIER), false))
            }
            ("object_agg", [key, value]) => self.object_agg(key, value),
            ("min_by", [value, key]) => self.extreme(value, key, true)?,
            ("max_by", [value, key]) => self.extreme(value, key, false)?,
            ("min_by", [value, key, count]) => self.extremes(value, key, count, true)?,
            ("max_by", [value, key, count]) => self.extremes(value, key, count, false)?,
            ("approx_top_k", [value]) => self.top(value, lit(1_i64))?,
            ("approx_top_k", [value, count] | [value, count, _]) => {
                self.top(value, cast(count.clone(), DataType::Int64))?
            }
            (placeholder, args) if placeholder::NAMES.contains(&placeholder) => {
                return plan_err!(
                    "{} takes {} ({} given)",
                    placeholder.to_uppercase(),
                    syntax(placeholder),
                    args.len()
                );
            }
            _ => return Ok(None),
        };
        let shown: Vec<String> = args.iter().map(ToString::to_string).collect();
        Ok(Some(match self {
            // The column is called what was written, not what it is made of.
            Self::Group { .. } => expr.alias(format!("{name}({})", shown.join(","))),
            Self::Window(_) => expr,
        }))
    }

    fn array_agg(&self, value: &Expr, distinct: bool) -> Expr {
        if let Self::Group {
            filter,
            order_by,
            nulls,
        } = self
            && let [order] = order_by.as_slice()
            && distinct
            && order.expr == *value
        {
            // Distinct values are put in order when all of them are known.
            let unordered = Self::Group {
                filter: filter.clone(),
                order_by: Vec::new(),
                nulls: *nulls,
            };
            return sorted_array_of(unordered.collected(value, true), order.asc);
        }
        if let Self::Window(raw) = self
            && let [order] = raw.order_by.as_slice()
            && distinct
            && order.expr == *value
            && is_of_all(&raw.window_frame)
        {
            // WITHIN GROUP of a window over its whole partition.
            let unordered = Self::Window(Box::new(RawWindowExpr {
                order_by: Vec::new(),
                window_frame: WindowFrame::new(None),
                ..raw.as_ref().clone()
            }));
            return sorted_array_of(unordered.collected(value, true), order.asc);
        }
        array_of(self.collected(value, distinct))
    }

    /// The values that are not NULL as a list.
    fn collected(&self, value: &Expr, distinct: bool) -> Expr {
        self.narrowed(value.clone().is_not_null()).call(
            array_agg_udaf(),
            vec![value.clone()],
            distinct,
        )
    }

    fn object_agg(&self, key: &Expr, value: &Expr) -> Expr {
        let complete = key.clone().is_not_null().and(value.clone().is_not_null());
        let pair = r#struct(vec![
            cast(key.clone(), DataType::Utf8),
            cast(value.clone(), CARRIER),
        ]);
        object_of(
            self.narrowed(complete)
                .call(array_agg_udaf(), vec![pair], false),
        )
    }

    /// The texts and their keys travel as one value; over a window its own order holds.
    fn listagg(&self, value: &Expr, delimiter: Expr, distinct: bool) -> Result<Expr> {
        let text = cast(value.clone(), DataType::Utf8);
        let (place, sorts) = match self {
            Self::Group {
                filter,
                order_by,
                nulls,
            } => {
                let unordered = Self::Group {
                    filter: filter.clone(),
                    order_by: Vec::new(),
                    nulls: *nulls,
                };
                (Some(unordered), order_by.as_slice())
            }
            Self::Window(_) => (None, &[][..]),
        };
        let mut row = vec![text.clone()];
        row.extend(sorts.iter().map(|sort| sort.expr.clone()));
        let row = when(text.is_not_null(), r#struct(row)).end()?;
        let order = sorts
            .iter()
            .map(|sort| (!sort.asc, sort.nulls_first))
            .collect();
        let joined = place.as_ref().unwrap_or(self).call(
            listed::listagg(order, distinct),
            vec![row, cast(delimiter, DataType::Utf8)],
            false,
        );
        scalar::call("coalesce", vec![joined, lit("")])
    }

    /// The value beside the least or greatest key.
    fn extreme(&self, value: &Expr, key: &Expr, least: bool) -> Result<Expr> {
        let Self::Group { filter, nulls, .. } = self else {
            return plan_err!("MIN_BY and MAX_BY are not supported over a window");
        };
        let place = Self::Group {
            filter: filter.clone(),
            order_by: vec![Sort::new(key.clone(), least, false)],
            nulls: *nulls,
        };
        Ok(place.narrowed(key.clone().is_not_null()).call(
            first_value_udaf(),
            vec![value.clone()],
            false,
        ))
    }

    /// The values beside the `count` least or greatest keys, as an ARRAY.
    fn extremes(&self, value: &Expr, key: &Expr, count: &Expr, least: bool) -> Result<Expr> {
        let Self::Group { filter, nulls, .. } = self else {
            return plan_err!("MIN_BY and MAX_BY are not supported over a window");
        };
        let place = Self::Group {
            filter: filter.clone(),
            order_by: vec![Sort::new(key.clone(), least, false)],
            nulls: *nulls,
        };
        let known = place.narrowed(key.clone().is_not_null());
        let all = array_of(known.collected(value, false));
        scalar::call("array_slice", vec![all, lit(0_i64), count.clone()])
    }

    /// The most frequent values with their counts.
    fn top(&self, value: &Expr, count: Expr) -> Result<Expr> {
        let value = cast(value.clone(), CARRIER);
        let top = self.call(top::approx_top_k(), vec![value, count], false);
        scalar::call("to_array", vec![top])
    }

    /// This place with one more condition on its rows.
    fn narrowed(&self, condition: Expr) -> Self {
        let both = |filter: &Option<Box<Expr>>| match filter {
            Some(filter) => Some(Box::new(filter.as_ref().clone().and(condition.clone()))),
            None => Some(Box::new(condition.clone())),
        };
        match self {
            Self::Group {
                filter,
                order_by,
                nulls,
            } => Self::Group {
                filter: both(filter),
                order_by: order_by.clone(),
                nulls: *nulls,
            },
            Self::Window(raw) => Self::Window(Box::new(RawWindowExpr {
                filter: both(&raw.filter),
                ..raw.as_ref().clone()
            })),
        }
    }
}

/// The type in which an aggregate of numbers takes values of another: exact numbers stay so. Truth values, dates,
/// times and bytes are no numbers there.
fn number_type(function: &str, value: &DataType) -> Result<DataType> {
    Ok(match plain(value) {
        DataType::Null => DataType::Int64,
        exact @ (DataType::Int64 | DataType::Decimal128(..)) => exact,
        DataType::Float64 | DataType::Utf8 | DataType::LargeUtf8 => DataType::Float64,
        other => return plan_err!("{} takes a number, not {other}", function.to_uppercase()),
    })
}

/// Several columns as one value, null as soon as one of them is.
fn complete_row(columns: &[Expr]) -> Result<Expr> {
    let complete = columns
        .iter()
        .map(|column| column.clone().is_not_null())
        .reduce(Expr::and)
        .unwrap_or_else(|| lit(true));
    when(complete, r#struct(columns.to_vec())).end()
}
