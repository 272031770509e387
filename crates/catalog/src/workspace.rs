//! [`Workspace`]: what one run reads and what it has staged, until it publishes or is dropped.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use arrow::array::RecordBatch;
use diagnostic::{Error, Result, codes};
use lake::{DataFile, DataFolder, Scanned, Staged as Staging, Table, TableFormat, Warehouse};
use model::{RelationName, RunId, SchemaName};
use parking_lot::Mutex;
use state::{
    AssetRecord, Change, CheckRecord, Details, LedgerEntry, LoadedFile, Object, ObjectChange,
    ObjectKind, Objects, Publication, Relation, RelationKind, RunStatus, Snapshot,
};

use crate::kept::{KeptRows, MOST_OF_A_TABLE};
use crate::temporary::{Temporary, TemporaryState};
use crate::{Catalog, access, iceberg_catalog, recovery, upkeep};

pub(crate) const LOCK: &str = "lock";

/// One run's view of the catalog. Shared by the run's tasks; all methods may be called in parallel,
/// but two tasks must not write one relation at the same time.
pub struct Workspace {
    catalog: Catalog,
    run: RunId,
    command: String,
    base: Snapshot,
    temporary: Arc<Temporary>,
    /// The session's temporary tables when it began, to come back to.
    temporary_before: TemporaryState,
    staged: Mutex<Staged>,
    tables: Mutex<HashMap<(String, u64), Table>>,
    kept: Mutex<KeptRows>,
    writing: Mutex<Option<Writing>>,
}

#[derive(Default)]
struct Staged {
    relations: BTreeMap<RelationName, Option<Relation>>,
    namespaces: BTreeSet<SchemaName>,
    dropped_namespaces: BTreeSet<SchemaName>,
    ledger: Vec<LedgerEntry>,
    assets: Vec<AssetRecord>,
    checks: Vec<CheckRecord>,
    objects: BTreeMap<(ObjectKind, RelationName), Option<Object>>,
    loads: Vec<LoadedFile>,
    forgotten_loads: Vec<String>,
}

/// What there is once a run writes: its staged commit files, and the folders of tables it has made.
struct Writing {
    warehouse: Warehouse,
    staged: Staging,
    created: Vec<String>,
}

/// What a publication changed: each relation with its new generation, `None` if it was dropped.
#[derive(Clone, Debug, Default)]
pub struct Published {
    /// Relations by name.
    pub relations: BTreeMap<RelationName, Option<u32>>,
}

impl Workspace {
    pub(crate) fn begin(
        catalog: Catalog,
        run: RunId,
        command: &str,
        temporary: Arc<Temporary>,
    ) -> Result<Self> {
        Ok(Self {
            base: catalog.snapshot()?,
            temporary_before: temporary.state(),
            temporary,
            run,
            command: command.to_owned(),
            staged: Mutex::default(),
            tables: Mutex::default(),
            kept: Mutex::default(),
            writing: Mutex::default(),
            catalog,
        })
    }

    /// The run's id.
    #[must_use]
    pub fn run(&self) -> RunId {
        self.run
    }

    /// The catalog this is a view of.
    #[must_use]
    pub fn catalog(&self) -> &Catalog {
        &self.catalog
    }

    /// What `name` points at in this run, if anything.
    #[must_use]
    pub fn relation(&self, name: &RelationName) -> Option<Relation> {
        if let Some(temporary) = self.temporary.relation(name) {
            return Some(temporary);
        }
        match self.staged.lock().relations.get(name) {
            Some(staged) => staged.clone(),
            None => self
                .base
                .relations
                .get(name)
                .map(|found| found.as_ref().clone()),
        }
    }

    /// Every relation of this run's view, by name.
    #[must_use]
    pub fn relations(&self) -> BTreeMap<RelationName, Relation> {
        self.relations_where(|_| true)
    }

    /// Every relation of `namespace` in this run's view, by name.
    #[must_use]
    pub fn relations_of(&self, namespace: &SchemaName) -> BTreeMap<RelationName, Relation> {
        self.relations_where(|name| {
            name.schema == namespace.schema && name.database == namespace.database
        })
    }

    fn relations_where(
        &self,
        wanted: impl Fn(&RelationName) -> bool,
    ) -> BTreeMap<RelationName, Relation> {
        let base = self.base.relations.iter();
        let mut relations: BTreeMap<_, _> = base
            .filter(|(name, _)| wanted(name))
            .map(|(name, relation)| (name.clone(), relation.as_ref().clone()))
            .collect();
        let staged = self.staged.lock();
        for (name, staged) in staged.relations.iter().filter(|(name, _)| wanted(name)) {
            match staged {
                Some(relation) => relations.insert(name.clone(), relation.clone()),
                None => relations.remove(name),
            };
        }
        let temporary = self.temporary.relations().into_iter();
        relations.extend(temporary.filter(|(name, _)| wanted(name)));
        relations
    }

    /// Every namespace of this run's view.
    #[must_use]
    pub fn namespaces(&self) -> BTreeSet<SchemaName> {
        let staged = self.staged.lock();
        let known = &self.base.namespaces;
        known
            .union(&staged.namespaces)
            .filter(|name| !staged.dropped_namespaces.contains(*name))
            .cloned()
            .collect()
    }

    /// Creates a namespace; nothing happens if it exists.
    pub fn create_namespace(&self, name: SchemaName) {
        let mut staged = self.staged.lock();
        staged.dropped_namespaces.remove(&name);
        if !self.base.namespaces.contains(&name) {
            staged.namespaces.insert(name);
        }
    }

    /// Drops a namespace with everything in it.
    ///
    /// # Errors
    /// `K2001` if the state file cannot be used.
    pub fn drop_namespace(&self, name: &SchemaName) -> Result<()> {
        let inside: Vec<_> = self
            .relations()
            .into_keys()
            .filter(|relation| relation.namespace() == *name)
            .collect();
        for relation in inside {
            self.drop_relation(&relation)?;
        }
        let objects = self.objects().into_keys();
        for (kind, object) in objects.filter(|(_, object)| object.namespace() == *name) {
            self.change_object(kind, &object, None);
        }
        let mut staged = self.staged.lock();
        staged.namespaces.remove(name);
        staged.dropped_namespaces.insert(name.clone());
        Ok(())
    }

    /// The table `name` at the version this run sees.
    ///
    /// # Errors
    /// `K3001` if there is no such table, `K2004` if it cannot be opened.
    pub async fn table(&self, name: &RelationName) -> Result<Table> {
        let Some(Relation {
            kind: RelationKind::Table {
                location, version, ..
            },
            ..
        }) = self.relation(name)
        else {
            return Err(self.missing(name));
        };
        self.open(&location, version).await
    }

    /// The table at `location` as of `version`.
    ///
    /// # Errors
    /// `K2004` if it cannot be opened.
    pub async fn open(&self, location: &str, version: u64) -> Result<Table> {
        match self.opened(location, version) {
            Some(table) => Ok(table),
            None => self.catalog.open_table(location, version).await,
        }
    }

    /// The table at `location` as of `version`, if it is open.
    fn opened(&self, location: &str, version: u64) -> Option<Table> {
        // What this run has committed is here; all else is published.
        let own = self.written(location, version);
        own.or_else(|| self.catalog.opened(location, version))
    }

    /// The table at `location` as of `version`, if this run has written it.
    fn written(&self, location: &str, version: u64) -> Option<Table> {
        let key = (location.to_owned(), version);
        self.tables.lock().get(&key).cloned()
    }

    /// All rows of the table at `location` in `version`, if this process wrote them and they are few.
    #[must_use]
    pub fn kept_rows(&self, location: &str, version: u64) -> Option<RecordBatch> {
        let own = self.kept.lock().get(location, version);
        own.or_else(|| self.catalog.kept().get(location, version))
    }

    /// Keeps `rows` in memory, which `files` hold and which are all that `table` has.
    pub fn keep_rows(&self, table: &Table, files: &[DataFile], rows: RecordBatch) {
        if let (Some(version), [file]) = (table.version(), files) {
            let folder = self.folder(table);
            self.kept
                .lock()
                .insert(table.location(), version, folder, file, rows);
        }
    }

    /// Bytes of rows up to which a table's rows are kept in memory.
    #[must_use]
    pub fn most_kept() -> usize {
        MOST_OF_A_TABLE
    }

    /// The table `name` to write to: the existing one, or a place for a new one.
    ///
    /// # Errors
    /// `K3002` if `name` is a view, `K2003` if a folder cannot be made, `K2004` if the table
    /// cannot be opened.
    pub async fn table_to_write(&self, name: &RelationName) -> Result<Table> {
        self.table_to_write_as(name, TableFormat::Delta).await
    }

    /// [`Workspace::table_to_write`], where a new table is of format `new`.
    ///
    /// # Errors
    /// As [`Workspace::table_to_write`].
    pub async fn table_to_write_as(&self, name: &RelationName, new: TableFormat) -> Result<Table> {
        if let Some(table) = self.temporary.table(&self.catalog, name).await? {
            return Ok(table);
        }
        let warehouse = self.write()?;
        let relation = self.relation(name);
        let borrowed = relation
            .as_ref()
            .is_some_and(|relation| relation.details.borrowed);
        match relation.map(|relation| relation.kind) {
            Some(RelationKind::Table {
                location,
                version,
                hidden,
            }) if borrowed => {
                let table = warehouse.open(&location, version).await?;
                let own = self.fork(&warehouse, name, &table).await?;
                self.stage_table(name, &own, &hidden)?;
                Ok(own)
            }
            Some(RelationKind::Table {
                location, version, ..
            }) => {
                // A table opened before the first write does not see staged commits.
                let known = self.opened(&location, version);
                let seen = known.map(|table| warehouse.see(&table)).transpose()?;
                match seen.flatten() {
                    Some(table) => Ok(table),
                    None => warehouse.open(&location, version).await,
                }
            }
            Some(RelationKind::View { .. }) => Err(Error::new(
                codes::K3002,
                format!("`{name}` is a view, so no rows can be written to it"),
            )),
            Some(RelationKind::External { .. }) => Err(Error::new(
                codes::K3002,
                format!("`{name}` is an external table, which another engine writes"),
            )),
            None => self.new_table(&warehouse, name, new),
        }
    }

    /// The data files of `table`, if they hold its rows and columns alone.
    ///
    /// # Errors
    /// `K2004`, `K4001` if the table's metadata cannot be read, `K4002` if it has what is not read.
    pub async fn scanned(&self, table: &Table) -> Result<Option<Scanned>> {
        self.catalog.warehouse().scanned(table).await
    }

    /// The folder that `table`'s data files are written to.
    #[must_use]
    pub fn folder(&self, table: &Table) -> DataFolder {
        let folder = self.catalog.warehouse().folder(table.location());
        table.data_folder(folder)
    }

    /// A place for a table that will take the name `name`, whatever the name points at now.
    ///
    /// # Errors
    /// `K2003` if its folder cannot be made.
    pub fn replacement_table(&self, name: &RelationName) -> Result<Table> {
        self.replacement_table_as(name, TableFormat::Delta)
    }

    /// [`Workspace::replacement_table`] of `format`.
    ///
    /// # Errors
    /// As [`Workspace::replacement_table`].
    pub fn replacement_table_as(&self, name: &RelationName, format: TableFormat) -> Result<Table> {
        let warehouse = self.write()?;
        self.new_table(&warehouse, name, format)
    }

    /// A log of its own for `name`, whose first version holds the files of `table`.
    async fn fork(
        &self,
        warehouse: &Warehouse,
        name: &RelationName,
        table: &Table,
    ) -> Result<Table> {
        let place = self.new_table(warehouse, name, table.format())?;
        table
            .copy_to(&self.folder(table), &place, &self.folder(&place))
            .await
    }

    fn new_table(
        &self,
        warehouse: &Warehouse,
        name: &RelationName,
        format: TableFormat,
    ) -> Result<Table> {
        let parts =
            [&name.database, &name.schema, &name.name].map(|part| folder_name(part.as_str()));
        let plain = format!("{}{}", parts.join("/"), format.suffix());
        let location = warehouse.reserve(&plain)?;
        // Only a folder this run made is noted, since a discarded run removes what is noted.
        self.note_created(&location)?;
        warehouse.place(&location)
    }

    /// Lets `name` point at `table` (with `hidden` trailing columns) in this run. What was declared about
    /// the table `name` stays.
    ///
    /// # Errors
    /// `X0001` if the table has no version yet, `K2001` if the state file cannot be used.
    pub fn stage_table(&self, name: &RelationName, table: &Table, hidden: &[String]) -> Result<()> {
        let kind = self.pointer(name, table, hidden)?;
        if self.temporary.points(name, &kind) {
            return Ok(());
        }
        self.stage(name, kind)
    }

    /// The pointer to `table`, which later reads of this run find open.
    ///
    /// # Errors
    /// `X0001` if the table has no version yet.
    pub fn pointer(
        &self,
        name: &RelationName,
        table: &Table,
        hidden: &[String],
    ) -> Result<RelationKind> {
        let version = table.version().ok_or_else(|| {
            Error::new(codes::X0001, format!("Table `{name}` has no version yet"))
        })?;
        let key = (table.location().to_owned(), version);
        self.tables.lock().insert(key, table.clone());
        Ok(RelationKind::Table {
            location: table.location().to_owned(),
            version,
            hidden: hidden.to_vec(),
        })
    }

    /// Lets `name` point at `kind` in this run; what was declared about `name` stays, unless it changes
    /// from a table to a view or back. Nothing changes if it points there already.
    ///
    /// # Errors
    /// `K2001` if the state file cannot be used.
    pub fn stage(&self, name: &RelationName, kind: RelationKind) -> Result<()> {
        let before = self.relation(name);
        if before
            .as_ref()
            .is_some_and(|relation| relation.kind == kind)
        {
            return Ok(());
        }
        let relation = match before {
            Some(before)
                if std::mem::discriminant(&before.kind) == std::mem::discriminant(&kind) =>
            {
                Relation {
                    details: Details {
                        borrowed: before.details.borrowed && same_place(&before.kind, &kind),
                        ..before.details.clone()
                    },
                    kind,
                    ..before
                }
            }
            _ => Relation::new(kind),
        };
        self.stage_relation(name, relation)
    }

    /// Lets `name` point at `relation` in this run, with all that is declared about it. One without an identity is
    /// new: it gets one, and what its schema grants on new objects.
    ///
    /// # Errors
    /// `K2001` if the state file cannot be used.
    pub fn stage_relation(&self, name: &RelationName, mut relation: Relation) -> Result<()> {
        let new = relation.id.is_empty();
        if new {
            relation.id = RunId::fresh().to_string();
        }
        if self.temporary.keeps(name, &relation) {
            return Ok(());
        }
        if new {
            let kind = access::securable(&relation.kind);
            self.settle(kind, name, &mut relation.access);
        }
        relation.generation = self.catalog.state().last_generation(name)? + 1;
        self.create_namespace(name.namespace());
        self.staged
            .lock()
            .relations
            .insert(name.clone(), Some(relation));
        Ok(())
    }

    /// Lets `name` point at nothing in this run. The files stay for time travel.
    ///
    /// # Errors
    /// `K3001` if there is no such relation.
    pub fn drop_relation(&self, name: &RelationName) -> Result<()> {
        if self.temporary.remove(name) {
            return Ok(());
        }
        if self.relation(name).is_none() {
            return Err(self.missing(name));
        }
        let mut staged = self.staged.lock();
        if self.base.relations.contains_key(name) {
            staged.relations.insert(name.clone(), None);
        } else {
            staged.relations.remove(name);
        }
        Ok(())
    }

    /// The tables of this session.
    #[must_use]
    pub fn temporary(&self) -> &Arc<Temporary> {
        &self.temporary
    }

    /// The object of `kind` called `name` in this run's view.
    #[must_use]
    pub fn object(&self, kind: ObjectKind, name: &RelationName) -> Option<Object> {
        let key = (kind, name.clone());
        match self.staged.lock().objects.get(&key) {
            Some(staged) => staged.clone(),
            None => self.base.objects.get(&key).cloned(),
        }
    }

    /// Every object of this run's view.
    #[must_use]
    pub fn objects(&self) -> Objects {
        let mut objects = self.base.objects.as_ref().clone();
        for (key, staged) in &self.staged.lock().objects {
            match staged {
                Some(object) => objects.insert(key.clone(), object.clone()),
                None => objects.remove(key),
            };
        }
        objects
    }

    /// The objects of one kind in this run's view.
    #[must_use]
    pub fn objects_of(&self, kind: ObjectKind) -> BTreeMap<RelationName, Object> {
        let first = (kind, access::account_key(""));
        let own = |key: &(ObjectKind, RelationName)| key.0 == kind;
        let base = self.base.objects.range(first.clone()..);
        let mut objects: BTreeMap<_, _> = base
            .take_while(|(key, _)| own(key))
            .map(|(key, object)| (key.1.clone(), object.clone()))
            .collect();
        let staged = self.staged.lock();
        for (key, staged) in staged
            .objects
            .range(first..)
            .take_while(|(key, _)| own(key))
        {
            match staged {
                Some(object) => objects.insert(key.1.clone(), object.clone()),
                None => objects.remove(&key.1),
            };
        }
        objects
    }

    /// Lets the object of `kind` called `name` be `becomes` in this run; `None` drops it.
    pub fn change_object(&self, kind: ObjectKind, name: &RelationName, becomes: Option<Object>) {
        let key = (kind, name.clone());
        let mut staged = self.staged.lock();
        if becomes.is_none() && !self.base.objects.contains_key(&key) {
            staged.objects.remove(&key);
        } else {
            staged.objects.insert(key, becomes);
        }
    }

    /// Adds files COPY loaded to what this run publishes.
    pub fn record_loads(&self, files: impl IntoIterator<Item = LoadedFile>) {
        self.staged.lock().loads.extend(files);
    }

    /// The files COPY loaded into the table with identity `table`, this run's included.
    ///
    /// # Errors
    /// `K2001` if the state file cannot be used.
    pub fn loaded_files(&self, table: &str) -> Result<Vec<LoadedFile>> {
        let published = self.catalog.state().loaded_files(Some(table))?;
        let staged = self.staged.lock();
        let forgotten = staged.forgotten_loads.iter().any(|entity| entity == table);
        let mine = staged.loads.iter().filter(|file| file.table == table);
        let kept = if forgotten { Vec::new() } else { published };
        Ok(kept.into_iter().chain(mine.cloned()).collect())
    }

    /// The files of sources that earlier runs loaded into the table called `name`, as COPY would tell it; into all
    /// tables, with their names, without one.
    ///
    /// # Errors
    /// `K2001` if the state file cannot be used.
    pub fn ingested_files(&self, name: Option<&RelationName>) -> Result<Vec<LoadedFile>> {
        let name = name.map(ToString::to_string);
        let entries = self.catalog.state().ledger_of_tables(name.as_deref())?;
        let files = entries.into_iter().filter_map(LoadedFile::of_ledger);
        Ok(files.collect())
    }

    /// Forgets which files were loaded into the table with identity `table`, as TRUNCATE does.
    pub fn forget_loads(&self, table: &str) {
        let mut staged = self.staged.lock();
        staged.loads.retain(|file| file.table != table);
        staged.forgotten_loads.push(table.to_owned());
    }

    /// Adds loaded files to what this run publishes.
    pub fn record_files(&self, entries: impl IntoIterator<Item = LedgerEntry>) {
        self.staged.lock().ledger.extend(entries);
    }

    /// Adds an asset's record to what this run publishes.
    pub fn record_asset(&self, record: AssetRecord) {
        self.staged.lock().assets.push(record);
    }

    /// Adds a check's outcome to what this run publishes.
    pub fn record_check(&self, record: CheckRecord) {
        self.staged.lock().checks.push(record);
    }

    /// Makes everything staged visible to everybody, in one step.
    ///
    /// # Errors
    /// `K1001` if somebody changed a relation this run replaces, `K1002` if another publication is
    /// under way, `K2001` or `K2003` if files cannot be written. Nothing is visible then.
    pub fn publish(&self) -> Result<Published> {
        let publication = self.publication();
        if publication.is_empty() {
            self.end(RunStatus::Published, None)?;
            return Ok(Published::default());
        }
        // A run that only changes views has not begun to write yet; recovery must know of it.
        self.write()?;
        telemetry::failpoint("publish.before_intent");
        let _turn = self.catalog.publishing();
        recovery::begin(&self.catalog, &publication)?;
        telemetry::failpoint("publish.after_intent");
        let finished = recovery::finish(&self.catalog, &publication, &self.created());
        if let Err(error) = &finished
            && error.code() == codes::K1004
        {
            // What the run had made is gone, and its names are free for others.
            self.take_created();
        }
        finished?;
        let kept = std::mem::take(&mut *self.kept.lock());
        let pointers =
            publication
                .changes
                .iter()
                .filter_map(|change| match &change.becomes.as_ref()?.kind {
                    RelationKind::Table {
                        location, version, ..
                    } => Some((location.clone(), *version)),
                    _ => None,
                });
        let pointers: Vec<_> = pointers.collect();
        for (location, version) in &pointers {
            let written = self.written(location, *version);
            let kept = written.map_or(Ok(()), |table| self.catalog.keep_open(&table));
            if let Err(error) = kept {
                // It is published, and will be read when it is asked for.
                tracing::warn!("table `{location}` is not kept open: {error}");
            }
        }
        self.catalog.kept().take_over(kept, pointers);
        self.end(RunStatus::Published, None)?;
        iceberg_catalog::follow(&self.catalog, &publication);
        upkeep::checkpoint(&self.catalog, &publication, |location, version| {
            self.written(location, version)
        });
        Ok(Published {
            relations: publication
                .changes
                .into_iter()
                .map(|change| {
                    (
                        change.name,
                        change.becomes.map(|relation| relation.generation),
                    )
                })
                .collect(),
        })
    }

    /// Publishes only the relations of `namespace` and the checks, for a run that failed: the rows
    /// its checks found wrong can be read, everything else stays as it was.
    ///
    /// # Errors
    /// As [`Workspace::publish`].
    pub fn publish_only(&self, namespace: &SchemaName, reason: &str) -> Result<Published> {
        {
            let mut staged = self.staged.lock();
            staged
                .relations
                .retain(|name, _| name.namespace() == *namespace);
            staged.namespaces.retain(|name| name == namespace);
            staged.dropped_namespaces.clear();
            staged.ledger.clear();
            staged.assets.clear();
            staged.objects.clear();
            staged.loads.clear();
            staged.forgotten_loads.clear();
        }
        let published = self.publish()?;
        self.catalog
            .state()
            .end_run(self.run, RunStatus::Failed, Some(reason))?;
        Ok(published)
    }

    /// Drops everything staged.
    ///
    /// # Errors
    /// `K2001` or `K2003` if the remains cannot be removed.
    pub fn discard(&self, reason: &str) -> Result<()> {
        let created = self.take_created();
        self.temporary.restore(&self.temporary_before);
        recovery::drop_created(&self.catalog, self.run, &created, &[], || {
            self.end(RunStatus::Failed, Some(reason))
        })
    }

    fn publication(&self) -> Publication {
        let staged = self.staged.lock();
        let mut publication = Publication {
            run: self.run,
            namespaces: staged.namespaces.iter().cloned().collect(),
            dropped_namespaces: staged.dropped_namespaces.iter().cloned().collect(),
            changes: staged
                .relations
                .iter()
                .map(|(name, becomes)| Change {
                    name: name.clone(),
                    read: self
                        .base
                        .relations
                        .get(name)
                        .map_or(0, |relation| relation.generation),
                    becomes: becomes.clone(),
                })
                .collect(),
            ledger: staged.ledger.clone(),
            assets: staged.assets.clone(),
            checks: staged.checks.clone(),
            objects: staged
                .objects
                .iter()
                .map(|(key, becomes)| ObjectChange {
                    kind: key.0,
                    name: key.1.clone(),
                    becomes: becomes.clone(),
                    read: self.base.objects.get(key).cloned(),
                })
                .collect(),
            loads: staged.loads.clone(),
            forgotten_loads: staged.forgotten_loads.clone(),
            commits: Vec::new(),
        };
        if let Some(writing) = &*self.writing.lock() {
            publication.commits = writing.staged.of(&publication.locations());
        }
        publication
    }

    fn take_created(&self) -> Vec<String> {
        let mut writing = self.writing.lock();
        writing
            .as_mut()
            .map_or_else(Vec::new, |writing| std::mem::take(&mut writing.created))
    }

    /// The folders of tables this run has made.
    fn created(&self) -> Vec<String> {
        let writing = self.writing.lock();
        writing
            .as_ref()
            .map_or_else(Vec::new, |writing| writing.created.clone())
    }

    /// The warehouse with this run's staged commits. From now on recovery knows of the run.
    fn write(&self) -> Result<Warehouse> {
        let mut writing = self.writing.lock();
        if let Some(writing) = &*writing {
            return Ok(writing.warehouse.clone());
        }
        let process = self.catalog.process()?;
        process.begins(self.run);
        self.catalog
            .state()
            .start_run(self.run, &self.command, process.id())?;
        let staged = Staging::default();
        let warehouse = self.catalog.warehouse().staging(&staged);
        *writing = Some(Writing {
            warehouse: warehouse.clone(),
            staged,
            created: Vec::new(),
        });
        Ok(warehouse)
    }

    fn end(&self, status: RunStatus, reason: Option<&str>) -> Result<()> {
        if self.writing.lock().take().is_none() {
            return Ok(());
        }
        if status == RunStatus::Failed {
            self.catalog.state().end_run(self.run, status, reason)?;
        }
        self.catalog.process()?.ended(self.run);
        Ok(())
    }

    fn note_created(&self, location: &str) -> Result<()> {
        self.catalog.state().note_created(self.run, location)?;
        if let Some(writing) = &mut *self.writing.lock() {
            writing.created.push(location.to_owned());
        }
        Ok(())
    }

    pub(crate) fn missing(&self, name: &RelationName) -> Error {
        let names: Vec<String> = self.relations().keys().map(ToString::to_string).collect();
        Error::new(codes::K3001, format!("Relation `{name}` does not exist"))
            .suggest(&name.to_string(), names.iter().map(String::as_str))
    }
}

impl Drop for Workspace {
    /// A run that was given up is dropped by the next recovery.
    fn drop(&mut self) {
        if self.writing.get_mut().is_some()
            && let Some(process) = self.catalog.process_begun()
        {
            process.leaves(self.run);
        }
    }
}

fn same_place(one: &RelationKind, other: &RelationKind) -> bool {
    match (one, other) {
        (
            RelationKind::Table { location: one, .. },
            RelationKind::Table {
                location: other, ..
            },
        ) => one == other,
        _ => false,
    }
}

/// A folder name that is safe on every file system and still readable.
pub(crate) fn folder_name(part: &str) -> String {
    part.chars()
        .map(|c| {
            let c = c.to_ascii_lowercase();
            if c.is_ascii_alphanumeric() || c == '_' {
                c
            } else {
                '_'
            }
        })
        .collect()
}
