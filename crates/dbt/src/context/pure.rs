//! Functions of the context that need nothing but their arguments.

use diagnostic::{Error, Result, ResultExt, Source, codes};
use jinja::{Arguments, CallContext, Dict, Environment, Key, Set, Value};
use md5::{Digest, Md5};

use crate::parse::generic_test::hex;

/// Adds the functions to an environment.
pub(super) fn mount(environment: &mut Environment) {
    environment.add_function("fromjson", |_, arguments| {
        let [text, default] = arguments.bind("fromjson", ["string", "default"], 1)?;
        let text = text.map(|t| t.to_string()).unwrap_or_default();
        Ok(match serde_json::from_str::<serde_json::Value>(&text) {
            Ok(json) => Value::from(json),
            Err(_) => default.unwrap_or(Value::None),
        })
    });
    environment.add_function("tojson", |_, arguments| {
        let [value, default, sort] =
            arguments.bind("tojson", ["value", "default", "sort_keys"], 1)?;
        let json = value.unwrap_or(Value::None).to_json();
        Ok(match (json, default) {
            (Ok(json), _) => {
                let json = if sort.is_some_and(|sort| sort.truthy()) {
                    sorted(json)
                } else {
                    json
                };
                python_json(&json).into()
            }
            (Err(_), Some(default)) => default,
            (Err(_), None) => Value::None,
        })
    });
    environment.add_function("fromyaml", |_, arguments| {
        let [text, default] = arguments.bind("fromyaml", ["value", "default"], 1)?;
        let text = text.map(|t| t.to_string()).unwrap_or_default();
        Ok(match yaml::parse(&Source::new("fromyaml()", text)) {
            Ok(document) => Value::from(document.root.to_json()),
            Err(_) => default.unwrap_or(Value::None),
        })
    });
    environment.add_function("toyaml", |_, arguments| {
        let [value, default, _] = arguments.bind("toyaml", ["value", "default", "sort_keys"], 1)?;
        match value.unwrap_or(Value::None).to_json() {
            Ok(json) => Ok(yaml_text(&json, 0).into()),
            Err(_) => Ok(default.unwrap_or(Value::None)),
        }
    });
    environment.add_function("local_md5", |_, arguments| {
        let text = arguments.one("local_md5", "value")?.to_string();
        Ok(hex(&Md5::digest(text.as_bytes())).into())
    });
    environment.add_function("set", |_, arguments| {
        let [value, default] = arguments.bind("set", ["value", "default"], 0)?;
        Ok(match value {
            None => Value::Set(set_of(&[])?),
            Some(value) => match value.iterate().and_then(|items| set_of(&items)) {
                Ok(set) => Value::Set(set),
                Err(_) => default.unwrap_or(Value::None),
            },
        })
    });
    environment.add_function("set_strict", |_, arguments| {
        let value = arguments.one("set_strict", "value")?;
        Ok(Value::Set(set_of(&value.iterate()?)?))
    });
    environment.add_function("zip", |_, mut arguments| {
        let default = arguments.take("default");
        match zip(arguments) {
            Ok(zipped) => Ok(zipped),
            Err(_) => Ok(default.unwrap_or(Value::None)),
        }
    });
    // Jinja's own, but what parsing found by chance must not be kept.
    environment.add_filter("random", |_, arguments| {
        crate::cache::observed::note_volatile();
        let mut items = arguments.one("random", "seq")?.iterate()?;
        let chance = uuid::Uuid::new_v4().as_u128() % items.len().max(1) as u128;
        let at = usize::try_from(chance).unwrap_or_default();
        Ok(match items.is_empty() {
            true => Value::undefined("a random item of nothing"),
            false => items.swap_remove(at),
        })
    });
    environment.add_function("zip_strict", |_, arguments| zip(arguments));
    environment.add_function("diff_of_two_dicts", diff_of_two_dicts);
}

fn set_of(items: &[Value]) -> Result<Set> {
    let keys = items
        .iter()
        .map(Value::to_key)
        .collect::<Result<Vec<Key>>>()?;
    let set = Set::default();
    for key in keys {
        set.insert(key);
    }
    Ok(set)
}

fn zip(arguments: Arguments) -> Result<Value> {
    let lists = arguments
        .positional
        .iter()
        .map(Value::iterate)
        .collect::<Result<Vec<_>>>()?;
    let length = lists.iter().map(Vec::len).min().unwrap_or(0);
    let rows = (0..length).map(|at| Value::tuple(lists.iter().map(|list| list[at].clone())));
    Ok(Value::list(rows))
}

/// The entries of the first dictionary of lists that the second lacks, keys in any case.
fn diff_of_two_dicts(_: &mut CallContext<'_>, arguments: Arguments) -> Result<Value> {
    let [a, b] = arguments.bind("diff_of_two_dicts", ["dict_a", "dict_b"], 2)?;
    let (Some(Value::Dict(a)), Some(Value::Dict(b))) = (a, b) else {
        return Err(Error::new(
            codes::D2005,
            "`diff_of_two_dicts` takes two dictionaries",
        ));
    };
    let lower = |value: &Value| value.to_string().to_lowercase();
    let mut known: Vec<(String, Vec<String>)> = Vec::new();
    for (key, list) in b.items() {
        known.push((lower(&key), list.iterate()?.iter().map(lower).collect()));
    }
    let diff = Dict::new();
    for (key, list) in a.items() {
        let have = known
            .iter()
            .find(|(name, _)| *name == lower(&key))
            .map(|(_, list)| list);
        let missing = list.iterate()?.into_iter();
        let missing: Vec<Value> = missing
            .filter(|item| have.is_none_or(|have| !have.contains(&lower(item))))
            .collect();
        if !missing.is_empty() {
            diff.insert_key(key.to_key()?, Value::list(missing));
        }
    }
    Ok(diff.into())
}

fn sorted(json: serde_json::Value) -> serde_json::Value {
    match json {
        serde_json::Value::Object(map) => {
            let mut entries: Vec<_> = map.into_iter().collect();
            entries.sort_by(|a, b| a.0.cmp(&b.0));
            serde_json::Value::Object(entries.into_iter().map(|(k, v)| (k, sorted(v))).collect())
        }
        serde_json::Value::Array(items) => items.into_iter().map(sorted).collect(),
        other => other,
    }
}

/// JSON with the spaces Python's `json.dumps` writes, because templates hash it.
#[must_use]
pub fn python_json(json: &serde_json::Value) -> String {
    match json {
        serde_json::Value::Array(items) => {
            let items: Vec<String> = items.iter().map(python_json).collect();
            format!("[{}]", items.join(", "))
        }
        serde_json::Value::Object(map) => {
            let pairs = map
                .iter()
                .map(|(key, value)| format!("{}: {}", ascii_json(key), python_json(value)));
            format!("{{{}}}", pairs.collect::<Vec<_>>().join(", "))
        }
        serde_json::Value::String(text) => ascii_json(text),
        other => other.to_string(),
    }
}

/// A JSON string in ASCII, as `json.dumps` escapes it.
fn ascii_json(text: &str) -> String {
    let json = serde_json::Value::from(text).to_string();
    let mut out = String::with_capacity(json.len());
    for c in json.chars() {
        if c.is_ascii() {
            out.push(c);
        } else {
            let mut units = [0; 2];
            for unit in c.encode_utf16(&mut units) {
                out.push_str(&format!("\\u{unit:04x}"));
            }
        }
    }
    out
}

fn yaml_text(json: &serde_json::Value, indent: usize) -> String {
    use serde_json::Value as Json;
    let pad = " ".repeat(indent);
    match json {
        Json::Object(map) if !map.is_empty() => {
            let lines = map.iter().map(|(key, value)| match value {
                Json::Object(inner) if !inner.is_empty() => {
                    format!("{pad}{key}:\n{}", yaml_text(value, indent + 2))
                }
                Json::Array(inner) if !inner.is_empty() => {
                    format!("{pad}{key}:\n{}", yaml_text(value, indent))
                }
                other => format!("{pad}{key}: {}\n", scalar(other)),
            });
            lines.collect()
        }
        Json::Array(items) if !items.is_empty() => {
            let lines = items.iter().map(|item| match item {
                Json::Object(map) if !map.is_empty() => {
                    let text = yaml_text(item, indent + 2);
                    format!("{pad}- {}", text.trim_start())
                }
                other => format!("{pad}- {}\n", scalar(other)),
            });
            lines.collect()
        }
        other => format!("{}\n", scalar(other)),
    }
}

fn scalar(json: &serde_json::Value) -> String {
    use serde_json::Value as Json;
    match json {
        Json::String(text) => {
            let safe = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | ' ' | '.' | '/');
            let plain = !text.is_empty()
                && text.chars().all(safe)
                && text.starts_with(char::is_alphabetic)
                && yaml::parse(&Source::new("", text.as_str()))
                    .is_ok_and(|document| document.root.as_str() == Some(text));
            if plain {
                text.clone()
            } else {
                json.to_string()
            }
        }
        other => other.to_string(),
    }
}

/// Parses the argument of `--args` and `--vars`: YAML, so JSON too.
///
/// # Errors
/// `C0001` if it is neither, `C0002` if it is no mapping.
pub fn yaml_mapping(name: &str, text: &str) -> Result<serde_json::Map<String, serde_json::Value>> {
    let document = yaml::parse(&Source::new(name, text))?;
    document.root.expect_mapping(&document)?;
    match document.root.to_json() {
        serde_json::Value::Object(map) => Ok(map),
        _ => serde_json::from_str("{}").explain(codes::X0001, || "an empty object".to_owned()),
    }
}
