//! CREATE and DROP of EXTERNAL TABLE: <https://docs.snowflake.com/en/sql-reference/sql/create-external-table>.

use sqlparser::ast::ObjectName;
use sqlparser::parser::{Parser, ParserError};
use sqlparser::tokenizer::Token;

use super::{Command, CommandOption, expect, options, take, word};

/// CREATE EXTERNAL TABLE.
#[derive(Clone, Debug)]
pub struct CreateExternalTable {
    /// Its name.
    pub name: ObjectName,
    /// OR REPLACE.
    pub or_replace: bool,
    /// IF NOT EXISTS.
    pub if_not_exists: bool,
    /// Whether columns are declared.
    pub declares_columns: bool,
    /// LOCATION, TABLE_FORMAT and so on.
    pub options: Vec<CommandOption>,
}

pub(super) fn create(parser: &mut Parser<'_>) -> Option<Result<Command, ParserError>> {
    let at = match (word(parser, 1).as_str(), word(parser, 2).as_str()) {
        ("OR", "REPLACE") => 3,
        _ => 1,
    };
    let ours = word(parser, at) == "EXTERNAL" && word(parser, at + 1) == "TABLE";
    ours.then(|| statement(parser))
}

fn statement(parser: &mut Parser<'_>) -> Result<Command, ParserError> {
    expect(parser, &["CREATE"])?;
    let or_replace = take(parser, &["OR", "REPLACE"]);
    expect(parser, &["EXTERNAL", "TABLE"])?;
    let mut if_not_exists = take(parser, &["IF", "NOT", "EXISTS"]);
    let name = parser.parse_object_name(false)?;
    if_not_exists |= take(parser, &["IF", "NOT", "EXISTS"]);
    let declares_columns = parser.peek_token_ref().token == Token::LParen;
    if declares_columns {
        let mut depth = 0_usize;
        loop {
            match parser.next_token().token {
                Token::LParen => depth += 1,
                Token::RParen if depth == 1 => break,
                Token::RParen => depth -= 1,
                Token::EOF => return parser.expected_ref(")", parser.peek_token_ref()),
                _ => {}
            }
        }
    }
    let mut given = Vec::new();
    while !super::ended(parser) {
        take(parser, &["WITH"]);
        let more = options::list(parser)?;
        if more.is_empty() {
            return parser.expected_ref("an option", parser.peek_token_ref());
        }
        given.extend(more);
    }
    Ok(Command::CreateExternalTable(Box::new(
        CreateExternalTable {
            name,
            or_replace,
            if_not_exists,
            declares_columns,
            options: given,
        },
    )))
}

/// DROP EXTERNAL TABLE.
pub(super) fn drop(parser: &mut Parser<'_>) -> Option<Result<Command, ParserError>> {
    take(parser, &["DROP", "EXTERNAL", "TABLE"]).then(|| {
        let if_exists = take(parser, &["IF", "EXISTS"]);
        let name = parser.parse_object_name(false)?;
        Ok(Command::DropExternalTable { name, if_exists })
    })
}
