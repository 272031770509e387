//! [`LogState`]: what the log of a plain table says, by the commits themselves.
//!
//! The Delta library replays a log for scans that it plans, by way of columns and tasks, which costs milliseconds for
//! the two commits of a small table. A plain table (no partitions, no deletion vectors, none but the features that this
//! program writes) needs none of that: its state after a commit is its state before, and what the commit says
//! (<https://github.com/delta-io/delta/blob/master/PROTOCOL.md#action-reconciliation>). So a writer knows it without
//! reading.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use arrow::datatypes::{Schema, SchemaRef};
use deltalake::kernel::engine::arrow_conversion::TryIntoArrow;
use deltalake::kernel::{Metadata, Protocol};
use futures::{StreamExt, TryStreamExt, stream};
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::StoredFile;
use crate::protocol::is_plain;

/// Commit files that are read at once.
const AT_ONCE: usize = 8;

/// What a plain table's log says at one version.
#[derive(Clone, Debug)]
pub(crate) struct LogState {
    pub(crate) protocol: Protocol,
    pub(crate) metadata: Metadata,
    pub(crate) schema: SchemaRef,
    pub(crate) files: Vec<StoredFile>,
}

/// A line of a commit file. Of others than these nothing is known here.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
enum Action {
    Protocol(Protocol),
    MetaData(Box<Metadata>),
    Add(Box<Add>),
    Remove(Remove),
    CommitInfo(IgnoredAny),
    Txn(IgnoredAny),
    Cdc(IgnoredAny),
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Add {
    path: String,
    #[serde(default)]
    partition_values: BTreeMap<String, Option<String>>,
    size: u64,
    stats: Option<String>,
    deletion_vector: Option<IgnoredAny>,
}

#[derive(Deserialize)]
struct Remove {
    path: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Counted {
    num_records: Option<u64>,
}

impl LogState {
    /// The state at `version` by all commits of the log in `store`, a table's folder. Nothing if the table is not plain,
    /// or one of the commits is not there.
    pub(crate) async fn read(store: &Arc<dyn ObjectStore>, version: u64) -> Option<Self> {
        let commits = stream::iter(0..=version).map(|version| async move {
            let object = store.get(&commit_file(version)).await?;
            object.bytes().await
        });
        // Whoever reads by the Delta library instead is told what is wrong.
        let commits: Vec<_> = commits.buffered(AT_ONCE).try_collect().await.ok()?;
        let mut state = None;
        for commit in commits {
            state = Some(Self::after(state, &commit)?);
        }
        state
    }

    /// The state after `commit`, the text of a commit file, over the state `before`. Nothing if the table is not plain.
    pub(crate) fn after(before: Option<Self>, commit: &[u8]) -> Option<Self> {
        let (mut protocol, mut metadata, mut schema, mut files) = match before {
            Some(state) => (
                Some(state.protocol),
                Some(state.metadata),
                Some(state.schema),
                state.files,
            ),
            None => (None, None, None, Vec::new()),
        };
        let mut added = Vec::new();
        let mut gone = HashSet::new();
        let lines = commit.split(|byte| *byte == b'\n');
        for line in lines.filter(|line| !line.is_empty()) {
            match serde_json::from_slice(line).ok()? {
                Action::Protocol(new) => protocol = Some(new),
                Action::MetaData(new) => {
                    let columns = new.parse_schema().ok()?;
                    let columns: Schema = (&columns).try_into_arrow().ok()?;
                    schema = Some(Arc::new(columns));
                    metadata = Some(*new);
                }
                Action::Add(file) => {
                    gone.insert(file.path.clone());
                    added.push(file.stored()?);
                }
                Action::Remove(file) => {
                    gone.insert(file.path);
                }
                Action::CommitInfo(_) | Action::Txn(_) | Action::Cdc(_) => {}
            }
        }
        if !gone.is_empty() {
            files.retain(|file| !gone.contains(&file.path));
        }
        files.append(&mut added);
        Self::of(protocol?, metadata?, schema?, files)
    }

    /// What is known of a table; nothing if it is not plain.
    pub(crate) fn of(
        protocol: Protocol,
        metadata: Metadata,
        schema: SchemaRef,
        files: Vec<StoredFile>,
    ) -> Option<Self> {
        let plain = is_plain(&protocol)
            && metadata.partition_columns().is_empty()
            && files.iter().all(|file| file.vector.is_none());
        plain.then_some(Self {
            protocol,
            metadata,
            schema,
            files,
        })
    }
}

impl Add {
    /// The file, if it holds all it says.
    fn stored(self) -> Option<StoredFile> {
        // Paths are URIs; a name that is not written as it is, is left to the Delta library.
        let other = self.path.contains(['%', ':']);
        if other || self.deletion_vector.is_some() || !self.partition_values.is_empty() {
            return None;
        }
        let counted = self.stats.as_deref().map(serde_json::from_str::<Counted>);
        Some(StoredFile {
            rows: counted
                .transpose()
                .ok()?
                .and_then(|stats| stats.num_records),
            path: self.path,
            size: self.size,
            stats: self.stats,
            vector: None,
            partition: BTreeMap::default(),
        })
    }
}

/// The file of the commit that makes `version`, in the table's folder.
pub(crate) fn commit_file(version: u64) -> Path {
    Path::from(format!("_delta_log/{version:020}.json"))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Arc;

    use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};

    use super::LogState;
    use crate::{Commit, DataFile, DeletionVectorDescriptor, Operation, Table, Warehouse};

    fn schema(columns: &[(&str, DataType)]) -> SchemaRef {
        let fields = columns.iter().cloned();
        let fields = fields.map(|(name, kind)| Field::new(name, kind, true));
        Arc::new(Schema::new(fields.collect::<Vec<_>>()))
    }

    fn file(name: &str, rows: u64) -> DataFile {
        DataFile {
            path: name.to_owned(),
            size: 100 + rows,
            rows,
            stats: format!(r#"{{"numRecords":{rows},"nullCount":{{"A":0}}}}"#),
            partition: BTreeMap::new(),
        }
    }

    /// What the writer knows, what a reader of the commits knows, and what the Delta library says, are the same.
    async fn compared(warehouse: &Warehouse, table: &Table) {
        let version = table.version().unwrap();
        let place = warehouse.place(table.location()).unwrap();
        let read = LogState::read(place.object_store(), version).await;
        let library = place.at(version);
        let files = |mut files: Vec<crate::StoredFile>| {
            files.sort_by(|one, other| one.path.cmp(&other.path));
            let told = files.into_iter().map(|f| (f.path, f.size, f.rows, f.stats));
            told.collect::<Vec<_>>()
        };
        let told = files(library.files().await.unwrap());
        for known in [table.state().unwrap().as_ref(), &read.unwrap()] {
            assert_eq!(known.schema, library.schema().await.unwrap());
            assert_eq!(files(known.files.clone()), told);
            let loaded = library.loaded().await.unwrap().snapshot().unwrap();
            assert_eq!(known.metadata, *loaded.metadata());
            assert_eq!(known.protocol, *loaded.protocol());
        }
        let opened = warehouse.open(table.location(), version).await.unwrap();
        assert!(opened.state().is_some());
        assert_eq!(files(opened.files().await.unwrap()), told);
    }

    #[tokio::test]
    async fn what_commits_say_is_what_the_library_makes_of_them() {
        let folder = tempfile::tempdir().unwrap();
        let warehouse = Warehouse::published(folder.path()).unwrap();
        let mut table = warehouse.place("d/s/t").unwrap();
        let wall_clock = DataType::Timestamp(TimeUnit::Microsecond, None);
        let texts = schema(&[("A", DataType::Int64), ("B", DataType::Utf8)]);
        let times = schema(&[
            ("A", DataType::Decimal128(12, 2)),
            ("Ä b", wall_clock),
            ("C", crate::timestamp_tz()),
        ]);

        let mut first = Commit::new(Operation::Create);
        first.schema = Some(texts.clone());
        first.add = vec![file("a.parquet", 3), file("b.parquet", 4)];
        let mut append = Commit::new(Operation::Append);
        append.add = vec![file("c.parquet", 5)];
        append.transactions = vec![("stream".to_owned(), 7)];
        let mut update = Commit::new(Operation::Update);
        update.remove = vec!["b.parquet".to_owned()];
        update.add = vec![file("d.parquet", 4)];
        let mut checked = Commit::new(Operation::ChangeColumns);
        checked.constrain("positive", Some("A > 0"));
        checked.set_change_data_feed(true);
        let mut replaced = Commit::new(Operation::Overwrite);
        replaced.remove_all = true;
        replaced.schema = Some(times);
        replaced.add = vec![file("e.parquet", 1)];
        let mut emptied = Commit::new(Operation::Delete);
        emptied.remove_all = true;
        for commit in [first, append, update, checked, replaced, emptied] {
            table = table.commit(&commit).await.unwrap();
            compared(&warehouse, &table).await;
        }
        // What another process does with a log that it has read.
        let mut opened = warehouse.open("d/s/t", 5).await.unwrap();
        let mut append = Commit::new(Operation::Append);
        append.add = vec![file("f.parquet", 5)];
        opened = opened.commit(&append).await.unwrap();
        compared(&warehouse, &opened).await;
    }

    #[tokio::test]
    async fn a_table_that_is_not_plain_is_left_to_the_library() {
        let folder = tempfile::tempdir().unwrap();
        let warehouse = Warehouse::published(folder.path()).unwrap();
        let columns = schema(&[("A", DataType::Int64), ("P", DataType::Utf8)]);
        let mut parts = Commit::new(Operation::Create);
        parts.schema = Some(columns.clone());
        parts.partition_by = Some(vec!["P".to_owned()]);
        let table = warehouse.place("d/s/parts").unwrap();
        let table = table.commit(&parts).await.unwrap();
        assert!(table.state().is_none());
        let opened = warehouse.open("d/s/parts", 0).await.unwrap();
        assert!(opened.state().is_none());
        assert_eq!(opened.partition_by().await.unwrap(), ["P"]);

        let mut whole = Commit::new(Operation::Create);
        whole.schema = Some(columns);
        whole.add = vec![file("a.parquet", 3)];
        let mut thinned = Commit::new(Operation::Delete);
        let vector: DeletionVectorDescriptor = serde_json::from_str(
            r#"{"storageType":"i","pathOrInlineDv":"wi5b=000010000siXQKl0rr91000f55c8Xg0@@D72lkbi5=-{L","sizeInBytes":40,"cardinality":2}"#,
        )
        .unwrap();
        thinned.vectors = vec![("a.parquet".to_owned(), vector)];
        thinned.change_data = Some(Vec::new());
        let table = warehouse.place("d/s/thin").unwrap();
        let table = table.commit(&whole).await.unwrap();
        assert!(table.state().is_some());
        let table = table.commit(&thinned).await.unwrap();
        assert!(table.state().is_none());
        let opened = warehouse.open("d/s/thin", 1).await.unwrap();
        assert!(opened.state().is_none());
        assert_eq!(opened.files().await.unwrap()[0].left(), 2);
    }
}
