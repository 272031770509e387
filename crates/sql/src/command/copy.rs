//! COPY INTO: <https://docs.snowflake.com/en/sql-reference/sql/copy-into-table>,
//! <https://docs.snowflake.com/en/sql-reference/sql/copy-into-location>.

use sqlparser::ast::{Expr, Ident, ObjectName, Query};
use sqlparser::parser::{Parser, ParserError};
use sqlparser::tokenizer::Token;

use super::{Command, CommandOption, expect, options, take};

/// `COPY INTO table`.
#[derive(Clone, Debug)]
pub struct CopyIntoTable {
    /// The table.
    pub table: ObjectName,
    /// Its columns that get values; empty for all.
    pub columns: Vec<Ident>,
    /// Where the rows come from.
    pub from: CopyFrom,
    /// FILES, PATTERN, FILE_FORMAT, ON_ERROR and so on.
    pub options: Vec<CommandOption>,
}

/// What COPY reads.
#[derive(Clone, Debug)]
pub enum CopyFrom {
    /// The files of a location, as they are.
    Location(ObjectName),
    /// A query over the files of a location.
    Query(Box<Query>),
}

/// `COPY INTO location`.
#[derive(Clone, Debug)]
pub struct CopyIntoLocation {
    /// The location.
    pub location: ObjectName,
    /// What is unloaded.
    pub from: Unloaded,
    /// PARTITION BY.
    pub partition_by: Option<Expr>,
    /// FILE_FORMAT, HEADER, SINGLE and so on.
    pub options: Vec<CommandOption>,
}

/// What COPY INTO a location unloads: a query.
pub type Unloaded = Box<Query>;

pub(super) fn parse(parser: &mut Parser<'_>) -> Result<Command, ParserError> {
    expect(parser, &["COPY", "INTO"])?;
    let target = parser.parse_object_name(false)?;
    if is_stage(&target) {
        return location(parser, target);
    }
    let columns = if parser.consume_token(&Token::LParen) {
        let columns = parser.parse_comma_separated(Parser::parse_identifier)?;
        parser.expect_token(&Token::RParen)?;
        columns
    } else {
        Vec::new()
    };
    let from = if !take(parser, &["FROM"]) {
        CopyFrom::Location(table_stage(&target))
    } else if parser.consume_token(&Token::LParen) {
        let query = parser.parse_query()?;
        parser.expect_token(&Token::RParen)?;
        CopyFrom::Query(query)
    } else {
        CopyFrom::Location(parser.parse_object_name(false)?)
    };
    Ok(Command::CopyIntoTable(Box::new(CopyIntoTable {
        table: target,
        columns,
        from,
        options: options::list(parser)?,
    })))
}

/// `@%table`, where the files of a COPY without FROM are.
fn table_stage(table: &ObjectName) -> ObjectName {
    let mut parts: Vec<String> = table.0.iter().map(ToString::to_string).collect();
    if let Some(own) = parts.last_mut() {
        own.insert(0, '%');
    }
    ObjectName::from(vec![Ident::new(format!("@{}", parts.join(".")))])
}

fn location(parser: &mut Parser<'_>, location: ObjectName) -> Result<Command, ParserError> {
    let mut given = options::list(parser)?;
    expect(parser, &["FROM"])?;
    let from = if parser.consume_token(&Token::LParen) {
        let query = parser.parse_query()?;
        parser.expect_token(&Token::RParen)?;
        query
    } else {
        let table = parser.parse_object_name(false)?;
        let text = format!("SELECT * FROM {table}");
        Parser::new(&sqlparser::dialect::SnowflakeDialect)
            .try_with_sql(&text)?
            .parse_query()?
    };
    let mut partition_by = None;
    loop {
        given.extend(options::list(parser)?);
        if !take(parser, &["PARTITION", "BY"]) {
            break;
        }
        partition_by = Some(parser.parse_expr()?);
    }
    Ok(Command::CopyIntoLocation(Box::new(CopyIntoLocation {
        location,
        from,
        partition_by,
        options: given,
    })))
}

fn is_stage(name: &ObjectName) -> bool {
    name.0
        .first()
        .and_then(|part| part.as_ident())
        .is_some_and(|ident| ident.value.starts_with('@'))
}
