//! The steps of a block: control flow, assignments and statements.
//! <https://docs.snowflake.com/en/developer-guide/snowflake-scripting/branch>,
//! <https://docs.snowflake.com/en/developer-guide/snowflake-scripting/loops>.

use diagnostic::Result;
use sqlparser::ast::Expr;
use sqlparser::tokenizer::Token;

use super::parse::{Reader, block, settle};
use super::{Action, Loop, RowSource, Step};

/// `when … then …`, several times.
type Branches = Vec<(Expr, Vec<Step>)>;

impl Reader<'_, '_> {
    pub(super) fn action(&mut self) -> Result<Action> {
        if self.parser.peek_nth_token_ref(1).token == Token::Assignment {
            let name = self.name()?;
            self.parser.advance_token();
            return Ok(Action::Assign(name, self.given()?));
        }
        match (self.word(0).as_str(), self.word(1).as_str()) {
            ("BEGIN", "TRANSACTION" | "WORK" | "NAME" | "") => self.run(),
            ("BEGIN" | "DECLARE", _) => block(self).map(Action::Block),
            ("LET", _) => {
                self.expect("LET")?;
                self.declaration().map(Action::Let)
            }
            ("IF", _) => self.branches(),
            ("CASE", _) => self.case(),
            ("FOR" | "WHILE" | "REPEAT" | "LOOP", _) => self.repeated(),
            ("BREAK" | "EXIT", _) => self.jump().map(Action::Break),
            ("CONTINUE" | "ITERATE", _) => self.jump().map(Action::Continue),
            ("RAISE", _) => self.jump().map(Action::Raise),
            ("RETURN", _) => self.returned(),
            ("NULL", _) => {
                self.expect("NULL")?;
                Ok(Action::Nothing)
            }
            ("OPEN", _) => {
                self.expect("OPEN")?;
                let name = self.name()?;
                let values = match self.take(&["USING"]) {
                    true => self.bracketed()?,
                    false => Vec::new(),
                };
                Ok(Action::Open(name, values))
            }
            ("FETCH", _) => self.fetch(),
            ("CLOSE", _) => {
                self.expect("CLOSE")?;
                self.name().map(Action::Close)
            }
            ("AWAIT" | "CANCEL" | "ASYNC", _) => Err(self.refuse(
                "An asynchronous statement",
                "run it where its rows are needed",
            )),
            _ => self.run(),
        }
    }

    /// A statement, or a dynamic one.
    fn run(&mut self) -> Result<Action> {
        let start = self.here();
        if self.take(&["EXECUTE", "IMMEDIATE"]) {
            let text = self.expression()?;
            let values = match self.take(&["USING"]) {
                true => self.bracketed()?,
                false => Vec::new(),
            };
            let into = self.variables_since(start);
            return Ok(Action::Run(RowSource::Text(Box::new(text), values), into));
        }
        let statement = RowSource::Statement(Box::new(self.statement()?));
        let into = self.variables_since(start);
        Ok(Action::Run(statement, into))
    }

    /// `IF (…) THEN … ELSEIF (…) THEN … ELSE … END IF`.
    fn branches(&mut self) -> Result<Action> {
        self.expect("IF")?;
        let mut branches: Branches = Vec::new();
        loop {
            let condition = self.expression()?;
            self.expect("THEN")?;
            branches.push((condition, self.steps(&["ELSEIF", "ELSE", "END"])?));
            if !self.take(&["ELSEIF"]) {
                break;
            }
        }
        let otherwise = match self.take(&["ELSE"]) {
            true => self.steps(&["END"])?,
            false => Vec::new(),
        };
        self.expect("END")?;
        self.expect("IF")?;
        Ok(Action::If(branches, otherwise))
    }

    /// `CASE [(…)] WHEN … THEN … ELSE … END [CASE]`.
    fn case(&mut self) -> Result<Action> {
        self.expect("CASE")?;
        let operand = match self.word(0) == "WHEN" {
            true => None,
            false => Some(self.expression()?),
        };
        let mut branches: Branches = Vec::new();
        while self.take(&["WHEN"]) {
            let condition = self.expression()?;
            self.expect("THEN")?;
            branches.push((condition, self.steps(&["WHEN", "ELSE", "END"])?));
        }
        let otherwise = match self.take(&["ELSE"]) {
            true => Some(self.steps(&["END"])?),
            false => None,
        };
        self.expect("END")?;
        self.take(&["CASE"]);
        Ok(Action::Case(operand, branches, otherwise))
    }

    fn repeated(&mut self) -> Result<Action> {
        let kind = self.name()?;
        let (what, body) = match kind.as_str() {
            "FOR" => {
                let what = self.each()?;
                let open = self.opening()?;
                (what, self.body(&["FOR", open])?)
            }
            "WHILE" => {
                let what = Loop::While(Box::new(self.expression()?));
                let open = self.opening()?;
                (what, self.body(&["WHILE", open])?)
            }
            "REPEAT" => {
                let body = self.steps(&["UNTIL"])?;
                self.expect("UNTIL")?;
                let what = Loop::Until(Box::new(self.expression()?));
                self.expect("END")?;
                self.expect("REPEAT")?;
                (what, body)
            }
            _ => (Loop::Forever, self.body(&["LOOP"])?),
        };
        let label = match self.parser.peek_token_ref().token {
            Token::Word(_) => Some(self.name()?),
            _ => None,
        };
        Ok(Action::Loop(what, body, label))
    }

    /// DO or LOOP, and the word that may close what it opens.
    fn opening(&mut self) -> Result<&'static str> {
        match (self.take(&["DO"]), self.take(&["LOOP"])) {
            (true, _) => Ok("DO"),
            (_, true) => Ok("LOOP"),
            _ => Err(self.unexpected("DO or LOOP")),
        }
    }

    /// Steps up to END and one of `closing`.
    fn body(&mut self, closing: &[&str]) -> Result<Vec<Step>> {
        let steps = self.steps(&["END"])?;
        self.expect("END")?;
        match closing.iter().any(|word| self.take(&[word])) {
            true => Ok(steps),
            false => Err(self.unexpected(closing.first().copied().unwrap_or("LOOP"))),
        }
    }

    /// `name IN [REVERSE] a TO b` or `name IN rows`.
    fn each(&mut self) -> Result<Loop> {
        let name = self.name()?;
        self.expect("IN")?;
        let reverse = self.take(&["REVERSE"]);
        let first = self.expression()?;
        if self.take(&["TO"]) {
            return Ok(Loop::Numbers {
                name,
                reverse,
                from: Box::new(first),
                to: Box::new(self.expression()?),
            });
        }
        let rows = match first {
            Expr::Identifier(rows) if !reverse => RowSource::Name(rows.value),
            Expr::Subquery(query) if !reverse => {
                let here = self.here();
                RowSource::Statement(Box::new(crate::Statement::of_query(
                    *query,
                    self.span(here),
                    self.script,
                )))
            }
            _ => return Err(self.unexpected("TO, or a cursor or result set")),
        };
        Ok(Loop::Rows { name, rows })
    }

    /// A word of control flow, and the name behind it.
    fn jump(&mut self) -> Result<Option<String>> {
        self.parser.advance_token();
        match self.parser.peek_token_ref().token {
            Token::Word(_) => self.name().map(Some),
            _ => Ok(None),
        }
    }

    fn returned(&mut self) -> Result<Action> {
        self.expect("RETURN")?;
        let token = |at: usize| &self.parser.peek_nth_token_ref(at).token;
        if *token(0) == Token::SemiColon {
            return Ok(Action::Return(None));
        }
        if self.word(0) == "TABLE" && *token(1) == Token::LParen {
            self.expect("TABLE")?;
            self.parser.advance_token();
            let rows = match self.take(&["RESULTSET_FROM_CURSOR"]) {
                true => {
                    self.read(|parser| parser.expect_token(&Token::LParen))?;
                    let rows = RowSource::Name(self.name()?);
                    self.read(|parser| parser.expect_token(&Token::RParen))?;
                    rows
                }
                false => self.row_source()?,
            };
            self.read(|parser| parser.expect_token(&Token::RParen))?;
            return Ok(Action::ReturnTable(rows));
        }
        let mut value = self.expression()?;
        settle(&mut value);
        Ok(Action::Return(Some(value)))
    }

    fn fetch(&mut self) -> Result<Action> {
        let start = self.here();
        self.expect("FETCH")?;
        let name = self.name()?;
        let mut into = self.variables_since(start);
        if into.is_empty() {
            self.expect("INTO")?;
            into = self.names()?;
        }
        Ok(Action::Fetch(name, into))
    }
}
