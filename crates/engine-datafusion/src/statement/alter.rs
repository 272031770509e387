//! ALTER TABLE.

use std::sync::Arc;

use arrow::datatypes::Schema;
use diagnostic::{Error, Result, codes};
use engine::{Outcome, Session};
use lake::{Commit, Operation};
use sqlparser::ast::{AlterTable, AlterTableOperation};

use super::definition::define;
use super::{done, unsupported, writable};
use crate::Embedded;
use crate::names::relation;

pub(super) async fn table(
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
                let added = define(
                    engine,
                    session,
                    &name,
                    std::slice::from_ref(column_def),
                    &[],
                )
                .await?
                .schema()?;
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
