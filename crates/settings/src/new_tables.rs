//! Tables that no stream of a source reads: what the source says of them, and those that runs took up as streams.
//! These are kept beside the catalog, in the form of project files, because nobody has written them into the project.

use std::path::{Path, PathBuf};

use diagnostic::Result;

use crate::project::yaml_files;
use crate::reader::{Fields, File, collect};
use crate::source::{read_file_stream, read_postgres_stream};
use crate::{DatasetSpec, SourceKind, SourceSpec, Surroundings};

/// What happens to tables of a source, or files, that no stream reads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum NewTable {
    /// Nobody looks for them.
    #[default]
    Ignore,
    /// Runs tell of them.
    Notice,
    /// Runs do not start.
    Freeze,
    /// Runs make them streams.
    Evolve,
}

/// The folder of what was taken up for `source`, in the state folder of an environment.
#[must_use]
pub fn new_tables_folder(state: &Path, source: &str) -> PathBuf {
    state.join("new_tables").join(source)
}

/// The file of streams in that folder; contracts stand in `lake` beside it.
pub const NEW_STREAMS: &str = "streams.yml";

/// What a source says of tables that no stream reads.
pub(crate) fn read(fields: &Fields<'_>) -> Result<NewTable> {
    let Some(contract) = fields.get("schema_contract") else {
        return Ok(NewTable::default());
    };
    let contract = contract.fields(&["new_table"])?;
    let Some(word) = contract.get("new_table") else {
        return Ok(NewTable::default());
    };
    word.word(&[
        ("ignore", NewTable::Ignore),
        ("notice", NewTable::Notice),
        ("freeze", NewTable::Freeze),
        ("evolve", NewTable::Evolve),
    ])
}

/// Adds what runs took up to the sources whose contract evolves. What the project itself has by now under the same
/// name, or for the same stream, takes its place.
pub(crate) fn add(
    root: &Path,
    state: &Path,
    surroundings: &Surroundings,
    sources: &mut [SourceSpec],
    datasets: &mut Vec<DatasetSpec>,
) -> Result<()> {
    let evolving = sources
        .iter_mut()
        .filter(|source| source.new_table == NewTable::Evolve);
    let added = evolving.map(|source| -> Result<Vec<DatasetSpec>> {
        let folder = new_tables_folder(state, &source.name.value);
        let below = folder.strip_prefix(root).unwrap_or(&folder);
        let path = below.join(NEW_STREAMS);
        if !folder.join(NEW_STREAMS).is_file() {
            return Ok(Vec::new());
        }
        add_streams(&File::open(root, &path, surroundings)?, source)?;
        let contracts = yaml_files(root, &below.join("lake"))?;
        let mut contracts = collect(contracts.iter().map(|path| {
            File::open(root, path, surroundings).and_then(|file| DatasetSpec::read_file(&file))
        }))?;
        // A run that died has left contracts without a stream: another one writes them again.
        contracts.retain(|dataset| source.stream(&dataset.from.value.stream).is_some());
        Ok(contracts)
    });
    for dataset in collect(added)?.into_iter().flatten() {
        let replaces = |known: &DatasetSpec| {
            known.name.value == dataset.name.value || known.from.value == dataset.from.value
        };
        if !datasets.iter().any(replaces) {
            datasets.push(dataset);
        }
    }
    Ok(())
}

/// Adds the streams of `file` that the project does not have.
fn add_streams(file: &File<'_>, source: &mut SourceSpec) -> Result<()> {
    let fields = file.fields(&file.document.root, &["streams"])?;
    let listed = fields.require("streams")?;
    if let SourceKind::Postgres(postgres) = &mut source.kind {
        for stream in listed.list(read_postgres_stream)? {
            if postgres.stream(&stream.name.value).is_none() {
                postgres.streams.push(stream);
            }
        }
        return Ok(());
    }
    for stream in listed.list(read_file_stream)? {
        if source.stream(&stream.name.value).is_none() {
            source.streams.push(stream);
        }
    }
    Ok(())
}
