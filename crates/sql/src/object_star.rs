//! `{*}`, `{* exclude (…)}` and `{t.*}`: an object of columns, which is `object_construct(*)`.
//!
//! <https://docs.snowflake.com/en/sql-reference/data-types-semistructured#object-constants>

use sqlparser::keywords::Keyword;
use sqlparser::tokenizer::{Token, TokenWithSpan, Word};

/// Writes objects of columns as calls; braces round anything else stay.
pub(crate) fn call(tokens: Vec<TokenWithSpan>) -> Vec<TokenWithSpan> {
    if !tokens.iter().any(|token| token.token == Token::LBrace) {
        return tokens;
    }
    let mut called = Vec::with_capacity(tokens.len());
    let mut closing = None;
    for (at, token) in tokens.iter().enumerate() {
        let replaced = |token_kind| TokenWithSpan::new(token_kind, token.span);
        if Some(at) == closing {
            called.push(replaced(Token::RParen));
        } else if let Some(end) = end_of_star(tokens.get(at..).unwrap_or_default()) {
            closing = Some(at + end);
            called.push(replaced(Token::Word(Word {
                value: "OBJECT_CONSTRUCT".to_owned(),
                quote_style: None,
                keyword: Keyword::NoKeyword,
            })));
            called.push(replaced(Token::LParen));
        } else {
            called.push(token.clone());
        }
    }
    called
}

/// Where the brace is that closes the one in front, if a star with or without a table stands behind that.
fn end_of_star(tokens: &[TokenWithSpan]) -> Option<usize> {
    if tokens.first()?.token != Token::LBrace {
        return None;
    }
    let mut inside = tokens.iter().enumerate().skip(1);
    let star = inside.find(|(_, token)| {
        !matches!(
            token.token,
            Token::Whitespace(_) | Token::Word(_) | Token::Period
        )
    })?;
    if star.1.token != Token::Mul {
        return None;
    }
    inside
        .find(|(_, token)| token.token == Token::RBrace)
        .map(|(at, _)| at)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use diagnostic::Source;

    use crate::parse_script;

    #[test]
    fn is_object_construct() {
        for (written, meant) in [
            ("{*}", "OBJECT_CONSTRUCT(*)"),
            ("{ t.* }", "OBJECT_CONSTRUCT(T.*)"),
            ("{* exclude (a, b)}", "OBJECT_CONSTRUCT(* EXCLUDE (A, B))"),
            ("{* ilike 'a%'}", "OBJECT_CONSTRUCT(* ILIKE 'a%')"),
            ("{'a': 1}", "{'a': 1}"),
        ] {
            let source = Source::new("t", format!("select {written} from t"));
            let parsed = parse_script(&source).unwrap().remove(0).ast.to_string();
            assert_eq!(parsed, format!("SELECT {meant} FROM T"), "{written}");
        }
    }
}
