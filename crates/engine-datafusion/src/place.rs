//! Where in a statement an error is: at the name its message gives in backticks, if the statement has
//! that name, else at the whole statement.

use std::ops::Range;

use diagnostic::{Error, Source};

/// `error` with its place in `script`, whose bytes `span` are the statement. A place that is known
/// already stays.
#[must_use]
pub fn locate(error: Error, script: &Source, span: &Range<usize>) -> Error {
    let statement = script.text.get(span.clone()).unwrap_or_default();
    let named = error
        .message()
        .split('`')
        .nth(1)
        .and_then(|name| name.rsplit('.').next())
        .map(|name| name.trim_matches('"').to_owned())
        .filter(|name| !name.is_empty());
    let found = named.and_then(|name| find_word(statement, &name));
    let place = match found {
        Some(range) => script.place(span.start + range.start..span.start + range.end),
        None => script.place(span.clone()),
    };
    error.at(place)
}

/// The first place where `word` stands alone in `text`, whatever its case.
fn find_word(text: &str, word: &str) -> Option<Range<usize>> {
    // Lengths of ASCII words do not change with case; others are not looked for.
    if !word.is_ascii() || !text.is_ascii() {
        return None;
    }
    let (upper, wanted) = (text.to_ascii_uppercase(), word.to_ascii_uppercase());
    let part = |byte: Option<&u8>| byte.is_some_and(|b| b.is_ascii_alphanumeric() || *b == b'_');
    upper
        .match_indices(&wanted)
        .map(|(at, _)| at)
        .find_map(|at| {
            let end = at + wanted.len();
            let bytes = upper.as_bytes();
            let alone =
                !part(at.checked_sub(1).and_then(|i| bytes.get(i))) && !part(bytes.get(end));
            alone.then_some(at..end)
        })
}

#[cfg(test)]
mod tests {
    use super::find_word;

    #[test]
    fn finds_whole_words_only() {
        let text = "select orders.id, order_id from orders";
        assert_eq!(find_word(text, "ORDER_ID"), Some(18..26));
        assert_eq!(find_word(text, "ID"), Some(14..16));
        assert_eq!(find_word(text, "rder"), None);
    }
}
