//! [`ProjectFile`]: `dbt_project.yml`.

use std::path::{Path, PathBuf};

use diagnostic::{Error, Result, Source, codes};
use serde_json::{Map, Value as Json, json};
use yaml::{Document, Node};

use super::ignore::Ignored;
use super::render::{Renderer, render_document};
use super::version::{Version, fits};
use crate::context::DBT_VERSION;
use crate::warning::{Warning, Warnings};

/// The settings of one package, after rendering.
#[derive(Clone, Debug)]
pub struct ProjectFile {
    /// The folder of `dbt_project.yml`.
    pub root: PathBuf,
    /// What its `.dbtignore` leaves out.
    pub ignored: Ignored,
    /// The package's name.
    pub name: String,
    /// Its version, as written.
    pub version: Option<String>,
    /// The profile it connects by.
    pub profile: Option<String>,
    /// `require-dbt-version`, as written.
    pub require_dbt_version: Vec<String>,
    /// Folders of each kind, relative to the root.
    pub model_paths: Vec<String>,
    /// See `model_paths`.
    pub seed_paths: Vec<String>,
    /// See `model_paths`.
    pub test_paths: Vec<String>,
    /// See `model_paths`.
    pub analysis_paths: Vec<String>,
    /// See `model_paths`.
    pub macro_paths: Vec<String>,
    /// See `model_paths`.
    pub snapshot_paths: Vec<String>,
    /// See `model_paths`; by default all of the others.
    pub docs_paths: Vec<String>,
    /// Where artifacts go.
    pub target_path: String,
    /// Where logs go.
    pub log_path: String,
    /// What `clean` removes.
    pub clean_targets: Vec<String>,
    /// Where `deps` puts packages.
    pub packages_install_path: String,
    /// Which parts of relation names are quoted.
    pub quoting: Map<String, Json>,
    /// Statements before the nodes.
    pub on_run_start: Vec<String>,
    /// Statements after the nodes.
    pub on_run_end: Vec<String>,
    /// Which packages implement a package's macros: `macro_namespace` and `search_order`.
    pub dispatch: Vec<(String, Vec<String>)>,
    /// `vars:`, unrendered as in dbt.
    pub vars: Map<String, Json>,
    /// `flags:`.
    pub flags: Map<String, Json>,
    /// `query-comment:`, if written.
    pub query_comment: Option<Json>,
    /// Whether other packages may not use protected models.
    pub restrict_access: bool,
    /// The sections `models`, `seeds`, … by name.
    sections: Map<String, Json>,
    /// The document before rendering, for `unrendered_config`.
    unrendered: Map<String, Json>,
    /// Where its hooks stand, for messages.
    pub source: Source,
}

/// Keys that hold the configuration of resources.
pub(crate) const SECTIONS: &[&str] = &[
    "models",
    "seeds",
    "snapshots",
    "analyses",
    "sources",
    "tests",
    "data_tests",
    "unit_tests",
    "metrics",
    "semantic-models",
    "saved-queries",
    "exposures",
    "functions",
];

const KNOWN: &[&str] = &[
    "name",
    "version",
    "config-version",
    "profile",
    "source-paths",
    "model-paths",
    "macro-paths",
    "data-paths",
    "seed-paths",
    "test-paths",
    "analysis-paths",
    "docs-paths",
    "asset-paths",
    "function-paths",
    "osi-paths",
    "target-path",
    "snapshot-paths",
    "clean-targets",
    "log-path",
    "packages-install-path",
    "modules-path",
    "quoting",
    "on-run-start",
    "on-run-end",
    "require-dbt-version",
    "dispatch",
    "vars",
    "packages",
    "query-comment",
    "restrict-access",
    "dbt-cloud",
    "flags",
    "anchors",
];

/// The versions of dbt whose projects are read: the last of v1, and v2, which reads the same projects.
const READ_AS: [&str; 2] = [DBT_VERSION, "2.0.0"];

impl ProjectFile {
    /// Reads the `dbt_project.yml` in `root`; `show` is its name in messages.
    ///
    /// # Errors
    /// `D1001` if there is none, `C0001`/`C0002` if it makes no sense, `D1002` for a bad name.
    pub fn load(
        root: &Path,
        show: &str,
        render: &Renderer<'_>,
        warnings: &mut Warnings,
    ) -> Result<Self> {
        let path = root.join("dbt_project.yml");
        let text = std::fs::read_to_string(&path).map_err(|cause| {
            let message = format!(
                "There is no readable dbt_project.yml in `{}`",
                root.display()
            );
            Error::new(codes::D1001, message)
                .because(cause)
                .help("run this in the folder of a dbt project, or name it with --project-dir")
        })?;
        let source = Source::new(show, text);
        let raw = yaml::parse(&source)?;
        warnings.duplicate_keys(&raw);
        let document = render_document(&raw, &unrendered_path, render)?;
        Self::read(root, &raw, &document, warnings)
    }

    fn read(
        root: &Path,
        raw: &Document,
        document: &Document,
        warnings: &mut Warnings,
    ) -> Result<Self> {
        let node = &document.root;
        node.expect_mapping(document)?;
        let name_node = document.require(node, "name")?;
        let name = name_node.expect_str(document)?.to_owned();
        let letters = |c: char| c.is_alphanumeric() || c == '_';
        if name.is_empty()
            || name.starts_with(|c: char| c.is_ascii_digit())
            || !name.chars().all(letters)
        {
            let message = format!("`{name}` is not a valid project name");
            return Err(Error::new(codes::D1002, message)
                .at(document.source.place(name_node.span.clone()))
                .help(
                    "a project name has letters, digits and underscores, and no digit in front",
                ));
        }
        for (key, _) in node.entries() {
            let key_text = key.key_text();
            if !KNOWN.contains(&key_text.as_str()) && !SECTIONS.contains(&key_text.as_str()) {
                let message = format!(
                    "`{key_text}` in `{}` is not a setting of dbt",
                    document.source.name
                );
                let known = KNOWN.iter().chain(SECTIONS).copied();
                return Err(Error::new(codes::C0003, message)
                    .at(document.source.place(key.span.clone()))
                    .suggest(&key_text, known));
            }
        }
        for section in SECTIONS
            .iter()
            .chain(&["vars", "quoting", "flags", "dbt-cloud"])
        {
            if let Some(section) = node.get(section).filter(|section| !section.is_null()) {
                section.expect_mapping(document)?;
            }
        }
        let deprecated = [
            ("source-paths", "model-paths", "ConfigSourcePathDeprecation"),
            ("data-paths", "seed-paths", "ConfigDataPathDeprecation"),
        ];
        for (old, new, event) in deprecated {
            if let Some((key, _)) = node.entry(old) {
                let message = format!("`{old}` has been renamed to `{new}`");
                warnings
                    .add(Warning::new(event, message).at(document.source.place(key.span.clone())));
            }
        }
        let paths = |keys: &[&str], default: &[&str]| -> Result<Vec<String>> {
            match keys.iter().find_map(|key| node.get(key)) {
                Some(node) => {
                    let mut list: Vec<String> = Vec::new();
                    for path in node.expect_strings(document)? {
                        let path = path
                            .trim_start_matches("./")
                            .trim_end_matches('/')
                            .to_owned();
                        if !list.contains(&path) {
                            list.push(path);
                        }
                    }
                    Ok(list)
                }
                None => Ok(default.iter().map(|path| (*path).to_owned()).collect()),
            }
        };
        let text = |key: &str| {
            node.get(key)
                .filter(|n| !n.is_null())
                .and_then(Node::scalar_text)
        };
        let map = |node: &Node, key: &str| match node.get(key).map(Node::to_json) {
            Some(Json::Object(map)) => map,
            _ => Map::new(),
        };
        let strings = |key: &str| match node.get(key) {
            Some(node) => node.expect_strings(document),
            None => Ok(Vec::new()),
        };
        let target_path = text("target-path").unwrap_or_else(|| "target".to_owned());
        let model_paths = paths(&["model-paths", "source-paths"], &["models"])?;
        let seed_paths = paths(&["seed-paths", "data-paths"], &["seeds"])?;
        let analysis_paths = paths(&["analysis-paths"], &["analyses"])?;
        let macro_paths = paths(&["macro-paths"], &["macros"])?;
        let snapshot_paths = paths(&["snapshot-paths"], &["snapshots"])?;
        let test_paths = paths(&["test-paths"], &["tests"])?;
        let function_paths = paths(&["function-paths"], &["functions"])?;
        let all = [
            &model_paths,
            &seed_paths,
            &snapshot_paths,
            &analysis_paths,
            &macro_paths,
            &test_paths,
            &function_paths,
        ];
        let mut everywhere: Vec<&str> = Vec::new();
        for path in all.into_iter().flatten() {
            if !everywhere.contains(&path.as_str()) {
                everywhere.push(path);
            }
        }
        let docs_paths = paths(&["docs-paths"], &everywhere)?;
        let mut sections = Map::new();
        for section in SECTIONS {
            sections.insert(
                (*section).to_owned(),
                node.get(section).map_or(json!({}), Node::to_json),
            );
        }
        Ok(Self {
            root: root.to_owned(),
            ignored: Ignored::of(root),
            name,
            version: text("version"),
            profile: text("profile"),
            require_dbt_version: strings("require-dbt-version")?,
            model_paths,
            seed_paths,
            test_paths,
            analysis_paths,
            macro_paths,
            snapshot_paths,
            docs_paths,
            clean_targets: match node.get("clean-targets") {
                Some(list) => list.expect_strings(document)?,
                None => vec![target_path.clone()],
            },
            target_path,
            log_path: text("log-path").unwrap_or_else(|| "logs".to_owned()),
            packages_install_path: text("packages-install-path")
                .or_else(|| text("modules-path"))
                .unwrap_or_else(|| "dbt_packages".to_owned()),
            quoting: map(node, "quoting"),
            on_run_start: strings("on-run-start")?,
            on_run_end: strings("on-run-end")?,
            dispatch: dispatch(document)?,
            vars: map(node, "vars"),
            flags: map(node, "flags"),
            query_comment: node.get("query-comment").map(Node::to_json),
            restrict_access: node.get("restrict-access").and_then(Node::as_bool) == Some(true),
            sections,
            unrendered: match raw.root.to_json() {
                Json::Object(map) => map,
                _ => Map::new(),
            },
            source: document.source.clone(),
        })
    }

    /// The configuration section for a kind of resource. `tests` and `data_tests` are one.
    #[must_use]
    pub fn section(&self, name: &str) -> &Json {
        let empty = |json: &&Json| json.as_object().is_none_or(Map::is_empty);
        let section = self.sections.get(name).filter(|json| !empty(json));
        let section = section.or_else(|| match name {
            "data_tests" => self.sections.get("tests"),
            _ => None,
        });
        section.unwrap_or(&Json::Null)
    }

    /// Refuses a project that asks for other versions of dbt than those whose projects are read here as
    /// they read them (<https://docs.getdbt.com/reference/project-configs/require-dbt-version>).
    ///
    /// # Errors
    /// `E2001` if none of [`READ_AS`] fits.
    pub fn refuse_other_versions(&self) -> Result<()> {
        let wanted = &self.require_dbt_version;
        let mut read_as = READ_AS.iter().filter_map(|version| Version::parse(version));
        if read_as.any(|version| fits(&version, wanted)) {
            return Ok(());
        }
        let message = format!(
            "`{}` asks for dbt {}, and projects are read as dbt {DBT_VERSION} reads them",
            self.name,
            wanted.join(", ")
        );
        Err(Error::new(codes::E2001, message)
            .with("file", &self.source.name)
            .help("run the command with `--no-version-check`, or take a version that fits"))
    }

    /// The same before rendering.
    #[must_use]
    pub fn unrendered_section(&self, name: &str) -> &Json {
        self.unrendered.get(name).unwrap_or(&Json::Null)
    }

    /// All folders that may hold properties files, with the kind of thing in them.
    #[must_use]
    pub fn property_paths(&self) -> Vec<&str> {
        let lists = [
            &self.model_paths,
            &self.seed_paths,
            &self.snapshot_paths,
            &self.analysis_paths,
            &self.macro_paths,
            &self.test_paths,
        ];
        let mut all: Vec<&str> = Vec::new();
        for path in lists.into_iter().flatten() {
            if !all.contains(&path.as_str()) {
                all.push(path);
            }
        }
        all
    }
}

/// What dbt leaves unrendered in `dbt_project.yml`: it is rendered when used, or never.
fn unrendered_path(path: &[&str]) -> bool {
    match path.first() {
        Some(&("on-run-start" | "on-run-end" | "query-comment" | "vars")) => true,
        Some(section) if SECTIONS.contains(section) => path.iter().any(|key| {
            let key = key.trim_start_matches(['+', ' ']);
            matches!(key, "pre-hook" | "post-hook" | "pre_hook" | "post_hook")
        }),
        _ => false,
    }
}

fn dispatch(document: &Document) -> Result<Vec<(String, Vec<String>)>> {
    let mut all = Vec::new();
    let Some(list) = document.root.get("dispatch") else {
        return Ok(all);
    };
    for entry in list.expect_sequence(document)? {
        let namespace = document
            .require(entry, "macro_namespace")?
            .expect_str(document)?;
        let order = document
            .require(entry, "search_order")?
            .expect_strings(document)?;
        all.push((namespace.to_owned(), order));
    }
    Ok(all)
}
