//! [`IcebergTable`]: an Iceberg table of the warehouse, asked and told as a Delta table is.
//!
//! Version n is the metadata file `metadata/vn.metadata.json`. A run keeps it to itself until it publishes, as it keeps
//! commit files of Delta; manifests lie with the data files, where nobody looks until a metadata file leads there.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::sync::Arc;

use arrow::datatypes::{Field, Schema, SchemaRef};
use diagnostic::{Error, Result, ResultExt, codes};
use iceberg::{Change, Folder, Operation};
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use parquet::schema::types::BasicTypeInfo;

use crate::column_types::carrier_of_struct;
use crate::{Commit, StoredFile, Warehouse};

/// The table property that keeps what columns are beyond the format's types: metadata by column id.
const COLUMNS_PROPERTY: &str = "sluice.columns";

/// How the last name of an Iceberg table's location ends, but for a number. Locations of Delta tables have no dot.
const SUFFIX: &str = ".iceberg";

/// In which format a table is kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TableFormat {
    /// Delta.
    #[default]
    Delta,
    /// Iceberg, version 2.
    Iceberg,
}

impl TableFormat {
    /// The format of the table at `location`: its name says.
    #[must_use]
    pub fn of(location: &str) -> Self {
        match location.rsplit('/').next() {
            Some(name) if name.contains(SUFFIX) => Self::Iceberg,
            _ => Self::Delta,
        }
    }

    /// How locations of tables of this format end.
    #[must_use]
    pub fn suffix(self) -> &'static str {
        match self {
            Self::Delta => "",
            Self::Iceberg => SUFFIX,
        }
    }
}

impl fmt::Display for TableFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Delta => "Delta",
            Self::Iceberg => "Iceberg",
        })
    }
}

/// By which ids the files of a table know its columns, now and with the next change of columns.
#[derive(Clone, Debug, Default)]
pub struct ColumnIds {
    schema: iceberg::Schema,
    last_id: i32,
}

impl ColumnIds {
    /// The columns `wanted` with their ids, as a commit of those columns will give them.
    pub(crate) fn stamp(&self, wanted: &Schema) -> Result<SchemaRef> {
        let (schema, _) = self.schema.become_columns(self.last_id, wanted)?;
        Ok(Arc::new(schema.stamp(wanted)))
    }

    /// Whether a file's column is the table's column of that name.
    pub(crate) fn is_column(&self, info: &BasicTypeInfo) -> bool {
        let known = self.schema.field(info.name());
        known.is_none_or(|known| info.has_id() && info.id() == known.id)
    }
}

/// An Iceberg table at one version, or a place for one.
#[derive(Clone, Debug)]
pub struct IcebergTable {
    folder: Folder,
    store: Arc<dyn ObjectStore>,
    path: Path,
    table: Option<iceberg::Table>,
}

impl IcebergTable {
    pub(crate) fn place(warehouse: &Warehouse, location: &str) -> Self {
        let full = warehouse.full_location(location);
        let store = Arc::clone(warehouse.seen());
        let path = warehouse.storage().path(location);
        Self {
            folder: Folder::new(Arc::clone(&store), path.clone(), &full),
            store,
            path,
            table: None,
        }
    }

    pub(crate) async fn open(warehouse: &Warehouse, location: &str, version: u64) -> Result<Self> {
        let mut place = Self::place(warehouse, location);
        place.table = Some(iceberg::Table::open(&place.folder, version).await?);
        Ok(place)
    }

    pub(crate) fn version(&self) -> Option<u64> {
        self.table.as_ref().map(iceberg::Table::version)
    }

    /// The table itself.
    ///
    /// # Errors
    /// `K4001` if there is no version yet.
    pub fn table(&self) -> Result<&iceberg::Table> {
        self.table.as_ref().ok_or_else(|| {
            Error::new(
                codes::K4001,
                format!("Table `{}` has no version yet", self.folder.location()),
            )
        })
    }

    pub(crate) async fn is_newest(&self) -> Result<bool> {
        let next = iceberg::metadata_file(self.table()?.version() + 1);
        match self.store.head(&below(&self.path, &next)).await {
            Ok(_) => Ok(false),
            Err(object_store::Error::NotFound { .. }) => Ok(true),
            Err(cause) => Err(Error::new(
                codes::K4001,
                format!("Table `{}` cannot be read", self.folder.location()),
            )
            .because(cause)),
        }
    }

    pub(crate) fn column_ids(&self) -> Arc<ColumnIds> {
        let known = self.table.as_ref().map(iceberg::Table::metadata);
        let ids = known.and_then(|metadata| {
            Some(ColumnIds {
                schema: metadata.schema().ok()?.clone(),
                last_id: metadata.last_column_id,
            })
        });
        Arc::new(ids.unwrap_or_default())
    }

    pub(crate) fn schema(&self) -> Result<SchemaRef> {
        let metadata = self.table()?.metadata();
        let schema = metadata.schema()?;
        let text = metadata.properties.get(COLUMNS_PROPERTY);
        let known: BTreeMap<i32, HashMap<String, String>> = match text {
            Some(text) => serde_json::from_str(text).explain(codes::K4001, || {
                format!("Property `{COLUMNS_PROPERTY}` of a table cannot be read")
            })?,
            None => BTreeMap::new(),
        };
        let columns = schema.arrow()?;
        let columns = columns.fields().iter().zip(&schema.fields);
        let columns = columns.map(|(column, field)| match known.get(&field.id) {
            Some(metadata) => {
                let column = column.as_ref().clone().with_metadata(metadata.clone());
                Arc::new(carrier_of_struct(column))
            }
            None => Arc::clone(column),
        });
        Ok(Arc::new(Schema::new(columns.collect::<Vec<_>>())))
    }

    pub(crate) async fn files(&self) -> Result<Vec<StoredFile>> {
        let table = self.table()?;
        let files = table.files().await?.iter().map(|file| {
            Ok(StoredFile {
                path: table.relative(&file.path)?.to_owned(),
                size: file.size,
                rows: u64::try_from(file.rows).ok(),
                stats: None,
                vector: None,
                partition: BTreeMap::new(),
            })
        });
        files.collect()
    }

    /// The ids of its columns by name.
    ///
    /// # Errors
    /// `K4001` if there is no version yet.
    pub fn ids(&self) -> Result<HashMap<String, i32>> {
        let fields = self.table()?.metadata().schema()?.fields.iter();
        Ok(fields.map(|field| (field.name.clone(), field.id)).collect())
    }

    pub(crate) async fn commit(&self, commit: &Commit) -> Result<Self> {
        if !commit.vectors.is_empty() {
            return Err(Error::new(
                codes::X0001,
                "Rows leave an Iceberg table with their files, not by deletion vectors",
            ));
        }
        if commit
            .partition_by
            .as_ref()
            .is_some_and(|by| !by.is_empty())
        {
            return Err(Error::new(
                codes::K4002,
                "A table of the Iceberg format cannot be partitioned yet",
            )
            .help("leave `partition_by` out, or keep the table as Delta"));
        }
        let mut change = Change::new(operation(commit));
        change.add = files_of(&commit.add);
        change.remove = commit.remove.iter().cloned().collect();
        change.remove_all = commit.remove_all;
        if let Some(schema) = &commit.schema {
            let ids = self.column_ids();
            let (becomes, last_id) = ids.schema.become_columns(ids.last_id, schema)?;
            change
                .properties
                .push((COLUMNS_PROPERTY.to_owned(), beyond(&becomes, schema)?));
            change.schema = Some((becomes, last_id));
        }
        for (id, version) in &commit.transactions {
            let key = format!("sluice.transaction.{id}");
            change.properties.push((key, version.to_string()));
        }
        let facts = commit.info.iter();
        change.summary = facts
            .map(|(key, value)| (format!("sluice.{key}"), value.clone()))
            .collect();
        let table = match &self.table {
            Some(table) => table.commit(change).await?,
            None => iceberg::Table::create(&self.folder, change).await?,
        };
        Ok(self.at(table))
    }

    /// The first version of the table here, with the columns and files of `source`, which are in this folder too.
    pub(crate) async fn copy_of(&self, source: &Self) -> Result<Self> {
        let metadata = source.table()?.metadata();
        let mut change = Change::new(Operation::Append);
        change.schema = Some((metadata.schema()?.clone(), metadata.last_column_id));
        let beyond = metadata.properties.get(COLUMNS_PROPERTY);
        change
            .properties
            .extend(beyond.map(|text| (COLUMNS_PROPERTY.to_owned(), text.clone())));
        let files = source.files().await?.into_iter();
        change.add = files.map(|file| (file.path, file.size)).collect();
        Ok(self.at(iceberg::Table::create(&self.folder, change).await?))
    }

    fn at(&self, table: iceberg::Table) -> Self {
        Self {
            table: Some(table),
            ..self.clone()
        }
    }

    /// The names of all files that `versions` of the table at `location` lead to.
    pub(crate) async fn held(
        warehouse: &Warehouse,
        location: &str,
        versions: &BTreeSet<u64>,
    ) -> Result<BTreeSet<String>> {
        let mut held = BTreeSet::new();
        for version in versions {
            let opened = Self::open(warehouse, location, *version).await?;
            held.extend(opened.table()?.reachable().await?);
        }
        Ok(held)
    }
}

fn below(path: &Path, name: &str) -> Path {
    name.split('/')
        .fold(path.clone(), |path, part| path.join(part))
}

fn files_of(files: &[crate::DataFile]) -> Vec<(String, u64)> {
    let files = files.iter();
    files.map(|file| (file.path.clone(), file.size)).collect()
}

/// What happened to files, which is all that a snapshot says.
fn operation(commit: &Commit) -> Operation {
    let removes = commit.remove_all || !commit.remove.is_empty();
    match commit.operation {
        crate::Operation::Optimize => Operation::Replace,
        _ if !removes => Operation::Append,
        _ if commit.add.is_empty() => Operation::Delete,
        _ => Operation::Overwrite,
    }
}

/// What the columns of `schema` are beyond the format's types.
fn beyond(becomes: &iceberg::Schema, schema: &Schema) -> Result<String> {
    let own = |(column, field): (&Arc<Field>, &iceberg::Field)| {
        let mut metadata = column.metadata().clone();
        metadata.remove(iceberg::FIELD_ID);
        (!metadata.is_empty()).then_some((field.id, metadata))
    };
    let columns = schema.fields().iter().zip(&becomes.fields);
    let known: BTreeMap<i32, HashMap<String, String>> = columns.filter_map(own).collect();
    serde_json::to_string(&known).explain(codes::X0001, || {
        "A table's columns cannot be written".to_owned()
    })
}
