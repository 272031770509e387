//! [`serve`]: the HTTP server.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderName, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use diagnostic::{Error, Result, ResultExt, codes};
use serde_json::json;
use settings::{TlsFiles, WebhookStream};
use tokio::net::TcpListener;
use tokio::sync::{Notify, Semaphore};

use crate::Journal;
use crate::file_service::{FileService, FileServing, Loading};
use crate::files::{LoadReport, Scope};
use crate::lane::Lane;
use crate::response::said;
use crate::tls::{Tls, TlsListener};
use crate::writer::Writer;

/// Memory for requests that are being read or wait for the disk, in KiB.
const MEMORY: usize = 64 << 10;
/// How long requests may go on after the server was told to end.
const LAST_REQUESTS: Duration = Duration::from_secs(10);
/// How long a load may go on after that; one that is given up is done by the next start.
const LAST_LOAD: Duration = Duration::from_secs(30);

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

/// What to serve, and where.
pub struct Serving {
    /// The streams of events.
    pub endpoints: Vec<Endpoint>,
    /// The address to listen at.
    pub address: SocketAddr,
    /// How old a segment of events becomes.
    pub age: Duration,
    /// The streams of files, if any are served.
    pub files: Option<FileServing>,
    /// The certificate; without one the server speaks plain HTTP.
    pub tls: Option<TlsFiles>,
}

/// A server that listens.
pub struct Server {
    listener: TcpListener,
    tls: Option<Tls>,
    shared: Shared,
    loading: Option<Loading>,
}

struct Shared {
    lanes: HashMap<String, Arc<Lane>>,
    files: Option<FileService>,
    memory: Arc<Semaphore>,
}

/// Opens the journals of what is served, and listens.
///
/// # Errors
/// `W1001` if the address cannot be listened at, `W1002` if another process serves this project, `W1003` if a
/// journal cannot be used, `W1004` if a certificate or key cannot.
pub async fn serve(serving: Serving) -> Result<Server> {
    let tls = serving.tls.map(Tls::new).transpose()?;
    let mut lanes = HashMap::new();
    for endpoint in serving.endpoints {
        let stream = endpoint.stream;
        let name = format!("{}.{}", endpoint.source, stream.name.value);
        let journal = Journal::open(&endpoint.folder, serving.age, stream.remember)?;
        let writer = Writer::start(&name, journal)?;
        let path = stream.path.clone();
        lanes.insert(path, Arc::new(Lane::new(name, stream, writer)));
    }
    let (files, loading) = match serving.files {
        Some(files) => {
            let (service, loading) = FileService::open(files)?;
            (Some(service), Some(loading))
        }
        None => (None, None),
    };
    let address = serving.address;
    let listener = TcpListener::bind(address).await.explain(codes::W1001, || {
        format!("`{address}` cannot be listened at")
    })?;
    Ok(Server {
        listener,
        tls,
        shared: Shared {
            lanes,
            files,
            memory: Arc::new(Semaphore::new(MEMORY)),
        },
        loading,
    })
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

    /// Serves until `end` comes, then ends the requests and the load that are under way and completes all segments.
    /// `load` loads files of a stream.
    ///
    /// # Errors
    /// `W1001` if the server breaks down, `W1003` if a segment cannot be completed, `K2001` if announcements cannot
    /// be read.
    pub async fn run(
        self,
        end: impl Future<Output = ()> + Send + 'static,
        load: impl AsyncFn(&str, &Scope) -> Result<LoadReport>,
    ) -> Result<()> {
        let shared = Arc::new(self.shared);
        let router = Router::new()
            .fallback(answer)
            .with_state(Arc::clone(&shared));
        let mut requests = tokio::spawn(listen(self.listener, self.tls, router, end));
        let stop = Notify::new();
        let mut loads = pin!(async {
            match self.loading {
                Some(loading) => loading.run(&stop, load).await,
                None => {
                    stop.notified().await;
                    Ok(())
                }
            }
        });
        let broken = |_| Error::new(codes::X0001, "The server broke down");
        tokio::select! {
            served = &mut requests => {
                served.map_err(broken)??;
                stop.notify_one();
                if let Ok(ended) = tokio::time::timeout(LAST_LOAD, loads).await {
                    ended?;
                }
            }
            ended = &mut loads => {
                requests.abort();
                ended?;
            }
        }
        finish(&shared).await
    }
}

/// Answers requests until `end` comes, and those that are under way then.
async fn listen(
    listener: TcpListener,
    tls: Option<Tls>,
    router: Router,
    end: impl Future<Output = ()> + Send + 'static,
) -> Result<()> {
    let ended = Arc::new(Notify::new());
    let told = Arc::clone(&ended);
    let end = async move {
        end.await;
        told.notify_one();
    };
    let overdue = async {
        ended.notified().await;
        tokio::time::sleep(LAST_REQUESTS).await;
        Ok(())
    };
    let served = match tls {
        None => {
            let server = axum::serve(listener, router).with_graceful_shutdown(end);
            tokio::select! { served = server.into_future() => served, overdue = overdue => overdue }
        }
        Some(tls) => {
            let listener = TlsListener::start(listener, tls);
            let server = axum::serve(listener, router).with_graceful_shutdown(end);
            tokio::select! { served = server.into_future() => served, overdue = overdue => overdue }
        }
    };
    served.explain(codes::W1001, || "The server broke down".to_owned())
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
    if let Some(lane) = shared.lanes.get(path).cloned() {
        if request.method() != Method::POST {
            let error = said(
                StatusCode::METHOD_NOT_ALLOWED,
                json!({"error": "events are sent by POST"}),
            );
            return ([(header::ALLOW, "POST")], error).into_response();
        }
        return lane.answer(&shared.memory, request).await;
    }
    match (request.method(), path) {
        (&Method::GET, "/health") => return (StatusCode::OK, "ok\n").into_response(),
        (&Method::GET, "/metrics") => return metrics(&shared),
        _ => {}
    }
    if let Some(files) = &shared.files
        && let Some(response) = files.answer(&shared.memory, request).await
    {
        return response;
    }
    said(
        StatusCode::NOT_FOUND,
        json!({"error": "no stream has this path"}),
    )
}

/// Counters in Prometheus's text format
/// (<https://prometheus.io/docs/instrumenting/exposition_formats/>).
fn metrics(shared: &Shared) -> Response {
    let mut text = "# HELP sluice_push_requests_total Requests of senders by what was answered.\n\
                    # TYPE sluice_push_requests_total counter\n"
        .to_owned();
    for lane in shared.lanes.values() {
        lane.count(&mut text);
    }
    const TEXT: [(HeaderName, &str); 1] = [(header::CONTENT_TYPE, "text/plain; version=0.0.4")];
    (TEXT, text).into_response()
}
