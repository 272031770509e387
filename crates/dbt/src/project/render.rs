//! Renders the templates inside a YAML tree and keeps the places of its values.

use diagnostic::{Result, Source};
use serde_json::Value as Json;
use yaml::{Document, Node, Value};

/// Whether a text needs rendering at all.
#[must_use]
pub fn is_template(text: &str) -> bool {
    text.contains("{{") || text.contains("{%") || text.contains("{#")
}

/// What renders one text of a YAML file; the result keeps its type where the text is one expression.
pub type Renderer<'r> = dyn Fn(&str) -> Result<Json> + 'r;

/// A copy of `document` in which every text is rendered, except under the paths of keys that
/// `skip` says. A failure points at the text.
///
/// # Errors
/// The first one of `render`, placed.
pub fn render_document(
    document: &Document,
    skip: &dyn Fn(&[&str]) -> bool,
    render: &Renderer<'_>,
) -> Result<Document> {
    let root = render_node(&document.source, &document.root, skip, render)?;
    Ok(Document {
        root,
        ..document.clone()
    })
}

/// As [`render_document`], for one node.
///
/// # Errors
/// As [`render_document`].
pub fn render_node(
    source: &Source,
    node: &Node,
    skip: &dyn Fn(&[&str]) -> bool,
    render: &Renderer<'_>,
) -> Result<Node> {
    Walk {
        source,
        skip,
        render,
    }
    .node(node, &mut Vec::new())
}

struct Walk<'w> {
    source: &'w Source,
    skip: &'w dyn Fn(&[&str]) -> bool,
    render: &'w Renderer<'w>,
}

impl Walk<'_> {
    fn node<'n>(&self, node: &'n Node, path: &mut Vec<&'n str>) -> Result<Node> {
        let value = match &node.value {
            Value::String(text) if is_template(text) && !(self.skip)(path) => {
                let place = self.source.place(node.span.clone());
                let rendered = (self.render)(text).map_err(|error| replace(error, place))?;
                from_json(&rendered, node)
            }
            Value::Sequence(items) => {
                let items = items.iter().map(|item| self.node(item, path));
                Value::Sequence(items.collect::<Result<_>>()?)
            }
            Value::Mapping(entries) => {
                let mut rendered = Vec::with_capacity(entries.len());
                for (key, value) in entries {
                    path.push(key.as_str().unwrap_or_default());
                    rendered.push((key.clone(), self.node(value, path)?));
                    path.pop();
                }
                Value::Mapping(rendered)
            }
            other => other.clone(),
        };
        Ok(Node {
            span: node.span.clone(),
            value,
            plain: node.plain,
        })
    }
}

/// The same error, shown where the text stands in the file instead of inside the text.
fn replace(error: diagnostic::Error, place: diagnostic::Place) -> diagnostic::Error {
    let mut moved = diagnostic::Error::new(error.code(), error.message()).at(place);
    for (key, value) in error.context() {
        moved = moved.with(key, value);
    }
    match error.remedy() {
        Some(help) => moved.help(help),
        None => moved,
    }
}

fn from_json(json: &Json, at: &Node) -> Value {
    let node = |json: &Json| Node {
        span: at.span.clone(),
        value: from_json(json, at),
        plain: false,
    };
    match json {
        Json::Null => Value::Null,
        Json::Bool(truth) => Value::Bool(*truth),
        Json::Number(number) => match number.as_i64() {
            Some(number) => Value::Int(number),
            None => Value::Float(number.as_f64().unwrap_or(f64::NAN)),
        },
        Json::String(text) => Value::String(text.clone()),
        Json::Array(items) => Value::Sequence(items.iter().map(node).collect()),
        Json::Object(entries) => Value::Mapping(
            entries
                .iter()
                .map(|(key, value)| (node(&Json::String(key.clone())), node(value)))
                .collect(),
        ),
    }
}
