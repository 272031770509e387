//! `dbt run-operation`: calls a macro; what it changes is published when it is done.

use std::sync::Arc;

use dbt::compile::Compiler;
use diagnostic::{Result, ResultExt as _, codes};
use engine_datafusion::Embedded;
use serde_json::{Map, Value as Json};
use tokio::runtime::Handle;
use transform::{EngineAdapter, folding};

use super::DbtInvocation;

impl DbtInvocation {
    /// Calls the macro `name` (or `package.name`) with named `arguments`.
    ///
    /// # Errors
    /// `D2004` if there is none, `K1003` if another run is at work, and what it raises.
    pub async fn run_operation(
        &self,
        name: &str,
        arguments: Map<String, Json>,
    ) -> Result<Vec<String>> {
        let _lock = self.catalog.lock_runs()?;
        let workspace = Arc::new(self.catalog.begin("dbt run-operation")?);
        let engine = Embedded::new(Arc::clone(&workspace), self.compute.clone());
        let adapter = EngineAdapter::new(
            folding(&self.project.context, Arc::new(engine)),
            self.session.clone(),
            Handle::current(),
        );
        let compiler = Compiler::new(&self.project, Some(Arc::new(adapter)));
        let name = name.to_owned();
        let called = tokio::task::spawn_blocking(move || compiler.call_operation(&name, arguments))
            .await
            .explain(codes::X0001, || "A rendering thread ended early".to_owned())?;
        self.settle(&workspace, called)?;
        let messages = self.project.context.take_messages().into_iter();
        Ok(messages
            .filter(|message| message.info)
            .map(|message| message.text)
            .collect())
    }
}
