//! Small files into large ones: the same rows in fewer files, so that scans open fewer of them.

use std::collections::BTreeMap;

use diagnostic::Result;

use crate::{Commit, DataFolder, FileRows, Operation, ParquetSink, SinkOptions, StoredFile, Table};

/// A file with more than this many rows that have left, in percent, is written again.
const MANY_LEFT: u64 = 10;
/// A file that is this much of the target, in percent, stays as it is.
const GOOD_ENOUGH: u64 = 75;

/// What compaction has done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Compaction {
    /// Files that left the table.
    pub removed: usize,
    /// Their bytes.
    pub removed_bytes: u64,
    /// Files that came instead.
    pub added: usize,
    /// Their bytes.
    pub added_bytes: u64,
}

impl Table {
    /// Writes the rows of files much smaller than `target` bytes to files in `folder` of about that size, in
    /// the order they have, and those of files that many rows have left; or, if there are columns to cluster by, all
    /// rows along the curve through these. `None` if there is nothing to gain. The commit is the caller's to make.
    ///
    /// # Errors
    /// `K2003` if a file cannot be read or written, `K2004` if the log cannot be read, `K3012` if the table cannot
    /// be clustered so.
    pub async fn compact(
        &self,
        folder: &DataFolder,
        target: u64,
        cluster_by: &[String],
    ) -> Result<Option<(Commit, Compaction)>> {
        // Rows of different partitions do not share files.
        let mut partitions: BTreeMap<_, Vec<StoredFile>> = BTreeMap::new();
        for file in self.files().await? {
            let partition = partitions.entry(file.partition.clone());
            partition.or_default().push(file);
        }
        let partitions = partitions.into_values();
        let bins: Vec<_> = partitions.flat_map(|files| bins(files, target)).collect();
        if bins.is_empty() {
            return Ok(None);
        }
        if !cluster_by.is_empty() {
            return self.zorder(folder, target, cluster_by).await;
        }
        let schema = self.schema().await?;
        let options = SinkOptions {
            partition_by: self.partition_by().await?,
            file_size: usize::try_from(target).unwrap_or(usize::MAX),
            ..SinkOptions::default()
        };
        let mut commit = Commit::new(Operation::Optimize);
        let mut done = Compaction::default();
        let folder = folder.clone();
        let written = tokio::task::spawn_blocking(move || {
            for bin in bins {
                let mut sink = ParquetSink::new(&folder, schema.clone(), options.clone());
                for file in &bin {
                    for batch in FileRows::open(&folder, file, &schema, &schema)? {
                        sink.write(&batch?)?;
                    }
                    done.removed += 1;
                    done.removed_bytes += file.size;
                    commit.remove.push(file.path.clone());
                }
                commit.add.extend(sink.finish()?);
            }
            done.added = commit.add.len();
            done.added_bytes = commit.add.iter().map(|file| file.size).sum();
            Ok((commit, done))
        });
        let written: Result<_> = written.await.unwrap_or_else(|_| {
            Err(diagnostic::Error::new(
                diagnostic::codes::X0001,
                "A thread that compacts a table broke down",
            ))
        });
        written.map(Some)
    }
}

/// Groups of neighbours that together make a file of `target` bytes, from the files that are too small or that
/// many rows have left: of the former at least two. File names grow with time, so rows that were written together stay together.
fn bins(mut files: Vec<StoredFile>, target: u64) -> Vec<Vec<StoredFile>> {
    let thin = |file: &StoredFile| {
        let written = file.rows.unwrap_or(0).saturating_add(file.left());
        file.left().saturating_mul(100) > written.saturating_mul(MANY_LEFT)
    };
    let small =
        |file: &StoredFile| file.size.saturating_mul(100) < target.saturating_mul(GOOD_ENOUGH);
    files.retain(|file| small(file) || thin(file));
    files.sort_by(|a, b| a.path.cmp(&b.path));
    let mut bins = Vec::new();
    let mut bin: Vec<StoredFile> = Vec::new();
    let mut size = 0;
    for file in files {
        if size + file.size > target && !bin.is_empty() {
            bins.push(std::mem::take(&mut bin));
            size = 0;
        }
        size += file.size;
        bin.push(file);
    }
    bins.push(bin);
    bins.retain(|bin| bin.len() > 1 || bin.iter().any(thin));
    bins
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::bins;
    use crate::StoredFile;

    fn sizes(files: &[u64], target: u64) -> Vec<Vec<u64>> {
        let files = files.iter().enumerate().map(|(at, size)| StoredFile {
            path: format!("{at:03}"),
            size: *size,
            rows: None,
            stats: None,
            vector: None,
            partition: BTreeMap::new(),
        });
        let bins = bins(files.collect(), target);
        let size = |bin: Vec<StoredFile>| bin.iter().map(|file| file.size).collect();
        bins.into_iter().map(size).collect()
    }

    #[test]
    fn small_neighbours_share_a_bin_and_large_files_stay() {
        assert_eq!(
            sizes(&[10, 90, 20, 30, 60, 5], 100),
            [vec![10, 20, 30], vec![60, 5]]
        );
        assert!(sizes(&[80, 90], 100).is_empty());
        assert!(sizes(&[5], 100).is_empty());
        assert!(sizes(&[60, 70], 100).is_empty());
    }
}
