//! Snowflake Scripting: blocks of declarations, control flow and statements, as a tree that an engine
//! interprets.
//!
//! <https://docs.snowflake.com/en/sql-reference-snowflake-scripting>. Statements in a block refer to its
//! variables as `:name`, expressions as `name`.

mod declaration;
mod into;
mod parse;
mod procedure;
mod step;
#[cfg(test)]
mod tests;

use std::ops::Range;
use std::sync::Arc;

use sqlparser::ast::{DataType, Expr};

use crate::Statement;

pub use procedure::{Call, CreateProcedure};

pub(crate) use into::{Into, cut};
pub(crate) use parse::{Reader, block, call, settle};
pub(crate) use procedure::{create_procedure, creates_procedure};

/// `DECLARE … BEGIN … EXCEPTION … END`.
#[derive(Clone, Debug, Default)]
pub struct Block {
    /// What DECLARE names.
    pub declarations: Vec<Declaration>,
    /// What is done.
    pub body: Vec<Step>,
    /// What is done when that fails.
    pub handlers: Arc<[Handler]>,
}

/// A name of a block.
#[derive(Clone, Debug)]
pub struct Declaration {
    /// The name, in upper case unless it was quoted.
    pub name: String,
    /// What it is.
    pub holds: Holds,
}

/// What a declared name is.
#[derive(Clone, Debug)]
pub enum Holds {
    /// A variable, of a type if one is given.
    Variable(Option<DataType>, Option<Given>),
    /// A cursor.
    Cursor(RowSource),
    /// A result set.
    ResultSet(Option<Given>),
    /// An exception, by number and message.
    Exception(i64, String),
}

/// What a variable is set to.
#[derive(Clone, Debug)]
pub enum Given {
    /// A value; a query between brackets is one too, where no result set is meant.
    Value(Box<Expr>),
    /// The rows of a statement between brackets.
    Rows(RowSource),
}

/// Where rows come from.
#[derive(Clone, Debug)]
pub enum RowSource {
    /// A statement.
    Statement(Box<Statement>),
    /// `EXECUTE IMMEDIATE text [USING (…)]`.
    Text(Box<Expr>, Vec<Expr>),
    /// A cursor or a result set.
    Name(String),
}

/// One step of a block and its bytes in the script.
#[derive(Clone, Debug)]
pub struct Step {
    /// What it does.
    pub action: Action,
    /// Its bytes in the script.
    pub span: Range<usize>,
}

/// What a step does.
#[derive(Clone, Debug)]
pub enum Action {
    /// LET.
    Let(Declaration),
    /// `name := value`.
    Assign(String, Given),
    /// IF, with its branches and ELSE.
    If(Vec<(Expr, Vec<Step>)>, Vec<Step>),
    /// CASE, with its operand, branches and ELSE.
    Case(Option<Expr>, Vec<(Expr, Vec<Step>)>, Option<Vec<Step>>),
    /// A loop, which may have a label.
    Loop(Loop, Vec<Step>, Option<String>),
    /// BREAK, out of the loop with that label.
    Break(Option<String>),
    /// CONTINUE with the loop of that label.
    Continue(Option<String>),
    /// RETURN.
    Return(Option<Expr>),
    /// `RETURN TABLE(result set)`.
    ReturnTable(RowSource),
    /// RAISE; without a name, what is being handled.
    Raise(Option<String>),
    /// NULL.
    Nothing,
    /// OPEN a cursor, with values for the `?` of its query.
    Open(String, Vec<Expr>),
    /// FETCH a cursor's next row into variables.
    Fetch(String, Vec<String>),
    /// CLOSE a cursor.
    Close(String),
    /// A block in the block.
    Block(Block),
    /// A statement, its row into variables.
    Run(RowSource, Vec<String>),
}

/// What a loop repeats for.
#[derive(Clone, Debug)]
pub enum Loop {
    /// The numbers from one to another, in a variable.
    Numbers {
        /// The variable.
        name: String,
        /// Downwards.
        reverse: bool,
        /// The least.
        from: Box<Expr>,
        /// The greatest.
        to: Box<Expr>,
    },
    /// The rows of a cursor, a result set or a query.
    Rows {
        /// The variable that holds a row.
        name: String,
        /// The rows.
        rows: RowSource,
    },
    /// WHILE.
    While(Box<Expr>),
    /// REPEAT … UNTIL.
    Until(Box<Expr>),
    /// LOOP.
    Forever,
}

/// `WHEN name OR name THEN …`.
#[derive(Clone, Debug)]
pub struct Handler {
    /// The exceptions; `OTHER` is any.
    pub names: Vec<String>,
    /// Whether the block goes on behind what failed.
    pub continues: bool,
    /// What is done.
    pub body: Vec<Step>,
}
