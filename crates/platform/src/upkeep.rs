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
    /// bytes. Tables with nothing to gain are left out, and so are clones that nobody has written to.
    ///
    /// # Errors
    /// `K3001` if there is no such table, `K1001` if others keep writing to one, `K2001` to `K2004` if a file
    /// cannot be read or written. Tables that were done stay done.
    pub async fn optimize(&self, names: &[String], target: u64) -> Result<Vec<Optimized>> {
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
                match self.compact(&name, target).await {
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

    async fn compact(&self, name: &RelationName, target: u64) -> Result<Option<Compaction>> {
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
                format!("`{name}` is a view, which has no files"),
            ));
        };
        if !owns_log(&relation) {
            return Ok(None);
        }
        let table = workspace.table_to_write(name).await?;
        let folder = workspace.folder(&table);
        let Some((commit, compaction)) = table.compact(&folder, target).await? else {
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

/// Whether it is a table with a log of its own.
fn owns_log(relation: &Relation) -> bool {
    matches!(relation.kind, RelationKind::Table { .. }) && !relation.details.borrowed
}
