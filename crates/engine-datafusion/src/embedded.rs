//! [`Embedded`]: the engine over one workspace.

use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use catalog::{RelationKind, Workspace};
use datafusion::execution::SessionState;
use datafusion::execution::session_state::SessionStateBuilder;
use datafusion::logical_expr::{LogicalPlan, LogicalPlanBuilder};
use datafusion::prelude::col;
use diagnostic::{Error, Result, Source, codes};
use engine::{BatchStream, Engine, Outcome, RelationInfo, Session};
use futures::TryStreamExt;
use lake::{Commit, Operation, ParquetSink, SinkOptions, storable_schema};
use model::{RelationName, SchemaName};
use sqlparser::ast;

use crate::failure::explain;
use crate::place::locate;
use crate::provider::Databases;
use crate::{Compute, columns, information_schema, statement, write};

/// The embedded warehouse as one run sees and changes it.
#[derive(Clone)]
pub struct Embedded {
    workspace: Arc<Workspace>,
    compute: Compute,
}

impl Embedded {
    /// The warehouse seen through `workspace`.
    #[must_use]
    pub fn new(workspace: Arc<Workspace>, compute: Compute) -> Self {
        Self { workspace, compute }
    }

    /// The workspace statements read and write.
    #[must_use]
    pub fn workspace(&self) -> &Arc<Workspace> {
        &self.workspace
    }

    /// Runs one statement of a script.
    ///
    /// # Errors
    /// The statement's error, without a place if it is not in the syntax.
    pub async fn run(&self, session: &Session, statement: sql::Statement) -> Result<Outcome> {
        let databases = self.databases(session);
        let statement = columns::normalise(&databases, statement).await?;
        let result = statement::run(self, session, statement.ast).await;
        result.map_err(|error| self.suggest(error))
    }

    /// Points to the relation a missing one was probably meant to be.
    fn suggest(&self, error: Error) -> Error {
        if error.code() != codes::K3001 {
            return error;
        }
        let missing = error
            .message()
            .split('`')
            .nth(1)
            .unwrap_or_default()
            .to_owned();
        let names: Vec<String> = self
            .workspace
            .relations()
            .keys()
            .map(ToString::to_string)
            .collect();
        error.suggest(&missing, names.iter().map(String::as_str))
    }

    pub(crate) fn databases(&self, session: &Session) -> Databases {
        Databases {
            workspace: Arc::clone(&self.workspace),
            compute: self.compute.clone(),
            session: session.clone(),
            depth: 0,
        }
    }

    /// DataFusion's state for `session`: names resolve through the workspace.
    pub(crate) fn state(&self, session: &Session) -> SessionState {
        self.databases(session).state()
    }

    pub(crate) async fn plan(
        &self,
        session: &Session,
        statement: ast::Statement,
    ) -> Result<LogicalPlan> {
        plan(&self.state(session), statement).await
    }
}

impl Databases {
    pub(crate) fn state(&self) -> SessionState {
        let template = self.compute.template();
        let mut config = template.config().clone();
        let names = &mut config.options_mut().catalog;
        names.default_catalog = self.session.database.as_str().to_owned();
        names.default_schema = self.session.schema.as_str().to_owned();
        let builder = SessionStateBuilder::new_from_existing(template.clone())
            .with_config(config)
            .with_catalog_list(Arc::new(self.clone()));
        functions::with_clock(builder, self.session.as_of).build()
    }
}

pub(crate) async fn plan(state: &SessionState, statement: ast::Statement) -> Result<LogicalPlan> {
    let statement = datafusion::sql::parser::Statement::Statement(Box::new(statement));
    state.statement_to_plan(statement).await.map_err(explain)
}

/// The plan of a view's query, its columns renamed if the view says so.
pub(crate) async fn plan_view(
    databases: &Databases,
    source: &Source,
    columns: &[String],
) -> Result<LogicalPlan> {
    let mut statements = sql::parse_script(source)?;
    let Some(statement) = statements.pop() else {
        return Err(Error::new(
            codes::X0001,
            format!("`{}` has no query", source.name),
        ));
    };
    let statement = columns::normalise(databases, statement).await?;
    let plan = plan(&databases.state(), statement.ast).await?;
    rename(plan, columns)
}

/// `plan` with its columns called `columns`, if there are any.
pub(crate) fn rename(plan: LogicalPlan, columns: &[String]) -> Result<LogicalPlan> {
    if columns.is_empty() {
        return Ok(plan);
    }
    if columns.len() != plan.schema().fields().len() {
        return Err(Error::new(
            codes::K3006,
            format!(
                "The view names {} columns, but its query gives {}",
                columns.len(),
                plan.schema().fields().len()
            ),
        ));
    }
    let named: Vec<_> = plan
        .schema()
        .columns()
        .into_iter()
        .zip(columns)
        .map(|(column, name)| col(column).alias(name))
        .collect();
    LogicalPlanBuilder::from(plan)
        .project(named)
        .and_then(LogicalPlanBuilder::build)
        .map_err(explain)
}

#[async_trait]
impl Engine for Embedded {
    async fn execute(&self, session: &Session, script: &Source) -> Result<Vec<Outcome>> {
        let mut outcomes = Vec::new();
        for statement in sql::parse_script(script)? {
            let span = statement.span.clone();
            let outcome = self.run(session, statement).await;
            outcomes.push(outcome.map_err(|error| locate(error, script, &span))?);
        }
        Ok(outcomes)
    }

    async fn describe(
        &self,
        session: &Session,
        name: &RelationName,
    ) -> Result<Option<RelationInfo>> {
        let Some(relation) = self.workspace.relation(name) else {
            return Ok(None);
        };
        let provider = self
            .databases(session)
            .provider(name, &relation)
            .await
            .map_err(explain)?;
        Ok(Some(RelationInfo {
            name: name.clone(),
            view: matches!(relation.kind, RelationKind::View { .. }),
            columns: information_schema::columns(&provider.schema()),
        }))
    }

    async fn relations(&self, _: &Session, namespace: &SchemaName) -> Result<Vec<RelationInfo>> {
        Ok(self
            .workspace
            .relations()
            .into_iter()
            .filter(|(name, _)| name.namespace() == *namespace)
            .map(|(name, relation)| RelationInfo {
                name,
                view: matches!(relation.kind, RelationKind::View { .. }),
                columns: Vec::new(),
            })
            .collect())
    }

    async fn load(
        &self,
        _: &Session,
        name: &RelationName,
        schema: SchemaRef,
        mut rows: BatchStream,
    ) -> Result<u64> {
        let schema = storable_schema(&schema)?;
        let table = statement::replacing(&self.workspace, name).await?;
        let folder = self.workspace.folder(&table);
        let mut sink = ParquetSink::new(&folder, Arc::clone(&schema), SinkOptions::default());
        while let Some(batch) = rows.try_next().await? {
            sink.write(&write::conform(&batch, &schema)?)?;
        }
        let mut commit = Commit::new(Operation::Overwrite);
        commit.add = sink.finish()?;
        commit.remove_all = true;
        commit.schema = Some(schema);
        let count = commit.add.iter().map(|file| file.rows).sum();
        self.workspace
            .stage_table(name, &table.commit(&commit).await?, &[])?;
        Ok(count)
    }
}
