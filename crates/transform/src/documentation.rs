//! `persist_docs`: descriptions of relations and columns become comments of the warehouse
//! (<https://docs.getdbt.com/reference/resource-configs/persist_docs>).

use dbt::context::ProjectContext;
use dbt::node::{Column, Node};
use diagnostic::Result;
use serde_json::Value as Json;

use crate::materialization::Target;

/// Whether the descriptions of `what` become comments: `relation` or `columns`.
fn wanted(node: &Node, what: &str) -> bool {
    let docs = node.config.get("persist_docs");
    docs.and_then(|docs| docs.get(what)).and_then(Json::as_bool) == Some(true)
}

/// Whether a column that is described is the one called `have`.
fn same(column: &Column, have: &str) -> bool {
    match column.quote {
        Some(true) => have == column.name,
        _ => have.eq_ignore_ascii_case(&column.name),
    }
}

/// The names that `node` describes and `columns` does not have.
fn missing<'d>(node: &'d Node, columns: &[(String, String)]) -> impl Iterator<Item = &'d str> {
    let described = node.columns.values();
    let missing = described.filter(|column| !columns.iter().any(|(have, _)| same(column, have)));
    missing.map(|column| column.name.as_str())
}

/// Those of `columns` that `node` describes, with what it says.
fn described<'d>(
    node: &'d Node,
    columns: &'d [(String, String)],
) -> impl Iterator<Item = (&'d str, Option<&'d str>)> {
    columns.iter().map(|(have, _)| {
        let mut all = node.columns.values();
        let found = all.find(|column| same(column, have));
        let says = found.map(|column| column.description.as_str());
        (have.as_str(), says.filter(|says| !says.is_empty()))
    })
}

/// The list of a view's columns with their comments, if its configuration asks for them: a view takes
/// them when it is created.
pub(crate) async fn view_columns(target: Target<'_>, node: &Node) -> Result<Option<String>> {
    if !wanted(node, "columns") {
        return Ok(None);
    }
    let Some(existing) = target.existing().await? else {
        return Ok(None);
    };
    let mut commented = false;
    let columns: Vec<String> = described(node, &existing.columns)
        .map(|(name, says)| {
            commented |= says.is_some();
            let says = says.map(|says| format!(" comment {}", literal(says)));
            format!("{}{}", quoted(name), says.unwrap_or_default())
        })
        .collect();
    Ok(commented.then(|| format!(" ({})", columns.join(", "))))
}

/// Comments on the relation of `node` and on the columns of a table, as far as its configuration asks
/// for it.
pub(crate) async fn persist_docs(
    target: Target<'_>,
    node: &Node,
    project: &ProjectContext,
) -> Result<()> {
    let (relation, columns) = (wanted(node, "relation"), wanted(node, "columns"));
    if !relation && !columns {
        return Ok(());
    }
    let Some(existing) = target.existing().await? else {
        return Ok(());
    };
    let name = target.name;
    if relation && !node.description.is_empty() {
        let kind = if existing.view { "view" } else { "table" };
        let comment = literal(&node.description);
        target
            .execute(format!("comment on {kind} {name} is {comment}"))
            .await?;
    }
    if !columns {
        return Ok(());
    }
    let missing: Vec<&str> = missing(node, &existing.columns).collect();
    if !missing.is_empty() {
        project.warn(format!(
            "In relation {name}: The following columns are specified in the schema but are not \
             present in the database: {}",
            missing.join(", ")
        ))?;
    }
    if existing.view {
        return Ok(());
    }
    for (column, says) in described(node, &existing.columns) {
        if let Some(says) = says {
            let (column, comment) = (quoted(column), literal(says));
            target
                .execute(format!("comment on column {name}.{column} is {comment}"))
                .await?;
        }
    }
    Ok(())
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// Text as SQL writes it.
fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "''"))
}
