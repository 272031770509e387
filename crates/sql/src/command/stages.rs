//! PUT, GET, LIST and REMOVE: <https://docs.snowflake.com/en/sql-reference/commands-file>.

use sqlparser::ast::ObjectName;
use sqlparser::parser::{Parser, ParserError};
use sqlparser::tokenizer::Token;

use super::{Command, CommandOption, expect, options, take, text};

/// PUT or GET.
#[derive(Clone, Debug)]
pub struct Transfer {
    /// Files or a folder of this machine: `file:///path/*.csv`.
    pub local: String,
    /// The stage and the path in it.
    pub stage: ObjectName,
    /// AUTO_COMPRESS, OVERWRITE and so on.
    pub options: Vec<CommandOption>,
}

/// LIST or REMOVE.
#[derive(Clone, Debug)]
pub struct StageFiles {
    /// The stage and the path in it.
    pub stage: ObjectName,
    /// A regular expression for whole paths.
    pub pattern: Option<String>,
}

pub(super) fn put(parser: &mut Parser<'_>) -> Result<Command, ParserError> {
    expect(parser, &["PUT"])?;
    let local = local_files(parser)?;
    let stage = stage(parser)?;
    Ok(Command::Put(Transfer {
        local,
        stage,
        options: options::list(parser)?,
    }))
}

pub(super) fn get(parser: &mut Parser<'_>) -> Result<Command, ParserError> {
    expect(parser, &["GET"])?;
    let stage = stage(parser)?;
    let local = local_files(parser)?;
    Ok(Command::Get(Transfer {
        local,
        stage,
        options: options::list(parser)?,
    }))
}

pub(super) fn files(parser: &mut Parser<'_>) -> Result<StageFiles, ParserError> {
    parser.advance_token();
    let stage = stage(parser)?;
    let pattern = if take(parser, &["PATTERN"]) {
        parser.expect_token(&Token::Eq)?;
        Some(text(parser)?)
    } else {
        None
    };
    Ok(StageFiles { stage, pattern })
}

/// A stage, also between quotes.
fn stage(parser: &mut Parser<'_>) -> Result<ObjectName, ParserError> {
    match parser.peek_token_ref().token.clone() {
        Token::SingleQuotedString(text) if text.starts_with('@') => {
            parser.advance_token();
            let name = sqlparser::ast::Ident::with_quote('"', text);
            Ok(ObjectName::from(vec![name]))
        }
        Token::Word(word) if word.value.starts_with('@') => parser.parse_object_name(false),
        _ => parser.expected_ref("a stage: `@name`", parser.peek_token_ref()),
    }
}

/// `file://…`, in quotes or not.
fn local_files(parser: &mut Parser<'_>) -> Result<String, ParserError> {
    if matches!(
        parser.peek_token_ref().token,
        Token::SingleQuotedString(_) | Token::DollarQuotedString(_)
    ) {
        return text(parser);
    }
    // A blank ends the path where it is not quoted.
    let mut path = parser.next_token().token.to_string();
    loop {
        match parser.peek_token_no_skip().token {
            Token::Whitespace(_) | Token::SemiColon | Token::EOF => break,
            token => {
                path.push_str(&token.to_string());
                parser.next_token_no_skip();
            }
        }
    }
    Ok(path)
}
