//! Keeping tables in order: fewer, larger files, and nothing that nobody needs.

use catalog::{Relation, RelationKind, Vacuum, Vacuumed};
use diagnostic::{Error, Result, codes};
use lake::Compaction;
use model::{Identifier, RelationName};

use crate::Platform;

/// How often a table is tried that others write to meanwhile.
const ATTEMPTS: u32 = 5;

/// What became of one table.
#[derive(Clone, Debug)]
pub struct Optimized {
    /// The table.
    pub name: RelationName,
    /// Its files before and after.
    pub compaction: Compaction,
}

impl Platform {
    /// Writes the small files of `names` (all tables, if there are none) together to files of about `target`
    /// bytes, or all their rows along the curve through the columns `order`. Tables with nothing to gain are left out, and so are clones that nobody has written to.
    ///
    /// # Errors
    /// `K3001` if there is no such table, `K1001` if others keep writing to one, `K2001` to `K2004` if a file
    /// cannot be read or written, `K3012` if rows cannot be ordered so. Tables that were done stay done.
    pub async fn optimize(
        &self,
        names: &[String],
        target: u64,
        order: &[String],
    ) -> Result<Vec<Optimized>> {
        let wanted = match names {
            [] => {
                let relations = self.catalog.snapshot()?.relations;
                let tables = relations.iter().filter(|(_, relation)| owns_log(relation));
                tables.map(|(name, _)| name.clone()).collect()
            }
            names => names
                .iter()
                .map(|text| self.named(text))
                .collect::<Result<Vec<_>>>()?,
        };
        let mut optimized = Vec::new();
        for name in wanted {
            let mut attempt = 1;
            let compaction = loop {
                match self.compact(&name, target, order).await {
                    Err(error) if error.code() == codes::K1001 && attempt < ATTEMPTS => {
                        attempt += 1
                    }
                    done => break done?,
                }
            };
            optimized.extend(compaction.map(|compaction| Optimized { name, compaction }));
        }
        Ok(optimized)
    }

    async fn compact(
        &self,
        name: &RelationName,
        target: u64,
        order: &[String],
    ) -> Result<Option<Compaction>> {
        let workspace = self.catalog.begin("optimize")?;
        let Some(relation) = workspace.relation(name) else {
            return Err(Error::new(
                codes::K3001,
                format!("Relation `{name}` does not exist"),
            ));
        };
        let RelationKind::Table { hidden, .. } = &relation.kind else {
            return Err(Error::new(
                codes::K3002,
                format!("`{name}` is no table of ours, so its files are not ours to write"),
            ));
        };
        if !owns_log(&relation) {
            return Ok(None);
        }
        let table = workspace.table_to_write(name).await?;
        let folder = workspace.folder(&table);
        let done = match order {
            [] => {
                let clustered = relation.details.cluster_by.as_deref();
                let by = clustered.map_or_else(Vec::new, clustering_columns);
                table.compact(&folder, target, &by).await?
            }
            order => {
                let names = order.iter().map(|name| Identifier::unquoted(name));
                let by: Vec<String> = names.map(|name| name.as_str().to_owned()).collect();
                table.zorder(&folder, target, &by).await?
            }
        };
        let Some((commit, compaction)) = done else {
            workspace.discard("nothing to do")?;
            return Ok(None);
        };
        workspace.stage_table(name, &table.commit(&commit).await?, hidden)?;
        workspace.publish()?;
        Ok(Some(compaction))
    }

    /// Removes the files that no version within retention needs.
    ///
    /// # Errors
    /// `K2001` to `K2004`, `B2001` to `B2003` if files cannot be read or removed.
    pub async fn vacuum(&self, wanted: &Vacuum) -> Result<Vec<Vacuumed>> {
        self.catalog.vacuum(wanted).await
    }

    /// The relation that `text` names, in the project's database unless it says otherwise.
    fn named(&self, text: &str) -> Result<RelationName> {
        let session = self.session();
        let parts: Vec<Identifier> = text.split('.').map(Identifier::unquoted).collect();
        match parts.as_slice() {
            [name] => Ok(RelationName {
                database: session.database,
                schema: session.schema,
                name: name.clone(),
            }),
            [schema, name] => Ok(RelationName {
                database: session.database,
                schema: schema.clone(),
                name: name.clone(),
            }),
            [database, schema, name] => Ok(RelationName {
                database: database.clone(),
                schema: schema.clone(),
                name: name.clone(),
            }),
            _ => Err(Error::new(
                codes::K3001,
                format!("`{text}` is no name of a table"),
            )),
        }
    }
}

/// The columns of a clustering key. A key with expressions orders nothing: rows are joined as they come.
fn clustering_columns(key: &str) -> Vec<String> {
    let inner = key.trim().trim_start_matches('(').trim_end_matches(')');
    let column = |part: &str| {
        let part = part.trim();
        let quoted = part
            .strip_prefix('"')
            .and_then(|rest| rest.strip_suffix('"'));
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '$';
        match quoted {
            Some(name) => Some(name.to_owned()),
            None if part.chars().all(plain) => Some(Identifier::unquoted(part).as_str().to_owned()),
            None => None,
        }
    };
    let columns: Option<Vec<String>> = inner.split(',').map(column).collect();
    columns.unwrap_or_default()
}

/// Whether it is a table with a log of its own.
fn owns_log(relation: &Relation) -> bool {
    matches!(relation.kind, RelationKind::Table { .. }) && !relation.details.borrowed
}

#[cfg(test)]
mod tests {
    use super::clustering_columns;

    #[test]
    fn columns_of_a_clustering_key_are_named_and_expressions_are_none() {
        assert_eq!(clustering_columns("(b, \"Mixed\")"), ["B", "Mixed"]);
        assert!(clustering_columns("(to_date(at))").is_empty());
    }
}
