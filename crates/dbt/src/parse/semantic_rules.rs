//! The rules of MetricFlow that dbt refuses a project by: names, labels, primary entities and times
//! (<https://docs.getdbt.com/docs/build/validation>).

use std::collections::HashMap;

use diagnostic::{Error, codes};
use serde_json::Value as Json;

use crate::artifact::semantic_manifest::lacks_time_spine;
use crate::manifest::Manifest;
use crate::node::{Declared, ResourceType};

/// Names that are spans of time, and those that MetricFlow keeps for itself
/// (<https://docs.getdbt.com/docs/build/metricflow-time-spine>).
const RESERVED: [&str; 13] = [
    "nanosecond",
    "microsecond",
    "millisecond",
    "second",
    "minute",
    "hour",
    "day",
    "week",
    "month",
    "quarter",
    "year",
    "metric_time",
    "mf_internal_uuid",
];

/// The parts of a semantic model that have names.
const PARTS: [(&str, &str); 3] = [
    ("measures", "measure"),
    ("entities", "entity"),
    ("dimensions", "dimension"),
];

/// What is wrong with the semantic layer of a project.
pub(super) fn broken(manifest: &Manifest) -> Vec<Error> {
    let of = |kind: ResourceType| {
        let all = manifest.declared.values();
        all.filter(move |item| item.resource_type == kind)
    };
    let mut errors = Vec::new();
    if lacks_time_spine(manifest) {
        let message =
            "Semantic models need a time spine of days or shorter spans, and there is none";
        errors.push(Error::new(codes::D1031, message).help(
            "describe a model with a row for each day by `time_spine:` \
             (https://docs.getdbt.com/docs/build/metricflow-time-spine)",
        ));
    }
    // dbt looks at nothing else before there are both.
    if of(ResourceType::Metric).next().is_none() {
        return errors;
    }
    let mut measures: HashMap<&str, &str> = HashMap::new();
    let mut tell = |item: &Declared, message: String| {
        let error = Error::new(codes::D1031, message);
        errors.push(error.with("file", &item.original_file_path));
    };
    for model in of(ResourceType::SemanticModel) {
        for message in wrong_in_model(model) {
            tell(model, message);
        }
        for measure in parts(model, "measures").filter_map(|measure| text(measure, "name")) {
            if let Some(other) = measures.insert(measure, &model.name)
                && other != model.name
            {
                let message = format!(
                    "The measure `{measure}` is declared by the semantic models `{other}` and `{}`",
                    model.name
                );
                tell(model, message);
            }
        }
    }
    for kind in [ResourceType::SemanticModel, ResourceType::Metric] {
        if of(ResourceType::SemanticModel).next().is_none() {
            break;
        }
        let mut labels: HashMap<&str, &str> = HashMap::new();
        for item in of(kind) {
            if let Some(why) = invalid(&item.name) {
                let what = kind.name().replace('_', " ");
                tell(item, format!("The {what} `{}` {why}", item.name));
            }
            let label = item.fields.get("label").and_then(Json::as_str);
            if let Some(label) = label
                && let Some(other) = labels.insert(label, &item.name)
            {
                let message = format!("`{}` has the label of `{other}`: {label}", item.name);
                tell(item, message);
            }
        }
    }
    errors
}

fn parts<'d>(model: &'d Declared, key: &str) -> impl Iterator<Item = &'d Json> {
    let list = model.fields.get(key).and_then(Json::as_array);
    list.into_iter().flatten()
}

fn text<'j>(json: &'j Json, key: &str) -> Option<&'j str> {
    json.get(key).and_then(Json::as_str)
}

fn wrong_in_model(model: &Declared) -> Vec<String> {
    let mut wrong = Vec::new();
    let name = &model.name;
    let primary = parts(model, "entities").filter(|entity| text(entity, "type") == Some("primary"));
    let by_field = model.fields.get("primary_entity").and_then(Json::as_str);
    match (primary.count(), by_field) {
        (0, None) if parts(model, "dimensions").next().is_some() => wrong.push(format!(
            "The semantic model `{name}` has dimensions, so it needs a primary entity"
        )),
        (0 | 1, None) | (0, Some(_)) => {}
        (1, Some(field)) => wrong.push(format!(
            "The semantic model `{name}` has a primary entity besides `primary_entity: {field}`"
        )),
        _ => wrong.push(format!(
            "The semantic model `{name}` has more than one primary entity"
        )),
    }
    let mut used: HashMap<&str, &str> = HashMap::new();
    for (key, kind) in PARTS {
        let mut labels: HashMap<&str, &str> = HashMap::new();
        for part in parts(model, key) {
            let Some(part_name) = text(part, "name") else {
                continue;
            };
            if let Some(why) = invalid(part_name) {
                wrong.push(format!("The {kind} `{part_name}` of `{name}` {why}"));
            }
            if let Some(other) = used.insert(part_name, kind) {
                wrong.push(format!(
                    "In the semantic model `{name}`, `{part_name}` is the name of one {kind} and of one {other}"
                ));
            }
            if let Some(label) = text(part, "label")
                && let Some(other) = labels.insert(label, part_name)
            {
                wrong.push(format!(
                    "In the semantic model `{name}`, `{part_name}` has the label of `{other}`: {label}"
                ));
            }
        }
    }
    wrong.extend(parts(model, "measures").filter_map(|measure| untimed(model, measure)));
    wrong
}

/// That a measure has no time dimension to add up by.
fn untimed(model: &Declared, measure: &Json) -> Option<String> {
    let name = text(measure, "name")?;
    let default = model.fields.get("defaults");
    let default = default.and_then(|defaults| text(defaults, "agg_time_dimension"));
    let Some(time) = text(measure, "agg_time_dimension").or(default) else {
        return Some(format!(
            "The measure `{name}` of `{}` has no `agg_time_dimension:`, nor has the model a default",
            model.name
        ));
    };
    let mut dimensions = parts(model, "dimensions");
    let known = dimensions.any(|dimension| {
        text(dimension, "name") == Some(time) && text(dimension, "type") == Some("time")
    });
    (!known).then(|| {
        format!(
            "The measure `{name}` of `{}` adds up by `{time}`, which is no time dimension there",
            model.name
        )
    })
}

/// What is wrong with a name.
fn invalid(name: &str) -> Option<&'static str> {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    if name.len() < 2 {
        Some("has a name of less than two characters")
    } else if !name.starts_with(|c: char| c.is_ascii_lowercase()) || !name.ends_with(plain) {
        Some("has a name that does not begin with a small letter and end with one or a digit")
    } else if !name.chars().all(|c| plain(c) || c == '_') || name.contains("__") {
        Some("has a name of other characters than small letters, digits and single underscores")
    } else if RESERVED.contains(&name) {
        Some("has a name that MetricFlow keeps for itself")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::invalid;

    #[test]
    fn names_are_metricflows() {
        for fine in ["orders", "p95", "is_food", "a1"] {
            assert_eq!(invalid(fine), None, "{fine}");
        }
        for wrong in [
            "Orders",
            "a",
            "1a",
            "a_",
            "a__b",
            "a-b",
            "day",
            "metric_time",
        ] {
            assert!(invalid(wrong).is_some(), "{wrong}");
        }
    }
}
