//! `is [not] distinct from` with its own precedence.
//!
//! `sqlparser` takes everything behind `from` for the right side: `a is distinct from b or c` becomes
//! `a is distinct from (b or c)`. Here two operators that Snowflake does not have, and that bind as
//! comparisons do, stand in for it while a statement is parsed.

use std::ops::ControlFlow;

use sqlparser::ast::{BinaryOperator, Expr, Value};
use sqlparser::keywords::Keyword;
use sqlparser::tokenizer::{Token, TokenWithSpan};

const DISTINCT: Token = Token::TildeAsterisk;
const NOT_DISTINCT: Token = Token::ExclamationMarkTildeAsterisk;

/// Replaces `is [not] distinct from`. Gives a token that stood there as a stand-in already, which no
/// statement may have.
pub(crate) fn stand_in(tokens: &mut Vec<TokenWithSpan>) -> Option<TokenWithSpan> {
    let taken = |token: &&TokenWithSpan| token.token == DISTINCT || token.token == NOT_DISTINCT;
    if let Some(token) = tokens.iter().find(taken) {
        return Some(token.clone());
    }
    let words: Vec<(usize, Keyword)> = tokens
        .iter()
        .enumerate()
        .filter(|(_, token)| !matches!(token.token, Token::Whitespace(_)))
        .map(|(at, token)| match &token.token {
            Token::Word(word) if word.quote_style.is_none() => (at, word.keyword),
            _ => (at, Keyword::NoKeyword),
        })
        .collect();
    let mut found = Vec::new();
    for start in 0..words.len() {
        let keyword = |offset: usize| words.get(start + offset).map(|(_, keyword)| *keyword);
        if keyword(0) != Some(Keyword::IS) {
            continue;
        }
        let not = usize::from(keyword(1) == Some(Keyword::NOT));
        if keyword(1 + not) == Some(Keyword::DISTINCT) && keyword(2 + not) == Some(Keyword::FROM) {
            found.push((words[start].0, words[start + 2 + not].0, not == 1));
        }
    }
    for (first, last, not) in found.into_iter().rev() {
        tokens[first].token = if not { NOT_DISTINCT } else { DISTINCT };
        tokens.drain(first + 1..=last);
    }
    None
}

/// Puts `is [not] distinct from` back.
pub(crate) fn restore<T: crate::Node>(tree: &mut T) {
    let _ = crate::expressions_mut(tree, &mut |expression| {
        if let Expr::BinaryOp { op, .. } = expression
            && matches!(
                op,
                BinaryOperator::PGRegexIMatch | BinaryOperator::PGRegexNotIMatch
            )
        {
            let nothing = Expr::Value(Value::Null.into());
            *expression = match std::mem::replace(expression, nothing) {
                Expr::BinaryOp {
                    left,
                    op: BinaryOperator::PGRegexIMatch,
                    right,
                } => Expr::IsDistinctFrom(left, right),
                Expr::BinaryOp { left, right, .. } => Expr::IsNotDistinctFrom(left, right),
                other => other,
            };
        }
        ControlFlow::Continue(())
    });
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use diagnostic::Source;

    use crate::parse_script;

    fn parsed(sql: &str) -> String {
        format!("{:?}", parse_script(&Source::new("t", sql)).unwrap()[0].ast)
    }

    #[test]
    fn binds_tighter_than_and_and_or() {
        for operator in ["is distinct from", "is not  distinct\nfrom"] {
            let plain = format!("select a {operator} b and c {operator} d or e");
            let nested = format!("select ((a {operator} b) and (c {operator} d)) or e");
            let shape = |sql: &str| {
                let tree = parsed(sql);
                let names = ["Or", "And", "IsDistinctFrom(", "IsNotDistinctFrom("];
                let mut found: Vec<(usize, &str)> = Vec::new();
                for name in names {
                    found.extend(tree.match_indices(name).map(|(at, _)| (at, name)));
                }
                found.sort_unstable();
                found.into_iter().map(|(_, name)| name).collect::<Vec<_>>()
            };
            assert_eq!(shape(&plain), shape(&nested));
        }
        assert!(parse_script(&Source::new("t", "select a ~* b")).is_err());
    }
}
