//! CREATE TABLE: <https://docs.snowflake.com/en/sql-reference/sql/create-table>.

use std::collections::HashSet;
use std::sync::Arc;

use catalog::{Access, ColumnDetails, Details, IdentityColumn, Relation, RelationKind};
use datafusion::logical_expr::{LogicalPlan, LogicalPlanBuilder};
use datafusion::prelude::Expr as PlanExpr;
use diagnostic::{Error, Result, codes};
use engine::{Outcome, Session};
use functions::cast_to_column;
use lake::{Commit, Operation};
use model::{RelationName, RunId, SchemaName};
use sqlparser::ast::{
    CreateTable, CreateTableLikeKind, CreateTableOptions, ObjectName, SqlOption, Statement,
    TableVersion,
};

use super::definition::{Definition, define};
use super::{done, kind_word, replacing, unsupported, writable};
use crate::Embedded;
use crate::access::created;
use crate::checks::Check;
use crate::dml::values::fits;
use crate::embedded::Planned;
use crate::failure::explain;
use crate::names::relation;
use crate::prepare::moment;
use crate::write::{Shape, write_plan};

pub(crate) async fn table(
    engine: &Embedded,
    session: &Session,
    create: CreateTable,
) -> Result<Outcome> {
    let name = relation(session, &create.name)?;
    if create.external || create.dynamic || create.iceberg || create.with_tags.is_some() {
        return Err(unsupported(&create));
    }
    let temporary = create.temporary || create.volatile;
    let wanted = Wanted {
        kind: "table",
        or_replace: create.or_replace,
        if_not_exists: create.if_not_exists,
        temporary,
    };
    if let Some(outcome) = standing(engine, session, &name, &wanted)? {
        return Ok(outcome);
    }
    let mut details = Details {
        transient: create.transient,
        temporary,
        cluster_by: create.cluster_by.as_ref().map(ToString::to_string),
        retention_days: create
            .data_retention_time_in_days
            .and_then(|days| u32::try_from(days).ok()),
        ..Details::default()
    };
    let comment = comment(&create)?;
    if let Some(source) = &create.clone {
        if create.change_tracking.is_some() {
            // A clone has its source's.
            return Err(unsupported(&create));
        }
        let relation = cloned(engine, session, source, create.version.as_ref()).await?;
        let clone = clone_of(engine, &relation, details, comment)?;
        let (copies, source) = (create.copy_grants, Some(&relation.access));
        let clone = created(engine, session, &name, clone, copies, source);
        engine.workspace().stage_relation(&name, clone)?;
        return Ok(done(&name, "successfully created"));
    }
    let mut like_access = None;
    let mut definition = match (&create.like, create.columns.as_slice()) {
        (Some(CreateTableLikeKind::Plain(like)), []) => {
            let like_name = relation(session, &like.name)?;
            let found = engine.workspace().relation(&like_name);
            like_access = found.map(|found| found.access);
            like_of(engine, session, &like.name, &mut details).await?
        }
        (Some(_), _) => return Err(unsupported(&create)),
        (None, []) if create.query.is_none() => {
            return Err(
                Error::new(codes::E1002, format!("Table `{name}` has no columns"))
                    .help("write `create table t (a int, …)`, or `create table t as select …`"),
            );
        }
        (None, columns) => define(engine, session, &name, columns, &create.constraints).await?,
    };
    details.columns = std::mem::take(&mut definition.columns);
    details.constraints = std::mem::take(&mut definition.constraints);
    let plan = match &create.query {
        Some(query) => {
            let query = Statement::Query(Box::new(query.as_ref().clone()));
            Some(engine.planned(session, query).await?)
        }
        None => None,
    };
    let plain = plan.is_none();
    let relation = New {
        details,
        comment,
        definition,
        change_tracking: create.change_tracking == Some(true),
        copy_grants: create.copy_grants,
        like: like_access,
    };
    let rows = fill(engine, session, &name, plan, relation).await?;
    Ok(if plain {
        done(&name, "successfully created")
    } else {
        Outcome::inserted(rows)
    })
}

/// What CREATE is about to make.
pub(crate) struct Wanted {
    /// What [`kind_word`] calls it.
    pub(crate) kind: &'static str,
    /// OR REPLACE.
    pub(crate) or_replace: bool,
    /// IF NOT EXISTS.
    pub(crate) if_not_exists: bool,
    /// TEMPORARY.
    pub(crate) temporary: bool,
}

/// Refuses OR REPLACE beside IF NOT EXISTS.
pub(crate) fn either(or_replace: bool, if_not_exists: bool) -> Result<()> {
    match or_replace && if_not_exists {
        false => Ok(()),
        true => Err(Error::new(
            codes::E1002,
            "OR REPLACE and IF NOT EXISTS contradict each other",
        )),
    }
}

/// What CREATE does about a relation that stands at `name`: an outcome if there is nothing to do.
///
/// Tables and views share their names, and neither takes the place of the other.
pub(crate) fn standing(
    engine: &Embedded,
    session: &Session,
    name: &RelationName,
    wanted: &Wanted,
) -> Result<Option<Outcome>> {
    either(wanted.or_replace, wanted.if_not_exists)?;
    known_namespace(engine, session, &name.namespace())?;
    let found = engine.workspace().relation(name);
    // A temporary table hides a permanent one of its name, and the other way round.
    let Some(found) = found.filter(|found| found.details.temporary == wanted.temporary) else {
        return Ok(None);
    };
    let kind = kind_word(&found.kind);
    if kind != wanted.kind {
        return Err(Error::new(
            codes::K3002,
            format!("`{name}` exists already, as a {kind}"),
        )
        .help(format!(
            "`drop {kind} {name}` makes room for the {}",
            wanted.kind
        )));
    }
    if wanted.if_not_exists {
        return Ok(Some(done(name, "already exists, statement succeeded")));
    }
    if !wanted.or_replace {
        return Err(
            Error::new(codes::K3002, format!("Relation `{name}` exists already"))
                .help("write `create or replace`, or `create … if not exists`"),
        );
    }
    not_of_the_lake(engine, name)?;
    Ok(None)
}

/// The comment and nothing else that `create`'s options say.
pub(super) fn comment(create: &CreateTable) -> Result<Option<String>> {
    let own = create.comment.as_ref().map(comment_text);
    match &create.table_options {
        CreateTableOptions::None => Ok(own),
        CreateTableOptions::Plain(options) => {
            let mut found = own;
            for option in options {
                match option {
                    SqlOption::Comment(text) => found = Some(comment_text(text)),
                    other => return Err(unsupported(other)),
                }
            }
            Ok(found)
        }
        other => Err(unsupported(other)),
    }
}

fn comment_text(comment: &sqlparser::ast::CommentDef) -> String {
    use sqlparser::ast::CommentDef::{WithEq, WithoutEq};
    let (WithEq(text) | WithoutEq(text)) = comment;
    text.clone()
}

/// The table `source` as it is, or was.
async fn cloned(
    engine: &Embedded,
    session: &Session,
    source: &ObjectName,
    version: Option<&TableVersion>,
) -> Result<Relation> {
    let source = relation(session, source)?;
    let workspace = engine.workspace();
    let found = match version {
        None => workspace.relation(&source).ok_or_else(|| {
            Error::new(codes::K3001, format!("Relation `{source}` does not exist"))
        })?,
        Some(version) => {
            let at = moment(&engine.databases(session), version).await?;
            workspace.relation_at(&source, &at)?
        }
    };
    match &found.kind {
        RelationKind::Table { hidden, .. } if hidden.is_empty() => Ok(found),
        RelationKind::Table { .. } => Err(Error::new(
            codes::E2002,
            format!(
                "Table `{source}` is written by its data contract only, so it cannot be cloned"
            ),
        )
        .help("write `create table … as select * from …`")),
        RelationKind::View { .. } => Err(Error::new(
            codes::K3002,
            format!("`{source}` is a view, so it cannot be cloned as a table"),
        )),
        RelationKind::External { .. } => Err(Error::new(
            codes::K3002,
            format!("`{source}` is an external table, so it cannot be cloned"),
        )
        .help("write `create table … as select * from …`")),
    }
}

fn clone_of(
    engine: &Embedded,
    source: &Relation,
    declared: Details,
    comment: Option<String>,
) -> Result<Relation> {
    let mut clone = copy_of(engine, source.clone())?;
    clone.details.transient = declared.transient;
    clone.details.temporary = declared.temporary;
    clone.details.cluster_by = declared.cluster_by.or(clone.details.cluster_by);
    clone.details.retention_days = declared.retention_days.or(clone.details.retention_days);
    clone.comment = comment.or(clone.comment);
    if declared.temporary {
        return Err(
            unsupported(&"a temporary clone").help("write `create temporary table … as select`")
        );
    }
    Ok(clone)
}

/// A relation of its own that reads the same files as `source`.
pub(crate) fn copy_of(engine: &Embedded, source: Relation) -> Result<Relation> {
    let mut details = source.details;
    details.borrowed = matches!(source.kind, RelationKind::Table { .. });
    for column in &mut details.columns {
        if let Some(identity) = &mut column.identity {
            let catalog = engine.workspace().catalog();
            let next = catalog.next_value(&identity.sequence)?;
            *identity = IdentityColumn {
                sequence: RunId::fresh().to_string(),
                start: next
                    .and_then(|next| i64::try_from(next).ok())
                    .unwrap_or(identity.start),
                ..identity.clone()
            };
        }
    }
    Ok(Relation {
        details,
        comment: source.comment,
        ..Relation::new(source.kind)
    })
}

/// The columns of `source`, and what is declared about them.
async fn like_of(
    engine: &Embedded,
    session: &Session,
    source: &ObjectName,
    details: &mut Details,
) -> Result<Definition> {
    let source = relation(session, source)?;
    let workspace = engine.workspace();
    let Some(found) = workspace.relation(&source) else {
        return Err(Error::new(
            codes::K3001,
            format!("Relation `{source}` does not exist"),
        ));
    };
    let provider = engine.databases(session).provider(&source, &found).await;
    let fields = provider.map_err(explain)?.schema().fields().to_vec();
    let columns = found
        .details
        .columns
        .into_iter()
        .map(|column| ColumnDetails {
            identity: column.identity.map(|identity| IdentityColumn {
                sequence: RunId::fresh().to_string(),
                ..identity
            }),
            ..column
        })
        .collect();
    details.cluster_by = details.cluster_by.take().or(found.details.cluster_by);
    let checks = workspace.table(&source).await?.constraints().await?;
    Ok(Definition {
        fields,
        columns,
        constraints: found.details.constraints,
        checks,
    })
}

/// What a new table is made with.
pub(crate) struct New {
    pub(crate) details: Details,
    pub(crate) comment: Option<String>,
    pub(crate) definition: Definition,
    /// Whether it has a change data feed.
    pub(crate) change_tracking: bool,
    /// COPY GRANTS.
    pub(crate) copy_grants: bool,
    /// What is granted on the table it is made like.
    pub(crate) like: Option<Access>,
}

/// Writes the first or next version of `name`: the rows of a plan, or no rows.
pub(crate) async fn fill(
    engine: &Embedded,
    session: &Session,
    name: &RelationName,
    planned: Option<Planned>,
    new: New,
) -> Result<u64> {
    let workspace = engine.workspace();
    let declared = !new.definition.fields.is_empty();
    let schema = if declared {
        Some(new.definition.schema()?)
    } else {
        None
    };
    let planned = match planned {
        Some(Planned { state, plan }) => {
            unique_columns(&plan)?;
            let plan = match declared {
                true => typed(name, plan, &new.definition)?,
                false => plan,
            };
            Some(Planned { state, plan })
        }
        None => None,
    };
    let table = if new.details.temporary {
        workspace.temporary().place(workspace.catalog(), name)?
    } else {
        replacing(workspace, name).await?
    };
    let mut commit = Commit::new(Operation::Overwrite);
    commit.remove_all = true;
    commit.partition_by = Some(Vec::new());
    for (name, _) in table.constraints().await? {
        commit.constrain(&name, None);
    }
    for (name, condition) in &new.definition.checks {
        commit.constrain(name, Some(condition));
    }
    let checks = match &schema {
        Some(schema) => Check::all(engine, session, schema, &new.definition.checks).await?,
        None => Arc::new([]) as Arc<[Check]>,
    };
    let mut kept = None;
    match planned {
        Some(Planned { state, plan }) => {
            let folder = workspace.folder(&table);
            let shape = schema.map(|schema| Shape::new(schema, &new.details).checking(checks));
            let written = write_plan(state, &plan, &folder, shape).await?;
            commit.add = written.files;
            commit.schema = Some(written.schema);
            kept = written.rows;
        }
        None => commit.schema = schema,
    }
    let rows = commit.add.iter().map(|file| file.rows).sum();
    if table.change_data_feed().await? != new.change_tracking {
        // A table that takes the place of another has what is said of it.
        commit.set_change_data_feed(new.change_tracking);
    }
    let table = table.commit(&commit).await?;
    let kind = workspace.pointer(name, &table, &[])?;
    if let Some(rows) = kept {
        workspace.keep_rows(&table, &commit.add, rows);
    }
    let relation = Relation {
        details: new.details,
        comment: new.comment,
        ..Relation::new(kind)
    };
    let like = new.like.as_ref();
    let relation = created(engine, session, name, relation, new.copy_grants, like);
    workspace.stage_relation(name, relation)?;
    Ok(rows)
}

/// `plan`'s columns, by position, as the declared ones.
fn typed(name: &RelationName, plan: LogicalPlan, definition: &Definition) -> Result<LogicalPlan> {
    let columns = plan.schema().columns();
    if columns.len() != definition.fields.len() {
        return Err(Error::new(
            codes::K3006,
            format!(
                "`{name}` is declared with {} columns, but its query gives {}",
                definition.fields.len(),
                columns.len()
            ),
        ));
    }
    for (value, column) in plan.schema().fields().iter().zip(&definition.fields) {
        fits(value, column)?;
    }
    let typed: Vec<_> = columns
        .into_iter()
        .zip(&definition.fields)
        .map(|(column, field)| cast_to_column(PlanExpr::Column(column), field).alias(field.name()))
        .collect();
    LogicalPlanBuilder::from(plan)
        .project(typed)
        .and_then(LogicalPlanBuilder::build)
        .map_err(explain)
}

pub(super) fn unique_columns(plan: &LogicalPlan) -> Result<()> {
    let mut seen = HashSet::new();
    for field in plan.schema().fields() {
        let name = sql::shown_name(field.name());
        if !seen.insert(name) {
            return Err(Error::new(
                codes::K3006,
                format!("Column `{name}` appears twice in the query"),
            )
            .help("give one of them another name with `as`"));
        }
    }
    Ok(())
}

/// Refuses a schema that does not exist. PUBLIC of a database exists from its beginning.
pub(crate) fn known_namespace(
    engine: &Embedded,
    session: &Session,
    name: &SchemaName,
) -> Result<()> {
    let namespaces = engine.workspace().namespaces();
    if namespaces.contains(name) {
        return Ok(());
    }
    if crate::commands::is_implicit(session, &namespaces, name) {
        engine.workspace().create_namespace(name.clone());
        return Ok(());
    }
    let names: Vec<String> = namespaces.iter().map(ToString::to_string).collect();
    Err(
        Error::new(codes::K3003, format!("Schema `{name}` does not exist"))
            .help(format!("`create schema {name}` makes it"))
            .suggest(&name.to_string(), names.iter().map(String::as_str)),
    )
}

pub(super) fn not_of_the_lake(engine: &Embedded, name: &RelationName) -> Result<()> {
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
