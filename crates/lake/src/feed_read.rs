//! Reading a change data feed: what each version of a table changed
//! (<https://github.com/delta-io/delta/blob/master/PROTOCOL.md#reader-requirements-for-addcdcfile>).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::{DataType, Field, Int64Type, Schema, SchemaRef};
use deltalake::kernel::DeletionVectorDescriptor;
use diagnostic::{Error, Result, ResultExt, codes};
use object_store::ObjectStoreExt;
use serde::Deserialize;

use crate::feed::{CHANGE_TYPE, ChangeType, ENABLED, PAIR};
use crate::log_state::commit_file;
use crate::{DataFolder, FileRows, PartitionValues, StoredFile, Table};

/// What one version of a table changed.
#[derive(Clone, Debug)]
pub struct VersionChanges {
    /// The version.
    pub version: u64,
    /// When it was committed, in milliseconds since 1970.
    pub timestamp: i64,
    files: Vec<ChangedFile>,
}

#[derive(Clone, Debug)]
struct ChangedFile {
    file: StoredFile,
    /// What became of all its rows; `None` if the file says so of each.
    kind: Option<ChangeType>,
}

/// Changed rows, what became of each, and the number that the images of one updated row share.
#[derive(Clone, Debug)]
pub struct ChangedRows {
    /// The rows, as the columns asked for.
    pub rows: RecordBatch,
    /// What became of each.
    pub kinds: Vec<ChangeType>,
    /// What the images of one updated row have in common.
    pub pairs: Vec<Option<i64>>,
}

impl Table {
    /// What the versions after `since`, up to this one, changed, in their order.
    ///
    /// # Errors
    /// `K3015` if a version of them changed rows while the table had no feed, or is no longer known; `K2004` if the
    /// log cannot be read.
    pub async fn changes_since(&self, since: u64) -> Result<Vec<VersionChanges>> {
        let unknown = |why: &str| {
            Error::new(
                codes::K3015,
                format!(
                    "What changed in table `{}` cannot be told: {why}",
                    self.location()
                ),
            )
        };
        let newest = self.version().unwrap_or(0);
        let before = self.at(since);
        let mut enabled = before.change_data_feed().await?;
        let mut columns = names(before.schema().await?.as_ref());
        let mut changes = Vec::new();
        for version in since + 1..=newest {
            let path = commit_file(version);
            let text = match self.object_store().get(&path).await {
                Err(object_store::Error::NotFound { .. }) => {
                    return Err(unknown(&format!("version {version} is no longer there")));
                }
                found => found.explain(codes::K2004, || self.broken())?,
            };
            let text = text.bytes().await.explain(codes::K2004, || self.broken())?;
            let lines = text.split(|byte| *byte == b'\n');
            let actions = lines
                .filter(|line| !line.is_empty())
                .map(serde_json::from_slice::<Action>)
                .collect::<Result<Vec<_>, _>>()
                .explain(codes::K2004, || self.broken())?;
            let declared = actions
                .iter()
                .filter_map(|action| action.meta_data.as_ref());
            for metadata in declared {
                let property = metadata.configuration.get(ENABLED);
                enabled = property.and_then(Option::as_deref) == Some("true");
                let now = metadata.columns().explain(codes::K2004, || self.broken())?;
                // Rows told before would not be known again by their values.
                if rewrites(&actions) && !now.is_subset(&columns) {
                    return Err(
                        unknown(&format!("version {version} gave its rows other columns"))
                            .help("begin the interval after that, or end it before"),
                    );
                }
                columns = now;
            }
            let timestamp = actions
                .iter()
                .find_map(|action| action.commit_info.as_ref());
            let timestamp = timestamp.and_then(|info| info.timestamp).unwrap_or(0);
            let files = changed(actions)
                .ok_or_else(|| unknown(&format!("version {version} does not say it")))?;
            if files.is_empty() {
                continue;
            }
            if !enabled {
                let why = format!("version {version} was written without a change data feed");
                return Err(unknown(&why).help(
                    "`alter table … set change_tracking = true` records what changes from then on; begin the interval after that",
                ));
            }
            changes.push(VersionChanges {
                version,
                timestamp,
                files,
            });
        }
        Ok(changes)
    }
}

fn names(schema: &Schema) -> BTreeSet<String> {
    let fields = schema.fields().iter();
    fields.map(|field| field.name().clone()).collect()
}

/// Whether rows are in other files without being told as changed.
fn rewrites(actions: &[Action]) -> bool {
    let mut removed = actions.iter().filter_map(|action| action.remove.as_ref());
    removed.any(|file| !file.data_change)
}

/// The files that tell what `actions` change; `None` if they do not.
fn changed(actions: Vec<Action>) -> Option<Vec<ChangedFile>> {
    let mut told = Vec::new();
    let mut inferred = Vec::new();
    for action in actions {
        let file = |file: FileOf, kind| ChangedFile {
            file: file.stored(),
            kind,
        };
        told.extend(action.cdc.map(|cdc| file(cdc, None)));
        let changes = |file: &FileOf| file.data_change;
        let remove = action.remove.filter(changes);
        inferred.extend(remove.map(|removed| file(removed, Some(ChangeType::Delete))));
        let add = action.add.filter(changes);
        inferred.extend(add.map(|added| file(added, Some(ChangeType::Insert))));
    }
    if !told.is_empty() {
        return Some(told);
    }
    // A file that leaves and comes back has only lost rows.
    let mut paths = BTreeSet::new();
    let once = |file: &ChangedFile| paths.insert(file.file.path.clone());
    inferred.iter().all(once).then_some(inferred)
}

impl VersionChanges {
    /// Hands the rows that changed to `take`, as `columns`: first those that left, then those that came.
    ///
    /// # Errors
    /// `K2003` if a file cannot be read.
    pub fn read(
        &self,
        folder: &DataFolder,
        columns: &SchemaRef,
        mut take: impl FnMut(ChangedRows) -> Result<()>,
    ) -> Result<()> {
        let own = [
            Field::new(CHANGE_TYPE, DataType::Utf8, true),
            Field::new(PAIR, DataType::Int64, true),
        ];
        let fields = columns.fields().iter().cloned();
        let fields: Vec<_> = fields.chain(own.map(Arc::new)).collect();
        let told: SchemaRef = Arc::new(Schema::new(fields));
        for ChangedFile { file, kind } in &self.files {
            match kind {
                Some(kind) => {
                    for batch in FileRows::open(folder, file, columns, columns)? {
                        let rows = batch?;
                        let count = rows.num_rows();
                        take(ChangedRows {
                            rows,
                            kinds: vec![*kind; count],
                            pairs: vec![None; count],
                        })?;
                    }
                }
                None => {
                    for batch in FileRows::open(folder, file, &told, &told)? {
                        take(split(&batch?, columns.fields().len())?)?;
                    }
                }
            }
        }
        Ok(())
    }
}

/// The rows of a file of the feed, whose first `count` columns are the table's.
fn split(batch: &RecordBatch, count: usize) -> Result<ChangedRows> {
    let wrong = || Error::new(codes::K2003, "A file of changed rows cannot be read");
    let columns: Vec<usize> = (0..count).collect();
    let rows = batch
        .project(&columns)
        .map_err(|cause| wrong().because(cause))?;
    let names = batch
        .column(count)
        .as_string_opt::<i32>()
        .ok_or_else(wrong)?;
    let kinds = names.iter().map(|name| ChangeType::of(name?));
    let pairs = batch.column(count + 1).as_primitive_opt::<Int64Type>();
    let pairs = pairs.ok_or_else(wrong)?;
    Ok(ChangedRows {
        rows,
        kinds: kinds.collect::<Option<_>>().ok_or_else(wrong)?,
        pairs: pairs.iter().collect(),
    })
}

/// A line of a commit, as far as it is about changed rows.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Action {
    add: Option<FileOf>,
    remove: Option<FileOf>,
    cdc: Option<FileOf>,
    meta_data: Option<MetadataOf>,
    commit_info: Option<InfoOf>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct FileOf {
    path: String,
    #[serde(default)]
    size: u64,
    #[serde(default)]
    data_change: bool,
    partition_values: Option<PartitionValues>,
    deletion_vector: Option<DeletionVectorDescriptor>,
}

impl FileOf {
    fn stored(self) -> StoredFile {
        StoredFile {
            path: self.path,
            size: self.size,
            rows: None,
            stats: None,
            vector: self.deletion_vector,
            partition: self.partition_values.unwrap_or_default(),
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct MetadataOf {
    schema_string: String,
    #[serde(default)]
    configuration: BTreeMap<String, Option<String>>,
}

impl MetadataOf {
    fn columns(&self) -> serde_json::Result<BTreeSet<String>> {
        #[derive(Deserialize)]
        struct Named {
            name: String,
        }
        #[derive(Deserialize)]
        struct Columns {
            fields: Vec<Named>,
        }
        let columns: Columns = serde_json::from_str(&self.schema_string)?;
        Ok(columns.fields.into_iter().map(|field| field.name).collect())
    }
}

#[derive(Deserialize)]
struct InfoOf {
    timestamp: Option<i64>,
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::collections::BTreeMap;
    use std::path::Path;
    use std::sync::Arc;

    use arrow::array::{AsArray, Int64Array, RecordBatch, StringArray};
    use arrow::datatypes::{DataType, Field, Int64Type, Schema, SchemaRef};

    use crate::{
        ChangeType, Commit, DataFile, DeletedRows, FileRows, Operation, ParquetSink, Rewritten,
        SinkOptions, Table, Warehouse,
    };

    /// Rows and how often they are there.
    type Bag = BTreeMap<(i64, String), i64>;

    struct Lab {
        warehouse: Warehouse,
        schema: SchemaRef,
        table: Table,
        random: u64,
    }

    impl Lab {
        async fn new(folder: &Path, seed: u64) -> Self {
            let warehouse = Warehouse::published(folder).unwrap();
            let schema: SchemaRef = Arc::new(Schema::new(vec![
                Field::new("ID", DataType::Int64, true),
                Field::new("V", DataType::Utf8, true),
            ]));
            let mut create = Commit::new(Operation::Create);
            create.schema = Some(schema.clone());
            create.set_change_data_feed(true);
            let table = warehouse.place("d/s/t").unwrap();
            let table = table.commit(&create).await.unwrap();
            Self {
                warehouse,
                schema,
                table,
                random: seed,
            }
        }

        fn below(&mut self, end: u64) -> u64 {
            self.random = self
                .random
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            (self.random >> 33) % end
        }

        fn write(&self, rows: &[(i64, String)]) -> Vec<DataFile> {
            let folder = self.warehouse.folder("d/s/t");
            let mut sink = ParquetSink::new(&folder, self.schema.clone(), SinkOptions::default());
            let ids = Int64Array::from_iter_values(rows.iter().map(|row| row.0));
            let values = StringArray::from_iter_values(rows.iter().map(|row| &row.1));
            let columns: Vec<arrow::array::ArrayRef> = vec![Arc::new(ids), Arc::new(values)];
            let batch = RecordBatch::try_new(self.schema.clone(), columns).unwrap();
            sink.write(&batch).unwrap();
            sink.finish().unwrap()
        }

        fn rows(&self, batch: &RecordBatch) -> Vec<(i64, String)> {
            let ids = batch.column(0).as_primitive::<Int64Type>().iter();
            let values = batch.column(1).as_string::<i32>().iter();
            ids.zip(values)
                .map(|(id, value)| (id.unwrap(), value.unwrap().to_owned()))
                .collect()
        }

        /// A commit that takes rows away and brings others, by new files or by vectors, or only joins files.
        async fn change(&mut self) {
            let folder = self.warehouse.folder("d/s/t");
            let stored = self.table.files().await.unwrap();
            let mut commit = Commit::new(Operation::Merge);
            let thins = self.below(2) == 0;
            let (mut coming, mut vectors) = (Vec::new(), Vec::new());
            for file in &stored {
                if self.below(2) == 0 {
                    continue;
                }
                let rows = FileRows::open(&folder, file, &self.schema, &self.schema).unwrap();
                let rows: Vec<_> = rows.flat_map(|batch| self.rows(&batch.unwrap())).collect();
                let mut left = file.deleted(&folder).unwrap();
                let before = left.clone();
                for ((id, value), place) in rows.into_iter().zip(before.staying()) {
                    match self.below(4) {
                        0 => coming.push((id, format!("v{}", self.below(3)))),
                        1 => {}
                        _ if thins => continue,
                        _ => coming.push((id, value)),
                    }
                    left.insert(place);
                }
                match thins {
                    true if left != before => vectors.push((file.path.clone(), left)),
                    true => {}
                    false => commit.remove.push(file.path.clone()),
                }
            }
            for _ in 0..self.below(4) {
                coming.push((self.below(20).cast_signed(), format!("v{}", self.below(3))));
            }
            let (paths, left): (Vec<_>, Vec<_>) = vectors.into_iter().unzip();
            if !left.is_empty() {
                let described = DeletedRows::write(&folder, &left).unwrap();
                commit.vectors = paths.into_iter().zip(described).collect();
            }
            if !coming.is_empty() {
                commit.add = self.write(&coming);
            }
            if commit.mixes_rows() {
                let unsaid = self.table.commit(&commit).await.unwrap_err();
                assert_eq!(unsaid.code().id, "X0001");
                let rewritten = Rewritten {
                    folder,
                    schema: self.schema.clone(),
                    partition_by: Vec::new(),
                    stored,
                    key: vec!["ID".to_owned()],
                };
                commit.change_data = Some(rewritten.record(&commit).unwrap());
            }
            self.table = self.table.commit(&commit).await.unwrap();
        }

        async fn bag(&self, version: u64) -> Bag {
            let table = self.warehouse.open("d/s/t", version).await.unwrap();
            let mut bag = Bag::new();
            for file in table.files().await.unwrap() {
                let folder = self.warehouse.folder("d/s/t");
                for batch in FileRows::open(&folder, &file, &self.schema, &self.schema).unwrap() {
                    for row in self.rows(&batch.unwrap()) {
                        *bag.entry(row).or_default() += 1;
                    }
                }
            }
            bag
        }
    }

    #[tokio::test]
    async fn the_feed_of_an_interval_leads_from_its_first_rows_to_its_last() {
        for seed in 0..12 {
            let folder = tempfile::tempdir().unwrap();
            let mut lab = Lab::new(folder.path(), seed).await;
            for _ in 0..8 {
                lab.change().await;
            }
            let newest = lab.table.version().unwrap();
            let first = lab.below(newest);
            let last = first + 1 + lab.below(newest - first);
            let table = lab.warehouse.open("d/s/t", last).await.unwrap();
            let mut bag = lab.bag(first).await;
            for version in table.changes_since(first).await.unwrap() {
                let data = lab.warehouse.folder("d/s/t");
                let (mut olds, mut news) = (Vec::new(), Vec::new());
                version
                    .read(&data, &lab.schema, |changed| {
                        let rows = lab.rows(&changed.rows).into_iter().zip(changed.kinds);
                        for ((row, kind), pair) in rows.zip(changed.pairs) {
                            let leaves =
                                matches!(kind, ChangeType::Delete | ChangeType::UpdatePreimage);
                            *bag.entry(row.clone()).or_default() += if leaves { -1 } else { 1 };
                            match kind {
                                ChangeType::UpdatePreimage => olds.push((pair.unwrap(), row.0)),
                                ChangeType::UpdatePostimage => news.push((pair.unwrap(), row.0)),
                                _ => assert_eq!(pair, None),
                            }
                        }
                        Ok(())
                    })
                    .unwrap();
                // Images that share a number are of one row.
                for (pair, id) in &news {
                    assert!(olds.contains(&(*pair, *id)));
                }
            }
            bag.retain(|_, count| *count != 0);
            assert_eq!(bag, lab.bag(last).await, "seed {seed}: {first} to {last}");
        }
    }

    #[tokio::test]
    async fn changes_without_a_feed_are_not_told() {
        let folder = tempfile::tempdir().unwrap();
        let mut lab = Lab::new(folder.path(), 1).await;
        let mut off = Commit::new(Operation::ChangeColumns);
        off.set_change_data_feed(false);
        lab.table = lab.table.commit(&off).await.unwrap();
        // Nothing changed.
        assert!(lab.table.changes_since(0).await.unwrap().is_empty());
        let mut append = Commit::new(Operation::Append);
        append.add = lab.write(&[(1, "a".to_owned())]);
        lab.table = lab.table.commit(&append).await.unwrap();
        let error = lab.table.changes_since(0).await.unwrap_err();
        assert_eq!(error.code().id, "K3015");
    }

    #[tokio::test]
    async fn rows_that_got_other_columns_are_not_known_again() {
        let folder = tempfile::tempdir().unwrap();
        let mut lab = Lab::new(folder.path(), 1).await;
        let mut append = Commit::new(Operation::Append);
        append.add = lab.write(&[(1, "a".to_owned())]);
        lab.table = lab.table.commit(&append).await.unwrap();
        // As ALTER TABLE … RENAME COLUMN writes the rows again.
        let mut rename = Commit::new(Operation::Overwrite);
        rename.remove_all = true;
        rename.add = lab.write(&[(1, "a".to_owned())]);
        rename.change_data = Some(Vec::new());
        rename.schema = Some(Arc::new(Schema::new(vec![
            Field::new("ID", DataType::Int64, true),
            Field::new("W", DataType::Utf8, true),
        ])));
        lab.table = lab.table.commit(&rename).await.unwrap();
        assert!(lab.table.changes_since(2).await.unwrap().is_empty());
        let error = lab.table.changes_since(0).await.unwrap_err();
        assert_eq!(error.code().id, "K3015");
    }

    #[tokio::test]
    async fn columns_by_the_names_of_the_feed_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let warehouse = Warehouse::published(folder.path()).unwrap();
        let mut create = Commit::new(Operation::Create);
        let field = Field::new("_CHANGE_TYPE", DataType::Utf8, true);
        create.schema = Some(Arc::new(Schema::new(vec![field])));
        create.set_change_data_feed(true);
        let error = warehouse.place("d/s/t").unwrap().commit(&create).await;
        assert_eq!(error.unwrap_err().code().id, "K3014");
    }
}
