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

    /// The versions of everything that `query` names, by name; `None` unless all names are complete.
    pub(crate) fn read_by(&mut self, query: &str) -> Option<BTreeMap<String, String>> {
        let read = reads(query, None)?;
        let versions = read
            .into_iter()
            .map(|name| (name.to_string(), self.of(&name)));
        Some(versions.collect())
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
                // Its writer does not tell us.
                RelationKind::External { .. } => model::RunId::fresh().to_string(),
                RelationKind::View { sql, namespace, .. } => {
                    let mut hasher = blake3::Hasher::new();
                    hasher.update(sql.as_bytes());
                    match reads(&sql, Some(&namespace)) {
                        Some(names) => {
                            for read in names {
                                hasher.update(read.to_string().as_bytes());
                                hasher.update(self.of(&read).as_bytes());
                            }
                        }
                        // Nobody can tell what it reads: it is new in every run.
                        None => {
                            hasher.update(self.workspace.run().to_string().as_bytes());
                        }
                    }
                    hasher.finalize().to_hex()[..16].to_owned()
                }
            },
        };
        self.known.insert(name.clone(), version.clone());
        version
    }
}

/// The relations that `query` names, where `namespace` is the current one; `None` if it does not parse
/// or a name needs a namespace and there is none.
fn reads(query: &str, namespace: Option<&SchemaName>) -> Option<Vec<RelationName>> {
    let statements = sql::parse_script(&Source::new("query", query)).ok()?;
    let names = statements
        .iter()
        .flat_map(|statement| sql::relations(&statement.ast));
    names
        .map(|name| {
            let mut parts = name.0.iter().rev().map(|part| {
                part.as_ident()
                    .map(|ident| Identifier::quoted(ident.value.clone()))
            });
            let relation = parts.next()??;
            let schema = parts.next().flatten();
            let database = parts.next().flatten();
            Some(RelationName {
                database: database.or_else(|| Some(namespace?.database.clone()))?,
                schema: schema.or_else(|| Some(namespace?.schema.clone()))?,
                name: relation,
            })
        })
        .collect()
}
