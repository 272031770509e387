//! Metrics: as they stood before dbt 1.12, with `type_params:`, and as they stand since, beside the
//! columns of their model (<https://docs.getdbt.com/docs/build/metrics-overview>).

use diagnostic::{Error, Result, codes};
use serde_json::{Map, Value as Json, json};
use yaml::Node as Yaml;

use super::Parser;
use super::properties::PropertyFile;
use crate::node::{Declared, ResourceType};
use crate::project::file::ProjectFile;
use crate::python_text::str_of;

/// The longest name of a metric that warehouses take
/// (<https://docs.getdbt.com/docs/build/metrics-overview>).
const LONGEST_NAME: usize = 250;

/// The semantic model that a metric stands under.
pub(super) struct Owner<'o> {
    /// Its name.
    pub semantic_model: &'o str,
    /// The time by which its metrics add up, unless they say otherwise.
    pub agg_time_dimension: Json,
}

impl Parser<'_> {
    /// A metric of `metrics:`, at the top of a file or of a model with a semantic model, its `owner`.
    ///
    /// # Errors
    /// `D1031` for an entry that dbt refuses.
    pub(super) fn metric(
        &self,
        package: &ProjectFile,
        file: &PropertyFile,
        entry: &Yaml,
        owner: Option<&Owner<'_>>,
    ) -> Result<Declared> {
        let name = file.name_of(entry)?;
        let json = entry.to_json();
        let nested = json.get("type_params").is_some();
        let refused = invalid_name(name)
            .map(str::to_owned)
            .or_else(|| match nested {
                true => None,
                false => incomplete(&json, owner.is_some()),
            });
        if let Some(why) = refused {
            return Err(file.refuse(entry, format!("The metric `{name}` {why}")));
        }
        let mut metric = self.blank(package, file, ResourceType::Metric, name, entry)?;
        metric.fields = match nested {
            true => metric_fields(&json),
            false => flat_fields(&json, owner),
        };
        let parameters = &metric.fields["type_params"];
        metric.metrics = input_metrics(parameters);
        metric.measures = [
            "/measure",
            "/conversion_type_params/base_measure",
            "/conversion_type_params/conversion_measure",
        ]
        .iter()
        .filter_map(|at| named(parameters.pointer(at)))
        .collect();
        Ok(metric)
    }
}

impl PropertyFile {
    /// That an entry makes no sense.
    pub(super) fn refuse(&self, entry: &Yaml, message: String) -> Error {
        Error::new(codes::D1031, message).at(self.document.source.place(entry.span.clone()))
    }
}

/// What is wrong with the name of a metric.
fn invalid_name(name: &str) -> Option<&'static str> {
    let word = |c: char| c.is_alphanumeric() || c == '_';
    if name.contains(' ') {
        Some("has a space in its name")
    } else if name.len() > LONGEST_NAME {
        Some("has a name of more than 250 characters")
    } else if !name.starts_with(|c: char| c.is_ascii_alphabetic()) {
        Some("has a name that does not begin with a letter")
    } else if !name.chars().all(word) {
        Some("has a name of other characters than letters, digits and underscores")
    } else {
        None
    }
}

/// What a metric without `type_params:` lacks.
fn incomplete(json: &Json, owned: bool) -> Option<String> {
    let has = |key: &str| json.get(key).is_some_and(|value| !value.is_null());
    let needs = |keys: &[&str]| {
        let missing = keys.iter().find(|key| !has(key))?;
        Some(format!("needs `{missing}:`"))
    };
    match kind(json) {
        "simple" if has("agg") && !owned => {
            Some("stands under no model with a `semantic_model:`, but is a simple one".to_owned())
        }
        "simple" => needs(&["agg"]),
        "cumulative" => needs(&["input_metric"]),
        "conversion" => needs(&["base_metric", "conversion_metric", "entity"]),
        "ratio" => needs(&["numerator", "denominator"]),
        "derived" => needs(&["input_metrics"]),
        other => Some(format!(
            "is of the type `{other}`, which is none of simple, ratio, derived, cumulative and conversion"
        )),
    }
}

fn kind(json: &Json) -> &str {
    json.get("type").and_then(Json::as_str).unwrap_or("simple")
}

fn named(value: Option<&Json>) -> Option<String> {
    value?.get("name")?.as_str().map(str::to_owned)
}

/// The metrics that `type_params` name.
fn input_metrics(parameters: &Json) -> Vec<String> {
    let list = parameters.get("metrics").and_then(Json::as_array);
    let listed = list.into_iter().flatten().map(Some);
    let others = [
        "/numerator",
        "/denominator",
        "/cumulative_type_params/metric",
        "/conversion_type_params/base_metric",
        "/conversion_type_params/conversion_metric",
    ];
    let others = others.iter().map(|at| parameters.pointer(at));
    listed.chain(others).filter_map(named).collect()
}

pub(super) fn object(json: Json) -> Map<String, Json> {
    match json {
        Json::Object(map) => map,
        _ => Map::new(),
    }
}

/// Expressions are SQL, also where YAML reads a number.
pub(super) fn expression(json: Option<&Json>) -> Json {
    match json {
        None | Some(Json::Null) => Json::Null,
        Some(value) => json!(str_of(value)),
    }
}

/// One filter or a list of filters, as the manifest shows them.
pub(super) fn filter(json: Option<&Json>) -> Json {
    let filters: Vec<&Json> = match json {
        None | Some(Json::Null) => return Json::Null,
        Some(Json::Array(items)) => items.iter().collect(),
        Some(one) => vec![one],
    };
    let templates = filters
        .iter()
        .map(|filter| json!({"where_sql_template": str_of(filter)}));
    json!({"where_filters": templates.collect::<Vec<_>>()})
}

/// A name alone stands for what has that name.
fn with_name(value: &Json) -> Json {
    match value {
        Json::String(name) => json!({"name": name}),
        other => other.clone(),
    }
}

fn input_measure(value: &Json) -> Json {
    let value = with_name(value);
    json!({
        "name": value.get("name"), "filter": filter(value.get("filter")), "alias": value.get("alias"),
        "join_to_timespine": truth(&value, "join_to_timespine"),
        "fill_nulls_with": value.get("fill_nulls_with"),
    })
}

fn input_metric(value: &Json) -> Json {
    let value = with_name(value);
    json!({
        "name": value.get("name"), "filter": filter(value.get("filter")), "alias": value.get("alias"),
        "offset_window": window(value.get("offset_window")),
        "offset_to_grain": value.get("offset_to_grain"),
    })
}

fn input_metric_list(value: Option<&Json>) -> Vec<Json> {
    let list = value.and_then(Json::as_array);
    list.into_iter().flatten().map(input_metric).collect()
}

fn truth(json: &Json, key: &str) -> bool {
    json.get(key).and_then(Json::as_bool).unwrap_or(false)
}

fn get<'j>(json: &'j Json, key: &str) -> Option<&'j Json> {
    json.get(key).filter(|value| !value.is_null())
}

fn or(json: &Json, key: &str, default: &str) -> Json {
    get(json, key).cloned().unwrap_or_else(|| json!(default))
}

/// A metric with `type_params:`.
pub(super) fn metric_fields(json: &Json) -> Map<String, Json> {
    let parameters = get(json, "type_params")
        .cloned()
        .unwrap_or_else(|| json!({}));
    let get = |key: &str| get(&parameters, key);
    let cumulative = (kind(json) == "cumulative").then(|| {
        let inner = get("cumulative_type_params");
        let either = |key: &str| inner.and_then(|inner| inner.get(key)).or_else(|| get(key));
        json!({
            "window": window(either("window")),
            "grain_to_date": either("grain_to_date"),
            "period_agg": either("period_agg").cloned().unwrap_or_else(|| json!("first")),
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
            "calculation": or(conversion, "calculation", "conversion_rate"),
            "window": window(conversion.get("window")),
            "constant_properties": conversion.get("constant_properties"),
        })
    });
    common_fields(
        json,
        json!({
            "measure": get("measure").map(input_measure),
            // What these are, all metrics together tell.
            "input_measures": [],
            "numerator": get("numerator").map(input_metric),
            "denominator": get("denominator").map(input_metric),
            "expr": expression(parameters.get("expr")),
            "window": window(parameters.get("window")),
            "grain_to_date": parameters.get("grain_to_date"),
            "metrics": input_metric_list(get("metrics")),
            "conversion_type_params": conversion,
            "cumulative_type_params": cumulative,
            "metric_aggregation_params": null,
            "fill_nulls_with": null,
            "join_to_timespine": false,
            "is_private": null,
        }),
    )
}

/// A metric without `type_params:`, whose settings stand beside its name.
fn flat_fields(json: &Json, owner: Option<&Owner<'_>>) -> Map<String, Json> {
    let get = |key: &str| get(json, key);
    let aggregation = owner.filter(|_| kind(json) == "simple").map(|owner| {
        let percentile = get("percentile_type").and_then(Json::as_str);
        let percentile_is = |word: &str| percentile.is_some_and(|p| p.eq_ignore_ascii_case(word));
        let non_additive = get("non_additive_dimension").map(|dimension| {
            json!({
                "name": dimension.get("name"), "window_choice": dimension.get("window_agg"),
                "window_groupings": dimension.get("group_by").cloned().unwrap_or_else(|| json!([])),
            })
        });
        let time = get("agg_time_dimension").unwrap_or(&owner.agg_time_dimension);
        json!({
            "semantic_model": owner.semantic_model,
            "agg": get("agg"),
            "agg_params": {
                "percentile": get("percentile"),
                "use_discrete_percentile": percentile_is("discrete"),
                "use_approximate_percentile": percentile_is("continuous"),
            },
            "agg_time_dimension": time,
            "non_additive_dimension": non_additive,
        })
    });
    let cumulative = (kind(json) == "cumulative").then(|| {
        json!({
            "window": window(get("window")),
            "grain_to_date": get("grain_to_date"),
            "period_agg": or(json, "period_agg", "first"),
            "metric": get("input_metric").map(input_metric),
        })
    });
    let conversion = (kind(json) == "conversion").then(|| {
        json!({
            "base_measure": null,
            "conversion_measure": null,
            "base_metric": get("base_metric").map(input_metric),
            "conversion_metric": get("conversion_metric").map(input_metric),
            "entity": get("entity"),
            "calculation": or(json, "calculation", "conversion_rate"),
            "window": window(get("window")),
            "constant_properties": get("constant_properties"),
        })
    });
    common_fields(
        json,
        json!({
            "measure": null,
            "input_measures": [],
            "numerator": get("numerator").map(input_metric),
            "denominator": get("denominator").map(input_metric),
            "expr": expression(get("expr")),
            "window": null,
            "grain_to_date": null,
            "metrics": input_metric_list(get("input_metrics")),
            "conversion_type_params": conversion,
            "cumulative_type_params": cumulative,
            "metric_aggregation_params": aggregation,
            "fill_nulls_with": get("fill_nulls_with"),
            "join_to_timespine": truth(json, "join_to_timespine"),
            "is_private": truth(json, "hidden"),
        }),
    )
}

fn common_fields(json: &Json, parameters: Json) -> Map<String, Json> {
    object(json!({
        "label": get(json, "label").or_else(|| json.get("name")),
        "type": kind(json),
        "type_params": parameters,
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

    use super::{filter, incomplete, invalid_name, metric_fields, window};

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

    #[test]
    fn what_a_metric_lacks_is_told() {
        assert_eq!(invalid_name("order_count"), None);
        for wrong in ["order count", "1st", "order-count"] {
            assert!(invalid_name(wrong).is_some(), "{wrong}");
        }
        let lacks = |metric: serde_json::Value| incomplete(&metric, true);
        assert_eq!(lacks(json!({"agg": "sum"})), None);
        assert_eq!(
            lacks(json!({"type": "simple"})),
            Some("needs `agg:`".to_owned())
        );
        assert_eq!(
            lacks(json!({"type": "cumulative"})),
            Some("needs `input_metric:`".to_owned())
        );
        assert!(lacks(json!({"type": "average"})).is_some());
        assert!(incomplete(&json!({"agg": "sum"}), false).is_some());
    }
}
