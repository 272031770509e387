//! [`Arrivals`]: loads files soon after they are there: those that were announced, those that a watched folder
//! tells of, and those that a listing finds.
//!
//! Loads are done one after the other, as a project has one run at a time. One that cannot be done now is tried
//! again; what was announced waits on disk until it is settled, so that a process that dies loads it when it starts
//! again. Loading a file twice changes nothing, which is why nothing else need be remembered.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;
use std::time::Duration;

use diagnostic::{Error, Result, ResultExt, codes};
use state::{Announcements, FileFate, PendingFile};
use telemetry::failpoint;
use tokio::sync::Notify;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender};
use tokio::time::{Instant, sleep, sleep_until};

use crate::files::{FilePlace, FileStream, Files, LoadReport, Look, Scope};

/// Files that come so soon after each other are loaded together.
const GATHER: Duration = Duration::from_millis(50);
/// When a load is tried again that another run kept from being done.
const BUSY: Duration = Duration::from_millis(100);
/// When a load that failed is tried again, at first and at last.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LAST_PAUSE: Duration = Duration::from_secs(60);
/// When a folder that does not exist yet is looked for again.
const ABSENT: Duration = Duration::from_secs(1);
/// From how many new files on a bucket is listed by the load too, instead of asked for each.
const MANY: usize = 50;

/// What was heard of files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum News {
    /// Files were announced, and are on disk as such.
    Announced,
    /// This file is there, and whole.
    Named { stream: String, name: String },
    /// Something has changed in the stream.
    Changed { stream: String },
}

/// Streams, and where news of them come from.
pub(crate) struct Arrivals {
    files: Arc<dyn Files>,
    store: Arc<Announcements>,
    lanes: Vec<Lane>,
}

/// One stream.
struct Lane {
    stream: FileStream,
    /// Files to load.
    names: BTreeSet<String>,
    /// Files to load that were announced.
    pending: Vec<PendingFile>,
    /// What the listings so far have seen.
    seen: HashSet<u64>,
    markers: u64,
    /// The last key of a bucket.
    last: Option<String>,
    next_look: Option<Instant>,
    next_list: Instant,
    not_before: Option<Instant>,
    failures: u32,
}

impl Arrivals {
    pub(crate) fn new(files: Arc<dyn Files>, store: Arc<Announcements>) -> Self {
        let now = Instant::now();
        let lane = |stream: &FileStream| Lane {
            names: BTreeSet::new(),
            pending: Vec::new(),
            seen: HashSet::new(),
            markers: 0,
            last: None,
            next_look: stream.watch.map(|_| now),
            next_list: now,
            not_before: None,
            failures: 0,
            stream: stream.clone(),
        };
        Self {
            lanes: files.streams().iter().map(lane).collect(),
            files,
            store,
        }
    }

    /// Loads what `news` tell of by `load` until it is told to `stop`. `watched` hears of folders that exist.
    ///
    /// # Errors
    /// `K2001` if the announcements cannot be read.
    pub(crate) async fn run(
        mut self,
        mut news: UnboundedReceiver<News>,
        watched: UnboundedSender<String>,
        stop: &Notify,
        load: impl AsyncFn(&str, &Scope) -> Result<LoadReport>,
    ) -> Result<()> {
        self.remember().await?;
        loop {
            let next = self.lanes.iter().filter_map(Lane::due).min();
            tokio::select! {
                () = stop.notified() => return Ok(()),
                heard = news.recv() => {
                    let Some(heard) = heard else { return Ok(()) };
                    let mut announced = self.hear(heard);
                    sleep(GATHER).await;
                    while let Ok(heard) = news.try_recv() {
                        announced |= self.hear(heard);
                    }
                    if announced {
                        self.remember().await?;
                    }
                }
                () = until(next) => {}
            }
            for lane in &mut self.lanes {
                if lane.due().is_some_and(|due| due <= Instant::now()) {
                    lane.work(&self.files, &self.store, &watched, &load).await;
                }
            }
        }
    }

    /// Takes in one piece of news, and tells whether files were announced.
    fn hear(&mut self, news: News) -> bool {
        let (stream, name) = match news {
            News::Announced => return true,
            News::Named { stream, name } => (stream, Some(name)),
            News::Changed { stream } => (stream, None),
        };
        let lane = self
            .lanes
            .iter_mut()
            .find(|lane| lane.stream.name == stream);
        match (lane, name) {
            (Some(lane), Some(name)) => {
                lane.names.insert(name);
            }
            (Some(lane), None) => {
                lane.next_look = Some(Instant::now());
                lane.next_list = Instant::now();
            }
            (None, _) => {}
        }
        false
    }

    /// Reads which announced files wait.
    async fn remember(&mut self) -> Result<()> {
        let store = Arc::clone(&self.store);
        let pending = blocking(move || store.pending()).await?;
        let mut by_stream: BTreeMap<String, Vec<PendingFile>> = BTreeMap::new();
        for file in pending {
            by_stream.entry(file.stream.clone()).or_default().push(file);
        }
        for lane in &mut self.lanes {
            lane.pending = by_stream.remove(&lane.stream.name).unwrap_or_default();
            lane.names
                .extend(lane.pending.iter().map(|file| file.path.clone()));
        }
        Ok(())
    }
}

impl Lane {
    /// When there is something to do.
    fn due(&self) -> Option<Instant> {
        let now = (!self.names.is_empty()).then(Instant::now);
        let due = [now, self.next_look].into_iter().flatten().min();
        due.map(|due| {
            self.not_before
                .map_or(due, |not_before| due.max(not_before))
        })
    }

    async fn work(
        &mut self,
        files: &Arc<dyn Files>,
        store: &Arc<Announcements>,
        watched: &UnboundedSender<String>,
        load: &impl AsyncFn(&str, &Scope) -> Result<LoadReport>,
    ) {
        let done = match self.names.is_empty() {
            false => self.load_named(store, load).await,
            true => self.list(files, watched, load).await,
        };
        match done {
            Ok(()) => (self.failures, self.not_before) = (0, None),
            Err(error) => self.pause(&error),
        }
    }

    /// Says when what failed is tried again.
    fn pause(&mut self, error: &Error) {
        let stream = self.stream.name.as_str();
        let pause = if [codes::K1003, codes::K1001].contains(&error.code()) {
            tracing::debug!(stream, "a load waits for a run");
            BUSY
        } else {
            tracing::error!(stream, %error, "files cannot be loaded; it is tried again");
            let pause = FIRST_PAUSE.saturating_mul(1 << self.failures.min(6));
            self.failures += 1;
            pause.min(LAST_PAUSE)
        };
        self.not_before = Some(Instant::now() + pause);
    }

    /// Loads the files that are named.
    async fn load_named(
        &mut self,
        store: &Arc<Announcements>,
        load: &impl AsyncFn(&str, &Scope) -> Result<LoadReport>,
    ) -> Result<()> {
        let scope = Scope {
            // A marker makes complete what nobody names.
            names: self.stream.marker.is_none().then(|| self.names.clone()),
            ..Scope::default()
        };
        failpoint("arrival.before_load");
        let report = load(&self.stream.name, &scope).await?;
        self.tell(&report);
        self.names.clear();
        failpoint("arrival.before_settle");
        let mut fates = Vec::new();
        for file in &self.pending {
            let fate = match (report.fate(&file.path), &self.stream.marker) {
                (Some(fate), _) => fate,
                (None, None) => absent(&file.path),
                (None, Some(marker)) if file.path.rsplit('/').next() == Some(marker) => FileFate {
                    loaded: true,
                    ..FileFate::default()
                },
                // It waits for its folder to be complete.
                (None, Some(_)) => continue,
            };
            fates.push((file.id, fate));
        }
        let settled: HashSet<i64> = fates.iter().map(|(id, _)| *id).collect();
        if !fates.is_empty() {
            let store = Arc::clone(store);
            blocking(move || store.settle(&fates)).await?;
        }
        self.pending.retain(|file| !settled.contains(&file.id));
        Ok(())
    }

    /// Lists the files and loads those that are new, or have changed since the last list.
    async fn list(
        &mut self,
        files: &Arc<dyn Files>,
        watched: &UnboundedSender<String>,
        load: &impl AsyncFn(&str, &Scope) -> Result<LoadReport>,
    ) -> Result<()> {
        let Some(watch) = self.stream.watch else {
            self.next_look = None;
            return Ok(());
        };
        let now = Instant::now();
        let is_whole = now >= self.next_list || self.last.is_none();
        if let FilePlace::Folder(folder) = &self.stream.place {
            if !folder.is_dir() {
                self.next_look = Some(now + ABSENT.min(watch.poll));
                return Ok(());
            }
            let _ended = watched.send(self.stream.name.clone());
        }
        let scope = match &self.stream.place {
            FilePlace::Folder(_) => Scope {
                // Where a marker says that a folder is complete, its files are whole.
                settle: self.stream.marker.is_none().then_some(watch.settle),
                ..Scope::default()
            },
            FilePlace::Bucket { .. } => Scope {
                after: self.last.clone().filter(|_| !is_whole),
                ..Scope::default()
            },
        };
        let look = {
            let (files, stream, scope) =
                (Arc::clone(files), self.stream.name.clone(), scope.clone());
            blocking(move || files.look(&stream, &scope)).await?
        };
        let new: BTreeSet<String> = look
            .files
            .iter()
            .filter(|(_, mark)| !self.seen.contains(mark))
            .map(|(name, _)| name.clone())
            .collect();
        if !new.is_empty() || look.markers != self.markers {
            let report = load(&self.stream.name, &self.narrowed(scope, new)).await?;
            self.tell(&report);
        }
        self.saw(&look, is_whole);
        if is_whole {
            self.next_list = now + watch.relist;
        }
        let pause = match look.unsettled {
            0 => watch.poll,
            _ => watch.poll.min(watch.settle),
        };
        self.next_look = Some(Instant::now() + pause);
        Ok(())
    }

    /// The scope of a load of `new` that a look at `scope` found.
    fn narrowed(&self, scope: Scope, new: BTreeSet<String>) -> Scope {
        let is_bucket = matches!(self.stream.place, FilePlace::Bucket { .. });
        // A marker completes files that no look has listed as new.
        if self.stream.marker.is_some() || (is_bucket && new.len() > MANY) {
            return scope;
        }
        Scope {
            names: Some(new),
            ..Scope::default()
        }
    }

    fn saw(&mut self, look: &Look, is_whole: bool) {
        let marks = look.files.iter().map(|(_, mark)| *mark);
        if is_whole {
            self.seen = marks.collect();
        } else {
            self.seen.extend(marks);
        }
        self.markers = look.markers;
        if matches!(self.stream.place, FilePlace::Bucket { .. }) {
            let last = look.files.iter().map(|(name, _)| name).max();
            self.last = self.last.take().max(last.cloned());
        }
    }

    /// Tells in the log what a load did.
    fn tell(&self, report: &LoadReport) {
        let stream = self.stream.name.as_str();
        if let Some(why) = &report.failed {
            tracing::error!(stream, why, "nothing was published");
            return;
        }
        let (mut loaded, mut rows) = (0_u64, 0);
        for (file, fate) in &report.files {
            match fate {
                Some(fate) if fate.loaded => {
                    loaded += 1;
                    rows += fate.rows;
                }
                Some(fate) => {
                    let why = fate.error.as_deref().unwrap_or_default();
                    tracing::error!(stream, file, why, "a file is rejected");
                }
                None => {}
            }
        }
        if loaded > 0 {
            tracing::info!(stream, loaded, rows, "files were loaded");
        }
    }
}

fn absent(path: &str) -> FileFate {
    FileFate {
        error: Some(format!("There is no file `{path}`")),
        ..FileFate::default()
    }
}

async fn until(due: Option<Instant>) {
    match due {
        Some(due) => sleep_until(due).await,
        None => std::future::pending().await,
    }
}

pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    tokio::task::spawn_blocking(work)
        .await
        .explain(codes::X0001, || "Work of the server broke down".to_owned())?
}
