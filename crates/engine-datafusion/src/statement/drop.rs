//! DROP: tables, views, schemas, databases.

use catalog::RelationKind;
use diagnostic::{Error, Result, codes};
use engine::{Outcome, Session};
use model::{Identifier, SchemaName};
use sqlparser::ast::{ObjectType, Statement};

use super::{done, unsupported};
use crate::Embedded;
use crate::commands::DEFAULT_SCHEMA;
use crate::names::{namespace, relation};

pub(super) fn run(engine: &Embedded, session: &Session, statement: Statement) -> Result<Outcome> {
    let Statement::Drop {
        object_type,
        if_exists,
        names,
        ..
    } = &statement
    else {
        return Err(unsupported(&statement));
    };
    let [name] = names.as_slice() else {
        return Err(unsupported(&statement));
    };
    let workspace = engine.workspace();
    if *object_type == ObjectType::Schema {
        let name = namespace(session, name)?;
        if workspace.namespaces().contains(&name) {
            workspace.drop_namespace(&name)?;
            // Who was in it is in PUBLIC of its database.
            if (&session.database, &session.schema) == (&name.database, &name.schema) {
                let public = Identifier::unquoted(DEFAULT_SCHEMA);
                session.enter(SchemaName::new(name.database.clone(), public));
            }
            return Ok(done(&name, "successfully dropped"));
        }
        if *if_exists {
            return Ok(done(&name, "does not exist, statement succeeded"));
        }
        return Err(Error::new(
            codes::K3003,
            format!("Schema `{name}` does not exist"),
        ));
    }
    if *object_type == ObjectType::Database {
        let database = match name.0.as_slice() {
            [part] => part.as_ident().map(crate::names::identifier),
            _ => None,
        };
        let Some(database) = database else {
            return Err(unsupported(&statement));
        };
        let schemas: Vec<_> = workspace
            .namespaces()
            .into_iter()
            .filter(|schema| schema.database == database)
            .collect();
        if schemas.is_empty() && !*if_exists {
            return Err(Error::new(
                codes::K3004,
                format!("Database `{database}` does not exist"),
            ));
        }
        crate::commands::drop_database(workspace, &database)?;
        return Ok(match schemas.is_empty() {
            true => done(&database, "does not exist, statement succeeded"),
            false => done(&database, "successfully dropped"),
        });
    }
    let name = relation(session, name)?;
    let kind = workspace.relation(&name).map(|found| found.kind);
    match (object_type, kind) {
        (ObjectType::Table | ObjectType::View, None) if *if_exists => {
            Ok(done(&name, "does not exist, statement succeeded"))
        }
        (ObjectType::Table, Some(RelationKind::Table { .. }) | None)
        | (ObjectType::View, Some(RelationKind::View { .. }) | None) => {
            workspace.drop_relation(&name)?;
            Ok(done(&name, "successfully dropped"))
        }
        (_, Some(RelationKind::External { .. })) => Err(wrong_kind(&name, "external table")),
        (ObjectType::Table, Some(_)) => Err(wrong_kind(&name, "view")),
        (ObjectType::View, Some(_)) => Err(wrong_kind(&name, "table")),
        _ => Err(unsupported(&statement)),
    }
}

fn wrong_kind(name: &model::RelationName, kind: &str) -> Error {
    Error::new(codes::K3002, format!("`{name}` is a {kind}"))
        .help(format!("write `drop {kind} {name}`"))
}
