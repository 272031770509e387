//! Data tests: a query that gives the rows that are wrong.

use arrow::array::{Array, AsArray, BooleanArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Int64Type};
use diagnostic::{Error, Result, ResultExt, Source, codes};
use engine::{Engine, Outcome, Session};
use model::RelationName;

/// How a test's count of wrong rows is judged, as dbt configures it.
#[derive(Clone, Debug)]
pub struct TestConfig {
    /// The number that is judged, by default `count(*)`.
    pub fail_calc: String,
    /// The condition on it that warns, by default `!= 0`.
    pub warn_if: String,
    /// The condition on it that fails, by default `!= 0`.
    pub error_if: String,
    /// Whether a failure is an error; otherwise it is a warning.
    pub severity_error: bool,
    /// At most this many rows are looked at.
    pub limit: Option<u64>,
}

impl Default for TestConfig {
    fn default() -> Self {
        Self {
            fail_calc: "count(*)".to_owned(),
            warn_if: "!= 0".to_owned(),
            error_if: "!= 0".to_owned(),
            severity_error: true,
            limit: None,
        }
    }
}

/// A test's result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// All is well.
    Pass,
    /// Something is wrong, to be looked at.
    Warn,
    /// Something is wrong.
    Fail,
}

/// The statement that counts the wrong rows of `sql`, and says what follows.
#[must_use]
pub fn question(sql: &str, config: &TestConfig) -> String {
    let limit = config
        .limit
        .map(|rows| format!("\n    limit {rows}"))
        .unwrap_or_default();
    format!(
        "select\n    {calc} as failures,\n    {calc} {warn} as should_warn,\n    {calc} {error} as should_error\n\
         from (\n{sql}{limit}\n) dbt_internal_test",
        calc = config.fail_calc,
        warn = config.warn_if,
        error = config.error_if,
    )
}

/// Judges what `question` gives on `engine`: the verdict, and the number judged.
///
/// # Errors
/// The engine's error, or `T2001` if the test's number is none.
pub async fn judge(
    engine: &dyn Engine,
    session: &Session,
    name: &str,
    question: String,
    config: &TestConfig,
) -> Result<(Verdict, u64)> {
    let source = Source::new(name, question);
    let mut outcomes = engine.execute(session, &source).await?;
    let Some(Outcome::Rows(rows)) = outcomes.pop() else {
        return Err(no_number(name));
    };
    let batches = rows.collect().await?;
    let batch = batches
        .iter()
        .find(|batch| batch.num_rows() == 1)
        .ok_or_else(|| no_number(name))?;
    let counts =
        cast(batch.column(0), &DataType::Int64).explain(codes::T2001, || not_a_number(name))?;
    let counts = counts.as_primitive::<Int64Type>();
    let failures = if counts.is_null(0) {
        0
    } else {
        counts.value(0)
    };
    let failures = u64::try_from(failures).explain(codes::T2001, || not_a_number(name))?;
    let holds = |index: usize| -> Result<bool> {
        let column: &BooleanArray = batch
            .column(index)
            .as_boolean_opt()
            .ok_or_else(|| no_number(name))?;
        Ok(column.is_valid(0) && column.value(0))
    };
    let (should_warn, should_error) = (holds(1)?, holds(2)?);
    let verdict = match (config.severity_error, should_error, should_warn) {
        (true, true, _) => Verdict::Fail,
        (_, _, true) => Verdict::Warn,
        _ => Verdict::Pass,
    };
    Ok((verdict, failures))
}

/// Keeps the rows a test found wrong in `name`, or with `view` the query that finds them.
///
/// # Errors
/// The engine's error.
pub async fn store_failures(
    engine: &dyn Engine,
    session: &Session,
    name: &RelationName,
    sql: &str,
    view: bool,
) -> Result<()> {
    let kind = if view { "view" } else { "table" };
    let script = format!(
        "create schema if not exists {};\ncreate or replace {kind} {name} as (\n{sql}\n);",
        name.namespace()
    );
    let source = Source::new(name.to_string(), script);
    engine.execute(session, &source).await.map(drop)
}

fn not_a_number(name: &str) -> String {
    format!("Test `{name}` does not give a number of failures")
}

fn no_number(name: &str) -> Error {
    Error::new(codes::T2001, not_a_number(name))
}
