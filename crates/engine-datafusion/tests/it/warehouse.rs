//! A warehouse in a temporary folder, and results as text.

use std::path::Path;
use std::sync::Arc;

use arrow::util::display::{ArrayFormatter, FormatOptions};
use catalog::Catalog;
use diagnostic::{Error, Result, Source};
use engine::{Engine, Outcome, Session};
use engine_datafusion::{Compute, ComputeOptions, Embedded};
use model::Identifier;
use tempfile::TempDir;

pub struct Warehouse {
    folder: TempDir,
    catalog: Catalog,
    compute: Compute,
    session: Session,
}

impl Warehouse {
    pub fn new() -> Self {
        Self::with_memory(256 << 20)
    }

    /// A warehouse whose statements may hold `memory_limit` bytes.
    pub fn with_memory(memory_limit: usize) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let catalog = Catalog::open(folder.path()).unwrap();
        let compute = Compute::new(&ComputeOptions {
            memory_limit,
            threads: 2,
            spill: folder.path().join("spill"),
        })
        .unwrap();
        let session = Session::new(Identifier::unquoted("d"), Identifier::unquoted("s"));
        let warehouse = Self {
            folder,
            catalog,
            compute,
            session,
        };
        let workspace = warehouse.catalog.begin("test").unwrap();
        workspace.create_namespace(model::SchemaName::new(
            Identifier::unquoted("d"),
            Identifier::unquoted("s"),
        ));
        workspace.publish().unwrap();
        warehouse
    }

    /// Opened again, as by another process: nothing that was written is in memory.
    pub fn reopen(&mut self) {
        self.catalog = Catalog::open(self.folder.path()).unwrap();
    }

    /// The folder it is in.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Runs one statement as a session does: published when it succeeds. Gives the number of columns and
    /// the rows of a query.
    pub async fn statement(&mut self, text: &str) -> Result<Option<(usize, Vec<Vec<String>>)>> {
        let folder = self.folder.path().display().to_string();
        let source = Source::new("test.slt", text.replace("$FOLDER", &folder));
        let workspace = Arc::new(self.catalog.begin("test").unwrap());
        let engine = Embedded::new(Arc::clone(&workspace), self.compute.clone());
        let outcomes = match engine.execute(&self.session, &source).await {
            Ok(outcomes) => outcomes,
            Err(error) => {
                workspace.discard("failed").unwrap();
                return Err(error);
            }
        };
        let mut rows = None;
        for outcome in outcomes {
            if let Outcome::Rows(found) = outcome {
                let columns = found.schema.fields().len();
                let lines = text_cells(found.collect().await?);
                rows = Some((columns, lines));
            }
        }
        workspace.publish()?;
        Ok(rows)
    }

    /// Runs `script` in one workspace, publishes it, and gives the rows of its last query: one line
    /// each, `|` between the values, `-` for NULL.
    pub fn run(&self, script: &str) -> Vec<String> {
        self.try_run(script).unwrap()
    }

    /// What becomes of `script`, of which nothing is published.
    pub async fn outcome(&self, script: &str) -> Result<()> {
        let workspace = Arc::new(self.catalog.begin("test").unwrap());
        let engine = Embedded::new(Arc::clone(&workspace), self.compute.clone());
        let source = Source::new("test.sql", script);
        let outcomes = engine.execute(&self.session, &source).await;
        workspace.discard("looked at").unwrap();
        outcomes.map(drop)
    }

    /// The error of `script`; nothing of it is published.
    pub fn error(&self, script: &str) -> Error {
        self.try_run(script).unwrap_err()
    }

    /// The session of [`Warehouse::run`].
    pub fn session(&self) -> Session {
        self.session.clone()
    }

    /// Like [`Warehouse::run`], in another session.
    pub fn run_in(&self, session: &Session, script: &str) -> Vec<String> {
        self.try_run_in(session, script).unwrap()
    }

    /// Runs both scripts on one state and publishes one after the other.
    pub fn publish_both(&self, first: &str, second: &str) -> Result<()> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let workspaces = [first, second].map(|script| {
            let workspace = Arc::new(self.catalog.begin("test").unwrap());
            let engine = Embedded::new(Arc::clone(&workspace), self.compute.clone());
            let source = Source::new("test.sql", script);
            let done = runtime.block_on(engine.execute(&self.session, &source));
            done.map(|_| workspace)
        });
        for workspace in workspaces {
            workspace?.publish()?;
        }
        Ok(())
    }

    pub fn try_run(&self, script: &str) -> Result<Vec<String>> {
        self.try_run_in(&self.session, script)
    }

    /// Like [`Warehouse::try_run`], in another session.
    pub fn try_run_in(&self, session: &Session, script: &str) -> Result<Vec<String>> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            let workspace = Arc::new(self.catalog.begin("test").unwrap());
            let engine = Embedded::new(Arc::clone(&workspace), self.compute.clone());
            let source = Source::new("test.sql", script);
            let outcomes = match engine.execute(session, &source).await {
                Ok(outcomes) => outcomes,
                Err(error) => {
                    workspace.discard("failed").unwrap();
                    return Err(error);
                }
            };
            let mut lines = Vec::new();
            for outcome in outcomes {
                if let Outcome::Rows(rows) = outcome {
                    lines = text(rows.collect().await?);
                }
            }
            workspace.publish().unwrap();
            Ok(lines)
        })
    }
}

fn text(batches: Vec<arrow::array::RecordBatch>) -> Vec<String> {
    cells(batches, "-")
        .into_iter()
        .map(|row| row.join("|"))
        .collect()
}

/// Cells as `.slt` files write them.
fn text_cells(batches: Vec<arrow::array::RecordBatch>) -> Vec<Vec<String>> {
    cells(batches, "NULL")
        .into_iter()
        .map(|row| {
            row.into_iter()
                .map(|cell| match cell.as_str() {
                    "" => "(empty)".to_owned(),
                    _ => cell.replace('\n', "\\n"),
                })
                .collect()
        })
        .collect()
}

fn cells(batches: Vec<arrow::array::RecordBatch>, null: &str) -> Vec<Vec<String>> {
    let options = FormatOptions::default().with_null(null);
    let mut lines = Vec::new();
    for batch in batches {
        for row in 0..batch.num_rows() {
            let cells = batch.columns().iter().map(|column| {
                let shown = ArrayFormatter::try_new(column.as_ref(), &options).unwrap();
                shown.value(row).to_string()
            });
            lines.push(cells.collect());
        }
    }
    lines
}
