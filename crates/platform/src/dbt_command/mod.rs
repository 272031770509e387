//! What `sluice dbt` does: one dbt command on the catalog of the project, publishing node by node.
//!
//! A plain dbt command promises what dbt promises: each node is there for everybody as soon as it is
//! built, and what depends on a node that failed is skipped. With `--publish run`, as with `sluice run`,
//! all of it is published when everything has passed, or nothing.

mod catalog_file;
mod column_lineage;
mod event;
mod execute;
mod freshness;
mod hooks;
mod operation;
mod order;
mod query;
mod step;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, OnceLock, PoisonError};

use catalog::{AssetRecord, Catalog, Workspace};
use dbt::PreviousState;
use dbt::context::{Deferred, ProjectContext};
use dbt::flags::Flags;
use dbt::load::Project as DbtProject;
use diagnostic::{Error, Result, codes};
use engine::Session;
use engine_datafusion::{Compute, Embedded};
use model::Identifier;
use parking_lot::Mutex;
use transform::{Nodes, Probe, folds};

use crate::Platform;

pub use column_lineage::{ColumnGraph, ColumnKey};
pub use event::DbtEvent;
pub use execute::DbtReport;
pub use freshness::Freshness;
pub use query::DbtRows;

/// What a command does with the nodes it selects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DbtWork {
    /// Render their statements.
    Compile,
    /// Build models, seeds and snapshots, and judge tests.
    Build,
    /// Make relations copies of those that `--state` names.
    Clone,
}

/// One dbt command: the project as its flags make it, and where its nodes run.
pub struct DbtInvocation {
    project: Arc<DbtProject>,
    catalog: Catalog,
    compute: Compute,
    session: Session,
    /// Publications come one after another: the catalog refuses a second one meanwhile.
    publishing: Mutex<()>,
    /// Hooks of nodes come one after another: many write to one table.
    hooking: tokio::sync::Mutex<()>,
    options: DbtOptions,
    /// The tests of one table that are judged together.
    probe: OnceLock<Probe>,
    /// What all nodes work in, with `--publish run`.
    shared: OnceLock<Arc<Workspace>>,
    /// What earlier runs built nodes from, with `--state-aware`.
    records: OnceLock<BTreeMap<String, AssetRecord>>,
}

/// What dbt has no flags for.
#[derive(Clone, Copy, Debug, Default)]
pub struct DbtOptions {
    /// Readers see all of the run, once everything has passed, or nothing.
    pub publish_run: bool,
    /// Nodes are left alone if neither their code nor their inputs have changed.
    pub state_aware: bool,
}

impl Platform {
    /// The folder of the dbt project.
    ///
    /// # Errors
    /// `D1001` if there is none.
    pub fn dbt_folder(&self) -> Result<&Path> {
        self.project.dbt.as_deref().ok_or_else(|| {
            Error::new(codes::D1001, "This project has no dbt project")
                .with("project", self.project.root.display())
                .help("put one into the folder `dbt`, or name its folder as `dbt:` in sluice.yml")
        })
    }

    /// A session in the database and schema of the dbt target.
    pub(crate) fn dbt_session(&self, context: &ProjectContext) -> Session {
        let (connection, quoting) = (&context.connection, context.quoting());
        let folded = folds(context);
        let name = |text: &str, quoted: bool| match quoted && !folded {
            true => Identifier::quoted(text),
            false => Identifier::unquoted(text),
        };
        Session {
            database: name(&connection.database, quoting.database),
            schema: name(&connection.schema, quoting.schema),
            ..self.session()
        }
    }

    /// The session of the nodes: that of the dbt target, with the profile's role.
    pub(crate) fn node_session(&self, context: &ProjectContext) -> Session {
        let role = context.connection.fields.get("role");
        let role = role.and_then(serde_json::Value::as_str);
        let role = role.filter(|role| !role.is_empty());
        Session {
            role: role.map(Identifier::unquoted),
            ..self.dbt_session(context)
        }
    }

    /// Loads the dbt project for one command.
    ///
    /// # Errors
    /// What is wrong with the dbt project; `E2001` if its target is a remote warehouse.
    pub fn dbt(&self, flags: Flags) -> Result<DbtInvocation> {
        let project = Arc::new(DbtProject::load(self.dbt_folder()?, flags)?);
        let connection = &project.context.connection;
        if connection.remote {
            return Err(Error::new(
                codes::E2001,
                format!(
                    "Target `{}` has `engine: remote`, which is not supported yet",
                    connection.target
                ),
            )
            .help("leave `engine` out to run the project on the embedded warehouse"));
        }
        Ok(DbtInvocation {
            session: self.node_session(&project.context),
            catalog: self.catalog.clone(),
            compute: self.compute()?,
            publishing: Mutex::new(()),
            hooking: tokio::sync::Mutex::new(()),
            options: DbtOptions::default(),
            probe: OnceLock::new(),
            shared: OnceLock::new(),
            records: OnceLock::new(),
            project,
        })
    }
}

impl DbtInvocation {
    /// The same command with `options`.
    #[must_use]
    pub fn with_options(mut self, options: DbtOptions) -> Self {
        self.options = options;
        self
    }

    /// The project.
    #[must_use]
    pub fn project(&self) -> &Arc<DbtProject> {
        &self.project
    }

    /// Lets references mean relations of another environment (`--defer`).
    pub fn defer_to(&self, state: &PreviousState, favor: bool) {
        let mut relations = state.relations();
        // What is there under the same name needs no detour.
        let context = &self.project.context;
        relations.retain(|id, name| {
            self.project.manifest.nodes.get(id).is_some_and(|node| {
                node.database.as_deref() != Some(&name.database)
                    || node.schema != name.schema
                    || node.alias != name.identifier
            })
        });
        *context
            .deferred
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = Deferred { relations, favor };
    }

    /// Drops what stopped work has begun.
    ///
    /// # Errors
    /// `K2001` or `K2003` if the remains cannot be removed.
    pub fn recover(&self) -> Result<()> {
        self.catalog.recover()
    }

    /// A view of what is published now, and the nodes on it.
    fn begin(&self) -> Result<(Arc<Workspace>, Nodes)> {
        let workspace = match self.shared.get() {
            Some(shared) => Arc::clone(shared),
            None => Arc::new(self.catalog.begin(&self.command())?),
        };
        let engine = Embedded::new(Arc::clone(&workspace), self.compute.clone());
        let nodes = Nodes::new(
            Arc::clone(&self.project),
            Arc::new(engine),
            self.session.clone(),
        );
        Ok((workspace, nodes))
    }

    fn command(&self) -> String {
        format!("dbt {}", self.project.context.flags.which)
    }

    /// Publishes what `workspace` changed if `result` is good, and drops it otherwise.
    fn settle<T>(&self, workspace: &Workspace, result: Result<T>) -> Result<T> {
        if self.shared.get().is_some() {
            return result;
        }
        match result {
            Ok(value) => {
                let _one_at_a_time = self.publishing.lock();
                workspace.publish()?;
                Ok(value)
            }
            Err(error) => match workspace.discard(error.message()) {
                Ok(()) => Err(error),
                Err(other) => Err(error.and(other)),
            },
        }
    }
}
