//! The files of a stream as one run finds them: listed, told apart, and kept in the raw zone.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use chrono::{DateTime, SecondsFormat, Utc};
use connectors::files::{
    self, ContentHash, FileFormat, FoundFile, PathValues, Place, RemoteFile, csv, json,
};
use diagnostic::{Error, Result, ResultExt, codes};
use settings::{Format, RawMode, StreamSpec};
use state::{LedgerEntry, LoadStatus, Replaces};
use storage::Storage;

use crate::archives;
use crate::delivery::{Gated, Promise, gate, gate_objects};
use crate::plan::{Candidate, arrival};
use crate::scope::Scope;

/// A file that was just written may change again within one tick of its clock, so its time says nothing.
const SETTLED: Duration = Duration::from_secs(2);

/// Where a stream's files are.
#[derive(Clone, Debug)]
pub enum Origin {
    /// In this folder.
    Folder(PathBuf),
    /// In an object store.
    Store(Storage),
}

impl Origin {
    /// Where it is, as a URL.
    pub(crate) fn url(&self) -> String {
        match self {
            Self::Folder(folder) => format!("file://{}/", folder.display()),
            Self::Store(storage) => storage.location().to_string(),
        }
    }
}

/// A file that was found and told apart.
pub(crate) struct Arrived {
    pub(crate) file: FoundFile,
    pub(crate) content: ContentHash,
    pub(crate) partition: Option<String>,
    /// What the manifest of its delivery promises of it.
    pub(crate) promise: Promise,
    /// The object it is a copy of, if it comes from a store.
    remote: Option<RemoteFile>,
    /// Whether its bytes are read from the raw zone.
    kept: bool,
}

/// Whether `name` is that of a member of the archive `remote`.
pub(crate) fn is_member(remote: &RemoteFile, name: &str) -> bool {
    let below = name.strip_prefix(remote.name.as_str());
    below.is_some_and(|below| below.starts_with('/'))
}

impl Arrived {
    /// A file of a store.
    pub(crate) fn of_store(
        file: FoundFile,
        content: ContentHash,
        stream: &StreamSpec,
        promise: Promise,
        remote: RemoteFile,
    ) -> Self {
        let batch = stream.batch.as_ref();
        Self {
            partition: batch.and_then(|batch| file.values.get(batch)).cloned(),
            file,
            content,
            promise,
            remote: Some(remote),
            kept: false,
        }
    }

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
            modified: match &self.remote {
                Some(remote) => remote.version.clone(),
                None => trusted_time(self.file.modified),
            },
            batch: batch.to_owned(),
            rows: 0,
            quarantined: 0,
            status,
            error: None,
            first_error: None,
            replaces: Replaces::Nothing,
            table: String::new(),
            location: String::new(),
            run: String::new(),
            loaded_at: String::new(),
        }
    }

    /// Refuses a copy in the raw zone whose bytes are not those it was made of.
    pub(crate) fn check_kept(&self) -> Result<()> {
        let name = &self.file.name;
        if !self.kept || files::hash(&self.file.place, name)? == self.content {
            return Ok(());
        }
        let copy = self.file.place.path.display();
        Err(Error::new(
            codes::F1008,
            format!("The raw zone's copy of `{name}` is not what was loaded"),
        )
        .with("copy", copy)
        .help("restore the copy from a backup, or read the source again by `sluice backfill`"))
    }
}

/// Where copies are that were made when files were loaded.
pub(crate) struct Kept<'a> {
    pub(crate) raw_folder: &'a Path,
    /// Where the stream's files are.
    pub(crate) origin: &'a Origin,
}

/// Where the raw zone may have the content that `entry` tells of.
pub(crate) fn kept_at(entry: &LedgerEntry, kept: &Kept<'_>) -> impl Iterator<Item = PathBuf> {
    let (folder, file_name) = raw_place(&entry.path, &entry.content_hash);
    let copy = kept.raw_folder.join(folder).join(file_name);
    let own = match kept.origin {
        Origin::Folder(folder) if folder.starts_with(kept.raw_folder) => {
            Some(folder.join(&entry.path))
        }
        Origin::Folder(_) | Origin::Store(_) => None,
    };
    std::iter::once(copy).chain(own)
}

/// The content that `entry` tells of, if the raw zone has it. Events that were sent lie there to begin with.
pub(crate) fn from_raw(
    entry: &LedgerEntry,
    values: &PathValues,
    kept: &Kept<'_>,
) -> Result<Option<Arrived>> {
    let there = kept_at(entry, kept).find_map(|path| Some((std::fs::metadata(&path).ok()?, path)));
    let (Some((metadata, path)), Ok(content)) = (there, entry.content_hash.parse()) else {
        return Ok(None);
    };
    let modified = metadata.modified().explain(codes::F1001, || {
        format!("`{}` cannot be read", path.display())
    })?;
    let file = FoundFile {
        place: Place::file(path),
        name: entry.path.clone(),
        size: metadata.len(),
        modified,
        values: values.of(&entry.path),
    };
    let has_partition = arrival(&entry.batch).is_none();
    Ok(Some(Arrived {
        file,
        content,
        partition: has_partition.then(|| entry.batch.clone()),
        promise: Promise::default(),
        remote: None,
        kept: true,
    }))
}

/// The files of a stream as they are there now.
#[derive(Default)]
pub(crate) struct Arrivals {
    pub(crate) files: Vec<Arrived>,
    /// Files that could not be read, or are not what they should be, and why.
    pub(crate) failed: Vec<(String, Error)>,
    /// What people should know, in sentences.
    pub(crate) notices: Vec<String>,
    /// Files that were found and not asked for.
    pub(crate) unasked: Vec<String>,
}

/// Which paths are asked for.
pub(crate) type Wanted<'a> = &'a dyn Fn(&str) -> bool;

/// Lists the files of `stream` below `folder` and hashes those that `known` does not already tell apart by
/// name, size and time.
pub(crate) fn arrive(
    folder: &Path,
    stream: &StreamSpec,
    known: &[LedgerEntry],
    scope: &Scope,
    wanted: Wanted<'_>,
) -> Result<Arrivals> {
    let patterns = patterns(stream);
    let by_name: HashMap<&str, &LedgerEntry> = known
        .iter()
        .map(|entry| (entry.path.as_str(), entry))
        .collect();
    let mut found = files::discover(folder, &patterns)?;
    found.retain(|file| scope.takes(file));
    let gated = match &stream.marker {
        Some(marker) => gate(folder, marker, found),
        None => Gated {
            complete: found
                .into_iter()
                .map(|file| (file, Promise::default()))
                .collect(),
            ..Gated::default()
        },
    };
    let mut arrivals = Arrivals {
        failed: gated.refused,
        notices: gated.notices,
        ..Arrivals::default()
    };
    for (file, promise) in gated.complete {
        if !wanted(&file.name) {
            arrivals.unasked.push(file.name);
            continue;
        }
        let remembered = by_name
            .get(file.name.as_str())
            .filter(|entry| entry.size == file.size && !entry.modified.is_empty())
            .filter(|entry| entry.modified == rfc3339(file.modified))
            .filter(|entry| keeps_promise(stream, entry))
            .and_then(|entry| entry.content_hash.parse().ok());
        let content = match remembered {
            Some(content) => Ok(content),
            None => promise
                .check_sum(&file.place, &file.name)
                .and_then(|()| files::hash(&file.place, &file.name)),
        };
        match content {
            Ok(content) => {
                let partition = stream
                    .batch
                    .as_ref()
                    .and_then(|batch| file.values.get(batch))
                    .cloned();
                arrivals.files.push(Arrived {
                    file,
                    content,
                    partition,
                    promise,
                    remote: None,
                    kept: false,
                });
            }
            Err(error) => arrivals.failed.push((file.name, error)),
        }
    }
    Ok(arrivals)
}

/// Whether `entry` is of a file that needs not be compared with its manifest again: one that was rejected may have
/// another manifest by now.
fn keeps_promise(stream: &StreamSpec, entry: &LedgerEntry) -> bool {
    stream.marker.is_none() || entry.status != LoadStatus::Rejected
}

/// The objects of `storage` that belong to `stream`. Those that `known` does not tell apart by name, size and
/// version are brought to `landing`, as their content is not known otherwise.
pub(crate) fn arrive_remote(
    storage: &Storage,
    stream: &StreamSpec,
    known: &[LedgerEntry],
    scope: &Scope,
    landing: &Landing<'_>,
    wanted: Wanted<'_>,
) -> Result<Arrivals> {
    let by_name: HashMap<&str, &LedgerEntry> = known
        .iter()
        .map(|entry| (entry.path.as_str(), entry))
        .collect();
    let mut arrivals = Arrivals::default();
    let marker = stream.marker.as_deref();
    let found = files::discover_remote(storage, &patterns(stream), marker, scope.keys())?;
    if let (1.., Some(marker)) = (found.waiting, &stream.marker) {
        let waiting = found.waiting;
        let them = if waiting == 1 {
            "file waits"
        } else {
            "files wait"
        };
        arrivals
            .notices
            .push(format!("{waiting} {them} for `{marker}` in their folder"));
    }
    let is_known = |remote: &RemoteFile| {
        let mut members = known.iter().filter(|entry| is_member(remote, &entry.path));
        let own = by_name.get(remote.name.as_str()).copied();
        own.or_else(|| members.next_back())
            .is_some_and(|entry| entry.modified == remote.version && keeps_promise(stream, entry))
    };
    let gated = gate_objects(storage, found, is_known);
    arrivals.failed.extend(gated.refused);
    arrivals.notices.extend(gated.notices);
    for (remote, promise) in gated.complete {
        if archives::is_archive(&remote) {
            let archive = archives::Archive {
                stream,
                remote: &remote,
                promise: &promise,
                landing,
            };
            match archive.arrive(storage, known) {
                Ok(Some(members)) => {
                    for member in members {
                        match wanted(&member.file.name) {
                            true => arrivals.files.push(member),
                            false => arrivals.unasked.push(member.file.name),
                        }
                    }
                    continue;
                }
                // A document such as a workbook.
                Ok(None) => {}
                Err(error) => {
                    arrivals.failed.push((remote.name, error));
                    continue;
                }
            }
        }
        if !wanted(&remote.name) {
            arrivals.unasked.push(remote.name);
            continue;
        }
        let remembered = by_name
            .get(remote.name.as_str())
            .filter(|entry| entry.size == remote.size && entry.modified == remote.version)
            .filter(|entry| keeps_promise(stream, entry))
            .and_then(|entry| entry.content_hash.parse::<ContentHash>().ok());
        let content = match remembered {
            Some(content) => Ok(content),
            None => landing.fetch(storage, &remote).and_then(|content| {
                let path = landing.path(&remote.name, &content.to_string());
                promise.check_sum(&Place::file(path), &remote.name)?;
                Ok(content)
            }),
        };
        match content {
            Ok(content) => {
                let path = landing.path(&remote.name, &content.to_string());
                let (name, size, values) =
                    (remote.name.clone(), remote.size, remote.values.clone());
                let file = FoundFile {
                    place: Place::file(path),
                    name,
                    size,
                    modified: remote.modified,
                    values,
                };
                arrivals
                    .files
                    .push(Arrived::of_store(file, content, stream, promise, remote));
            }
            Err(error) => arrivals.failed.push((remote.name, error)),
        }
    }
    Ok(arrivals)
}

/// Where copies of objects go: the raw zone, or a folder that is emptied after the load.
pub(crate) struct Landing<'a> {
    folder: &'a Path,
    /// Where archives are unpacked from, whose members go to the raw zone.
    pub(crate) spill: &'a Path,
}

impl<'a> Landing<'a> {
    pub(crate) fn new(mode: RawMode, raw_folder: &'a Path, spill_folder: &'a Path) -> Self {
        Self {
            folder: match mode {
                RawMode::Copy => raw_folder,
                RawMode::Reference => spill_folder,
            },
            spill: spill_folder,
        }
    }

    fn path(&self, name: &str, hash: &str) -> PathBuf {
        let (folder, file_name) = raw_place(name, hash);
        self.folder.join(folder).join(file_name)
    }

    /// Brings an object here.
    fn fetch(&self, storage: &Storage, remote: &RemoteFile) -> Result<ContentHash> {
        let cannot = || {
            let folder = self.folder.display();
            format!("`{}` cannot be copied to `{folder}`", remote.name)
        };
        std::fs::create_dir_all(self.folder).explain(codes::F1002, cannot)?;
        // Without a name until it is whole: a crash leaves no half copy that looks like one.
        let partial = tempfile::Builder::new()
            .prefix("_object")
            .suffix(".partial")
            .tempfile_in(self.folder)
            .explain(codes::F1002, cannot)?;
        let content = files::fetch(storage, remote, partial.path())?;
        let path = self.path(&remote.name, &content.to_string());
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).explain(codes::F1002, cannot)?;
        }
        partial
            .persist(&path)
            .map_err(|failed| failed.error)
            .explain(codes::F1002, cannot)?;
        Ok(content)
    }

    /// Brings the object behind `arrived` here again, if it is gone: one that is loaded anew may have been
    /// told apart by its version alone.
    fn ensure(&self, storage: &Storage, arrived: &Arrived, remote: &RemoteFile) -> Result<Place> {
        let path = self.path(&remote.name, &arrived.content.to_string());
        let is_there = std::fs::metadata(&path).is_ok_and(|there| there.len() == remote.size);
        let place = Place::file(path);
        if is_there && files::hash(&place, &remote.name)? == arrived.content {
            return Ok(place);
        }
        match self.fetch(storage, remote)? == arrived.content {
            true => Ok(place),
            false => Err(changed(&remote.name)),
        }
    }
}

/// Removes the copies of objects of which only a reference is kept.
pub(crate) fn forget_copies(arrived: &[Arrived], mode: RawMode) {
    for copy in arrived {
        let is_member = |remote: &RemoteFile| remote.name != copy.file.name;
        let of_archive = copy.remote.as_ref().map(is_member);
        // Of an archive the members are kept.
        if of_archive.is_none_or(|is_member| !is_member && mode == RawMode::Copy) {
            continue;
        }
        // What stays is in a folder that holds nothing for good.
        let _ = std::fs::remove_file(&copy.file.place.path);
    }
}

pub(crate) fn patterns(stream: &StreamSpec) -> Vec<String> {
    let patterns = stream.files.iter();
    patterns.map(|pattern| pattern.value.clone()).collect()
}

/// Loaded files that are gone from the source, read from their copies in the raw zone, and a notice for
/// each without one. A rebuild would lose their rows otherwise, while the ledger calls them taken.
pub(crate) fn replay(
    stream: &StreamSpec,
    known: &[LedgerEntry],
    arrived: &[Arrived],
    kept: &Kept<'_>,
) -> Result<(Vec<Arrived>, Vec<String>)> {
    let values = PathValues::new(&patterns(stream))?;
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
        match from_raw(entry, &values, kept)? {
            Some(copy) => replayed.push(copy),
            None => notices.push(format!(
                "`{}` is gone, and no copy of it was kept: its rows are not in the rebuilt tables",
                entry.path
            )),
        }
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
pub(crate) fn keep_raw(
    arrived: &Arrived,
    origin: &Origin,
    mode: RawMode,
    raw_folder: &Path,
    spill_folder: &Path,
) -> Result<Place> {
    if arrived.kept {
        arrived.check_kept()?;
        return Ok(arrived.file.place.clone());
    }
    let mut source = arrived.file.place.clone();
    if let (Some(remote), Origin::Store(storage)) = (&arrived.remote, origin) {
        if remote.name == arrived.file.name {
            return Landing::new(mode, raw_folder, spill_folder).ensure(storage, arrived, remote);
        }
        source = archives::place_of(storage, remote, &arrived.file)?;
    }
    if mode == RawMode::Reference {
        return Ok(source);
    }
    let name = &arrived.file.name;
    let hash = arrived.content.to_string();
    let (folder, file_name) = raw_place(name, &hash);
    let folder = raw_folder.join(folder);
    let cannot = || format!("`{name}` cannot be copied to `{}`", folder.display());
    std::fs::create_dir_all(&folder).explain(codes::F1002, cannot)?;
    let path = folder.join(file_name);
    let target = Place::file(&path);
    let is_there = std::fs::metadata(&path).is_ok_and(|there| there.len() == arrived.file.size);
    if is_there && files::hash(&target, name)? == arrived.content {
        return Ok(target);
    }
    // Under another name until it is whole: a crash leaves no half copy that looks like one.
    let partial = folder.join(format!("_{hash}.partial"));
    if files::copy_and_hash(&source, name, &partial)? != arrived.content {
        std::fs::remove_file(&partial).explain(codes::F1002, cannot)?;
        return Err(changed(name));
    }
    std::fs::rename(&partial, &path).explain(codes::F1002, cannot)?;
    Ok(target)
}

/// Refuses a file read in place that is not what it was when it was hashed.
pub(crate) fn check_unchanged(arrived: &Arrived, mode: RawMode) -> Result<()> {
    if mode == RawMode::Copy || arrived.remote.is_some() || arrived.kept {
        return Ok(());
    }
    let name = &arrived.file.name;
    let now = std::fs::metadata(&arrived.file.place.path)
        .explain(codes::F1001, || format!("`{name}` cannot be read"))?;
    let same_time = now
        .modified()
        .is_ok_and(|modified| modified == arrived.file.modified);
    let is_member = arrived.file.place.member.is_some();
    if same_time && (is_member || now.len() == arrived.file.size) {
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
pub(crate) fn file_format(stream: &StreamSpec, columns: &[String]) -> FileFormat {
    let size = |bytes: u64| usize::try_from(bytes).unwrap_or(usize::MAX);
    let encoding = |encoding: settings::Encoding| match encoding {
        settings::Encoding::Auto => files::Encoding::Auto,
        settings::Encoding::Named(encoding) => files::Encoding::Declared(encoding),
    };
    match &stream.format {
        Format::Csv(format) => FileFormat::Csv(csv::CsvFormat {
            delimiter: format.delimiter,
            quote: format.quote,
            columns: (!format.header).then(|| columns.to_vec()),
            encoding: encoding(format.encoding),
            max_record: size(format.max_record),
        }),
        Format::Json(format) => FileFormat::Json(json::JsonFormat {
            lines: format.lines,
            records_path: format.records_path.clone(),
            encoding: encoding(format.encoding),
            max_record: size(format.max_record),
        }),
        Format::Parquet(format) => FileFormat::Parquet(size(format.max_record)),
        Format::Avro(format) => FileFormat::Avro(size(format.max_record)),
        Format::Excel(format) => FileFormat::Excel(files::ExcelFormat {
            sheet: format.sheet.clone(),
            header_row: format.header_row,
            range: format.range,
        }),
    }
}
