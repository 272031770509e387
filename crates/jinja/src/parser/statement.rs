//! Text, `{{ }}` and the tags of Jinja2.

use std::sync::Arc;

use diagnostic::{Error, Result, codes};

use super::Parser;
use crate::ast::{Expr, ExprKind, ForLoop, Span, Step, Stmt, StmtKind, Target};
use crate::token::Token;

/// Every tag that starts a statement, for suggestions.
const TAGS: [&str; 16] = [
    "set",
    "if",
    "for",
    "macro",
    "do",
    "call",
    "filter",
    "with",
    "break",
    "continue",
    "raw",
    "materialization",
    "test",
    "data_test",
    "snapshot",
    "docs",
];

impl Parser<'_> {
    /// Statements up to one of the tags `ends` (which is consumed, up to its name), or to the end
    /// of the template if there are none.
    pub(super) fn statements(
        &mut self,
        ends: &[&'static str],
    ) -> Result<(Vec<Stmt>, &'static str)> {
        let mut body = Vec::new();
        loop {
            let start = self.span();
            match self.peek() {
                Token::Text => {
                    self.advance();
                    body.push(Stmt {
                        span: start,
                        kind: StmtKind::Text,
                    });
                }
                Token::PrintBegin => {
                    self.advance();
                    let value = self.tuple_or_expression()?;
                    if *self.peek() != Token::PrintEnd {
                        return Err(self.unexpected("`}}`"));
                    }
                    self.advance();
                    let span = start.to(self.last_span());
                    body.push(Stmt {
                        span,
                        kind: StmtKind::Print(value),
                    });
                }
                Token::BlockBegin => {
                    self.advance();
                    let (name, name_span) = self.identifier("the name of a tag")?;
                    if let Some(end) = ends.iter().find(|end| **end == &*name) {
                        return Ok((body, end));
                    }
                    let kind = self.deeper(|parser| parser.tag(&name, name_span, start))?;
                    body.push(Stmt {
                        span: start.to(self.last_span()),
                        kind,
                    });
                }
                Token::End if ends.is_empty() => return Ok((body, "")),
                _ => return Err(self.unclosed(ends)),
            }
        }
    }

    fn unclosed(&self, ends: &[&'static str]) -> Error {
        let wanted = ends.last().copied().unwrap_or_default();
        match self.open.last() {
            Some((name, span)) => self
                .fail(*span, format!("this `{name}` block is never closed"))
                .help(format!("close it with `{{% {wanted} %}}`")),
            None => self.unexpected(wanted),
        }
    }

    /// Parses `body` of a block opened by `name` at `span` until one of `ends`.
    pub(super) fn body(
        &mut self,
        name: &'static str,
        span: Span,
        ends: &[&'static str],
    ) -> Result<(Vec<Stmt>, &'static str)> {
        self.open.push((name, span));
        let result = self.statements(ends);
        self.open.pop();
        result
    }

    fn tag(&mut self, name: &str, span: Span, start: Span) -> Result<StmtKind> {
        match name {
            "if" => self.if_(span),
            "for" => self.for_(span),
            "set" => self.set(span),
            "do" => {
                let value = self.tuple_or_expression()?;
                self.expect_block_end()?;
                Ok(StmtKind::Do(value))
            }
            "print" => {
                let value = self.tuple_or_expression()?;
                self.expect_block_end()?;
                Ok(StmtKind::Print(value))
            }
            "macro" => self.macro_(start),
            "call" => self.call_block(span, start),
            "filter" => self.filter_block(span),
            "with" => self.with(span),
            "break" | "continue" => self.jump(name, span),
            "materialization" => self.materialization(start),
            "test" | "data_test" => self.test_block(start),
            "snapshot" => self.snapshot(start),
            "docs" => self.docs(start),
            _ => Err(self.unknown_tag(name, span)),
        }
    }

    fn unknown_tag(&self, name: &str, span: Span) -> Error {
        let place = self.source.place(span.range());
        if name.starts_with("end") || matches!(name, "else" | "elif") {
            let error = Error::new(
                codes::J1001,
                format!("`{name}` does not close anything here"),
            );
            return match self.open.last() {
                Some((open, open_span)) => {
                    let line = self.source.place(open_span.range()).line;
                    error
                        .at(place)
                        .help(format!("the open block is `{open}` in line {line}"))
                }
                None => error.at(place),
            };
        }
        if matches!(
            name,
            "include" | "import" | "from" | "extends" | "block" | "autoescape"
        ) {
            let message = format!("the tag `{name}` is not available in dbt projects");
            return Error::new(codes::J1002, message)
                .at(place)
                .help("put shared code into a macro; macros need no import");
        }
        Error::new(codes::J1002, format!("there is no tag `{name}`"))
            .at(place)
            .suggest(name, TAGS)
    }

    fn if_(&mut self, span: Span) -> Result<StmtKind> {
        let mut branches = Vec::new();
        loop {
            let condition = self.open_tuple(false)?;
            self.expect_block_end()?;
            let (body, end) = self.body("if", span, &["elif", "else", "endif"])?;
            branches.push((condition, body));
            match end {
                "elif" => {}
                "else" => {
                    self.expect_block_end()?;
                    let (otherwise, _) = self.body("if", span, &["endif"])?;
                    self.expect_block_end()?;
                    return Ok(StmtKind::If(branches, otherwise));
                }
                _ => {
                    self.expect_block_end()?;
                    return Ok(StmtKind::If(branches, Vec::new()));
                }
            }
        }
    }

    fn for_(&mut self, span: Span) -> Result<StmtKind> {
        let target = self.target(false)?;
        if !self.eat_name("in") {
            return Err(self.unexpected("`in`"));
        }
        let iterable = self.open_tuple(false)?;
        let outer_loop = std::mem::take(&mut self.seen.loop_);
        let filter = if self.eat_name("if") {
            Some(self.expression()?)
        } else {
            None
        };
        let recursive = self.eat_name("recursive");
        self.expect_block_end()?;
        self.loops += 1;
        let (body, end) = self.body("for", span, &["else", "endfor"])?;
        self.loops -= 1;
        let uses_loop = std::mem::replace(&mut self.seen.loop_, outer_loop);
        let mut otherwise = Vec::new();
        self.expect_block_end()?;
        if end == "else" {
            (otherwise, _) = self.body("for", span, &["endfor"])?;
            self.expect_block_end()?;
        }
        Ok(StmtKind::For(Arc::new(ForLoop {
            target,
            iterable,
            filter,
            recursive,
            uses_loop: uses_loop || recursive,
            body,
            otherwise,
        })))
    }

    fn jump(&mut self, name: &str, span: Span) -> Result<StmtKind> {
        if self.loops == 0 {
            return Err(self.fail(span, format!("`{name}` stands outside of a loop")));
        }
        self.expect_block_end()?;
        Ok(if name == "break" {
            StmtKind::Break
        } else {
            StmtKind::Continue
        })
    }

    fn set(&mut self, span: Span) -> Result<StmtKind> {
        let target = self.target(true)?;
        if self.eat_op("=") {
            let value = self.tuple_or_expression()?;
            self.expect_block_end()?;
            return Ok(StmtKind::Set(target, value));
        }
        let mut filters = Vec::new();
        while self.eat_op("|") {
            filters.push(self.step("the name of a filter")?);
        }
        self.expect_block_end()?;
        let (body, _) = self.body("set", span, &["endset"])?;
        self.expect_block_end()?;
        Ok(StmtKind::SetBlock(target, filters, body))
    }

    /// `a`, `a, (b, c)`, or with `attributes` also `ns.a`.
    fn target(&mut self, attributes: bool) -> Result<Target> {
        let first = self.one_target(attributes)?;
        if !self.is_op(",") {
            return Ok(first);
        }
        let start = target_span(&first);
        let mut parts = vec![first];
        while self.eat_op(",") {
            if self.is_op("=") || self.is_op(")") || self.is_name("in") {
                break;
            }
            parts.push(self.one_target(attributes)?);
        }
        Ok(Target::Tuple(parts, start.to(self.last_span())))
    }

    fn one_target(&mut self, attributes: bool) -> Result<Target> {
        if self.is_op("(") {
            return self.deeper(|parser| {
                parser.advance();
                let inner = parser.target(attributes)?;
                parser.expect_op(")")?;
                Ok(inner)
            });
        }
        let (name, span) = self.identifier("the name of a variable")?;
        if matches!(
            &*name,
            "true" | "false" | "none" | "True" | "False" | "None"
        ) {
            return Err(self.fail(span, format!("`{name}` cannot be assigned to")));
        }
        if !self.is_op(".") {
            return Ok(Target::Name(name, span));
        }
        if !attributes {
            return Err(self.fail(self.span(), "a loop variable cannot be an attribute"));
        }
        self.advance();
        let (attribute, end) = self.identifier("an attribute")?;
        Ok(Target::Attribute(name, attribute, span.to(end)))
    }

    fn filter_block(&mut self, span: Span) -> Result<StmtKind> {
        let mut filters: Vec<Step> = vec![self.step("the name of a filter")?];
        while self.eat_op("|") {
            filters.push(self.step("the name of a filter")?);
        }
        self.expect_block_end()?;
        let (body, _) = self.body("filter", span, &["endfilter"])?;
        self.expect_block_end()?;
        Ok(StmtKind::Filter(filters, body))
    }

    fn with(&mut self, span: Span) -> Result<StmtKind> {
        let mut bindings: Vec<(Target, Expr)> = Vec::new();
        while *self.peek() != Token::BlockEnd {
            if !bindings.is_empty() {
                self.expect_op(",")?;
            }
            let target = self.one_target(false)?;
            self.expect_op("=")?;
            bindings.push((target, self.expression()?));
        }
        self.expect_block_end()?;
        let (body, _) = self.body("with", span, &["endwith"])?;
        self.expect_block_end()?;
        Ok(StmtKind::With(bindings, body))
    }

    fn call_block(&mut self, span: Span, start: Span) -> Result<StmtKind> {
        let parameters = if self.is_op("(") {
            self.signature()?
        } else {
            Vec::new()
        };
        let call_start = self.span();
        let call = self.expression()?;
        if !matches!(call.kind, ExprKind::Call(_)) {
            return Err(self.fail(call_start.to(call.span), "`call` needs a call of a macro"));
        }
        let body = self.caller(parameters, span, start)?;
        Ok(StmtKind::Call(body, call))
    }
}

fn target_span(target: &Target) -> Span {
    match target {
        Target::Name(_, span) | Target::Tuple(_, span) | Target::Attribute(_, _, span) => *span,
    }
}
