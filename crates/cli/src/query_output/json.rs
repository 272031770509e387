//! Rows as JSON objects. Numbers keep their digits; a column name that stands twice gets a number.

use std::collections::HashSet;
use std::io::Write;

use serde_json::Value;

use super::{Cell, RowWriter};

/// What stands round the objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Layout {
    /// `[`, `,` and `]`.
    Array,
    /// Line ends.
    Lines,
}

pub(super) struct JsonWriter<'w> {
    out: Box<dyn Write + Send + 'w>,
    layout: Layout,
    /// `"NAME":`, quoted and escaped once.
    keys: Vec<String>,
    rows: u64,
    line: String,
}

impl<'w> JsonWriter<'w> {
    pub(super) fn new(columns: &[String], out: Box<dyn Write + Send + 'w>, layout: Layout) -> Self {
        let keys = distinct(columns).into_iter();
        let keys = keys
            .map(|name| format!("{}:", Value::String(name)))
            .collect();
        Self {
            out,
            layout,
            keys,
            rows: 0,
            line: String::new(),
        }
    }
}

/// A JSON object forgets all but one value of a key.
fn distinct(columns: &[String]) -> Vec<String> {
    let mut taken: HashSet<String> = HashSet::new();
    let mut names = Vec::with_capacity(columns.len());
    for column in columns {
        let mut name = column.clone();
        let mut number = 2;
        while !taken.insert(name.clone()) {
            name = format!("{column}_{number}");
            number += 1;
        }
        names.push(name);
    }
    names
}

impl RowWriter for JsonWriter<'_> {
    fn row(&mut self, cells: &[Cell<'_>]) -> std::io::Result<()> {
        self.line.clear();
        self.line.push_str(match (self.layout, self.rows) {
            (Layout::Lines, _) => "",
            (Layout::Array, 0) => "[\n  ",
            (Layout::Array, _) => ",\n  ",
        });
        self.line.push('{');
        for (at, (key, cell)) in self.keys.iter().zip(cells).enumerate() {
            if at > 0 {
                self.line.push(',');
            }
            self.line.push_str(key);
            self.line.push_str(&value(cell));
        }
        self.line.push('}');
        if self.layout == Layout::Lines {
            self.line.push('\n');
        }
        self.rows += 1;
        self.out.write_all(self.line.as_bytes())
    }

    fn finish(&mut self) -> std::io::Result<()> {
        let end = match (self.layout, self.rows) {
            (Layout::Lines, _) => "",
            (Layout::Array, 0) => "[]\n",
            (Layout::Array, _) => "\n]\n",
        };
        self.out.write_all(end.as_bytes())?;
        self.out.flush()
    }
}

pub(super) fn value(cell: &Cell<'_>) -> String {
    match cell {
        Cell::Null => "null".to_owned(),
        Cell::Boolean(truth) => truth.to_string(),
        // JSON has no NaN and no infinity.
        Cell::Number(text) if is_json_number(text) => text.to_string(),
        Cell::Json(text) if serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok() => {
            text.to_string()
        }
        Cell::Json(text) => {
            let json = without_undefined(text);
            match serde_json::from_str::<serde::de::IgnoredAny>(&json) {
                Ok(_) => json,
                Err(_) => Value::String(text.to_string()).to_string(),
            }
        }
        Cell::Number(text) | Cell::Text(text) => Value::String(text.to_string()).to_string(),
    }
}

/// An ARRAY's text with `null` in the place of `undefined`, which stands for SQL's NULL in it.
fn without_undefined(text: &str) -> String {
    const UNDEFINED: &str = "undefined";
    let mut json = String::with_capacity(text.len());
    let mut rest = text;
    let mut quoted = false;
    while let Some(letter) = rest.chars().next() {
        if !quoted && rest.starts_with(UNDEFINED) {
            json.push_str("null");
            rest = &rest[UNDEFINED.len()..];
            continue;
        }
        // What a backslash escapes ends no string.
        let length = match (quoted, letter) {
            (true, '\\') => 1 + rest.chars().nth(1).map_or(0, char::len_utf8),
            _ => letter.len_utf8(),
        };
        quoted ^= letter == '"';
        json.push_str(&rest[..length]);
        rest = &rest[length..];
    }
    json
}

/// Whether the text is a number in JSON's grammar, which knows no `+1`, `.5` or `01`.
fn is_json_number(text: &str) -> bool {
    let looks = text.starts_with(|c: char| c == '-' || c.is_ascii_digit());
    looks && serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok()
}
