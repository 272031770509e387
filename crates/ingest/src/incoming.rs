//! The files of a stream as one run finds them: listed, told apart, and kept in the raw zone.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use chrono::{DateTime, SecondsFormat, Utc};
use connectors::files::{self, ContentHash, FoundFile, csv};
use diagnostic::{Error, Result, ResultExt, codes};
use settings::{Format, RawMode, StreamSpec};
use state::{LedgerEntry, LoadStatus};

use crate::plan::{Candidate, arrival};

/// A file that was just written may change again within one tick of its clock, so its time says nothing.
const SETTLED: Duration = Duration::from_secs(2);

/// A file that was found and told apart.
pub(crate) struct Arrived {
    pub(crate) file: FoundFile,
    pub(crate) content: ContentHash,
    pub(crate) partition: Option<String>,
}

impl Arrived {
    pub(crate) fn candidate(&self) -> Candidate {
        Candidate {
            name: self.file.name.clone(),
            content: self.content,
            partition: self.partition.clone(),
        }
    }

    /// The file's entry in the ledger.
    pub(crate) fn entry(&self, stream: &str, batch: &str, status: LoadStatus) -> LedgerEntry {
        LedgerEntry {
            stream: stream.to_owned(),
            path: self.file.name.clone(),
            content_hash: self.content.to_string(),
            size: self.file.size,
            modified: trusted_time(self.file.modified),
            batch: batch.to_owned(),
            rows: 0,
            quarantined: 0,
            status,
            error: None,
        }
    }
}

/// A file whose bytes could not be read, and why.
pub(crate) type Unhashed = (String, Error);

/// Lists the files of `stream` below `folder` and hashes those that `known` does not already tell apart by
/// name, size and time.
pub(crate) fn arrive(
    folder: &Path,
    stream: &StreamSpec,
    known: &[LedgerEntry],
) -> Result<(Vec<Arrived>, Vec<Unhashed>)> {
    let patterns: Vec<String> = stream
        .files
        .iter()
        .map(|pattern| pattern.value.clone())
        .collect();
    let by_name: HashMap<&str, &LedgerEntry> = known
        .iter()
        .map(|entry| (entry.path.as_str(), entry))
        .collect();
    let mut arrived = Vec::new();
    let mut failed = Vec::new();
    for file in files::discover(folder, &patterns)? {
        let remembered = by_name
            .get(file.name.as_str())
            .filter(|entry| entry.size == file.size && !entry.modified.is_empty())
            .filter(|entry| entry.modified == rfc3339(file.modified))
            .and_then(|entry| entry.content_hash.parse().ok());
        let content = match remembered {
            Some(content) => Ok(content),
            None => files::hash(&file.path, &file.name),
        };
        match content {
            Ok(content) => {
                let partition = stream
                    .batch
                    .as_ref()
                    .and_then(|batch| file.partitions.get(batch))
                    .cloned();
                arrived.push(Arrived {
                    file,
                    content,
                    partition,
                });
            }
            Err(error) => failed.push((file.name, error)),
        }
    }
    Ok((arrived, failed))
}

/// Loaded files that are gone from the source, read from their copies in the raw zone, and a notice for
/// each without one. A rebuild would lose their rows otherwise, while the ledger calls them taken.
pub(crate) fn replay(
    known: &[LedgerEntry],
    arrived: &[Arrived],
    raw_folder: &Path,
) -> Result<(Vec<Arrived>, Vec<String>)> {
    let mut here: HashSet<&str> = arrived
        .iter()
        .map(|arrived| arrived.file.name.as_str())
        .collect();
    let (mut replayed, mut notices) = (Vec::new(), Vec::new());
    let contents: HashSet<String> = arrived
        .iter()
        .map(|arrived| arrived.content.to_string())
        .collect();
    for entry in known
        .iter()
        .rev()
        .filter(|entry| entry.status == LoadStatus::Loaded)
    {
        // The newest content under a name stands for it.
        if !here.insert(&entry.path) || contents.contains(&entry.content_hash) {
            continue;
        }
        let (folder, file_name) = raw_place(&entry.path, &entry.content_hash);
        let path = raw_folder.join(folder).join(file_name);
        let (Ok(metadata), Ok(content)) = (std::fs::metadata(&path), entry.content_hash.parse())
        else {
            notices.push(format!(
                "`{}` is gone, and no copy of it was kept: its rows are not in the rebuilt tables",
                entry.path
            ));
            continue;
        };
        let modified = metadata.modified().explain(codes::F1001, || {
            format!("`{}` cannot be read", path.display())
        })?;
        let file = FoundFile {
            path,
            name: entry.path.clone(),
            size: metadata.len(),
            modified,
            partitions: Default::default(),
        };
        let partition = arrival(&entry.batch).is_none().then(|| entry.batch.clone());
        replayed.push(Arrived {
            file,
            content,
            partition,
        });
    }
    replayed.reverse();
    Ok((replayed, notices))
}

/// The folder and name of a file's copy in the raw zone.
fn raw_place(name: &str, hash: &str) -> (PathBuf, String) {
    let (folder, file_name) = name.rsplit_once('/').unwrap_or(("", name));
    let folder = folder
        .split('/')
        .filter(|part| !matches!(*part, "" | "." | ".."))
        .collect();
    (
        folder,
        format!("{}-{file_name}", hash.get(..16).unwrap_or(hash)),
    )
}

/// Where a file's bytes are read from: a copy in the raw zone, or the file itself. A copy has the content's
/// hash in its name, so that no version replaces another.
pub(crate) fn keep_raw(arrived: &Arrived, mode: RawMode, raw_folder: &Path) -> Result<PathBuf> {
    if mode == RawMode::Reference {
        return Ok(arrived.file.path.clone());
    }
    let name = &arrived.file.name;
    let hash = arrived.content.to_string();
    let (folder, file_name) = raw_place(name, &hash);
    let folder = raw_folder.join(folder);
    let cannot = || format!("`{name}` cannot be copied to `{}`", folder.display());
    std::fs::create_dir_all(&folder).explain(codes::F1002, cannot)?;
    let target = folder.join(file_name);
    let is_there = std::fs::metadata(&target).is_ok_and(|there| there.len() == arrived.file.size);
    if is_there && files::hash(&target, name)? == arrived.content {
        return Ok(target);
    }
    // Under another name until it is whole: a crash leaves no half copy that looks like one.
    let partial = folder.join(format!("_{hash}.partial"));
    if files::copy_and_hash(&arrived.file.path, name, &partial)? != arrived.content {
        std::fs::remove_file(&partial).explain(codes::F1002, cannot)?;
        return Err(changed(name));
    }
    std::fs::rename(&partial, &target).explain(codes::F1002, cannot)?;
    Ok(target)
}

/// Refuses a file read in place that is not what it was when it was hashed.
pub(crate) fn check_unchanged(arrived: &Arrived, mode: RawMode) -> Result<()> {
    if mode == RawMode::Copy {
        return Ok(());
    }
    let name = &arrived.file.name;
    let now = std::fs::metadata(&arrived.file.path)
        .explain(codes::F1001, || format!("`{name}` cannot be read"))?;
    let same_time = now
        .modified()
        .is_ok_and(|modified| modified == arrived.file.modified);
    if same_time && now.len() == arrived.file.size {
        return Ok(());
    }
    Err(changed(name))
}

fn changed(name: &str) -> Error {
    Error::new(codes::F1005, format!("`{name}` changed while it was read"))
        .with("file", name)
        .help("run again when the file is complete; deliver files under a temporary name and rename them")
}

fn rfc3339(time: SystemTime) -> String {
    DateTime::<Utc>::from(time).to_rfc3339_opts(SecondsFormat::Nanos, true)
}

/// The file's time, or nothing if the file is too new for its time to say that it has not changed.
fn trusted_time(modified: SystemTime) -> String {
    match SystemTime::now().duration_since(modified) {
        Ok(age) if age >= SETTLED => rfc3339(modified),
        _ => String::new(),
    }
}

/// The stream's format as the reader takes it. `columns` are the contract's, for files without header.
pub(crate) fn csv_format(stream: &StreamSpec, columns: &[String]) -> csv::CsvFormat {
    let Format::Csv(format) = &stream.format;
    csv::CsvFormat {
        delimiter: format.delimiter,
        quote: format.quote,
        columns: (!format.header).then(|| columns.to_vec()),
        encoding: match format.encoding {
            settings::Encoding::Auto => files::Encoding::Auto,
            settings::Encoding::Named(encoding) => files::Encoding::Declared(encoding),
        },
        max_record: usize::try_from(format.max_record).unwrap_or(usize::MAX),
    }
}
