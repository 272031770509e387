//! CREATE TABLE … USING TEMPLATE: columns that a query finds out, most often with `INFER_SCHEMA`.
//!
//! <https://docs.snowflake.com/en/sql-reference/sql/create-table#create-table-using-template>

use sqlparser::ast::{ObjectName, Query};
use sqlparser::parser::{Parser, ParserError};
use sqlparser::tokenizer::Token;

use super::{Command, CommandOption, options, take, word};

/// `CREATE TABLE name USING TEMPLATE (query)`.
#[derive(Clone, Debug)]
pub struct TableFromTemplate {
    /// What stands before USING, as a statement that creates a table without columns.
    pub name: ObjectName,
    /// OR REPLACE.
    pub or_replace: bool,
    /// IF NOT EXISTS.
    pub if_not_exists: bool,
    /// TRANSIENT.
    pub transient: bool,
    /// TEMPORARY.
    pub temporary: bool,
    /// The query that gives an array of column descriptions.
    pub query: Box<Query>,
    /// COMMENT and so on.
    pub options: Vec<CommandOption>,
}

/// The statement, if it has USING TEMPLATE in front of its first bracket.
pub(super) fn parse(parser: &mut Parser<'_>) -> Option<Result<Command, ParserError>> {
    let mut at = 1;
    loop {
        match &parser.peek_nth_token_ref(at).token {
            Token::LParen | Token::SemiColon | Token::EOF => return None,
            _ if word(parser, at) == "USING" && word(parser, at + 1) == "TEMPLATE" => break,
            _ => at += 1,
        }
    }
    Some(statement(parser))
}

fn statement(parser: &mut Parser<'_>) -> Result<Command, ParserError> {
    super::expect(parser, &["CREATE"])?;
    let or_replace = take(parser, &["OR", "REPLACE"]);
    let transient = take(parser, &["TRANSIENT"]);
    let temporary = take(parser, &["TEMPORARY"]) || take(parser, &["TEMP"]);
    super::expect(parser, &["TABLE"])?;
    let if_not_exists = take(parser, &["IF", "NOT", "EXISTS"]);
    let name = parser.parse_object_name(false)?;
    let mut given = options::list(parser)?;
    super::expect(parser, &["USING", "TEMPLATE"])?;
    parser.expect_token(&Token::LParen)?;
    let query = parser.parse_query()?;
    parser.expect_token(&Token::RParen)?;
    given.extend(options::list(parser)?);
    Ok(Command::TableFromTemplate(Box::new(TableFromTemplate {
        name,
        or_replace,
        if_not_exists,
        transient,
        temporary,
        query,
        options: given,
    })))
}
