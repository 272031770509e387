//! INSERT, and UPDATE, DELETE and TRUNCATE as rewrites of a table.

use std::sync::Arc;

use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::dataframe::DataFrame;
use datafusion::logical_expr::dml::InsertOp;
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, WriteOp, when};
use datafusion::prelude::lit;
use diagnostic::{Result, ResultExt, codes};
use engine::{Outcome, Session};
use lake::{Commit, Operation};
use model::RelationName;
use sqlparser::ast::Statement;

use super::{unsupported, writable};
use crate::Embedded;
use crate::failure::explain;
use crate::names::planned;
use crate::write::write_plan;

pub(super) async fn insert(
    engine: &Embedded,
    session: &Session,
    statement: Statement,
) -> Result<Outcome> {
    let text = statement.to_string();
    let LogicalPlan::Dml(dml) = engine.plan(session, statement).await? else {
        return Err(unsupported(&text));
    };
    let name = planned(session, &dml.table_name);
    writable(engine.workspace(), &name)?;
    let WriteOp::Insert(op) = &dml.op else {
        return Err(unsupported(&text));
    };
    let operation = match op {
        InsertOp::Append => Operation::Append,
        InsertOp::Overwrite => Operation::Overwrite,
        InsertOp::Replace => return Err(unsupported(&text)),
    };
    let rows = replace_rows(engine, session, &name, &dml.input, operation).await?;
    Ok(Outcome::Changed {
        inserted: rows,
        updated: 0,
        deleted: 0,
    })
}

/// Writes the rows of `plan` to `name`, beside its rows or instead of them.
async fn replace_rows(
    engine: &Embedded,
    session: &Session,
    name: &RelationName,
    plan: &LogicalPlan,
    operation: Operation,
) -> Result<u64> {
    let workspace = engine.workspace();
    let table = workspace.table_to_write(name).await?;
    let folder = workspace.folder(&table);
    let written = write_plan(&engine.state(session), plan, &folder, Some(table.schema()?)).await?;
    let rows = written.rows();
    let mut commit = Commit::new(operation);
    commit.remove_all = operation == Operation::Overwrite;
    commit.add = written.files;
    if !(commit.add.is_empty() && operation == Operation::Append) {
        workspace.stage_table(name, &table.commit(&commit).await?, &[])?;
    }
    Ok(rows)
}

/// UPDATE, DELETE, TRUNCATE: the table's next version is the query of the rows that stay.
pub(super) async fn rewrite(
    engine: &Embedded,
    session: &Session,
    statement: Statement,
) -> Result<Outcome> {
    if let Statement::Truncate(truncate) = &statement {
        let [target] = truncate.table_names.as_slice() else {
            return Err(unsupported(&statement));
        };
        let name = crate::names::relation(session, &target.name)?;
        writable(engine.workspace(), &name)?;
        let table = engine.workspace().table_to_write(&name).await?;
        let deleted = table
            .files()
            .await?
            .iter()
            .filter_map(|file| file.rows)
            .sum();
        let mut commit = Commit::new(Operation::Overwrite);
        commit.remove_all = true;
        engine
            .workspace()
            .stage_table(&name, &table.commit(&commit).await?, &[])?;
        return Ok(Outcome::Changed {
            inserted: 0,
            updated: 0,
            deleted,
        });
    }
    let text = statement.to_string();
    let LogicalPlan::Dml(dml) = engine.plan(session, statement).await? else {
        return Err(unsupported(&text));
    };
    let name = planned(session, &dml.table_name);
    writable(engine.workspace(), &name)?;
    let affected = count(engine, session, &dml.input).await?;
    if affected == 0 {
        return Ok(Outcome::Changed {
            inserted: 0,
            updated: 0,
            deleted: 0,
        });
    }
    let (base, predicate) = parts(&dml.input, &text)?;
    match dml.op {
        WriteOp::Delete => {
            let stays = predicate.clone().is_not_true();
            let plan = build(LogicalPlanBuilder::from(base).filter(stays))?;
            replace_rows(engine, session, &name, &plan, Operation::Overwrite).await?;
            Ok(Outcome::Changed {
                inserted: 0,
                updated: 0,
                deleted: affected,
            })
        }
        WriteOp::Update => {
            let LogicalPlan::Projection(assigned) = dml.input.as_ref() else {
                return Err(unsupported(&text));
            };
            let columns = base.schema().columns();
            let changed = assigned
                .expr
                .iter()
                .zip(columns)
                .map(|(value, column)| {
                    let kept = Expr::Column(column.clone());
                    when(predicate.clone(), value.clone().unalias())
                        .otherwise(kept)
                        .map(|chosen| chosen.alias(&column.name))
                        .map_err(explain)
                })
                .collect::<Result<Vec<_>>>()?;
            let plan = build(LogicalPlanBuilder::from(base).project(changed))?;
            replace_rows(engine, session, &name, &plan, Operation::Overwrite).await?;
            Ok(Outcome::Changed {
                inserted: 0,
                updated: affected,
                deleted: 0,
            })
        }
        _ => Err(unsupported(&text)),
    }
}

fn build(builder: datafusion::error::Result<LogicalPlanBuilder>) -> Result<LogicalPlan> {
    builder.and_then(LogicalPlanBuilder::build).map_err(explain)
}

/// The scan below an UPDATE's or DELETE's input, and the condition on its rows.
fn parts(input: &LogicalPlan, text: &str) -> Result<(LogicalPlan, Expr)> {
    let mut predicate = lit(true);
    let mut base = None;
    input
        .apply(|node| {
            match node {
                LogicalPlan::Filter(filter) => predicate = filter.predicate.clone(),
                LogicalPlan::Projection(_) => {}
                other => {
                    base = Some(other.clone());
                    return Ok(TreeNodeRecursion::Stop);
                }
            }
            Ok(TreeNodeRecursion::Continue)
        })
        .map_err(explain)?;
    match base {
        Some(base @ (LogicalPlan::TableScan(_) | LogicalPlan::SubqueryAlias(_))) => {
            Ok((base, predicate))
        }
        _ => Err(unsupported(&text)),
    }
}

async fn count(engine: &Embedded, session: &Session, plan: &Arc<LogicalPlan>) -> Result<u64> {
    let frame = DataFrame::new(engine.state(session), plan.as_ref().clone());
    let rows = frame.count().await.map_err(explain)?;
    u64::try_from(rows).explain(codes::X0001, || "A count is out of range".to_owned())
}
