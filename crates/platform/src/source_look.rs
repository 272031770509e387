//! What `sluice source discover` and `sluice source preview` tell of files, without loading any.

use chrono::Utc;
use diagnostic::{Error, Result, codes};
use ingest::Origin;
use ingest::look::{Inferred, ListedFile, Preview, infer, list, preview};
use settings::{DatasetSpec, Project, SourceKind, SourceSpec, StreamSpec};

use crate::source_check::open_store;

/// Rows of a stream that are looked at for its types.
pub(crate) const SAMPLE: usize = 10_000;

/// A stream of files, and what they hold.
#[derive(Debug)]
pub struct FoundStream {
    /// Its name.
    pub stream: String,
    /// Its patterns.
    pub patterns: Vec<String>,
    /// How many files there are.
    pub files: usize,
    /// Their bytes.
    pub bytes: u64,
    /// The first and the last file by name.
    pub ends: Option<(String, String)>,
    /// Their columns.
    pub inferred: Inferred,
}

/// Where the files of `source` are; `None` if it has none.
///
/// # Errors
/// `B1001` to `B1004` if its store cannot be reached.
pub(crate) fn origin(
    project: &Project,
    source: &SourceSpec,
    stream: &str,
) -> Result<Option<Origin>> {
    Ok(match &source.kind {
        SourceKind::Files { path } => Some(Origin::Folder(path.value.clone())),
        SourceKind::Objects { location, storage } => {
            Some(Origin::Store(open_store(location, storage)?))
        }
        SourceKind::Webhook(_) => {
            let raw = project.environment.lake.join("raw");
            Some(Origin::Folder(push::folder(
                &raw,
                &source.name.value,
                stream,
            )))
        }
        SourceKind::Postgres(_) => None,
    })
}

fn patterns(stream: &StreamSpec) -> Vec<String> {
    stream
        .files
        .iter()
        .map(|pattern| pattern.value.clone())
        .collect()
}

/// What the streams of `source` find, and what is in their files. Blocks.
///
/// # Errors
/// `F1001` to `F1004` if a folder cannot be listed, `B1001` to `B2003` if a store cannot.
pub fn discover_files(project: &Project, source: &SourceSpec) -> Result<Vec<FoundStream>> {
    let spill = project.environment.state.join("spill");
    let streams = source.streams.iter().map(|stream| {
        let name = &stream.name.value;
        let origin = origin(project, source, name)?.ok_or_else(|| no_files(name))?;
        let files = list(&origin, &patterns(stream))?;
        Ok(FoundStream {
            stream: name.clone(),
            patterns: patterns(stream),
            files: files.len(),
            bytes: files.iter().map(|file| file.size).sum(),
            ends: ends(&files),
            inferred: infer(&origin, &files, stream, SAMPLE, &spill),
        })
    });
    streams.collect()
}

fn ends(files: &[ListedFile]) -> Option<(String, String)> {
    Some((files.first()?.name.clone(), files.last()?.name.clone()))
}

fn no_files(name: &str) -> Error {
    Error::new(codes::O1002, format!("`{name}` is no stream of files"))
}

/// The first rows of a dataset as its contract reads them.
#[derive(Debug)]
pub struct DatasetPreview {
    /// The dataset.
    pub dataset: String,
    /// The rows.
    pub preview: Preview,
}

/// The first `limit` rows of `what`, as each contract reads them that it means: the name of a dataset, of a stream
/// (`source.stream`) or of a source. Nothing is written. Blocks.
///
/// # Errors
/// `O1002` if it means no dataset, `L2001` to `L2004` for a contract that makes no sense, and what listing the
/// files says.
pub fn preview_source(
    project: &Project,
    what: &str,
    limit: usize,
    file: Option<&str>,
    as_of: Option<chrono::DateTime<Utc>>,
) -> Result<Vec<DatasetPreview>> {
    let means = |dataset: &&DatasetSpec| {
        let from = &dataset.from.value;
        dataset.name.value == what
            || from.source == what
            || format!("{}.{}", from.source, from.stream) == what
    };
    let datasets: Vec<&DatasetSpec> = project.datasets.iter().filter(means).collect();
    if datasets.is_empty() {
        let names = project
            .datasets
            .iter()
            .map(|dataset| dataset.name.value.as_str());
        return Err(
            Error::new(codes::O1002, format!("No dataset reads `{what}`"))
                .help("name a dataset, a source, or a stream as `source.stream`; `sluice source add` writes contracts")
                .suggest(what, names),
        );
    }
    let spill = project.environment.state.join("spill");
    let clock = as_of.unwrap_or_else(Utc::now);
    let previews = datasets.into_iter().map(|dataset| {
        let from = &dataset.from.value;
        let source = project
            .sources
            .iter()
            .find(|source| source.name.value == from.source);
        let source = source.ok_or_else(|| no_files(&from.source))?;
        let stream = source
            .stream(&from.stream)
            .ok_or_else(|| no_files(&from.stream))?;
        let origin =
            origin(project, source, &from.stream)?.ok_or_else(|| no_files(&from.stream))?;
        Ok(DatasetPreview {
            dataset: dataset.name.value.clone(),
            preview: preview(dataset, stream, &origin, (limit, file), clock, &spill)?,
        })
    });
    previews.collect()
}
