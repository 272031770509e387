//! Semantic models, metrics and saved queries: read into the manifest, so that selections,
//! exposures and readers of artifacts know them (<https://docs.getdbt.com/docs/build/semantic-models>).

use diagnostic::{Error, Result, codes};
use serde_json::{Map, Value as Json, json};
use yaml::Node as Yaml;

use super::Parser;
use super::draft::Layers;
use super::files;
use super::metric::{expression, filter, metric_fields, object};
use super::properties::{PropertyFile, config_of};
use crate::context::{Context, seconds};
use crate::node::{Declared, DependsOn, Ref, ResourceType};
use crate::project::file::ProjectFile;

impl Parser<'_> {
    /// What one entry under `semantic_models:`, `metrics:` or `saved_queries:` declares. A measure
    /// with `create_metric` declares a metric too.
    ///
    /// # Errors
    /// `D1031` for an entry that does not fit.
    pub(super) fn declared(
        &self,
        package: &ProjectFile,
        file: &PropertyFile,
        key: &str,
        entry: &Yaml,
    ) -> Result<Vec<Declared>> {
        match key {
            "semantic_models" => self.semantic_model(package, file, entry),
            "metrics" => self.metric(package, file, entry, None).map(|one| vec![one]),
            _ => self.saved_query(package, file, entry).map(|one| vec![one]),
        }
    }

    pub(super) fn blank(
        &self,
        package: &ProjectFile,
        file: &PropertyFile,
        resource: ResourceType,
        name: &str,
        entry: &Yaml,
    ) -> Result<Declared> {
        let fqn = files::fqn(&package.name, &file.file.path, name);
        let mut own = config_of(entry);
        // Only the configuration of saved queries has tags.
        let written = match resource {
            ResourceType::SavedQuery => None,
            _ => own.shift_remove("tags"),
        };
        let layers = Layers::new(self.project, package, resource, &fqn, own);
        let mut config = layers.config(resource, &[]);
        let mut tags = super::properties::list_of_texts(&written.unwrap_or_else(|| json!([])));
        tags.extend(config.texts("tags"));
        tags.dedup();
        if resource != ResourceType::SavedQuery {
            std::sync::Arc::make_mut(&mut config.0).shift_remove("tags");
        }
        Ok(Declared {
            unique_id: format!("{}.{}.{name}", resource.name(), package.name),
            resource_type: resource,
            name: name.to_owned(),
            package: package.name.clone(),
            path: file.file.path.clone(),
            original_file_path: file.file.original.clone(),
            fqn,
            description: self.describe(file, entry)?,
            tags,
            config,
            refs: Vec::new(),
            metrics: Vec::new(),
            measures: Vec::new(),
            depends_on: DependsOn::default(),
            fields: Map::new(),
            under: None,
            created_at: seconds(chrono::Utc::now()),
        })
    }

    fn semantic_model(
        &self,
        package: &ProjectFile,
        file: &PropertyFile,
        entry: &Yaml,
    ) -> Result<Vec<Declared>> {
        let name = file.name_of(entry)?;
        let mut model = self.blank(package, file, ResourceType::SemanticModel, name, entry)?;
        let of = file
            .document
            .require(entry, "model")?
            .expect_scalar(&file.document)?;
        model.refs = vec![self.reference(package, file, entry, &of)?];
        let json = entry.to_json();
        let list = |key: &str| {
            json.get(key)
                .and_then(Json::as_array)
                .cloned()
                .unwrap_or_default()
        };
        let mut metrics = Vec::new();
        for measure in list("measures") {
            if measure.get("create_metric").and_then(Json::as_bool) == Some(true)
                && let Some(name) = measure.get("name").and_then(Json::as_str)
            {
                let mut metric = self.blank(
                    package,
                    file,
                    ResourceType::Metric,
                    name,
                    &Yaml::new(yaml::Value::Null),
                )?;
                let label = measure.get("label").and_then(Json::as_str).unwrap_or(name);
                metric.description = text(&measure, "description")
                    .unwrap_or_else(|| format!("Metric created from measure {name}"));
                metric.measures = vec![name.to_owned()];
                let expr = measure.get("expr").filter(|expr| !expr.is_null()).cloned();
                metric.fields = metric_fields(&json!({
                    "type": "simple", "label": label,
                    "type_params": {"measure": name, "expr": expr.unwrap_or_else(|| json!(name))},
                }));
                metrics.push(metric);
            }
        }
        let config = model.config.clone();
        let meta = config.get("meta");
        model.fields = object(json!({
            "model": of,
            "node_relation": null,
            "label": json.get("label"),
            "defaults": json.get("defaults"),
            "entities": list("entities").iter().map(|one| entity(one, meta)).collect::<Vec<_>>(),
            "measures": list("measures").iter().map(|one| measure(one, meta)).collect::<Vec<_>>(),
            "dimensions": list("dimensions").iter().map(|one| dimension(one, meta)).collect::<Vec<_>>(),
            "metadata": null,
            "primary_entity": json.get("primary_entity"),
        }));
        let mut all = vec![model];
        all.append(&mut metrics);
        Ok(all)
    }

    fn saved_query(
        &self,
        package: &ProjectFile,
        file: &PropertyFile,
        entry: &Yaml,
    ) -> Result<Declared> {
        let name = file.name_of(entry)?;
        let mut query = self.blank(package, file, ResourceType::SavedQuery, name, entry)?;
        let json = entry.to_json();
        let parameters = json.get("query_params").cloned().unwrap_or_default();
        let list = |key: &str| match parameters.get(key) {
            Some(Json::Array(items)) => json!(items),
            Some(Json::Null) | None => json!([]),
            Some(one) => json!([one]),
        };
        query.metrics = super::properties::list_of_texts(&list("metrics"));
        let exports = json
            .get("exports")
            .and_then(Json::as_array)
            .cloned()
            .unwrap_or_default();
        let schema = &self.project.connection.schema;
        let exports = exports.iter().map(|export| {
            let config = export.get("config").cloned().unwrap_or_else(|| json!({}));
            json!({
                "name": export.get("name"),
                "config": {
                    "export_as": config.get("export_as").cloned().unwrap_or_else(|| json!("table")),
                    "schema_name": config.get("schema").cloned().unwrap_or_else(|| json!(schema)),
                    "alias": config.get("alias").or_else(|| export.get("name")),
                    "database": self.project.connection.database,
                },
                "unrendered_config": config,
            })
        });
        query.fields = object(json!({
            "label": json.get("label"),
            "query_params": {
                "metrics": list("metrics"), "group_by": list("group_by"),
                "where": filter(parameters.get("where")),
                "order_by": list("order_by"), "limit": parameters.get("limit"),
            },
            "exports": exports.collect::<Vec<_>>(),
            "metadata": null,
        }));
        Ok(query)
    }

    /// `ref('orders')` as written in a properties file.
    fn reference(
        &self,
        package: &ProjectFile,
        file: &PropertyFile,
        entry: &Yaml,
        text: &str,
    ) -> Result<Ref> {
        let context = Context::parsing(self.project, &package.name, None);
        let source = diagnostic::Source::new(file.file.show.as_str(), text);
        let place = || file.document.source.place(entry.span.clone());
        let read = context.environment().eval_expression(&source, &context);
        read.map_err(|error| {
            let message = format!("`{text}` is no reference: {}", error.message());
            Error::new(codes::D1031, message).at(place())
        })?;
        context
            .captured()
            .refs
            .into_iter()
            .next()
            .ok_or_else(|| Error::new(codes::D1031, format!("`{text}` is no `ref(…)`")).at(place()))
    }
}

fn text(json: &Json, key: &str) -> Option<String> {
    json.get(key).and_then(Json::as_str).map(str::to_owned)
}

/// The metadata of a part of a semantic model: that of the model, and its own over it.
pub(super) fn config(json: &Json, of_model: Option<&Json>) -> Json {
    let mut meta = of_model
        .map(|meta| object(meta.clone()))
        .unwrap_or_default();
    if let Some(Json::Object(own)) = json.pointer("/config/meta") {
        meta.extend(own.clone());
    }
    json!({"meta": meta})
}

/// A word of a list, which MetricFlow reads in any case.
fn lower(word: Option<&Json>) -> Option<Json> {
    word.map(|word| {
        word.as_str()
            .map_or_else(|| word.clone(), |text| text.to_lowercase().into())
    })
}

fn entity(json: &Json, meta: Option<&Json>) -> Json {
    json!({
        "name": json.get("name"), "type": lower(json.get("type")), "description": json.get("description"),
        "label": json.get("label"), "role": json.get("role"), "expr": expression(json.get("expr")),
        "config": config(json, meta),
    })
}

fn measure(json: &Json, meta: Option<&Json>) -> Json {
    let part = |key: &str| json.get(key).filter(|part| part.is_object());
    let parameters = part("agg_params").map(|parameters| {
        let truth = |key: &str| parameters.get(key).and_then(Json::as_bool).unwrap_or(false);
        json!({
            "percentile": parameters.get("percentile"),
            "use_discrete_percentile": truth("use_discrete_percentile"),
            "use_approximate_percentile": truth("use_approximate_percentile"),
        })
    });
    let non_additive = part("non_additive_dimension").map(|dimension| {
        let or = |key: &str, default: Json| dimension.get(key).cloned().unwrap_or(default);
        json!({
            "name": dimension.get("name"), "window_choice": or("window_choice", json!("min")),
            "window_groupings": or("window_groupings", json!([])),
        })
    });
    json!({
        "name": json.get("name"), "agg": lower(json.get("agg")), "description": json.get("description"),
        // The metric that it asks for stands for itself.
        "label": json.get("label"), "create_metric": false,
        "expr": expression(json.get("expr")), "agg_params": parameters,
        "non_additive_dimension": non_additive,
        "agg_time_dimension": json.get("agg_time_dimension"),
        "config": config(json, meta),
    })
}

fn dimension(json: &Json, meta: Option<&Json>) -> Json {
    let parameters = json
        .get("type_params")
        .filter(|json| json.is_object())
        .map(|parameters| {
            json!({
                "time_granularity": parameters.get("time_granularity"),
                "validity_params": parameters.get("validity_params"),
            })
        });
    json!({
        "name": json.get("name"), "type": lower(json.get("type")), "description": json.get("description"),
        "label": json.get("label"),
        "is_partition": json.get("is_partition").and_then(Json::as_bool).unwrap_or(false),
        "type_params": parameters, "expr": expression(json.get("expr")),
        "metadata": null, "config": config(json, meta), "datatype": null,
    })
}
