//! Sources, exposures, groups: resources that live in properties files only.

use diagnostic::{Error, Result, Source, codes};
use jinja::Arguments;
use serde_json::{Map, Value as Json, json};
use yaml::Node as Yaml;

use super::Parser;
use super::draft::Layers;
use super::files;
use super::properties::{PropertyFile, config_of, list_of_texts};
use crate::context::relation::Relation;
use crate::context::{Context, seconds};
use crate::node::{DependsOn, Exposure, Group, ResourceType, SourceTable};
use crate::project::file::ProjectFile;

impl Parser<'_> {
    /// The tables of one entry under `sources:`.
    ///
    /// # Errors
    /// `D1031` for an entry that does not fit.
    pub fn source(
        &self,
        package: &ProjectFile,
        file: &PropertyFile,
        entry: &Yaml,
    ) -> Result<Vec<(SourceTable, usize)>> {
        let source_name = file.name_of(entry)?;
        let tables = match entry.get("tables") {
            Some(tables) => tables.expect_sequence(&file.document)?,
            None => &[],
        };
        let described = self.describe(file, entry)?;
        let mut all = Vec::with_capacity(tables.len());
        for (at, table) in tables.iter().enumerate() {
            all.push((
                self.table(package, file, entry, table, source_name, &described)?,
                at,
            ));
        }
        Ok(all)
    }

    fn table(
        &self,
        package: &ProjectFile,
        file: &PropertyFile,
        entry: &Yaml,
        table: &Yaml,
        source_name: &str,
        source_description: &str,
    ) -> Result<SourceTable> {
        let project = self.project;
        let name = file.name_of(table)?;
        let mut fqn = files::fqn(&package.name, &file.file.path, source_name);
        fqn.push(name.to_owned());
        let (of_source, of_table) = (config_of(entry), config_of(table));
        let both = |key: &str| -> Vec<String> {
            let lists = [&of_source, &of_table]
                .into_iter()
                .filter_map(|config| config.get(key));
            lists.flat_map(list_of_texts).collect()
        };
        let meta = |config: &Map<String, Json>| {
            config
                .get("meta")
                .and_then(Json::as_object)
                .cloned()
                .unwrap_or_default()
        };
        let mut layer = of_source.clone();
        for (key, value) in &of_table {
            layer.insert(key.clone(), value.clone());
        }
        let mut all_meta = meta(&of_source);
        all_meta.extend(meta(&of_table));
        let tags = both("tags");
        layer.insert("tags".to_owned(), json!(tags));
        layer.insert("meta".to_owned(), Json::Object(all_meta.clone()));
        let freshness = freshness(entry, table, &of_source, &of_table);
        let text = |key: &str| -> Option<String> {
            let plain = |node: &Yaml| {
                node.get(key)
                    .filter(|n| !n.is_null())
                    .and_then(Yaml::scalar_text)
            };
            let config = |config: &Map<String, Json>| config.get(key)?.as_str().map(str::to_owned);
            plain(table)
                .or_else(|| config(&of_table))
                .or_else(|| plain(entry))
                .or_else(|| config(&of_source))
        };
        layer.insert("freshness".to_owned(), freshness.clone());
        layer.insert("loaded_at_field".to_owned(), json!(text("loaded_at_field")));
        layer.insert("loaded_at_query".to_owned(), json!(text("loaded_at_query")));
        let layers = Layers::new(project, package, ResourceType::Source, &fqn, layer);
        let config = layers.config(ResourceType::Source, &[]);
        let quoting = quoting(entry, table);
        let own = |node: &Yaml, key: &str| {
            node.get(key)
                .filter(|n| !n.is_null())
                .and_then(Yaml::scalar_text)
        };
        let unrendered = |key: &str| {
            let span = entry.get(key).filter(|n| !n.is_null())?.span.clone();
            let text = file.document.source.text.get(span)?;
            Some(text.trim().trim_matches(['"', '\'']).to_owned())
        };
        let database =
            own(entry, "database").unwrap_or_else(|| project.connection.database.clone());
        let schema = own(entry, "schema").unwrap_or_else(|| source_name.to_owned());
        let identifier = own(table, "identifier").unwrap_or_else(|| name.to_owned());
        let relation = Relation::new(
            Some(&database),
            Some(&schema),
            Some(&identifier),
            project.quoting().with_quoting(&quoting),
            project.connection.quote_character(),
        );
        Ok(SourceTable {
            unique_id: format!("source.{}.{source_name}.{name}", package.name),
            package: package.name.clone(),
            path: file.file.original.clone(),
            original_file_path: file.file.original.clone(),
            fqn,
            source_name: source_name.to_owned(),
            source_description: source_description.to_owned(),
            loader: own(entry, "loader").unwrap_or_default(),
            name: name.to_owned(),
            identifier,
            database: Some(database),
            schema,
            unrendered_database: unrendered("database"),
            unrendered_schema: unrendered("schema"),
            quoting,
            relation_name: relation.render(),
            loaded_at_field: text("loaded_at_field"),
            loaded_at_query: text("loaded_at_query"),
            freshness,
            external: table.get("external").map_or(Json::Null, Yaml::to_json),
            description: self.describe(file, table)?,
            doc_blocks: self.doc_blocks(file, table),
            columns: self.columns(file, table)?,
            meta: config
                .get("meta")
                .and_then(Json::as_object)
                .cloned()
                .unwrap_or(all_meta),
            source_meta: meta(&of_source),
            tags: config.texts("tags"),
            config,
            created_at: seconds(chrono::Utc::now()),
            span: (table.span.start, table.span.end),
        })
    }

    /// One entry under `exposures:`.
    ///
    /// # Errors
    /// `D1031` for an entry that does not fit.
    pub fn exposure(
        &self,
        package: &ProjectFile,
        file: &PropertyFile,
        entry: &Yaml,
    ) -> Result<Exposure> {
        let name = file.name_of(entry)?;
        let fqn = files::fqn(&package.name, &file.file.path, name);
        let layers = Layers::new(
            self.project,
            package,
            ResourceType::Exposure,
            &fqn,
            config_of(entry),
        );
        let config = layers.config(ResourceType::Exposure, &[]);
        let context = Context::parsing(self.project, &package.name, None);
        let depends = entry.get("depends_on").map(Yaml::items).unwrap_or_default();
        let calls = depends.iter().filter(|call| is_source(call));
        // dbt lists sources before nodes.
        for call in calls.chain(depends.iter().filter(|call| !is_source(call))) {
            let place = file.document.source.place(call.span.clone());
            let text = call.expect_str(&file.document)?;
            let source = Source::new(file.file.show.as_str(), text);
            let result = context.environment().eval_expression(&source, &context);
            result.map_err(|error| {
                Error::new(
                    codes::D1031,
                    format!("`{text}` is no reference: {}", error.message()),
                )
                .at(place)
            })?;
        }
        let captured = context.captured();
        let text = |key: &str| {
            entry
                .get(key)
                .filter(|n| !n.is_null())
                .and_then(Yaml::scalar_text)
        };
        Ok(Exposure {
            unique_id: format!("exposure.{}.{name}", package.name),
            name: name.to_owned(),
            package: package.name.clone(),
            path: file.file.path.clone(),
            original_file_path: file.file.original.clone(),
            fqn,
            kind: file
                .document
                .require(entry, "type")?
                .expect_scalar(&file.document)?,
            owner: entry.get("owner").map_or(json!({}), Yaml::to_json),
            description: self.describe(file, entry)?,
            label: text("label"),
            maturity: text("maturity"),
            url: text("url"),
            meta: config
                .get("meta")
                .and_then(Json::as_object)
                .cloned()
                .unwrap_or_default(),
            tags: config.texts("tags"),
            config,
            refs: captured.refs,
            sources: captured.sources,
            metrics: captured.metrics,
            depends_on: DependsOn::default(),
            created_at: seconds(chrono::Utc::now()),
            span: (entry.span.start, entry.span.end),
        })
    }

    /// One entry under `groups:`.
    ///
    /// # Errors
    /// `D1031` for an entry without a name.
    pub fn group(&self, package: &ProjectFile, file: &PropertyFile, entry: &Yaml) -> Result<Group> {
        let name = file.name_of(entry)?;
        let description = self.describe(file, entry)?;
        Ok(Group {
            unique_id: format!("group.{}.{name}", package.name),
            name: name.to_owned(),
            package: package.name.clone(),
            path: file.file.path.clone(),
            original_file_path: file.file.original.clone(),
            owner: file.document.require(entry, "owner")?.to_json(),
            description: (!description.is_empty()).then_some(description),
            config: config_of(entry),
        })
    }

    /// The docs blocks that the description of an entry uses.
    pub fn doc_blocks(&self, file: &PropertyFile, entry: &Yaml) -> Vec<String> {
        let text = entry
            .get("description")
            .and_then(Yaml::as_str)
            .unwrap_or_default();
        let calls = text.match_indices("doc(").filter_map(|(at, call)| {
            let rest = &text[at + call.len()..];
            let words = rest[..rest.find(')')?].split(',');
            let words = words.map(|word| word.trim().trim_matches(['\'', '"']).to_owned());
            let words: Vec<String> = words.collect();
            let root = &self.project.root.name;
            let doc = crate::manifest::find_doc(&self.docs, &words, root, &file.package).ok()?;
            Some(doc.unique_id.clone())
        });
        calls.collect()
    }

    /// The description of an entry with its docs blocks put in.
    ///
    /// # Errors
    /// `D2006` for a missing block, at the description.
    pub fn describe(&self, file: &PropertyFile, entry: &Yaml) -> Result<String> {
        let Some(node) = entry.get("description") else {
            return Ok(String::new());
        };
        let Some(text) = node.as_str() else {
            return Ok(node
                .scalar_text()
                .filter(|_| !node.is_null())
                .unwrap_or_default());
        };
        if !crate::project::render::is_template(text) {
            return Ok(text.to_owned());
        }
        let place = || file.document.source.place(node.span.clone());
        let scope = jinja::Dict::new();
        let (docs, root, package) = (
            std::sync::Arc::clone(&self.docs),
            self.project.root.name.clone(),
            file.package.clone(),
        );
        scope.insert(
            "doc",
            jinja::Value::function("doc", move |_, arguments: Arguments| {
                let words: Vec<String> = arguments
                    .positional
                    .iter()
                    .map(ToString::to_string)
                    .collect();
                let doc = crate::manifest::find_doc(&docs, &words, &root, &package)?;
                Ok(doc.block_contents.as_str().into())
            }),
        );
        let source = Source::new(file.file.show.as_str(), text);
        let template = jinja::Template::parse(&source);
        let rendered = template.and_then(|t| t.render(&self.project.parse_environment, &scope));
        rendered.map_err(|error| {
            let moved = Error::new(error.code(), error.message().to_owned()).at(place());
            match error.remedy() {
                Some(help) => moved.help(help),
                None => moved,
            }
        })
    }
}

fn is_source(call: &Yaml) -> bool {
    call.as_str()
        .is_some_and(|text| text.trim_start().starts_with("source"))
}

/// The table's own freshness over the source's; an explicit null switches it off.
fn freshness(
    entry: &Yaml,
    table: &Yaml,
    of_source: &Map<String, Json>,
    of_table: &Map<String, Json>,
) -> Json {
    let plain = |node: &Yaml| node.get("freshness").map(Yaml::to_json);
    let base = of_source.get("freshness").cloned().or_else(|| plain(entry));
    let own = of_table.get("freshness").cloned().or_else(|| plain(table));
    let mut merged = match (base, own) {
        (_, Some(Json::Null)) => return Json::Null,
        (None, None) => Map::new(),
        (Some(Json::Object(mut base)), Some(Json::Object(own))) => {
            base.extend(own);
            base
        }
        (_, Some(Json::Object(own))) => own,
        (Some(Json::Object(base)), _) => base,
        _ => return Json::Null,
    };
    for key in ["warn_after", "error_after"] {
        let value = merged.entry(key.to_owned()).or_insert(Json::Null);
        if value.is_null() {
            *value = json!({"count": null, "period": null});
        }
    }
    merged.entry("filter".to_owned()).or_insert(Json::Null);
    Json::Object(merged)
}

fn quoting(entry: &Yaml, table: &Yaml) -> Map<String, Json> {
    let mut quoting = Map::new();
    for node in [entry, table] {
        if let Some(Json::Object(own)) = node.get("quoting").map(Yaml::to_json) {
            quoting.extend(own);
        }
    }
    quoting
}
