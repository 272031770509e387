//! [`Served`]: a running `sluice serve`, and [`Sender`]: who sends to it.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ring::hmac;
use serde_json::Value;

use super::SECRET;
use crate::end_to_end::shop::Shop;

/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// A process that serves. It ends with this value.
pub struct Served {
    process: Child,
    address: SocketAddr,
    log: Arc<Mutex<String>>,
}

impl Served {
    /// Starts one on a free port, with further variables of the environment.
    pub fn start(shop: &Shop, environment: &[(&str, &str)]) -> Self {
        Self::start_with(shop, &[], environment)
    }

    /// The same with further arguments.
    pub fn start_with(shop: &Shop, further: &[&str], environment: &[(&str, &str)]) -> Self {
        let mut process = shop
            .command(&[
                "-v",
                "serve",
                "--listen",
                "127.0.0.1:0",
                "--segment-seconds",
                "1",
            ])
            .args(further)
            .env("HOOK_SECRET", SECRET)
            .envs(environment.iter().copied())
            .stderr(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let mut said = BufReader::new(process.stderr.take().unwrap());
        let mut all = String::new();
        let address = loop {
            let from = all.len();
            assert!(said.read_line(&mut all).unwrap() > 0, "it ended: {all}");
            if let Some((_, rest)) = all[from..].split_once("Ready at ") {
                let (_, rest) = rest.split_once("://").unwrap();
                break rest.split_once(". ").unwrap().0.parse().unwrap();
            }
        };
        // The rest is read, so that it never waits for somebody to read.
        let log = Arc::new(Mutex::new(String::new()));
        let kept = Arc::clone(&log);
        std::thread::spawn(move || {
            let mut line = String::new();
            while said.read_line(&mut line).is_ok_and(|length| length > 0) {
                kept.lock().unwrap().push_str(&line);
                line.clear();
            }
        });
        Self {
            process,
            address,
            log,
        }
    }

    /// What it has told since it was ready.
    pub fn log(&self) -> String {
        self.log.lock().unwrap().clone()
    }

    /// Sends it a signal.
    pub fn signal(&self, name: &str) {
        let pid = self.process.id().to_string();
        let sent = Command::new("kill").args([name, &pid]).status().unwrap();
        assert!(sent.success());
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Ends it as Ctrl-C does.
    pub fn end(mut self) {
        let pid = self.process.id().to_string();
        assert!(
            Command::new("kill")
                .args(["-INT", &pid])
                .status()
                .unwrap()
                .success()
        );
        assert!(self.process.wait().unwrap().success());
    }

    /// Ends it as `kill -9` does.
    pub fn kill(&self) {
        let pid = self.process.id().to_string();
        // It may be dead already: that is what failpoints are for.
        let _killed = Command::new("kill").args(["-KILL", &pid]).status().unwrap();
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        // Tests that fail leave it running; one that has ended cannot be ended again.
        let _ended = self.process.kill();
        let _status = self.process.wait();
    }
}

/// Sends requests, each over a connection of its own.
pub struct Sender {
    address: SocketAddr,
}

/// What was answered.
pub struct Answer {
    pub status: u16,
    pub body: String,
}

impl Answer {
    /// The text of a member of a JSON answer.
    pub fn says(&self, member: &str) -> String {
        let body: Value = serde_json::from_str(&self.body).unwrap();
        body[member].as_str().unwrap_or_default().to_owned()
    }
}

impl Sender {
    pub fn to(served: &Served) -> Self {
        Self {
            address: served.address,
        }
    }

    /// Sends a body signed as GitHub signs.
    pub fn signed(&self, path: &str, body: &str) -> Answer {
        self.try_signed(path, body).unwrap()
    }

    /// The same to a server that may go away; `None` if there is no answer.
    pub fn try_signed(&self, path: &str, body: &str) -> Option<Answer> {
        let key = hmac::Key::new(hmac::HMAC_SHA256, SECRET.as_bytes());
        let tag = hmac::sign(&key, body.as_bytes());
        let digits: String = tag
            .as_ref()
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        let tag = format!("sha256={digits}");
        self.request("POST", path, &[("x-hub-signature-256", &tag)], body)
    }

    pub fn post(&self, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        self.request("POST", path, headers, body).unwrap()
    }

    pub fn get(&self, path: &str) -> Answer {
        self.request("GET", path, &[], "").unwrap()
    }

    pub fn request(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Option<Answer> {
        let mut stream = TcpStream::connect_timeout(&self.address, PATIENCE).ok()?;
        stream.set_read_timeout(Some(PATIENCE)).ok()?;
        let json = [("content-type", "application/json")];
        let kind = headers.iter().any(|(name, _)| *name == "content-type");
        let headers: String = json[usize::from(kind)..]
            .iter()
            .chain(headers)
            .map(|(name, value)| format!("{name}: {value}\r\n"))
            .collect();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nhost: test\r\nconnection: close\r\ncontent-length: {}\r\n{headers}\r\n{body}",
            body.len()
        );
        stream.write_all(request.as_bytes()).ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        let (head, body) = answer.split_once("\r\n\r\n")?;
        Some(Answer {
            status: head.split(' ').nth(1)?.parse().ok()?,
            body: body.to_owned(),
        })
    }
}
