//! COPY INTO a table: <https://docs.snowflake.com/en/sql-reference/sql/copy-into-table>.
//!
//! Files are read side by side, and converted batch by batch. A batch with a row that does not convert is
//! halved until that row stands alone, so errors cost little where there are few, and nothing where there
//! are none.

use std::collections::VecDeque;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use catalog::LoadedFile;
use diagnostic::{Error, Result, ResultExt, codes};
use engine::{Outcome, Rows, Session};
use futures::StreamExt;
use lake::{Commit, DataFile, DataFolder, Operation, ParquetSink};
use parking_lot::Mutex;
use sql::command::CopyIntoTable;

use super::options::{OnError, Options, Validation};
use super::report::{self, FileReport};
use super::source::Source;
use super::transform::Transform;
use crate::Embedded;
use crate::dml::target::Target;
use crate::names::{identifier, relation};
use crate::stages::{Chunk, StagedFile, Unit, list, rejection};
use crate::write::Shape;

/// Rejected records of one file that are kept for the report.
const KEPT: usize = 1000;

pub(in crate::commands) async fn run(
    engine: &Embedded,
    session: &Session,
    copy: CopyIntoTable,
) -> Result<Outcome> {
    let options = Options::new(&copy.options)?;
    let target = Target::open(engine, session, &relation(session, &copy.table)?).await?;
    let columns: Vec<String> = copy
        .columns
        .iter()
        .map(|column| identifier(column).as_str().to_owned())
        .collect();
    let columns = crate::dml::insert::chosen(&target, columns)?;
    let explicit = !copy.columns.is_empty();
    let source = Source::new(engine, session, copy.from, &options, columns, explicit)?;
    let files = files(&target, engine, &source, &options)?;
    if files.is_empty() && options.validation.is_none() {
        return report::nothing();
    }
    let load = Load {
        engine,
        session,
        options: &options,
        target: &target,
        source: &source,
    };
    match options.validation {
        None => load.load(files).await,
        Some(validation) => load.validate(files, validation).await,
    }
}

/// The files to load: those that are meant, without those that were loaded before.
fn files(
    target: &Target,
    engine: &Embedded,
    source: &Source,
    options: &Options,
) -> Result<Vec<(Arc<StagedFile>, String)>> {
    let location = &source.location;
    let pattern = options.pattern.as_ref().or(source.pattern.as_ref());
    let mut found = list(location, pattern)?;
    if let Some(names) = &options.files {
        let base = location.path.trim_end_matches('/');
        let mut named = Vec::new();
        for name in names {
            let whole = match base {
                "" => name.clone(),
                base => format!("{base}/{name}"),
            };
            match found.iter().position(|file| file.name == whole) {
                Some(at) => named.push(found.swap_remove(at)),
                None if named.iter().any(|file: &StagedFile| file.name == whole) => {}
                None => {
                    return Err(Error::new(
                        codes::F1001,
                        format!("File `{name}` is not in the stage"),
                    )
                    .with("location", &location.label));
                }
            }
        }
        found = named;
    }
    let before = if options.force || options.validation.is_some() {
        Vec::new()
    } else {
        engine.workspace().loaded_files(&target.relation.id)?
    };
    let mut files = Vec::new();
    let mut bytes = 0;
    for file in found {
        let hash = match options.validation {
            None => connectors::files::hash(&file.path, &file.name)?.to_string(),
            Some(_) => String::new(),
        };
        let loaded = before.iter().any(|before| {
            before.path == file.name
                && before.content_hash == hash
                && before.status != "LOAD_FAILED"
        });
        if loaded {
            continue;
        }
        bytes += file.size;
        files.push((Arc::new(file), hash));
        if options.size_limit.is_some_and(|limit| bytes > limit) {
            break;
        }
    }
    Ok(files)
}

struct Load<'a> {
    engine: &'a Embedded,
    session: &'a Session,
    options: &'a Options,
    target: &'a Target,
    source: &'a Source,
}

/// Units that one lane reads one after the other.
type Work = Arc<Mutex<VecDeque<Vec<Unit>>>>;

/// Where the rows of a lane go.
struct Place {
    folder: DataFolder,
    shape: Shape,
}

impl Load<'_> {
    async fn load(&self, files: Vec<(Arc<StagedFile>, String)>) -> Result<Outcome> {
        let workspace = self.engine.workspace();
        let table = workspace.table_to_write(&self.target.name).await?;
        let place = Arc::new(Place {
            folder: workspace.folder(&table),
            shape: self.target.shape(&table).await?,
        });
        let staged: Vec<Arc<StagedFile>> = files.iter().map(|(file, _)| Arc::clone(file)).collect();
        let (reports, added) = self.lanes(&staged, &place).await?;
        let done: Vec<(Arc<StagedFile>, FileReport)> = staged.into_iter().zip(reports).collect();
        if !added.is_empty() {
            let mut commit = Commit::new(Operation::Append);
            commit.add = added;
            let table = table.commit(&commit).await?;
            workspace.stage_table(&self.target.name, &table, &[])?;
        }
        let limit = match self.options.on_error {
            OnError::Abort => "1".to_owned(),
            OnError::SkipFile(count) => count.to_string(),
            OnError::Continue | OnError::SkipFilePercent(_) => String::new(),
        };
        workspace.record_loads(done.iter().zip(&files).map(|((file, report), (_, hash))| {
            LoadedFile {
                table: self.target.relation.id.clone(),
                path: file.name.clone(),
                content_hash: hash.clone(),
                size: file.size,
                modified: file.modified.to_rfc3339(),
                status: report.status().to_owned(),
                rows: report.loaded,
                parsed: report.parsed,
                errors: report.errors,
                first_error: report.first().map(|first| first.reason.clone()),
                first_line: report.first().map(|first| first.place.line),
                first_character: report.first().and_then(|first| first.character),
                first_column: report.first().and_then(|first| first.column.clone()),
                error_limit: limit.parse().ok().or(Some(report.parsed)),
                location: Some(file.location()),
                loaded_at: String::new(),
            }
        }));
        if self.options.purge {
            for (file, report) in &done {
                // A file that stays is loaded by nobody again: the history knows it.
                if report.errors == 0 && std::fs::remove_file(&file.path).is_err() {
                    tracing::warn!(file = %file.name, "a loaded file could not be removed");
                }
            }
        }
        let shown: Vec<_> = done
            .into_iter()
            .filter(|(_, report)| !self.options.only_failed || report.status() == "LOAD_FAILED")
            .collect();
        report::loaded(&shown, &limit)
    }

    /// Loads `files`, several at a time; gives what became of each and the data files written.
    async fn lanes(
        &self,
        files: &[Arc<StagedFile>],
        place: &Arc<Place>,
    ) -> Result<(Vec<FileReport>, Vec<DataFile>)> {
        let units = self.source.units(files)?;
        let whole_files = matches!(
            self.options.on_error,
            OnError::SkipFile(_) | OnError::SkipFilePercent(_)
        );
        let mut groups: VecDeque<Vec<Unit>> = VecDeque::new();
        for unit in units {
            match groups.back_mut() {
                Some(group)
                    if whole_files
                        && group.last().is_some_and(|last| last.number == unit.number) =>
                {
                    group.push(unit);
                }
                _ => groups.push_back(vec![unit]),
            }
        }
        let lanes = self.engine.partitions().min(groups.len()).max(1);
        let work: Work = Arc::new(Mutex::new(groups));
        let mut tasks = tokio::task::JoinSet::new();
        for _ in 0..lanes {
            let lane = Lane {
                engine: self.engine.clone(),
                session: self.session.clone(),
                on_error: self.options.on_error,
                source: self.source.clone(),
                target: Arc::new(self.target.columns_and_details()),
                place: Arc::clone(place),
                reports: vec![FileReport::default(); files.len()],
                transform: None,
            };
            tasks.spawn(lane.run(Arc::clone(&work)));
        }
        let mut reports = vec![FileReport::default(); files.len()];
        let mut added = Vec::new();
        while let Some(done) = tasks.join_next().await {
            let (found, files) =
                done.explain(codes::X0001, || "A loading task ended early".to_owned())??;
            added.extend(files);
            for (report, found) in reports.iter_mut().zip(found) {
                report.parsed += found.parsed;
                report.loaded += found.loaded;
                report.errors += found.errors;
                report.skipped |= found.skipped;
                report.rejected.extend(found.rejected);
            }
        }
        added.sort_by(|a, b| a.path.cmp(&b.path));
        Ok((reports, added))
    }

    /// Converts without loading.
    async fn validate(
        &self,
        files: Vec<(Arc<StagedFile>, String)>,
        validation: Validation,
    ) -> Result<Outcome> {
        if self.source.transforms() {
            return Err(Error::new(
                codes::E1002,
                "VALIDATION_MODE is not possible with a query over the files",
            ));
        }
        let staged: Vec<Arc<StagedFile>> = files.into_iter().map(|(file, _)| file).collect();
        let table = self.engine.workspace().table(&self.target.name).await?;
        let place = Arc::new(Place {
            folder: self.engine.workspace().folder(&table),
            shape: self.target.shape(&table).await?,
        });
        let mut lane = Lane {
            engine: self.engine.clone(),
            session: self.session.clone(),
            on_error: match validation {
                Validation::Rows(_) => OnError::Abort,
                Validation::Errors => OnError::Continue,
            },
            source: self.source.clone(),
            target: Arc::new(self.target.columns_and_details()),
            place,
            reports: vec![FileReport::default(); staged.len()],
            transform: None,
        };
        let mut rows = Vec::new();
        let mut left = match validation {
            Validation::Rows(count) => count,
            Validation::Errors => usize::MAX,
        };
        'units: for unit in self.source.units(&staged)? {
            for chunk in lane.source.clone().open(&unit)? {
                for batch in lane.chunk(&unit, chunk?).await? {
                    if matches!(validation, Validation::Rows(_)) {
                        let batch = batch.slice(0, batch.num_rows().min(left));
                        left -= batch.num_rows();
                        rows.push(batch);
                    }
                    if left == 0 {
                        break 'units;
                    }
                }
            }
        }
        match validation {
            Validation::Errors => {
                let done: Vec<_> = staged.into_iter().zip(lane.reports).collect();
                report::errors(&done)
            }
            Validation::Rows(_) => Ok(Outcome::Rows(Rows {
                schema: lane.place.shape.schema.clone(),
                batches: futures::stream::iter(rows.into_iter().map(Ok)).boxed(),
            })),
        }
    }
}

/// What reads, converts and writes some of the files.
struct Lane {
    engine: Embedded,
    session: Session,
    on_error: OnError,
    source: Source,
    target: Arc<Target>,
    place: Arc<Place>,
    reports: Vec<FileReport>,
    transform: Option<(SchemaRef, Arc<Transform>)>,
}

impl Lane {
    async fn run(mut self, work: Work) -> Result<(Vec<FileReport>, Vec<DataFile>)> {
        let mut added = Vec::new();
        let mut shared = None;
        loop {
            let Some(group) = work.lock().pop_front() else {
                break;
            };
            let skips = matches!(
                self.on_error,
                OnError::SkipFile(_) | OnError::SkipFilePercent(_)
            );
            let mut sink = match shared.take() {
                Some(sink) if !skips => sink,
                _ => self.sink(),
            };
            let number = group.first().map_or(0, |unit| unit.number);
            for unit in group {
                self.unit(&unit, &mut sink).await?;
            }
            if !skips {
                shared = Some(sink);
                continue;
            }
            let files = sink.finish()?;
            if self.skip(number) {
                for file in files {
                    self.place.folder.remove(&file.path)?;
                }
            } else {
                added.extend(files);
            }
        }
        if let Some(sink) = shared {
            added.extend(sink.finish()?);
        }
        Ok((self.reports, added))
    }

    fn sink(&self) -> ParquetSink {
        self.place.shape.sink(&self.place.folder)
    }

    /// Whether the file has too many errors; if so nothing of it is loaded.
    fn skip(&mut self, number: usize) -> bool {
        let Some(report) = self.reports.get_mut(number) else {
            return false;
        };
        let skip = match self.on_error {
            OnError::SkipFile(limit) => report.errors >= limit,
            OnError::SkipFilePercent(percent) => report.errors >= budget(percent, report.parsed),
            OnError::Abort | OnError::Continue => false,
        };
        if skip {
            report.loaded = 0;
            report.skipped = true;
        }
        skip
    }

    async fn unit(&mut self, unit: &Unit, sink: &mut ParquetSink) -> Result<()> {
        for chunk in self.source.open(unit)? {
            for rows in self.chunk(unit, chunk?).await? {
                sink.write(&rows)?;
            }
        }
        Ok(())
    }

    /// The rows of `chunk` as the table has them.
    async fn chunk(&mut self, unit: &Unit, chunk: Chunk) -> Result<Vec<RecordBatch>> {
        let transform = self.transform(&chunk).await?;
        let most = match self.on_error {
            OnError::Abort => 1,
            _ => usize::MAX,
        };
        let (rows, mut rejected) = transform
            .rows(&self.engine, &self.session, &chunk, most)
            .await?;
        let parsed = (chunk.places.len() + chunk.rejected.len()) as u64;
        rejected.extend(chunk.rejected);
        if self.on_error == OnError::Abort
            && let Some(first) = rejected.iter().min_by_key(|rejected| rejected.place.row)
        {
            return Err(rejection(first, &unit.file.name).help(
                "`on_error = continue` loads the other records, `on_error = skip_file` the other files",
            ));
        }
        if let Some(report) = self.reports.get_mut(unit.number) {
            report.parsed += parsed;
            report.loaded += rows.iter().map(|rows| rows.num_rows() as u64).sum::<u64>();
            report.errors += rejected.len() as u64;
            let room = KEPT.saturating_sub(report.rejected.len());
            report.rejected.extend(rejected.into_iter().take(room));
        }
        Ok(rows)
    }

    /// How rows with the columns of `chunk` become rows of the table.
    async fn transform(&mut self, chunk: &Chunk) -> Result<Arc<Transform>> {
        let schema = chunk.rows.schema();
        if let Some((known, transform)) = &self.transform
            && *known == schema
        {
            return Ok(Arc::clone(transform));
        }
        let shape = self.place.shape.clone();
        let transform = self
            .source
            .transform(&self.engine, &self.session, &self.target, &schema, shape)
            .await?;
        let transform = Arc::new(transform);
        self.transform = Some((schema, Arc::clone(&transform)));
        Ok(transform)
    }
}

/// How many errors leave a file of `rows` rows out: `percent` of them, whole, and at least one.
#[allow(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "it is a percentage of a count"
)]
fn budget(percent: f64, rows: u64) -> u64 {
    ((rows as f64 * percent / 100.0) as u64).max(1)
}
