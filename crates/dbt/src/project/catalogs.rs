//! `catalogs.yml`: read to be refused where dbt refuses it
//! (<https://docs.getdbt.com/docs/mesh/iceberg/about-catalogs>). No catalog is written to.

use diagnostic::{Error, Result, Source, codes};
use serde_json::Value as Json;
use yaml::{Document, Node};

use super::render::{Renderer, render_document};
use crate::context::ProjectContext;

const FILE: &str = "catalogs.yml";

/// Keys of a catalog.
const CATALOG: [&str; 3] = ["name", "active_write_integration", "write_integrations"];

/// Keys of one of its integrations.
const INTEGRATION: [&str; 8] = [
    "name",
    "catalog_type",
    "external_volume",
    "table_format",
    "catalog_name",
    "file_format",
    "catalog_database",
    "adapter_properties",
];

/// Keys of a catalog where the project's flag `use_catalogs_v2` is on.
const CATALOG_V2: [&str; 4] = ["name", "type", "table_format", "config"];

/// Refuses the project's `catalogs.yml` if dbt would.
///
/// # Errors
/// `C0001` to `C0003` and `D1031` at what is wrong.
pub(crate) fn check(project: &ProjectContext, render: &Renderer<'_>) -> Result<()> {
    let Ok(text) = std::fs::read_to_string(project.root.root.join(FILE)) else {
        return Ok(());
    };
    let document = yaml::parse(&Source::new(FILE, text))?;
    if document.root.is_null() {
        return Err(Error::new(codes::D1031, format!("`{FILE}` is empty")).with("file", FILE));
    }
    let document = render_document(&document, &|_| false, render)?;
    let v2 = project
        .root
        .flags
        .get("use_catalogs_v2")
        .and_then(Json::as_bool);
    document.root.expect_mapping(&document)?;
    if v2 == Some(true) {
        document.refuse_unknown_keys(&document.root, &["catalogs"])?;
    }
    let Some(list) = document.root.get("catalogs") else {
        return Ok(());
    };
    let mut names: Vec<&str> = Vec::new();
    for entry in list.expect_sequence(&document)? {
        entry.expect_mapping(&document)?;
        match v2 {
            Some(true) => {
                let name = second_version(&document, entry)?;
                if names.contains(&name) {
                    let message = format!("Two catalogs are called `{name}`");
                    return Err(refused(&document, entry, message));
                }
                names.push(name);
            }
            _ => first_version(&document, entry)?,
        }
    }
    Ok(())
}

fn refused(document: &Document, node: &Node, message: String) -> Error {
    Error::new(codes::D1031, message).at(document.source.place(node.span.clone()))
}

/// A text under `key`, if there is something.
fn optional<'n>(document: &Document, node: &'n Node, key: &str) -> Result<Option<&'n str>> {
    let value = node.get(key).filter(|value| !value.is_null());
    value.map(|value| value.expect_str(document)).transpose()
}

fn first_version(document: &Document, catalog: &Node) -> Result<()> {
    document.refuse_unknown_keys(catalog, &CATALOG)?;
    let name = document.require(catalog, "name")?.expect_str(document)?;
    let mut names: Vec<&str> = Vec::new();
    if let Some(list) = catalog.get("write_integrations") {
        for integration in list.expect_sequence(document)? {
            integration.expect_mapping(document)?;
            document.refuse_unknown_keys(integration, &INTEGRATION)?;
            document
                .require(integration, "catalog_type")?
                .expect_str(document)?;
            for key in INTEGRATION
                .iter()
                .filter(|key| **key != "adapter_properties")
            {
                optional(document, integration, key)?;
            }
            if let Some(properties) = integration.get("adapter_properties") {
                properties.expect_mapping(document)?;
            }
            let own = document.require(integration, "name")?;
            let own = own.expect_str(document)?;
            if names.contains(&own) {
                let message =
                    format!("Two `write_integrations` of catalog `{name}` are called `{own}`");
                return Err(refused(document, integration, message));
            }
            names.push(own);
        }
    }
    let active = optional(document, catalog, "active_write_integration")?;
    match active.filter(|active| !active.is_empty()) {
        None if names.len() == 1 => Ok(()),
        Some(active) if names.contains(&active) => Ok(()),
        None => {
            let message = format!("Catalog `{name}` does not say which integration is active");
            let help = "name one of its `write_integrations` as `active_write_integration`";
            Err(refused(document, catalog, message).help(help))
        }
        Some(active) => {
            let message =
                format!("Catalog `{name}` has no integration `{active}`, which is to be active");
            Err(refused(document, catalog, message).suggest(active, names))
        }
    }
}

/// The name of a catalog of the second version.
fn second_version<'n>(document: &Document, catalog: &'n Node) -> Result<&'n str> {
    document.refuse_unknown_keys(catalog, &CATALOG_V2)?;
    for key in CATALOG_V2 {
        document.require(catalog, key)?;
    }
    let name_node = document.require(catalog, "name")?;
    let name = name_node.expect_str(document)?.trim();
    if name.is_empty() {
        let message = "A catalog has an empty name".to_owned();
        return Err(refused(document, name_node, message));
    }
    let format_node = document.require(catalog, "table_format")?;
    let format = format_node.scalar_text().unwrap_or_default();
    let known = ["default", "iceberg"];
    if !known.contains(&format.to_lowercase().as_str()) {
        let message = format!("`table_format: {format}` of catalog `{name}` is not known");
        return Err(refused(document, format_node, message).suggest(&format, known));
    }
    let config = document.require(catalog, "config")?;
    for (_, block) in config.expect_mapping(document)? {
        if !block.is_null() {
            block.expect_mapping(document)?;
        }
    }
    Ok(name)
}
