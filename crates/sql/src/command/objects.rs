//! CREATE, ALTER, DROP and UNDROP of what a schema holds beside tables, and of schemas and databases.
//!
//! <https://docs.snowflake.com/en/sql-reference/sql/create-stage>,
//! <https://docs.snowflake.com/en/sql-reference/sql/create-file-format>,
//! <https://docs.snowflake.com/en/sql-reference/sql/create-sequence>,
//! <https://docs.snowflake.com/en/sql-reference/sql/create-schema>,
//! <https://docs.snowflake.com/en/sql-reference/sql/undrop>

use sqlparser::ast::{ColumnDef, DataType, Expr, Ident, ObjectName, TableVersion};
use sqlparser::parser::{Parser, ParserError};
use sqlparser::tokenizer::Token;

use super::{Command, CommandOption, OptionValue, expect, options, take, text, word};

/// The kinds of objects that commands name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ObjectWord {
    /// DATABASE.
    Database,
    /// SCHEMA.
    Schema,
    /// TABLE.
    Table,
    /// VIEW.
    View,
    /// STAGE.
    Stage,
    /// FILE FORMAT.
    FileFormat,
    /// SEQUENCE.
    Sequence,
    /// FUNCTION.
    Function,
    /// PROCEDURE.
    Procedure,
}

impl ObjectWord {
    const ALL: [(Self, &'static [&'static str]); 9] = [
        (Self::Database, &["DATABASE"]),
        (Self::Schema, &["SCHEMA"]),
        (Self::Table, &["TABLE"]),
        (Self::View, &["VIEW"]),
        (Self::Stage, &["STAGE"]),
        (Self::FileFormat, &["FILE", "FORMAT"]),
        (Self::Sequence, &["SEQUENCE"]),
        (Self::Function, &["FUNCTION"]),
        (Self::Procedure, &["PROCEDURE"]),
    ];

    /// The kind whose words stand `at` tokens from here, and how many they are.
    pub(super) fn at(parser: &Parser<'_>, at: usize) -> Option<(Self, usize)> {
        Self::ALL
            .iter()
            .find(|(_, words)| {
                words
                    .iter()
                    .enumerate()
                    .all(|(more, wanted)| word(parser, at + more) == *wanted)
            })
            .map(|(kind, words)| (*kind, words.len()))
    }

    fn take(parser: &mut Parser<'_>) -> Result<Self, ParserError> {
        match Self::at(parser, 0) {
            Some((kind, words)) => {
                for _ in 0..words {
                    parser.advance_token();
                }
                Ok(kind)
            }
            None => parser.expected_ref("a kind of object", parser.peek_token_ref()),
        }
    }
}

impl std::fmt::Display for ObjectWord {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Database => "database",
            Self::Schema => "schema",
            Self::Table => "table",
            Self::View => "view",
            Self::Stage => "stage",
            Self::FileFormat => "file format",
            Self::Sequence => "sequence",
            Self::Function => "function",
            Self::Procedure => "procedure",
        })
    }
}

/// CREATE of a stage, file format, sequence, schema or database.
#[derive(Clone, Debug)]
pub struct CreateObject {
    /// What.
    pub kind: ObjectWord,
    /// Its name.
    pub name: ObjectName,
    /// OR REPLACE.
    pub or_replace: bool,
    /// IF NOT EXISTS.
    pub if_not_exists: bool,
    /// TEMPORARY.
    pub temporary: bool,
    /// TRANSIENT.
    pub transient: bool,
    /// CLONE.
    pub clone: Option<CloneSource>,
    /// Everything else.
    pub options: Vec<CommandOption>,
}

/// What is cloned.
#[derive(Clone, Debug)]
pub struct CloneSource {
    /// Its name.
    pub name: ObjectName,
    /// AT or BEFORE.
    pub version: Option<TableVersion>,
}

/// ALTER of an object.
#[derive(Clone, Debug)]
pub struct AlterObject {
    /// What.
    pub kind: ObjectWord,
    /// Its name.
    pub name: ObjectName,
    /// The types of a function's or procedure's arguments.
    pub arguments: Vec<DataType>,
    /// IF EXISTS.
    pub if_exists: bool,
    /// What becomes of it.
    pub change: Change,
}

/// What ALTER does.
#[derive(Clone, Debug)]
pub enum Change {
    /// RENAME TO.
    Rename(ObjectName),
    /// SWAP WITH.
    Swap(ObjectName),
    /// SET options.
    Set(Vec<CommandOption>),
    /// UNSET options.
    Unset(Vec<String>),
    /// ADD of columns, and whether each may be there already.
    Add(Vec<(bool, ColumnDef)>),
    /// ALTER or MODIFY of columns.
    Columns(Vec<(Ident, ColumnChange)>),
    /// RENAME CONSTRAINT.
    RenameConstraint(Ident, Ident),
    /// ALTER or MODIFY CONSTRAINT, with RELY or NORELY if it says so.
    Rely(Ident, Option<bool>),
    /// DROP UNIQUE or FOREIGN KEY by its columns.
    DropKey {
        /// FOREIGN KEY.
        foreign: bool,
        /// Its columns.
        columns: Vec<Ident>,
    },
    /// ADD or DROP SEARCH OPTIMIZATION, on methods or on everything.
    Search {
        /// ADD.
        add: bool,
        /// Methods and what they search: columns, paths in them, or `*`.
        on: Vec<(String, String)>,
    },
}

/// What becomes of a column.
#[derive(Clone, Debug)]
pub enum ColumnChange {
    /// SET DATA TYPE.
    Type(DataType),
    /// SET NOT NULL, or DROP NOT NULL.
    NotNull(bool),
    /// SET DEFAULT, or DROP DEFAULT.
    Default(Option<Box<Expr>>),
    /// COMMENT, or UNSET COMMENT.
    Comment(Option<String>),
}

pub(super) fn create(parser: &mut Parser<'_>) -> Option<Result<Command, ParserError>> {
    let mut at = 1;
    while ["OR", "REPLACE", "TEMPORARY", "TEMP", "TRANSIENT"].contains(&word(parser, at).as_str()) {
        at += 1;
    }
    match ObjectWord::at(parser, at)?.0 {
        ObjectWord::Table | ObjectWord::View | ObjectWord::Function | ObjectWord::Procedure => None,
        _ => Some(create_object(parser)),
    }
}

fn create_object(parser: &mut Parser<'_>) -> Result<Command, ParserError> {
    expect(parser, &["CREATE"])?;
    let or_replace = take(parser, &["OR", "REPLACE"]);
    let transient = take(parser, &["TRANSIENT"]);
    let temporary = take(parser, &["TEMPORARY"]) || take(parser, &["TEMP"]);
    let kind = ObjectWord::take(parser)?;
    let if_not_exists = take(parser, &["IF", "NOT", "EXISTS"]);
    let name = parser.parse_object_name(false)?;
    let clone = if take(parser, &["CLONE"]) {
        let name = parser.parse_object_name(false)?;
        let version = parser.maybe_parse_table_version()?;
        Some(CloneSource { name, version })
    } else {
        None
    };
    let mut given = Vec::new();
    while !super::ended(parser) {
        given.extend(match kind {
            ObjectWord::Sequence => sequence_options(parser)?,
            _ => plain_options(parser)?,
        });
    }
    Ok(Command::Create(Box::new(CreateObject {
        kind,
        name,
        or_replace,
        if_not_exists,
        temporary,
        transient,
        clone,
        options: given,
    })))
}

fn plain_options(parser: &mut Parser<'_>) -> Result<Vec<CommandOption>, ParserError> {
    if take(parser, &["WITH", "MANAGED", "ACCESS"]) {
        return Ok(vec![flag("MANAGED_ACCESS", "TRUE")]);
    }
    let given = options::list(parser)?;
    if given.is_empty() {
        return parser.expected_ref("an option", parser.peek_token_ref());
    }
    Ok(given)
}

/// `START [WITH] [=] n`, `INCREMENT [BY] [=] n`, `ORDER`, `NOORDER`, `COMMENT = …`.
fn sequence_options(parser: &mut Parser<'_>) -> Result<Vec<CommandOption>, ParserError> {
    take(parser, &["WITH"]);
    let numbered = if take(parser, &["START"]) {
        take(parser, &["WITH"]);
        Some("START")
    } else if take(parser, &["INCREMENT"]) {
        take(parser, &["BY"]);
        Some("INCREMENT")
    } else {
        None
    };
    if let Some(name) = numbered {
        let _ = parser.consume_token(&Token::Eq);
        let value = options::value(parser)?;
        let _ = parser.consume_token(&Token::Comma);
        return Ok(vec![CommandOption {
            name: name.to_owned(),
            value,
        }]);
    }
    if take(parser, &["ORDER"]) {
        return Ok(vec![flag("ORDER", "TRUE")]);
    }
    if take(parser, &["NOORDER"]) {
        return Ok(vec![flag("ORDER", "FALSE")]);
    }
    plain_options(parser)
}

fn flag(name: &str, value: &str) -> CommandOption {
    CommandOption {
        name: name.to_owned(),
        value: OptionValue::Word(value.to_owned()),
    }
}

pub(super) fn alter(parser: &mut Parser<'_>) -> Option<Result<Command, ParserError>> {
    let (kind, words) = ObjectWord::at(parser, 1)?;
    match kind {
        // Columns, keys, clustering and names of tables are known to the parser.
        ObjectWord::Table => {
            let mut at = 1 + words;
            if word(parser, at) == "IF" {
                at += 2;
            }
            // The name, with its dots.
            at += 1;
            while parser.peek_nth_token_ref(at).token == Token::Period {
                at += 2;
            }
            let own = match (word(parser, at).as_str(), word(parser, at + 1).as_str()) {
                ("SET" | "UNSET" | "ALTER" | "MODIFY", _)
                | ("RENAME", "CONSTRAINT")
                | ("DROP", "FOREIGN" | "SEARCH")
                | ("ADD", "SEARCH") => true,
                ("DROP", "UNIQUE") => parser.peek_nth_token_ref(at + 2).token == Token::LParen,
                ("ADD", _) => adds_columns(parser, at + 1),
                _ => false,
            };
            own.then(|| alter_object(parser))
        }
        _ => Some(alter_object(parser)),
    }
}

/// Whether columns follow ADD, and not a key or a policy.
fn adds_columns(parser: &Parser<'_>, at: usize) -> bool {
    let others = ["CONSTRAINT", "PRIMARY", "UNIQUE", "FOREIGN", "ROW"];
    !others.contains(&word(parser, at).as_str())
}

fn alter_object(parser: &mut Parser<'_>) -> Result<Command, ParserError> {
    expect(parser, &["ALTER"])?;
    let kind = ObjectWord::take(parser)?;
    let if_exists = take(parser, &["IF", "EXISTS"]);
    let name = parser.parse_object_name(false)?;
    let arguments = arguments(parser, kind)?;
    let change = change(parser, kind)?;
    Ok(Command::Alter(Box::new(AlterObject {
        kind,
        name,
        arguments,
        if_exists,
        change,
    })))
}

/// The types between the brackets of a function or procedure.
fn arguments(parser: &mut Parser<'_>, kind: ObjectWord) -> Result<Vec<DataType>, ParserError> {
    if !matches!(kind, ObjectWord::Function | ObjectWord::Procedure) {
        return Ok(Vec::new());
    }
    parser.expect_token(&Token::LParen)?;
    let types = match parser.peek_token_ref().token == Token::RParen {
        true => Vec::new(),
        false => parser.parse_comma_separated(Parser::parse_data_type)?,
    };
    parser.expect_token(&Token::RParen)?;
    Ok(types)
}

/// COMMENT ON what the parser's own tree does not name: the same as SET COMMENT.
/// <https://docs.snowflake.com/en/sql-reference/sql/comment>
pub(super) fn comment(parser: &mut Parser<'_>) -> Option<Result<Command, ParserError>> {
    let at = if word(parser, 1) == "IF" { 4 } else { 2 };
    match ObjectWord::at(parser, at)?.0 {
        ObjectWord::Stage
        | ObjectWord::FileFormat
        | ObjectWord::Function
        | ObjectWord::Procedure => Some(comment_on(parser)),
        _ => None,
    }
}

fn comment_on(parser: &mut Parser<'_>) -> Result<Command, ParserError> {
    expect(parser, &["COMMENT"])?;
    let if_exists = take(parser, &["IF", "EXISTS"]);
    expect(parser, &["ON"])?;
    let kind = ObjectWord::take(parser)?;
    let name = parser.parse_object_name(false)?;
    let arguments = arguments(parser, kind)?;
    expect(parser, &["IS"])?;
    let comment = CommandOption {
        name: "COMMENT".to_owned(),
        value: OptionValue::Text(text(parser)?),
    };
    Ok(Command::Alter(Box::new(AlterObject {
        kind,
        name,
        arguments,
        if_exists,
        change: Change::Set(vec![comment]),
    })))
}

fn change(parser: &mut Parser<'_>, kind: ObjectWord) -> Result<Change, ParserError> {
    if kind == ObjectWord::Table
        && let Some(change) = table_change(parser)?
    {
        return Ok(change);
    }
    if take(parser, &["RENAME", "TO"]) {
        return Ok(Change::Rename(parser.parse_object_name(false)?));
    }
    if take(parser, &["SWAP", "WITH"]) {
        return Ok(Change::Swap(parser.parse_object_name(false)?));
    }
    if kind == ObjectWord::Table && take(parser, &["ADD"]) {
        let columns = parser.parse_comma_separated(|parser| {
            take(parser, &["ADD"]);
            take(parser, &["COLUMN"]);
            let may_be_there = take(parser, &["IF", "NOT", "EXISTS"]);
            Ok((may_be_there, parser.parse_column_def()?))
        })?;
        return Ok(Change::Add(columns));
    }
    // SET may be left out before INCREMENT: https://docs.snowflake.com/en/sql-reference/sql/alter-sequence.
    let increments = kind == ObjectWord::Sequence && word(parser, 0) == "INCREMENT";
    if increments || take(parser, &["SET"]) {
        if take(parser, &["SECURE"]) {
            return Ok(Change::Set(vec![flag("SECURE", "TRUE")]));
        }
        let given = match kind {
            ObjectWord::Sequence => sequence_options(parser)?,
            _ => plain_options(parser)?,
        };
        return Ok(Change::Set(given));
    }
    if take(parser, &["UNSET"]) {
        let names = parser.parse_comma_separated(Parser::parse_identifier)?;
        return Ok(Change::Unset(
            names.into_iter().map(|name| name.value).collect(),
        ));
    }
    if take(parser, &["ALTER"]) || take(parser, &["MODIFY"]) {
        let bracket = parser.consume_token(&Token::LParen);
        let columns = parser.parse_comma_separated(column_change)?;
        if bracket {
            parser.expect_token(&Token::RParen)?;
        }
        return Ok(Change::Columns(columns));
    }
    parser.expected_ref(
        "RENAME TO, SWAP WITH, SET or UNSET",
        parser.peek_token_ref(),
    )
}

/// Changes of keys, and of what is searched.
fn table_change(parser: &mut Parser<'_>) -> Result<Option<Change>, ParserError> {
    if take(parser, &["RENAME", "CONSTRAINT"]) {
        let old = parser.parse_identifier()?;
        expect(parser, &["TO"])?;
        return Ok(Some(Change::RenameConstraint(
            old,
            parser.parse_identifier()?,
        )));
    }
    if take(parser, &["ALTER", "CONSTRAINT"]) || take(parser, &["MODIFY", "CONSTRAINT"]) {
        let name = parser.parse_identifier()?;
        let mut rely = None;
        while !super::ended(parser) {
            if take(parser, &["RELY"]) {
                rely = Some(true);
            } else if take(parser, &["NORELY"]) {
                rely = Some(false);
            } else if !take(parser, &["NOT", "ENFORCED"]) {
                return parser
                    .expected_ref("RELY, NORELY or NOT ENFORCED", parser.peek_token_ref());
            }
        }
        return Ok(Some(Change::Rely(name, rely)));
    }
    for (words, foreign) in [
        (&["DROP", "UNIQUE"][..], false),
        (&["DROP", "FOREIGN", "KEY"], true),
    ] {
        if take(parser, words) {
            parser.expect_token(&Token::LParen)?;
            let columns = parser.parse_comma_separated(Parser::parse_identifier)?;
            parser.expect_token(&Token::RParen)?;
            let _ = take(parser, &["RESTRICT"]) || take(parser, &["CASCADE"]);
            return Ok(Some(Change::DropKey { foreign, columns }));
        }
    }
    for (verb, add) in [("ADD", true), ("DROP", false)] {
        if take(parser, &[verb, "SEARCH", "OPTIMIZATION"]) {
            let on = match take(parser, &["ON"]) {
                true => searched(parser)?,
                false => Vec::new(),
            };
            return Ok(Some(Change::Search { add, on }));
        }
    }
    Ok(None)
}

/// `METHOD(target, …), …` behind SEARCH OPTIMIZATION ON.
/// <https://docs.snowflake.com/en/user-guide/search-optimization/enabling>
fn searched(parser: &mut Parser<'_>) -> Result<Vec<(String, String)>, ParserError> {
    let mut on = Vec::new();
    loop {
        let method = parser.parse_identifier()?.value;
        if !["EQUALITY", "SUBSTRING", "GEO", "FULL_TEXT"].contains(&method.as_str()) {
            return parser.expected_ref(
                "EQUALITY, SUBSTRING, GEO or FULL_TEXT",
                parser.peek_token_ref(),
            );
        }
        parser.expect_token(&Token::LParen)?;
        let targets = match parser.consume_token(&Token::Mul) {
            true => vec!["*".to_owned()],
            false => {
                let targets = parser.parse_comma_separated(Parser::parse_expr)?;
                targets.iter().map(crate::written).collect()
            }
        };
        parser.expect_token(&Token::RParen)?;
        on.extend(targets.into_iter().map(|target| (method.clone(), target)));
        if !parser.consume_token(&Token::Comma) {
            return Ok(on);
        }
    }
}

fn column_change(parser: &mut Parser<'_>) -> Result<(Ident, ColumnChange), ParserError> {
    take(parser, &["COLUMN"]);
    let column = parser.parse_identifier()?;
    let change = if take(parser, &["SET", "NOT", "NULL"]) || take(parser, &["NOT", "NULL"]) {
        ColumnChange::NotNull(true)
    } else if take(parser, &["DROP", "NOT", "NULL"]) || take(parser, &["NULL"]) {
        ColumnChange::NotNull(false)
    } else if take(parser, &["DROP", "DEFAULT"]) {
        ColumnChange::Default(None)
    } else if take(parser, &["SET", "DEFAULT"]) {
        ColumnChange::Default(Some(Box::new(parser.parse_expr()?)))
    } else if take(parser, &["UNSET", "COMMENT"]) {
        ColumnChange::Comment(None)
    } else if take(parser, &["COMMENT"]) {
        let _ = parser.consume_token(&Token::Eq);
        ColumnChange::Comment(Some(text(parser)?))
    } else {
        let _ = take(parser, &["SET", "DATA", "TYPE"]) || take(parser, &["TYPE"]);
        ColumnChange::Type(parser.parse_data_type()?)
    };
    Ok((column, change))
}

pub(super) fn drop(parser: &mut Parser<'_>) -> Option<Result<Command, ParserError>> {
    match ObjectWord::at(parser, 1)?.0 {
        ObjectWord::Stage | ObjectWord::FileFormat | ObjectWord::Sequence => {}
        _ => return None,
    }
    Some(drop_object(parser))
}

fn drop_object(parser: &mut Parser<'_>) -> Result<Command, ParserError> {
    expect(parser, &["DROP"])?;
    let kind = ObjectWord::take(parser)?;
    let if_exists = take(parser, &["IF", "EXISTS"]);
    let name = parser.parse_object_name(false)?;
    Ok(Command::Drop {
        kind,
        name,
        if_exists,
    })
}

pub(super) fn undrop(parser: &mut Parser<'_>) -> Result<Command, ParserError> {
    expect(parser, &["UNDROP"])?;
    let kind = ObjectWord::take(parser)?;
    let name = parser.parse_object_name(false)?;
    Ok(Command::Undrop { kind, name })
}
