//! [`Compiler`]: from a node to the statement it means, with its ephemeral models put in front.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex};

use diagnostic::{Error, Result, Source, codes};
use jinja::{Arguments, Dict, Template, Value};

use crate::adapter::{Adapter, ColumnInfo};
use crate::artifact::files;
use crate::context::column::Column;
use crate::context::relation::Relation;
use crate::context::{Batch, CalledMacro, Context, ProjectContext, lock};
use crate::load::Project;
use crate::macros::MacroEntry;
use crate::manifest::Manifest;
use crate::node::{Compiled, Node, ResourceType, SourceTable};
use crate::parse::tests::test_kwargs;
use crate::project::render::is_template;

/// A node with its statement.
#[derive(Clone, Debug)]
pub struct CompiledNode {
    /// The node; `node.compiled` holds the same statement.
    pub node: Arc<Node>,
    /// The statement, ephemeral models included.
    pub sql: String,
}

/// Renders nodes of one project on one session of an engine.
///
/// A compiler is cheap; make one per thread, each with an adapter of its own. Ephemeral models are
/// compiled once per compiler.
pub struct Compiler {
    /// The project.
    pub project: Arc<ProjectContext>,
    /// Its resources.
    pub manifest: Arc<Manifest>,
    adapter: Option<Arc<dyn Adapter>>,
    ephemeral: Mutex<HashMap<String, Arc<Compiled>>>,
    write: bool,
}

impl Compiler {
    /// A compiler for `project`. Without an adapter (`--no-introspect`), code that asks for the
    /// engine is an error.
    #[must_use]
    pub fn new(project: &Project, adapter: Option<Arc<dyn Adapter>>) -> Self {
        Self::with(
            Arc::clone(&project.context),
            Arc::clone(&project.manifest),
            adapter,
        )
    }

    /// A compiler over the parts of a project.
    #[must_use]
    pub fn with(
        project: Arc<ProjectContext>,
        manifest: Arc<Manifest>,
        adapter: Option<Arc<dyn Adapter>>,
    ) -> Self {
        Self {
            adapter: adapter.filter(|_| project.flags.introspect),
            project,
            manifest,
            ephemeral: Mutex::default(),
            write: true,
        }
    }

    /// The same, but it writes nothing under `target/compiled/`.
    #[must_use]
    pub fn without_files(mut self) -> Self {
        self.write = false;
        self
    }

    /// The engine.
    ///
    /// # Errors
    /// `D2007` without one.
    pub(crate) fn engine(&self) -> Result<&Arc<dyn Adapter>> {
        self.adapter.as_ref().ok_or_else(|| {
            Error::new(
                codes::D2007,
                "The engine is asked for, but this command does not connect to one",
            )
        })
    }

    /// Compiles the node with that unique id and writes it under `target/compiled/`.
    ///
    /// # Errors
    /// Whatever its code raises, with its name; `D4001` if it cannot be written.
    pub fn compile(&self, unique_id: &str) -> Result<CompiledNode> {
        let node =
            self.manifest.nodes.get(unique_id).ok_or_else(|| {
                Error::new(codes::D1004, format!("There is no node `{unique_id}`"))
            })?;
        self.compile_node(node)
    }

    /// Compiles a node that need not be in the manifest, for example an inline query.
    ///
    /// # Errors
    /// As [`Compiler::compile`].
    pub fn compile_node(&self, node: &Arc<Node>) -> Result<CompiledNode> {
        let mut compiled = self.compiled(node, &mut Vec::new())?;
        let written = !matches!(
            node.resource_type,
            ResourceType::Seed | ResourceType::Operation
        );
        if self.write && written {
            let path = files::write_code(&self.project, node, "compiled", &compiled.sql)?;
            compiled.path = Some(path);
        }
        let sql = compiled.sql.clone();
        let mut node = Node::clone(node);
        node.compiled = Some(compiled);
        Ok(CompiledNode {
            node: Arc::new(node),
            sql,
        })
    }

    /// The statement of a microbatch model for one batch.
    ///
    /// # Errors
    /// As [`Compiler::compile`].
    pub fn compile_batch(&self, node: &Arc<Node>, batch: &Batch) -> Result<String> {
        let context = self.context(Some(node));
        let _ = context.0.batch.set(batch.clone());
        if let Value::Dict(model) = Value::from(crate::manifest::node_json(node)) {
            let moment = jinja::modules::datetime_value;
            let about = Dict::new();
            about.insert("id", batch.id.as_str());
            about.insert("event_time_start", moment(batch.start));
            about.insert("event_time_end", moment(batch.end));
            model.insert("batch", about);
            context.0.extra.insert("model", Value::Dict(model));
        }
        let template = Template::parse(&self.source(node))?;
        let sql = context
            .render(&template)
            .map_err(|error| self.explain(error, node))?;
        let mut ctes = Vec::new();
        for id in context.captured().ephemeral {
            if let Some(inner) = self.manifest.nodes.get(&id) {
                let compiled = self.ephemeral(inner, &mut vec![id.clone()])?;
                ctes.extend(compiled.extra_ctes.iter().cloned());
                let text = format!(
                    " __dbt__cte__{} as (\n{}\n)",
                    inner.name, compiled.pre_injected_sql
                );
                ctes.push((id, text));
            }
        }
        Ok(inject(&sql, &ctes))
    }

    /// Whether the root project defines one of dbt's own macros `names`, or an implementation of one
    /// for this adapter: then it decides how relations are built.
    #[must_use]
    pub fn overrides(&self, names: &[&str]) -> bool {
        let (macros, root) = (&self.project.macros, &self.project.root.name);
        let prefixes = self.project.adapter_prefixes();
        names.iter().any(|name| {
            macros.in_package(root, name).is_some()
                || prefixes.iter().any(|prefix| {
                    macros
                        .in_package(root, &format!("{prefix}__{name}"))
                        .is_some()
                })
        })
    }

    /// The statement that `get_create_table_as_sql` or its kin gives for a compiled node.
    ///
    /// # Errors
    /// What the macro raises.
    pub fn create_as(&self, compiled: &CompiledNode, view: bool) -> Result<String> {
        let context = self.materialization_context(compiled);
        let mut relation = self.project.relation_of(&compiled.node);
        relation.kind = Some(Arc::from(if view { "view" } else { "table" }));
        let (relation, sql) = (Value::object(relation), Value::from(compiled.sql.as_str()));
        let value = match view {
            true => context.call_macro("get_create_view_as_sql", Arguments::of([relation, sql]))?,
            false => context.call_macro(
                "get_create_table_as_sql",
                Arguments::of([false.into(), relation, sql]),
            )?,
        };
        Ok(value.to_string())
    }

    /// Lets roles have on the node's relation, which is a `kind`, what its `grants` say, by the project's
    /// `apply_grants`. With `revoke`, what is there and not among them is revoked.
    ///
    /// # Errors
    /// What the macro or the engine raises.
    pub fn apply_grants(&self, compiled: &CompiledNode, kind: &str, revoke: bool) -> Result<()> {
        let Some(grants) = compiled.node.config.get("grants") else {
            return Ok(());
        };
        let context = self.materialization_context(compiled);
        let mut relation = self.project.relation_of(&compiled.node);
        relation.kind = Some(Arc::from(kind));
        let arguments = [Value::object(relation), Value::from(grants), revoke.into()];
        context.call_macro("apply_grants", Arguments::of(arguments))?;
        Ok(())
    }

    /// The statement of the incremental strategy `name` by its macro `get_incremental_NAME_sql`:
    /// from the table `temporary` into the node's own.
    ///
    /// # Errors
    /// `D2004` if there is no such strategy, and what it raises.
    pub fn strategy(
        &self,
        compiled: &CompiledNode,
        name: &str,
        temporary: &str,
        columns: &[ColumnInfo],
    ) -> Result<String> {
        let context = self.materialization_context(compiled);
        let node = &compiled.node;
        let target = self.project.relation_of(node);
        let mut beside = target.clone();
        beside.identifier = Some(Arc::from(temporary));
        let (kind, quote) = (
            self.project.connection.kind.as_str(),
            self.project.connection.quote_character(),
        );
        let columns = columns
            .iter()
            .map(|info| Value::object(Column::from_info(info, kind, quote)));
        let setting = |key: &str| node.config.get(key).map_or(Value::None, Value::from);
        let arguments = Dict::new();
        arguments.insert("target_relation", Value::object(target));
        arguments.insert("temp_relation", Value::object(beside));
        arguments.insert("unique_key", setting("unique_key"));
        arguments.insert("dest_columns", Value::list(columns));
        let predicates = match node.config.get("incremental_predicates") {
            Some(predicates) => Value::from(predicates),
            None => setting("predicates"),
        };
        arguments.insert("incremental_predicates", predicates);
        let name = format!("get_incremental_{}_sql", name.replace('+', "_"));
        let value = context.call_macro(&name, Arguments::of([Value::Dict(arguments)]))?;
        Ok(value.to_string())
    }

    /// What the macro `snapshot_NAME_strategy` gives for a snapshot: `updated_at`, `row_changed` and
    /// `scd_id`, as SQL over `snapshotted_data` and `source_data`
    /// (<https://docs.getdbt.com/docs/build/snapshots>).
    ///
    /// # Errors
    /// `D2004` if there is no such macro, `D2005` if it lacks one of these, and what it raises.
    pub fn snapshot_strategy(
        &self,
        compiled: &CompiledNode,
        strategy: &str,
        exists: bool,
    ) -> Result<[String; 3]> {
        let context = self.materialization_context(compiled);
        let name = match strategy.split_once('.') {
            Some((package, name)) => format!("{package}.snapshot_{name}_strategy"),
            None => format!("snapshot_{strategy}_strategy"),
        };
        let model = crate::manifest::node_json(&compiled.node);
        let config = Value::from(model.get("config").cloned().unwrap_or_default());
        let arguments = Arguments::of([
            Value::from(model),
            "snapshotted_data".into(),
            "source_data".into(),
            config,
            exists.into(),
        ]);
        let value = context
            .call_macro(&name, arguments)
            .map_err(|error| self.explain(error, &compiled.node))?;
        let text = |key: &str| {
            let found = value.as_dict().and_then(|texts| texts.get(key));
            found.map(|text| text.to_string()).ok_or_else(|| {
                Error::new(codes::D2005, format!("The macro `{name}` gives no `{key}`"))
                    .with("node", &compiled.node.unique_id)
            })
        };
        Ok([text("updated_at")?, text("row_changed")?, text("scd_id")?])
    }

    fn compiled(&self, node: &Arc<Node>, path: &mut Vec<String>) -> Result<Compiled> {
        if node.resource_type == ResourceType::Seed {
            return Ok(Compiled::default());
        }
        let (sql, ephemeral) = self
            .render(node)
            .map_err(|error| self.explain(error, node))?;
        // Nothing reads an ephemeral model twice, wherever it is referred to.
        let mut ctes: Vec<(String, String)> = Vec::new();
        for id in ephemeral {
            if path.contains(&id) {
                continue;
            }
            let Some(inner) = self.manifest.nodes.get(&id) else {
                continue;
            };
            path.push(id.clone());
            let compiled = self.ephemeral(inner, path)?;
            path.pop();
            for cte in &compiled.extra_ctes {
                if !ctes.iter().any(|have| have.0 == cte.0) {
                    ctes.push(cte.clone());
                }
            }
            if !ctes.iter().any(|have| have.0 == id) {
                let text = format!(
                    " __dbt__cte__{} as (\n{}\n)",
                    inner.name, compiled.pre_injected_sql
                );
                ctes.push((id, text));
            }
        }
        Ok(Compiled {
            sql: inject(&sql, &ctes),
            pre_injected_sql: sql,
            extra_ctes: ctes,
            path: None,
            lineage: None,
        })
    }

    fn ephemeral(&self, node: &Arc<Node>, path: &mut Vec<String>) -> Result<Arc<Compiled>> {
        if let Some(known) = lock(&self.ephemeral).get(&node.unique_id) {
            return Ok(Arc::clone(known));
        }
        let compiled = Arc::new(self.compiled(node, path)?);
        lock(&self.ephemeral).insert(node.unique_id.clone(), Arc::clone(&compiled));
        Ok(compiled)
    }

    /// The rendered code and the ephemeral models it refers to.
    fn render(&self, node: &Arc<Node>) -> Result<(String, Vec<String>)> {
        if node.language == "python" {
            return Ok((self.render_python(node)?, Vec::new()));
        }
        if !is_template(&node.raw_code) {
            return Ok((node.raw_code.clone(), Vec::new()));
        }
        let context = self.context(Some(node));
        if let Some(metadata) = &node.test_metadata {
            let kwargs = test_kwargs(&context, &metadata.kwargs)?;
            context.0.extra.insert("_dbt_generic_test_kwargs", kwargs);
        }
        let template = Template::parse(&self.source(node))?;
        let sql = context.render(&template)?;
        Ok((sql, context.captured().ephemeral.into_iter().collect()))
    }

    /// A Python model's code, and below it what its calls of `dbt` give.
    fn render_python(&self, node: &Arc<Node>) -> Result<String> {
        let context = self.context(Some(node));
        let model = Value::from(crate::manifest::node_json(node));
        let postfix = context.call_macro("py_script_postfix", Arguments::of([model]))?;
        let ephemeral = context.captured().ephemeral.into_iter().next();
        if let Some(inner) = ephemeral.and_then(|id| self.manifest.nodes.get(&id)) {
            let message = format!(
                "The Python model `{}` may not refer to `{}`, which is ephemeral",
                node.name, inner.name
            );
            return Err(Error::new(codes::D1052, message)
                .with("file", &node.original_file_path)
                .help(format!("materialise `{}` as a view", inner.name)));
        }
        Ok(format!("{}\n\n{postfix}", node.raw_code))
    }

    /// The code of a node as a source: its whole file where the file is the code, so that places
    /// are those of the file.
    pub(crate) fn source(&self, node: &Node) -> Source {
        let root = self
            .project
            .package(&node.package)
            .map(|package| package.root.as_path());
        let root = root.unwrap_or(Path::new(""));
        let shown = root.strip_prefix(&self.project.root.root).unwrap_or(root);
        let shown = shown.join(&node.original_file_path).display().to_string();
        if matches!(
            node.resource_type,
            ResourceType::Model | ResourceType::Analysis
        ) || (node.resource_type == ResourceType::Test && node.test_metadata.is_none())
        {
            let text =
                std::fs::read_to_string(root.join(&node.original_file_path)).unwrap_or_default();
            let lead = text.len() - text.trim_start().len();
            if text.trim() == node.raw_code && text[..lead].chars().all(|c| c == '\n') {
                return Source::new(shown, node.raw_code.as_str());
            }
        }
        Source::new(shown, node.raw_code.as_str())
    }

    /// A context for rendering templates or calling macros on the engine, as code of `node` (or of
    /// the root project) sees it. `execute` is true.
    #[must_use]
    pub fn context(&self, node: Option<&Arc<Node>>) -> Context {
        let package = node.map_or(self.project.root.name.as_str(), |node| {
            node.package.as_str()
        });
        let adapter = self.adapter.clone();
        Context::running(
            &self.project,
            package,
            node.cloned(),
            &self.manifest,
            adapter,
        )
    }

    /// The context in which a compiled node is materialised: `sql`, `compiled_code`, `model` and
    /// the hooks are set.
    #[must_use]
    pub fn materialization_context(&self, compiled: &CompiledNode) -> Context {
        let context = self.context(Some(&compiled.node));
        context.0.extra.insert("sql", compiled.sql.as_str());
        context
            .0
            .extra
            .insert("compiled_code", compiled.sql.as_str());
        context
    }

    /// The statement of an `on-run-start` or `on-run-end` hook. `extra` holds what only hooks see:
    /// `results` (see [`crate::artifact::run_results::results_value`]), `schemas`,
    /// `database_schemas`.
    ///
    /// # Errors
    /// What rendering raises.
    pub fn compile_hook(&self, hook: &Arc<Node>, extra: &[(&str, Value)]) -> Result<String> {
        let context = self.context(Some(hook));
        for (name, value) in extra {
            context.0.extra.insert(name, value.clone());
        }
        let template = Template::parse(&self.source(hook))?;
        context
            .render(&template)
            .map_err(|error| self.explain(error, hook))
    }

    /// Calls a macro (`name` or `package.name`), for example for `run-operation`.
    ///
    /// # Errors
    /// `D2004` if there is none, and what it raises.
    pub fn call_macro(&self, name: &str, arguments: Arguments) -> Result<Value> {
        self.context(None).call_macro(name, arguments)
    }

    /// Calls a macro with named arguments, as `run-operation` does.
    ///
    /// # Errors
    /// As [`Compiler::call_macro`].
    pub fn call_operation(
        &self,
        name: &str,
        arguments: serde_json::Map<String, serde_json::Value>,
    ) -> Result<()> {
        let mut call = Arguments::of([]);
        for (name, value) in arguments {
            call = call.with(name.as_str(), value);
        }
        let entry = self.operation(name)?;
        let name = format!("{}.{}", entry.package, entry.definition.name);
        self.call_macro(&name, call).map(drop)
    }

    /// The macro that the command line calls `name`. Unlike code, it finds those of installed packages by
    /// their names alone.
    ///
    /// # Errors
    /// `D2004` if there is none.
    pub fn operation(&self, name: &str) -> Result<&MacroEntry> {
        let macros = &self.project.macros;
        let found = match name.split_once('.') {
            Some((package, name)) => macros.in_package(package, name),
            None => macros
                .find(&self.project.root.name, name)
                .or_else(|| macros.iter().find(|entry| *entry.definition.name == *name)),
        };
        found.ok_or_else(|| Error::new(codes::D2004, format!("There is no macro `{name}`")))
    }

    /// The statements of a node's hooks (`pre-hook` or `post-hook`), rendered, in order; empty ones
    /// are left out.
    ///
    /// # Errors
    /// What rendering raises.
    pub fn hooks(&self, compiled: &CompiledNode, key: &str) -> Result<Vec<String>> {
        let context = self.materialization_context(compiled);
        let mut statements = Vec::new();
        let hooks = compiled
            .node
            .config
            .get(key)
            .map(crate::config::hooks)
            .unwrap_or_default();
        for hook in hooks {
            let text = hook
                .get("sql")
                .and_then(serde_json::Value::as_str)
                .unwrap_or_default();
            let source = Source::new(format!("{key} of {}", compiled.node.name), text);
            let sql = context.render(&Template::parse(&source)?)?;
            if !sql.trim().is_empty() {
                statements.push(sql);
            }
        }
        Ok(statements)
    }

    /// The `{% materialization %}` block that builds `node`, if the project or a package has one for
    /// its `materialized`. The root project's comes first; a package's may not replace dbt's own.
    #[must_use]
    pub fn materialization(&self, node: &Node) -> Option<&MacroEntry> {
        let name = match node.resource_type {
            ResourceType::Model => node.config.materialized(),
            ResourceType::Seed => "seed",
            ResourceType::Snapshot => "snapshot",
            _ => return None,
        };
        let built_in = matches!(
            name,
            "view" | "table" | "incremental" | "ephemeral" | "seed" | "snapshot"
        );
        let root = &self.project.root.name;
        let packages = self.project.packages.iter().map(|package| &package.name);
        let packages = packages.filter(|_| !built_in);
        let prefixes = self.project.adapter_prefixes();
        std::iter::once(root).chain(packages).find_map(|package| {
            prefixes.iter().find_map(|prefix| {
                let name = format!("materialization_{name}_{prefix}");
                self.project.macros.in_package(package, &name)
            })
        })
    }

    /// Builds a compiled node by a `{% materialization %}` block: what its `main` statement said, and
    /// how many rows it changed.
    ///
    /// # Errors
    /// What the block raises.
    pub fn materialize(
        &self,
        compiled: &CompiledNode,
        block: &MacroEntry,
    ) -> Result<serde_json::Map<String, serde_json::Value>> {
        let context = self.materialization_context(compiled);
        let callee = CalledMacro::value(&context.0, block);
        context
            .environment()
            .call(&callee, &context, Arguments::of([]))
            .map_err(|error| self.explain(error, &compiled.node))?;
        let main = context.0.result("main");
        let main = main.as_ref().and_then(Value::as_dict);
        let mut answer = serde_json::Map::new();
        match main.and_then(|result| result.get("response")) {
            Some(Value::Dict(response)) => {
                if let serde_json::Value::Object(response) = Value::Dict(response).to_json()? {
                    answer = response;
                }
            }
            Some(said) if !said.is_none() => {
                answer.insert("_message".to_owned(), said.to_string().into());
            }
            _ => {}
        }
        answer.retain(|_, value| !value.is_null());
        Ok(answer)
    }

    /// The time of the newest row of a source, and now, as the engine shows them; nothing if it has no
    /// rows. The project's macros `collect_freshness` and `collect_freshness_custom_sql` ask.
    ///
    /// # Errors
    /// `D1051` if the source says neither `loaded_at_field` nor `loaded_at_query`, and what the
    /// engine raises.
    pub fn freshness(&self, source: &SourceTable) -> Result<(Option<String>, Option<String>)> {
        let context = self.context(None);
        let relation = Relation::new(
            source.database.as_deref(),
            Some(&source.schema),
            Some(&source.identifier),
            self.project.quoting().with_quoting(&source.quoting),
            self.project.connection.quote_character(),
        );
        let relation = Value::object(relation);
        let result = match (&source.loaded_at_query, &source.loaded_at_field) {
            (Some(query), _) => {
                let template = Template::parse(&Source::new("loaded_at_query", query.as_str()))?;
                let query = context.render(&template)?;
                let arguments = Arguments::of([relation, query.as_str().into()]);
                context.call_macro("collect_freshness_custom_sql", arguments)?
            }
            (None, Some(field)) => {
                let filter = source.freshness.get("filter").map(Value::from);
                let filter = filter.unwrap_or(Value::None);
                let arguments = Arguments::of([relation, field.as_str().into(), filter]);
                context.call_macro("collect_freshness", arguments)?
            }
            (None, None) => {
                return Err(Error::new(
                    codes::D1051,
                    format!(
                        "The source `{}` has `freshness`, but no `loaded_at_field`",
                        source.unique_id
                    ),
                )
                .with("file", &source.original_file_path)
                .help("say which column holds the time a row was loaded"));
            }
        };
        let table = result.as_dict().and_then(|result| result.get("table"));
        // Macros written for older versions of dbt return the table itself.
        let table = table.as_ref().unwrap_or(&result);
        let row = table
            .downcast::<crate::context::table::Table>()
            .and_then(|table| table.rows().rows.first().cloned())
            .unwrap_or_default();
        let cell = |at: usize| {
            row.get(at)
                .filter(|cell| !cell.is_none())
                .map(ToString::to_string)
        };
        Ok((cell(0), cell(1)))
    }

    /// Adds the node, and for undefined names the macro that was probably meant.
    fn explain(&self, error: Error, node: &Node) -> Error {
        let missing = error
            .message()
            .strip_suffix("` is undefined")
            .and_then(|m| m.strip_prefix('`'));
        let missing = missing.map(str::to_owned);
        let error = error.with("node", &node.unique_id);
        match missing {
            Some(name) => {
                let names = self
                    .project
                    .macros
                    .iter()
                    .map(|entry| &*entry.definition.name);
                let near = diagnostic::nearest(&name, names);
                error.help(match near {
                    Some(near) => format!("a macro with a similar name exists: `{near}`"),
                    None => {
                        "this can happen when calling a macro that does not exist, or lacks the \
                             name of its package"
                            .to_owned()
                    }
                })
            }
            None => error,
        }
    }
}

/// Puts `ctes` in front of the CTEs that `sql` has, or makes it a `with` query.
pub(crate) fn inject(sql: &str, ctes: &[(String, String)]) -> String {
    if ctes.is_empty() {
        return sql.to_owned();
    }
    let texts: Vec<&str> = ctes.iter().map(|(_, text)| text.as_str()).collect();
    let texts = texts.join(", ");
    match after_with(sql) {
        Some(at) => format!("{} {texts},{}", &sql[..at], &sql[at..]),
        None => {
            let start = sql.len() - sql.trim_start().len();
            format!("{}with{texts} {}", &sql[..start], &sql[start..])
        }
    }
}

/// Where the list of CTEs starts, if the first word of `sql` is `with` (or `with recursive`).
fn after_with(sql: &str) -> Option<usize> {
    let start = skip_blanks(sql, 0);
    let at = word(sql, start, "with")?;
    Some(word(sql, skip_blanks(sql, at), "recursive").unwrap_or(at))
}

fn word(sql: &str, at: usize, word: &str) -> Option<usize> {
    let found = sql.get(at..at + word.len())?;
    let after = sql[at + word.len()..].chars().next();
    let ends = after.is_none_or(|c| !c.is_alphanumeric() && c != '_');
    (found.eq_ignore_ascii_case(word) && ends).then_some(at + word.len())
}

/// The first byte at or after `at` that is neither blank nor in a comment.
fn skip_blanks(sql: &str, mut at: usize) -> usize {
    loop {
        let rest = &sql[at..];
        let trimmed = rest.trim_start();
        at += rest.len() - trimmed.len();
        let comment = if trimmed.starts_with("--") {
            trimmed.find('\n').map_or(trimmed.len(), |end| end + 1)
        } else if trimmed.starts_with("/*") {
            trimmed.find("*/").map_or(trimmed.len(), |end| end + 2)
        } else {
            return at;
        };
        at += comment;
    }
}

#[cfg(test)]
mod tests {
    use super::inject;

    #[test]
    fn ctes_go_in_front() {
        let ctes = [(
            "m".to_owned(),
            " __dbt__cte__m as (\nselect 1\n)".to_owned(),
        )];
        assert_eq!(
            inject("select 2", &ctes),
            "with __dbt__cte__m as (\nselect 1\n) select 2"
        );
        assert_eq!(
            inject("-- with\nWITH a as (select 1) select 2", &ctes),
            "-- with\nWITH  __dbt__cte__m as (\nselect 1\n), a as (select 1) select 2"
        );
        assert_eq!(inject("select 2", &[]), "select 2");
    }
}
