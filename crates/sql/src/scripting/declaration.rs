//! DECLARE and LET: <https://docs.snowflake.com/en/sql-reference/snowflake-scripting/declare>,
//! <https://docs.snowflake.com/en/sql-reference/snowflake-scripting/let>.

use diagnostic::Result;
use sqlparser::ast::{Expr, UnaryOperator, Value};
use sqlparser::parser::Parser;
use sqlparser::tokenizer::Token;

use super::parse::Reader;
use super::{Declaration, Given, Holds, RowSource};

/// The number of an exception that names none.
const NUMBER: i64 = -20_000;

impl Reader<'_, '_> {
    /// `name [type] [:= value]` and its kin.
    pub(super) fn declaration(&mut self) -> Result<Declaration> {
        let name = self.name()?;
        let holds = match self.word(0).as_str() {
            "CURSOR" => {
                self.expect("CURSOR")?;
                self.expect("FOR")?;
                Holds::Cursor(self.row_source()?)
            }
            "RESULTSET" => {
                self.expect("RESULTSET")?;
                Holds::ResultSet(self.initial()?)
            }
            "EXCEPTION" => {
                self.expect("EXCEPTION")?;
                self.exception()?
            }
            "PROCEDURE" => {
                return Err(self.refuse(
                    "A procedure inside of a block",
                    "create it with CREATE PROCEDURE",
                ));
            }
            _ => {
                let given = self.initial()?;
                match given {
                    Some(given) => Holds::Variable(None, Some(given)),
                    None => {
                        let kind = self.read(Parser::parse_data_type)?;
                        Holds::Variable(Some(kind), self.initial()?)
                    }
                }
            }
        };
        Ok(Declaration { name, holds })
    }

    /// `:= value` or `DEFAULT value`, if it comes next.
    fn initial(&mut self) -> Result<Option<Given>> {
        match self.parser.consume_token(&Token::Assignment) || self.take(&["DEFAULT"]) {
            true => self.given().map(Some),
            false => Ok(None),
        }
    }

    /// A value, or a statement between brackets.
    pub(super) fn given(&mut self) -> Result<Given> {
        const ROWS: [&str; 10] = [
            "EXECUTE", "CALL", "SHOW", "DESC", "DESCRIBE", "LIST", "INSERT", "UPDATE", "DELETE",
            "MERGE",
        ];
        let bracket = self.parser.peek_token_ref().token == Token::LParen;
        if bracket && ROWS.contains(&self.word(1).as_str()) {
            self.parser.advance_token();
            let source = self.row_source()?;
            self.read(|parser| parser.expect_token(&Token::RParen))?;
            return Ok(Given::Rows(source));
        }
        Ok(Given::Value(Box::new(self.expression()?)))
    }

    /// A statement, a dynamic one, or the name of something with rows.
    pub(super) fn row_source(&mut self) -> Result<RowSource> {
        if self.take(&["EXECUTE", "IMMEDIATE"]) {
            let text = self.expression()?;
            let values = match self.take(&["USING"]) {
                true => self.bracketed()?,
                false => Vec::new(),
            };
            return Ok(RowSource::Text(Box::new(text), values));
        }
        let alone = matches!(
            self.parser.peek_nth_token_ref(1).token,
            Token::SemiColon | Token::RParen
        );
        if alone && matches!(self.parser.peek_token_ref().token, Token::Word(_)) {
            return self.name().map(RowSource::Name);
        }
        let statement = self.statement()?;
        Ok(RowSource::Statement(Box::new(statement)))
    }

    /// `[(number, 'message')]` behind EXCEPTION.
    fn exception(&mut self) -> Result<Holds> {
        let given = self.bracketed()?;
        Ok(match given.as_slice() {
            [] => Holds::Exception(NUMBER, String::new()),
            [number, message] => match (number_of(number), text_of(message)) {
                (Some(number), Some(message)) => Holds::Exception(number, message),
                _ => return Err(self.unexpected("a number and a message")),
            },
            _ => return Err(self.unexpected("a number and a message")),
        })
    }
}

fn number_of(expr: &Expr) -> Option<i64> {
    match expr {
        Expr::UnaryOp {
            op: UnaryOperator::Minus,
            expr,
        } => number_of(expr)?.checked_neg(),
        other => other.to_string().parse().ok(),
    }
}

fn text_of(expr: &Expr) -> Option<String> {
    match expr {
        Expr::Value(value) => match &value.value {
            Value::SingleQuotedString(text) => Some(text.clone()),
            Value::DollarQuotedString(text) => Some(text.value.clone()),
            _ => None,
        },
        _ => None,
    }
}
