//! [`Table`]: rows of a query as templates see them, in the manner of Python's agate.

use std::sync::Arc;

use diagnostic::Result;
use jinja::{Arguments, CallContext, Dict, Object, Value};

use crate::adapter::{ColumnInfo, Rows};

/// A result: columns and rows, by number or by name.
#[derive(Clone)]
pub struct Table(Arc<Rows>);

impl Table {
    /// The table of `rows`.
    #[must_use]
    pub fn new(rows: Rows) -> Self {
        Self(Arc::new(rows))
    }

    /// Its rows.
    #[must_use]
    pub fn rows(&self) -> &Rows {
        &self.0
    }

    fn names(&self) -> Vec<Value> {
        self.0
            .columns
            .iter()
            .map(|column| column.name.as_str().into())
            .collect()
    }

    fn row(&self, at: usize) -> Value {
        Value::object(Row {
            table: self.0.clone(),
            at,
        })
    }

    fn column(&self, at: usize) -> Value {
        Value::object(TableColumn {
            table: self.0.clone(),
            at,
        })
    }

    fn select(&self, wanted: &[Value], keep: bool) -> Table {
        let names: Vec<String> = wanted.iter().map(ToString::to_string).collect();
        let at: Vec<usize> = if keep {
            names
                .iter()
                .filter_map(|name| position(&self.0, name))
                .collect()
        } else {
            let all = self.0.columns.iter().enumerate();
            all.filter(|(_, c)| !names.contains(&c.name))
                .map(|(at, _)| at)
                .collect()
        };
        let columns: Vec<ColumnInfo> = at.iter().map(|at| self.0.columns[*at].clone()).collect();
        let rows = self.0.rows.iter();
        let rows = rows
            .map(|row| at.iter().map(|at| row[*at].clone()).collect())
            .collect();
        Table::new(Rows { columns, rows })
    }

    fn printed(&self) -> String {
        let header: Vec<String> = self.0.columns.iter().map(|c| c.name.clone()).collect();
        let mut lines = vec![header];
        for row in &self.0.rows {
            lines.push(row.iter().map(cell_text).collect());
        }
        let widths: Vec<usize> = (0..self.0.columns.len())
            .map(|at| {
                lines
                    .iter()
                    .map(|line| line[at].chars().count())
                    .max()
                    .unwrap_or(0)
            })
            .collect();
        let mut out = String::new();
        for (number, line) in lines.iter().enumerate() {
            let cells = line
                .iter()
                .zip(&widths)
                .map(|(cell, width)| format!(" {cell:<width$} "));
            out.push_str(&format!("|{}|\n", cells.collect::<Vec<_>>().join("|")));
            if number == 0 {
                let rule = widths.iter().map(|width| "-".repeat(width + 2));
                out.push_str(&format!("|{}|\n", rule.collect::<Vec<_>>().join("+")));
            }
        }
        out
    }
}

fn cell_text(value: &Value) -> String {
    if value.is_none() {
        String::new()
    } else {
        value.to_string()
    }
}

fn position(rows: &Rows, name: &str) -> Option<usize> {
    rows.columns.iter().position(|column| column.name == name)
}

fn number(key: &Value, length: usize) -> Option<usize> {
    let at = key.as_int()?;
    let at = if at < 0 {
        at + i128::try_from(length).ok()?
    } else {
        at
    };
    usize::try_from(at).ok().filter(|at| *at < length)
}

impl Object for Table {
    fn type_name(&self) -> &str {
        "Table"
    }

    fn get_item(&self, key: &Value) -> Result<Option<Value>> {
        let rows = Sequence {
            table: self.clone(),
            of_columns: false,
        };
        Ok(rows.find(key))
    }

    fn get_attr(&self, name: &str) -> Result<Option<Value>> {
        Ok(match name {
            "columns" => Some(Value::object(Sequence {
                table: self.clone(),
                of_columns: true,
            })),
            "rows" => Some(Value::object(Sequence {
                table: self.clone(),
                of_columns: false,
            })),
            "column_names" => Some(Value::tuple(self.names())),
            "column_types" => {
                let types = self
                    .0
                    .columns
                    .iter()
                    .map(|c| Value::from(c.data_type.as_str()));
                Some(Value::tuple(types))
            }
            _ => None,
        })
    }

    fn call_method(
        &self,
        context: &mut CallContext<'_>,
        name: &str,
        arguments: &Arguments,
    ) -> Result<Option<Value>> {
        let first = arguments.positional.first();
        let listed = |value: Option<&Value>| match value {
            Some(value @ Value::Str(_)) => Ok(vec![value.clone()]),
            Some(value) => value.iterate(),
            None => Ok(Vec::new()),
        };
        let value = match name {
            "select" => Value::object(self.select(&listed(first)?, true)),
            "exclude" => Value::object(self.select(&listed(first)?, false)),
            "where" => {
                let mut rows = Vec::new();
                for at in 0..self.0.rows.len() {
                    let test = first.cloned().unwrap_or(Value::None);
                    if context.call(&test, Arguments::of([self.row(at)]))?.truthy() {
                        rows.push(self.0.rows[at].clone());
                    }
                }
                Value::object(Table::new(Rows {
                    columns: self.0.columns.clone(),
                    rows,
                }))
            }
            "limit" => {
                let most = first
                    .and_then(Value::as_int)
                    .and_then(|n| usize::try_from(n).ok());
                let rows = self
                    .0
                    .rows
                    .iter()
                    .take(most.unwrap_or(usize::MAX))
                    .cloned()
                    .collect();
                Value::object(Table::new(Rows {
                    columns: self.0.columns.clone(),
                    rows,
                }))
            }
            "rename" => {
                let names = arguments
                    .named
                    .iter()
                    .find(|(name, _)| &**name == "column_names");
                let names = names.map(|(_, value)| value).or(first);
                let mut columns = self.0.columns.clone();
                match names {
                    Some(Value::Dict(renamed)) => {
                        for column in &mut columns {
                            if let Some(name) = renamed.get(&column.name) {
                                column.name = name.to_string();
                            }
                        }
                    }
                    other => {
                        for (column, name) in columns.iter_mut().zip(listed(other)?) {
                            column.name = name.to_string();
                        }
                    }
                }
                Value::object(Table::new(Rows {
                    columns,
                    rows: self.0.rows.clone(),
                }))
            }
            "print_table" | "print_csv" | "print_json" => self.printed().into(),
            _ => return Ok(None),
        };
        Ok(Some(value))
    }

    fn iterate(&self) -> Result<Option<Vec<Value>>> {
        Ok(Some(
            (0..self.0.rows.len()).map(|at| self.row(at)).collect(),
        ))
    }

    fn len(&self) -> Option<usize> {
        Some(self.0.rows.len())
    }

    // An agate table has no truth of its own, so `if results` is about there being one.
    fn truthy(&self) -> bool {
        true
    }

    fn repr(&self) -> String {
        format!(
            "<Table: {} columns, {} rows>",
            self.0.columns.len(),
            self.0.rows.len()
        )
    }
}

/// `table.rows` and `table.columns`.
struct Sequence {
    table: Table,
    of_columns: bool,
}

impl Sequence {
    fn at(&self, at: usize) -> Value {
        if self.of_columns {
            self.table.column(at)
        } else {
            self.table.row(at)
        }
    }

    fn all(&self) -> Vec<Value> {
        (0..self.length()).map(|at| self.at(at)).collect()
    }

    fn length(&self) -> usize {
        if self.of_columns {
            self.table.0.columns.len()
        } else {
            self.table.0.rows.len()
        }
    }

    fn find(&self, key: &Value) -> Option<Value> {
        let at = match key.as_str() {
            Some(name) if self.of_columns => position(&self.table.0, name),
            Some(_) => None,
            None => number(key, self.length()),
        };
        at.map(|at| self.at(at))
    }
}

impl Object for Sequence {
    fn type_name(&self) -> &str {
        "MappedSequence"
    }

    fn get_item(&self, key: &Value) -> Result<Option<Value>> {
        Ok(self.find(key))
    }

    fn call_method(
        &self,
        _: &mut CallContext<'_>,
        name: &str,
        arguments: &Arguments,
    ) -> Result<Option<Value>> {
        Ok(match name {
            "values" => Some(Value::tuple(self.all())),
            "keys" if self.of_columns => Some(Value::tuple(self.table.names())),
            "items" if self.of_columns => {
                let pairs = self.table.names().into_iter().zip(self.all());
                Some(Value::list(
                    pairs.map(|(name, column)| Value::tuple([name, column])),
                ))
            }
            "get" => {
                let found = arguments.positional.first().and_then(|key| self.find(key));
                Some(
                    found
                        .or_else(|| arguments.positional.get(1).cloned())
                        .unwrap_or(Value::None),
                )
            }
            _ => None,
        })
    }

    fn iterate(&self) -> Result<Option<Vec<Value>>> {
        Ok(Some(self.all()))
    }

    fn len(&self) -> Option<usize> {
        Some(self.length())
    }
}

/// One row.
struct Row {
    table: Arc<Rows>,
    at: usize,
}

impl Row {
    fn cells(&self) -> &[Value] {
        self.table.rows.get(self.at).map_or(&[], Vec::as_slice)
    }

    fn find(&self, key: &Value) -> Option<Value> {
        let at = match key.as_str() {
            Some(name) => position(&self.table, name)?,
            None => number(key, self.cells().len())?,
        };
        self.cells().get(at).cloned()
    }

    fn names(&self) -> Vec<Value> {
        self.table
            .columns
            .iter()
            .map(|column| column.name.as_str().into())
            .collect()
    }
}

impl Object for Row {
    fn type_name(&self) -> &str {
        "Row"
    }

    fn get_item(&self, key: &Value) -> Result<Option<Value>> {
        Ok(self.find(key))
    }

    fn call_method(
        &self,
        _: &mut CallContext<'_>,
        name: &str,
        arguments: &Arguments,
    ) -> Result<Option<Value>> {
        Ok(match name {
            "values" => Some(Value::tuple(self.cells().to_vec())),
            "keys" => Some(Value::tuple(self.names())),
            "items" => {
                let pairs = self.names().into_iter().zip(self.cells().to_vec());
                Some(Value::list(
                    pairs.map(|(name, cell)| Value::tuple([name, cell])),
                ))
            }
            "dict" => {
                let dict = Dict::new();
                for (column, cell) in self.table.columns.iter().zip(self.cells()) {
                    dict.insert(&column.name, cell.clone());
                }
                Some(Value::Dict(dict))
            }
            "get" => {
                let found = arguments.positional.first().and_then(|key| self.find(key));
                Some(
                    found
                        .or_else(|| arguments.positional.get(1).cloned())
                        .unwrap_or(Value::None),
                )
            }
            _ => None,
        })
    }

    fn iterate(&self) -> Result<Option<Vec<Value>>> {
        Ok(Some(self.cells().to_vec()))
    }

    fn len(&self) -> Option<usize> {
        Some(self.cells().len())
    }

    fn repr(&self) -> String {
        let cells: Vec<String> = self.cells().iter().map(Value::repr).collect();
        format!("<Row: ({})>", cells.join(", "))
    }
}

/// One column of a table.
struct TableColumn {
    table: Arc<Rows>,
    at: usize,
}

impl TableColumn {
    fn cells(&self) -> Vec<Value> {
        self.table
            .rows
            .iter()
            .filter_map(|row| row.get(self.at).cloned())
            .collect()
    }
}

impl Object for TableColumn {
    fn type_name(&self) -> &str {
        "Column"
    }

    fn get_attr(&self, name: &str) -> Result<Option<Value>> {
        let column = self.table.columns.get(self.at);
        Ok(match name {
            "name" => column.map(|column| column.name.as_str().into()),
            "data_type" => column.map(|column| column.data_type.as_str().into()),
            "index" => Some(self.at.into()),
            _ => None,
        })
    }

    fn get_item(&self, key: &Value) -> Result<Option<Value>> {
        let cells = self.cells();
        Ok(number(key, cells.len()).map(|at| cells[at].clone()))
    }

    fn call_method(
        &self,
        _: &mut CallContext<'_>,
        name: &str,
        _: &Arguments,
    ) -> Result<Option<Value>> {
        Ok(match name {
            "values" => Some(Value::tuple(self.cells())),
            "values_distinct" => {
                let mut seen: Vec<Value> = Vec::new();
                for cell in self.cells() {
                    if !seen.contains(&cell) {
                        seen.push(cell);
                    }
                }
                Some(Value::tuple(seen))
            }
            "values_without_nulls" => Some(Value::tuple(
                self.cells().into_iter().filter(|cell| !cell.is_none()),
            )),
            _ => None,
        })
    }

    fn iterate(&self) -> Result<Option<Vec<Value>>> {
        Ok(Some(self.cells()))
    }

    fn len(&self) -> Option<usize> {
        Some(self.table.rows.len())
    }
}
