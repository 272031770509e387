//! The commit protocol under seeded chance: streams are loaded with their positions by runs that overlap, fail,
//! are given up and are killed at any boundary, beside compaction, vacuum and restarts. After every step each
//! table holds exactly what its source had said up to the position that is recorded with it.
//!
//! A kill is a copy of the folder at a failpoint: what a process that dies there leaves to the next one.
//! `SLUICE_SEEDS=500` makes it a soak of hours.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;

use arrow::array::{AsArray as _, Int64Array, RecordBatch};
use arrow::datatypes::Int64Type;
use catalog::{Catalog, Vacuum, Workspace};
use chrono::Duration;
use lake::{Commit, DeletedRows, FileRows, Operation, ParquetSink, SinkOptions, StoredFile};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng as _, SeedableRng as _};
use state::AssetRecord;
use tempfile::TempDir;

use super::{name, schema};

const STREAMS: u64 = 3;
const STEPS: u64 = 40;
const SEEDS: u64 = 5;

/// How many events of its source each stream has.
type Positions = BTreeMap<u64, usize>;

/// What a source has said: event `n` inserts row `n`, or deletes one that is there.
struct Source(Vec<Result<i64, i64>>);

impl Source {
    fn new(random: &mut Chance) -> Self {
        let mut alive: Vec<i64> = Vec::new();
        let events = (0..4000).map(|at| {
            let deletes = !alive.is_empty() && random.one_in(3);
            if deletes {
                let which = random.below(alive.len() as u64);
                return Err(alive.swap_remove(usize::try_from(which).unwrap()));
            }
            alive.push(at);
            Ok(at)
        });
        Self(events.collect())
    }

    /// The rows after the first `position` events.
    fn rows(&self, position: usize) -> BTreeSet<i64> {
        let mut rows = BTreeSet::new();
        for event in &self.0[..position] {
            match event {
                Ok(row) => rows.insert(*row),
                Err(row) => rows.remove(row),
            };
        }
        rows
    }
}

struct Chance(ChaCha8Rng);

impl Chance {
    fn below(&mut self, end: u64) -> u64 {
        self.0.next_u64() % end
    }

    fn one_in(&mut self, count: u64) -> bool {
        self.below(count) == 0
    }
}

/// A project, and where its streams must stand.
struct World {
    folder: TempDir,
    catalog: Catalog,
    positions: Positions,
}

/// A run at work: the positions its streams have if it is published.
struct Run {
    workspace: Workspace,
    becomes: Positions,
    compacts: BTreeSet<u64>,
}

impl Run {
    fn touches(&self, other: &Self) -> bool {
        let touched = |run: &Self| -> BTreeSet<u64> {
            run.becomes.keys().chain(&run.compacts).copied().collect()
        };
        !touched(self).is_disjoint(&touched(other))
    }
}

fn table(stream: u64) -> String {
    format!("t{stream}")
}

/// The rows of `files`, each once.
fn ids(workspace: &Workspace, table: &lake::Table, files: &[StoredFile]) -> Vec<i64> {
    let folder = workspace.folder(table);
    let mut rows = Vec::new();
    for file in files {
        for batch in FileRows::open(&folder, file, &schema(), &schema()).unwrap() {
            let batch = batch.unwrap();
            rows.extend(batch.column(0).as_primitive::<Int64Type>().values());
        }
    }
    rows
}

fn write(workspace: &Workspace, table: &lake::Table, rows: Vec<i64>) -> Vec<lake::DataFile> {
    let batch = RecordBatch::try_new(schema(), vec![Arc::new(Int64Array::from(rows))]).unwrap();
    let folder = workspace.folder(table);
    let mut sink = ParquetSink::new(&folder, schema(), SinkOptions::default());
    sink.write(&batch).unwrap();
    sink.finish().unwrap()
}

impl World {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self {
            catalog: Catalog::open(folder.path()).unwrap(),
            folder,
            positions: BTreeMap::new(),
        }
    }

    /// Begins a run that reads on in some streams, or puts a table in order.
    async fn begin(&self, sources: &[Source], random: &mut Chance) -> Run {
        let mut run = Run {
            workspace: self.catalog.begin("run").unwrap(),
            becomes: BTreeMap::new(),
            compacts: BTreeSet::new(),
        };
        for _ in 0..=random.below(2) {
            let stream = random.below(STREAMS);
            match random.one_in(6) && self.positions.contains_key(&stream) {
                true => Self::compact(&mut run, stream).await,
                false => self.load(&mut run, stream, sources, random).await,
            }
        }
        run
    }

    async fn load(&self, run: &mut Run, stream: u64, sources: &[Source], random: &mut Chance) {
        let from = run.becomes.get(&stream).or(self.positions.get(&stream));
        let from = from.copied().unwrap_or(0);
        let until = from + usize::try_from(random.below(25)).unwrap();
        let source = &sources[usize::try_from(stream).unwrap()];
        let (before, after) = (source.rows(from), source.rows(until));
        let workspace = &run.workspace;
        let place = workspace
            .table_to_write(&name(&table(stream)))
            .await
            .unwrap();
        let mut commit = Commit::new(Operation::Merge);
        commit.schema = place.version().is_none().then(schema);
        let leaving: BTreeSet<i64> = before.difference(&after).copied().collect();
        let folder = workspace.folder(&place);
        let mut vectors = Vec::new();
        for file in place.files().await.unwrap() {
            let rows = ids(workspace, &place, std::slice::from_ref(&file));
            if rows.iter().all(|row| !leaving.contains(row)) {
                continue;
            }
            if random.one_in(2) {
                let mut left = file.deleted(&folder).unwrap();
                let staying: Vec<u32> = left.staying().take(rows.len()).collect();
                for (place, row) in staying.iter().zip(&rows) {
                    if leaving.contains(row) {
                        left.insert(*place);
                    }
                }
                vectors.push((file.path, left));
            } else {
                let rest = rows.into_iter().filter(|row| !leaving.contains(row));
                commit.add.extend(write(workspace, &place, rest.collect()));
                commit.remove.push(file.path);
            }
        }
        let (paths, vectors): (Vec<_>, Vec<_>) = vectors.into_iter().unzip();
        if !vectors.is_empty() {
            let written = DeletedRows::write(&folder, &vectors).unwrap();
            commit.vectors = paths.into_iter().zip(written).collect();
        }
        let coming = after.difference(&before).copied().collect();
        commit.add.extend(write(workspace, &place, coming));
        let now = place.commit(&commit).await.unwrap();
        workspace
            .stage_table(&name(&table(stream)), &now, &[])
            .unwrap();
        workspace.record_asset(AssetRecord {
            asset: table(stream),
            fingerprint: String::new(),
            inputs: BTreeMap::new(),
            rows: Some(until as u64),
            run: workspace.run(),
        });
        run.becomes.insert(stream, until);
    }

    async fn compact(run: &mut Run, stream: u64) {
        let workspace = &run.workspace;
        let place = workspace
            .table_to_write(&name(&table(stream)))
            .await
            .unwrap();
        let folder = workspace.folder(&place);
        if let Some((commit, _)) = place.compact(&folder, 1 << 20, &[]).await.unwrap() {
            let now = place.commit(&commit).await.unwrap();
            workspace
                .stage_table(&name(&table(stream)), &now, &[])
                .unwrap();
            run.compacts.insert(stream);
        }
    }

    /// Publishes what `run` has done, and takes it for true.
    fn publish(&mut self, run: &Run) {
        run.workspace.publish().unwrap();
        self.positions.extend(run.becomes.clone());
    }

    async fn vacuum(&self) {
        let wanted = Vacuum {
            retention: Duration::zero(),
            dry_run: false,
        };
        self.catalog.vacuum(&wanted).await.unwrap();
    }

    /// Where the streams stand by the catalog's word.
    fn recorded(catalog: &Catalog) -> Positions {
        let assets = catalog.assets().unwrap();
        let stands = |stream| {
            let position = assets.get(&table(stream))?.rows?;
            Some((stream, usize::try_from(position).unwrap()))
        };
        (0..STREAMS).filter_map(stands).collect()
    }

    /// Every table holds what its source had said up to where it stands: no row is lost, none is there twice.
    async fn check(&self, sources: &[Source], step: &str) {
        assert_eq!(Self::recorded(&self.catalog), self.positions, "{step}");
        let reader = self.catalog.begin("read").unwrap();
        for (stream, position) in &self.positions {
            let now = reader.table(&name(&table(*stream))).await.unwrap();
            let files = now.files().await.unwrap();
            let mut rows = ids(&reader, &now, &files);
            rows.sort_unstable();
            let expected = sources[usize::try_from(*stream).unwrap()].rows(*position);
            let expected: Vec<i64> = expected.into_iter().collect();
            assert_eq!(rows, expected, "{step}: stream {stream} at {position}");
            let counted: u64 = files.iter().filter_map(|file| file.rows).sum();
            assert_eq!(
                counted,
                expected.len() as u64,
                "{step}: statistics of stream {stream}"
            );
        }
    }
}

/// Copies of the folder at the failpoints that were passed since, with their names.
struct Kills(Rc<RefCell<Vec<(&'static str, TempDir)>>>);

impl Kills {
    /// Copies `folder` at each failpoint from now on.
    fn watch(folder: &Path) -> Self {
        let copies = Rc::new(RefCell::new(Vec::new()));
        let (kept, from) = (Rc::clone(&copies), folder.to_owned());
        telemetry::observe(move |name| kept.borrow_mut().push((name, copy(&from))));
        Self(copies)
    }

    fn end(self) -> Vec<(&'static str, TempDir)> {
        telemetry::observe(|_| ());
        std::mem::take(&mut self.0.borrow_mut())
    }
}

fn copy(from: &Path) -> TempDir {
    fn fill(from: &Path, to: &Path) {
        for entry in std::fs::read_dir(from).unwrap() {
            let entry = entry.unwrap();
            let target = to.join(entry.file_name());
            if entry.file_type().unwrap().is_dir() {
                std::fs::create_dir(&target).unwrap();
                fill(&entry.path(), &target);
            } else {
                std::fs::copy(entry.path(), target).unwrap();
            }
        }
    }
    let to = tempfile::tempdir().unwrap();
    fill(from, to.path());
    to
}

/// What a process that starts after a kill at `failpoint` must find, where a run would have moved streams to
/// `becomes`.
fn survive(before: &World, failpoint: &str, folder: TempDir, becomes: &Positions) -> World {
    let catalog = Catalog::open(folder.path()).unwrap();
    catalog.recover().unwrap();
    let mut published = before.positions.clone();
    published.extend(becomes.clone());
    let positions = match failpoint {
        "publish.before_intent" => before.positions.clone(),
        _ => published,
    };
    World {
        folder,
        catalog,
        positions,
    }
}

async fn simulate(seed: u64) -> (u64, BTreeSet<&'static str>) {
    let mut random = Chance(ChaCha8Rng::seed_from_u64(seed));
    let sources: Vec<Source> = (0..STREAMS).map(|_| Source::new(&mut random)).collect();
    let mut world = World::new();
    let mut kills = 0;
    let mut died_at = BTreeSet::new();
    for at in 0..STEPS {
        let step = format!("seed {seed}, step {at}");
        match random.below(8) {
            // A run, published or given up.
            0..=1 => {
                let run = world.begin(&sources, &mut random).await;
                match random.below(5) {
                    0 => run.workspace.discard("a check failed").unwrap(),
                    1 => drop(run),
                    _ => world.publish(&run),
                }
            }
            // Two at once: the second to publish is refused if they meet.
            2 => {
                let first = world.begin(&sources, &mut random).await;
                let second = world.begin(&sources, &mut random).await;
                world.publish(&first);
                if first.touches(&second) {
                    let refused = second.workspace.publish().unwrap_err();
                    assert_eq!(refused.code().id, "K1001", "{step}");
                    second.workspace.discard("too late").unwrap();
                } else {
                    world.publish(&second);
                }
            }
            // Killed while it works.
            3 => {
                let run = world.begin(&sources, &mut random).await;
                let folder = copy(world.folder.path());
                world = survive(&world, "publish.before_intent", folder, &run.becomes);
                kills += 1;
            }
            // Killed while it publishes, at every boundary; one of the survivors goes on.
            4..=5 => {
                let run = world.begin(&sources, &mut random).await;
                let watching = Kills::watch(world.folder.path());
                run.workspace.publish().unwrap();
                let mut survivors = Vec::new();
                for (failpoint, folder) in watching.end() {
                    let survivor = survive(&world, failpoint, folder, &run.becomes);
                    survivor
                        .check(&sources, &format!("{step}, killed at {failpoint}"))
                        .await;
                    died_at.insert(failpoint);
                    kills += 1;
                    survivors.push(survivor);
                }
                world.positions.extend(run.becomes.clone());
                let chosen = random.below(survivors.len() as u64 + 1);
                if let Some(survivor) = survivors.into_iter().nth(usize::try_from(chosen).unwrap())
                {
                    world = survivor;
                }
            }
            // Vacuum, perhaps beside a run at work, killed at every boundary.
            6 => {
                let run = match random.one_in(2) {
                    true => Some(world.begin(&sources, &mut random).await),
                    false => None,
                };
                let watching = Kills::watch(world.folder.path());
                world.vacuum().await;
                for (failpoint, folder) in watching.end() {
                    let survivor = survive(&world, failpoint, folder, &Positions::new());
                    let step = format!("{step}, killed at {failpoint}");
                    survivor.check(&sources, &step).await;
                    survivor.vacuum().await;
                    survivor.check(&sources, &step).await;
                    died_at.insert(failpoint);
                    kills += 1;
                }
                if let Some(run) = run {
                    world.publish(&run);
                }
            }
            // A new process.
            _ => {
                let catalog = Catalog::open(world.folder.path()).unwrap();
                world.catalog = catalog;
            }
        }
        world.check(&sources, &step).await;
    }
    (kills, died_at)
}

/// Everything on one thread: failpoints are watched by thread.
#[tokio::test]
async fn tables_and_positions_agree_whatever_happens() {
    let seeds = std::env::var("SLUICE_SEEDS").map_or(SEEDS, |text| text.parse().unwrap());
    let mut kills = 0;
    let mut died_at = BTreeSet::new();
    for seed in 0..seeds {
        // Told if something panics.
        println!("seed {seed}");
        let (more, points) = simulate(seed).await;
        kills += more;
        died_at.extend(points);
    }
    assert!(kills >= 10 * seeds, "{kills}");
    for failpoint in [
        "publish.before_intent",
        "publish.after_intent",
        "publish.between_logs",
        "publish.after_logs",
        "publish.after_pointers",
        "upkeep.before_checkpoint",
        "vacuum.before_forgetting",
        "vacuum.after_forgetting",
        "vacuum.between_tables",
    ] {
        assert!(died_at.contains(failpoint), "{failpoint} of {died_at:?}");
    }
}
