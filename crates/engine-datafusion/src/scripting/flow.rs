//! [`Interpreter`]: control flow, step by step.

use std::ops::Range;
use std::sync::Arc;

use diagnostic::{Error, Source, codes};
use engine::{Binds, Outcome, Session, Value};
use sql::scripting::{Action, Block, Declaration, Given, Handler, Holds, Loop, RowSource, Step};
use sqlparser::ast::Expr;

use super::deep::{Deep, deep};
use super::evaluate::kind_of;
use super::raised::{Raised, Result};
use super::rows::{record, table_rows};
use super::scope::{Held, Scope, Variable};
use super::{DEPTH, Statements};

/// Where a block goes on after a step.
pub(super) enum Flow {
    Next,
    Break(Option<String>),
    Continue(Option<String>),
    Return(Outcome),
}

/// What steps are part of.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Block,
    Branch,
    Round,
    Handler,
}

/// Runs one block, and the blocks in it.
pub(super) struct Interpreter<'a> {
    pub(super) statements: &'a mut dyn Statements,
    pub(super) session: Session,
    /// What errors point into.
    pub(super) script: Source,
    pub(super) scope: Scope,
    pub(super) depth: usize,
    /// What the column of a returned value is called.
    name: String,
    /// The type of a returned value, in a procedure.
    pub(super) returns: Option<String>,
    /// The handlers of the blocks that run, the innermost last.
    handlers: Vec<Arc<[Handler]>>,
    /// What handlers are handling, the innermost last.
    handled: Vec<Raised>,
}

impl<'a> Interpreter<'a> {
    pub(super) fn new(
        statements: &'a mut dyn Statements,
        session: &Session,
        script: &Source,
        depth: usize,
    ) -> Self {
        Self {
            statements,
            session: session.clone(),
            script: script.clone(),
            scope: Scope::default(),
            depth,
            name: String::new(),
            returns: None,
            handlers: Vec::new(),
            handled: Vec::new(),
        }
    }

    /// The session, with the values of variables as bind parameters.
    pub(super) fn bound(&self) -> Session {
        let session = self.session.clone().current();
        let mut named = session.binds.named.clone();
        named.extend(self.scope.values());
        let positional = session.binds.positional.clone();
        session.with_binds(Binds { positional, named })
    }

    pub(super) fn wrong(&self, span: &Range<usize>, sentence: String) -> Box<Raised> {
        let error = Error::new(codes::E1002, sentence).at(self.script.place(span.clone()));
        Raised::expression(error)
    }

    /// What `name` is.
    pub(super) fn known(&self, name: &str, span: &Range<usize>) -> Result<&Variable> {
        self.scope.find(name).ok_or_else(|| {
            let names = self.scope.names();
            let error = Error::new(
                codes::S1007,
                format!("`{name}` is not declared in this block"),
            )
            .help("declare it behind DECLARE, or with LET")
            .suggest(name, names)
            .at(self.script.place(span.clone()));
            Raised::expression(error)
        })
    }

    pub(super) fn hold(&mut self, name: &str, held: Held) {
        if let Some(variable) = self.scope.find_mut(name) {
            variable.held = held;
        }
    }

    /// The outcome of a whole block: what it returns, or NULL.
    pub(super) async fn top(&mut self, block: &Block, name: &str) -> Result<Outcome> {
        if self.depth > DEPTH {
            let sentence = format!("Blocks and procedures run each other more than {DEPTH} deep");
            return Err(Raised::statement(Error::new(codes::E1002, sentence)));
        }
        name.clone_into(&mut self.name);
        self.count(None);
        self.scope.declare_outermost("ACTIVITY_COUNT", Value::Null);
        match self.block(block).await? {
            Flow::Return(outcome) => Ok(outcome),
            _ => {
                let null = Expr::value(sqlparser::ast::Value::Null);
                let rows = self.one_row(null, name, &(0..0)).await?;
                Ok(Outcome::Rows(rows))
            }
        }
    }

    async fn block(&mut self, block: &Block) -> Result<Flow> {
        self.scope.enter();
        let done = self.guarded(block).await;
        self.scope.leave();
        done
    }

    /// Handlers handle what happens between BEGIN and EXCEPTION: declarations and handlers are the outer block's affair.
    async fn guarded(&mut self, block: &Block) -> Result<Flow> {
        for declaration in &block.declarations {
            self.declare(declaration, &(0..0)).await?;
        }
        self.handlers.push(Arc::clone(&block.handlers));
        let done = self.steps(&block.body, Place::Block).await;
        self.handlers.pop();
        done
    }

    /// Runs the innermost block's handler of `raised`, if it has one: where that leads, and whether the block goes on.
    /// Only handlers that continue are asked inside of loops and branches; others wait for the block.
    async fn handle(&mut self, raised: Box<Raised>, place: Place) -> Result<(Flow, bool)> {
        let depth = self.handlers.len();
        let handlers = self.handlers.last().cloned().unwrap_or_default();
        let mut matching = handlers
            .iter()
            .filter(|handler| handler.names.iter().any(|name| raised.is(name)));
        let handler = matching.next().filter(|handler| {
            depth <= raised.depth && (handler.continues || place == Place::Block)
        });
        let Some(handler) = handler else {
            return Err(raised);
        };
        for (name, value) in [
            ("SQLCODE", Value::Number(raised.number.to_string())),
            ("SQLERRM", Value::Text(raised.message.clone())),
            ("SQLSTATE", Value::Text(raised.state.to_owned())),
        ] {
            self.scope.declare(name, Variable::value(value));
        }
        self.handled.push(*raised);
        self.handlers.pop();
        let done = self.steps(&handler.body, Place::Handler).await;
        self.handlers.push(Arc::clone(&handlers));
        self.handled.pop();
        match done {
            Ok(flow) => Ok((flow, handler.continues)),
            Err(mut raised) => {
                raised.depth = raised.depth.min(depth - 1);
                Err(raised)
            }
        }
    }

    /// Where a block goes on behind a step that failed and whose handler continues: behind an outermost step of the
    /// block, behind a branch or loop, and else in a loop's next round.
    /// <https://docs.snowflake.com/en/sql-reference/snowflake-scripting/exception>
    fn steps<'s>(&'s mut self, steps: &'s [Step], place: Place) -> Deep<'s, Result<Flow>> {
        deep(async move {
            for step in steps {
                let raised = match self.step(step).await {
                    Ok(Flow::Next) => continue,
                    Ok(other) => return Ok(other),
                    Err(raised) => raised,
                };
                let construct = matches!(
                    step.action,
                    Action::If(..) | Action::Case(..) | Action::Loop(..)
                );
                let handled = match place {
                    Place::Handler => false,
                    Place::Branch => construct,
                    Place::Block | Place::Round => true,
                };
                if !handled {
                    return Err(raised);
                }
                match self.handle(raised, place).await? {
                    (Flow::Next, true) if place == Place::Round && !construct => {
                        return Ok(Flow::Continue(None));
                    }
                    (Flow::Next, true) => {}
                    (flow, _) => return Ok(flow),
                }
            }
            Ok(Flow::Next)
        })
    }

    /// Steps with names of their own.
    async fn branch(&mut self, steps: &[Step]) -> Result<Flow> {
        self.scope.enter();
        let done = self.steps(steps, Place::Branch).await;
        self.scope.leave();
        done
    }

    async fn step(&mut self, step: &Step) -> Result<Flow> {
        let span = &step.span;
        match &step.action {
            Action::Nothing => {}
            Action::Let(declaration) => self.declare(declaration, span).await?,
            Action::Assign(name, given) => self.set(name, given, span).await?,
            Action::If(branches, otherwise) => {
                for (condition, steps) in branches {
                    if self.holds(condition, span).await? {
                        return self.branch(steps).await;
                    }
                }
                return self.branch(otherwise).await;
            }
            Action::Case(operand, branches, otherwise) => {
                for (condition, steps) in branches {
                    if self.matches(operand.as_ref(), condition, span).await? {
                        return self.branch(steps).await;
                    }
                }
                return self.branch(otherwise.as_deref().unwrap_or_default()).await;
            }
            Action::Loop(what, body, label) => {
                return self.repeat(what, body, label.as_deref(), span).await;
            }
            Action::Break(label) => return Ok(Flow::Break(label.clone())),
            Action::Continue(label) => return Ok(Flow::Continue(label.clone())),
            Action::Return(value) => return self.returned(value.as_ref(), span).await,
            Action::ReturnTable(source) => {
                let outcome = self.outcome(source, Vec::new(), span).await?;
                let table = self.read(outcome, span).await?;
                return Ok(Flow::Return(Outcome::Rows(table_rows(&table))));
            }
            Action::Raise(name) => return Err(self.raise(name.as_deref(), span)),
            Action::Open(name, using) => self.open(name, using, span).await?,
            Action::Fetch(name, into) => self.fetch(name, into, span).await?,
            Action::Close(name) => {
                let Held::Cursor(source, open) = self.known(name, span)?.held.clone() else {
                    return Err(self.wrong(span, format!("`{name}` is no cursor")));
                };
                if open.is_none() {
                    return Err(self.wrong(span, format!("Cursor `{name}` is not open")));
                }
                self.hold(name, Held::Cursor(source, None));
            }
            Action::Block(block) => return self.block(block).await,
            Action::Run(source, into) => {
                let outcome = self.outcome(source, Vec::new(), span).await?;
                let changed = matches!(outcome, Outcome::Changed { .. });
                let changed = changed.then(|| outcome.rows_changed());
                let table = self.read(outcome, span).await?;
                let rows = u64::try_from(table.rows()).unwrap_or(u64::MAX);
                self.activity(changed.unwrap_or(rows));
                if !into.is_empty() {
                    self.put(&table, into, span).await?;
                }
            }
        }
        Ok(Flow::Next)
    }

    async fn returned(&mut self, value: Option<&Expr>, span: &Range<usize>) -> Result<Flow> {
        let null = Expr::value(sqlparser::ast::Value::Null);
        let mut value = value.cloned().unwrap_or(null);
        if let Some(kind) = &self.returns {
            value = crate::user_functions::cast(value, kind).map_err(Raised::expression)?;
        }
        let name = self.name.clone();
        let rows = self.one_row(value, &name, span).await?;
        // Read now: an error in it belongs to this block.
        let table = self.read(Outcome::Rows(rows), span).await;
        let table = table.map_err(|raised| Raised::expression(raised.into_error()))?;
        Ok(Flow::Return(Outcome::Rows(table_rows(&table))))
    }

    fn raise(&self, name: Option<&str>, span: &Range<usize>) -> Box<Raised> {
        let Some(name) = name else {
            return match self.handled.last() {
                Some(raised) => raised.again(),
                None => self.wrong(span, "RAISE without a name stands in a handler".to_owned()),
            };
        };
        match self.known(name, span) {
            Ok(variable) => match &variable.held {
                Held::Exception(number, message) => {
                    Raised::exception(name, *number, message).at(self.script.place(span.clone()))
                }
                _ => self.wrong(span, format!("`{name}` is no exception")),
            },
            Err(error) => error,
        }
    }

    async fn declare(&mut self, declaration: &Declaration, span: &Range<usize>) -> Result<()> {
        let name = &declaration.name;
        let variable = match &declaration.holds {
            Holds::Exception(number, message) => Variable {
                kind: None,
                held: Held::Exception(*number, message.clone()),
            },
            Holds::Cursor(source) => Variable {
                kind: None,
                held: Held::Cursor(source.clone(), None),
            },
            Holds::ResultSet(given) => {
                let empty = Variable {
                    kind: None,
                    held: Held::Rows(None),
                };
                self.scope.declare(name, empty);
                return match given {
                    Some(given) => self.set(name, given, span).await,
                    None => Ok(()),
                };
            }
            Holds::Variable(kind, given) => {
                let kind = kind_of(kind.as_ref());
                let value = match given {
                    None => Value::Null,
                    Some(given) => self.given(given, kind.as_deref(), span).await?,
                };
                Variable {
                    kind,
                    held: Held::Value(value),
                }
            }
        };
        self.scope.declare(name, variable);
        Ok(())
    }

    async fn given(
        &mut self,
        given: &Given,
        kind: Option<&str>,
        span: &Range<usize>,
    ) -> Result<Value> {
        match given {
            Given::Value(expr) => self.value(expr, kind, span).await,
            Given::Rows(source) => {
                let outcome = self.outcome(source, Vec::new(), span).await?;
                let table = self.read(outcome, span).await?;
                match table.row(0) {
                    Some((batch, row)) => {
                        super::value::cell(batch, 0, row).map_err(Raised::expression)
                    }
                    None => Ok(Value::Null),
                }
            }
        }
    }

    /// `name := given`.
    async fn set(&mut self, name: &str, given: &Given, span: &Range<usize>) -> Result<()> {
        let variable = self.known(name, span)?;
        let kind = variable.kind.clone();
        match &variable.held {
            Held::Rows(_) => {
                let source = self.rows_of(given, span)?;
                let outcome = self.outcome(&source, Vec::new(), span).await?;
                let table = self.read(outcome, span).await?;
                self.hold(name, Held::Rows(Some(table)));
            }
            Held::Value(_) => {
                let value = self.given(given, kind.as_deref(), span).await?;
                self.hold(name, Held::Value(value));
            }
            _ => return Err(self.wrong(span, format!("`{name}` cannot be assigned to"))),
        }
        Ok(())
    }

    /// What a result set is set to.
    fn rows_of(&self, given: &Given, span: &Range<usize>) -> Result<RowSource> {
        match given {
            Given::Rows(source) => Ok(source.clone()),
            Given::Value(value) => match value.as_ref() {
                Expr::Subquery(query) => {
                    let query = query.as_ref().clone();
                    let statement = sql::Statement::of_query(query, span.clone(), &self.script);
                    Ok(RowSource::Statement(Box::new(statement)))
                }
                Expr::Identifier(other) => Ok(RowSource::Name(other.value.clone())),
                other => {
                    let sentence = format!("`{other}` is no statement between brackets");
                    Err(self.wrong(span, sentence))
                }
            },
        }
    }

    /// Lets a variable hold `value`, as its type.
    pub(super) async fn assign(
        &mut self,
        name: &str,
        value: Value,
        span: &Range<usize>,
    ) -> Result<()> {
        let kind = self.known(name, span)?.kind.clone();
        let value = match kind {
            None => value,
            Some(kind) => {
                let literal = crate::known::literal(&value);
                self.value(&literal, Some(&kind), span).await?
            }
        };
        self.hold(name, Held::Value(value));
        Ok(())
    }

    async fn repeat(
        &mut self,
        what: &Loop,
        body: &[Step],
        label: Option<&str>,
        span: &Range<usize>,
    ) -> Result<Flow> {
        match what {
            Loop::Numbers {
                name,
                reverse,
                from,
                to,
            } => {
                let (from, to) = (self.number(from, span).await?, self.number(to, span).await?);
                let mut at = if *reverse { to } else { from };
                while (from..=to).contains(&at) {
                    let value = Held::Value(Value::Number(at.to_string()));
                    if let Some(flow) = self.round(Some((name, value)), body, label).await? {
                        return Ok(flow);
                    }
                    match at.checked_add(if *reverse { -1 } else { 1 }) {
                        Some(next) => at = next,
                        None => break,
                    }
                }
                Ok(Flow::Next)
            }
            Loop::Rows { name, rows } => {
                let outcome = self.outcome(rows, Vec::new(), span).await?;
                let table = self.read(outcome, span).await?;
                for at in 0..table.rows() {
                    let row = Held::Record(record(&table, at)?);
                    if let Some(flow) = self.round(Some((name, row)), body, label).await? {
                        return Ok(flow);
                    }
                }
                Ok(Flow::Next)
            }
            Loop::While(condition) => {
                while self.holds(condition, span).await? {
                    if let Some(flow) = self.round(None, body, label).await? {
                        return Ok(flow);
                    }
                }
                Ok(Flow::Next)
            }
            Loop::Until(condition) => loop {
                if let Some(flow) = self.round(None, body, label).await? {
                    return Ok(flow);
                }
                if self.holds(condition, span).await? {
                    return Ok(Flow::Next);
                }
            },
            Loop::Forever => loop {
                if let Some(flow) = self.round(None, body, label).await? {
                    return Ok(flow);
                }
            },
        }
    }

    /// One round of a loop; where the block goes on if the loop ends with it.
    async fn round(
        &mut self,
        each: Option<(&String, Held)>,
        body: &[Step],
        label: Option<&str>,
    ) -> Result<Option<Flow>> {
        // A loop without a statement would never let anybody else run.
        tokio::task::yield_now().await;
        self.scope.enter();
        if let Some((name, held)) = each {
            self.scope.declare(name, Variable { kind: None, held });
        }
        let done = self.steps(body, Place::Round).await;
        self.scope.leave();
        let mine = |named: &Option<String>| named.is_none() || named.as_deref() == label;
        Ok(match done? {
            Flow::Next => None,
            Flow::Continue(named) if mine(&named) => None,
            Flow::Break(named) if mine(&named) => Some(Flow::Next),
            other => Some(other),
        })
    }
}
