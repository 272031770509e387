//! Builds the syntax tree from tokens, by Jinja2's grammar and dbt's tags.

mod block;
mod dbt_tags;
mod expression;
mod statement;

use std::sync::Arc;

use diagnostic::{Error, Result, Source, codes};

use crate::ast::{Expr, Span, Stmt, Takes};
use crate::lexer;
use crate::token::Token;

/// Expressions and blocks nested deeper than this are refused rather than run out of stack.
const DEPTH: usize = 200;

/// Operators in a row, each of which is one level of the tree.
const CHAIN: usize = 1000;

/// Parses a whole (normalised) template.
pub(crate) fn template(source: &Source) -> Result<Vec<Stmt>> {
    let tokens = lexer::tokenize(source)?;
    let mut parser = Parser::new(source, tokens);
    let (body, _) = parser.statements(&[])?;
    Ok(body)
}

/// Parses a bare expression.
pub(crate) fn expression(source: &Source) -> Result<Expr> {
    let tokens = lexer::tokenize_expression(source)?;
    let mut parser = Parser::new(source, tokens);
    let expression = parser.tuple_or_expression()?;
    if *parser.peek() != Token::End {
        return Err(parser.unexpected("the end of the expression"));
    }
    Ok(expression)
}

/// Special names seen since a macro or loop began, so that it knows what it has to provide.
#[derive(Clone, Copy, Default)]
struct Seen {
    takes: Takes,
    loop_: bool,
}

struct Parser<'a> {
    source: &'a Source,
    tokens: Vec<(Token, Span)>,
    at: usize,
    depth: usize,
    seen: Seen,
    loops: usize,
    /// Open blocks, innermost last, for the message about a missing end tag.
    open: Vec<(&'static str, Span)>,
}

impl<'a> Parser<'a> {
    fn new(source: &'a Source, tokens: Vec<(Token, Span)>) -> Self {
        Self {
            source,
            tokens,
            at: 0,
            depth: 0,
            seen: Seen::default(),
            loops: 0,
            open: Vec::new(),
        }
    }

    fn peek(&self) -> &Token {
        &self.tokens[self.at].0
    }

    fn look(&self, ahead: usize) -> &Token {
        let last = self.tokens.len() - 1;
        &self.tokens[(self.at + ahead).min(last)].0
    }

    fn span(&self) -> Span {
        self.tokens[self.at].1
    }

    /// The span of the token before.
    fn last_span(&self) -> Span {
        self.tokens[self.at.saturating_sub(1)].1
    }

    fn advance(&mut self) -> Token {
        let token = self.tokens[self.at].0.clone();
        if self.at + 1 < self.tokens.len() {
            self.at += 1;
        }
        token
    }

    fn is_op(&self, op: &str) -> bool {
        matches!(self.peek(), Token::Op(have) if *have == op)
    }

    fn is_name(&self, name: &str) -> bool {
        matches!(self.peek(), Token::Name(have) if &**have == name)
    }

    fn eat_op(&mut self, op: &str) -> bool {
        let found = self.is_op(op);
        if found {
            self.advance();
        }
        found
    }

    fn eat_name(&mut self, name: &str) -> bool {
        let found = self.is_name(name);
        if found {
            self.advance();
        }
        found
    }

    fn expect_op(&mut self, op: &'static str) -> Result<()> {
        if self.eat_op(op) {
            Ok(())
        } else {
            Err(self.unexpected(&format!("`{op}`")))
        }
    }

    fn expect_block_end(&mut self) -> Result<()> {
        if *self.peek() == Token::BlockEnd {
            self.advance();
            return Ok(());
        }
        Err(self.unexpected("`%}`"))
    }

    fn identifier(&mut self, what: &str) -> Result<(Arc<str>, Span)> {
        let span = self.span();
        match self.peek() {
            Token::Name(name) => {
                let name = Arc::clone(name);
                self.advance();
                Ok((name, span))
            }
            _ => Err(self.unexpected(what)),
        }
    }

    fn fail(&self, span: Span, message: impl Into<String>) -> Error {
        Error::new(codes::J1001, message).at(self.source.place(span.range()))
    }

    fn unexpected(&self, expected: &str) -> Error {
        let found = self.peek().describe();
        self.fail(self.span(), format!("expected {expected}, found {found}"))
    }

    /// Refuses a chain of operators so long that its tree would be too deep to walk.
    fn link(&self, links: &mut usize) -> Result<()> {
        *links += 1;
        if *links > CHAIN {
            return Err(self.fail(
                self.span(),
                format!("more than {CHAIN} operators follow each other"),
            ));
        }
        Ok(())
    }

    fn deeper<T>(&mut self, parse: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        if self.depth >= DEPTH {
            return Err(self.fail(
                self.span(),
                format!("more than {DEPTH} levels are nested here"),
            ));
        }
        self.depth += 1;
        let result = crate::stack::grow(|| parse(self));
        self.depth -= 1;
        result
    }
}
