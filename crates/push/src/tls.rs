//! [`TlsListener`]: connections that are encrypted by rustls, TLS 1.2 and later.

use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use axum::serve::Listener;
use chrono::{DateTime, Utc};
use diagnostic::{Error, Result, ResultExt, codes};
use parking_lot::RwLock;
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use settings::TlsFiles;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::der;

/// How long a client may take to agree on a key.
const PATIENCE: Duration = Duration::from_secs(10);
/// Clients that may be at it at once.
const HANDSHAKES: usize = 256;

/// A certificate that may be replaced while the server runs.
#[derive(Clone)]
pub(crate) struct Tls {
    files: TlsFiles,
    config: Arc<RwLock<Arc<ServerConfig>>>,
}

impl Tls {
    /// Reads the certificate and its key.
    ///
    /// # Errors
    /// `W1004` if they cannot be read, do not belong together, or do not hold now.
    pub(crate) fn new(files: TlsFiles) -> Result<Self> {
        let config = read(&files, Utc::now())?;
        Ok(Self {
            files,
            config: Arc::new(RwLock::new(Arc::new(config))),
        })
    }

    /// Reads the files again whenever the process gets SIGHUP; files that are wrong change nothing.
    async fn reload(self) {
        #[cfg(unix)]
        {
            use tokio::signal::unix::{SignalKind, signal};
            let Ok(mut signals) = signal(SignalKind::hangup()) else {
                return;
            };
            while signals.recv().await.is_some() {
                match read(&self.files, Utc::now()) {
                    Ok(config) => {
                        *self.config.write() = Arc::new(config);
                        tracing::info!("the certificate was read again");
                    }
                    Err(error) => tracing::error!(%error, "the old certificate stays"),
                }
            }
        }
    }
}

fn read(files: &TlsFiles, now: DateTime<Utc>) -> Result<ServerConfig> {
    let (path, key_path) = (files.certificate.as_path(), files.key.as_path());
    let chain = certificates(path)?;
    let first = chain.first().map(AsRef::as_ref).unwrap_or_default();
    check_time(path, first, now)?;
    let key = PrivateKeyDer::from_pem_file(key_path).explain(codes::W1004, || {
        format!("`{}` holds no private key in PEM", key_path.display())
    })?;
    let wrong = || {
        format!(
            "The certificate `{}` and the key `{}` cannot be used",
            path.display(),
            key_path.display()
        )
    };
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .explain(codes::W1004, wrong)?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .explain(codes::W1004, wrong)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>> {
    let wrong = || format!("`{}` holds no certificate in PEM", path.display());
    let chain: Vec<_> = CertificateDer::pem_file_iter(path)
        .explain(codes::W1004, wrong)?
        .map(|certificate| certificate.explain(codes::W1004, wrong))
        .collect::<Result<_>>()?;
    match chain.is_empty() {
        true => Err(Error::new(codes::W1004, wrong())),
        false => Ok(chain),
    }
}

fn check_time(path: &Path, certificate: &[u8], now: DateTime<Utc>) -> Result<()> {
    let path = path.display();
    let Some((from, until)) = der::validity(certificate) else {
        return Err(Error::new(
            codes::W1004,
            format!("`{path}` does not say how long it holds"),
        ));
    };
    if now > until {
        let message = format!("The certificate `{path}` expired on {}", until.date_naive());
        return Err(Error::new(codes::W1004, message)
            .help("renew it; SIGHUP has a running server read it again"));
    }
    match now < from {
        true => {
            let message = format!(
                "The certificate `{path}` does not hold before {}",
                from.date_naive()
            );
            Err(Error::new(codes::W1004, message).help("does this machine's clock stand right?"))
        }
        false => Ok(()),
    }
}

/// Gives connections whose clients have agreed on a key. Others do not hold it up.
pub(crate) struct TlsListener {
    address: io::Result<SocketAddr>,
    ready: Receiver<(TlsStream<TcpStream>, SocketAddr)>,
}

impl TlsListener {
    /// Takes connections of `listener` from now on.
    pub(crate) fn start(listener: TcpListener, tls: Tls) -> Self {
        let address = listener.local_addr();
        let (tell, ready) = channel(HANDSHAKES);
        tokio::spawn(tls.clone().reload());
        tokio::spawn(accept(listener, tls, tell));
        Self { address, ready }
    }
}

async fn accept(
    mut listener: TcpListener,
    tls: Tls,
    ready: Sender<(TlsStream<TcpStream>, SocketAddr)>,
) {
    let places = Arc::new(Semaphore::new(HANDSHAKES));
    while let Ok(place) = Arc::clone(&places).acquire_owned().await {
        let (stream, peer) = tokio::select! {
            accepted = Listener::accept(&mut listener) => accepted,
            () = ready.closed() => return,
        };
        let (acceptor, ready) = (
            TlsAcceptor::from(Arc::clone(&tls.config.read())),
            ready.clone(),
        );
        tokio::spawn(async move {
            let _place = place;
            match tokio::time::timeout(PATIENCE, acceptor.accept(stream)).await {
                Ok(Ok(stream)) => {
                    let _ended = ready.send((stream, peer)).await;
                }
                Ok(Err(error)) => tracing::debug!(%peer, %error, "a client does not encrypt"),
                Err(_) => tracing::debug!(%peer, "a client took too long to encrypt"),
            }
        });
    }
}

impl Listener for TlsListener {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        match self.ready.recv().await {
            Some(ready) => ready,
            None => std::future::pending().await,
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        match &self.address {
            Ok(address) => Ok(*address),
            Err(error) => Err(error.kind().into()),
        }
    }
}
