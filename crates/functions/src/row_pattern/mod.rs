//! What `MATCH_RECOGNIZE` is planned over: a window function that says of each row in which matches it is.
//!
//! <https://docs.snowflake.com/en/sql-reference/constructs/match_recognize>. `sql` writes the clause as a query over
//! `$row_pattern(pattern, symbol…)`, whose result is a JSON array with an entry for each match of the row:
//! the match's number, the row's number in it, the symbol, the number of rows, and whether the row is shown. An empty
//! match has no symbol; with unmatched rows, those have an entry without anything.

mod matches;
mod program;

use std::fmt::Write;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, StringArray};
use arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::cast::as_boolean_array;
use datafusion::common::{Result, internal_err, plan_err};
use datafusion::logical_expr::function::{PartitionEvaluatorArgs, WindowUDFFieldArgs};
use datafusion::logical_expr::{
    PartitionEvaluator, Signature, Volatility, WindowUDF, WindowUDFImpl,
};

use matches::{Match, Skip, matches};

/// The window function.
pub(crate) fn function() -> Arc<WindowUDF> {
    Arc::new(WindowUDF::new_from_impl(RowPattern {
        signature: Signature::user_defined(Volatility::Immutable),
    }))
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct RowPattern {
    signature: Signature,
}

impl WindowUDFImpl for RowPattern {
    fn name(&self) -> &'static str {
        "$row_pattern"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        let mut coerced = vec![DataType::Boolean; types.len()];
        match coerced.first_mut() {
            Some(first) => *first = DataType::Utf8,
            None => return plan_err!("a row pattern has arguments"),
        }
        Ok(coerced)
    }

    fn partition_evaluator(
        &self,
        _: PartitionEvaluatorArgs,
    ) -> Result<Box<dyn PartitionEvaluator>> {
        Ok(Box::new(Finder))
    }

    fn field(&self, args: WindowUDFFieldArgs) -> Result<FieldRef> {
        Ok(Arc::new(Field::new(args.name(), DataType::Utf8, true)))
    }
}

#[derive(Debug)]
struct Finder;

impl PartitionEvaluator for Finder {
    fn evaluate_all(&mut self, values: &[ArrayRef], rows: usize) -> Result<ArrayRef> {
        let Some((request, symbols)) = values.split_first() else {
            return internal_err!("a row pattern has arguments");
        };
        if rows == 0 {
            return Ok(Arc::new(StringArray::from(Vec::<String>::new())));
        }
        let request = Request::read(request.as_string::<i32>().value(0))?;
        let symbols = symbols
            .iter()
            .map(|symbol| as_boolean_array(symbol))
            .collect::<Result<Vec<&BooleanArray>>>()?;
        let fits = |row: usize, symbol: usize| {
            symbols
                .get(symbol)
                .is_some_and(|rows| rows.is_valid(row) && rows.value(row))
        };
        let program = program::program(request.pattern)?;
        let found = matches(&program, rows, request.skip, fits)?;
        let entries = request.entries(&found, rows);
        Ok(Arc::new(StringArray::from(entries)))
    }
}

/// What the first argument says, a line each: where to go on, which other rows are wanted, the pattern,
/// and the names of the symbols.
struct Request<'a> {
    skip: Skip,
    empty: bool,
    unmatched: bool,
    pattern: &'a str,
    names: Vec<&'a str>,
}

impl<'a> Request<'a> {
    fn read(text: &'a str) -> Result<Self> {
        let mut lines = text.lines();
        let mut line = || lines.next().unwrap_or_default();
        let (skip, rows, pattern) = (line(), line(), line());
        let symbol = |number: &str| number.parse::<usize>().unwrap_or(usize::MAX);
        Ok(Self {
            skip: match skip.split_once(' ') {
                None if skip == "next" => Skip::ToNextRow,
                None if skip == "past" => Skip::PastLastRow,
                Some(("first", number)) => Skip::To {
                    symbol: symbol(number),
                    last: false,
                },
                Some(("last", number)) => Skip::To {
                    symbol: symbol(number),
                    last: true,
                },
                _ => return internal_err!("a row pattern does not say where to go on"),
            },
            empty: rows.contains("empty"),
            unmatched: rows.contains("unmatched"),
            pattern,
            names: lines.collect(),
        })
    }

    /// Each row's entries as a JSON array.
    fn entries(&self, found: &[Match], rows: usize) -> Vec<String> {
        let mut entries = vec![String::from("["); rows];
        let mut add = |row: usize, entry: String| {
            if let Some(text) = entries.get_mut(row) {
                if text.len() > 1 {
                    text.push(',');
                }
                text.push_str(&entry);
            }
        };
        for (number, found) in (1..).zip(found) {
            if found.rows.is_empty() && self.empty {
                add(found.start, format!("[{number},1,null,1,true]"));
            }
            for (place, matched) in (1..).zip(&found.rows) {
                let name = self.names.get(matched.symbol).copied().unwrap_or_default();
                let mut entry = format!("[{number},{place},\"");
                for letter in name.chars() {
                    if matches!(letter, '"' | '\\') {
                        entry.push('\\');
                    }
                    entry.push(letter);
                }
                // Writing to a string cannot fail.
                let _ = write!(entry, "\",{},{}]", found.rows.len(), matched.shown);
                add(matched.row, entry);
            }
        }
        for text in &mut entries {
            if text.len() == 1 && self.unmatched {
                text.push_str("[]");
            }
            text.push(']');
        }
        entries
    }
}
