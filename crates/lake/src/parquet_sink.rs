//! [`ParquetSink`]: writes record batches to data files of a table's folder, a new file whenever one
//! is large enough, and other files for each partition.

use std::collections::BTreeMap;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use diagnostic::{Error, Result, ResultExt, codes};
use parquet::arrow::ArrowWriter;
use parquet::basic::Compression;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use serde::{Deserialize, Serialize};

use crate::data_folder::DataWriter;
use crate::partition::{self, PartitionValues};
use crate::{DataFolder, encodings, statistics};

/// Bytes that the open files of all partitions may hold back together.
const HELD_BACK: usize = 128 << 20;

/// Files that may be open at once.
const MOST_OPEN: usize = 256;

/// A data file that was written and is not yet part of a table version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DataFile {
    /// Path relative to the table's folder.
    pub path: String,
    /// Bytes.
    pub size: u64,
    /// Rows.
    pub rows: u64,
    /// Statistics as the Delta log holds them (JSON).
    pub stats: String,
    /// What its rows have in the table's partition columns.
    #[serde(default)]
    pub partition: PartitionValues,
}

/// How files are written.
#[derive(Clone, Debug)]
pub struct SinkOptions {
    /// Bytes of encoded data after which a new file is begun. Small enough that a merge rewrites
    /// little, large enough that a scan opens few files.
    pub file_size: usize,
    /// Rows per row group: what a writer buffers.
    pub row_group_rows: usize,
    /// How pages are compressed.
    pub compression: Compression,
    /// The columns whose values tell partitions apart.
    pub partition_by: Vec<String>,
    /// What the files' names begin with: nothing, or a folder and `/`.
    pub folder: &'static str,
}

impl Default for SinkOptions {
    fn default() -> Self {
        Self {
            file_size: 64 << 20,
            row_group_rows: 256 << 10,
            compression: Compression::SNAPPY,
            partition_by: Vec::new(),
            folder: "",
        }
    }
}

/// Writes batches of one schema to files in one folder.
pub struct ParquetSink {
    folder: DataFolder,
    schema: SchemaRef,
    options: SinkOptions,
    open: BTreeMap<PartitionValues, Open>,
    done: Vec<DataFile>,
}

struct Open {
    name: String,
    writer: ArrowWriter<DataWriter>,
}

impl ParquetSink {
    /// A sink for batches of `schema` into `folder`, which exists.
    #[must_use]
    pub fn new(folder: &DataFolder, schema: SchemaRef, options: SinkOptions) -> Self {
        Self {
            folder: folder.clone(),
            schema,
            options,
            open: BTreeMap::new(),
            done: Vec::new(),
        }
    }

    /// Writes `batch`.
    ///
    /// # Errors
    /// `K2003` if the file cannot be written.
    pub fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        if batch.num_rows() == 0 {
            return Ok(());
        }
        if self.options.partition_by.is_empty() {
            return self.write_to(PartitionValues::new(), batch);
        }
        for (partition, rows) in partition::split(batch, &self.options.partition_by)? {
            self.write_to(partition, &rows)?;
        }
        self.let_go()
    }

    fn write_to(&mut self, partition: PartitionValues, batch: &RecordBatch) -> Result<()> {
        if !self.open.contains_key(&partition) {
            let open = self.begin(&partition, batch)?;
            self.open.insert(partition.clone(), open);
        }
        let Some(open) = self.open.get_mut(&partition) else {
            return Ok(());
        };
        open.writer.write(batch).explain(codes::K2003, || {
            format!("`{}` cannot be written", self.folder.shown(&open.name))
        })?;
        let bytes = open.writer.bytes_written() + open.writer.in_progress_size();
        if bytes >= self.options.file_size {
            self.end(&partition)?;
        }
        Ok(())
    }

    /// Keeps what many open files hold in memory within bounds.
    fn let_go(&mut self) -> Result<()> {
        while self.open.len() > MOST_OPEN {
            let largest = self.open.iter().max_by_key(|(_, open)| {
                open.writer.bytes_written() + open.writer.in_progress_size()
            });
            let Some(partition) = largest.map(|(partition, _)| partition.clone()) else {
                break;
            };
            self.end(&partition)?;
        }
        let sizes = self
            .open
            .values()
            .map(|open| open.writer.in_progress_size());
        let mut held: usize = sizes.sum();
        while held > HELD_BACK {
            let largest = self
                .open
                .values_mut()
                .max_by_key(|open| open.writer.in_progress_size());
            let Some(open) = largest else { break };
            held -= open.writer.in_progress_size();
            open.writer.flush().explain(codes::K2003, || {
                format!("`{}` cannot be written", self.folder.shown(&open.name))
            })?;
        }
        Ok(())
    }

    /// Ends the open files and gives every file written.
    ///
    /// # Errors
    /// `K2003` if the file cannot be written.
    pub fn finish(mut self) -> Result<Vec<DataFile>> {
        let open: Vec<PartitionValues> = self.open.keys().cloned().collect();
        open.iter().try_for_each(|partition| self.end(partition))?;
        Ok(self.done)
    }

    /// Begins a file of `partition`, whose first rows `batch` has.
    fn begin(&self, partition: &PartitionValues, batch: &RecordBatch) -> Result<Open> {
        let folder = partition::folder(&self.options.partition_by, partition);
        let name = format!(
            "{}{folder}part-{}.parquet",
            self.options.folder,
            uuid::Uuid::now_v7()
        );
        let wrong = || format!("`{}` cannot be written", self.folder.shown(&name));
        let file = self.folder.create(&name)?;
        let properties = WriterProperties::builder()
            .set_compression(self.options.compression)
            .set_max_row_group_row_count(Some(self.options.row_group_rows))
            .set_statistics_enabled(EnabledStatistics::Chunk)
            .set_created_by(concat!("sluice version ", env!("CARGO_PKG_VERSION")).to_owned());
        let properties =
            encodings::chosen(properties, batch, self.folder.knows_differences())?.build();
        let schema = self.folder.file_schema(&self.schema)?;
        let writer =
            ArrowWriter::try_new(file, schema, Some(properties)).explain(codes::K2003, wrong)?;
        Ok(Open { name, writer })
    }

    fn end(&mut self, partition: &PartitionValues) -> Result<()> {
        let Some((partition, open)) = self.open.remove_entry(partition) else {
            return Ok(());
        };
        let wrong = || format!("`{}` cannot be written", self.folder.shown(&open.name));
        let mut writer = open.writer;
        let metadata = writer.finish().explain(codes::K2003, wrong)?;
        // The footer is written and flushed; what is below has all bytes.
        let size = writer.inner_mut().finish()?;
        let rows = u64::try_from(metadata.file_metadata().num_rows())
            .map_err(|cause| Error::new(codes::K2003, wrong()).because(cause))?;
        self.done.push(DataFile {
            stats: statistics::of_file(&metadata, &self.schema)?,
            path: open.name,
            size,
            rows,
            partition,
        });
        Ok(())
    }
}
