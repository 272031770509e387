//! `dbt run-operation`: calls a macro or runs a statement; what it changes is published when it is done.

use std::sync::Arc;

use dbt::adapter::Answer;
use dbt::compile::Compiler;
use dbt::context::Message;
use diagnostic::{Result, ResultExt as _, Source, codes};
use engine::Outcome;
use engine_datafusion::Embedded;
use serde_json::{Map, Value as Json};
use tokio::runtime::Handle;
use transform::{EngineAdapter, answer, folding, recorded};

use super::DbtInvocation;

impl DbtInvocation {
    /// The unique id of the macro that [`DbtInvocation::run_operation`] calls by this name.
    ///
    /// # Errors
    /// `D2004` if there is none.
    pub fn operation_id(&self, name: &str) -> Result<String> {
        let compiler = Compiler::new(&self.project, None);
        let entry = compiler.operation(name)?;
        Ok(format!("macro.{}.{}", entry.package, entry.definition.name))
    }

    /// Calls the macro `name` (or `package.name`) with named `arguments`.
    /// What it says is kept for [`DbtInvocation::take_messages`].
    ///
    /// # Errors
    /// `D2004` if there is none, `K1003` if another run is at work, and what it raises.
    pub async fn run_operation(&self, name: &str, arguments: Map<String, Json>) -> Result<()> {
        let _lock = self.catalog.lock_runs()?;
        let workspace = Arc::new(self.catalog.begin("dbt run-operation")?);
        let engine = Embedded::new(Arc::clone(&workspace), self.compute.clone());
        let engine = folding(&self.project.context, Arc::new(engine));
        let adapter = EngineAdapter::new(
            recorded(&self.project, engine, &format!("macro_{name}")),
            self.session.clone(),
            Handle::current(),
        );
        let compiler = Compiler::new(&self.project, Some(Arc::new(adapter)));
        let name = name.to_owned();
        let called = tokio::task::spawn_blocking(move || compiler.call_operation(&name, arguments))
            .await
            .explain(codes::X0001, || "A rendering thread ended early".to_owned())?;
        self.settle(&workspace, called)
    }

    /// Runs the template `sql`, which may hold several statements (`run-operation --sql`). Gives what is said
    /// about the last one.
    ///
    /// # Errors
    /// `K1003` if another run is at work, and what it raises.
    pub async fn run_statement(&self, sql: &str) -> Result<Map<String, Json>> {
        let _lock = self.catalog.lock_runs()?;
        let engine = self.engine()?;
        let run = self.statement(&engine, sql).await;
        self.settle(engine.workspace(), run)
    }

    async fn statement(&self, engine: &Embedded, sql: &str) -> Result<Map<String, Json>> {
        let node = Arc::new(self.project.inline_node(sql));
        let compiled = self.compile_on(engine, node).await?;
        let source = Source::new(compiled.node.name.as_str(), compiled.sql.as_str());
        let engine = folding(&self.project.context, Arc::new(engine.clone()));
        let engine = recorded(&self.project, engine, &compiled.node.name);
        let mut said = Answer::default();
        for outcome in engine.execute(&self.session, &source).await? {
            said = answer(&outcome);
            // Rows that nobody reads were never asked for.
            if let Outcome::Rows(rows) = outcome {
                let batches = rows.collect().await?;
                let count = batches.iter().map(|batch| batch.num_rows() as u64);
                said.rows = count.sum();
            }
        }
        Ok(said.to_json(&self.project.context.connection.kind))
    }

    /// What `log()` and `print()` said since they were last asked for.
    pub fn take_messages(&self) -> Vec<Message> {
        self.project.context.take_messages()
    }
}
