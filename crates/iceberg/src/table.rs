//! [`Table`]: one version of a table, and writing the next one.

use std::collections::BTreeSet;
use std::sync::Arc;

use diagnostic::{Error, Result, ResultExt, codes};
use serde_json::Value as Json;
use tokio::sync::OnceCell;

use crate::manifest::{self, Entry, Manifest, Status};
use crate::metadata::TableMetadata;
use crate::{DataFile, Folder, METADATA, Schema, Snapshot, metadata_file, metrics};

/// With so many manifests, a commit writes all of them as one: readers open each.
const MANY_MANIFESTS: usize = 100;

/// What a snapshot did, by the names of the specification.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// Files were added.
    Append,
    /// Files were added and removed.
    Overwrite,
    /// Files were removed.
    Delete,
    /// The same rows are in other files.
    Replace,
}

impl Operation {
    fn name(self) -> &'static str {
        match self {
            Self::Append => "append",
            Self::Overwrite => "overwrite",
            Self::Delete => "delete",
            Self::Replace => "replace",
        }
    }
}

/// What a new version changes.
#[derive(Clone, Debug)]
pub struct Change {
    /// The kind of change.
    pub operation: Operation,
    /// Parquet files that become part of the table, relative to its folder, with their bytes.
    pub add: Vec<(String, u64)>,
    /// Files that leave it.
    pub remove: BTreeSet<String>,
    /// Whether all other files leave it too.
    pub remove_all: bool,
    /// New columns and the last id given, as [`Schema::become_columns`] makes them.
    pub schema: Option<(Schema, i32)>,
    /// Settings of the table to set.
    pub properties: Vec<(String, String)>,
    /// Facts for the snapshot's summary.
    pub summary: Vec<(String, String)>,
}

impl Change {
    /// A change of kind `operation` that changes nothing yet.
    #[must_use]
    pub fn new(operation: Operation) -> Self {
        Self {
            operation,
            add: Vec::new(),
            remove: BTreeSet::new(),
            remove_all: false,
            schema: None,
            properties: Vec::new(),
            summary: Vec::new(),
        }
    }

    fn touches_files(&self) -> bool {
        self.remove_all || !self.add.is_empty() || !self.remove.is_empty()
    }
}

/// One version of a table.
#[derive(Clone, Debug)]
pub struct Table {
    folder: Folder,
    version: u64,
    metadata: Arc<TableMetadata>,
    files: Arc<OnceCell<Vec<DataFile>>>,
}

impl Table {
    /// Version `version` of the table in `folder`.
    ///
    /// # Errors
    /// `K4001` if it is not there or cannot be read, `K4002` if it has another version of the format.
    pub async fn open(folder: &Folder, version: u64) -> Result<Self> {
        let name = metadata_file(version);
        let metadata = TableMetadata::parse(&name, &folder.read(&name).await?)?;
        Ok(Self::new(folder, version, metadata))
    }

    fn new(folder: &Folder, version: u64, metadata: TableMetadata) -> Self {
        Self {
            folder: folder.clone(),
            version,
            metadata: Arc::new(metadata),
            files: Arc::default(),
        }
    }

    /// The version.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.version
    }

    /// What its metadata file says.
    #[must_use]
    pub fn metadata(&self) -> &TableMetadata {
        &self.metadata
    }

    /// The full path of its metadata file.
    #[must_use]
    pub fn metadata_location(&self) -> String {
        self.full(&metadata_file(self.version))
    }

    /// The data files of this version.
    ///
    /// # Errors
    /// `K4001` if a manifest cannot be read, `K4002` if rows are deleted by files of their own, or the files are
    /// not Parquet.
    pub async fn files(&self) -> Result<&[DataFile]> {
        let files = self.files.get_or_try_init(|| async {
            match self.metadata.current() {
                Some(snapshot) => self.files_of(snapshot).await,
                None => Ok(Vec::new()),
            }
        });
        files.await.map(Vec::as_slice)
    }

    /// The data files of `snapshot`.
    ///
    /// # Errors
    /// As [`Table::files`].
    pub async fn files_of(&self, snapshot: &Snapshot) -> Result<Vec<DataFile>> {
        let mut files = Vec::new();
        for manifest in self.manifests(snapshot).await? {
            for entry in self.live(&manifest).await? {
                if entry.file.content != 0 || !entry.file.format.eq_ignore_ascii_case("parquet") {
                    let what = match entry.file.content {
                        0 => format!("files of the format {}", entry.file.format),
                        _ => "files that delete rows of other files".to_owned(),
                    };
                    return Err(Error::new(
                        codes::K4002,
                        format!(
                            "Table `{}` has {what}, which are not read",
                            self.metadata.location
                        ),
                    )
                    .help("let the engine that wrote them rewrite the table's files"));
                }
                files.push(entry.file);
            }
        }
        Ok(files)
    }

    /// The path of `file` relative to the table's folder.
    ///
    /// # Errors
    /// `K4002` if it lies elsewhere.
    pub fn relative<'a>(&self, file: &'a str) -> Result<&'a str> {
        file.strip_prefix(self.metadata.location.trim_end_matches('/'))
            .and_then(|rest| rest.strip_prefix('/'))
            .ok_or_else(|| {
                Error::new(
                    codes::K4002,
                    format!(
                        "`{file}` is not in the folder of its table, `{}`",
                        self.metadata.location
                    ),
                )
            })
    }

    /// The names, relative to the table's folder, of all files that a snapshot of this version leads to.
    ///
    /// # Errors
    /// `K4001` if a manifest cannot be read.
    pub async fn reachable(&self) -> Result<BTreeSet<String>> {
        let mut names = BTreeSet::new();
        let mut seen = BTreeSet::new();
        for snapshot in &self.metadata.snapshots {
            names.insert(self.relative(&snapshot.manifest_list)?.to_owned());
            for manifest in self.manifests(snapshot).await? {
                if !seen.insert(manifest.path.clone()) {
                    continue;
                }
                names.insert(self.relative(&manifest.path)?.to_owned());
                for entry in self.live(&manifest).await? {
                    names.insert(self.relative(&entry.file.path)?.to_owned());
                }
            }
        }
        Ok(names)
    }

    fn full(&self, name: &str) -> String {
        format!("{}/{name}", self.metadata.location.trim_end_matches('/'))
    }

    async fn manifests(&self, snapshot: &Snapshot) -> Result<Vec<Manifest>> {
        let name = self.relative(&snapshot.manifest_list)?;
        let bytes = self.folder.read(name).await?;
        manifest::read_list(&snapshot.manifest_list, &bytes)
    }

    /// The entries of `manifest` that are part of the table.
    async fn live(&self, manifest: &Manifest) -> Result<Vec<Entry>> {
        if manifest.files[0] + manifest.files[1] == 0 {
            return Ok(Vec::new());
        }
        let bytes = self.folder.read(self.relative(&manifest.path)?).await?;
        let mut entries = manifest::read_manifest(manifest, &bytes)?;
        entries.retain(|entry| entry.status != Status::Deleted);
        Ok(entries)
    }

    /// Writes the first version of a table in `folder`.
    ///
    /// # Errors
    /// As [`Table::commit`]; `X0001` if the change does not say the columns.
    pub async fn create(folder: &Folder, change: Change) -> Result<Self> {
        if change.schema.is_none() {
            return Err(Error::new(
                codes::X0001,
                "A table's first version must say its columns",
            ));
        }
        let now = chrono::Utc::now().timestamp_millis();
        let empty = Self::new(folder, 0, TableMetadata::empty(folder.location(), now));
        empty.commit(change).await
    }

    /// Writes the next version.
    ///
    /// # Errors
    /// `K1001` if somebody else wrote that version, or a file that leaves is not there; `K4001` if a file cannot
    /// be read or written, `K4002` if the table has partitions.
    pub async fn commit(&self, change: Change) -> Result<Self> {
        let mut metadata = self.metadata.as_ref().clone();
        let now = chrono::Utc::now().timestamp_millis();
        let now = now.max(metadata.last_updated_ms);
        let partitioned = |spec: &Json| {
            let fields = spec.get("fields").and_then(Json::as_array);
            fields.is_some_and(|fields| !fields.is_empty())
        };
        if metadata.partition_specs.iter().any(partitioned) {
            return Err(Error::new(
                codes::K4002,
                format!(
                    "Table `{}` has partitions, so it is not written",
                    metadata.location
                ),
            ));
        }
        if self.version > 0 {
            metadata.log_file(self.metadata_location(), metadata.last_updated_ms);
        }
        metadata.last_updated_ms = now;
        let touches_files = change.touches_files();
        let Change {
            operation,
            add,
            remove,
            remove_all,
            schema,
            properties,
            summary,
        } = change;
        if let Some((schema, last_id)) = schema {
            metadata.set_schema(schema, last_id);
        }
        metadata.properties.extend(properties);
        if touches_files {
            let mut next = NextSnapshot::new(self, &metadata, now)?;
            next.take_over(&remove, remove_all).await?;
            next.add(&add).await?;
            let snapshot = next.write(operation, summary).await?;
            metadata.set_snapshot(snapshot);
        }
        metadata.expire(now);
        let next = Self::new(&self.folder, self.version + 1, metadata);
        let text = serde_json::to_vec(next.metadata()).explain(codes::X0001, || {
            "A table's metadata cannot be written".to_owned()
        })?;
        self.folder
            .create(&metadata_file(next.version), text)
            .await?;
        Ok(next)
    }
}

/// A snapshot that is being made.
struct NextSnapshot<'a> {
    table: &'a Table,
    schema: &'a Schema,
    snapshot: Snapshot,
    /// Manifests that stay as they are.
    kept: Vec<Manifest>,
    /// The entries of the one that is written.
    entries: Vec<Entry>,
}

impl<'a> NextSnapshot<'a> {
    fn new(table: &'a Table, metadata: &'a TableMetadata, now: i64) -> Result<Self> {
        let (high, low) = uuid::Uuid::new_v4().as_u64_pair();
        let id = ((high ^ low) >> 1).cast_signed();
        let list = format!("{METADATA}/snap-{id}-1-{}.avro", uuid::Uuid::new_v4());
        Ok(Self {
            table,
            schema: metadata.schema()?,
            snapshot: Snapshot {
                snapshot_id: id,
                parent_snapshot_id: metadata.current_snapshot_id,
                sequence_number: metadata.last_sequence_number + 1,
                timestamp_ms: now,
                manifest_list: table.full(&list),
                summary: Default::default(),
                schema_id: Some(metadata.current_schema_id),
            },
            kept: Vec::new(),
            entries: Vec::new(),
        })
    }

    /// Takes over the files of the snapshot before, but for those that leave.
    async fn take_over(&mut self, remove: &BTreeSet<String>, remove_all: bool) -> Result<()> {
        let Some(before) = self.table.metadata.current() else {
            return gone(remove.iter().next());
        };
        let manifests = self.table.manifests(before).await?;
        let merge = manifests.len() >= MANY_MANIFESTS;
        let mut missing: BTreeSet<&str> = remove.iter().map(String::as_str).collect();
        // The newest files are the likeliest to leave.
        for manifest in manifests.into_iter().rev() {
            if manifest.files[0] + manifest.files[1] == 0 {
                continue;
            }
            if !remove_all && !merge && missing.is_empty() {
                self.kept.push(manifest);
                continue;
            }
            let mut entries = self.table.live(&manifest).await?;
            let mut changed = merge;
            for entry in &mut entries {
                let name = self.table.relative(&entry.file.path)?;
                entry.status = Status::Existing;
                if missing.remove(name) || remove_all {
                    entry.status = Status::Deleted;
                    entry.snapshot = Some(self.snapshot.snapshot_id);
                    changed = true;
                }
            }
            match changed {
                true => self.entries.extend(entries),
                false => self.kept.push(manifest),
            }
        }
        self.kept.reverse();
        gone(missing.first())
    }

    async fn add(&mut self, files: &[(String, u64)]) -> Result<()> {
        for (name, size) in files {
            let footer = self.table.folder.footer(name, *size).await?;
            let path = self.table.full(name);
            self.entries.push(Entry {
                status: Status::Added,
                snapshot: Some(self.snapshot.snapshot_id),
                sequence: None,
                file_sequence: None,
                file: metrics::data_file(path, *size, &footer, self.schema)?,
            });
        }
        Ok(())
    }

    /// Writes manifest and manifest list.
    async fn write(
        mut self,
        operation: Operation,
        summary: Vec<(String, String)>,
    ) -> Result<Snapshot> {
        let folder = &self.table.folder;
        let mut manifests = self.kept.clone();
        if !self.entries.is_empty() {
            let name = format!("{METADATA}/{}-m0.avro", uuid::Uuid::new_v4());
            let bytes = manifest::write_manifest(self.schema, &self.entries)?;
            manifests.insert(0, self.manifest(&name, bytes.len()));
            folder.create(&name, bytes).await?;
        }
        self.summarize(operation, &manifests);
        self.snapshot.summary.extend(summary);
        let list = manifest::write_list(&self.snapshot, &manifests)?;
        let name = self.table.relative(&self.snapshot.manifest_list)?;
        folder.create(name, list).await?;
        Ok(self.snapshot)
    }

    /// What the list says of the new manifest.
    fn manifest(&self, name: &str, length: usize) -> Manifest {
        let of = |status: Status| self.entries.iter().filter(move |e| e.status == status);
        let statuses = [Status::Added, Status::Existing, Status::Deleted];
        let count = |status| i64::try_from(of(status).count()).unwrap_or(i64::MAX);
        let own = self.snapshot.sequence_number;
        let live = self.entries.iter().filter(|e| e.status != Status::Deleted);
        Manifest {
            path: self.table.full(name),
            length: i64::try_from(length).unwrap_or(i64::MAX),
            spec: 0,
            content: 0,
            sequence: own,
            min_sequence: live.map(|e| e.sequence.unwrap_or(own)).min().unwrap_or(own),
            snapshot: self.snapshot.snapshot_id,
            files: statuses.map(count),
            rows: statuses.map(|status| of(status).map(|entry| entry.file.rows).sum()),
        }
    }

    fn summarize(&mut self, operation: Operation, manifests: &[Manifest]) {
        let sums = |status: Status| {
            let files = self.entries.iter().filter(|entry| entry.status == status);
            files.fold((0i64, 0i64, 0i64), |(files, rows, bytes), entry| {
                let size = i64::try_from(entry.file.size).unwrap_or(0);
                (files + 1, rows + entry.file.rows, bytes + size)
            })
        };
        let (added, deleted) = (sums(Status::Added), sums(Status::Deleted));
        let total = |of: fn(&Manifest) -> [i64; 3]| -> i64 {
            let live = |manifest| of(manifest)[0] + of(manifest)[1];
            manifests.iter().map(live).sum()
        };
        let before = self.table.metadata.current();
        let bytes_before = match before {
            Some(before) => {
                let known = before.summary.get("total-files-size");
                known.and_then(|text| text.parse::<i64>().ok())
            }
            None => Some(0),
        };
        let mut facts = vec![
            ("operation", operation.name().to_owned()),
            ("total-data-files", total(|m| m.files).to_string()),
            ("total-records", total(|m| m.rows).to_string()),
            ("total-delete-files", "0".to_owned()),
            ("total-position-deletes", "0".to_owned()),
            ("total-equality-deletes", "0".to_owned()),
        ];
        if let Some(bytes) = bytes_before {
            let bytes = bytes + added.2 - deleted.2;
            facts.push(("total-files-size", bytes.to_string()));
        }
        let counts = [
            ("added-data-files", added.0),
            ("added-records", added.1),
            ("added-files-size", added.2),
            ("deleted-data-files", deleted.0),
            ("deleted-records", deleted.1),
            ("removed-files-size", deleted.2),
        ];
        let counted = counts.into_iter().filter(|(_, count)| *count > 0);
        facts.extend(counted.map(|(key, count)| (key, count.to_string())));
        let facts = facts.into_iter();
        self.snapshot.summary = facts.map(|(key, value)| (key.to_owned(), value)).collect();
    }
}

fn gone(name: Option<impl std::fmt::Display>) -> Result<()> {
    match name {
        None => Ok(()),
        Some(name) => Err(Error::new(
            codes::K1001,
            format!("`{name}`, which should leave its table, is no part of it"),
        )),
    }
}
