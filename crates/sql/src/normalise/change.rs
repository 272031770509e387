//! Statements that change tables: what they can hold and nobody implements.

use sqlparser::ast::{CreateTable, Insert, MergeAction, Statement as Ast};

use crate::refuse::Refusal;

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
