//! What the entry of a model says about the semantic layer since dbt 1.12: `semantic_model:`, entities
//! and dimensions of its columns, `derived_semantics:` and the metrics under it
//! (<https://docs.getdbt.com/docs/build/semantic-models>).

use diagnostic::Result;
use serde_json::{Map, Value as Json, json};
use yaml::Node as Yaml;

use super::Parser;
use super::metric::{Owner, expression, object};
use super::properties::PropertyFile;
use super::semantic::config;
use crate::node::{Column, Declared, Ref, ResourceType};
use crate::project::file::ProjectFile;

const ENTITY_TYPES: &[&str] = &["primary", "unique", "foreign", "natural"];
const DIMENSION_TYPES: &[&str] = &["categorical", "time"];
const SEMANTIC_MODEL_KEYS: &[&str] = &["name", "enabled", "group", "config"];

impl Parser<'_> {
    /// The semantic model of a model that has one, and its metrics.
    ///
    /// # Errors
    /// `D1031` for what dbt refuses.
    pub(super) fn semantics_of_model(
        &self,
        package: &ProjectFile,
        file: &PropertyFile,
        entry: &Yaml,
    ) -> Result<Vec<Declared>> {
        let Some(wish) = entry.get("semantic_model").filter(|wish| !wish.is_null()) else {
            return Ok(Vec::new());
        };
        let of = file.name_of(entry)?;
        if wish.as_bool().is_none() {
            wish.expect_mapping(&file.document)?;
            file.document
                .refuse_unknown_keys(wish, SEMANTIC_MODEL_KEYS)?;
        }
        let setting = |key: &str| wish.get(key).filter(|value| !value.is_null());
        let enabled = setting("enabled").and_then(Yaml::as_bool);
        if wish.as_bool().or(enabled) == Some(false) {
            return Ok(Vec::new());
        }
        let name = setting("name").and_then(Yaml::as_str).unwrap_or(of);
        let mut model = self.blank(
            package,
            file,
            ResourceType::SemanticModel,
            name,
            setting("config").map_or(&Yaml::new(yaml::Value::Null), |_| wish),
        )?;
        model.description = self.describe(file, entry)?;
        model.refs = vec![Ref {
            name: of.to_owned(),
            package: None,
            version: None,
            span: None,
        }];
        let settings = model.config.clone();
        let meta = settings.get("meta");
        let columns = self.columns(file, entry)?;
        let mut entities: Vec<Json> = columns.values().filter_map(|c| entity(c, meta)).collect();
        let mut dimensions: Vec<Json> = columns
            .values()
            .filter_map(|c| dimension(c, meta))
            .collect();
        if let Some(derived) = entry.get("derived_semantics") {
            for entity in derived.get("entities").map(Yaml::items).unwrap_or_default() {
                entities.push(self.derived_entity(file, entity, meta)?);
            }
            for dimension in derived
                .get("dimensions")
                .map(Yaml::items)
                .unwrap_or_default()
            {
                dimensions.push(self.derived_dimension(file, dimension, meta)?);
            }
        }
        let own = |key: &str| entry.get(key).map_or(Json::Null, Yaml::to_json);
        model.fields = object(json!({
            "model": format!("ref('{of}')"),
            "node_relation": null,
            "label": null,
            "defaults": {"agg_time_dimension": own("agg_time_dimension")},
            "entities": entities,
            "measures": [],
            "dimensions": dimensions,
            "metadata": null,
            "primary_entity": own("primary_entity"),
        }));
        let owner = Owner {
            semantic_model: name,
            agg_time_dimension: own("agg_time_dimension"),
        };
        let mut all = vec![model];
        for metric in entry.get("metrics").map(Yaml::items).unwrap_or_default() {
            all.push(self.metric(package, file, metric, Some(&owner))?);
        }
        for one in &mut all {
            one.under = Some(of.to_owned());
        }
        Ok(all)
    }

    fn derived_entity(
        &self,
        file: &PropertyFile,
        entry: &Yaml,
        meta: Option<&Json>,
    ) -> Result<Json> {
        let json = entry.to_json();
        Ok(json!({
            "name": file.name_of(entry)?, "type": one_of(file, entry, ENTITY_TYPES)?,
            "description": self.described_or_null(file, entry)?, "label": json.get("label"),
            "role": null, "expr": expression(Some(&file.document.require(entry, "expr")?.to_json())),
            "config": config(&json, meta),
        }))
    }

    fn derived_dimension(
        &self,
        file: &PropertyFile,
        entry: &Yaml,
        meta: Option<&Json>,
    ) -> Result<Json> {
        let name = file.name_of(entry)?;
        let json = entry.to_json();
        let parameters = time_parameters(file, entry, &json, json.get("granularity"), name)?;
        Ok(json!({
            "name": name, "type": one_of(file, entry, DIMENSION_TYPES)?,
            "description": self.described_or_null(file, entry)?, "label": json.get("label"),
            "is_partition": json.get("is_partition").and_then(Json::as_bool).unwrap_or(false),
            "type_params": parameters,
            "expr": expression(Some(&file.document.require(entry, "expr")?.to_json())),
            "metadata": null, "config": config(&json, meta), "datatype": null,
        }))
    }

    fn described_or_null(&self, file: &PropertyFile, entry: &Yaml) -> Result<Json> {
        let description = self.describe(file, entry)?;
        Ok(match entry.get("description") {
            Some(_) => json!(description),
            None => Json::Null,
        })
    }
}

/// The granularity of a time, and what it says about validity, which needs one.
fn time_parameters(
    file: &PropertyFile,
    entry: &Yaml,
    json: &Json,
    granularity: Option<&Json>,
    name: &str,
) -> Result<Json> {
    let validity = json.get("validity_params").filter(|v| !v.is_null());
    match granularity.filter(|granularity| !granularity.is_null()) {
        Some(granularity) => Ok(json!({
            "time_granularity": granularity,
            "validity_params": validity.map(validity_json),
        })),
        None if validity.is_some() => Err(file.refuse(
            entry,
            format!("The dimension `{name}` has `validity_params:`, so it needs a `granularity:`"),
        )),
        None => Ok(Json::Null),
    }
}

fn validity_json(json: &Json) -> Json {
    let truth = |key: &str| json.get(key).and_then(Json::as_bool).unwrap_or(false);
    json!({"is_start": truth("is_start"), "is_end": truth("is_end")})
}

/// The `type:` of an entry, one of `known`.
fn one_of(file: &PropertyFile, entry: &Yaml, known: &[&str]) -> Result<String> {
    let kind = file.document.require(entry, "type")?;
    let word = kind.expect_str(&file.document)?;
    if known.contains(&word) {
        return Ok(word.to_owned());
    }
    let message = format!("`{word}` is none of {}", known.join(", "));
    Err(file.refuse(kind, message))
}

/// The value of `entity:` or `dimension:` of a column, as the manifest shows it: one of `known`, or
/// what gives its `type:` among them.
fn of_column(
    file: &PropertyFile,
    value: &Yaml,
    known: &[&str],
    name: &str,
    description: &str,
) -> Result<Json> {
    if let Some(word) = value.as_str() {
        return match known.contains(&word) {
            true => Ok(json!(word)),
            false => {
                let message = format!("`{word}` is none of {}", known.join(", "));
                Err(file.refuse(value, message))
            }
        };
    }
    let kind = one_of(file, value, known)?;
    let json = value.to_json();
    let text = |key: &str, default: &str| match json.get(key).and_then(Json::as_str) {
        Some(text) if !text.is_empty() => json!(text),
        _ => json!(default),
    };
    let settings = json.get("config").filter(|config| config.is_object());
    Ok(json!({
        "name": text("name", name), "type": kind, "description": text("description", description),
        "label": json.get("label"),
        "config": settings.cloned().unwrap_or_else(|| json!({})),
    }))
}

/// The `dimension:` of a column, as the manifest shows it.
///
/// # Errors
/// `D1031` for what dbt refuses.
pub(super) fn column_dimension(
    file: &PropertyFile,
    entry: &Yaml,
    name: &str,
    description: &str,
) -> Result<Json> {
    let Some(value) = entry.get("dimension").filter(|value| !value.is_null()) else {
        return Ok(Json::Null);
    };
    let mut dimension = of_column(file, value, DIMENSION_TYPES, name, description)?;
    let granularity = entry.get("granularity").and_then(Yaml::scalar_text);
    let kind = dimension.get("type").unwrap_or(&dimension);
    if kind == "time" && granularity.is_none() {
        let message =
            format!("The column `{name}` is a dimension of time, so it needs a `granularity:`");
        return Err(file.refuse(value, message));
    }
    let json = value.to_json();
    let granularity = granularity.map(Json::from);
    let parameters = time_parameters(file, value, &json, granularity.as_ref(), name)?;
    if let Json::Object(map) = &mut dimension {
        let partition = json.get("is_partition").and_then(Json::as_bool);
        map.insert("is_partition".to_owned(), json!(partition.unwrap_or(false)));
        let validity = parameters.get("validity_params").cloned();
        map.insert("validity_params".to_owned(), validity.unwrap_or_default());
    }
    Ok(dimension)
}

/// The `entity:` of a column, as the manifest shows it.
///
/// # Errors
/// `D1031` for what dbt refuses.
pub(super) fn column_entity(
    file: &PropertyFile,
    entry: &Yaml,
    name: &str,
    description: &str,
) -> Result<Json> {
    match entry.get("entity").filter(|value| !value.is_null()) {
        Some(value) => of_column(file, value, ENTITY_TYPES, name, description),
        None => Ok(Json::Null),
    }
}

/// The column that an entity or dimension of another name reads.
fn expr(name: &Json, column: &Column) -> Json {
    match name == column.name.as_str() {
        true => Json::Null,
        false => json!(column.name),
    }
}

/// The metadata of a part that stands at a column.
fn with_meta(of_column: &Map<String, Json>, of_model: Option<&Json>) -> Json {
    config(&json!({"config": {"meta": of_column}}), of_model)
}

fn entity(column: &Column, of_model: Option<&Json>) -> Option<Json> {
    let part = match &column.entity {
        Json::Null => return None,
        Json::Object(entity) => {
            let own = entity.get("config").and_then(|config| config.get("meta"));
            let meta = own.and_then(Json::as_object).unwrap_or(&column.meta);
            json!({
                "name": entity["name"], "type": entity["type"],
                "description": entity["description"], "label": entity["label"], "role": null,
                "expr": expr(&entity["name"], column), "config": with_meta(meta, of_model),
            })
        }
        kind => json!({
            "name": column.name, "type": kind, "description": column.description, "label": null,
            "role": null, "expr": null, "config": with_meta(&column.meta, of_model),
        }),
    };
    Some(part)
}

fn dimension(column: &Column, of_model: Option<&Json>) -> Option<Json> {
    let part = match &column.dimension {
        Json::Null => return None,
        Json::Object(dimension) => {
            let mut meta = column.meta.clone();
            let own = dimension
                .get("config")
                .and_then(|config| config.get("meta"));
            meta.extend(own.and_then(Json::as_object).cloned().unwrap_or_default());
            let parameters = column.granularity.as_ref().map(|granularity| {
                json!({
                    "time_granularity": granularity,
                    "validity_params": dimension["validity_params"],
                })
            });
            json!({
                "name": dimension["name"], "type": dimension["type"],
                "description": dimension["description"], "label": dimension["label"],
                "is_partition": dimension["is_partition"], "type_params": parameters,
                "expr": expr(&dimension["name"], column), "metadata": null,
                "config": with_meta(&meta, of_model), "datatype": null,
            })
        }
        // dbt leaves the granularity of the short form out, too.
        kind => json!({
            "name": column.name, "type": kind, "description": column.description, "label": null,
            "is_partition": false, "type_params": null, "expr": null, "metadata": null,
            "config": with_meta(&column.meta, of_model), "datatype": null,
        }),
    };
    Some(part)
}
