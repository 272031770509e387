//! SELECT and EXPLAIN: rows as they are produced.

use std::sync::Arc;

use datafusion::execution::TaskContext;
use datafusion::logical_expr::LogicalPlan;
use datafusion::physical_plan::execute_stream;
use diagnostic::Result;
use engine::{Outcome, Rows, Session};
use futures::StreamExt;
use sqlparser::ast::Statement;

use crate::Embedded;
use crate::failure::explain;

pub(super) async fn run(
    engine: &Embedded,
    session: &Session,
    statement: Statement,
) -> Result<Outcome> {
    let plan = engine.plan(session, statement).await?;
    stream(engine, session, &plan).await.map(Outcome::Rows)
}

async fn stream(engine: &Embedded, session: &Session, plan: &LogicalPlan) -> Result<Rows> {
    let state = engine.state(session);
    let physical = state.create_physical_plan(plan).await.map_err(explain)?;
    let context = Arc::new(TaskContext::from(&state));
    let batches = execute_stream(physical, context).map_err(explain)?;
    Ok(Rows {
        schema: batches.schema(),
        batches: batches.map(|batch| batch.map_err(explain)).boxed(),
    })
}
