//! What `sluice replay` and `sluice backfill` may load again of what somebody selects.

use std::sync::Arc;

use asset::{AssetGraph, AssetKey, Selection};
use diagnostic::{Error, Result, codes};
use ingest::{ReloadFrom, ReloadPreview, Scope};
use settings::{PostgresStream, PostgresSync};

use crate::dataset::{self, Load};
use crate::postgres_streams::key;
use crate::{Platform, RunRequest};

/// The assets of a reload, and what is left out of it.
#[derive(Clone, Debug, Default)]
pub struct Reloadable {
    /// The selected tables that can be loaded again.
    pub selection: Selection,
    /// Selected streams that cannot be, and why, in sentences.
    pub left_out: Vec<String>,
}

impl Platform {
    /// The datasets, and with a backfill the streams with a cursor, among what `selection` picks: all of them if it
    /// is empty. A dataset is meant by its stream, its bronze or its silver table.
    ///
    /// # Errors
    /// `O1001` or `O1002` for a selection that cannot be read or matches nothing, `L2005` if nothing of it can be
    /// loaded again.
    pub fn reloadable(&self, selection: &Selection, from: ReloadFrom) -> Result<Reloadable> {
        let graph = AssetGraph::new(self.specs(None))?;
        let selected = graph.select(selection)?;
        let mut found = Reloadable::default();
        let mut take = |key: &AssetKey| found.selection.select.push(key.to_string());
        for dataset in &self.project.datasets {
            if dataset::specs(dataset)
                .iter()
                .any(|spec| selected.contains(&spec.key))
            {
                take(&dataset::key("bronze", dataset));
                take(&dataset::key("silver", dataset));
            }
        }
        let sources = self.project.sources.iter();
        let streams = sources.filter_map(|source| Some((&source.name.value, source.postgres()?)));
        for (source, postgres) in streams {
            for stream in &postgres.streams {
                let key = key(source, stream);
                if !selected.contains(&key) {
                    continue;
                }
                match refusal(&key, stream, from) {
                    None => found.selection.select.push(key.to_string()),
                    Some(why) => found.left_out.push(why),
                }
            }
        }
        if !found.selection.select.is_empty() {
            return Ok(found);
        }
        let message = match found.left_out.as_slice() {
            [] => "Nothing of the selection is a dataset or a stream".to_owned(),
            reasons => reasons.join("; "),
        };
        Err(Error::new(codes::L2005, message)
            .help("select datasets by name, or streams by `source:`"))
    }
}

/// What a reload would do to one dataset or stream.
#[derive(Clone, Debug)]
pub struct ReloadStep {
    /// The dataset's silver table, or the stream.
    pub asset: AssetKey,
    /// Its files; nothing for a stream of a database, of which a range is read.
    pub files: Option<ReloadPreview>,
}

impl Platform {
    /// What [`Platform::run`] would do for a `request` that [`Platform::reloadable`] made. Nothing is written.
    ///
    /// # Errors
    /// As of the run, as far as that shows before any row is read.
    pub async fn preview_reload(&self, request: &RunRequest) -> Result<Vec<ReloadStep>> {
        let workspace = Arc::new(self.catalog.begin("dry run")?);
        let graph = AssetGraph::new(self.specs(None))?;
        let selected = graph.select(&request.selection)?;
        let mut steps = Vec::new();
        for asset in selected.keys() {
            let mut datasets = self.project.datasets.iter();
            let dataset = datasets.find(|dataset| {
                ["bronze", "silver"]
                    .iter()
                    .any(|zone| dataset::key(zone, dataset) == *asset)
            });
            let files = match dataset {
                Some(dataset) if dataset::key("silver", dataset) != *asset => continue,
                Some(dataset) => {
                    let reload = request.reload.clone();
                    let at = Arc::clone(&workspace);
                    let load = Load::new(self, dataset, at, reload, Scope::default())?;
                    Some(load.preview().await?)
                }
                None => None,
            };
            steps.push(ReloadStep {
                asset: asset.clone(),
                files,
            });
        }
        workspace.discard("a dry run")?;
        Ok(steps)
    }
}

/// Why a stream of a database cannot be loaded again in part.
fn refusal(key: &AssetKey, stream: &PostgresStream, from: ReloadFrom) -> Option<String> {
    let why = match (from, &stream.sync) {
        (ReloadFrom::Raw, _) => "comes from a database, of which nothing is kept in the raw zone",
        (_, PostgresSync::Incremental { append: false, .. }) => return None,
        (_, PostgresSync::Incremental { .. }) => {
            "only adds rows, so that those of a range would be there twice"
        }
        (_, PostgresSync::FullRefresh) => "is read in full by every run",
        (_, PostgresSync::Cdc) => "is kept up to date by its changes and has no cursor",
    };
    Some(format!(
        "`{key}` {why}: `sluice run --full-refresh --select {key}` copies it anew"
    ))
}
