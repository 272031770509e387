//! Semantic models, metrics and saved queries: read into the manifest, so that selections,
//! exposures and readers of artifacts know them (<https://docs.getdbt.com/docs/build/semantic-models>).

use diagnostic::{Error, Result, codes};
use serde_json::{Map, Value as Json, json};
use yaml::Node as Yaml;

use super::Parser;
use super::draft::Layers;
use super::files;
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
            "metrics" => self.metric(package, file, entry).map(|one| vec![one]),
            _ => self.saved_query(package, file, entry).map(|one| vec![one]),
        }
    }

    fn blank(
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

    fn metric(&self, package: &ProjectFile, file: &PropertyFile, entry: &Yaml) -> Result<Declared> {
        let name = file.name_of(entry)?;
        let mut metric = self.blank(package, file, ResourceType::Metric, name, entry)?;
        let json = entry.to_json();
        metric.fields = metric_fields(&json);
        let parameters = &metric.fields["type_params"];
        let named = |value: Option<&Json>| value?.get("name")?.as_str().map(str::to_owned);
        let inputs = parameters.get("metrics").and_then(Json::as_array);
        let mut metrics: Vec<String> = inputs
            .into_iter()
            .flatten()
            .filter_map(|input| named(Some(input)))
            .collect();
        metrics.extend(named(parameters.get("numerator")));
        metrics.extend(named(parameters.get("denominator")));
        let mut measures: Vec<String> = named(parameters.get("measure")).into_iter().collect();
        let conversion = parameters.get("conversion_type_params");
        for key in ["base_measure", "conversion_measure"] {
            measures.extend(named(conversion.and_then(|conversion| conversion.get(key))));
        }
        metric.metrics = metrics;
        metric.measures = measures;
        Ok(metric)
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

fn object(json: Json) -> Map<String, Json> {
    match json {
        Json::Object(map) => map,
        _ => Map::new(),
    }
}

fn text(json: &Json, key: &str) -> Option<String> {
    json.get(key).and_then(Json::as_str).map(str::to_owned)
}

/// The metadata of a part of a semantic model: that of the model, and its own over it.
fn config(json: &Json, of_model: Option<&Json>) -> Json {
    let mut meta = of_model
        .map(|meta| object(meta.clone()))
        .unwrap_or_default();
    if let Some(Json::Object(own)) = json.pointer("/config/meta") {
        meta.extend(own.clone());
    }
    json!({"meta": meta})
}

fn entity(json: &Json, meta: Option<&Json>) -> Json {
    json!({
        "name": json.get("name"), "type": json.get("type"), "description": json.get("description"),
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
        "name": json.get("name"), "agg": json.get("agg"), "description": json.get("description"),
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
        "name": json.get("name"), "type": json.get("type"), "description": json.get("description"),
        "label": json.get("label"),
        "is_partition": json.get("is_partition").and_then(Json::as_bool).unwrap_or(false),
        "type_params": parameters, "expr": expression(json.get("expr")),
        "metadata": null, "config": config(json, meta), "datatype": null,
    })
}

/// Expressions are SQL, also where YAML reads a number.
fn expression(json: Option<&Json>) -> Json {
    match json {
        None | Some(Json::Null) => Json::Null,
        Some(value) => json!(crate::python_text::str_of(value)),
    }
}

/// One filter or a list of filters, as the manifest shows them.
fn filter(json: Option<&Json>) -> Json {
    let filters: Vec<&Json> = match json {
        None | Some(Json::Null) => return Json::Null,
        Some(Json::Array(items)) => items.iter().collect(),
        Some(one) => vec![one],
    };
    let templates = filters
        .iter()
        .map(|filter| json!({"where_sql_template": crate::python_text::str_of(filter)}));
    json!({"where_filters": templates.collect::<Vec<_>>()})
}

fn metric_fields(json: &Json) -> Map<String, Json> {
    let parameters = json
        .get("type_params")
        .cloned()
        .unwrap_or_else(|| json!({}));
    let get = |key: &str| parameters.get(key).filter(|value| !value.is_null());
    let input_measure = |value: &Json| {
        let value = match value {
            Json::String(name) => json!({"name": name}),
            other => other.clone(),
        };
        json!({
            "name": value.get("name"), "filter": filter(value.get("filter")), "alias": value.get("alias"),
            "join_to_timespine": value.get("join_to_timespine").and_then(Json::as_bool).unwrap_or(false),
            "fill_nulls_with": value.get("fill_nulls_with"),
        })
    };
    let input_metric = |value: &Json| {
        let value = match value {
            Json::String(name) => json!({"name": name}),
            other => other.clone(),
        };
        json!({
            "name": value.get("name"), "filter": filter(value.get("filter")), "alias": value.get("alias"),
            "offset_window": window(value.get("offset_window")),
            "offset_to_grain": value.get("offset_to_grain"),
        })
    };
    let measure = get("measure").map(input_measure);
    let metrics = get("metrics")
        .and_then(Json::as_array)
        .cloned()
        .unwrap_or_default();
    let cumulative = (json.get("type").and_then(Json::as_str) == Some("cumulative")).then(|| {
        let inner = get("cumulative_type_params")
            .cloned()
            .unwrap_or_else(|| json!({}));
        let either = |key: &str| inner.get(key).or_else(|| get(key)).cloned();
        json!({
            "window": window(either("window").as_ref()),
            "grain_to_date": either("grain_to_date"),
            "period_agg": either("period_agg").unwrap_or_else(|| json!("first")),
            "metric": null,
        })
    });
    let conversion = get("conversion_type_params").map(|conversion| {
        json!({
            "base_measure": conversion.get("base_measure").map(input_measure),
            "conversion_measure": conversion.get("conversion_measure").map(input_measure),
            "base_metric": null,
            "conversion_metric": null,
            "entity": conversion.get("entity"),
            "calculation": conversion.get("calculation").cloned().unwrap_or_else(|| json!("conversion_rate")),
            "window": window(conversion.get("window")),
            "constant_properties": conversion.get("constant_properties"),
        })
    });
    let or_name = |key: &str| json.get(key).cloned().or_else(|| json.get("name").cloned());
    object(json!({
        "label": or_name("label"),
        "type": json.get("type").cloned().unwrap_or_else(|| json!("simple")),
        "type_params": {
            "measure": measure,
            // What these are, all metrics together tell.
            "input_measures": [],
            "numerator": get("numerator").map(input_metric),
            "denominator": get("denominator").map(input_metric),
            "expr": expression(parameters.get("expr")),
            "window": window(parameters.get("window")),
            "grain_to_date": parameters.get("grain_to_date"),
            "metrics": metrics.iter().map(input_metric).collect::<Vec<_>>(),
            "conversion_type_params": conversion,
            "cumulative_type_params": cumulative,
            "metric_aggregation_params": null,
            "fill_nulls_with": null,
            "join_to_timespine": false,
            "is_private": null,
        },
        "filter": filter(json.get("filter")),
        "metadata": null,
        "time_granularity": json.get("time_granularity"),
    }))
}

/// `7 days` as count and granularity.
fn window(json: Option<&Json>) -> Json {
    let Some(text) = json.and_then(Json::as_str) else {
        return json.cloned().unwrap_or(Json::Null);
    };
    let mut words = text.split_whitespace();
    match (
        words.next().and_then(|count| count.parse::<i64>().ok()),
        words.next(),
    ) {
        (Some(count), Some(granularity)) => {
            let granularity = granularity.to_lowercase();
            json!({"count": count, "granularity": granularity.trim_end_matches('s')})
        }
        _ => json!(text),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{filter, metric_fields, window};

    #[test]
    fn metrics_read_as_dbt_writes_them() {
        let fields = metric_fields(&json!({
            "name": "growth", "type": "derived",
            "type_params": {
                "expr": "a - b",
                "metrics": ["a", {"name": "a", "offset_window": "1 month", "alias": "b"}],
            },
        }));
        assert_eq!(fields["label"], "growth");
        assert_eq!(fields["type_params"]["metrics"][0]["name"], "a");
        assert_eq!(
            fields["type_params"]["metrics"][1]["offset_window"],
            json!({"count": 1, "granularity": "month"})
        );
        assert_eq!(
            window(Some(&json!("7 days"))),
            json!({"count": 7, "granularity": "day"})
        );
        assert_eq!(
            filter(Some(&json!("x > 1"))),
            json!({"where_filters": [{"where_sql_template": "x > 1"}]})
        );
    }
}
