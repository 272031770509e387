//! `selectors.yml`: named selections, which may refer to each other.

use diagnostic::{Error, Result, codes};
use indexmap::IndexMap;
use serde_json::{Value as Json, json};
use yaml::{Document, Node};

use super::{Criterion, Depth, Expression, IndirectSelection, matches_pattern, parse, parse_one};
use crate::select::METHODS;

/// The named selections of a project.
#[derive(Clone, Debug, Default)]
pub struct NamedSelectors {
    /// By name, in the order of the file.
    pub selectors: IndexMap<String, NamedSelector>,
    /// The one that applies when a command selects nothing.
    pub default: Option<String>,
}

/// A selection with a name.
#[derive(Clone, Debug)]
pub struct NamedSelector {
    /// What it is for.
    pub description: String,
    /// Its definition as JSON, for the manifest.
    pub definition: serde_json::Value,
    /// What it means.
    pub expression: Expression,
}

impl NamedSelectors {
    /// The selection called `name`.
    ///
    /// # Errors
    /// `D3003` with the nearest name, if there is none.
    pub fn get(&self, name: &str) -> Result<&NamedSelector> {
        self.selectors.get(name).ok_or_else(|| {
            let message = format!("There is no selector `{name}` in selectors.yml");
            let names = self.selectors.keys().map(String::as_str);
            Error::new(codes::D3003, message).suggest(name, names)
        })
    }

    /// Those whose names match the pattern of a `selector:` criterion.
    ///
    /// # Errors
    /// `D3003` if there is none.
    pub fn matching(&self, pattern: &str) -> Result<Vec<&NamedSelector>> {
        let all = self.selectors.iter();
        let found = all.filter(|(name, _)| matches_pattern(name, pattern));
        let found: Vec<&NamedSelector> = found.map(|(_, selector)| selector).collect();
        match found.is_empty() {
            true => self.get(pattern).map(|selector| vec![selector]),
            false => Ok(found),
        }
    }
}

/// Reads the `selectors:` of a rendered `selectors.yml`.
///
/// # Errors
/// `D3002` at a definition that makes no sense, `D3003` for an unknown name, `D3001` for a bad
/// criterion.
pub fn read(document: &Document) -> Result<NamedSelectors> {
    let mut named = NamedSelectors::default();
    let list = match document.root.get("selectors") {
        Some(node) => node.expect_sequence(document)?,
        None => &[],
    };
    for entry in list {
        let name_node = document.require(entry, "name")?;
        let name = name_node.expect_str(document)?;
        let definition = document.require(entry, "definition")?;
        if entry.get("default").and_then(Node::as_bool) == Some(true) {
            if let Some(other) = &named.default {
                let why = format!("both `{other}` and `{name}` are the default selector");
                return Err(invalid(document, name_node, &why));
            }
            named.default = Some(name.to_owned());
        }
        let expression = Reader {
            document,
            known: &named,
        }
        .definition(definition)?;
        let selector = NamedSelector {
            description: text(entry, "description"),
            definition: in_full(&definition.to_json()),
            expression,
        };
        if named.selectors.insert(name.to_owned(), selector).is_some() {
            return Err(invalid(
                document,
                name_node,
                &format!("`{name}` is defined twice"),
            ));
        }
    }
    Ok(named)
}

fn text(node: &Node, key: &str) -> String {
    node.get(key)
        .and_then(Node::as_str)
        .unwrap_or_default()
        .to_owned()
}

/// A definition with every method written out, as the manifest shows it.
fn in_full(definition: &Json) -> Json {
    let each = |value: &Json| match value {
        Json::Array(parts) => parts.iter().map(in_full).collect(),
        other => other.clone(),
    };
    match definition {
        Json::String(word) => match parse_one(word) {
            Ok(criterion) if !word.contains([' ', ',']) => criterion_json(&criterion),
            _ => definition.clone(),
        },
        Json::Object(map) if map.contains_key("method") => definition.clone(),
        Json::Object(map) => match map.iter().next() {
            Some((key, value)) if matches!(key.as_str(), "union" | "intersection" | "exclude") => {
                json!({key: each(value)})
            }
            Some((method, value)) => json!({"method": method, "value": value}),
            None => definition.clone(),
        },
        other => other.clone(),
    }
}

fn criterion_json(criterion: &Criterion) -> Json {
    let mut words = vec![criterion.method.as_str()];
    words.extend(criterion.arguments.iter().map(String::as_str));
    let mut json = json!({"method": words.join("."), "value": criterion.value});
    let mut reach = |name: &str, depth: Option<Depth>| {
        let Some(depth) = depth else { return };
        json[name] = json!(true);
        if let Depth::Edges(edges) = depth {
            json[format!("{name}_depth")] = json!(edges);
        }
    };
    reach("parents", criterion.parents);
    reach("children", criterion.children);
    if criterion.childrens_parents {
        json["childrens_parents"] = json!(true);
    }
    json
}

fn invalid(document: &Document, node: &Node, why: &str) -> Error {
    Error::new(
        codes::D3002,
        format!("A selector definition is not valid: {why}"),
    )
    .at(document.source.place(node.span.clone()))
}

struct Reader<'d> {
    document: &'d Document,
    known: &'d NamedSelectors,
}

impl Reader<'_> {
    fn invalid(&self, node: &Node, why: &str) -> Error {
        invalid(self.document, node, why)
    }

    fn definition(&self, node: &Node) -> Result<Expression> {
        if let Some(word) = node.as_str() {
            let place = self.document.source.place(node.span.clone());
            let read = parse(&[word], &[]).map_err(|error| error.at(place))?;
            self.known_methods(node, &read)?;
            return Ok(read);
        }
        let entries = node.expect_mapping(self.document)?;
        if node.get("method").is_some() {
            let read = self.method(node)?;
            self.known_methods(node, &read)?;
            return Ok(read);
        }
        match entries {
            [(key, value)] => match key.as_str() {
                Some("union") => self.set(value, Expression::Union),
                Some("intersection") => self.set(value, Expression::Intersection),
                Some(method) => {
                    let value = value.expect_scalar(self.document)?;
                    let read = self.word(node, &format!("{method}:{value}"))?;
                    let read = Expression::Criterion(read);
                    self.known_methods(node, &read)?;
                    Ok(read)
                }
                None => Err(self.invalid(key, "a method is text")),
            },
            _ => Err(self.invalid(
                node,
                "expected `method:` and `value:`, or one `method: value`",
            )),
        }
    }

    /// Refuses methods that there are not, also in selectors that nobody asks for, as dbt does.
    fn known_methods(&self, node: &Node, expression: &Expression) -> Result<()> {
        let criteria = expression.criteria();
        let mut methods = criteria.iter().map(|criterion| criterion.method.as_str());
        match methods.find(|method| !method.is_empty() && !METHODS.contains(method)) {
            Some(method) => {
                let why = format!("there is no method `{method}`");
                let known = METHODS.iter().copied();
                Err(self.invalid(node, &why).suggest(method, known))
            }
            None => Ok(()),
        }
    }

    fn word(&self, node: &Node, word: &str) -> Result<Criterion> {
        let place = self.document.source.place(node.span.clone());
        parse_one(word).map_err(|error| error.at(place))
    }

    fn set(&self, node: &Node, join: fn(Vec<Expression>) -> Expression) -> Result<Expression> {
        let mut included = Vec::new();
        let mut excluded = Vec::new();
        for part in node.expect_sequence(self.document)? {
            match part.as_mapping() {
                Some([(key, value)]) if key.as_str() == Some("exclude") => {
                    for part in value.expect_sequence(self.document)? {
                        excluded.push(self.definition(part)?);
                    }
                }
                _ => included.push(self.definition(part)?),
            }
        }
        if included.is_empty() {
            return Err(self.invalid(node, "it includes nothing"));
        }
        Ok(without(join(included), excluded))
    }

    fn method(&self, node: &Node) -> Result<Expression> {
        let scalar = |key: &str| {
            self.document
                .require(node, key)?
                .expect_scalar(self.document)
        };
        let (method, value) = (scalar("method")?, scalar("value")?);
        let mut excluded = Vec::new();
        if let Some(exclude) = node.get("exclude") {
            for part in exclude.expect_sequence(self.document)? {
                excluded.push(self.definition(part)?);
            }
        }
        if method == "selector" {
            let place = self.document.source.place(node.span.clone());
            let other = self.known.get(&value).map_err(|error| error.at(place))?;
            return Ok(without(other.expression.clone(), excluded));
        }
        let mut words = method.split('.').map(str::to_owned);
        let flag = |key: &str| node.get(key).and_then(Node::as_bool).unwrap_or(false);
        let depth = |key: &str| -> Result<Depth> {
            match node.get(key) {
                None => Ok(Depth::All),
                Some(edges) => {
                    let edges = edges.expect_int(self.document)?;
                    let edges = usize::try_from(edges);
                    edges
                        .map(Depth::Edges)
                        .map_err(|_| self.invalid(node, "a depth is not negative"))
                }
            }
        };
        let indirect = match node.get("indirect_selection") {
            None => None,
            Some(mode) => {
                let known = IndirectSelection::from_name(mode.expect_str(self.document)?);
                let why = "`indirect_selection` is eager, cautious, buildable or empty";
                Some(known.ok_or_else(|| self.invalid(mode, why))?)
            }
        };
        let criterion = Criterion {
            raw: format!("{method}:{value}"),
            method: words.next().unwrap_or_default(),
            arguments: words.collect(),
            value,
            childrens_parents: flag("childrens_parents"),
            parents: if flag("parents") {
                Some(depth("parents_depth")?)
            } else {
                None
            },
            children: if flag("children") {
                Some(depth("children_depth")?)
            } else {
                None
            },
            indirect,
        };
        Ok(without(Expression::Criterion(criterion), excluded))
    }
}

fn without(include: Expression, excluded: Vec<Expression>) -> Expression {
    if excluded.is_empty() {
        return include;
    }
    Expression::Difference(Box::new(include), Box::new(Expression::Union(excluded)))
}
