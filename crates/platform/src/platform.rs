//! [`Platform`]: an opened project with its catalog and compute.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use catalog::{Catalog, RestSettings, Workspace};
use chrono::{DateTime, Utc};
use diagnostic::Result;
use engine::Session;
use engine_datafusion::{Compute, ComputeOptions, Embedded};
use model::Identifier;
use settings::{EnvironmentSpec, Project, Secret};
use storage::{Location, Storage, StorageOptions};

/// Threads of a machine that does not tell how many it has.
const FALLBACK_THREADS: usize = 2;

/// The schema of sessions that name none, as in Snowflake.
const DEFAULT_SCHEMA: &str = "PUBLIC";

/// An opened project.
pub struct Platform {
    pub(crate) project: Project,
    pub(crate) catalog: Catalog,
    pub(crate) as_of: Option<DateTime<Utc>>,
    /// Whether quoted names mean what unquoted ones do, as the dbt profile's adapter has it.
    pub(crate) folds: AtomicBool,
}

impl Platform {
    /// Opens the catalog of `project`, finishing or dropping what killed runs left. `as_of` stops the
    /// clock.
    ///
    /// # Errors
    /// `K2001` to `K2005` if the catalog cannot be used, `B1001` to `B3001` if the store of its tables cannot.
    pub fn open(project: Project, as_of: Option<DateTime<Utc>>) -> Result<Self> {
        let catalog = catalog(&project.environment)?;
        Ok(Self {
            project,
            catalog,
            as_of,
            folds: AtomicBool::new(false),
        })
    }

    /// The project's settings.
    #[must_use]
    pub fn project(&self) -> &Project {
        &self.project
    }

    /// The catalog.
    #[must_use]
    pub fn catalog(&self) -> &Catalog {
        &self.catalog
    }

    /// How many things are worked on at once, unless somebody says otherwise.
    #[must_use]
    pub fn threads(&self) -> usize {
        let machine = std::thread::available_parallelism().map_or(FALLBACK_THREADS, usize::from);
        self.project.threads.unwrap_or(machine)
    }

    /// Memory, spill space and functions for statements.
    ///
    /// # Errors
    /// `E1003` if the spill folder cannot be used.
    pub fn compute(&self) -> Result<Compute> {
        Compute::new(&ComputeOptions {
            memory_limit: usize::try_from(self.project.memory_limit).unwrap_or(usize::MAX),
            threads: self.threads(),
            spill: self.spill(),
        })
    }

    /// Where data goes that does not fit into memory.
    #[must_use]
    pub fn spill(&self) -> PathBuf {
        self.project.environment.state.join("spill")
    }

    /// The embedded warehouse seen through `workspace`.
    ///
    /// # Errors
    /// `E1003` if the spill folder cannot be used.
    pub fn embedded(&self, workspace: Workspace) -> Result<Embedded> {
        Ok(Embedded::new(Arc::new(workspace), self.compute()?))
    }

    /// A session in the project's database.
    #[must_use]
    pub fn session(&self) -> Session {
        let session = Session::new(
            self.project.database.clone(),
            Identifier::unquoted(DEFAULT_SCHEMA),
        );
        match self.as_of {
            Some(moment) => session.pinned_to(moment),
            None => session,
        }
    }
}

/// The catalog of `environment`.
pub(crate) fn catalog(environment: &EnvironmentSpec) -> Result<Catalog> {
    let catalog = Catalog::open_in(&environment.state, &tables(environment)?)?;
    if let Some(rest) = &environment.iceberg_catalog {
        let secret = |secret: &Option<Secret>| secret.as_ref().map(|s| s.reveal().to_owned());
        catalog.tell(RestSettings {
            uri: rest.uri.clone(),
            warehouse: rest.warehouse.clone(),
            token: secret(&rest.token),
            credential: secret(&rest.credential),
            scope: rest.scope.clone(),
            oauth2_server_uri: rest.oauth2_server_uri.clone(),
        });
    }
    Ok(catalog)
}

/// The place of the tables of `environment`.
fn tables(environment: &EnvironmentSpec) -> Result<Storage> {
    let location: Location = environment.warehouse.parse()?;
    let options = environment
        .storage
        .iter()
        .map(|(name, value)| (name.clone(), value.reveal().to_owned()));
    Storage::open(&location, &StorageOptions::new(options))
}
