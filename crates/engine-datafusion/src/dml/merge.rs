//! MERGE: <https://docs.snowflake.com/en/sql-reference/sql/merge>.
//!
//! One join of the source with the numbered rows of the target gives, per pair, the number of the first
//! WHEN clause that holds; rows without a partner go to the NOT MATCHED clauses.

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow::datatypes::Fields;
use diagnostic::{Error, Result, codes};
use engine::{Outcome, Session};
use lake::Operation;
use sql::ALL_BY_NAME;
use sqlparser::ast::{
    Assignment, AssignmentTarget, BinaryOperator, CaseWhen, Expr, Ident, Join, JoinConstraint,
    JoinOperator, Merge, MergeAction, MergeClause, MergeClauseKind, MergeInsertExpr,
    MergeInsertKind, ObjectName, ObjectNamePart, SelectItem, Statement, TableWithJoins,
    WildcardAdditionalOptions,
};

use super::hits::Several;
use super::rows::{FILE, ROW};
use super::target::{ACTION, DELETE, INSERT, LEADING, TARGET, Target, UPDATE, assigned};
use super::update::{assignments, number, parts};
use super::{insert, tree, values};
use crate::information_schema::type_name;
use crate::names::{identifier, relation};
use crate::provider::Databases;
use crate::statement::unsupported;
use crate::{Embedded, user_functions};

/// One WHEN clause.
struct Clause {
    /// When it applies.
    condition: Expr,
    action: i64,
    /// Values by column; columns that are not in it stay, or get their default.
    values: Vec<(String, Expr)>,
}

pub(crate) async fn run(engine: &Embedded, session: &Session, mut merge: Merge) -> Result<Outcome> {
    let Some((name, called)) = tree::called(&merge.table) else {
        return Err(unsupported(&merge));
    };
    let name = relation(session, &name)?;
    tree::shorten(&mut merge.on, &parts(&name), &called);
    tree::shorten(&mut merge.clauses, &parts(&name), &called);
    let target = Target::open(engine, session, &name).await?;
    name_all(engine, session, &mut merge, &target).await?;
    if let Some(source) = tree::alias(&merge.source) {
        for clause in &mut merge.clauses {
            // There is no row of the target: all columns are the source's.
            if let MergeAction::Insert(insert) = &mut clause.action {
                tree::qualify(&mut insert.kind, &source, &target.columns);
                tree::qualify(&mut clause.predicate, &source, &target.columns);
            }
        }
    }
    reachable(&merge.clauses)?;
    let clauses = merge
        .clauses
        .iter()
        .map(|clause| clause_of(&engine.databases(session), &target, &called, clause))
        .collect::<Result<Vec<_>>>()?;
    let rows = Arc::new(target.rows(engine.partitions()));
    let engine = engine.with_given([(TARGET.to_owned(), rows as _)]);
    let query = query(
        &engine.databases(session),
        &target,
        &called,
        merge,
        &clauses,
    )?;
    let plan = engine
        .plan(session, Statement::Query(Box::new(query)))
        .await?;
    let plan = assigned(plan, LEADING, &target.columns)?;
    let several = if Embedded::flag(session, "ERROR_ON_NONDETERMINISTIC_MERGE", true) {
        Several::Refused
    } else {
        Several::First
    };
    let changes = target
        .change(&engine, session, &plan, several, Operation::Merge)
        .await?;
    // As in Snowflake, what the clauses say is counted, whether it happened or not.
    let counted = |action: i64, rows: u64| {
        let mut clauses = clauses.iter();
        clauses
            .any(|clause| clause.action == action)
            .then_some(rows)
    };
    Ok(Outcome::Changed {
        inserted: counted(INSERT, changes.inserted),
        updated: counted(UPDATE, changes.updated),
        deleted: counted(DELETE, changes.deleted),
    })
}

/// Refuses clauses behind one of their kind that has no condition: they would never apply.
/// <https://docs.snowflake.com/en/sql-reference/sql/merge>
fn reachable(clauses: &[MergeClause]) -> Result<()> {
    let mut before: Vec<bool> = Vec::new();
    for clause in clauses {
        let matched = clause.clause_kind == MergeClauseKind::Matched;
        if before.contains(&matched) {
            return Err(Error::new(
                codes::E1002,
                format!("The clause `{clause}` never applies: one before it has no condition"),
            )
            .help("let the clause without a condition be the last of its kind"));
        }
        if clause.predicate.is_none() {
            before.push(matched);
        }
    }
    Ok(())
}

/// Puts all columns into the places of ALL BY NAME. Both sides have to have the same ones.
async fn name_all(
    engine: &Embedded,
    session: &Session,
    merge: &mut Merge,
    target: &Target,
) -> Result<()> {
    let clauses = merge.clauses.iter_mut();
    let clauses: Vec<&mut MergeClause> = clauses.filter(|clause| is_by_name(clause)).collect();
    if clauses.is_empty() {
        return Ok(());
    }
    let Some(source) = tree::alias(&merge.source) else {
        return Err(unsupported(&"ALL BY NAME of a source without an alias"));
    };
    let from = TableWithJoins {
        relation: merge.source.clone(),
        joins: Vec::new(),
    };
    let all = SelectItem::Wildcard(WildcardAdditionalOptions::default());
    let rows = tree::select(vec![all], vec![from], None)?;
    let rows = Statement::Query(Box::new(rows));
    let rows = engine.plan(session, rows).await?;
    let names = |fields: &Fields| -> BTreeSet<String> {
        fields.iter().map(|field| field.name().clone()).collect()
    };
    let (wanted, given) = (
        names(target.columns.fields()),
        names(rows.schema().fields()),
    );
    if let Some(other) = wanted.symmetric_difference(&given).next() {
        return Err(Error::new(
            codes::K3006,
            format!("MERGE … ALL BY NAME: only one side has a column `{other}`"),
        )
        .help("name the columns: `update set a = s.a`, `insert (a) values (s.a)`"));
    }
    for clause in clauses {
        let columns = wanted.iter();
        let columns = columns.map(|name| (tree::ident(name), tree::column(&source, name)));
        match &mut clause.action {
            MergeAction::Update(update) => {
                let set = columns.map(|(name, value)| Assignment {
                    target: AssignmentTarget::ColumnName(ObjectName::from(vec![name])),
                    value,
                });
                update.assignments = set.collect();
            }
            MergeAction::Insert(insert) => {
                let (names, values): (Vec<_>, Vec<_>) = columns.unzip();
                let names = names.into_iter().map(|name| ObjectName::from(vec![name]));
                insert.columns = names.collect();
                if let MergeInsertKind::Values(rows) = &mut insert.kind
                    && let Some(row) = rows.rows.first_mut()
                {
                    row.content = values;
                }
            }
            MergeAction::Delete { .. } => {}
        }
    }
    Ok(())
}

/// Whether a clause is UPDATE or INSERT ALL BY NAME.
fn is_by_name(clause: &MergeClause) -> bool {
    let stands_for_all = |name: &ObjectName| matches!(name.0.as_slice(), [ObjectNamePart::Identifier(name)] if name.value == ALL_BY_NAME);
    match &clause.action {
        MergeAction::Update(update) => update.assignments.iter().any(
            |set| matches!(&set.target, AssignmentTarget::ColumnName(name) if stands_for_all(name)),
        ),
        MergeAction::Insert(insert) => insert.columns.iter().any(stands_for_all),
        MergeAction::Delete { .. } => false,
    }
}

fn query(
    databases: &Databases,
    target: &Target,
    called: &Ident,
    merge: Merge,
    clauses: &[Clause],
) -> Result<sqlparser::ast::Query> {
    let on = JoinConstraint::On(*merge.on);
    let inserts = clauses.iter().any(|clause| clause.action == INSERT);
    let from = TableWithJoins {
        relation: merge.source,
        joins: vec![Join {
            relation: tree::factor(TARGET, called.clone()),
            global: false,
            join_operator: if inserts {
                JoinOperator::LeftOuter(on)
            } else {
                JoinOperator::Inner(on)
            },
        }],
    };
    let applies = case(None, clauses, |at, clause| {
        Ok((clause.condition.clone(), number(index(at))))
    })?;
    let action = case(Some(&applies), clauses, |at, clause| {
        Ok((number(index(at)), number(clause.action)))
    })?;
    let mut projection = vec![
        tree::named(tree::column(called, FILE), FILE),
        tree::named(tree::column(called, ROW), ROW),
        tree::named(action, ACTION),
    ];
    for field in target.columns.fields() {
        let value = case(Some(&applies), clauses, |at, clause| {
            let given = clause.values.iter().find(|(name, _)| name == field.name());
            let value = match (given, clause.action) {
                (Some((_, value)), _) => value.clone(),
                (None, INSERT) => values::default(databases, &target.relation, field.name())?,
                (None, _) => tree::column(called, field.name()),
            };
            let kept = clause.action == UPDATE && given.is_none();
            // Branches of different types would meet in one that loses something.
            let value = match kept || clauses.len() == 1 {
                true => value,
                false => user_functions::cast(value, &type_name(field))?,
            };
            Ok((number(index(at)), value))
        })?;
        projection.push(tree::named(value, field.name()));
    }
    let any = Expr::IsNotNull(Box::new(applies));
    tree::select(projection, vec![from], Some(any))
}

fn index(at: usize) -> i64 {
    i64::try_from(at).unwrap_or(i64::MAX)
}

/// `case [operand] when … then … end` with one branch per clause.
fn case(
    operand: Option<&Expr>,
    clauses: &[Clause],
    branch: impl Fn(usize, &Clause) -> Result<(Expr, Expr)>,
) -> Result<Expr> {
    let conditions = clauses
        .iter()
        .enumerate()
        .map(|(at, clause)| {
            let (condition, result) = branch(at, clause)?;
            Ok(CaseWhen { condition, result })
        })
        .collect::<Result<Vec<_>>>()?;
    let mut case = tree::parse_query("SELECT CASE WHEN TRUE THEN 1 END")?;
    if let sqlparser::ast::SetExpr::Select(select) = case.body.as_mut()
        && let Some(sqlparser::ast::SelectItem::UnnamedExpr(expr)) = select.projection.pop()
        && let Expr::Case {
            case_token,
            end_token,
            ..
        } = expr
    {
        return Ok(Expr::Case {
            case_token,
            end_token,
            operand: operand.cloned().map(Box::new),
            conditions,
            else_result: None,
        });
    }
    Err(Error::new(codes::X0001, "CASE does not parse"))
}

fn clause_of(
    databases: &Databases,
    target: &Target,
    called: &Ident,
    clause: &MergeClause,
) -> Result<Clause> {
    let there = Box::new(tree::column(called, FILE));
    let (side, action, values) = match (&clause.clause_kind, &clause.action) {
        (MergeClauseKind::Matched, MergeAction::Update(update)) => (
            Expr::IsNotNull(there),
            UPDATE,
            assignments(databases, target, called, &update.assignments)?,
        ),
        (MergeClauseKind::Matched, MergeAction::Delete { .. }) => {
            (Expr::IsNotNull(there), DELETE, Vec::new())
        }
        (
            MergeClauseKind::NotMatched | MergeClauseKind::NotMatchedByTarget,
            MergeAction::Insert(insert),
        ) => (
            Expr::IsNull(there),
            INSERT,
            inserted(databases, target, insert)?,
        ),
        _ => return Err(unsupported(clause)),
    };
    let condition = match &clause.predicate {
        None => side,
        Some(predicate) => Expr::BinaryOp {
            left: Box::new(side),
            op: BinaryOperator::And,
            right: Box::new(Expr::Nested(Box::new(predicate.clone()))),
        },
    };
    Ok(Clause {
        condition,
        action,
        values,
    })
}

/// Columns and values of an INSERT clause.
fn inserted(
    databases: &Databases,
    target: &Target,
    insert: &MergeInsertExpr,
) -> Result<Vec<(String, Expr)>> {
    let MergeInsertKind::Values(rows) = &insert.kind else {
        return Err(unsupported(insert));
    };
    let [row] = rows.rows.as_slice() else {
        return Err(unsupported(insert));
    };
    let names = insert
        .columns
        .iter()
        .map(
            |name| match name.0.last().and_then(|part| part.as_ident()) {
                Some(ident) => Ok(identifier(ident).as_str().to_owned()),
                None => Err(unsupported(name)),
            },
        )
        .collect::<Result<Vec<_>>>()?;
    let columns = insert::chosen(target, names)?;
    if columns.len() != row.len() {
        return Err(Error::new(
            codes::K3006,
            format!(
                "The INSERT of MERGE gives {} values for {} columns",
                row.len(),
                columns.len()
            ),
        ));
    }
    columns
        .into_iter()
        .zip(row.iter())
        .map(|(column, value)| {
            let value = if values::is_default(value) {
                values::default(databases, &target.relation, &column)?
            } else {
                value.clone()
            };
            Ok((column, value))
        })
        .collect()
}
