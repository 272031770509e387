//! Nodes of generic tests.

use std::sync::Arc;

use diagnostic::{Error, Result, Source, codes};
use jinja::{Dict, Template, Value};
use serde_json::{Map, Value as Json};
use yaml::Node as Yaml;

use super::Parser;
use super::draft::{self, Layers};
use super::files;
use super::generic_test::{TestSpec, TestTarget};
use super::properties::{PropertyFile, columns_of, config_of, list_of_texts, tests_of};
use crate::context::{Captured, Context};
use crate::macros::MacroEntry;
use crate::node::{Node, ResourceType, TestMetadata};
use crate::project::file::ProjectFile;
use crate::project::render::is_template;
use crate::warning::Warnings;

/// What the tests of an entry stand under.
pub struct Under<'u> {
    /// The properties file.
    pub file: &'u PropertyFile,
    /// `models`, `sources`, …
    pub key: &'static str,
    /// The name in test names.
    pub name: &'u str,
    /// The name of the entry in the properties file.
    pub entry: &'u str,
    /// Tags its tests have.
    pub tags: Vec<String>,
    /// The expression for the `model` argument.
    pub call: String,
    /// The node.
    pub attached: Option<String>,
}

impl Parser<'_> {
    /// The tests of an entry and of its columns.
    pub fn generic_tests(
        &self,
        package: &ProjectFile,
        entry: &Yaml,
        under: &Under<'_>,
        errors: &mut Vec<Error>,
        warnings: &mut Warnings,
    ) -> Vec<Node> {
        let mut nodes = Vec::new();
        let mut add = |test: &Yaml, column: Option<(&str, bool)>, tags: Vec<String>| {
            let quoted;
            let column_name = match column {
                // A column that needs quotes is passed with them.
                Some((name, true)) => {
                    let quote = self.project.connection.quote_character();
                    quoted = format!("{quote}{name}{quote}");
                    Some(quoted.as_str())
                }
                Some((name, false)) => Some(name),
                None => None,
            };
            let target = TestTarget {
                name: under.name,
                is_source: under.key == "sources",
                call: under.call.clone(),
                column: column_name,
            };
            let document = &under.file.document;
            let node = TestSpec::read(document, test, &target, warnings).and_then(|spec| {
                self.generic_test(package, under, spec, column.map(|(name, _)| name), tags)
                    .map_err(|error| error.at(document.source.place(test.span.clone())))
            });
            match node {
                Ok(node) => nodes.push(node),
                Err(error) => errors.push(error),
            }
        };
        for test in tests_of(entry) {
            add(test, None, Vec::new());
        }
        for column in entry.get("columns").map(Yaml::items).unwrap_or_default() {
            let Some(name) = column.get("name").and_then(Yaml::as_str) else {
                continue;
            };
            let quoted = column.get("quote").and_then(Yaml::as_bool) == Some(true);
            let tags = config_of(column)
                .get("tags")
                .map(list_of_texts)
                .unwrap_or_default();
            for test in tests_of(column) {
                add(test, Some((name, quoted)), tags.clone());
            }
        }
        nodes
    }

    fn generic_test(
        &self,
        package: &ProjectFile,
        under: &Under<'_>,
        spec: TestSpec,
        column: Option<&str>,
        tags: Vec<String>,
    ) -> Result<Node> {
        let file = &under.file.file;
        let fqn = files::fqn(&package.name, &file.path, &spec.full_name);
        let mut node = draft::blank(
            self.project,
            ResourceType::Test,
            &package.name,
            &spec.full_name,
            fqn,
        );
        node.unique_id = format!("test.{}.{}.{}", package.name, spec.full_name, spec.hash());
        node.path = format!("{}.sql", spec.short_name);
        node.original_file_path.clone_from(&file.original);
        node.raw_code = spec.raw_code();
        node.description.clone_from(&spec.description);
        node.column_name = column.map(str::to_owned);
        node.attached_node.clone_from(&under.attached);
        node.file_key_name = Some(format!("{}.{}", under.key, under.entry));
        node.own_tags.clone_from(&under.tags);
        node.test_metadata = Some(TestMetadata {
            namespace: spec.namespace.clone(),
            name: spec.name.clone(),
            kwargs: spec.kwargs.clone(),
        });
        let context = Context::parsing(self.project, &package.name, Some(Arc::new(node.clone())));
        let config = render_config(&context, &spec.config)?;
        let mut layer = Map::new();
        if !tags.is_empty() {
            layer.insert("tags".to_owned(), tags.into());
        }
        layer.extend(Map::new());
        let layers = Layers::new(self.project, package, ResourceType::Test, &node.fqn, layer);
        let captured = self.capture(&context, &spec, config, &node)?;
        draft::finish(self.project, &mut node, &layers, &captured)?;
        // What the test's macro configures is not written at the test.
        let around = layers.written(&[]);
        node.unrendered_config
            .retain(|key, _| spec.config.contains_key(key) || around.contains_key(key));
        Ok(node)
    }

    /// What a test refers to. The tests everybody uses are known to refer to nothing else than
    /// their arguments, so only those are rendered.
    fn capture(
        &self,
        context: &Context,
        spec: &TestSpec,
        config: Map<String, Json>,
        node: &Node,
    ) -> Result<Captured> {
        let kwargs = test_kwargs(context, &spec.kwargs)?;
        let name = format!("test_{}", spec.name);
        let found = match &spec.namespace {
            Some(namespace) => self.project.macros.in_package(namespace, &name),
            None => self.project.macros.find(&node.package, &name),
        };
        let built_in = found.is_some_and(|entry| &*entry.package == crate::macros::BUILT_IN);
        match found {
            Some(entry) if built_in => {
                let mut captured = context.captured();
                captured.config = vec![config];
                captured
                    .macros
                    .shift_insert(0, Arc::clone(&entry.unique_id));
                match spec.name.as_str() {
                    // dbt does not render these either, and finds out when they are run.
                    "unique" | "not_null" => captured.macros.truncate(1),
                    _ => refuse_unknown_arguments(entry, &spec.kwargs)?,
                }
                Ok(captured)
            }
            Some(_) => {
                context.0.extra.insert("_dbt_generic_test_kwargs", kwargs);
                let source = Source::new(node.path.as_str(), node.raw_code.as_str());
                context.render(&Template::parse(&source)?)?;
                let mut captured = context.captured();
                if let Some(entry) = found {
                    captured.macros.shift_remove(&entry.unique_id);
                    captured
                        .macros
                        .shift_insert(0, Arc::clone(&entry.unique_id));
                }
                // What the text of the entry says, exactly as written, wins over its rendering.
                captured.config.push(config);
                Ok(captured)
            }
            None => {
                let called = spec.macro_name();
                let names = self
                    .project
                    .macros
                    .iter()
                    .map(|entry| &*entry.definition.name);
                let message = format!(
                    "There is no generic test `{}` (macro `{called}`)",
                    spec.name
                );
                Err(Error::new(codes::D2004, message).suggest(&name, names))
            }
        }
    }

    /// The tests that a properties file describes, for a source table.
    ///
    /// # Errors
    /// None at present; descriptions of columns are rendered with the source.
    pub fn columns(
        &self,
        file: &PropertyFile,
        entry: &Yaml,
    ) -> Result<indexmap::IndexMap<String, crate::node::Column>> {
        columns_of(file, entry, &|entry| self.describe(file, entry), &|entry| {
            self.doc_blocks(file, entry)
        })
    }
}

/// Refuses arguments that the macro of a test does not take.
fn refuse_unknown_arguments(entry: &MacroEntry, kwargs: &Map<String, Json>) -> Result<()> {
    let definition = &entry.definition;
    let names = || {
        definition
            .parameters
            .iter()
            .map(|parameter| &*parameter.name)
    };
    let unknown = kwargs.keys().find(|key| !names().any(|name| name == *key));
    match unknown.filter(|_| !definition.takes.kwargs) {
        Some(name) => {
            let test = definition.name.trim_start_matches("test_");
            let message = format!("The test `{test}` takes no argument `{name}`");
            Err(Error::new(codes::D1041, message).suggest(name, names()))
        }
        None => Ok(()),
    }
}

/// The arguments of a generic test, rendered, as its code receives them.
///
/// # Errors
/// What rendering an argument raises.
pub fn test_kwargs(context: &Context, kwargs: &Map<String, Json>) -> Result<Value> {
    let dict = Dict::new();
    for (name, value) in kwargs {
        // A column's name is never a template.
        let value = if name == "column_name" {
            Value::from(value)
        } else {
            argument(context, value)?
        };
        dict.insert(name, value);
    }
    Ok(dict.into())
}

/// Whether a text is a bare call, such as `ref('orders')`, that stands for its value.
fn is_bare_call(text: &str) -> bool {
    let text = text.trim();
    let name = text.split('(').next().unwrap_or_default().trim_end();
    text.ends_with(')') && matches!(name, "ref" | "source" | "var" | "env_var" | "doc")
}

fn argument(context: &Context, value: &Json) -> Result<Value> {
    match value {
        Json::String(text) if is_template(text) => context.render_native(&Template::parse(
            &Source::new("test argument", text.as_str()),
        )?),
        Json::String(text) if is_bare_call(text) => {
            let source = Source::new("test argument", text.as_str());
            context.environment().eval_expression(&source, context)
        }
        Json::Array(items) => {
            let items = items.iter().map(|item| argument(context, item));
            Ok(Value::list(items.collect::<Result<Vec<_>>>()?))
        }
        Json::Object(map) => {
            let dict = Dict::new();
            for (key, value) in map {
                dict.insert(key, argument(context, value)?);
            }
            Ok(dict.into())
        }
        other => Ok(Value::from(other)),
    }
}

fn render_config(context: &Context, config: &Map<String, Json>) -> Result<Map<String, Json>> {
    let mut rendered = Map::new();
    for (key, value) in config {
        let value = match value {
            Json::String(text) if is_template(text) => argument(context, value)?.to_json()?,
            other => other.clone(),
        };
        rendered.insert(key.clone(), value);
    }
    Ok(rendered)
}
