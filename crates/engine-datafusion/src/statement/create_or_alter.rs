//! CREATE OR ALTER TABLE: a table becomes what the statement says, and keeps its rows.
//!
//! <https://docs.snowflake.com/en/sql-reference/sql/create-table#create-or-alter-table-syntax>. What accounts refuse is refused
//! before anything is done: columns in another order or before the end, other types and scales, shorter texts, and
//! other defaults of columns that are there.

use arrow::datatypes::{DataType, Field};
use catalog::{ColumnDetails, Constraint, ConstraintKind, Relation, RelationKind};
use diagnostic::{Error, Result, codes};
use engine::{Outcome, Session};
use model::RelationName;
use sql::command::ColumnChange;
use sqlparser::ast::{CreateTable, Ident};

use super::alter::Altering;
use super::create::comment;
use super::definition::{Definition, define};
use super::{done, kind_word, unsupported, writable};
use crate::Embedded;
use crate::dml::tree;
use crate::information_schema::type_name;
use crate::names::{identifier, relation};

pub(crate) async fn run(
    engine: &Embedded,
    session: &Session,
    create: CreateTable,
) -> Result<Outcome> {
    let name = relation(session, &create.name)?;
    let copies = create.query.is_some() || create.like.is_some() || create.clone.is_some();
    if copies || create.or_replace || create.if_not_exists {
        return Err(unsupported(
            &"CREATE OR ALTER TABLE of another table or a query",
        ));
    }
    let workspace = engine.workspace();
    let Some(found) = workspace.relation(&name) else {
        return super::create::table(engine, session, create).await;
    };
    if !matches!(found.kind, RelationKind::Table { .. }) {
        let kind = kind_word(&found.kind);
        return Err(Error::new(
            codes::K3002,
            format!("`{name}` exists already, as a {kind}"),
        ));
    }
    writable(workspace, &name)?;
    let temporary = create.temporary || create.volatile;
    if temporary != found.details.temporary || create.transient != found.details.transient {
        return Err(refused(&name, "stays as temporary or transient as it is"));
    }
    let wanted = define(engine, session, &name, &create.columns, &create.constraints).await?;
    let altering = Altering {
        engine,
        session,
        name: &name,
    };
    let schema = altering.schema().await?;
    let there: Vec<&str> = schema
        .fields()
        .iter()
        .map(|field| field.name().as_str())
        .collect();
    let named: Vec<&str> = wanted
        .fields
        .iter()
        .map(|field| field.name().as_str())
        .collect();
    let stay: Vec<&str> = there
        .iter()
        .copied()
        .filter(|name| named.contains(name))
        .collect();
    judge_order(&name, &there, &named, &stay)?;
    let mut changes: Vec<(Ident, ColumnChange)> = Vec::new();
    for (column, definition) in create.columns.iter().zip(&wanted.columns) {
        let Ok(before) = schema.field_with_name(&definition.name) else {
            continue;
        };
        let known = found.details.column(&definition.name).cloned();
        let known = known.unwrap_or_else(|| ColumnDetails {
            name: definition.name.clone(),
            ..ColumnDetails::default()
        });
        let after = wanted
            .fields
            .iter()
            .find(|field| *field.name() == definition.name);
        let after = after.map_or(before, AsRef::as_ref);
        let own = |change| (column.name.clone(), change);
        if judge(&name, (before, &known), (after, definition))? {
            changes.push(own(ColumnChange::Type(column.data_type.clone())));
        }
        if known.not_null != definition.not_null {
            changes.push(own(ColumnChange::NotNull(definition.not_null)));
        }
        if known.comment != definition.comment {
            changes.push(own(ColumnChange::Comment(definition.comment.clone())));
        }
    }
    judge_checks(&altering, &wanted).await?;
    let gone: Vec<Ident> = there
        .iter()
        .filter(|name| !named.contains(name))
        .map(|name| tree::ident(name))
        .collect();
    for column in &create.columns {
        if !there.contains(&identifier(&column.name).as_str()) {
            altering.add(column, false).await?;
        }
    }
    if !gone.is_empty() {
        altering.drop_columns(&gone, false).await?;
    }
    for (column, change) in &changes {
        altering.column(column, change).await?;
    }
    let changed = altering.relation()?;
    let mut details = changed.details.clone();
    details.constraints = keys(&found.details.constraints, wanted.constraints);
    details.cluster_by = create.cluster_by.as_ref().map(ToString::to_string);
    let days = create.data_retention_time_in_days;
    details.retention_days = days.and_then(|days| u32::try_from(days).ok());
    let comment = comment(&create)?;
    let changed = Relation {
        details,
        comment,
        ..changed
    };
    workspace.stage_relation(&name, changed)?;
    if let Some(on) = create.change_tracking {
        altering.track_changes(on).await?;
    }
    Ok(done(&name, "successfully altered"))
}

fn refused(name: &RelationName, sentence: &str) -> Error {
    Error::new(
        codes::E1002,
        format!("CREATE OR ALTER TABLE: `{name}` {sentence}"),
    )
}

/// Columns that stay keep their order, and new ones come behind them.
fn judge_order(name: &RelationName, there: &[&str], named: &[&str], stay: &[&str]) -> Result<()> {
    let kept: Vec<&str> = named
        .iter()
        .copied()
        .filter(|name| there.contains(name))
        .collect();
    if kept != stay {
        return Err(refused(name, "keeps the order of its columns"));
    }
    match named.get(..stay.len()) {
        Some(first) if first == stay => Ok(()),
        _ => Err(refused(name, "takes new columns behind the others only")),
    }
}

/// Whether a column gets another type, if it may become what is wanted.
fn judge(
    name: &RelationName,
    (before, known): (&Field, &ColumnDetails),
    (after, wanted): (&Field, &ColumnDetails),
) -> Result<bool> {
    let column = &known.name;
    let shown = |field: &Field, details: &ColumnDetails| match details.kind.is_empty() {
        true => type_name(field),
        false => details.kind.clone(),
    };
    let (from, to) = (shown(before, known), shown(after, wanted));
    let changes = from != to;
    let may = match (before.data_type(), after.data_type()) {
        _ if !changes => true,
        (DataType::Utf8 | DataType::Utf8View, DataType::Utf8)
        | (DataType::Binary | DataType::BinaryView, DataType::Binary) => {
            match (known.length, wanted.length) {
                (_, None) => true,
                (Some(before), Some(after)) => before <= after,
                (None, Some(_)) => false,
            }
        }
        (DataType::Int64, DataType::Decimal128(_, 0))
        | (DataType::Decimal128(_, 0), DataType::Int64) => true,
        (DataType::Decimal128(_, before), DataType::Decimal128(_, after)) => before == after,
        _ => false,
    };
    if !may {
        let sentence = format!("cannot change column `{column}` from {from} to {to}");
        return Err(refused(name, &sentence));
    }
    let identity =
        |details: &ColumnDetails| details.identity.as_ref().map(|one| (one.start, one.step));
    if known.default != wanted.default || identity(known) != identity(wanted) {
        let sentence = format!("keeps the default of column `{column}`");
        return Err(
            refused(name, &sentence).help("`alter table … alter column … drop default` drops it")
        );
    }
    Ok(changes)
}

/// CHECK constraints stay as they are.
async fn judge_checks(altering: &Altering<'_>, wanted: &Definition) -> Result<()> {
    let table = altering.engine.workspace().table(altering.name).await?;
    let known = table.constraints().await?;
    let conditions = |checks: &[(String, String)]| {
        let mut conditions: Vec<String> = checks.iter().map(|(_, text)| text.clone()).collect();
        conditions.sort();
        conditions
    };
    match conditions(&known) == conditions(&wanted.checks) {
        true => Ok(()),
        false => Err(refused(altering.name, "keeps its CHECK constraints")
            .help("`alter table … add constraint` and `drop constraint` change them")),
    }
}

/// The keys that are wanted; those that were there without a name of their own keep the one they have.
fn keys(known: &[Constraint], wanted: Vec<Constraint>) -> Vec<Constraint> {
    let same = |one: &Constraint, other: &Constraint| {
        let kinds: (&ConstraintKind, &ConstraintKind) = (&one.kind, &other.kind);
        kinds.0 == kinds.1 && one.columns == other.columns
    };
    wanted
        .into_iter()
        .map(|key| match known.iter().find(|other| same(other, &key)) {
            Some(other) if key.name.starts_with("SYS_CONSTRAINT_") => Constraint {
                name: other.name.clone(),
                ..key
            },
            _ => key,
        })
        .collect()
}
