//! CREATE OR ALTER TABLE: <https://docs.snowflake.com/en/sql-reference/sql/create-or-alter>.

use sqlparser::ast::Statement;
use sqlparser::parser::{Parser, ParserError};

use super::{Command, take, word};
use crate::spelling::CREATE_OR_ALTER;

/// The statement, if it is one that makes or changes a table.
pub(super) fn parse(parser: &mut Parser<'_>) -> Option<Result<Command, ParserError>> {
    (word(parser, 0) == CREATE_OR_ALTER).then(|| statement(parser))
}

fn statement(parser: &mut Parser<'_>) -> Result<Command, ParserError> {
    take(parser, &[CREATE_OR_ALTER]);
    match parser.parse_statement()? {
        Statement::CreateTable(create) => Ok(Command::CreateOrAlterTable(Box::new(create))),
        _ => parser.expected_ref("a table", parser.peek_token_ref()),
    }
}
