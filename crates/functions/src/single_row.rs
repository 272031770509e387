//! Correlated scalar subqueries that do not aggregate: at most one row, and more are an error when the
//! statement runs (<https://docs.snowflake.com/en/user-guide/querying-subqueries>). DataFusion joins
//! aggregates only, so they become one that takes the only value.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{DataType, Field, FieldRef, Int64Type};
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{Result, ScalarValue, exec_err, internal_err, plan_err};
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, Expr, FetchType, LogicalPlan, LogicalPlanBuilder,
    Signature, Subquery, Volatility,
};
use datafusion::optimizer::AnalyzerRule;

/// Makes aggregates of correlated scalar subqueries that are none.
#[derive(Debug)]
pub(crate) struct SingleRow;

impl AnalyzerRule for SingleRow {
    fn name(&self) -> &str {
        "snowflake_single_row"
    }

    fn analyze(&self, plan: LogicalPlan, _: &ConfigOptions) -> Result<LogicalPlan> {
        let rewritten = plan.transform_up_with_subqueries(|plan| {
            plan.map_expressions(|expr| {
                expr.transform_up(|expr| match expr {
                    Expr::ScalarSubquery(subquery) if may_give_rows(&subquery) => {
                        only_row(subquery).map(Transformed::yes)
                    }
                    other => Ok(Transformed::no(other)),
                })
            })
        })?;
        Ok(rewritten.data)
    }
}

fn may_give_rows(subquery: &Subquery) -> bool {
    if subquery.outer_ref_columns.is_empty() || subquery.subquery.schema().fields().len() != 1 {
        return false;
    }
    let mut plan = subquery.subquery.as_ref();
    loop {
        plan = match plan {
            LogicalPlan::Projection(projection) => &projection.input,
            LogicalPlan::SubqueryAlias(alias) => &alias.input,
            LogicalPlan::Filter(filter) => &filter.input,
            LogicalPlan::Aggregate(aggregate) => return !aggregate.group_expr.is_empty(),
            LogicalPlan::Limit(limit) => {
                let fetched = limit.get_fetch_type();
                return !matches!(fetched, Ok(FetchType::Literal(Some(0 | 1))));
            }
            LogicalPlan::EmptyRelation(_) => return false,
            _ => return true,
        }
    }
}

fn only_row(subquery: Subquery) -> Result<Expr> {
    let Subquery {
        subquery,
        outer_ref_columns,
        spans,
    } = subquery;
    let mut columns = subquery.schema().columns();
    let Some(column) = columns.pop() else {
        return plan_err!("A scalar subquery gives one column");
    };
    let name = column.name.clone();
    let only = AggregateUDF::new_from_impl(Only {
        signature: Signature::any(1, Volatility::Immutable),
    })
    .call(vec![Expr::Column(column)]);
    let plan = LogicalPlanBuilder::from(Arc::unwrap_or_clone(subquery))
        .aggregate(Vec::<Expr>::new(), vec![only.alias(name)])?
        .build()?;
    Ok(Expr::ScalarSubquery(Subquery {
        subquery: Arc::new(plan),
        outer_ref_columns,
        spans,
    }))
}

/// The only value of a group; NULL without one, an error with more.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Only {
    signature: Signature,
}

impl AggregateUDFImpl for Only {
    fn name(&self) -> &str {
        "$only"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        match types {
            [value] => Ok(value.clone()),
            _ => internal_err!("$only takes one value"),
        }
    }

    fn accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        Ok(Box::new(Taken {
            value: ScalarValue::try_from(args.return_field.data_type())?,
            rows: 0,
        }))
    }

    fn state_fields(&self, args: StateFieldsArgs) -> Result<Vec<FieldRef>> {
        Ok(vec![
            Arc::new(Field::new("value", args.return_type().clone(), true)),
            Arc::new(Field::new("rows", DataType::Int64, false)),
        ])
    }
}

#[derive(Debug)]
struct Taken {
    value: ScalarValue,
    rows: i64,
}

impl Taken {
    fn take(&mut self, values: &ArrayRef, row: usize, rows: i64) -> Result<()> {
        if rows == 0 {
            return Ok(());
        }
        self.rows += rows;
        if self.rows > 1 {
            return exec_err!("Single-row subquery returns more than one row");
        }
        self.value = ScalarValue::try_from_array(values, row)?;
        Ok(())
    }
}

impl Accumulator for Taken {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        match values {
            [values] => (0..values.len()).try_for_each(|row| self.take(values, row, 1)),
            _ => internal_err!("$only takes one value"),
        }
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        let [values, rows] = states else {
            return internal_err!("$only keeps a value and a number of rows");
        };
        let rows = rows.as_primitive::<Int64Type>();
        (0..values.len()).try_for_each(|row| self.take(values, row, rows.value(row)))
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        Ok(vec![
            self.value.clone(),
            ScalarValue::Int64(Some(self.rows)),
        ])
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        Ok(self.value.clone())
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.value.size()
    }
}
