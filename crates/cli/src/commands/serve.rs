//! `sluice serve`: takes in the events that other systems send, and loads files as they arrive.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use diagnostic::{Error, Result, codes};
use platform::Arrivals;
use push::{Endpoint, FileServing, Files as _, Serving};
use settings::{Project, TlsFiles};

use crate::arguments::Globals;
use crate::commands::{Exit, open_platform, watch};
use crate::output::message;

/// The port if none is named: the alternative for HTTP in IANA's registry.
const PORT: u16 = 8080;

/// Where to listen, and how soon runs see what came.
#[derive(Debug, Args)]
pub struct Arguments {
    /// The address to listen at; others than this machine's own need a certificate
    #[arg(long, default_value_t = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), PORT))]
    pub listen: SocketAddr,
    /// Seconds after which a file of events is complete and the next run reads it
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..))]
    pub segment_seconds: u64,
    /// The server's certificate and those between it and an authority, PEM; instead of `serve.tls`
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    pub tls_certificate: Option<PathBuf>,
    /// The certificate's private key, PEM
    #[arg(long, value_name = "FILE", requires = "tls_certificate")]
    pub tls_key: Option<PathBuf>,
    /// Listen at an address that others reach though nothing is encrypted: a proxy does that
    #[arg(long)]
    pub plain_http: bool,
}

/// Serves until Ctrl-C or SIGTERM.
pub fn serve(globals: &Globals, arguments: &Arguments) -> Result<Exit> {
    let platform = Arc::new(open_platform(globals)?);
    let project = platform.project();
    let endpoints = platform::endpoints(project);
    let arrivals = Arc::new(Arrivals::new(Arc::clone(&platform))?);
    let serves_files = serves_files(project, &arrivals);
    if endpoints.is_empty() && !serves_files {
        return Err(Error::new(
            codes::O1002,
            "This project has no source of `kind: webhook`, and nothing that tells of files",
        )
        .help("docs/tutorials/webhooks.md and docs/tutorials/arrivals.md say how to write one"));
    }
    let tls = tls(arguments).or_else(|| project.serve.tls.clone());
    let is_open = !arguments.listen.ip().is_loopback() && tls.is_none();
    if is_open && !arguments.plain_http {
        return Err(Error::new(
            codes::W1001,
            format!(
                "`{}` is reached by others, and nothing would be encrypted",
                arguments.listen
            ),
        )
        .help(
            "name a certificate by `--tls-certificate` and `--tls-key` or in `serve.tls`; \
               behind a proxy that encrypts, say `--plain-http`",
        ));
    }
    let files = serves_files.then(|| FileServing {
        files: Arc::clone(&arrivals) as Arc<dyn push::Files>,
        spec: project.serve.clone(),
        folder: project.environment.state.join("serve"),
    });
    watch::runtime()?.block_on(async {
        let scheme = if tls.is_some() { "https" } else { "http" };
        let server = push::serve(Serving {
            endpoints: endpoints.clone(),
            address: arguments.listen,
            age: Duration::from_secs(arguments.segment_seconds),
            files,
            tls,
        })
        .await?;
        let address = format!("{scheme}://{}", server.address()?);
        introduce(project, &arrivals, &endpoints, &address);
        let load = async |stream: &str, scope: &push::Scope| arrivals.load(stream, scope).await;
        server.run(watch::stop_signal(), load).await?;
        message("Ended; all events are kept.");
        Ok(Exit::Done)
    })
}

fn tls(arguments: &Arguments) -> Option<TlsFiles> {
    Some(TlsFiles {
        certificate: arguments.tls_certificate.clone()?,
        key: arguments.tls_key.clone()?,
    })
}

/// Whether anybody may tell of files, or folders are watched.
fn serves_files(project: &Project, arrivals: &Arrivals) -> bool {
    let serve = &project.serve;
    let is_told = !serve.callers.is_empty() || !serve.events.is_empty();
    let streams = arrivals.streams();
    !streams.is_empty() && (is_told || streams.iter().any(|stream| stream.watch.is_some()))
}

/// Says what is served where.
fn introduce(project: &Project, arrivals: &Arrivals, endpoints: &[Endpoint], address: &str) {
    for endpoint in endpoints {
        let stream = &endpoint.stream;
        let (source, name) = (&endpoint.source, &stream.name.value);
        message(&format!("{source}.{name}  POST {address}{}", stream.path));
    }
    for stream in arrivals.streams() {
        let name = &stream.name;
        if !project.serve.callers.is_empty() {
            message(&format!(
                "{name}  POST {address}/v1/data/pipes/{name}/insertFiles"
            ));
        }
        if let Some(watch) = stream.watch {
            message(&format!("{name}  looked for every {:?}", watch.poll));
        }
    }
    if !project.serve.callers.is_empty() && !arrivals.streams().is_empty() {
        message(&format!("upload page  {address}/upload"));
    }
    for events in &project.serve.events {
        message(&format!("buckets  POST {address}{}", events.path.value));
    }
    if address.starts_with("http://") && !address.contains("//127.") && !address.contains("//[::1]")
    {
        message(
            "warning: this address is open to others and does not encrypt; put a proxy in front",
        );
    }
    message(&format!("Ready at {address}. Ctrl-C ends it."));
}
