//! A rule's condition: the warehouse's SQL, planned once on the types rules see, evaluated batch by batch.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, RecordBatchOptions};
use arrow::buffer::BooleanBuffer;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use chrono::{DateTime, Utc};
use datafusion::common::DFSchema;
use datafusion::error::DataFusionError;
use datafusion::execution::SessionState;
use datafusion::execution::session_state::SessionStateBuilder;
use datafusion::logical_expr::simplify::SimplifyContext;
use datafusion::logical_expr::{
    EmptyRelation, Expr, ExprSchemable, LogicalPlan, LogicalPlanBuilder,
};
use datafusion::optimizer::simplify_expressions::ExprSimplifier;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::sql::sqlparser::ast::{self, ExprWithAlias, SelectItem, SetExpr};
use diagnostic::{Error, Result, ResultExt, Source, codes};
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
    /// Plans the conditions of `rules`, whose `current_timestamp` is `clock`.
    pub(crate) fn compile(
        rules: &[RuleSpec],
        columns: &[Column],
        clock: DateTime<Utc>,
    ) -> Result<Self> {
        let all: Vec<usize> = (0..columns.len()).collect();
        let named = named_schema(&schema(columns, &all))?;
        let session = session(clock);
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

fn session(clock: DateTime<Utc>) -> SessionState {
    let builder = SessionStateBuilder::new().with_config(functions::session_config());
    functions::with_clock(functions::register(builder), clock).build()
}

/// The types that rules see, under the names the tables have.
fn schema(columns: &[Column], positions: &[usize]) -> SchemaRef {
    let fields: Vec<Field> = positions
        .iter()
        .filter_map(|at| columns.get(*at))
        .map(|column| Field::new(&column.stored, column.judged_type(), true))
        .collect();
    Arc::new(Schema::new(fields))
}

fn named_schema(schema: &SchemaRef) -> Result<DFSchema> {
    DFSchema::try_from(Arc::clone(schema)).explain(codes::L2002, || {
        "Two columns of the dataset have one name".to_owned()
    })
}

fn parse(
    session: &SessionState,
    rule: &RuleSpec,
    named: &DFSchema,
    columns: &[Column],
) -> Result<Expr> {
    let condition = condition(rule)?;
    let expression = analyse(session, condition, named).map_err(|error| {
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

/// The condition as the warehouse's dialect reads it.
fn condition(rule: &RuleSpec) -> Result<ast::Expr> {
    let wrong = |cause: Box<dyn std::error::Error + Send + Sync>| not_valid(rule, cause);
    let name = format!("rule {}", rule.name.value);
    let select = Source::new(name, format!("SELECT (\n{}\n)", rule.when.value));
    let mut statements = sql::parse_script(&select).map_err(|error| wrong(error.into()))?;
    let (Some(statement), 0) = (statements.pop(), statements.len()) else {
        return Err(wrong("it has more than one statement".into()));
    };
    let statement = sql::normalise(statement).map_err(|error| wrong(error.into()))?;
    only_expression(statement.ast).ok_or_else(|| wrong("it is more than one condition".into()))
}

/// The only thing selected by a statement that is nothing but `SELECT (…)`.
fn only_expression(statement: ast::Statement) -> Option<ast::Expr> {
    let ast::Statement::Query(query) = statement else {
        return None;
    };
    let SetExpr::Select(mut select) = *query.body else {
        return None;
    };
    let item = select.projection.pop()?;
    let alone = select.projection.is_empty() && select.from.is_empty();
    match item {
        SelectItem::UnnamedExpr(ast::Expr::Nested(inner))
        | SelectItem::ExprWithAlias {
            expr: ast::Expr::Nested(inner),
            ..
        } if alone => Some(*inner),
        _ => None,
    }
}

/// Plans the condition and gives it the warehouse's conversions and comparisons.
fn analyse(
    session: &SessionState,
    condition: ast::Expr,
    named: &DFSchema,
) -> Result<Expr, DataFusionError> {
    let condition = ExprWithAlias {
        expr: condition,
        alias: None,
    };
    let planned = session.create_logical_expr_from_sql_expr(condition, named)?;
    let rows = LogicalPlan::EmptyRelation(EmptyRelation {
        produce_one_row: false,
        schema: Arc::new(named.clone()),
    });
    let plan = LogicalPlanBuilder::from(rows).project([planned])?.build()?;
    let options = session.config_options();
    let plan = session
        .analyzer()
        .execute_and_check(plan, options, |_, _| {})?;
    let LogicalPlan::Projection(mut projection) = plan else {
        return Err(DataFusionError::Plan("it is no plain condition".to_owned()));
    };
    let Some(expression) = projection.expr.pop() else {
        return Err(DataFusionError::Plan("it is empty".to_owned()));
    };
    let context = SimplifyContext::builder()
        .with_schema(Arc::new(named.clone()))
        .with_config_options(Arc::clone(options))
        .build();
    ExprSimplifier::new(context).simplify(expression.unalias_nested().data)
}

fn not_valid(rule: &RuleSpec, cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
    Error::new(
        codes::L2001,
        format!(
            "The condition of rule `{}` is not valid SQL",
            rule.name.value
        ),
    )
    .at(rule.when.place())
    .because(cause)
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
    (!columns.iter().any(|column| column.stored == name)).then(|| name.to_lowercase())
}
