//! Time travel: what a relation was at a moment, and bringing back what was dropped.
//!
//! <https://docs.snowflake.com/en/user-guide/data-time-travel>

use chrono::{DateTime, SecondsFormat, Utc};
use diagnostic::{Error, Result, codes};
use model::{Identifier, RelationName, RunId, SchemaName};
use state::{PastRelation, Relation, RelationKind};

use crate::Workspace;

/// A point of the past.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Moment {
    /// A point in time.
    Timestamp(DateTime<Utc>),
    /// When a statement or run was published: a query id is its run's id.
    Run(RunId),
    /// A version of the table's Delta log.
    Version(u64),
}

/// AT or BEFORE a moment.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct At {
    /// The moment.
    pub moment: Moment,
    /// Whether what happened at the moment itself is left out.
    pub before: bool,
}

impl Workspace {
    /// What the relation called `name` was `at` a moment.
    ///
    /// # Errors
    /// `K3001` if there is no such relation, `K3007` if it did not exist then or there is no such version,
    /// `K2001` if the state file cannot be used.
    pub fn relation_at(&self, name: &RelationName, at: &At) -> Result<Relation> {
        let Some(now) = self.relation(name) else {
            return Err(self.missing(name));
        };
        let past = self.catalog().state().past(&now.id, name)?;
        if let Moment::Version(version) = at.moment {
            let version = if at.before {
                version.checked_sub(1)
            } else {
                Some(version)
            };
            return version
                .and_then(|version| at_version(&now, &past, version))
                .ok_or_else(|| absent(name, "at that version", past.first()));
        }
        let found = match &at.moment {
            Moment::Run(run) => match self.catalog().state().positions(*run)? {
                Some((first, _)) if at.before => {
                    past.iter().rev().find(|past| past.position < first)
                }
                Some((_, last)) => past.iter().rev().find(|past| past.position <= last),
                // A statement that changed nothing: ids carry the time they were made.
                None => latest(&past, started(*run)?, at.before),
            },
            Moment::Timestamp(time) => latest(&past, *time, at.before),
            Moment::Version(_) => None,
        };
        match found {
            Some(found) => Ok(found.relation.clone()),
            None => Err(absent(name, "at that time", past.first())),
        }
    }

    /// The relation `name` as it was when it was dropped last.
    ///
    /// # Errors
    /// `K3001` if it was not dropped, `K2001` if the state file cannot be used.
    pub fn dropped_relation(&self, name: &RelationName) -> Result<Relation> {
        let dropped = self.catalog().state().last_dropped(name)?;
        dropped.map(borrowed).ok_or_else(|| {
            Error::new(
                codes::K3001,
                format!("`{name}` was not dropped, so it cannot be brought back"),
            )
        })
    }

    /// Brings back the schemas of `database` (one, or all) that were dropped last, with what was in them.
    ///
    /// # Errors
    /// `K3003` or `K3004` if nothing was dropped, `K3002` if a schema of that name exists, `K2001` if the
    /// state file cannot be used.
    pub fn undrop_namespaces(
        &self,
        database: &Identifier,
        schema: Option<&Identifier>,
    ) -> Result<()> {
        let state = self.catalog().state();
        let Some((run, names)) = state.dropped_namespaces(database, schema)? else {
            return Err(match schema {
                Some(schema) => Error::new(
                    codes::K3003,
                    format!("Schema `{database}.{schema}` was not dropped"),
                ),
                None => Error::new(
                    codes::K3004,
                    format!("Database `{database}` was not dropped"),
                ),
            });
        };
        let existing = self.namespaces();
        for name in &names {
            if existing.contains(name) {
                return Err(
                    Error::new(codes::K3002, format!("Schema `{name}` exists already"))
                        .help("rename it first"),
                );
            }
            self.create_namespace(name.clone());
            for (relation, dropped) in state.dropped_relations(name, run)? {
                self.stage_relation(&relation, borrowed(dropped))?;
            }
        }
        for ((kind, name), object) in state.dropped_objects(run)? {
            let namespace = SchemaName::new(name.database.clone(), name.schema.clone());
            let whole = schema.is_none() && name.database == *database;
            if whole || names.contains(&namespace) {
                self.change_object(kind, &name, Some(object));
            }
        }
        Ok(())
    }
}

/// The log may have gone on under another name since, so the next write goes to a log of its own.
fn borrowed(mut relation: Relation) -> Relation {
    relation.details.borrowed = matches!(relation.kind, RelationKind::Table { .. });
    relation
}

fn latest(past: &[PastRelation], time: DateTime<Utc>, before: bool) -> Option<&PastRelation> {
    let text = time.to_rfc3339_opts(SecondsFormat::Micros, true);
    past.iter().rev().find(|past| {
        if before {
            past.published_at < text
        } else {
            past.published_at <= text
        }
    })
}

/// Version `version` of the log the table has now, if the table existed then.
fn at_version(now: &Relation, past: &[PastRelation], version: u64) -> Option<Relation> {
    let RelationKind::Table {
        location,
        version: newest,
        hidden,
    } = &now.kind
    else {
        return None;
    };
    let here = |past: &&PastRelation| matches!(&past.relation.kind, RelationKind::Table { location: other, .. } if other == location);
    let oldest = past
        .iter()
        .find(here)
        .and_then(|past| match past.relation.kind {
            RelationKind::Table { version, .. } => Some(version),
            RelationKind::View { .. } | RelationKind::External { .. } => None,
        })?;
    (oldest..=*newest).contains(&version).then(|| Relation {
        kind: RelationKind::Table {
            location: location.clone(),
            version,
            hidden: hidden.clone(),
        },
        ..now.clone()
    })
}

/// When a run began, from its id (UUID version 7: 48 bits of milliseconds).
fn started(run: RunId) -> Result<DateTime<Utc>> {
    run.made_at()
        .and_then(DateTime::from_timestamp_millis)
        .ok_or_else(|| {
            Error::new(
                codes::K3007,
                format!("There is no statement or run `{run}`"),
            )
        })
}

fn absent(name: &RelationName, when: &str, first: Option<&PastRelation>) -> Error {
    let error = Error::new(codes::K3007, format!("`{name}` did not exist {when}"));
    match first {
        Some(first) => error.with("created", first.published_at.clone()),
        None => error,
    }
}
