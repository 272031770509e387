//! CREATE SCHEMA and CREATE DATABASE.

use std::collections::BTreeSet;

use diagnostic::{Error, Result, codes};
use engine::{Outcome, Session};
use model::{Identifier, SchemaName};
use sqlparser::ast::{SchemaName as AstSchemaName, Statement};

use super::{done, unsupported};
use crate::Embedded;
use crate::names::{identifier, namespace};

/// The schema every new database has, as in Snowflake.
pub(super) const DEFAULT_SCHEMA: &str = "PUBLIC";

/// Whether `name` is the schema PUBLIC of a database that is there, or of the session's.
pub(super) fn is_implicit(
    session: &Session,
    namespaces: &BTreeSet<SchemaName>,
    name: &SchemaName,
) -> bool {
    let of_session = session.database == name.database;
    let is_there = || namespaces.iter().any(|of| of.database == name.database);
    name.schema.as_str() == DEFAULT_SCHEMA && (of_session || is_there())
}

pub(super) fn schema(
    engine: &Embedded,
    session: &Session,
    statement: Statement,
) -> Result<Outcome> {
    let Statement::CreateSchema {
        schema_name: AstSchemaName::Simple(name),
        if_not_exists,
        ..
    } = &statement
    else {
        return Err(unsupported(&statement));
    };
    let name = namespace(session, name)?;
    if engine.workspace().namespaces().contains(&name) {
        return if *if_not_exists {
            Ok(done(&name, "already exists, statement succeeded"))
        } else {
            Err(Error::new(
                codes::K3002,
                format!("Schema `{name}` exists already"),
            ))
        };
    }
    engine.workspace().create_namespace(name.clone());
    Ok(done(&name, "successfully created"))
}

pub(super) fn database(engine: &Embedded, statement: Statement) -> Result<Outcome> {
    let Statement::CreateDatabase {
        db_name,
        if_not_exists,
        ..
    } = &statement
    else {
        return Err(unsupported(&statement));
    };
    let [sqlparser::ast::ObjectNamePart::Identifier(ident)] = db_name.0.as_slice() else {
        return Err(unsupported(&statement));
    };
    let database = identifier(ident);
    let namespaces = engine.workspace().namespaces();
    if namespaces.iter().any(|name| name.database == database) {
        return if *if_not_exists {
            Ok(done(&database, "already exists, statement succeeded"))
        } else {
            Err(Error::new(
                codes::K3002,
                format!("Database `{database}` exists already"),
            ))
        };
    }
    engine.workspace().create_namespace(SchemaName::new(
        database.clone(),
        Identifier::unquoted(DEFAULT_SCHEMA),
    ));
    Ok(done(&database, "successfully created"))
}
