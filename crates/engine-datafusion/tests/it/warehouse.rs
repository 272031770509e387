//! A warehouse in a temporary folder, and results as text.

use std::sync::Arc;

use arrow::util::display::{ArrayFormatter, FormatOptions};
use catalog::Catalog;
use diagnostic::{Error, Result, Source};
use engine::{Engine, Outcome, Session};
use engine_datafusion::{Compute, ComputeOptions, Embedded};
use model::Identifier;
use tempfile::TempDir;

pub struct Warehouse {
    _folder: TempDir,
    catalog: Catalog,
    compute: Compute,
    session: Session,
}

impl Warehouse {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let catalog = Catalog::open(folder.path()).unwrap();
        let compute = Compute::new(&ComputeOptions {
            memory_limit: 256 << 20,
            threads: 2,
            spill: folder.path().join("spill"),
        })
        .unwrap();
        let session = Session::new(Identifier::unquoted("d"), Identifier::unquoted("s"));
        let warehouse = Self {
            _folder: folder,
            catalog,
            compute,
            session,
        };
        warehouse.run("create schema d.s");
        warehouse
    }

    /// Runs `script` in one workspace, publishes it, and gives the rows of its last query: one line
    /// each, `|` between the values, `-` for NULL.
    pub fn run(&self, script: &str) -> Vec<String> {
        self.try_run(script).unwrap()
    }

    /// The error of `script`; nothing of it is published.
    pub fn error(&self, script: &str) -> Error {
        self.try_run(script).unwrap_err()
    }

    pub fn try_run(&self, script: &str) -> Result<Vec<String>> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            let workspace = Arc::new(self.catalog.begin("test").unwrap());
            let engine = Embedded::new(Arc::clone(&workspace), self.compute.clone());
            let source = Source::new("test.sql", script);
            let outcomes = match engine.execute(&self.session, &source).await {
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
    let options = FormatOptions::default().with_null("-");
    let mut lines = Vec::new();
    for batch in batches {
        for row in 0..batch.num_rows() {
            let cells: Vec<String> = batch
                .columns()
                .iter()
                .map(|column| {
                    let shown = ArrayFormatter::try_new(column.as_ref(), &options).unwrap();
                    shown.value(row).to_string()
                })
                .collect();
            lines.push(cells.join("|"));
        }
    }
    lines
}
