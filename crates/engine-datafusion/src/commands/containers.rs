//! CREATE SCHEMA and CREATE DATABASE:
//! <https://docs.snowflake.com/en/sql-reference/sql/create-schema>,
//! <https://docs.snowflake.com/en/sql-reference/sql/create-database>. What is created, the session is in afterwards.

use std::collections::BTreeSet;

use catalog::{Access, Object, ObjectBody, ObjectKind, Workspace};
use diagnostic::{Error, Result, codes};
use engine::{Outcome, Session};
use model::{Identifier, SchemaName};
use sql::command::{CommandOption, CreateObject};

use super::grants::change_access;
use super::{clone, database_key, database_name, schema_key, unknown};
use crate::Embedded;
use crate::access::{Named, owned, owner};
use crate::names::namespace;
use crate::stages::single;
use crate::statement::create::either;
use crate::statement::done;

/// The schema every new database has, as in Snowflake.
pub(crate) const DEFAULT_SCHEMA: &str = "PUBLIC";

/// Whether `name` is the schema PUBLIC of a database that is there, or of the session's.
pub(crate) fn is_implicit(
    session: &Session,
    namespaces: &BTreeSet<SchemaName>,
    name: &SchemaName,
) -> bool {
    let of_session = session.database == name.database;
    let is_there = || namespaces.iter().any(|of| of.database == name.database);
    name.schema.as_str() == DEFAULT_SCHEMA && (of_session || is_there())
}

pub(super) async fn schema(
    engine: &Embedded,
    session: &Session,
    create: CreateObject,
) -> Result<Outcome> {
    either(create.or_replace, create.if_not_exists)?;
    let name = namespace(session, &create.name)?;
    let workspace = engine.workspace();
    let there = workspace.namespaces();
    let object = object(&create, session)?;
    // What is cloned may be what is replaced.
    let source = match &create.clone {
        Some(source) => Some(clone::schema(engine, session, source).await?),
        None => None,
    };
    if there.contains(&name) {
        if create.if_not_exists {
            return Ok(done(&name, "already exists, statement succeeded"));
        }
        if !create.or_replace {
            return Err(exists("Schema", &name));
        }
        empty(workspace, &name)?;
    }
    // A database that has no schema yet comes with its first one: dbt makes no databases.
    let database = Named::Database(name.database.clone());
    let new = there.iter().all(|other| other.database != name.database);
    if let (true, Some(owner)) = (new, owner(session)) {
        change_access(engine, session, &database, |access| {
            access.owner = Some(owner)
        })?;
    }
    workspace.create_namespace(name.clone());
    if let Some(object) = object {
        workspace.create_object(ObjectKind::Schema, &schema_key(&name), object);
    } else {
        settle_schema(workspace, session, &name);
    }
    if let Some(source) = source {
        source.put(engine, &name)?;
    }
    session.enter(name.clone());
    Ok(done(&name, "successfully created"))
}

pub(super) async fn database(
    engine: &Embedded,
    session: &Session,
    create: CreateObject,
) -> Result<Outcome> {
    either(create.or_replace, create.if_not_exists)?;
    let name = database_name(&create.name)?;
    let workspace = engine.workspace();
    let there: Vec<SchemaName> = workspace
        .namespaces()
        .into_iter()
        .filter(|other| other.database == name)
        .collect();
    let object = object(&create, session)?;
    let sources = match &create.clone {
        Some(source) => Some(clone::database(engine, session, source).await?),
        None => None,
    };
    if !there.is_empty() {
        if create.if_not_exists {
            return Ok(done(&name, "already exists, statement succeeded"));
        }
        if !create.or_replace {
            return Err(exists("Database", &name));
        }
        drop_database(workspace, &name)?;
    }
    let public = SchemaName::new(name.clone(), Identifier::unquoted(DEFAULT_SCHEMA));
    workspace.create_namespace(public.clone());
    if let Some(owner) = owner(session) {
        let public = Named::Schema(public);
        change_access(engine, session, &public, |access| {
            access.owner = Some(owner)
        })?;
    }
    for (schema, source) in sources.into_iter().flatten() {
        let copy = SchemaName::new(name.clone(), schema);
        workspace.create_namespace(copy.clone());
        source.put(engine, &copy)?;
    }
    if let Some(object) = object {
        workspace.change_object(ObjectKind::Database, &database_key(&name), Some(object));
    }
    session.enter(SchemaName::new(
        name.clone(),
        Identifier::unquoted(DEFAULT_SCHEMA),
    ));
    Ok(done(&name, "successfully created"))
}

/// Drops a database with everything in it.
pub(crate) fn drop_database(workspace: &Workspace, name: &Identifier) -> Result<()> {
    let schemas = workspace.namespaces().into_iter();
    for schema in schemas.filter(|schema| schema.database == *name) {
        workspace.drop_namespace(&schema)?;
    }
    workspace.change_object(ObjectKind::Database, &database_key(name), None);
    Ok(())
}

/// Grants on a new schema about which nothing is declared what its database says.
fn settle_schema(workspace: &Workspace, session: &Session, name: &SchemaName) {
    let key = schema_key(name);
    let database = workspace.object_access(ObjectKind::Database, &database_key(&name.database));
    let declares = database.future.iter().any(|future| future.on == "SCHEMA");
    if declares || owner(session).is_some() {
        workspace.create_object(ObjectKind::Schema, &key, undeclared(session));
    }
}

/// A container about which nothing is declared.
pub(crate) fn undeclared(session: &Session) -> Object {
    Object {
        body: ObjectBody::Container {
            transient: false,
            retention_days: None,
        },
        comment: None,
        created_at: session.as_of.to_rfc3339(),
        access: owned(session),
    }
}

/// Drops what is in a schema that is made anew.
fn empty(workspace: &Workspace, name: &SchemaName) -> Result<()> {
    let inside: Vec<_> = workspace
        .relations()
        .into_keys()
        .filter(|relation| relation.namespace() == *name)
        .collect();
    for relation in inside {
        workspace.drop_relation(&relation)?;
    }
    let objects: Vec<_> = workspace
        .objects()
        .into_keys()
        .filter(|(_, object)| object.namespace() == *name)
        .collect();
    for (kind, object) in objects {
        workspace.change_object(kind, &object, None);
    }
    Ok(())
}

/// What the statement declares about the container, if anything.
fn object(create: &CreateObject, session: &Session) -> Result<Option<Object>> {
    let (mut comment, mut retention_days) = (None, None);
    for option in &create.options {
        match option.name.as_str() {
            "COMMENT" => comment = Some(single(option)?),
            "DATA_RETENTION_TIME_IN_DAYS" => retention_days = Some(days(option)?),
            _ => return Err(unknown(option)),
        }
    }
    let says = comment.is_some() || retention_days.is_some() || create.transient;
    Ok(says.then(|| Object {
        body: ObjectBody::Container {
            transient: create.transient,
            retention_days,
        },
        comment,
        created_at: session.as_of.to_rfc3339(),
        access: owned(session),
    }))
}

/// Days between 0 and 90.
pub(super) fn days(option: &CommandOption) -> Result<u32> {
    match single(option)?.parse() {
        Ok(days) if days <= 90 => Ok(days),
        _ => Err(Error::new(
            codes::E1002,
            format!(
                "`{} = {}` is no number of days from 0 to 90",
                option.name, option.value
            ),
        )),
    }
}

fn exists(kind: &str, name: &impl std::fmt::Display) -> Error {
    Error::new(codes::K3002, format!("{kind} `{name}` exists already"))
        .help("write `create or replace`, or `create … if not exists`")
}

/// The error for a database that is not there.
pub(super) fn no_database(engine: &Embedded, session: &Session, name: &Identifier) -> Error {
    let names = engine.databases(session).database_names().into_iter();
    let names: Vec<String> = names.map(|name| name.as_str().to_owned()).collect();
    Error::new(codes::K3004, format!("Database `{name}` does not exist"))
        .help(format!("`create database {name}` makes it"))
        .suggest(name.as_str(), names.iter().map(String::as_str))
}

/// Changes what is declared about a schema or database, which must be there.
pub(super) fn declare(
    engine: &Embedded,
    session: &Session,
    kind: ObjectKind,
    key: &model::RelationName,
    change: impl FnOnce(&mut Object),
) -> Result<()> {
    let workspace = engine.workspace();
    let there = workspace.namespaces().into_iter().any(|name| match kind {
        ObjectKind::Schema => name == key.namespace(),
        _ => name.database == key.database,
    });
    if !there {
        return Err(match kind {
            ObjectKind::Schema => Error::new(
                codes::K3003,
                format!("Schema `{}` does not exist", key.namespace()),
            ),
            _ => no_database(engine, session, &key.database),
        });
    }
    let mut object = workspace.object(kind, key).unwrap_or_else(|| Object {
        access: Access::default(),
        ..undeclared(session)
    });
    change(&mut object);
    workspace.change_object(kind, key, Some(object));
    Ok(())
}

/// ALTER SCHEMA and ALTER DATABASE: <https://docs.snowflake.com/en/sql-reference/sql/alter-schema>.
pub(super) fn alter(
    engine: &Embedded,
    session: &Session,
    alter: &sql::command::AlterObject,
) -> Result<Outcome> {
    use sql::command::{Change, ObjectWord};
    let workspace = engine.workspace();
    let schemas = |name: &sqlparser::ast::ObjectName| -> Result<Vec<SchemaName>> {
        match alter.kind {
            ObjectWord::Schema => Ok(vec![namespace(session, name)?]),
            _ => {
                let database = database_name(name)?;
                let all = workspace.namespaces().into_iter();
                Ok(all.filter(|schema| schema.database == database).collect())
            }
        }
    };
    let known = workspace.namespaces();
    let mine = schemas(&alter.name)?;
    let there = !mine.is_empty() && mine.iter().all(|schema| known.contains(schema));
    if !there {
        return match (alter.if_exists, alter.kind) {
            (true, _) => Ok(done(&alter.name, "does not exist, statement succeeded")),
            (false, ObjectWord::Schema) => Err(Error::new(
                codes::K3003,
                format!("Schema `{}` does not exist", alter.name),
            )),
            (false, _) => Err(no_database(engine, session, &database_name(&alter.name)?)),
        };
    }
    let (kind, key) = match (alter.kind, mine.first()) {
        (ObjectWord::Schema, Some(schema)) => (ObjectKind::Schema, schema_key(schema)),
        _ => (
            ObjectKind::Database,
            database_key(&database_name(&alter.name)?),
        ),
    };
    match &alter.change {
        Change::Set(options) => {
            for option in options {
                match option.name.as_str() {
                    "COMMENT" => {
                        let text = single(option)?;
                        declare(engine, session, kind, &key, |object| {
                            object.comment = Some(text)
                        })?;
                    }
                    "DATA_RETENTION_TIME_IN_DAYS" => {
                        let days = days(option)?;
                        declare(engine, session, kind, &key, |object| {
                            if let ObjectBody::Container { retention_days, .. } = &mut object.body {
                                *retention_days = Some(days);
                            }
                        })?;
                    }
                    _ => return Err(unknown(option)),
                }
            }
        }
        Change::Unset(names) => {
            for name in names {
                match name.as_str() {
                    "COMMENT" => {
                        declare(engine, session, kind, &key, |object| object.comment = None)?
                    }
                    _ => return Err(crate::statement::unsupported(&format!("UNSET {name}"))),
                }
            }
        }
        Change::Rename(new) => {
            let pairs = pairs(&mine, new, alter.kind, session)?;
            for (_, to) in &pairs {
                if known.contains(to) {
                    return Err(exists("Schema", to));
                }
                let there = known.iter().any(|schema| schema.database == to.database);
                if alter.kind == ObjectWord::Schema && !there {
                    return Err(no_database(engine, session, &to.database));
                }
            }
            for (from, to) in pairs {
                move_schema(workspace, &from, &to)?;
            }
            if alter.kind == ObjectWord::Database
                && let Some(declared) = workspace.object(kind, &key)
            {
                workspace.change_object(kind, &key, None);
                let new = database_key(&database_name(new)?);
                workspace.change_object(kind, &new, Some(declared));
            }
        }
        Change::Swap(other) => {
            let theirs = schemas(other)?;
            if theirs.is_empty() || !theirs.iter().all(|schema| known.contains(schema)) {
                return Err(Error::new(
                    codes::K3003,
                    format!("`{other}` does not exist"),
                ));
            }
            let (one, two) = (contents(workspace, &mine), contents(workspace, &theirs));
            let there = pairs(&mine, other, alter.kind, session)?;
            let here = pairs(&theirs, &alter.name, alter.kind, session)?;
            for schema in mine.iter().chain(&theirs) {
                empty(workspace, schema)?;
            }
            put(workspace, one, &there)?;
            put(workspace, two, &here)?;
        }
        _ => return Err(crate::statement::unsupported(&"This change")),
    }
    Ok(done(&alter.name, "successfully altered"))
}

type Contents = Vec<(
    SchemaName,
    Vec<(Identifier, catalog::Relation)>,
    Vec<(ObjectKind, Identifier, Object)>,
)>;

fn contents(workspace: &Workspace, schemas: &[SchemaName]) -> Contents {
    schemas
        .iter()
        .map(|schema| {
            let relations = workspace
                .relations()
                .into_iter()
                .filter(|(name, _)| name.namespace() == *schema)
                .map(|(name, relation)| (name.name.clone(), relation))
                .collect();
            let objects = workspace
                .objects()
                .into_iter()
                .filter(|((_, name), _)| name.namespace() == *schema)
                .map(|((kind, name), object)| (kind, name.name.clone(), object))
                .collect();
            (schema.clone(), relations, objects)
        })
        .collect()
}

fn put(
    workspace: &Workspace,
    contents: Contents,
    pairs: &[(SchemaName, SchemaName)],
) -> Result<()> {
    for (from, relations, objects) in contents {
        let Some((_, to)) = pairs.iter().find(|(known, _)| *known == from) else {
            continue;
        };
        workspace.create_namespace(to.clone());
        for (name, mut relation) in relations {
            if let catalog::RelationKind::View { namespace, .. } = &mut relation.kind
                && *namespace == from
            {
                namespace.clone_from(to);
            }
            workspace.stage_relation(&to.relation(name), relation)?;
        }
        for (kind, name, object) in objects {
            workspace.change_object(kind, &to.relation(name), Some(object));
        }
    }
    Ok(())
}

fn move_schema(workspace: &Workspace, from: &SchemaName, to: &SchemaName) -> Result<()> {
    let held = contents(workspace, std::slice::from_ref(from));
    workspace.drop_namespace(from)?;
    put(workspace, held, &[(from.clone(), to.clone())])
}

/// Each schema with what it is called afterwards.
fn pairs(
    schemas: &[SchemaName],
    new: &sqlparser::ast::ObjectName,
    kind: sql::command::ObjectWord,
    session: &Session,
) -> Result<Vec<(SchemaName, SchemaName)>> {
    if kind == sql::command::ObjectWord::Schema {
        let to = namespace(session, new)?;
        return Ok(schemas
            .iter()
            .map(|from| (from.clone(), to.clone()))
            .collect());
    }
    let database = database_name(new)?;
    Ok(schemas
        .iter()
        .map(|from| {
            let to = SchemaName::new(database.clone(), from.schema.clone());
            (from.clone(), to)
        })
        .collect())
}
