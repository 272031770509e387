//! SHOW and DESCRIBE, with Snowflake's column names.

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema};
use catalog::RelationKind;
use diagnostic::{Error, Result, ResultExt, codes};
use engine::{Engine, Outcome, Rows, Session};
use futures::StreamExt;
use model::{Identifier, SchemaName};
use sqlparser::ast::{
    ObjectName, ShowStatementFilter, ShowStatementFilterPosition, ShowStatementOptions, Statement,
};

use super::unsupported;
use crate::Embedded;
use crate::names::{namespace, relation};

pub(super) async fn run(
    engine: &Embedded,
    session: &Session,
    statement: Statement,
) -> Result<Outcome> {
    let text = statement.to_string();
    match statement {
        Statement::ShowTables { show_options, .. } => {
            relations(engine, session, &show_options, &text, &|kind| {
                matches!(kind, RelationKind::Table { .. })
            })
        }
        Statement::ShowViews { show_options, .. } => {
            relations(engine, session, &show_options, &text, &|kind| {
                matches!(kind, RelationKind::View { .. })
            })
        }
        Statement::ShowObjects(show) => {
            relations(engine, session, &show.show_options, &text, &|_| true)
        }
        Statement::ShowSchemas { show_options, .. } => {
            schemas(engine, session, &show_options, &text)
        }
        Statement::ShowDatabases { show_options, .. } => {
            let like = Like::new(&show_options, &text)?;
            let names = engine.databases(session).database_names().into_iter();
            let mut names: Vec<String> = names.map(|name| name.as_str().to_owned()).collect();
            names.retain(|name| like.matches(name));
            rows(&["name"], &[names])
        }
        Statement::ShowFunctions { filter } => functions(filter.as_ref(), &text),
        Statement::ExplainTable { table_name, .. } => describe(engine, session, &table_name).await,
        other => Err(unsupported(&other)),
    }
}

async fn describe(engine: &Embedded, session: &Session, name: &ObjectName) -> Result<Outcome> {
    let name = relation(session, name)?;
    let Some(info) = engine.describe(session, &name).await? else {
        return Err(Error::new(
            codes::K3001,
            format!("Relation `{name}` does not exist"),
        ));
    };
    let (names, types): (Vec<_>, Vec<_>) = info.columns.into_iter().unzip();
    let kinds = vec!["COLUMN".to_owned(); names.len()];
    let nullable = vec!["Y".to_owned(); names.len()];
    rows(
        &["name", "type", "kind", "null?"],
        &[names, types, kinds, nullable],
    )
}

/// Every function under every name, <https://docs.snowflake.com/en/sql-reference/sql/show-functions>.
fn functions(filter: Option<&ShowStatementFilter>, text: &str) -> Result<Outcome> {
    let like = Like::filtered(filter, text)?;
    let mut listed: Vec<(&str, functions::Entry)> = functions::catalogue()
        .into_iter()
        .flat_map(|entry| {
            let names = std::iter::once(entry.name).chain(entry.aliases.iter().copied());
            names.map(move |name| (name, entry))
        })
        .filter(|(name, _)| like.matches(name))
        .collect();
    listed.sort_by_key(|(name, entry)| (*name, entry.family));
    let is = |truth: bool| if truth { "Y" } else { "N" }.to_owned();
    let column = |value: &dyn Fn(&(&str, functions::Entry)) -> String| -> Vec<String> {
        listed.iter().map(value).collect()
    };
    rows(
        &[
            "name",
            "is_builtin",
            "is_aggregate",
            "is_table_function",
            "arguments",
            "description",
            "family",
        ],
        &[
            column(&|(name, _)| name.to_uppercase()),
            column(&|_| is(true)),
            column(&|(_, entry)| is(entry.family == "aggregate")),
            column(&|(_, entry)| is(entry.family == "table")),
            column(&|(_, entry)| entry.syntax.to_owned()),
            column(&|(_, entry)| entry.note.to_owned()),
            column(&|(_, entry)| entry.family.to_owned()),
        ],
    )
}

fn relations(
    engine: &Embedded,
    session: &Session,
    options: &ShowStatementOptions,
    text: &str,
    wanted: &dyn Fn(&RelationKind) -> bool,
) -> Result<Outcome> {
    let like = Like::new(options, text)?;
    let scope = Scope::new(session, options)?;
    let mut columns = vec![Vec::new(); 4];
    for (name, found) in engine.databases(session).relations() {
        if wanted(&found.kind) && scope.holds(&name.namespace()) && like.matches(name.name.as_str())
        {
            columns[0].push(name.name.as_str().to_owned());
            columns[1].push(name.database.as_str().to_owned());
            columns[2].push(name.schema.as_str().to_owned());
            columns[3].push(
                match found.kind {
                    RelationKind::Table { .. } => "TABLE",
                    RelationKind::External { .. } => "EXTERNAL TABLE",
                    RelationKind::View { .. } => "VIEW",
                }
                .to_owned(),
            );
        }
    }
    rows(&["name", "database_name", "schema_name", "kind"], &columns)
}

fn schemas(
    engine: &Embedded,
    session: &Session,
    options: &ShowStatementOptions,
    text: &str,
) -> Result<Outcome> {
    let like = Like::new(options, text)?;
    let mut columns = vec![Vec::new(); 2];
    for name in engine.databases(session).namespaces() {
        if name.database == session.database && like.matches(name.schema.as_str()) {
            columns[0].push(name.schema.as_str().to_owned());
            columns[1].push(name.database.as_str().to_owned());
        }
    }
    rows(&["name", "database_name"], &columns)
}

/// Which namespaces a SHOW lists: one named with IN, or the session's database.
enum Scope {
    Database(Identifier),
    Namespace(SchemaName),
}

impl Scope {
    fn new(session: &Session, options: &ShowStatementOptions) -> Result<Self> {
        match options
            .show_in
            .as_ref()
            .and_then(|show_in| show_in.parent_name.as_ref())
        {
            Some(name) => Ok(Self::Namespace(namespace(session, name)?)),
            None => Ok(Self::Database(session.database.clone())),
        }
    }

    fn holds(&self, name: &SchemaName) -> bool {
        match self {
            Self::Database(database) => name.database == *database,
            Self::Namespace(wanted) => name == wanted,
        }
    }
}

/// A LIKE pattern of SHOW: case-insensitive, `%` and `_`.
struct Like(Option<String>);

impl Like {
    fn new(options: &ShowStatementOptions, text: &str) -> Result<Self> {
        let filter = match &options.filter_position {
            None => return Ok(Self(None)),
            Some(
                ShowStatementFilterPosition::Infix(filter)
                | ShowStatementFilterPosition::Suffix(filter),
            ) => filter,
        };
        Self::filtered(Some(filter), text)
    }

    fn filtered(filter: Option<&ShowStatementFilter>, text: &str) -> Result<Self> {
        let Some(filter) = filter else {
            return Ok(Self(None));
        };
        match filter {
            ShowStatementFilter::Like(pattern) | ShowStatementFilter::ILike(pattern) => {
                Ok(Self(Some(pattern.to_uppercase())))
            }
            _ => Err(unsupported(&text)),
        }
    }

    fn matches(&self, name: &str) -> bool {
        let Some(pattern) = &self.0 else {
            return true;
        };
        let pattern: Vec<char> = pattern.chars().collect();
        let name: Vec<char> = name.to_uppercase().chars().collect();
        matches(&pattern, &name)
    }
}

/// Whether `name` is like `pattern`, whatever their case.
pub(super) fn like(pattern: &str, name: &str) -> bool {
    Like(Some(pattern.to_uppercase())).matches(name)
}

fn matches(pattern: &[char], name: &[char]) -> bool {
    match pattern.split_first() {
        None => name.is_empty(),
        Some(('%', rest)) => (0..=name.len()).any(|skip| matches(rest, &name[skip..])),
        Some(('_', rest)) => !name.is_empty() && matches(rest, &name[1..]),
        Some((letter, rest)) => name.first() == Some(letter) && matches(rest, &name[1..]),
    }
}

/// A result of text columns.
pub(crate) fn rows(names: &[&str], columns: &[Vec<String>]) -> Result<Outcome> {
    let fields: Vec<_> = names
        .iter()
        .map(|name| Field::new(*name, DataType::Utf8, true))
        .collect();
    let schema = Arc::new(Schema::new(fields));
    let arrays = columns
        .iter()
        .map(|column| Arc::new(StringArray::from_iter_values(column)) as ArrayRef)
        .collect();
    let batch = RecordBatch::try_new(Arc::clone(&schema), arrays)
        .explain(codes::X0001, || "A listing cannot be built".to_owned())?;
    Ok(Outcome::Rows(Rows {
        schema,
        batches: futures::stream::iter([Ok(batch)]).boxed(),
    }))
}
