//! The words in which dbt tells of a node: what it is, how it ended, and the same for programs.

use std::sync::Arc;

use anstyle::AnsiColor;
use chrono::{DateTime, Utc};
use dbt::artifact::run_results::{NodeResult, Status};
use dbt::manifest::Manifest;
use dbt::node::{Node, ResourceType};
use serde_json::{Value as Json, json};

/// dbt's code of an event.
pub(super) fn code(name: &str) -> &'static str {
    match name {
        "MainReportVersion" => "A001",
        "FoundStats" => "W006",
        "ConcurrencyLine" => "Q027",
        "LogStartLine" => "Q011",
        "LogModelResult" => "Q012",
        "LogTestResult" => "Q007",
        "LogSnapshotResult" => "Q015",
        "LogSeedResult" => "Q016",
        "LogNodeResult" => "Q008",
        "LogNodeNoOpResult" => "Q019",
        "SkippingDetails" => "Q034",
        "FinishedRunningStats" => "E047",
        "EndOfRunSummary" => "Z030",
        "StatsLine" => "Z023",
        "RunResultFailure" => "Z022",
        "RunResultWarning" => "Z021",
        "RunResultError" => "Z024",
        "RunResultErrorNoMessage" => "Z025",
        "SQLCompiledPath" => "Z026",
        "CheckNodeTestFailure" => "Z027",
        "RunResultWarningMessage" => "Z046",
        "Formatting" => "Z017",
        "LogHookStartLine" => "Q032",
        "LogHookEndLine" => "Q033",
        "LogStartBatch" => "Q045",
        "LogBatchResult" => "Q046",
        "CatchableExceptionOnRun" => "W002",
        "RunningOperationCaughtError" => "Q001",
        "SQLQuery" => "E016",
        "SQLQueryStatus" => "E017",
        "JinjaLogInfo" => "I062",
        "JinjaLogDebug" => "I063",
        "MissingArgumentsPropertyInGenericTestDeprecation" => "D039",
        _ => "Z050",
    }
}

/// The event with which dbt tells a result.
pub(super) fn result_event(node: &Node, result: &NodeResult) -> &'static str {
    match (result.status, node.resource_type) {
        (Status::Skipped, _) => "SkippingDetails",
        (Status::NoOp, _) => "LogNodeNoOpResult",
        (_, ResourceType::Model) => "LogModelResult",
        (_, ResourceType::Test | ResourceType::UnitTest) => "LogTestResult",
        (_, ResourceType::Seed) => "LogSeedResult",
        (_, ResourceType::Snapshot) => "LogSnapshotResult",
        _ => "LogNodeResult",
    }
}

/// `1 of 12 START … ............ [RUN]`
pub(super) fn dotted(width: usize, index: usize, total: usize, what: &str, status: &str) -> String {
    let text = format!("{index} of {total} {what} ");
    format!("{text:.<width$} [{status}]")
}

pub(super) fn relation(node: &Node) -> String {
    format!("{}.{}", node.schema, node.alias)
}

/// What is worked on.
pub(super) fn subject(node: &Node) -> String {
    match node.resource_type {
        ResourceType::Test => format!("test {}", node.name),
        ResourceType::UnitTest => format!("unit_test {}", test_name(node)),
        ResourceType::Seed => format!("seed file {}", relation(node)),
        ResourceType::Snapshot => format!("snapshot {}", relation(node)),
        ResourceType::Model => {
            format!(
                "{} {} model {}",
                node.language,
                match node.is_microbatch() {
                    true => "microbatch",
                    false => node.config.materialized(),
                },
                relation(node)
            )
        }
        other => format!("{} {}", other.name(), node.name),
    }
}

/// What was done, the status and its colour.
pub(super) fn ending(node: &Node, result: &NodeResult) -> (String, String, AnsiColor) {
    let message = || {
        result
            .message
            .clone()
            .unwrap_or_else(|| "SUCCESS".to_owned())
    };
    let count = result.failures.unwrap_or_default();
    match (result.status, node.resource_type) {
        (Status::Skipped, ResourceType::Test | ResourceType::UnitTest) => (
            format!("SKIP test {}", node.name),
            "SKIP".to_owned(),
            AnsiColor::Yellow,
        ),
        (Status::Skipped, _) => (
            format!("SKIP relation {}", relation(node)),
            "SKIP".to_owned(),
            AnsiColor::Yellow,
        ),
        (Status::Pass, _) => (
            format!("PASS {}", test_name(node)),
            "PASS".to_owned(),
            AnsiColor::Green,
        ),
        (Status::Warn, _) => (
            format!("WARN {count} {}", test_name(node)),
            format!("WARN {count}"),
            AnsiColor::Yellow,
        ),
        (Status::Fail, _) => (
            format!("FAIL {count} {}", test_name(node)),
            format!("FAIL {count}"),
            AnsiColor::Red,
        ),
        (Status::PartialSuccess, _) => (
            format!("PARTIALLY created {}", subject(node)),
            message(),
            AnsiColor::Yellow,
        ),
        (Status::Error, ResourceType::Test | ResourceType::UnitTest) => (
            format!("ERROR {}", test_name(node)),
            "ERROR".to_owned(),
            AnsiColor::Red,
        ),
        (Status::Error, kind) => {
            let verb = match kind {
                ResourceType::Model => "creating ",
                ResourceType::Seed => "loading ",
                ResourceType::Snapshot => "snapshotting ",
                _ => "",
            };
            let what = match kind {
                ResourceType::Snapshot => relation(node),
                _ => subject(node),
            };
            (
                format!("ERROR {verb}{what}"),
                "ERROR".to_owned(),
                AnsiColor::Red,
            )
        }
        (Status::Reused, _) => (
            format!("REUSED {}", subject(node)),
            "REUSED".to_owned(),
            AnsiColor::Green,
        ),
        (_, kind) => {
            let what = match kind {
                ResourceType::Seed => format!("OK loaded {}", subject(node)),
                ResourceType::Snapshot => format!("OK snapshotted {}", relation(node)),
                ResourceType::Model => format!("OK created {}", subject(node)),
                _ => format!("OK {}", subject(node)),
            };
            (what, message(), AnsiColor::Green)
        }
    }
}

/// How results of tests call them.
fn test_name(node: &Node) -> String {
    match &node.unit_test {
        Some(test) => format!("{}::{}", test.model, node.name),
        None => node.name.clone(),
    }
}

/// What dbt's events say about a node: before there is a `result`, that it has begun.
pub(super) fn node_info(node: &Node, result: Option<&NodeResult>) -> Json {
    let moment = |moment: DateTime<Utc>| moment.format("%Y-%m-%dT%H:%M:%S%.6f").to_string();
    let (status, started, finished) = match result {
        None => ("started", moment(Utc::now()), String::new()),
        Some(result) => {
            let begun = result.compiled_at.or(result.executed_at);
            let ended = result.executed_at.or(result.compiled_at);
            (
                result.status.name(),
                begun.map(|(start, _)| moment(start)).unwrap_or_default(),
                ended.map(|(_, end)| moment(end)).unwrap_or_default(),
            )
        }
    };
    let meta = node.config.0.get("meta").cloned();
    json!({
        "unique_id": node.unique_id, "node_name": node.name,
        "resource_type": node.resource_type.name(), "node_path": node.path,
        "materialized": node.config.materialized(), "node_status": status,
        "node_started_at": started, "node_finished_at": finished,
        "meta": meta.unwrap_or_else(|| json!({})), "node_checksum": node.checksum,
        "node_relation": {
            "database": node.database.as_deref().unwrap_or_default(), "schema": node.schema,
            "alias": node.alias, "relation_name": node.relation_name.as_deref().unwrap_or_default(),
        },
    })
}

/// The data of the event that tells a result.
pub(super) fn result_data(node: &Node, result: &NodeResult, index: usize, total: usize) -> Json {
    let mut data = result.to_json();
    data["node_info"] = node_info(node, Some(result));
    data["description"] = json!(subject(node));
    data["index"] = json!(index);
    data["total"] = json!(total);
    match (node.resource_type, result.status) {
        (ResourceType::Test | ResourceType::UnitTest, _) => {
            data["name"] = json!(test_name(node));
            data["num_models"] = json!(total);
            data["num_failures"] = json!(result.failures.unwrap_or_default());
            data["attached_node"] = json!(node.attached_node.as_deref().unwrap_or_default());
        }
        (ResourceType::Seed | ResourceType::Snapshot, _) => {
            data["schema"] = json!(node.schema);
            data["relation"] = json!(node.alias);
            data["result_message"] = json!(result.message);
        }
        // The status of a model is what people see.
        (ResourceType::Model, Status::Success | Status::PartialSuccess) => {
            data["status"] = json!(result.message);
        }
        _ => {}
    }
    data
}

/// As dbt counts.
pub(super) fn plural(count: usize, noun: &str) -> String {
    match count {
        1 => format!("1 {noun}"),
        _ => format!("{count} {noun}s"),
    }
}

/// How many of everything the project has, in dbt's order (`_generate_stats`): nodes as its parsers find
/// them, then the rest.
pub(super) fn found(manifest: &Manifest) -> String {
    let nodes = |kind: ResourceType| {
        let nodes = manifest.nodes.values();
        nodes.filter(|node| node.resource_type == kind).count()
    };
    let declared = |kind: ResourceType| {
        let all = manifest.declared.values();
        all.filter(|item| item.resource_type == kind).count()
    };
    let tests = (nodes(ResourceType::Test), "data test", "data tests");
    let singular =
        |node: &Arc<Node>| node.resource_type == ResourceType::Test && node.test_metadata.is_none();
    let (early, late) = match manifest.nodes.values().any(singular) {
        true => (tests, (0, "", "")),
        false => ((0, "", ""), tests),
    };
    let counts = [
        (nodes(ResourceType::Model), "model", "models"),
        (nodes(ResourceType::Snapshot), "snapshot", "snapshots"),
        (nodes(ResourceType::Analysis), "analysis", "analyses"),
        early,
        (nodes(ResourceType::Seed), "seed", "seeds"),
        (nodes(ResourceType::Operation), "operation", "operations"),
        late,
        (manifest.sources.len(), "source", "sources"),
        (manifest.exposures.len(), "exposure", "exposures"),
        (declared(ResourceType::Metric), "metric", "metrics"),
        (manifest.macros.len(), "macro", "macros"),
        (manifest.groups.len(), "group", "groups"),
        (
            declared(ResourceType::SemanticModel),
            "semantic model",
            "semantic models",
        ),
        (
            declared(ResourceType::SavedQuery),
            "saved query",
            "saved queries",
        ),
        (nodes(ResourceType::UnitTest), "unit test", "unit tests"),
    ];
    let found = counts.into_iter().filter(|(count, ..)| *count > 0);
    let found = found.map(|(count, one, many)| match count {
        1 => format!("1 {one}"),
        _ => format!("{count} {many}"),
    });
    found.collect::<Vec<_>>().join(", ")
}
