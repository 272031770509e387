//! What the templates of a dbt project see: dbt's context, resolved name by name.
//!
//! A [`Rendering`] is one node (or macro call) being rendered in one [`Phase`]; a [`Context`] is the
//! [`jinja::Scope`] over it. Macros come first, as in dbt, so that a project may override what the
//! context offers; then the members of the context.

mod adapter_object;
mod builtins;
pub mod column;
mod configuration;
mod exceptions;
mod functions;
mod macro_value;
mod pure;
pub mod record;
pub(crate) mod references;
pub mod relation;
pub mod table;

use std::collections::HashMap;
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use chrono::{DateTime, Utc};
use diagnostic::{Error, Result, codes};
use indexmap::IndexSet;
use jinja::modules::{self, Clock};
use jinja::{Arguments, Dict, Environment, Scope, Template, UndefinedBehavior, Value};
use serde_json::{Map, Value as Json};

pub(crate) use builtins::flag;
pub use macro_value::{CalledMacro, PackageNamespace};
pub use pure::yaml_mapping;

use crate::adapter::{Adapter, RelationName};
use crate::cache::observed::{self, Subject};
use crate::config::Config;
use crate::flags::Flags;
use crate::macros::{BUILT_IN, Macros};
use crate::manifest::Manifest;
use crate::node::{Node, Ref, SourceRef};
use crate::parse::inventory::Inventory;
use crate::project::file::ProjectFile;
use crate::project::profile::Connection;
use relation::{Parts, Relation};

/// The version of dbt whose behaviour this is.
pub const DBT_VERSION: &str = "1.12.6";

/// What every rendering of a project shares.
pub struct ProjectContext {
    /// The root project.
    pub root: ProjectFile,
    /// Its packages.
    pub packages: Vec<ProjectFile>,
    /// Where relations go.
    pub connection: Connection,
    /// What the command said.
    pub flags: Flags,
    /// Every macro.
    pub macros: Macros,
    /// The files it is parsed from.
    pub inventory: Arc<Inventory>,
    /// Pure functions and filters; undefined values are tolerated while parsing.
    pub parse_environment: Environment,
    /// The same, for compiling and running.
    pub run_environment: Environment,
    /// What `log()` and `print()` said, in order, until somebody takes it.
    pub messages: Mutex<Vec<Message>>,
    /// What `selected_resources` shows.
    pub selected: Mutex<Vec<String>>,
    /// What references may mean instead of the project's own relations.
    pub deferred: Mutex<Deferred>,
}

/// The relations of another environment that `--defer` reads, by unique id of their nodes.
#[derive(Clone, Debug, Default)]
pub struct Deferred {
    /// Database, schema and name.
    pub relations: HashMap<String, RelationName>,
    /// `--favor-state`: they count also where the project's own relations exist.
    pub favor: bool,
}

/// A line from `log()` or `print()`, or about a statement that is run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Whether it is for the terminal (`print`, `log(…, info=true)`) or only for the log file.
    pub info: bool,
    /// What dbt calls the event.
    pub event: &'static str,
    /// The text.
    pub text: String,
}

impl ProjectContext {
    /// The settings of the package called `name`.
    #[must_use]
    pub fn package(&self, name: &str) -> Option<&ProjectFile> {
        let all = std::iter::once(&self.root).chain(&self.packages);
        all.into_iter().find(|package| package.name == name)
    }

    /// Which parts of a relation's name are quoted, before a node says otherwise.
    #[must_use]
    pub fn quoting(&self) -> Parts<bool> {
        Parts::all(self.connection.quotes_by_default()).with_quoting(&self.root.quoting)
    }

    /// The relation of these names, quoted as the project says.
    #[must_use]
    pub fn relation(&self, database: Option<&str>, schema: &str, identifier: &str) -> Relation {
        let quote = self.connection.quote_character();
        Relation::new(
            database,
            Some(schema),
            Some(identifier),
            self.quoting(),
            quote,
        )
    }

    /// The relation of a node.
    #[must_use]
    pub fn relation_of(&self, node: &Node) -> Relation {
        let mut relation = self.relation(node.database.as_deref(), &node.schema, &node.alias);
        if let Some(quoting) = node.config.get("quoting").and_then(Json::as_object) {
            relation.quote = relation.quote.with_quoting(quoting);
        }
        relation
    }

    /// The prefixes `dispatch` tries, most particular first.
    #[must_use]
    pub fn adapter_prefixes(&self) -> Vec<&str> {
        let kind = self.connection.kind.as_str();
        let parents: &[&str] = match kind {
            "redshift" => &["postgres"],
            "databricks" => &["spark"],
            _ => &[],
        };
        let mut prefixes = vec![kind];
        prefixes.extend(parents);
        prefixes.push("default");
        prefixes
    }

    /// Says something on behalf of the project.
    pub fn say(&self, info: bool, text: String) {
        let event = match info {
            true => "JinjaLogInfo",
            false => "JinjaLogDebug",
        };
        self.tell(Message { info, event, text });
    }

    /// Keeps a message until somebody takes it.
    pub fn tell(&self, message: Message) {
        lock(&self.messages).push(message);
    }

    /// Warns on behalf of the project, as `exceptions.warn()` does.
    ///
    /// # Errors
    /// `D2003` where such warnings are errors.
    pub fn warn(&self, message: String) -> Result<()> {
        if self.flags.macro_warnings_fail {
            return Err(Error::new(codes::D2003, message)
                .help("`--warn-error` takes warnings for errors; this one is `JinjaLogWarning`"));
        }
        self.say(true, format!("Warning: {message}"));
        Ok(())
    }

    /// Sets what `selected_resources` shows: the unique ids a command selected.
    pub fn set_selected(&self, ids: &[String]) {
        *lock(&self.selected) = ids.to_vec();
    }

    /// The relation that stands for `node` because of `--defer`: where the node's own does not exist,
    /// or where it is not selected and the other environment is favoured.
    ///
    /// # Errors
    /// What the engine raises.
    pub(crate) fn deferred_relation(
        &self,
        node: &Node,
        adapter: Option<&Arc<dyn Adapter>>,
    ) -> Result<Option<Relation>> {
        let (name, favor) = {
            let deferred = lock(&self.deferred);
            match deferred.relations.get(&node.unique_id) {
                Some(name) => (name.clone(), deferred.favor),
                None => return Ok(None),
            }
        };
        let selected = lock(&self.selected).contains(&node.unique_id);
        if selected {
            return Ok(None);
        }
        if !favor && let Some(adapter) = adapter {
            let own = self.relation_of(node);
            let part = |part: &Option<Arc<str>>| part.as_deref().unwrap_or_default().to_owned();
            let own = RelationName {
                database: part(&own.database),
                schema: part(&own.schema),
                identifier: part(&own.identifier),
            };
            if adapter.relation(&own)?.is_some() {
                return Ok(None);
            }
        }
        Ok(Some(self.relation(
            Some(&name.database),
            &name.schema,
            &name.identifier,
        )))
    }

    /// Takes what was said since the last call.
    #[must_use]
    pub fn take_messages(&self) -> Vec<Message> {
        std::mem::take(&mut lock(&self.messages))
    }

    /// The value of `var` for a node of `package`: the command line, then the root project's
    /// `vars`, then the package's own.
    #[must_use]
    pub fn var(&self, package: &str, name: &str) -> Option<&Json> {
        if let Some(value) = self.flags.vars.get(name) {
            return Some(value);
        }
        lookup_var(&self.root, package, name).or_else(|| {
            self.package(package)
                .and_then(|own| lookup_var(own, package, name))
        })
    }
}

fn lookup_var<'p>(project: &'p ProjectFile, package: &str, name: &str) -> Option<&'p Json> {
    let own = project.vars.get(package).and_then(Json::as_object);
    own.and_then(|vars| vars.get(name))
        .or_else(|| project.vars.get(name))
}

/// How far a project has come when something is rendered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Collecting what nodes refer to; nothing is executed.
    Parse,
    /// Compiling or running; relations can be asked for.
    Run,
}

/// What a rendering noted.
#[derive(Clone, Debug, Default)]
pub struct Captured {
    /// Calls of `ref`.
    pub refs: Vec<Ref>,
    /// Calls of `source`.
    pub sources: Vec<SourceRef>,
    /// Calls of `metric`.
    pub metrics: Vec<String>,
    /// Arguments of `config`, call by call.
    pub config: Vec<Map<String, Json>>,
    /// Unique ids of the macros the node itself calls.
    pub macros: IndexSet<Arc<str>>,
    /// Names of variables read.
    pub vars: IndexSet<String>,
    /// Names of environment variables read.
    pub environment: IndexSet<String>,
    /// Ephemeral models referred to, in order.
    pub ephemeral: IndexSet<String>,
}

/// A span of event time that a microbatch model is built for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    /// `20240101`, or `2024-01-01T10` for hours.
    pub id: String,
    /// Its first moment.
    pub start: DateTime<Utc>,
    /// The first moment after it.
    pub end: DateTime<Utc>,
}

impl Batch {
    /// The condition that `column` lies in it, in the dialect of the adapter `kind`.
    #[must_use]
    pub fn condition(&self, column: &str, kind: &str) -> String {
        let moment = |moment: DateTime<Utc>| {
            let text = moment.format("%Y-%m-%d %H:%M:%S");
            match kind {
                // Texts and columns with a zone must mean the same moment.
                "snowflake" => format!("to_timestamp_tz('{text}+00:00')"),
                _ => format!("cast('{text}' as timestamp)"),
            }
        };
        let (start, end) = (moment(self.start), moment(self.end));
        format!("{column} >= {start} and {column} < {end}")
    }
}

/// One thing being rendered.
pub struct Rendering {
    /// The project.
    pub project: Arc<ProjectContext>,
    /// How far it has come.
    pub phase: Phase,
    /// The package whose macros come first.
    pub package: String,
    /// The node, if it is one.
    pub node: Option<Arc<Node>>,
    /// The finished manifest, unless still parsing.
    pub manifest: Option<Arc<Manifest>>,
    /// The engine, unless still parsing.
    pub adapter: Option<Arc<dyn Adapter>>,
    /// Variables of this rendering alone: `_dbt_generic_test_kwargs`, `sql`, `results`.
    pub extra: Dict,
    /// The batch of a microbatch model that is rendered.
    pub batch: OnceLock<Batch>,
    captured: Mutex<Captured>,
    results: Mutex<HashMap<String, Value>>,
    model: OnceLock<Value>,
    depth: AtomicUsize,
}

/// Locks, whatever a panicking thread left behind: what is guarded is valid at every step.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The scope of a rendering. Cheap to clone.
#[derive(Clone)]
pub struct Context(pub Arc<Rendering>);

impl Context {
    /// A rendering for `node` while parsing.
    #[must_use]
    pub fn parsing(project: &Arc<ProjectContext>, package: &str, node: Option<Arc<Node>>) -> Self {
        Self::new(project, Phase::Parse, package, node, None, None)
    }

    /// A rendering for `node` (or for a macro of `package`) on an engine.
    #[must_use]
    pub fn running(
        project: &Arc<ProjectContext>,
        package: &str,
        node: Option<Arc<Node>>,
        manifest: &Arc<Manifest>,
        adapter: Option<Arc<dyn Adapter>>,
    ) -> Self {
        Self::new(
            project,
            Phase::Run,
            package,
            node,
            Some(Arc::clone(manifest)),
            adapter,
        )
    }

    fn new(
        project: &Arc<ProjectContext>,
        phase: Phase,
        package: &str,
        node: Option<Arc<Node>>,
        manifest: Option<Arc<Manifest>>,
        adapter: Option<Arc<dyn Adapter>>,
    ) -> Self {
        Self(Arc::new(Rendering {
            project: Arc::clone(project),
            phase,
            package: package.to_owned(),
            node,
            manifest,
            adapter,
            extra: Dict::new(),
            batch: OnceLock::new(),
            captured: Mutex::default(),
            results: Mutex::default(),
            model: OnceLock::new(),
            depth: AtomicUsize::new(0),
        }))
    }

    /// Renders `template`.
    ///
    /// # Errors
    /// Whatever the template raises.
    pub fn render(&self, template: &Template) -> Result<String> {
        template.render(self.environment(), self)
    }

    /// Renders `template` to a value, as in YAML.
    ///
    /// # Errors
    /// Whatever the template raises.
    pub fn render_native(&self, template: &Template) -> Result<Value> {
        template.render_native(self.environment(), self)
    }

    /// Calls the macro `name` as code in this package would.
    ///
    /// # Errors
    /// `D2004` if there is none, and what it raises.
    pub fn call_macro(&self, name: &str, arguments: Arguments) -> Result<Value> {
        let callee = match name.split_once('.') {
            Some((package, name)) => self.0.macro_in(package, name),
            None => self.macro_named(name),
        };
        let callee = callee.ok_or_else(|| self.0.no_macro(name))?;
        self.environment().call(&callee, self, arguments)
    }

    /// The environment of this rendering's phase.
    #[must_use]
    pub fn environment(&self) -> &Environment {
        match self.0.phase {
            Phase::Parse => &self.0.project.parse_environment,
            Phase::Run => &self.0.project.run_environment,
        }
    }

    /// What was noted so far.
    #[must_use]
    pub fn captured(&self) -> Captured {
        lock(&self.0.captured).clone()
    }

    /// The macro that `name` alone means here, as a value.
    #[must_use]
    pub fn macro_named(&self, name: &str) -> Option<Value> {
        let entry = self.0.project.macros.find(&self.0.package, name)?;
        Some(CalledMacro::value(&self.0, entry))
    }
}

impl Rendering {
    pub(crate) fn note(&self, note: impl FnOnce(&mut Captured)) {
        note(&mut lock(&self.captured));
    }

    /// Whether statements may be run.
    #[must_use]
    pub fn executes(&self) -> bool {
        self.phase == Phase::Run
    }

    fn macro_in(self: &Arc<Self>, package: &str, name: &str) -> Option<Value> {
        let entry = self.project.macros.in_package(package, name)?;
        Some(CalledMacro::value(self, entry))
    }

    fn no_macro(&self, name: &str) -> diagnostic::Error {
        let names = self
            .project
            .macros
            .iter()
            .map(|entry| &*entry.definition.name);
        diagnostic::Error::new(
            diagnostic::codes::D2004,
            format!("There is no macro `{name}`"),
        )
        .suggest(name, names)
    }

    /// The configuration `config.get` reads.
    fn config(&self) -> Option<&Config> {
        self.node.as_ref().map(|node| &node.config)
    }

    fn model(&self) -> Value {
        let json = || {
            self.node
                .as_ref()
                .map_or(Json::Null, |node| crate::manifest::node_json(node))
        };
        self.model.get_or_init(|| Value::from(json())).clone()
    }

    fn this(&self) -> Value {
        match &self.node {
            Some(node) => Value::object(self.project.relation_of(node)),
            None => Value::None,
        }
    }
}

impl Scope for Context {
    fn get(&self, name: &str) -> Result<Option<Value>> {
        let rendering = &self.0;
        if let Some(value) = rendering.extra.get(name) {
            return Ok(Some(value));
        }
        if let Some(value) = self.macro_named(name) {
            return Ok(Some(value));
        }
        if rendering.project.macros.has_package(name) || name == BUILT_IN {
            return Ok(Some(PackageNamespace::value(rendering, name)));
        }
        Ok(self.member(name))
    }
}

impl Context {
    /// A function of the context as it is when nothing overrides it.
    pub(crate) fn plain(&self, name: &str) -> Option<Value> {
        self.member(name)
    }

    /// A member of dbt's context.
    fn member(&self, name: &str) -> Option<Value> {
        let rendering = &self.0;
        let project = &rendering.project;
        Some(match name {
            "ref" | "source" | "metric" | "function" => references::value(rendering, name)?,
            "config" => configuration::value(rendering),
            "var"
            | "env_var"
            | "log"
            | "print"
            | "doc"
            | "render"
            | "write"
            | "load_result"
            | "store_result"
            | "store_raw_result"
            | "try_or_compiler_error"
            | "load_agate_table"
            | "submit_python_job"
            | "adapter_macro"
            | "store_relation_metadata" => functions::value(rendering, name)?,
            "this" => rendering.this(),
            "model" => rendering.model(),
            "execute" => rendering.executes().into(),
            "target" | "env" => {
                observed::note(Subject::Threads);
                Value::from(Json::Object(project.connection.fields.clone()))
            }
            "flags" => builtins::flags(rendering),
            "exceptions" => exceptions::value(rendering),
            "adapter" => adapter_object::value(rendering),
            "api" => builtins::api(rendering),
            "builtins" => builtins::builtins(rendering),
            "context" => builtins::whole_context(self),
            "graph" => match &rendering.manifest {
                Some(manifest) => manifest.graph_value(),
                None => Value::Dict(Dict::new()),
            },
            "database" | "schema" => {
                let node = rendering.node.as_ref();
                match name {
                    "schema" => node
                        .map_or(project.connection.schema.as_str(), |n| &n.schema)
                        .into(),
                    _ => match node.and_then(|n| n.database.as_deref()) {
                        Some(database) => database.into(),
                        None => project.connection.database.as_str().into(),
                    },
                }
            }
            "project_name" => project.root.name.as_str().into(),
            "dbt_version" => DBT_VERSION.into(),
            "invocation_id" => {
                observed::note_volatile();
                project.flags.invocation_id.as_str().into()
            }
            "run_started_at" => {
                observed::note_volatile();
                builtins::moment(project.flags.run_started_at)
            }
            "thread_id" => format!("Thread-{}", thread_number()).into(),
            "selected_resources" => {
                observed::note_volatile();
                Value::list(lock(&project.selected).iter().map(|id| id.as_str().into()))
            }
            "invocation_args_dict" => builtins::invocation_arguments(rendering),
            "dbt_metadata_envs" => builtins::metadata_environment(rendering),
            "pre_hooks" | "post_hooks" => builtins::hooks(rendering, name),
            "column" => builtins::column_class(rendering),
            "validation" => builtins::validation(),
            "defer_relation" => Value::None,
            "compiled_code" | "sql_now" => return None,
            _ => return None,
        })
    }
}

fn thread_number() -> String {
    let id = format!("{:?}", std::thread::current().id());
    id.chars().filter(char::is_ascii_digit).collect()
}

/// Environments for parsing and for running.
#[must_use]
pub fn environments(flags: &Flags) -> (Environment, Environment) {
    let mut run = Environment::new();
    let clock = match flags.as_of {
        Some(moment) => Clock::fixed(moment),
        None => Clock::of(|| {
            observed::note_volatile();
            Utc::now()
        }),
    };
    run.add_global("modules", modules::all(clock));
    pure::mount(&mut run);
    let mut parse = run.clone();
    parse.undefined = UndefinedBehavior::Tolerant;
    (parse, run)
}

/// The scope for the templates of `dbt_project.yml`, `profiles.yml` and other YAML.
pub struct YamlScope<'y> {
    /// What the command said.
    pub flags: &'y Flags,
    /// Variables besides those of the command line, if they are known already.
    pub vars: Map<String, Json>,
    /// The target, if it is known already.
    pub connection: Option<&'y Connection>,
    /// Whether environment variables with secrets may be read.
    pub secrets: bool,
}

impl Scope for YamlScope<'_> {
    fn get(&self, name: &str) -> Result<Option<Value>> {
        Ok(match name {
            "var" => {
                let mut vars = self.vars.clone();
                vars.extend(self.flags.vars.clone());
                Some(functions::var_of(vars))
            }
            "env_var" => Some(functions::env_var_of(self.flags, self.secrets)),
            "target" | "env" => {
                observed::note(Subject::Threads);
                self.connection
                    .map(|c| Value::from(Json::Object(c.fields.clone())))
            }
            "dbt_version" => Some(DBT_VERSION.into()),
            "run_started_at" => {
                observed::note_volatile();
                Some(builtins::moment(self.flags.run_started_at))
            }
            "invocation_id" => {
                observed::note_volatile();
                Some(self.flags.invocation_id.as_str().into())
            }
            _ => None,
        })
    }
}

/// Seconds since 1970, as artifacts count them.
#[must_use]
pub fn seconds(moment: DateTime<Utc>) -> f64 {
    #[allow(clippy::cast_precision_loss)]
    let micros = moment.timestamp_micros() as f64;
    micros / 1e6
}
