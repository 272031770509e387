//! dbt's configuration of a node as the materialisations take it.

use dbt::node::Node;
use diagnostic::{Error, Result, codes};
use serde_json::Value as Json;

use crate::materialization::{
    HardDeletes, IncrementalConfig, IncrementalStrategy, MetaColumns, OnSchemaChange,
    SnapshotConfig, SnapshotStrategy,
};
use crate::test::TestConfig;

/// The configuration of an incremental model.
///
/// # Errors
/// `T1001` for a strategy that is not known, `T1011` for settings that contradict each other.
pub(crate) fn incremental(node: &Node) -> Result<IncrementalConfig> {
    let config = &node.config;
    let both = ["merge_update_columns", "merge_exclude_columns"];
    if both.iter().all(|key| !config.texts(key).is_empty()) {
        return Err(Error::new(
            codes::T1011,
            format!(
                "`{}` takes `merge_update_columns` or `merge_exclude_columns`, not both",
                node.name
            ),
        )
        .with("file", &node.original_file_path));
    }
    Ok(IncrementalConfig {
        strategy: IncrementalStrategy::parse(
            config.text("incremental_strategy").unwrap_or("default"),
        )?,
        // dbt asks whether there is a key as Python does: an empty text is none.
        unique_key: match config.text("unique_key") {
            Some("") => Vec::new(),
            _ => config.texts("unique_key"),
        },
        on_schema_change: OnSchemaChange::of(config.text("on_schema_change").unwrap_or("ignore")),
        merge_update_columns: config.texts("merge_update_columns"),
        merge_exclude_columns: config.texts("merge_exclude_columns"),
        overwrite_columns: config.texts("overwrite_columns"),
        predicates: match config.texts("incremental_predicates") {
            none if none.is_empty() => config.texts("predicates"),
            predicates => predicates,
        },
    })
}

/// The configuration of a snapshot.
///
/// # Errors
/// `T1006` if something is missing or not known.
pub(crate) fn snapshot(node: &Node) -> Result<SnapshotConfig> {
    let config = &node.config;
    let wrong = |what: &str| {
        Error::new(codes::T1006, format!("Snapshot `{}` {what}", node.name))
            .with("file", &node.original_file_path)
    };
    let unique_key = config.texts("unique_key");
    if unique_key.is_empty() {
        return Err(wrong("has no `unique_key`"));
    }
    let updated_at = config.text("updated_at").map(str::to_owned);
    let strategy = match config.text("strategy") {
        Some("timestamp") => SnapshotStrategy::Timestamp {
            updated_at: updated_at
                .ok_or_else(|| wrong("has `strategy: timestamp`, but no `updated_at`"))?,
        },
        Some("check") => SnapshotStrategy::Check {
            columns: match config.get("check_cols") {
                Some(Json::String(all)) if all == "all" => Vec::new(),
                Some(Json::String(one)) => vec![one.clone()],
                Some(Json::Array(_)) => config.texts("check_cols"),
                _ => return Err(wrong("has `strategy: check`, but no `check_cols`")),
            },
            updated_at,
        },
        // A macro of the project gives the texts.
        Some(_) => SnapshotStrategy::Custom {
            updated_at: String::new(),
            row_changed: String::new(),
            scd_id: String::new(),
        },
        None => return Err(wrong("has no `strategy`")),
    };
    let hard_deletes = match config.text("hard_deletes") {
        None if config.truth("invalidate_hard_deletes") == Some(true) => HardDeletes::Invalidate,
        None | Some("ignore") => HardDeletes::Ignore,
        Some("invalidate") => HardDeletes::Invalidate,
        Some("new_record") => HardDeletes::NewRecord,
        Some(other) => {
            return Err(wrong(&format!(
                "has `hard_deletes: {other}`, which is not known"
            )));
        }
    };
    let mut names = MetaColumns::default();
    let renamed = config
        .get("snapshot_meta_column_names")
        .and_then(Json::as_object);
    for (name, wanted) in renamed.into_iter().flatten() {
        let Some(wanted) = wanted.as_str() else {
            continue;
        };
        let slot = match name.as_str() {
            "dbt_scd_id" => &mut names.scd_id,
            "dbt_updated_at" => &mut names.updated_at,
            "dbt_valid_from" => &mut names.valid_from,
            "dbt_valid_to" => &mut names.valid_to,
            "dbt_is_deleted" => &mut names.is_deleted,
            other => {
                return Err(wrong(&format!(
                    "renames `{other}`, which is no column of dbt"
                )));
            }
        };
        wanted.clone_into(slot);
    }
    Ok(SnapshotConfig {
        unique_key,
        strategy,
        hard_deletes,
        valid_to_current: config.text("dbt_valid_to_current").map(str::to_owned),
        names,
        merges: true,
    })
}

/// How a data test is judged.
pub(crate) fn test(node: &Node) -> TestConfig {
    let config = &node.config;
    let default = TestConfig::default();
    let text = |key: &str, default: String| config.text(key).map_or(default, str::to_owned);
    TestConfig {
        fail_calc: text("fail_calc", default.fail_calc),
        warn_if: text("warn_if", default.warn_if),
        error_if: text("error_if", default.error_if),
        severity_error: !config
            .text("severity")
            .is_some_and(|severity| severity.eq_ignore_ascii_case("warn")),
        limit: config.get("limit").and_then(Json::as_u64),
    }
}
