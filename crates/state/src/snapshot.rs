//! [`Snapshot`]: everything names point at as of one moment, kept between reads while nobody changes it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use diagnostic::Result;
use model::{RelationName, SchemaName};
use rusqlite::Transaction;

use crate::database::RowResult;
use crate::{Objects, Publication, Relation, State, objects, relations};

/// Everything names point at as of one moment. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    /// Every relation, by name.
    pub relations: Arc<BTreeMap<RelationName, Arc<Relation>>>,
    /// Every object, by kind and name.
    pub objects: Arc<Objects>,
    /// Every namespace that was created, also empty ones.
    pub namespaces: Arc<BTreeSet<SchemaName>>,
}

/// A snapshot and the file's `data_version` it is good for: SQLite counts the commits of other
/// connections with it (<https://www.sqlite.org/pragma.html#pragma_data_version>).
#[derive(Debug)]
pub(crate) struct Latest {
    version: i64,
    snapshot: Snapshot,
}

impl State {
    /// Everything names point at now.
    ///
    /// # Errors
    /// `K2001` if the state file cannot be used.
    pub fn snapshot(&self) -> Result<Snapshot> {
        self.read_latest(|tx, latest| {
            let version = data_version(tx)?;
            if let Some(latest) = latest
                && latest.version == version
            {
                return Ok(latest.snapshot.clone());
            }
            let snapshot = Snapshot {
                relations: Arc::new(relations::all(tx)?),
                objects: Arc::new(objects::all(tx)?),
                namespaces: Arc::new(relations::namespaces(tx)?),
            };
            *latest = Some(Latest {
                version,
                snapshot: snapshot.clone(),
            });
            Ok(snapshot)
        })
    }
}

impl Latest {
    /// What this one becomes by `publication`, which `tx` has written. `None` if another process wrote, too.
    pub(crate) fn after(
        mut self,
        tx: &Transaction<'_>,
        publication: &Publication,
    ) -> Result<Option<Self>> {
        if data_version(tx)? != self.version {
            return Ok(None);
        }
        let snapshot = &mut self.snapshot;
        let names = Arc::make_mut(&mut snapshot.relations);
        for change in &publication.changes {
            match relations::one(tx, &change.name)? {
                Some(relation) => names.insert(change.name.clone(), Arc::new(relation)),
                None => names.remove(&change.name),
            };
        }
        if !publication.objects.is_empty() {
            snapshot.objects = Arc::new(objects::all(tx)?);
        }
        snapshot.namespaces = Arc::new(relations::namespaces(tx)?);
        Ok(Some(self))
    }
}

/// Asked within the transaction that reads, so that both see one state of the file.
fn data_version(tx: &Transaction<'_>) -> Result<i64> {
    tx.prepare_cached("select data_version from pragma_data_version")
        .and_then(|mut s| s.query_row([], |row| row.get(0)))
        .row()
}
