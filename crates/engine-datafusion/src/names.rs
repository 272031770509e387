//! Names in statements to names in the catalog.

use diagnostic::{Error, Result, codes};
use engine::Session;
use model::{Identifier, RelationName, SchemaName};
use sqlparser::ast::{Ident, ObjectName, ObjectNamePart};

/// The identifier as normalised: quoted means as written, unquoted means upper case.
pub(crate) fn identifier(ident: &Ident) -> Identifier {
    match ident.quote_style {
        Some(_) => Identifier::quoted(ident.value.clone()),
        None => Identifier::unquoted(&ident.value),
    }
}

fn parts(name: &ObjectName) -> Result<Vec<Identifier>> {
    name.0
        .iter()
        .map(|part| match part {
            ObjectNamePart::Identifier(ident) => Ok(identifier(ident)),
            ObjectNamePart::Function(_) => Err(unsupported_name(name)),
        })
        .collect()
}

fn unsupported_name(name: &ObjectName) -> Error {
    Error::new(codes::E2001, format!("`{name}` is not a usable name"))
}

/// The relation `name` means in `session`.
pub(crate) fn relation(session: &Session, name: &ObjectName) -> Result<RelationName> {
    let mut parts = parts(name)?;
    let (relation, schema, database) = (parts.pop(), parts.pop(), parts.pop());
    match relation {
        Some(relation) if parts.is_empty() => Ok(RelationName {
            database: database.unwrap_or_else(|| session.database.clone()),
            schema: schema.unwrap_or_else(|| session.schema.clone()),
            name: relation,
        }),
        _ => Err(unsupported_name(name)),
    }
}

/// The namespace `name` means in `session`.
pub(crate) fn namespace(session: &Session, name: &ObjectName) -> Result<SchemaName> {
    let mut parts = parts(name)?;
    let (schema, database) = (parts.pop(), parts.pop());
    match schema {
        Some(schema) if parts.is_empty() => Ok(SchemaName::new(
            database.unwrap_or_else(|| session.database.clone()),
            schema,
        )),
        _ => Err(unsupported_name(name)),
    }
}
