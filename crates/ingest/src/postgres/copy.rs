//! A copy from the server into data files.

use std::path::Path;
use std::thread;

use arrow::datatypes::SchemaRef;
use connectors::postgres::{Client, CopyReader, copy_statement};
use diagnostic::{Result, ResultExt, codes};
use lake::DataFile;

use super::{OnRows, Shape};
use crate::existing::conform;
use crate::sinks::Sink;

/// Copies the rows of `shape` for which `rest` holds into files of `schema` in `folder`. Reading and writing
/// go on beside each other.
pub(super) fn copy_to_files(
    client: &mut Client,
    shape: &Shape,
    rest: &str,
    schema: &SchemaRef,
    folder: &Path,
    progress: &OnRows,
) -> Result<(Vec<DataFile>, u64)> {
    let statement = copy_statement(&shape.columns, &shape.from, rest);
    let mut reader = CopyReader::start(client, &statement, shape.columns.clone())?;
    let (read, files) = thread::scope(|scope| {
        let sink = Sink::start(scope, folder, schema.clone());
        let mut read = || -> Result<()> {
            while let Some(batch) = reader.next_batch()? {
                if !sink.write(conform(&batch, schema)?) {
                    break;
                }
                progress(reader.total())?;
            }
            Ok(())
        };
        let read = read();
        (read, sink.finish())
    });
    let files = files?;
    if let Err(error) = read {
        for file in &files {
            let path = folder.join(&file.path);
            std::fs::remove_file(&path).explain(codes::K2003, || {
                format!("`{}` cannot be removed", path.display())
            })?;
        }
        return Err(error);
    }
    Ok((files, reader.total()))
}
