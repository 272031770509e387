//! Where access is declared: the keys of schemas, databases, roles, warehouses and the account among objects, and what
//! an object is granted as it comes into its schema.

use std::collections::BTreeMap;

use governance::{Roles, Securable, settle};
use model::{Identifier, RelationName, SchemaName};
use state::{Access, Object, ObjectKind, RelationKind};

use crate::Workspace;

/// The key under which what is declared about a schema is kept.
#[must_use]
pub fn schema_key(name: &SchemaName) -> RelationName {
    name.relation(Identifier::quoted(""))
}

/// The key under which what is declared about a database is kept.
#[must_use]
pub fn database_key(name: &Identifier) -> RelationName {
    RelationName {
        database: name.clone(),
        schema: Identifier::quoted(""),
        name: Identifier::quoted(""),
    }
}

/// The key under which a role, a warehouse or (without a name) the account is kept.
#[must_use]
pub fn account_key(name: &str) -> RelationName {
    RelationName {
        database: Identifier::quoted(""),
        schema: Identifier::quoted(""),
        name: Identifier::quoted(name),
    }
}

/// What is granted on a relation of this kind is granted on such an object.
#[must_use]
pub fn securable(kind: &RelationKind) -> Securable {
    match kind {
        RelationKind::Table { .. } => Securable::Table,
        RelationKind::External { .. } => Securable::ExternalTable,
        RelationKind::View { .. } => Securable::View,
    }
}

/// What is granted on an object of this kind is granted on such an object.
#[must_use]
pub fn securable_object(kind: ObjectKind) -> Securable {
    match kind {
        ObjectKind::Database => Securable::Database,
        ObjectKind::Schema => Securable::Schema,
        ObjectKind::Sequence => Securable::Sequence,
        ObjectKind::FileFormat => Securable::FileFormat,
        ObjectKind::Stage => Securable::Stage,
        ObjectKind::Function => Securable::Function,
        ObjectKind::Procedure => Securable::Procedure,
        ObjectKind::Role => Securable::Role,
        ObjectKind::Warehouse => Securable::Warehouse,
        ObjectKind::Account => Securable::Account,
    }
}

impl Workspace {
    /// The roles that were created, and system roles that were granted, with what is granted on each.
    #[must_use]
    pub fn roles(&self) -> Roles {
        let objects: BTreeMap<RelationName, Object> = self.objects_of(ObjectKind::Role);
        objects
            .into_iter()
            .map(|(key, object)| (key.name, object.access))
            .collect()
    }

    /// Who owns the object `name`, and what is granted on it; nothing is, where nothing is declared.
    #[must_use]
    pub fn object_access(&self, kind: ObjectKind, name: &RelationName) -> Access {
        self.object(kind, name)
            .map(|object| object.access)
            .unwrap_or_default()
    }

    /// Lets the object of `kind` called `name` be `object`, with what its schema grants on new objects.
    pub fn create_object(&self, kind: ObjectKind, name: &RelationName, mut object: Object) {
        self.settle(securable_object(kind), name, &mut object.access);
        self.change_object(kind, name, Some(object));
    }

    /// Adds what the schema and database of `name` grant on new objects of `kind`.
    pub(crate) fn settle(&self, kind: Securable, name: &RelationName, access: &mut Access) {
        let schema = self.object_access(ObjectKind::Schema, &schema_key(&name.namespace()));
        let database = self.object_access(ObjectKind::Database, &database_key(&name.database));
        settle(access, kind, &schema, &database);
    }
}
