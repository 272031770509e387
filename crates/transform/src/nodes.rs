//! [`Nodes`]: compiles a project's nodes and materialises or tests them on one engine.

use std::sync::Arc;

use dbt::artifact::files;
use dbt::compile::{CompiledNode, Compiler};
use dbt::context::ProjectContext;
use dbt::load::Project;
use dbt::node::{Node, ResourceType};
use dbt::parse::stores_failures;
use dbt::unit_test::UnitOutcome;
use diagnostic::{Error, Result, ResultExt, codes};
use engine::{Engine, RelationInfo, Session};
use futures::StreamExt;
use model::{Identifier, RelationName, SchemaName};
use serde_json::{Value as Json, json};
use tokio::runtime::Handle;

use crate::adapter::EngineAdapter;
use crate::configuration;
use crate::documentation::persist_docs;
use crate::folding::{folding, folds};
use crate::materialization::{
    self, Built, SnapshotConfig, SnapshotStrategy, Statements, TableOptions, Target,
};
use crate::names::relation_name;
use crate::places::relocate;
use crate::probe::Probe;
use crate::recorded::recorded;
use crate::seed;
use crate::session::session_of;
use crate::test::{self, Verdict};

/// The schema suffix dbt keeps failing rows in.
const AUDIT: &str = "DBT_TEST__AUDIT";

/// The nodes of one project on one engine and session.
pub struct Nodes {
    pub(crate) project: Arc<Project>,
    pub(crate) engine: Arc<dyn Engine>,
    pub(crate) session: Session,
    pub(crate) hooking: Arc<tokio::sync::Mutex<()>>,
}

/// What a test found.
#[derive(Clone, Debug)]
pub struct TestOutcome {
    /// The verdict.
    pub verdict: Verdict,
    /// The number judged, usually of wrong rows.
    pub failures: u64,
    /// Where the wrong rows are kept, if there are any and they were asked for.
    pub stored_in: Option<RelationName>,
    /// The test's statement.
    pub sql: String,
}

/// Where a test keeps the rows it finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keep {
    /// In the test's own relation, if its configuration or the command's flag says so: as dbt does.
    AsConfigured,
    /// In [`audit_schema`], if there are any.
    Audit,
}

/// Where failing rows are kept.
#[must_use]
pub fn audit_schema(context: &ProjectContext) -> SchemaName {
    SchemaName::new(
        Identifier::unquoted(&context.connection.database),
        Identifier::unquoted(AUDIT),
    )
}

/// Whether `node` says what roles have on its relation.
fn grants(node: &Node) -> bool {
    let grants = node.config.get("grants").and_then(Json::as_object);
    grants.is_some_and(|grants| !grants.is_empty())
}

impl Nodes {
    /// The nodes of `project`, run by `engine` in `session`.
    #[must_use]
    pub fn new(project: Arc<Project>, engine: Arc<dyn Engine>, session: Session) -> Self {
        let engine = folding(&project.context, engine);
        Self {
            project,
            engine,
            session,
            hooking: Arc::default(),
        }
    }

    /// The same nodes in another session.
    #[must_use]
    pub fn in_session(&self, session: Session) -> Self {
        Self {
            project: Arc::clone(&self.project),
            engine: Arc::clone(&self.engine),
            session,
            hooking: Arc::clone(&self.hooking),
        }
    }

    /// The same nodes in a session of `node`'s own.
    #[must_use]
    pub fn of_node(&self, node: &Node) -> Self {
        self.for_node(node, session_of(&self.session, &self.project.context, node))
    }

    /// The same nodes in `session`, where statements are run for `node`.
    #[must_use]
    pub fn for_node(&self, node: &Node, session: Session) -> Self {
        Self {
            engine: recorded(&self.project, Arc::clone(&self.engine), &node.unique_id),
            ..self.in_session(session)
        }
    }

    /// The project.
    #[must_use]
    pub fn project(&self) -> &Arc<Project> {
        &self.project
    }

    /// Where failing rows are kept.
    #[must_use]
    pub fn audit_schema(&self) -> SchemaName {
        audit_schema(&self.project.context)
    }

    /// The statement of a node, on a thread that may block: templates may ask the engine.
    ///
    /// # Errors
    /// What its code raises.
    pub async fn compile(&self, unique_id: &str) -> Result<CompiledNode> {
        let (compiler, id) = (self.compiler(), unique_id.to_owned());
        blocking(move || compiler.compile(&id)).await
    }

    pub(crate) fn compiler(&self) -> Compiler {
        let adapter = EngineAdapter::new(
            Arc::clone(&self.engine),
            self.session.clone(),
            Handle::current(),
        );
        Compiler::new(&self.project, Some(Arc::new(adapter)))
    }

    /// Materialises a model, seed or snapshot, with its hooks.
    ///
    /// # Errors
    /// What compiling or the engine raises.
    pub async fn materialize(&self, compiled: &CompiledNode, full_refresh: bool) -> Result<Built> {
        if self.builds_itself(compiled) {
            return self.materialize_alone(compiled, full_refresh).await;
        }
        self.hooks(compiled, "pre-hook").await?;
        let mut built = self.materialize_alone(compiled, full_refresh).await?;
        if let Some(error) = built.failed_batches() {
            return Err(error);
        }
        self.hooks(compiled, "post-hook").await?;
        Ok(built)
    }

    /// As [`Nodes::materialize`], without the hooks.
    ///
    /// # Errors
    /// What compiling or the engine raises.
    pub async fn materialize_alone(
        &self,
        compiled: &CompiledNode,
        full_refresh: bool,
    ) -> Result<Built> {
        let node = &compiled.node;
        let name = relation_name(&self.project.context, node);
        let options = TableOptions::of(node, &self.project.context.connection.kind)?;
        let statements = Statements::default();
        let target = Target {
            engine: self.engine.as_ref(),
            session: &self.session,
            name: &name,
            options: &options,
            statements: &statements,
        };
        target.make_schema().await?;
        if let Some(rows) = self.by_block(compiled).await? {
            return Ok(rows);
        }
        let before = match grants(node) {
            true => target.found().await?,
            false => None,
        };
        let mut result = self.build(target, compiled, full_refresh).await;
        match node.language == "python" {
            true => self.keep_script(node, &compiled.sql)?,
            false => self.keep_script(node, &statements.script())?,
        }
        if result.is_ok()
            && let Err(error) = self
                .apply_grants(target, compiled, before, full_refresh)
                .await
        {
            result = Err(error);
        }
        if result.is_ok()
            && let Err(error) = persist_docs(target, node, &self.project.context).await
        {
            result = Err(error);
        }
        result.map_err(|error| {
            relocate(error, &self.project.context, compiled).with("node", &node.unique_id)
        })
    }

    /// Writes what was run for `node` below `target/run`, if something was.
    fn keep_script(&self, node: &Node, script: &str) -> Result<()> {
        if !script.is_empty() {
            files::write_code(&self.project.context, node, "run", script)?;
        }
        Ok(())
    }

    /// Lets roles have on the node's relation what its `grants` say, and nothing else. What stood there `before`
    /// may have left grants, unless it was replaced: <https://docs.getdbt.com/reference/resource-configs/grants>.
    async fn apply_grants(
        &self,
        target: Target<'_>,
        compiled: &CompiledNode,
        before: Option<RelationInfo>,
        full_refresh: bool,
    ) -> Result<()> {
        let node = &compiled.node;
        if !grants(node) {
            return Ok(());
        }
        let Some(now) = target.found().await? else {
            return Ok(());
        };
        let refreshed = node.config.truth("full_refresh").unwrap_or(full_refresh);
        let replaced = match (node.resource_type, node.config.materialized()) {
            (ResourceType::Snapshot, _) => false,
            // Rows that are loaded take the place of rows; with types of its own, a seed is a new table.
            (ResourceType::Seed, _) => {
                let types = node.config.get("column_types").and_then(Json::as_object);
                types.is_some_and(|types| !types.is_empty())
            }
            (_, "incremental") => refreshed || before.as_ref().is_some_and(|before| before.view),
            _ => true,
        };
        let revoke = before.is_some() && (!replaced || target.options.copy_grants);
        let kind = if now.view { "view" } else { "table" };
        let (compiler, compiled) = (self.compiler(), compiled.clone());
        blocking(move || compiler.apply_grants(&compiled, kind, revoke)).await
    }

    /// Whether a `{% materialization %}` block builds the node. Such a block runs its hooks itself.
    #[must_use]
    pub fn builds_itself(&self, compiled: &CompiledNode) -> bool {
        self.compiler().materialization(&compiled.node).is_some()
    }

    /// Builds the node by a `{% materialization %}` block, if there is one for it.
    async fn by_block(&self, compiled: &CompiledNode) -> Result<Option<Built>> {
        let (compiler, compiled) = (self.compiler(), compiled.clone());
        blocking(move || match compiler.materialization(&compiled.node) {
            Some(block) => {
                let answer = compiler.materialize(&compiled, block)?;
                let rows = answer.get("rows_affected").and_then(Json::as_u64);
                Ok(Some(Built {
                    rows,
                    own_answer: Some(answer),
                    ..Built::default()
                }))
            }
            None => Ok(None),
        })
        .await
    }

    /// Runs a unit test on given rows. What it leaves in the workspace is to be dropped.
    ///
    /// # Errors
    /// What the model's code or the engine raises, or rows that do not fit.
    pub async fn unit_test(&self, unique_id: &str) -> Result<UnitOutcome> {
        let (compiler, project) = (self.compiler(), Arc::clone(&self.project));
        let id = unique_id.to_owned();
        blocking(move || {
            let node = project.manifest.nodes.get(&id);
            let found = node.and_then(|node| Some((node, node.unit_test.as_ref()?)));
            match found {
                Some((node, test)) => compiler.unit_test(node, test),
                None => Err(Error::new(codes::X0001, format!("`{id}` is no unit test"))),
            }
        })
        .await
    }

    /// Makes the node's relation a clone of `from`: a table by pointing at its files, a view by reading
    /// it. Gives what was done; nothing if `from` does not exist, or the relation does already.
    ///
    /// # Errors
    /// What the engine raises.
    pub async fn clone_relation(
        &self,
        node: &Node,
        from: &dbt::adapter::RelationName,
        replace: bool,
    ) -> Result<Option<String>> {
        let adapter = EngineAdapter::new(
            Arc::clone(&self.engine),
            self.session.clone(),
            Handle::current(),
        );
        let asked = from.clone();
        let found = blocking(move || adapter.stored(&asked)).await?;
        let name = relation_name(&self.project.context, node);
        let options = TableOptions::of(node, &self.project.context.connection.kind)?;
        let statements = Statements::default();
        let target = Target {
            engine: self.engine.as_ref(),
            session: &self.session,
            name: &name,
            options: &options,
            statements: &statements,
        };
        let Some(found) = found else {
            return Ok(None);
        };
        if !replace && target.found().await?.is_some() {
            return Ok(None);
        }
        target.make_schema().await?;
        if found.view {
            let sql = format!("select * from {}", found.name);
            materialization::view(target, &sql, "", false).await?;
            return Ok(Some("CREATE VIEW".to_owned()));
        }
        target.make_way(false).await?;
        let cloned = target
            .execute(format!(
                "create or replace table {name} clone {}",
                found.name
            ))
            .await;
        if let Err(error) = cloned {
            if error.code() != codes::E2001 {
                return Err(error);
            }
            // An engine without clones copies.
            materialization::table(target, &format!("select * from {}", found.name)).await?;
        }
        Ok(Some("CREATE TABLE".to_owned()))
    }

    async fn build(
        &self,
        target: Target<'_>,
        compiled: &CompiledNode,
        full_refresh: bool,
    ) -> Result<Built> {
        let node = &compiled.node;
        let full_refresh = node.config.truth("full_refresh").unwrap_or(full_refresh);
        match node.resource_type {
            ResourceType::Seed => self.seed(target, node).await,
            ResourceType::Snapshot => {
                let config = self.snapshot_config(target, compiled).await?;
                materialization::snapshot(target, &compiled.sql, &config).await
            }
            _ => self.model(target, compiled, full_refresh).await,
        }
    }

    /// The configuration of a snapshot, whose strategy a macro of the project may give.
    async fn snapshot_config(
        &self,
        target: Target<'_>,
        compiled: &CompiledNode,
    ) -> Result<SnapshotConfig> {
        let mut config = configuration::snapshot(&compiled.node)?;
        let kind = self.project.context.connection.kind.as_str();
        config.merges = !matches!(kind, "duckdb" | "postgres" | "redshift");
        let strategy = compiled.node.config.text("strategy").unwrap_or_default();
        let own = format!("snapshot_{strategy}_strategy");
        let custom = matches!(config.strategy, SnapshotStrategy::Custom { .. });
        if !custom && !self.compiler().overrides(&[&own]) {
            return Ok(config);
        }
        let exists = target.existing().await?.is_some();
        let (compiler, compiled) = (self.compiler(), compiled.clone());
        let strategy = strategy.to_owned();
        let texts =
            blocking(move || compiler.snapshot_strategy(&compiled, &strategy, exists)).await?;
        let [updated_at, row_changed, scd_id] = texts;
        config.strategy = SnapshotStrategy::Custom {
            updated_at,
            row_changed,
            scd_id,
        };
        Ok(config)
    }

    async fn seed(&self, target: Target<'_>, node: &Node) -> Result<Built> {
        let root = node.root_path.as_deref().map_or_else(
            || self.project.context.root.root.clone(),
            std::path::PathBuf::from,
        );
        let path = root.join(&node.original_file_path);
        let types = node.config.get("column_types").and_then(Json::as_object);
        let typed: Vec<String> = types
            .iter()
            .flat_map(|types| types.keys().map(|name| seed::folded(name).to_uppercase()))
            .collect();
        let delimiter = node
            .config
            .text("delimiter")
            .and_then(|text| text.bytes().next())
            .unwrap_or(b',');
        let quoted =
            node.config.truth("quote_columns").unwrap_or(false) && !folds(&self.project.context);
        let seed = seed::read(&path, delimiter, quoted, &typed)?;
        // `--empty` makes the table for its shape alone.
        let batch = match self.project.context.flags.empty {
            true => seed.batch.slice(0, 0),
            false => seed.batch,
        };
        let rows = futures::stream::iter([Ok(batch)]).boxed();
        let Some(types) = types.filter(|types| !types.is_empty()) else {
            let rows = self
                .engine
                .load(&self.session, target.name, seed.schema, rows)
                .await?;
            return Ok(self.seeded(node, rows));
        };
        let temporary = target.temporary();
        let columns: Vec<String> = seed
            .schema
            .fields()
            .iter()
            .map(|field| {
                let wanted = types
                    .iter()
                    .find(|(name, _)| seed::folded(name).eq_ignore_ascii_case(field.name()))
                    .and_then(|(_, kind)| kind.as_str());
                match wanted {
                    Some(kind) => format!("cast(\"{0}\" as {kind}) as \"{0}\"", field.name()),
                    None => format!("\"{}\"", field.name()),
                }
            })
            .collect();
        self.engine
            .load(&self.session, &temporary, seed.schema, rows)
            .await?;
        let sql = format!("select {} from {temporary}", columns.join(", "));
        let built = materialization::table(target, &sql).await;
        target.execute(format!("drop table {temporary}")).await?;
        Ok(self.seeded(node, built?.rows.unwrap_or_default()))
    }

    /// What dbt's materialisation of seeds says.
    fn seeded(&self, node: &Node, rows: u64) -> Built {
        let flag = self.project.context.flags.full_refresh.unwrap_or(false);
        let code = match node.config.truth("full_refresh").unwrap_or(flag) {
            true => "CREATE",
            false => "INSERT",
        };
        let answer =
            json!({ "_message": format!("{code} {rows}"), "code": code, "rows_affected": rows });
        Built {
            rows: Some(rows),
            own_answer: answer.as_object().cloned(),
            ..Built::default()
        }
    }

    /// Judges a data test with the other tests of its table, and keeps what it finds as configured.
    ///
    /// # Errors
    /// What compiling or the engine raises.
    pub async fn test_among(&self, probe: &Probe, unique_id: &str) -> Result<TestOutcome> {
        if !probe
            .passes(self.engine.as_ref(), &self.session, unique_id)
            .await
        {
            return self.test(unique_id, Keep::AsConfigured).await;
        }
        let compiled = self.compile(unique_id).await?;
        let config = configuration::test(&compiled.node);
        self.keep_script(&compiled.node, &test::question(&compiled.sql, &config))?;
        Ok(TestOutcome {
            verdict: Verdict::Pass,
            failures: 0,
            stored_in: None,
            sql: compiled.sql,
        })
    }

    /// Judges a data test, and keeps the rows it finds as `keep` says.
    ///
    /// # Errors
    /// What compiling or the engine raises.
    pub async fn test(&self, unique_id: &str, keep: Keep) -> Result<TestOutcome> {
        let compiled = self.compile(unique_id).await?;
        let node = &compiled.node;
        let config = configuration::test(node);
        let project = &self.project.context;
        let judged = async {
            let mut stored_in = None;
            let mut sql = compiled.sql.clone();
            if keep == Keep::AsConfigured && stores_failures(project, node) {
                let name = self.keep(&compiled).await?;
                sql = format!("select * from {name}");
                stored_in = Some(name);
            }
            let engine = self.engine.as_ref();
            let asked = test::question(&sql, &config);
            self.keep_script(node, &asked)?;
            let (verdict, failures) =
                test::judge(engine, &self.session, unique_id, asked, &config).await?;
            if keep == Keep::Audit && verdict != Verdict::Pass {
                let name = self
                    .audit_schema()
                    .relation(Identifier::unquoted(&node.alias));
                test::store_failures(engine, &self.session, &name, &compiled.sql, false).await?;
                stored_in = Some(name);
            }
            Ok((verdict, failures, stored_in))
        };
        let (verdict, failures, stored_in) = judged
            .await
            .map_err(|error: Error| relocate(error, project, &compiled).with("node", unique_id))?;
        Ok(TestOutcome {
            verdict,
            failures,
            stored_in,
            sql: compiled.sql,
        })
    }

    /// Keeps the rows that a test finds in its own relation, also if there are none: what an earlier run
    /// has left there is no longer true.
    async fn keep(&self, compiled: &CompiledNode) -> Result<RelationName> {
        let node = &compiled.node;
        let name = relation_name(&self.project.context, node);
        let view = match node.config.text("store_failures_as") {
            None | Some("table") => false,
            Some("view") => true,
            Some(other) => {
                return Err(Error::new(
                    codes::T1011,
                    format!(
                        "`store_failures_as: {other}` of `{}` is not known",
                        node.name
                    ),
                )
                .suggest(other, ["table", "view", "ephemeral"]));
            }
        };
        let (options, statements) = (TableOptions::default(), Statements::default());
        let target = Target {
            engine: self.engine.as_ref(),
            session: &self.session,
            name: &name,
            options: &options,
            statements: &statements,
        };
        target.make_way(view).await?;
        test::store_failures(target.engine, &self.session, &name, &compiled.sql, view).await?;
        Ok(name)
    }
}

pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    tokio::task::spawn_blocking(work)
        .await
        .explain(codes::X0001, || "A rendering thread ended early".to_owned())?
}
