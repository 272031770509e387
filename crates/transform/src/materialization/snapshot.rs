//! Snapshots: the history of a query's rows as type-2 slowly changing dimension, with dbt's columns
//! (<https://docs.getdbt.com/docs/build/snapshots>).

use diagnostic::{Error, Result, codes};
use model::Identifier;

use super::incremental::quoted;
use super::{Built, Target};

/// How a change of a row is noticed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SnapshotStrategy {
    /// By a column that says when the row was updated.
    Timestamp {
        /// The column or expression.
        updated_at: String,
    },
    /// By comparing columns.
    Check {
        /// The columns; all of the query's if empty.
        columns: Vec<String>,
        /// When a version begins; the run's time if not given.
        updated_at: Option<String>,
    },
    /// By what a macro `snapshot_…_strategy` of the project gives, as SQL.
    Custom {
        /// When a version begins.
        updated_at: String,
        /// The condition under which a row of `source_data` differs from that of `snapshotted_data`.
        row_changed: String,
        /// What tells versions apart.
        scd_id: String,
    },
}

/// What happens to rows that are no longer in the query.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum HardDeletes {
    /// Their last version stays current.
    #[default]
    Ignore,
    /// Their last version ends.
    Invalidate,
    /// Their last version ends and one marked as deleted begins.
    NewRecord,
}

/// The configuration of a snapshot.
#[derive(Clone, Debug)]
pub struct SnapshotConfig {
    /// `unique_key`: columns or expressions of the query.
    pub unique_key: Vec<String>,
    /// How changes are noticed.
    pub strategy: SnapshotStrategy,
    /// What happens to rows that vanish.
    pub hard_deletes: HardDeletes,
    /// What `dbt_valid_to` of a current version holds, as SQL; NULL if not given.
    pub valid_to_current: Option<String>,
    /// The names of dbt's columns.
    pub names: MetaColumns,
    /// Whether versions that end and versions that begin are one MERGE by `dbt_scd_id`. Where they are an
    /// UPDATE and an INSERT, a version may begin at the same moment as the one that it ends.
    pub merges: bool,
}

/// The names of dbt's columns, which `snapshot_meta_column_names` may change.
#[derive(Clone, Debug)]
pub struct MetaColumns {
    /// `dbt_scd_id`: tells versions apart.
    pub scd_id: String,
    /// `dbt_updated_at`: when the version was noticed.
    pub updated_at: String,
    /// `dbt_valid_from`: when it begins.
    pub valid_from: String,
    /// `dbt_valid_to`: when it ends.
    pub valid_to: String,
    /// `dbt_is_deleted`: whether it stands for a deleted row.
    pub is_deleted: String,
}

impl Default for MetaColumns {
    fn default() -> Self {
        Self {
            scd_id: "dbt_scd_id".to_owned(),
            updated_at: "dbt_updated_at".to_owned(),
            valid_from: "dbt_valid_from".to_owned(),
            valid_to: "dbt_valid_to".to_owned(),
            is_deleted: "dbt_is_deleted".to_owned(),
        }
    }
}

impl MetaColumns {
    fn all(&self) -> [&String; 5] {
        [
            &self.scd_id,
            &self.updated_at,
            &self.valid_from,
            &self.valid_to,
            &self.is_deleted,
        ]
    }
}

/// Brings the snapshot up to date with the rows of `sql`.
///
/// # Errors
/// The engine's error, or `T1004` if the query no longer has a column the strategy needs.
pub async fn snapshot(target: Target<'_>, sql: &str, config: &SnapshotConfig) -> Result<Built> {
    let now = now(target);
    let shape = Shape::of(target, sql, &updated_at(config, &now)).await?;
    let Some(existing) = target.existing().await? else {
        let answer = target
            .make(format!(
                "create or replace table {} as (\n{}\n)",
                target.name,
                first(sql, config, &now, &shape.kind)
            ))
            .await?;
        return Ok(Built::rows(answer.made()));
    };
    let has = |column: &str| {
        let mut columns = existing.columns.iter();
        columns.any(|(name, _)| name.eq_ignore_ascii_case(column))
    };
    if !has(&config.names.scd_id) {
        return Err(Error::new(
            codes::T1004,
            format!(
                "`{}` exists and is not a snapshot: it has no column `{}`",
                target.name, config.names.scd_id
            ),
        )
        .help("drop it, or give the snapshot another name"));
    }
    let temporary = target.temporary();
    let (columns, added) = columns(target, config, &existing, &shape).await?;
    let is_new = |checked: &String| {
        let name = checked.trim_matches('"');
        added.iter().any(|added| added.eq_ignore_ascii_case(name))
    };
    let mut kinds = existing.columns.iter();
    let kind = kinds
        .find(|(name, _)| name.eq_ignore_ascii_case(&config.names.valid_to))
        .map_or(shape.kind.as_str(), |(_, kind)| kind.as_str());
    let changed = match &config.strategy {
        // A new column is a change of every row.
        SnapshotStrategy::Check { columns, .. }
            if columns.iter().any(is_new) || columns.is_empty() && !added.is_empty() =>
        {
            "true".to_owned()
        }
        _ => changed(config, &columns),
    };
    let staged = staging(
        target,
        sql,
        config,
        &columns,
        &Step {
            now: &now,
            kind,
            changed: &changed,
        },
    );
    target
        .execute(format!(
            "create or replace temporary table {temporary} as (\n{staged}\n)"
        ))
        .await?;
    let result = target.make(apply(target, config, &columns, kind)).await;
    target
        .execute(format!("drop table if exists {temporary}"))
        .await?;
    result.map(Built::rows)
}

/// The columns of a snapshot's query, and the type of the moment at which its versions begin.
struct Shape {
    columns: Vec<(String, String)>,
    kind: String,
}

impl Shape {
    async fn of(target: Target<'_>, sql: &str, updated: &str) -> Result<Self> {
        let beside = target.temporary();
        let probe = format!(
            "create or replace temporary table {beside} as (\n\
             select *, {updated} as dbt_updated_at_probe from (\n{sql}\n) as sbq where false\n)"
        );
        target.execute(probe).await?;
        let found = target.engine.describe(target.session, &beside).await?;
        target
            .execute(format!("drop table if exists {beside}"))
            .await?;
        let mut columns = found.map(|info| info.columns).unwrap_or_default();
        let kind = columns.pop().map(|(_, kind)| kind);
        Ok(Self {
            columns,
            kind: kind.unwrap_or_else(|| "timestamp_ntz".to_owned()),
        })
    }
}

/// The columns to write: those of the query. New ones are added to the snapshot first; what the query
/// no longer has stays NULL from now on. Also the new ones alone.
async fn columns(
    target: Target<'_>,
    config: &SnapshotConfig,
    existing: &engine::RelationInfo,
    shape: &Shape,
) -> Result<(Vec<String>, Vec<String>)> {
    let meta = |name: &str| {
        let mut all = config.names.all().into_iter();
        all.any(|meta| meta.eq_ignore_ascii_case(name))
    };
    let (mut columns, mut added) = (Vec::new(), Vec::new());
    for (name, kind) in shape.columns.iter().filter(|(name, _)| !meta(name)) {
        if !existing.columns.iter().any(|(have, _)| have == name) {
            let table = target.name;
            target
                .execute(format!("alter table {table} add column \"{name}\" {kind}"))
                .await?;
            added.push(name.clone());
        }
        columns.push(name.clone());
    }
    Ok((columns, added))
}

/// What the statement of one run needs besides the configuration.
struct Step<'s> {
    now: &'s str,
    /// The type of `dbt_valid_to`.
    kind: &'s str,
    /// The condition under which a row has a new version.
    changed: &'s str,
}

fn now(target: Target<'_>) -> String {
    let now = target.session.as_of.format("%Y-%m-%d %H:%M:%S%.6f");
    format!("to_timestamp_ntz('{now}')")
}

/// When a row's version begins.
fn updated_at(config: &SnapshotConfig, now: &str) -> String {
    match &config.strategy {
        SnapshotStrategy::Timestamp { updated_at }
        | SnapshotStrategy::Custom { updated_at, .. }
        | SnapshotStrategy::Check {
            updated_at: Some(updated_at),
            ..
        } => updated_at.clone(),
        SnapshotStrategy::Check { .. } => now.to_owned(),
    }
}

/// dbt's `snapshot_hash_arguments`: the key and the version's begin as text.
fn scd_id(keys: &[String], updated_at: &str) -> String {
    let parts: Vec<String> = keys
        .iter()
        .map(String::as_str)
        .chain([updated_at])
        .map(|part| format!("coalesce(cast({part} as varchar), '')"))
        .collect();
    format!("md5({})", parts.join(" || '|' || "))
}

/// What tells the version of a row of the query from others.
fn version_id(config: &SnapshotConfig, updated_at: &str) -> String {
    match &config.strategy {
        SnapshotStrategy::Custom { scd_id, .. } => scd_id.clone(),
        _ => scd_id(&config.unique_key, updated_at),
    }
}

/// What `dbt_valid_to` of a current version holds, in its type.
fn valid_to(config: &SnapshotConfig, kind: &str) -> String {
    let value = config.valid_to_current.as_deref().unwrap_or("null");
    format!("cast({value} as {kind})")
}

fn deleted(config: &SnapshotConfig, value: &str) -> String {
    match config.hard_deletes {
        HardDeletes::NewRecord => {
            format!(",\n    '{value}' as {}", config.names.is_deleted)
        }
        HardDeletes::Ignore | HardDeletes::Invalidate => String::new(),
    }
}

fn first(sql: &str, config: &SnapshotConfig, now: &str, kind: &str) -> String {
    let updated = updated_at(config, now);
    format!(
        "select *,\n    {id} as {scd_id},\n    {updated} as {updated_at},\n    \
         {updated} as {valid_from},\n    {valid_to} as {to}{deleted}\nfrom (\n{sql}\n) as sbq",
        scd_id = config.names.scd_id,
        updated_at = config.names.updated_at,
        valid_from = config.names.valid_from,
        to = config.names.valid_to,
        id = version_id(config, &updated),
        valid_to = valid_to(config, kind),
        deleted = deleted(config, "False"),
    )
}

/// The rows of the temporary table: `insert` for versions that begin, `update` and `delete` for
/// versions that end.
fn staging(
    target: Target<'_>,
    sql: &str,
    config: &SnapshotConfig,
    columns: &[String],
    step: &Step<'_>,
) -> String {
    let Step { now, kind, changed } = *step;
    let keys: Vec<String> = (1..=config.unique_key.len())
        .map(|n| format!("dbt_unique_key_{n}"))
        .collect();
    let keyed: String = config
        .unique_key
        .iter()
        .zip(&keys)
        .map(|(key, name)| format!(", {key} as {name}"))
        .collect();
    let updated = updated_at(config, now);
    let matching: Vec<String> = keys
        .iter()
        .map(|key| format!("snapshotted_data.{key} = source_data.{key}"))
        .collect();
    let matching = matching.join(" and ");
    let MetaColumns {
        scd_id: id_name,
        updated_at: updated_name,
        valid_from: from_name,
        valid_to: to_name,
        is_deleted: deleted_name,
    } = &config.names;
    let current = match &config.valid_to_current {
        None => format!("{to_name} is null"),
        Some(_) => {
            let value = valid_to(config, kind);
            format!("({to_name} is null or {to_name} = {value})")
        }
    };
    let list: String = columns
        .iter()
        .map(|column| format!("source_data.\"{column}\", "))
        .collect();
    let first_key = &keys[0];
    let returns = match config.hard_deletes {
        HardDeletes::NewRecord => format!(" or snapshotted_data.{deleted_name} = 'True'"),
        HardDeletes::Ignore | HardDeletes::Invalidate => String::new(),
    };
    let mut text = format!(
        "with snapshot_query as (\n{sql}\n),\n\
         snapshotted_data as (\n    select *{keyed} from {name} where {current}\n),\n\
         source_data as (\n    select *{keyed}, {updated} as {updated_name}, {updated} as {from_name},\n        \
         {valid_to} as {to_name}, {id} as {id_name}\n    from snapshot_query\n)\n\
         select 'insert' as dbt_change_type, {list}source_data.{updated_name}, source_data.{from_name}, \
         source_data.{to_name}, source_data.{id_name}{alive}\n\
         from source_data left outer join snapshotted_data on {matching}\n\
         where snapshotted_data.{first_key} is null or ({changed}){returns}\n\
         union all\n\
         select 'update' as dbt_change_type, {list}source_data.{updated_name}, source_data.{from_name}, \
         source_data.{updated_name} as {to_name}, snapshotted_data.{id_name}{alive}\n\
         from source_data inner join snapshotted_data on {matching}\n\
         where ({changed}){returns}",
        name = target.name,
        valid_to = valid_to(config, kind),
        id = version_id(config, &updated),
        alive = deleted(config, "False"),
    );
    if config.hard_deletes != HardDeletes::Ignore {
        let gone: String = columns
            .iter()
            .map(|column| format!("snapshotted_data.\"{column}\", "))
            .collect();
        let still = match config.hard_deletes {
            HardDeletes::NewRecord => format!(" and snapshotted_data.{deleted_name} <> 'True'"),
            HardDeletes::Ignore | HardDeletes::Invalidate => String::new(),
        };
        let vanished = format!(
            "from snapshotted_data left outer join source_data on {matching}\n\
             where source_data.{first_key} is null{still}"
        );
        text.push_str(&format!(
            "\nunion all\nselect 'delete' as dbt_change_type, {gone}{now} as {updated_name}, \
             {now} as {from_name}, {now} as {to_name}, snapshotted_data.{id_name}{alive}\n{vanished}",
            alive = deleted(config, "False"),
        ));
        if config.hard_deletes == HardDeletes::NewRecord {
            let snapshot_keys: Vec<String> = keys
                .iter()
                .map(|key| format!("snapshotted_data.{key}"))
                .collect();
            text.push_str(&format!(
                "\nunion all\nselect 'insert' as dbt_change_type, {gone}{now} as {updated_name}, \
                 {now} as {from_name}, {valid_to} as {to_name}, {id} as {id_name}{dead}\n{vanished}",
                valid_to = valid_to(config, kind),
                id = scd_id(&snapshot_keys, now),
                dead = deleted(config, "True"),
            ));
        }
    }
    text
}

/// The condition under which a row has a new version.
fn changed(config: &SnapshotConfig, columns: &[String]) -> String {
    match &config.strategy {
        SnapshotStrategy::Custom { row_changed, .. } => format!("({row_changed})"),
        SnapshotStrategy::Timestamp { .. } => {
            format!(
                "snapshotted_data.{} < source_data.{}",
                config.names.valid_from, config.names.updated_at
            )
        }
        SnapshotStrategy::Check {
            columns: checked, ..
        } => {
            let names: Vec<String> = match checked.as_slice() {
                [] => columns
                    .iter()
                    .map(|column| format!("\"{column}\""))
                    .collect(),
                checked => checked.to_vec(),
            };
            let differs: Vec<String> = names
                .iter()
                .map(|name| {
                    format!("(snapshotted_data.{name} is distinct from source_data.{name})")
                })
                .collect();
            differs.join(" or ")
        }
    }
}

fn apply(target: Target<'_>, config: &SnapshotConfig, columns: &[String], kind: &str) -> String {
    let mut all = columns.to_vec();
    let names = &config.names;
    let stored = |name: &String| Identifier::unquoted(name).as_str().to_owned();
    all.extend(
        [
            &names.scd_id,
            &names.updated_at,
            &names.valid_from,
            &names.valid_to,
        ]
        .map(stored),
    );
    if config.hard_deletes == HardDeletes::NewRecord {
        all.push(stored(&names.is_deleted));
    }
    let values: Vec<String> = all
        .iter()
        .map(|column| format!("DBT_INTERNAL_SOURCE.\"{column}\""))
        .collect();
    let (id, to) = (&names.scd_id, &names.valid_to);
    let (list, values) = (quoted(&all), values.join(", "));
    let current = match &config.valid_to_current {
        None => format!("DBT_INTERNAL_DEST.{to} is null"),
        Some(_) => {
            let value = valid_to(config, kind);
            format!("(DBT_INTERNAL_DEST.{to} is null or DBT_INTERNAL_DEST.{to} = {value})")
        }
    };
    let (name, temporary) = (target.name, target.temporary());
    if !config.merges {
        return format!(
            "merge into {name} as DBT_INTERNAL_DEST\n\
             using (select * from {temporary} where dbt_change_type in ('update', 'delete')) as DBT_INTERNAL_SOURCE\n\
             on DBT_INTERNAL_SOURCE.{id} = DBT_INTERNAL_DEST.{id}\n\
             when matched and {current} then update set {to} = DBT_INTERNAL_SOURCE.{to};\n\
             insert into {name} ({list})\nselect {values} from {temporary} as DBT_INTERNAL_SOURCE\n\
             where dbt_change_type = 'insert'"
        );
    }
    format!(
        "merge into {name} as DBT_INTERNAL_DEST\nusing {temporary} as DBT_INTERNAL_SOURCE\n\
         on DBT_INTERNAL_SOURCE.{id} = DBT_INTERNAL_DEST.{id}\n\
         when matched and {current} and DBT_INTERNAL_SOURCE.dbt_change_type in ('update', 'delete')\n    \
         then update set {to} = DBT_INTERNAL_SOURCE.{to}\n\
         when not matched and DBT_INTERNAL_SOURCE.dbt_change_type = 'insert'\n    \
         then insert ({list})\n    values ({values})"
    )
}
