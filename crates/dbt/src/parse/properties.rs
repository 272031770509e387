//! Properties files: what `.yml` files say about models, sources, tests, …

use std::collections::HashMap;

use diagnostic::{Error, Result, Source, codes};
use indexmap::IndexMap;
use serde_json::{Map, Value as Json};
use yaml::{Document, Node as Yaml};

use super::files::SourceFile;
use super::model_semantics::{column_dimension, column_entity};
use super::unit::Unit;
use crate::cache::observed::observe;
use crate::context::{ProjectContext, YamlScope};
use crate::node::Column;
use crate::project::file::ProjectFile;
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

/// A properties file with what is known from reading it.
pub(super) struct Loaded {
    /// The file.
    pub file: PropertyFile,
    /// What it describes, what reading it looked at, and its warnings.
    pub unit: Unit,
}

impl Loaded {
    /// Reads and renders a properties file of `package`.
    ///
    /// # Errors
    /// As [`PropertyFile::load`].
    pub fn read(project: &ProjectContext, package: &ProjectFile, file: SourceFile) -> Result<Self> {
        let scope = YamlScope {
            flags: &project.flags,
            vars: vars(project, package),
            connection: Some(&project.connection),
            secrets: false,
        };
        let render = |text: &str| crate::load::render_yaml(&project.run_environment, &scope, text);
        let mut warnings = Warnings::default();
        let (read, observed) = observe(project, || {
            PropertyFile::load(&package.name, file, &render, &mut warnings)
        });
        let file = read?;
        let unit = Unit::of_properties(&file, observed, warnings);
        Ok(Self { file, unit })
    }
}

/// The variables that the properties files of `package` see.
fn vars(project: &ProjectContext, package: &ProjectFile) -> Map<String, Json> {
    let with_own = |vars: &Map<String, Json>| {
        let mut all = vars.clone();
        if let Some(Json::Object(own)) = vars.get(&package.name) {
            all.extend(own.clone());
        }
        all
    };
    let root = with_own(&project.root.vars);
    if package.name == project.root.name {
        return root;
    }
    let mut all = with_own(&package.vars);
    all.extend(root);
    all
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
        if !document.root.is_null() {
            document.root.expect_mapping(&document)?;
        }
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

/// The kinds of entries that describe files or blocks.
const DESCRIBES: [&str; 6] = [
    "models",
    "seeds",
    "snapshots",
    "analyses",
    "macros",
    "data_tests",
];

/// The entries of `file` that describe files or blocks: kind, the file or block, the entry. Entries
/// that make no sense are left out.
pub(super) fn described(
    file: &PropertyFile,
) -> impl Iterator<Item = (&'static str, String, &Yaml)> {
    DESCRIBES.into_iter().flat_map(move |kind| {
        let entries = file.entries(kind).unwrap_or_default();
        entries.iter().flat_map(move |entry| {
            let name = file.name_of(entry).unwrap_or_default();
            let names = files_of(kind, name, entry);
            names.into_iter().map(move |(of, _)| (kind, of, entry))
        })
    })
}

/// The files that an entry describes: one, or one per version of a model.
fn files_of<'e>(kind: &str, name: &str, entry: &'e Yaml) -> Vec<(String, Option<&'e Yaml>)> {
    let versions = entry.get("versions").map(Yaml::items).unwrap_or_default();
    if versions.is_empty() || kind != "models" {
        return vec![(name.to_owned(), None)];
    }
    let file = |version: &Yaml| match version.get("defined_in").and_then(Yaml::as_str) {
        Some(file) => file.to_owned(),
        None => {
            let number = version.get("v").and_then(Yaml::scalar_text);
            format!("{name}_v{}", number.unwrap_or_default())
        }
    };
    versions.iter().map(|v| (file(v), Some(v))).collect()
}

/// The patches of `files` for the kinds that name files or blocks. An entry that stands twice is an
/// error, as in dbt.
///
/// # Errors
/// `D1007` for a second patch, `D1031` for entries without names.
pub(super) fn collect<'f>(
    files: impl Iterator<Item = &'f PropertyFile>,
    errors: &mut Vec<Error>,
) -> Patches<'f> {
    let mut patches = Patches::new();
    for file in files {
        for kind in DESCRIBES {
            let entries = match file.entries(kind) {
                Ok(entries) => entries,
                Err(error) => {
                    errors.push(error);
                    continue;
                }
            };
            for entry in entries {
                match file.name_of(entry) {
                    Ok(name) => insert(&mut patches, file, kind, name, entry, errors),
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
    kind: &'static str,
    name: &str,
    entry: &'f Yaml,
    errors: &mut Vec<Error>,
) {
    for (of, version) in files_of(kind, name, entry) {
        let patch = Patch {
            file,
            node: entry,
            version,
        };
        if let Some(other) = patches.insert((kind, file.package.as_str(), of.clone()), patch) {
            let message = format!("`{of}` is described twice under `{kind}:`");
            errors.push(
                Error::new(codes::D1007, message)
                    .at(file.document.source.place(entry.span.clone()))
                    .with("first in", &other.file.file.show),
            );
        }
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
        let description = describe(entry)?;
        columns.insert(
            name.clone(),
            Column {
                dimension: column_dimension(file, entry, &name, &description)?,
                entity: column_entity(file, entry, &name, &description)?,
                name,
                description,
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
                granularity: entry.get("granularity").and_then(Yaml::scalar_text),
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
