//! What a Python model refers to and how it is configured, without running it: the calls of `dbt.ref`,
//! `dbt.source`, `dbt.config` and `dbt.config.get`, whose arguments are literals
//! (<https://docs.getdbt.com/docs/build/python-models>).

mod literal;
mod syntax;
mod token;

use diagnostic::{Error, Result, Source, codes};
use serde_json::{Map, Value as Json, json};

use crate::context::Captured;
use crate::node::{Ref, SourceRef};
use literal::{Call, Literals};
pub use syntax::{interpreter, refuse_broken};
use token::{Kind, Token, tokens};

/// What the code in `source` asks for.
///
/// # Errors
/// `D1051` if there is not one function `model(dbt, session)`, `D2005` for calls that cannot be read.
pub fn captured(source: &Source) -> Result<Captured> {
    let tokens = tokens(&source.text);
    check_function(source, &tokens)?;
    let mut found = Found::default();
    for at in 0..tokens.len() {
        let Some((name, length)) = called(&tokens, at) else {
            continue;
        };
        let rest = tokens.get(at + length..).unwrap_or_default();
        let place = tokens.get(at).map_or((0, 0), |token| token.span);
        let call = Literals::new(rest).call().map_err(|at| {
            let (start, end) = at.unwrap_or(place);
            Error::new(
                codes::D2005,
                format!("The arguments of `dbt.{name}` are no literals, so they are not known before the model runs"),
            )
            .at(source.place(start..end))
            .help("write texts, numbers, lists and dictionaries as they are")
        })?;
        found.note(name, call, place).map_err(|error| {
            let (start, end) = place;
            error.at(source.place(start..end))
        })?;
    }
    Ok(found.captured())
}

/// One function `model` of two arguments, the first of which is `dbt`.
fn check_function(source: &Source, tokens: &[Token]) -> Result<()> {
    let names = |at: usize, name: &str| {
        let kind = tokens.get(at).map(|token| &token.kind);
        matches!(kind, Some(Kind::Name(found)) if found == name)
    };
    let is = |at: usize, symbol: char| {
        tokens
            .get(at)
            .is_some_and(|token| token.kind == Kind::Symbol(symbol))
    };
    let models: Vec<usize> = (0..tokens.len())
        .filter(|at| tokens[*at].outermost && names(*at, "def") && names(at + 1, "model"))
        .collect();
    let wrong = |why: String| Error::new(codes::D1051, why);
    let [model] = models.as_slice() else {
        let count = models.len();
        let error = wrong(format!(
            "A Python model defines one function `model(dbt, session)`, not {count}"
        ));
        return Err(match models.last().and_then(|at| tokens.get(at + 1)) {
            Some(token) => error.at(source.place(token.span.0..token.span.1)),
            None => error.at(source.place(0..0)),
        });
    };
    let mut depth = 0;
    let mut arguments = 0;
    for (at, token) in tokens.iter().enumerate().skip(model + 2) {
        match token.kind {
            Kind::Symbol('(' | '[' | '{') => depth += 1,
            Kind::Symbol(')' | ']' | '}') => depth -= 1,
            Kind::Symbol(',') if depth == 1 && !is(at + 1, ')') => arguments += 1,
            _ => {}
        }
        if depth == 0 {
            break;
        }
    }
    let empty = is(model + 3, ')');
    if empty || arguments != 1 || !names(model + 3, "dbt") {
        let (start, end) = tokens[model + 1].span;
        return Err(
            wrong("`model` takes two arguments: `dbt` and `session`".to_owned())
                .at(source.place(start..end)),
        );
    }
    Ok(())
}

/// The function of `dbt` that is called at `at`, and how many words that takes, its parenthesis included.
fn called(tokens: &[Token], at: usize) -> Option<(&'static str, usize)> {
    const CALLS: [(&str, &[&str]); 5] = [
        ("config.meta_get", &["config", "meta_get"]),
        ("config.get", &["config", "get"]),
        ("ref", &["ref"]),
        ("source", &["source"]),
        ("config", &["config"]),
    ];
    let name = |at: usize, wanted: &str| {
        let kind = tokens.get(at).map(|token| &token.kind);
        matches!(kind, Some(Kind::Name(found)) if found == wanted)
    };
    let symbol = |at: usize, wanted: char| {
        let kind = tokens.get(at).map(|token| &token.kind);
        kind == Some(&Kind::Symbol(wanted))
    };
    if !name(at, "dbt") || (at > 0 && symbol(at - 1, '.')) {
        return None;
    }
    CALLS.into_iter().find_map(|(shown, words)| {
        let mut words = words.iter().enumerate();
        let all = words.all(|(n, word)| symbol(at + 1 + 2 * n, '.') && name(at + 2 + 2 * n, word));
        let open = at + 1 + 2 * shown.split('.').count();
        (all && symbol(open, '(')).then_some((shown, open + 1 - at))
    })
}

/// The calls as they are found.
#[derive(Default)]
struct Found {
    captured: Captured,
    keys: Vec<(Json, Json)>,
    meta_keys: Vec<(Json, Json)>,
}

impl Found {
    fn note(&mut self, name: &str, mut call: Call, span: (usize, usize)) -> Result<()> {
        let wrong = |takes: &str| {
            Err(Error::new(
                codes::D2005,
                format!("`dbt.{name}` takes {takes}"),
            ))
        };
        let texts: Vec<String> = call
            .positional
            .iter()
            .filter_map(|value| value.as_str().map(str::to_owned))
            .collect();
        match name {
            "ref" => {
                let version = call
                    .named
                    .remove("v")
                    .or_else(|| call.named.remove("version"));
                let (name, package) = match texts.as_slice() {
                    [name] => (name.clone(), None),
                    [package, name] => (name.clone(), Some(package.clone())),
                    _ => return wrong("a name, or a package and a name"),
                };
                let version = version.filter(|version| !version.is_null());
                let version = version.map(|version| match version {
                    Json::String(text) => text,
                    other => other.to_string(),
                });
                self.captured.refs.push(Ref {
                    name,
                    package,
                    version,
                    span: Some(span),
                });
            }
            "source" => match texts.as_slice() {
                [source, table] => self.captured.sources.push(SourceRef {
                    source: source.clone(),
                    table: table.clone(),
                    span: Some(span),
                }),
                _ => return wrong("the name of a source and of its table"),
            },
            "config" => self.captured.config.push(call.named),
            _ => {
                let keys = match name {
                    "config.get" => &mut self.keys,
                    _ => &mut self.meta_keys,
                };
                let default = call.named.remove("default");
                let mut values = call.positional.into_iter();
                match (values.next(), values.next(), values.next()) {
                    (Some(key), second, None) => {
                        keys.push((key, second.or(default).unwrap_or_default()));
                    }
                    _ => return wrong("a key, or a key and a default"),
                }
            }
        }
        Ok(())
    }

    /// With the keys the code reads as configuration, as dbt keeps them.
    fn captured(mut self) -> Captured {
        if self.keys.is_empty() && self.meta_keys.is_empty() {
            return self.captured;
        }
        let (keys, defaults): (Vec<Json>, Vec<Json>) = self.keys.into_iter().unzip();
        let (meta_keys, meta_defaults): (Vec<Json>, Vec<Json>) = self.meta_keys.into_iter().unzip();
        let call = json!({
            "config_keys_used": keys, "config_keys_defaults": defaults,
            "meta_keys_used": meta_keys, "meta_keys_defaults": meta_defaults,
        });
        if let Json::Object(call) = call {
            self.captured.config.push(Map::from_iter(call));
        }
        self.captured
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests {
    use diagnostic::{Source, codes};
    use serde_json::json;

    use super::captured;

    fn source(text: &str) -> Source {
        Source::new("m.py", text)
    }

    #[test]
    fn calls_are_found_wherever_they_stand() {
        let found = captured(&source(
            r#"
import pandas as pd  # dbt.ref("not_this")

def helper(dbt):
    """dbt.ref('nor_this')"""
    return dbt.source('erp', "raw" "_orders")

def model(dbt, session):
    dbt.config(
        materialized="incremental", unique_key=["id", 'day'], packages=['numpy==1.2'],
        meta={"limit": -1_000, 'on': True, "rate": 1.5e3},
    )
    a = pd.concat([dbt.ref("a").to_pandas(), dbt.ref('pack', 'b', v=2).df()])
    print(f"{dbt.ref('c').count():>3} rows {{}}")
    if dbt.is_incremental:
        a = a[a["x"] > dbt.config.get("least", 0)]
    return a.assign(x=dbt.config.meta_get("limit"))
"#,
        ))
        .unwrap();
        let refs: Vec<_> = found
            .refs
            .iter()
            .map(|call| {
                (
                    call.name.as_str(),
                    call.package.as_deref(),
                    call.version.as_deref(),
                )
            })
            .collect();
        assert_eq!(
            refs,
            [
                ("a", None, None),
                ("b", Some("pack"), Some("2")),
                ("c", None, None)
            ]
        );
        assert_eq!(found.sources[0].table, "raw_orders");
        assert_eq!(found.config[0]["unique_key"], json!(["id", "day"]));
        assert_eq!(
            found.config[0]["meta"],
            json!({"limit": -1000, "on": true, "rate": 1500.0})
        );
        assert_eq!(found.config[1]["config_keys_used"], json!(["least"]));
        assert_eq!(found.config[1]["config_keys_defaults"], json!([0]));
        assert_eq!(found.config[1]["meta_keys_used"], json!(["limit"]));
    }

    #[test]
    fn what_cannot_be_known_is_refused_at_its_place() {
        let error = captured(&source(
            "def model(dbt, session):\n    return dbt.ref(NAME)\n",
        ))
        .unwrap_err();
        assert_eq!(error.code(), codes::D2005);
        let place = error.place().unwrap();
        assert_eq!((place.line, place.column), (2, 20));
        for text in [
            "x = 1",
            "def model(session): return 1",
            "def model(session, dbt): return 1",
            "def model(dbt, session): pass\ndef model(dbt, session): pass",
        ] {
            assert_eq!(
                captured(&source(text)).unwrap_err().code(),
                codes::D1051,
                "{text}"
            );
        }
    }
}
