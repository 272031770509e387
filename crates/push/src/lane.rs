//! [`Lane`]: one webhook: its requests, their signatures, and the thread that keeps them.

use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use axum::extract::Request;
use axum::http::StatusCode;
use axum::response::Response;
use chrono::Utc;
use serde_json::json;
use settings::WebhookStream;
use tokio::sync::Semaphore;

use crate::event::Event;
use crate::response::{self, Unread, later, said};
use crate::signature::{self, Signed};
use crate::writer::Writer;
use crate::{Entry, Fate};

/// Answers, in the order of the metric's labels.
#[derive(Clone, Copy)]
pub(crate) enum Outcome {
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

pub(crate) struct Lane {
    name: String,
    stream: WebhookStream,
    pub(crate) writer: Writer,
    counts: [AtomicU64; OUTCOMES.len()],
}

impl Lane {
    pub(crate) fn new(name: String, stream: WebhookStream, writer: Writer) -> Self {
        Self {
            name,
            stream,
            writer,
            counts: Default::default(),
        }
    }

    /// Answers a request, and counts what was answered.
    pub(crate) async fn answer(&self, memory: &Arc<Semaphore>, request: Request) -> Response {
        let (outcome, response) = self.take(memory, request).await;
        if let Some(count) = self.counts.get(outcome as usize) {
            count.fetch_add(1, Ordering::Relaxed);
        }
        response
    }

    /// Adds its counters in Prometheus's text format.
    pub(crate) fn count(&self, text: &mut String) {
        for (outcome, count) in OUTCOMES.iter().zip(&self.counts) {
            let count = count.load(Ordering::Relaxed);
            // Writing to a text cannot fail.
            let _ = writeln!(
                text,
                "sluice_push_requests_total{{stream=\"{}\",outcome=\"{outcome}\"}} {count}",
                self.name
            );
        }
    }

    async fn take(&self, memory: &Arc<Semaphore>, request: Request) -> (Outcome, Response) {
        let (parts, body, _memory) =
            match response::read(memory, request, self.stream.max_body).await {
                Ok(read) => read,
                Err(Unread::TooLarge) => return self.too_large(),
                Err(Unread::Busy) => return busy(),
                Err(Unread::Late) => {
                    let error = json!({"error": "the body did not come in time"});
                    return (Outcome::Invalid, said(StatusCode::REQUEST_TIMEOUT, error));
                }
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
