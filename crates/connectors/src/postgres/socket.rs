//! A blocking socket: TCP or Unix, plain or encrypted, with a deadline for reads.

use std::io::{self, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
#[cfg(unix)]
use std::os::unix::net::UnixStream;
use std::time::Duration;

use bytes::BytesMut;
use diagnostic::{Error, Result, ResultExt, codes};
use rustls::{ClientConnection, StreamOwned};
use settings::{PostgresConnection, SslMode};

use super::{frontend, tls};

/// A connection's bytes.
pub(super) enum Socket {
    Tcp(TcpStream),
    Tls(Box<StreamOwned<ClientConnection, TcpStream>>),
    #[cfg(unix)]
    Unix(UnixStream),
}

impl Socket {
    /// Connects, and encrypts if the settings ask for it.
    pub(super) fn connect(config: &PostgresConnection) -> Result<Self> {
        #[cfg(unix)]
        if config.host.starts_with('/') {
            let path = format!("{}/.s.PGSQL.{}", config.host, config.port);
            return UnixStream::connect(&path)
                .map(Self::Unix)
                .explain(codes::P1001, || unreachable_server(config));
        }
        let stream = connect_tcp(config)?;
        match config.sslmode {
            SslMode::Disable => Ok(Self::Tcp(stream)),
            mode => encrypt(stream, mode, config),
        }
    }

    /// How long a read may wait; `None` is for ever.
    pub(super) fn set_read_timeout(&self, timeout: Option<Duration>) -> io::Result<()> {
        match self {
            Self::Tcp(stream) => stream.set_read_timeout(timeout),
            Self::Tls(stream) => stream.sock.set_read_timeout(timeout),
            #[cfg(unix)]
            Self::Unix(stream) => stream.set_read_timeout(timeout),
        }
    }
}

impl Read for Socket {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.read(buffer),
            Self::Tls(stream) => stream.read(buffer),
            #[cfg(unix)]
            Self::Unix(stream) => stream.read(buffer),
        }
    }
}

impl Write for Socket {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.write(buffer),
            Self::Tls(stream) => stream.write(buffer),
            #[cfg(unix)]
            Self::Unix(stream) => stream.write(buffer),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Tcp(stream) => stream.flush(),
            Self::Tls(stream) => stream.flush(),
            #[cfg(unix)]
            Self::Unix(stream) => stream.flush(),
        }
    }
}

pub(super) fn unreachable_server(config: &PostgresConnection) -> String {
    format!(
        "The PostgreSQL server at `{}:{}` cannot be reached",
        config.host, config.port
    )
}

/// Tries every address of the host, in the order the resolver gives them.
fn connect_tcp(config: &PostgresConnection) -> Result<TcpStream> {
    let wrong = || unreachable_server(config);
    let timeout = Duration::from_secs(config.connect_timeout.max(1));
    let addresses = (config.host.as_str(), config.port)
        .to_socket_addrs()
        .explain(codes::P1001, wrong)?;
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the host has no address");
    for address in addresses {
        match TcpStream::connect_timeout(&address, timeout) {
            Ok(stream) => {
                stream.set_nodelay(true).explain(codes::P1001, wrong)?;
                stream
                    .set_write_timeout(Some(Duration::from_secs(60)))
                    .explain(codes::P1001, wrong)?;
                return Ok(stream);
            }
            Err(error) => last = error,
        }
    }
    Err(Error::new(codes::P1001, wrong()).because(last))
}

/// Asks for encryption
/// (<https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-FLOW-SSL>).
fn encrypt(mut stream: TcpStream, mode: SslMode, config: &PostgresConnection) -> Result<Socket> {
    let wrong = || unreachable_server(config);
    let timeout = Duration::from_secs(config.connect_timeout.max(1));
    stream
        .set_read_timeout(Some(timeout))
        .explain(codes::P1001, wrong)?;
    let mut request = BytesMut::new();
    frontend::ssl_request(&mut request);
    stream.write_all(&request).explain(codes::P1001, wrong)?;
    // Exactly one byte: more would let somebody in between slip in plain text before the handshake.
    let mut answer = [0];
    stream
        .read_exact(&mut answer)
        .explain(codes::P1001, wrong)?;
    match (answer, mode) {
        ([b'S'], _) => tls::handshake(stream, mode, config).map(|tls| Socket::Tls(Box::new(tls))),
        ([b'N'], SslMode::Prefer) => Ok(Socket::Tcp(stream)),
        ([b'N'], _) => Err(Error::new(
            codes::P1003,
            format!(
                "The PostgreSQL server at `{}:{}` does not encrypt connections",
                config.host, config.port
            ),
        )
        .help("set `ssl = on` on the server, or `sslmode: prefer` if the network is trusted")),
        _ => Err(Error::new(
            codes::P1005,
            format!(
                "What listens at `{}:{}` is no PostgreSQL server",
                config.host, config.port
            ),
        )),
    }
}
