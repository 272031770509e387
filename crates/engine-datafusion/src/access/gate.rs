//! What a statement needs before it runs, by kind. What reads rows is asked again where the rows are looked up; a
//! statement that is not listed here is refused to roles with limits.
//!
//! <https://docs.snowflake.com/en/user-guide/security-access-control-privileges>

use catalog::ObjectKind;
use diagnostic::Result;
use engine::Session;
use model::{Identifier, RelationName, SchemaName};
use sql::command::{Change, Command, CreateObject, ObjectWord};
use sqlparser::ast::{
    self, AlterTableOperation, CommentObject, CreateTableLikeKind, FromTable, Insert, MergeAction,
    ObjectName, ObjectType, Statement, TableObject, Use,
};

use super::{Named, no_role, not_authorized};
use crate::Embedded;
use crate::commands::{database_name, function, kind_of};
use crate::dml::tree;
use crate::names::{namespace, relation};
use crate::provider::Databases;
use crate::stages::Location;
use crate::statement::unsupported;

/// Refuses a statement that the session's role may not run.
pub(crate) fn statement(engine: &Embedded, session: &Session, statement: &Statement) -> Result<()> {
    match Gate::of(engine, session) {
        None => Ok(()),
        Some(_) if matches!(statement, Statement::Use(Use::Role(_))) => Ok(()),
        Some(gate) => gate.known().and_then(|()| gate.statement(statement)),
    }
}

/// Refuses a command that the session's role may not run.
pub(crate) fn command(engine: &Embedded, session: &Session, command: &Command) -> Result<()> {
    match Gate::of(engine, session) {
        None => Ok(()),
        Some(gate) => gate.known().and_then(|()| gate.command(command)),
    }
}

/// Refuses to replace the rows of `name`, or to make a table of that name.
pub(crate) fn load(engine: &Embedded, session: &Session, name: &RelationName) -> Result<()> {
    let Some(gate) = Gate::of(engine, session) else {
        return Ok(());
    };
    gate.known()?;
    if gate.exists(name) {
        let fills = ["INSERT", "TRUNCATE"];
        return (fills.iter()).try_for_each(|privilege| gate.needs(name, privilege));
    }
    gate.in_schema(&name.namespace(), "CREATE TABLE")
}

struct Gate<'a> {
    databases: Databases,
    session: &'a Session,
}

impl<'a> Gate<'a> {
    /// Nobody asks where a role may do everything.
    fn of(engine: &Embedded, session: &'a Session) -> Option<Self> {
        engine.rights(session).is_limited().then(|| Self {
            databases: engine.databases(session),
            session,
        })
    }

    fn known(&self) -> Result<()> {
        match self.databases.rights.is_known() {
            true => Ok(()),
            false => {
                let roles = self.databases.workspace.roles().into_keys();
                Err(no_role(&self.databases.rights.role(), roles))
            }
        }
    }

    fn exists(&self, name: &RelationName) -> bool {
        self.databases.workspace.relation(name).is_some()
    }

    fn needs(&self, name: &RelationName, privilege: &str) -> Result<()> {
        self.databases
            .require(&Named::Relation(name.clone()), privilege)
    }

    fn owns(&self, named: Named) -> Result<()> {
        self.databases.require_ownership(&named)
    }

    fn in_schema(&self, schema: &SchemaName, privilege: &str) -> Result<()> {
        self.databases
            .require(&Named::Schema(schema.clone()), privilege)
    }

    fn global(&self, privilege: &str) -> Result<()> {
        self.databases.require(&Named::Account, privilege)
    }

    fn sees(&self, named: Named) -> Result<()> {
        match self.databases.sees(&named) {
            true => Ok(()),
            false => {
                let role = self.databases.rights.role();
                Err(not_authorized(&named, "a privilege", &role))
            }
        }
    }

    fn relation(&self, name: &ObjectName) -> Result<RelationName> {
        relation(self.session, name)
    }

    /// Ownership of a relation that may be missing.
    fn owns_relation(&self, name: &ObjectName, if_exists: bool) -> Result<()> {
        let name = self.relation(name)?;
        match if_exists && !self.exists(&name) {
            true => Ok(()),
            false => self.owns(Named::Relation(name)),
        }
    }

    /// Ownership of an object that may be missing.
    fn owns_object(&self, kind: ObjectKind, name: RelationName, if_exists: bool) -> Result<()> {
        let missing = self.databases.workspace.object(kind, &name).is_none();
        match if_exists && missing {
            true => Ok(()),
            false => self.owns(Named::Object(kind, name)),
        }
    }

    /// A new relation, or one in the place of another that the role owns.
    fn creates(
        &self,
        name: &ObjectName,
        privilege: &str,
        (or_replace, if_not_exists): (bool, bool),
    ) -> Result<()> {
        let name = self.relation(name)?;
        let named = Named::Relation(name.clone());
        if if_not_exists && self.exists(&name) && self.databases.sees(&named) {
            return Ok(());
        }
        self.in_schema(&name.namespace(), privilege)?;
        match or_replace && self.exists(&name) {
            true => self.owns(named),
            false => Ok(()),
        }
    }

    fn statement(&self, statement: &Statement) -> Result<()> {
        match statement {
            // Rows are asked for where they are looked up, listings leave out what the role does not see.
            Statement::Query(_)
            | Statement::Set(_)
            | Statement::AlterSession { .. }
            | Statement::ShowVariables { .. }
            | Statement::ShowTables { .. }
            | Statement::ShowViews { .. }
            | Statement::ShowSchemas { .. }
            | Statement::ShowDatabases { .. }
            | Statement::ShowObjects { .. }
            | Statement::ShowColumns { .. }
            | Statement::ShowFunctions { .. }
            | Statement::ExplainTable { .. }
            | Statement::StartTransaction { .. }
            | Statement::Commit { .. }
            | Statement::Rollback { .. } => Ok(()),
            Statement::Explain { statement, .. } => self.statement(statement),
            Statement::Use(target) => self.uses(target),
            Statement::CreateTable(create) => self.table(create),
            Statement::CreateView(create) => {
                let how = (create.or_replace, create.if_not_exists);
                self.creates(&create.name, "CREATE VIEW", how)
            }
            Statement::AlterTable(alter) => {
                self.owns_relation(&alter.name, alter.if_exists)?;
                (alter.operations.iter()).try_for_each(|change| self.alters(change))
            }
            Statement::Comment {
                object_type,
                object_name,
                if_exists,
                ..
            } => self.comments(*object_type, object_name, *if_exists),
            Statement::Drop {
                object_type,
                if_exists,
                names,
                ..
            } => (names.iter()).try_for_each(|name| match object_type {
                ObjectType::Schema => self.drops_schema(name, *if_exists),
                ObjectType::Database => self.drops_database(name, *if_exists),
                _ => self.owns_relation(name, *if_exists),
            }),
            Statement::Insert(insert) => self.inserts(insert),
            Statement::Update(update) => self.changes(&update.table.relation, &["UPDATE"]),
            Statement::Delete(delete) => {
                let (FromTable::WithFromKeyword(tables) | FromTable::WithoutKeyword(tables)) =
                    &delete.from;
                let mut factors = tables.iter().map(|table| &table.relation);
                factors.try_for_each(|factor| self.changes(factor, &["DELETE"]))
            }
            Statement::Truncate(truncate) => (truncate.table_names.iter()).try_for_each(|table| {
                let name = self.relation(&table.name)?;
                match truncate.if_exists && !self.exists(&name) {
                    true => Ok(()),
                    false => self.needs(&name, "TRUNCATE"),
                }
            }),
            Statement::Merge(merge) => {
                let privileges: Vec<&str> = (merge.clauses.iter())
                    .map(|clause| match clause.action {
                        MergeAction::Insert(_) => "INSERT",
                        MergeAction::Update(_) => "UPDATE",
                        MergeAction::Delete { .. } => "DELETE",
                    })
                    .collect();
                self.changes(&merge.table, &privileges)
            }
            other => Err(unsupported(other)),
        }
    }

    fn uses(&self, target: &Use) -> Result<()> {
        match target {
            Use::Database(name) => self.sees(Named::Database(database_name(name)?)),
            Use::Object(name) if name.0.len() == 1 => {
                self.sees(Named::Database(database_name(name)?))
            }
            Use::Schema(name) | Use::Object(name) => {
                self.sees(Named::Schema(namespace(self.session, name)?))
            }
            Use::Warehouse(name) => {
                let warehouse = Named::Warehouse(database_name(name)?);
                self.databases.require(&warehouse, "USAGE")
            }
            _ => Ok(()),
        }
    }

    fn table(&self, create: &ast::CreateTable) -> Result<()> {
        let how = (create.or_replace, create.if_not_exists);
        if create.temporary || create.volatile {
            // <https://docs.snowflake.com/en/sql-reference/sql/create-table#access-control-requirements>
            let name = self.relation(&create.name)?;
            self.sees(Named::Schema(name.namespace()))?;
            let known = self.databases.workspace.relation(&name);
            if create.or_replace && known.is_some_and(|known| known.details.temporary) {
                self.owns(Named::Relation(name))?;
            }
        } else {
            self.creates(&create.name, "CREATE TABLE", how)?;
        }
        let like = match &create.like {
            Some(CreateTableLikeKind::Plain(like) | CreateTableLikeKind::Parenthesized(like)) => {
                Some(&like.name)
            }
            None => None,
        };
        let mut sources = like.into_iter().chain(&create.clone);
        sources.try_for_each(|source| self.needs(&self.relation(source)?, "SELECT"))
    }

    fn alters(&self, change: &AlterTableOperation) -> Result<()> {
        match change {
            AlterTableOperation::RenameTable { table_name } => {
                use ast::RenameTableNameKind::{As, To};
                let (To(new) | As(new)) = table_name;
                self.in_schema(&self.relation(new)?.namespace(), "CREATE TABLE")
            }
            AlterTableOperation::SwapWith { table_name } => self.owns_relation(table_name, false),
            _ => Ok(()),
        }
    }

    fn comments(&self, kind: CommentObject, name: &ObjectName, if_exists: bool) -> Result<()> {
        match kind {
            CommentObject::Table | CommentObject::View => self.owns_relation(name, if_exists),
            CommentObject::Column => {
                let mut table = name.clone();
                table.0.pop();
                self.owns_relation(&table, if_exists)
            }
            CommentObject::Schema => self.owns(Named::Schema(namespace(self.session, name)?)),
            CommentObject::Database => self.owns(Named::Database(database_name(name)?)),
            CommentObject::Sequence => {
                self.owns_object(ObjectKind::Sequence, self.relation(name)?, if_exists)
            }
            other => Err(unsupported(&format!("COMMENT ON {other}"))),
        }
    }

    fn drops_schema(&self, name: &ObjectName, if_exists: bool) -> Result<()> {
        let name = namespace(self.session, name)?;
        match if_exists && !self.databases.workspace.namespaces().contains(&name) {
            true => Ok(()),
            false => self.owns(Named::Schema(name)),
        }
    }

    fn drops_database(&self, name: &ObjectName, if_exists: bool) -> Result<()> {
        let name = database_name(name)?;
        match if_exists && !self.has_database(&name) {
            true => Ok(()),
            false => self.owns(Named::Database(name)),
        }
    }

    fn has_database(&self, name: &Identifier) -> bool {
        let schemas = self.databases.workspace.namespaces();
        schemas.iter().any(|schema| schema.database == *name)
    }

    fn inserts(&self, insert: &Insert) -> Result<()> {
        // <https://docs.snowflake.com/en/sql-reference/sql/insert>: OVERWRITE deletes rows.
        let privileges: &[&str] = match insert.overwrite {
            true => &["INSERT", "DELETE"],
            false => &["INSERT"],
        };
        let mut targets = Vec::new();
        if insert.multi_table_insert_type.is_some() {
            let whens = insert.multi_table_when_clauses.iter();
            targets.extend(&insert.multi_table_into_clauses);
            targets.extend(whens.flat_map(|when| &when.into_clauses));
            targets.extend(insert.multi_table_else_clause.iter().flatten());
        }
        let mut names: Vec<&ObjectName> = targets.iter().map(|into| &into.table_name).collect();
        match &insert.table {
            _ if !names.is_empty() => {}
            TableObject::TableName(name) => names.push(name),
            other => return Err(unsupported(other)),
        }
        for name in names {
            let name = self.relation(name)?;
            (privileges.iter()).try_for_each(|privilege| self.needs(&name, privilege))?;
        }
        Ok(())
    }

    fn changes(&self, target: &ast::TableFactor, privileges: &[&str]) -> Result<()> {
        let Some((name, _)) = tree::called(target) else {
            return Err(unsupported(target));
        };
        let name = self.relation(&name)?;
        (privileges.iter()).try_for_each(|privilege| self.needs(&name, privilege))
    }

    fn command(&self, command: &Command) -> Result<()> {
        match command {
            Command::CopyIntoTable(copy) => self.needs(&self.relation(&copy.table)?, "INSERT"),
            Command::CopyIntoLocation(copy) => self.writes(&copy.location),
            Command::Put(transfer) => self.writes(&transfer.stage),
            Command::Remove(files) => self.writes(&files.stage),
            // Stages are asked for where they are looked up; what stands in blocks, when it runs; roles, by themselves.
            Command::Get(_)
            | Command::List(_)
            | Command::Block(_)
            | Command::Call(_)
            | Command::Roles(_)
            | Command::Show(_)
            | Command::Describe(_)
            | Command::DescribeSearch(_) => Ok(()),
            Command::CreateOrAlterTable(create) => {
                match self.exists(&self.relation(&create.name)?) {
                    true => self.owns_relation(&create.name, false),
                    false => self.creates(&create.name, "CREATE TABLE", (false, false)),
                }
            }
            Command::TableFromTemplate(create) => self.creates(
                &create.name,
                "CREATE TABLE",
                (create.or_replace, create.if_not_exists),
            ),
            Command::CreateExternalTable(create) => self.creates(
                &create.name,
                "CREATE EXTERNAL TABLE",
                (create.or_replace, create.if_not_exists),
            ),
            Command::DropExternalTable { name, if_exists } => self.owns_relation(name, *if_exists),
            Command::Create(create) => self.creates_object(create),
            Command::Alter(alter) => self.alters_object(alter),
            Command::Drop {
                kind,
                name,
                if_exists,
            } => self.owns_object(kind_of(*kind)?, self.relation(name)?, *if_exists),
            Command::Undrop { kind, name } => match kind {
                ObjectWord::Schema => {
                    let schema = namespace(self.session, name)?;
                    self.owns(Named::Database(schema.database))
                }
                ObjectWord::Database => self.global("CREATE DATABASE"),
                _ => self.owns(Named::Schema(self.relation(name)?.namespace())),
            },
            Command::CreateFunction(create) => {
                self.creates_called(ObjectKind::Function, create, "CREATE FUNCTION")
            }
            Command::CreateProcedure(create) => {
                self.creates_called(ObjectKind::Procedure, &create.0, "CREATE PROCEDURE")
            }
            Command::DropFunction {
                name,
                arguments,
                if_exists,
            } => {
                let name = function::with_types(&self.relation(name)?, arguments);
                self.owns_object(ObjectKind::Function, name, *if_exists)
            }
            Command::DropProcedure {
                name,
                arguments,
                if_exists,
            } => {
                let name = function::with_types(&self.relation(name)?, arguments);
                self.owns_object(ObjectKind::Procedure, name, *if_exists)
            }
        }
    }

    /// Files of a stage that are written or removed. That it may be read, its lookup asks.
    fn writes(&self, stage: &ObjectName) -> Result<()> {
        Location::named(&self.databases, stage)?.require_write(&self.databases)
    }

    /// A new object of a schema, or one in the place of another that the role owns.
    fn creates_kept(
        &self,
        kind: ObjectKind,
        name: RelationName,
        privilege: &str,
        (or_replace, if_not_exists): (bool, bool),
    ) -> Result<()> {
        let named = Named::Object(kind, name.clone());
        let exists = self.databases.workspace.object(kind, &name).is_some();
        if if_not_exists && exists && self.databases.sees(&named) {
            return Ok(());
        }
        self.in_schema(&name.namespace(), privilege)?;
        match or_replace && exists {
            true => self.owns(named),
            false => Ok(()),
        }
    }

    fn creates_called(
        &self,
        kind: ObjectKind,
        create: &sql::command::CreateFunction,
        privilege: &str,
    ) -> Result<()> {
        let kinds: Vec<_> = (create.arguments.iter())
            .map(|(_, kind, _)| kind.clone())
            .collect();
        let name = function::with_types(&self.relation(&create.name)?, &kinds);
        let how = (create.or_replace, create.if_not_exists);
        self.creates_kept(kind, name, privilege, how)
    }

    fn creates_object(&self, create: &CreateObject) -> Result<()> {
        let how = (create.or_replace, create.if_not_exists);
        match create.kind {
            ObjectWord::Database => {
                let name = database_name(&create.name)?;
                if self.has_database(&name) {
                    let named = Named::Database(name);
                    if create.if_not_exists && self.databases.sees(&named) {
                        return Ok(());
                    }
                    if create.or_replace {
                        self.owns(named)?;
                    }
                }
                self.global("CREATE DATABASE")?;
                match &create.clone {
                    Some(source) => {
                        let source = Named::Database(database_name(&source.name)?);
                        self.databases.require(&source, "USAGE")
                    }
                    None => Ok(()),
                }
            }
            ObjectWord::Schema => self.creates_schema(create),
            kind => {
                let privilege = format!("CREATE {}", kind.to_string().to_uppercase());
                let kind = kind_of(kind)?;
                self.creates_kept(kind, self.relation(&create.name)?, &privilege, how)?;
                match &create.clone {
                    Some(source) => {
                        let source = Named::Object(kind, self.relation(&source.name)?);
                        self.databases.require(&source, "USAGE")
                    }
                    None => Ok(()),
                }
            }
        }
    }

    fn creates_schema(&self, create: &CreateObject) -> Result<()> {
        let name = namespace(self.session, &create.name)?;
        let named = Named::Schema(name.clone());
        if self.databases.workspace.namespaces().contains(&name) {
            if create.if_not_exists && self.databases.sees(&named) {
                return Ok(());
            }
            if create.or_replace {
                self.owns(named)?;
            }
        }
        // A database comes with its first schema.
        match self.has_database(&name.database) {
            true => self
                .databases
                .require(&Named::Database(name.database), "CREATE SCHEMA")?,
            false => self.global("CREATE DATABASE")?,
        }
        match &create.clone {
            Some(source) => {
                let source = Named::Schema(namespace(self.session, &source.name)?);
                self.databases.require(&source, "USAGE")
            }
            None => Ok(()),
        }
    }

    fn alters_object(&self, alter: &sql::command::AlterObject) -> Result<()> {
        let declares = matches!(alter.change, Change::Set(_) | Change::Unset(_));
        let container = match alter.kind {
            ObjectWord::Table | ObjectWord::View => {
                self.owns_relation(&alter.name, alter.if_exists)?;
                return match &alter.change {
                    Change::Rename(new) => {
                        let schema = self.relation(new)?.namespace();
                        self.in_schema(&schema, "CREATE VIEW")
                    }
                    _ => Ok(()),
                };
            }
            ObjectWord::Schema => Named::Schema(namespace(self.session, &alter.name)?),
            ObjectWord::Database => Named::Database(database_name(&alter.name)?),
            kind => {
                let privilege = format!("CREATE {}", kind.to_string().to_uppercase());
                let mut name = self.relation(&alter.name)?;
                if matches!(kind, ObjectWord::Function | ObjectWord::Procedure) {
                    name = function::with_types(&name, &alter.arguments);
                }
                self.owns_object(kind_of(kind)?, name, alter.if_exists)?;
                return match &alter.change {
                    Change::Rename(new) => {
                        self.in_schema(&self.relation(new)?.namespace(), &privilege)
                    }
                    _ => Ok(()),
                };
            }
        };
        if declares && self.databases.may(&container, "MODIFY") {
            return Ok(());
        }
        self.owns(container)?;
        match (&alter.change, alter.kind) {
            (Change::Rename(new), ObjectWord::Schema) => {
                let database = namespace(self.session, new)?.database;
                self.databases
                    .require(&Named::Database(database), "CREATE SCHEMA")
            }
            (Change::Rename(_), _) => self.global("CREATE DATABASE"),
            (Change::Swap(other), ObjectWord::Schema) => {
                self.owns(Named::Schema(namespace(self.session, other)?))
            }
            (Change::Swap(other), _) => self.owns(Named::Database(database_name(other)?)),
            _ => Ok(()),
        }
    }
}
