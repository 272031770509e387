//! INSERT into one table: <https://docs.snowflake.com/en/sql-reference/sql/insert>.

use datafusion::logical_expr::{LogicalPlan, LogicalPlanBuilder};
use datafusion::prelude::Expr as PlanExpr;
use diagnostic::{Error, Result, codes};
use engine::{Outcome, Session};
use functions::cast_to_column;
use sqlparser::ast::{Expr, Insert, ObjectName, Query, SelectItem, Statement, TableObject};

use super::target::Target;
use super::{tree, values};
use crate::Embedded;
use crate::failure::explain;
use crate::names::{identifier, relation};
use crate::statement::unsupported;

pub(crate) async fn run(engine: &Embedded, session: &Session, insert: Insert) -> Result<Outcome> {
    if insert.multi_table_insert_type.is_some() {
        return super::insert_many::run(engine, session, insert).await;
    }
    let (TableObject::TableName(name), Some(source)) = (&insert.table, &insert.source) else {
        return Err(unsupported(&insert));
    };
    let target = Target::open(engine, session, &relation(session, name)?).await?;
    let columns = columns(&target, &insert.columns)?;
    let mut source = source.as_ref().clone();
    values::fill_defaults(
        &engine.databases(session),
        &mut source,
        &target.relation,
        &columns,
    )?;
    values::cast_texts(
        &engine.databases(session),
        &mut source,
        &target.columns,
        &columns,
    )?;
    let plan = engine
        .plan(session, Statement::Query(Box::new(source)))
        .await?;
    let plan = rows(engine, session, &target, &columns, plan).await?;
    let inserted = target
        .append(engine, session, &plan, insert.overwrite)
        .await?;
    Ok(Outcome::inserted(inserted))
}

/// The columns an INSERT gives values for: those it names, or all.
fn columns(target: &Target, named: &[ObjectName]) -> Result<Vec<String>> {
    let names = named
        .iter()
        .map(
            |name| match name.0.last().and_then(|part| part.as_ident()) {
                Some(ident) => Ok(identifier(ident).as_str().to_owned()),
                None => Err(unsupported(name)),
            },
        )
        .collect::<Result<Vec<_>>>()?;
    chosen(target, names)
}

/// `names` if they are columns of `target`, each once; all columns if there are none.
pub(crate) fn chosen(target: &Target, names: Vec<String>) -> Result<Vec<String>> {
    if names.is_empty() {
        let fields = target.columns.fields().iter();
        return Ok(fields.map(|field| field.name().clone()).collect());
    }
    for (at, name) in names.iter().enumerate() {
        target.position(name)?;
        if names.iter().take(at).any(|other| other == name) {
            return Err(Error::new(
                codes::E1002,
                format!("Column `{name}` is named twice"),
            ));
        }
    }
    Ok(names)
}

/// `plan`, whose columns are values for `columns`, as rows of the whole table.
pub(crate) async fn rows(
    engine: &Embedded,
    session: &Session,
    target: &Target,
    columns: &[String],
    plan: LogicalPlan,
) -> Result<LogicalPlan> {
    let given = plan.schema().columns();
    if given.len() != columns.len() {
        return Err(Error::new(
            codes::K3006,
            format!(
                "The statement gives {} values for the {} columns of `{}`",
                given.len(),
                columns.len(),
                target.name
            ),
        )
        .help("name the columns: `insert into t (a, b) …`"));
    }
    let mut whole = Vec::new();
    for field in target.columns.fields() {
        let value = match columns.iter().position(|column| column == field.name()) {
            Some(at) => {
                values::fits(plan.schema().field(at), field)?;
                PlanExpr::Column(given[at].clone())
            }
            None => {
                let default =
                    values::default(&engine.databases(session), &target.relation, field.name())?;
                constant(engine, session, default).await?
            }
        };
        whole.push(cast_to_column(value, field).alias(field.name()));
    }
    LogicalPlanBuilder::from(plan)
        .project(whole)
        .and_then(LogicalPlanBuilder::build)
        .map_err(explain)
}

/// An expression that reads no row, planned.
pub(crate) async fn constant(engine: &Embedded, session: &Session, expr: Expr) -> Result<PlanExpr> {
    let query: Query = tree::select(vec![SelectItem::UnnamedExpr(expr)], Vec::new(), None)?;
    let plan = engine
        .plan(session, Statement::Query(Box::new(query)))
        .await?;
    match &plan {
        LogicalPlan::Projection(projection)
            if matches!(*projection.input, LogicalPlan::EmptyRelation(_)) =>
        {
            match projection.expr.first() {
                Some(value) => Ok(value.clone().unalias()),
                None => Err(unsupported(&"this default")),
            }
        }
        _ => Err(Error::new(
            codes::E1002,
            "A default may not read rows of a table",
        )),
    }
}
