//! [`Client`]: one connection: start-up and authentication, statements, and the messages of copies.

use std::io::{self, ErrorKind, Read, Write};
use std::time::Duration;

use bytes::BytesMut;
use diagnostic::{Error, Result, ResultExt, codes};
use settings::PostgresConnection;

use super::frontend;
use super::scram::{MECHANISM, Scram, md5_hash};
use super::socket::{Socket, unreachable_server};

/// A row of a statement's result, as text.
pub type Row = Vec<Option<String>>;

/// What is read from the socket at once: a copy fills it many times a second.
const CHUNK: usize = 256 << 10;

/// One connection to a server.
pub struct Client {
    socket: Socket,
    server: String,
    /// Bytes read; those before `start` are consumed, those from `end` on are free.
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    version: u32,
    process: u32,
}

/// A message of the server: its tag, and where its body is in the buffer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Message {
    pub(super) tag: u8,
    from: usize,
    to: usize,
}

impl Client {
    /// Connects for statements and copies.
    ///
    /// # Errors
    /// `P1001` if the server does not answer, `P1002` if it refuses the user, `P1003` if the connection
    /// cannot be encrypted as asked.
    pub fn connect(config: &PostgresConnection) -> Result<Self> {
        Self::open(config, false)
    }

    /// Connects for replication commands.
    ///
    /// # Errors
    /// As [`Client::connect`].
    pub fn connect_for_replication(config: &PostgresConnection) -> Result<Self> {
        Self::open(config, true)
    }

    fn open(config: &PostgresConnection, replication: bool) -> Result<Self> {
        let socket = Socket::connect(config)?;
        let timeout = Duration::from_secs(config.connect_timeout.max(1));
        socket
            .set_read_timeout(Some(timeout))
            .explain(codes::P1001, || unreachable_server(config))?;
        let mut client = Self {
            socket,
            server: format!("{}:{}", config.host, config.port),
            buffer: vec![0; CHUNK],
            start: 0,
            end: 0,
            version: 0,
            process: 0,
        };
        client.start_up(config, replication)?;
        client.set_timeout(None)?;
        Ok(client)
    }

    /// The server's version as `server_version_num` counts: 150004 is 15.4.
    #[must_use]
    pub fn version(&self) -> u32 {
        self.version
    }

    /// The server's process that serves this connection.
    #[must_use]
    pub fn process(&self) -> u32 {
        self.process
    }

    /// Counts the connection as lost if an answer takes longer than `time` from now on.
    ///
    /// # Errors
    /// `P1001` if the connection breaks.
    pub fn answer_within(&mut self, time: Duration) -> Result<()> {
        self.set_timeout(Some(time))
    }

    /// Runs `sql`, which may hold several statements, and gives the rows of the last.
    ///
    /// # Errors
    /// `P1004` if the server refuses it, `P1001` if the connection breaks.
    pub fn query(&mut self, sql: &str) -> Result<Vec<Row>> {
        self.send(|out| frontend::query(sql, out))?;
        let mut rows = Vec::new();
        let mut failure = None;
        loop {
            let message = self.message()?;
            match message.tag {
                b'T' => rows.clear(),
                b'D' => rows.push(text_row(self.body(message)).ok_or_else(|| self.garbled())?),
                b'E' => failure = Some(self.refusal(message)),
                b'Z' => break,
                // A statement that copies is not run by this door; its data is let pass.
                _ => {}
            }
        }
        failure.map_or(Ok(rows), Err)
    }

    /// The first value of the first row.
    ///
    /// # Errors
    /// As [`Client::query`].
    pub fn value(&mut self, sql: &str) -> Result<Option<String>> {
        let rows = self.query(sql)?;
        Ok(rows
            .into_iter()
            .next()
            .and_then(|row| row.into_iter().next().flatten()))
    }

    /// The columns that `sql` would give: name, type and modifier.
    ///
    /// # Errors
    /// As [`Client::query`].
    pub(super) fn shape(&mut self, sql: &str) -> Result<Vec<(String, u32, i32)>> {
        self.send(|out| frontend::query(sql, out))?;
        let mut shape = Vec::new();
        let mut failure = None;
        loop {
            let message = self.message()?;
            match message.tag {
                b'T' => shape = row_shape(self.body(message)).ok_or_else(|| self.garbled())?,
                b'E' => failure = Some(self.refusal(message)),
                b'Z' => break,
                _ => {}
            }
        }
        failure.map_or(Ok(shape), Err)
    }

    /// Sends `sql`, which starts a copy, and waits until the server begins it.
    pub(super) fn begin_copy(&mut self, sql: &str, started: u8) -> Result<()> {
        self.send(|out| frontend::query(sql, out))?;
        loop {
            let message = self.message()?;
            match message.tag {
                tag if tag == started => return Ok(()),
                b'E' => {
                    let error = self.refusal(message);
                    self.until_ready()?;
                    return Err(error);
                }
                b'Z' => return Err(self.garbled()),
                _ => {}
            }
        }
    }

    /// Reads until the server is ready for the next statement.
    pub(super) fn until_ready(&mut self) -> Result<()> {
        let mut failure = None;
        loop {
            let message = self.message()?;
            match message.tag {
                b'Z' => return failure.map_or(Ok(()), Err),
                b'E' => failure = Some(self.refusal(message)),
                _ => {}
            }
        }
    }

    /// Sends what `write` puts together.
    pub(super) fn send(
        &mut self,
        write: impl FnOnce(&mut BytesMut) -> io::Result<()>,
    ) -> Result<()> {
        let mut out = BytesMut::new();
        write(&mut out).map_err(|error| self.lost(error))?;
        self.socket
            .write_all(&out)
            .and_then(|()| self.socket.flush())
            .map_err(|error| self.lost(error))
    }

    /// How long the next reads may wait; `None` is for ever.
    pub(super) fn set_timeout(&mut self, timeout: Option<Duration>) -> Result<()> {
        self.socket
            .set_read_timeout(timeout)
            .map_err(|error| self.lost(error))
    }

    /// The next message; its body is valid until the next call.
    pub(super) fn message(&mut self) -> Result<Message> {
        loop {
            if let Some(message) = self.poll()? {
                return Ok(message);
            }
            if !self.fill()? {
                return Err(self.lost(io::Error::new(
                    ErrorKind::TimedOut,
                    "the server did not answer in time",
                )));
            }
        }
    }

    /// The next message if it has been read from the socket already.
    #[inline]
    pub(super) fn poll(&mut self) -> Result<Option<Message>> {
        let ready = self.buffer.get(self.start..self.end).unwrap_or_default();
        let Some((head, _)) = ready.split_first_chunk::<5>() else {
            return Ok(None);
        };
        let [tag, length @ ..] = *head;
        let length = u32::from_be_bytes(length) as usize;
        if !(4..=(1 << 30) + 64).contains(&length) {
            return Err(self.garbled());
        }
        if ready.len() < length + 1 {
            return Ok(None);
        }
        let message = Message {
            tag,
            from: self.start + 5,
            to: self.start + 1 + length,
        };
        self.start = message.to;
        Ok(Some(message))
    }

    /// Reads more from the socket. `false` says that the time to wait is over.
    pub(super) fn fill(&mut self) -> Result<bool> {
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
        } else if self.buffer.len() - self.end < CHUNK / 4 {
            self.buffer.copy_within(self.start..self.end, 0);
            (self.start, self.end) = (0, self.end - self.start);
            // One message may be as large as a row: the buffer grows to hold it.
            if self.buffer.len() - self.end < CHUNK / 4 {
                let larger = self.buffer.len() * 2;
                self.buffer.resize(larger, 0);
            }
        }
        let free = self.buffer.get_mut(self.end..).unwrap_or_default();
        loop {
            match self.socket.read(free) {
                Ok(0) => {
                    let ended = io::Error::new(
                        ErrorKind::UnexpectedEof,
                        "the server closed the connection",
                    );
                    return Err(self.lost(ended));
                }
                Ok(read) => {
                    self.end += read;
                    return Ok(true);
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error)
                    if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) =>
                {
                    return Ok(false);
                }
                Err(error) => return Err(self.lost(error)),
            }
        }
    }

    /// The body of `message`, the last one that was handed out.
    #[inline]
    pub(super) fn body(&self, message: Message) -> &[u8] {
        self.buffer
            .get(message.from..message.to)
            .unwrap_or_default()
    }

    /// The server's error message as ours
    /// (<https://www.postgresql.org/docs/current/protocol-error-fields.html>).
    pub(super) fn refusal(&self, message: Message) -> Error {
        let fields = error_fields(self.body(message));
        let field = |key: u8| {
            let found = fields.iter().find(|(name, _)| *name == key);
            found.map(|(_, text)| text.as_str())
        };
        let state = field(b'C').unwrap_or_default();
        let text = field(b'M').unwrap_or("no message");
        let code = match state {
            "28000" | "28P01" | "3D000" => codes::P1002,
            "55006" => codes::P3002,
            // The connection ends: by an administrator, a crash, a restart, or before it began.
            "57P01" | "57P02" | "57P03" | "57P05" | "53300" => codes::P1001,
            _ => codes::P1004,
        };
        let mut error = Error::new(
            code,
            format!("The PostgreSQL server at `{}` says: {text}", self.server),
        )
        .with("sqlstate", state);
        if let Some(detail) = field(b'D') {
            error = error.with("detail", detail);
        }
        match field(b'H') {
            Some(hint) => error.help(hint),
            None => error,
        }
    }

    pub(super) fn garbled(&self) -> Error {
        Error::new(
            codes::P1005,
            format!(
                "The server at `{}` sent something that is not PostgreSQL's protocol",
                self.server
            ),
        )
    }

    fn lost(&self, cause: io::Error) -> Error {
        Error::new(
            codes::P1001,
            format!("The connection to `{}` is lost", self.server),
        )
        .because(cause)
    }

    /// Starts the session. Its settings decide how values look as text, so that a copy and a change
    /// stream give the same (<https://www.postgresql.org/docs/current/runtime-config-client.html>).
    fn start_up(&mut self, config: &PostgresConnection, replication: bool) -> Result<()> {
        let mut parameters = vec![
            ("user", config.user.as_str()),
            ("database", config.database.as_str()),
            ("application_name", "sluice"),
            ("client_encoding", "UTF8"),
            ("DateStyle", "ISO, YMD"),
            ("IntervalStyle", "postgres"),
            ("TimeZone", "UTC"),
            ("extra_float_digits", "3"),
            ("bytea_output", "hex"),
            ("xmloption", "content"),
            ("lc_monetary", "C"),
        ];
        if replication {
            parameters.push(("replication", "database"));
            // Applying a large batch takes a while in which nothing is answered.
            parameters.push(("options", "-c wal_sender_timeout=900000"));
        }
        self.send(|out| frontend::startup(&parameters, out))?;
        self.authenticate(config)?;
        loop {
            let message = self.message()?;
            match message.tag {
                b'S' => {
                    let mut parts = self.body(message).split(|byte| *byte == 0);
                    if parts.next() == Some(b"server_version")
                        && let Some(text) = parts.next()
                    {
                        self.version = version_number(&String::from_utf8_lossy(text));
                    }
                }
                b'K' => {
                    let process = self.body(message).first_chunk::<4>();
                    self.process = process.copied().map_or(0, u32::from_be_bytes);
                }
                b'E' => return Err(self.refusal(message)),
                b'Z' => return Ok(()),
                _ => {}
            }
        }
    }

    fn authenticate(&mut self, config: &PostgresConnection) -> Result<()> {
        let password = config.password.as_ref().map(|secret| secret.reveal());
        let needs_one = || {
            Error::new(
                codes::P1002,
                format!("The server asks for a password of user `{}`", config.user),
            )
            .help("add `password: ${NAME}` to the connection, and set that variable")
        };
        loop {
            let message = self.message()?;
            match message.tag {
                b'R' => {}
                b'E' => return Err(self.refusal(message)),
                // NegotiateProtocolVersion and notices.
                b'v' | b'N' => continue,
                _ => return Err(self.garbled()),
            }
            let body = self.body(message);
            let Some((kind, rest)) = body.split_first_chunk::<4>() else {
                return Err(self.garbled());
            };
            match u32::from_be_bytes(*kind) {
                0 => return Ok(()),
                3 => {
                    let password = password.ok_or_else(needs_one)?;
                    self.send(|out| frontend::password_text(password, out))?;
                }
                5 => {
                    let password = password.ok_or_else(needs_one)?;
                    let salt = *rest.first_chunk::<4>().ok_or_else(|| self.garbled())?;
                    let hash = md5_hash(config.user.as_bytes(), password.as_bytes(), salt);
                    self.send(|out| frontend::password_text(&hash, out))?;
                }
                10 => {
                    let offered = rest.split(|byte| *byte == 0);
                    let knows = offered
                        .into_iter()
                        .any(|mechanism| mechanism == MECHANISM.as_bytes());
                    let password = password.ok_or_else(needs_one)?;
                    if !knows {
                        return Err(unknown_method("this SASL mechanism"));
                    }
                    self.scram(password)?;
                }
                other => return Err(unknown_method(&format!("method {other}"))),
            }
        }
    }

    /// SCRAM-SHA-256 (<https://www.postgresql.org/docs/current/sasl-authentication.html>).
    fn scram(&mut self, password: &str) -> Result<()> {
        let mut scram = Scram::new(password).ok_or_else(|| self.not_scram())?;
        let first = scram.first();
        self.send(|out| frontend::sasl_initial(MECHANISM, first.as_bytes(), out))?;
        for step in [11, 12] {
            let message = self.message()?;
            if message.tag == b'E' {
                return Err(self.refusal(message));
            }
            let (kind, data) = self
                .body(message)
                .split_first_chunk::<4>()
                .ok_or_else(|| self.garbled())?;
            if message.tag != b'R' || u32::from_be_bytes(*kind) != step {
                return Err(self.garbled());
            }
            let data = std::str::from_utf8(data).map_err(|_| self.not_scram())?;
            if step == 11 {
                let answer = scram.answer(data).ok_or_else(|| self.not_scram())?;
                self.send(|out| frontend::password(answer.as_bytes(), out))?;
            } else {
                // A server that does not know the password itself may be an impostor.
                scram.check(data).ok_or_else(|| self.not_scram())?;
            }
        }
        Ok(())
    }

    fn not_scram(&self) -> Error {
        Error::new(
            codes::P1002,
            format!("The SCRAM exchange with `{}` is not valid", self.server),
        )
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        let mut goodbye = BytesMut::new();
        let _short = frontend::terminate(&mut goodbye);
        // A server that is gone needs no goodbye.
        let _unheard = self.socket.write_all(&goodbye);
    }
}

fn unknown_method(what: &str) -> Error {
    Error::new(
        codes::P1002,
        format!("The server asks to authenticate by {what}, which is not supported"),
    )
    .help("let `pg_hba.conf` ask for `scram-sha-256` or `md5`")
}

/// `15.4 (Debian …)` is 150004, `16beta1` is 160000.
fn version_number(text: &str) -> u32 {
    let mut numbers = text
        .split(|c: char| !c.is_ascii_digit())
        .map(|part| part.parse::<u32>().unwrap_or(0));
    let major = numbers.next().unwrap_or(0);
    let minor = match text.contains('.') {
        true => numbers.next().unwrap_or(0),
        false => 0,
    };
    major * 10_000 + minor
}

fn error_fields(body: &[u8]) -> Vec<(u8, String)> {
    body.split(|byte| *byte == 0)
        .filter_map(|field| {
            let (key, text) = field.split_first()?;
            Some((*key, String::from_utf8_lossy(text).into_owned()))
        })
        .collect()
}

/// Reads a RowDescription
/// (<https://www.postgresql.org/docs/current/protocol-message-formats.html>).
fn row_shape(body: &[u8]) -> Option<Vec<(String, u32, i32)>> {
    let (count, mut rest) = body.split_first_chunk::<2>()?;
    let mut shape = Vec::new();
    for _ in 0..u16::from_be_bytes(*count) {
        let end = rest.iter().position(|byte| *byte == 0)?;
        let name = String::from_utf8_lossy(rest.get(..end)?).into_owned();
        // Table oid (4), column number (2), type oid (4), type size (2), modifier (4), format (2).
        let numbers = rest.get(end + 1..end + 19)?;
        rest = rest.get(end + 19..)?;
        let oid = u32::from_be_bytes(*numbers.get(6..)?.first_chunk()?);
        let modifier = i32::from_be_bytes(*numbers.get(12..)?.first_chunk()?);
        shape.push((name, oid, modifier));
    }
    Some(shape)
}

fn text_row(body: &[u8]) -> Option<Row> {
    let (count, mut rest) = body.split_first_chunk::<2>()?;
    let mut row = Vec::new();
    for _ in 0..u16::from_be_bytes(*count) {
        let (length, after) = rest.split_first_chunk::<4>()?;
        rest = after;
        match usize::try_from(i32::from_be_bytes(*length)) {
            Err(_) => row.push(None),
            Ok(length) => {
                let (value, after) = rest.split_at_checked(length)?;
                rest = after;
                row.push(Some(String::from_utf8_lossy(value).into_owned()));
            }
        }
    }
    Some(row)
}

#[cfg(test)]
mod tests {
    use super::version_number;

    #[test]
    fn versions_become_numbers() {
        assert_eq!(version_number("15.4 (Debian 15.4-1)"), 150_004);
        assert_eq!(version_number("16beta1"), 160_000);
        assert_eq!(version_number("9.6.24"), 90_006);
    }
}
