//! The Iceberg catalog beside the state file (`iceberg.db`), by which other engines find the Iceberg tables of this
//! catalog as they are published; and a REST catalog, if the project names one.
//!
//! They follow: after a publication, and at every start, each entry is moved to the metadata file of the version that is
//! published. So what a crash left undone is done by the next start, and doing it again changes nothing. Entries that
//! somebody else has moved are left as they are. What a REST catalog was told last is kept in the same file under its
//! address, so that it is asked only when there is something to tell.

use std::collections::BTreeMap;

use diagnostic::{Error, Result, codes};
use iceberg::{RestCatalog, RestSettings, SqlCatalog};
use lake::TableFormat;
use model::RelationName;
use state::{Publication, Relation, RelationKind};
use storage::block_on;

use crate::Catalog;

/// The file of the Iceberg catalog.
const FILE: &str = "iceberg.db";

/// The name of the Iceberg catalog in its file.
const NAME: &str = "sluice";

/// Brings the Iceberg catalog up to date after `publication`.
pub(crate) fn follow(catalog: &Catalog, publication: &Publication) {
    let brings = publication
        .changes
        .iter()
        .filter_map(|change| change.becomes.as_ref())
        .any(|relation| location(relation).is_some());
    // What is dropped or replaced may have been an Iceberg table, if there ever was one.
    if brings || (!publication.changes.is_empty() && exists(catalog)) {
        telemetry::failpoint("publish.before_iceberg_catalog");
        warn(bring_up_to_date(catalog));
        telemetry::failpoint("publish.after_iceberg_catalog");
    }
}

/// Brings the Iceberg catalog up to date, if there is one: the process before may have died on the way.
pub(crate) fn catch_up(catalog: &Catalog) {
    let relations = catalog.snapshot().map(|snapshot| snapshot.relations);
    let tables = |relation: &std::sync::Arc<Relation>| location(relation).is_some();
    if exists(catalog) || relations.is_ok_and(|known| known.values().any(tables)) {
        warn(bring_up_to_date(catalog));
    }
}

/// What is published is published, whether or not other engines learn of it now.
fn warn(done: Result<()>) {
    if let Err(error) = done {
        tracing::warn!("other engines do not see the newest Iceberg tables: {error}");
    }
}

fn exists(catalog: &Catalog) -> bool {
    catalog.folder().join(FILE).is_file()
}

/// The location of an Iceberg table, and its version.
fn location(relation: &Relation) -> Option<(&str, u64)> {
    match &relation.kind {
        RelationKind::Table {
            location, version, ..
        } if TableFormat::of(location) == TableFormat::Iceberg => Some((location, *version)),
        _ => None,
    }
}

/// How often it is tried while other processes do the same.
const ATTEMPTS: u32 = 5;

fn bring_up_to_date(catalog: &Catalog) -> Result<()> {
    let file = catalog.folder().join(FILE);
    let own = try_often(catalog, &SqlCatalog::open(&file, NAME)?, None);
    let rest = match catalog.told() {
        Some(settings) => {
            let told = SqlCatalog::open(&file, &settings.uri)?;
            try_often(catalog, &told, Some(settings))
        }
        None => Ok(()),
    };
    let errors = [own, rest].into_iter().filter_map(Result::err);
    Error::join(errors).map_or(Ok(()), Err)
}

fn try_often(catalog: &Catalog, entries: &SqlCatalog, rest: Option<&RestSettings>) -> Result<()> {
    let mut attempt = 1;
    loop {
        match move_entries(catalog, entries, rest) {
            Err(error) if error.code() == codes::K4005 && attempt < ATTEMPTS => attempt += 1,
            done => return done,
        }
    }
}

/// An entry that has to move: the metadata file it has, and the table it becomes.
struct Move<'a> {
    name: TableName,
    before: Option<String>,
    becomes: Option<(String, &'a Relation)>,
}

/// Namespace and name.
type TableName = (String, String);

fn move_entries(
    catalog: &Catalog,
    entries: &SqlCatalog,
    rest: Option<&RestSettings>,
) -> Result<()> {
    let mut known: BTreeMap<TableName, String> = BTreeMap::new();
    for (namespace, name, metadata) in entries.tables()? {
        known.insert((namespace, name), metadata);
    }
    // Read after the entries, so no entry is ever moved back to what was published before it.
    let published = catalog.snapshot()?.relations;
    let mut moves = Vec::new();
    for (name, relation) in published.iter() {
        let metadata = location(relation)
            .and_then(|(at, version)| catalog.warehouse().metadata_location(at, version));
        let Some(metadata) = metadata else { continue };
        let name = (namespace(name), name.name.as_str().to_owned());
        let before = known.remove(&name);
        if before.as_ref() != Some(&metadata) {
            moves.push(Move {
                name,
                before,
                becomes: Some((metadata, relation)),
            });
        }
    }
    moves.extend(known.into_iter().map(|(name, before)| Move {
        name,
        before: Some(before),
        becomes: None,
    }));
    // What leaves makes room first: a name may come back at once.
    moves.sort_by_key(|change| change.becomes.is_some());
    let server = match rest {
        Some(settings) if !moves.is_empty() => Some(connect(settings)?),
        _ => None,
    };
    let mut refused = Vec::new();
    for change in moves {
        let (namespace, name) = &change.name;
        let allowed = match (&server, &change.before) {
            (Some(server), _) => tell(catalog, server, &change),
            (None, Some(before)) => ours(namespace, name, before),
            (None, None) => Ok(()),
        };
        match allowed {
            Ok(()) => {
                let becomes = change
                    .becomes
                    .as_ref()
                    .map(|(metadata, _)| metadata.as_str());
                entries.swap(namespace, name, change.before.as_deref(), becomes)?;
            }
            Err(error) => refused.push(error),
        }
    }
    Error::join(refused).map_or(Ok(()), Err)
}

fn connect(settings: &RestSettings) -> Result<RestCatalog> {
    let settings = settings.clone();
    block_on(async move { RestCatalog::connect(&settings).await })?
}

/// Lets a REST catalog have what is published.
fn tell(catalog: &Catalog, server: &RestCatalog, change: &Move<'_>) -> Result<()> {
    let (namespace, name) = change.name.clone();
    let place = change
        .becomes
        .as_ref()
        .and_then(|(_, relation)| location(relation));
    let place = place.map(|(location, version)| (location.to_owned(), version));
    let (catalog, server) = (catalog.clone(), server.clone());
    block_on(async move {
        let levels: Vec<&str> = namespace.split('.').collect();
        let Some((location, version)) = place else {
            return server.drop_table(&levels, &name).await;
        };
        let table = catalog.warehouse().open(&location, version).await?;
        match table.iceberg() {
            Some(iceberg) => server.follow(&levels, &name, iceberg.table()?).await,
            None => Ok(()),
        }
    })?
}

/// Namespaces of Iceberg join their levels by a dot.
fn namespace(name: &RelationName) -> String {
    format!("{}.{}", name.database.as_str(), name.schema.as_str())
}

/// Whether `metadata` is a file that a Sluice has written: other engines call theirs otherwise, and their tables.
fn ours(namespace: &str, name: &str, metadata: &str) -> Result<()> {
    let parts = metadata.rsplit_once("/metadata/v");
    let numbered = parts.is_some_and(|(table, file)| {
        let number = file.strip_suffix(".metadata.json");
        TableFormat::of(table) == TableFormat::Iceberg
            && number.is_some_and(|number| number.parse::<u64>().is_ok())
    });
    if numbered {
        return Ok(());
    }
    Err(Error::new(
        codes::K4004,
        format!("The Iceberg catalog's entry `{namespace}.{name}` was changed by somebody else"),
    )
    .with("metadata", metadata)
    .help("write the table through Sluice only; remove the entry to have it made again"))
}
