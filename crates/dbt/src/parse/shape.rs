//! What dbt refuses of properties files because a value is of another kind than it expects, or none of the
//! words it knows (<https://docs.getdbt.com/reference/configs-and-properties>). Keys that dbt does not know are
//! left alone: it only warns of them.

use diagnostic::Error;
use yaml::Node as Yaml;

use super::properties::PropertyFile;

const EXPOSURE_TYPES: &[&str] = &["dashboard", "notebook", "analysis", "ml", "application"];
const MATURITIES: &[&str] = &["low", "medium", "high"];
const ACCESSES: &[&str] = &["private", "protected", "public"];
const PERIODS: &[&str] = &["minute", "hour", "day"];
const CONSTRAINTS: &[&str] = &[
    "check",
    "not_null",
    "unique",
    "primary_key",
    "foreign_key",
    "custom",
];
const KINDS: [&str; 7] = [
    "models",
    "seeds",
    "snapshots",
    "analyses",
    "sources",
    "exposures",
    "groups",
];

/// What is wrong with the entries of `file`.
pub(super) fn wrong(file: &PropertyFile) -> Vec<Error> {
    let mut shape = Shape {
        file,
        errors: Vec::new(),
    };
    for kind in KINDS {
        for entry in file.entries(kind).unwrap_or_default() {
            if entry.as_mapping().is_some() {
                shape.entry(kind, entry);
            }
        }
    }
    shape.errors
}

struct Shape<'f> {
    file: &'f PropertyFile,
    errors: Vec<Error>,
}

/// The value under `key`, if there is one.
fn value<'n>(node: &'n Yaml, key: &str) -> Option<&'n Yaml> {
    node.get(key).filter(|value| !value.is_null())
}

impl Shape<'_> {
    fn entry(&mut self, kind: &str, entry: &Yaml) {
        self.described(entry);
        self.tested(entry);
        self.settings(entry);
        for column in entry.get("columns").map(Yaml::items).unwrap_or_default() {
            self.described(column);
            self.tested(column);
            self.constraints(column);
        }
        match kind {
            "models" => self.model(entry),
            "sources" => {
                self.source(entry);
                for table in entry.get("tables").map(Yaml::items).unwrap_or_default() {
                    self.entry("tables", table);
                }
            }
            "tables" => self.source(entry),
            "exposures" => {
                self.owner(entry);
                self.one_of(entry, "type", EXPOSURE_TYPES);
                self.one_of(entry, "maturity", MATURITIES);
            }
            "groups" => self.owner(entry),
            _ => {}
        }
    }

    fn mismatch(&mut self, node: &Yaml, expected: &str) {
        self.errors
            .push(self.file.document.mismatch(node, expected));
    }

    fn refuse(&mut self, node: &Yaml, message: String) {
        self.errors.push(self.file.refuse(node, message));
    }

    fn mapping(&mut self, node: &Yaml, key: &str) {
        if let Some(value) = value(node, key)
            && value.as_mapping().is_none()
        {
            self.mismatch(value, &format!("a mapping under `{key}`"));
        }
    }

    fn truth(&mut self, node: &Yaml, key: &str) {
        // Templates give texts where dbt reads them as truth values.
        let word = |text: &str| ["true", "false"].contains(&text.to_lowercase().as_str());
        if let Some(value) = value(node, key)
            && value.as_bool().is_none()
            && !value.as_str().is_some_and(word)
        {
            self.mismatch(value, &format!("true or false under `{key}`"));
        }
    }

    fn one_of(&mut self, node: &Yaml, key: &str, known: &[&str]) {
        if let Some(value) = value(node, key)
            && !value.as_str().is_some_and(|word| known.contains(&word))
        {
            let word = value.scalar_text().unwrap_or_default();
            let message = format!("`{key}: {word}` is none of {}", known.join(", "));
            self.refuse(value, message);
        }
    }

    fn described(&mut self, node: &Yaml) {
        if let Some(text) = value(node, "description")
            && text.as_str().is_none()
        {
            self.mismatch(text, "a text under `description`");
        }
        self.mapping(node, "meta");
        self.mapping(node, "config");
        if let Some(config) = node.get("config") {
            self.mapping(config, "meta");
        }
    }

    fn tested(&mut self, node: &Yaml) {
        for key in ["tests", "data_tests"] {
            if let Some(list) = value(node, key)
                && list.as_sequence().is_none()
            {
                self.mismatch(list, &format!("a list under `{key}`"));
            }
        }
        if let (Some(_), Some(both)) = (value(node, "tests"), value(node, "data_tests")) {
            let message = "An entry has both `tests:` and `data_tests:`; they mean the same";
            self.refuse(both, message.to_owned());
        }
    }

    fn settings(&mut self, entry: &Yaml) {
        let Some(config) = value(entry, "config") else {
            return;
        };
        self.truth(config, "enabled");
        for key in ["quoting", "column_types"] {
            self.mapping(config, key);
        }
        self.one_of(config, "access", ACCESSES);
    }

    fn constraints(&mut self, node: &Yaml) {
        for constraint in node.get("constraints").map(Yaml::items).unwrap_or_default() {
            self.one_of(constraint, "type", CONSTRAINTS);
        }
    }

    /// Refuses primary keys of several columns, and at the model as well as at a column
    /// (`_validate_pk_constraints` of dbt's parser).
    fn primary_key(&mut self, entry: &Yaml) {
        let is_key = |constraint: &Yaml| {
            constraint.get("type").and_then(Yaml::as_str) == Some("primary_key")
        };
        let keys = |node: &Yaml| {
            let constraints = node.get("constraints").map(Yaml::items).unwrap_or_default();
            constraints
                .iter()
                .filter(|constraint| is_key(constraint))
                .count()
        };
        let columns = entry.get("columns").map(Yaml::items).unwrap_or_default();
        let of_columns: usize = columns.iter().map(keys).sum();
        if of_columns > 1 {
            let message = format!(
                "{of_columns} primary keys are defined at columns: a key of several columns is a \
                 constraint of the model"
            );
            self.refuse(entry, message);
        }
        if of_columns > 0 && keys(entry) > 0 {
            let message = "Primary keys are defined at the model and at a column: they can be at one \
                           of them, not at both";
            self.refuse(entry, message.to_owned());
        }
    }

    fn model(&mut self, entry: &Yaml) {
        self.constraints(entry);
        self.primary_key(entry);
        self.one_of(entry, "access", ACCESSES);
        if let Some(docs) = value(entry, "docs") {
            self.mapping(entry, "docs");
            self.truth(docs, "show");
        }
        let versions = entry.get("versions").map(Yaml::items).unwrap_or_default();
        let mut known = versions.iter().filter_map(|version| version.get("v"));
        if let Some(latest) = value(entry, "latest_version")
            && !known.any(|version| version.scalar_text() == latest.scalar_text())
        {
            let version = latest.scalar_text().unwrap_or_default();
            let message = format!("`latest_version: {version}` is none of the `versions:`");
            self.refuse(latest, message);
        }
        self.time_spine(entry);
    }

    fn time_spine(&mut self, entry: &Yaml) {
        let Some(spine) = value(entry, "time_spine") else {
            return;
        };
        let Some(name) = value(spine, "standard_granularity_column") else {
            let message = "A time spine needs a `standard_granularity_column:`";
            return self.refuse(spine, message.to_owned());
        };
        // Columns of versions stand elsewhere.
        if value(entry, "versions").is_some() {
            return;
        }
        let columns = entry.get("columns").map(Yaml::items).unwrap_or_default();
        let text = name.scalar_text().unwrap_or_default();
        let column = columns
            .iter()
            .find(|column| column.get("name").and_then(Yaml::scalar_text).as_ref() == Some(&text));
        match column {
            None => self.refuse(name, format!("`{text}` is no column under `columns:`")),
            Some(column) if value(column, "granularity").is_none() => {
                let message = format!("The column `{text}` of a time spine needs a `granularity:`");
                self.refuse(column, message);
            }
            Some(_) => {}
        }
    }

    fn owner(&mut self, entry: &Yaml) {
        let owner = value(entry, "owner");
        let known = |key: &str| owner.is_some_and(|owner| value(owner, key).is_some());
        if !known("name") && !known("email") {
            let message = "The owner of an exposure or group has a `name:` or an `email:`";
            self.refuse(owner.unwrap_or(entry), message.to_owned());
        }
    }

    fn source(&mut self, entry: &Yaml) {
        for node in [Some(entry), value(entry, "config")].into_iter().flatten() {
            if let Some(field) = value(node, "loaded_at_field")
                && field.as_str() == Some("")
            {
                self.refuse(field, "`loaded_at_field:` is empty".to_owned());
            }
            let Some(freshness) = value(node, "freshness") else {
                continue;
            };
            for key in ["warn_after", "error_after"] {
                let Some(after) = value(freshness, key) else {
                    continue;
                };
                self.one_of(after, "period", PERIODS);
                if let Some(count) = value(after, "count")
                    && count
                        .scalar_text()
                        .and_then(|text| text.parse::<i64>().ok())
                        .is_none()
                {
                    self.mismatch(count, "a number under `count`");
                }
            }
        }
    }
}
