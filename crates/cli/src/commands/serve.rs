//! `sluice serve`: takes in the events that other systems send.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use clap::Args;
use diagnostic::{Error, Result, codes};

use crate::arguments::Globals;
use crate::commands::{Exit, open_project, watch};
use crate::output::message;

/// The port if none is named: the alternative for HTTP in IANA's registry.
const PORT: u16 = 8080;

/// Where to listen, and how soon runs see what came.
#[derive(Debug, Args)]
pub struct Arguments {
    /// The address to listen at; others than this machine's own need a proxy that encrypts
    #[arg(long, default_value_t = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), PORT))]
    pub listen: SocketAddr,
    /// Seconds after which a file of events is complete and the next run reads it
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..))]
    pub segment_seconds: u64,
}

/// Serves until Ctrl-C or SIGTERM.
pub fn serve(globals: &Globals, arguments: &Arguments) -> Result<Exit> {
    let project = open_project(globals)?;
    let endpoints = platform::endpoints(&project);
    if endpoints.is_empty() {
        return Err(Error::new(
            codes::O1002,
            "This project has no source of `kind: webhook`",
        )
        .help("docs/tutorials/webhooks.md says how to write one"));
    }
    watch::runtime()?.block_on(async {
        let age = Duration::from_secs(arguments.segment_seconds);
        let server = push::serve(&endpoints, arguments.listen, age).await?;
        let address = server.address()?;
        for endpoint in &endpoints {
            let stream = &endpoint.stream;
            message(&format!(
                "{}.{}  POST http://{address}{}",
                endpoint.source, stream.name.value, stream.path
            ));
        }
        if !address.ip().is_loopback() {
            message("warning: this address is open to others and does not encrypt; put a proxy in front");
        }
        message("Ready. Ctrl-C ends it.");
        server.run(watch::stop_signal()).await?;
        message("Ended; all events are kept.");
        Ok(Exit::Done)
    })
}
