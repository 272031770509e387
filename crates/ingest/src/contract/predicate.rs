//! A rule's condition: SQL, planned once on the types rules see, evaluated batch by batch.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, RecordBatchOptions};
use arrow::buffer::BooleanBuffer;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::common::DFSchema;
use datafusion::error::DataFusionError;
use datafusion::logical_expr::{Expr, ExprSchemable};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::prelude::{SessionConfig, SessionContext};
use diagnostic::{Error, Result, ResultExt, codes};
use settings::RuleSpec;

use super::Column;

/// The conditions of all rules, over the columns that any of them names.
pub(crate) struct Predicates {
    /// Positions of those columns.
    pub(crate) columns: Vec<usize>,
    schema: SchemaRef,
    predicates: Vec<Predicate>,
}

struct Predicate {
    rule: String,
    expression: Arc<dyn PhysicalExpr>,
    /// Positions of the columns this condition names.
    columns: Vec<usize>,
}

impl Predicates {
    /// Plans the conditions of `rules`.
    pub(crate) fn compile(rules: &[RuleSpec], columns: &[Column]) -> Result<Self> {
        let all: Vec<usize> = (0..columns.len()).collect();
        let named = named_schema(&schema(columns, &all))?;
        let session = session();
        let expressions = rules
            .iter()
            .map(|rule| parse(&session, rule, &named, columns))
            .collect::<Result<Vec<_>>>()?;
        let used: Vec<Vec<usize>> = expressions
            .iter()
            .map(|expression| used_columns(expression, columns))
            .collect();
        let union: Vec<usize> = all
            .into_iter()
            .filter(|at| used.iter().any(|used| used.contains(at)))
            .collect();
        let schema = schema(columns, &union);
        let named = named_schema(&schema)?;
        let predicates = rules
            .iter()
            .zip(expressions)
            .zip(used)
            .map(|((rule, expression), columns)| {
                let expression = session
                    .create_physical_expr(expression, &named)
                    .map_err(|error| not_valid(rule, error))?;
                Ok(Predicate {
                    rule: rule.name.value.clone(),
                    expression,
                    columns,
                })
            })
            .collect::<Result<Vec<_>>>()?;
        Ok(Self {
            columns: union,
            schema,
            predicates,
        })
    }

    /// Positions of the columns that the condition of rule `rule` names.
    pub(crate) fn columns_of(&self, rule: usize) -> &[usize] {
        self.predicates
            .get(rule)
            .map_or(&[], |predicate| &predicate.columns)
    }

    /// For each rule the rows that break it, given the arrays of [`Predicates::columns`]. NULL is no breach.
    pub(crate) fn evaluate(
        &self,
        arrays: Vec<ArrayRef>,
        rows: usize,
    ) -> Result<Vec<BooleanBuffer>> {
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        let batch = RecordBatch::try_new_with_options(Arc::clone(&self.schema), arrays, &options)
            .explain(codes::X0001, || {
            "A batch does not have the types of its contract".to_owned()
        })?;
        self.predicates
            .iter()
            .map(|predicate| {
                let value = predicate
                    .expression
                    .evaluate(&batch)
                    .and_then(|value| value.into_array(rows))
                    .explain(codes::L3004, || {
                        format!("The rule `{}` cannot be evaluated", predicate.rule)
                    })?;
                let Some(value) = value.as_boolean_opt() else {
                    return Ok(BooleanBuffer::new_unset(rows)); // NULL, whatever the row.
                };
                Ok(match value.nulls() {
                    Some(nulls) => value.values() & nulls.inner(),
                    None => value.values().clone(),
                })
            })
            .collect()
    }
}

fn session() -> SessionContext {
    let config =
        SessionConfig::new().set_bool("datafusion.sql_parser.parse_float_as_decimal", true);
    SessionContext::new_with_config(config)
}

/// The types that rules see, under the names of the contract in lower case.
fn schema(columns: &[Column], positions: &[usize]) -> SchemaRef {
    let fields: Vec<Field> = positions
        .iter()
        .filter_map(|at| columns.get(*at))
        .map(|column| Field::new(column.name.to_lowercase(), column.judged_type(), true))
        .collect();
    Arc::new(Schema::new(fields))
}

fn named_schema(schema: &SchemaRef) -> Result<DFSchema> {
    DFSchema::try_from(Arc::clone(schema)).explain(codes::L2002, || {
        "Two columns of the dataset have one name".to_owned()
    })
}

fn parse(
    session: &SessionContext,
    rule: &RuleSpec,
    named: &DFSchema,
    columns: &[Column],
) -> Result<Expr> {
    let expression = session.parse_sql_expr(&rule.when, named).map_err(|error| {
        let unknown = unknown_column(&error, columns);
        let error = not_valid(rule, error);
        match unknown {
            Some(name) => error.suggest(&name, columns.iter().map(|column| column.name.as_str())),
            None => error,
        }
    })?;
    let kind = expression
        .get_type(named)
        .map_err(|error| not_valid(rule, error))?;
    if kind == DataType::Boolean || kind == DataType::Null {
        return Ok(expression);
    }
    Err(Error::new(
        codes::L2001,
        format!(
            "The condition of rule `{}` is no condition but a {kind}",
            rule.name.value
        ),
    )
    .at(rule.when.place()))
}

fn not_valid(rule: &RuleSpec, error: DataFusionError) -> Error {
    Error::new(
        codes::L2001,
        format!(
            "The condition of rule `{}` is not valid SQL",
            rule.name.value
        ),
    )
    .at(rule.when.place())
    .because(error)
}

fn used_columns(expression: &Expr, columns: &[Column]) -> Vec<usize> {
    let names = expression.column_refs();
    let is_used = |column: &Column| {
        names
            .iter()
            .any(|name| name.name.eq_ignore_ascii_case(&column.name))
    };
    columns
        .iter()
        .enumerate()
        .filter(|(_, column)| is_used(column))
        .map(|(at, _)| at)
        .collect()
}

/// The name in an error about an unknown column.
fn unknown_column(error: &DataFusionError, columns: &[Column]) -> Option<String> {
    let text = error.to_string();
    let rest = text.split("No field named ").nth(1)?;
    let name = rest
        .split(['.', ' ', ','])
        .next()?
        .trim_matches('"')
        .to_owned();
    (!columns.iter().any(|column| column.name == name)).then_some(name)
}
