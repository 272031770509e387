//! Generic tests: from an entry under `data_tests:` to a node's name, arguments and code.

use diagnostic::{Error, Result, codes};
use md5::{Digest, Md5};
use serde_json::{Map, Value as Json, json};
use yaml::{Document, Node};

use crate::python_text::{repr_of, str_of};
use crate::warning::{Warning, Warnings};

/// Keys of a test entry that configure it instead of being arguments, in the order in which dbt writes
/// them into the code of a test.
pub(crate) const CONFIG_KEYS: &[&str] = &[
    "severity",
    "tags",
    "enabled",
    "where",
    "limit",
    "warn_if",
    "error_if",
    "fail_calc",
    "store_failures",
    "store_failures_as",
    "sql_header",
    "meta",
    "database",
    "schema",
    "alias",
];

/// What a generic test stands under.
#[derive(Clone, Debug)]
pub struct TestTarget<'t> {
    /// The name in synthesized test names: `orders`, for a source `raw_orders`.
    pub name: &'t str,
    /// Whether it is a table of a source.
    pub is_source: bool,
    /// The expression the test's `model` argument renders to: `ref('orders')`.
    pub call: String,
    /// The column, for a test of one.
    pub column: Option<&'t str>,
}

/// A generic test as written, before it becomes a node.
#[derive(Clone, Debug)]
pub struct TestSpec {
    /// The test: `not_null`.
    pub name: String,
    /// The package of its macro, if written.
    pub namespace: Option<String>,
    /// Its arguments, `model` and `column_name` included, unrendered.
    pub kwargs: Map<String, Json>,
    /// Its configuration, unrendered.
    pub config: Map<String, Json>,
    /// The name of its file and relation.
    pub short_name: String,
    /// Its name in the project.
    pub full_name: String,
    /// What it says it is.
    pub description: String,
}

impl TestSpec {
    /// Reads one entry under `data_tests:` of `target`.
    ///
    /// # Errors
    /// `D1041` at an entry that is no test.
    pub fn read(
        document: &Document,
        entry: &Node,
        target: &TestTarget<'_>,
        warnings: &mut Warnings,
    ) -> Result<Self> {
        let invalid = |why: &str| {
            Error::new(
                codes::D1041,
                format!("A test of `{}` is not valid: {why}", target.name),
            )
            .at(document.source.place(entry.span.clone()))
        };
        let (called, mut arguments) = split(entry).ok_or_else(|| {
            invalid("expected a name, or a mapping from one name to its arguments")
                .help("arguments are indented below the name of the test")
        })?;
        let mut config = match arguments.shift_remove("config") {
            None | Some(Json::Null) => Map::new(),
            Some(Json::Object(config)) => config,
            Some(_) => return Err(invalid("`config` is a mapping")),
        };
        for key in CONFIG_KEYS {
            let Some(value) = arguments.shift_remove(*key) else {
                continue;
            };
            if config.contains_key(*key) {
                let why = format!("`{key}` stands both in `config` and beside it");
                return Err(invalid(&why));
            }
            config.insert((*key).to_owned(), value);
        }
        if let Some(Json::String(severity)) = config.get("severity")
            && !crate::project::render::is_template(severity)
            && !["warn", "error"].contains(&severity.to_lowercase().as_str())
        {
            let why = format!("`severity: {severity}` is neither `warn` nor `error`");
            return Err(invalid(&why));
        }
        let mut config = in_order(config);
        let custom_name = arguments.shift_remove("name").map(|name| str_of(&name));
        let description = arguments
            .shift_remove("description")
            .map(|text| str_of(&text));
        match arguments.shift_remove("arguments") {
            None if !arguments.is_empty() => {
                let message = format!(
                    "The arguments of test `{called}` of `{}` stand outside `arguments:`",
                    target.name
                );
                warnings.add(
                    Warning::new("MissingArgumentsPropertyInGenericTestDeprecation", message)
                        .at(document.source.place(entry.span.clone())),
                );
            }
            Some(Json::Object(more)) => arguments.extend(more),
            Some(Json::Null) | None => {}
            Some(_) => return Err(invalid("`arguments` is a mapping")),
        }
        if let Some(column) = target.column {
            arguments.insert("column_name".to_owned(), json!(column));
        }
        let (namespace, name) =
            named(&called).ok_or_else(|| invalid(&format!("`{called}` is no name of a test")))?;
        let (short_name, full_name) = match custom_name {
            Some(name) => (name.clone(), name),
            None => synthesize(&name, namespace.as_deref(), target, &arguments),
        };
        if short_name != full_name && !config.contains_key("alias") {
            config.insert("alias".to_owned(), json!(short_name));
        }
        let model = format!("{{{{ get_where_subquery({}) }}}}", target.call);
        arguments.insert("model".to_owned(), json!(model));
        Ok(Self {
            name,
            namespace,
            kwargs: arguments,
            config,
            short_name,
            full_name,
            description: description.unwrap_or_default(),
        })
    }

    /// The macro it calls: `dbt_utils.test_expression_is_true`.
    #[must_use]
    pub fn macro_name(&self) -> String {
        match &self.namespace {
            Some(namespace) => format!("{namespace}.test_{}", self.name),
            None => format!("test_{}", self.name),
        }
    }

    /// The code dbt generates for it.
    #[must_use]
    pub fn raw_code(&self) -> String {
        let mut code = format!(
            "{{{{ {}(**_dbt_generic_test_kwargs) }}}}",
            self.macro_name()
        );
        let settings = self.config.iter().map(|(key, value)| match value {
            Json::String(text) => format!("{key}=\"{}\"", text.replace('"', "\\\"")),
            other => format!("{key}={}", repr_of(other)),
        });
        let settings: Vec<String> = settings.collect();
        if !settings.is_empty() {
            code.push_str(&format!("{{{{ config({}) }}}}", settings.join(",")));
        }
        code
    }

    /// The last part of its unique id, which tells tests of one name apart.
    #[must_use]
    pub fn hash(&self) -> String {
        let metadata = json!({
            "kwargs": sorted(&Json::Object(self.kwargs.clone())),
            "name": self.name,
            "namespace": self.namespace.as_deref().unwrap_or("None"),
        });
        let text = format!("{}{}", self.full_name, repr_of(&metadata));
        let digest = hex(&Md5::digest(text.as_bytes()));
        digest[digest.len() - 10..].to_owned()
    }
}

fn in_order(mut config: Map<String, Json>) -> Map<String, Json> {
    let mut ordered = Map::new();
    for key in CONFIG_KEYS {
        if let Some(value) = config.shift_remove(*key) {
            ordered.insert((*key).to_owned(), value);
        }
    }
    ordered.extend(config);
    ordered
}

/// Name and arguments of an entry: `unique`, `unique: {…}` or `{test_name: unique, …}`.
fn split(entry: &Node) -> Option<(String, Map<String, Json>)> {
    if let Some(name) = entry.as_str() {
        return Some((name.to_owned(), Map::new()));
    }
    let Json::Object(mut map) = entry.to_json() else {
        return None;
    };
    if let Some(name) = map.shift_remove("test_name") {
        return Some((name.as_str()?.to_owned(), map));
    }
    if map.len() != 1 {
        return None;
    }
    match map.into_iter().next()? {
        (name, Json::Object(arguments)) => Some((name, arguments)),
        (name, Json::Null) => Some((name, Map::new())),
        _ => None,
    }
}

/// The package and the name that `called` begins with. dbt ignores what follows: `not_null:` is `not_null`.
fn named(called: &str) -> Option<(Option<String>, String)> {
    let (first, rest) = word(called)?;
    Some(match rest.strip_prefix('.').and_then(word) {
        Some((name, _)) => (Some(first.to_owned()), name.to_owned()),
        None => (None, first.to_owned()),
    })
}

/// The identifier at the beginning of `text`, and what follows it.
fn word(text: &str) -> Option<(&str, &str)> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let end = text.find(|c| !is_part(c)).unwrap_or(text.len());
    let (word, rest) = text.split_at(end);
    word.starts_with(|c: char| !c.is_ascii_digit())
        .then_some((word, rest))
}

fn synthesize(
    name: &str,
    namespace: Option<&str>,
    target: &TestTarget<'_>,
    arguments: &Map<String, Json>,
) -> (String, String) {
    let mut kind = if target.is_source {
        format!("source_{name}")
    } else {
        name.to_owned()
    };
    if let Some(namespace) = namespace {
        kind = format!("{namespace}_{kind}");
    }
    let mut keys: Vec<&String> = arguments.keys().filter(|key| *key != "model").collect();
    keys.sort();
    let mut parts: Vec<String> = Vec::new();
    for value in keys.into_iter().filter_map(|key| arguments.get(key)) {
        match value {
            Json::Object(map) => parts.extend(map.values().map(str_of)),
            Json::Array(items) => parts.extend(items.iter().map(str_of)),
            other => parts.push(str_of(other)),
        }
    }
    let parts: Vec<String> = parts.iter().map(|part| clean(part)).collect();
    let identifier = format!("{kind}_{}", target.name);
    let full = format!("{identifier}_{}", parts.join("__"));
    if full.chars().count() < 64 {
        return (full.clone(), full);
    }
    let label = hex(&Md5::digest(full.as_bytes()));
    let head: String = identifier.chars().take(30).collect();
    (format!("{head}_{label}"), full)
}

/// Runs of anything but ASCII letters, digits and underscores become one underscore.
fn clean(part: &str) -> String {
    let mut out = String::with_capacity(part.len());
    let mut gap = false;
    for c in part.chars() {
        if c.is_ascii_alphanumeric() || c == '_' {
            out.push(c);
            gap = false;
        } else if !gap {
            out.push('_');
            gap = true;
        }
    }
    out
}

/// The value with sorted keys and every scalar as text, which dbt hashes.
fn sorted(value: &Json) -> Json {
    match value {
        Json::Object(map) => {
            let mut entries: Vec<_> = map.iter().collect();
            entries.sort_by(|a, b| a.0.cmp(b.0));
            Json::Object(
                entries
                    .into_iter()
                    .map(|(key, value)| (key.clone(), sorted(value)))
                    .collect(),
            )
        }
        Json::Array(items) => items.iter().map(sorted).collect(),
        other => Json::String(str_of(other)),
    }
}

/// The MD5 of `text` in hexadecimal digits.
#[must_use]
pub fn md5_of(text: &str) -> String {
    hex(&Md5::digest(text.as_bytes()))
}

/// Bytes as lower-case hexadecimal digits.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use diagnostic::Source;

    use super::{TestSpec, TestTarget};
    use crate::warning::Warnings;

    fn spec(text: &str, target: &TestTarget<'_>) -> TestSpec {
        let document = yaml::parse(&Source::new("t.yml", text)).unwrap();
        TestSpec::read(&document, &document.root, target, &mut Warnings::default()).unwrap()
    }

    /// dbt's `TEST_NAME_PATTERN` is matched at the beginning alone.
    #[test]
    fn a_name_ends_where_its_letters_do() {
        let target = TestTarget {
            name: "orders",
            is_source: false,
            call: "ref('orders')".to_owned(),
            column: Some("id"),
        };
        assert_eq!(spec("not_null`", &target).name, "not_null");
        let test = spec("'dbt_utils.accepted_range:': {min_value: 1}", &target);
        assert_eq!(test.namespace.as_deref(), Some("dbt_utils"));
        assert_eq!(test.name, "accepted_range");
        assert_eq!(spec("a.b.c", &target).name, "b");
        assert!(super::named("1st").is_none() && super::named("").is_none());
    }

    /// Ids as dbt-core gives them for jaffle_shop.
    #[test]
    fn names_and_hashes_are_dbts() {
        let column = |name, column| TestTarget {
            name,
            is_source: false,
            call: format!("ref('{name}')"),
            column: Some(column),
        };
        let test = spec("unique", &column("stg_customers", "customer_id"));
        assert_eq!(test.full_name, "unique_stg_customers_customer_id");
        assert_eq!(test.hash(), "c7614daada");
        let test = spec("not_null", &column("stg_customers", "customer_id"));
        assert_eq!(test.hash(), "e2cfb1f9aa");
        let test = spec(
            "relationships: {to: ref('customers'), field: customer_id}",
            &column("orders", "customer_id"),
        );
        assert_eq!(
            test.full_name,
            "relationships_orders_customer_id__customer_id__ref_customers_"
        );
        assert_eq!(test.hash(), "c6ec7f58f2");
        let test = spec(
            "accepted_values: {values: ['placed', 'shipped', 'completed', 'return_pending', 'returned']}",
            &column("orders", "status"),
        );
        assert_eq!(
            test.full_name,
            "accepted_values_orders_status__placed__shipped__completed__return_pending__returned"
        );
        assert_eq!(
            test.short_name,
            "accepted_values_orders_1ce6ab157c285f7cd2ac656013faf758"
        );
        assert_eq!(test.hash(), "be6b5b5ec3");
        assert_eq!(
            test.raw_code(),
            "{{ test_accepted_values(**_dbt_generic_test_kwargs) }}\
             {{ config(alias=\"accepted_values_orders_1ce6ab157c285f7cd2ac656013faf758\") }}"
        );
    }
}
