//! Statements that the parser's own tree has no place for: loading and unloading, stages, file formats,
//! listings, what was dropped coming back. Each is a [`Command`].
//!
//! Every option a statement names is kept; what the engine does not implement it refuses by name.

mod copy;
mod create_or_alter;
mod external;
mod function;
mod objects;
mod options;
mod roles;
mod show;
mod stages;
mod table_template;
mod words;

pub use copy::{CopyFrom, CopyIntoLocation, CopyIntoTable, Unloaded};
pub use external::CreateExternalTable;
pub use function::{CreateFunction, Returns};
pub use objects::{AlterObject, Change, CloneSource, ColumnChange, CreateObject, ObjectWord};
pub use options::{CommandOption, OptionValue};
pub use roles::{Container, GrantOn, GranteeName, Privileges, RoleChange, RoleCommand, ShowGrants};
pub use show::{Describe, Show, ShowIn};
pub use stages::{StageFiles, Transfer};
pub use table_template::TableFromTemplate;

pub(crate) use function::signature;
pub(crate) use words::{local_files, stage_words};

use sqlparser::ast::{CreateTable, DataType, Ident, ObjectName, Statement};
use sqlparser::parser::{Parser, ParserError};
use sqlparser::tokenizer::Token;

use crate::scripting::{Block, Call, CreateProcedure};
use crate::spelling::CREATE_OR_ALTER;

/// A statement that `sqlparser` has no tree for.
#[derive(Clone, Debug)]
pub enum Command {
    /// COPY INTO a table.
    CopyIntoTable(Box<CopyIntoTable>),
    /// COPY INTO a location.
    CopyIntoLocation(Box<CopyIntoLocation>),
    /// CREATE TABLE … USING TEMPLATE.
    TableFromTemplate(Box<TableFromTemplate>),
    /// CREATE OR ALTER TABLE: what the table is to be like.
    CreateOrAlterTable(Box<CreateTable>),
    /// CREATE EXTERNAL TABLE.
    CreateExternalTable(Box<CreateExternalTable>),
    /// DROP EXTERNAL TABLE.
    DropExternalTable {
        /// Its name.
        name: ObjectName,
        /// Whether it may be missing.
        if_exists: bool,
    },
    /// PUT: a file of this machine to a stage.
    Put(Transfer),
    /// GET: files of a stage to this machine.
    Get(Transfer),
    /// LIST.
    List(StageFiles),
    /// REMOVE.
    Remove(StageFiles),
    /// CREATE of a stage, file format, sequence, schema or database.
    Create(Box<CreateObject>),
    /// ALTER of a stage, file format, sequence, schema, database or view.
    Alter(Box<AlterObject>),
    /// DROP of a stage, file format or sequence.
    Drop {
        /// What.
        kind: ObjectWord,
        /// Its name.
        name: ObjectName,
        /// Whether it may be missing.
        if_exists: bool,
    },
    /// CREATE FUNCTION.
    CreateFunction(Box<CreateFunction>),
    /// DROP FUNCTION.
    DropFunction {
        /// Its name.
        name: ObjectName,
        /// The types of its arguments.
        arguments: Vec<DataType>,
        /// Whether it may be missing.
        if_exists: bool,
    },
    /// UNDROP.
    Undrop {
        /// What.
        kind: ObjectWord,
        /// Its name.
        name: ObjectName,
    },
    /// A block of Snowflake Scripting.
    Block(Box<Block>),
    /// CALL of a stored procedure.
    Call(Box<Call>),
    /// CREATE PROCEDURE.
    CreateProcedure(Box<CreateProcedure>),
    /// DROP PROCEDURE.
    DropProcedure {
        /// Its name.
        name: ObjectName,
        /// The types of its arguments.
        arguments: Vec<DataType>,
        /// Whether it may be missing.
        if_exists: bool,
    },
    /// Roles, and what is granted to them.
    Roles(Box<RoleCommand>),
    /// SHOW of objects.
    Show(Show),
    /// DESCRIBE of an object.
    Describe(Describe),
    /// DESCRIBE SEARCH OPTIMIZATION of a table.
    DescribeSearch(ObjectName),
}

/// The command that begins here, if one does.
pub(crate) fn parse(parser: &mut Parser<'_>) -> Option<Result<Command, ParserError>> {
    if let Some(parsed) = roles::parse(parser) {
        return Some(parsed);
    }
    match (word(parser, 0).as_str(), word(parser, 1).as_str()) {
        ("COPY", "INTO") => Some(copy::parse(parser)),
        ("PUT", _) => Some(stages::put(parser)),
        ("GET", _) => Some(stages::get(parser)),
        ("LIST" | "LS", _) => Some(stages::files(parser).map(Command::List)),
        ("REMOVE" | "RM", _) => Some(stages::files(parser).map(Command::Remove)),
        (CREATE_OR_ALTER, _) => create_or_alter::parse(parser),
        ("CREATE", _) => table_template::parse(parser)
            .or_else(|| function::create(parser))
            .or_else(|| external::create(parser))
            .or_else(|| objects::create(parser)),
        ("ALTER", _) => objects::alter(parser),
        ("COMMENT", _) => objects::comment(parser),
        ("DROP", "FUNCTION" | "PROCEDURE") => Some(function::drop(parser)),
        ("DROP", "EXTERNAL") => external::drop(parser),
        ("DROP", _) => objects::drop(parser),
        ("UNDROP", _) => Some(objects::undrop(parser)),
        ("SHOW", _) => show::parse(parser),
        ("DESC" | "DESCRIBE", _) => show::describe(parser),
        _ => None,
    }
}

/// The tree that stands for a command: no engine knows it, so nobody who looks at trees alone runs it.
pub(crate) fn stand_in() -> Statement {
    Statement::UNLISTEN {
        channel: Ident::new("COMMAND"),
    }
}

/// The unquoted word `at` tokens from here, or nothing.
pub(crate) fn word(parser: &Parser<'_>, at: usize) -> String {
    match &parser.peek_nth_token_ref(at).token {
        Token::Word(word) if word.quote_style.is_none() => word.value.clone(),
        _ => String::new(),
    }
}

/// Takes `words` if they come next, one after the other.
pub(crate) fn take(parser: &mut Parser<'_>, words: &[&str]) -> bool {
    let there = words
        .iter()
        .enumerate()
        .all(|(at, wanted)| word(parser, at) == *wanted);
    if there {
        for _ in words {
            parser.advance_token();
        }
    }
    there
}

/// Takes `words`, or says that they were expected.
fn expect(parser: &mut Parser<'_>, words: &[&str]) -> Result<(), ParserError> {
    if take(parser, words) {
        return Ok(());
    }
    parser.expected_ref(&words.join(" "), parser.peek_token_ref())
}

/// Whether the statement ends here.
pub(crate) fn ended(parser: &Parser<'_>) -> bool {
    matches!(parser.peek_token_ref().token, Token::SemiColon | Token::EOF)
}

/// Text between single quotes or dollar signs.
pub(crate) fn text(parser: &mut Parser<'_>) -> Result<String, ParserError> {
    let token = parser.next_token();
    match token.token {
        Token::SingleQuotedString(text) => Ok(text),
        Token::DollarQuotedString(text) => Ok(text.value),
        _ => parser.expected("a text in quotes", token),
    }
}

#[cfg(test)]
mod tests;
