//! SELECT: rows as they are produced. And the text of a query that a statement holds.

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::{Field, Schema};
use datafusion::logical_expr::{LogicalPlan, LogicalPlanBuilder};
use diagnostic::{Error, Result, ResultExt, Source, codes};
use engine::{Outcome, Rows, Session};
use futures::StreamExt;
use sqlparser::ast::Statement;

use crate::embedded::Planned;
use crate::failure::explain;
use crate::{Embedded, join_fallback};

pub(super) async fn run(
    engine: &Embedded,
    session: &Session,
    statement: Statement,
) -> Result<Outcome> {
    let Planned { state, plan } = engine.planned(session, statement).await?;
    let plan = limited(session, plan)?;
    stream(Planned { state, plan }).await.map(Outcome::Rows)
}

/// The rows of a query that is a text made from a statement, whose names are folded already.
pub(super) async fn rows_of(engine: &Embedded, session: &Session, text: &str) -> Result<Rows> {
    let source = Source::new("expression", text);
    let Some(statement) = sql::parse_script(&source)?.pop() else {
        return Err(Error::new(codes::X0001, "A query without text"));
    };
    rows_of_statement(engine, session, statement).await
}

/// The rows of a query that no history knows.
pub(crate) async fn rows_of_statement(
    engine: &Embedded,
    session: &Session,
    statement: sql::Statement,
) -> Result<Rows> {
    let (engine, statement) = engine.prepare(session, statement).await?;
    stream(engine.planned(session, statement.ast).await?).await
}

/// `plan` with as many rows as ROWS_PER_RESULTSET lets a query give.
fn limited(session: &Session, plan: LogicalPlan) -> Result<LogicalPlan> {
    let most = session.memory.parameter("ROWS_PER_RESULTSET");
    match most.and_then(|most| most.parse::<usize>().ok()) {
        None | Some(0) => Ok(plan),
        Some(most) => LogicalPlanBuilder::from(plan)
            .limit(0, Some(most))
            .and_then(LogicalPlanBuilder::build)
            .map_err(explain),
    }
}

async fn stream(planned: Planned) -> Result<Rows> {
    let Planned { mut state, plan } = planned;
    let batches = join_fallback::execute(&mut state, &plan).await?;
    let planned = batches.schema();
    let batches = join_fallback::stream(state, plan, batches).boxed();
    let repeats = |field: &Arc<Field>| sql::shown_name(field.name()) != field.name();
    if !planned.fields().iter().any(repeats) {
        return Ok(Rows {
            schema: planned,
            batches,
        });
    }
    let fields = planned.fields().iter().map(|field| {
        let name = sql::shown_name(field.name());
        Arc::new(field.as_ref().clone().with_name(name))
    });
    let schema = Arc::new(Schema::new_with_metadata(
        fields.collect::<Vec<_>>(),
        planned.metadata().clone(),
    ));
    let shown = Arc::clone(&schema);
    let batches = batches.map(move |batch| {
        RecordBatch::try_new(Arc::clone(&shown), batch?.columns().to_vec())
            .explain(codes::X0001, || "A result cannot be named".to_owned())
    });
    Ok(Rows {
        schema,
        batches: batches.boxed(),
    })
}
