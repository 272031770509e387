//! The `.slt` files: each on a warehouse of its own, every statement published before the next one.

use std::path::Path;

use sqllogictest::{AsyncDB, DBOutput, DefaultColumnType, Runner};

use crate::warehouse::Warehouse;

struct Database {
    warehouse: Warehouse,
    /// Whether statements find small tables of earlier ones in memory, or read their files.
    keeps: bool,
}

#[derive(Debug)]
struct Failure(diagnostic::Error);

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.0.code().id, self.0)
    }
}

impl std::error::Error for Failure {}

#[async_trait::async_trait]
impl AsyncDB for Database {
    type Error = Failure;
    type ColumnType = DefaultColumnType;

    async fn run(&mut self, text: &str) -> Result<DBOutput<DefaultColumnType>, Failure> {
        if !self.keeps {
            self.warehouse.reopen();
        }
        match self.warehouse.statement(text).await.map_err(Failure)? {
            None => Ok(DBOutput::StatementComplete(0)),
            Some((columns, rows)) => Ok(DBOutput::Rows {
                types: vec![DefaultColumnType::Any; columns],
                rows,
            }),
        }
    }

    async fn shutdown(&mut self) {}
}

#[tokio::test(flavor = "multi_thread")]
async fn statements_do_what_the_files_say() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/slt");
    let only = std::env::var("SLT").unwrap_or_default();
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "slt"))
        .filter(|path| path.to_string_lossy().contains(&only))
        .collect();
    files.sort();
    let mut failures = Vec::new();
    for (file, keeps) in files.iter().flat_map(|file| [(file, true), (file, false)]) {
        let mut runner = Runner::new(|| async {
            let warehouse = Warehouse::new();
            Ok(Database { warehouse, keeps })
        });
        for record in sqllogictest::parse_file::<DefaultColumnType>(file).unwrap() {
            if let Err(error) = runner.run_async(record).await {
                failures.push(error.display(false).to_string());
            }
        }
    }
    assert!(
        failures.is_empty(),
        "{} differ\n{}",
        failures.len(),
        failures.join("\n\n")
    );
}
