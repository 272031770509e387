//! MERGE: planned by DataFusion, carried out by the Delta library in the run's overlay.

use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{Column, TableReference};
use datafusion::dataframe::DataFrame;
use datafusion::logical_expr::dml::{MergeIntoAction, MergeIntoClause, MergeIntoClauseKind};
use datafusion::logical_expr::{Expr, LogicalPlan, WriteOp};
use deltalake::operations::merge::MergeBuilder;
use diagnostic::Result;
use engine::{Outcome, Session};
use sqlparser::ast::Statement;

use super::{unsupported, writable};
use crate::Embedded;
use crate::failure::{explain, explain_delta};
use crate::names::planned;

/// Qualifiers the Delta library's plan knows the two sides by.
const TARGET: &str = "__target";
const SOURCE: &str = "__source";

pub(super) async fn run(
    engine: &Embedded,
    session: &Session,
    statement: Statement,
) -> Result<Outcome> {
    let text = statement.to_string();
    let LogicalPlan::Dml(dml) = engine.plan(session, statement).await? else {
        return Err(unsupported(&text));
    };
    let WriteOp::MergeInto(merge) = &dml.op else {
        return Err(unsupported(&text));
    };
    let name = planned(session, &dml.table_name);
    let workspace = engine.workspace();
    writable(workspace, &name)?;
    let table = workspace.table_to_write(&name).await?;
    let state = engine.state(session);
    let source = DataFrame::new(state.clone(), dml.input.as_ref().clone());
    let sides = Sides {
        target: dml.table_name.clone(),
    };
    let mut builder = table
        .delta()
        .clone()
        .merge(source, sides.requalify(merge.on.clone())?)
        .with_source_alias(SOURCE)
        .with_target_alias(TARGET)
        .with_session_state(Arc::new(state));
    for clause in &merge.clauses {
        builder = sides.add(builder, clause)?;
    }
    let (delta, metrics) = builder.await.map_err(explain_delta)?;
    workspace.stage_table(&name, &table.at(delta), &[])?;
    Ok(Outcome::Changed {
        inserted: count(metrics.num_target_rows_inserted),
        updated: count(metrics.num_target_rows_updated),
        deleted: count(metrics.num_target_rows_deleted),
    })
}

fn count(rows: usize) -> u64 {
    u64::try_from(rows).unwrap_or(u64::MAX)
}

struct Sides {
    target: TableReference,
}

impl Sides {
    /// Lets `expr` name the two sides as the Delta library does.
    fn requalify(&self, expr: Expr) -> Result<Expr> {
        expr.transform(|node| match node {
            Expr::Column(column) => {
                let target = column
                    .relation
                    .as_ref()
                    .is_some_and(|relation| relation.resolved_eq(&self.target));
                let side = if target { TARGET } else { SOURCE };
                Ok(Transformed::yes(Expr::Column(Column::new(
                    Some(side),
                    column.name,
                ))))
            }
            other => Ok(Transformed::no(other)),
        })
        .map(|done| done.data)
        .map_err(explain)
    }

    fn add(&self, builder: MergeBuilder, clause: &MergeIntoClause) -> Result<MergeBuilder> {
        let predicate = clause
            .predicate
            .clone()
            .map(|predicate| self.requalify(predicate))
            .transpose()?;
        let built = match (clause.kind.canonical(), &clause.action) {
            (MergeIntoClauseKind::Matched, MergeIntoAction::Update(assignments)) => {
                let assignments = self.assignments(assignments)?;
                builder.when_matched_update(|mut update| {
                    if let Some(predicate) = predicate {
                        update = update.predicate(predicate);
                    }
                    assignments
                        .into_iter()
                        .fold(update, |update, (column, value)| {
                            update.update(column, value)
                        })
                })
            }
            (MergeIntoClauseKind::Matched, MergeIntoAction::Delete) => {
                builder.when_matched_delete(|delete| match predicate {
                    Some(predicate) => delete.predicate(predicate),
                    None => delete,
                })
            }
            (
                MergeIntoClauseKind::NotMatchedByTarget,
                MergeIntoAction::Insert { columns, values },
            ) => {
                let pairs: Vec<_> = columns
                    .iter()
                    .cloned()
                    .zip(values.iter().cloned())
                    .collect();
                let pairs = self.assignments(&pairs)?;
                builder.when_not_matched_insert(|mut insert| {
                    if let Some(predicate) = predicate {
                        insert = insert.predicate(predicate);
                    }
                    pairs
                        .into_iter()
                        .fold(insert, |insert, (column, value)| insert.set(column, value))
                })
            }
            _ => return Err(unsupported(&"this WHEN clause of MERGE")),
        };
        built.map_err(explain_delta)
    }

    fn assignments(&self, pairs: &[(String, Expr)]) -> Result<Vec<(Column, Expr)>> {
        pairs
            .iter()
            .map(|(column, value)| {
                Ok((
                    Column::new(Some(TARGET), column),
                    self.requalify(value.clone())?,
                ))
            })
            .collect()
    }
}
