//! What one run publishes: stored as an intent first, applied in one transaction last.

use diagnostic::{Error, Result, codes};
use model::{RelationName, RunId, SchemaName};
use rusqlite::{OptionalExtension, params};
use serde::{Deserialize, Serialize};

use crate::database::{RowResult, from_body, to_body};
use crate::relations::{create_namespace, drop_namespace, generation, note_namespace, point};
use crate::runs::{forget_created, set_status};
use crate::{
    AssetRecord, CheckRecord, LedgerEntry, LoadedFile, ObjectChange, Relation, RelationKind,
    RunStatus, State,
};

/// Everything that becomes visible when a run is published.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Publication {
    /// The run.
    pub run: RunId,
    /// Namespaces created.
    pub namespaces: Vec<SchemaName>,
    /// Namespaces dropped.
    #[serde(default)]
    pub dropped_namespaces: Vec<SchemaName>,
    /// Pointers moved.
    pub changes: Vec<Change>,
    /// The commit files that the tables' logs gain: paths below the warehouse, and contents.
    #[serde(default)]
    pub commits: Vec<(String, String)>,
    /// Files loaded.
    pub ledger: Vec<LedgerEntry>,
    /// Assets materialised.
    pub assets: Vec<AssetRecord>,
    /// Checks evaluated.
    pub checks: Vec<CheckRecord>,
    /// Sequences, stages and the like.
    #[serde(default)]
    pub objects: Vec<ObjectChange>,
    /// Files COPY loaded.
    #[serde(default)]
    pub loads: Vec<LoadedFile>,
    /// Identities of tables whose load history is forgotten.
    #[serde(default)]
    pub forgotten_loads: Vec<String>,
}

impl Publication {
    /// The folders of the tables whose pointers move.
    #[must_use]
    pub fn locations(&self) -> Vec<&str> {
        let tables = self
            .changes
            .iter()
            .filter_map(|change| change.becomes.as_ref());
        tables
            .filter_map(|relation| match &relation.kind {
                RelationKind::Table { location, .. } => Some(location.as_str()),
                RelationKind::View { .. } | RelationKind::External { .. } => None,
            })
            .collect()
    }

    /// Whether it changes nothing at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.namespaces.is_empty()
            && self.dropped_namespaces.is_empty()
            && self.changes.is_empty()
            && self.ledger.is_empty()
            && self.assets.is_empty()
            && self.checks.is_empty()
            && self.objects.is_empty()
            && self.loads.is_empty()
            && self.forgotten_loads.is_empty()
    }
}

/// One pointer's move.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Change {
    /// The name.
    pub name: RelationName,
    /// The generation the run had read; 0 for a name that did not exist.
    pub read: u32,
    /// What it points at afterwards; `None` drops it.
    pub becomes: Option<Relation>,
}

impl State {
    /// Records that `publication` is about to happen, if what its run read is still current and no
    /// other publication is under way.
    ///
    /// # Errors
    /// `K1001` if somebody changed a relation since the run read it, `K1002` if another
    /// publication is under way, `K2001` if the state file cannot be used.
    pub fn begin_publish(&self, publication: &Publication) -> Result<()> {
        let body = to_body(publication)?;
        self.write(|tx| {
            let other: Option<String> = tx
                .prepare_cached("select run_id from intents")
                .and_then(|mut s| s.query_row([], |row| row.get(0)).optional())
                .row()?;
            if let Some(other) = other {
                return Err(
                    Error::new(codes::K1002, "Another run is being published just now")
                        .with("run", other)
                        .help("try again in a moment"),
                );
            }
            for change in &publication.changes {
                if generation(tx, &change.name)? != change.read {
                    return Err(Error::new(
                        codes::K1001,
                        format!(
                            "`{}` was changed by somebody else during this run",
                            change.name
                        ),
                    )
                    .help("run again: the work is done on the new state"));
                }
            }
            for change in &publication.objects {
                if crate::objects::is_stale(tx, change)? {
                    return Err(Error::new(
                        codes::K1001,
                        format!(
                            "The {} `{}` was changed by somebody else during this run",
                            change.kind, change.name
                        ),
                    )
                    .help("run again: the work is done on the new state"));
                }
            }
            tx.prepare_cached("insert into intents values (?1, ?2, ?3)")
                .and_then(|mut s| s.execute(params![publication.run.to_string(), body, now()]))
                .row()?;
            set_status(tx, publication.run, RunStatus::Publishing, None)
        })
    }

    /// The publication under way, if there is one: after a crash it has to be finished.
    ///
    /// # Errors
    /// `K2001` if the state file cannot be used.
    pub fn intent(&self) -> Result<Option<Publication>> {
        self.read(|tx| {
            tx.query_row("select publication from intents", [], |row| {
                row.get::<_, String>(0)
            })
            .optional()
            .row()?
            .map(|body| from_body(&body))
            .transpose()
        })
    }

    /// Makes everything in `publication` visible in one transaction and clears its intent.
    /// Doing it again after a crash changes nothing.
    ///
    /// # Errors
    /// `K2001` if the state file cannot be used.
    pub fn finish_publish(&self, publication: &Publication) -> Result<()> {
        self.write_names(|tx, latest| {
            let cleared = tx
                .prepare_cached("delete from intents where run_id = ?1")
                .and_then(|mut s| s.execute(params![publication.run.to_string()]))
                .row()?;
            if cleared == 0 {
                return Ok(latest);
            }
            let now = now();
            for name in &publication.dropped_namespaces {
                drop_namespace(tx, name)?;
                note_namespace(tx, name, true, publication.run, &now)?;
            }
            for name in &publication.namespaces {
                create_namespace(tx, name, &now)?;
                note_namespace(tx, name, false, publication.run, &now)?;
            }
            // What leaves a name goes first: its identity may stand under another name afterwards.
            let (gone, there): (Vec<_>, Vec<_>) = publication
                .changes
                .iter()
                .partition(|change| change.becomes.is_none());
            for change in gone.into_iter().chain(there) {
                point(
                    tx,
                    &change.name,
                    change.becomes.as_ref(),
                    publication.run,
                    &now,
                )?;
            }
            for change in &publication.objects {
                crate::objects::change(tx, change, publication.run, &now)?;
            }
            crate::history::record_loads(
                tx,
                &publication.loads,
                &publication.forgotten_loads,
                publication.run,
                &now,
            )?;
            crate::ledger::record(tx, &publication.ledger, publication.run, &now)?;
            crate::assets::record(
                tx,
                &publication.assets,
                &publication.checks,
                publication.run,
                &now,
            )?;
            set_status(tx, publication.run, RunStatus::Published, None)?;
            forget_created(tx, publication.run)?;
            match latest {
                Some(latest) => latest.after(tx, publication),
                None => Ok(None),
            }
        })
    }

    /// Forgets an intent whose commit files could not be moved because somebody else's stand there.
    ///
    /// # Errors
    /// `K2001` if the state file cannot be used.
    pub fn abandon_publish(&self, run: RunId, reason: &str) -> Result<()> {
        self.write(|tx| {
            tx.execute(
                "delete from intents where run_id = ?1",
                params![run.to_string()],
            )
            .row()?;
            forget_created(tx, run)?;
            set_status(tx, run, RunStatus::Failed, Some(reason))
        })
    }
}

pub(crate) fn now() -> String {
    chrono::Utc::now().to_rfc3339_opts(chrono::SecondsFormat::Micros, true)
}
