//! [`serve`]: the HTTP server.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderName, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use chrono::Utc;
use diagnostic::{Result, ResultExt, codes};
use serde_json::{Value, json};
use settings::WebhookStream;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

use crate::event::Event;
use crate::signature::{self, Signed};
use crate::writer::Writer;
use crate::{Entry, Fate, Journal};

/// Memory for requests that are being read or wait for the disk, in KiB.
const MEMORY: usize = 64 << 10;
/// How long a sender may take to send a body.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long requests may go on after the server was told to end.
const LAST_REQUESTS: Duration = Duration::from_secs(10);
/// When a sender should come again that could not be served.
const RETRY_AFTER: &str = "1";

/// One stream, and where its events are kept.
#[derive(Clone, Debug)]
pub struct Endpoint {
    /// The source that it is of.
    pub source: String,
    /// The stream.
    pub stream: WebhookStream,
    /// The folder of its journal.
    pub folder: PathBuf,
}

/// A server that listens.
pub struct Server {
    listener: TcpListener,
    lanes: HashMap<String, Arc<Lane>>,
}

/// Answers, in the order of the metric's labels.
#[derive(Clone, Copy)]
enum Outcome {
    Accepted,
    Duplicate,
    Unauthorized,
    Invalid,
    TooLarge,
    Busy,
    Failed,
}

const OUTCOMES: [&str; 7] = [
    "accepted",
    "duplicate",
    "unauthorized",
    "invalid",
    "too_large",
    "busy",
    "failed",
];

struct Lane {
    name: String,
    stream: WebhookStream,
    writer: Writer,
    counts: [AtomicU64; OUTCOMES.len()],
}

struct Shared {
    lanes: HashMap<String, Arc<Lane>>,
    memory: Arc<Semaphore>,
}

/// Opens the journals of `endpoints`, whose segments are complete after `age`, and listens at `address`.
///
/// # Errors
/// `W1001` if the address cannot be listened at, `W1002` if another process takes in the events of a stream,
/// `W1003` if a journal cannot be used.
pub async fn serve(endpoints: &[Endpoint], address: SocketAddr, age: Duration) -> Result<Server> {
    let mut lanes = HashMap::new();
    for endpoint in endpoints {
        let stream = endpoint.stream.clone();
        let name = format!("{}.{}", endpoint.source, stream.name.value);
        let journal = Journal::open(&endpoint.folder, age, stream.remember)?;
        let lane = Lane {
            writer: Writer::start(&name, journal)?,
            name,
            counts: Default::default(),
            stream,
        };
        lanes.insert(lane.stream.path.clone(), Arc::new(lane));
    }
    let listener = TcpListener::bind(address).await.explain(codes::W1001, || {
        format!("`{address}` cannot be listened at")
    })?;
    Ok(Server { listener, lanes })
}

impl Server {
    /// Where it listens: the port that was free if none was asked for.
    ///
    /// # Errors
    /// `W1001` if the system does not tell.
    pub fn address(&self) -> Result<SocketAddr> {
        self.listener
            .local_addr()
            .explain(codes::W1001, || "The server has no address".to_owned())
    }

    /// Serves until `end` comes, then ends the requests that are under way and completes all segments.
    ///
    /// # Errors
    /// `W1001` if the server breaks down, `W1003` if a segment cannot be completed.
    pub async fn run(self, end: impl Future<Output = ()> + Send + 'static) -> Result<()> {
        let shared = Arc::new(Shared {
            lanes: self.lanes,
            memory: Arc::new(Semaphore::new(MEMORY)),
        });
        let router = Router::new()
            .fallback(answer)
            .with_state(Arc::clone(&shared));
        let ended = Arc::new(tokio::sync::Notify::new());
        let told = Arc::clone(&ended);
        let server = axum::serve(self.listener, router).with_graceful_shutdown(async move {
            end.await;
            told.notify_one();
        });
        let mut server = pin!(server.into_future());
        let overdue = async {
            ended.notified().await;
            tokio::time::sleep(LAST_REQUESTS).await;
        };
        let served = tokio::select! {
            served = &mut server => served,
            () = overdue => Ok(()),
        };
        served.explain(codes::W1001, || "The server broke down".to_owned())?;
        finish(&shared).await
    }
}

/// Completes the segments of all streams. What is not answered by now is not kept.
async fn finish(shared: &Arc<Shared>) -> Result<()> {
    let shared = Arc::clone(shared);
    let finish = move || {
        for lane in shared.lanes.values() {
            lane.writer.finish()?;
        }
        Ok(())
    };
    tokio::task::spawn_blocking(finish)
        .await
        .explain(codes::X0001, || "Ending the server broke down".to_owned())?
}

async fn answer(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let path = request.uri().path();
    let Some(lane) = shared.lanes.get(path).cloned() else {
        return match (request.method(), path) {
            (&Method::GET, "/health") => (StatusCode::OK, "ok\n").into_response(),
            (&Method::GET, "/metrics") => metrics(&shared),
            _ => said(
                StatusCode::NOT_FOUND,
                json!({"error": "no stream has this path"}),
            ),
        };
    };
    if request.method() != Method::POST {
        let error = said(
            StatusCode::METHOD_NOT_ALLOWED,
            json!({"error": "events are sent by POST"}),
        );
        return ([(header::ALLOW, "POST")], error).into_response();
    }
    let (outcome, response) = lane.take(&shared.memory, request).await;
    if let Some(count) = lane.counts.get(outcome as usize) {
        count.fetch_add(1, Ordering::Relaxed);
    }
    response
}

impl Lane {
    async fn take(&self, memory: &Arc<Semaphore>, request: Request) -> (Outcome, Response) {
        let limit = self.stream.max_body;
        let announced = request.headers().get(header::CONTENT_LENGTH);
        let announced = announced.and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
        let length = announced.unwrap_or(limit);
        if length > limit {
            return self.too_large();
        }
        let blocks = u32::try_from(length.div_ceil(1 << 10).max(1)).unwrap_or(u32::MAX);
        let Ok(_memory) = Arc::clone(memory).try_acquire_many_owned(blocks) else {
            return busy();
        };
        let (parts, body) = request.into_parts();
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        let body = match tokio::time::timeout(PATIENCE, to_bytes(body, length)).await {
            Ok(Ok(body)) => body,
            Ok(Err(_)) => return self.too_large(),
            Err(_) => {
                let error = json!({"error": "the body did not come in time"});
                return (Outcome::Invalid, said(StatusCode::REQUEST_TIMEOUT, error));
            }
        };
        let query = parts
            .uri
            .query()
            .map_or_else(String::new, |query| format!("?{query}"));
        let signed = Signed {
            method: &parts.method,
            query: &query,
            headers: &parts.headers,
            body: &body,
            now: SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .unwrap_or_default(),
        };
        if let Err(reason) = signature::check(&self.stream.signature, &signed) {
            tracing::warn!(stream = self.name, reason, "a request is refused");
            let error = said(StatusCode::UNAUTHORIZED, json!({"error": reason}));
            return (Outcome::Unauthorized, error);
        }
        let event = Event {
            id: uuid::Uuid::now_v7(),
            received_at: Utc::now(),
            query: &query,
            headers: &parts.headers,
            body: &body,
        };
        let key = self.stream.idempotency_key.as_ref();
        let key = match key.map(|place| event.key(place)).transpose() {
            Ok(key) => key,
            Err(reason) => {
                let error = said(StatusCode::BAD_REQUEST, json!({"error": reason}));
                return (Outcome::Invalid, error);
            }
        };
        let line = event.line(key.as_deref(), &self.stream.signature);
        let Some(fate) = self.writer.keep(Entry { key, line }) else {
            return busy();
        };
        match fate.await {
            Ok(Some(Fate::Kept)) => {
                let id = event.id.to_string();
                (
                    Outcome::Accepted,
                    said(StatusCode::OK, json!({"status": "accepted", "id": id})),
                )
            }
            Ok(Some(Fate::Duplicate)) => (
                Outcome::Duplicate,
                said(StatusCode::OK, json!({"status": "duplicate"})),
            ),
            Ok(None) | Err(_) => {
                let error = json!({"error": "the event could not be kept; send it again"});
                let response = said(StatusCode::SERVICE_UNAVAILABLE, error);
                (Outcome::Failed, later(response))
            }
        }
    }

    fn too_large(&self) -> (Outcome, Response) {
        let error = format!("the body is longer than {} bytes", self.stream.max_body);
        let response = said(StatusCode::PAYLOAD_TOO_LARGE, json!({"error": error}));
        (Outcome::TooLarge, response)
    }
}

fn busy() -> (Outcome, Response) {
    let error = json!({"error": "too many events wait for the disk"});
    (
        Outcome::Busy,
        later(said(StatusCode::SERVICE_UNAVAILABLE, error)),
    )
}

fn later(response: Response) -> Response {
    ([(header::RETRY_AFTER, RETRY_AFTER)], response).into_response()
}

fn said(status: StatusCode, body: Value) -> Response {
    const JSON: [(HeaderName, &str); 1] = [(header::CONTENT_TYPE, "application/json")];
    (status, JSON, Body::from(format!("{body}\n"))).into_response()
}

/// Counters in Prometheus's text format
/// (<https://prometheus.io/docs/instrumenting/exposition_formats/>).
fn metrics(shared: &Shared) -> Response {
    let mut text = "# HELP sluice_push_requests_total Requests of senders by what was answered.\n\
                    # TYPE sluice_push_requests_total counter\n"
        .to_owned();
    for lane in shared.lanes.values() {
        for (outcome, count) in OUTCOMES.iter().zip(&lane.counts) {
            let count = count.load(Ordering::Relaxed);
            // Writing to a text cannot fail.
            let _ = writeln!(
                text,
                "sluice_push_requests_total{{stream=\"{}\",outcome=\"{outcome}\"}} {count}",
                lane.name
            );
        }
    }
    const TEXT: [(HeaderName, &str); 1] = [(header::CONTENT_TYPE, "text/plain; version=0.0.4")];
    (TEXT, text).into_response()
}
