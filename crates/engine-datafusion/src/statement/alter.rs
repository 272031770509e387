//! ALTER TABLE: <https://docs.snowflake.com/en/sql-reference/sql/alter-table>,
//! <https://docs.snowflake.com/en/sql-reference/sql/alter-table-column>.
//!
//! New columns are added to the log; what changes the columns of existing rows writes them again.

use std::sync::Arc;

use arrow::array::AsArray;
use arrow::datatypes::{DataType, Field, Int64Type, Schema};
use catalog::{Constraint, ConstraintKind, Details, Relation, RelationKind, SearchMethod};
use diagnostic::{Error, Result, Source, codes};
use engine::{Outcome, Session};
use lake::{Commit, Operation, TableFormat, check_partition_by, storable_schema};
use model::RelationName;
use sql::command::{Change, ColumnChange, CommandOption};
use sqlparser::ast::{
    self, AlterTable, AlterTableOperation, CheckConstraint, ColumnDef, ColumnOption, Ident,
    TableConstraint,
};

use super::definition::{check_of, constraint_of, declared, default, define, field_of};
use super::{done, unsupported, writable};
use crate::checks::{Check, declared as declared_check};
use crate::commands::search::{self, root};
use crate::names::{identifier, relation};
use crate::stages::single;
use crate::write::{Shape, write_plan};
use crate::{Embedded, embedded};

pub(super) async fn table(
    engine: &Embedded,
    session: &Session,
    alter: AlterTable,
) -> Result<Outcome> {
    let name = relation(session, &alter.name)?;
    let workspace = engine.workspace();
    if alter.if_exists && workspace.relation(&name).is_none() {
        return Ok(done(&name, "does not exist, statement succeeded"));
    }
    if alter.table_type.is_some() || alter.location.is_some() || alter.on_cluster.is_some() {
        return Err(unsupported(&alter));
    }
    writable(workspace, &name)?;
    let altering = Altering {
        engine,
        session,
        name: &name,
    };
    for operation in &alter.operations {
        altering.one(operation).await?;
    }
    Ok(done(&name, "successfully altered"))
}

/// SET, UNSET and ALTER COLUMN.
pub(crate) async fn change(
    engine: &Embedded,
    session: &Session,
    name: &ast::ObjectName,
    if_exists: bool,
    change: &Change,
) -> Result<Outcome> {
    let name = relation(session, name)?;
    let workspace = engine.workspace();
    if if_exists && workspace.relation(&name).is_none() {
        return Ok(done(&name, "does not exist, statement succeeded"));
    }
    writable(workspace, &name)?;
    let altering = Altering {
        engine,
        session,
        name: &name,
    };
    match change {
        Change::Columns(columns) => {
            for (column, change) in columns {
                altering.column(column, change).await?;
            }
        }
        Change::Add(columns) => {
            for (may_be_there, column) in columns {
                altering.add(column, *may_be_there).await?;
            }
        }
        Change::Set(options) => altering.set(options).await?,
        Change::Unset(names) => altering.unset(names).await?,
        Change::RenameConstraint(old, new) => altering.rename_constraint(old, new).await?,
        Change::Rely(name, rely) => {
            let wanted = identifier(name).as_str().to_owned();
            altering.key(
                name,
                |key| key.name == wanted,
                |key| key.rely = rely.unwrap_or(key.rely),
            )?;
        }
        Change::DropKey { foreign, columns } => altering.drop_key(*foreign, columns)?,
        Change::Search { add, on } => altering.search(*add, on).await?,
        Change::Rename(_) | Change::Swap(_) => return Err(unsupported(&"This change")),
    }
    Ok(done(&name, "successfully altered"))
}

pub(super) struct Altering<'a> {
    pub(super) engine: &'a Embedded,
    pub(super) session: &'a Session,
    pub(super) name: &'a RelationName,
}

impl Altering<'_> {
    pub(super) fn relation(&self) -> Result<Relation> {
        self.engine.workspace().relation(self.name).ok_or_else(|| {
            Error::new(
                codes::K3001,
                format!("Relation `{}` does not exist", self.name),
            )
        })
    }

    pub(super) async fn schema(&self) -> Result<arrow::datatypes::SchemaRef> {
        let relation = self.relation()?;
        let databases = self.engine.databases(self.session);
        let provider = databases.provider(self.name, &relation).await;
        Ok(provider.map_err(crate::failure::explain)?.schema())
    }

    /// Changes what is declared, and nothing else.
    pub(super) fn declare(&self, change: impl FnOnce(&mut Details)) -> Result<()> {
        let mut relation = self.relation()?;
        change(&mut relation.details);
        self.engine.workspace().stage_relation(self.name, relation)
    }

    async fn one(&self, operation: &AlterTableOperation) -> Result<()> {
        let workspace = self.engine.workspace();
        match operation {
            AlterTableOperation::AddColumn {
                if_not_exists,
                column_def,
                column_position: None,
                ..
            } => self.add(column_def, *if_not_exists).await,
            AlterTableOperation::DropColumn {
                column_names,
                if_exists,
                ..
            } => self.drop_columns(column_names, *if_exists).await,
            AlterTableOperation::RenameColumn {
                old_column_name,
                new_column_name,
            } => self.rename_column(old_column_name, new_column_name).await,
            AlterTableOperation::RenameTable { table_name } => {
                use ast::RenameTableNameKind::{As, To};
                let (To(new) | As(new)) = table_name;
                let new = relation(self.session, new)?;
                if workspace.relation(&new).is_some() {
                    return Err(Error::new(
                        codes::K3002,
                        format!("Relation `{new}` exists already"),
                    ));
                }
                super::create::known_namespace(self.engine, self.session, &new.namespace())?;
                let found = self.relation()?;
                workspace.drop_relation(self.name)?;
                workspace.stage_relation(&new, found)
            }
            AlterTableOperation::SwapWith { table_name } => {
                let other = relation(self.session, table_name)?;
                writable(workspace, &other)?;
                let (mine, theirs) = (self.relation()?, workspace.relation(&other));
                let Some(theirs) = theirs else {
                    return Err(Error::new(
                        codes::K3001,
                        format!("Relation `{other}` does not exist"),
                    ));
                };
                if mine.details.temporary != theirs.details.temporary {
                    return Err(Error::new(
                        codes::E1002,
                        "A temporary table and a permanent one cannot be swapped",
                    ));
                }
                workspace.stage_relation(self.name, theirs)?;
                workspace.stage_relation(&other, mine)
            }
            AlterTableOperation::ClusterBy { exprs } => {
                let keys: Vec<String> = exprs.iter().map(ToString::to_string).collect();
                self.declare(|details| details.cluster_by = Some(format!("({})", keys.join(", "))))
            }
            AlterTableOperation::DropClusteringKey => {
                self.declare(|details| details.cluster_by = None)
            }
            // Nothing is clustered in the background, so there is nothing to suspend.
            AlterTableOperation::SuspendRecluster | AlterTableOperation::ResumeRecluster => Ok(()),
            AlterTableOperation::AddConstraint {
                constraint: TableConstraint::Check(check),
                not_valid: false,
            } => self.add_check(check).await,
            AlterTableOperation::AddConstraint {
                constraint,
                not_valid: false,
            } => self.add_constraint(constraint).await,
            AlterTableOperation::DropConstraint {
                if_exists, name, ..
            } => {
                let wanted = identifier(name).as_str().to_owned();
                if self.drop_check(&wanted).await? {
                    return Ok(());
                }
                self.drop_constraint(*if_exists, name, |key| key.name == wanted)
            }
            AlterTableOperation::DropPrimaryKey { .. } => {
                self.drop_constraint(false, &Ident::new("PRIMARY KEY"), |key| {
                    key.kind == ConstraintKind::PrimaryKey
                })
            }
            other => Err(unsupported(other)),
        }
    }

    pub(super) async fn add(&self, column: &ColumnDef, if_not_exists: bool) -> Result<()> {
        let schema = self.schema().await?;
        let name = identifier(&column.name).as_str().to_owned();
        if schema.column_with_name(&name).is_some() {
            if if_not_exists {
                return Ok(());
            }
            return Err(Error::new(
                codes::K3006,
                format!("Column `{name}` exists already in `{}`", self.name),
            ));
        }
        let columns = std::slice::from_ref(column);
        let mut added = define(self.engine, self.session, self.name, columns, &[]).await?;
        let field = added.schema()?;
        let details = added.columns.pop().unwrap_or_default();
        let rows = self.count("").await?;
        let value = column
            .options
            .iter()
            .find_map(|option| match &option.option {
                ColumnOption::Default(value) => Some(value.to_string()),
                _ => None,
            });
        if rows > 0 && value.is_none() && (details.not_null || details.identity.is_some()) {
            return Err(Error::new(
                codes::E1201,
                format!("Column `{name}` is NOT NULL, but `{}` has rows", self.name),
            )
            .help("give it a default, or add it without NOT NULL and fill it first"));
        }
        match value {
            Some(value) if rows > 0 => {
                let kind = &column.data_type;
                let mut items = names(&schema);
                items.push(format!("cast({value} as {kind}) as {}", quoted(&name)));
                self.rewrite(&items).await?;
            }
            _ => {
                let workspace = self.engine.workspace();
                let table = workspace.table_to_write(self.name).await?;
                let before = table.schema().await?;
                let fields: Vec<_> = before
                    .fields()
                    .iter()
                    .chain(field.fields())
                    .cloned()
                    .collect();
                let mut commit = Commit::new(Operation::ChangeColumns);
                commit.schema = Some(Arc::new(Schema::new(fields)));
                let table = table.commit(&commit).await?;
                workspace.stage_table(self.name, &table, &[])?;
            }
        }
        for (name, condition) in &added.checks {
            self.add_condition(name, condition).await?;
        }
        let constraints = std::mem::take(&mut added.constraints);
        self.declare(|known| {
            known.columns.push(details);
            known.constraints.extend(constraints);
        })
    }

    pub(super) async fn drop_columns(&self, columns: &[Ident], if_exists: bool) -> Result<()> {
        let schema = self.schema().await?;
        let mut gone = Vec::new();
        for column in columns {
            let name = identifier(column).as_str().to_owned();
            match schema.column_with_name(&name) {
                Some(_) => gone.push(name),
                None if if_exists => {}
                None => return Err(self.no_column(&schema, &name)),
            }
        }
        if gone.is_empty() {
            return Ok(());
        }
        if gone.len() >= schema.fields().len() {
            return Err(Error::new(
                codes::E1002,
                "A table keeps at least one column",
            ));
        }
        let kept: Vec<String> = names(&schema)
            .into_iter()
            .filter(|name| !gone.iter().any(|gone| quoted(gone) == *name))
            .collect();
        self.rewrite(&kept).await?;
        self.declare(|details| {
            details
                .columns
                .retain(|column| !gone.contains(&column.name));
            details
                .constraints
                .retain(|key| !key.columns.iter().any(|column| gone.contains(column)));
            let searches = |one: &SearchMethod| gone.iter().any(|gone| root(&one.target) == gone);
            details.search.retain(|one| !searches(one));
        })
    }

    async fn rename_column(&self, old: &Ident, new: &Ident) -> Result<()> {
        let schema = self.schema().await?;
        let (old, new) = (identifier(old), identifier(new));
        let (old, new) = (old.as_str(), new.as_str());
        if schema.column_with_name(old).is_none() {
            return Err(self.no_column(&schema, old));
        }
        if schema.column_with_name(new).is_some() {
            return Err(Error::new(
                codes::K3006,
                format!("Column `{new}` exists already in `{}`", self.name),
            ));
        }
        let items: Vec<String> = schema
            .fields()
            .iter()
            .map(|field| match field.name() == old {
                true => format!("{} as {}", quoted(old), quoted(new)),
                false => quoted(field.name()),
            })
            .collect();
        self.rewrite(&items).await?;
        let rename = |name: &mut String| {
            if name == old {
                new.clone_into(name);
            }
        };
        self.declare(|details| {
            details
                .columns
                .iter_mut()
                .for_each(|column| rename(&mut column.name));
            for key in &mut details.constraints {
                key.columns.iter_mut().for_each(rename);
            }
            for one in &mut details.search {
                if root(&one.target) == old {
                    one.target = one.target.replacen(old, new, 1);
                }
            }
        })
    }

    pub(super) async fn column(&self, column: &Ident, change: &ColumnChange) -> Result<()> {
        let schema = self.schema().await?;
        let name = identifier(column).as_str().to_owned();
        let Some((_, field)) = schema.column_with_name(&name) else {
            return Err(self.no_column(&schema, &name));
        };
        match change {
            ColumnChange::Type(kind) => self.retype(&schema, field, kind).await,
            ColumnChange::NotNull(not_null) => {
                if *not_null && self.count(&format!("{} is null", quoted(&name))).await? > 0 {
                    return Err(Error::new(
                        codes::E1201,
                        format!("Column `{name}` has rows without a value"),
                    )
                    .help(format!("`update {} set {name} = …` first", self.name)));
                }
                self.declare_column(&name, |details| details.not_null = *not_null)
            }
            ColumnChange::Default(value) => {
                let value = match value {
                    Some(value) => Some(default(self.engine, self.session, value).await?),
                    None => None,
                };
                self.declare_column(&name, |details| {
                    details.default = value;
                    details.identity = None;
                })
            }
            ColumnChange::Comment(comment) => {
                self.declare_column(&name, |details| details.comment.clone_from(comment))
            }
        }
    }

    /// SET DATA TYPE: longer and shorter text and binary, more and fewer digits of numbers.
    async fn retype(&self, schema: &Schema, field: &Field, kind: &ast::DataType) -> Result<()> {
        let to = field_of(self.engine, self.session, kind).await?;
        let name = field.name();
        let (text, length) = declared(kind, to.data_type());
        let refused = || {
            Error::new(
                codes::E1002,
                format!(
                    "Column `{name}` of type {} cannot become {kind}",
                    crate::information_schema::type_name(field)
                ),
            )
            .help("add a column of the new type, fill it, drop the old one and rename the new one")
        };
        match (field.data_type(), to.data_type()) {
            (DataType::Utf8 | DataType::Utf8View, DataType::Utf8)
            | (DataType::Binary | DataType::BinaryView, DataType::Binary) => {
                if let Some(length) = length {
                    let longer = format!("length({}) > {length}", quoted(name));
                    if self.count(&longer).await? > 0 {
                        return Err(Error::new(
                            codes::E1202,
                            format!("Column `{name}` has values longer than {length}"),
                        ));
                    }
                }
            }
            (from, to) if from == to => {}
            (DataType::Int64, DataType::Decimal128(_, 0)) => self.cast(schema, name, kind).await?,
            (DataType::Decimal128(_, before), DataType::Decimal128(_, after))
                if before == after =>
            {
                self.cast(schema, name, kind).await?;
            }
            (DataType::Decimal128(_, 0), DataType::Int64) => self.cast(schema, name, kind).await?,
            _ => return Err(refused()),
        }
        self.declare_column(name, |details| {
            details.kind = text;
            details.length = length;
        })
    }

    async fn cast(&self, schema: &Schema, column: &str, kind: &ast::DataType) -> Result<()> {
        let items: Vec<String> = schema
            .fields()
            .iter()
            .map(|field| match field.name() == column {
                true => format!("cast({0} as {kind}) as {0}", quoted(column)),
                false => quoted(field.name()),
            })
            .collect();
        self.rewrite(&items).await
    }

    fn declare_column(
        &self,
        name: &str,
        change: impl FnOnce(&mut catalog::ColumnDetails),
    ) -> Result<()> {
        self.declare(|details| {
            match details
                .columns
                .iter_mut()
                .find(|column| column.name == name)
            {
                Some(column) => change(column),
                None => {
                    let mut column = catalog::ColumnDetails {
                        name: name.to_owned(),
                        ..catalog::ColumnDetails::default()
                    };
                    change(&mut column);
                    details.columns.push(column);
                }
            }
        })
    }

    async fn set(&self, options: &[CommandOption]) -> Result<()> {
        for option in options {
            match option.name.as_str() {
                "COMMENT" => {
                    let mut relation = self.relation()?;
                    relation.comment = Some(single(option)?);
                    self.engine
                        .workspace()
                        .stage_relation(self.name, relation)?;
                }
                "DATA_RETENTION_TIME_IN_DAYS" => {
                    let days = single(option)?.parse().ok().filter(|days| *days <= 90);
                    let Some(days) = days else {
                        return Err(Error::new(
                            codes::E1002,
                            format!("`{}` is no number of days from 0 to 90", option.value),
                        ));
                    };
                    self.declare(|details| details.retention_days = Some(days))?;
                }
                "CHANGE_TRACKING" => {
                    let on = single(option)?.to_ascii_lowercase().parse();
                    let on = on.map_err(|_| {
                        Error::new(codes::E1002, "CHANGE_TRACKING is TRUE or FALSE".to_owned())
                    })?;
                    self.track_changes(on).await?;
                }
                _ => {
                    return Err(unsupported(&format!(
                        "SET {} = {}",
                        option.name, option.value
                    )));
                }
            }
        }
        Ok(())
    }

    /// <https://docs.snowflake.com/en/sql-reference/sql/alter-table>: `SET CHANGE_TRACKING`.
    pub(super) async fn track_changes(&self, on: bool) -> Result<()> {
        let workspace = self.engine.workspace();
        let table = workspace.table_to_write(self.name).await?;
        if table.format() != TableFormat::Delta {
            return Err(Error::new(
                codes::K3014,
                format!(
                    "Table `{}` is kept as Iceberg, so its changes cannot be tracked",
                    self.name
                ),
            ));
        }
        if table.change_data_feed().await? == on {
            return Ok(());
        }
        let mut commit = Commit::new(Operation::ChangeColumns);
        commit.set_change_data_feed(on);
        workspace.stage_table(self.name, &table.commit(&commit).await?, &[])
    }

    async fn unset(&self, names: &[String]) -> Result<()> {
        for name in names {
            match name.as_str() {
                "COMMENT" => {
                    let mut relation = self.relation()?;
                    relation.comment = None;
                    self.engine
                        .workspace()
                        .stage_relation(self.name, relation)?;
                }
                "DATA_RETENTION_TIME_IN_DAYS" => {
                    self.declare(|details| details.retention_days = None)?;
                }
                "CHANGE_TRACKING" => self.track_changes(false).await?,
                _ => return Err(unsupported(&format!("UNSET {name}"))),
            }
        }
        Ok(())
    }

    async fn add_constraint(&self, constraint: &TableConstraint) -> Result<()> {
        let key = constraint_of(self.session, constraint)?;
        let schema = self.schema().await?;
        for column in &key.columns {
            if schema.column_with_name(column).is_none() {
                return Err(self.no_column(&schema, column));
            }
        }
        let relation = self.relation()?;
        let primary = key.kind == ConstraintKind::PrimaryKey;
        let mut keys = relation.details.constraints.iter();
        if primary && keys.any(|key| key.kind == ConstraintKind::PrimaryKey) {
            return Err(Error::new(
                codes::E1002,
                format!("`{}` has a primary key already", self.name),
            ));
        }
        self.declare(|details| details.constraints.push(key))
    }

    /// ADD CONSTRAINT … CHECK, which all rows must meet already.
    async fn add_check(&self, check: &CheckConstraint) -> Result<()> {
        let (name, condition) = check_of(check, None)?;
        self.add_condition(&name, &condition).await
    }

    async fn add_condition(&self, name: &str, condition: &str) -> Result<()> {
        let workspace = self.engine.workspace();
        let table = workspace.table_to_write(self.name).await?;
        let known = table.constraints().await?;
        let named = self.relation()?.details.constraints;
        if known.iter().any(|(other, _)| other == name) || named.iter().any(|k| k.name == name) {
            return Err(Error::new(
                codes::E1002,
                format!("`{}` has a constraint `{name}` already", self.name),
            ));
        }
        let added = [(name.to_owned(), condition.to_owned())];
        Check::all(self.engine, self.session, &table.schema().await?, &added).await?;
        let broken = self
            .count(&format!("not coalesce(({condition}), false)"))
            .await?;
        if broken > 0 {
            return Err(Error::new(
                codes::E1203,
                format!(
                    "{broken} rows of `{}` break the check constraint `{name}` (`{}`)",
                    self.name,
                    declared_check(condition)
                ),
            )
            .help(format!(
                "`select * from {} where not coalesce(({condition}), false)` shows them",
                self.name
            )));
        }
        self.constrain(name, Some(condition)).await
    }

    /// Whether there was a CHECK constraint `name`, which is gone now.
    async fn drop_check(&self, name: &str) -> Result<bool> {
        let table = self.engine.workspace().table(self.name).await?;
        let known = table.constraints().await?;
        let found = known.iter().any(|(other, _)| other == name);
        if found {
            self.constrain(name, None).await?;
        }
        Ok(found)
    }

    async fn constrain(&self, name: &str, condition: Option<&str>) -> Result<()> {
        let workspace = self.engine.workspace();
        let table = workspace.table_to_write(self.name).await?;
        let mut commit = Commit::new(Operation::ChangeColumns);
        commit.constrain(name, condition);
        workspace.stage_table(self.name, &table.commit(&commit).await?, &[])
    }

    fn drop_constraint(
        &self,
        if_exists: bool,
        name: &Ident,
        wanted: impl Fn(&catalog::Constraint) -> bool,
    ) -> Result<()> {
        let relation = self.relation()?;
        if !if_exists && !relation.details.constraints.iter().any(&wanted) {
            return Err(Error::new(
                codes::E1002,
                format!("`{}` has no constraint `{name}`", self.name),
            ));
        }
        self.declare(|details| details.constraints.retain(|key| !wanted(key)))
    }

    /// Changes the keys that are wanted; there has to be one.
    fn key(
        &self,
        name: &Ident,
        wanted: impl Fn(&Constraint) -> bool,
        change: impl Fn(&mut Constraint),
    ) -> Result<()> {
        let mut relation = self.relation()?;
        let keys = relation.details.constraints.iter_mut();
        let mut found = keys.filter(|key| wanted(key)).peekable();
        if found.peek().is_none() {
            return Err(Error::new(
                codes::E1002,
                format!("`{}` has no constraint `{name}`", self.name),
            ));
        }
        found.for_each(change);
        self.engine.workspace().stage_relation(self.name, relation)
    }

    async fn rename_constraint(&self, old: &Ident, new: &Ident) -> Result<()> {
        let (from, to) = (identifier(old), identifier(new));
        let (from, to) = (from.as_str(), to.as_str());
        let checks = self.engine.workspace().table(self.name).await?;
        let checks = checks.constraints().await?;
        let keys = self.relation()?.details.constraints;
        let known = |name: &str| {
            keys.iter().any(|key| key.name == name) || checks.iter().any(|(other, _)| other == name)
        };
        if known(to) {
            return Err(Error::new(
                codes::E1002,
                format!("`{}` has a constraint `{to}` already", self.name),
            ));
        }
        if let Some((_, condition)) = checks.iter().find(|(name, _)| name == from) {
            self.constrain(from, None).await?;
            return self.constrain(to, Some(condition)).await;
        }
        self.key(
            old,
            |key| key.name == from,
            |key| to.clone_into(&mut key.name),
        )
    }

    /// DROP UNIQUE or FOREIGN KEY of columns.
    fn drop_key(&self, foreign: bool, columns: &[Ident]) -> Result<()> {
        let wanted: Vec<String> = columns
            .iter()
            .map(|column| identifier(column).as_str().to_owned())
            .collect();
        let is_wanted = |key: &Constraint| {
            let kind = match &key.kind {
                ConstraintKind::ForeignKey { .. } => foreign,
                ConstraintKind::Unique => !foreign,
                ConstraintKind::PrimaryKey => false,
            };
            kind && key.columns == wanted
        };
        let called = format!("({})", wanted.join(", "));
        self.drop_constraint(false, &Ident::new(called), is_wanted)
    }

    async fn search(&self, add: bool, on: &[(String, String)]) -> Result<()> {
        let schema = self.schema().await?;
        let mut relation = self.relation()?;
        let known = &mut relation.details.search;
        match add {
            true => search::add(known, &schema, on)?,
            false => search::remove(known, on)?,
        }
        self.engine.workspace().stage_relation(self.name, relation)
    }

    /// How many rows meet `condition`.
    async fn count(&self, condition: &str) -> Result<i64> {
        let filter = match condition {
            "" => String::new(),
            condition => format!(" where {condition}"),
        };
        let text = format!("select count(*) from {}{filter}", full(self.name));
        let source = Source::new("alter table", text);
        let databases = self.engine.databases(self.session);
        let plan = embedded::plan_view(&databases, &source, &[]).await?;
        let (_, batches) = self.engine.collect(self.session, &plan).await?;
        Ok(batches
            .iter()
            .find(|batch| batch.num_rows() > 0)
            .map_or(0, |batch| {
                batch.column(0).as_primitive::<Int64Type>().value(0)
            }))
    }

    /// Writes all rows again, as `items` of a select list.
    async fn rewrite(&self, items: &[String]) -> Result<()> {
        let text = format!("select {} from {}", items.join(", "), full(self.name));
        let source = Source::new("alter table", text);
        let databases = self.engine.databases(self.session);
        let plan = embedded::plan_view(&databases, &source, &[]).await?;
        let workspace = self.engine.workspace();
        let table = workspace.table_to_write(self.name).await?;
        let schema = storable_schema(plan.schema().as_arrow())?;
        let state = self.engine.state(self.session)?;
        let partition_by = table.partition_by().await?;
        check_partition_by(&schema, &partition_by)?;
        // A column that a check reads stays as it is.
        let checks = Check::all(
            self.engine,
            self.session,
            &schema,
            &table.constraints().await?,
        )
        .await?;
        let shape = Shape::free(schema).partitioned(partition_by);
        let shape = Some(shape.checking(checks));
        let written = write_plan(state, &plan, &workspace.folder(&table), shape).await?;
        let mut commit = Commit::new(Operation::Overwrite);
        commit.remove_all = true;
        commit.add = written.files;
        commit.schema = Some(written.schema);
        if table.change_data_feed().await? {
            // Other columns are no changes of rows.
            commit.change_data = Some(Vec::new());
        }
        workspace.stage_table(self.name, &table.commit(&commit).await?, &[])
    }

    fn no_column(&self, schema: &Schema, name: &str) -> Error {
        let names: Vec<&str> = schema
            .fields()
            .iter()
            .map(|field| field.name().as_str())
            .collect();
        Error::new(
            codes::E1101,
            format!("Table `{}` has no column `{name}`", self.name),
        )
        .suggest(name, names)
    }
}

fn names(schema: &Schema) -> Vec<String> {
    schema
        .fields()
        .iter()
        .map(|field| quoted(field.name()))
        .collect()
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

fn full(name: &RelationName) -> String {
    [&name.database, &name.schema, &name.name]
        .map(|part| quoted(part.as_str()))
        .join(".")
}

/// COMMENT ON: <https://docs.snowflake.com/en/sql-reference/sql/comment>.
pub(super) async fn comment(
    engine: &Embedded,
    session: &Session,
    statement: ast::Statement,
) -> Result<Outcome> {
    let ast::Statement::Comment {
        object_type,
        object_name,
        comment,
        if_exists,
    } = &statement
    else {
        return Err(unsupported(&statement));
    };
    let workspace = engine.workspace();
    let comment = comment.clone().filter(|comment| !comment.is_empty());
    match object_type {
        ast::CommentObject::Table | ast::CommentObject::View => {
            let name = relation(session, object_name)?;
            let view = *object_type == ast::CommentObject::View;
            let found = workspace
                .relation(&name)
                .filter(|found| matches!(found.kind, RelationKind::View { .. }) == view);
            match found {
                Some(found) => workspace.stage_relation(&name, Relation { comment, ..found })?,
                None if *if_exists => {}
                None => {
                    return Err(Error::new(
                        codes::K3001,
                        format!("{object_type} `{name}` does not exist"),
                    ));
                }
            }
            Ok(done(&name, "was commented on"))
        }
        ast::CommentObject::Column => {
            let mut parts = object_name.0.clone();
            let column = parts.pop().and_then(|part| part.as_ident().cloned());
            let (Some(column), false) = (column, parts.is_empty()) else {
                return Err(unsupported(&statement));
            };
            let table = ast::ObjectName(parts);
            let change = Change::Columns(vec![(column, ColumnChange::Comment(comment))]);
            Box::pin(self::change(engine, session, &table, *if_exists, &change)).await
        }
        ast::CommentObject::Schema | ast::CommentObject::Database => {
            crate::commands::comment_on(engine, session, *object_type, object_name, comment)
        }
        ast::CommentObject::Sequence => {
            let name = relation(session, object_name)?;
            let kind = catalog::ObjectKind::Sequence;
            match workspace.object(kind, &name) {
                Some(mut object) => {
                    object.comment = comment;
                    workspace.change_object(kind, &name, Some(object));
                }
                None if *if_exists => {}
                None => {
                    return Err(Error::new(
                        codes::K3001,
                        format!("Sequence `{name}` does not exist"),
                    ));
                }
            }
            Ok(done(&name, "was commented on"))
        }
        _ => Err(unsupported(&statement)),
    }
}
