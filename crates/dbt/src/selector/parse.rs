//! From the words after `--select` and `--exclude` to an [`Expression`].

use diagnostic::{Error, Result, codes};

use super::{Criterion, Depth, Expression};

/// What is selected when nothing is said: everything that can be.
pub const DEFAULT_METHODS: &[&str] = &[
    "fqn:*",
    "source:*",
    "exposure:*",
    "metric:*",
    "semantic_model:*",
    "saved_query:*",
];

/// The selection of the words of `--select` and `--exclude`: words are a union, commas intersect.
/// An empty `select` stands for everything.
///
/// # Errors
/// `D3001` for a word that is no criterion.
pub fn parse<S: AsRef<str>>(select: &[S], exclude: &[S]) -> Result<Expression> {
    let words = |list: &[S]| -> Result<Vec<Expression>> {
        let words = list
            .iter()
            .flat_map(|item| item.as_ref().split_whitespace());
        words.map(intersection).collect()
    };
    let mut included = words(select)?;
    if included.is_empty() {
        let defaults = DEFAULT_METHODS.iter().map(|word| intersection(word));
        included = defaults.collect::<Result<_>>()?;
    }
    let include = union(included);
    let excluded = words(exclude)?;
    if excluded.is_empty() {
        return Ok(include);
    }
    Ok(Expression::Difference(
        Box::new(include),
        Box::new(union(excluded)),
    ))
}

fn union(mut parts: Vec<Expression>) -> Expression {
    match parts.pop() {
        Some(only) if parts.is_empty() => only,
        last => {
            parts.extend(last);
            Expression::Union(parts)
        }
    }
}

fn intersection(word: &str) -> Result<Expression> {
    let mut parts = word
        .split(',')
        .map(|part| parse_one(part).map(Expression::Criterion))
        .collect::<Result<Vec<_>>>()?;
    match parts.pop() {
        Some(only) if parts.is_empty() => Ok(only),
        last => {
            parts.extend(last);
            Ok(Expression::Intersection(parts))
        }
    }
}

/// One criterion with its operators: `@a`, `2+tag:nightly+`.
///
/// # Errors
/// `D3001` if the word is empty or combines `@` with a `+` behind it.
pub fn parse_one(word: &str) -> Result<Criterion> {
    let invalid = |why: &str| {
        Error::new(
            codes::D3001,
            format!("`{word}` is not a valid selector: {why}"),
        )
    };
    let (childrens_parents, rest) = match word.strip_prefix('@') {
        Some(rest) => (true, rest),
        None => (false, word),
    };
    let (parents, rest) = leading(rest);
    let (children, rest) = trailing(rest);
    if childrens_parents && children.is_some() {
        return Err(invalid("`@` and a `+` behind it exclude each other"));
    }
    let named = rest.split_once(':').filter(|(method, _)| {
        let letters = |c: char| c.is_alphanumeric() || c == '_' || c == '.';
        !method.is_empty() && method.chars().all(letters)
    });
    let (method, value) = named.unwrap_or((default_method(rest), rest));
    if value.is_empty() {
        return Err(invalid("it names nothing"));
    }
    let mut words = method.split('.').map(str::to_owned);
    Ok(Criterion {
        raw: word.to_owned(),
        method: words.next().unwrap_or_default(),
        arguments: words.collect(),
        value: value.to_owned(),
        childrens_parents,
        parents,
        children,
        indirect: None,
    })
}

/// A word without a method is a path if it looks like one, a file by its ending, or a name.
fn default_method(value: &str) -> &'static str {
    let lower = value.to_lowercase();
    if value.contains(['/', '\\']) {
        "path"
    } else if [".sql", ".py", ".csv"]
        .iter()
        .any(|ending| lower.ends_with(ending))
    {
        "file"
    } else {
        "fqn"
    }
}

fn leading(word: &str) -> (Option<Depth>, &str) {
    let digits = word.bytes().take_while(u8::is_ascii_digit).count();
    match word[digits..].strip_prefix('+') {
        Some(rest) => (Some(depth(&word[..digits])), rest),
        None => (None, word),
    }
}

fn trailing(word: &str) -> (Option<Depth>, &str) {
    let digits = word.bytes().rev().take_while(u8::is_ascii_digit).count();
    let (head, number) = word.split_at(word.len() - digits);
    match head.strip_suffix('+') {
        Some(rest) => (Some(depth(number)), rest),
        None => (None, word),
    }
}

fn depth(digits: &str) -> Depth {
    digits.parse().map_or(Depth::All, Depth::Edges)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::{parse, parse_one};
    use crate::selector::{Depth, Expression};

    #[test]
    fn criteria() {
        for (word, at, parents, method, arguments, value, children) in [
            ("orders", false, None, "fqn", vec![], "orders", None),
            (
                "+orders",
                false,
                Some(Depth::All),
                "fqn",
                vec![],
                "orders",
                None,
            ),
            (
                "2+orders+3",
                false,
                Some(Depth::Edges(2)),
                "fqn",
                vec![],
                "orders",
                Some(Depth::Edges(3)),
            ),
            ("@orders", true, None, "fqn", vec![], "orders", None),
            ("tag:a+", false, None, "tag", vec![], "a", Some(Depth::All)),
            (
                "config.meta.owner:x",
                false,
                None,
                "config",
                vec!["meta", "owner"],
                "x",
                None,
            ),
            (
                "models/a.sql",
                false,
                None,
                "path",
                vec![],
                "models/a.sql",
                None,
            ),
            ("a.sql", false, None, "file", vec![], "a.sql", None),
            (
                "+source:raw.a",
                false,
                Some(Depth::All),
                "source",
                vec![],
                "raw.a",
                None,
            ),
            ("orders2", false, None, "fqn", vec![], "orders2", None),
        ] {
            let found = parse_one(word).unwrap();
            assert_eq!(found.childrens_parents, at, "{word}");
            assert_eq!(found.parents, parents, "{word}");
            assert_eq!(found.children, children, "{word}");
            assert_eq!(
                (found.method.as_str(), found.value.as_str()),
                (method, value),
                "{word}"
            );
            assert_eq!(found.arguments, arguments, "{word}");
        }
        assert!(parse_one("@a+").is_err());
        assert!(parse_one("").is_err());
        assert!(parse_one("tag:").is_err());
    }

    #[test]
    fn sets() {
        let expression = parse(&["a b,tag:c"], &["d"]).unwrap();
        let Expression::Difference(include, _) = &expression else {
            return assert!(matches!(expression, Expression::Difference(..)));
        };
        let Expression::Union(parts) = include.as_ref() else {
            return assert!(matches!(**include, Expression::Union(_)));
        };
        assert!(matches!(parts[1], Expression::Intersection(_)));
        assert_eq!(expression.criteria().len(), 4);
    }
}
