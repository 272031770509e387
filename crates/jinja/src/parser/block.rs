//! What defines a macro: `{% macro %}`, and the pieces dbt's own tags share with it.

use std::sync::Arc;

use diagnostic::Result;

use super::{Parser, Seen};
use crate::Value;
use crate::ast::{MacroDefinition, MacroKind, Parameter, Span, Stmt, StmtKind};
use crate::token::Token;

/// The head of a block that defines a macro.
pub(super) struct Head {
    pub kind: MacroKind,
    pub tag: &'static str,
    pub name: Arc<str>,
    pub label: Arc<str>,
    pub name_span: Span,
    pub parameters: Vec<Parameter>,
    pub adapter: Option<Arc<str>>,
    pub languages: Vec<Arc<str>>,
    pub start: Span,
}

impl Parser<'_> {
    pub(super) fn macro_(&mut self, start: Span) -> Result<StmtKind> {
        let (name, name_span) = self.identifier("the name of a macro")?;
        let outer = std::mem::take(&mut self.seen);
        let parameters = self.signature()?;
        let head = Head {
            kind: MacroKind::Macro,
            tag: "macro",
            label: Arc::clone(&name),
            name,
            name_span,
            parameters,
            adapter: None,
            languages: Vec::new(),
            start,
        };
        self.define(head, outer, &["endmacro"])
    }

    /// Parses the body of `head` and makes the definition. `outer` is what was seen before it.
    pub(super) fn define(
        &mut self,
        head: Head,
        outer: Seen,
        ends: &[&'static str],
    ) -> Result<StmtKind> {
        let definition = self.definition(head, outer, ends)?;
        Ok(StmtKind::Macro(Arc::new(definition)))
    }

    pub(super) fn caller(
        &mut self,
        parameters: Vec<Parameter>,
        span: Span,
        start: Span,
    ) -> Result<Arc<MacroDefinition>> {
        let name: Arc<str> = Arc::from("caller");
        let head = Head {
            kind: MacroKind::Caller,
            tag: "call",
            label: Arc::clone(&name),
            name,
            name_span: span,
            parameters,
            adapter: None,
            languages: Vec::new(),
            start,
        };
        // A call block has no `caller`, `varargs` or `kwargs` of its own unless it mentions them,
        // and what it mentions belongs to the macro around it as well.
        let outer = self.seen;
        let definition = self.definition(head, outer, &["endcall"])?;
        self.seen.takes.caller |= definition.takes.caller;
        self.seen.takes.varargs |= definition.takes.varargs;
        self.seen.takes.kwargs |= definition.takes.kwargs;
        Ok(Arc::new(definition))
    }

    fn definition(
        &mut self,
        head: Head,
        outer: Seen,
        ends: &[&'static str],
    ) -> Result<MacroDefinition> {
        if head.kind == MacroKind::Caller {
            self.seen = Seen::default();
        }
        let loops = std::mem::take(&mut self.loops);
        self.expect_block_end()?;
        let body_start = self.last_span().end;
        let (body, _): (Vec<Stmt>, _) = self.body(head.tag, head.name_span, ends)?;
        // The end tag's name was just read; the token before it opened the tag.
        let body_end = self.tokens[self.at.saturating_sub(2)].1.start;
        // `{% endmacro name %}` and `{% endtest name %}` are tolerated.
        if matches!(self.peek(), Token::Name(_)) {
            self.advance();
        }
        self.expect_block_end()?;
        self.loops = loops;
        let seen = std::mem::replace(&mut self.seen, outer);
        let arguments = head
            .parameters
            .iter()
            .map(|one| Value::Str(Arc::clone(&one.name)))
            .collect();
        Ok(MacroDefinition {
            name: head.name,
            label: head.label,
            kind: head.kind,
            adapter: head.adapter,
            languages: head.languages,
            parameters: head.parameters,
            arguments,
            takes: seen.takes,
            body,
            span: head.start.to(self.last_span()),
            name_span: head.name_span,
            body_span: Span {
                start: body_start,
                end: body_end,
            },
            source: self.source.clone(),
        })
    }

    /// `(a, b=1, c: string = 2)`
    pub(super) fn signature(&mut self) -> Result<Vec<Parameter>> {
        self.expect_op("(")?;
        let mut parameters: Vec<Parameter> = Vec::new();
        while !self.is_op(")") {
            let (name, span) = self.identifier("the name of an argument")?;
            if parameters.iter().any(|known| known.name == name) {
                return Err(self.fail(span, format!("the argument `{name}` is declared twice")));
            }
            let annotation = if self.eat_op(":") {
                Some(self.annotation()?)
            } else {
                None
            };
            let default = if self.eat_op("=") {
                Some(self.expression()?)
            } else {
                None
            };
            if default.is_none() && parameters.last().is_some_and(|last| last.default.is_some()) {
                return Err(self.fail(
                    span,
                    format!("`{name}` needs a default, because an argument before it has one"),
                ));
            }
            parameters.push(Parameter {
                name,
                default,
                annotation,
            });
            if !self.is_op(")") {
                self.expect_op(",")?;
            }
        }
        self.advance();
        Ok(parameters)
    }

    /// `string`, `list[string]`, `optional[dict[string, integer]]`
    fn annotation(&mut self) -> Result<String> {
        let (name, _) = self.identifier("the type of an argument")?;
        if !self.eat_op("[") {
            return Ok(name.to_string());
        }
        let mut parts = Vec::new();
        while !self.is_op("]") {
            parts.push(self.deeper(Self::annotation)?);
            if !self.is_op("]") {
                self.expect_op(",")?;
            }
        }
        self.advance();
        Ok(format!("{name}[{}]", parts.join(", ")))
    }
}
