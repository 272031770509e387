//! Files with code or data: models, analyses, singular tests, snapshots, seeds.

use diagnostic::{Error, Result, Source, codes};
use jinja::Template;
use jinja::ast::MacroKind;
use serde_json::{Map, Value as Json};
use yaml::Node as Yaml;

use super::Parser;
use super::draft::{self, Layers};
use super::files::{self, SourceFile};
use super::properties::{Patch, columns_of, config_of};
use crate::node::{Node, ResourceType};
use crate::project::file::ProjectFile;

/// One file to parse.
pub struct Job<'p> {
    /// Its package.
    pub package: &'p ProjectFile,
    /// The file.
    pub file: SourceFile,
    /// What is in it.
    pub resource: ResourceType,
}

/// The key of properties files for what `resource` is.
pub(super) fn patch_key(resource: ResourceType) -> &'static str {
    match resource {
        ResourceType::Seed => "seeds",
        ResourceType::Snapshot => "snapshots",
        ResourceType::Analysis => "analyses",
        ResourceType::Test => "data_tests",
        _ => "models",
    }
}

impl Parser<'_> {
    /// The nodes of one file.
    ///
    /// # Errors
    /// Whatever its code raises, with the node's name.
    pub fn code_file(&self, job: &Job<'_>) -> Result<Vec<Node>> {
        match job.resource {
            ResourceType::Seed => self.seed(job).map(|node| vec![node]),
            ResourceType::Snapshot => self.snapshot_file(job),
            _ => self.sql_file(job).map(|node| vec![node]),
        }
    }

    /// The properties of `name`.
    pub fn patch(&self, resource: ResourceType, package: &str, name: &str) -> Option<Patch<'_>> {
        let key = patch_key(resource);
        self.patches.get(&(key, package, name.to_owned())).copied()
    }

    fn sql_file(&self, job: &Job<'_>) -> Result<Node> {
        let package = &job.package.name;
        let stem = job.file.stem().to_owned();
        let patch = self.patch(job.resource, package, &stem);
        let fqn_path = match job.resource {
            ResourceType::Analysis if !draft::corrected_analyses(self.project) => {
                format!("analysis/{}", job.file.path)
            }
            _ => job.file.path.clone(),
        };
        let fqn = files::fqn(package, &fqn_path, &stem);
        let mut node = draft::blank(self.project, job.resource, package, &stem, fqn);
        let text = job.file.read()?;
        node.checksum = files::code_checksum(&text);
        node.path = fqn_path;
        node.original_file_path.clone_from(&job.file.original);
        if job.file.path.ends_with(".py") {
            node.language = "python";
        }
        let (raw, start) = stripped(&text);
        node.raw_code = raw.to_owned();
        let mut layer = Map::new();
        if let Some(patch) = patch {
            layer.extend(self.apply(&mut node, patch)?);
        }
        if node.language == "python" && !layer.contains_key("materialized") {
            layer.insert("materialized".to_owned(), Json::from("table"));
        }
        let layers = Layers::new(self.project, job.package, job.resource, &node.fqn, layer);
        // The whole file is the source, so that places count its leading blank lines.
        let source = if start == 0 && raw.len() == text.len() {
            Source::new(job.file.show.as_str(), text)
        } else {
            Source::new(job.file.show.as_str(), text[..start + raw.len()].to_owned())
        };
        draft::complete(self.project, &mut node, &source, &layers)?;
        if node.language == "python" {
            super::python::refuse_broken(self.project, &node, &source)?;
        }
        check_contract(&node)?;
        Ok(node)
    }

    fn seed(&self, job: &Job<'_>) -> Result<Node> {
        let package = &job.package.name;
        let stem = job.file.stem().to_owned();
        let fqn = files::fqn(package, &job.file.path, &stem);
        let mut node = draft::blank(self.project, ResourceType::Seed, package, &stem, fqn);
        let bytes = job.file.bytes()?;
        node.checksum = files::seed_checksum(&bytes);
        node.path.clone_from(&job.file.path);
        node.original_file_path.clone_from(&job.file.original);
        node.root_path = Some(job.package.root.display().to_string());
        let layer = match self.patch(ResourceType::Seed, package, &stem) {
            Some(patch) => self.apply(&mut node, patch)?,
            None => Map::new(),
        };
        let layers = Layers::new(
            self.project,
            job.package,
            ResourceType::Seed,
            &node.fqn,
            layer,
        );
        draft::finish(self.project, &mut node, &layers, &Default::default())?;
        Ok(node)
    }

    /// The `{% snapshot %}` blocks of a file.
    fn snapshot_file(&self, job: &Job<'_>) -> Result<Vec<Node>> {
        let package = &job.package.name;
        let text = job.file.read()?;
        let checksum = files::code_checksum(&text);
        let source = Source::new(job.file.show.as_str(), text);
        let template = Template::blocks(&source, &["snapshot"])?;
        let mut nodes = Vec::new();
        for block in template
            .definitions()
            .filter(|d| d.kind == MacroKind::Snapshot)
        {
            let name = block.label.to_string();
            // The name of the file is a folder in the names of its snapshots.
            let stem = job
                .file
                .path
                .rsplit_once('.')
                .map_or(job.file.path.as_str(), |(s, _)| s);
            let fqn = files::fqn(package, &format!("{stem}/x"), &name);
            let mut node = draft::blank(self.project, ResourceType::Snapshot, package, &name, fqn);
            node.checksum.clone_from(&checksum);
            node.path.clone_from(&job.file.path);
            node.original_file_path.clone_from(&job.file.original);
            node.raw_code = block.body_text().to_owned();
            let layer = match self.patch(ResourceType::Snapshot, package, &name) {
                Some(patch) => self.apply(&mut node, patch)?,
                None => Map::new(),
            };
            let layers = Layers::new(
                self.project,
                job.package,
                ResourceType::Snapshot,
                &node.fqn,
                layer,
            );
            let body = block_source(&source, block.body_span.range());
            draft::complete(self.project, &mut node, &body, &layers)?;
            check_snapshot(&node, &source, block.name_span.range())?;
            nodes.push(node);
        }
        Ok(nodes)
    }

    /// A snapshot that a properties file defines with `relation:`.
    ///
    /// # Errors
    /// Whatever its relation or configuration raises.
    pub fn yaml_snapshot(
        &self,
        package: &ProjectFile,
        patch: Patch<'_>,
        relation: &Yaml,
    ) -> Result<Node> {
        let file = &patch.file.file;
        let name = patch.file.name_of(patch.node)?;
        let fqn = files::fqn(&package.name, &file.path, name);
        let mut node = draft::blank(
            self.project,
            ResourceType::Snapshot,
            &package.name,
            name,
            fqn,
        );
        let relation_text = relation.expect_str(&patch.file.document)?;
        node.raw_code = format!("select * from {{{{ {relation_text} }}}}");
        node.checksum = files::code_checksum(&patch.file.document.source.text);
        node.path = format!("{name}.sql");
        node.original_file_path.clone_from(&file.original);
        let layer = self.apply(&mut node, patch)?;
        let layers = Layers::new(
            self.project,
            package,
            ResourceType::Snapshot,
            &node.fqn,
            layer,
        );
        let source = Source::new(file.show.as_str(), node.raw_code.as_str());
        draft::complete(self.project, &mut node, &source, &layers)
            .map_err(|error| error.at(patch.file.document.source.place(relation.span.clone())))?;
        check_snapshot(&node, &patch.file.document.source, patch.node.span.clone())?;
        Ok(node)
    }

    /// Puts description, columns and version of a properties entry on `node`; returns its
    /// configuration.
    ///
    /// # Errors
    /// What descriptions raise.
    pub fn apply(&self, node: &mut Node, patch: Patch<'_>) -> Result<Map<String, Json>> {
        let describe = |entry: &Yaml| self.describe(patch.file, entry);
        let entry = patch.node;
        node.description = describe(entry)?;
        node.doc_blocks = self.doc_blocks(patch.file, entry);
        node.columns = columns_of(patch.file, entry, &describe, &|entry| {
            self.doc_blocks(patch.file, entry)
        })?;
        node.patch_path = Some(patch.file.patch_path());
        // A version has a date of its own, or none.
        let dated = patch.version.unwrap_or(entry);
        node.deprecation_date = dated
            .get("deprecation_date")
            .filter(|date| !date.is_null())
            .and_then(Yaml::scalar_text);
        if let Some(date) = node.deprecation_date.as_deref()
            && super::deprecated::moment(date).is_none()
        {
            let message = format!(
                "The `deprecation_date:` of `{}` is no date: `{date}`",
                node.name
            );
            return Err(patch.file.refuse(dated, message));
        }
        if let Some(Json::Object(mut spine)) = entry.get("time_spine").map(Yaml::to_json) {
            spine
                .entry("custom_granularities")
                .or_insert_with(|| serde_json::json!([]));
            node.time_spine = Json::Object(spine);
        }
        if let Some(list) = entry.get("constraints") {
            node.constraints = list.items().iter().map(Yaml::to_json).collect();
        }
        let mut config = config_of(entry);
        if let Some(version) = patch.version {
            let name = patch.file.name_of(entry)?.to_owned();
            let number = version.get("v").map_or(Json::Null, Yaml::to_json);
            let shown = number
                .as_str()
                .map_or_else(|| number.to_string(), str::to_owned);
            node.unique_id = format!("model.{}.{name}.v{shown}", node.package);
            node.name.clone_from(&name);
            if let Some(last) = node.fqn.last_mut() {
                last.clone_from(&name);
            }
            node.fqn.push(format!("v{shown}"));
            node.latest_version = entry.get("latest_version").map(Yaml::to_json).or_else(|| {
                let all = entry.get("versions").map(Yaml::items).unwrap_or_default();
                let numbers = all.iter().filter_map(|v| v.get("v"));
                numbers.max_by(|a, b| order(a, b)).map(Yaml::to_json)
            });
            node.version = Some(number);
            if version.get("description").is_some() {
                node.description = describe(version)?;
            }
            if version.get("columns").is_some() {
                let own = columns_of(patch.file, version, &describe, &|entry| {
                    self.doc_blocks(patch.file, entry)
                })?;
                node.columns.extend(own);
            }
            config.extend(config_of(version));
        }
        Ok(config)
    }
}

fn order(a: &Yaml, b: &Yaml) -> std::cmp::Ordering {
    match (a.as_float(), b.as_float()) {
        (Some(a), Some(b)) => a.total_cmp(&b),
        _ => a.scalar_text().cmp(&b.scalar_text()),
    }
}

/// The text without blanks around it, and where it starts.
fn stripped(text: &str) -> (&str, usize) {
    let raw = text.trim();
    (raw, text.len() - text.trim_start().len())
}

/// The body of a block as a source in which places are those of the file: everything before it is
/// blanked out.
fn block_source(source: &Source, body: std::ops::Range<usize>) -> Source {
    let before = source.text.get(..body.start).unwrap_or_default();
    let mut text: String = before
        .chars()
        .map(|c| if c == '\n' { '\n' } else { ' ' })
        .collect();
    text.push_str(source.text.get(body).unwrap_or_default());
    Source::new(source.name.to_string(), text)
}

/// A model with a contract names its columns, and if it is incremental may not leave its table behind them.
fn check_contract(node: &Node) -> Result<()> {
    let enforced = node.config.get("contract");
    let enforced = enforced.and_then(|contract| contract.get("enforced")?.as_bool());
    let enforced = enforced == Some(true) && node.config.enabled();
    if enforced && node.resource_type == ResourceType::Model && node.columns.is_empty() {
        let message = format!("The model `{}` has a contract, but no columns", node.name);
        return Err(Error::new(codes::D1051, message)
            .with("file", &node.original_file_path)
            .help("describe its columns with their types under `columns:` of a properties file"));
    }
    let mode = node.config.text("on_schema_change").unwrap_or("ignore");
    let refused = enforced
        && node.config.materialized() == "incremental"
        && !matches!(mode, "append_new_columns" | "fail");
    if !refused {
        return Ok(());
    }
    let message = format!(
        "The incremental model `{}` has a contract, so `on_schema_change: {mode}` is not allowed",
        node.name
    );
    Err(Error::new(codes::D1051, message)
        .with("file", &node.original_file_path)
        .help("set `on_schema_change` to `append_new_columns` or `fail`"))
}

fn check_snapshot(node: &Node, source: &Source, span: std::ops::Range<usize>) -> Result<()> {
    if !node.config.enabled() {
        return Ok(());
    }
    let invalid = |why: String| {
        let message = format!("The snapshot `{}` {why}", node.name);
        Err(Error::new(codes::D1051, message).at(source.place(span.clone())))
    };
    let Some(strategy) = node.config.text("strategy") else {
        return invalid("needs `strategy`: `timestamp` or `check`".to_owned());
    };
    if node.config.get("unique_key").is_none() {
        return invalid("needs `unique_key`".to_owned());
    }
    match strategy {
        "timestamp" if node.config.get("updated_at").is_none() => {
            invalid("with strategy `timestamp` needs `updated_at`".to_owned())
        }
        "check" if node.config.get("check_cols").is_none() => {
            invalid("with strategy `check` needs `check_cols`".to_owned())
        }
        _ => Ok(()),
    }
}
