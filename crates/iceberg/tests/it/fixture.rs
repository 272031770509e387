//! A table in a folder of its own, and Parquet files for it.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch};
use arrow::datatypes::{DataType, Field, Schema as ArrowSchema};
use iceberg::{Change, Folder, Operation, Schema, Table};
use object_store::local::LocalFileSystem;
use parquet::arrow::ArrowWriter;

pub(crate) struct Fixture {
    pub(crate) root: tempfile::TempDir,
}

impl Fixture {
    pub(crate) fn new() -> Self {
        Self {
            root: tempfile::tempdir().unwrap(),
        }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.root.path().canonicalize().unwrap().join(name)
    }

    pub(crate) fn folder(&self, name: &str) -> Folder {
        let path = self.path(name);
        std::fs::create_dir_all(&path).unwrap();
        let store = LocalFileSystem::new_with_prefix(&path).unwrap();
        let location = format!("file://{}", path.display());
        Folder::new(
            Arc::new(store),
            object_store::path::Path::default(),
            &location,
        )
    }

    /// Writes a file with the ids of `schema`; gives what a change adds.
    pub(crate) fn file(
        &self,
        table: &str,
        name: &str,
        schema: &Schema,
        columns: Vec<ArrayRef>,
    ) -> (String, u64) {
        let path = self.path(table).join(name);
        (name.to_owned(), write(&path, schema, columns))
    }
}

fn write(path: &Path, schema: &Schema, columns: Vec<ArrayRef>) -> u64 {
    let schema = Arc::new(schema.stamp(&schema.arrow().unwrap()));
    let file = File::create_new(path).unwrap();
    let mut writer = ArrowWriter::try_new(file, Arc::clone(&schema), None).unwrap();
    writer
        .write(&RecordBatch::try_new(schema, columns).unwrap())
        .unwrap();
    writer.close().unwrap();
    std::fs::metadata(path).unwrap().len()
}

pub(crate) fn columns(columns: &[(&str, DataType)]) -> ArrowSchema {
    let field = |(name, kind): &(&str, DataType)| Field::new(*name, kind.clone(), true);
    ArrowSchema::new(columns.iter().map(field).collect::<Vec<_>>())
}

/// `table` (or none yet) with the columns `wanted`, which are given too.
pub(crate) fn become_columns(table: Option<&Table>, wanted: &ArrowSchema) -> (Schema, i32) {
    match table {
        Some(table) => {
            let metadata = table.metadata();
            let schema = metadata.schema().unwrap();
            schema
                .become_columns(metadata.last_column_id, wanted)
                .unwrap()
        }
        None => Schema::default().become_columns(0, wanted).unwrap(),
    }
}

pub(crate) fn append(add: Vec<(String, u64)>) -> Change {
    let mut change = Change::new(Operation::Append);
    change.add = add;
    change
}
