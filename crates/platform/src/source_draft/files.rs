//! Drafts of files: streams by the shapes of their paths, contracts by a sample of their rows.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use connectors::files::Patterns;
use diagnostic::{Error, Result, codes};
use ingest::Origin;
use ingest::look::{Inferred, ListedFile, infer, list};
use settings::{Project, SourceSpec};
use storage::{Location, Storage, StorageOptions};

use super::group::{Group, group};
use super::text::{contract, is_name, scalar, some_of};
use super::{Draft, DraftRequest, NewStreams, Trial};
use crate::source_look::SAMPLE;

/// Delimiters that are tried where a comma makes one column only.
const DELIMITERS: [char; 3] = [';', '\t', '|'];

/// A stream in the making.
struct Stream {
    group: Group,
    delimiter: Option<char>,
    found: Inferred,
}

pub(super) fn draft(project: &Project, request: &DraftRequest) -> Result<Draft> {
    let (place, origin) = place(project, &request.place)?;
    let everything = ["**/*".to_owned()];
    let files = list(&origin, &everything)?;
    let names: Vec<String> = files.iter().map(|file| file.name.clone()).collect();
    let (groups, others) = group(&request.name, &names);
    let mut notes = Vec::new();
    if !others.is_empty() {
        let some: Vec<&str> = others.iter().take(3).map(String::as_str).collect();
        notes.push(format!(
            "{} files are of no kind that can be read as rows: {}",
            others.len(),
            some.join(", ")
        ));
    }
    let sampler = Sampler {
        origin: &origin,
        place: &place,
        files: &files,
        spill: project.environment.state.join("spill"),
        trial: Trial::new()?,
    };
    let mut streams = Vec::new();
    for group in groups {
        let stream = sampler.stream(group)?;
        for (file, error) in &stream.found.failed {
            notes.push(format!("`{file}` cannot be read: {}", error.message()));
        }
        match stream.found.columns.is_empty() {
            true => notes.push(format!(
                "`{}` is left out: no rows were found",
                stream.group.pattern
            )),
            false => streams.push(stream),
        }
    }
    let mut streams = sampler.merged(&request.name, streams)?;
    if streams.is_empty() {
        let message = format!("Nothing in `{}` can be read as rows", request.place);
        let notes = notes.join("; ");
        return Err(
            Error::new(codes::F1009, message).because(if notes.is_empty() {
                "no file was found".to_owned()
            } else {
                notes
            }),
        );
    }
    unique_names(&mut streams, BTreeSet::new());
    let shown = shown_place(project, &request.place);
    let mut draft = Draft {
        files: vec![(
            PathBuf::from(format!("sources/{}.yml", request.name)),
            source_text(&request.name, &shown, &streams, true),
        )],
        notes,
    };
    for stream in &streams {
        let dataset = dataset_name(project, &request.name, &stream.group.name);
        let reference = format!("{}.{}", request.name, stream.group.name);
        let text = contract(
            &dataset,
            &reference,
            stream.group.files.len(),
            &stream.found,
        );
        draft
            .files
            .push((PathBuf::from(format!("lake/{dataset}.yml")), text));
    }
    // The draft as a project of its own tells whether it is one.
    let trial = Trial::new()?;
    for (at, (path, text)) in draft.files.iter().enumerate() {
        let own = source_text(&request.name, &place, &streams, false);
        let text = if at == 0 { &own } else { text };
        trial.put(&path.to_string_lossy(), text)?;
    }
    trial.open()?;
    Ok(draft)
}

/// A folder as an absolute path, or a location as it is, and how to read there.
fn place(project: &Project, place: &str) -> Result<(String, Origin)> {
    if Location::is_url(place) {
        let location: Location = place.parse()?;
        if let Some(folder) = location.as_local() {
            return Ok((
                folder.display().to_string(),
                Origin::Folder(folder.to_owned()),
            ));
        }
        let storage = Storage::open(&location, &StorageOptions::new(Vec::new()))?;
        return Ok((place.to_owned(), Origin::Store(storage)));
    }
    let folder = project.root.join(place);
    if !folder.is_dir() {
        return Err(Error::new(codes::F1009, format!("`{place}` is no folder"))
            .with("folder", folder.display()));
    }
    Ok((folder.display().to_string(), Origin::Folder(folder)))
}

/// The place as the project file says it: relative to the project if it lies in it.
fn shown_place(project: &Project, place: &str) -> String {
    let root = project.root.canonicalize();
    let root = root.as_ref().unwrap_or(&project.root);
    let below = Path::new(place).strip_prefix(root);
    below.map_or_else(|_| place.to_owned(), |below| below.display().to_string())
}

fn dataset_name(project: &Project, source: &str, stream: &str) -> String {
    let datasets = project.datasets.iter();
    let taken: Vec<&str> = datasets
        .map(|dataset| dataset.name.value.as_str())
        .collect();
    let both = format!("{source}_{stream}");
    let numbered = (2..).map(|number| format!("{both}_{number}"));
    let mut names = [stream.to_owned(), both.clone()]
        .into_iter()
        .chain(numbered);
    let free = names.find(|name| !taken.contains(&name.as_str()));
    free.unwrap_or(both)
}

/// Streams and contracts for `unread`, files of `source` that none of its streams matches; `read` are the others.
pub(crate) fn draft_new(
    project: &Project,
    source: &SourceSpec,
    (origin, place): (&Origin, &str),
    unread: &[ListedFile],
    read: &[ListedFile],
) -> Result<NewStreams> {
    let name = source.name.value.as_str();
    let names: Vec<String> = unread.iter().map(|file| file.name.clone()).collect();
    let (groups, others) = group(name, &names);
    let mut draft = NewStreams::default();
    if !others.is_empty() {
        draft.notes.push(format!(
            "no stream of `{name}` reads {}, which is nothing that can be read as rows",
            some_of(&others)
        ));
    }
    let sampler = Sampler {
        origin,
        place,
        files: unread,
        spill: project.environment.state.join("spill"),
        trial: Trial::new()?,
    };
    let mut streams = Vec::new();
    for group in groups {
        let pattern = Patterns::new(std::slice::from_ref(&group.pattern))?;
        if let Some(file) = read.iter().find(|file| pattern.match_name(&file.name)) {
            draft.notes.push(format!(
                "no stream of `{name}` reads {}, but one reads `{}`, which looks alike: correct its `files`",
                some_of(&group.files),
                file.name
            ));
            continue;
        }
        let files = some_of(&group.files);
        let stream = sampler.stream(group)?;
        let failed = stream.found.failed.iter();
        draft.notes.extend(
            failed.map(|(file, error)| format!("`{file}` cannot be read: {}", error.message())),
        );
        match stream.found.columns.is_empty() {
            true => draft.notes.push(format!(
                "no stream of `{name}` reads {files}, in which no rows were found"
            )),
            false => streams.push(stream),
        }
    }
    let known = source.streams.iter();
    unique_names(
        &mut streams,
        known.map(|stream| stream.name.value.clone()).collect(),
    );
    draft.streams = streams_text(&streams, true);
    for stream in streams {
        let (stream, found) = (stream.group, stream.found);
        let dataset = dataset_name(project, name, &stream.name);
        let reference = format!("{name}.{}", stream.name);
        let text = contract(&dataset, &reference, stream.files.len(), &found);
        draft.contracts.push((dataset, text));
        draft.names.push(stream.name);
    }
    Ok(draft)
}

struct Sampler<'a> {
    origin: &'a Origin,
    place: &'a str,
    files: &'a [ListedFile],
    spill: PathBuf,
    trial: Trial,
}

impl Sampler<'_> {
    fn stream(&self, group: Group) -> Result<Stream> {
        let mut stream = Stream {
            found: Inferred::default(),
            delimiter: None,
            group,
        };
        stream.found = self.sample(&stream)?;
        let mut own = stream
            .found
            .columns
            .iter()
            .filter(|column| !column.from_path);
        let only = own.next().filter(|_| own.next().is_none());
        let delimiter =
            only.and_then(|only| DELIMITERS.iter().find(|at| only.header.contains(**at)));
        if let Some(delimiter) = delimiter.filter(|_| stream.group.ending.starts_with(".csv")) {
            stream.delimiter = Some(*delimiter);
            stream.found = self.sample(&stream)?;
        }
        Ok(stream)
    }

    fn sample(&self, stream: &Stream) -> Result<Inferred> {
        let source = self.source(stream)?;
        let Some(spec) = source.streams.first() else {
            return Err(Error::new(codes::X0001, "A draft has no stream"));
        };
        // Listed anew, so that the pattern's placeholders count.
        let patterns: Vec<String> = spec
            .files
            .iter()
            .map(|pattern| pattern.value.clone())
            .collect();
        let files = match stream.group.pattern.contains('{') {
            true => list(self.origin, &patterns)?,
            false => {
                let own: BTreeSet<&str> = stream.group.files.iter().map(String::as_str).collect();
                let files = self
                    .files
                    .iter()
                    .filter(|file| own.contains(file.name.as_str()));
                files.cloned().collect()
            }
        };
        Ok(infer(self.origin, &files, spec, SAMPLE, &self.spill))
    }

    fn source(&self, stream: &Stream) -> Result<SourceSpec> {
        let text = source_text("draft", self.place, std::slice::from_ref(stream), false);
        self.trial.put("sources/draft.yml", &text)?;
        self.trial.source()
    }

    /// Puts groups of one folder together whose files have the same columns.
    fn merged(&self, source: &str, streams: Vec<Stream>) -> Result<Vec<Stream>> {
        let mut merged: Vec<Stream> = Vec::new();
        for stream in streams {
            let twin = merged.iter_mut().find(|other| {
                other.group.folder == stream.group.folder
                    && other.group.ending == stream.group.ending
                    && other.delimiter == stream.delimiter
                    && columns(&other.found) == columns(&stream.found)
            });
            let Some(twin) = twin else {
                merged.push(stream);
                continue;
            };
            let group = &mut twin.group;
            group.pattern = format!("{}*{}", group.folder, group.ending);
            let mut folders = group.folder.split('/').rev();
            let folder = folders.find(|part| is_name(part));
            folder.unwrap_or(source).clone_into(&mut group.name);
            group.files.extend(stream.group.files);
            group.files.sort();
            twin.found = self.sample(twin)?;
        }
        Ok(merged)
    }
}

fn columns(found: &Inferred) -> BTreeSet<&str> {
    found
        .columns
        .iter()
        .map(|column| column.name.as_str())
        .collect()
}

/// Gives each stream a name that neither another one nor `taken` has.
fn unique_names(streams: &mut [Stream], mut taken: BTreeSet<String>) {
    for stream in streams {
        let name = stream.group.name.clone();
        let mut number = 2;
        while !taken.insert(stream.group.name.clone()) {
            stream.group.name = format!("{name}_{number}");
            number += 1;
        }
    }
}

fn source_text(name: &str, place: &str, streams: &[Stream], explained: bool) -> String {
    let key = if place.contains("://") {
        "location"
    } else {
        "path"
    };
    let mut text = String::new();
    if explained {
        text.push_str(
            "# Drafted by `sluice source add`. All keys: docs/reference/project-files.md\n",
        );
    }
    text.push_str(&format!(
        "sources:\n  - name: {name}\n    kind: files\n    {key}: {}\n    streams:\n",
        scalar(place)
    ));
    text.push_str(&streams_text(streams, explained));
    text
}

/// The streams as items of a list.
fn streams_text(streams: &[Stream], explained: bool) -> String {
    let mut text = String::new();
    for stream in streams {
        let group = &stream.group;
        if explained {
            text.push_str(&format!("      # {} files\n", group.files.len()));
        }
        text.push_str(&format!(
            "      - name: {}\n        files: [{}]\n",
            scalar(&group.name),
            scalar(&group.pattern)
        ));
        if let Some(delimiter) = stream.delimiter {
            let delimiter = if delimiter == '\t' {
                "\"\\t\"".to_owned()
            } else {
                format!("'{delimiter}'")
            };
            text.push_str(&format!(
                "        format: {{kind: csv, delimiter: {delimiter}}}\n"
            ));
        }
        if let Some(batch) = &group.batch {
            text.push_str(&format!("        batch: {}\n", scalar(batch)));
        }
    }
    text
}
