//! CLONE of schemas and databases: every table, view and object in them, at one moment.
//!
//! <https://docs.snowflake.com/en/sql-reference/sql/create-clone>. Tables share their files with the source
//! until one of the two is written to; internal stages are left out, as in Snowflake.

use catalog::{At, Object, ObjectKind, Relation, RelationKind};
use diagnostic::{Error, Result, codes};
use engine::Session;
use model::{Identifier, RunId, SchemaName};
use sql::command::CloneSource;

use super::containers::no_database;
use super::{create, database_name};
use crate::Embedded;
use crate::names::namespace;
use crate::prepare::moment;
use crate::statement::create::copy_of;

/// What a schema held.
pub(super) struct Contents {
    from: SchemaName,
    relations: Vec<(Identifier, Relation)>,
    objects: Vec<(ObjectKind, Identifier, Object)>,
}

impl Contents {
    fn of(engine: &Embedded, name: &SchemaName, at: Option<&At>) -> Result<Self> {
        let workspace = engine.workspace();
        let mut relations = Vec::new();
        for (relation, now) in workspace.relations() {
            if relation.namespace() != *name || now.details.temporary {
                continue;
            }
            let found = match at {
                None => now,
                Some(at) => match workspace.relation_at(&relation, at) {
                    // What was revoked since stays revoked.
                    Ok(then) => Relation {
                        access: now.access,
                        ..then
                    },
                    // It was made later.
                    Err(error) if error.code() == codes::K3007 => continue,
                    Err(error) => return Err(error),
                },
            };
            if matches!(&found.kind, RelationKind::Table { hidden, .. } if !hidden.is_empty()) {
                return Err(Error::new(
                    codes::E2002,
                    format!(
                        "Table `{relation}` is written by its data contract only, so its schema cannot be cloned"
                    ),
                ));
            }
            relations.push((relation.name.clone(), found));
        }
        let mut objects = Vec::new();
        for ((kind, key), object) in workspace.objects() {
            let inside = key.namespace() == *name && !key.name.as_str().is_empty();
            if !inside {
                continue;
            }
            if let Ok(body) = create::own(object.body) {
                objects.push((kind, key.name.clone(), Object { body, ..object }));
            }
        }
        Ok(Self {
            from: name.clone(),
            relations,
            objects,
        })
    }

    /// Puts copies into the schema `name`.
    pub(super) fn put(self, engine: &Embedded, name: &SchemaName) -> Result<()> {
        for (relation, source) in self.relations {
            // What is in a container that is cloned keeps what is granted on it.
            let access = source.access.clone();
            let mut copy = Relation {
                access,
                id: RunId::fresh().to_string(),
                ..copy_of(engine, source)?
            };
            // A view of a cloned schema reads the clone.
            if let RelationKind::View { namespace, .. } = &mut copy.kind
                && *namespace == self.from
            {
                namespace.clone_from(name);
            }
            engine
                .workspace()
                .stage_relation(&name.relation(relation), copy)?;
        }
        for (kind, object, body) in self.objects {
            engine
                .workspace()
                .change_object(kind, &name.relation(object), Some(body));
        }
        Ok(())
    }
}

pub(super) async fn schema(
    engine: &Embedded,
    session: &Session,
    source: &CloneSource,
) -> Result<Contents> {
    let name = namespace(session, &source.name)?;
    if !engine.workspace().namespaces().contains(&name) {
        return Err(Error::new(
            codes::K3003,
            format!("Schema `{name}` does not exist"),
        ));
    }
    let at = when(engine, session, source).await?;
    Contents::of(engine, &name, at.as_ref())
}

pub(super) async fn database(
    engine: &Embedded,
    session: &Session,
    source: &CloneSource,
) -> Result<Vec<(Identifier, Contents)>> {
    let name = database_name(&source.name)?;
    let at = when(engine, session, source).await?;
    let schemas: Vec<SchemaName> = engine
        .workspace()
        .namespaces()
        .into_iter()
        .filter(|schema| schema.database == name)
        .collect();
    if schemas.is_empty() {
        return Err(no_database(engine, session, &name));
    }
    schemas
        .into_iter()
        .map(|schema| {
            let contents = Contents::of(engine, &schema, at.as_ref())?;
            Ok((schema.schema, contents))
        })
        .collect()
}

async fn when(engine: &Embedded, session: &Session, source: &CloneSource) -> Result<Option<At>> {
    match &source.version {
        Some(version) => Ok(Some(moment(&engine.databases(session), version).await?)),
        None => Ok(None),
    }
}
