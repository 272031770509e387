//! `manifest.json`, version 12.

use chrono::SecondsFormat;
use serde_json::{Map, Value as Json, json};

use crate::context::{DBT_VERSION, ProjectContext};
use crate::manifest::Manifest;
use crate::node::{
    Column, Declared, Exposure, Group, Macro, Node, Ref, ResourceType, SourceRef, SourceTable,
};

/// The schema this manifest follows.
pub const SCHEMA: &str = "https://schemas.getdbt.com/dbt/manifest/v12.json";

/// The whole manifest.
#[must_use]
pub fn manifest_json(manifest: &Manifest, project: &ProjectContext) -> Json {
    let collect = |items: &mut dyn Iterator<Item = (String, Json)>| Json::Object(items.collect());
    let edges = &manifest.edges;
    let list = |numbers: &[usize]| -> Json {
        let mut ids: Vec<&str> = numbers.iter().map(|n| edges.ids[*n].as_str()).collect();
        ids.sort_unstable();
        json!(ids)
    };
    let disabled = manifest.disabled.iter().map(|(id, nodes)| {
        (
            id.clone(),
            Json::Array(nodes.iter().map(|node| node_json(node)).collect()),
        )
    });
    let disabled_sources = manifest
        .disabled_sources
        .iter()
        .map(|(id, s)| (id.clone(), json!([source_json(s)])));
    let docs = manifest.docs.iter().map(|(id, doc)| {
        let value = json!({
            "name": doc.name, "resource_type": "doc", "package_name": doc.package,
            "path": doc.path, "original_file_path": doc.original_file_path,
            "unique_id": id, "block_contents": doc.block_contents,
        });
        (id.clone(), value)
    });
    let disabled_declared = manifest
        .disabled_declared
        .iter()
        .map(|(id, d)| (id.clone(), json!([declared_json(d)])));
    let of_kind = |unit_tests: bool| {
        let nodes = manifest.nodes.iter();
        nodes.filter(move |(_, n)| (n.resource_type == ResourceType::UnitTest) == unit_tests)
    };
    let declared = |kind: ResourceType| -> Json {
        let of_kind = manifest
            .declared
            .iter()
            .filter(|(_, d)| d.resource_type == kind);
        Json::Object(
            of_kind
                .map(|(id, d)| (id.clone(), declared_json(d)))
                .collect(),
        )
    };
    json!({
        "metadata": metadata(project),
        "nodes": collect(&mut of_kind(false).map(|(id, n)| (id.clone(), node_json(n)))),
        "sources": collect(&mut manifest.sources.iter().map(|(id, s)| (id.clone(), source_json(s)))),
        "macros": collect(&mut manifest.macros.iter().map(|(id, m)| (id.clone(), macro_json(m)))),
        "docs": Json::Object(docs.collect()),
        "exposures": collect(&mut manifest.exposures.iter().map(|(id, e)| (id.clone(), exposure_json(e)))),
        "metrics": declared(ResourceType::Metric),
        "groups": collect(&mut manifest.groups.iter().map(|(id, g)| (id.clone(), group_json(g)))),
        "selectors": manifest.selectors,
        "disabled": Json::Object(disabled.chain(disabled_sources).chain(disabled_declared).collect()),
        "parent_map": collect(&mut (0..edges.ids.len()).map(|n| (edges.ids[n].clone(), list(edges.parents(n))))),
        "child_map": collect(&mut (0..edges.ids.len()).map(|n| (edges.ids[n].clone(), list(edges.children(n))))),
        "group_map": group_map(manifest),
        "saved_queries": declared(ResourceType::SavedQuery),
        "semantic_models": declared(ResourceType::SemanticModel),
        "unit_tests": collect(&mut of_kind(true).map(|(id, n)| (id.clone(), node_json(n)))),
        "functions": {},
    })
}

fn group_map(manifest: &Manifest) -> Json {
    let groups = manifest.groups.values().map(|group| {
        let members = manifest.nodes.values();
        let members = members.filter(|node| node.config.text("group") == Some(&group.name));
        (
            group.name.clone(),
            members.map(|node| json!(node.unique_id)).collect(),
        )
    });
    Json::Object(groups.collect())
}

/// The `metadata` of an artifact.
#[must_use]
pub fn metadata(project: &ProjectContext) -> Json {
    let environment = project.flags.environment.iter();
    let mut custom: Vec<(&str, &String)> = environment
        .filter_map(|(name, value)| Some((name.strip_prefix("DBT_ENV_CUSTOM_ENV_")?, value)))
        .collect();
    custom.sort();
    let custom: Map<String, Json> = custom
        .into_iter()
        .map(|(name, value)| (name.to_owned(), json!(value)))
        .collect();
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
            "granularity": null,
            "dimension": null,
            "entity": null,
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
        "config": node.config.0,
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
        "config": item.config.0,
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
            map.insert(
                "meta".to_owned(),
                item.config.0.get("meta").cloned().unwrap_or_default(),
            );
            map.insert("tags".to_owned(), json!(item.tags));
            map.insert("sources".to_owned(), json!([]));
            // dbt lists the metrics of a metric as lists of words, as it lists refs.
            map.insert("metrics".to_owned(), json!([]));
        }
        ResourceType::SavedQuery => {
            map.insert("tags".to_owned(), json!(item.tags));
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
    put("config", Json::Object(node.config.0.clone()));
    put("tags", json!(node.tags()));
    put("description", json!(node.description));
    put("columns", columns_json(node.columns.values()));
    put(
        "meta",
        node.config.0.get("meta").cloned().unwrap_or(json!({})),
    );
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
        "config": source.config.0,
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
        "config": exposure.config.0,
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
