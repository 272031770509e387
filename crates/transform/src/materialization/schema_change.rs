//! What happens when an incremental model's columns are no longer its table's.

use std::collections::BTreeSet;

use diagnostic::{Error, Result, codes};
use engine::RelationInfo;
use model::Identifier;

use super::Target;

/// dbt's `on_schema_change`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum OnSchemaChange {
    /// New columns are left out; missing ones become NULL.
    #[default]
    Ignore,
    /// The model fails.
    Fail,
    /// New columns are added to the table.
    AppendNewColumns,
    /// New columns are added, missing ones are dropped.
    SyncAllColumns,
}

impl OnSchemaChange {
    /// The setting called `text`. What is not known counts as `ignore`, as in dbt; that is warned of when
    /// the project is read.
    #[must_use]
    pub fn of(text: &str) -> Self {
        match text {
            "fail" => Self::Fail,
            "append_new_columns" => Self::AppendNewColumns,
            "sync_all_columns" => Self::SyncAllColumns,
            _ => Self::Ignore,
        }
    }
}

/// Brings the table's columns in line with the new rows' and gives the columns to write.
pub(crate) async fn reconcile(
    target: Target<'_>,
    existing: &RelationInfo,
    incoming: &RelationInfo,
    mode: OnSchemaChange,
) -> Result<Vec<String>> {
    let names = |info: &RelationInfo| -> BTreeSet<String> {
        info.columns.iter().map(|(name, _)| name.clone()).collect()
    };
    let (have, give) = (names(existing), names(incoming));
    let added: Vec<_> = incoming
        .columns
        .iter()
        .filter(|(name, _)| !have.contains(name))
        .collect();
    let missing: Vec<_> = have.difference(&give).cloned().collect();
    let common = || {
        existing
            .columns
            .iter()
            .map(|(name, _)| name.clone())
            .filter(|name| give.contains(name))
            .collect::<Vec<_>>()
    };
    let retyped = retyped(existing, incoming);
    match mode {
        OnSchemaChange::Ignore if missing.is_empty() => Ok(common()),
        OnSchemaChange::Fail if added.is_empty() && missing.is_empty() && retyped.is_empty() => {
            Ok(common())
        }
        OnSchemaChange::Ignore | OnSchemaChange::Fail => {
            let added: Vec<_> = added.iter().map(|(name, _)| name.as_str()).collect();
            let retyped: Vec<_> = retyped
                .iter()
                .map(|(name, kind)| format!("{name} {kind}"))
                .collect();
            Err(Error::new(
                codes::T1003,
                format!("The columns of `{}` are no longer its model's", target.name),
            )
            .with("added", added.join(", "))
            .with("missing", missing.join(", "))
            .with("new types", retyped.join(", "))
            .help("run with --full-refresh, or set `on_schema_change: append_new_columns`"))
        }
        OnSchemaChange::AppendNewColumns | OnSchemaChange::SyncAllColumns => {
            for (name, kind) in &added {
                target
                    .execute(format!(
                        "alter table {} add column \"{name}\" {kind}",
                        target.name
                    ))
                    .await?;
            }
            if mode == OnSchemaChange::SyncAllColumns && !missing.is_empty() {
                drop_columns(target, &missing, &common(), &added).await?;
            }
            if mode == OnSchemaChange::SyncAllColumns && !retyped.is_empty() {
                retype(target, &retyped).await?;
            }
            let mut columns = common();
            columns.extend(added.into_iter().map(|(name, _)| name.clone()));
            Ok(columns)
        }
    }
}

/// The columns whose type has changed, with the new one. Longer text is no other type, and neither is a
/// number of another precision that the old type holds.
fn retyped(existing: &RelationInfo, incoming: &RelationInfo) -> Vec<(String, String)> {
    let word = |kind: &str| {
        let word = kind.split('(').next().unwrap_or_default().trim();
        word.to_uppercase()
    };
    let changed = |(name, kind): &&(String, String)| {
        let old = existing.columns.iter().find(|(have, _)| have == name);
        old.is_some_and(|(_, old)| word(old) != word(kind))
    };
    incoming.columns.iter().filter(changed).cloned().collect()
}

/// Gives columns new types. What Snowflake's ALTER does not convert is converted by a cast, as long as
/// every value can be.
async fn retype(target: Target<'_>, retyped: &[(String, String)]) -> Result<()> {
    let name = target.name;
    let existing = target.existing().await?;
    let columns = existing.map(|info| info.columns).unwrap_or_default();
    let cast: Vec<String> = columns
        .iter()
        .map(
            |(column, _)| match retyped.iter().find(|(name, _)| name == column) {
                Some((_, kind)) => format!("cast(\"{column}\" as {kind}) as \"{column}\""),
                None => format!("\"{column}\""),
            },
        )
        .collect();
    let mut beside = target.temporary();
    // The rows that are to be added wait under the first temporary name.
    beside.name = Identifier::quoted(format!("{}_COLUMNS", beside.name.as_str()));
    for sql in [
        format!(
            "create or replace temporary table {beside} as select {} from {name}",
            cast.join(", ")
        ),
        target
            .options
            .create(name, &format!("select * from {beside}")),
        format!("drop table if exists {beside}"),
    ] {
        target.execute(sql).await?;
    }
    Ok(())
}

/// Drops columns; where the engine cannot, the table is written again without them.
async fn drop_columns(
    target: Target<'_>,
    missing: &[String],
    common: &[String],
    added: &[&(String, String)],
) -> Result<()> {
    let name = target.name;
    for (at, column) in missing.iter().enumerate() {
        let dropped = target
            .execute(format!("alter table {name} drop column \"{column}\""))
            .await;
        match dropped {
            Ok(_) => {}
            Err(error) if at == 0 && error.code() == codes::E2001 => {
                let kept = common.iter().chain(added.iter().map(|(name, _)| name));
                let kept: Vec<String> = kept.map(|name| format!("\"{name}\"")).collect();
                let (kept, mut beside) = (kept.join(", "), target.temporary());
                // The rows that are to be added wait under the first temporary name.
                beside.name = Identifier::quoted(format!("{}_COLUMNS", beside.name.as_str()));
                for sql in [
                    format!(
                        "create or replace temporary table {beside} as select {kept} from {name}"
                    ),
                    format!("create or replace table {name} as select {kept} from {beside}"),
                    format!("drop table if exists {beside}"),
                ] {
                    target.execute(sql).await?;
                }
                return Ok(());
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
