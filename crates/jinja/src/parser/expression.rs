//! Expressions, from the loosest binding to the tightest, as Jinja2's parser does it.

use std::sync::Arc;

use diagnostic::Result;

use super::Parser;
use crate::ast::{CallArguments, Comparison, Expr, ExprKind, Span, Step};
use crate::token::Token;
use crate::{Operator, Value};

impl Parser<'_> {
    /// `a` or `a, b` without brackets.
    pub(super) fn tuple_or_expression(&mut self) -> Result<Expr> {
        self.open_tuple(true)
    }

    /// As [`Self::tuple_or_expression`]; without `conditional`, `if` ends it (the filter of a loop).
    pub(super) fn open_tuple(&mut self, conditional: bool) -> Result<Expr> {
        let first = self.part(conditional)?;
        if !self.is_op(",") {
            return Ok(first);
        }
        let start = first.span;
        let mut items = vec![first];
        while self.eat_op(",") {
            if self.ends_tuple() {
                break;
            }
            items.push(self.part(conditional)?);
        }
        Ok(Expr {
            span: start.to(self.last_span()),
            kind: ExprKind::Tuple(items),
        })
    }

    fn part(&mut self, conditional: bool) -> Result<Expr> {
        if conditional {
            self.expression()
        } else {
            self.deeper(Self::or)
        }
    }

    fn ends_tuple(&self) -> bool {
        matches!(
            self.peek(),
            Token::PrintEnd | Token::BlockEnd | Token::End | Token::Op(")" | "=")
        ) || self.is_name("in")
    }

    pub(super) fn expression(&mut self) -> Result<Expr> {
        self.deeper(Self::conditional)
    }

    fn conditional(&mut self) -> Result<Expr> {
        let mut value = self.or()?;
        let mut links = 0;
        while self.eat_name("if") {
            self.link(&mut links)?;
            let condition = self.or()?;
            let otherwise = if self.eat_name("else") {
                Some(self.deeper(Self::conditional)?)
            } else {
                None
            };
            let span = value.span.to(self.last_span());
            let kind = ExprKind::Conditional(Box::new((value, condition, otherwise)));
            value = Expr { span, kind };
        }
        Ok(value)
    }

    fn or(&mut self) -> Result<Expr> {
        let mut left = self.and()?;
        let mut links = 0;
        while self.eat_name("or") {
            self.link(&mut links)?;
            let right = self.and()?;
            left = pair(left, right, ExprKind::Or);
        }
        Ok(left)
    }

    fn and(&mut self) -> Result<Expr> {
        let mut left = self.not()?;
        let mut links = 0;
        while self.eat_name("and") {
            self.link(&mut links)?;
            let right = self.not()?;
            left = pair(left, right, ExprKind::And);
        }
        Ok(left)
    }

    fn not(&mut self) -> Result<Expr> {
        if !self.is_name("not") {
            return self.compare();
        }
        let start = self.span();
        self.advance();
        let inner = self.deeper(Self::not)?;
        Ok(Expr {
            span: start.to(inner.span),
            kind: ExprKind::Not(Box::new(inner)),
        })
    }

    fn compare(&mut self) -> Result<Expr> {
        let first = self.sum()?;
        let mut rest = Vec::new();
        while let Some((comparison, tokens)) = self.comparison() {
            for _ in 0..tokens {
                self.advance();
            }
            rest.push((comparison, self.sum()?));
        }
        if rest.is_empty() {
            return Ok(first);
        }
        Ok(Expr {
            span: first.span.to(self.last_span()),
            kind: ExprKind::Compare(Box::new(first), rest),
        })
    }

    /// The comparison that follows, and of how many tokens it is.
    fn comparison(&self) -> Option<(Comparison, usize)> {
        let one = match self.peek() {
            Token::Op("==") => Comparison::Equal,
            Token::Op("!=") => Comparison::NotEqual,
            Token::Op("<") => Comparison::Less,
            Token::Op("<=") => Comparison::LessOrEqual,
            Token::Op(">") => Comparison::Greater,
            Token::Op(">=") => Comparison::GreaterOrEqual,
            Token::Name(name) if &**name == "in" => Comparison::In,
            Token::Name(name) if &**name == "not" => {
                let in_next = matches!(self.look(1), Token::Name(next) if &**next == "in");
                return in_next.then_some((Comparison::NotIn, 2));
            }
            _ => return None,
        };
        Some((one, 1))
    }

    fn sum(&mut self) -> Result<Expr> {
        let mut left = self.concat()?;
        let mut links = 0;
        loop {
            self.link(&mut links)?;
            let operator = match self.peek() {
                Token::Op("+") => Operator::Add,
                Token::Op("-") => Operator::Sub,
                _ => return Ok(left),
            };
            self.advance();
            let right = self.concat()?;
            left = pair(left, right, |both| ExprKind::Binary(operator, both));
        }
    }

    fn concat(&mut self) -> Result<Expr> {
        let first = self.product()?;
        if !self.is_op("~") {
            return Ok(first);
        }
        let start = first.span;
        let mut parts = vec![first];
        while self.eat_op("~") {
            parts.push(self.product()?);
        }
        Ok(Expr {
            span: start.to(self.last_span()),
            kind: ExprKind::Concat(parts),
        })
    }

    fn product(&mut self) -> Result<Expr> {
        let mut left = self.power()?;
        let mut links = 0;
        loop {
            self.link(&mut links)?;
            let operator = match self.peek() {
                Token::Op("*") => Operator::Mul,
                Token::Op("/") => Operator::Div,
                Token::Op("//") => Operator::FloorDiv,
                Token::Op("%") => Operator::Rem,
                _ => return Ok(left),
            };
            self.advance();
            let right = self.power()?;
            left = pair(left, right, |both| ExprKind::Binary(operator, both));
        }
    }

    /// Jinja2's `**` is left-associative and binds looser than the sign.
    fn power(&mut self) -> Result<Expr> {
        let mut left = self.unary(true)?;
        let mut links = 0;
        while self.eat_op("**") {
            self.link(&mut links)?;
            let right = self.unary(true)?;
            left = pair(left, right, |both| ExprKind::Binary(Operator::Pow, both));
        }
        Ok(left)
    }

    fn unary(&mut self, filters: bool) -> Result<Expr> {
        let start = self.span();
        let negative = self.is_op("-");
        let expr = if negative || self.is_op("+") {
            self.advance();
            let inner = self.deeper(|parser| parser.unary(false))?;
            let span = start.to(inner.span);
            let inner = Box::new(inner);
            let kind = if negative {
                ExprKind::Negate(inner)
            } else {
                ExprKind::Plus(inner)
            };
            Expr { span, kind }
        } else {
            self.primary()?
        };
        let expr = self.postfix(expr)?;
        if filters {
            self.filters_and_tests(expr)
        } else {
            Ok(expr)
        }
    }

    fn primary(&mut self) -> Result<Expr> {
        let span = self.span();
        let literal = |value: Value| Expr {
            span,
            kind: ExprKind::Literal(value),
        };
        match self.peek().clone() {
            Token::Name(name) => {
                self.advance();
                Ok(match &*name {
                    "true" | "True" => literal(Value::Bool(true)),
                    "false" | "False" => literal(Value::Bool(false)),
                    "none" | "None" => literal(Value::None),
                    _ => {
                        self.note(&name);
                        Expr {
                            span,
                            kind: ExprKind::Name(name),
                        }
                    }
                })
            }
            Token::Str(text) => {
                self.advance();
                if !matches!(self.peek(), Token::Str(_)) {
                    return Ok(literal(Value::Str(text)));
                }
                let mut joined = text.to_string();
                while let Token::Str(next) = self.peek() {
                    joined.push_str(next);
                    self.advance();
                }
                let kind = ExprKind::Literal(joined.into());
                Ok(Expr {
                    span: span.to(self.last_span()),
                    kind,
                })
            }
            Token::Int(number) => {
                self.advance();
                Ok(literal(Value::Int(number)))
            }
            Token::Float(number) => {
                self.advance();
                Ok(literal(Value::Float(number)))
            }
            Token::Op("(") => self.bracketed(),
            Token::Op("[") => self.list(),
            Token::Op("{") => self.dict(),
            _ => Err(self.unexpected("a value")),
        }
    }

    /// Remembers that a special variable is used here.
    fn note(&mut self, name: &str) {
        match name {
            "varargs" => self.seen.takes.varargs = true,
            "kwargs" => self.seen.takes.kwargs = true,
            "caller" => self.seen.takes.caller = true,
            "loop" => self.seen.loop_ = true,
            _ => {}
        }
    }

    fn bracketed(&mut self) -> Result<Expr> {
        let start = self.span();
        self.advance();
        if self.eat_op(")") {
            let span = start.to(self.last_span());
            return Ok(Expr {
                span,
                kind: ExprKind::Tuple(Vec::new()),
            });
        }
        let inner = self.tuple_or_expression()?;
        self.expect_op(")")?;
        Ok(Expr {
            span: start.to(self.last_span()),
            kind: inner.kind,
        })
    }

    fn list(&mut self) -> Result<Expr> {
        let start = self.span();
        self.advance();
        let mut items = Vec::new();
        while !self.is_op("]") {
            items.push(self.expression()?);
            if !self.is_op("]") {
                self.expect_op(",")?;
            }
        }
        self.advance();
        Ok(Expr {
            span: start.to(self.last_span()),
            kind: ExprKind::List(items),
        })
    }

    fn dict(&mut self) -> Result<Expr> {
        let start = self.span();
        self.advance();
        let mut entries = Vec::new();
        while !self.is_op("}") {
            let key = self.expression()?;
            self.expect_op(":")?;
            entries.push((key, self.expression()?));
            if !self.is_op("}") {
                self.expect_op(",")?;
            }
        }
        self.advance();
        Ok(Expr {
            span: start.to(self.last_span()),
            kind: ExprKind::Dict(entries),
        })
    }

    fn postfix(&mut self, mut expr: Expr) -> Result<Expr> {
        let mut links = 0;
        loop {
            self.link(&mut links)?;
            expr = match self.peek() {
                Token::Op(".") => self.attribute(expr)?,
                Token::Op("[") => self.subscript(expr)?,
                Token::Op("(") => self.call(expr)?,
                _ => return Ok(expr),
            };
        }
    }

    fn attribute(&mut self, owner: Expr) -> Result<Expr> {
        self.advance();
        let span = owner.span.to(self.span());
        match self.peek().clone() {
            Token::Name(name) => {
                self.advance();
                Ok(Expr {
                    span,
                    kind: ExprKind::Attribute(Box::new(owner), name),
                })
            }
            Token::Int(index) => {
                let kind = ExprKind::Literal(Value::Int(index));
                let index = Expr {
                    span: self.span(),
                    kind,
                };
                self.advance();
                Ok(Expr {
                    span,
                    kind: ExprKind::Item(Box::new((owner, index))),
                })
            }
            _ => Err(self.unexpected("a name after `.`")),
        }
    }

    fn subscript(&mut self, owner: Expr) -> Result<Expr> {
        self.advance();
        let start = owner.span;
        let mut bounds = [None, None, None];
        let mut colons = 0;
        loop {
            if self.is_op("]") {
                break;
            }
            if self.is_op(":") && colons < 2 {
                self.advance();
                colons += 1;
            } else if bounds[colons].is_none() {
                let part = if colons == 0 {
                    self.tuple_or_expression()?
                } else {
                    self.expression()?
                };
                bounds[colons] = Some(part);
            } else {
                return Err(self.unexpected("`]`"));
            }
        }
        self.expect_op("]")?;
        let span = start.to(self.last_span());
        if colons > 0 {
            let kind = ExprKind::Slice(Box::new(owner), Box::new(bounds));
            return Ok(Expr { span, kind });
        }
        match bounds {
            [Some(index), ..] => Ok(Expr {
                span,
                kind: ExprKind::Item(Box::new((owner, index))),
            }),
            _ => Err(self.fail(span, "an index is missing between `[` and `]`")),
        }
    }

    fn call(&mut self, callee: Expr) -> Result<Expr> {
        let arguments = self.call_arguments()?;
        let span = callee.span.to(self.last_span());
        Ok(Expr {
            span,
            kind: ExprKind::Call(Box::new((callee, arguments))),
        })
    }

    /// `(a, b=c, *d, **e)`
    pub(super) fn call_arguments(&mut self) -> Result<CallArguments> {
        self.expect_op("(")?;
        let mut arguments = CallArguments::default();
        while !self.is_op(")") {
            self.argument(&mut arguments)?;
            if !self.is_op(")") {
                self.expect_op(",")?;
            }
        }
        self.advance();
        Ok(arguments)
    }

    fn argument(&mut self, arguments: &mut CallArguments) -> Result<()> {
        let start = self.span();
        if self.eat_op("**") {
            if arguments.named_splat.replace(self.expression()?).is_some() {
                return Err(self.fail(start, "a call takes only one `**` argument"));
            }
            return Ok(());
        }
        if self.eat_op("*") {
            if arguments.splat.replace(self.expression()?).is_some() {
                return Err(self.fail(start, "a call takes only one `*` argument"));
            }
            return Ok(());
        }
        if let Token::Name(name) = self.peek().clone()
            && *self.look(1) == Token::Op("=")
        {
            self.advance();
            self.advance();
            if arguments.named.iter().any(|(known, _)| *known == name) {
                return Err(self.fail(start, format!("the argument `{name}` is given twice")));
            }
            let value = self.expression()?;
            arguments.named.push((name, value));
            return Ok(());
        }
        if !arguments.named.is_empty() || arguments.named_splat.is_some() {
            return Err(self.fail(start, "a positional argument cannot follow a named one"));
        }
        let value = self.expression()?;
        arguments.positional.push(value);
        Ok(())
    }

    fn filters_and_tests(&mut self, mut expr: Expr) -> Result<Expr> {
        let mut links = 0;
        loop {
            self.link(&mut links)?;
            if self.is_op("|") {
                self.advance();
                let step = self.step("the name of a filter")?;
                let span = expr.span.to(self.last_span());
                expr = Expr {
                    span,
                    kind: ExprKind::Filter(Box::new((expr, step))),
                };
            } else if self.is_name("is") {
                expr = self.test(expr)?;
            } else if self.is_op("(") {
                expr = self.call(expr)?;
            } else {
                return Ok(expr);
            }
        }
    }

    /// A filter's name, dotted or not, with its arguments.
    pub(super) fn step(&mut self, what: &str) -> Result<Step> {
        let (name, span) = self.dotted(what)?;
        let arguments = if self.is_op("(") {
            self.call_arguments()?
        } else {
            CallArguments::default()
        };
        Ok(Step {
            name,
            span,
            arguments,
        })
    }

    fn dotted(&mut self, what: &str) -> Result<(Arc<str>, Span)> {
        let (mut name, mut span) = self.identifier(what)?;
        while self.eat_op(".") {
            let (next, next_span) = self.identifier("a name after `.`")?;
            name = format!("{name}.{next}").into();
            span = span.to(next_span);
        }
        Ok((name, span))
    }

    fn test(&mut self, tested: Expr) -> Result<Expr> {
        self.advance();
        let negated = self.eat_name("not");
        let (name, span) = self.dotted("the name of a test")?;
        let arguments = if self.is_op("(") {
            self.call_arguments()?
        } else if self.starts_test_argument() {
            let argument = self.primary()?;
            let argument = self.postfix(argument)?;
            CallArguments {
                positional: vec![argument],
                ..CallArguments::default()
            }
        } else {
            CallArguments::default()
        };
        if self.is_name("is") {
            return Err(self.fail(self.span(), "tests cannot be chained; join them with `and`"));
        }
        let whole = tested.span.to(self.last_span());
        let kind = ExprKind::Test(Box::new((
            tested,
            Step {
                name,
                span,
                arguments,
            },
        )));
        let test = Expr { span: whole, kind };
        Ok(if negated {
            Expr {
                span: whole,
                kind: ExprKind::Not(Box::new(test)),
            }
        } else {
            test
        })
    }

    fn starts_test_argument(&self) -> bool {
        match self.peek() {
            Token::Str(_) | Token::Int(_) | Token::Float(_) | Token::Op("[" | "{") => true,
            Token::Name(name) => !matches!(
                &**name,
                "else" | "or" | "and" | "if" | "is" | "not" | "in" | "recursive"
            ),
            _ => false,
        }
    }
}

fn pair(left: Expr, right: Expr, kind: impl FnOnce(Box<(Expr, Expr)>) -> ExprKind) -> Expr {
    Expr {
        span: left.span.to(right.span),
        kind: kind(Box::new((left, right))),
    }
}
