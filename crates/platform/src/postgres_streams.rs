//! PostgreSQL sources as assets: one per stream. Streams kept by changes share a slot, so whichever is asked
//! first brings all of them up to date, and each reports its own part.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use asset::{Asset, AssetKey, AssetKind, AssetSpec, Materialization, MaterializeContext, Selected};
use async_trait::async_trait;
use catalog::{AssetRecord, RunLock, Workspace};
use diagnostic::{Error, Result, codes};
use ingest::Tables;
use ingest::postgres::{
    Checkpoint, CursorRange, Follow, FollowRequest, FollowedStream, OnRows, StreamOutcome,
    StreamRequest, change_table, follow, sync,
};
use model::{Identifier, RelationName, RunId, SchemaName};
use parking_lot::Mutex;
use settings::{PostgresSource, PostgresStream, SourceSpec};
use tokio::sync::OnceCell;

use crate::Platform;
use crate::lake_tables::LakeTables;

/// The streams of one source in one run.
pub(crate) struct PostgresLoad {
    name: String,
    source: PostgresSource,
    database: Identifier,
    workspace: Arc<Workspace>,
    records: BTreeMap<String, AssetRecord>,
    /// Streams that the run builds.
    selected: Mutex<BTreeSet<AssetKey>>,
    followed: OnceCell<BTreeMap<String, StreamOutcome>>,
    follow: Mutex<Option<(Follow, RunLock)>>,
    /// What streams with a cursor read again, instead of what is new.
    range: Option<CursorRange>,
    notices: Mutex<Vec<String>>,
}

/// One stream.
struct StreamAsset {
    spec: AssetSpec,
    stream: PostgresStream,
    load: Arc<PostgresLoad>,
}

/// The key of a stream of `source`.
pub(crate) fn key(source: &str, stream: &PostgresStream) -> AssetKey {
    AssetKey::new(&[source, stream.name.value.as_str()])
}

/// The table of a stream.
pub(crate) fn table(
    database: &Identifier,
    source: &PostgresSource,
    stream: &PostgresStream,
) -> RelationName {
    let (schema, name) = match &stream.target {
        Some((schema, name)) => (schema.clone(), name.clone()),
        None => (
            source.target_schema.clone(),
            Identifier::unquoted(&stream.name.value),
        ),
    };
    SchemaName::new(database.clone(), schema).relation(name)
}

/// What the graph knows of a source's streams.
pub(crate) fn specs(source: &SourceSpec) -> Vec<AssetSpec> {
    let Some(postgres) = source.postgres() else {
        return Vec::new();
    };
    let name = source.name.value.as_str();
    let streams = postgres.streams.iter().map(|stream| {
        let mut spec = AssetSpec::new(key(name, stream), AssetKind::Stream, name);
        spec.description = match stream.is_cdc() {
            true => "A PostgreSQL table, kept up to date by its changes".to_owned(),
            false => "Rows of PostgreSQL".to_owned(),
        };
        spec
    });
    streams.collect()
}

/// The stream whose table is `name`.
pub(crate) fn feeding(project: &settings::Project, name: &RelationName) -> Option<AssetKey> {
    let sources = project.sources.iter();
    let streams = sources.filter_map(|source| Some((source, source.postgres()?)));
    streams
        .flat_map(|(source, postgres)| {
            let streams = postgres.streams.iter();
            streams.map(move |stream| (source, postgres, stream))
        })
        .find(|(_, postgres, stream)| {
            let table = table(&project.database, postgres, stream);
            table == *name || change_table(stream, &table).as_ref() == Some(name)
        })
        .map(|(source, _, stream)| key(&source.name.value, stream))
}

/// What earlier runs have read of `stream`.
pub(crate) fn checkpoint(
    records: &BTreeMap<String, AssetRecord>,
    source: &str,
    stream: &PostgresStream,
) -> Option<Checkpoint> {
    let record = records.get(key(source, stream).as_str())?;
    Some(Checkpoint {
        fingerprint: record.fingerprint.clone(),
        values: record.inputs.clone(),
    })
}

/// What is remembered of a stream; `None` if that is nothing new.
pub(crate) fn asset_record(
    key: &AssetKey,
    outcome: &StreamOutcome,
    run: RunId,
) -> Option<AssetRecord> {
    let checkpoint = outcome.checkpoint.as_ref()?;
    Some(AssetRecord {
        asset: key.to_string(),
        fingerprint: checkpoint.fingerprint.clone(),
        inputs: checkpoint.values.clone(),
        rows: Some(outcome.rows),
        run,
    })
}

/// Another process of the project follows the source.
pub(crate) fn followed_elsewhere(source: &str) -> Error {
    Error::new(
        codes::P3002,
        format!("Another process of this project follows the source `{source}`"),
    )
    .help("end that `sluice run --follow` first")
}

impl PostgresLoad {
    /// The loads of all PostgreSQL sources of the project.
    pub(crate) fn all(
        platform: &Platform,
        workspace: &Arc<Workspace>,
        range: Option<&CursorRange>,
    ) -> Result<Vec<Arc<Self>>> {
        let project = &platform.project;
        let sources = project.sources.iter();
        let found: Vec<(&SourceSpec, &PostgresSource)> = sources
            .filter_map(|source| Some((source, source.postgres()?)))
            .collect();
        if found.is_empty() {
            return Ok(Vec::new());
        }
        let records = workspace.catalog().assets()?;
        let load = |(source, postgres): (&SourceSpec, &PostgresSource)| {
            Arc::new(Self {
                name: source.name.value.clone(),
                source: postgres.clone(),
                database: project.database.clone(),
                workspace: Arc::clone(workspace),
                records: records.clone(),
                selected: Mutex::default(),
                followed: OnceCell::new(),
                follow: Mutex::new(None),
                range: range.cloned(),
                notices: Mutex::default(),
            })
        };
        Ok(found.into_iter().map(load).collect())
    }

    /// One asset per stream.
    pub(crate) fn assets(load: &Arc<Self>) -> Vec<Arc<dyn Asset>> {
        let source = load.source.streams.iter();
        let assets = source.map(|stream| {
            let key = key(&load.name, stream);
            let spec = AssetSpec::new(key, AssetKind::Stream, load.name.clone());
            Arc::new(StreamAsset {
                spec,
                stream: stream.clone(),
                load: Arc::clone(load),
            }) as Arc<dyn Asset>
        });
        assets.collect()
    }

    /// Tells which streams the run builds.
    pub(crate) fn select(&self, selected: &Selected) {
        self.selected.lock().extend(selected.keys().iter().cloned());
    }

    /// What a person should know.
    pub(crate) fn notices(&self) -> Vec<String> {
        self.notices.lock().clone()
    }

    /// Lets the server forget the changes that are published now.
    pub(crate) async fn confirm(&self) {
        let Some((follow, _lock)) = self.follow.lock().take() else {
            return;
        };
        telemetry::failpoint("postgres.before_confirm");
        let confirmed = tokio::task::spawn_blocking(move || follow.confirm()).await;
        if let Ok(Err(error)) = confirmed {
            self.notices.lock().push(format!(
                "the server of `{}` was not told how far its changes are kept ({}); the next run does that",
                self.name,
                error.message()
            ));
        }
    }

    fn checkpoint(&self, stream: &PostgresStream) -> Option<Checkpoint> {
        checkpoint(&self.records, &self.name, stream)
    }

    fn record(&self, stream: &PostgresStream, outcome: &StreamOutcome) {
        self.notices.lock().extend(outcome.notices.iter().cloned());
        let key = key(&self.name, stream);
        if let Some(record) = asset_record(&key, outcome, self.workspace.run()) {
            self.workspace.record_asset(record);
        }
    }

    fn tables(&self) -> Arc<dyn Tables> {
        Arc::new(LakeTables::new(Arc::clone(&self.workspace)))
    }

    /// All streams kept by changes, once.
    async fn follow(
        &self,
        context: &MaterializeContext,
    ) -> Result<&BTreeMap<String, StreamOutcome>> {
        let run = || async {
            let Some(lock) = self.workspace.catalog().lock_source(&self.name)? else {
                return self.followed_elsewhere(context.full_refresh);
            };
            let selected = self.selected.lock().clone();
            let chosen = |stream: &PostgresStream| selected.contains(&key(&self.name, stream));
            let kept = self.source.streams.iter().filter(|stream| stream.is_cdc());
            let streams: Vec<FollowedStream> = kept
                .map(|stream| {
                    let known = self.checkpoint(stream);
                    let anew = context.full_refresh && chosen(stream);
                    (stream, known.filter(|_| !anew))
                })
                // A stream that was never copied waits until somebody asks for it.
                .filter(|(stream, known)| known.is_some() || chosen(stream))
                .map(|(stream, checkpoint)| FollowedStream {
                    stream: stream.clone(),
                    table: table(&self.database, &self.source, stream),
                    checkpoint,
                })
                .collect();
            let request = FollowRequest {
                source: self.name.clone(),
                connection: self.source.connection.clone(),
                replication: self.source.replication.clone(),
                streams,
                former: None,
            };
            let mut done = follow(request, self.tables(), on_rows(context)).await?;
            let outcomes = std::mem::take(&mut done.streams);
            for stream in &self.source.streams {
                if let Some(outcome) = outcomes.get(&stream.name.value) {
                    self.record(stream, outcome);
                }
            }
            *self.follow.lock() = Some((done, lock));
            Ok(outcomes)
        };
        self.followed.get_or_try_init(run).await
    }

    /// The outcome of streams that another process keeps up to date: they are taken as they are.
    fn followed_elsewhere(&self, anew: bool) -> Result<BTreeMap<String, StreamOutcome>> {
        let kept = self.source.streams.iter().filter(|stream| stream.is_cdc());
        let selected = self.selected.lock().clone();
        let mut chosen = kept.filter(|stream| selected.contains(&key(&self.name, stream)));
        if anew || chosen.any(|stream| self.checkpoint(stream).is_none()) {
            return Err(followed_elsewhere(&self.name));
        }
        self.notices.lock().push(format!(
            "another process follows `{}`: its tables are taken as that has published them",
            self.name
        ));
        let streams = self.source.streams.iter();
        let fresh = streams.map(|stream| (stream.name.value.clone(), StreamOutcome::default()));
        Ok(fresh.collect())
    }
}

fn on_rows(context: &MaterializeContext) -> OnRows {
    let (progress, cancellation) = (context.progress.clone(), context.cancellation.clone());
    Arc::new(move |rows| {
        progress.rows(rows);
        cancellation.check()
    })
}

#[async_trait]
impl Asset for StreamAsset {
    fn spec(&self) -> &AssetSpec {
        &self.spec
    }

    async fn materialize(&self, context: &MaterializeContext) -> Result<Materialization> {
        let load = &self.load;
        let table = table(&load.database, &load.source, &self.stream);
        let outcome = if self.stream.is_cdc() {
            let outcomes = load.follow(context).await?;
            let found = outcomes.get(&self.stream.name.value).cloned();
            found.ok_or_else(|| Error::new(codes::X0001, "A stream has no outcome"))?
        } else {
            let known = load.checkpoint(&self.stream);
            let request = StreamRequest {
                connection: load.source.connection.clone(),
                stream: self.stream.clone(),
                table: table.clone(),
                checkpoint: known.filter(|_| !context.full_refresh),
                range: load.range.clone(),
            };
            let outcome = sync(request, load.tables(), on_rows(context)).await?;
            load.record(&self.stream, &outcome);
            outcome
        };
        let mut done = match outcome.changed {
            true => Materialization::built(),
            false => Materialization::fresh(),
        };
        done = done
            .with_rows(outcome.rows)
            .with("updated", outcome.updated)
            .with("deleted", outcome.deleted);
        if let Some(checkpoint) = &outcome.checkpoint {
            if let Some(lsn) = checkpoint.lsn() {
                done = done.with("lsn", lsn.to_string());
            }
            if let Some(cursor) = checkpoint.cursor() {
                done = done.with("cursor", cursor);
            }
        }
        if let Some(relation) = load.workspace.relation(&table) {
            done = done.with_version(u64::from(relation.generation));
        }
        Ok(done)
    }
}
