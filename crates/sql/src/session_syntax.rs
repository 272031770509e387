//! Statements about the session that `sqlparser` does not know: UNSET, SHOW PARAMETERS, SHOW VARIABLES,
//! transactions with a name and EXPLAIN USING. Blocks of Snowflake Scripting are told apart from transactions here.
//!
//! <https://docs.snowflake.com/en/sql-reference/sql/unset>,
//! <https://docs.snowflake.com/en/sql-reference/sql/show-parameters>,
//! <https://docs.snowflake.com/en/sql-reference/sql/explain>

use sqlparser::ast::{
    AnalyzeFormat, AnalyzeFormatKind, DescribeAlias, Ident, ObjectName, Set, ShowStatementFilter,
    Statement,
};
use sqlparser::keywords::Keyword;
use sqlparser::parser::{Parser, ParserError};
use sqlparser::tokenizer::Token;

/// The statement that begins here, if it is one of these.
pub(crate) fn parse(parser: &mut Parser<'_>) -> Option<Result<Statement, ParserError>> {
    let word = |at: usize| match &parser.peek_nth_token_ref(at).token {
        Token::Word(word) if word.quote_style.is_none() => word.value.clone(),
        _ => String::new(),
    };
    match (word(0).as_str(), word(1).as_str()) {
        ("UNSET", _) => Some(unset(parser)),
        ("BEGIN", "NAME") => Some(named_transaction(parser, 2)),
        ("BEGIN" | "START", "TRANSACTION" | "WORK") if word(2) == "NAME" => {
            Some(named_transaction(parser, 3))
        }
        ("SHOW", kind @ ("PARAMETERS" | "VARIABLES")) => {
            let session = kind == "PARAMETERS";
            Some(show(parser, session))
        }
        ("EXPLAIN", "USING") => {
            let format = word(2);
            Some(explain(parser, &format))
        }
        _ => None,
    }
}

/// Whether a block of Snowflake Scripting begins here.
pub(crate) fn is_block(parser: &Parser<'_>) -> bool {
    let token = |at: usize| parser.peek_nth_token_ref(at).token.clone();
    let Token::Word(first) = token(0) else {
        return false;
    };
    match first.value.as_str() {
        "DECLARE" => true,
        "BEGIN" => match token(1) {
            Token::Word(next) => {
                !["TRANSACTION", "WORK", "NAME", "TRAN"].contains(&next.value.as_str())
            }
            _ => false,
        },
        _ => false,
    }
}

/// `BEGIN [WORK | TRANSACTION] NAME name`, the name behind so many words. It only tells transactions apart that are listed.
/// <https://docs.snowflake.com/en/sql-reference/sql/begin>
fn named_transaction(parser: &mut Parser<'_>, words: usize) -> Result<Statement, ParserError> {
    for _ in 0..words {
        parser.advance_token();
    }
    parser.parse_identifier()?;
    Ok(Statement::StartTransaction {
        modes: Vec::new(),
        begin: true,
        transaction: None,
        modifier: None,
        statements: Vec::new(),
        exception: None,
        has_end_keyword: false,
    })
}

/// `UNSET a` or `UNSET (a, b)`: an assignment of nothing.
fn unset(parser: &mut Parser<'_>) -> Result<Statement, ParserError> {
    parser.advance_token();
    let names = match parser.consume_token(&Token::LParen) {
        true => {
            let names = parser.parse_comma_separated(Parser::parse_identifier)?;
            parser.expect_token(&Token::RParen)?;
            names
        }
        false => vec![parser.parse_identifier()?],
    };
    let variable = |name: Ident| ObjectName::from(vec![name]);
    Ok(Statement::Set(Set::ParenthesizedAssignments {
        variables: names.into_iter().map(variable).collect(),
        values: Vec::new(),
    }))
}

/// `SHOW PARAMETERS [LIKE …] [IN SESSION]` (`session`) or `SHOW VARIABLES [LIKE …]`.
fn show(parser: &mut Parser<'_>, session: bool) -> Result<Statement, ParserError> {
    parser.advance_token();
    parser.advance_token();
    let filter = match parser.parse_keyword(Keyword::LIKE) {
        true => Some(ShowStatementFilter::Like(parser.parse_literal_string()?)),
        false => None,
    };
    if session
        && parser
            .parse_one_of_keywords(&[Keyword::IN, Keyword::FOR])
            .is_some()
    {
        parser.expect_keyword_is(Keyword::SESSION)?;
    }
    Ok(Statement::ShowVariables {
        filter,
        global: false,
        session,
    })
}

/// `EXPLAIN USING { TEXT | JSON | TABULAR } statement`.
fn explain(parser: &mut Parser<'_>, format: &str) -> Result<Statement, ParserError> {
    let format = match format {
        "TEXT" => AnalyzeFormat::TEXT,
        "JSON" => AnalyzeFormat::JSON,
        "TABULAR" => AnalyzeFormat::TRADITIONAL,
        _ => {
            parser.advance_token();
            parser.advance_token();
            return parser.expected_ref("TEXT, JSON or TABULAR", parser.peek_token_ref());
        }
    };
    parser.advance_token();
    parser.advance_token();
    parser.advance_token();
    Ok(Statement::Explain {
        describe_alias: DescribeAlias::Explain,
        analyze: false,
        verbose: false,
        query_plan: false,
        estimate: false,
        statement: Box::new(parser.parse_statement()?),
        format: Some(AnalyzeFormatKind::Keyword(format)),
        options: None,
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use diagnostic::Source;

    fn parsed(text: &str) -> Result<usize, &'static str> {
        let statements = crate::parse_script(&Source::new("t", text));
        statements
            .map(|statements| statements.len())
            .map_err(|error| error.code().id)
    }

    #[test]
    fn knows_statements_about_the_session() {
        assert_eq!(
            parsed(
                "set a = 1; unset a; unset (a, b); show parameters like 'W%' in session; show variables"
            ),
            Ok(5)
        );
        assert_eq!(
            parsed("explain using tabular select 1; explain using json select 2; explain select 3"),
            Ok(3)
        );
        assert_eq!(parsed("explain using xml select 1"), Err("S0001"));
    }

    #[test]
    fn blocks_are_not_transactions() {
        assert_eq!(parsed("begin; commit; begin transaction; rollback"), Ok(4));
        let named = "begin name a; commit; begin transaction name b; begin work name c; start transaction name d";
        assert_eq!(parsed(named), Ok(5));
        assert_eq!(parsed("begin let x := 1; return x; end"), Ok(1));
        assert_eq!(parsed("declare x int; begin return 1; end"), Ok(1));
    }
}
