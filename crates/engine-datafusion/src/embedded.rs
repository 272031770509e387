//! [`Embedded`]: the engine over one workspace.

use std::ops::ControlFlow;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use catalog::{RelationKind, Workspace};
use datafusion::common::ScalarValue;
use datafusion::datasource::TableProvider;
use datafusion::execution::SessionState;
use datafusion::execution::TaskContext;
use datafusion::execution::session_state::SessionStateBuilder;
use datafusion::logical_expr::{LogicalPlan, LogicalPlanBuilder};
use datafusion::physical_plan::collect;
use datafusion::prelude::col;
use diagnostic::{Error, Result, Source, codes};
use engine::{BatchStream, Engine, Outcome, RelationInfo, Session};
use functions::Circumstances;
use futures::TryStreamExt;
use lake::{Commit, Operation, ParquetSink, SinkOptions, storable_schema};
use model::{RelationName, SchemaName};
use sqlparser::ast::{self, Visit, Visitor};

use crate::dml::tree;
use crate::failure::explain;
use crate::place::locate;
use crate::prepare::{Given, prepare};
use crate::provider::Databases;
use crate::{Compute, columns, information_schema, sequences, statement, user_functions, write};

/// The embedded warehouse as one run sees and changes it.
#[derive(Clone)]
pub struct Embedded {
    workspace: Arc<Workspace>,
    compute: Compute,
    given: Arc<Given>,
}

impl Embedded {
    /// The warehouse seen through `workspace`.
    #[must_use]
    pub fn new(workspace: Arc<Workspace>, compute: Compute) -> Self {
        Self {
            workspace,
            compute,
            given: Arc::default(),
        }
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
        let result = self.run_prepared(session, statement).await;
        result.map_err(|error| self.suggest(error))
    }

    async fn run_prepared(
        &self,
        session: &Session,
        mut statement: sql::Statement,
    ) -> Result<Outcome> {
        let mut given = Given::new();
        prepare(&self.databases(session), &mut statement.ast, &mut given).await?;
        let engine = self.with_given(given);
        let databases = engine.databases(session);
        let statement = columns::normalise(&databases, statement).await?;
        statement::run(&engine, session, statement.ast).await
    }

    /// This engine with tables that statements of its own call by these names.
    pub(crate) fn with_given(
        &self,
        tables: impl IntoIterator<Item = (String, Arc<dyn TableProvider>)>,
    ) -> Self {
        let mut given = self.given.as_ref().clone();
        given.extend(tables);
        Self {
            given: Arc::new(given),
            ..self.clone()
        }
    }

    /// In how many parts tables are read.
    pub(crate) fn partitions(&self) -> usize {
        self.compute.threads()
    }

    /// A parameter of the session that is on or off.
    #[allow(clippy::unnecessary_wraps, reason = "parameters may hold other values")]
    pub(crate) fn flag(&self, _session: &Session, _name: &str, default: bool) -> Result<bool> {
        Ok(default)
    }

    /// All rows of `plan`, in memory.
    pub(crate) async fn collect(
        &self,
        session: &Session,
        plan: &LogicalPlan,
    ) -> Result<(SchemaRef, Vec<RecordBatch>)> {
        let state = self.state(session);
        let physical = state.create_physical_plan(plan).await.map_err(explain)?;
        let schema = physical.schema();
        let context = Arc::new(TaskContext::from(&state));
        let batches = collect(physical, context).await.map_err(explain)?;
        Ok((schema, batches))
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
            given: Arc::clone(&self.given),
            at: None,
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

/// The planner would read the current version silently.
fn no_version_left(statement: &ast::Statement) -> Result<()> {
    struct Finder;
    impl Visitor for Finder {
        type Break = String;

        fn pre_visit_table_factor(&mut self, factor: &ast::TableFactor) -> ControlFlow<String> {
            match factor {
                ast::TableFactor::Table {
                    version: Some(version),
                    ..
                } => ControlFlow::Break(version.to_string()),
                _ => ControlFlow::Continue(()),
            }
        }
    }
    match statement.visit(&mut Finder) {
        ControlFlow::Break(version) => Err(statement::unsupported(&version)),
        ControlFlow::Continue(()) => Ok(()),
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
        let circumstances = Circumstances {
            account: Some("LOCAL".to_owned()),
            user: Some(self.session.principal.to_uppercase()),
            role: self
                .session
                .role
                .as_ref()
                .map(|role| role.as_str().to_owned()),
            database: Some(self.session.database.as_str().to_owned()),
            schema: Some(self.session.schema.as_str().to_owned()),
            ..Circumstances::default()
        };
        let builder = functions::with_circumstances(builder, &circumstances);
        let mut builder = functions::with_clock(builder, self.session.as_of);
        builder
            .scalar_functions()
            .get_or_insert_default()
            .push(sequences::function(self.workspace.catalog()));
        builder.build()
    }

    /// The value of an expression that reads no row, as `kind`.
    pub(crate) async fn scalar(&self, expr: ast::Expr, kind: &str) -> Result<ScalarValue> {
        let expr = user_functions::cast(expr, kind)?;
        let query = tree::select(vec![ast::SelectItem::UnnamedExpr(expr)], Vec::new(), None)?;
        let source = Source::new("expression", query.to_string());
        let mut statements = sql::parse_script(&source)?;
        let Some(statement) = statements.pop() else {
            return Err(Error::new(codes::X0001, "An expression is no statement"));
        };
        let statement = sql::normalise(statement)?;
        let state = self.state();
        let plan = plan(&state, statement.ast).await?;
        let frame = datafusion::dataframe::DataFrame::new(state, plan);
        let batches = frame.collect().await.map_err(explain)?;
        match batches.iter().find(|batch| batch.num_rows() > 0) {
            Some(batch) => ScalarValue::try_from_array(batch.column(0), 0).map_err(explain),
            None => Ok(ScalarValue::Null),
        }
    }
}

pub(crate) async fn plan(state: &SessionState, statement: ast::Statement) -> Result<LogicalPlan> {
    no_version_left(&statement)?;
    let statement = datafusion::sql::parser::Statement::Statement(Box::new(statement));
    state.statement_to_plan(statement).await.map_err(explain)
}

/// `statement` with what it names beyond tables resolved, and where it is to be planned.
pub(crate) async fn prepared(
    databases: &Databases,
    mut statement: sql::Statement,
) -> Result<(Databases, sql::Statement)> {
    let mut given = databases.given.as_ref().clone();
    prepare(databases, &mut statement.ast, &mut given).await?;
    let databases = Databases {
        given: Arc::new(given),
        ..databases.clone()
    };
    Ok((databases, statement))
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
    let (databases, statement) = prepared(databases, statement).await?;
    let statement = columns::normalise(&databases, statement).await?;
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
