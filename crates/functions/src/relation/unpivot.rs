//! `UNPIVOT`: columns become rows of their names and values.
//!
//! <https://docs.snowflake.com/en/sql-reference/constructs/unpivot>

use arrow::datatypes::DataType;
use datafusion::common::{Column, Result, UnnestOptions, plan_err};
use datafusion::functions_nested::expr_fn::make_array;
use datafusion::logical_expr::planner::{
    PlannedRelation, RelationPlanner, RelationPlannerContext, RelationPlanning,
};
use datafusion::logical_expr::{
    Expr, ExprSchemable, LogicalPlan, LogicalPlanBuilder, cast, ident, lit,
};
use datafusion::sql::sqlparser::ast::{
    Expr as SqlExpr, ExprWithAlias, Ident, NullInclusion, TableFactor,
};

use super::{qualified, reads, reference};
use crate::scalar::common_type;

/// Plans `… UNPIVOT (…)`.
#[derive(Debug)]
pub(super) struct Unpivot;

impl RelationPlanner for Unpivot {
    fn plan_relation(
        &self,
        relation: TableFactor,
        context: &mut dyn RelationPlannerContext,
    ) -> Result<RelationPlanning> {
        let TableFactor::Unpivot {
            table,
            value,
            name,
            columns,
            null_inclusion,
            alias,
        } = relation
        else {
            return Ok(RelationPlanning::Original(Box::new(relation)));
        };
        let SqlExpr::Identifier(value) = value else {
            return plan_err!("UNPIVOT gives its values one name, not {value}");
        };
        let input = context.plan(*table)?;
        let nulls = null_inclusion == Some(NullInclusion::IncludeNulls);
        let plan = turn(input, &value, &name, &columns, nulls, context)?;
        Ok(RelationPlanning::Planned(Box::new(PlannedRelation::new(
            plan, alias,
        ))))
    }
}

fn turn(
    input: LogicalPlan,
    value: &Ident,
    name: &Ident,
    columns: &[ExprWithAlias],
    nulls: bool,
    context: &mut dyn RelationPlannerContext,
) -> Result<LogicalPlan> {
    let schema = input.schema().as_ref().clone();
    let mut values = Vec::new();
    let mut names = Vec::new();
    for column in columns {
        let expr = context.sql_to_expr(column.expr.clone(), &schema)?;
        let Expr::Column(found) = &expr else {
            return plan_err!("UNPIVOT takes columns, not {}", column.expr);
        };
        let shown = column.alias.as_ref().map_or(&found.name, |a| &a.value);
        names.push(lit(shown.as_str()));
        values.push(expr);
    }
    let types = values
        .iter()
        .map(|value| value.get_type(&schema))
        .collect::<Result<Vec<DataType>>>()?;
    let common = common_type(&types)?;
    if types
        .iter()
        .any(|kind| same_kind(kind) != same_kind(&common))
    {
        return plan_err!("The columns of UNPIVOT are of one type");
    }
    let others: Vec<Expr> = qualified(&schema)
        .iter()
        .filter(|column| !values.iter().any(|value| reads(value, column)))
        .map(reference)
        .collect();
    let values = values
        .into_iter()
        .map(|value| cast(value, common.clone()))
        .collect();
    let mut wide = others.clone();
    wide.push(make_array(names).alias("$names"));
    wide.push(make_array(values).alias("$values"));
    let long = LogicalPlanBuilder::from(input)
        .project(wide)?
        .unnest_columns_with_options(
            vec![
                Column::new_unqualified("$names"),
                Column::new_unqualified("$values"),
            ],
            UnnestOptions::new(),
        )?;
    let long = match nulls {
        true => long,
        false => long.filter(ident("$values").is_not_null())?,
    };
    let mut outputs = others;
    outputs.push(ident("$names").alias(&name.value));
    outputs.push(ident("$values").alias(&value.value));
    long.project(outputs)?.build()
}

/// Numbers are of one type for UNPIVOT, whatever their width; text and others are not.
fn same_kind(data_type: &DataType) -> DataType {
    match data_type {
        number if number.is_numeric() => DataType::Int64,
        DataType::Utf8View => DataType::Utf8,
        DataType::Timestamp(..) => DataType::Date32,
        other => other.clone(),
    }
}
