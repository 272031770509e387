//! CREATE and DROP of functions and procedures: <https://docs.snowflake.com/en/sql-reference/sql/create-function>,
//! <https://docs.snowflake.com/en/sql-reference/sql/create-procedure>.

use sqlparser::ast::{DataType, Expr, Ident, ObjectName};
use sqlparser::parser::{Parser, ParserError};
use sqlparser::tokenizer::Token;

use super::{Command, expect, take, text, word};

/// CREATE FUNCTION.
#[derive(Clone, Debug)]
pub struct CreateFunction {
    /// Its name.
    pub name: ObjectName,
    /// OR REPLACE.
    pub or_replace: bool,
    /// IF NOT EXISTS.
    pub if_not_exists: bool,
    /// SECURE.
    pub secure: bool,
    /// TEMPORARY.
    pub temporary: bool,
    /// Name, type and default of each argument.
    pub arguments: Vec<(Ident, DataType, Option<Expr>)>,
    /// What it gives.
    pub returns: Returns,
    /// The language its body is in, in upper case.
    pub language: String,
    /// Whether a null argument gives null.
    pub strict: bool,
    /// COMMENT.
    pub comment: Option<String>,
    /// The text between the quotes.
    pub body: String,
}

/// What a function gives.
#[derive(Clone, Debug)]
pub enum Returns {
    /// A value.
    Scalar(DataType),
    /// Rows.
    Table(Vec<(Ident, DataType)>),
}

/// The statement, if it creates a function.
pub(super) fn create(parser: &mut Parser<'_>) -> Option<Result<Command, ParserError>> {
    let mut at = 1;
    while ["OR", "REPLACE", "TEMPORARY", "TEMP", "SECURE"].contains(&word(parser, at).as_str()) {
        at += 1;
    }
    (word(parser, at) == "FUNCTION").then(|| statement(parser))
}

fn statement(parser: &mut Parser<'_>) -> Result<Command, ParserError> {
    let mut function = signature(parser, "FUNCTION")?;
    function.body = text(parser)?;
    Ok(Command::CreateFunction(Box::new(function)))
}

/// Everything before the body of a function or a procedure, AS included.
pub(crate) fn signature(
    parser: &mut Parser<'_>,
    what: &str,
) -> Result<CreateFunction, ParserError> {
    expect(parser, &["CREATE"])?;
    let or_replace = take(parser, &["OR", "REPLACE"]);
    let temporary = take(parser, &["TEMPORARY"]) || take(parser, &["TEMP"]);
    let secure = take(parser, &["SECURE"]);
    expect(parser, &[what])?;
    let if_not_exists = take(parser, &["IF", "NOT", "EXISTS"]);
    let name = parser.parse_object_name(false)?;
    let arguments = in_brackets(parser, argument)?;
    expect(parser, &["RETURNS"])?;
    let returns = if take(parser, &["TABLE"]) {
        Returns::Table(in_brackets(parser, |parser| {
            Ok((parser.parse_identifier()?, parser.parse_data_type()?))
        })?)
    } else {
        let kind = parser.parse_data_type()?;
        take(parser, &["NOT", "NULL"]);
        Returns::Scalar(kind)
    };
    let mut function = CreateFunction {
        name,
        or_replace,
        if_not_exists,
        secure,
        temporary,
        arguments,
        returns,
        language: "SQL".to_owned(),
        strict: false,
        comment: None,
        body: String::new(),
    };
    while !take(parser, &["AS"]) {
        let rights = what == "PROCEDURE" && take(parser, &["EXECUTE", "AS"]);
        match rights {
            // A procedure does what its caller may do, which the documentation says.
            true if take(parser, &["CALLER"]) || take(parser, &["OWNER"]) => {}
            true => return parser.expected_ref("CALLER or OWNER", parser.peek_token_ref()),
            false => clause(parser, &mut function)?,
        }
    }
    Ok(function)
}

fn clause(parser: &mut Parser<'_>, function: &mut CreateFunction) -> Result<(), ParserError> {
    if take(parser, &["LANGUAGE"]) {
        function.language = parser.parse_identifier()?.value.to_uppercase();
    } else if take(parser, &["STRICT"]) || take(parser, &["RETURNS", "NULL", "ON", "NULL", "INPUT"])
    {
        function.strict = true;
    } else if take(parser, &["COMMENT"]) {
        let _ = parser.consume_token(&Token::Eq);
        function.comment = Some(text(parser)?);
    } else if !(take(parser, &["CALLED", "ON", "NULL", "INPUT"])
        // Bodies are put in the places of calls, so these say nothing that is not so already.
        || take(parser, &["VOLATILE"])
        || take(parser, &["IMMUTABLE"])
        || take(parser, &["MEMOIZABLE"]))
    {
        return parser.expected_ref("AS and the body", parser.peek_token_ref());
    }
    Ok(())
}

fn argument(parser: &mut Parser<'_>) -> Result<(Ident, DataType, Option<Expr>), ParserError> {
    if word(parser, 0) == "IN" {
        parser.advance_token();
    }
    let name = parser.parse_identifier()?;
    let kind = parser.parse_data_type()?;
    let default = match take(parser, &["DEFAULT"]) {
        true => Some(parser.parse_expr()?),
        false => None,
    };
    Ok((name, kind, default))
}

fn in_brackets<'p, T>(
    parser: &mut Parser<'p>,
    one: impl FnMut(&mut Parser<'p>) -> Result<T, ParserError>,
) -> Result<Vec<T>, ParserError> {
    parser.expect_token(&Token::LParen)?;
    let all = match parser.peek_token_ref().token {
        Token::RParen => Vec::new(),
        _ => parser.parse_comma_separated(one)?,
    };
    parser.expect_token(&Token::RParen)?;
    Ok(all)
}

/// `DROP {FUNCTION | PROCEDURE} [IF EXISTS] name (types)`.
pub(super) fn drop(parser: &mut Parser<'_>) -> Result<Command, ParserError> {
    expect(parser, &["DROP"])?;
    let procedure = take(parser, &["PROCEDURE"]);
    if !procedure {
        expect(parser, &["FUNCTION"])?;
    }
    let if_exists = take(parser, &["IF", "EXISTS"]);
    let name = parser.parse_object_name(false)?;
    let arguments = in_brackets(parser, Parser::parse_data_type)?;
    Ok(match procedure {
        true => Command::DropProcedure {
            name,
            arguments,
            if_exists,
        },
        false => Command::DropFunction {
            name,
            arguments,
            if_exists,
        },
    })
}
