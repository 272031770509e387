//! ALTER of stages, file formats, sequences, schemas, databases and views.

use catalog::{Object, ObjectBody, ObjectKind, RelationKind};
use diagnostic::{Error, Result, codes};
use engine::{Outcome, Session};
use model::RelationName;
use sql::command::{AlterObject, Change, CommandOption, ObjectWord};

use super::create::{format_options, stored, whole};
use super::{function, kind_of, missing, unknown};
use crate::Embedded;
use crate::names::relation;
use crate::stages::{Format, flag, single};
use crate::statement::create::known_namespace;
use crate::statement::{done, unsupported};

pub(super) async fn run(
    engine: &Embedded,
    session: &Session,
    alter: AlterObject,
) -> Result<Outcome> {
    match alter.kind {
        ObjectWord::View => view(engine, session, &alter),
        ObjectWord::Stage
        | ObjectWord::FileFormat
        | ObjectWord::Sequence
        | ObjectWord::Function
        | ObjectWord::Procedure => object(engine, session, &alter),
        ObjectWord::Schema | ObjectWord::Database => {
            super::containers::alter(engine, session, &alter)
        }
        ObjectWord::Table => {
            crate::statement::alter::change(
                engine,
                session,
                &alter.name,
                alter.if_exists,
                &alter.change,
            )
            .await
        }
    }
}

fn object(engine: &Embedded, session: &Session, alter: &AlterObject) -> Result<Outcome> {
    let kind = kind_of(alter.kind)?;
    // Functions are kept by their names with the types of their arguments.
    let called = |name: RelationName| match alter.kind {
        ObjectWord::Function | ObjectWord::Procedure => {
            function::with_types(&name, &alter.arguments)
        }
        _ => name,
    };
    let name = called(relation(session, &alter.name)?);
    let workspace = engine.workspace();
    let Some(mut found) = workspace.object(kind, &name) else {
        return if alter.if_exists {
            Ok(done(&name, "does not exist, statement succeeded"))
        } else {
            Err(missing(engine, kind, &name))
        };
    };
    match &alter.change {
        Change::Rename(new) => {
            let new = called(relation(session, new)?);
            known_namespace(engine, session, &new.namespace())?;
            if workspace.object(kind, &new).is_some() {
                return Err(Error::new(codes::K3002, format!("`{new}` exists already")));
            }
            workspace.change_object(kind, &name, None);
            workspace.change_object(kind, &new, Some(found));
        }
        Change::Set(options) => {
            for option in options {
                set(engine, session, kind, &mut found, option)?;
            }
            workspace.change_object(kind, &name, Some(found));
        }
        Change::Unset(names) => {
            for name in names {
                match (name.as_str(), &mut found.body) {
                    ("COMMENT", _) => found.comment = None,
                    ("SECURE", ObjectBody::Function { secure, .. }) => *secure = false,
                    _ => return Err(unsupported(&format!("UNSET {name}"))),
                }
            }
            workspace.change_object(kind, &name, Some(found));
        }
        _ => return Err(unsupported(&format!("This change of a {}", alter.kind))),
    }
    Ok(done(&name, "successfully altered"))
}

fn set(
    engine: &Embedded,
    session: &Session,
    kind: ObjectKind,
    found: &mut Object,
    option: &CommandOption,
) -> Result<()> {
    if option.name == "COMMENT" {
        found.comment = Some(single(option)?);
        return Ok(());
    }
    let databases = engine.databases(session);
    match (kind, &mut found.body) {
        (ObjectKind::Sequence, ObjectBody::Sequence { step, ordered, .. }) => {
            match option.name.as_str() {
                "INCREMENT" => *step = whole(option)?,
                "ORDER" => *ordered = flag(option)?,
                _ => return Err(unknown(option)),
            }
            if *step == 0 {
                return Err(Error::new(
                    codes::E1002,
                    "A sequence cannot count in steps of 0",
                ));
            }
        }
        (ObjectKind::FileFormat, ObjectBody::FileFormat { options }) => {
            options.extend(stored(std::slice::from_ref(option)));
            let all = options
                .iter()
                .map(|(name, value)| {
                    Ok(CommandOption {
                        name: name.clone(),
                        value: sql::command::OptionValue::parse(value)?,
                    })
                })
                .collect::<Result<Vec<_>>>()?;
            Format::of_options(&databases, &all)?;
        }
        (ObjectKind::Stage, ObjectBody::Stage { url, options, .. }) => match option.name.as_str() {
            "FILE_FORMAT" => {
                Format::of_statement(&databases, Some(&option.value), &[])?;
                options.retain(|name, _| !name.starts_with("FILE_FORMAT."));
                options.extend(format_options(&option.value));
            }
            "URL" if url.is_some() => {
                let text = single(option)?;
                crate::stages::Location::resolve(&databases, &format!("@{text}"))?;
                *url = Some(text);
            }
            _ => return Err(unknown(option)),
        },
        (_, ObjectBody::Function { secure, .. }) if option.name == "SECURE" => {
            *secure = flag(option)?;
        }
        _ => return Err(unknown(option)),
    }
    Ok(())
}

/// ALTER VIEW: <https://docs.snowflake.com/en/sql-reference/sql/alter-view>.
fn view(engine: &Embedded, session: &Session, alter: &AlterObject) -> Result<Outcome> {
    let name = relation(session, &alter.name)?;
    let workspace = engine.workspace();
    let found = workspace.relation(&name);
    let Some(mut found) = found.filter(|found| matches!(found.kind, RelationKind::View { .. }))
    else {
        return if alter.if_exists {
            Ok(done(&name, "does not exist, statement succeeded"))
        } else {
            Err(Error::new(
                codes::K3001,
                format!("View `{name}` does not exist"),
            ))
        };
    };
    match &alter.change {
        Change::Rename(new) => {
            let new = relation(session, new)?;
            if workspace.relation(&new).is_some() {
                return Err(Error::new(
                    codes::K3002,
                    format!("Relation `{new}` exists already"),
                ));
            }
            workspace.drop_relation(&name)?;
            workspace.stage_relation(&new, found)?;
            return Ok(done(&name, "successfully altered"));
        }
        Change::Set(options) => {
            for option in options {
                match (option.name.as_str(), &mut found.kind) {
                    ("COMMENT", _) => found.comment = Some(single(option)?),
                    ("SECURE", RelationKind::View { secure, .. }) => *secure = flag(option)?,
                    _ => return Err(unknown(option)),
                }
            }
        }
        Change::Unset(names) => {
            for unset in names {
                match (unset.as_str(), &mut found.kind) {
                    ("COMMENT", _) => found.comment = None,
                    ("SECURE", RelationKind::View { secure, .. }) => *secure = false,
                    _ => return Err(unsupported(&format!("UNSET {unset}"))),
                }
            }
        }
        _ => return Err(unsupported(&"This change of a view")),
    }
    workspace.stage_relation(&name, found)?;
    Ok(done(&name, "successfully altered"))
}
