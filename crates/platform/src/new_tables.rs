//! What sources hold and no stream reads: told of, refused, or taken up as streams, as each source says.

use std::fs;
use std::io::Write as _;
use std::path::Path;

use asset::Selection;
use connectors::files::Patterns;
use connectors::postgres::Client;
use diagnostic::{Error, Result, ResultExt, codes};
use ingest::Origin;
use ingest::look::{ListedFile, list};
use settings::{NEW_STREAMS, NewTable, PostgresSource, SourceKind, SourceSpec, new_tables_folder};

use crate::Platform;
use crate::dataset::files_of;
use crate::source_draft::{NewStreams, draft_new_files, draft_new_tables, some_of, unread_tables};

/// What was found before a run.
#[derive(Clone, Debug, Default)]
pub struct NewTables {
    /// What a person should know, in sentences.
    pub notices: Vec<String>,
    /// Whether the project has more streams than when it was opened.
    pub taken_up: bool,
}

impl Platform {
    /// Looks for tables and files that no stream reads, in the sources of which a run of `selection` reads something
    /// and whose contract says what such tables mean. Blocks.
    ///
    /// # Errors
    /// `L2011` where the contract is frozen, `C0012` if what is taken up cannot be kept, what listing the source says,
    /// and what is wrong with the selection.
    pub fn look_for_new_tables(&self, selection: &Selection) -> Result<NewTables> {
        let mut found = NewTables::default();
        let sources = self.project.sources.iter();
        let asked: Vec<&SourceSpec> = sources
            .filter(|source| source.new_table != NewTable::Ignore)
            .collect();
        if asked.is_empty() {
            return Ok(found);
        }
        let selected = match selection.select.is_empty() {
            true => None,
            false => Some(self.selected_sources(selection)?),
        };
        let mut errors = Vec::new();
        for source in asked {
            let name = &source.name.value;
            if selected
                .as_ref()
                .is_some_and(|sources| !sources.contains(name))
            {
                continue;
            }
            let looked = match &source.kind {
                SourceKind::Postgres(postgres) => self.new_tables_of(source, postgres),
                kind => match files_of(kind)? {
                    Some(origin) => self.new_files_of(source, &origin),
                    None => continue,
                },
            };
            match looked {
                Ok(new) => {
                    found.notices.extend(new.notices);
                    found.taken_up |= new.taken_up;
                }
                Err(error) => errors.push(error),
            }
        }
        match Error::join(errors) {
            Some(error) => Err(error),
            None => Ok(found),
        }
    }

    /// The sources that a run of `selection` reads.
    fn selected_sources(&self, selection: &Selection) -> Result<Vec<String>> {
        let (_, selected) = self.plan(selection)?;
        let is_selected = |key: asset::AssetKey| selected.keys().contains(&key);
        let project = &self.project;
        let read = |source: &&SourceSpec| {
            let streams = crate::postgres_streams::specs(source).into_iter();
            let mut datasets = project.datasets.iter();
            streams.map(|spec| spec.key).any(is_selected)
                || datasets.any(|dataset| {
                    dataset.from.value.source == source.name.value
                        && ["bronze", "silver"]
                            .iter()
                            .any(|zone| is_selected(crate::dataset::key(zone, dataset)))
                })
        };
        let sources = project.sources.iter().filter(read);
        Ok(sources.map(|source| source.name.value.clone()).collect())
    }

    fn new_files_of(&self, source: &SourceSpec, origin: &Origin) -> Result<NewTables> {
        if let Origin::Folder(folder) = origin
            && !folder.is_dir()
        {
            return Ok(NewTables::default());
        }
        let (read, unread) = files_by_use(source, origin)?;
        let names: Vec<String> = unread.iter().map(|file| file.name.clone()).collect();
        if let Some(told) = told(source, &names, "file")? {
            return Ok(told);
        }
        let place = match &source.kind {
            SourceKind::Objects { location, .. } => location.value.clone(),
            SourceKind::Files { path } => path.display().to_string(),
            SourceKind::Postgres(_) | SourceKind::Webhook(_) => return Ok(NewTables::default()),
        };
        let draft = draft_new_files(&self.project, source, (origin, &place), &unread, &read)?;
        self.take_up(source, draft)
    }

    fn new_tables_of(&self, source: &SourceSpec, postgres: &PostgresSource) -> Result<NewTables> {
        let mut client = Client::connect(&postgres.connection)?;
        let tables = unread_tables(&mut client, postgres)?;
        let named = tables
            .iter()
            .map(|table| format!("{}.{}", table.schema, table.name));
        let names: Vec<String> = named.collect();
        if let Some(told) = told(source, &names, "table")? {
            return Ok(told);
        }
        let draft = draft_new_tables(&mut client, postgres, &tables)?;
        self.take_up(source, draft)
    }

    /// Keeps `draft` beside the catalog, where the project is read with it from now on.
    fn take_up(&self, source: &SourceSpec, draft: NewStreams) -> Result<NewTables> {
        let mut found = NewTables {
            notices: draft.notes,
            taken_up: !draft.names.is_empty(),
        };
        if !found.taken_up {
            return Ok(found);
        }
        let folder = new_tables_folder(&self.project.environment.state, &source.name.value);
        // Contracts first: without their streams they mean nothing.
        for (dataset, text) in &draft.contracts {
            replace(&folder.join("lake").join(format!("{dataset}.yml")), text)?;
        }
        let streams = folder.join(NEW_STREAMS);
        let known = match fs::read_to_string(&streams) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                "# Streams that `new_table: evolve` took up. Move them into the project to change them.\nstreams:\n"
                    .to_owned()
            }
            known => known.explain(codes::C0012, || {
                format!("`{}` cannot be read", streams.display())
            })?,
        };
        replace(&streams, &format!("{known}{}", draft.streams))?;
        let shown = folder.strip_prefix(&self.project.root).unwrap_or(&folder);
        found.notices.extend(draft.names.iter().map(|name| {
            format!(
                "`{}.{name}` is a new stream, described in `{}`",
                source.name.value,
                shown.display()
            )
        }));
        Ok(found)
    }
}

/// What is said of `names`, unless they are to be taken up.
fn told(source: &SourceSpec, names: &[String], what: &str) -> Result<Option<NewTables>> {
    let name = &source.name.value;
    let some = some_of(names);
    match source.new_table {
        _ if names.is_empty() => Ok(Some(NewTables::default())),
        NewTable::Evolve => Ok(None),
        NewTable::Freeze => Err(Error::new(
            codes::L2011,
            format!("No stream of `{name}` reads {some}"),
        )
        .at(source.name.place())
        .help(format!(
            "add a stream that reads the {what}, or set `new_table` of the source's `schema_contract` to `notice`, \
             `evolve` or `ignore`"
        ))),
        NewTable::Notice | NewTable::Ignore => Ok(Some(NewTables {
            notices: vec![format!("no stream of `{name}` reads {some}")],
            taken_up: false,
        })),
    }
}

/// The files at `origin` that streams of `source` match, and the others. Markers are neither.
fn files_by_use(
    source: &SourceSpec,
    origin: &Origin,
) -> Result<(Vec<ListedFile>, Vec<ListedFile>)> {
    let patterns = source.streams.iter().map(|stream| {
        let texts: Vec<String> = stream
            .files
            .iter()
            .map(|pattern| pattern.value.clone())
            .collect();
        Patterns::new(&texts)
    });
    let patterns = patterns.collect::<Result<Vec<Patterns>>>()?;
    let is_read = |name: &str| {
        patterns
            .iter()
            .any(|patterns| match name.split_once(".zip/") {
                Some((archive, member)) => patterns.match_member(&format!("{archive}.zip"), member),
                None => patterns.match_name(name),
            })
    };
    let markers: Vec<&str> = source
        .streams
        .iter()
        .filter_map(|stream| stream.marker.as_deref())
        .collect();
    let mut files = list(origin, &["**/*".to_owned()])?;
    files.retain(|file| {
        let last = file.name.rsplit('/').next().unwrap_or(&file.name);
        !markers.contains(&last)
    });
    Ok(files.into_iter().partition(|file| is_read(&file.name)))
}

/// Writes a file so that nobody ever reads half of it.
fn replace(path: &Path, text: &str) -> Result<()> {
    let cannot = || format!("`{}` cannot be written", path.display());
    let folder = path.parent().unwrap_or(path);
    fs::create_dir_all(folder).explain(codes::C0012, cannot)?;
    let mut file = tempfile::NamedTempFile::new_in(folder).explain(codes::C0012, cannot)?;
    file.write_all(text.as_bytes())
        .and_then(|()| file.as_file().sync_all())
        .explain(codes::C0012, cannot)?;
    let kept = file.persist(path).map_err(|error| error.error);
    kept.map(drop).explain(codes::C0012, cannot)
}
