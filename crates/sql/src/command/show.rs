//! SHOW and DESCRIBE: <https://docs.snowflake.com/en/sql-reference/sql/show>,
//! <https://docs.snowflake.com/en/sql-reference/sql/desc>.

use sqlparser::ast::{DataType, ObjectName};
use sqlparser::parser::{Parser, ParserError};
use sqlparser::tokenizer::Token;

use super::{Command, ObjectWord, expect, take, text, word};

/// SHOW.
#[derive(Clone, Debug)]
pub struct Show {
    /// What is listed: `TABLES`, `FILE FORMATS` and so on.
    pub kind: String,
    /// TERSE.
    pub terse: bool,
    /// HISTORY.
    pub history: bool,
    /// LIKE: a pattern without regard to case.
    pub like: Option<String>,
    /// IN.
    pub within: Option<ShowIn>,
    /// STARTS WITH.
    pub starts_with: Option<String>,
    /// LIMIT.
    pub limit: Option<u64>,
    /// FROM: names behind this one.
    pub from: Option<String>,
}

/// Where SHOW looks.
#[derive(Clone, Debug)]
pub enum ShowIn {
    /// Everywhere.
    Account,
    /// One database; the session's without a name.
    Database(Option<ObjectName>),
    /// One schema; the session's without a name.
    Schema(Option<ObjectName>),
    /// One table or view.
    Table(ObjectName),
    /// A name without a word for its kind.
    Name(ObjectName),
}

/// DESCRIBE.
#[derive(Clone, Debug)]
pub struct Describe {
    /// What.
    pub kind: ObjectWord,
    /// Its name.
    pub name: ObjectName,
    /// The types of a function's arguments.
    pub arguments: Vec<DataType>,
}

const KINDS: &[&[&str]] = &[
    &["TABLES"],
    &["VIEWS"],
    &["OBJECTS"],
    &["SCHEMAS"],
    &["DATABASES"],
    &["COLUMNS"],
    &["SEQUENCES"],
    &["STAGES"],
    &["FILE", "FORMATS"],
    &["USER", "FUNCTIONS"],
    &["USER", "PROCEDURES"],
    &["PROCEDURES"],
    &["ROLES"],
    &["PRIMARY", "KEYS"],
    &["UNIQUE", "KEYS"],
    &["IMPORTED", "KEYS"],
    &["EXPORTED", "KEYS"],
];

pub(super) fn parse(parser: &mut Parser<'_>) -> Option<Result<Command, ParserError>> {
    let terse = usize::from(word(parser, 1) == "TERSE");
    let kind = KINDS.iter().find(|words| {
        words
            .iter()
            .enumerate()
            .all(|(at, wanted)| word(parser, 1 + terse + at) == *wanted)
    })?;
    Some(show(parser, kind))
}

fn show(parser: &mut Parser<'_>, kind: &[&str]) -> Result<Command, ParserError> {
    expect(parser, &["SHOW"])?;
    let terse = take(parser, &["TERSE"]);
    expect(parser, kind)?;
    let mut show = Show {
        kind: kind.join(" "),
        terse,
        history: take(parser, &["HISTORY"]),
        like: None,
        within: None,
        starts_with: None,
        limit: None,
        from: None,
    };
    while !super::ended(parser) {
        if take(parser, &["LIKE"]) {
            show.like = Some(text(parser)?);
        } else if take(parser, &["IN"]) {
            show.within = Some(within(parser)?);
        } else if take(parser, &["STARTS", "WITH"]) {
            show.starts_with = Some(text(parser)?);
        } else if take(parser, &["LIMIT"]) {
            let token = parser.next_token();
            let number = match &token.token {
                Token::Number(number, _) => number.parse().ok(),
                _ => None,
            };
            match number {
                Some(number) => show.limit = Some(number),
                None => return parser.expected("a number of rows", token),
            }
        } else if take(parser, &["FROM"]) {
            show.from = Some(text(parser)?);
        } else {
            return parser.expected_ref("LIKE, IN, STARTS WITH or LIMIT", parser.peek_token_ref());
        }
    }
    Ok(Command::Show(show))
}

fn within(parser: &mut Parser<'_>) -> Result<ShowIn, ParserError> {
    let named = |parser: &mut Parser<'_>| -> Result<Option<ObjectName>, ParserError> {
        let next = word(parser, 0);
        if super::ended(parser) || ["LIKE", "STARTS", "LIMIT", "FROM"].contains(&next.as_str()) {
            return Ok(None);
        }
        parser.parse_object_name(false).map(Some)
    };
    if take(parser, &["ACCOUNT"]) {
        return Ok(ShowIn::Account);
    }
    if take(parser, &["DATABASE"]) {
        return named(parser).map(ShowIn::Database);
    }
    if take(parser, &["SCHEMA"]) {
        return named(parser).map(ShowIn::Schema);
    }
    if take(parser, &["TABLE"]) || take(parser, &["VIEW"]) {
        return parser.parse_object_name(false).map(ShowIn::Table);
    }
    parser.parse_object_name(false).map(ShowIn::Name)
}

pub(super) fn describe(parser: &mut Parser<'_>) -> Option<Result<Command, ParserError>> {
    if word(parser, 1) == "SEARCH" && word(parser, 2) == "OPTIMIZATION" {
        return Some(describe_search(parser));
    }
    ObjectWord::at(parser, 1)?;
    Some(describe_object(parser))
}

/// <https://docs.snowflake.com/en/sql-reference/sql/desc-search-optimization>
fn describe_search(parser: &mut Parser<'_>) -> Result<Command, ParserError> {
    parser.advance_token();
    expect(parser, &["SEARCH", "OPTIMIZATION", "ON"])?;
    parser.parse_object_name(false).map(Command::DescribeSearch)
}

fn describe_object(parser: &mut Parser<'_>) -> Result<Command, ParserError> {
    parser.advance_token();
    let Some((kind, words)) = ObjectWord::at(parser, 0) else {
        return parser.expected_ref("a kind of object", parser.peek_token_ref());
    };
    for _ in 0..words {
        parser.advance_token();
    }
    let name = parser.parse_object_name(false)?;
    let mut arguments = Vec::new();
    let called = matches!(kind, ObjectWord::Function | ObjectWord::Procedure);
    if called && parser.consume_token(&Token::LParen) {
        if parser.peek_token_ref().token != Token::RParen {
            arguments = parser.parse_comma_separated(Parser::parse_data_type)?;
        }
        parser.expect_token(&Token::RParen)?;
    }
    if take(parser, &["TYPE"]) {
        parser.expect_token(&Token::Eq)?;
        expect(parser, &["COLUMNS"])?;
    }
    Ok(Command::Describe(Describe {
        kind,
        name,
        arguments,
    }))
}
