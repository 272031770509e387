//! Python models, each in a process of its own
//! (<https://docs.getdbt.com/docs/build/python-models>).
//!
//! The process asks for its inputs by statements, over pipes; rows pass in Arrow files of a temporary
//! folder. What it returns becomes a table beside the model's own, and from there on the model is the
//! query of that table, for every materialisation alike. The process is killed when the work on its
//! node is dropped, and ends by itself when this one does.

mod exchange;
mod surroundings;

use std::fs::File;
use std::io::BufReader;
use std::path::Path;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::Schema;
use arrow::ipc::reader::FileReader;
use dbt::compile::CompiledNode;
use dbt::context::ProjectContext;
use diagnostic::{Error, Result, ResultExt as _, Source, codes};
use futures::StreamExt as _;
use model::{Identifier, RelationName};
use serde_json::json;

use crate::folding::folds;
use crate::materialization::Target;
use exchange::{Exchange, Failure};

/// What runs a model.
const RUNNER: &str = include_str!("runner.py");

/// Refuses what a Python model cannot be.
///
/// # Errors
/// `T1009`.
pub(crate) fn check(compiled: &CompiledNode) -> Result<()> {
    let node = &compiled.node;
    let materialized = node.config.materialized();
    let microbatch = node.config.text("incremental_strategy") == Some("microbatch");
    if matches!(materialized, "table" | "incremental") && !microbatch {
        return Ok(());
    }
    let what = if microbatch {
        "microbatch"
    } else {
        materialized
    };
    Err(Error::new(
        codes::T1009,
        format!(
            "The Python model `{}` cannot be materialised as `{what}`",
            node.name
        ),
    )
    .with("file", &node.original_file_path)
    .help("Python models are `table` or `incremental`"))
}

/// Runs a Python model and keeps its rows in a table beside `target`. Gives that table, and the model as
/// a query of it.
///
/// # Errors
/// `T1009` if Python or a package is missing, `T1010` for what the model raises.
pub(crate) async fn run(
    target: Target<'_>,
    project: &ProjectContext,
    compiled: &CompiledNode,
) -> Result<(RelationName, CompiledNode)> {
    check(compiled)?;
    let node = &compiled.node;
    let folder = tempfile::tempdir().explain(codes::T1009, || {
        "A folder for a Python model's tables cannot be made".to_owned()
    })?;
    let place = |name: &str| folder.path().join(name);
    let written = |name: &str, text: &str| {
        std::fs::write(place(name), text).explain(codes::T1009, || {
            format!("`{name}` of a Python model cannot be written")
        })
    };
    let source = source(project, compiled);
    let job = json!({
        "code": place("model.py"), "result": place("result.arrow"), "folder": project.root.root,
        "file": &*source.name, "lines": leading_lines(&source),
        "packages": node.config.texts("packages"), "kind": project.connection.kind,
    });
    written("model.py", &compiled.sql)?;
    written("runner.py", RUNNER)?;
    written("job.json", &job.to_string())?;
    let exchange = Exchange {
        target,
        project,
        folder: folder.path(),
        python: dbt::parse::interpreter(project, node),
        environment: surroundings::environment(project),
    };
    let limit = node
        .config
        .get("timeout")
        .and_then(serde_json::Value::as_u64);
    let run = exchange.run();
    let ended = match limit.map(std::time::Duration::from_secs) {
        Some(limit) => match tokio::time::timeout(limit, run).await {
            Ok(ended) => ended,
            Err(_) => Err(Failure::model(format!(
                "it was ended after its `timeout` of {} seconds",
                limit.as_secs()
            ))),
        },
        None => run.await,
    };
    let nested = ended.map_err(|failure| failure.explain(node, &source))?;
    let beside = target.name.namespace().relation(Identifier::quoted(format!(
        "{}__DBT_PYTHON",
        target.name.name.as_str()
    )));
    let columns = keep(
        target,
        &beside,
        &place("result.arrow"),
        folds(project),
        &node.name,
    )
    .await?;
    let sql = query(&beside, &columns, &nested);
    let compiled = CompiledNode {
        node: Arc::clone(node),
        sql,
    };
    Ok((beside, compiled))
}

/// The model's file, for messages.
fn source(project: &ProjectContext, compiled: &CompiledNode) -> Source {
    let node = &compiled.node;
    let package = project.package(&node.package);
    let root = package.map_or(project.root.root.as_path(), |package| {
        package.root.as_path()
    });
    let shown = root.strip_prefix(&project.root.root).unwrap_or(root);
    let shown = shown.join(&node.original_file_path).display().to_string();
    let text = std::fs::read_to_string(root.join(&node.original_file_path));
    Source::new(shown, text.unwrap_or_else(|_| node.raw_code.clone()))
}

/// How many lines stand above the code, which is kept without them.
fn leading_lines(source: &Source) -> usize {
    let text = &source.text;
    let lead = text.len() - text.trim_start().len();
    text.get(..lead).unwrap_or_default().matches('\n').count()
}

/// Loads the rows of an Arrow file into the table `name`. Gives its columns: what the model calls them,
/// and what they are called.
async fn keep(
    target: Target<'_>,
    name: &RelationName,
    path: &Path,
    folds: bool,
    model: &str,
) -> Result<Vec<(String, String)>> {
    let unread = || "The rows that a Python model returned cannot be read".to_owned();
    let file = File::open(path).explain(codes::T1010, unread)?;
    let reader = FileReader::try_new(BufReader::new(file), None).explain(codes::T1010, unread)?;
    let (mut columns, mut fields) = (Vec::new(), Vec::new());
    for field in reader.schema().fields() {
        let name = folded(field.name(), folds);
        if columns.iter().any(|(_, have)| *have == name) {
            return Err(Error::new(
                codes::T1010,
                format!("The Python model `{model}` returns two columns called `{name}`"),
            ));
        }
        fields.push(field.as_ref().clone().with_name(&name));
        columns.push((field.name().clone(), name));
    }
    if columns.is_empty() {
        return Err(Error::new(
            codes::T1010,
            format!("The Python model `{model}` returns a table without columns"),
        ));
    }
    let schema = Arc::new(Schema::new(fields));
    let renamed = Arc::clone(&schema);
    let rows = reader.map(move |batch| {
        let batch = batch.explain(codes::T1010, unread)?;
        RecordBatch::try_new(Arc::clone(&renamed), batch.columns().to_vec())
            .explain(codes::T1010, unread)
    });
    let rows = futures::stream::iter(rows).boxed();
    target
        .engine
        .load(target.session, name, schema, rows)
        .await?;
    Ok(columns)
}

/// Plain names in lower case are folded like names without quotes, and with `all` those in any case.
fn folded(name: &str, all: bool) -> String {
    let letter = |c: char| {
        if all {
            c.is_ascii_alphabetic()
        } else {
            c.is_ascii_lowercase()
        }
    };
    let plain = name.starts_with(|c: char| letter(c) || c == '_')
        && name
            .chars()
            .all(|c| letter(c) || c.is_ascii_digit() || c == '_');
    match plain {
        true => name.to_uppercase(),
        false => name.to_owned(),
    }
}

/// The model as a query of what it has left; nested values are JSON.
fn query(from: &RelationName, columns: &[(String, String)], nested: &[String]) -> String {
    let columns = columns.iter().map(|(given, name)| {
        let name = format!("\"{}\"", name.replace('"', "\"\""));
        match nested.contains(given) {
            true => format!("parse_json({name}) as {name}"),
            false => name,
        }
    });
    let columns: Vec<String> = columns.collect();
    format!("select {} from {from}", columns.join(", "))
}
