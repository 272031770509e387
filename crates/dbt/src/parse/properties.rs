//! Properties files: what `.yml` files say about models, sources, tests, …

use std::collections::HashMap;

use diagnostic::{Error, Result, Source, codes};
use indexmap::IndexMap;
use serde_json::{Map, Value as Json};
use yaml::{Document, Node as Yaml};

use super::files::SourceFile;
use crate::node::Column;
use crate::project::render::{Renderer, render_document};
use crate::warning::{Warning, Warnings};

/// One properties file.
#[derive(Debug)]
pub struct PropertyFile {
    /// Its package.
    pub package: String,
    /// Where it is.
    pub file: SourceFile,
    /// Its content, rendered where dbt renders it.
    pub document: Document,
}

/// What a properties file says about one resource.
#[derive(Clone, Copy, Debug)]
pub struct Patch<'f> {
    /// The file.
    pub file: &'f PropertyFile,
    /// The entry.
    pub node: &'f Yaml,
    /// For a versioned model: the entry under `versions:`.
    pub version: Option<&'f Yaml>,
}

/// The top-level keys that describe resources.
const KEYS: &[&str] = &[
    "models",
    "seeds",
    "snapshots",
    "analyses",
    "macros",
    "sources",
    "exposures",
    "groups",
    "metrics",
    "semantic_models",
    "saved_queries",
    "unit_tests",
    "data_tests",
    "functions",
];

const OTHER_KEYS: &[&str] = &["version", "anchors"];

impl PropertyFile {
    /// Reads and renders a file. Descriptions, tests and hooks stay as they are: they are rendered
    /// when they are used.
    ///
    /// # Errors
    /// `C0001` and what rendering raises.
    pub fn load(
        package: &str,
        file: SourceFile,
        render: &Renderer<'_>,
        warnings: &mut Warnings,
    ) -> Result<Self> {
        let source = Source::new(file.show.as_str(), file.read()?);
        let raw = yaml::parse(&source)?;
        warnings.duplicate_keys(&raw);
        let document = render_document(&raw, &stays_as_is, render)?;
        for (key, _) in document.root.entries() {
            let name = key.key_text();
            if !KEYS.contains(&name.as_str()) && !OTHER_KEYS.contains(&name.as_str()) {
                let message = format!("`{name}` is not a key dbt knows here");
                let place = document.source.place(key.span.clone());
                warnings.add(Warning::new("CustomTopLevelKeyDeprecation", message).at(place));
            }
        }
        Ok(Self {
            package: package.to_owned(),
            file,
            document,
        })
    }

    /// The entries under `key`.
    ///
    /// # Errors
    /// `C0002` if it is no list.
    pub fn entries(&self, key: &str) -> Result<&[Yaml]> {
        match self.document.root.get(key) {
            Some(list) => list.expect_sequence(&self.document),
            None => Ok(&[]),
        }
    }

    /// The name of an entry.
    ///
    /// # Errors
    /// `D1031` if it has none.
    pub fn name_of<'n>(&self, entry: &'n Yaml) -> Result<&'n str> {
        let name = entry.get("name").and_then(Yaml::as_str);
        name.ok_or_else(|| {
            Error::new(
                codes::D1031,
                format!("An entry of `{}` has no name", self.file.show),
            )
            .at(self.document.source.place(entry.span.clone()))
        })
    }

    /// `package://path`, as the manifest names the file.
    #[must_use]
    pub fn patch_path(&self) -> String {
        format!("{}://{}", self.package, self.file.original)
    }
}

fn stays_as_is(path: &[&str]) -> bool {
    path.iter().any(|key| {
        matches!(
            *key,
            "tests"
                | "data_tests"
                | "description"
                | "pre-hook"
                | "post-hook"
                | "pre_hook"
                | "post_hook"
                | "semantic_models"
                | "metrics"
                | "saved_queries"
        )
    })
}

/// Patches by kind, package and name.
pub type Patches<'f> = HashMap<(&'static str, &'f str, String), Patch<'f>>;

/// The patches of `files` for the kinds that name files or blocks. An entry that stands twice is an
/// error, as in dbt.
///
/// # Errors
/// `D1007` for a second patch, `D1031` for entries without names.
pub fn collect<'f>(files: &'f [PropertyFile], errors: &mut Vec<Error>) -> Patches<'f> {
    let mut patches = Patches::new();
    for file in files {
        for key in [
            "models",
            "seeds",
            "snapshots",
            "analyses",
            "macros",
            "data_tests",
        ] {
            let entries = match file.entries(key) {
                Ok(entries) => entries,
                Err(error) => {
                    errors.push(error);
                    continue;
                }
            };
            for entry in entries {
                match file.name_of(entry) {
                    Ok(name) => insert(&mut patches, file, key, name, entry, errors),
                    Err(error) => errors.push(error),
                }
            }
        }
    }
    patches
}

fn insert<'f>(
    patches: &mut Patches<'f>,
    file: &'f PropertyFile,
    key: &'static str,
    name: &str,
    entry: &'f Yaml,
    errors: &mut Vec<Error>,
) {
    let versions = entry.get("versions").map(Yaml::items).unwrap_or_default();
    let mut add = |name: String, version| {
        let patch = Patch {
            file,
            node: entry,
            version,
        };
        if let Some(other) = patches.insert((key, file.package.as_str(), name.clone()), patch) {
            let message = format!("`{name}` is described twice under `{key}:`");
            errors.push(
                Error::new(codes::D1007, message)
                    .at(file.document.source.place(entry.span.clone()))
                    .with("first in", &other.file.file.show),
            );
        }
    };
    if versions.is_empty() || key != "models" {
        add(name.to_owned(), None);
        return;
    }
    for version in versions {
        let defined_in = version
            .get("defined_in")
            .and_then(Yaml::as_str)
            .map(str::to_owned);
        let number = version
            .get("v")
            .and_then(Yaml::scalar_text)
            .unwrap_or_default();
        add(
            defined_in.unwrap_or_else(|| format!("{name}_v{number}")),
            Some(version),
        );
        // A file named after the model alone is its newest version.
    }
}

/// The configuration a properties entry gives: `config:`, and the keys that once stood beside it.
#[must_use]
pub fn config_of(entry: &Yaml) -> Map<String, Json> {
    let mut config = Map::new();
    for key in [
        "tags",
        "meta",
        "docs",
        "group",
        "access",
        "constraints_enforced",
    ] {
        if let Some(value) = entry.get(key).filter(|value| !value.is_null()) {
            config.insert(key.to_owned(), value.to_json());
        }
    }
    if let Some(Json::Object(own)) = entry.get("config").map(Yaml::to_json) {
        for (key, value) in own {
            match (key.as_str(), config.get_mut(&key), &value) {
                // Both places add up.
                ("tags", Some(before), _) => {
                    let mut all = list(before);
                    all.extend(list(&value));
                    *before = Json::Array(all);
                }
                ("meta", Some(Json::Object(before)), Json::Object(more)) => {
                    before.extend(more.clone());
                }
                _ => {
                    config.insert(key, value);
                }
            }
        }
    }
    config
}

fn list(value: &Json) -> Vec<Json> {
    match value {
        Json::Array(items) => items.clone(),
        other => vec![other.clone()],
    }
}

/// The described columns of an entry; `describe` renders descriptions.
///
/// # Errors
/// `D1031` for a column without a name, and those of `describe`.
pub fn columns_of(
    file: &PropertyFile,
    entry: &Yaml,
    describe: &dyn Fn(&Yaml) -> Result<String>,
    doc_blocks: &dyn Fn(&Yaml) -> Vec<String>,
) -> Result<IndexMap<String, Column>> {
    let mut columns = IndexMap::new();
    let list = match entry.get("columns") {
        Some(list) => list.expect_sequence(&file.document)?,
        None => &[],
    };
    for entry in list {
        // `- include: all` of a versioned model names no column.
        if entry.get("include").is_some() {
            continue;
        }
        let name = file.name_of(entry)?.to_owned();
        let config = config_of(entry);
        let meta = config
            .get("meta")
            .and_then(Json::as_object)
            .cloned()
            .unwrap_or_default();
        let tags = config.get("tags").map(list_of_texts).unwrap_or_default();
        let constraints = entry
            .get("constraints")
            .map(Yaml::items)
            .unwrap_or_default();
        columns.insert(
            name.clone(),
            Column {
                name,
                description: describe(entry)?,
                data_type: entry
                    .get("data_type")
                    .and_then(Yaml::scalar_text)
                    .filter(|t| t != "None"),
                meta,
                tags,
                quote: entry.get("quote").and_then(Yaml::as_bool),
                constraints: constraints.iter().map(Yaml::to_json).collect(),
                config,
                doc_blocks: doc_blocks(entry),
            },
        );
    }
    Ok(columns)
}

/// A text or a list of texts.
#[must_use]
pub fn list_of_texts(value: &Json) -> Vec<String> {
    list(value)
        .iter()
        .filter_map(|item| item.as_str().map(str::to_owned))
        .collect()
}

/// The entries under `data_tests:` (and `tests:`, its old name).
pub fn tests_of(entry: &Yaml) -> impl Iterator<Item = &Yaml> {
    let lists = ["data_tests", "tests"]
        .into_iter()
        .filter_map(|key| entry.get(key));
    lists.flat_map(Yaml::items)
}
