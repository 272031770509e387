//! [`Writer`]: one thread that keeps a stream's events. Those that come while it waits for the disk are kept
//! together, by one wait.

use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use diagnostic::{Error, Result, ResultExt, codes};
use parking_lot::Mutex;
use tokio::sync::oneshot;

use crate::{Entry, Fate, Journal};

/// Events that may wait; further ones are refused for now.
const QUEUE: usize = 4096;
/// How often the age of a segment is looked at.
const TICK: Duration = Duration::from_millis(500);

/// Hands events to the thread of one stream.
pub(crate) struct Writer {
    queue: Mutex<Option<SyncSender<Request>>>,
    thread: Mutex<Option<JoinHandle<Result<()>>>>,
}

struct Request {
    entry: Entry,
    answer: oneshot::Sender<Option<Fate>>,
}

impl Writer {
    /// Starts the thread, which has `journal`.
    pub(crate) fn start(name: &str, journal: Journal) -> Result<Self> {
        let (queue, requests) = sync_channel(QUEUE);
        let thread = thread::Builder::new()
            .name(format!("push {name}"))
            .spawn(move || run(journal, &requests))
            .explain(codes::X0001, || "A thread cannot be started".to_owned())?;
        Ok(Self {
            queue: Mutex::new(Some(queue)),
            thread: Mutex::new(Some(thread)),
        })
    }

    /// Hands over an event; the answer comes once it is on disk, and is `None` if it could not be kept. Gives
    /// nothing if too many wait already.
    pub(crate) fn keep(&self, entry: Entry) -> Option<oneshot::Receiver<Option<Fate>>> {
        let (answer, fate) = oneshot::channel();
        let queue = self.queue.lock().clone()?;
        match queue.try_send(Request { entry, answer }) {
            Ok(()) => Some(fate),
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => None,
        }
    }

    /// Takes no more, keeps what waits, and completes the open segment.
    pub(crate) fn finish(&self) -> Result<()> {
        drop(self.queue.lock().take());
        let broken = || Error::new(codes::X0001, "A thread that keeps events broke down");
        match self.thread.lock().take() {
            Some(thread) => thread.join().map_err(|_| broken())?,
            None => Ok(()),
        }
    }
}

fn run(mut journal: Journal, requests: &Receiver<Request>) -> Result<()> {
    loop {
        match requests.recv_timeout(TICK) {
            Ok(first) => keep(&mut journal, first, requests),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return journal.complete(),
        }
        if let Err(error) = journal.tend() {
            tracing::error!(%error, "a segment could not be completed; it is tried again");
        }
    }
}

fn keep(journal: &mut Journal, first: Request, requests: &Receiver<Request>) {
    let (mut entries, mut answers) = (Vec::new(), Vec::new());
    let waiting = std::iter::once(first).chain(requests.try_iter().take(QUEUE));
    for request in waiting {
        entries.push(request.entry);
        answers.push(request.answer);
    }
    let fates = match journal.append(&entries) {
        Ok(fates) => fates.into_iter().map(Some).collect(),
        Err(error) => {
            tracing::error!(%error, events = entries.len(), "events could not be kept; their senders are told");
            vec![None; entries.len()]
        }
    };
    for (answer, fate) in answers.into_iter().zip(fates) {
        // A sender that has gone will send again, and be told then.
        let _gone = answer.send(fate);
    }
}
