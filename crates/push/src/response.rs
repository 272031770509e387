//! What senders are told, and how their requests are read.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::Request;
use axum::http::request::Parts;
use axum::http::{HeaderName, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::Value;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// How long a sender may take to send a body.
const PATIENCE: Duration = Duration::from_secs(30);
/// When a sender should come again that could not be served.
const RETRY_AFTER: &str = "1";

/// Why the body of a request was not read.
pub(crate) enum Unread {
    /// It is longer than it may be.
    TooLarge,
    /// There is no memory for it now.
    Busy,
    /// It did not come in time.
    Late,
}

/// Reads a request whose body may have `limit` bytes. The permit stands for its memory.
pub(crate) async fn read(
    memory: &Arc<Semaphore>,
    request: Request,
    limit: u64,
) -> Result<(Parts, Bytes, OwnedSemaphorePermit), Unread> {
    let announced = request.headers().get(header::CONTENT_LENGTH);
    let announced = announced.and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    let length = announced.unwrap_or(limit);
    if length > limit {
        return Err(Unread::TooLarge);
    }
    let blocks = u32::try_from(length.div_ceil(1 << 10).max(1)).unwrap_or(u32::MAX);
    let Ok(permit) = Arc::clone(memory).try_acquire_many_owned(blocks) else {
        return Err(Unread::Busy);
    };
    let (parts, body) = request.into_parts();
    let length = usize::try_from(length).unwrap_or(usize::MAX);
    match tokio::time::timeout(PATIENCE, to_bytes(body, length)).await {
        Ok(Ok(body)) => Ok((parts, body, permit)),
        Ok(Err(_)) => Err(Unread::TooLarge),
        Err(_) => Err(Unread::Late),
    }
}

/// The query with its `?`, or nothing.
pub(crate) fn query(parts: &Parts) -> String {
    let query = parts.uri.query();
    query.map_or_else(String::new, |query| format!("?{query}"))
}

pub(crate) fn later(response: Response) -> Response {
    ([(header::RETRY_AFTER, RETRY_AFTER)], response).into_response()
}

pub(crate) fn said(status: StatusCode, body: Value) -> Response {
    const JSON: [(HeaderName, &str); 1] = [(header::CONTENT_TYPE, "application/json")];
    (status, JSON, Body::from(format!("{body}\n"))).into_response()
}
