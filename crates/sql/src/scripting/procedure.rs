//! Stored procedures: <https://docs.snowflake.com/en/sql-reference/sql/create-procedure>,
//! <https://docs.snowflake.com/en/sql-reference/sql/call>.

use diagnostic::Result;
use sqlparser::ast::{FunctionArg, ObjectName};
use sqlparser::parser::Parser;
use sqlparser::tokenizer::Token;

use super::parse::{Reader, block};
use crate::command::{CreateFunction, signature, text, word};

/// CALL.
#[derive(Clone, Debug)]
pub struct Call {
    /// The procedure.
    pub name: ObjectName,
    /// The arguments, by position or by name.
    pub arguments: Vec<FunctionArg>,
}

/// CREATE PROCEDURE, which says what CREATE FUNCTION does; its body is a block.
#[derive(Clone, Debug)]
pub struct CreateProcedure(pub CreateFunction);

/// Whether CREATE PROCEDURE begins here.
pub(crate) fn creates_procedure(parser: &Parser<'_>) -> bool {
    let mut at = 1;
    while ["OR", "REPLACE", "TEMPORARY", "TEMP", "SECURE"].contains(&word(parser, at).as_str()) {
        at += 1;
    }
    word(parser, 0) == "CREATE" && word(parser, at) == "PROCEDURE"
}

/// CREATE PROCEDURE, its body between quotes or as it is.
pub(crate) fn create_procedure(reader: &mut Reader<'_, '_>) -> Result<CreateProcedure> {
    let mut procedure = reader.read(|parser| signature(parser, "PROCEDURE"))?;
    let quoted = matches!(
        reader.parser.peek_token_ref().token,
        Token::SingleQuotedString(_) | Token::DollarQuotedString(_)
    );
    if quoted {
        procedure.body = reader.read(text)?;
    } else {
        let start = reader.here();
        block(reader)?;
        let span = reader.span(start);
        procedure.body = reader.script.text.get(span).unwrap_or_default().to_owned();
    }
    Ok(CreateProcedure(procedure))
}
