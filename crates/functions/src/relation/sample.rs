//! `SAMPLE` and `TABLESAMPLE`: each row with a probability, or a fixed number of rows.
//!
//! <https://docs.snowflake.com/en/sql-reference/constructs/sample>. A block is one row here, so SYSTEM
//! samples like BERNOULLI. With a seed, the same rows of an unchanged table are drawn each time: a row
//! is drawn by the hash of its values, and equal rows are told apart by their number among themselves.

use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array};
use arrow::datatypes::DataType;
use datafusion::common::hash_utils::{QualityRandomState, create_hashes};
use datafusion::common::{DFSchema, Result, ScalarValue, not_impl_err, plan_err};
use datafusion::functions::math::random;
use datafusion::functions_window::expr_fn::row_number;
use datafusion::logical_expr::planner::{
    PlannedRelation, RelationPlanner, RelationPlannerContext, RelationPlanning,
};
use datafusion::logical_expr::{
    ColumnarValue, Expr, ExprFunctionExt, LogicalPlan, LogicalPlanBuilder, ScalarFunctionArgs,
    ScalarUDF, ScalarUDFImpl, Signature, Volatility, ident, lit,
};
use datafusion::sql::sqlparser::ast::{
    TableFactor, TableSample, TableSampleKind, TableSampleMethod, TableSampleUnit, Value,
};

use super::{qualified, reference};

/// More rows than Snowflake draws.
const MOST_ROWS: i64 = 1_000_000;

/// The number of a row among its equals, in the plan of a seeded sample.
const NUMBER: &str = "$number";

/// Plans tables and subqueries with a sample clause.
#[derive(Debug)]
pub(super) struct Sample;

impl RelationPlanner for Sample {
    fn plan_relation(
        &self,
        relation: TableFactor,
        context: &mut dyn RelationPlannerContext,
    ) -> Result<RelationPlanning> {
        let mut relation = relation;
        let sample = match &mut relation {
            TableFactor::Table { sample, .. } | TableFactor::Derived { sample, .. } => {
                sample.take()
            }
            _ => None,
        };
        let Some(
            TableSampleKind::BeforeTableAlias(sample) | TableSampleKind::AfterTableAlias(sample),
        ) = sample
        else {
            return Ok(RelationPlanning::Original(Box::new(relation)));
        };
        let plan = context.plan(relation)?;
        let plan = draw(plan, &sample, context)?;
        Ok(RelationPlanning::Planned(Box::new(PlannedRelation::new(
            plan, None,
        ))))
    }
}

fn draw(
    plan: LogicalPlan,
    sample: &TableSample,
    context: &mut dyn RelationPlannerContext,
) -> Result<LogicalPlan> {
    let TableSample {
        modifier: _,
        name,
        quantity,
        seed,
        bucket,
        offset,
    } = sample;
    let (Some(quantity), None, None) = (quantity, bucket, offset) else {
        return not_impl_err!("SAMPLE takes a probability or a number of rows");
    };
    let value = context.sql_to_expr(quantity.value.clone(), &DFSchema::empty())?;
    let seed = match seed.as_ref().map(|seed| &seed.value.value) {
        None => None,
        Some(Value::Number(number, _)) => match number.parse::<u32>() {
            Ok(seed) if i32::try_from(seed).is_ok() => Some(seed),
            _ => return plan_err!("The seed of SAMPLE lies between 0 and 2147483647"),
        },
        Some(other) => return plan_err!("The seed of SAMPLE is a whole number, not {other}"),
    };
    match quantity.unit {
        Some(TableSampleUnit::Rows) => {
            let blocks = matches!(
                name,
                Some(TableSampleMethod::System | TableSampleMethod::Block)
            );
            if blocks || seed.is_some() {
                return plan_err!("SAMPLE of a number of rows takes neither SYSTEM nor SEED");
            }
            let rows = match number(&value) {
                Some(ScalarValue::Int64(Some(rows))) if (0..=MOST_ROWS).contains(&rows) => rows,
                _ => return plan_err!("SAMPLE takes 0 to {MOST_ROWS} rows, not {value}"),
            };
            fixed(plan, usize::try_from(rows).unwrap_or_default())
        }
        Some(TableSampleUnit::Percent) | None => {
            let percent = match number(&value).map(|value| value.cast_to(&DataType::Float64)) {
                Some(Ok(ScalarValue::Float64(Some(percent))))
                    if (0.0..=100.0).contains(&percent) =>
                {
                    percent
                }
                _ => return plan_err!("SAMPLE takes a probability from 0 to 100, not {value}"),
            };
            likely(plan, percent / 100.0, seed)
        }
    }
}

fn number(expr: &Expr) -> Option<ScalarValue> {
    match expr {
        Expr::Literal(value, _) if value.data_type().is_numeric() => Some(value.clone()),
        Expr::Cast(cast) => number(&cast.expr),
        _ => None,
    }
}

/// `rows` rows, whichever they are.
fn fixed(plan: LogicalPlan, rows: usize) -> Result<LogicalPlan> {
    let columns: Vec<Expr> = qualified(plan.schema()).iter().map(reference).collect();
    let mut drawn = columns.clone();
    drawn.push(random().call(Vec::new()).alias(NUMBER));
    LogicalPlanBuilder::from(plan)
        .project(drawn)?
        .sort_with_limit(vec![ident(NUMBER).sort(true, false)], Some(rows))?
        .limit(0, Some(rows))?
        .project(columns)?
        .build()
}

/// Each row with `probability`.
fn likely(plan: LogicalPlan, probability: f64, seed: Option<u32>) -> Result<LogicalPlan> {
    let Some(seed) = seed else {
        return LogicalPlanBuilder::from(plan)
            .filter(random().call(Vec::new()).lt(lit(probability)))?
            .build();
    };
    let columns: Vec<Expr> = qualified(plan.schema()).iter().map(reference).collect();
    let numbered = row_number()
        .partition_by(columns.clone())
        .build()?
        .alias(NUMBER);
    let mut arguments = vec![lit(i64::from(seed)), ident(NUMBER)];
    arguments.extend(columns.iter().cloned());
    LogicalPlanBuilder::from(plan)
        .window(vec![numbered])?
        .filter(position().call(arguments).lt(lit(probability)))?
        .project(columns)?
        .build()
}

/// Where a row lies between 0 and 1, by the seed and its values.
fn position() -> ScalarUDF {
    ScalarUDF::new_from_impl(Position {
        signature: Signature::variadic_any(Volatility::Immutable),
    })
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Position {
    signature: Signature,
}

impl ScalarUDFImpl for Position {
    fn name(&self) -> &str {
        "$position"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Float64)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let arrays: Vec<ArrayRef> = ColumnarValue::values_to_arrays(&args.args)?;
        let rows = args.number_rows;
        let arrays = arrays
            .into_iter()
            .map(|array| match array.len() {
                len if len == rows => Ok(array),
                _ => ScalarValue::try_from_array(&array, 0)?.to_array_of_size(rows),
            })
            .collect::<Result<Vec<ArrayRef>>>()?;
        let mut hashes = vec![0_u64; rows];
        create_hashes(&arrays, &QualityRandomState::with_seed(0), &mut hashes)?;
        let positions: Float64Array = hashes.into_iter().map(|hash| Some(unit(hash))).collect();
        Ok(ColumnarValue::Array(Arc::new(positions)))
    }
}

/// The upper 53 bits of a hash, as a fraction.
#[allow(clippy::cast_precision_loss)]
fn unit(hash: u64) -> f64 {
    (hash >> 11) as f64 / (1_u64 << 53) as f64
}
