//! The version of a relation's data: a table's generation, or for a view what it reads.

use std::collections::BTreeMap;

use catalog::{RelationKind, Workspace};
use diagnostic::Source;
use model::{Identifier, RelationName, SchemaName};

/// Versions of data as one workspace sees them, each computed once.
pub(crate) struct Versions<'a> {
    workspace: &'a Workspace,
    known: BTreeMap<RelationName, String>,
}

impl<'a> Versions<'a> {
    pub(crate) fn new(workspace: &'a Workspace) -> Self {
        Self {
            workspace,
            known: BTreeMap::new(),
        }
    }

    /// A text that changes whenever the rows of `name` may have changed. A relation that does not
    /// exist has the version `-`.
    pub(crate) fn of(&mut self, name: &RelationName) -> String {
        if let Some(version) = self.known.get(name) {
            return version.clone();
        }
        // A view that reads itself would not end; while it is looked at, it counts as nothing.
        self.known.insert(name.clone(), "-".to_owned());
        let version = match self.workspace.relation(name) {
            None => "-".to_owned(),
            Some(relation) => match relation.kind {
                RelationKind::Table { .. } => relation.generation.to_string(),
                RelationKind::View { sql, namespace, .. } => {
                    let mut hasher = blake3::Hasher::new();
                    hasher.update(sql.as_bytes());
                    for read in reads(&sql, &namespace) {
                        hasher.update(read.to_string().as_bytes());
                        hasher.update(self.of(&read).as_bytes());
                    }
                    hasher.finalize().to_hex()[..16].to_owned()
                }
            },
        };
        self.known.insert(name.clone(), version.clone());
        version
    }
}

/// The relations a view's query names.
fn reads(query: &str, namespace: &SchemaName) -> Vec<RelationName> {
    let source = Source::new("view", query);
    // What does not parse cannot be read either; reading it says why.
    let Ok(statements) = sql::parse_script(&source) else {
        return Vec::new();
    };
    statements
        .iter()
        .flat_map(|statement| sql::relations(&statement.ast))
        .filter_map(|name| {
            let mut parts = name.0.iter().rev().map(|part| {
                part.as_ident()
                    .map(|ident| Identifier::quoted(ident.value.clone()))
            });
            let relation = parts.next()??;
            let schema = parts.next().flatten();
            let database = parts.next().flatten();
            Some(RelationName {
                database: database.unwrap_or_else(|| namespace.database.clone()),
                schema: schema.unwrap_or_else(|| namespace.schema.clone()),
                name: relation,
            })
        })
        .collect()
}
