//! `VALUES` in FROM: its rows meet in one type as those of UNION do, before anything is computed of them.
//!
//! <https://docs.snowflake.com/en/sql-reference/constructs/values>

use datafusion::common::{DFSchema, Result};
use datafusion::logical_expr::planner::{
    PlannedRelation, RelationPlanner, RelationPlannerContext, RelationPlanning,
};
use datafusion::logical_expr::{Expr, ExprSchemable, LogicalPlanBuilder};
use datafusion::sql::sqlparser::ast::{SetExpr, TableFactor};

use crate::coercion::{brought, merged};

/// Plans VALUES.
#[derive(Debug)]
pub(super) struct Values;

impl RelationPlanner for Values {
    fn plan_relation(
        &self,
        relation: TableFactor,
        context: &mut dyn RelationPlannerContext,
    ) -> Result<RelationPlanning> {
        let (subquery, alias) = match relation {
            TableFactor::Derived {
                lateral: false,
                subquery,
                alias,
                sample: None,
            } if subquery.with.is_none()
                && subquery.order_by.is_none()
                && subquery.limit_clause.is_none() =>
            {
                (subquery, alias)
            }
            other => return Ok(RelationPlanning::Original(Box::new(other))),
        };
        let SetExpr::Values(values) = subquery.body.as_ref() else {
            return Ok(RelationPlanning::Original(Box::new(TableFactor::Derived {
                lateral: false,
                subquery,
                alias,
                sample: None,
            })));
        };
        let none = DFSchema::empty();
        let mut rows = Vec::with_capacity(values.rows.len());
        for row in &values.rows {
            let cells = row.content.iter().cloned();
            let cells = cells.map(|cell| context.sql_to_expr(cell, &none));
            rows.push(cells.collect::<Result<Vec<Expr>>>()?);
        }
        let width = rows.iter().map(Vec::len).max().unwrap_or(0);
        for at in 0..width {
            let types = rows.iter().filter_map(|row| row.get(at));
            let types: Vec<_> = types
                .map(|cell| cell.get_type(&none))
                .collect::<Result<_>>()?;
            let Some(kind) = merged(&types)? else {
                continue;
            };
            for cell in rows.iter_mut().filter_map(|row| row.get_mut(at)) {
                *cell = brought(std::mem::take(cell), &kind, &none)?;
            }
        }
        let plan = LogicalPlanBuilder::values(rows)?.build()?;
        Ok(RelationPlanning::Planned(Box::new(PlannedRelation::new(
            plan, alias,
        ))))
    }
}
