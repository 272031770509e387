//! Snowpipe's REST API for streams of files
//! (<https://docs.snowflake.com/en/user-guide/data-load-snowpipe-rest-apis>): a pipe is a stream, `source.stream`,
//! and paths are those below the source's folder or location.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::Request;
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::Response;
use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use serde::Deserialize;
use serde_json::{Value, json};
use state::{Announced, AnnouncedFile, SettledFile};
use tokio::sync::Semaphore;
use url::form_urlencoded;

use crate::arrivals::blocking;
use crate::file_service::{FileService, not_read};
use crate::files::{FilePlace, FileStream};
use crate::response::{self, later, said};

/// Files that one request may name, and bytes of a path.
const MOST_FILES: usize = 5_000;
const LONGEST_PATH: usize = 1_024;
/// What a body of such files takes at most, with room for blanks.
const MOST_BYTES: u64 = 12 << 20;
/// Files that a report tells of, and for how long `insertReport` does.
const MOST_REPORTED: u32 = 10_000;
const REPORTED_FOR: TimeDelta = TimeDelta::minutes(10);
/// What marks begin with, so that another kind of mark can be told apart one day.
const MARK: &str = "1_";

/// What is wrong with a request.
type Wrong = (StatusCode, String);

/// Answers a request to `endpoint` of `pipe`.
pub(crate) async fn answer(
    service: &FileService,
    memory: &Arc<Semaphore>,
    (pipe, endpoint): (&str, &str),
    request: Request,
) -> Response {
    let method = match endpoint {
        "insertFiles" => Method::POST,
        "insertReport" | "loadHistoryScan" => Method::GET,
        _ => {
            return refused((
                StatusCode::NOT_FOUND,
                format!("there is no endpoint `{endpoint}`"),
            ));
        }
    };
    if request.method() != method {
        let message = format!("`{endpoint}` is called by {method}");
        return refused((StatusCode::METHOD_NOT_ALLOWED, message));
    }
    let (parts, body, _memory) = match response::read(memory, request, MOST_BYTES).await {
        Ok(read) => read,
        Err(unread) => return not_read(&unread),
    };
    let caller = match service.caller(&parts.headers) {
        Ok(caller) => caller,
        Err(reason) => {
            tracing::warn!(pipe, reason, "a caller is refused");
            return refused((StatusCode::UNAUTHORIZED, reason.to_owned()));
        }
    };
    // Who may not know of a pipe is not told that it is there.
    let stream = service.stream(pipe).filter(|_| caller.may_name(pipe));
    let Some(stream) = stream else {
        let message = format!(
            "pipe `{pipe}` does not exist, or `{}` may not name it",
            caller.name
        );
        return refused((StatusCode::NOT_FOUND, message));
    };
    let query = Query::read(parts.uri.query().unwrap_or_default());
    let answered = match endpoint {
        "insertFiles" => insert(service, stream, &query, &parts.headers, &body).await,
        "insertReport" => report(service, stream, &query).await,
        _ => scan(service, stream, &query).await,
    };
    answered.unwrap_or_else(refused)
}

/// As Snowflake words its errors.
fn refused((status, message): Wrong) -> Response {
    let body = json!({
        "code": status.as_str(), "message": message, "success": false, "data": null, "headers": null
    });
    let response = said(status, body);
    match status {
        StatusCode::SERVICE_UNAVAILABLE => later(response),
        _ => response,
    }
}

fn unusable(error: &diagnostic::Error) -> Wrong {
    tracing::error!(%error, "a caller cannot be served");
    let message = "the request could not be kept or answered; send it again".to_owned();
    (StatusCode::SERVICE_UNAVAILABLE, message)
}

/// The parameters of a request.
#[derive(Default)]
struct Query {
    request: Option<String>,
    begin_mark: Option<String>,
    recent: Option<String>,
    from: Option<String>,
    to: Option<String>,
    show_skipped: bool,
}

impl Query {
    fn read(query: &str) -> Self {
        let mut read = Self::default();
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            let value = Some(value.into_owned()).filter(|value| !value.is_empty());
            match name.as_ref() {
                "requestId" => read.request = value,
                "beginMark" => read.begin_mark = value,
                "recentSeconds" => read.recent = value,
                "startTimeInclusive" => read.from = value,
                "endTimeExclusive" => read.to = value,
                "showSkippedFiles" => {
                    read.show_skipped =
                        value.is_some_and(|value| value.eq_ignore_ascii_case("true"));
                }
                _ => {}
            }
        }
        read
    }
}

#[derive(Deserialize)]
struct Insert {
    files: Vec<Listed>,
}

#[derive(Deserialize)]
struct Listed {
    path: String,
    size: Option<u64>,
}

async fn insert(
    service: &FileService,
    stream: &FileStream,
    query: &Query,
    headers: &HeaderMap,
    body: &Bytes,
) -> Result<Response, Wrong> {
    let wrong = |message: String| (StatusCode::BAD_REQUEST, message);
    let files = listed(headers, body).map_err(wrong)?;
    if files.len() > MOST_FILES {
        let message = format!(
            "a request names at most {MOST_FILES} files, found {}",
            files.len()
        );
        return Err(wrong(message));
    }
    let (mut wanted, mut unmatched) = (Vec::new(), Vec::new());
    for file in files {
        let path = checked(&file.path).map_err(wrong)?;
        match service.belongs(stream, path) {
            true => wanted.push(AnnouncedFile {
                path: path.to_owned(),
                size: file.size,
            }),
            false => unmatched.push(path.to_owned()),
        }
    }
    let kept = match wanted.is_empty() {
        true => Announced::New,
        false => {
            let kept = service
                .announce(&stream.name, query.request.clone(), wanted)
                .await;
            kept.map_err(|error| unusable(&error))?
        }
    };
    if kept == Announced::Otherwise {
        return Err(wrong(
            "this requestId was sent before with other files".to_owned(),
        ));
    }
    let mut answer = json!({
        "requestId": query.request.clone().unwrap_or_else(|| uuid::Uuid::new_v4().to_string()),
        "status": "success",
    });
    if query.show_skipped {
        answer["unmatchedPatternFiles"] = unmatched.into();
    }
    Ok(said(StatusCode::OK, answer))
}

/// The files that a body names: JSON, or a path a line.
fn listed(headers: &HeaderMap, body: &Bytes) -> Result<Vec<Listed>, String> {
    let kind = headers.get(header::CONTENT_TYPE);
    let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    match kind {
        "application/json" => {
            let insert: Insert = serde_json::from_slice(body).map_err(|cause| {
                format!("the body is not {{\"files\": [{{\"path\": …}}]}}: {cause}")
            })?;
            Ok(insert.files)
        }
        "text/plain" => {
            let text = std::str::from_utf8(body).map_err(|_| "the body is not UTF-8".to_owned())?;
            let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
            let listed = |path: &str| Listed {
                path: path.to_owned(),
                size: None,
            };
            Ok(lines.map(listed).collect())
        }
        _ => Err("Content-Type is `application/json` or `text/plain`".to_owned()),
    }
}

/// A path below the source's folder or location.
pub(crate) fn checked(path: &str) -> Result<&str, String> {
    if path.len() > LONGEST_PATH {
        return Err(format!(
            "a path has at most {LONGEST_PATH} bytes, found {}",
            path.len()
        ));
    }
    let plain = path.trim_start_matches("./");
    let climbs = plain.split('/').any(|part| matches!(part, "" | "." | ".."));
    match climbs || plain.contains('\\') {
        true => Err(format!("`{path}` is no path below the pipe's folder")),
        false => Ok(plain),
    }
}

async fn report(
    service: &FileService,
    stream: &FileStream,
    query: &Query,
) -> Result<Response, Wrong> {
    let begin = match &query.begin_mark {
        None => 0,
        Some(mark) => mark
            .strip_prefix(MARK)
            .and_then(|mark| mark.parse().ok())
            .ok_or_else(|| {
                (
                    StatusCode::BAD_REQUEST,
                    format!("`{mark}` is no mark of a report"),
                )
            })?,
    };
    let range = match &query.recent {
        None => REPORTED_FOR,
        Some(seconds) => {
            let wrong = || format!("`recentSeconds` is a whole number, found `{seconds}`");
            let seconds = seconds
                .parse::<u32>()
                .map_err(|_| (StatusCode::BAD_REQUEST, wrong()))?;
            REPORTED_FOR.min(TimeDelta::seconds(seconds.into()))
        }
    };
    let now = Utc::now();
    let (files, complete) = settled(service, stream, begin, (now - range, now)).await?;
    let last = files.last().map_or(begin, |file| file.mark);
    Ok(said(
        StatusCode::OK,
        json!({
            "pipe": stream.name,
            "completeResult": complete,
            "nextBeginMark": format!("{MARK}{last}"),
            "files": shown(stream, &files),
        }),
    ))
}

async fn scan(
    service: &FileService,
    stream: &FileStream,
    query: &Query,
) -> Result<Response, Wrong> {
    let time = |name: &str, text: &str| {
        let read = DateTime::parse_from_rfc3339(text);
        let wrong = |_| {
            (
                StatusCode::BAD_REQUEST,
                format!("`{name}` is no ISO-8601 time: `{text}`"),
            )
        };
        read.map(|time| time.to_utc()).map_err(wrong)
    };
    let Some(from) = &query.from else {
        return Err((
            StatusCode::BAD_REQUEST,
            "`startTimeInclusive` is missing".to_owned(),
        ));
    };
    let from = time("startTimeInclusive", from)?;
    let to = match &query.to {
        Some(to) => time("endTimeExclusive", to)?,
        None => Utc::now(),
    };
    let (files, complete) = settled(service, stream, 0, (from, to)).await?;
    let text = |time: DateTime<Utc>| time.to_rfc3339_opts(SecondsFormat::Millis, true);
    let ends = files.first().zip(files.last());
    let ends = ends.map(|(first, last)| (&first.settled_at, &last.settled_at));
    Ok(said(
        StatusCode::OK,
        json!({
            "completeResult": complete,
            "startTimeInclusive": text(from),
            "endTimeExclusive": text(to),
            "rangeStartTime": ends.map(|(first, _)| first),
            "rangeEndTime": ends.map(|(_, last)| last),
            "pipe": stream.name,
            "files": shown(stream, &files),
        }),
    ))
}

async fn settled(
    service: &FileService,
    stream: &FileStream,
    begin: i64,
    range: (DateTime<Utc>, DateTime<Utc>),
) -> Result<(Vec<SettledFile>, bool), Wrong> {
    let (store, name) = (Arc::clone(&service.store), stream.name.clone());
    let found = blocking(move || store.settled(&name, begin, range, MOST_REPORTED)).await;
    found.map_err(|error| unusable(&error))
}

/// Files as Snowpipe's reports have them. Rows that break a rule are kept in quarantine whatever their number, as
/// `ON_ERROR = CONTINUE` has it, so the limit of errors is the number of rows.
fn shown(stream: &FileStream, files: &[SettledFile]) -> Vec<Value> {
    let location = match &stream.place {
        FilePlace::Folder(folder) => format!("file://{}/", folder.display()),
        FilePlace::Bucket { bucket, prefix } if prefix.is_empty() => format!("s3://{bucket}/"),
        FilePlace::Bucket { bucket, prefix } => format!("s3://{bucket}/{prefix}/"),
    };
    let show = |file: &SettledFile| {
        let fate = &file.fate;
        let status = match (fate.loaded, fate.quarantined) {
            (false, _) => "LOAD_FAILED",
            (true, 0) => "LOADED",
            (true, _) => "PARTIALLY_LOADED",
        };
        let mut shown = json!({
            "path": file.path,
            "stageLocation": location,
            "fileSize": fate.size,
            "timeReceived": file.received_at,
            "lastInsertTime": file.settled_at,
            "rowsInserted": fate.rows - fate.quarantined.min(fate.rows),
            "rowsParsed": fate.rows,
            "errorsSeen": match fate.loaded { true => fate.quarantined, false => 1 },
            "errorLimit": fate.rows.max(1),
            "complete": true,
            "status": status,
        });
        if let Some(error) = &fate.error {
            shown["firstError"] = error.as_str().into();
        }
        shown
    };
    files.iter().map(show).collect()
}

#[cfg(test)]
mod tests {
    use super::checked;

    #[test]
    fn paths_stay_below_their_folder() {
        assert_eq!(checked("./a/b.csv"), Ok("a/b.csv"));
        for wrong in ["", "/etc/passwd", "a/../b", "a//b", "..\\b", "a/./b"] {
            assert!(checked(wrong).is_err(), "{wrong}");
        }
        assert!(checked(&"x".repeat(1025)).is_err());
    }
}
