//! An S3 server for tests: moto's, on loopback, gone with the test. Also used by the tests of other crates.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A server that keeps its buckets in memory.
pub struct S3Server {
    child: Child,
    pub address: SocketAddr,
}

impl S3Server {
    /// Starts one with `buckets`.
    pub fn start(buckets: &[&str]) -> Self {
        let free = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = free.local_addr().unwrap();
        drop(free);
        let child = Command::new(python())
            .args(["-m", "moto.server", "-H", "127.0.0.1", "-p"])
            .arg(address.port().to_string())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("moto is installed by scripts/test");
        let mut server = Self { child, address };
        let began = Instant::now();
        while TcpStream::connect(address).is_err() {
            assert!(
                server.child.try_wait().unwrap().is_none(),
                "moto ended: is it installed (scripts/test)?"
            );
            assert!(
                began.elapsed() < Duration::from_secs(60),
                "moto does not start"
            );
            std::thread::sleep(Duration::from_millis(50));
        }
        for bucket in buckets {
            let answer = server.request("PUT", &format!("/{bucket}"));
            assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        }
        server
    }

    /// The endpoint as stores take it.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Sends a request without a body, unsigned: moto checks no signatures.
    pub fn request(&self, method: &str, path: &str) -> String {
        let mut stream = TcpStream::connect(self.address).unwrap();
        let head = "Content-Length: 0\r\nConnection: close\r\n\r\n";
        write!(stream, "{method} {path} HTTP/1.1\r\nHost: s3\r\n{head}").unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        String::from_utf8_lossy(&answer).into_owned()
    }
}

impl Drop for S3Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The Python that has what tests need: `scripts/test` sees to it.
pub fn python() -> PathBuf {
    if let Some(python) = std::env::var_os("SLUICE_PYTHON") {
        return python.into();
    }
    let home = std::env::var_os("HOME").unwrap();
    PathBuf::from(home).join(".cache/sluice/peers/bin/python")
}
