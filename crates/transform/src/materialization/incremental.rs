//! `materialized: incremental`: new rows are appended, merged, or replace those with their keys.

use dbt::adapter::Answer;
use diagnostic::{Error, Result, codes};
use engine::RelationInfo;

use super::schema_change::reconcile;
use super::{Built, OnSchemaChange, Target, table};

/// dbt's `incremental_strategy`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IncrementalStrategy {
    /// Rows are added.
    Append,
    /// Rows with a known key are replaced, others added, in one MERGE.
    Merge,
    /// Rows with a known key are deleted, then all are added.
    DeleteInsert,
    /// All rows are replaced.
    InsertOverwrite,
}

impl IncrementalStrategy {
    /// The strategy called `text`.
    ///
    /// # Errors
    /// `T1001` if there is none.
    pub fn parse(text: &str) -> Result<Self> {
        match text {
            "append" => Ok(Self::Append),
            "merge" | "default" => Ok(Self::Merge),
            "delete+insert" => Ok(Self::DeleteInsert),
            "insert_overwrite" => Ok(Self::InsertOverwrite),
            other => Err(Error::new(
                codes::T1001,
                format!("`incremental_strategy: {other}` is not supported"),
            )
            .suggest(
                other,
                ["append", "merge", "delete+insert", "insert_overwrite"],
            )),
        }
    }
}

/// The configuration of an incremental model.
#[derive(Clone, Debug)]
pub struct IncrementalConfig {
    /// How new rows enter the table.
    pub strategy: IncrementalStrategy,
    /// `unique_key`, as written: column names or expressions.
    pub unique_key: Vec<String>,
    /// What happens when columns changed.
    pub on_schema_change: OnSchemaChange,
    /// Columns a merge updates; all if none.
    pub merge_update_columns: Vec<String>,
    /// Columns a merge does not update.
    pub merge_exclude_columns: Vec<String>,
    /// Columns an `insert_overwrite` fills; all if none.
    pub overwrite_columns: Vec<String>,
    /// Further conditions on the table's rows, by the alias `DBT_INTERNAL_DEST`.
    pub predicates: Vec<String>,
}

/// Adds the rows of `sql` to the target, or builds it if it is not there or `full_refresh`.
///
/// # Errors
/// The engine's error, or `T1003` if columns changed and may not.
pub async fn incremental(
    target: Target<'_>,
    sql: &str,
    config: &IncrementalConfig,
    full_refresh: bool,
) -> Result<Built> {
    let existing = match target.existing().await? {
        Some(existing) if !existing.view && !full_refresh => existing,
        _ => return table(target, sql).await,
    };
    let temporary = target.temporary();
    // The new rows are kept first: the query may read the table that is about to change.
    target
        .execute(format!(
            "create or replace temporary table {temporary} as (\n{sql}\n)"
        ))
        .await?;
    let result = add(target, &existing, config).await;
    target
        .execute(format!("drop table if exists {temporary}"))
        .await?;
    result.map(Built::rows)
}

async fn add(
    target: Target<'_>,
    existing: &RelationInfo,
    config: &IncrementalConfig,
) -> Result<Answer> {
    let temporary = target.temporary();
    let incoming = target
        .engine
        .describe(target.session, &temporary)
        .await?
        .ok_or_else(|| Error::new(codes::X0001, format!("`{temporary}` vanished")))?;
    let columns = reconcile(target, existing, &incoming, config.on_schema_change).await?;
    let strategy = match config.strategy {
        // Without a key there is nothing to match by: dbt's merge inserts then.
        IncrementalStrategy::Merge | IncrementalStrategy::DeleteInsert
            if config.unique_key.is_empty() =>
        {
            IncrementalStrategy::Append
        }
        strategy => strategy,
    };
    let list = quoted(&columns);
    let name = target.name;
    let insert = format!("insert into {name} ({list})\nselect {list} from {temporary}");
    match strategy {
        IncrementalStrategy::Append => target.make(insert).await,
        IncrementalStrategy::Merge => target.make(merge(target, &columns, config)).await,
        IncrementalStrategy::InsertOverwrite => {
            let list = match config.overwrite_columns.as_slice() {
                [] => list,
                columns => columns.join(", "),
            };
            target
                .make(format!(
                    "insert overwrite into {name} ({list})\nselect {list} from {temporary}"
                ))
                .await
        }
        IncrementalStrategy::DeleteInsert => {
            let more: String = config
                .predicates
                .iter()
                .map(|predicate| format!("\n    and {predicate}"))
                .collect();
            let (using, condition) = match config.unique_key.as_slice() {
                [one] => (
                    String::new(),
                    format!("{one} in (select {one} from {temporary})"),
                ),
                keys => {
                    let same = keys
                        .iter()
                        .map(|key| format!("DBT_INTERNAL_DEST.{key} = DBT_INTERNAL_SOURCE.{key}"));
                    let same: Vec<String> = same.collect();
                    (
                        format!("\nusing {temporary} as DBT_INTERNAL_SOURCE"),
                        same.join(" and "),
                    )
                }
            };
            target
                .make(format!(
                    "delete from {name} as DBT_INTERNAL_DEST{using}\nwhere {condition}{more}"
                ))
                .await?;
            target.make(insert).await
        }
    }
}

fn merge(target: Target<'_>, columns: &[String], config: &IncrementalConfig) -> String {
    let on: Vec<String> = config
        .unique_key
        .iter()
        .map(|key| format!("DBT_INTERNAL_SOURCE.{key} = DBT_INTERNAL_DEST.{key}"))
        .chain(config.predicates.iter().cloned())
        .map(|condition| format!("({condition})"))
        .collect();
    let among =
        |names: &[String], column: &str| names.iter().any(|name| name.eq_ignore_ascii_case(column));
    let updates: Vec<String> = columns
        .iter()
        .filter(|column| {
            config.merge_update_columns.is_empty() || among(&config.merge_update_columns, column)
        })
        .filter(|column| !among(&config.merge_exclude_columns, column))
        .map(|column| format!("\"{column}\" = DBT_INTERNAL_SOURCE.\"{column}\""))
        .collect();
    let values: Vec<String> = columns
        .iter()
        .map(|column| format!("DBT_INTERNAL_SOURCE.\"{column}\""))
        .collect();
    let update = match updates.as_slice() {
        [] => String::new(),
        updates => format!(
            "when matched then update set\n    {}\n",
            updates.join(",\n    ")
        ),
    };
    format!(
        "merge into {name} as DBT_INTERNAL_DEST\nusing {temporary} as DBT_INTERNAL_SOURCE\non {on}\n\
         {update}when not matched then insert\n    ({list})\nvalues\n    ({values})",
        name = target.name,
        temporary = target.temporary(),
        on = on.join(" and "),
        list = quoted(columns),
        values = values.join(", "),
    )
}

pub(super) fn quoted(columns: &[String]) -> String {
    let quoted: Vec<String> = columns
        .iter()
        .map(|column| format!("\"{column}\""))
        .collect();
    quoted.join(", ")
}
