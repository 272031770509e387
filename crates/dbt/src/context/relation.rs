//! [`Relation`]: a relation as templates see it: `{{ this }}`, `ref()`, `api.Relation.create()`.

use std::sync::Arc;

use diagnostic::{Error, Result, codes};
use jinja::{Arguments, CallContext, Dict, Object, Value};

/// One value per part of a relation's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parts<T> {
    /// For the database.
    pub database: T,
    /// For the schema.
    pub schema: T,
    /// For the identifier.
    pub identifier: T,
}

impl Parts<bool> {
    /// The same with what the dictionary `value` says; other keys and `none` change nothing.
    pub(super) fn with(mut self, value: &Value) -> Self {
        for (key, value) in value.as_dict().map(Dict::items).unwrap_or_default() {
            let slot = match key.as_str().unwrap_or_default() {
                "database" => &mut self.database,
                "schema" => &mut self.schema,
                "identifier" => &mut self.identifier,
                _ => continue,
            };
            if !value.is_none() {
                *slot = value.truthy();
            }
        }
        self
    }
}

impl<T: Copy> Parts<T> {
    /// The same for all.
    pub fn all(value: T) -> Self {
        Self {
            database: value,
            schema: value,
            identifier: value,
        }
    }
}

impl Parts<bool> {
    /// This policy with the keys of a dbt `quoting:` mapping laid over it.
    #[must_use]
    pub fn with_quoting(mut self, quoting: &serde_json::Map<String, serde_json::Value>) -> Self {
        let truth = |key: &str| quoting.get(key).and_then(serde_json::Value::as_bool);
        self.database = truth("database").unwrap_or(self.database);
        self.schema = truth("schema").unwrap_or(self.schema);
        self.identifier = truth("identifier").unwrap_or(self.identifier);
        self
    }
}

/// A relation: its name, how the name is written, and what it is.
#[derive(Clone, Debug, PartialEq)]
pub struct Relation {
    /// Its database.
    pub database: Option<Arc<str>>,
    /// Its schema.
    pub schema: Option<Arc<str>>,
    /// Its own name.
    pub identifier: Option<Arc<str>>,
    /// `table`, `view`, `cte`, …
    pub kind: Option<Arc<str>>,
    /// Which parts are written.
    pub include: Parts<bool>,
    /// Which parts are quoted.
    pub quote: Parts<bool>,
    /// The quote.
    pub quote_character: char,
    /// `--empty` and `--sample` read no more rows than this.
    pub limit: Option<u64>,
    /// The condition on the rows that a batch reads.
    pub filter: Option<Arc<str>>,
}

impl Relation {
    /// A relation whose every part is written.
    #[must_use]
    pub fn new(
        database: Option<&str>,
        schema: Option<&str>,
        identifier: Option<&str>,
        quote: Parts<bool>,
        quote_character: char,
    ) -> Self {
        Self {
            database: database.map(Arc::from),
            schema: schema.map(Arc::from),
            identifier: identifier.map(Arc::from),
            kind: None,
            include: Parts::all(true),
            quote,
            quote_character,
            limit: None,
            filter: None,
        }
    }

    /// The CTE an ephemeral model becomes.
    #[must_use]
    pub fn ephemeral(name: &str) -> Self {
        let name = format!("__dbt__cte__{name}");
        let mut relation = Self::new(None, None, Some(&name), Parts::all(false), '"');
        relation.kind = Some(Arc::from("cte"));
        relation
    }

    /// As SQL, without limits.
    #[must_use]
    pub fn render(&self) -> String {
        let parts = [
            (&self.database, self.include.database, self.quote.database),
            (&self.schema, self.include.schema, self.quote.schema),
            (
                &self.identifier,
                self.include.identifier,
                self.quote.identifier,
            ),
        ];
        let parts = parts.into_iter().filter_map(|(part, included, quoted)| {
            let part = part.as_ref().filter(|_| included)?;
            Some(if quoted {
                self.quoted(part)
            } else {
                part.to_string()
            })
        });
        parts.collect::<Vec<_>>().join(".")
    }

    /// `name` in quotes.
    #[must_use]
    pub fn quoted(&self, name: &str) -> String {
        let quote = self.quote_character;
        format!(
            "{quote}{}{quote}",
            name.replace(quote, &format!("{quote}{quote}"))
        )
    }

    fn is(&self, kind: &str) -> bool {
        self.kind.as_deref() == Some(kind)
    }

    fn policy(parts: Parts<bool>) -> Value {
        let dict = Dict::new();
        dict.insert("database", parts.database);
        dict.insert("schema", parts.schema);
        dict.insert("identifier", parts.identifier);
        Value::Dict(dict)
    }

    fn part(value: &Option<Arc<str>>) -> Value {
        value.clone().map_or(Value::None, Value::Str)
    }

    fn changed(&self, arguments: &Arguments, what: &str) -> Result<Parts<bool>> {
        let mut parts = if what == "include" {
            self.include
        } else {
            self.quote
        };
        let names = ["database", "schema", "identifier"];
        let positional = names.iter().copied().zip(arguments.positional.iter());
        let named = arguments.named.iter().map(|(name, value)| (&**name, value));
        for (name, value) in positional.chain(named) {
            if value.is_none() {
                continue;
            }
            match name {
                "database" => parts.database = value.truthy(),
                "schema" => parts.schema = value.truthy(),
                "identifier" => parts.identifier = value.truthy(),
                other => return Err(unknown(what, other)),
            }
        }
        Ok(parts)
    }

    /// Sets what `path`, `type` and their kin of `incorporate` and `replace_path` name.
    fn incorporate(&self, arguments: &Arguments) -> Result<Self> {
        let mut relation = self.clone();
        for (name, value) in &arguments.named {
            match &**name {
                "path" => {
                    for (key, value) in value.as_dict().map(Dict::items).unwrap_or_default() {
                        let key = key.as_str().unwrap_or_default();
                        // dbt takes no notice of other keys: packages pass `table`.
                        if ["database", "schema", "identifier"].contains(&key) {
                            relation.set_part(key, &value)?;
                        }
                    }
                }
                "type" => relation.kind = text(value),
                "quote_policy" => relation.quote = relation.quote.with(value),
                "include_policy" => relation.include = relation.include.with(value),
                "dbt_created" | "limit" => {}
                other => relation.set_part(other, value)?,
            }
        }
        Ok(relation)
    }

    fn set_part(&mut self, name: &str, value: &Value) -> Result<()> {
        let slot = match name {
            "database" => &mut self.database,
            "schema" => &mut self.schema,
            "identifier" => &mut self.identifier,
            other => return Err(unknown("relation", other)),
        };
        *slot = text(value);
        Ok(())
    }

    fn matches(&self, arguments: &Arguments) -> bool {
        let names = ["database", "schema", "identifier"];
        let positional = names.iter().copied().zip(arguments.positional.iter());
        let named = arguments.named.iter().map(|(name, value)| (&**name, value));
        positional.chain(named).all(|(name, value)| {
            let (part, quoted) = match name {
                "database" => (&self.database, self.quote.database),
                "schema" => (&self.schema, self.quote.schema),
                _ => (&self.identifier, self.quote.identifier),
            };
            match (part, value.as_str()) {
                (Some(part), Some(value)) if quoted => **part == *value,
                (Some(part), Some(value)) => part.eq_ignore_ascii_case(value),
                _ => value.is_none(),
            }
        })
    }

    fn limited(&self) -> String {
        match self.limit {
            None => match &self.filter {
                Some(filter) => format!("(select * from {} where {filter})", self.render()),
                None => self.render(),
            },
            Some(limit) => {
                let filter = if limit == 0 { "where false " } else { "" };
                // No alias: the code may give one, and neither Snowflake nor DuckDB needs it.
                format!("(select * from {} {filter}limit {limit})", self.render())
            }
        }
    }
}

fn text(value: &Value) -> Option<Arc<str>> {
    match value {
        Value::None | Value::Undefined(_) => None,
        other => Some(Arc::from(other.to_string())),
    }
}

fn unknown(what: &str, name: &str) -> Error {
    let names = ["database", "schema", "identifier"];
    Error::new(codes::D2005, format!("`{what}` has no part `{name}`")).suggest(name, names)
}

impl Object for Relation {
    fn type_name(&self) -> &str {
        "Relation"
    }

    fn get_attr(&self, name: &str) -> Result<Option<Value>> {
        let value = match name {
            "database" => Self::part(&self.database),
            "schema" => Self::part(&self.schema),
            "identifier" | "name" | "table" => Self::part(&self.identifier),
            "type" => Self::part(&self.kind),
            "is_table" => self.is("table").into(),
            "is_view" => self.is("view").into(),
            "is_cte" => self.is("cte").into(),
            "is_materialized_view" => self.is("materialized_view").into(),
            "is_dynamic_table" => self.is("dynamic_table").into(),
            "is_pointer" | "is_function" | "is_iceberg_format" => false.into(),
            "can_be_renamed" | "can_be_replaced" => (self.is("table") || self.is("view")).into(),
            "quote_character" => self.quote_character.to_string().into(),
            "quote_policy" => Self::policy(self.quote),
            "include_policy" => Self::policy(self.include),
            "limit" => self.limit.into(),
            // Packages tell relations from other mappings by this.
            "metadata" => {
                let dict = Dict::new();
                dict.insert("type", "Relation");
                Value::Dict(dict)
            }
            // Names of relation types that templates compare with: `relation.Table`.
            "Table" => "table".into(),
            "View" => "view".into(),
            "CTE" => "cte".into(),
            "MaterializedView" => "materialized_view".into(),
            "DynamicTable" => "dynamic_table".into(),
            "External" => "external".into(),
            "path" => {
                let dict = Dict::new();
                dict.insert("database", Self::part(&self.database));
                dict.insert("schema", Self::part(&self.schema));
                dict.insert("identifier", Self::part(&self.identifier));
                Value::Dict(dict)
            }
            _ => return Ok(None),
        };
        Ok(Some(value))
    }

    fn get_item(&self, key: &Value) -> Result<Option<Value>> {
        match key.as_str() {
            Some(name @ ("database" | "schema" | "identifier" | "type" | "metadata")) => {
                self.get_attr(name)
            }
            _ => Ok(None),
        }
    }

    fn call_method(
        &self,
        _: &mut CallContext<'_>,
        name: &str,
        arguments: &Arguments,
    ) -> Result<Option<Value>> {
        let first = arguments.positional.first();
        let value = match name {
            // The name alone, as in dbt: what `--empty` and samples leave out is in the text only.
            "render" => self.render().into(),
            "render_limited" => self.limited().into(),
            "include" => {
                let include = self.changed(arguments, "include")?;
                Value::object(Self {
                    include,
                    ..self.clone()
                })
            }
            "quote" => {
                let quote = self.changed(arguments, "quote")?;
                Value::object(Self {
                    quote,
                    ..self.clone()
                })
            }
            "incorporate" | "replace_path" | "replace" => {
                Value::object(self.incorporate(arguments)?)
            }
            "matches" => self.matches(arguments).into(),
            "without_identifier" => {
                let include = Parts {
                    identifier: false,
                    ..self.include
                };
                Value::object(Self {
                    include,
                    ..self.clone()
                })
            }
            "information_schema" => {
                let mut relation = self.clone();
                relation.schema = Some(Arc::from("INFORMATION_SCHEMA"));
                relation.identifier = first.and_then(text);
                relation.quote = Parts {
                    schema: false,
                    identifier: false,
                    ..self.quote
                };
                Value::object(relation)
            }
            "quoted" => self
                .quoted(&first.map(ToString::to_string).unwrap_or_default())
                .into(),
            "get" => {
                let key = first.and_then(Value::as_str).unwrap_or_default();
                let default = arguments.positional.get(1).cloned().unwrap_or(Value::None);
                self.get_attr(key)?.unwrap_or(default)
            }
            "get_ddl_prefix_for_create"
            | "get_ddl_prefix_for_alter"
            | "get_iceberg_ddl_options" => "".into(),
            "needs_to_drop" => {
                let other = first.and_then(Value::downcast::<Relation>);
                other.is_some_and(|other| other.kind != self.kind).into()
            }
            _ => return Ok(None),
        };
        Ok(Some(value))
    }

    fn mapping(&self) -> bool {
        true
    }

    fn repr(&self) -> String {
        format!("<Relation {}>", self.render())
    }

    fn text(&self) -> String {
        self.limited()
    }

    fn truthy(&self) -> bool {
        true
    }

    fn compare(&self, other: &Value) -> Option<std::cmp::Ordering> {
        let other = other.downcast::<Relation>()?;
        Some(self.render().cmp(&other.render()))
    }

    fn to_json(&self) -> Option<serde_json::Value> {
        Some(serde_json::Value::String(self.render()))
    }
}
