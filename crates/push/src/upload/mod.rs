//! Files that a person brings: a page that takes them, shows what a load would make of them, and, once that is
//! confirmed, puts them where the stream's files are.
//!
//! A file waits in a folder of the server until it is confirmed. Confirming it again changes nothing: it gets its
//! name only if nothing of that name is there, and is announced once.

mod waiting;

use std::sync::Arc;

use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderName, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use diagnostic::{Class, Error, codes};
use serde_json::{Value, json};
use state::{Announced, AnnouncedFile};
use url::form_urlencoded;

use crate::arrivals::blocking;
use crate::file_service::FileService;
use crate::files::{FilePlace, Kept};
use crate::pipe::checked;
use crate::response::said;

pub(crate) use waiting::Waiting;

/// What the page is made of. It needs nothing else, from nowhere.
const PAGE: &str = include_str!("page.html");
const SCRIPT: &str = include_str!("page.js");
const STYLE: &str = include_str!("page.css");

/// What the page may do: run its own script, and talk to this server.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
                      form-action 'none'; base-uri 'none'; frame-ancestors 'none'";

/// What is wrong with a request.
type Wrong = (StatusCode, String);

/// Answers a request to the page or to what it calls; `path` is what stands behind `/upload`.
pub(crate) async fn answer(service: &FileService, path: &str, request: Request) -> Response {
    let is_get = request.method() == Method::GET;
    let part = match path {
        "" | "/" => Some(("text/html; charset=utf-8", PAGE)),
        "/page.js" => Some(("text/javascript; charset=utf-8", SCRIPT)),
        "/page.css" => Some(("text/css; charset=utf-8", STYLE)),
        _ => None,
    };
    if let Some((kind, text)) = part.filter(|_| is_get) {
        let headers: [(HeaderName, &str); 4] = [
            (header::CONTENT_TYPE, kind),
            (header::CONTENT_SECURITY_POLICY, POLICY),
            (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
            (header::REFERRER_POLICY, "no-referrer"),
        ];
        return (headers, text).into_response();
    }
    let answered = call(service, path, request).await;
    answered.unwrap_or_else(|(status, error)| said(status, json!({ "error": error })))
}

async fn call(service: &FileService, path: &str, request: Request) -> Result<Response, Wrong> {
    let caller = service.caller(request.headers()).map_err(|reason| {
        tracing::warn!(reason, "an upload is refused");
        (StatusCode::UNAUTHORIZED, reason.to_owned())
    })?;
    let (parts, body) = request.into_parts();
    let query = parts.uri.query().unwrap_or_default();
    let asked = |name: &str| {
        let mut pairs = form_urlencoded::parse(query.as_bytes());
        let found = pairs.find(|(key, _)| key == name);
        found
            .map(|(_, value)| value.into_owned())
            .unwrap_or_default()
    };
    let may = |stream: &str| match service.stream(stream).filter(|_| caller.may_name(stream)) {
        Some(_) => Ok(()),
        None => {
            let message = format!(
                "there is no stream `{stream}`, or `{}` may not name it",
                caller.name
            );
            Err((StatusCode::NOT_FOUND, message))
        }
    };
    match (&parts.method, path) {
        (&Method::GET, "/streams") => {
            let streams = service.files.streams().iter();
            let streams: Vec<Value> = streams
                .filter(|stream| caller.may_name(&stream.name))
                .map(|stream| json!({"name": stream.name, "files": stream.patterns, "place": place(&stream.place)}))
                .collect();
            Ok(said(StatusCode::OK, json!({ "streams": streams })))
        }
        (&Method::POST, "/files") => {
            let stream = asked("stream");
            may(&stream)?;
            receive(service, stream, asked("name"), body).await
        }
        (&Method::GET, "/state") => {
            let stream = asked("stream");
            may(&stream)?;
            state(service, stream, asked("name")).await
        }
        (&Method::POST | &Method::DELETE, path) => {
            let id = path.strip_prefix("/files/").unwrap_or_default();
            let found = service.waiting.find(id).map_err(|error| told(&error))?;
            let found = found.ok_or_else(|| {
                (
                    StatusCode::NOT_FOUND,
                    "this upload is not there: it was loaded, removed, or is a day old".to_owned(),
                )
            })?;
            may(&found.stream)?;
            match parts.method {
                Method::DELETE => {
                    service.waiting.remove(id).map_err(|error| told(&error))?;
                    Ok(said(StatusCode::OK, json!({"status": "removed"})))
                }
                _ => confirm(service, id, found).await,
            }
        }
        _ => Err((StatusCode::NOT_FOUND, "there is no such address".to_owned())),
    }
}

fn place(place: &FilePlace) -> String {
    match place {
        FilePlace::Folder(folder) => folder.display().to_string(),
        FilePlace::Bucket { bucket, prefix } => format!("{bucket}/{prefix}"),
    }
}

/// An error as the page shows it.
fn told(error: &Error) -> Wrong {
    let status = match error.code().class {
        Class::Data | Class::UserInput => StatusCode::UNPROCESSABLE_ENTITY,
        _ => {
            tracing::error!(%error, "an upload failed");
            StatusCode::SERVICE_UNAVAILABLE
        }
    };
    (status, error.message().to_owned())
}

/// Takes in a file, and tells what a load would make of it.
async fn receive(
    service: &FileService,
    stream: String,
    name: String,
    body: Body,
) -> Result<Response, Wrong> {
    let name = checked(&name)
        .map_err(|why| (StatusCode::BAD_REQUEST, why))?
        .to_owned();
    if !service.files.is_file_of(&stream, &name) {
        let message = format!("`{name}` is no name of a file of `{stream}`: no pattern matches it");
        return Err((StatusCode::BAD_REQUEST, message));
    }
    let id = service.waiting.receive(&stream, &name, body).await?;
    let (files, path) = (Arc::clone(&service.files), service.waiting.path(&id));
    let preview = {
        let (stream, name) = (stream.clone(), name.clone());
        blocking(move || files.preview(&stream, &name, &path)).await
    };
    let answer = match preview {
        Ok(preview) => json!({"id": id, "stream": stream, "name": name, "preview": preview}),
        Err(error) => {
            // What would be rejected need not wait.
            service.waiting.remove(&id).map_err(|error| told(&error))?;
            return Err(told(&error));
        }
    };
    Ok(said(StatusCode::OK, answer))
}

/// Puts a file where its stream's files are, and has it loaded.
async fn confirm(
    service: &FileService,
    id: &str,
    found: waiting::Found,
) -> Result<Response, Wrong> {
    let (files, path) = (Arc::clone(&service.files), service.waiting.path(id));
    let (stream, name) = (found.stream.clone(), found.name.clone());
    let kept = blocking(move || files.keep(&stream, &name, &path)).await;
    if kept.map_err(|error| told(&error))? == Kept::Other {
        let message = format!(
            "there is another file `{}`: give this one another name",
            found.name
        );
        return Err((StatusCode::CONFLICT, message));
    }
    telemetry::failpoint("upload.after_keep");
    let file = AnnouncedFile {
        path: found.name.clone(),
        size: Some(found.size),
    };
    let announced = service
        .announce(&found.stream, Some(format!("upload {id}")), vec![file])
        .await;
    let announced = announced.map_err(|error| told(&error))?;
    service.waiting.remove(id).map_err(|error| told(&error))?;
    let status = match announced {
        Announced::New => "accepted",
        Announced::Before | Announced::Otherwise => "duplicate",
    };
    Ok(said(
        StatusCode::OK,
        json!({"status": status, "stream": found.stream, "name": found.name}),
    ))
}

/// What became of a file that was confirmed.
async fn state(service: &FileService, stream: String, name: String) -> Result<Response, Wrong> {
    let store = Arc::clone(&service.store);
    let found = blocking(move || store.latest(&stream, &name)).await;
    let answer = match found.map_err(|error| told(&error))? {
        None => json!({"state": "unknown"}),
        Some(None) => json!({"state": "loading"}),
        Some(Some(fate)) => json!({
            "state": if fate.loaded { "loaded" } else { "failed" },
            "rows": fate.rows, "quarantined": fate.quarantined, "error": fate.error,
        }),
    };
    Ok(said(StatusCode::OK, answer))
}

/// The disk, or what else the server cannot do without, failed.
fn unusable(what: &str, cause: std::io::Error) -> Wrong {
    let error = Error::new(codes::W1003, what.to_owned()).because(cause);
    told(&error)
}
