//! CREATE and ALTER: tables, views, schemas, databases.

use std::collections::HashSet;
use std::sync::Arc;

use arrow::datatypes::{Field, Schema, SchemaRef};
use catalog::RelationKind;
use datafusion::logical_expr::LogicalPlan;
use diagnostic::{Error, Result, codes};
use engine::{Outcome, Session};
use lake::{Commit, Operation, storable_schema};
use model::{Identifier, RelationName, SchemaName};
use sqlparser::ast::{
    AlterTable, AlterTableOperation, ColumnDef, CreateTable, CreateView, Query,
    SchemaName as AstSchemaName, Statement,
};

use super::{done, replacing, unsupported, writable};
use crate::embedded::rename;
use crate::names::{identifier, namespace, relation};
use crate::write::write_plan;
use crate::{Embedded, embedded};

/// The schema every new database has, as in Snowflake.
const DEFAULT_SCHEMA: &str = "PUBLIC";

pub(super) async fn table(
    engine: &Embedded,
    session: &Session,
    create: CreateTable,
) -> Result<Outcome> {
    let name = relation(session, &create.name)?;
    if create.like.is_some() || create.clone.is_some() || create.external || create.dynamic {
        return Err(unsupported(&create));
    }
    let exists = engine.workspace().relation(&name).is_some();
    if exists && create.if_not_exists {
        return Ok(done(&name, "already exists, statement succeeded"));
    }
    if exists && !create.or_replace {
        return Err(
            Error::new(codes::K3002, format!("Relation `{name}` exists already"))
                .help("write `create or replace`, or `create table if not exists`"),
        );
    }
    known_namespace(engine, &name.namespace())?;
    if exists {
        not_of_the_lake(engine, &name)?;
    }
    let plan = match &create.query {
        Some(query) => Some(query_plan(engine, session, query).await?),
        None => None,
    };
    let declared = match create.columns.as_slice() {
        [] => None,
        columns => Some(declared(engine, session, columns).await?),
    };
    let rows = fill(engine, session, &name, plan, declared).await?;
    Ok(match create.query {
        Some(_) => Outcome::Changed {
            inserted: rows,
            updated: 0,
            deleted: 0,
        },
        None => done(&name, "successfully created"),
    })
}

/// Writes the first or next version of `name`: `plan`'s rows as columns `declared`, or no rows.
async fn fill(
    engine: &Embedded,
    session: &Session,
    name: &RelationName,
    plan: Option<LogicalPlan>,
    declared: Option<SchemaRef>,
) -> Result<u64> {
    let workspace = engine.workspace();
    if let (Some(plan), Some(declared)) = (&plan, &declared)
        && plan.schema().fields().len() != declared.fields().len()
    {
        return Err(Error::new(
            codes::K3006,
            format!(
                "`{name}` is declared with {} columns, but its query gives {}",
                declared.fields().len(),
                plan.schema().fields().len()
            ),
        ));
    }
    if let Some(plan) = &plan {
        unique_columns(plan)?;
    }
    let table = replacing(workspace, name).await?;
    let mut commit = Commit::new(Operation::Overwrite);
    commit.remove_all = true;
    match plan {
        Some(plan) => {
            let folder = workspace.folder(&table);
            let written = write_plan(&engine.state(session), &plan, &folder, declared).await?;
            commit.add = written.files;
            commit.schema = Some(written.schema);
        }
        None => commit.schema = declared,
    }
    let rows = commit.add.iter().map(|file| file.rows).sum();
    let table = table.commit(&commit).await?;
    workspace.stage_table(name, &table, &[])?;
    Ok(rows)
}

async fn query_plan(engine: &Embedded, session: &Session, query: &Query) -> Result<LogicalPlan> {
    engine
        .plan(session, Statement::Query(Box::new(query.clone())))
        .await
}

fn unique_columns(plan: &LogicalPlan) -> Result<()> {
    let mut seen = HashSet::new();
    for field in plan.schema().fields() {
        if !seen.insert(field.name()) {
            return Err(Error::new(
                codes::K3006,
                format!("Column `{}` appears twice in the query", field.name()),
            )
            .help("give one of them another name with `as`"));
        }
    }
    Ok(())
}

/// The Arrow columns of column definitions, by planning `cast(null as TYPE)`: one place maps types.
async fn declared(
    engine: &Embedded,
    session: &Session,
    columns: &[ColumnDef],
) -> Result<SchemaRef> {
    let mut fields = Vec::new();
    for column in columns {
        if let Some(option) = column.options.first() {
            return Err(unsupported(&option.option).with("column", &column.name));
        }
        let text = format!("select cast(null as {}) as c", column.data_type);
        let source = diagnostic::Source::new("column type", text);
        let plan = embedded::plan_view(&engine.databases(session), &source, &[]).await?;
        let kind = plan.schema().field(0).data_type().clone();
        fields.push(Field::new(identifier(&column.name).as_str(), kind, true));
    }
    storable_schema(&Schema::new(fields))
}

pub(super) async fn view(
    engine: &Embedded,
    session: &Session,
    create: CreateView,
) -> Result<Outcome> {
    let name = relation(session, &create.name)?;
    if create.materialized || create.to.is_some() || create.with_no_schema_binding {
        return Err(unsupported(&create));
    }
    let workspace = engine.workspace();
    let exists = workspace.relation(&name).is_some();
    if exists && create.if_not_exists {
        return Ok(done(&name, "already exists, statement succeeded"));
    }
    if exists && !create.or_replace {
        return Err(
            Error::new(codes::K3002, format!("Relation `{name}` exists already"))
                .help("write `create or replace`"),
        );
    }
    known_namespace(engine, &name.namespace())?;
    if exists {
        not_of_the_lake(engine, &name)?;
    }
    let columns: Vec<String> = create
        .columns
        .iter()
        .map(|column| identifier(&column.name).as_str().to_owned())
        .collect();
    // A view that does not plan is refused now, not when somebody reads it.
    let plan = rename(query_plan(engine, session, &create.query).await?, &columns)?;
    unique_columns(&plan)?;
    workspace.stage(
        &name,
        RelationKind::View {
            sql: create.query.to_string(),
            namespace: SchemaName::new(session.database.clone(), session.schema.clone()),
            columns,
            secure: create.secure,
        },
    )?;
    Ok(done(&name, "successfully created"))
}

pub(super) fn schema(
    engine: &Embedded,
    session: &Session,
    statement: Statement,
) -> Result<Outcome> {
    let Statement::CreateSchema {
        schema_name: AstSchemaName::Simple(name),
        if_not_exists,
        ..
    } = &statement
    else {
        return Err(unsupported(&statement));
    };
    let name = namespace(session, name)?;
    if engine.workspace().namespaces().contains(&name) {
        return if *if_not_exists {
            Ok(done(&name, "already exists, statement succeeded"))
        } else {
            Err(Error::new(
                codes::K3002,
                format!("Schema `{name}` exists already"),
            ))
        };
    }
    engine.workspace().create_namespace(name.clone());
    Ok(done(&name, "successfully created"))
}

pub(super) fn database(engine: &Embedded, statement: Statement) -> Result<Outcome> {
    let Statement::CreateDatabase {
        db_name,
        if_not_exists,
        ..
    } = &statement
    else {
        return Err(unsupported(&statement));
    };
    let [sqlparser::ast::ObjectNamePart::Identifier(ident)] = db_name.0.as_slice() else {
        return Err(unsupported(&statement));
    };
    let database = identifier(ident);
    let namespaces = engine.workspace().namespaces();
    if namespaces.iter().any(|name| name.database == database) {
        return if *if_not_exists {
            Ok(done(&database, "already exists, statement succeeded"))
        } else {
            Err(Error::new(
                codes::K3002,
                format!("Database `{database}` exists already"),
            ))
        };
    }
    engine.workspace().create_namespace(SchemaName::new(
        database.clone(),
        Identifier::unquoted(DEFAULT_SCHEMA),
    ));
    Ok(done(&database, "successfully created"))
}

pub(super) async fn alter_table(
    engine: &Embedded,
    session: &Session,
    alter: AlterTable,
) -> Result<Outcome> {
    let name = relation(session, &alter.name)?;
    let workspace = engine.workspace();
    writable(workspace, &name)?;
    for operation in &alter.operations {
        match operation {
            AlterTableOperation::AddColumn { column_def, .. } => {
                let table = workspace.table_to_write(&name).await?;
                let added = declared(engine, session, std::slice::from_ref(column_def)).await?;
                let before = table.schema()?;
                let fields: Vec<_> = before
                    .fields()
                    .iter()
                    .chain(added.fields())
                    .cloned()
                    .collect();
                let mut commit = Commit::new(Operation::ChangeColumns);
                commit.schema = Some(Arc::new(Schema::new(fields)));
                workspace.stage_table(&name, &table.commit(&commit).await?, &[])?;
            }
            AlterTableOperation::RenameTable { table_name } => {
                use sqlparser::ast::RenameTableNameKind::{As, To};
                let (To(new) | As(new)) = table_name;
                let new = relation(session, new)?;
                if workspace.relation(&new).is_some() {
                    return Err(Error::new(
                        codes::K3002,
                        format!("Relation `{new}` exists already"),
                    ));
                }
                if let Some(found) = workspace.relation(&name) {
                    workspace.drop_relation(&name)?;
                    workspace.stage(&new, found.kind)?;
                }
            }
            other => return Err(unsupported(other)),
        }
    }
    Ok(done(&name, "successfully altered"))
}

fn known_namespace(engine: &Embedded, name: &SchemaName) -> Result<()> {
    let namespaces = engine.workspace().namespaces();
    if namespaces.contains(name) {
        return Ok(());
    }
    let names: Vec<String> = namespaces.iter().map(ToString::to_string).collect();
    Err(
        Error::new(codes::K3003, format!("Schema `{name}` does not exist"))
            .help(format!("`create schema {name}` makes it"))
            .suggest(&name.to_string(), names.iter().map(String::as_str)),
    )
}

fn not_of_the_lake(engine: &Embedded, name: &RelationName) -> Result<()> {
    match engine
        .workspace()
        .relation(name)
        .map(|relation| relation.kind)
    {
        Some(RelationKind::Table { hidden, .. }) if !hidden.is_empty() => {
            writable(engine.workspace(), name)
        }
        _ => Ok(()),
    }
}
