//! The statements of a session: their ids, what became of them, and their results, which RESULT_SCAN and
//! QUERY_HISTORY read.
//!
//! <https://docs.snowflake.com/en/sql-reference/functions/result_scan>,
//! <https://docs.snowflake.com/en/sql-reference/functions/query_history>

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray};
use arrow::datatypes::{Schema, SchemaRef};
use chrono::{DateTime, Utc};
use datafusion::datasource::{MemTable, TableProvider};
use diagnostic::{Error, Result, ResultExt, codes};
use engine::{Kept, Outcome, Query, Rows, Session};
use futures::StreamExt;
use sqlparser::ast::Expr;

use crate::failure::explain;

/// The schema whose tables are results; no statement can name it without quotes.
pub(crate) const RESULTS: &str = "$RESULTS";

/// What the table that lists the statements is called, before the number of rows.
pub(crate) const LIST: &str = "$HISTORY";

/// Bytes of a result that are kept.
const KEPT_BYTES: usize = 16 << 20;

/// Rows of QUERY_HISTORY where no limit is given, and at most.
const LISTED: usize = 100;
const MOST_LISTED: usize = 10_000;

/// A statement while it runs.
pub(crate) struct Running {
    session: Session,
    id: String,
}

/// Adds a statement that begins. The first of a workspace has the run's id, so that what it wrote can be
/// named by it.
pub(crate) fn begin(session: &Session, run: &str, text: &str) -> Running {
    let taken = session.memory.query(run).is_some();
    let id = match taken {
        true => model::RunId::fresh().to_string(),
        false => run.to_owned(),
    };
    session.memory.begin(Query {
        id: id.clone(),
        run: run.to_owned(),
        text: text.to_owned(),
        kind: kind(text),
        database: session.database.clone(),
        schema: session.schema.clone(),
        role: session.role.clone(),
        principal: session.principal.clone(),
        tag: session.memory.parameter("QUERY_TAG").unwrap_or_default(),
        started: Utc::now(),
        ended: None,
        rows: 0,
        error: None,
        result: Kept::Nothing,
    });
    Running {
        session: session.clone(),
        id,
    }
}

/// The first words of a statement, as far as they say what it is.
fn kind(text: &str) -> String {
    let words: Vec<String> = text
        .split_whitespace()
        .take(2)
        .map(|word| word.trim_matches(['(', ';']).to_uppercase())
        .collect();
    match words.first().map(String::as_str) {
        Some("WITH" | "SELECT" | "") => "SELECT".to_owned(),
        Some("CREATE" | "ALTER" | "DROP") => words.join("_"),
        Some(first) => first.to_owned(),
        None => String::new(),
    }
}

impl Running {
    /// Says what became of the statement, and lets its rows be remembered as they are read.
    pub(crate) fn end(self, outcome: Result<Outcome>) -> Result<Outcome> {
        match outcome {
            Ok(Outcome::Rows(rows)) => Ok(Outcome::Rows(self.listen(rows))),
            Ok(outcome) => {
                let result = status(&outcome)?;
                self.session.memory.update(&self.id, |query| {
                    query.ended = Some(Utc::now());
                    query.rows = outcome.rows_changed();
                    query.result = Kept::Rows(result.schema(), Arc::new(vec![result]));
                });
                Ok(outcome)
            }
            Err(error) => {
                self.failed(&error);
                Err(error)
            }
        }
    }

    fn failed(&self, error: &Error) {
        self.session.memory.update(&self.id, |query| {
            query.ended = Some(Utc::now());
            query.error = Some((error.code().id.to_owned(), error.message().to_owned()));
        });
    }

    fn listen(self, rows: Rows) -> Rows {
        let heard = Arc::new(Mutex::new(Heard::default()));
        let (running, schema) = (Arc::new(self), Arc::clone(&rows.schema));
        let (listener, listening) = (Arc::clone(&running), Arc::clone(&heard));
        let batches = rows.batches.inspect(move |batch| match batch {
            Ok(batch) => listening
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .add(batch),
            Err(error) => listener.failed(error),
        });
        let end = futures::stream::once(async move {
            let heard = std::mem::take(&mut *heard.lock().unwrap_or_else(PoisonError::into_inner));
            running.session.memory.update(&running.id, |query| {
                query.ended = Some(Utc::now());
                query.rows = heard.rows;
                if query.error.is_none() {
                    query.result = match heard.too_many {
                        true => Kept::TooMany,
                        false => Kept::Rows(schema, Arc::new(heard.batches)),
                    };
                }
            });
        });
        Rows {
            schema: rows.schema,
            batches: batches.chain(end.filter_map(|()| async { None })).boxed(),
        }
    }
}

/// What has been read of a result.
#[derive(Default)]
struct Heard {
    batches: Vec<RecordBatch>,
    rows: u64,
    bytes: usize,
    too_many: bool,
}

impl Heard {
    fn add(&mut self, batch: &RecordBatch) {
        self.rows += u64::try_from(batch.num_rows()).unwrap_or(u64::MAX);
        self.bytes += batch.get_array_memory_size();
        if self.bytes > KEPT_BYTES {
            self.too_many = true;
            self.batches.clear();
        } else if !self.too_many {
            self.batches.push(batch.clone());
        }
    }
}

/// All rows, read now, so that a later statement of the script can scan them.
pub(crate) async fn read(rows: Rows) -> Result<Rows> {
    let schema = Arc::clone(&rows.schema);
    let batches = rows.collect().await?;
    Ok(Rows {
        schema,
        batches: futures::stream::iter(batches.into_iter().map(Ok)).boxed(),
    })
}

/// `rows`, or an error once `seconds` from `start` are over.
pub(crate) fn until(rows: Rows, deadline: tokio::time::Instant, seconds: u64) -> Rows {
    let open = Some(rows.batches);
    let batches = futures::stream::unfold(open, move |open| async move {
        let mut batches = open?;
        match tokio::time::timeout_at(deadline, batches.next()).await {
            Ok(Some(batch)) => Some((batch, Some(batches))),
            Ok(None) => None,
            Err(_) => Some((Err(too_long(seconds)), None)),
        }
    });
    Rows {
        schema: rows.schema,
        batches: batches.boxed(),
    }
}

/// `E1109`.
pub(crate) fn too_long(seconds: u64) -> Error {
    Error::new(
        codes::E1109,
        format!("The statement ran longer than {seconds} seconds"),
    )
    .help("`alter session set statement_timeout_in_seconds = n` allows more")
}

/// The session's limit of a statement's time, if it was set.
pub(crate) fn timeout(session: &Session) -> Option<Duration> {
    let seconds = session.memory.parameter("STATEMENT_TIMEOUT_IN_SECONDS")?;
    match seconds.parse() {
        Ok(0) | Err(_) => None,
        Ok(seconds) => Some(Duration::from_secs(seconds)),
    }
}

/// A change or a sentence as the row Snowflake gives.
pub(crate) fn status(outcome: &Outcome) -> Result<RecordBatch> {
    let number = |count: &u64| -> ArrayRef {
        Arc::new(Int64Array::from(vec![
            i64::try_from(*count).unwrap_or(i64::MAX),
        ]))
    };
    let columns: Vec<(&str, ArrayRef)> = match outcome {
        Outcome::Changed {
            inserted,
            updated,
            deleted,
        } => [
            ("number of rows inserted", inserted),
            ("number of rows updated", updated),
            ("number of rows deleted", deleted),
        ]
        .into_iter()
        .filter_map(|(name, count)| Some((name, number(count.as_ref()?))))
        .collect(),
        Outcome::Done(text) => vec![(
            "status",
            Arc::new(StringArray::from(vec![text.as_str()])) as ArrayRef,
        )],
        Outcome::Rows(_) => Vec::new(),
    };
    RecordBatch::try_from_iter(columns)
        .explain(codes::X0001, || "A result cannot be built".to_owned())
}

/// The table `name` of [`RESULTS`]: a result by its statement's id, or the list of statements.
pub(crate) fn table(session: &Session, name: &str) -> Result<Option<Arc<dyn TableProvider>>> {
    if let Some(limit) = name.strip_prefix(LIST) {
        let batch = list(session, limit.parse().unwrap_or(LISTED))?;
        return memory(batch.schema(), vec![batch]).map(Some);
    }
    let Some(query) = session.memory.query(name) else {
        return Err(not_kept(name, "No statement of this session has the id"));
    };
    match query.result {
        Kept::Rows(schema, batches) => memory(schema, batches.as_ref().clone()).map(Some),
        Kept::TooMany => Err(not_kept(
            name,
            "The result is no longer kept, or was too large, of",
        )),
        Kept::Nothing => Err(not_kept(name, "No result has been read yet of")),
    }
}

fn not_kept(id: &str, sentence: &str) -> Error {
    Error::new(codes::E1108, format!("{sentence} `{id}`"))
        .help("run the statement again, or create a temporary table from it")
}

/// A table of `batches`; columns of one name are told apart as queries do it.
fn memory(schema: SchemaRef, batches: Vec<RecordBatch>) -> Result<Arc<dyn TableProvider>> {
    let mut given = BTreeSet::new();
    let mut fields = Vec::new();
    for field in schema.fields() {
        let (mut name, mut number) = (field.name().clone(), 1);
        while !given.insert(name.clone()) {
            number += 1;
            name = sql::repeated(field.name(), number);
        }
        fields.push(Arc::new(field.as_ref().clone().with_name(name)));
    }
    let schema = Arc::new(Schema::new_with_metadata(fields, schema.metadata().clone()));
    let batches = batches
        .into_iter()
        .map(|batch| RecordBatch::try_new(Arc::clone(&schema), batch.columns().to_vec()))
        .collect::<std::result::Result<Vec<_>, _>>()
        .explain(codes::X0001, || "A result cannot be named".to_owned())?;
    let table = MemTable::try_new(schema, vec![batches]).map_err(explain)?;
    Ok(Arc::new(table))
}

/// RESULT_LIMIT of a call of QUERY_HISTORY.
pub(crate) fn limit(arguments: &[Expr]) -> Result<usize> {
    match arguments {
        [] => Ok(LISTED),
        [Expr::Named { expr, name }] if name.value.eq_ignore_ascii_case("RESULT_LIMIT") => {
            match expr.to_string().parse() {
                Ok(limit) if (1..=MOST_LISTED).contains(&limit) => Ok(limit),
                _ => Err(Error::new(
                    codes::E1002,
                    format!("RESULT_LIMIT is a number from 1 to {MOST_LISTED}"),
                )),
            }
        }
        _ => Err(
            Error::new(codes::E2001, "QUERY_HISTORY takes RESULT_LIMIT => n only")
                .help("filter its rows with WHERE"),
        ),
    }
}

/// The statements before the one that asks, newest first.
fn list(session: &Session, limit: usize) -> Result<RecordBatch> {
    let mut queries = session.memory.queries();
    queries.pop();
    queries.reverse();
    queries.truncate(limit);
    let text = |value: &dyn Fn(&Query) -> Option<String>| -> ArrayRef {
        Arc::new(queries.iter().map(value).collect::<StringArray>())
    };
    let time = |value: &dyn Fn(&Query) -> Option<DateTime<Utc>>| -> ArrayRef {
        let micros = queries
            .iter()
            .map(|query| value(query).map(|at| at.timestamp_micros()));
        Arc::new(micros.collect::<TimestampMicrosecondArray>())
    };
    let number = |value: &dyn Fn(&Query) -> Option<i64>| -> ArrayRef {
        Arc::new(queries.iter().map(value).collect::<Int64Array>())
    };
    let state = |query: &Query| match (&query.error, query.ended) {
        (Some(_), _) => "FAILED_WITH_ERROR",
        (None, Some(_)) => "SUCCESS",
        (None, None) => "RUNNING",
    };
    let elapsed = |query: &Query| Some((query.ended? - query.started).num_milliseconds());
    let columns = vec![
        ("QUERY_ID", text(&|query| Some(query.id.clone()))),
        ("QUERY_TEXT", text(&|query| Some(query.text.clone()))),
        (
            "DATABASE_NAME",
            text(&|query| Some(query.database.as_str().to_owned())),
        ),
        (
            "SCHEMA_NAME",
            text(&|query| Some(query.schema.as_str().to_owned())),
        ),
        ("QUERY_TYPE", text(&|query| Some(query.kind.clone()))),
        (
            "USER_NAME",
            text(&|query| Some(query.principal.to_uppercase())),
        ),
        (
            "ROLE_NAME",
            text(&|query| query.role.as_ref().map(|role| role.as_str().to_owned())),
        ),
        ("QUERY_TAG", text(&|query| Some(query.tag.clone()))),
        (
            "EXECUTION_STATUS",
            text(&|query| Some(state(query).to_owned())),
        ),
        (
            "ERROR_CODE",
            text(&|query| query.error.as_ref().map(|error| error.0.clone())),
        ),
        (
            "ERROR_MESSAGE",
            text(&|query| query.error.as_ref().map(|error| error.1.clone())),
        ),
        ("START_TIME", time(&|query| Some(query.started))),
        ("END_TIME", time(&|query| query.ended)),
        ("TOTAL_ELAPSED_TIME", number(&elapsed)),
        (
            "ROWS_PRODUCED",
            number(&|query| i64::try_from(query.rows).ok()),
        ),
    ];
    RecordBatch::try_from_iter_with_nullable(
        columns.into_iter().map(|(name, array)| (name, array, true)),
    )
    .explain(codes::X0001, || "A listing cannot be built".to_owned())
}
