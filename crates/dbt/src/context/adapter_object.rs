//! `adapter.*`: dispatch, quoting, and the engine.

use std::sync::Arc;

use diagnostic::{Error, Result, codes};
use jinja::{Arguments, CallContext, Dict, Object, Value};
use serde_json::json;

use super::column::Column;
use super::relation::Relation;
use super::table::Table;
use super::{CalledMacro, Context, Rendering};
use crate::adapter::{Adapter, Answer, RelationInfo, RelationName};

/// The object `adapter`.
pub(super) fn value(rendering: &Arc<Rendering>) -> Value {
    Value::object(AdapterObject(Arc::clone(rendering)))
}

struct AdapterObject(Arc<Rendering>);

/// Methods that only keep dbt's own cache in step, which Sluice does not need.
const NO_OPERATION: &[&str] = &[
    "cache_added",
    "cache_dropped",
    "cache_renamed",
    "commit",
    "expand_target_column_types",
    "add_schema_to_cache",
    "clear_transaction",
    "cache_new_relation",
];

const METHODS: &[&str] = &[
    "dispatch",
    "type",
    "quote",
    "quote_as_configured",
    "quote_seed_column",
    "get_relation",
    "load_relation",
    "list_relations",
    "list_relations_without_caching",
    "get_columns_in_relation",
    "get_missing_columns",
    "execute",
    "run_query",
    "drop_relation",
    "rename_relation",
    "truncate_relation",
    "create_schema",
    "drop_schema",
    "check_schema_exists",
    "already_exists",
    "standardize_grants_dict",
    "get_incremental_strategy_macro",
    "valid_incremental_strategies",
    "valid_snapshot_target",
    "assert_valid_snapshot_target_given_strategy",
    "get_hard_deletes_behavior",
    "get_column_schema_from_query",
    "convert_type",
    "render_raw_columns_constraints",
    "render_raw_model_constraints",
    "is_replaceable",
    "nice_connection_name",
    "config",
    "behavior",
    "Relation",
    "Column",
];

impl AdapterObject {
    fn kind(&self) -> &str {
        &self.0.project.connection.kind
    }

    fn engine(&self) -> Result<&Arc<dyn Adapter>> {
        self.0.adapter.as_ref().ok_or_else(|| {
            Error::new(
                codes::D2007,
                "The engine is asked for, but this command does not connect to one",
            )
            .help("guard the code with `{% if execute %}`")
        })
    }

    fn dispatch(&self, arguments: Arguments) -> Result<Value> {
        let names = ["macro_name", "macro_namespace", "packages"];
        let [name, namespace, _] = arguments.bind("adapter.dispatch", names, 1)?;
        let name = name.map(|name| name.to_string()).unwrap_or_default();
        if let Some((package, alone)) = name.split_once('.') {
            let message =
                format!("`adapter.dispatch` takes a macro's name without its package: `{name}`");
            return Err(Error::new(codes::D2005, message)
                .help(format!("write `adapter.dispatch('{alone}', '{package}')`")));
        }
        let project = &self.0.project;
        let namespace = namespace.filter(|n| !n.is_none()).map(|n| n.to_string());
        let order = project
            .root
            .dispatch
            .iter()
            .find(|(of, _)| Some(of) == namespace.as_ref());
        let packages: Vec<Option<&str>> = match (&namespace, order) {
            (None, _) => vec![None],
            (Some(_), Some((_, order))) => order.iter().map(|p| Some(p.as_str())).collect(),
            (Some(namespace), None) if project.macros.has_package(namespace) => {
                vec![Some(project.root.name.as_str()), Some(namespace)]
            }
            // What is no package leaves the search to the package that calls.
            (Some(_), None) => vec![None],
        };
        let prefixes = project.adapter_prefixes();
        if let Some(found) = project
            .macros
            .dispatch(&name, &prefixes, &packages, &self.0.package)
        {
            return Ok(CalledMacro::value(&self.0, found));
        }
        let called = name.as_str();
        let searched = packages.iter().flat_map(|package| {
            prefixes.iter().map(move |prefix| match package {
                Some(package) => format!("`{package}.{prefix}__{called}`"),
                None => format!("`{prefix}__{called}`"),
            })
        });
        let searched: Vec<String> = searched.collect();
        let message = format!("`adapter.dispatch` finds no implementation of `{name}`");
        Err(Error::new(codes::D2004, message).with("searched for", searched.join(", ")))
    }

    fn quote(&self, name: &str) -> String {
        let quote = self.0.project.connection.quote_character();
        format!("{quote}{name}{quote}")
    }

    fn quotes(&self, part: &str) -> bool {
        let quoting = self.0.project.quoting();
        match part {
            "database" => quoting.database,
            "schema" => quoting.schema,
            _ => quoting.identifier,
        }
    }

    /// A relation that exists, under the name it was asked for: its own spelling where the engine
    /// folds names, so that templates compare as in dbt.
    fn relation(&self, info: &RelationInfo) -> Value {
        let mut relation = Relation::new(
            Some(&info.name.database),
            Some(&info.name.schema),
            Some(&info.name.identifier),
            self.0.project.quoting(),
            self.0.project.connection.quote_character(),
        );
        relation.kind = Some(Arc::from(info.kind.as_str()));
        Value::object(relation)
    }

    fn columns(&self, value: &Value) -> Result<Vec<crate::adapter::ColumnInfo>> {
        match value.downcast::<Relation>() {
            Some(relation) => self.engine()?.columns(&name_of(relation, &self.0)),
            None => Ok(Vec::new()),
        }
    }

    fn column_values(&self, columns: &[crate::adapter::ColumnInfo]) -> Value {
        let quote = self.0.project.connection.quote_character();
        let columns = columns.iter();
        Value::list(columns.map(|info| Value::object(Column::from_info(info, self.kind(), quote))))
    }

    /// Calls the macro `name`, which the project may override.
    fn by_macro(
        &self,
        context: &mut CallContext<'_>,
        name: &str,
        arguments: &Arguments,
    ) -> Result<Value> {
        let callee = Context(Arc::clone(&self.0)).macro_named(name);
        let callee = callee.ok_or_else(|| self.0.no_macro(name))?;
        context.call(&callee, arguments.clone())
    }

    /// What the methods give while parsing, as in dbt: nothing, in the right shape.
    fn while_parsing(&self, name: &str) -> Option<Value> {
        Some(match name {
            "get_columns_in_relation"
            | "get_missing_columns"
            | "list_relations"
            | "list_relations_without_caching"
            | "get_column_schema_from_query"
            | "render_raw_columns_constraints"
            | "render_raw_model_constraints"
            | "get_partitions_metadata" => Value::list([]),
            "execute" => Value::tuple([
                "".into(),
                Value::object(Table::new(crate::adapter::Rows::default())),
            ]),
            "check_schema_exists" | "already_exists" | "is_replaceable" => false.into(),
            "get_relation"
            | "load_relation"
            | "drop_relation"
            | "rename_relation"
            | "truncate_relation"
            | "create_schema"
            | "drop_schema"
            | "run_query"
            | "valid_snapshot_target"
            | "assert_valid_snapshot_target_given_strategy"
            | "get_incremental_strategy_macro" => Value::None,
            _ => return None,
        })
    }

    fn engine_method(
        &self,
        context: &mut CallContext<'_>,
        name: &str,
        arguments: &Arguments,
    ) -> Result<Option<Value>> {
        let first = arguments
            .positional
            .first()
            .or_else(|| arguments.named.first().map(|(_, v)| v));
        Ok(Some(match name {
            "get_relation" => {
                let names = ["database", "schema", "identifier"];
                let [database, schema, identifier] = arguments.clone().bind(name, names, 0)?;
                let text =
                    |value: Option<Value>| value.filter(|v| !v.is_none()).map(|v| v.to_string());
                let Some(identifier) = text(identifier) else {
                    return Ok(Some(Value::None));
                };
                let connection = &self.0.project.connection;
                let wanted = RelationName {
                    database: text(database).unwrap_or_else(|| connection.database.clone()),
                    schema: text(schema).unwrap_or_else(|| connection.schema.clone()),
                    identifier,
                };
                match self.engine()?.relation(&wanted)? {
                    Some(info) => self.relation(&info),
                    None => Value::None,
                }
            }
            "load_relation" => match first.and_then(Value::downcast::<Relation>) {
                Some(relation) => match self.engine()?.relation(&name_of(relation, &self.0))? {
                    Some(info) => self.relation(&info),
                    None => Value::None,
                },
                None => Value::None,
            },
            "list_relations" | "list_relations_without_caching" => {
                let (database, schema) = match first.and_then(Value::downcast::<Relation>) {
                    Some(relation) => {
                        let name = name_of(relation, &self.0);
                        (name.database, name.schema)
                    }
                    None => {
                        let [database, schema] =
                            arguments.clone().bind(name, ["database", "schema"], 2)?;
                        let text = |v: Option<Value>| v.map(|v| v.to_string()).unwrap_or_default();
                        (text(database), text(schema))
                    }
                };
                let found = self.engine()?.relations(&database, &schema)?;
                Value::list(found.iter().map(|info| self.relation(info)))
            }
            "get_columns_in_relation" => {
                self.column_values(&self.columns(first.unwrap_or(&Value::None))?)
            }
            "get_missing_columns" => {
                let from = self.columns(first.unwrap_or(&Value::None))?;
                let to = self.columns(arguments.positional.get(1).unwrap_or(&Value::None))?;
                let known: Vec<String> = to.iter().map(|c| c.name.to_lowercase()).collect();
                let missing = from
                    .into_iter()
                    .filter(|c| !known.contains(&c.name.to_lowercase()));
                self.column_values(&missing.collect::<Vec<_>>())
            }
            "get_column_schema_from_query" => {
                let sql = first.map(ToString::to_string).unwrap_or_default();
                let sql = format!("select * from ({sql}) as __dbt_sbq where false limit 0");
                self.column_values(&self.engine()?.execute(&sql, true)?.rows.columns)
            }
            "execute" => {
                let mut arguments = arguments.clone();
                let _ = (arguments.take("auto_begin"), arguments.take("limit"));
                let fetch = arguments
                    .take("fetch")
                    .or_else(|| arguments.positional.get(2).cloned());
                let sql = arguments
                    .take("sql")
                    .or_else(|| arguments.positional.first().cloned());
                let sql = sql.map(|sql| sql.to_string()).unwrap_or_default();
                let response = self
                    .engine()?
                    .execute(&sql, fetch.is_some_and(|f| f.truthy()))?;
                let kind = &self.0.project.connection.kind;
                Value::tuple([
                    response_value(&response.answer, kind),
                    Value::object(Table::new(response.rows)),
                ])
            }
            "run_query" => self.by_macro(context, "run_query", arguments)?,
            "check_schema_exists" | "already_exists" if name == "check_schema_exists" => {
                let text = |at: usize| arguments.positional.get(at).map(ToString::to_string);
                let schemas = self.engine()?.schemas(&text(0).unwrap_or_default())?;
                let wanted = text(1).unwrap_or_default();
                schemas
                    .iter()
                    .any(|schema| schema.eq_ignore_ascii_case(&wanted))
                    .into()
            }
            "already_exists" => {
                let text = |at: usize| arguments.positional.get(at).map(ToString::to_string);
                let wanted = RelationName {
                    database: self.0.project.connection.database.clone(),
                    schema: text(0).unwrap_or_default(),
                    identifier: text(1).unwrap_or_default(),
                };
                self.engine()?.relation(&wanted)?.is_some().into()
            }
            "drop_relation" | "rename_relation" | "truncate_relation" | "create_schema"
            | "drop_schema" => {
                if first.is_none_or(Value::is_none) {
                    return Ok(Some(Value::None));
                }
                self.by_macro(context, name, arguments)?
            }
            "valid_snapshot_target" | "assert_valid_snapshot_target_given_strategy" => Value::None,
            "get_incremental_strategy_macro" => {
                let strategy = arguments.positional.get(1).map(ToString::to_string);
                let strategy = strategy.unwrap_or_default().replace('+', "_");
                let name = format!("get_incremental_{strategy}_sql");
                let found = Context(Arc::clone(&self.0)).macro_named(&name);
                found.ok_or_else(|| self.0.no_macro(&name))?
            }
            "is_replaceable" => true.into(),
            _ => return Ok(None),
        }))
    }

    fn pure_method(&self, name: &str, arguments: &Arguments) -> Result<Option<Value>> {
        let first = arguments
            .positional
            .first()
            .or_else(|| arguments.named.first().map(|(_, v)| v));
        let text = || first.map(ToString::to_string).unwrap_or_default();
        Ok(Some(match name {
            "dispatch" => self.dispatch(arguments.clone())?,
            "type" => self.kind().into(),
            "quote" => self.quote(&text()).into(),
            "quote_as_configured" => {
                let part = arguments.positional.get(1).map(ToString::to_string);
                let quoted = self.quotes(&part.unwrap_or_default());
                if quoted {
                    self.quote(&text()).into()
                } else {
                    text().into()
                }
            }
            "quote_seed_column" => {
                let wanted = arguments.positional.get(1).filter(|v| !v.is_none());
                // Snowflake leaves the names of seed columns alone unless told otherwise.
                let default = self.kind() != "snowflake";
                let quoted = wanted.map_or(default, Value::truthy);
                if quoted {
                    self.quote(&text()).into()
                } else {
                    text().into()
                }
            }
            "nice_connection_name" => self
                .0
                .node
                .as_ref()
                .map_or("master", |node| node.unique_id.as_str())
                .into(),
            "standardize_grants_dict" => {
                let grants = Dict::new();
                if let Some(table) = first.and_then(Value::downcast::<Table>) {
                    let rows = table.rows();
                    let column = |name: &str| {
                        let mut columns = rows.columns.iter();
                        columns.position(|column| column.name.eq_ignore_ascii_case(name))
                    };
                    // What a project's own query of grants gives has two columns, as PostgreSQL's has.
                    let places = column("grantee_name").zip(column("privilege"));
                    let (grantee, privilege) = places.unwrap_or((0, 1));
                    let granted_to = column("granted_to");
                    for row in &rows.rows {
                        let cell =
                            |at: usize| row.get(at).map(ToString::to_string).unwrap_or_default();
                        let to = granted_to.map(&cell).unwrap_or_default();
                        let (grantee, privilege) = (cell(grantee), cell(privilege));
                        if privilege == "OWNERSHIP"
                            || ["SHARE", "DATABASE_ROLE"].contains(&to.as_str())
                        {
                            continue;
                        }
                        let list = match grants.get(&privilege) {
                            Some(Value::List(list)) => list,
                            _ => {
                                let list = jinja::List::new();
                                grants.insert(&privilege, list.clone());
                                list
                            }
                        };
                        list.push(grantee.into());
                    }
                }
                grants.into()
            }
            "valid_incremental_strategies" => {
                let names = [
                    "append",
                    "merge",
                    "delete+insert",
                    "insert_overwrite",
                    "microbatch",
                ];
                Value::list(names.map(Value::from))
            }
            "get_hard_deletes_behavior" => {
                let config = self.0.config();
                let explicit = config.and_then(|config| config.text("hard_deletes"));
                let legacy = config.and_then(|config| config.truth("invalidate_hard_deletes"));
                match (explicit, legacy) {
                    (Some(mode), _) => mode.into(),
                    (None, Some(true)) => "invalidate".into(),
                    _ => "ignore".into(),
                }
            }
            "convert_type" => "varchar".into(),
            "render_raw_columns_constraints" | "render_raw_model_constraints" => Value::list([]),
            name if NO_OPERATION.contains(&name) => "".into(),
            _ => return Ok(None),
        }))
    }
}

/// What the database said, as templates see it.
fn response_value(answer: &Answer, kind: &str) -> Value {
    let dict = Dict::new();
    // The adapter's answer has these fields, told or not.
    for name in ["_message", "code", "rows_affected", "query_id"] {
        dict.insert(name, Value::None);
    }
    for (name, value) in &answer.to_json(kind) {
        dict.insert(name.as_str(), Value::from(value));
    }
    dict.into()
}

/// The full name of a relation, with the target's database and schema where it has none.
fn name_of(relation: &Relation, rendering: &Rendering) -> RelationName {
    let connection = &rendering.project.connection;
    let or = |part: &Option<Arc<str>>, default: &str| part.as_deref().unwrap_or(default).to_owned();
    RelationName {
        database: or(&relation.database, &connection.database),
        schema: or(&relation.schema, &connection.schema),
        identifier: or(&relation.identifier, ""),
    }
}

impl Object for AdapterObject {
    fn type_name(&self) -> &str {
        "adapter"
    }

    fn get_attr(&self, name: &str) -> Result<Option<Value>> {
        Ok(match name {
            "Relation" => Some(super::builtins::relation_class(&self.0)),
            "Column" => Some(super::builtins::column_class(&self.0)),
            "behavior" => Some(Value::Dict(Dict::new())),
            "config" => {
                let connection = &self.0.project.connection;
                Some(Value::from(json!({
                    "credentials": connection.fields,
                    "project_name": self.0.project.root.name,
                    "target_name": connection.target,
                })))
            }
            "connections" => Some(Value::Dict(Dict::new())),
            name if METHODS.contains(&name) => {
                let this = Self(Arc::clone(&self.0));
                let method: Arc<str> = Arc::from(name);
                Some(Value::function(name, move |context, arguments| {
                    Ok(this
                        .call_method(context, &method, &arguments)?
                        .unwrap_or(Value::None))
                }))
            }
            _ => None,
        })
    }

    fn call_method(
        &self,
        context: &mut CallContext<'_>,
        name: &str,
        arguments: &Arguments,
    ) -> Result<Option<Value>> {
        if let Some(value) = self.pure_method(name, arguments)? {
            return Ok(Some(value));
        }
        if !self.0.executes() {
            // Any other method of some vendor's adapter is nothing while parsing.
            return Ok(Some(self.while_parsing(name).unwrap_or(Value::None)));
        }
        if let Some(value) = self.engine_method(context, name, arguments)? {
            return Ok(Some(value));
        }
        let message = format!("`adapter.{name}` is not supported for `{}`", self.kind());
        Err(Error::new(codes::D2007, message).suggest(name, METHODS.iter().copied()))
    }
}
