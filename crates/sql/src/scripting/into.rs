//! `INTO :variable` behind a statement of a block, which no grammar of statements knows: it is taken out of
//! the tokens and given to the step that the statement becomes.

use sqlparser::tokenizer::{Location, Token, TokenWithSpan};

/// Variables behind INTO.
#[derive(Clone, Debug)]
pub(crate) struct Into {
    /// Where INTO stood.
    pub(crate) at: Location,
    /// The variables.
    pub(crate) names: Vec<String>,
}

/// Takes every `INTO :a, :b` out of `tokens`.
pub(crate) fn cut(tokens: Vec<TokenWithSpan>) -> (Vec<TokenWithSpan>, Vec<Into>) {
    let is_into = |token: &TokenWithSpan| matches!(&token.token, Token::Word(word) if word.quote_style.is_none() && word.value == "INTO");
    if !tokens.iter().any(is_into) {
        return (tokens, Vec::new());
    }
    let mut kept = Vec::with_capacity(tokens.len());
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(token) = tokens.get(at) {
        let rest = tokens.get(at + 1..).unwrap_or_default();
        let before: Option<&TokenWithSpan> = kept
            .iter()
            .rev()
            .find(|token: &&TokenWithSpan| !matches!(token.token, Token::Whitespace(_)));
        let changes = before.is_some_and(|before| match &before.token {
            Token::Word(word) => {
                ["INSERT", "OVERWRITE", "MERGE", "COPY"].contains(&word.value.as_str())
            }
            _ => false,
        });
        match is_into(token) && !changes {
            true => {
                let (names, length) = variables(rest);
                match names.is_empty() {
                    true => kept.push(token.clone()),
                    false => found.push(Into {
                        at: token.span.start,
                        names,
                    }),
                }
                at += 1 + length;
            }
            false => {
                kept.push(token.clone());
                at += 1;
            }
        }
    }
    (kept, found)
}

/// `:a, :b`, and how many tokens that is.
fn variables(tokens: &[TokenWithSpan]) -> (Vec<String>, usize) {
    let mut names = Vec::new();
    let mut length = 0;
    let significant = |from: usize| {
        let mut rest = tokens.iter().enumerate().skip(from);
        rest.find(|(_, token)| !matches!(token.token, Token::Whitespace(_)))
            .map(|(at, token)| (at, &token.token))
    };
    loop {
        let start = match (names.is_empty(), significant(length)) {
            (true, _) => length,
            (false, Some((at, Token::Comma))) => at + 1,
            (false, _) => return (names, length),
        };
        let Some((colon, Token::Colon)) = significant(start) else {
            return (names, length);
        };
        let Some((at, Token::Word(word))) = significant(colon + 1) else {
            return (names, length);
        };
        names.push(match word.quote_style {
            Some(_) => word.value.clone(),
            None => word.value.to_uppercase(),
        });
        length = at + 1;
    }
}
