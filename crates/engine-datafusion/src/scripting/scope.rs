//! [`Scope`]: the names of a block and of those around it.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use engine::Value;
use sql::scripting::RowSource;

/// What a name holds.
#[derive(Clone, Debug)]
pub(super) enum Held {
    /// A value.
    Value(Value),
    /// A cursor, and what is left of its rows while it is open.
    Cursor(RowSource, Option<(Table, usize)>),
    /// A result set.
    Rows(Option<Table>),
    /// An exception.
    Exception(i64, String),
    /// A row of a loop.
    Record(BTreeMap<String, Value>),
}

/// Rows in memory.
#[derive(Clone, Debug)]
pub(super) struct Table {
    pub(super) schema: SchemaRef,
    pub(super) batches: Arc<Vec<RecordBatch>>,
}

impl Table {
    pub(super) fn rows(&self) -> usize {
        self.batches.iter().map(RecordBatch::num_rows).sum()
    }

    /// The batch that holds row `at`, and which of its rows that is.
    pub(super) fn row(&self, mut at: usize) -> Option<(&RecordBatch, usize)> {
        for batch in self.batches.iter() {
            if at < batch.num_rows() {
                return Some((batch, at));
            }
            at -= batch.num_rows();
        }
        None
    }
}

/// A name's type, if one was declared, and what it holds.
#[derive(Clone, Debug)]
pub(super) struct Variable {
    pub(super) kind: Option<String>,
    pub(super) held: Held,
}

impl Variable {
    pub(super) fn value(value: Value) -> Self {
        Self {
            kind: None,
            held: Held::Value(value),
        }
    }
}

/// Names, the innermost last.
#[derive(Debug, Default)]
pub(super) struct Scope(Vec<BTreeMap<String, Variable>>);

impl Scope {
    pub(super) fn enter(&mut self) {
        self.0.push(BTreeMap::new());
    }

    pub(super) fn leave(&mut self) {
        self.0.pop();
    }

    pub(super) fn declare(&mut self, name: &str, variable: Variable) {
        if self.0.is_empty() {
            self.enter();
        }
        if let Some(innermost) = self.0.last_mut() {
            innermost.insert(name.to_owned(), variable);
        }
    }

    /// Declares `name` around everything.
    pub(super) fn declare_outermost(&mut self, name: &str, value: Value) {
        if self.0.is_empty() {
            self.enter();
        }
        if let Some(outermost) = self.0.first_mut() {
            outermost.insert(name.to_owned(), Variable::value(value));
        }
    }

    pub(super) fn find(&self, name: &str) -> Option<&Variable> {
        self.0.iter().rev().find_map(|names| names.get(name))
    }

    pub(super) fn find_mut(&mut self, name: &str) -> Option<&mut Variable> {
        self.0
            .iter_mut()
            .rev()
            .find_map(|names| names.get_mut(name))
    }

    pub(super) fn names(&self) -> Vec<&str> {
        let names = self.0.iter().flat_map(BTreeMap::keys);
        names.map(String::as_str).collect()
    }

    /// Every value that a statement may name.
    pub(super) fn values(&self) -> BTreeMap<String, Value> {
        let mut values = BTreeMap::new();
        for (name, variable) in self.0.iter().flatten() {
            match &variable.held {
                Held::Value(value) => {
                    values.insert(name.clone(), value.clone());
                }
                Held::Record(cells) => {
                    values.remove(name);
                    let cells = cells.iter();
                    values.extend(
                        cells.map(|(cell, value)| (format!("{name}.{cell}"), value.clone())),
                    );
                }
                _ => {
                    values.remove(name);
                }
            }
        }
        values
    }
}
