//! Ingest's tables, kept in the run's workspace.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use catalog::Workspace;
use diagnostic::{Error, Result, ResultExt, codes};
use ingest::{Change, TableState, Tables};
use lake::{Commit, DataFolder, Rewritten, Table, TableFormat};
use model::RelationName;
use parking_lot::Mutex;

/// The tables of a workspace as ingest asks for them.
pub(crate) struct LakeTables {
    workspace: Arc<Workspace>,
    /// Tables being written: a new one keeps its folder from the first question to the commit.
    writing: Mutex<BTreeMap<RelationName, Table>>,
    silver: Option<Silver>,
}

/// What a contract says of its silver table.
pub(crate) struct Silver {
    pub(crate) name: RelationName,
    pub(crate) format: TableFormat,
    /// Whether the table is built anew, so that it may change its format.
    pub(crate) rebuilt: bool,
}

impl LakeTables {
    pub(crate) fn new(workspace: Arc<Workspace>) -> Self {
        Self {
            workspace,
            writing: Mutex::default(),
            silver: None,
        }
    }

    /// The tables of a dataset, whose contract says `silver`.
    pub(crate) fn of_dataset(workspace: Arc<Workspace>, silver: Silver) -> Self {
        Self {
            silver: Some(silver),
            ..Self::new(workspace)
        }
    }

    async fn to_write(&self, name: &RelationName) -> Result<Table> {
        if let Some(table) = self.writing.lock().get(name) {
            return Ok(table.clone());
        }
        let table = match self.silver.as_ref().filter(|silver| silver.name == *name) {
            Some(silver) => self.silver_to_write(silver).await?,
            None => self.workspace.table_to_write(name).await?,
        };
        self.writing.lock().insert(name.clone(), table.clone());
        Ok(table)
    }

    async fn silver_to_write(&self, silver: &Silver) -> Result<Table> {
        let (name, format) = (&silver.name, silver.format);
        if self.workspace.relation(name).is_some()
            && self.workspace.table(name).await?.format() != format
        {
            if silver.rebuilt {
                return self.workspace.replacement_table_as(name, format);
            }
            return Err(Error::new(
                codes::L2010,
                format!("The contract keeps `{name}` as {format}, and the table is kept otherwise"),
            )
            .help(format!(
                "build it again with `sluice run --full-refresh --select silver.{}`, or set `format` back",
                name.name.as_str().to_lowercase()
            )));
        }
        self.workspace.table_to_write_as(name, format).await
    }
}

#[async_trait]
impl Tables for LakeTables {
    async fn open(&self, name: &RelationName) -> Result<Option<TableState>> {
        if self.workspace.relation(name).is_none() {
            return Ok(None);
        }
        let table = self.workspace.table(name).await?;
        Ok(Some(TableState {
            folder: self.workspace.folder(&table),
            schema: table.schema().await?,
            partition_by: table.partition_by().await?,
            files: table.files().await?,
        }))
    }

    async fn folder(&self, name: &RelationName) -> Result<DataFolder> {
        let table = self.to_write(name).await?;
        Ok(self.workspace.folder(&table))
    }

    async fn commit(&self, name: &RelationName, change: Change) -> Result<()> {
        let table = self.to_write(name).await?;
        let same_columns = table.version().is_some()
            && table.schema().await?.fields() == change.schema.fields()
            && table.partition_by().await? == change.partition_by;
        let hidden: Vec<String> = change.schema.fields()
            [change.schema.fields().len() - change.hidden..]
            .iter()
            .map(|field| field.name().clone())
            .collect();
        if let Some((check, _)) = table.constraints().await?.first() {
            return Err(Error::new(
                codes::E2001,
                format!("`{name}` has the check constraint `{check}`, which a load does not try on its rows"),
            )
            .help("drop the constraint; rules of the dataset's contract say which rows are valid"));
        }
        let mut commit = Commit::new(change.operation);
        commit.add = change.add;
        commit.remove = change.remove;
        commit.remove_all = change.remove_all;
        commit.vectors = change.vectors;
        let schema = change.schema;
        commit.schema = (!same_columns).then(|| Arc::clone(&schema));
        commit.partition_by = (!same_columns).then(|| change.partition_by.clone());
        commit.info = vec![("runId".to_owned(), self.workspace.run().to_string())];
        let feeds = table.change_data_feed().await?;
        let feed = change.feed.enabled.unwrap_or(feeds);
        if feed != feeds {
            commit.set_change_data_feed(feed);
        }
        if feed && commit.mixes_rows() {
            let rewritten = Rewritten {
                folder: self.workspace.folder(&table),
                schema,
                partition_by: change.partition_by,
                stored: table.files().await?,
                key: change.feed.key,
            };
            let recorded = tokio::task::spawn_blocking(move || -> Result<Commit> {
                commit.change_data = Some(rewritten.record(&commit)?);
                Ok(commit)
            });
            commit = recorded.await.explain(codes::X0001, || {
                "A thread that records changes broke down".to_owned()
            })??;
        }
        let table = table.commit(&commit).await?;
        self.workspace.stage_table(name, &table, &hidden)?;
        self.writing.lock().insert(name.clone(), table);
        Ok(())
    }
}
