//! Where in a statement an error is: at the name its message gives in backticks, if the statement has
//! that name, else at the whole statement.

use std::ops::Range;

use diagnostic::{Error, Source};
use sqlparser::dialect::SnowflakeDialect;
use sqlparser::tokenizer::{Location, Token, Tokenizer};

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

/// The first word of the SQL in `text` that is `word`, whatever its case; texts and comments hold none.
fn find_word(text: &str, word: &str) -> Option<Range<usize>> {
    let tokens = Tokenizer::new(&SnowflakeDialect, text)
        .tokenize_with_location()
        .ok()?;
    let source = Source::new("statement", text);
    let offset = |at: Location| {
        let line = usize::try_from(at.line).ok()?;
        let column = usize::try_from(at.column).ok()?;
        Some(source.offset(line, column))
    };
    let found = tokens.iter().find(
        |token| matches!(&token.token, Token::Word(found) if found.value.eq_ignore_ascii_case(word)),
    )?;
    Some(offset(found.span.start)?..offset(found.span.end)?)
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
        let text = "select 'id' /* id */, ü.id -- id";
        assert_eq!(
            find_word(text, "id"),
            text.find("id --").map(|at| at..at + 2)
        );
    }
}
