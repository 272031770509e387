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
    /// The setting called `text`.
    ///
    /// # Errors
    /// `T1002` if there is none.
    pub fn parse(text: &str) -> Result<Self> {
        match text {
            "ignore" => Ok(Self::Ignore),
            "fail" => Ok(Self::Fail),
            "append_new_columns" => Ok(Self::AppendNewColumns),
            "sync_all_columns" => Ok(Self::SyncAllColumns),
            other => Err(Error::new(
                codes::T1002,
                format!("`on_schema_change: {other}` is not known"),
            )
            .suggest(
                other,
                ["ignore", "fail", "append_new_columns", "sync_all_columns"],
            )),
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
    match mode {
        OnSchemaChange::Ignore => Ok(common()),
        OnSchemaChange::Fail if added.is_empty() && missing.is_empty() => Ok(common()),
        OnSchemaChange::Fail => {
            let added: Vec<_> = added.iter().map(|(name, _)| name.as_str()).collect();
            Err(Error::new(
                codes::T1003,
                format!("The columns of `{}` are no longer its model's", target.name),
            )
            .with("added", added.join(", "))
            .with("missing", missing.join(", "))
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
            let mut columns = common();
            columns.extend(added.into_iter().map(|(name, _)| name.clone()));
            Ok(columns)
        }
    }
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
