//! Objects of the context that only show what is known: `flags`, `api`, `builtins`, `context`.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use diagnostic::Result;
use jinja::{Arguments, CallContext, Dict, Object, Scope, Value};
use serde_json::{Value as Json, json};

use super::column::{Column, translate_type};
use super::relation::Relation;
use super::{Context, ProjectContext, Rendering};
use crate::cache::observed::{self, Subject};

/// A moment as Python's `datetime` in UTC.
pub(super) fn moment(moment: DateTime<Utc>) -> Value {
    jinja::modules::datetime_value(moment)
}

/// `flags`.
pub(super) fn flags(rendering: &Arc<Rendering>) -> Value {
    Value::object(FlagsObject(Arc::clone(rendering)))
}

struct FlagsObject(Arc<Rendering>);

impl FlagsObject {
    fn find(&self, name: &str) -> Option<Value> {
        observed::note(Subject::Flag(name.to_owned()));
        flag(&self.0.project, name)
    }
}

/// The member `name` of `flags`.
pub(crate) fn flag(project: &ProjectContext, name: &str) -> Option<Value> {
    let flags = &project.flags;
    Some(match name {
        "WHICH" => flags.which.as_str().into(),
        "FULL_REFRESH" => flags.full_refresh.unwrap_or(false).into(),
        "EMPTY" => flags.empty.into(),
        "STORE_FAILURES" => flags.store_failures.into(),
        "FAIL_FAST" => flags.fail_fast.into(),
        "INVOCATION_COMMAND" => match flags.arguments.get("invocation_command") {
            Some(command) => Value::from(command),
            None => format!("dbt {}", flags.which).into(),
        },
        "PROFILE" => project.connection.profile.as_str().into(),
        "TARGET" => project.connection.target.as_str().into(),
        "PROJECT_DIR" => project.root.root.display().to_string().into(),
        "TARGET_PATH" => project.root.target_path.as_str().into(),
        "LOG_PATH" => project.root.log_path.as_str().into(),
        "THREADS" => project.connection.threads.into(),
        "INDIRECT_SELECTION" => format!("{:?}", flags.indirect_selection)
            .to_lowercase()
            .into(),
        "VARS" => Value::from(Json::Object(flags.vars.clone())),
        "WRITE_JSON" | "PARTIAL_PARSE" | "VERSION_CHECK" | "USE_COLORS" | "STATIC_PARSER"
        | "POPULATE_CACHE" | "INTROSPECT" | "PRINT" => true.into(),
        "DEBUG"
        | "QUIET"
        | "WARN_ERROR"
        | "CACHE_SELECTED_ONLY"
        | "DEFER"
        | "FAVOR_STATE"
        | "LOG_CACHE_EVENTS"
        | "SEND_ANONYMOUS_USAGE_STATS" => false.into(),
        "LOG_FORMAT" => "default".into(),
        "PRINTER_WIDTH" => 80.into(),
        other => match project.root.flags.get(&other.to_lowercase()) {
            Some(value) => Value::from(value),
            None if other.chars().any(char::is_lowercase) => return None,
            None => Value::None,
        },
    })
}

impl Object for FlagsObject {
    fn type_name(&self) -> &str {
        "flags"
    }

    fn get_attr(&self, name: &str) -> Result<Option<Value>> {
        Ok(self.find(name))
    }

    fn call_method(
        &self,
        _: &mut CallContext<'_>,
        name: &str,
        arguments: &Arguments,
    ) -> Result<Option<Value>> {
        if name != "get" {
            return Ok(None);
        }
        let key = arguments
            .positional
            .first()
            .map(ToString::to_string)
            .unwrap_or_default();
        let default = arguments.positional.get(1).cloned().unwrap_or(Value::None);
        Ok(Some(
            self.find(&key)
                .filter(|value| !value.is_none())
                .unwrap_or(default),
        ))
    }
}

/// `ref.config`: the settings of the run, where packages look for them.
pub(super) fn runtime_config(rendering: &Rendering) -> Value {
    let project = &rendering.project;
    let file = |file: &crate::project::file::ProjectFile| {
        json!({
            "project_name": file.name, "name": file.name, "version": file.version,
            "project_root": file.root.display().to_string(), "vars": file.vars,
            "model_paths": file.model_paths, "seed_paths": file.seed_paths,
            "macro_paths": file.macro_paths, "test_paths": file.test_paths,
            "snapshot_paths": file.snapshot_paths, "analysis_paths": file.analysis_paths,
            "target_path": file.target_path, "log_path": file.log_path,
            "packages_install_path": file.packages_install_path,
        })
    };
    let mut all = file(&project.root);
    let packages = std::iter::once(&project.root).chain(&project.packages);
    let packages = packages.map(|package| (package.name.clone(), file(package)));
    let own = json!({
        "dependencies": packages.collect::<serde_json::Map<_, _>>(),
        "args": invocation_json(rendering),
        "cli_vars": project.flags.vars,
        "credentials": project.connection.fields,
        "profile_name": project.connection.profile,
        "target_name": project.connection.target,
        "threads": project.connection.threads,
    });
    if let (Json::Object(all), Json::Object(own)) = (&mut all, own) {
        all.extend(own);
    }
    Value::from(all)
}

/// `invocation_args_dict`.
pub(super) fn invocation_arguments(rendering: &Rendering) -> Value {
    Value::from(invocation_json(rendering))
}

fn invocation_json(rendering: &Rendering) -> Json {
    observed::note_volatile();
    let flags = &rendering.project.flags;
    let mut json = json!({
        "which": flags.which,
        "vars": flags.vars,
        "target": rendering.project.connection.target,
        "profile": rendering.project.connection.profile,
        "full_refresh": flags.full_refresh,
        "empty": flags.empty,
        "select": [],
        "exclude": [],
        "invocation_command": format!("dbt {}", flags.which),
        "project_dir": rendering.project.root.root.display().to_string(),
    });
    if let Json::Object(map) = &mut json {
        map.extend(flags.arguments.clone());
    }
    json
}

/// `dbt_metadata_envs`: variables that start with `DBT_ENV_CUSTOM_ENV_`, without that.
pub(super) fn metadata_environment(rendering: &Rendering) -> Value {
    observed::note_volatile();
    let dict = Dict::new();
    for (name, value) in &rendering.project.flags.environment {
        if let Some(name) = name.strip_prefix("DBT_ENV_CUSTOM_ENV_") {
            dict.insert(name, value.as_str());
        }
    }
    dict.into()
}

/// `pre_hooks` and `post_hooks` of a materialization.
pub(super) fn hooks(rendering: &Rendering, name: &str) -> Value {
    let key = if name == "pre_hooks" {
        "pre-hook"
    } else {
        "post-hook"
    };
    let hooks = rendering
        .node
        .as_ref()
        .and_then(|node| node.config.get(key));
    hooks.map_or_else(|| Value::list([]), Value::from)
}

/// `api`: the classes `Relation` and `Column`.
pub(super) fn api(rendering: &Arc<Rendering>) -> Value {
    let dict = Dict::new();
    dict.insert("Relation", relation_class(rendering));
    dict.insert("Column", column_class(rendering));
    dict.into()
}

/// `api.Relation`.
pub(super) fn relation_class(rendering: &Arc<Rendering>) -> Value {
    Value::object(RelationClass(Arc::clone(rendering)))
}

/// `api.Column`.
pub(super) fn column_class(rendering: &Arc<Rendering>) -> Value {
    Value::object(ColumnClass(Arc::clone(rendering)))
}

/// `validation.any['x', …]`, which dbt accepts and does not check.
pub(super) fn validation() -> Value {
    let dict = Dict::new();
    dict.insert("any", Value::from(json!({})));
    dict.into()
}

/// `builtins`: the functions as they are when no macro overrides them.
pub(super) fn builtins(rendering: &Arc<Rendering>) -> Value {
    let dict = Dict::new();
    for name in ["ref", "source"] {
        if let Some(value) = super::references::value(rendering, name) {
            dict.insert(name, value);
        }
    }
    dict.insert("config", super::configuration::value(rendering));
    for name in ["var", "env_var", "log", "print"] {
        if let Some(value) = super::functions::value(rendering, name) {
            dict.insert(name, value);
        }
    }
    dict.into()
}

/// `context`: the whole context as a mapping.
pub(super) fn whole_context(context: &Context) -> Value {
    Value::object(WholeContext(context.clone()))
}

struct WholeContext(Context);

impl WholeContext {
    fn find(&self, name: &str) -> Result<Option<Value>> {
        match self.0.get(name)? {
            Some(value) => Ok(Some(value)),
            None => Ok(self.0.environment().global(name)),
        }
    }
}

impl Object for WholeContext {
    fn type_name(&self) -> &str {
        "dict"
    }

    fn get_attr(&self, name: &str) -> Result<Option<Value>> {
        self.find(name)
    }

    fn get_item(&self, key: &Value) -> Result<Option<Value>> {
        match key.as_str() {
            Some(name) => self.find(name),
            None => Ok(None),
        }
    }

    fn call_method(
        &self,
        context: &mut CallContext<'_>,
        name: &str,
        arguments: &Arguments,
    ) -> Result<Option<Value>> {
        let key = arguments
            .positional
            .first()
            .and_then(Value::as_str)
            .unwrap_or_default();
        match name {
            "get" => {
                let default = arguments.positional.get(1).cloned().unwrap_or(Value::None);
                Ok(Some(self.find(key)?.unwrap_or(default)))
            }
            // Names that the template adds for whatever it renders from here on.
            "update" => {
                if let Some(Value::Dict(added)) = arguments.positional.first() {
                    for (key, value) in added.entries() {
                        self.0.0.extra.insert_key(key, value);
                    }
                }
                for (key, value) in &arguments.named {
                    self.0.0.extra.insert(key, value.clone());
                }
                Ok(Some(Value::None))
            }
            "keys" => {
                let macros = self.0.0.project.macros.iter();
                Ok(Some(Value::list(macros.map(|entry| {
                    Value::Str(Arc::clone(&entry.definition.name))
                }))))
            }
            _ => match self.find(name)? {
                Some(callee) => context.call(&callee, arguments.clone()).map(Some),
                None => Ok(None),
            },
        }
    }

    fn mapping(&self) -> bool {
        true
    }

    fn iterate(&self) -> Result<Option<Vec<Value>>> {
        let macros = self.0.0.project.macros.iter();
        Ok(Some(
            macros
                .map(|entry| Value::Str(Arc::clone(&entry.definition.name)))
                .collect(),
        ))
    }
}

struct RelationClass(Arc<Rendering>);

impl Object for RelationClass {
    fn type_name(&self) -> &str {
        "Relation"
    }

    fn get_attr(&self, name: &str) -> Result<Option<Value>> {
        Ok(Some(match name {
            "Table" => "table".into(),
            "View" => "view".into(),
            "CTE" => "cte".into(),
            "MaterializedView" => "materialized_view".into(),
            "External" => "external".into(),
            "DynamicTable" => "dynamic_table".into(),
            "get_relation_type" => {
                let this = Self(Arc::clone(&self.0));
                return Ok(Some(Value::object(this)));
            }
            _ => return Ok(None),
        }))
    }

    fn call_method(
        &self,
        _: &mut CallContext<'_>,
        name: &str,
        arguments: &Arguments,
    ) -> Result<Option<Value>> {
        let project = &self.0.project;
        match name {
            "create" => {
                let mut arguments = arguments.clone();
                let quote_policy = arguments.take("quote_policy");
                let include_policy = arguments.take("include_policy");
                let names = ["database", "schema", "identifier", "type"];
                let [database, schema, identifier, kind] =
                    arguments.bind("Relation.create", names, 0)?;
                let text = |value: Option<Value>| match value {
                    None | Some(Value::None | Value::Undefined(_)) => None,
                    Some(value) => Some(value.to_string()),
                };
                let mut relation = Relation::new(
                    text(database).as_deref(),
                    text(schema).as_deref(),
                    text(identifier).as_deref(),
                    project.quoting(),
                    project.connection.quote_character(),
                );
                relation.kind = text(kind).map(Arc::from);
                if let Some(policy) = quote_policy {
                    relation.quote = relation.quote.with(&policy);
                }
                if let Some(policy) = include_policy {
                    relation.include = relation.include.with(&policy);
                }
                Ok(Some(Value::object(relation)))
            }
            "add_ephemeral_prefix" => {
                let name = arguments.positional.first().map(ToString::to_string);
                Ok(Some(
                    format!("__dbt__cte__{}", name.unwrap_or_default()).into(),
                ))
            }
            "get_relation_type" => Ok(Some(
                arguments.positional.first().cloned().unwrap_or(Value::None),
            )),
            _ => Ok(None),
        }
    }
}

struct ColumnClass(Arc<Rendering>);

impl ColumnClass {
    fn make(&self, arguments: Arguments) -> Result<Value> {
        let connection = &self.0.project.connection;
        let column = Column::construct(arguments, &connection.kind, connection.quote_character());
        column.map(Value::object)
    }
}

impl Object for ColumnClass {
    fn type_name(&self) -> &str {
        "Column"
    }

    fn call(&self, _: &mut CallContext<'_>, arguments: Arguments) -> Result<Value> {
        self.make(arguments)
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
        let text = |at: usize| arguments.positional.get(at).map(ToString::to_string);
        let kind = self.0.project.connection.kind.as_str();
        Ok(Some(match name {
            "create" => {
                let dtype = translate_type(&text(1).unwrap_or_default(), kind);
                let name: Value = text(0).unwrap_or_default().into();
                self.make(Arguments::of([name, dtype.into()]))?
            }
            "translate_type" => translate_type(&text(0).unwrap_or_default(), kind).into(),
            "string_type" => {
                let size = text(0).unwrap_or_default();
                format!("character varying({size})").into()
            }
            "numeric_type" => match (text(0), text(1), text(2)) {
                (Some(dtype), Some(precision), Some(scale)) if precision != "None" => {
                    format!("{dtype}({precision},{scale})").into()
                }
                (dtype, ..) => dtype.unwrap_or_default().into(),
            },
            "from_description" => {
                let info = crate::adapter::ColumnInfo {
                    name: text(0).unwrap_or_default(),
                    data_type: text(1).unwrap_or_default(),
                };
                let quote = self.0.project.connection.quote_character();
                Value::object(Column::from_info(&info, kind, quote))
            }
            _ => return Ok(None),
        }))
    }
}
