//! [`Embedded`]: the engine over one workspace.

use std::ops::ControlFlow;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use catalog::{Relation, RelationKind, Workspace};
use datafusion::common::ScalarValue;
use datafusion::datasource::TableProvider;
use datafusion::execution::FunctionRegistry;
use datafusion::execution::SessionState;
use datafusion::logical_expr::{LogicalPlan, LogicalPlanBuilder};
use datafusion::prelude::col;
use diagnostic::{Error, Result, Source, codes};
use engine::{BatchStream, Engine, Outcome, RelationInfo, Session};
use functions::Circumstances;
use lake::{Commit, Operation, storable_schema};
use model::{RelationName, SchemaName};
use sqlparser::ast::{self, Visitor};

use crate::access::NOT_AUTHORIZED;
use crate::dml::tree;
use crate::failure::{explain, explain_in};
use crate::known::SessionValues;
use crate::place::locate;
use crate::prepare::{Given, prepare};
use crate::provider::Databases;
use crate::write::Shape;
use crate::{
    Compute, access, columns, commands, dynamic_pivot, history, information_schema, join_fallback,
    parameters, scripting, sequences, statement, user_functions, write, zone,
};

/// The embedded warehouse as one run sees and changes it.
#[derive(Clone)]
pub struct Embedded {
    workspace: Arc<Workspace>,
    compute: Compute,
    given: Arc<Given>,
    /// The script whose statement is run, for errors to point into.
    source: Option<Source>,
}

impl Embedded {
    /// The warehouse seen through `workspace`.
    #[must_use]
    pub fn new(workspace: Arc<Workspace>, compute: Compute) -> Self {
        Self {
            workspace,
            compute,
            given: Arc::default(),
            source: None,
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
        let session = session.current();
        let run = self.workspace.run().to_string();
        let running = history::begin(&session, &run, &statement.text);
        let engine = Self {
            source: Some(statement.source.clone()),
            ..self.clone()
        };
        let outcome = match history::timeout(&session) {
            None => Box::pin(engine.attempt(&session, statement)).await,
            Some(limit) => {
                let deadline = tokio::time::Instant::now() + limit;
                let attempt = Box::pin(engine.attempt(&session, statement));
                match tokio::time::timeout_at(deadline, attempt).await {
                    Ok(Ok(Outcome::Rows(rows))) => Ok(Outcome::Rows(history::until(
                        rows,
                        deadline,
                        limit.as_secs(),
                    ))),
                    Ok(outcome) => outcome,
                    Err(_) => Err(history::too_long(limit.as_secs())),
                }
            }
        };
        let outcome = running.end(outcome.map_err(|error| self.suggest(&session, error)))?;
        Ok(zone::told(&session, outcome))
    }

    async fn attempt(&self, session: &Session, mut statement: sql::Statement) -> Result<Outcome> {
        if scripting::is_script(&statement) {
            let mut here = scripting::InPlace(self.clone());
            return Box::pin(scripting::run(&mut here, session, statement)).await;
        }
        if let Some(command) = statement.command.take() {
            return Box::pin(commands::run(self, session, *command)).await;
        }
        // On the heap: texts that are run as statements nest these.
        let (engine, statement) = Box::pin(self.prepare(session, statement)).await?;
        Box::pin(statement::run(&engine, session, statement.ast)).await
    }

    /// `statement` as the planner understands it, and the engine that knows what its tree now names.
    pub(crate) async fn prepare(
        &self,
        session: &Session,
        statement: sql::Statement,
    ) -> Result<(Self, sql::Statement)> {
        let (databases, statement) = prepared(&self.databases(session), statement).await?;
        let engine = Self {
            given: databases.given,
            ..self.clone()
        };
        Ok((engine, statement))
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
    pub(crate) fn flag(session: &Session, name: &str, default: bool) -> bool {
        match session.memory.parameter(name) {
            Some(value) => value.eq_ignore_ascii_case("true"),
            None => default,
        }
    }

    /// All rows of `plan`, in memory.
    pub(crate) async fn collect(
        &self,
        session: &Session,
        plan: &LogicalPlan,
    ) -> Result<(SchemaRef, Vec<RecordBatch>)> {
        join_fallback::rows(self.state(session)?, plan).await
    }

    /// Points to the relation a missing one was probably meant to be.
    fn suggest(&self, session: &Session, error: Error) -> Error {
        // What is not for a role has no names that would be near it.
        if error.code() != codes::K3001 || error.message().ends_with(NOT_AUTHORIZED) {
            return error;
        }
        let missing = error
            .message()
            .split('`')
            .nth(1)
            .unwrap_or_default()
            .to_owned();
        let names: Vec<String> = self
            .databases(session)
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
            rights: self.rights(session),
        }
    }

    /// DataFusion's state for `session`: names resolve through the workspace.
    pub(crate) fn state(&self, session: &Session) -> Result<SessionState> {
        self.databases(session).state()
    }

    pub(crate) async fn plan(
        &self,
        session: &Session,
        statement: ast::Statement,
    ) -> Result<LogicalPlan> {
        self.planned(session, statement)
            .await
            .map(|planned| planned.plan)
    }

    /// The plan of `statement`, to be run.
    pub(crate) async fn planned(
        &self,
        session: &Session,
        statement: ast::Statement,
    ) -> Result<Planned> {
        let state = self.state(session)?;
        let plan = plan(&state, statement, self.source.as_ref()).await?;
        Ok(Planned { state, plan })
    }
}

/// A plan and the state it was made with, which also runs it.
pub(crate) struct Planned {
    pub(crate) state: SessionState,
    pub(crate) plan: LogicalPlan,
}

/// The planner would read the current version silently.
fn no_version_left(statement: &ast::Statement) -> Result<()> {
    struct Finder(Option<String>);
    impl Visitor for Finder {
        type Break = ();

        fn pre_visit_table_factor(&mut self, factor: &ast::TableFactor) -> ControlFlow<()> {
            if let ast::TableFactor::Table {
                version: Some(version),
                ..
            } = factor
            {
                self.0 = Some(version.to_string());
                return ControlFlow::Break(());
            }
            ControlFlow::Continue(())
        }
    }
    let mut finder = Finder(None);
    let _ = sql::walk(statement, &mut finder);
    match finder.0 {
        Some(version) => Err(statement::unsupported(&version)),
        None => Ok(()),
    }
}

impl Databases {
    pub(crate) fn state(&self) -> Result<SessionState> {
        // A copy costs a fraction of what building the state anew costs.
        let mut state = self.compute.template().clone();
        let names = &mut state.config_mut().options_mut().catalog;
        names.default_catalog = self.session.database.as_str().to_owned();
        names.default_schema = self.session.schema.as_str().to_owned();
        parameters::apply(&self.session, state.config_mut());
        state.register_catalog_list(Arc::new(self.clone()));
        let (roles, available_roles) = access::role_names(&self.workspace, &self.session);
        let circumstances = Circumstances {
            roles,
            available_roles,
            account: Some("LOCAL".to_owned()),
            user: Some(self.session.principal.to_uppercase()),
            role: Some(self.session.role().as_str().to_owned()),
            database: Some(self.session.database.as_str().to_owned()),
            schema: Some(self.session.schema.as_str().to_owned()),
            ..Circumstances::default()
        };
        let own = functions::of_statement(&circumstances, self.session.as_of)
            .chain([sequences::function(self.workspace.catalog())]);
        for function in own {
            state.register_udf(function).map_err(explain)?;
        }
        // Only now do expressions that run see the session's parameters.
        state.mark_start_execution();
        Ok(state)
    }

    /// The value of an expression that reads no row, as `kind`.
    pub(crate) async fn scalar(&self, expr: ast::Expr, kind: &str) -> Result<ScalarValue> {
        let expr = user_functions::cast(expr, kind)?;
        let query = tree::select(vec![ast::SelectItem::UnnamedExpr(expr)], Vec::new(), None)?;
        let source = Source::new("expression", sql::written(&query));
        let mut statements = sql::parse_script(&source)?;
        let Some(statement) = statements.pop() else {
            return Err(Error::new(codes::X0001, "An expression is no statement"));
        };
        let statement = sql::normalise(statement)?;
        let state = self.state()?;
        let plan = plan(&state, statement.ast, None).await?;
        let frame = datafusion::dataframe::DataFrame::new(state, plan);
        let batches = frame.collect().await.map_err(explain)?;
        match batches.iter().find(|batch| batch.num_rows() > 0) {
            Some(batch) => ScalarValue::try_from_array(batch.column(0), 0).map_err(explain),
            None => Ok(ScalarValue::Null),
        }
    }
}

/// The plan of `statement`; errors point into `source`, where its names come from.
pub(crate) async fn plan(
    state: &SessionState,
    statement: ast::Statement,
    source: Option<&Source>,
) -> Result<LogicalPlan> {
    no_version_left(&statement)?;
    let statement = datafusion::sql::parser::Statement::Statement(Box::new(statement));
    state
        .statement_to_plan(statement)
        .await
        .map_err(|error| explain_in(error, source))
}

/// `statement` as the planner understands it, and where it is to be planned.
pub(crate) async fn prepared(
    databases: &Databases,
    mut statement: sql::Statement,
) -> Result<(Databases, sql::Statement)> {
    let values = SessionValues {
        session: &databases.session,
    };
    sql::substitute(&mut statement, &values)?;
    // A view keeps its text; it is normalised here only to be refused if it cannot be read.
    let written = match &statement.ast {
        ast::Statement::CreateView(create) => Some(create.query.clone()),
        _ => None,
    };
    let mut given = databases.given.as_ref().clone();
    prepare(databases, &mut statement.ast, &mut given).await?;
    let databases = Databases {
        given: Arc::new(given),
        ..databases.clone()
    };
    if written.is_none() {
        dynamic_pivot::fill(&databases, &mut statement).await?;
    }
    let mut statement = columns::normalise(&databases, statement).await?;
    if let (ast::Statement::CreateView(create), Some(query)) = (&mut statement.ast, written) {
        create.query = query;
    }
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
    let span = statement.span.clone();
    let planned = async {
        let (databases, statement) = Box::pin(prepared(databases, statement)).await?;
        let plan = plan(&databases.state()?, statement.ast, Some(source)).await?;
        rename(plan, columns)
    };
    planned
        .await
        .map_err(|error| locate(error, source, &span).with("in", &source.name))
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
        let statements = sql::parse_script(script)?;
        // A result that a later statement scans is read before that one begins.
        let scans =
            |statement: &sql::Statement| statement.text.to_uppercase().contains("RESULT_SCAN");
        let last_scan = statements.iter().rposition(scans).unwrap_or_default();
        for (position, statement) in statements.into_iter().enumerate() {
            let span = statement.span.clone();
            let outcome = match self.run(session, statement).await {
                Ok(Outcome::Rows(rows)) if position < last_scan => {
                    history::read(rows).await.map(Outcome::Rows)
                }
                outcome => outcome,
            };
            outcomes.push(outcome.map_err(|error| locate(error, script, &span))?);
        }
        Ok(outcomes)
    }

    async fn find(&self, session: &Session, name: &RelationName) -> Result<Option<RelationInfo>> {
        let found = self.databases(session).relation(name);
        Ok(found.map(|relation| RelationInfo {
            name: name.clone(),
            view: matches!(relation.kind, RelationKind::View { .. }),
            columns: Vec::new(),
        }))
    }

    async fn describe(
        &self,
        session: &Session,
        name: &RelationName,
    ) -> Result<Option<RelationInfo>> {
        let databases = self.databases(session);
        let Some(relation) = databases.relation(name) else {
            return Ok(None);
        };
        let provider = databases.provider(name, &relation).await.map_err(explain)?;
        Ok(Some(RelationInfo {
            name: name.clone(),
            view: matches!(relation.kind, RelationKind::View { .. }),
            columns: information_schema::columns(&provider.schema()),
        }))
    }

    async fn relations(
        &self,
        session: &Session,
        namespace: &SchemaName,
    ) -> Result<Vec<RelationInfo>> {
        Ok(self
            .databases(session)
            .relations_of(namespace)
            .into_iter()
            .map(|(name, relation)| RelationInfo {
                name,
                view: matches!(relation.kind, RelationKind::View { .. }),
                columns: Vec::new(),
            })
            .collect())
    }

    async fn load(
        &self,
        session: &Session,
        name: &RelationName,
        schema: SchemaRef,
        rows: BatchStream,
    ) -> Result<u64> {
        access::gate::load(self, session, name)?;
        let schema = storable_schema(&schema)?;
        let table = statement::replacing(&self.workspace, name).await?;
        let folder = self.workspace.folder(&table);
        let written = write::write_rows(rows, folder, Shape::free(schema)).await?;
        let mut commit = Commit::new(Operation::Overwrite);
        commit.add = written.files;
        commit.remove_all = true;
        commit.schema = Some(written.schema);
        commit.partition_by = Some(Vec::new());
        for (name, _) in table.constraints().await? {
            commit.constrain(&name, None);
        }
        let count = commit.add.iter().map(|file| file.rows).sum();
        let table = table.commit(&commit).await?;
        if let Some(rows) = written.rows {
            self.workspace.keep_rows(&table, &commit.add, rows);
        }
        let kind = self.workspace.pointer(name, &table, &[])?;
        let before = self.workspace.relation(name).map(|before| before.kind);
        if !matches!(before, Some(RelationKind::Table { .. })) {
            let access = access::owned(session);
            let new = Relation {
                access,
                ..Relation::new(kind)
            };
            self.workspace.stage_relation(name, new)?;
        } else {
            self.workspace.stage_table(name, &table, &[])?;
        }
        Ok(count)
    }
}
