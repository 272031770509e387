//! [`Temporary`]: the tables of one session, which nobody else sees and which end with it.
//!
//! <https://docs.snowflake.com/en/user-guide/tables-temp-transient#temporary-tables>

use std::collections::BTreeMap;
use std::path::PathBuf;

use diagnostic::{Result, ResultExt, codes};
use lake::{TEMPORARY, Table};
use model::{RelationName, RunId};
use parking_lot::Mutex;
use state::{Relation, RelationKind};

use crate::workspace::{LOCK, folder_name};
use crate::{Catalog, RunLock, recovery};

/// The tables of one session. A temporary table hides a permanent one of the same name.
#[derive(Default)]
pub struct Temporary {
    relations: Mutex<BTreeMap<RelationName, Relation>>,
    place: Mutex<Option<Place>>,
}

/// Where they are, once there is one.
struct Place {
    location: String,
    folder: PathBuf,
    catalog: Catalog,
    _lock: RunLock,
}

/// The tables of a session at one moment, to come back to.
pub(crate) struct TemporaryState(BTreeMap<RelationName, Relation>);

impl Temporary {
    /// What `name` points at in this session, if it is temporary.
    pub(crate) fn relation(&self, name: &RelationName) -> Option<Relation> {
        self.relations.lock().get(name).cloned()
    }

    pub(crate) fn relations(&self) -> BTreeMap<RelationName, Relation> {
        self.relations.lock().clone()
    }

    /// What there is now. ROLLBACK comes back to it: files are never changed in place.
    pub(crate) fn state(&self) -> TemporaryState {
        TemporaryState(self.relations.lock().clone())
    }

    /// Back to what there was.
    pub(crate) fn restore(&self, state: &TemporaryState) {
        self.relations.lock().clone_from(&state.0);
    }

    /// A place for a temporary table called `name`.
    ///
    /// # Errors
    /// `K2003` if its folder cannot be made.
    pub fn place(&self, catalog: &Catalog, name: &RelationName) -> Result<Table> {
        let mut place = self.place.lock();
        let place = match &mut *place {
            Some(place) => place,
            none => none.insert(Place::new(catalog)?),
        };
        let location = format!(
            "{}/{}-{}",
            place.location,
            folder_name(name.name.as_str()),
            RunId::fresh()
        );
        catalog.warehouse().place(&location)
    }

    /// The temporary table `name` to write to: its log belongs to this session alone.
    pub(crate) async fn table(
        &self,
        catalog: &Catalog,
        name: &RelationName,
    ) -> Result<Option<Table>> {
        match self.relation(name).map(|relation| relation.kind) {
            Some(RelationKind::Table {
                location, version, ..
            }) => {
                let table = catalog.warehouse().open(&location, version).await?;
                // After a rollback the log is ahead of the pointer: go on in a copy.
                if !table.is_newest().await? {
                    let place = self.place(catalog, name)?;
                    let (from, to) = (
                        catalog.warehouse().folder(&location),
                        catalog.warehouse().folder(place.location()),
                    );
                    return table.copy_to(&from, &place, &to).await.map(Some);
                }
                Ok(Some(table))
            }
            _ => Ok(None),
        }
    }

    /// Lets a temporary `name` point at `kind`; says whether it is temporary.
    pub(crate) fn points(&self, name: &RelationName, kind: &RelationKind) -> bool {
        match self.relations.lock().get_mut(name) {
            Some(relation) => {
                relation.kind = kind.clone();
                relation.generation += 1;
                true
            }
            None => false,
        }
    }

    /// Keeps `relation` as `name` if it is declared temporary; says whether it is.
    pub(crate) fn keeps(&self, name: &RelationName, relation: &Relation) -> bool {
        if relation.details.temporary {
            self.relations.lock().insert(name.clone(), relation.clone());
        }
        relation.details.temporary
    }

    /// Forgets the temporary `name`; says whether there was one.
    pub(crate) fn remove(&self, name: &RelationName) -> bool {
        self.relations.lock().remove(name).is_some()
    }
}

impl Place {
    fn new(catalog: &Catalog) -> Result<Self> {
        let session = RunId::fresh().to_string();
        let location = format!("{TEMPORARY}/{session}");
        let folder = catalog.warehouse().temporary().join(session);
        let _folders = catalog.lock_folders()?;
        std::fs::create_dir_all(&folder).explain(codes::K2003, || {
            format!("`{}` cannot be created", folder.display())
        })?;
        let lock = RunLock::take(&folder.join(LOCK))?;
        Ok(Self {
            location,
            folder,
            catalog: catalog.clone(),
            _lock: lock,
        })
    }

    fn end(self) -> Result<()> {
        let _folders = self.catalog.lock_folders()?;
        recovery::remove(&self.folder)
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if let Some(place) = self.place.get_mut().take()
            && let Err(error) = place.end()
        {
            tracing::warn!("temporary tables are left behind: {error}");
        }
    }
}

/// Removes what sessions left whose process is gone.
pub(crate) fn clean(catalog: &Catalog) -> Result<()> {
    let folder = catalog.warehouse().temporary();
    if !folder.exists() || recovery::is_empty(&folder)? {
        return Ok(());
    }
    let _folders = catalog.lock_folders()?;
    let wrong = || format!("Folder `{}` cannot be listed", folder.display());
    for session in std::fs::read_dir(&folder).explain(codes::K2003, wrong)? {
        let path = session.explain(codes::K2003, wrong)?.path();
        if RunLock::try_take(&path.join(LOCK))?.is_some() {
            recovery::remove(&path)?;
        }
    }
    Ok(())
}
