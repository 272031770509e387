//! INSERT ALL and INSERT FIRST into several tables:
//! <https://docs.snowflake.com/en/sql-reference/sql/insert-multi-table>.

use std::collections::BTreeMap;
use std::sync::Arc;

use datafusion::datasource::{MemTable, TableProvider};
use diagnostic::{Error, Result, codes};
use engine::{Outcome, Session};
use model::RelationName;
use sqlparser::ast::{
    BinaryOperator, Expr, Insert, MultiTableInsertIntoClause, MultiTableInsertType,
    MultiTableInsertValue, SelectItem, SelectItemQualifiedWildcardKind, Statement, UnaryOperator,
    WildcardAdditionalOptions,
};

use super::target::Target;
use super::{insert, tree, values};
use crate::Embedded;
use crate::failure::explain;
use crate::names::{identifier, relation};
use crate::statement::unsupported;

/// The name by which the queries of one INSERT call its rows.
const SOURCE: &str = "__SOURCE";

pub(super) async fn run(engine: &Embedded, session: &Session, insert: Insert) -> Result<Outcome> {
    let Some(source) = &insert.source else {
        return Err(unsupported(&insert));
    };
    let plan = engine
        .plan(session, Statement::Query(source.clone()))
        .await?;
    // The query runs once: what it gives may depend on the moment.
    let (schema, batches) = engine.collect(session, &plan).await?;
    let table = MemTable::try_new(schema, vec![batches]).map_err(explain)?;
    let table: Arc<dyn TableProvider> = Arc::new(table);
    let engine = engine.with_given([(SOURCE.to_owned(), table)]);
    let mut inserted = 0;
    let mut cleared: BTreeMap<RelationName, ()> = BTreeMap::new();
    for (condition, into) in branches(&insert) {
        let name = relation(session, &into.table_name)?;
        let target = Target::open(&engine, session, &name).await?;
        let overwrite = insert.overwrite && cleared.insert(name, ()).is_none();
        inserted += one(&engine, session, &target, condition, into, overwrite).await?;
    }
    Ok(Outcome::inserted(inserted))
}

/// Every INTO clause with the condition of the rows it gets.
fn branches(insert: &Insert) -> Vec<(Option<Expr>, &MultiTableInsertIntoClause)> {
    let mut branches: Vec<_> = insert
        .multi_table_into_clauses
        .iter()
        .map(|into| (None, into))
        .collect();
    let first = insert.multi_table_insert_type == Some(MultiTableInsertType::First);
    let mut earlier: Option<Expr> = None;
    for when in &insert.multi_table_when_clauses {
        let mine = truly(when.condition.clone());
        let condition = match (&earlier, first) {
            (Some(earlier), true) => and(not(earlier.clone()), mine.clone()),
            _ => mine.clone(),
        };
        branches.extend(
            when.into_clauses
                .iter()
                .map(|into| (Some(condition.clone()), into)),
        );
        earlier = Some(match earlier {
            Some(earlier) => both(earlier, BinaryOperator::Or, mine),
            None => mine,
        });
    }
    for into in insert.multi_table_else_clause.iter().flatten() {
        branches.push((earlier.clone().map(not), into));
    }
    branches
}

/// NULL counts as false, also behind NOT.
fn truly(expr: Expr) -> Expr {
    Expr::IsTrue(Box::new(Expr::Nested(Box::new(expr))))
}

fn not(expr: Expr) -> Expr {
    Expr::UnaryOp {
        op: UnaryOperator::Not,
        expr: Box::new(Expr::Nested(Box::new(expr))),
    }
}

fn and(left: Expr, right: Expr) -> Expr {
    both(left, BinaryOperator::And, right)
}

fn both(left: Expr, op: BinaryOperator, right: Expr) -> Expr {
    Expr::BinaryOp {
        left: Box::new(Expr::Nested(Box::new(left))),
        op,
        right: Box::new(Expr::Nested(Box::new(right))),
    }
}

/// The rows of one INTO clause.
async fn one(
    engine: &Embedded,
    session: &Session,
    target: &Target,
    condition: Option<Expr>,
    into: &MultiTableInsertIntoClause,
    overwrite: bool,
) -> Result<u64> {
    let names = into
        .columns
        .iter()
        .map(|column| identifier(column).as_str().to_owned())
        .collect();
    let columns = insert::chosen(target, names)?;
    let projection = match &into.values {
        None => vec![SelectItem::QualifiedWildcard(
            SelectItemQualifiedWildcardKind::ObjectName(vec![tree::ident(SOURCE)].into()),
            WildcardAdditionalOptions::default(),
        )],
        Some(given) => {
            if given.values.len() != columns.len() {
                return Err(Error::new(
                    codes::K3006,
                    format!(
                        "INTO `{}` gives {} values for {} columns",
                        target.name,
                        given.values.len(),
                        columns.len()
                    ),
                ));
            }
            let databases = engine.databases(session);
            let value = |(value, column): (&MultiTableInsertValue, &String)| {
                let expr = match value {
                    MultiTableInsertValue::Expr(expr) if values::is_default(expr) => {
                        values::default(&databases, &target.relation, column)?
                    }
                    MultiTableInsertValue::Expr(expr) => expr.clone(),
                    MultiTableInsertValue::Default => {
                        values::default(&databases, &target.relation, column)?
                    }
                };
                Ok(tree::named(expr, column))
            };
            let pairs = given.values.iter().zip(&columns);
            pairs.map(value).collect::<Result<Vec<_>>>()?
        }
    };
    let from = vec![tree::table(SOURCE, tree::ident(SOURCE))];
    let query = tree::select(projection, from, condition)?;
    let plan = engine
        .plan(session, Statement::Query(Box::new(query)))
        .await?;
    let plan = insert::rows(engine, session, target, &columns, plan).await?;
    target.append(engine, session, &plan, overwrite).await
}
