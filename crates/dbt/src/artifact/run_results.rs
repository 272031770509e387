//! `run_results.json`, version 6.

use std::collections::BTreeSet;

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Map, Value as Json, json};

use jinja::{Dict, Value};

use super::manifest_json::custom_environment;
use crate::context::record::Record;
use crate::context::{DBT_VERSION, ProjectContext};
use crate::manifest::{Manifest, node_json};

/// The schema these results follow.
pub const SCHEMA: &str = "https://schemas.getdbt.com/dbt/run-results/v6.json";

/// How a node ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// A node was built.
    Success,
    /// A node could not be built, or a test could not run.
    Error,
    /// A test found what it should not.
    Fail,
    /// A test found something, but only warns.
    Warn,
    /// A node was not built because something before it failed.
    Skipped,
    /// A test found nothing.
    Pass,
    /// There was nothing to do.
    NoOp,
    /// Some batches were built.
    PartialSuccess,
    /// The result of an earlier run still holds.
    Reused,
}

impl Status {
    /// dbt's word for it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Error => "error",
            Self::Fail => "fail",
            Self::Warn => "warn",
            Self::Skipped => "skipped",
            Self::Pass => "pass",
            Self::NoOp => "no-op",
            Self::PartialSuccess => "partial success",
            Self::Reused => "reused",
        }
    }

    /// Whether the command that ran it fails.
    #[must_use]
    pub fn failed(self) -> bool {
        matches!(self, Self::Error | Self::Fail | Self::PartialSuccess)
    }
}

/// A span of event time.
pub type Span = (DateTime<Utc>, DateTime<Utc>);

/// What became of the batches of a model: `batch_results`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BatchResults {
    /// The batches whose rows are there.
    pub successful: Vec<Span>,
    /// The batches that failed or were left out.
    pub failed: Vec<Span>,
}

impl BatchResults {
    /// Reads `batch_results` of an earlier command; nothing if there are none.
    #[must_use]
    pub fn read(json: &Json) -> Option<Self> {
        let moment = |json: &Json| {
            let moment = DateTime::parse_from_rfc3339(json.as_str()?).ok()?;
            Some(moment.with_timezone(&Utc))
        };
        let span = |json: &Json| Some((moment(json.get(0)?)?, moment(json.get(1)?)?));
        let spans = |key: &str| -> Option<Vec<Span>> {
            json.get(key)?.as_array()?.iter().map(span).collect()
        };
        Some(Self {
            successful: spans("successful")?,
            failed: spans("failed")?,
        })
    }

    fn to_json(&self) -> Json {
        let moment = |moment: &DateTime<Utc>| moment.to_rfc3339_opts(SecondsFormat::AutoSi, false);
        let spans = |spans: &[Span]| -> Json {
            let each = spans.iter();
            each.map(|(start, end)| json!([moment(start), moment(end)]))
                .collect()
        };
        json!({ "successful": spans(&self.successful), "failed": spans(&self.failed) })
    }
}

/// One batch of a model, as it is told.
#[derive(Clone, Debug)]
pub struct BatchLine {
    /// When it begins, as dbt shows it.
    pub shown: String,
    /// How it ended.
    pub status: Status,
    /// One line for people.
    pub message: String,
    /// Seconds it took.
    pub execution_time: f64,
}

/// The outcome of one node.
#[derive(Clone, Debug)]
pub struct NodeResult {
    /// The node.
    pub unique_id: String,
    /// How it ended.
    pub status: Status,
    /// When it was compiled: start and end.
    pub compiled_at: Option<(DateTime<Utc>, DateTime<Utc>)>,
    /// When it was executed: start and end.
    pub executed_at: Option<(DateTime<Utc>, DateTime<Utc>)>,
    /// The thread that did it.
    pub thread: String,
    /// Seconds it took.
    pub execution_time: f64,
    /// What the engine said: `_message`, `code`, `rows_affected`, `query_id`.
    pub adapter_response: Map<String, Json>,
    /// One line for people.
    pub message: Option<String>,
    /// For a test: how many rows it found.
    pub failures: Option<i64>,
    /// Whether it was compiled.
    pub compiled: Option<bool>,
    /// The statement.
    pub compiled_code: Option<String>,
    /// Its relation.
    pub relation_name: Option<String>,
    /// What became of its batches, if it is built by them.
    pub batch_results: Option<BatchResults>,
    /// The same batch by batch, for those who watch.
    pub batch_lines: Vec<BatchLine>,
}

impl NodeResult {
    /// A result without times.
    #[must_use]
    pub fn new(unique_id: impl Into<String>, status: Status) -> Self {
        Self {
            unique_id: unique_id.into(),
            status,
            compiled_at: None,
            executed_at: None,
            thread: "main".to_owned(),
            execution_time: 0.0,
            adapter_response: Map::new(),
            message: None,
            failures: None,
            compiled: None,
            compiled_code: None,
            relation_name: None,
            batch_results: None,
            batch_lines: Vec::new(),
        }
    }

    /// As JSON.
    #[must_use]
    pub fn to_json(&self) -> Json {
        let time = |moment: &DateTime<Utc>| moment.to_rfc3339_opts(SecondsFormat::Micros, true);
        let step = |name: &str, times: &Option<(DateTime<Utc>, DateTime<Utc>)>| {
            times.as_ref().map(|(start, end)| {
                json!({"name": name, "started_at": time(start), "completed_at": time(end)})
            })
        };
        let timing: Vec<Json> = [
            step("compile", &self.compiled_at),
            step("execute", &self.executed_at),
        ]
        .into_iter()
        .flatten()
        .collect();
        json!({
            "status": self.status.name(),
            "timing": timing,
            "thread_id": self.thread,
            "execution_time": self.execution_time,
            "adapter_response": self.adapter_response,
            "message": self.message,
            "failures": self.failures,
            "unique_id": self.unique_id,
            "compiled": self.compiled,
            "compiled_code": self.compiled_code,
            "relation_name": self.relation_name,
            "batch_results": self.batch_results.as_ref().map(BatchResults::to_json),
            "overload_results": null,
        })
    }
}

/// `results` as `on-run-end` sees it: each with its node, status, message and times.
#[must_use]
pub fn results_value(manifest: &Manifest, results: &[NodeResult]) -> Value {
    let moment = jinja::modules::datetime_value;
    let each = results.iter().map(|result| {
        let (fields, plain) = (Dict::new(), Dict::new());
        let known = result.to_json();
        let timing_json = known.get("timing").and_then(Json::as_array);
        let mut timing_json = timing_json.cloned().unwrap_or_default().into_iter();
        if let Json::Object(known) = &known {
            for (key, value) in known {
                fields.insert(key, Value::from(value));
                plain.insert(key, Value::from(value));
            }
        }
        let steps = [
            ("compile", result.compiled_at),
            ("execute", result.executed_at),
        ];
        let timing = steps.into_iter().filter_map(|(name, times)| {
            let (start, end) = times?;
            let step = Dict::new();
            step.insert("name", name);
            step.insert("started_at", moment(start));
            step.insert("completed_at", moment(end));
            let plain = timing_json.next().unwrap_or_default();
            Some(Record::value("TimingInfo", step, Value::from(plain)))
        });
        fields.insert("timing", Value::list(timing));
        let node = manifest.nodes.get(&result.unique_id);
        let json = || node.map_or(Value::None, |node| Value::from(node_json(node)));
        plain.insert("node", json());
        let node = match json() {
            Value::Dict(of_node) => {
                if let Some(Value::Dict(config)) = of_node.get("config") {
                    of_node.insert("config", Record::config(config));
                }
                Record::value("Node", of_node, json())
            }
            other => other,
        };
        fields.insert("node", node);
        Record::value("RunResult", fields, Value::Dict(plain))
    });
    Value::list(each)
}

/// What only `on-run-end` hooks see: `results`, `schemas`, `database_schemas`.
#[must_use]
pub fn end_of_run(manifest: &Manifest, results: &[NodeResult]) -> Vec<(&'static str, Value)> {
    let good = results
        .iter()
        .filter(|result| !result.status.failed() && result.status != Status::Skipped);
    let nodes = good.filter_map(|result| manifest.nodes.get(&result.unique_id));
    let built: BTreeSet<(&str, &str)> = nodes
        .filter(|node| node.is_relational())
        .map(|node| {
            (
                node.database.as_deref().unwrap_or_default(),
                node.schema.as_str(),
            )
        })
        .collect();
    let schemas: BTreeSet<&str> = built.iter().map(|(_, schema)| *schema).collect();
    let pairs = built
        .into_iter()
        .map(|(database, schema)| Value::list([database.into(), schema.into()]));
    vec![
        ("results", results_value(manifest, results)),
        ("schemas", Value::list(schemas.into_iter().map(Value::from))),
        ("database_schemas", Value::list(pairs)),
    ]
}

/// The command line, as `dbt retry` reads it.
fn args(project: &ProjectContext) -> Json {
    let flags = &project.flags;
    // Secrets are in no artifact.
    let shown = flags.vars.iter().map(|(name, value)| {
        let secret = name.starts_with("DBT_ENV_SECRET");
        let value = if secret {
            json!("*****")
        } else {
            value.clone()
        };
        (name.clone(), value)
    });
    let mut args = json!({
        "which": flags.which,
        "vars": shown.collect::<Map<String, Json>>(),
        "target": project.connection.target,
        "profile": project.connection.profile,
        "full_refresh": flags.full_refresh,
        "empty": flags.empty,
        "store_failures": flags.store_failures,
        "fail_fast": flags.fail_fast,
        "threads": project.connection.threads,
        "project_dir": project.root.root.display().to_string(),
        "invocation_command": format!("dbt {}", flags.which),
    });
    if let Json::Object(map) = &mut args {
        map.extend(flags.arguments.clone());
    }
    args
}

/// The results of one command.
#[must_use]
pub fn run_results_json(project: &ProjectContext, results: &[NodeResult], elapsed: f64) -> Json {
    let flags = &project.flags;
    json!({
        "metadata": {
            "dbt_schema_version": SCHEMA,
            "dbt_version": DBT_VERSION,
            "generated_at": Utc::now().to_rfc3339_opts(SecondsFormat::Micros, true),
            "invocation_id": flags.invocation_id,
            "invocation_started_at": flags.run_started_at.to_rfc3339_opts(SecondsFormat::Micros, true),
            "env": custom_environment(flags),
        },
        "results": results.iter().map(NodeResult::to_json).collect::<Vec<_>>(),
        "elapsed_time": elapsed,
        "args": args(project),
    })
}
