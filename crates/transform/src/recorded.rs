//! [`Recorded`]: an engine that tells the project's log which statements it runs, and for whom, as dbt does.

use std::sync::Arc;
use std::time::Instant;

use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use dbt::context::{Message, ProjectContext};
use diagnostic::{Result, Source};
use engine::{BatchStream, Engine, Outcome, RelationInfo, Session};
use model::{RelationName, SchemaName};

use crate::adapter::answer;

/// `engine`, whose statements are told as those of `name` if anybody listens: the unique id of a node, `macro_x`, `master`.
#[must_use]
pub fn recorded(
    project: &Arc<dbt::load::Project>,
    engine: Arc<dyn Engine>,
    name: &str,
) -> Arc<dyn Engine> {
    match project.context.flags.tells_statements {
        true => Arc::new(Recorded {
            engine,
            project: Arc::clone(&project.context),
            name: name.to_owned(),
        }),
        false => engine,
    }
}

struct Recorded {
    engine: Arc<dyn Engine>,
    project: Arc<ProjectContext>,
    name: String,
}

impl Recorded {
    fn tell(&self, event: &'static str, text: String) {
        self.project.tell(Message {
            info: false,
            event,
            text,
        });
    }
}

#[async_trait]
impl Engine for Recorded {
    async fn execute(&self, session: &Session, script: &Source) -> Result<Vec<Outcome>> {
        self.tell("SQLQuery", format!("On {}: {}", self.name, script.text));
        let clock = Instant::now();
        let outcomes = self.engine.execute(session, script).await;
        let seconds = clock.elapsed().as_secs_f64();
        let status = match &outcomes {
            Ok(outcomes) => {
                let answer = outcomes.last().map(answer).unwrap_or_default();
                let said = answer.to_json(&self.project.connection.kind);
                let message = said.get("_message").and_then(serde_json::Value::as_str);
                message.unwrap_or_default().to_owned()
            }
            Err(error) => format!("ERROR {}", error.code().id),
        };
        let text = format!("SQL status: {status} in {seconds:.3} seconds");
        self.tell("SQLQueryStatus", text);
        outcomes
    }

    async fn find(&self, session: &Session, name: &RelationName) -> Result<Option<RelationInfo>> {
        self.engine.find(session, name).await
    }

    async fn describe(
        &self,
        session: &Session,
        name: &RelationName,
    ) -> Result<Option<RelationInfo>> {
        self.engine.describe(session, name).await
    }

    async fn relations(
        &self,
        session: &Session,
        namespace: &SchemaName,
    ) -> Result<Vec<RelationInfo>> {
        self.engine.relations(session, namespace).await
    }

    async fn load(
        &self,
        session: &Session,
        name: &RelationName,
        schema: SchemaRef,
        rows: BatchStream,
    ) -> Result<u64> {
        self.engine.load(session, name, schema, rows).await
    }
}
