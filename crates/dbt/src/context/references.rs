//! `ref` and `source`.

use std::sync::Arc;

use diagnostic::{Error, Result, codes};
use jinja::{Arguments, CallContext, Object, Value};

use super::relation::{Parts, Relation};
use super::{Batch, Phase, Rendering};
use crate::node::{Node, Ref, ResourceType, SourceRef};

/// The function `name`.
pub(super) fn value(rendering: &Arc<Rendering>, name: &str) -> Option<Value> {
    let this = Arc::clone(rendering);
    Some(match name {
        "ref" => Value::object(Reference {
            rendering: this,
            source: false,
        }),
        "source" => Value::object(Reference {
            rendering: this,
            source: true,
        }),
        "metric" => Value::function("metric", move |_, arguments| {
            let [first, second] = arguments.bind("metric", ["name", "package"], 1)?;
            let name = second.or(first).map(|name| name.to_string());
            let name = name.unwrap_or_default();
            this.note(|captured| {
                if !captured.metrics.contains(&name) {
                    captured.metrics.push(name.clone());
                }
            });
            Ok(name.into())
        }),
        "function" => return None,
        _ => return None,
    })
}

/// `ref` or `source`. Packages read the settings of the run from its attribute `config`.
struct Reference {
    rendering: Arc<Rendering>,
    source: bool,
}

impl Object for Reference {
    fn type_name(&self) -> &str {
        if self.source { "source" } else { "ref" }
    }

    fn call(&self, _: &mut CallContext<'_>, arguments: Arguments) -> Result<Value> {
        match self.source {
            true => self.rendering.source(arguments),
            false => self.rendering.reference(arguments),
        }
    }

    fn callable(&self) -> bool {
        true
    }

    fn get_attr(&self, name: &str) -> Result<Option<Value>> {
        Ok(match name {
            "config" => Some(super::builtins::runtime_config(&self.rendering)),
            "current_project" => Some(self.rendering.project.root.name.as_str().into()),
            "package_name" => Some(self.rendering.package.as_str().into()),
            _ => None,
        })
    }
}

impl Rendering {
    fn reference(&self, arguments: Arguments) -> Result<Value> {
        let call = read_ref(arguments)?;
        match self.phase {
            Phase::Parse => {
                self.note(|captured| captured.refs.push(call));
                Ok(self.this_or_nothing())
            }
            Phase::Run => self.resolve_ref(&call),
        }
    }

    fn source(&self, arguments: Arguments) -> Result<Value> {
        let call = read_source(arguments)?;
        match self.phase {
            Phase::Parse => {
                self.note(|captured| captured.sources.push(call));
                Ok(self.this_or_nothing())
            }
            Phase::Run => self.resolve_source(&call),
        }
    }

    /// While parsing, what a reference stands for is not known; dbt shows the node itself.
    fn this_or_nothing(&self) -> Value {
        match &self.node {
            Some(node) => Value::object(self.project.relation_of(node)),
            None => {
                let quote = self.project.connection.quote_character();
                Value::object(Relation::new(
                    None,
                    None,
                    Some("unknown"),
                    Parts::all(false),
                    quote,
                ))
            }
        }
    }

    fn resolve_ref(&self, call: &Ref) -> Result<Value> {
        let Some(manifest) = &self.manifest else {
            return Ok(Value::None);
        };
        let target = manifest.resolve_ref(call, &self.project.root.name, &self.package)?;
        self.check_declared(target, call)?;
        let mut relation = if target.is_ephemeral() {
            self.note(|captured| {
                captured.ephemeral.insert(target.unique_id.clone());
            });
            Relation::ephemeral(&target.name)
        } else {
            let deferred = self
                .project
                .deferred_relation(target, self.adapter.as_ref())?;
            deferred.unwrap_or_else(|| self.project.relation_of(target))
        };
        relation.limit = self.limit();
        relation.filter = self.filter(target.config.text("event_time"));
        Ok(Value::object(relation))
    }

    /// The rows of the batch that is rendered, of an input with an event time; with `--sample`, those
    /// of the sample. Tests read everything.
    fn filter(&self, event_time: Option<&str>) -> Option<Arc<str>> {
        let column = event_time?;
        let kind = self.node.as_ref()?.resource_type;
        let sample = self.project.flags.sample;
        let sample =
            sample.filter(|_| matches!(kind, ResourceType::Model | ResourceType::Snapshot));
        let (start, end) = match (self.batch.get(), sample) {
            (Some(batch), Some((start, end))) => (batch.start.max(start), batch.end.min(end)),
            (Some(batch), None) => (batch.start, batch.end),
            (None, sample) => sample?,
        };
        let id = String::new();
        let kind = &self.project.connection.kind;
        Some(Arc::from(Batch { id, start, end }.condition(column, kind)))
    }

    /// dbt refuses a `ref` that was not seen while parsing, because the graph does not know it.
    fn check_declared(&self, target: &Node, call: &Ref) -> Result<()> {
        let Some(node) = &self.node else {
            return Ok(());
        };
        let known = node.depends_on.nodes.contains(&target.unique_id);
        let free = matches!(
            node.resource_type,
            ResourceType::Operation | ResourceType::SqlOperation
        );
        if known || free || node.unique_id == target.unique_id {
            return Ok(());
        }
        let message = format!(
            "`{}` refers to `{}` only while running, so its dependencies are incomplete",
            node.name, call.name
        );
        Err(Error::new(codes::D1004, message).help(format!(
            "add this hint at the top of the file: `-- depends_on: {{{{ ref('{}') }}}}`",
            call.name
        )))
    }

    fn resolve_source(&self, call: &SourceRef) -> Result<Value> {
        let Some(manifest) = &self.manifest else {
            return Ok(Value::None);
        };
        let table = manifest.resolve_source(call, &self.project.root.name, &self.package)?;
        let quote = self.project.quoting().with_quoting(&table.quoting);
        let mut relation = Relation::new(
            table.database.as_deref(),
            Some(&table.schema),
            Some(&table.identifier),
            quote,
            self.project.connection.quote_character(),
        );
        relation.limit = self.limit();
        relation.filter = self.filter(table.config.text("event_time"));
        Ok(Value::object(relation))
    }

    /// `--empty` reads no rows, except in tests, whose nodes it does not build.
    fn limit(&self) -> Option<u64> {
        let test = self.node.as_ref().map(|node| node.resource_type);
        (self.project.flags.empty && test != Some(ResourceType::Test)).then_some(0)
    }
}

/// The arguments of `ref`.
pub(crate) fn read_ref(mut arguments: Arguments) -> Result<Ref> {
    let version = arguments.take("version").or_else(|| arguments.take("v"));
    let version = version.filter(|v| !v.is_none()).map(|v| v.to_string());
    let [first, second] = arguments.bind("ref", ["name", "package"], 1)?;
    let text = |value: &Value| match value {
        Value::Str(text) => Ok(text.to_string()),
        other => Err(Error::new(
            codes::D2005,
            format!("`ref` takes names as text, not `{}`", other.type_name()),
        )),
    };
    let first = text(&first.unwrap_or(Value::None))?;
    let (name, package) = match second {
        Some(second) => (text(&second)?, Some(first)),
        None => (first, None),
    };
    Ok(Ref {
        name,
        package,
        version,
        span: None,
    })
}

/// The arguments of `source`.
pub(crate) fn read_source(arguments: Arguments) -> Result<SourceRef> {
    let [source, table] = arguments.bind("source", ["source_name", "table_name"], 2)?;
    match (source, table) {
        (Some(Value::Str(source)), Some(Value::Str(table))) => Ok(SourceRef {
            source: source.to_string(),
            table: table.to_string(),
            span: None,
        }),
        _ => Err(Error::new(
            codes::D2005,
            "`source` takes the name of a source and of its table",
        )),
    }
}
