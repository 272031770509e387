//! [`Folding`]: the warehouse for projects of adapters other than Snowflake's, to which `"orders"` and
//! `orders` are one name, and which have dialects of their own.
//!
//! dbt writes names in quotes for DuckDB and PostgreSQL, and people write them without. The warehouse
//! keeps case in quotes and folds everything else to upper case, so quoted names are folded here, on
//! the way in, and shown in lower case, as those databases do, on the way out.

use std::borrow::Cow;
use std::sync::Arc;

use arrow::datatypes::{Schema, SchemaRef};
use async_trait::async_trait;
use dbt::context::ProjectContext;
use diagnostic::{Error, Result, Source};
use engine::{BatchStream, Engine, Outcome, RelationInfo, Rows, Session};
use model::{Identifier, RelationName, SchemaName};
use sql::dialect::Dialect;

/// Whether quoted names are folded for the adapter of `project`.
#[must_use]
pub fn folds(project: &ProjectContext) -> bool {
    let connection = &project.connection;
    connection.kind != "snowflake" && connection.quote_character() == '"'
}

/// `engine` as the project's adapter expects it.
#[must_use]
pub fn folding(project: &ProjectContext, engine: Arc<dyn Engine>) -> Arc<dyn Engine> {
    match folds(project) {
        true => Arc::new(Folding(engine, dialect(project))),
        false => engine,
    }
}

struct Folding(Arc<dyn Engine>, Option<Dialect>);

/// The dialect that the adapter of `project` has to itself.
fn dialect(project: &ProjectContext) -> Option<Dialect> {
    match project.connection.kind.as_str() {
        "duckdb" => Some(Dialect::DuckDb),
        "postgres" => Some(Dialect::Postgres),
        _ => None,
    }
}

/// `sql`, which is written for the adapter of `project`, as the warehouse reads it.
///
/// # Errors
/// `S0001` if it would be read as something else.
pub fn understood<'a>(project: &ProjectContext, sql: &'a str) -> Result<Cow<'a, str>> {
    match folds(project) {
        true => read_as(sql, dialect(project)),
        false => Ok(Cow::Borrowed(sql)),
    }
}

fn read_as(sql: &str, dialect: Option<Dialect>) -> Result<Cow<'_, str>> {
    let translated = match dialect {
        Some(dialect) => sql::dialect::translate(sql, dialect)?,
        None => None,
    };
    Ok(match translated {
        Some(translated) => Cow::Owned(fold(&translated).into_owned()),
        None => fold(sql),
    })
}

/// `sql` with its quoted names in upper case, if they are plain words, and with the warehouse's word for
/// `now()`, which both databases have and Snowflake has not.
#[must_use]
pub fn fold(sql: &str) -> Cow<'_, str> {
    if !sql.contains('"') && !sql.to_ascii_lowercase().contains(NOW) {
        return Cow::Borrowed(sql);
    }
    let mut out = String::with_capacity(sql.len());
    let mut rest = sql;
    while let Some(at) = rest.find(['"', '\'', '-', '/', '$']) {
        let (before, from) = rest.split_at(at);
        push_code(before, &mut out);
        let length = token(from, before);
        let (token, after) = from.split_at(length);
        match token.strip_prefix('"').and_then(|t| t.strip_suffix('"')) {
            Some(name) if is_plain(name) => out.push_str(&token.to_ascii_uppercase()),
            _ => out.push_str(token),
        }
        rest = after;
    }
    push_code(rest, &mut out);
    Cow::Owned(out)
}

const NOW: &str = "now()";

/// Adds code that is neither text nor comment nor a quoted name.
fn push_code(code: &str, out: &mut String) {
    let lower = code.to_ascii_lowercase();
    let mut done = 0;
    for (at, _) in lower.match_indices(NOW) {
        let before = code.get(..at).unwrap_or_default();
        if before.ends_with(|c: char| c.is_alphanumeric() || matches!(c, '_' | '.')) {
            continue;
        }
        out.push_str(code.get(done..at).unwrap_or_default());
        out.push_str("current_timestamp()");
        done = at + NOW.len();
    }
    out.push_str(code.get(done..).unwrap_or_default());
}

/// How long the string, name, comment or single character at the start of `text` is.
fn token(text: &str, before: &str) -> usize {
    let end_of = |from: usize, end: &str| {
        let found = text.get(from..).and_then(|rest| rest.find(end));
        found.map_or(text.len(), |at| from + at + end.len())
    };
    if text.starts_with("--") {
        return end_of(2, "\n");
    }
    if text.starts_with("/*") {
        return end_of(2, "*/");
    }
    match text.chars().next() {
        // A doubled quote continues as another token, which ends where the whole does.
        Some('"') => end_of(1, "\""),
        Some('\'') => {
            let mut escaped = false;
            let end = text.bytes().skip(1).position(|byte| {
                let ends = byte == b'\'' && !escaped;
                escaped = byte == b'\\' && !escaped;
                ends
            });
            end.map_or(text.len(), |at| at + 2)
        }
        Some('$') if !before.ends_with(|c: char| c.is_alphanumeric() || c == '_') => {
            let tag = text.get(1..).and_then(|rest| rest.split_once('$'));
            match tag {
                Some((tag, _)) if tag.chars().all(|c| c.is_alphanumeric() || c == '_') => {
                    end_of(tag.len() + 2, &format!("${tag}$"))
                }
                _ => 1,
            }
        }
        first => first.map_or(0, char::len_utf8),
    }
}

fn is_plain(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

fn up(identifier: &Identifier) -> Identifier {
    match is_plain(identifier.as_str()) {
        true => Identifier::quoted(identifier.as_str().to_ascii_uppercase()),
        false => identifier.clone(),
    }
}

fn down(text: &str) -> String {
    match is_plain(text) {
        true => text.to_ascii_lowercase(),
        false => text.to_owned(),
    }
}

fn stored(name: &RelationName) -> RelationName {
    RelationName {
        database: up(&name.database),
        schema: up(&name.schema),
        name: up(&name.name),
    }
}

fn shown(info: RelationInfo) -> RelationInfo {
    let lower = |identifier: &Identifier| Identifier::quoted(down(identifier.as_str()));
    RelationInfo {
        name: RelationName {
            database: lower(&info.name.database),
            schema: lower(&info.name.schema),
            name: lower(&info.name.name),
        },
        columns: info
            .columns
            .into_iter()
            .map(|(name, kind)| (down(&name), kind))
            .collect(),
        ..info
    }
}

fn named(schema: &SchemaRef) -> SchemaRef {
    let fields = schema.fields().iter();
    let fields = fields.map(|field| field.as_ref().clone().with_name(down(field.name())));
    Arc::new(Schema::new_with_metadata(
        fields.collect::<Vec<_>>(),
        schema.metadata().clone(),
    ))
}

/// An error of the folded text, shown in the text as it was written.
fn as_written(error: Error, script: &Source) -> Error {
    let excerpt = error.place().and_then(|place| place.excerpt.clone());
    match excerpt {
        Some((source, range)) if source.text.len() == script.text.len() => {
            error.moved(script.place(range))
        }
        _ => error,
    }
}

#[async_trait]
impl Engine for Folding {
    async fn execute(&self, session: &Session, script: &Source) -> Result<Vec<Outcome>> {
        let folded = read_as(&script.text, self.1)?.into_owned();
        let folded = Source::new(script.name.to_string(), folded);
        let outcomes = self.0.execute(session, &folded).await;
        let outcomes = outcomes.map_err(|error| as_written(error, script))?;
        let shown = outcomes.into_iter().map(|outcome| match outcome {
            Outcome::Rows(rows) => Outcome::Rows(Rows {
                schema: named(&rows.schema),
                batches: rows.batches,
            }),
            other => other,
        });
        Ok(shown.collect())
    }

    async fn find(&self, session: &Session, name: &RelationName) -> Result<Option<RelationInfo>> {
        let found = self.0.find(session, &stored(name)).await?;
        Ok(found.map(shown))
    }

    async fn describe(
        &self,
        session: &Session,
        name: &RelationName,
    ) -> Result<Option<RelationInfo>> {
        let found = self.0.describe(session, &stored(name)).await?;
        Ok(found.map(shown))
    }

    async fn relations(
        &self,
        session: &Session,
        namespace: &SchemaName,
    ) -> Result<Vec<RelationInfo>> {
        let namespace = SchemaName::new(up(&namespace.database), up(&namespace.schema));
        let found = self.0.relations(session, &namespace).await?;
        Ok(found.into_iter().map(shown).collect())
    }

    async fn load(
        &self,
        session: &Session,
        name: &RelationName,
        schema: SchemaRef,
        rows: BatchStream,
    ) -> Result<u64> {
        self.0.load(session, &stored(name), schema, rows).await
    }
}

#[cfg(test)]
mod tests {
    use super::fold;

    #[test]
    fn folds_names_and_nothing_else() {
        for (sql, folded) in [
            (
                r#"select "id" from "db"."main"."orders""#,
                r#"select "ID" from "DB"."MAIN"."ORDERS""#,
            ),
            (
                r#"select '"id"', "two words", "a""b""#,
                r#"select '"id"', "two words", "A""B""#,
            ),
            (r#"select '\'"id"\\', "id""#, r#"select '\'"id"\\', "ID""#),
            (
                "-- \"id\"\nselect /* \"id\" */ \"id\"",
                "-- \"id\"\nselect /* \"id\" */ \"ID\"",
            ),
            (
                r#"select $$ "id" $$, $t$ "id" $t$, a$b, "id""#,
                r#"select $$ "id" $$, $t$ "id" $t$, a$b, "ID""#,
            ),
            (
                r#"select 'it''s "id"', 1 - 2 / 3, "Id""#,
                r#"select 'it''s "id"', 1 - 2 / 3, "ID""#,
            ),
        ] {
            assert_eq!(fold(sql), folded);
        }
    }
}
