//! CREATE STAGE, FILE FORMAT and SEQUENCE:
//! <https://docs.snowflake.com/en/sql-reference/sql/create-stage>,
//! <https://docs.snowflake.com/en/sql-reference/sql/create-file-format>,
//! <https://docs.snowflake.com/en/sql-reference/sql/create-sequence>.

use std::collections::BTreeMap;

use catalog::{Object, ObjectBody};
use diagnostic::{Error, Result, codes};
use engine::{Outcome, Session};
use model::RunId;
use sql::command::{CommandOption, CreateObject, ObjectWord, OptionValue};

use super::{kind_of, unknown};
use crate::Embedded;
use crate::access::owned;
use crate::names::relation;
use crate::stages::{Format, Location, flag, single};
use crate::statement::create::{either, known_namespace};
use crate::statement::{done, unsupported};

pub(super) fn run(engine: &Embedded, session: &Session, create: &CreateObject) -> Result<Outcome> {
    let (kind, name) = (kind_of(create.kind)?, relation(session, &create.name)?);
    either(create.or_replace, create.if_not_exists)?;
    if create.temporary || create.transient {
        return Err(unsupported(&format!("A temporary {}", create.kind))
            .help("leave TEMPORARY out, and drop it when it is not needed any more"));
    }
    known_namespace(engine, session, &name.namespace())?;
    let workspace = engine.workspace();
    if workspace.object(kind, &name).is_some() {
        if create.if_not_exists {
            return Ok(done(&name, "already exists, statement succeeded"));
        }
        if !create.or_replace {
            return Err(Error::new(codes::K3002, format!("`{name}` exists already"))
                .help("write `create or replace`, or `create … if not exists`"));
        }
    }
    let (body, comment) = match (&create.clone, create.kind) {
        (Some(source), _) if source.version.is_none() => {
            let source = relation(session, &source.name)?;
            let found = workspace
                .object(kind, &source)
                .ok_or_else(|| super::missing(engine, kind, &source))?;
            (own(found.body)?, found.comment)
        }
        (Some(_), _) => return Err(unsupported(&"CLONE … AT of an object without history")),
        (None, ObjectWord::Sequence) => sequence(&create.options)?,
        (None, ObjectWord::FileFormat) => file_format(engine, session, &create.options)?,
        (None, _) => stage(engine, session, &create.options)?,
    };
    workspace.create_object(
        kind,
        &name,
        Object {
            body,
            comment,
            created_at: session.as_of.to_rfc3339(),
            access: owned(session),
        },
    );
    Ok(done(&name, "successfully created"))
}

/// A copy with a counter or folder of its own.
pub(super) fn own(body: ObjectBody) -> Result<ObjectBody> {
    Ok(match body {
        ObjectBody::Sequence {
            start,
            step,
            ordered,
            ..
        } => ObjectBody::Sequence {
            id: RunId::fresh().to_string(),
            start,
            step,
            ordered,
        },
        ObjectBody::Stage { url: None, .. } => {
            return Err(unsupported(&"CLONE of an internal stage"));
        }
        other => other,
    })
}

pub(super) fn whole(option: &CommandOption) -> Result<i64> {
    single(option)?.parse().map_err(|_| {
        Error::new(
            codes::E1002,
            format!("`{} = {}` is no whole number", option.name, option.value),
        )
    })
}

fn sequence(options: &[CommandOption]) -> Result<(ObjectBody, Option<String>)> {
    let (mut start, mut step, mut ordered, mut comment) = (1, 1, true, None);
    for option in options {
        match option.name.as_str() {
            "START" => start = whole(option)?,
            "INCREMENT" => step = whole(option)?,
            "ORDER" => ordered = flag(option)?,
            "COMMENT" => comment = Some(single(option)?),
            _ => return Err(unknown(option)),
        }
    }
    if step == 0 {
        return Err(Error::new(
            codes::E1002,
            "A sequence cannot count in steps of 0",
        ));
    }
    let body = ObjectBody::Sequence {
        id: RunId::fresh().to_string(),
        start,
        step,
        ordered,
    };
    Ok((body, comment))
}

/// Options as they are kept: by name, values as SQL.
pub(super) fn stored(options: &[CommandOption]) -> BTreeMap<String, String> {
    options
        .iter()
        .filter(|option| option.name != "COMMENT")
        .map(|option| (option.name.clone(), option.value.to_string()))
        .collect()
}

fn comment_of(options: &[CommandOption]) -> Result<Option<String>> {
    let comment = options.iter().rfind(|option| option.name == "COMMENT");
    comment.map(single).transpose()
}

fn file_format(
    engine: &Embedded,
    session: &Session,
    options: &[CommandOption],
) -> Result<(ObjectBody, Option<String>)> {
    // What makes no sense now would fail at every use.
    Format::of_options(&engine.databases(session), options)?;
    Ok((
        ObjectBody::FileFormat {
            options: stored(options),
        },
        comment_of(options)?,
    ))
}

fn stage(
    engine: &Embedded,
    session: &Session,
    given: &[CommandOption],
) -> Result<(ObjectBody, Option<String>)> {
    let databases = engine.databases(session);
    let (mut url, mut options) = (None, BTreeMap::new());
    for option in given {
        match option.name.as_str() {
            "URL" => {
                let text = single(option)?;
                // What cannot be read is refused here, not when it is used.
                Location::resolve(&databases, &format!("@{text}"))?;
                url = Some(text);
            }
            "FILE_FORMAT" => {
                Format::of_statement(&databases, Some(&option.value), &[])?;
                options.extend(format_options(&option.value));
            }
            "COMMENT" => {}
            // The files are listed whenever they are asked for.
            "DIRECTORY" => {
                options.insert(option.name.clone(), option.value.to_string());
            }
            "ENCRYPTION" if url.is_none() && is_server_side(&option.value) => {
                options.insert(option.name.clone(), option.value.to_string());
            }
            _ => return Err(unknown(option)),
        }
    }
    let body = ObjectBody::Stage {
        url,
        options,
        folder: RunId::fresh().to_string(),
    };
    Ok((body, comment_of(given)?))
}

/// Whether files are to lie as they are.
fn is_server_side(value: &OptionValue) -> bool {
    match value {
        OptionValue::Options(options) => options
            .iter()
            .all(|option| option.name == "TYPE" && option.value.single() == Some("SNOWFLAKE_SSE")),
        _ => false,
    }
}

/// FILE_FORMAT as a stage keeps it.
pub(super) fn format_options(value: &OptionValue) -> Vec<(String, String)> {
    let prefixed = |name: &str| format!("FILE_FORMAT.{name}");
    match value {
        OptionValue::Options(options) => options
            .iter()
            .map(|option| (prefixed(&option.name), option.value.to_string()))
            .collect(),
        other => vec![(prefixed("FORMAT_NAME"), other.to_string())],
    }
}
