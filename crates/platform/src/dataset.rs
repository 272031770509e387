//! A dataset of the lake as two assets: its bronze table and its silver table. One load makes both;
//! whichever is asked first does it, and each reports its own part.

use std::path::PathBuf;
use std::sync::Arc;

use asset::{Asset, AssetKey, AssetKind, AssetSpec, Materialization, MaterializeContext};
use async_trait::async_trait;
use catalog::{AssetRecord, RelationKind, Workspace};
use chrono::{DateTime, Utc};
use diagnostic::{Error, Result, codes};
use ingest::{
    IngestOptions, IngestOutcome, IngestRequest, Origin, Reload, ReloadPreview, Scope,
    preview_reload,
};
use lake::TableFormat;
use model::{Identifier, RelationName, SchemaName};
use settings::{DatasetSpec, Project, SilverFormat, SourceKind, StreamSpec};
use tokio::sync::OnceCell;

use crate::Platform;
use crate::lake_tables::{LakeTables, Silver};
use crate::source_check::open_store;

/// Memory for the keys of one load, as a part of the project's limit: the engine has the rest.
const KEY_MEMORY_SHARE: u64 = 4;

/// The load of one dataset in one run.
pub(crate) struct Load {
    dataset: DatasetSpec,
    stream: StreamSpec,
    stream_name: String,
    origin: Origin,
    scope: Scope,
    raw_folder: PathBuf,
    spill: PathBuf,
    database: Identifier,
    memory: usize,
    threads: usize,
    clock: DateTime<Utc>,
    workspace: Arc<Workspace>,
    reload: Option<Reload>,
    done: OnceCell<Arc<IngestOutcome>>,
}

/// One of a dataset's tables.
pub(crate) struct DatasetAsset {
    spec: AssetSpec,
    load: Arc<Load>,
}

/// The key of a dataset's table in `zone`.
pub(crate) fn key(zone: &str, dataset: &DatasetSpec) -> AssetKey {
    AssetKey::new(&[zone, dataset.name.value.as_str()])
}

/// What the graph knows of a dataset: the stream, the bronze and the silver table.
pub(crate) fn specs(dataset: &DatasetSpec) -> [AssetSpec; 3] {
    let from: &settings::StreamReference = &dataset.from;
    let stream = AssetKey::new(&[from.source.as_str(), from.stream.as_str()]);
    let mut source = AssetSpec::new(stream.clone(), AssetKind::Source, from.source.clone());
    source.description = "Files as they arrive".to_owned();
    let mut bronze =
        AssetSpec::new(key("bronze", dataset), AssetKind::Bronze, "bronze").after([stream]);
    bronze.description = "Rows as read, every version".to_owned();
    let mut silver = AssetSpec::new(key("silver", dataset), AssetKind::Silver, "silver")
        .after([bronze.key.clone()]);
    silver.description = "Cleaned, typed, valid, deduplicated rows".to_owned();
    [source, bronze, silver]
}

/// The stream `stream` of `source` of files or of events, and where its files are.
pub(crate) fn stream_of<'p>(
    project: &'p Project,
    source: &str,
    stream: &str,
) -> Result<(&'p StreamSpec, Origin)> {
    let missing = || {
        Error::new(
            codes::X0001,
            format!("Stream `{source}.{stream}` vanished after validation"),
        )
    };
    let spec = project
        .sources
        .iter()
        .find(|spec| spec.name.value == source)
        .ok_or_else(missing)?;
    let found = spec.stream(stream).ok_or_else(missing)?;
    let origin = match &spec.kind {
        SourceKind::Webhook(_) => {
            let raw = project.environment.lake.join("raw");
            Origin::Folder(push::folder(&raw, source, stream))
        }
        kind => files_of(kind)?.ok_or_else(missing)?,
    };
    Ok((found, origin))
}

/// Where the files of a source are, if it is one of files.
pub(crate) fn files_of(kind: &SourceKind) -> Result<Option<Origin>> {
    Ok(match kind {
        SourceKind::Files { path } => Some(Origin::Folder(path.value.clone())),
        SourceKind::Objects { location, storage } => {
            Some(Origin::Store(open_store(location, storage)?))
        }
        SourceKind::Webhook(_) | SourceKind::Postgres(_) => None,
    })
}

impl Load {
    /// The load of `dataset` into `workspace`: of what is new, or of the files that `reload` means.
    pub(crate) fn new(
        platform: &Platform,
        dataset: &DatasetSpec,
        workspace: Arc<Workspace>,
        reload: Option<Reload>,
        scope: Scope,
    ) -> Result<Self> {
        let project = &platform.project;
        let from: &settings::StreamReference = &dataset.from;
        let (stream, origin) = stream_of(project, &from.source, &from.stream)?;
        Ok(Self {
            dataset: dataset.clone(),
            stream: stream.clone(),
            stream_name: format!("{}.{}", from.source, from.stream),
            origin,
            scope,
            raw_folder: project.environment.lake.join("raw"),
            spill: platform.spill(),
            database: project.database.clone(),
            memory: usize::try_from(project.memory_limit / KEY_MEMORY_SHARE).unwrap_or(usize::MAX),
            threads: platform.threads(),
            clock: platform.as_of.unwrap_or_else(Utc::now),
            workspace,
            reload,
            done: OnceCell::new(),
        })
    }

    /// What the load did, if it ran.
    pub(crate) fn outcome(&self) -> Option<&Arc<IngestOutcome>> {
        self.done.get()
    }

    /// The two assets that this load makes.
    pub(crate) fn assets(load: &Arc<Self>) -> [Arc<dyn Asset>; 2] {
        let [_, bronze, silver] = specs(&load.dataset);
        [bronze, silver].map(|spec| {
            let load = Arc::clone(load);
            Arc::new(DatasetAsset { spec, load }) as Arc<dyn Asset>
        })
    }

    fn relation(&self, zone: &str) -> RelationName {
        SchemaName::new(self.database.clone(), Identifier::unquoted(zone))
            .relation(self.dataset.identifier())
    }

    fn request(&self, full_refresh: bool) -> Result<IngestRequest> {
        Ok(IngestRequest {
            dataset: self.dataset.clone(),
            stream: self.stream.clone(),
            stream_name: self.stream_name.clone(),
            origin: self.origin.clone(),
            scope: self.scope.clone(),
            database: self.database.clone(),
            run: self.workspace.run(),
            clock: self.clock,
            ledger: self.workspace.catalog().ledger(&self.stream_name)?,
            raw_folder: self.raw_folder.clone(),
            spill_folder: self.spill.clone(),
            options: IngestOptions {
                memory: self.memory,
                threads: self.threads,
                full_refresh,
            },
            reload: self.reload.clone(),
        })
    }

    /// What a reload would do.
    pub(crate) async fn preview(&self) -> Result<ReloadPreview> {
        let tables = LakeTables::new(Arc::clone(&self.workspace));
        preview_reload(self.request(false)?, &tables).await
    }

    async fn run(&self, context: &MaterializeContext) -> Result<Arc<IngestOutcome>> {
        let load = self.done.get_or_try_init(|| async {
            let request = self.request(context.full_refresh)?;
            let progress = context.progress.clone();
            let silver = Silver {
                name: self.relation("silver"),
                format: match self.dataset.format {
                    SilverFormat::Delta => TableFormat::Delta,
                    SilverFormat::Iceberg => TableFormat::Iceberg,
                },
                rebuilt: context.full_refresh,
            };
            let tables = LakeTables::of_dataset(Arc::clone(&self.workspace), silver);
            let mut outcome = ingest::run(
                request,
                &tables,
                Arc::new(move |step: ingest::Progress| progress.rows(step.rows)),
            )
            .await?;
            self.workspace.record_files(outcome.ledger.iter().cloned());
            self.declare_clustering()?;
            self.expose()?;
            let notice = self.remember_contract(outcome.rebuilt, outcome.changed())?;
            outcome.notices.extend(notice);
            Ok(Arc::new(outcome))
        });
        load.await.cloned()
    }

    /// Records the contract that the tables obey, or says that they do not obey the one there is now.
    fn remember_contract(&self, rebuilt: bool, changed: bool) -> Result<Option<String>> {
        let silver = key("silver", &self.dataset);
        let fingerprint = self.fingerprint();
        let records = self.workspace.catalog().assets()?;
        let known = records.get(silver.as_str());
        if let Some(known) = known.filter(|known| known.fingerprint != fingerprint)
            && !rebuilt
        {
            // The record stays, and with it this notice, until a rebuild.
            tracing::debug!(asset = %silver, run = %known.run, "another contract");
            return Ok(Some(format!(
                "The contract of `{0}` has changed since its rows were loaded: it holds for new rows \
                 only until `sluice replay {silver}` or `sluice run --full-refresh --select {silver}` rebuilds the \
                 tables",
                self.dataset.name.value,
            )));
        }
        if changed {
            self.workspace.record_asset(AssetRecord {
                asset: silver.to_string(),
                fingerprint,
                inputs: std::collections::BTreeMap::new(),
                rows: None,
                run: self.workspace.run(),
            });
        }
        Ok(None)
    }

    /// What of the contract decides how a row is read, judged and kept. Comments do not.
    fn fingerprint(&self) -> String {
        let DatasetSpec {
            columns,
            rules,
            deduplicate,
            write,
            schema_contract,
            partition_by,
            ..
        } = &self.dataset;
        let mut text =
            format!("{columns:?} {rules:?} {deduplicate:?} {write:?} {schema_contract:?}");
        if !partition_by.is_empty() {
            text.push_str(&format!(" {partition_by:?}"));
        }
        blake3::hash(text.as_bytes()).to_hex().to_string()
    }

    /// What `sluice optimize` orders the silver table by, as `cluster by` of a table in SQL says it.
    fn declare_clustering(&self) -> Result<()> {
        let silver = self.relation("silver");
        let names = self.dataset.cluster_by.iter();
        let names: Vec<String> = names
            .map(|name| Identifier::unquoted(&name.value).as_str().to_owned())
            .collect();
        let cluster_by = (!names.is_empty()).then(|| format!("({})", names.join(", ")));
        match self.workspace.relation(&silver) {
            Some(mut found) if found.details.cluster_by != cluster_by => {
                found.details.cluster_by = cluster_by;
                self.workspace.stage_relation(&silver, found)
            }
            _ => Ok(()),
        }
    }

    /// Lets the view in the warehouse's schema stand for the silver table.
    fn expose(&self) -> Result<()> {
        let silver = self.relation("silver");
        let Some(exposed) = &self.dataset.expose else {
            return Ok(());
        };
        if self.workspace.relation(&silver).is_none() {
            return Ok(());
        }
        let namespace = SchemaName::new(self.database.clone(), exposed.schema.clone());
        self.workspace.stage(
            &namespace.relation(exposed.name.clone()),
            RelationKind::View {
                sql: format!("select * from {silver}"),
                namespace: namespace.clone(),
                columns: Vec::new(),
                secure: false,
            },
        )
    }

    fn version(&self, zone: &str) -> Option<u64> {
        self.workspace
            .relation(&self.relation(zone))
            .map(|relation| u64::from(relation.generation))
    }
}

#[async_trait]
impl Asset for DatasetAsset {
    fn spec(&self) -> &AssetSpec {
        &self.spec
    }

    async fn materialize(&self, context: &MaterializeContext) -> Result<Materialization> {
        let outcome = self.load.run(context).await?;
        let base = if outcome.changed() {
            Materialization::built()
        } else {
            Materialization::fresh()
        };
        let mut done = match self.spec.kind {
            AssetKind::Bronze => base
                .with_rows(outcome.bronze_rows)
                .with_quarantined(outcome.quarantined_rows()),
            _ => base.with_rows(outcome.silver.inserted + outcome.silver.updated),
        };
        if let Some(version) = self.load.version(&self.spec.group) {
            done = done.with_version(version);
        }
        if self.spec.kind == AssetKind::Bronze {
            let mut files = serde_json::Map::new();
            for file in &outcome.files {
                let word = match &file.status {
                    ingest::FileStatus::Loaded { changed: true, .. } => "loaded anew",
                    ingest::FileStatus::Loaded { .. } => "loaded",
                    ingest::FileStatus::Empty => "empty",
                    ingest::FileStatus::Unchanged => "unchanged",
                    ingest::FileStatus::Duplicate => "duplicate",
                    ingest::FileStatus::Rejected => "rejected",
                };
                let count = files.entry(word).or_insert_with(|| 0_u64.into());
                *count = (count.as_u64().unwrap_or(0) + 1).into();
            }
            done = done.with("files", serde_json::Value::Object(files));
            for (rule, rows) in &outcome.quarantined {
                done = done.with(&format!("quarantined.{rule}"), *rows);
            }
        }
        Ok(done)
    }
}
