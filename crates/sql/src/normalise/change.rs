//! Statements that change tables: UPDATE … FROM and DELETE … USING become MERGE, the rest is checked.
//!
//! <https://docs.snowflake.com/en/sql-reference/sql/update>,
//! <https://docs.snowflake.com/en/sql-reference/sql/delete>. A row that several source rows match is an
//! error of MERGE; Snowflake's UPDATE would take any of them.

use diagnostic::Result;
use sqlparser::ast::helpers::attached_token::AttachedToken;
use sqlparser::ast::{
    CreateTable, Delete, Expr, FromTable, Insert, Join, JoinConstraint, JoinOperator, Merge,
    MergeAction, MergeClause, MergeClauseKind, MergeUpdateExpr, Statement as Ast, TableFactor,
    TableWithJoins, Update, UpdateTableFromKind, Value,
};

use crate::Statement;
use crate::refuse::{Refusal, unsupported};

/// Rewrites `statement` if it is an UPDATE or DELETE that reads other tables.
pub(super) fn to_merge(statement: &mut Statement) -> Result<()> {
    let merge = match &statement.ast {
        Ast::Update(update) => update_to_merge(update),
        Ast::Delete(delete) => delete_to_merge(delete),
        _ => return Ok(()),
    };
    match merge {
        Ok(Some(merge)) => statement.ast = Ast::Merge(merge),
        Ok(None) => {}
        Err(refusal) => {
            let place = statement.source.place(statement.span.clone());
            return Err(unsupported(&refusal.part, refusal.remedy, place));
        }
    }
    Ok(())
}

fn update_to_merge(update: &Update) -> Result<Option<Merge>, Refusal> {
    let Some(UpdateTableFromKind::BeforeSet(from) | UpdateTableFromKind::AfterSet(from)) =
        &update.from
    else {
        return Ok(None);
    };
    absent(
        !update.table.joins.is_empty(),
        "UPDATE of a join",
        "name one table and put the others in FROM",
    )?;
    let action = MergeAction::Update(MergeUpdateExpr {
        update_token: AttachedToken::empty(),
        assignments: update.assignments.clone(),
        update_predicate: None,
        delete_predicate: None,
    });
    let table = update.table.relation.clone();
    Ok(merge(table, from, update.selection.clone(), action))
}

fn delete_to_merge(delete: &Delete) -> Result<Option<Merge>, Refusal> {
    let Some(using) = &delete.using else {
        return Ok(None);
    };
    let (FromTable::WithFromKeyword(tables) | FromTable::WithoutKeyword(tables)) = &delete.from;
    let [TableWithJoins { relation, joins }] = tables.as_slice() else {
        return absent(
            true,
            "DELETE from several tables",
            "write one statement per table",
        )
        .map(|()| None);
    };
    absent(
        !joins.is_empty(),
        "DELETE from a join",
        "name one table and put the others in USING",
    )?;
    let action = MergeAction::Delete {
        delete_token: AttachedToken::empty(),
    };
    Ok(merge(
        relation.clone(),
        using,
        delete.selection.clone(),
        action,
    ))
}

fn merge(
    table: TableFactor,
    from: &[TableWithJoins],
    condition: Option<Expr>,
    action: MergeAction,
) -> Option<Merge> {
    let source = one_factor(from)?;
    let always = || Expr::value(Value::Boolean(true));
    Some(Merge {
        merge_token: AttachedToken::empty(),
        optimizer_hints: Vec::new(),
        into: true,
        table,
        source,
        on: Box::new(condition.unwrap_or_else(always)),
        clauses: vec![MergeClause {
            when_token: AttachedToken::empty(),
            clause_kind: MergeClauseKind::Matched,
            predicate: None,
            action,
        }],
        output: None,
    })
}

/// A FROM list as one factor: the tables of a comma list are cross joined.
fn one_factor(from: &[TableWithJoins]) -> Option<TableFactor> {
    let (first, others) = from.split_first()?;
    if others.is_empty() && first.joins.is_empty() {
        return Some(first.relation.clone());
    }
    let mut whole = first.clone();
    for other in others {
        whole.joins.push(Join {
            relation: other.relation.clone(),
            global: false,
            join_operator: JoinOperator::CrossJoin(JoinConstraint::None),
        });
        whole.joins.extend(other.joins.iter().cloned());
    }
    Some(TableFactor::NestedJoin {
        table_with_joins: Box::new(whole),
        alias: None,
    })
}

fn absent(present: bool, part: &str, remedy: &'static str) -> Result<(), Refusal> {
    if !present {
        return Ok(());
    }
    Err(Refusal {
        part: part.to_owned(),
        remedy,
    })
}

const LEAVE_OUT: &str = "leave it out: it belongs to another dialect";

/// Refuses what changing statements can hold and nobody implements.
pub(super) fn refuse(statement: &Ast) -> Result<(), Refusal> {
    match statement {
        Ast::Insert(insert) => refuse_insert(insert),
        Ast::Update(update) => {
            absent(
                update.returning.is_some() || update.output.is_some(),
                "RETURNING",
                "query the table afterwards",
            )?;
            absent(update.or.is_some(), "UPDATE OR …", LEAVE_OUT)?;
            absent(
                !update.order_by.is_empty() || update.limit.is_some(),
                "UPDATE … LIMIT",
                "filter with WHERE",
            )
        }
        Ast::Delete(delete) => {
            absent(
                delete.returning.is_some() || delete.output.is_some(),
                "RETURNING",
                "query the table first",
            )?;
            absent(
                !delete.tables.is_empty(),
                "DELETE from several tables",
                "write one statement per table",
            )?;
            absent(
                !delete.order_by.is_empty() || delete.limit.is_some(),
                "DELETE … LIMIT",
                "filter with WHERE",
            )
        }
        Ast::Merge(merge) => {
            absent(
                merge.output.is_some(),
                "OUTPUT",
                "query the table afterwards",
            )?;
            merge
                .clauses
                .iter()
                .try_for_each(|clause| match &clause.action {
                    MergeAction::Insert(insert) => absent(
                        insert.insert_predicate.is_some(),
                        "INSERT … WHERE in MERGE",
                        "write `when not matched and …`",
                    ),
                    MergeAction::Update(update) => absent(
                        update.update_predicate.is_some() || update.delete_predicate.is_some(),
                        "UPDATE … WHERE in MERGE",
                        "write `when matched and …`",
                    ),
                    MergeAction::Delete { .. } => Ok(()),
                })
        }
        Ast::CreateTable(table) => refuse_create_table(table),
        Ast::CreateView(view) => {
            absent(
                view.to.is_some() || view.params.is_some(),
                "This option of CREATE VIEW",
                LEAVE_OUT,
            )?;
            absent(
                view.with_no_schema_binding,
                "WITH NO SCHEMA BINDING",
                "leave it out: views bind late",
            )?;
            absent(
                !view.cluster_by.is_empty(),
                "CLUSTER BY on a view",
                "leave it out",
            )
        }
        _ => Ok(()),
    }
}

fn refuse_insert(insert: &Insert) -> Result<(), Refusal> {
    absent(
        insert.multi_table_insert_type.is_some(),
        "INSERT into several tables",
        "write one statement per table",
    )?;
    absent(
        insert.or.is_some() || insert.ignore || insert.replace_into,
        "INSERT OR …",
        "use MERGE",
    )?;
    absent(insert.on.is_some(), "ON CONFLICT", "use MERGE")?;
    absent(
        insert.returning.is_some() || insert.output.is_some(),
        "RETURNING",
        "query the table afterwards",
    )?;
    absent(
        insert.partitioned.is_some() || !insert.after_columns.is_empty(),
        "PARTITION in INSERT",
        LEAVE_OUT,
    )?;
    absent(
        insert.priority.is_some() || insert.insert_alias.is_some(),
        "This option of INSERT",
        LEAVE_OUT,
    )?;
    absent(
        insert.settings.is_some() || insert.format_clause.is_some(),
        "FORMAT in INSERT",
        LEAVE_OUT,
    )?;
    absent(
        !insert.assignments.is_empty(),
        "INSERT … SET",
        "write `insert into t (…) values (…)`",
    )
}

/// What the table is (columns, keys, query, clone, comment, transience, clustering) is the engine's to
/// honour or refuse; everything below would change the table and is not implemented anywhere.
fn refuse_create_table(table: &CreateTable) -> Result<(), Refusal> {
    absent(
        table.version.is_some(),
        "CLONE … AT",
        "clone the current version",
    )?;
    absent(
        table.dynamic || table.target_lag.is_some(),
        "A dynamic table",
        "use an incremental dbt model",
    )?;
    absent(
        table.external || table.location.is_some(),
        "An external table",
        "declare a source",
    )?;
    absent(
        table.iceberg,
        "An Iceberg table",
        "create a plain table: it is Delta",
    )?;
    absent(
        table.snapshot || table.without_rowid || table.strict,
        "This kind of table",
        LEAVE_OUT,
    )?;
    absent(
        table.partition_by.is_some() || table.partition_of.is_some(),
        "PARTITION BY",
        "leave it out",
    )?;
    absent(
        table.inherits.is_some() || table.on_commit.is_some(),
        "This option of CREATE TABLE",
        LEAVE_OUT,
    )?;
    absent(
        table.with_aggregation_policy.is_some(),
        "An aggregation policy",
        "leave it out",
    )?;
    absent(
        table.with_row_access_policy.is_some(),
        "A row access policy",
        "declare it under governance/",
    )?;
    absent(
        table.with_storage_lifecycle_policy.is_some(),
        "A storage lifecycle policy",
        "leave it out",
    )?;
    absent(
        table.default_ddl_collation.is_some(),
        "A default collation",
        "compare with `lower(…)`",
    )?;
    absent(
        table.diststyle.is_some() || table.distkey.is_some(),
        "DISTSTYLE",
        LEAVE_OUT,
    )?;
    absent(
        table.sortkey.is_some() || table.order_by.is_some(),
        "A sort key",
        "use CLUSTER BY",
    )
}
