//! Sentences for people: why a row is in quarantine.

use diagnostic::{Error, Result, codes};
use settings::RuleSpec;

use super::Column;

/// Refuses a template that names a column the contract does not have.
pub(crate) fn check(rule: &RuleSpec, columns: &[Column]) -> Result<()> {
    let known = |name: &str| {
        columns
            .iter()
            .any(|column| column.name.eq_ignore_ascii_case(name))
    };
    let Some(unknown) = rule.placeholders().find(|name| !known(name)) else {
        return Ok(());
    };
    Err(Error::new(
        codes::L2002,
        format!(
            "The reason of rule `{}` names a column the dataset does not have: `{unknown}`",
            rule.name.value
        ),
    )
    .at(rule.reason.place())
    .suggest(unknown, columns.iter().map(|column| column.name.as_str())))
}

/// Puts values as read in place of `{column}`.
pub(crate) fn fill<'a>(
    template: &str,
    value: impl Fn(&str) -> Option<std::borrow::Cow<'a, str>>,
) -> String {
    let mut filled = String::with_capacity(template.len() + 16);
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        filled.push_str(before);
        let Some((name, after)) = after.split_once('}') else {
            filled.push('{');
            rest = after;
            continue;
        };
        match value(name.trim()) {
            Some(value) => filled.push_str(&shortened(&value)),
            None => filled.push_str("NULL"),
        }
        rest = after;
    }
    filled.push_str(rest);
    filled
}

/// `Ship date` for `ship_date`.
pub(crate) fn spoken(column: &str) -> String {
    let words = column.replace('_', " ").to_lowercase();
    let mut letters = words.chars();
    letters
        .next()
        .map(|first| first.to_uppercase().chain(letters).collect())
        .unwrap_or_default()
}

/// At most 80 characters of a value; the whole of it is in the row.
pub(crate) fn shortened(value: &str) -> std::borrow::Cow<'_, str> {
    match value.char_indices().nth(80) {
        Some((at, _)) => format!("{}…", value.get(..at).unwrap_or_default()).into(),
        None => value.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::{fill, spoken};

    #[test]
    fn fills_values_as_read() {
        let value = |name: &str| (name == "sales").then(|| "-3.5".into());
        assert_eq!(
            fill("Sales `{sales}` and {city}", value),
            "Sales `-3.5` and NULL"
        );
        assert_eq!(fill("{ open", value), "{ open");
        assert_eq!(spoken("ship_date"), "Ship date");
    }
}
