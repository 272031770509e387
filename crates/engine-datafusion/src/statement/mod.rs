//! One statement to its outcome: every kind that is implemented has its file, all others are refused.

pub(crate) mod alter;
pub(crate) mod create;
pub(crate) mod create_or_alter;
mod create_view;
pub(crate) mod definition;
mod drop;
mod explain;
pub(crate) mod immediate;
pub(crate) mod query;
pub(crate) mod session;
mod show;

use catalog::{RelationKind, Workspace};
use diagnostic::{Error, Result, codes};
use engine::{Outcome, Session};
use lake::Table;
use model::RelationName;
use sqlparser::ast::Statement;

use crate::{Embedded, access, dml};

/// Runs a normalised statement.
pub(crate) async fn run(
    engine: &Embedded,
    session: &Session,
    statement: Statement,
) -> Result<Outcome> {
    access::gate::statement(engine, session, &statement)?;
    match statement {
        Statement::Query(_) => query::run(engine, session, statement).await,
        Statement::Explain { .. } => explain::run(engine, session, statement).await,
        Statement::Set(_)
        | Statement::Use(_)
        | Statement::AlterSession { .. }
        | Statement::ShowVariables { .. } => session::run(engine, session, statement).await,
        Statement::CreateTable(create) => create::table(engine, session, create).await,
        Statement::CreateView(create) => create_view::view(engine, session, create).await,
        Statement::AlterTable(alter) => alter::table(engine, session, alter).await,
        Statement::Comment { .. } => alter::comment(engine, session, statement).await,
        Statement::Drop { .. } => drop::run(engine, session, statement),
        Statement::Insert(insert) => dml::insert::run(engine, session, insert).await,
        Statement::Update(update) => dml::update::update(engine, session, update).await,
        Statement::Delete(delete) => dml::update::delete(engine, session, delete).await,
        Statement::Truncate(truncate) => dml::update::truncate(engine, session, &truncate).await,
        Statement::Merge(merge) => dml::merge::run(engine, session, merge).await,
        Statement::ShowTables { .. }
        | Statement::ShowViews { .. }
        | Statement::ShowSchemas { .. }
        | Statement::ShowDatabases { .. }
        | Statement::ShowObjects { .. }
        | Statement::ShowColumns { .. }
        | Statement::ShowFunctions { .. }
        | Statement::ExplainTable { .. } => show::run(engine, session, statement).await,
        // Every statement stands alone here; what a run publishes together, its workspace does.
        Statement::StartTransaction {
            modes,
            begin: _,
            transaction: _,
            modifier: None,
            statements,
            exception: None,
            has_end_keyword: false,
        } if statements.is_empty() && modes.is_empty() => {
            Ok(Outcome::Done("Statement executed successfully.".to_owned()))
        }
        Statement::Commit { .. } => {
            Ok(Outcome::Done("Statement executed successfully.".to_owned()))
        }
        other => Err(unsupported(&other)),
    }
}

/// The error for a statement or clause that is not implemented.
pub(crate) fn unsupported(part: &impl std::fmt::Display) -> Error {
    let text = part.to_string();
    let short: String = text.chars().take(80).collect();
    Error::new(
        codes::E2001,
        format!("`{short}` is not supported by the embedded warehouse"),
    )
}

/// A sentence about something that happened to `name`.
pub(crate) fn done(name: &impl std::fmt::Display, what: &str) -> Outcome {
    Outcome::Done(format!("{name} {what}."))
}

/// What a relation is called.
pub(crate) fn kind_word(kind: &RelationKind) -> &'static str {
    match kind {
        RelationKind::Table { .. } => "table",
        RelationKind::View { .. } => "view",
        RelationKind::External { .. } => "external table",
    }
}

/// The table that `create or replace` writes its next version to: the one of that name, or a new one.
pub(crate) async fn replacing(workspace: &Workspace, name: &RelationName) -> Result<Table> {
    match workspace.relation(name).map(|relation| relation.kind) {
        Some(RelationKind::View { .. }) => workspace.replacement_table(name),
        _ => workspace.table_to_write(name).await,
    }
}

/// Refuses to change a table of the lake by SQL.
pub(crate) fn writable(workspace: &Workspace, name: &RelationName) -> Result<()> {
    match workspace.relation(name) {
        None => Err(Error::new(
            codes::K3001,
            format!("Relation `{name}` does not exist"),
        )),
        Some(relation) => match relation.kind {
            RelationKind::View { .. } => Err(Error::new(
                codes::K3002,
                format!("`{name}` is a view, so its rows cannot be changed"),
            )),
            RelationKind::Table { hidden, .. } if !hidden.is_empty() => Err(Error::new(
                codes::E2002,
                format!("Table `{name}` is written by its data contract only"),
            )),
            RelationKind::Table { .. } => Ok(()),
            RelationKind::External { .. } => Err(Error::new(
                codes::K3002,
                format!("`{name}` is an external table, which another engine writes"),
            )),
        },
    }
}
