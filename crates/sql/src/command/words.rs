//! Stages in the tokens: `@db.schema.stage/path/file.csv` becomes one quoted word, so that every place of
//! the grammar that takes a table's name takes a stage's.

use sqlparser::keywords::Keyword;
use sqlparser::tokenizer::{Location, Span, Token, TokenWithSpan, Whitespace, Word};

/// Joins the tokens of each stage's name and path; and takes quoted locations after FROM, INTO and JOIN for
/// what they mean.
pub(crate) fn stage_words(tokens: Vec<TokenWithSpan>) -> Vec<TokenWithSpan> {
    let mut joined: Vec<TokenWithSpan> = Vec::with_capacity(tokens.len());
    let mut tokens = tokens.into_iter().peekable();
    let mut after_from = false;
    while let Some(token) = tokens.next() {
        match &token.token {
            Token::AtSign => {
                let mut name = String::from("@");
                let mut end = token.span.end;
                while let Some(next) = tokens.peek() {
                    if ends(&next.token) {
                        break;
                    }
                    name.push_str(&next.token.to_string());
                    end = next.span.end;
                    tokens.next();
                }
                joined.push(location(name, Span::new(token.span.start, end)));
            }
            Token::SingleQuotedString(text) if after_from && is_location(text) => {
                joined.push(location(text.clone(), token.span));
            }
            _ => joined.push(token),
        }
        if let Some(last) = joined.last() {
            after_from = match &last.token {
                Token::Whitespace(_) => after_from,
                Token::Word(word) => {
                    word.quote_style.is_none()
                        && ["FROM", "INTO", "JOIN"].contains(&word.value.as_str())
                }
                _ => false,
            };
        }
    }
    joined
}

/// Whether a quoted text after FROM means staged files.
fn is_location(text: &str) -> bool {
    text.starts_with('@') || text.contains("://")
}

fn location(name: String, span: Span) -> TokenWithSpan {
    let value = if name.starts_with('@') {
        name
    } else {
        // External locations are told from tables as stages are.
        format!("@{name}")
    };
    let word = Word {
        value,
        quote_style: Some('"'),
        keyword: Keyword::NoKeyword,
    };
    TokenWithSpan {
        token: Token::Word(word),
        span,
    }
}

fn ends(token: &Token) -> bool {
    matches!(
        token,
        Token::Whitespace(_)
            | Token::LParen
            | Token::RParen
            | Token::SemiColon
            | Token::Comma
            | Token::EOF
    )
}

/// `file:///path` without quotes: the tokenizer takes what follows `file:` for a comment.
pub(crate) fn local_files(tokens: Vec<TokenWithSpan>) -> Vec<TokenWithSpan> {
    let mut kept: Vec<TokenWithSpan> = Vec::with_capacity(tokens.len());
    for token in tokens {
        let comment = match &token.token {
            Token::Whitespace(Whitespace::SingleLineComment { comment, prefix })
                if prefix == "//" && after_file(&kept) =>
            {
                comment.clone()
            }
            _ => {
                kept.push(token);
                continue;
            }
        };
        let end = comment
            .find(|c: char| c.is_whitespace() || c == ';')
            .unwrap_or(comment.len());
        let (path, rest) = comment.split_at(end);
        kept.pop();
        let start = kept.pop().map_or(token.span.start, |word| word.span.start);
        let width = u64::try_from(path.chars().count()).unwrap_or(0) + 2;
        let behind = Location {
            line: token.span.start.line,
            column: token.span.start.column + width,
        };
        kept.push(TokenWithSpan {
            token: Token::SingleQuotedString(format!("file://{path}")),
            span: Span::new(start, behind),
        });
        let rest = crate::string_constant::tokens(rest);
        for mut token in rest.unwrap_or_default() {
            token.span = Span::new(
                shifted(token.span.start, behind),
                shifted(token.span.end, behind),
            );
            kept.push(token);
        }
    }
    local_again(kept)
}

/// Whether `file:` stands at the end of `tokens`.
fn after_file(tokens: &[TokenWithSpan]) -> bool {
    match tokens {
        [.., word, colon] => {
            colon.token == Token::Colon
                && matches!(&word.token, Token::Word(word)
                    if word.quote_style.is_none() && word.value.eq_ignore_ascii_case("file"))
        }
        _ => false,
    }
}

/// A line may name several: what stood behind the first was just read as tokens.
fn local_again(tokens: Vec<TokenWithSpan>) -> Vec<TokenWithSpan> {
    let more = tokens.windows(3).any(|three| match three {
        [word, colon, comment] => {
            matches!(
                comment.token,
                Token::Whitespace(Whitespace::SingleLineComment { .. })
            ) && after_file(&[word.clone(), colon.clone()])
        }
        _ => false,
    });
    if more { local_files(tokens) } else { tokens }
}

fn shifted(at: Location, from: Location) -> Location {
    if at.line == 1 {
        Location {
            line: from.line,
            column: from.column + at.column - 1,
        }
    } else {
        Location {
            line: from.line + at.line - 1,
            column: at.column,
        }
    }
}
