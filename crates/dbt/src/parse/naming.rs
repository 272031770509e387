//! Database, schema and alias of a node, by the project's `generate_*_name` macros or dbt's own.

use std::sync::Arc;

use diagnostic::{Error, Result, codes};
use jinja::{Arguments, Value};
use serde_json::Value as Json;

use crate::cache::observed::{self, Subject};
use crate::context::{Context, ProjectContext};
use crate::macros::BUILT_IN;
use crate::node::{Node, ResourceType};

/// Sets database, schema, alias and relation name of `node` from its configuration.
///
/// # Errors
/// What the macros raise.
pub fn name_relation(project: &Arc<ProjectContext>, node: &mut Node) -> Result<()> {
    let connection = &project.connection;
    let database = custom(node, "database");
    node.database = Some(
        match generated(project, node, "generate_database_name", &database)? {
            Some(name) => name,
            None => database.unwrap_or_else(|| connection.database.clone()),
        },
    );
    let schema = custom(node, "schema");
    node.schema = match generated(project, node, "generate_schema_name", &schema)? {
        Some(name) => name,
        None => match schema {
            Some(schema) => format!("{}_{}", connection.schema, schema.trim()),
            None => connection.schema.clone(),
        },
    };
    let alias = custom(node, "alias");
    node.alias = match generated(project, node, "generate_alias_name", &alias)? {
        Some(name) => name,
        None => match (alias, &node.version) {
            (Some(alias), _) => alias.trim().to_owned(),
            (None, Some(version)) => {
                let version = version
                    .as_str()
                    .map_or_else(|| version.to_string(), str::to_owned);
                format!("{}_v{}", node.name, version.replace('.', "_"))
            }
            (None, None) => node.name.clone(),
        },
    };
    if node.resource_type == ResourceType::Snapshot {
        if let Some(schema) = node.config.text("target_schema") {
            node.schema = schema.to_owned();
        }
        if let Some(database) = node.config.text("target_database") {
            node.database = Some(database.to_owned());
        }
    }
    let stored = node.resource_type == ResourceType::Test && stores_failures(project, node);
    node.relation_name =
        (node.is_relational() || stored).then(|| project.relation_of(node).render());
    Ok(())
}

/// Whether a test keeps the rows it finds: `store_failures_as` counts for more than `store_failures`, and
/// that for more than the flag (<https://docs.getdbt.com/reference/resource-configs/store_failures_as>).
#[must_use]
pub fn stores_failures(project: &ProjectContext, node: &Node) -> bool {
    let config = &node.config;
    match config.text("store_failures_as") {
        Some(kind) => kind != "ephemeral",
        None => config.truth("store_failures").unwrap_or_else(|| {
            observed::note(Subject::Flag("STORE_FAILURES".to_owned()));
            project.flags.store_failures
        }),
    }
}

fn custom(node: &Node, key: &str) -> Option<String> {
    node.config.get(key).map(|value| match value {
        Json::String(text) => text.clone(),
        other => other.to_string(),
    })
}

/// The name a macro of the project gives; `None` if only dbt's own exists, which is done natively.
fn generated(
    project: &Arc<ProjectContext>,
    node: &Node,
    name: &str,
    custom: &Option<String>,
) -> Result<Option<String>> {
    let root = &project.root.name;
    // A package's own macro names its nodes; otherwise the root project decides.
    let own = project
        .macros
        .in_package(&node.package, name)
        .filter(|_| node.package != *root);
    let found = own.or_else(|| project.macros.in_package(root, name));
    let Some(found) = found.filter(|entry| &*entry.package != BUILT_IN) else {
        return Ok(None);
    };
    let context = Context::parsing(project, &found.package, Some(Arc::new(node.clone())));
    let node = Value::from(crate::manifest::node_json(node));
    let arguments = Arguments::of([Value::from(custom.clone()), node]);
    let value = project
        .parse_environment
        .call(&found.value, &context, arguments)?;
    if value.is_none() && name == "generate_schema_name" {
        let strict = "require_valid_schema_from_generate_schema_name";
        if project.root.flags.get(strict).and_then(Json::as_bool) == Some(true) {
            let message = "`generate_schema_name` gives no schema";
            return Err(Error::new(codes::D1051, message).help(format!(
                "let it give a name for every node, or take `{strict}` out of the flags"
            )));
        }
        // dbt leaves the schema out of the relation's name then, which means that of the session.
        return Ok(Some(project.connection.schema.clone()));
    }
    Ok(Some(value.to_string().trim().to_owned()))
}
