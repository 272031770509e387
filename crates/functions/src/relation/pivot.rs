//! `PIVOT`: the values of one column become columns, each aggregating the rows that have the value.
//!
//! <https://docs.snowflake.com/en/sql-reference/constructs/pivot>. The values are written as a list
//! here; whoever runs statements replaces ANY and subqueries by one.

use std::ops::ControlFlow;

use datafusion::common::{Result, not_impl_err, plan_err};
use datafusion::functions::core::expr_fn::coalesce;
use datafusion::logical_expr::planner::{
    PlannedRelation, RelationPlanner, RelationPlannerContext, RelationPlanning,
};
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, ident};
use datafusion::sql::sqlparser::ast::helpers::attached_token::AttachedToken;
use datafusion::sql::sqlparser::ast::{
    BinaryOperator, CaseWhen, Expr as SqlExpr, ExprWithAlias, Function, FunctionArg,
    FunctionArgExpr, FunctionArguments, PivotValueSource, TableFactor, Value,
    visit_expressions_mut,
};

use super::{qualified, reads, reference};

/// The aggregates Snowflake pivots with.
const AGGREGATES: [&str; 5] = ["AVG", "COUNT", "MAX", "MIN", "SUM"];

/// Plans `… PIVOT (…)`.
#[derive(Debug)]
pub(super) struct Pivot;

impl RelationPlanner for Pivot {
    fn plan_relation(
        &self,
        relation: TableFactor,
        context: &mut dyn RelationPlannerContext,
    ) -> Result<RelationPlanning> {
        let TableFactor::Pivot {
            table,
            aggregate_functions,
            value_column,
            value_source,
            default_on_null,
            alias,
        } = relation
        else {
            return Ok(RelationPlanning::Original(Box::new(relation)));
        };
        let [aggregate] = aggregate_functions.as_slice() else {
            return not_impl_err!("PIVOT with several aggregates");
        };
        let [column] = value_column.as_slice() else {
            return not_impl_err!("PIVOT by several columns");
        };
        let PivotValueSource::List(values) = value_source else {
            return not_impl_err!("PIVOT by the values of a query in this place");
        };
        let input = context.plan(*table)?;
        let pivot = Spread {
            aggregate,
            column,
            values: &values,
            default: default_on_null.as_ref(),
            renamed: alias
                .as_ref()
                .is_some_and(|alias| !alias.columns.is_empty()),
        };
        let plan = pivot.plan(input, context)?;
        Ok(RelationPlanning::Planned(Box::new(PlannedRelation::new(
            plan, alias,
        ))))
    }
}

struct Spread<'a> {
    aggregate: &'a ExprWithAlias,
    column: &'a SqlExpr,
    values: &'a [ExprWithAlias],
    default: Option<&'a SqlExpr>,
    /// Whether a list behind the alias names all columns, so that those of a value may repeat.
    renamed: bool,
}

impl Spread<'_> {
    fn plan(
        &self,
        input: LogicalPlan,
        context: &mut dyn RelationPlannerContext,
    ) -> Result<LogicalPlan> {
        let schema = input.schema().as_ref().clone();
        let (function, argument) = aggregated(&self.aggregate.expr)?;
        let by = context.sql_to_expr(self.column.clone(), &schema)?;
        let summed = context.sql_to_expr(argument.clone(), &schema)?;
        let groups: Vec<Expr> = qualified(&schema)
            .iter()
            .filter(|column| !reads(&by, column) && !reads(&summed, column))
            .map(reference)
            .collect();
        let mut aggregates = Vec::new();
        let mut outputs = groups.clone();
        for (position, value) in self.values.iter().enumerate() {
            let call = only_where(function, argument, self.matches(&value.expr));
            let hidden = format!("$pivot{position}");
            aggregates.push(context.sql_to_expr(call, &schema)?.alias(&hidden));
            let cell = match self.default {
                Some(default) => {
                    let default = context.sql_to_expr(default.clone(), &schema)?;
                    coalesce(vec![ident(&hidden), default])
                }
                None => ident(&hidden),
            };
            let name = column_name(value)?;
            let repeated = || schema.fields().iter().any(|field| *field.name() == name);
            outputs.push(match self.renamed && repeated() {
                true => cell.alias(&hidden),
                false => cell.alias(name),
            });
        }
        LogicalPlanBuilder::from(input)
            .aggregate(groups, aggregates)?
            .project(outputs)?
            .build()
    }

    fn matches(&self, value: &SqlExpr) -> SqlExpr {
        let column = Box::new(self.column.clone());
        match value {
            SqlExpr::Value(null) if null.value == Value::Null => SqlExpr::IsNull(column),
            value => SqlExpr::BinaryOp {
                left: column,
                op: BinaryOperator::Eq,
                right: Box::new(value.clone()),
            },
        }
    }
}

/// The aggregate's call and its only argument.
fn aggregated(expr: &SqlExpr) -> Result<(&Function, &SqlExpr)> {
    let SqlExpr::Function(function) = expr else {
        return plan_err!("PIVOT takes an aggregate of a column, not {expr}");
    };
    let name = function.name.to_string().to_uppercase();
    if !AGGREGATES.contains(&name.as_str()) {
        return plan_err!("PIVOT takes AVG, COUNT, MAX, MIN or SUM, not {name}");
    }
    let FunctionArguments::List(list) = &function.args else {
        return plan_err!("PIVOT takes an aggregate of a column, not {expr}");
    };
    match list.args.as_slice() {
        [FunctionArg::Unnamed(FunctionArgExpr::Expr(argument))] => Ok((function, argument)),
        _ => plan_err!("PIVOT takes an aggregate of a column, not {expr}"),
    }
}

/// The aggregate over the rows for which `condition` holds.
fn only_where(function: &Function, argument: &SqlExpr, condition: SqlExpr) -> SqlExpr {
    let mut function = function.clone();
    let case = SqlExpr::Case {
        case_token: AttachedToken::empty(),
        end_token: AttachedToken::empty(),
        operand: None,
        conditions: vec![CaseWhen {
            condition,
            result: argument.clone(),
        }],
        else_result: None,
    };
    if let FunctionArguments::List(list) = &mut function.args {
        list.args = vec![FunctionArg::Unnamed(FunctionArgExpr::Expr(case))];
    }
    SqlExpr::Function(function)
}

/// What the column of a value is called: its alias, or the value as it is written.
fn column_name(value: &ExprWithAlias) -> Result<String> {
    if let Some(alias) = &value.alias {
        return Ok(alias.value.clone());
    }
    let mut expr = value.expr.clone();
    let mut constant = true;
    let _: ControlFlow<()> = visit_expressions_mut(&mut expr, |part| {
        constant &= !matches!(
            part,
            SqlExpr::Identifier(_) | SqlExpr::CompoundIdentifier(_) | SqlExpr::Subquery(_)
        );
        ControlFlow::Continue(())
    });
    match constant {
        true => Ok(value.expr.to_string()),
        false => plan_err!("PIVOT takes constant values, not {}", value.expr),
    }
}
