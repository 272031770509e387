//! SHOW: <https://docs.snowflake.com/en/sql-reference/sql/show>, with Snowflake's columns.

use catalog::{ConstraintKind, ObjectBody, ObjectKind, Relation, RelationKind, Workspace};
use diagnostic::{Error, Result, codes};
use engine::{Outcome, Session};
use model::{Identifier, RelationName, SchemaName};
use sql::command::{Show, ShowIn};

use super::{containers::no_database, database_key, schema_key};
use crate::Embedded;
use crate::access::shown_owner;
use crate::failure::explain;
use crate::information_schema::{referenced, type_name};
use crate::listing::{Cell, Kind, Listing, count};
use crate::names::{namespace, relation};
use crate::statement::unsupported;

/// What every owner is.
const ROLE: &str = "ROLE";
/// Days that time travel goes back where nothing else is declared.
pub(crate) const RETENTION: i64 = 7;

pub(super) async fn run(engine: &Embedded, session: &Session, show: &Show) -> Result<Outcome> {
    if show.history {
        return Err(unsupported(&"SHOW … HISTORY"));
    }
    let look = Look {
        engine,
        session,
        show,
        scope: Scope::new(engine, session, show)?,
    };
    match show.kind.as_str() {
        "TABLES" => look.tables().await,
        "VIEWS" => look.views(),
        "OBJECTS" => look.objects().await,
        "SCHEMAS" => look.schemas(),
        "DATABASES" => look.databases(),
        "COLUMNS" => look.columns().await,
        "SEQUENCES" => look.sequences(),
        "STAGES" => look.stages(),
        "FILE FORMATS" => look.file_formats(),
        "USER FUNCTIONS" => look.functions(ObjectKind::Function),
        "PROCEDURES" | "USER PROCEDURES" => look.functions(ObjectKind::Procedure),
        "PRIMARY KEYS" => look.keys(&|kind| *kind == ConstraintKind::PrimaryKey),
        "UNIQUE KEYS" => look.keys(&|kind| *kind == ConstraintKind::Unique),
        "IMPORTED KEYS" | "EXPORTED KEYS" => look.foreign_keys(),
        "ROLES" => look.roles(),
        other => Err(unsupported(&format!("SHOW {other}"))),
    }
}

/// Where a SHOW looks.
enum Scope {
    Account,
    Database(Identifier),
    Schema(SchemaName),
    Table(RelationName),
}

impl Scope {
    fn new(engine: &Embedded, session: &Session, show: &Show) -> Result<Self> {
        let here = || {
            Self::Schema(SchemaName::new(
                session.database.clone(),
                session.schema.clone(),
            ))
        };
        let databases = show.kind == "SCHEMAS";
        let scope = match &show.within {
            None if matches!(show.kind.as_str(), "DATABASES" | "ROLES") => Self::Account,
            None => Self::Database(session.database.clone()),
            Some(ShowIn::Account) => Self::Account,
            Some(ShowIn::Database(None)) => Self::Database(session.database.clone()),
            Some(ShowIn::Database(Some(name))) => Self::Database(super::database_name(name)?),
            Some(ShowIn::Schema(None)) => here(),
            Some(ShowIn::Schema(Some(name))) => Self::Schema(namespace(session, name)?),
            Some(ShowIn::Table(name)) => Self::Table(relation(session, name)?),
            Some(ShowIn::Name(name)) => match (name.0.len(), show.kind.as_str()) {
                (1, _) if databases => Self::Database(super::database_name(name)?),
                (
                    _,
                    "COLUMNS" | "PRIMARY KEYS" | "UNIQUE KEYS" | "IMPORTED KEYS" | "EXPORTED KEYS",
                ) => Self::Table(relation(session, name)?),
                _ => Self::Schema(namespace(session, name)?),
            },
        };
        let seen = engine.databases(session);
        let (known, names) = (seen.namespaces(), seen.database_names());
        match &scope {
            Self::Schema(name) if !known.contains(name) => Err(Error::new(
                codes::K3003,
                format!("Schema `{name}` does not exist"),
            )),
            Self::Database(name) if !names.is_empty() && !names.contains(name) => {
                Err(no_database(engine, session, name))
            }
            Self::Table(name) if engine.databases(session).relation(name).is_none() => Err(
                Error::new(codes::K3001, format!("Relation `{name}` does not exist")),
            ),
            _ => Ok(scope),
        }
    }

    fn holds(&self, name: &RelationName) -> bool {
        match self {
            Self::Account => true,
            Self::Database(database) => name.database == *database,
            Self::Schema(schema) => name.namespace() == *schema,
            Self::Table(table) => name == table,
        }
    }
}

struct Look<'a> {
    engine: &'a Embedded,
    session: &'a Session,
    show: &'a Show,
    scope: Scope,
}

/// What owns objects that no other role has made.
pub(crate) const OWNER: &str = "ACCOUNTADMIN";

impl Look<'_> {
    /// Whether an object called `name` is listed.
    fn names(&self, name: &str) -> bool {
        self.show
            .like
            .as_ref()
            .is_none_or(|like| matches(like, name))
            && self
                .show
                .starts_with
                .as_ref()
                .is_none_or(|start| name.starts_with(start))
            && self
                .show
                .from
                .as_ref()
                .is_none_or(|from| name > from.as_str())
    }

    fn most(&self) -> usize {
        self.show
            .limit
            .and_then(|limit| usize::try_from(limit).ok())
            .unwrap_or(usize::MAX)
    }

    fn relations(&self, wanted: impl Fn(&Relation) -> bool) -> Vec<(RelationName, Relation)> {
        self.engine
            .databases(self.session)
            .relations()
            .into_iter()
            .filter(|(name, found)| {
                self.scope.holds(name) && self.names(name.name.as_str()) && wanted(found)
            })
            .take(self.most())
            .collect()
    }

    fn kept(&self, kind: ObjectKind) -> Vec<(RelationName, catalog::Object)> {
        self.engine
            .databases(self.session)
            .objects()
            .into_iter()
            .filter(|((other, name), _)| {
                // Functions are kept with the types of their arguments, and found without.
                let whole = name.name.as_str();
                let plain = match kind {
                    ObjectKind::Function | ObjectKind::Procedure => {
                        whole.split_once('(').map_or(whole, |(plain, _)| plain)
                    }
                    _ => whole,
                };
                *other == kind && self.scope.holds(name) && self.names(plain)
            })
            .map(|((_, name), object)| (name, object))
            .take(self.most())
            .collect()
    }

    /// <https://docs.snowflake.com/en/sql-reference/sql/show-roles>
    fn roles(&self) -> Result<Outcome> {
        let mut listing = Listing::new(&[
            ("created_on", Kind::Moment),
            ("name", Kind::Text),
            ("is_default", Kind::Text),
            ("is_current", Kind::Text),
            ("is_inherited", Kind::Text),
            ("assigned_to_users", Kind::Number),
            ("granted_to_roles", Kind::Number),
            ("granted_roles", Kind::Number),
            ("owner", Kind::Text),
            ("comment", Kind::Text),
        ]);
        let workspace = self.engine.workspace();
        let current = self.session.role();
        let enabled = governance::within(&current, &workspace.roles());
        let declared = workspace.objects_of(ObjectKind::Role);
        let yes = |truth: bool| if truth { "Y" } else { "N" };
        let all = super::show_grants::known_roles(workspace);
        let listed = all.into_iter().filter(|name| self.names(name.as_str()));
        for name in listed.take(self.most()) {
            let object = declared.get(&catalog::account_key(name.as_str()));
            let grants = object.map(|object| object.access.grants.as_slice());
            let to = |users: bool| {
                let grants = grants.unwrap_or_default().iter();
                let chosen = |grant: &&catalog::Grant| {
                    matches!(grant.grantee, catalog::Grantee::User(_)) == users
                };
                count(grants.filter(chosen).count() as u64)
            };
            let has = |object: &&catalog::Object| {
                let mut grants = object.access.grants.iter();
                grants.any(|grant| grant.grantee == catalog::Grantee::Role(name.clone()))
            };
            let created = object.map(|object| object.created_at.clone());
            let owner = match governance::is_system(&name) {
                true => String::new(),
                false => owner_of(object),
            };
            listing.push(vec![
                Cell::Moment(created.unwrap_or_default()),
                name.as_str().into(),
                yes(name.as_str() == OWNER).into(),
                yes(name == current).into(),
                yes(name != current && enabled.contains(&name)).into(),
                to(true),
                to(false),
                count(declared.values().filter(has).count() as u64),
                owner.into(),
                object
                    .and_then(|object| object.comment.clone())
                    .unwrap_or_default()
                    .into(),
            ]);
        }
        self.terse(listing, &["created_on", "name", "comment"])
    }

    async fn tables(&self) -> Result<Outcome> {
        let mut listing = Listing::new(&[
            ("created_on", Kind::Moment),
            ("name", Kind::Text),
            ("database_name", Kind::Text),
            ("schema_name", Kind::Text),
            ("kind", Kind::Text),
            ("comment", Kind::Text),
            ("cluster_by", Kind::Text),
            ("rows", Kind::Number),
            ("bytes", Kind::Number),
            ("owner", Kind::Text),
            ("retention_time", Kind::Text),
            ("automatic_clustering", Kind::Text),
            ("change_tracking", Kind::Text),
            ("search_optimization", Kind::Text),
            ("search_optimization_progress", Kind::Number),
            ("search_optimization_bytes", Kind::Number),
            ("is_external", Kind::Text),
            ("owner_role_type", Kind::Text),
            ("is_hybrid", Kind::Text),
            ("is_dynamic", Kind::Text),
            ("is_iceberg", Kind::Text),
        ]);
        let tables = self.relations(|found| matches!(found.kind, RelationKind::Table { .. }));
        for (name, found) in tables {
            let (rows, bytes) = size(self.engine.workspace(), &name).await;
            let retention = found.details.retention_days.map_or(RETENTION, i64::from);
            let searched = !found.details.search.is_empty();
            listing.push(vec![
                Cell::Moment(found.created_at.clone()),
                name.name.as_str().into(),
                name.database.as_str().into(),
                name.schema.as_str().into(),
                table_kind(&found).into(),
                found.comment.unwrap_or_default().into(),
                clustering(found.details.cluster_by.as_deref()).into(),
                rows,
                bytes,
                shown_owner(&found.access).into(),
                retention.to_string().into(),
                "OFF".into(),
                tracking(self.engine.workspace(), &name).await,
                if searched { "ON" } else { "OFF" }.into(),
                searched.then_some(100).into(),
                searched.then_some(0).into(),
                "N".into(),
                ROLE.into(),
                "N".into(),
                "N".into(),
                "N".into(),
            ]);
        }
        self.terse(
            listing,
            &["created_on", "name", "kind", "database_name", "schema_name"],
        )
    }

    fn views(&self) -> Result<Outcome> {
        let mut listing = Listing::new(&[
            ("created_on", Kind::Moment),
            ("name", Kind::Text),
            ("reserved", Kind::Text),
            ("database_name", Kind::Text),
            ("schema_name", Kind::Text),
            ("owner", Kind::Text),
            ("comment", Kind::Text),
            ("text", Kind::Text),
            ("is_secure", Kind::Text),
            ("is_materialized", Kind::Text),
            ("owner_role_type", Kind::Text),
            ("change_tracking", Kind::Text),
            ("kind", Kind::Text),
        ]);
        let databases = self.engine.databases(self.session);
        for (name, found) in self.relations(|found| matches!(found.kind, RelationKind::View { .. }))
        {
            let RelationKind::View { secure, .. } = &found.kind else {
                continue;
            };
            let text = match databases.shows_text(*secure, &found.access) {
                true => super::ddl::view(&name, &found),
                false => String::new(),
            };
            listing.push(vec![
                Cell::Moment(found.created_at.clone()),
                name.name.as_str().into(),
                "".into(),
                name.database.as_str().into(),
                name.schema.as_str().into(),
                shown_owner(&found.access).into(),
                found.comment.clone().unwrap_or_default().into(),
                text.into(),
                secure.to_string().into(),
                "false".into(),
                ROLE.into(),
                "OFF".into(),
                "VIEW".into(),
            ]);
        }
        if self.show.terse {
            return listing.only(&["created_on", "name", "kind", "database_name", "schema_name"]);
        }
        listing.only(&[
            "created_on",
            "name",
            "reserved",
            "database_name",
            "schema_name",
            "owner",
            "comment",
            "text",
            "is_secure",
            "is_materialized",
            "owner_role_type",
            "change_tracking",
        ])
    }

    async fn objects(&self) -> Result<Outcome> {
        let mut listing = Listing::new(&[
            ("created_on", Kind::Moment),
            ("name", Kind::Text),
            ("database_name", Kind::Text),
            ("schema_name", Kind::Text),
            ("kind", Kind::Text),
            ("comment", Kind::Text),
            ("cluster_by", Kind::Text),
            ("rows", Kind::Number),
            ("bytes", Kind::Number),
            ("owner", Kind::Text),
            ("retention_time", Kind::Text),
            ("owner_role_type", Kind::Text),
            ("is_hybrid", Kind::Text),
            ("is_dynamic", Kind::Text),
            ("is_iceberg", Kind::Text),
            ("is_interactive", Kind::Text),
        ]);
        for (name, found) in self.relations(|_| true) {
            let table = matches!(found.kind, RelationKind::Table { .. });
            // Sizes are dear where a schema holds many tables; TERSE does not show them.
            let (rows, bytes) = if table && !self.show.terse {
                size(self.engine.workspace(), &name).await
            } else {
                (Cell::Null, Cell::Null)
            };
            let retention = found.details.retention_days.map_or(RETENTION, i64::from);
            listing.push(vec![
                Cell::Moment(found.created_at.clone()),
                name.name.as_str().into(),
                name.database.as_str().into(),
                name.schema.as_str().into(),
                match found.kind {
                    RelationKind::Table { .. } => "TABLE",
                    RelationKind::External { .. } => "EXTERNAL TABLE",
                    RelationKind::View { .. } => "VIEW",
                }
                .into(),
                found.comment.clone().unwrap_or_default().into(),
                clustering(found.details.cluster_by.as_deref()).into(),
                rows,
                bytes,
                shown_owner(&found.access).into(),
                retention.to_string().into(),
                ROLE.into(),
                "N".into(),
                "N".into(),
                "N".into(),
                "N".into(),
            ]);
        }
        self.terse(
            listing,
            &["created_on", "name", "kind", "database_name", "schema_name"],
        )
    }

    fn terse(&self, listing: Listing, columns: &[&str]) -> Result<Outcome> {
        if self.show.terse {
            listing.only(columns)
        } else {
            listing.outcome()
        }
    }

    fn schemas(&self) -> Result<Outcome> {
        let mut listing = Listing::new(&[
            ("created_on", Kind::Moment),
            ("name", Kind::Text),
            ("is_default", Kind::Text),
            ("is_current", Kind::Text),
            ("database_name", Kind::Text),
            ("owner", Kind::Text),
            ("comment", Kind::Text),
            ("options", Kind::Text),
            ("retention_time", Kind::Text),
            ("owner_role_type", Kind::Text),
        ]);
        let workspace = self.engine.workspace();
        let times = workspace.catalog().namespace_times()?;
        for name in self.engine.databases(self.session).namespaces() {
            let key = schema_key(&name);
            if !self.scope.holds(&key) || !self.names(name.schema.as_str()) {
                continue;
            }
            let current =
                name.database == self.session.database && name.schema == self.session.schema;
            let object = workspace.object(ObjectKind::Schema, &key);
            let (options, retention) = container(object.as_ref().map(|object| &object.body));
            let created = times.iter().find(|(other, _)| *other == name);
            let owner = owner_of(object.as_ref());
            listing.push(vec![
                Cell::Moment(created.map(|(_, time)| time.clone()).unwrap_or_default()),
                name.schema.as_str().into(),
                "N".into(),
                if current { "Y" } else { "N" }.into(),
                name.database.as_str().into(),
                owner.into(),
                object
                    .and_then(|object| object.comment)
                    .unwrap_or_default()
                    .into(),
                options.into(),
                retention.to_string().into(),
                ROLE.into(),
            ]);
        }
        self.terse(listing, &["created_on", "name", "database_name"])
    }

    fn databases(&self) -> Result<Outcome> {
        let mut listing = Listing::new(&[
            ("created_on", Kind::Moment),
            ("name", Kind::Text),
            ("is_default", Kind::Text),
            ("is_current", Kind::Text),
            ("origin", Kind::Text),
            ("owner", Kind::Text),
            ("comment", Kind::Text),
            ("options", Kind::Text),
            ("retention_time", Kind::Text),
            ("kind", Kind::Text),
            ("owner_role_type", Kind::Text),
        ]);
        let workspace = self.engine.workspace();
        let times = workspace.catalog().namespace_times()?;
        for name in self.engine.databases(self.session).database_names() {
            if !self.names(name.as_str()) {
                continue;
            }
            let object = workspace.object(ObjectKind::Database, &database_key(&name));
            let (options, retention) = container(object.as_ref().map(|object| &object.body));
            let created = times
                .iter()
                .filter(|(other, _)| other.database == name)
                .map(|(_, time)| time)
                .min();
            let owner = owner_of(object.as_ref());
            listing.push(vec![
                Cell::Moment(created.cloned().unwrap_or_default()),
                name.as_str().into(),
                "N".into(),
                if name == self.session.database {
                    "Y"
                } else {
                    "N"
                }
                .into(),
                "".into(),
                owner.into(),
                object
                    .and_then(|object| object.comment)
                    .unwrap_or_default()
                    .into(),
                options.into(),
                retention.to_string().into(),
                "STANDARD".into(),
                ROLE.into(),
            ]);
        }
        self.terse(listing, &["created_on", "name", "kind"])
    }

    async fn columns(&self) -> Result<Outcome> {
        let mut listing = Listing::new(&[
            ("table_name", Kind::Text),
            ("schema_name", Kind::Text),
            ("column_name", Kind::Text),
            ("data_type", Kind::Text),
            ("null?", Kind::Text),
            ("default", Kind::Text),
            ("kind", Kind::Text),
            ("expression", Kind::Text),
            ("comment", Kind::Text),
            ("database_name", Kind::Text),
            ("autoincrement", Kind::Text),
        ]);
        for (name, found) in self.engine.databases(self.session).relations() {
            if !self.scope.holds(&name) {
                continue;
            }
            let provider = self
                .engine
                .databases(self.session)
                .provider(&name, &found)
                .await;
            for field in provider.map_err(explain)?.schema().fields() {
                if !self.names(field.name()) {
                    continue;
                }
                let details = found.details.column(field.name());
                let identity = details.and_then(|details| details.identity.as_ref());
                let not_null = details.is_some_and(|details| details.not_null);
                let kind = details
                    .map(|details| details.kind.clone())
                    .filter(|kind| !kind.is_empty())
                    .unwrap_or_else(|| type_name(field));
                listing.push(vec![
                    name.name.as_str().into(),
                    name.schema.as_str().into(),
                    field.name().as_str().into(),
                    type_as_json(&kind, !not_null).into(),
                    if not_null { "NOT_NULL" } else { "true" }.into(),
                    details
                        .and_then(|details| details.default.clone())
                        .unwrap_or_default()
                        .into(),
                    "COLUMN".into(),
                    "".into(),
                    details
                        .and_then(|details| details.comment.clone())
                        .unwrap_or_default()
                        .into(),
                    name.database.as_str().into(),
                    identity
                        .map(|identity| {
                            format!(
                                "IDENTITY START {} INCREMENT {} {}",
                                identity.start,
                                identity.step,
                                if identity.ordered { "ORDER" } else { "NOORDER" }
                            )
                        })
                        .unwrap_or_default()
                        .into(),
                ]);
            }
        }
        listing.outcome()
    }

    fn sequences(&self) -> Result<Outcome> {
        let mut listing = Listing::new(&[
            ("name", Kind::Text),
            ("database_name", Kind::Text),
            ("schema_name", Kind::Text),
            ("next_value", Kind::Number),
            ("interval", Kind::Number),
            ("created_on", Kind::Moment),
            ("owner", Kind::Text),
            ("comment", Kind::Text),
            ("owner_role_type", Kind::Text),
            ("ordered", Kind::Text),
        ]);
        for (name, object) in self.kept(ObjectKind::Sequence) {
            let ObjectBody::Sequence {
                id,
                start,
                step,
                ordered,
            } = &object.body
            else {
                continue;
            };
            let next = self.engine.workspace().catalog().next_value(id)?;
            let next = next.and_then(|next| i64::try_from(next).ok());
            listing.push(vec![
                name.name.as_str().into(),
                name.database.as_str().into(),
                name.schema.as_str().into(),
                next.unwrap_or(*start).into(),
                (*step).into(),
                Cell::Moment(object.created_at),
                shown_owner(&object.access).into(),
                object.comment.unwrap_or_default().into(),
                ROLE.into(),
                if *ordered { "Y" } else { "N" }.into(),
            ]);
        }
        listing.outcome()
    }

    fn stages(&self) -> Result<Outcome> {
        let mut listing = Listing::new(&[
            ("created_on", Kind::Moment),
            ("name", Kind::Text),
            ("database_name", Kind::Text),
            ("schema_name", Kind::Text),
            ("url", Kind::Text),
            ("has_credentials", Kind::Text),
            ("has_encryption_key", Kind::Text),
            ("owner", Kind::Text),
            ("comment", Kind::Text),
            ("region", Kind::Text),
            ("type", Kind::Text),
            ("cloud", Kind::Text),
            ("notification_channel", Kind::Text),
            ("storage_integration", Kind::Text),
            ("endpoint", Kind::Text),
            ("owner_role_type", Kind::Text),
            ("directory_enabled", Kind::Text),
        ]);
        for (name, object) in self.kept(ObjectKind::Stage) {
            let ObjectBody::Stage { url, options, .. } = &object.body else {
                continue;
            };
            let directory = options
                .get("DIRECTORY")
                .is_some_and(|directory| directory.contains("ENABLE = TRUE"));
            listing.push(vec![
                Cell::Moment(object.created_at.clone()),
                name.name.as_str().into(),
                name.database.as_str().into(),
                name.schema.as_str().into(),
                url.clone().unwrap_or_default().into(),
                "N".into(),
                "N".into(),
                shown_owner(&object.access).into(),
                object.comment.clone().unwrap_or_default().into(),
                Cell::Null,
                if url.is_some() {
                    "EXTERNAL"
                } else {
                    "INTERNAL"
                }
                .into(),
                Cell::Null,
                Cell::Null,
                Cell::Null,
                Cell::Null,
                ROLE.into(),
                if directory { "Y" } else { "N" }.into(),
            ]);
        }
        listing.outcome()
    }

    fn file_formats(&self) -> Result<Outcome> {
        let mut listing = Listing::new(&[
            ("created_on", Kind::Moment),
            ("name", Kind::Text),
            ("database_name", Kind::Text),
            ("schema_name", Kind::Text),
            ("type", Kind::Text),
            ("owner", Kind::Text),
            ("comment", Kind::Text),
            ("format_options", Kind::Text),
            ("owner_role_type", Kind::Text),
        ]);
        for (name, object) in self.kept(ObjectKind::FileFormat) {
            let ObjectBody::FileFormat { options } = &object.body else {
                continue;
            };
            let kind = options.get("TYPE").map_or("CSV", String::as_str);
            let json = serde_json::to_string(options).unwrap_or_default();
            listing.push(vec![
                Cell::Moment(object.created_at.clone()),
                name.name.as_str().into(),
                name.database.as_str().into(),
                name.schema.as_str().into(),
                kind.trim_matches('\'').to_uppercase().into(),
                shown_owner(&object.access).into(),
                object.comment.clone().unwrap_or_default().into(),
                json.into(),
                ROLE.into(),
            ]);
        }
        listing.outcome()
    }

    fn functions(&self, kind: ObjectKind) -> Result<Outcome> {
        let mut listing = Listing::new(&[
            ("created_on", Kind::Moment),
            ("name", Kind::Text),
            ("schema_name", Kind::Text),
            ("is_builtin", Kind::Text),
            ("is_aggregate", Kind::Text),
            ("arguments", Kind::Text),
            ("description", Kind::Text),
            ("catalog_name", Kind::Text),
            ("is_table_function", Kind::Text),
            ("is_secure", Kind::Text),
            ("language", Kind::Text),
        ]);
        for (name, object) in self.kept(kind) {
            let ObjectBody::Function {
                returns, secure, ..
            } = &object.body
            else {
                continue;
            };
            let (plain, result, table) = super::function::signature(&name, returns);
            listing.push(vec![
                Cell::Moment(object.created_at.clone()),
                plain.into(),
                name.schema.as_str().into(),
                "N".into(),
                "N".into(),
                format!("{} RETURN {result}", name.name.as_str()).into(),
                object
                    .comment
                    .clone()
                    .unwrap_or_else(|| format!("user-defined {kind}"))
                    .into(),
                name.database.as_str().into(),
                if table { "Y" } else { "N" }.into(),
                if *secure { "Y" } else { "N" }.into(),
                "SQL".into(),
            ]);
        }
        listing.outcome()
    }

    fn keys(&self, wanted: &dyn Fn(&ConstraintKind) -> bool) -> Result<Outcome> {
        let mut listing = Listing::new(&[
            ("created_on", Kind::Moment),
            ("database_name", Kind::Text),
            ("schema_name", Kind::Text),
            ("table_name", Kind::Text),
            ("column_name", Kind::Text),
            ("key_sequence", Kind::Number),
            ("constraint_name", Kind::Text),
            ("rely", Kind::Text),
            ("comment", Kind::Text),
        ]);
        for (name, found) in self.engine.databases(self.session).relations() {
            if !self.scope.holds(&name) {
                continue;
            }
            for key in found
                .details
                .constraints
                .iter()
                .filter(|key| wanted(&key.kind))
            {
                for (column, at) in key.columns.iter().zip(1_i64..) {
                    listing.push(vec![
                        Cell::Moment(found.created_at.clone()),
                        name.database.as_str().into(),
                        name.schema.as_str().into(),
                        name.name.as_str().into(),
                        column.as_str().into(),
                        at.into(),
                        key.name.as_str().into(),
                        key.rely.to_string().into(),
                        key.comment.clone().into(),
                    ]);
                }
            }
        }
        listing.outcome()
    }

    fn foreign_keys(&self) -> Result<Outcome> {
        let mut listing = Listing::new(&[
            ("created_on", Kind::Moment),
            ("pk_database_name", Kind::Text),
            ("pk_schema_name", Kind::Text),
            ("pk_table_name", Kind::Text),
            ("pk_column_name", Kind::Text),
            ("fk_database_name", Kind::Text),
            ("fk_schema_name", Kind::Text),
            ("fk_table_name", Kind::Text),
            ("fk_column_name", Kind::Text),
            ("key_sequence", Kind::Number),
            ("update_rule", Kind::Text),
            ("delete_rule", Kind::Text),
            ("fk_name", Kind::Text),
            ("pk_name", Kind::Text),
            ("deferrability", Kind::Text),
            ("rely", Kind::Text),
            ("comment", Kind::Text),
        ]);
        let exported = self.show.kind == "EXPORTED KEYS";
        let relations = self.engine.databases(self.session).relations();
        for (name, found) in &relations {
            for key in &found.details.constraints {
                let ConstraintKind::ForeignKey { table, columns } = &key.kind else {
                    continue;
                };
                let mut others = relations.iter();
                let other = others.find(|(other, _)| other.to_string() == *table);
                let holds = match (other, exported) {
                    (Some((other, _)), true) => self.scope.holds(other),
                    (None, true) => false,
                    (_, false) => self.scope.holds(name),
                };
                let Some((other, target)) = other.filter(|_| holds) else {
                    continue;
                };
                let primary = referenced(target, columns);
                let targets = match (columns.is_empty(), primary) {
                    (true, Some(primary)) => &primary.columns,
                    _ => columns,
                };
                for (at, column) in key.columns.iter().enumerate() {
                    listing.row([
                        ("created_on", Cell::Moment(found.created_at.clone())),
                        ("pk_database_name", other.database.as_str().into()),
                        ("pk_schema_name", other.schema.as_str().into()),
                        ("pk_table_name", other.name.as_str().into()),
                        ("pk_column_name", targets.get(at).cloned().into()),
                        ("fk_database_name", name.database.as_str().into()),
                        ("fk_schema_name", name.schema.as_str().into()),
                        ("fk_table_name", name.name.as_str().into()),
                        ("fk_column_name", column.as_str().into()),
                        ("key_sequence", i64::try_from(at + 1).unwrap_or(0).into()),
                        ("update_rule", "NO ACTION".into()),
                        ("delete_rule", "NO ACTION".into()),
                        ("fk_name", key.name.as_str().into()),
                        ("pk_name", primary.map(|key| key.name.clone()).into()),
                        ("deferrability", "NOT DEFERRABLE".into()),
                        ("rely", key.rely.to_string().into()),
                        ("comment", key.comment.clone().into()),
                    ]);
                }
            }
        }
        listing.outcome()
    }
}

/// The owner of a schema or database, about which nothing need be declared.
fn owner_of(object: Option<&catalog::Object>) -> String {
    object.map_or_else(|| OWNER.to_owned(), |object| shown_owner(&object.access))
}

/// Rows and bytes of a table.
pub(crate) async fn size(workspace: &Workspace, name: &RelationName) -> (Cell, Cell) {
    let Ok(table) = workspace.table(name).await else {
        return (Cell::Null, Cell::Null);
    };
    let Ok(files) = table.files().await else {
        return (Cell::Null, Cell::Null);
    };
    let rows = files.iter().filter_map(|file| file.rows).sum();
    (count(rows), count(files.iter().map(|file| file.size).sum()))
}

/// Whether a table has a change data feed.
async fn tracking(workspace: &Workspace, name: &RelationName) -> Cell {
    let Ok(table) = workspace.table(name).await else {
        return Cell::Null;
    };
    match table.change_data_feed().await {
        Ok(true) => "ON".into(),
        Ok(false) => "OFF".into(),
        Err(_) => Cell::Null,
    }
}

/// TABLE, TRANSIENT or TEMPORARY.
pub(crate) fn table_kind(found: &Relation) -> &'static str {
    if found.details.temporary {
        "TEMPORARY"
    } else if found.details.transient {
        "TRANSIENT"
    } else {
        "TABLE"
    }
}

pub(crate) fn clustering(keys: Option<&str>) -> String {
    match keys {
        None => String::new(),
        Some(keys) if keys.starts_with('(') => format!("LINEAR{keys}"),
        Some(keys) => format!("LINEAR({keys})"),
    }
}

/// What is declared about a schema or database: TRANSIENT, and days of retention.
pub(crate) fn container(body: Option<&ObjectBody>) -> (&'static str, i64) {
    match body {
        Some(ObjectBody::Container {
            transient,
            retention_days,
        }) => (
            if *transient { "TRANSIENT" } else { "" },
            retention_days.map_or(RETENTION, i64::from),
        ),
        _ => ("", RETENTION),
    }
}

/// The characters, and the bytes, of a VARCHAR that names no length.
/// <https://docs.snowflake.com/en/sql-reference/data-types-text>
const LONGEST: u64 = 16_777_216;

/// A type as SHOW COLUMNS writes it.
fn type_as_json(kind: &str, nullable: bool) -> String {
    let (name, arguments) = match kind.split_once('(') {
        Some((name, arguments)) => (name, arguments.trim_end_matches(')')),
        None => (kind, ""),
    };
    let mut numbers = arguments.split(',').map(str::trim);
    let first = numbers.next().unwrap_or_default();
    match name {
        "NUMBER" => {
            let scale = numbers.next().unwrap_or("0");
            format!(
                "{{\"type\":\"FIXED\",\"precision\":{first},\"scale\":{scale},\"nullable\":{nullable}}}"
            )
        }
        "VARCHAR" => {
            let length: u64 = first.parse().unwrap_or(LONGEST);
            // A character takes at most four bytes.
            let bytes = length.saturating_mul(4).min(LONGEST);
            format!(
                "{{\"type\":\"TEXT\",\"length\":{length},\"byteLength\":{bytes},\"nullable\":{nullable},\"fixed\":false}}"
            )
        }
        "FLOAT" => format!("{{\"type\":\"REAL\",\"nullable\":{nullable}}}"),
        "TIMESTAMP_NTZ" | "TIMESTAMP_LTZ" | "TIMESTAMP_TZ" | "TIME" => format!(
            "{{\"type\":\"{name}\",\"precision\":0,\"scale\":{},\"nullable\":{nullable}}}",
            if first.is_empty() { "9" } else { first }
        ),
        _ => format!("{{\"type\":\"{name}\",\"nullable\":{nullable}}}"),
    }
}

/// LIKE of SHOW: without regard to case, `%` and `_`.
fn matches(pattern: &str, name: &str) -> bool {
    fn rest(pattern: &[char], name: &[char]) -> bool {
        match pattern.split_first() {
            None => name.is_empty(),
            Some(('%', behind)) => {
                (0..=name.len()).any(|skip| rest(behind, name.get(skip..).unwrap_or_default()))
            }
            Some(('_', behind)) => match name.split_first() {
                Some((_, name)) => rest(behind, name),
                None => false,
            },
            Some((letter, behind)) => match name.split_first() {
                Some((first, name)) => first == letter && rest(behind, name),
                None => false,
            },
        }
    }
    let letters = |text: &str| -> Vec<char> { text.to_uppercase().chars().collect() };
    rest(&letters(pattern), &letters(name))
}
