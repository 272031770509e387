//! What the parser cannot read inside of MATCH_RECOGNIZE, in words that it can.

use sqlparser::keywords::Keyword;
use sqlparser::tokenizer::{Token, TokenWithSpan, Word};

/// The symbol at the head of a group whose rows are not shown: `{- … -}`.
pub(super) const HIDDEN: &str = "$hidden";
/// What stands before the name of a function that looks at a match's rows so far, or at all of them.
pub(super) const RUNNING: &str = "$RUNNING_";
pub(super) const FINAL: &str = "$FINAL_";

/// Rewrites the clauses' exclusions, `?`, `SKIP TO symbol`, FINAL and RUNNING.
pub(crate) fn prepare(tokens: &mut Vec<TokenWithSpan>) {
    if !tokens
        .iter()
        .any(|token| is(&token.token, "MATCH_RECOGNIZE"))
    {
        return;
    }
    let old = std::mem::take(tokens);
    let solid: Vec<TokenWithSpan> = old
        .into_iter()
        .filter(|token| !matches!(token.token, Token::Whitespace(_)))
        .collect();
    let mut at = 0;
    let mut inside = 0_usize;
    let mut pattern = 0_usize;
    let mut of_query = false;
    while let Some(token) = solid.get(at) {
        let here = at;
        let next = |distance: usize| solid.get(here + distance).map(|token| &token.token);
        let with = |written: Token| TokenWithSpan {
            token: written,
            span: token.span,
        };
        at += 1;
        if inside == 0 {
            let opens = is(&token.token, "MATCH_RECOGNIZE") && next(1) == Some(&Token::LParen);
            inside = usize::from(opens);
            of_query = opens && name_query(tokens, token);
            tokens.push(token.clone());
            if opens {
                tokens.extend(solid.get(at).cloned());
                at += 1;
            }
            continue;
        }
        match &token.token {
            Token::LParen => {
                let begins =
                    pattern == 0 && tokens.last().is_some_and(|last| is(&last.token, "PATTERN"));
                pattern += usize::from(begins || pattern > 0);
                inside += 1;
                tokens.push(token.clone());
            }
            Token::RParen => {
                pattern = pattern.saturating_sub(1);
                inside -= 1;
                tokens.push(token.clone());
                if inside == 0 && of_query {
                    tokens.push(token.clone());
                }
            }
            Token::LBrace if pattern > 0 && next(1) == Some(&Token::Minus) => {
                tokens.push(with(Token::LParen));
                tokens.push(with(Token::make_word(HIDDEN, Some('"'))));
                pattern += 1;
                inside += 1;
                at += 1;
            }
            Token::Minus if pattern > 0 && next(1) == Some(&Token::RBrace) => {
                tokens.push(with(Token::RParen));
                pattern = pattern.saturating_sub(1);
                inside -= 1;
                at += 1;
            }
            Token::Placeholder(mark) if pattern > 0 && mark == "?" => {
                tokens.extend([
                    with(Token::LBrace),
                    with(Token::Comma),
                    with(Token::Number("1".to_owned(), false)),
                    with(Token::RBrace),
                ]);
            }
            word if is(word, "TO") && tokens.last().is_some_and(|last| is(&last.token, "SKIP")) => {
                tokens.push(token.clone());
                let stated = |name| next(1).is_some_and(|token| is(token, name));
                let row = next(2).is_some_and(|token| is(token, "ROW"));
                let symbol = matches!(next(2), Some(Token::Word(_)));
                let is_stated =
                    stated("NEXT") && row || (stated("FIRST") || stated("LAST")) && symbol;
                // Behind the symbol stands PATTERN, a word as well.
                let is_symbol = next(2).is_some_and(|token| is(token, "PATTERN"));
                if !is_stated || is_symbol {
                    tokens.push(with(Token::make_word("LAST", None)));
                }
            }
            word if pattern == 0
                && (is(word, "FINAL") || is(word, "RUNNING"))
                && next(2) == Some(&Token::LParen) =>
            {
                let prefix = if is(word, "FINAL") { FINAL } else { RUNNING };
                match next(1) {
                    Some(Token::Word(name)) => {
                        tokens.push(with(Token::Word(Word {
                            value: format!("{prefix}{}", name.value),
                            quote_style: None,
                            keyword: Keyword::NoKeyword,
                        })));
                        at += 1;
                    }
                    _ => tokens.push(token.clone()),
                }
            }
            _ => tokens.push(token.clone()),
        }
    }
}

/// The clause behind a subquery, which the parser takes behind names only: `(q) match_recognize (…)` becomes
/// `(with n as (q) select * from n match_recognize (…))`. Says whether a bracket has to be closed for it.
fn name_query(tokens: &mut Vec<TokenWithSpan>, at: &TokenWithSpan) -> bool {
    let mut depth = 0_usize;
    let mut open = None;
    for (place, token) in tokens.iter().enumerate().rev() {
        match token.token {
            Token::RParen => depth += 1,
            Token::LParen => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth == 0 {
            open = Some(place).filter(|_| token.token == Token::LParen);
            break;
        }
    }
    let Some(open) = open else {
        return false;
    };
    let is_query = tokens.get(open + 1).is_some_and(|token| {
        is(&token.token, "SELECT") || is(&token.token, "WITH") || is(&token.token, "VALUES")
    });
    if !is_query {
        return false;
    }
    let written = |token: Token| TokenWithSpan {
        token,
        span: at.span,
    };
    let word = |word: &str| written(Token::make_word(word, None));
    let name = || written(Token::make_word("$query", Some('"')));
    let head = [written(Token::LParen), word("WITH"), name(), word("AS")];
    tokens.splice(open..open, head);
    tokens.extend([word("SELECT"), written(Token::Mul), word("FROM"), name()]);
    true
}

fn is(token: &Token, name: &str) -> bool {
    matches!(token, Token::Word(word) if word.quote_style.is_none() && word.value == name)
}
