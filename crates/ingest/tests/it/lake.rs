//! A small project in a temporary folder, with tables that are Parquet files and a list of them.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ::lake::{DataFolder, StoredFile};
use arrow::array::RecordBatch;
use arrow::compute::concat_batches;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use async_trait::async_trait;
use diagnostic::Result;
use ingest::{
    Change, IngestOptions, IngestOutcome, IngestRequest, Origin, Reload, Scope, TableState, Tables,
};
use model::{Identifier, RelationName, RunId};
use parking_lot::Mutex;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use settings::{Project, SourceKind};
use state::LedgerEntry;
use tempfile::TempDir;

#[derive(Default)]
pub struct TestTables {
    folder: PathBuf,
    tables: Mutex<HashMap<String, (TableState, usize)>>,
    commits: Mutex<Vec<String>>,
}

#[async_trait]
impl Tables for TestTables {
    async fn open(&self, name: &RelationName) -> Result<Option<TableState>> {
        Ok(self
            .tables
            .lock()
            .get(&name.to_string())
            .map(|(table, _)| table.clone()))
    }

    async fn folder(&self, name: &RelationName) -> Result<DataFolder> {
        let folder = self.folder.join(name.to_string());
        std::fs::create_dir_all(&folder).unwrap();
        Ok(DataFolder::local(&folder))
    }

    async fn commit(&self, name: &RelationName, change: Change) -> Result<()> {
        let folder = self.folder(name).await?;
        self.commits.lock().push(name.to_string());
        let mut tables = self.tables.lock();
        let state = TableState {
            folder,
            schema: Arc::clone(&change.schema),
            partition_by: Vec::new(),
            files: Vec::new(),
        };
        let (table, hidden) = tables.entry(name.to_string()).or_insert((state, 0));
        *hidden = change.hidden;
        table.schema = change.schema;
        table.partition_by = change.partition_by;
        table
            .files
            .retain(|file| !change.remove_all && !change.remove.contains(&file.path));
        table
            .files
            .extend(change.add.into_iter().map(|file| StoredFile {
                path: file.path,
                size: file.size,
                rows: Some(file.rows),
                stats: Some(file.stats),
                vector: None,
                partition: file.partition,
            }));
        Ok(())
    }
}

/// A project and its tables.
pub struct Lake {
    pub folder: TempDir,
    pub tables: TestTables,
    pub ledger: Vec<LedgerEntry>,
    pub options: IngestOptions,
    pub source: PathBuf,
    /// The store to read from instead of the folder.
    pub store: Option<storage::Storage>,
    /// What the next runs load again.
    pub reload: Option<Reload>,
}

impl Lake {
    /// A project with one dataset of CSV files; `stream` are further settings of its stream.
    pub fn new(dataset: &str, stream: &str) -> Self {
        Self::of(dataset, "**/*.csv*", stream)
    }

    /// The same over files that match `pattern`.
    pub fn of(dataset: &str, pattern: &str, stream: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let lake = Self {
            tables: TestTables {
                folder: folder.path().join("tables"),
                ..TestTables::default()
            },
            ledger: Vec::new(),
            options: IngestOptions::default(),
            source: folder.path().join("landing"),
            store: None,
            reload: None,
            folder,
        };
        std::fs::create_dir_all(&lake.source).unwrap();
        lake.write("sluice.yml", "name: shop\n");
        lake.contract(dataset);
        let sources = format!(
            "sources:\n  - name: shop\n    kind: files\n    path: landing\n    streams:\n      - name: sales\n        files: ['{pattern}']\n        {stream}\n"
        );
        lake.write("sources/shop.yml", &sources);
        lake
    }

    fn write(&self, name: &str, bytes: impl AsRef<[u8]>) {
        let path = self.folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }

    /// Replaces the contract.
    pub fn contract(&self, dataset: &str) {
        self.write("lake/sales.yml", dataset);
    }

    /// Delivers a file.
    pub fn deliver(&self, name: &str, bytes: impl AsRef<[u8]>) {
        self.write(&format!("landing/{name}"), bytes);
    }

    pub async fn try_run(&mut self) -> Result<IngestOutcome> {
        let project = Project::open(self.folder.path(), None)?;
        let source = &project.sources[0];
        assert!(matches!(source.kind, SourceKind::Files { .. }));
        let spill_folder = self.folder.path().join("spill");
        std::fs::create_dir_all(&spill_folder).unwrap();
        let request = IngestRequest {
            dataset: project.datasets[0].clone(),
            stream: source.streams[0].clone(),
            stream_name: "shop.sales".to_owned(),
            origin: match &self.store {
                Some(storage) => Origin::Store(storage.clone()),
                None => Origin::Folder(self.source.clone()),
            },
            database: Identifier::unquoted("shop"),
            run: RunId::fresh(),
            clock: chrono::Utc::now(),
            ledger: self.ledger.clone(),
            scope: Scope::default(),
            raw_folder: self.folder.path().join("raw"),
            spill_folder,
            options: self.options,
            reload: self.reload.clone(),
        };
        let run = request.run.to_string();
        let outcome = ingest::run(request, &self.tables, Arc::new(|_| ())).await?;
        // As the catalog gives them back.
        let entries = outcome.ledger.iter().map(|entry| LedgerEntry {
            run: run.clone(),
            loaded_at: chrono::Utc::now().to_rfc3339(),
            ..entry.clone()
        });
        self.ledger.extend(entries);
        Ok(outcome)
    }

    pub async fn run(&mut self) -> IngestOutcome {
        self.try_run().await.unwrap()
    }

    /// How many commits there were.
    pub fn commits(&self) -> usize {
        self.tables.commits.lock().len()
    }

    /// All rows of a zone's table.
    pub fn batch(&self, zone: &str) -> Option<RecordBatch> {
        let tables = self.tables.tables.lock();
        let (table, _) = tables.get(&format!("SHOP.{zone}.SALES"))?;
        let batches: Vec<RecordBatch> = table
            .files
            .iter()
            .flat_map(|file| read(table.folder.shown(&file.path).as_ref()))
            .collect();
        let first = batches.first()?.schema();
        let columns: Vec<RecordBatch> = batches
            .iter()
            .filter(|batch| batch.schema().fields().len() == first.fields().len())
            .cloned()
            .collect();
        concat_batches(&first, &columns).ok()
    }

    /// The chosen columns of all rows of a zone's table as text, sorted.
    pub fn rows(&self, zone: &str, columns: &[&str]) -> Vec<Vec<String>> {
        let tables = self.tables.tables.lock();
        let Some((table, _)) = tables.get(&format!("SHOP.{zone}.SALES")) else {
            return Vec::new();
        };
        let options = FormatOptions::default().with_null("NULL");
        let mut rows = Vec::new();
        for batch in table
            .files
            .iter()
            .flat_map(|file| read(table.folder.shown(&file.path).as_ref()))
        {
            for row in 0..batch.num_rows() {
                let text = |name: &&str| match batch.column_by_name(name) {
                    Some(column) => ArrayFormatter::try_new(column, &options)
                        .unwrap()
                        .value(row)
                        .to_string(),
                    None => "NULL".to_owned(),
                };
                rows.push(columns.iter().map(text).collect());
            }
        }
        rows.sort();
        rows
    }
}

fn read(path: &Path) -> Vec<RecordBatch> {
    let file = std::fs::File::open(path).unwrap();
    let reader = ParquetRecordBatchReaderBuilder::try_new(file)
        .unwrap()
        .build()
        .unwrap();
    reader.map(std::result::Result::unwrap).collect()
}
