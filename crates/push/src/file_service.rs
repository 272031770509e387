//! [`FileService`]: the addresses where files are announced, and [`Loading`], which loads them.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use axum::extract::Request;
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use diagnostic::{Result, ResultExt, codes};
use serde_json::json;
use settings::{ServeSpec, Signature};
use state::{Announced, AnnouncedFile, Announcements};
use telemetry::failpoint;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::{Notify, Semaphore};

use crate::arrivals::{Arrivals, News, blocking};
use crate::bucket_event;
use crate::caller::{Caller, Callers, Refusal};
use crate::files::{FilePlace, FileStream, Files, LoadReport, Scope};
use crate::journal::lock;
use crate::response::{self, Unread, later, said};
use crate::signature::{self, Signed};
use crate::upload::{self, Waiting};
use crate::{folder_watch, pipe};

/// The longest message about a bucket: SQS, SNS and EventBridge take 1 MiB at most.
const MESSAGE: u64 = 2 << 20;

/// The streams of files, and who may tell of them.
pub struct FileServing {
    /// The streams.
    pub files: Arc<dyn Files>,
    /// Who may tell of files, and how.
    pub spec: ServeSpec,
    /// A folder of this server's own.
    pub folder: PathBuf,
}

/// Answers those who tell of files.
pub(crate) struct FileService {
    pub(crate) files: Arc<dyn Files>,
    pub(crate) store: Arc<Announcements>,
    callers: Callers,
    events: HashMap<String, Signature>,
    news: UnboundedSender<News>,
    pub(crate) waiting: Waiting,
    _lock: std::fs::File,
}

/// Loads what is told.
pub(crate) struct Loading {
    files: Arc<dyn Files>,
    store: Arc<Announcements>,
    news: (UnboundedSender<News>, UnboundedReceiver<News>),
}

impl FileService {
    /// Opens what was announced before.
    ///
    /// # Errors
    /// `W1002` if another process serves the same, `W1003` or `K2001` if the folder cannot be used, `W1004` if a key
    /// cannot be read.
    pub(crate) fn open(serving: FileServing) -> Result<(Self, Loading)> {
        let FileServing {
            files,
            spec,
            folder,
        } = serving;
        std::fs::create_dir_all(&folder).explain(codes::W1003, || {
            format!("`{}` cannot be made", folder.display())
        })?;
        let lock = lock(&folder)?;
        let store = Arc::new(Announcements::open(&folder.join("announcements.db"))?);
        let (tell, hear) = unbounded_channel();
        let events = spec.events.into_iter();
        let service = Self {
            files: Arc::clone(&files),
            store: Arc::clone(&store),
            callers: Callers::new(&spec.callers)?,
            events: events
                .map(|events| (events.path.value, events.signature))
                .collect(),
            news: tell.clone(),
            waiting: Waiting::open(folder.join("uploads"))?,
            _lock: lock,
        };
        let loading = Loading {
            files,
            store,
            news: (tell, hear),
        };
        Ok((service, loading))
    }

    /// Answers a request, if its address is one of this service's.
    pub(crate) async fn answer(
        &self,
        memory: &Arc<Semaphore>,
        request: Request,
    ) -> Option<Response> {
        let path = request.uri().path().to_owned();
        if let Some(signature) = self.events.get(&path) {
            return Some(self.take_events(memory, signature, request).await);
        }
        if let Some(part) = path.strip_prefix("/upload") {
            return Some(upload::answer(self, part, request).await);
        }
        let (pipe, endpoint) = path.strip_prefix("/v1/data/pipes/")?.split_once('/')?;
        Some(pipe::answer(self, memory, (pipe, endpoint), request).await)
    }

    /// Who sends a request, if anybody may.
    pub(crate) fn caller(&self, headers: &HeaderMap) -> Result<&Caller, Refusal> {
        if self.callers.is_empty() {
            return Err("nobody may call: `serve.callers` of `sluice.yml` lists who");
        }
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let now = now.unwrap_or_default().as_secs();
        self.callers.identify(headers, now)
    }

    /// The stream called `name`.
    pub(crate) fn stream(&self, name: &str) -> Option<&FileStream> {
        self.files
            .streams()
            .iter()
            .find(|stream| stream.name == name)
    }

    /// Whether `name` is that of a file, or a marker, of `stream`.
    pub(crate) fn belongs(&self, stream: &FileStream, name: &str) -> bool {
        let own = name.rsplit('/').next();
        let is_marker = stream
            .marker
            .as_deref()
            .is_some_and(|marker| own == Some(marker));
        is_marker || self.files.is_file_of(&stream.name, name)
    }

    /// Keeps that `files` of `stream` are to be loaded, and has them loaded.
    pub(crate) async fn announce(
        &self,
        stream: &str,
        request: Option<String>,
        files: Vec<AnnouncedFile>,
    ) -> Result<Announced> {
        let (store, stream) = (Arc::clone(&self.store), stream.to_owned());
        let kept = blocking(move || store.announce(&stream, request.as_deref(), &files)).await?;
        failpoint("arrival.after_announce");
        let _ended = self.news.send(News::Announced);
        Ok(kept)
    }

    /// Takes in a message about a bucket.
    async fn take_events(
        &self,
        memory: &Arc<Semaphore>,
        signature: &Signature,
        request: Request,
    ) -> Response {
        if request.method() != Method::POST {
            let error = json!({"error": "messages are sent by POST"});
            return said(StatusCode::METHOD_NOT_ALLOWED, error);
        }
        let (parts, body, _memory) = match response::read(memory, request, MESSAGE).await {
            Ok(read) => read,
            Err(unread) => return not_read(&unread),
        };
        let query = response::query(&parts);
        let signed = Signed {
            method: &parts.method,
            query: &query,
            headers: &parts.headers,
            body: &body,
            now: SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .unwrap_or_default(),
        };
        if let Err(reason) = signature::check(signature, &signed) {
            tracing::warn!(reason, "a message about a bucket is refused");
            // SNS shows its password only to who asks for it.
            let asks = [(header::WWW_AUTHENTICATE, "Basic realm=\"sluice\"")];
            let response = said(StatusCode::UNAUTHORIZED, json!({"error": reason}));
            return (asks, response).into_response();
        }
        let Some(message) = bucket_event::read(&body) else {
            let error =
                json!({"error": "this is no message of S3, SNS, SQS or EventBridge about objects"});
            return said(StatusCode::BAD_REQUEST, error);
        };
        if let Some(address) = message.confirm {
            // Whoever can send could make this machine ask any address: a person decides.
            tracing::warn!(
                address,
                "a subscription of SNS waits for you to open this address"
            );
            return said(
                StatusCode::OK,
                json!({"status": "confirm", "SubscribeURL": address}),
            );
        }
        self.load_objects(message).await
    }

    async fn load_objects(&self, message: bucket_event::Message) -> Response {
        let mut unknown: Vec<&str> = Vec::new();
        let mut wanted: HashMap<&str, Vec<AnnouncedFile>> = HashMap::new();
        let (mut taken, mut ignored) = (0_usize, message.other);
        for object in &message.created {
            let mut is_known = false;
            let mut is_taken = false;
            for stream in self.files.streams() {
                is_known |= matches!(&stream.place, FilePlace::Bucket { bucket, .. } if *bucket == object.bucket);
                let name = stream.name_of(&object.bucket, &object.key);
                let Some(name) = name.filter(|name| self.belongs(stream, name)) else {
                    continue;
                };
                is_taken = true;
                wanted.entry(&stream.name).or_default().push(AnnouncedFile {
                    path: name.to_owned(),
                    size: object.size,
                });
            }
            match (is_known, is_taken) {
                (_, true) => taken += 1,
                (true, false) => ignored += 1,
                (false, false) => unknown.push(&object.bucket),
            }
        }
        for (stream, files) in wanted {
            if let Err(error) = self.announce(stream, None, files).await {
                tracing::error!(%error, stream, "objects cannot be announced; the sender is told");
                let error = json!({"error": "the message could not be kept; send it again"});
                return later(said(StatusCode::SERVICE_UNAVAILABLE, error));
            }
        }
        if let Some(bucket) = unknown.first() {
            let error = format!("no source reads the bucket `{bucket}`");
            let body = json!({"error": error, "files": taken, "ignored": ignored});
            return said(StatusCode::UNPROCESSABLE_ENTITY, body);
        }
        let status = match (taken, message.tests) {
            (0, 1..) => "test",
            _ => "accepted",
        };
        said(
            StatusCode::OK,
            json!({"status": status, "files": taken, "ignored": ignored}),
        )
    }
}

impl Loading {
    /// Loads what is told, and what listings find, until it is told to `stop`.
    ///
    /// # Errors
    /// `K2001` if the announcements cannot be read.
    pub(crate) async fn run(
        self,
        stop: &Notify,
        load: impl AsyncFn(&str, &Scope) -> Result<LoadReport>,
    ) -> Result<()> {
        let (tell, hear) = self.news;
        let (watched, folders) = unbounded_channel();
        let watch = tokio::spawn(folder_watch::watch(Arc::clone(&self.files), folders, tell));
        let done = Arrivals::new(self.files, self.store)
            .run(hear, watched, stop, load)
            .await;
        watch.abort();
        done
    }
}

/// Why a request was not read.
pub(crate) fn not_read(unread: &Unread) -> Response {
    let (status, why) = match unread {
        Unread::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "the body is too long"),
        Unread::Busy => (StatusCode::SERVICE_UNAVAILABLE, "too many requests wait"),
        Unread::Late => (StatusCode::REQUEST_TIMEOUT, "the body did not come in time"),
    };
    let response = said(status, json!({"error": why, "message": why}));
    match unread {
        Unread::Busy => later(response),
        Unread::TooLarge | Unread::Late => response,
    }
}
