//! A proxy before an S3 server that fails on purpose. Also used by the tests of other crates.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// What happens to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It does not reach the server, whose answer would have been this status.
    Status(u16),
    /// The server carries it out; the answer is lost.
    AnswerLost,
    /// Half of the answer arrives.
    AnswerCut,
    /// The connection is closed at once.
    Dropped,
    /// Nothing happens for a while, then the connection is closed.
    Hangs(Duration),
    /// The server never sees the condition of a conditional write.
    ConditionDropped,
}

/// Decides by number (from 0), method and path of a request.
type Rule = Box<dyn Fn(usize, &str, &str) -> Option<Fault> + Send>;

/// A proxy; its threads end with the process.
pub struct Proxy {
    pub address: SocketAddr,
    rule: Arc<Mutex<Rule>>,
    seen: Arc<AtomicUsize>,
    failed: Arc<AtomicUsize>,
}

impl Proxy {
    /// A proxy before `server`, which fails nothing yet.
    pub fn start(server: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let proxy = Self {
            address: listener.local_addr().unwrap(),
            rule: Arc::new(Mutex::new(Box::new(|_, _, _| None))),
            seen: Arc::default(),
            failed: Arc::default(),
        };
        let (rule, seen, failed) = (
            Arc::clone(&proxy.rule),
            Arc::clone(&proxy.seen),
            Arc::clone(&proxy.failed),
        );
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let (rule, seen, failed) =
                    (Arc::clone(&rule), Arc::clone(&seen), Arc::clone(&failed));
                std::thread::spawn(move || {
                    let decide = |method: &str, path: &str| {
                        let number = seen.fetch_add(1, Ordering::SeqCst);
                        let fault = (rule.lock().unwrap())(number, method, path);
                        failed.fetch_add(usize::from(fault.is_some()), Ordering::SeqCst);
                        fault
                    };
                    let _ = serve(client, server, decide);
                });
            }
        });
        proxy
    }

    /// The endpoint as stores take it.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Fails requests by `rule` from now on; they are counted anew.
    pub fn fail(&self, rule: impl Fn(usize, &str, &str) -> Option<Fault> + Send + 'static) {
        *self.rule.lock().unwrap() = Box::new(rule);
        self.seen.store(0, Ordering::SeqCst);
        self.failed.store(0, Ordering::SeqCst);
    }

    /// How many requests failed since [`Proxy::fail`].
    pub fn failed(&self) -> usize {
        self.failed.load(Ordering::SeqCst)
    }
}

/// Serves one request and closes the connection.
fn serve(
    mut client: TcpStream,
    server: SocketAddr,
    decide: impl Fn(&str, &str) -> Option<Fault>,
) -> std::io::Result<()> {
    let Some((head, body)) = message(&mut client)? else {
        return Ok(());
    };
    let mut words = head.split_whitespace();
    let (method, path) = (
        words.next().unwrap_or_default(),
        words.next().unwrap_or_default(),
    );
    let fault = decide(method, path);
    match fault {
        Some(Fault::Status(status)) => {
            let text = "<Error><Code>SlowDown</Code><Message>on purpose</Message></Error>";
            let length = text.len();
            return write!(
                client,
                "HTTP/1.1 {status} No\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{text}"
            );
        }
        Some(Fault::Dropped) => return client.shutdown(Shutdown::Both),
        Some(Fault::Hangs(time)) => {
            std::thread::sleep(time);
            return client.shutdown(Shutdown::Both);
        }
        _ => {}
    }
    let dropped = |line: &&str| {
        let name = line
            .split(':')
            .next()
            .unwrap_or_default()
            .to_ascii_lowercase();
        name == "connection" || (name == "if-none-match" && fault == Some(Fault::ConditionDropped))
    };
    let lines: Vec<&str> = head.lines().filter(|line| !dropped(line)).collect();
    let mut upstream = TcpStream::connect(server)?;
    write!(
        upstream,
        "{}\r\nConnection: close\r\n\r\n",
        lines.join("\r\n")
    )?;
    upstream.write_all(&body)?;
    let mut answer = Vec::new();
    upstream.read_to_end(&mut answer)?;
    match fault {
        Some(Fault::AnswerLost) => {}
        Some(Fault::AnswerCut) => client.write_all(&answer[..answer.len() / 2])?,
        _ => client.write_all(&answer)?,
    }
    client.shutdown(Shutdown::Both)
}

/// The head without its last empty line, and the body.
fn message(stream: &mut TcpStream) -> std::io::Result<Option<(String, Vec<u8>)>> {
    let mut bytes = Vec::new();
    let mut piece = [0; 64 << 10];
    let end = loop {
        let read = stream.read(&mut piece)?;
        if read == 0 {
            return Ok(None);
        }
        bytes.extend_from_slice(&piece[..read]);
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break end;
        }
    };
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let length = head
        .lines()
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .and_then(|(_, length)| length.trim().parse().ok())
        .unwrap_or(0);
    let mut body = bytes.split_off(end + 4);
    while body.len() < length {
        let read = stream.read(&mut piece)?;
        if read == 0 {
            break;
        }
        body.extend_from_slice(&piece[..read]);
    }
    Ok(Some((head, body)))
}
