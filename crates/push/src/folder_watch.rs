//! Folders that tell of their files by themselves, by Linux's inotify
//! (<https://man7.org/linux/man-pages/man7/inotify.7.html>). Elsewhere, and where it fails, folders are listed.

use std::sync::Arc;

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender};

use crate::arrivals::News;
use crate::files::{FilePlace, FileStream, Files};

/// Tells `news` of the files of streams whose names come in `folders`: of each as soon as its writer has closed it
/// or has moved it there.
pub(crate) async fn watch(
    files: Arc<dyn Files>,
    folders: UnboundedReceiver<String>,
    news: UnboundedSender<News>,
) {
    #[cfg(target_os = "linux")]
    if let Err(error) = linux::watch(&files, folders, &news).await {
        tracing::warn!(%error, "folders do not tell of their files; they are listed");
    }
    #[cfg(not(target_os = "linux"))]
    drop((files, folders, news));
}

#[cfg(target_os = "linux")]
mod linux {
    use std::collections::{HashMap, HashSet};
    use std::ffi::OsStr;
    use std::io;
    use std::mem::MaybeUninit;
    use std::os::fd::OwnedFd;
    use std::os::unix::ffi::OsStrExt;
    use std::path::{Path, PathBuf};

    use rustix::fs::inotify::{CreateFlags, ReadFlags, Reader, WatchFlags, add_watch, init};
    use rustix::io::Errno;
    use tokio::io::unix::AsyncFd;

    use super::{Arc, FilePlace, FileStream, Files, News, UnboundedReceiver, UnboundedSender};

    /// Room for some hundred events.
    const BUFFER: usize = 16 << 10;

    struct Watches<'w> {
        files: &'w Arc<dyn Files>,
        news: &'w UnboundedSender<News>,
        notifier: AsyncFd<OwnedFd>,
        folders: HashMap<i32, PathBuf>,
        known: HashSet<PathBuf>,
    }

    /// What happened to an entry of a folder.
    struct Event {
        path: PathBuf,
        is_folder: bool,
        is_whole: bool,
    }

    pub(super) async fn watch(
        files: &Arc<dyn Files>,
        mut folders: UnboundedReceiver<String>,
        news: &UnboundedSender<News>,
    ) -> io::Result<()> {
        let notifier = init(CreateFlags::NONBLOCK | CreateFlags::CLOEXEC)?;
        #[expect(
            deprecated,
            reason = "`register` is unsafe code; this descriptor is owned, and closed with its registration"
        )]
        let notifier = AsyncFd::new(notifier)?;
        let mut watches = Watches {
            files,
            news,
            notifier,
            folders: HashMap::new(),
            known: HashSet::new(),
        };
        loop {
            tokio::select! {
                stream = folders.recv() => match stream {
                    Some(stream) => watches.begin(&stream)?,
                    None => return Ok(()),
                },
                ready = watches.notifier.readable() => {
                    let mut ready = ready?;
                    ready.clear_ready();
                    watches.read()?;
                }
            }
        }
    }

    impl Watches<'_> {
        /// Watches the folder of `stream`, if it is not watched yet, and has it listed once more: a file may have
        /// come between the list and the watch.
        fn begin(&mut self, stream: &str) -> io::Result<()> {
            let streams = self.files.streams();
            let Some(found) = streams.iter().find(|found| found.name == stream) else {
                return Ok(());
            };
            let Some(folder) = folder_of(found) else {
                return Ok(());
            };
            if !self.known.contains(folder) && self.add(folder)? {
                self.changed(stream);
            }
            Ok(())
        }

        /// Watches `folder` and those below it, and tells whether it is there.
        fn add(&mut self, folder: &Path) -> io::Result<bool> {
            let flags = WatchFlags::CLOSE_WRITE
                | WatchFlags::MOVED_TO
                | WatchFlags::CREATE
                | WatchFlags::ONLYDIR;
            let watch = match add_watch(self.notifier.get_ref(), folder, flags) {
                Ok(watch) => watch,
                Err(Errno::NOENT | Errno::NOTDIR) => return Ok(false),
                Err(error) => return Err(error.into()),
            };
            self.folders.insert(watch, folder.to_owned());
            self.known.insert(folder.to_owned());
            // Those made since then are told.
            for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
                if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                    self.add(&entry.path())?;
                }
            }
            Ok(true)
        }

        fn read(&mut self) -> io::Result<()> {
            let mut events = Vec::new();
            let mut buffer = [MaybeUninit::uninit(); BUFFER];
            let mut reader = Reader::new(self.notifier.get_ref(), &mut buffer);
            let mut is_lost = false;
            loop {
                let event = match reader.next() {
                    Ok(event) => event,
                    Err(Errno::WOULDBLOCK) => break,
                    Err(Errno::INTR) => continue,
                    Err(error) => return Err(error.into()),
                };
                let flags = event.events();
                is_lost |= flags.contains(ReadFlags::QUEUE_OVERFLOW);
                if flags.contains(ReadFlags::IGNORED) {
                    let gone = self.folders.remove(&event.wd());
                    self.known.retain(|folder| Some(folder) != gone.as_ref());
                }
                let name = event
                    .file_name()
                    .map(|name| OsStr::from_bytes(name.to_bytes()));
                if let (Some(folder), Some(name)) = (self.folders.get(&event.wd()), name) {
                    events.push(Event {
                        path: folder.join(name),
                        is_folder: flags.contains(ReadFlags::ISDIR),
                        is_whole: flags.intersects(ReadFlags::CLOSE_WRITE | ReadFlags::MOVED_TO),
                    });
                }
            }
            for event in events {
                self.tell(&event)?;
            }
            if is_lost {
                for stream in self.files.streams() {
                    self.changed(&stream.name);
                }
            }
            Ok(())
        }

        fn tell(&mut self, event: &Event) -> io::Result<()> {
            if event.is_folder {
                // What was put into it before it was watched is found by a list.
                self.add(&event.path)?;
            } else if !event.is_whole {
                return Ok(());
            }
            for stream in self.files.streams() {
                let Some(below) =
                    folder_of(stream).and_then(|folder| event.path.strip_prefix(folder).ok())
                else {
                    continue;
                };
                let name = below.to_string_lossy().replace('\\', "/");
                if event.is_folder || stream.marker.is_some() {
                    self.changed(&stream.name);
                } else if self.files.is_file_of(&stream.name, &name) {
                    let stream = stream.name.clone();
                    let _ended = self.news.send(News::Named { stream, name });
                }
            }
            Ok(())
        }

        fn changed(&self, stream: &str) {
            let stream = stream.to_owned();
            let _ended = self.news.send(News::Changed { stream });
        }
    }

    /// The folder of a stream that is watched.
    fn folder_of(stream: &FileStream) -> Option<&Path> {
        match &stream.place {
            FilePlace::Folder(folder) if stream.watch.is_some() => Some(folder),
            FilePlace::Folder(_) | FilePlace::Bucket { .. } => None,
        }
    }
}
