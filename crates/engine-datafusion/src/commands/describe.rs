//! DESCRIBE: <https://docs.snowflake.com/en/sql-reference/sql/desc>, with Snowflake's columns.

use catalog::{ConstraintKind, ObjectBody, ObjectKind, RelationKind};
use diagnostic::{Error, Result, codes};
use engine::{Outcome, Session};
use sql::command::{Describe, ObjectWord, Show, ShowIn};

use super::show::table_kind;
use super::{ddl, function, missing, show};
use crate::Embedded;
use crate::failure::explain;
use crate::information_schema::type_name;
use crate::listing::{Cell, Kind, Listing};
use crate::names::{namespace, relation};

pub(super) async fn run(
    engine: &Embedded,
    session: &Session,
    describe: &Describe,
) -> Result<Outcome> {
    match describe.kind {
        ObjectWord::Table | ObjectWord::View => columns(engine, session, describe).await,
        ObjectWord::Schema => schema(engine, session, describe),
        ObjectWord::Database => database(engine, session, describe),
        ObjectWord::Sequence => {
            let name = relation(session, &describe.name)?;
            let databases = engine.databases(session);
            if databases.object(ObjectKind::Sequence, &name).is_none() {
                return Err(missing(engine, ObjectKind::Sequence, &name));
            }
            let schema = [name.database.as_str(), name.schema.as_str()]
                .map(|part| sqlparser::ast::Ident::with_quote('"', part));
            let show = Show {
                kind: "SEQUENCES".to_owned(),
                terse: false,
                history: false,
                like: Some(name.name.as_str().to_owned()),
                within: Some(ShowIn::Schema(Some(schema.to_vec().into()))),
                starts_with: None,
                limit: None,
                from: None,
            };
            show::run(engine, session, &show).await
        }
        ObjectWord::Stage | ObjectWord::FileFormat => properties(engine, session, describe),
        ObjectWord::Function | ObjectWord::Procedure => of_function(engine, session, describe),
    }
}

async fn columns(engine: &Embedded, session: &Session, describe: &Describe) -> Result<Outcome> {
    let name = relation(session, &describe.name)?;
    let Some(found) = engine.databases(session).relation(&name) else {
        return Err(Error::new(
            codes::K3001,
            format!("Relation `{name}` does not exist"),
        ));
    };
    let mut listing = Listing::new(&[
        ("name", Kind::Text),
        ("type", Kind::Text),
        ("kind", Kind::Text),
        ("null?", Kind::Text),
        ("default", Kind::Text),
        ("primary key", Kind::Text),
        ("unique key", Kind::Text),
        ("check", Kind::Text),
        ("expression", Kind::Text),
        ("comment", Kind::Text),
        ("policy name", Kind::Text),
        ("privacy domain", Kind::Text),
    ]);
    let provider = engine.databases(session).provider(&name, &found).await;
    for field in provider.map_err(explain)?.schema().fields() {
        let details = found.details.column(field.name());
        let key = |wanted: ConstraintKind| {
            let mut keys = found.details.constraints.iter();
            let found = keys.any(|key| key.kind == wanted && key.columns.contains(field.name()));
            if found { "Y" } else { "N" }
        };
        let kind = details
            .map(|details| details.kind.clone())
            .filter(|kind| !kind.is_empty())
            .unwrap_or_else(|| ddl::full_type(type_name(field)));
        let default = details.and_then(|details| match &details.identity {
            Some(identity) => Some(format!(
                "IDENTITY START {} INCREMENT {} {}",
                identity.start,
                identity.step,
                if identity.ordered { "ORDER" } else { "NOORDER" }
            )),
            None => details.default.clone(),
        });
        listing.push(vec![
            field.name().as_str().into(),
            kind.into(),
            "COLUMN".into(),
            if details.is_some_and(|details| details.not_null) {
                "N"
            } else {
                "Y"
            }
            .into(),
            default.into(),
            key(ConstraintKind::PrimaryKey).into(),
            key(ConstraintKind::Unique).into(),
            Cell::Null,
            Cell::Null,
            details.and_then(|details| details.comment.clone()).into(),
            Cell::Null,
            Cell::Null,
        ]);
    }
    listing.outcome()
}

fn schema(engine: &Embedded, session: &Session, describe: &Describe) -> Result<Outcome> {
    let name = namespace(session, &describe.name)?;
    if !engine.databases(session).namespaces().contains(&name) {
        return Err(Error::new(
            codes::K3003,
            format!("Schema `{name}` does not exist"),
        ));
    }
    let mut listing = Listing::new(&[
        ("created_on", Kind::Moment),
        ("name", Kind::Text),
        ("kind", Kind::Text),
    ]);
    for (relation, found) in engine.databases(session).relations() {
        if relation.namespace() == name {
            let kind = match found.kind {
                RelationKind::Table { .. } => table_kind(&found),
                RelationKind::External { .. } => "EXTERNAL TABLE",
                RelationKind::View { .. } => "VIEW",
            };
            listing.push(vec![
                Cell::Moment(found.created_at.clone()),
                relation.name.as_str().into(),
                kind.into(),
            ]);
        }
    }
    listing.outcome()
}

fn database(engine: &Embedded, session: &Session, describe: &Describe) -> Result<Outcome> {
    let name = super::database_name(&describe.name)?;
    let workspace = engine.workspace();
    let times = workspace.catalog().namespace_times()?;
    let schemas: Vec<_> = engine
        .databases(session)
        .namespaces()
        .into_iter()
        .filter(|schema| schema.database == name)
        .collect();
    if schemas.is_empty() {
        return Err(super::containers::no_database(engine, session, &name));
    }
    let mut listing = Listing::new(&[
        ("created_on", Kind::Moment),
        ("name", Kind::Text),
        ("kind", Kind::Text),
    ]);
    for schema in schemas {
        let created = times.iter().find(|(other, _)| *other == schema);
        listing.push(vec![
            Cell::Moment(created.map(|(_, time)| time.clone()).unwrap_or_default()),
            schema.schema.as_str().into(),
            "SCHEMA".into(),
        ]);
    }
    listing.outcome()
}

fn properties(engine: &Embedded, session: &Session, describe: &Describe) -> Result<Outcome> {
    let kind = super::kind_of(describe.kind)?;
    let name = relation(session, &describe.name)?;
    let Some(object) = engine.databases(session).object(kind, &name) else {
        return Err(missing(engine, kind, &name));
    };
    match &object.body {
        ObjectBody::FileFormat { options } => {
            let mut listing = Listing::new(&[
                ("property", Kind::Text),
                ("property_type", Kind::Text),
                ("property_value", Kind::Text),
                ("property_default", Kind::Text),
            ]);
            for (name, value) in options {
                listing.push(vec![
                    name.as_str().into(),
                    "String".into(),
                    value.trim_matches('\'').into(),
                    Cell::Null,
                ]);
            }
            listing.outcome()
        }
        ObjectBody::Stage { url, options, .. } => {
            let mut listing = Listing::new(&[
                ("parent_property", Kind::Text),
                ("property", Kind::Text),
                ("property_type", Kind::Text),
                ("property_value", Kind::Text),
                ("property_default", Kind::Text),
            ]);
            let mut line = |parent: &str, property: &str, value: &str| {
                listing.push(vec![
                    parent.into(),
                    property.into(),
                    "String".into(),
                    value.into(),
                    Cell::Null,
                ]);
            };
            for (name, value) in options {
                match name.strip_prefix("FILE_FORMAT.") {
                    Some(name) => line("STAGE_FILE_FORMAT", name, value.trim_matches('\'')),
                    None => line("STAGE_PROPERTIES", name, value),
                }
            }
            let url = url.as_ref().map(|url| format!("[\"{url}\"]"));
            line("STAGE_LOCATION", "URL", &url.unwrap_or_default());
            listing.outcome()
        }
        _ => Err(Error::new(codes::X0001, "An object is of another kind")),
    }
}

fn of_function(engine: &Embedded, session: &Session, describe: &Describe) -> Result<Outcome> {
    let name = relation(session, &describe.name)?;
    let name = function::with_types(&name, &describe.arguments);
    let kind = super::kind_of(describe.kind)?;
    let Some(object) = engine.databases(session).object(kind, &name) else {
        return Err(missing(engine, kind, &name));
    };
    let ObjectBody::Function {
        arguments,
        returns,
        body,
        ..
    } = &object.body
    else {
        return Err(Error::new(codes::X0001, "An object is of another kind"));
    };
    let arguments: Vec<String> = arguments
        .iter()
        .map(|argument| format!("{} {}", argument.name, argument.kind))
        .collect();
    let (_, result, _) = function::signature(&name, returns);
    let mut listing = Listing::new(&[("property", Kind::Text), ("value", Kind::Text)]);
    for (property, value) in [
        ("signature", format!("({})", arguments.join(", "))),
        ("returns", result),
        ("language", "SQL".to_owned()),
        ("body", body.clone()),
    ] {
        listing.push(vec![property.into(), value.into()]);
    }
    listing.outcome()
}
