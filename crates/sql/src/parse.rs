//! Scripts to statements, with unquoted identifiers folded to upper case.
//!
//! Errors point at the character of the script where the parser stopped.

use std::ops::Range;

use diagnostic::{Error, Place, Result, Source, codes};
use sqlparser::ast;
use sqlparser::dialect::SnowflakeDialect;
use sqlparser::keywords::Keyword;
use sqlparser::parser::{Parser, ParserError};
use sqlparser::tokenizer::{Location, Span, Token, TokenWithSpan, Tokenizer, TokenizerError};

use crate::command::{self, Command, local_files, stage_words};
use crate::fold::fold;
use crate::normalise::cut_nth_value;
use crate::refuse::unsupported;
use crate::scripting::Reader;
use crate::{
    distinct_from, elsewhere, match_recognize, object_star, scripting, session_syntax, spelling,
    string_constant,
};

/// How deep brackets, CASE and subqueries may nest. Parser and visitors grow their stack, so this only
/// stops input that nobody wrote by hand.
const DEPTH: usize = 300;

/// One statement of a script.
#[derive(Clone, Debug)]
pub struct Statement {
    /// Its syntax tree; of a command, a tree that nothing runs.
    pub ast: ast::Statement,
    /// What it is instead, if the parser's tree has no place for it.
    pub command: Option<Box<Command>>,
    /// Its bytes in the script, without the semicolon.
    pub span: Range<usize>,
    /// Its text.
    pub text: String,
    /// The script it stands in: errors found later point into it.
    pub source: Source,
}

impl Statement {
    /// A query that stands at `span` of `script`.
    #[must_use]
    pub fn of_query(query: ast::Query, span: Range<usize>, script: &Source) -> Self {
        Self {
            text: script.text.get(span.clone()).unwrap_or_default().to_owned(),
            ast: ast::Statement::Query(Box::new(query)),
            command: None,
            span,
            source: script.clone(),
        }
    }

    /// The place of a node of the syntax tree, or of the whole statement if the node has none.
    #[must_use]
    pub fn place(&self, span: Span) -> Place {
        if span.start.line == 0 {
            return self.source.place(self.span.clone());
        }
        let start = offset(&self.source, span.start);
        let end = offset(&self.source, span.end);
        self.source.place(start..end)
    }
}

/// The statements of `script`, in order. Empty statements are left out.
///
/// # Errors
/// `S0001` at the first character that does not fit.
pub fn parse_script(script: &Source) -> Result<Vec<Statement>> {
    let mut tokens =
        string_constant::tokens(&script.text).map_err(|error| token_error(script, &error))?;
    tokens = local_files(tokens);
    call_identifier(&mut tokens);
    fold(&mut tokens);
    match_recognize::prepare(&mut tokens);
    tokens = object_star::call(tokens);
    tokens = spelling::plain(stage_words(tokens));
    name_identifier(&mut tokens);
    number_parameters(&mut tokens);
    cut_nth_value(&mut tokens);
    let (mut tokens, mut into) = scripting::cut(tokens);
    if let Some(token) = distinct_from::stand_in(&mut tokens) {
        return Err(unexpected(script, &token, "an operator"));
    }
    let mut parser = Parser::new(&SnowflakeDialect)
        .with_recursion_limit(DEPTH)
        .with_tokens_with_locations(tokens);
    let mut statements = Vec::new();
    loop {
        while parser.consume_token(&Token::SemiColon) {}
        if parser.peek_token_ref().token == Token::EOF {
            return Ok(statements);
        }
        let mut reader = Reader {
            parser: &mut parser,
            script,
            into: &mut into,
        };
        let begin = reader.here();
        let explained = |error| {
            let text = script.text.get(begin..).unwrap_or_default();
            elsewhere::explained(error, text)
        };
        statements.push(statement(&mut reader).map_err(explained)?);
        let end = reader.here();
        let after = parser.peek_token();
        if !matches!(after.token, Token::SemiColon | Token::EOF) {
            let error = unexpected(script, &after, "the end of the statement");
            return Err(explained(error));
        }
        let starts = into.iter().map(|left| offset(script, left.at));
        if let Some(start) = starts.min().filter(|start| *start < end) {
            let remedy = "put the statement into a block: `begin … end`";
            let place = script.place(start..start + "into".len());
            return Err(unsupported("INTO outside of a block", remedy, place));
        }
    }
}

/// The statement that begins where `reader` stands; a block's variables behind INTO stay with the reader.
pub(crate) fn statement(reader: &mut Reader<'_, '_>) -> Result<Statement> {
    let start = reader.here();
    let (mut ast, command) = match scripted(reader)? {
        Some(command) => (command::stand_in(), Some(Box::new(command))),
        None => reader.read(|parser| match session_syntax::parse(parser) {
            Some(parsed) => parsed.map(|ast| (ast, None)),
            None => match command::parse(parser) {
                Some(command) => {
                    command.map(|command| (command::stand_in(), Some(Box::new(command))))
                }
                None => parser.parse_statement().map(|ast| (ast, None)),
            },
        })?,
    };
    scripting::settle(&mut ast);
    let span = reader.span(start);
    Ok(Statement {
        ast,
        command,
        text: reader
            .script
            .text
            .get(span.clone())
            .unwrap_or_default()
            .to_owned(),
        span,
        source: reader.script.clone(),
    })
}

/// A block of Snowflake Scripting, or what has to do with stored procedures.
fn scripted(reader: &mut Reader<'_, '_>) -> Result<Option<Command>> {
    if session_syntax::is_block(reader.parser) {
        let block = scripting::block(reader)?;
        return Ok(Some(Command::Block(Box::new(block))));
    }
    if scripting::creates_procedure(reader.parser) {
        let create = scripting::create_procedure(reader)?;
        return Ok(Some(Command::CreateProcedure(Box::new(create))));
    }
    if command::word(reader.parser, 0) == "CALL" {
        let call = scripting::call(reader)?;
        return Ok(Some(Command::Call(Box::new(call))));
    }
    Ok(None)
}

/// `?` becomes `?1`, `?2` and so on, in the order of the script; `$name` is upper case as any name.
fn number_parameters(tokens: &mut [TokenWithSpan]) {
    let mut number = 0;
    for token in tokens {
        if let Token::Placeholder(name) = &mut token.token {
            if name == "?" {
                number += 1;
                name.push_str(&number.to_string());
            }
            *name = name.to_uppercase();
        }
    }
}

/// `IDENTIFIER('f')(…)` calls what the text names; the parser would end behind the first bracket.
fn call_identifier(tokens: &mut Vec<TokenWithSpan>) {
    let mut at = 0;
    while at < tokens.len() {
        let is_word = |token: &Token| matches!(token, Token::Word(word) if word.quote_style.is_none() && word.value.eq_ignore_ascii_case("IDENTIFIER"));
        let from = at;
        at += 1;
        if !is_word(&tokens[from].token) {
            continue;
        }
        let solid = |token: &&TokenWithSpan| !matches!(token.token, Token::Whitespace(_));
        let next: Vec<&TokenWithSpan> = tokens[at..].iter().filter(solid).take(4).collect();
        let [open, text, close, arguments] = next.as_slice() else {
            return;
        };
        let Token::SingleQuotedString(name) = &text.token else {
            continue;
        };
        let calls = open.token == Token::LParen
            && close.token == Token::RParen
            && arguments.token == Token::LParen;
        let name = Tokenizer::new(&SnowflakeDialect, name).tokenize();
        let Some(name) = name.ok().filter(|_| calls) else {
            continue;
        };
        let is_name = |token: &Token| matches!(token, Token::Word(_) | Token::Period);
        let (span, end) = (text.span, close.span);
        if name.is_empty() || !name.iter().all(is_name) {
            continue;
        }
        let Some(last) = tokens[at..].iter().position(|token| token.span == end) else {
            continue;
        };
        let name = name
            .into_iter()
            .map(|token| TokenWithSpan::new(token, span));
        tokens.splice(from..=at + last, name);
    }
}

/// IDENTIFIER without a bracket behind it is a name, which the parser would take for the function.
fn name_identifier(tokens: &mut [TokenWithSpan]) {
    let mut called = false;
    for token in tokens.iter_mut().rev() {
        match &mut token.token {
            Token::Whitespace(_) => continue,
            Token::Word(word)
                if !called && word.quote_style.is_none() && word.value == "IDENTIFIER" =>
            {
                word.quote_style = Some('"');
                word.keyword = Keyword::NoKeyword;
            }
            _ => {}
        }
        called = token.token == Token::LParen;
    }
}

/// The body of a query that is written here, to be filled in.
pub(crate) fn template(text: &str) -> Option<ast::SetExpr> {
    template_query(text).map(|query| *query.body)
}

/// A query that is written here, to be filled in.
pub(crate) fn template_query(text: &str) -> Option<ast::Query> {
    let mut parser = Parser::new(&SnowflakeDialect).try_with_sql(text).ok()?;
    let query = parser.parse_query().ok()?;
    (parser.peek_token_ref().token == Token::EOF).then_some(*query)
}

pub(crate) fn offset(script: &Source, at: Location) -> usize {
    let line = usize::try_from(at.line).unwrap_or(1);
    let column = usize::try_from(at.column).unwrap_or(1);
    script.offset(line, column)
}

fn token_error(script: &Source, error: &TokenizerError) -> Error {
    let start = offset(script, error.location);
    Error::new(codes::S0001, format!("This is not SQL: {}", error.message))
        .at(script.place(start..start + 1))
        .help("close every quote and every comment")
}

/// The parser says what it expected; where, it says only in its message.
pub(crate) fn parse_error(script: &Source, next: &TokenWithSpan, error: ParserError) -> Error {
    let message = match error {
        ParserError::TokenizerError(message) | ParserError::ParserError(message) => message,
        ParserError::RecursionLimitExceeded => {
            return Error::new(codes::S0002, "The statement is nested too deeply");
        }
    };
    let (sentence, place) = match message.rsplit_once(" at Line: ") {
        Some((sentence, place)) => (sentence.to_owned(), named_place(place)),
        None => (message, None),
    };
    let at = place.unwrap_or(next.span.start);
    let start = offset(script, at);
    let length = word_length(script.text.get(start..).unwrap_or_default());
    let sentence = sentence.replace("sql parser error: ", "");
    Error::new(codes::S0001, sentence).at(script.place(start..start + length))
}

/// `3, Column: 14` as the parser writes it.
fn named_place(text: &str) -> Option<Location> {
    let (line, column) = text.split_once(", Column: ")?;
    Some(Location {
        line: line.trim().parse().ok()?,
        column: column.trim().parse().ok()?,
    })
}

pub(crate) fn unexpected(script: &Source, token: &TokenWithSpan, wanted: &str) -> Error {
    let start = match token.token {
        Token::EOF => script.text.len(),
        _ => offset(script, token.span.start),
    };
    let length = word_length(script.text.get(start..).unwrap_or_default());
    Error::new(
        codes::S0001,
        format!("Expected: {wanted}, found: {}", token.token),
    )
    .at(script.place(start..start + length))
}

fn word_length(text: &str) -> usize {
    let length = text
        .find(|c: char| !(c.is_alphanumeric() || c == '_' || c == '$'))
        .unwrap_or(text.len());
    length.max(1)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use diagnostic::Source;

    use super::parse_script;

    #[test]
    fn splits_a_script_and_keeps_the_texts() {
        let script = Source::new("s.sql", ";select 1;\n-- note\nselect ';' as x ; ");
        let statements = parse_script(&script).unwrap();
        let texts: Vec<&str> = statements.iter().map(|s| s.text.as_str()).collect();
        assert_eq!(texts, ["select 1", "select ';' as x"]);
        assert_eq!(&script.text[statements[1].span.clone()], "select ';' as x");
    }

    #[test]
    fn a_column_may_be_called_identifier() {
        let script = Source::new(
            "s.sql",
            "insert into t (name, identifier, x) values (1, 2, 3)",
        );
        assert_eq!(
            parse_script(&script).unwrap()[0].ast.to_string(),
            "INSERT INTO T (NAME, \"IDENTIFIER\", X) VALUES (1, 2, 3)"
        );
        let script = Source::new("s.sql", "select * from identifier ($x)");
        assert_eq!(
            parse_script(&script).unwrap()[0].ast.to_string(),
            "SELECT * FROM IDENTIFIER($X)"
        );
    }

    #[test]
    fn identifier_names_functions() {
        let script = Source::new(
            "s.sql",
            "select identifier('abs') (-1), identifier ('a.\"b\"')(2)",
        );
        assert_eq!(
            parse_script(&script).unwrap()[0].ast.to_string(),
            "SELECT ABS(-1), A.\"b\"(2)"
        );
    }

    #[test]
    fn points_at_the_character() {
        let error =
            parse_script(&Source::new("s.sql", "select 1;\nselect a from (b +")).unwrap_err();
        let place = error.place().unwrap();
        assert_eq!(
            (error.code().id, place.line, place.column),
            ("S0001", 2, 18)
        );
        let error = parse_script(&Source::new("s.sql", "select 'open")).unwrap_err();
        assert_eq!(error.place().unwrap().column, 8);
    }
}
