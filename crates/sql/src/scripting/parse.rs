//! Blocks and statements out of the tokens of a script.

use std::ops::{ControlFlow, Range};

use diagnostic::{Error, Result, Source};
use sqlparser::ast::{Expr, Ident, Value};
use sqlparser::parser::{Parser, ParserError};
use sqlparser::tokenizer::Token;

use super::{Block, Call, Handler, Into, Step};
use crate::Statement;
use crate::command::{ended, take, word};
use crate::parse::{offset, parse_error, unexpected};
use crate::refuse::unsupported;
use crate::{connect_by, distinct_from, match_recognize, recursive};

/// A parser that knows the script it reads.
pub(crate) struct Reader<'s, 'p> {
    pub(crate) parser: &'s mut Parser<'p>,
    pub(crate) script: &'s Source,
    /// What was taken out of the tokens and belongs to steps.
    pub(crate) into: &'s mut Vec<Into>,
}

/// The block that begins here.
pub(crate) fn block(reader: &mut Reader<'_, '_>) -> Result<Block> {
    let mut block = Block::default();
    if reader.take(&["DECLARE"]) {
        while reader.word(0) != "BEGIN" {
            block.declarations.push(reader.declaration()?);
            reader.semicolon()?;
        }
    }
    reader.expect("BEGIN")?;
    block.body = reader.steps(&["EXCEPTION", "END"])?;
    if reader.take(&["EXCEPTION"]) {
        let mut handlers = Vec::new();
        while reader.take(&["WHEN"]) {
            handlers.push(handler(reader)?);
        }
        block.handlers = handlers.into();
    }
    reader.expect("END")?;
    // The block's label.
    if !ended(reader.parser) {
        reader.name()?;
    }
    Ok(block)
}

fn handler(reader: &mut Reader<'_, '_>) -> Result<Handler> {
    let mut names = vec![reader.name()?];
    while reader.take(&["OR"]) {
        names.push(reader.name()?);
    }
    let continues = !reader.take(&["EXIT"]) && reader.take(&["CONTINUE"]);
    reader.expect("THEN")?;
    let body = reader.steps(&["WHEN", "END"])?;
    Ok(Handler {
        names,
        continues,
        body,
    })
}

/// `CALL name(…)`.
pub(crate) fn call(reader: &mut Reader<'_, '_>) -> Result<Call> {
    reader.expect("CALL")?;
    let name = reader.read(|parser| parser.parse_object_name(false))?;
    let arguments = reader.read(|parser| {
        parser.expect_token(&Token::LParen)?;
        parser.parse_optional_args()
    })?;
    Ok(Call { name, arguments })
}

impl<'p> Reader<'_, 'p> {
    pub(super) fn word(&self, at: usize) -> String {
        word(self.parser, at)
    }

    pub(super) fn take(&mut self, words: &[&str]) -> bool {
        take(self.parser, words)
    }

    /// Takes `words`, one of which must come next.
    pub(super) fn expect(&mut self, wanted: &str) -> Result<()> {
        match self.take(&[wanted]) {
            true => Ok(()),
            false => Err(self.unexpected(wanted)),
        }
    }

    pub(super) fn unexpected(&self, wanted: &str) -> Error {
        unexpected(self.script, self.parser.peek_token_ref(), wanted)
    }

    pub(super) fn refuse(&self, part: &str, remedy: &'static str) -> Error {
        let start = self.here();
        let token = self.parser.peek_token_ref().token.to_string();
        let place = self.script.place(start..start + token.len());
        unsupported(part, remedy, place)
    }

    pub(super) fn semicolon(&mut self) -> Result<()> {
        match self.parser.consume_token(&Token::SemiColon) {
            true => Ok(()),
            false => Err(self.unexpected("`;`")),
        }
    }

    /// What `read` makes of the next tokens.
    pub(crate) fn read<T>(
        &mut self,
        read: impl FnOnce(&mut Parser<'p>) -> std::result::Result<T, ParserError>,
    ) -> Result<T> {
        let read = read(self.parser);
        read.map_err(|error| parse_error(self.script, self.parser.peek_token_ref(), error))
    }

    /// A name; in upper case unless it is quoted.
    pub(super) fn name(&mut self) -> Result<String> {
        let ident: Ident = self.read(Parser::parse_identifier)?;
        Ok(ident.value)
    }

    pub(super) fn names(&mut self) -> Result<Vec<String>> {
        let mut names = Vec::new();
        loop {
            let _ = self.parser.consume_token(&Token::Colon);
            names.push(self.name()?);
            if !self.parser.consume_token(&Token::Comma) {
                return Ok(names);
            }
        }
    }

    pub(super) fn expression(&mut self) -> Result<Expr> {
        let mut expr = self.read(Parser::parse_expr)?;
        settle(&mut expr);
        Ok(expr)
    }

    /// `(a, b)`, or nothing.
    pub(super) fn bracketed(&mut self) -> Result<Vec<Expr>> {
        if !self.parser.consume_token(&Token::LParen) {
            return Ok(Vec::new());
        }
        let mut all = self.read(|parser| parser.parse_comma_separated(Parser::parse_expr))?;
        self.read(|parser| parser.expect_token(&Token::RParen))?;
        all.iter_mut().for_each(settle);
        Ok(all)
    }

    /// Where the next token begins.
    pub(crate) fn here(&self) -> usize {
        match self.parser.peek_token_ref() {
            token if token.token == Token::EOF => self.script.text.len(),
            token => offset(self.script, token.span.start),
        }
    }

    /// The bytes from `start` to the next token, without blanks at their end.
    pub(crate) fn span(&self, start: usize) -> Range<usize> {
        let text = self.script.text.get(start..self.here());
        start..start + text.unwrap_or_default().trim_end().len()
    }

    /// The statement that begins here; its `?` are numbered from 1.
    pub(super) fn statement(&mut self) -> Result<Statement> {
        let mut statement = crate::parse::statement(self)?;
        let number = |name: &str| name.strip_prefix('?').and_then(|n| n.parse::<usize>().ok());
        let mut first = usize::MAX;
        let _ = crate::expressions(&statement.ast, &mut |expr| {
            if let Expr::Value(value) = expr
                && let Value::Placeholder(name) = &value.value
            {
                first = first.min(number(name).unwrap_or(usize::MAX));
            }
            ControlFlow::Continue(())
        });
        let _ = crate::expressions_mut(&mut statement.ast, &mut |expr| {
            if let Expr::Value(value) = expr
                && let Value::Placeholder(name) = &mut value.value
                && let Some(number) = number(name)
            {
                *name = format!("?{}", number + 1 - first);
            }
            ControlFlow::Continue(())
        });
        Ok(statement)
    }

    /// The variables behind an INTO that stood in the statement from `start` on.
    pub(super) fn variables_since(&mut self, start: usize) -> Vec<String> {
        let span = start..self.here();
        let script = self.script;
        let mine = |into: &Into| span.contains(&offset(script, into.at));
        match self.into.iter().position(mine) {
            Some(at) => self.into.remove(at).names,
            None => Vec::new(),
        }
    }

    /// Steps up to one of `until`.
    pub(super) fn steps(&mut self, until: &[&str]) -> Result<Vec<Step>> {
        let mut steps = Vec::new();
        loop {
            if until.contains(&self.word(0).as_str()) {
                return Ok(steps);
            }
            if self.parser.peek_token_ref().token == Token::EOF {
                return Err(self.unexpected(until.last().copied().unwrap_or("END")));
            }
            let start = self.here();
            let action = self.action()?;
            let span = self.span(start);
            self.semicolon()?;
            steps.push(Step { action, span });
        }
    }
}

/// What every tree needs that was parsed.
pub(crate) fn settle<T: crate::Node>(tree: &mut T) {
    distinct_from::restore(tree);
    connect_by::rewrite(tree);
    match_recognize::rewrite(tree);
    recursive::mark(tree);
}
