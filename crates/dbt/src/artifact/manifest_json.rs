//! `manifest.json`, version 12.

use std::collections::HashMap;
use std::io::Write;

use chrono::SecondsFormat;
use indexmap::IndexMap;
use serde_json::{Map, Value as Json, json};

use crate::context::{DBT_VERSION, ProjectContext};
use crate::flags::Flags;
use crate::manifest::Manifest;
use crate::node::{
    Column, Declared, Doc, Exposure, Group, Macro, Node, Ref, ResourceType, SourceRef, SourceTable,
};

/// The schema this manifest follows.
pub const SCHEMA: &str = "https://schemas.getdbt.com/dbt/manifest/v12.json";

/// The parts of a manifest that are mappings by unique id.
type Sections<'m> = Vec<(&'static str, Box<dyn Iterator<Item = (&'m str, Json)> + 'm>)>;

/// The whole manifest.
#[must_use]
pub fn manifest_json(manifest: &Manifest, project: &ProjectContext) -> Json {
    let mut whole = Map::new();
    whole.insert("metadata".to_owned(), metadata(project));
    whole.insert(
        "selectors".to_owned(),
        Json::Object(manifest.selectors.clone()),
    );
    for (name, items) in sections(manifest, &HashMap::new()) {
        let items = items.map(|(id, item)| (id.to_owned(), item));
        whole.insert(name.to_owned(), Json::Object(items.collect()));
    }
    Json::Object(whole)
}

/// Where the JSON of each node stands.
pub type NodePlaces = IndexMap<String, (u64, u64)>;

/// Writes what [`manifest_json`] gives behind `metadata` and `selectors`, item by item, so that no
/// more than one is held at once: `,"nodes":{…},…}`. Nodes in `compiled` are written as they are there.
/// Returns where each node stands in what was written.
///
/// # Errors
/// Those of `out`.
pub fn write_sections(
    out: &mut impl Write,
    manifest: &Manifest,
    compiled: &HashMap<&str, &Node>,
) -> std::io::Result<NodePlaces> {
    let mut out = Counting { out, written: 0 };
    let mut places = NodePlaces::new();
    for (name, items) in sections(manifest, compiled) {
        write!(out, ",\"{name}\":{{")?;
        for (at, (id, item)) in items.enumerate() {
            if at > 0 {
                out.write_all(b",")?;
            }
            serde_json::to_writer(&mut out, id)?;
            out.write_all(b":")?;
            let start = out.written;
            serde_json::to_writer(&mut out, &item)?;
            if name == "nodes" {
                places.insert(id.to_owned(), (start, out.written));
            }
        }
        out.write_all(b"}")?;
    }
    out.write_all(b"}")?;
    Ok(places)
}

/// Counts what is written.
struct Counting<'o, W> {
    out: &'o mut W,
    written: u64,
}

impl<W: Write> Write for Counting<'_, W> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let length = self.out.write(bytes)?;
        self.written += length as u64;
        Ok(length)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.out.flush()
    }
}

fn sections<'m>(manifest: &'m Manifest, compiled: &'m HashMap<&str, &Node>) -> Sections<'m> {
    let edges = &manifest.edges;
    let list = |numbers: &[usize]| -> Json {
        let mut ids: Vec<&str> = numbers.iter().map(|n| edges.ids[*n].as_str()).collect();
        ids.sort_unstable();
        json!(ids)
    };
    let numbers = || 0..edges.ids.len();
    let disabled = manifest.disabled.iter().map(|(id, nodes)| {
        let nodes = nodes.iter().map(|node| node_json(node));
        (id.as_str(), nodes.collect())
    });
    let disabled_sources = manifest.disabled_sources.iter();
    let disabled_sources = disabled_sources.map(|(id, s)| (id.as_str(), json!([source_json(s)])));
    let disabled_declared = manifest.disabled_declared.iter();
    let disabled_declared =
        disabled_declared.map(|(id, d)| (id.as_str(), json!([declared_json(d)])));
    let of_kind = |unit_tests: bool| {
        let nodes = manifest.nodes.iter();
        let nodes =
            nodes.filter(move |(_, n)| (n.resource_type == ResourceType::UnitTest) == unit_tests);
        nodes.map(move |(id, node)| match compiled.get(id.as_str()) {
            Some(compiled) if !unit_tests => (id.as_str(), node_json(compiled)),
            _ => (id.as_str(), node_json(node)),
        })
    };
    let declared = |kind: ResourceType| {
        let of_kind = manifest.declared.iter();
        let of_kind = of_kind.filter(move |(_, d)| d.resource_type == kind);
        of_kind.map(|(id, d)| (id.as_str(), declared_json(d)))
    };
    let sources = manifest.sources.iter();
    let macros = manifest.macros.iter();
    let docs = manifest.docs.iter();
    let exposures = manifest.exposures.iter();
    let groups = manifest.groups.iter();
    vec![
        ("nodes", Box::new(of_kind(false))),
        (
            "sources",
            Box::new(sources.map(|(id, s)| (id.as_str(), source_json(s)))),
        ),
        (
            "macros",
            Box::new(macros.map(|(id, m)| (id.as_str(), macro_json(m)))),
        ),
        (
            "docs",
            Box::new(docs.map(|(id, doc)| (id.as_str(), doc_json(doc)))),
        ),
        (
            "exposures",
            Box::new(exposures.map(|(id, e)| (id.as_str(), exposure_json(e)))),
        ),
        ("metrics", Box::new(declared(ResourceType::Metric))),
        (
            "groups",
            Box::new(groups.map(|(id, g)| (id.as_str(), group_json(g)))),
        ),
        (
            "disabled",
            Box::new(disabled.chain(disabled_sources).chain(disabled_declared)),
        ),
        (
            "parent_map",
            Box::new(numbers().map(move |n| (edges.ids[n].as_str(), list(edges.parents(n))))),
        ),
        (
            "child_map",
            Box::new(numbers().map(move |n| (edges.ids[n].as_str(), list(edges.children(n))))),
        ),
        ("group_map", Box::new(group_map(manifest))),
        (
            "saved_queries",
            Box::new(declared(ResourceType::SavedQuery)),
        ),
        (
            "semantic_models",
            Box::new(declared(ResourceType::SemanticModel)),
        ),
        ("unit_tests", Box::new(of_kind(true))),
        ("functions", Box::new(std::iter::empty())),
    ]
}

fn doc_json(doc: &Doc) -> Json {
    json!({
        "name": doc.name, "resource_type": "doc", "package_name": doc.package,
        "path": doc.path, "original_file_path": doc.original_file_path,
        "unique_id": doc.unique_id, "block_contents": doc.block_contents,
    })
}

fn group_map(manifest: &Manifest) -> impl Iterator<Item = (&str, Json)> {
    manifest.groups.values().map(|group| {
        let members = manifest.nodes.values();
        let members = members.filter(|node| node.config.text("group") == Some(&group.name));
        (
            group.name.as_str(),
            members.map(|node| json!(node.unique_id)).collect(),
        )
    })
}

/// `env` of the metadata of every artifact: the variables `DBT_ENV_CUSTOM_ENV_…`
/// (<https://docs.getdbt.com/reference/artifacts/dbt-artifacts#common-metadata>).
#[must_use]
pub fn custom_environment(flags: &Flags) -> Map<String, Json> {
    let environment = flags.environment.iter();
    let mut custom: Vec<(&str, &String)> = environment
        .filter_map(|(name, value)| Some((name.strip_prefix("DBT_ENV_CUSTOM_ENV_")?, value)))
        .collect();
    custom.sort();
    let custom = custom.into_iter();
    custom
        .map(|(name, value)| (name.to_owned(), json!(value)))
        .collect()
}

/// The `metadata` of an artifact.
#[must_use]
pub fn metadata(project: &ProjectContext) -> Json {
    let custom = custom_environment(&project.flags);
    json!({
        "dbt_schema_version": SCHEMA,
        "dbt_version": DBT_VERSION,
        "generated_at": chrono::Utc::now().to_rfc3339_opts(SecondsFormat::Micros, true),
        "invocation_id": project.flags.invocation_id,
        "invocation_started_at": project.flags.run_started_at.to_rfc3339_opts(SecondsFormat::Micros, true),
        "env": custom,
        "project_name": project.root.name,
        "project_id": crate::parse::generic_test::md5_of(&project.root.name),
        "user_id": null,
        "send_anonymous_usage_stats": false,
        "adapter_type": project.connection.kind,
        "quoting": {
            "database": project.quoting().database,
            "schema": project.quoting().schema,
            "identifier": project.quoting().identifier,
            "column": null
        },
        "run_started_at": project.flags.run_started_at.to_rfc3339_opts(SecondsFormat::Micros, false),
    })
}

fn columns_json<'c>(columns: impl Iterator<Item = &'c Column>) -> Json {
    let columns = columns.map(|column| {
        let value = json!({
            "name": column.name,
            "description": column.description,
            "meta": column.meta,
            "data_type": column.data_type,
            "constraints": column.constraints,
            "quote": column.quote,
            "config": {
                "meta": column.meta,
                "tags": column.tags,
            },
            "tags": column.tags,
            "granularity": column.granularity,
            "dimension": column.dimension,
            "entity": column.entity,
            "doc_blocks": column.doc_blocks,
        });
        (column.name.clone(), value)
    });
    Json::Object(columns.collect())
}

fn ref_json(call: &Ref) -> Json {
    let version = match &call.version {
        Some(version) => version
            .parse::<i64>()
            .map_or_else(|_| json!(version), |number| json!(number)),
        None => Json::Null,
    };
    json!({"name": call.name, "package": call.package, "version": version})
}

fn source_ref_json(call: &SourceRef) -> Json {
    json!([call.source, call.table])
}

fn checksum_json(checksum: &str) -> Json {
    if checksum.is_empty() {
        return json!({"name": "none", "checksum": ""});
    }
    json!({"name": "sha256", "checksum": checksum})
}

fn unit_test_json(node: &Node) -> Json {
    let mut map = node
        .unit_test
        .as_ref()
        .map(|test| test.fields())
        .unwrap_or_default();
    let own = json!({
        "name": node.name,
        "resource_type": node.resource_type.name(),
        "package_name": node.package,
        "path": node.path,
        "original_file_path": node.original_file_path,
        "unique_id": node.unique_id,
        "fqn": node.fqn,
        "description": node.description,
        "depends_on": {"macros": node.depends_on.macros, "nodes": node.depends_on.nodes},
        "config": &*node.config.0,
        "checksum": node.checksum,
        "schema": node.schema,
        "created_at": node.created_at,
    });
    if let Json::Object(own) = own {
        map.extend(own);
    }
    Json::Object(map)
}

/// A metric, a semantic model or a saved query.
#[must_use]
pub fn declared_json(item: &Declared) -> Json {
    let mut map = item.fields.clone();
    let group = item.config.text("group");
    let own = json!({
        "name": item.name,
        "resource_type": item.resource_type.name(),
        "package_name": item.package,
        "path": item.path,
        "original_file_path": item.original_file_path,
        "unique_id": item.unique_id,
        "fqn": item.fqn,
        "description": item.description,
        "depends_on": {"macros": item.depends_on.macros, "nodes": item.depends_on.nodes},
        "config": &*item.config.0,
        "unrendered_config": {},
        "refs": item.refs.iter().map(ref_json).collect::<Vec<_>>(),
        "group": group,
        "created_at": item.created_at,
    });
    if let Json::Object(own) = own {
        map.extend(own);
    }
    match item.resource_type {
        ResourceType::Metric => {
            // Metrics without `type_params:` have metadata in their configuration alone; they also
            // tell whether they are private.
            let private = item.fields["type_params"].get("is_private");
            let meta = match private.is_some_and(Json::is_boolean) {
                true => json!({}),
                false => item.config.0.get("meta").cloned().unwrap_or_default(),
            };
            map.insert("meta".to_owned(), meta);
            map.insert("tags".to_owned(), json!(item.tags));
            map.insert("sources".to_owned(), json!([]));
            // dbt lists the metrics of a metric as lists of words, as it lists refs.
            map.insert("metrics".to_owned(), json!([]));
        }
        ResourceType::SavedQuery => {
            map.insert("tags".to_owned(), json!(item.tags));
            if item.description.is_empty() {
                map.insert("description".to_owned(), Json::Null);
            }
        }
        ResourceType::SemanticModel if item.description.is_empty() && item.under.is_none() => {
            map.insert("description".to_owned(), Json::Null);
        }
        _ => {}
    }
    Json::Object(map)
}

/// One node, with the fields its kind has.
#[must_use]
pub fn node_json(node: &Node) -> Json {
    if node.resource_type == ResourceType::UnitTest {
        return unit_test_json(node);
    }
    let mut map = Map::new();
    let mut put = |key: &str, value: Json| {
        map.insert(key.to_owned(), value);
    };
    put("database", json!(node.database));
    put("schema", json!(node.schema));
    put("name", json!(node.name));
    put("resource_type", json!(node.resource_type.name()));
    put("package_name", json!(node.package));
    put("path", json!(node.path));
    put("original_file_path", json!(node.original_file_path));
    put("unique_id", json!(node.unique_id));
    put("fqn", json!(node.fqn));
    put("alias", json!(node.alias));
    put("checksum", checksum_json(&node.checksum));
    put("config", Json::Object(Map::clone(&node.config.0)));
    put("tags", json!(node.tags()));
    put("description", json!(node.description));
    put("columns", columns_json(node.columns.values()));
    let mut meta = node.config.0.get("meta").cloned().unwrap_or(json!({}));
    let lineage = node.compiled.as_ref().and_then(|c| c.lineage.as_ref());
    if let (Some(columns), Json::Object(meta)) = (lineage, &mut meta) {
        meta.insert("sluice".to_owned(), json!({ "columns": columns }));
    }
    put("meta", meta);
    put("group", json!(node.config.text("group")));
    put(
        "docs",
        node.config
            .0
            .get("docs")
            .cloned()
            .unwrap_or(json!({"show": true, "node_color": null})),
    );
    put("patch_path", json!(node.patch_path));
    put("build_path", json!(node.build_path));
    put("unrendered_config", json!(node.unrendered_config));
    put("created_at", json!(node.created_at));
    put("relation_name", json!(node.relation_name));
    put("raw_code", json!(node.raw_code));
    put("doc_blocks", json!(node.doc_blocks));
    if node.resource_type == ResourceType::Seed {
        put("root_path", json!(node.root_path));
        put("depends_on", json!({"macros": node.depends_on.macros}));
        return Json::Object(map);
    }
    put("language", json!(node.language));
    put("refs", node.refs.iter().map(ref_json).collect());
    put(
        "sources",
        node.sources.iter().map(source_ref_json).collect(),
    );
    put("metrics", json!([]));
    put("functions", json!([]));
    put(
        "depends_on",
        json!({"macros": node.depends_on.macros, "nodes": node.depends_on.nodes}),
    );
    let compiled = node.compiled.as_ref();
    put(
        "compiled_path",
        json!(compiled.and_then(|c| c.path.as_ref())),
    );
    if let Some(compiled) = compiled {
        put("compiled", json!(true));
        put("compiled_code", json!(compiled.sql));
        put("extra_ctes_injected", json!(true));
        let ctes = compiled.extra_ctes.iter();
        put(
            "extra_ctes",
            ctes.map(|(id, sql)| json!({"id": id, "sql": sql}))
                .collect(),
        );
    }
    let contract = node.config.0.get("contract").cloned();
    let mut contract = contract.unwrap_or(json!({"enforced": false, "alias_types": true}));
    contract["checksum"] = Json::Null;
    put("contract", contract);
    match node.resource_type {
        ResourceType::Model => {
            put(
                "access",
                json!(node.config.text("access").unwrap_or("protected")),
            );
            put("constraints", json!(node.constraints));
            put("version", json!(node.version));
            put("latest_version", json!(node.latest_version));
            put("deprecation_date", json!(node.deprecation_date));
            put("primary_key", json!(node.primary_key));
            put("time_spine", node.time_spine.clone());
        }
        ResourceType::Test => {
            if let Some(metadata) = &node.test_metadata {
                put(
                    "test_metadata",
                    json!({
                        "name": metadata.name, "kwargs": metadata.kwargs, "namespace": metadata.namespace,
                    }),
                );
                put("column_name", json!(node.column_name));
                put("file_key_name", json!(node.file_key_name));
                put("attached_node", json!(node.attached_node));
            }
        }
        ResourceType::Operation => put("index", json!(node.index)),
        _ => {}
    }
    Json::Object(map)
}

/// One table of a source.
#[must_use]
pub fn source_json(source: &SourceTable) -> Json {
    json!({
        "database": source.database,
        "schema": source.schema,
        "name": source.name,
        "resource_type": "source",
        "package_name": source.package,
        "path": source.path,
        "original_file_path": source.original_file_path,
        "unique_id": source.unique_id,
        "fqn": source.fqn,
        "source_name": source.source_name,
        "source_description": source.source_description,
        "loader": source.loader,
        "identifier": source.identifier,
        "quoting": {
            "database": source.quoting.get("database"), "schema": source.quoting.get("schema"),
            "identifier": source.quoting.get("identifier"), "column": source.quoting.get("column"),
        },
        "loaded_at_field": source.loaded_at_field,
        "loaded_at_query": source.loaded_at_query,
        "freshness": source.freshness,
        "external": source.external,
        "description": source.description,
        "columns": columns_json(source.columns.values()),
        "meta": source.meta,
        "source_meta": source.source_meta,
        "tags": source.tags,
        "config": &*source.config.0,
        "patch_path": null,
        "unrendered_config": {},
        "relation_name": source.relation_name,
        "created_at": source.created_at,
        "unrendered_database": source.unrendered_database,
        "unrendered_schema": source.unrendered_schema,
        "doc_blocks": source.doc_blocks,
    })
}

/// One exposure.
#[must_use]
pub fn exposure_json(exposure: &Exposure) -> Json {
    json!({
        "name": exposure.name,
        "resource_type": "exposure",
        "package_name": exposure.package,
        "path": exposure.path,
        "original_file_path": exposure.original_file_path,
        "unique_id": exposure.unique_id,
        "fqn": exposure.fqn,
        "type": exposure.kind,
        "owner": exposure.owner,
        "description": exposure.description,
        "label": exposure.label,
        "maturity": exposure.maturity,
        "meta": exposure.meta,
        "tags": exposure.tags,
        "config": &*exposure.config.0,
        "unrendered_config": {},
        "url": exposure.url,
        "depends_on": {"macros": exposure.depends_on.macros, "nodes": exposure.depends_on.nodes},
        "refs": exposure.refs.iter().map(ref_json).collect::<Vec<_>>(),
        "sources": exposure.sources.iter().map(source_ref_json).collect::<Vec<_>>(),
        "metrics": exposure.metrics.iter().map(|name| json!([name])).collect::<Vec<_>>(),
        "created_at": exposure.created_at,
    })
}

/// One group.
#[must_use]
pub fn group_json(group: &Group) -> Json {
    json!({
        "name": group.name,
        "resource_type": "group",
        "package_name": group.package,
        "path": group.path,
        "original_file_path": group.original_file_path,
        "unique_id": group.unique_id,
        "owner": group.owner,
        "description": group.description,
        "config": group.config,
    })
}

/// One macro.
#[must_use]
pub fn macro_json(item: &Macro) -> Json {
    json!({
        "name": item.name,
        "resource_type": "macro",
        "package_name": item.package,
        "path": item.path,
        "original_file_path": item.original_file_path,
        "unique_id": item.unique_id,
        "macro_sql": item.macro_sql,
        "depends_on": {"macros": item.depends_on},
        "description": item.description,
        "meta": item.meta,
        "docs": item.docs,
        "config": {"meta": item.meta, "docs": item.docs},
        "patch_path": item.patch_path,
        "arguments": item.arguments,
        "created_at": item.created_at,
        "supported_languages": item.supported_languages,
    })
}
