//! Functions of the context that need the project: `var`, `env_var`, `log`, `load_result`, …

use std::sync::Arc;

use diagnostic::{Error, Result, Source, codes};
use jinja::{Arguments, CallContext, Dict, Object, Template, Value};
use serde_json::{Map, Value as Json};

use super::table::Table;
use super::{Phase, Rendering, lock};
use crate::adapter::Rows;
use crate::artifact::files;
use crate::cache::observed::{self, Subject};
use crate::flags::Flags;

/// The function `name`.
pub(super) fn value(rendering: &Arc<Rendering>, name: &str) -> Option<Value> {
    let this = Arc::clone(rendering);
    Some(match name {
        "var" => Value::object(Var(Known::Project(this))),
        "env_var" => Value::function("env_var", move |_, arguments| {
            let value = env_var(&this.project.flags, arguments, false)?;
            this.note(|captured| {
                captured.environment.insert(value.0);
            });
            Ok(value.1)
        }),
        "log" => Value::function("log", move |_, arguments| {
            let [message, info] = arguments.bind("log", ["msg", "info"], 1)?;
            let text = message.map(|m| m.to_string()).unwrap_or_default();
            this.project
                .say(info.is_some_and(|info| info.truthy()), text);
            Ok("".into())
        }),
        "print" => Value::function("print", move |_, arguments| {
            this.project
                .say(true, arguments.one("print", "msg")?.to_string());
            Ok("".into())
        }),
        "doc" => Value::function("doc", move |_, arguments| {
            let words: Vec<String> = arguments
                .positional
                .iter()
                .map(ToString::to_string)
                .collect();
            let Some(manifest) = &this.manifest else {
                return Ok("".into());
            };
            manifest
                .doc(&words, &this.project.root.name, &this.package)
                .map(Value::from)
        }),
        "render" => Value::function("render", move |context, arguments| {
            let text = arguments.one("render", "string")?.to_string();
            context
                .render(&Template::parse(&Source::new("render()", text))?)
                .map(Value::from)
        }),
        "write" => Value::function("write", move |_, arguments| {
            let payload = arguments.one("write", "payload")?.to_string();
            if let Some(node) = this.node.as_ref().filter(|_| this.executes()) {
                files::write_code(&this.project, node, "run", &payload)?;
            }
            Ok("".into())
        }),
        "load_result" => Value::function("load_result", move |_, arguments| {
            let name = arguments.one("load_result", "name")?.to_string();
            Ok(lock(&this.results)
                .get(&name)
                .cloned()
                .unwrap_or(Value::None))
        }),
        "store_result" => Value::function("store_result", move |_, arguments| {
            let names = ["name", "response", "agate_table"];
            let [name, response, table] = arguments.bind("store_result", names, 1)?;
            let table = table.filter(|t| !t.is_none());
            let table = table.unwrap_or_else(|| Value::object(Table::new(Rows::default())));
            this.store(name, response.unwrap_or(Value::None), table);
            Ok("".into())
        }),
        "store_raw_result" => Value::function("store_raw_result", move |_, arguments| {
            let names = ["name", "message", "code", "rows_affected", "agate_table"];
            let [name, message, code, rows, table] =
                arguments.bind("store_raw_result", names, 1)?;
            let response = Dict::new();
            response.insert("_message", message);
            response.insert("code", code);
            response.insert("rows_affected", rows);
            let table = table.filter(|t| !t.is_none());
            let table = table.unwrap_or_else(|| Value::object(Table::new(Rows::default())));
            this.store(name, response.into(), table);
            Ok("".into())
        }),
        "try_or_compiler_error" => {
            Value::function("try_or_compiler_error", |context, mut arguments| {
                if arguments.positional.len() < 2 {
                    return Err(Error::new(
                        codes::D2005,
                        "`try_or_compiler_error` takes a message and a function",
                    ));
                }
                let message = arguments.positional.remove(0).to_string();
                let function = arguments.positional.remove(0);
                let result = context.call(&function, arguments);
                result.map_err(|cause| {
                    if context.is_returning() {
                        return cause;
                    }
                    Error::new(codes::D2003, message).because(cause)
                })
            })
        }
        "load_agate_table" | "submit_python_job" | "store_relation_metadata" => {
            let name: Arc<str> = Arc::from(name);
            Value::function(Arc::clone(&name), move |_, _| {
                Err(Error::new(
                    codes::D2007,
                    format!("`{name}` is not supported here"),
                ))
            })
        }
        "adapter_macro" => Value::function("adapter_macro", |_, _| {
            Err(
                Error::new(codes::D2007, "`adapter_macro` was removed from dbt")
                    .help("use `adapter.dispatch`"),
            )
        }),
        _ => return None,
    })
}

impl Rendering {
    /// What a statement of this name gave.
    pub(crate) fn result(&self, name: &str) -> Option<Value> {
        lock(&self.results).get(name).cloned()
    }

    fn store(&self, name: Option<Value>, response: Value, table: Value) {
        let result = Dict::new();
        result.insert("response", response);
        let data = table.downcast::<Table>().map(|table| {
            Value::list(
                table
                    .rows()
                    .rows
                    .iter()
                    .map(|row| Value::tuple(row.clone())),
            )
        });
        result.insert("data", data.unwrap_or_else(|| Value::list([])));
        result.insert("table", table);
        let name = name.map(|name| name.to_string()).unwrap_or_default();
        lock(&self.results).insert(name, result.into());
    }
}

enum Known {
    Project(Arc<Rendering>),
    Map(Map<String, Json>),
}

/// `var`.
struct Var(Known);

impl Var {
    fn find(&self, name: &str) -> Option<Value> {
        observed::note(Subject::Variable(name.to_owned()));
        match &self.0 {
            Known::Project(rendering) => {
                rendering.note(|captured| {
                    captured.vars.insert(name.to_owned());
                });
                rendering
                    .project
                    .var(&rendering.package, name)
                    .map(Value::from)
            }
            Known::Map(vars) => vars.get(name).map(Value::from),
        }
    }

    /// Text may be a template itself: `events: "{{ source('shop', 'events') }}"`. Only what renders code
    /// renders it; dbt does not in YAML.
    fn rendered(&self, name: &str, value: Value, context: &mut CallContext<'_>) -> Result<Value> {
        let Known::Project(_) = &self.0 else {
            return Ok(value);
        };
        match value.as_str() {
            Some(text) if text.contains("{{") || text.contains("{%") || text.contains("{#") => {
                let source = Source::new(format!("var('{name}')"), text);
                context.render(&Template::parse(&source)?).map(Value::from)
            }
            _ => Ok(value),
        }
    }

    fn names(&self) -> Vec<String> {
        match &self.0 {
            Known::Project(rendering) => {
                let project = &rendering.project;
                project
                    .flags
                    .vars
                    .keys()
                    .chain(project.root.vars.keys())
                    .cloned()
                    .collect()
            }
            Known::Map(vars) => vars.keys().cloned().collect(),
        }
    }
}

impl Object for Var {
    fn type_name(&self) -> &str {
        "var"
    }

    fn call(&self, context: &mut CallContext<'_>, arguments: Arguments) -> Result<Value> {
        let [name, default] = arguments.bind("var", ["var", "default"], 1)?;
        let name = name.map(|name| name.to_string()).unwrap_or_default();
        if let Some(value) = self.find(&name) {
            return self.rendered(&name, value, context);
        }
        if let Some(value) = default {
            return Ok(value);
        }
        // A model may be disabled, or never selected: dbt tells of the lack when it compiles one.
        if let Known::Project(rendering) = &self.0
            && rendering.phase == Phase::Parse
            && rendering.node.is_some()
        {
            return Ok(Value::None);
        }
        let names = self.names();
        Err(Error::new(codes::D2001, format!("The variable `{name}` is not set"))
            .help("set it under `vars:` in dbt_project.yml or with --vars, or give `var` a default")
            .suggest(&name, names.iter().map(String::as_str)))
    }

    fn callable(&self) -> bool {
        true
    }

    fn call_method(
        &self,
        _: &mut CallContext<'_>,
        name: &str,
        arguments: &Arguments,
    ) -> Result<Option<Value>> {
        match name {
            "has_var" => {
                let name = arguments.positional.first().map(ToString::to_string);
                Ok(Some(self.find(&name.unwrap_or_default()).is_some().into()))
            }
            _ => Ok(None),
        }
    }
}

/// `var` over a fixed set of variables.
pub(super) fn var_of(vars: Map<String, Json>) -> Value {
    Value::object(Var(Known::Map(vars)))
}

/// `env_var` outside of nodes.
pub(super) fn env_var_of(flags: &Flags, secrets: bool) -> Value {
    let environment = Arc::new(flags.clone());
    Value::function("env_var", move |_, arguments| {
        env_var(&environment, arguments, secrets).map(|(_, value)| value)
    })
}

fn env_var(flags: &Flags, arguments: Arguments, secrets: bool) -> Result<(String, Value)> {
    let [name, default] = arguments.bind("env_var", ["var", "default"], 1)?;
    let name = name.map(|name| name.to_string()).unwrap_or_default();
    if name.starts_with("DBT_ENV_SECRET") && !secrets {
        let message =
            format!("`{name}` is a secret and may be used in profiles.yml and packages.yml only");
        return Err(Error::new(codes::D2002, message));
    }
    observed::note(Subject::Environment(name.clone()));
    if let Some(value) = flags.env(&name) {
        return Ok((name, value.into()));
    }
    match default {
        Some(default) => Ok((name, default.to_string().into())),
        None => Err(Error::new(
            codes::D2002,
            format!("The environment variable `{name}` is not set"),
        )
        .help("set it, or give `env_var` a default")),
    }
}
