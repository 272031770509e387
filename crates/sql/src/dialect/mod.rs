//! [`translate`]: SQL that was written for DuckDB or PostgreSQL, in the warehouse's dialect.
//!
//! What both dialects write alike and mean alike stays as it is. What they mean differently is written so that it means
//! what its author meant; what has no counterpart stays too, and is refused later under its own name.
//!
//! <https://duckdb.org/docs/stable/sql/introduction>, <https://www.postgresql.org/docs/current/sql.html>

mod calls;
mod dates;
mod expressions;
mod json;
mod json_rows;
mod tables;
mod template;
mod windows;

use std::ops::ControlFlow;

use diagnostic::{Error, Result, codes};
use sqlparser::ast::{
    Expr, Function, FunctionArgumentClause, FunctionArguments, OrderByExpr, OrderByKind, Query,
    Select, Statement, TableFactor, Value, ValueWithSpan, VisitorMut, WindowType,
};
use sqlparser::dialect::{Dialect as Grammar, DuckDbDialect, PostgreSqlDialect};
use sqlparser::keywords::Keyword;
use sqlparser::parser::{Parser, ParserError};
use sqlparser::tokenizer::{Token, TokenWithSpan, Tokenizer};

use crate::written;

/// A dialect that is not the warehouse's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// DuckDB's.
    DuckDb,
    /// PostgreSQL's.
    Postgres,
}

impl Dialect {
    fn grammar(self) -> &'static dyn Grammar {
        match self {
            Self::DuckDb => &DuckDbDialect {},
            Self::Postgres => &PostgreSqlDialect {},
        }
    }
}

/// The statements of `text`, which is in `dialect`, in the warehouse's; none if they read and mean the same there. What
/// `dialect` cannot read is taken to be in the warehouse's already, as the statements that make tables are.
///
/// # Errors
/// `S0001` if the text can be read as the warehouse's only, and would mean something else there.
pub fn translate(text: &str, dialect: Dialect) -> Result<Option<String>> {
    let mut statements = match read(text, dialect) {
        Ok(statements) => statements,
        // `//` begins a comment in the warehouse's dialect.
        Err(error) if divides_whole_numbers(text, dialect) => {
            return Err(Error::new(codes::S0001, error.to_string()));
        }
        Err(_) => return Ok(None),
    };
    let mut translator = Translator {
        dialect,
        changed: false,
    };
    for statement in &mut statements {
        let _ = crate::walk_mut(statement, &mut translator);
    }
    if !translator.changed {
        return Ok(None);
    }
    let texts: Vec<String> = statements.iter().map(written).collect();
    Ok(Some(texts.join(";\n")))
}

fn read(text: &str, dialect: Dialect) -> std::result::Result<Vec<Statement>, ParserError> {
    let grammar = dialect.grammar();
    if dialect != Dialect::DuckDb || !text.to_ascii_lowercase().contains("filter") {
        return Parser::parse_sql(grammar, text);
    }
    let tokens = Tokenizer::new(grammar, text).tokenize_with_location()?;
    let mut parser = Parser::new(grammar).with_tokens_with_locations(with_where(tokens));
    parser.parse_statements()
}

/// DuckDB lets `sum(x) filter (c)` leave out WHERE
/// (<https://duckdb.org/docs/stable/sql/query_syntax/filter>), its grammar here does not.
fn with_where(tokens: Vec<TokenWithSpan>) -> Vec<TokenWithSpan> {
    let mut out: Vec<TokenWithSpan> = Vec::with_capacity(tokens.len());
    // What came before: a closing parenthesis, FILTER behind it, and the opening one behind that.
    let mut depth = 0;
    for token in tokens {
        let word = match &token.token {
            Token::Whitespace(_) => {
                out.push(token);
                continue;
            }
            Token::Word(word) => word.keyword,
            _ => Keyword::NoKeyword,
        };
        if depth == 3 && word != Keyword::WHERE {
            let keyword = Token::make_keyword("WHERE");
            out.push(TokenWithSpan::new(keyword, token.span));
        }
        depth = match (depth, &token.token) {
            (1, _) if word == Keyword::FILTER => 2,
            (2, Token::LParen) => 3,
            (_, Token::RParen) => 1,
            _ => 0,
        };
        out.push(token);
    }
    out
}

fn divides_whole_numbers(text: &str, dialect: Dialect) -> bool {
    let tokens = Tokenizer::new(dialect.grammar(), text).tokenize();
    tokens.is_ok_and(|tokens| tokens.contains(&Token::DuckIntDiv))
}

struct Translator {
    dialect: Dialect,
    changed: bool,
}

impl Translator {
    /// Puts `becomes`, if there is such a thing, in the place of `place`.
    fn put<T>(&mut self, place: &mut T, becomes: Option<T>) {
        if let Some(becomes) = becomes {
            *place = becomes;
            self.changed = true;
        }
    }

    /// DuckDB has missing values last in either direction, the warehouse takes them for the largest.
    fn order(&mut self, keys: &mut [OrderByExpr]) {
        if self.dialect != Dialect::DuckDb {
            return;
        }
        for key in keys {
            if key.options.asc == Some(false) && key.options.nulls_first.is_none() {
                key.options.nulls_first = Some(false);
                self.changed = true;
            }
        }
    }

    fn orders_of(&mut self, function: &mut Function) {
        if let FunctionArguments::List(list) = &mut function.args {
            for clause in &mut list.clauses {
                if let FunctionArgumentClause::OrderBy(keys) = clause {
                    self.order(keys);
                }
            }
        }
        self.order(&mut function.within_group);
        if let Some(WindowType::WindowSpec(window)) = &mut function.over {
            self.order(&mut window.order_by);
        }
        self.changed |= windows::bound(function);
    }
}

impl VisitorMut for Translator {
    type Break = ();

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<()> {
        if let Some(with) = &mut query.with {
            for table in &mut with.cte_tables {
                // A hint to the planner, which has no say here.
                self.changed |= table.materialized.take().is_some();
            }
        }
        self.changed |= tables::order_by_all(query);
        self.changed |= windows::inline(query);
        if let Some(order) = &mut query.order_by
            && let OrderByKind::Expressions(keys) = &mut order.kind
        {
            self.order(keys);
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<()> {
        self.changed |= tables::from_first(select);
        self.changed |= json_rows::elements_by_table(select);
        ControlFlow::Continue(())
    }

    fn post_visit_select(&mut self, select: &mut Select) -> ControlFlow<()> {
        self.changed |= tables::half_joins(select);
        self.changed |= tables::unnest_in_list(select, self.dialect);
        ControlFlow::Continue(())
    }

    fn post_visit_table_factor(&mut self, factor: &mut TableFactor) -> ControlFlow<()> {
        let becomes = tables::factor(factor, self.dialect);
        self.put(factor, becomes);
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        if let Expr::Function(function) = expr {
            self.orders_of(function);
        }
        let becomes = json::not_a_lambda(expr);
        self.put(expr, becomes);
        ControlFlow::Continue(())
    }

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        let becomes = match expr {
            Expr::Function(function) => calls::call(function, self.dialect),
            _ => expressions::expression(expr, self.dialect),
        };
        self.put(expr, becomes);
        ControlFlow::Continue(())
    }

    fn pre_visit_value(&mut self, value: &mut ValueWithSpan) -> ControlFlow<()> {
        match &mut value.value {
            // A backslash stands for itself, unless the warehouse reads it.
            Value::SingleQuotedString(text) => self.changed |= text.contains('\\'),
            Value::EscapedStringLiteral(text) => {
                value.value = Value::SingleQuotedString(std::mem::take(text));
                self.changed = true;
            }
            _ => {}
        }
        ControlFlow::Continue(())
    }
}

#[cfg(test)]
mod tests;
