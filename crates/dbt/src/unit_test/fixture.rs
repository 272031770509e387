//! [`Fixture`]: rows given as dictionaries, CSV or SQL, and the query that gives them.

use diagnostic::{Error, Result, codes};
use serde_json::{Map, Value as Json, json};

use crate::adapter::ColumnInfo;
use crate::python_text::str_of;

/// Rows as a unit test writes them.
#[derive(Clone, Debug)]
pub struct Fixture {
    /// `dict`, `csv` or `sql`.
    pub format: String,
    /// The rows.
    pub rows: Rows,
    /// The fixture file they were read from.
    pub file: Option<String>,
}

/// The rows of a fixture.
#[derive(Clone, Debug)]
pub enum Rows {
    /// Column names and values, row by row.
    Dicts(Vec<Map<String, Json>>),
    /// A query.
    Sql(String),
}

impl Fixture {
    /// As the manifest shows it.
    #[must_use]
    pub fn to_json(&self) -> Json {
        let rows = match &self.rows {
            Rows::Dicts(rows) => json!(rows),
            Rows::Sql(sql) => json!(sql),
        };
        json!({"rows": rows, "format": self.format, "fixture": self.file})
    }

    /// The columns its rows name, in the order they are first named.
    #[must_use]
    pub fn columns(&self) -> Vec<&str> {
        let mut names: Vec<&str> = Vec::new();
        if let Rows::Dicts(rows) = &self.rows {
            for name in rows.iter().flat_map(Map::keys) {
                if !names.iter().any(|have| have.eq_ignore_ascii_case(name)) {
                    names.push(name);
                }
            }
        }
        names
    }

    /// The query that gives the rows. `known` are the columns of what they stand for, if that
    /// exists: values are cast to their types, and columns the rows do not name are NULL.
    ///
    /// # Errors
    /// `D1061` for a column that is not among `known`, or rows without any column.
    pub fn query(&self, of: &str, known: &[ColumnInfo]) -> Result<String> {
        let rows = match &self.rows {
            Rows::Sql(sql) => return Ok(sql.trim().trim_end_matches(';').to_owned()),
            Rows::Dicts(rows) => rows,
        };
        let names = self.columns();
        if known.is_empty() {
            return untyped(of, rows, &names);
        }
        for name in &names {
            if !known.iter().any(|column| same(&column.name, name)) {
                let columns: Vec<&str> = known.iter().map(|column| column.name.as_str()).collect();
                let message =
                    format!("The rows given for `{of}` have a column `{name}`, which it has not");
                return Err(Error::new(codes::D1061, message)
                    .with("columns", columns.join(", "))
                    .suggest(name, columns.iter().copied()));
            }
        }
        let select = |row: Option<&Map<String, Json>>| {
            let cells = known.iter().map(|column| {
                let value = row
                    .and_then(|row| row.iter().find(|(name, _)| same(&column.name, name)))
                    .map_or(&Json::Null, |(_, value)| value);
                format!(
                    "{} as \"{}\"",
                    typed(value, &column.data_type),
                    column.name.replace('"', "\"\"")
                )
            });
            format!("select {}", cells.collect::<Vec<_>>().join(", "))
        };
        if rows.is_empty() {
            return Ok(format!("{} where false", select(None)));
        }
        let selects = rows.iter().map(|row| select(Some(row)));
        Ok(selects.collect::<Vec<_>>().join("\nunion all\n"))
    }
}

fn same(stored: &str, written: &str) -> bool {
    stored.eq_ignore_ascii_case(written.trim_matches(['"', '`']))
}

fn untyped(of: &str, rows: &[Map<String, Json>], names: &[&str]) -> Result<String> {
    if names.is_empty() {
        let message = format!("No rows are given for `{of}`, which does not exist yet");
        return Err(Error::new(codes::D1061, message).help(format!(
            "build `{of}` first, or give its rows as `format: sql`"
        )));
    }
    let selects = rows.iter().map(|row| {
        let cells = names.iter().map(|name| {
            let value = row.iter().find(|(have, _)| have.eq_ignore_ascii_case(name));
            let value = value.map_or(&Json::Null, |(_, value)| value);
            let plain = name.chars().all(|c| c.is_alphanumeric() || c == '_')
                && !name.starts_with(|c: char| c.is_ascii_digit());
            match plain {
                true => format!("{} as {name}", literal(value)),
                false => format!("{} as \"{name}\"", literal(value)),
            }
        });
        format!("select {}", cells.collect::<Vec<_>>().join(", "))
    });
    Ok(selects.collect::<Vec<_>>().join("\nunion all\n"))
}

/// `value` as SQL of the type `kind`.
fn typed(value: &Json, kind: &str) -> String {
    let word = kind
        .split('(')
        .next()
        .unwrap_or_default()
        .trim()
        .to_uppercase();
    let nested = matches!(value, Json::Array(_) | Json::Object(_));
    let json = matches!(word.as_str(), "VARIANT" | "OBJECT" | "ARRAY");
    match value {
        Json::String(text) if json => match serde_json::from_str::<Json>(text) {
            Ok(_) => format!("cast(parse_json({}) as {kind})", quoted(text)),
            Err(_) => format!("cast({} as {kind})", quoted(text)),
        },
        _ if nested && json => {
            format!("cast(parse_json({}) as {kind})", quoted(&value.to_string()))
        }
        value => format!("cast({} as {kind})", literal(value)),
    }
}

fn literal(value: &Json) -> String {
    match value {
        Json::Null => "null".to_owned(),
        Json::Bool(truth) => truth.to_string(),
        Json::Number(number) => number.to_string(),
        Json::String(text) => quoted(text),
        nested => quoted(&nested.to_string()),
    }
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// The rows of CSV text: the first record names the columns, an empty field is NULL.
///
/// # Errors
/// `D1061` if it is not CSV.
pub fn csv_rows(text: &str) -> Result<Vec<Map<String, Json>>> {
    let mut records = records(text.trim()).into_iter();
    let Some(header) = records.next() else {
        return Ok(Vec::new());
    };
    let mut rows = Vec::new();
    for record in records {
        if record.len() != header.len() {
            let message = format!(
                "A row of the CSV fixture has {} fields, its header {}",
                record.len(),
                header.len()
            );
            return Err(Error::new(codes::D1061, message));
        }
        let cells = header.iter().zip(record).map(|(name, cell)| {
            let value = match cell {
                Some(text) => Json::String(text),
                None => Json::Null,
            };
            (name.clone().unwrap_or_default().trim().to_owned(), value)
        });
        rows.push(cells.collect());
    }
    Ok(rows)
}

/// Records of fields (RFC 4180); an empty field without quotes is `None`.
fn records(text: &str) -> Vec<Vec<Option<String>>> {
    let mut all = Vec::new();
    let mut record: Vec<Option<String>> = Vec::new();
    let (mut field, mut quoted, mut inside) = (String::new(), false, false);
    let mut rest = text.chars().peekable();
    let end = |field: &mut String, quoted: &mut bool, record: &mut Vec<Option<String>>| {
        let text = std::mem::take(field);
        let quoted = std::mem::take(quoted);
        let text = if quoted { text } else { text.trim().to_owned() };
        record.push((quoted || !text.is_empty()).then_some(text));
    };
    while let Some(c) = rest.next() {
        match c {
            '"' if inside && rest.peek() == Some(&'"') => {
                rest.next();
                field.push('"');
            }
            '"' if inside => inside = false,
            '"' if field.trim().is_empty() => {
                field.clear();
                (inside, quoted) = (true, true);
            }
            ',' if !inside => end(&mut field, &mut quoted, &mut record),
            '\r' if !inside => {}
            '\n' if !inside => {
                end(&mut field, &mut quoted, &mut record);
                all.push(std::mem::take(&mut record));
            }
            c => field.push(c),
        }
    }
    if !text.is_empty() {
        end(&mut field, &mut quoted, &mut record);
        all.push(record);
    }
    // A blank line is no row.
    all.retain(|record| record.iter().any(Option::is_some) || record.len() > 1);
    all
}

/// One row as text, for messages.
#[must_use]
pub fn shown(cells: &[Json]) -> String {
    let cells: Vec<String> = cells.iter().map(str_of).collect();
    cells.join(",")
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use serde_json::json;

    use super::{Fixture, Rows, csv_rows};
    use crate::adapter::ColumnInfo;

    fn fixture(rows: serde_json::Value) -> Fixture {
        let rows = rows.as_array().unwrap();
        Fixture {
            format: "dict".to_owned(),
            rows: Rows::Dicts(
                rows.iter()
                    .map(|row| row.as_object().unwrap().clone())
                    .collect(),
            ),
            file: None,
        }
    }

    #[test]
    fn csv_has_quotes_nulls_and_blank_lines() {
        let rows = csv_rows("id,name\n1,\"a \"\"b\"\", c\"\n\n2,\n3,\"\"\n").unwrap();
        assert_eq!(
            json!(rows),
            json!([
                {"id": "1", "name": "a \"b\", c"}, {"id": "2", "name": null}, {"id": "3", "name": ""}
            ])
        );
        assert!(csv_rows("a,b\n1\n").is_err());
    }

    #[test]
    fn rows_are_cast_to_the_columns_they_stand_for() {
        let known = [
            ColumnInfo {
                name: "ID".to_owned(),
                data_type: "NUMBER(38,0)".to_owned(),
            },
            ColumnInfo {
                name: "NOTE".to_owned(),
                data_type: "VARCHAR".to_owned(),
            },
        ];
        let rows = fixture(json!([{"id": 1, "note": "it's"}, {"id": 2}]));
        assert_eq!(
            rows.query("x", &known).unwrap(),
            "select cast(1 as NUMBER(38,0)) as \"ID\", cast('it''s' as VARCHAR) as \"NOTE\"\nunion all\n\
             select cast(2 as NUMBER(38,0)) as \"ID\", cast(null as VARCHAR) as \"NOTE\""
        );
        assert!(
            fixture(json!([]))
                .query("x", &known)
                .unwrap()
                .ends_with("where false")
        );
        let error = fixture(json!([{"idd": 1}])).query("x", &known).unwrap_err();
        assert!(error.to_string().contains("`idd`"));
        assert_eq!(
            fixture(json!([{"id": 1}, {"b": true}]))
                .query("x", &[])
                .unwrap(),
            "select 1 as id, null as b\nunion all\nselect null as id, true as b"
        );
    }
}
