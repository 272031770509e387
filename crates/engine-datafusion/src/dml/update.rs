//! UPDATE, DELETE and TRUNCATE: <https://docs.snowflake.com/en/sql-reference/sql/update>,
//! <https://docs.snowflake.com/en/sql-reference/sql/delete>.
//!
//! Where FROM or USING give several rows for one row to update, one of them counts: Snowflake's default
//! (ERROR_ON_NONDETERMINISTIC_UPDATE is false).

use std::sync::Arc;

use diagnostic::{Error, Result, codes};
use engine::{Outcome, Session};
use lake::Operation;
use sqlparser::ast::{
    Assignment, AssignmentTarget, Delete, Expr, FromTable, Ident, SelectItem, Statement,
    TableWithJoins, Truncate, Update, UpdateTableFromKind, Value,
};

use super::hits::Several;
use super::rows::{FILE, ROW};
use super::target::{ACTION, DELETE, LEADING, TARGET, Target, UPDATE, assigned};
use super::{tree, values};
use crate::Embedded;
use crate::names::{identifier, relation};
use crate::provider::Databases;
use crate::statement::unsupported;

pub(crate) async fn update(
    engine: &Embedded,
    session: &Session,
    mut update: Update,
) -> Result<Outcome> {
    let Some((name, called)) = tree::called(&update.table.relation) else {
        return Err(unsupported(&update));
    };
    if !update.table.joins.is_empty() {
        return Err(unsupported(&"UPDATE of a join"));
    }
    let name = relation(session, &name)?;
    let full = parts(&name);
    for assignment in &mut update.assignments {
        tree::shorten(&mut assignment.value, &full, &called);
    }
    tree::shorten(&mut update.selection, &full, &called);
    let target = Target::open(engine, session, &name).await?;
    let others = match update.from {
        Some(UpdateTableFromKind::BeforeSet(from) | UpdateTableFromKind::AfterSet(from)) => from,
        None => Vec::new(),
    };
    let databases = engine.databases(session);
    let assignments = assignments(&databases, &target, &called, &update.assignments)?;
    let mut projection = leading(&called, UPDATE);
    for field in target.columns.fields() {
        let value = assignments
            .iter()
            .find(|(column, _)| column == field.name())
            .map_or_else(
                || tree::column(&called, field.name()),
                |(_, value)| value.clone(),
            );
        projection.push(tree::named(value, field.name()));
    }
    let plan = Changing {
        engine,
        session,
        target: &target,
        called,
    };
    let changes = plan
        .run(projection, others, update.selection, Operation::Update)
        .await?;
    Ok(Outcome::updated(changes.updated))
}

pub(crate) async fn delete(
    engine: &Embedded,
    session: &Session,
    mut delete: Delete,
) -> Result<Outcome> {
    let (FromTable::WithFromKeyword(tables) | FromTable::WithoutKeyword(tables)) = &delete.from;
    let [
        TableWithJoins {
            relation: factor,
            joins,
        },
    ] = tables.as_slice()
    else {
        return Err(unsupported(&"DELETE from several tables"));
    };
    let Some((name, called)) = tree::called(factor).filter(|_| joins.is_empty()) else {
        return Err(unsupported(&"DELETE from a join"));
    };
    let name = relation(session, &name)?;
    tree::shorten(&mut delete.selection, &parts(&name), &called);
    let target = Target::open(engine, session, &name).await?;
    if delete.selection.is_none() && delete.using.is_none() {
        let deleted = target.clear(engine).await?;
        return Ok(Outcome::deleted(deleted));
    }
    let projection = leading(&called, DELETE);
    let plan = Changing {
        engine,
        session,
        target: &target,
        called,
    };
    let others = delete.using.unwrap_or_default();
    let changes = plan
        .run(projection, others, delete.selection, Operation::Delete)
        .await?;
    Ok(Outcome::deleted(changes.deleted))
}

pub(crate) async fn truncate(
    engine: &Embedded,
    session: &Session,
    truncate: &Truncate,
) -> Result<Outcome> {
    let [table] = truncate.table_names.as_slice() else {
        return Err(unsupported(truncate));
    };
    let name = relation(session, &table.name)?;
    if truncate.if_exists && engine.workspace().relation(&name).is_none() {
        return Ok(crate::statement::done(
            &name,
            "does not exist, statement succeeded",
        ));
    }
    let target = Target::open(engine, session, &name).await?;
    // As in Snowflake, the files that were loaded into it may be loaded again.
    engine.workspace().forget_loads(&target.relation.id);
    target.clear(engine).await?;
    Ok(Outcome::Done("Statement executed successfully.".to_owned()))
}

/// A change of rows that a query over the target and other tables finds.
struct Changing<'a> {
    engine: &'a Embedded,
    session: &'a Session,
    target: &'a Target,
    called: Ident,
}

impl Changing<'_> {
    async fn run(
        self,
        projection: Vec<SelectItem>,
        others: Vec<TableWithJoins>,
        condition: Option<Expr>,
        operation: Operation,
    ) -> Result<super::target::Counts> {
        let partitions = self.engine.partitions();
        let rows = Arc::new(self.target.rows(partitions));
        let engine = self.engine.with_given([(TARGET.to_owned(), rows as _)]);
        let mut from = vec![tree::table(TARGET, self.called)];
        from.extend(others);
        let query = tree::select(projection, from, condition)?;
        let plan = engine
            .plan(self.session, Statement::Query(Box::new(query)))
            .await?;
        let plan = assigned(plan, LEADING, &self.target.columns)?;
        self.target
            .change(&engine, self.session, &plan, Several::First, operation)
            .await
    }
}

/// The columns that say which row, and what becomes of it.
pub(super) fn leading(called: &Ident, action: i64) -> Vec<SelectItem> {
    vec![
        tree::named(tree::column(called, FILE), FILE),
        tree::named(tree::column(called, ROW), ROW),
        tree::named(number(action), ACTION),
    ]
}

pub(super) fn number(number: i64) -> Expr {
    Expr::value(Value::Number(number.to_string(), false))
}

/// The parts of a relation's name, as expressions may write them before a column.
pub(super) fn parts(name: &model::RelationName) -> Vec<Ident> {
    [&name.database, &name.schema, &name.name]
        .map(|part| tree::ident(part.as_str()))
        .to_vec()
}

/// Columns and the values SET gives them. Only the target, which the statement calls `called`, has columns to set.
pub(super) fn assignments(
    databases: &Databases,
    target: &Target,
    called: &Ident,
    set: &[Assignment],
) -> Result<Vec<(String, Expr)>> {
    let mut found: Vec<(String, Expr)> = Vec::new();
    for Assignment { target: to, value } in set {
        let AssignmentTarget::ColumnName(name) = to else {
            return Err(unsupported(to));
        };
        let Some(ident) = name.0.last().and_then(|part| part.as_ident()) else {
            return Err(unsupported(to));
        };
        let column = identifier(ident).as_str().to_owned();
        let mut qualifiers = name.0.iter().rev().skip(1);
        let of = qualifiers.next().and_then(|part| part.as_ident());
        let of = of.map(identifier);
        if of.is_some_and(|of| of != identifier(called) && of != target.name.name) {
            return Err(Error::new(
                codes::E1101,
                format!(
                    "`{name}` is no column of `{}`, which is changed",
                    target.name
                ),
            ));
        }
        target.position(&column)?;
        if found.iter().any(|(other, _)| *other == column) {
            return Err(Error::new(
                codes::E1002,
                format!("Column `{column}` is set twice"),
            ));
        }
        let value = if values::is_default(value) {
            values::default(databases, &target.relation, &column)?
        } else {
            value.clone()
        };
        found.push((column, value));
    }
    Ok(found)
}
