//! Statements that the parser's tree has no place for, one file each.

mod alter;
mod clone;
mod containers;
mod copy;
mod create;
pub(crate) mod ddl;
mod describe;
mod external_table;
pub(crate) mod function;
mod grants;
mod roles;
pub(crate) mod search;
pub(crate) mod show;
pub(crate) mod show_grants;
mod stage_files;
mod table_template;
mod undrop;
mod unload;

pub(crate) use containers::{DEFAULT_SCHEMA, drop_database, is_implicit};

use catalog::ObjectKind;
pub(crate) use catalog::{database_key, schema_key};
use diagnostic::{Error, Result, codes};
use engine::{Outcome, Session};
use model::{Identifier, RelationName};
use sql::command::{Command, CommandOption, ObjectWord};
use sqlparser::ast::ObjectName;

use crate::names::{identifier, relation};
use crate::scripting;
use crate::statement::{done, unsupported};
use crate::{Embedded, access};

/// Runs a command.
pub(crate) async fn run(engine: &Embedded, session: &Session, command: Command) -> Result<Outcome> {
    access::gate::command(engine, session, &command)?;
    match command {
        Command::CopyIntoTable(copy) => copy::load::run(engine, session, *copy).await,
        Command::CopyIntoLocation(copy) => unload::run(engine, session, *copy).await,
        Command::TableFromTemplate(create) => table_template::run(engine, session, *create).await,
        Command::CreateExternalTable(create) => {
            external_table::create(engine, session, *create).await
        }
        Command::DropExternalTable { name, if_exists } => {
            external_table::drop(engine, session, &name, if_exists)
        }
        Command::Put(transfer) => stage_files::put(engine, session, &transfer),
        Command::Get(transfer) => stage_files::get(engine, session, &transfer),
        Command::List(files) => stage_files::list_files(engine, session, &files),
        Command::Remove(files) => stage_files::remove(engine, session, &files),
        Command::Create(create) => match create.kind {
            ObjectWord::Schema => containers::schema(engine, session, *create).await,
            ObjectWord::Database => containers::database(engine, session, *create).await,
            _ => create::run(engine, session, &create),
        },
        Command::Alter(change) => alter::run(engine, session, *change).await,
        Command::Drop {
            kind,
            name,
            if_exists,
        } => drop_object(engine, session, kind, &name, if_exists),
        Command::Undrop { kind, name } => undrop::run(engine, session, kind, &name),
        Command::CreateFunction(create) => function::create(engine, session, *create),
        Command::DropFunction {
            name,
            arguments,
            if_exists,
        } => function::drop(engine, session, &name, &arguments, if_exists),
        Command::CreateProcedure(create) => scripting::create(engine, session, *create),
        Command::DropProcedure {
            name,
            arguments,
            if_exists,
        } => scripting::drop_procedure(engine, session, &name, &arguments, if_exists),
        // The interpreter of blocks runs these before anybody comes here.
        Command::Block(_) | Command::Call(_) => Err(Error::new(
            codes::X0001,
            "A block is run by its interpreter only",
        )),
        Command::Roles(command) => roles::run(engine, session, *command),
        Command::CreateOrAlterTable(create) => {
            crate::statement::create_or_alter::run(engine, session, *create).await
        }
        Command::DescribeSearch(name) => search::describe(engine, session, &name).await,
        Command::Show(show) => show::run(engine, session, &show).await,
        Command::Describe(describe) => describe::run(engine, session, &describe).await,
    }
}

/// The catalog's word for a kind of object.
pub(crate) fn kind_of(word: ObjectWord) -> Result<ObjectKind> {
    match word {
        ObjectWord::Stage => Ok(ObjectKind::Stage),
        ObjectWord::FileFormat => Ok(ObjectKind::FileFormat),
        ObjectWord::Sequence => Ok(ObjectKind::Sequence),
        ObjectWord::Function => Ok(ObjectKind::Function),
        ObjectWord::Procedure => Ok(ObjectKind::Procedure),
        ObjectWord::Schema => Ok(ObjectKind::Schema),
        ObjectWord::Database => Ok(ObjectKind::Database),
        ObjectWord::Table | ObjectWord::View => Err(unsupported(&word)),
    }
}

fn drop_object(
    engine: &Embedded,
    session: &Session,
    word: ObjectWord,
    name: &ObjectName,
    if_exists: bool,
) -> Result<Outcome> {
    let (kind, name) = (kind_of(word)?, relation(session, name)?);
    drop_called(engine, kind, &name, if_exists)
}

/// Drops the object of `kind` that is kept as `name`.
pub(crate) fn drop_called(
    engine: &Embedded,
    kind: ObjectKind,
    name: &RelationName,
    if_exists: bool,
) -> Result<Outcome> {
    let workspace = engine.workspace();
    if workspace.object(kind, name).is_none() {
        return if if_exists {
            Ok(done(name, "does not exist, statement succeeded"))
        } else {
            Err(missing(engine, kind, name))
        };
    }
    workspace.change_object(kind, name, None);
    Ok(done(name, "successfully dropped"))
}

/// The error for an object that is not there.
fn missing(engine: &Embedded, kind: ObjectKind, name: &RelationName) -> Error {
    let known = engine.workspace().objects();
    let names: Vec<String> = known
        .into_keys()
        .filter(|(other, _)| *other == kind)
        .map(|(_, name)| name.to_string())
        .collect();
    let word = kind.to_string();
    let mut letters = word.chars();
    let first: String = letters
        .next()
        .into_iter()
        .flat_map(char::to_uppercase)
        .collect();
    Error::new(
        codes::K3001,
        format!("{first}{} `{name}` does not exist", letters.as_str()),
    )
    .suggest(&name.to_string(), names.iter().map(String::as_str))
}

/// The single part of a database's name.
pub(crate) fn database_name(name: &ObjectName) -> Result<Identifier> {
    match name.0.as_slice() {
        [part] => match part.as_ident() {
            Some(ident) => Ok(identifier(ident)),
            None => Err(unsupported(name)),
        },
        _ => Err(unsupported(name)),
    }
}

/// The error for an option nobody implements.
fn unknown(option: &CommandOption) -> Error {
    unsupported(&format!("{} = {}", option.name, option.value)).help("leave the option out")
}

/// COMMENT ON a schema or database.
pub(crate) fn comment_on(
    engine: &Embedded,
    session: &Session,
    kind: sqlparser::ast::CommentObject,
    name: &ObjectName,
    comment: Option<String>,
) -> Result<Outcome> {
    let (kind, key) = match kind {
        sqlparser::ast::CommentObject::Schema => {
            let name = crate::names::namespace(session, name)?;
            (ObjectKind::Schema, schema_key(&name))
        }
        _ => (ObjectKind::Database, database_key(&database_name(name)?)),
    };
    containers::declare(engine, session, kind, &key, |object| {
        object.comment = comment
    })?;
    Ok(done(name, "was commented on"))
}
