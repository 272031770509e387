//! [`Server`]: a PostgreSQL server of a test's own, on loopback, in a folder that goes with it.

use std::fs;
use std::io::Write as _;
use std::net::TcpListener;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// The password of its only user, `postgres`.
pub const PASSWORD: &str = "it's a secret";

/// A running server. It ends with this value.
pub struct Server {
    folder: TempDir,
    port: u16,
    process: Child,
    /// The folder of its programs.
    programs: PathBuf,
}

impl Server {
    /// Starts one that can be followed by its changes.
    pub fn start() -> Self {
        Self::start_with(&binaries(), |_| ())
    }

    /// Starts one of the newest version, and one that follows it as its standby and takes over its slots.
    pub fn start_with_standby() -> (Self, Self) {
        let programs = newest();
        let mut primary = Self::start_with(&programs, |_| ());
        primary.sql("select pg_create_physical_replication_slot('standby', true)");
        primary.signal("-INT");
        let folder = TempDir::new().unwrap();
        run(Command::new("cp")
            .arg("-a")
            .arg(primary.data())
            .arg(folder.path()));
        let data = folder.path().join("data");
        // Quoted twice: as a value of the connection, and as a setting.
        let password = PASSWORD.replace('\'', r"\\''");
        let settings = format!(
            "primary_conninfo = 'host=127.0.0.1 port={} user=postgres dbname=postgres password=''{password}'''\n\
             primary_slot_name = 'standby'\nhot_standby_feedback = on\n",
            primary.port,
        );
        append(&data.join("postgresql.auto.conf"), &settings);
        fs::write(data.join("standby.signal"), "").unwrap();
        give(folder.path());
        append(
            &primary.data().join("postgresql.auto.conf"),
            "synchronized_standby_slots = 'standby'\n",
        );
        primary.restart();
        let port = free_port();
        let standby = Self {
            process: Self::launch(&programs, folder.path(), port),
            folder,
            port,
            programs,
        };
        standby.wait();
        (primary, standby)
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn restart(&mut self) {
        self.process = Self::launch(&self.programs, self.folder.path(), self.port);
        self.wait();
    }

    /// Starts one that encrypts, with a certificate for `localhost` that it has signed itself, and gives the
    /// certificate.
    pub fn start_with_tls() -> (Self, PathBuf) {
        let server = Self::start_with(&binaries(), |folder| {
            let made = command(Path::new("/usr/bin/openssl"), folder)
                .args([
                    "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "3",
                ])
                .args([
                    "-subj",
                    "/CN=localhost",
                    "-addext",
                    "subjectAltName=DNS:localhost",
                ])
                .args(["-keyout", "data/server.key", "-out", "data/server.crt"])
                .output()
                .unwrap();
            assert!(
                made.status.success(),
                "{}",
                String::from_utf8_lossy(&made.stderr)
            );
            let settings = folder.join("data/postgresql.auto.conf");
            let key = Command::new("chmod")
                .arg("600")
                .arg(folder.join("data/server.key"))
                .status();
            assert!(key.unwrap().success());
            append(&settings, "ssl = on\n");
        });
        let certificate = server.folder.path().join("data/server.crt");
        (server, certificate)
    }

    fn start_with(programs: &Path, prepare: impl FnOnce(&Path)) -> Self {
        let folder = TempDir::new().unwrap();
        let data = folder.path().join("data");
        let password = folder.path().join("password");
        fs::write(&password, PASSWORD).unwrap();
        give(folder.path());
        let made = command(&programs.join("initdb"), folder.path())
            .arg("-D")
            .arg(&data)
            .args(["-U", "postgres", "-E", "UTF8", "--locale=C", "--no-sync"])
            .args(["--auth=scram-sha-256", "--pwfile"])
            .arg(&password)
            .output()
            .unwrap();
        assert!(
            made.status.success(),
            "{}",
            String::from_utf8_lossy(&made.stderr)
        );
        prepare(folder.path());
        let port = free_port();
        let server = Self {
            process: Self::launch(programs, folder.path(), port),
            folder,
            port,
            programs: programs.to_owned(),
        };
        server.wait();
        server
    }

    fn launch(programs: &Path, folder: &Path, port: u16) -> Child {
        let log = fs::File::options()
            .create(true)
            .append(true)
            .open(folder.join("log"))
            .unwrap();
        command(&programs.join("postgres"), folder)
            .arg("-D")
            .arg(folder.join("data"))
            .args(["-p", &port.to_string(), "-k", "", "-h", "127.0.0.1"])
            .args(["-c", "wal_level=logical", "-c", "fsync=off"])
            .args(["-c", "shared_buffers=16MB", "-c", "max_connections=20"])
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap()
    }

    /// Stops it as a crash would, and starts it again.
    pub fn crash_and_restart(&mut self) {
        self.crash();
        self.restart();
    }

    /// Stops it as a crash would.
    pub fn crash(&mut self) {
        self.signal("-QUIT");
    }

    fn signal(&mut self, signal: &str) {
        let pid = self.process.id().to_string();
        let _sent = Command::new("kill").args([signal, &pid]).status();
        let _ended = self.process.wait();
    }

    fn wait(&self) {
        let began = Instant::now();
        while self.try_sql("select 1").is_err() {
            let log = fs::read_to_string(self.folder.path().join("log"));
            assert!(
                began.elapsed() < Duration::from_secs(60),
                "{}",
                log.unwrap_or_default()
            );
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// What a source that reaches this server through `port` says in `sources/*.yml`.
    pub fn connection(&self, port: u16) -> String {
        format!(
            "connection: {{host: 127.0.0.1, port: {port}, database: postgres, user: postgres, \
             password: '${{PGPASSWORD}}', copy_connections: 3}}"
        )
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// What the server has written to its log.
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap()
    }

    /// Runs statements and gives what they print: rows as CSV.
    pub fn sql(&self, sql: &str) -> String {
        self.try_sql(sql)
            .unwrap_or_else(|said| panic!("{sql}\n{said}"))
    }

    /// The same in another database.
    pub fn sql_in(&self, database: &str, sql: &str) -> String {
        self.try_sql_in(database, sql)
            .unwrap_or_else(|said| panic!("{sql}\n{said}"))
    }

    fn try_sql(&self, sql: &str) -> Result<String, String> {
        self.try_sql_in("postgres", sql)
    }

    fn try_sql_in(&self, database: &str, sql: &str) -> Result<String, String> {
        let output = command(&binaries().join("psql"), self.folder.path())
            .args([
                "-h",
                "127.0.0.1",
                "-p",
                &self.port.to_string(),
                "-d",
                database,
            ])
            .args(["-U", "postgres", "-X", "-q", "-t", "--csv"])
            .args(["-v", "ON_ERROR_STOP=1", "-c", sql])
            .env("PGPASSWORD", PASSWORD)
            .env("PGTZ", "UTC")
            .output()
            .unwrap();
        match output.status.success() {
            true => Ok(String::from_utf8(output.stdout).unwrap()),
            false => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.signal("-QUIT");
    }
}

struct User {
    name: String,
    uid: u32,
    gid: u32,
}

fn run(command: &mut Command) {
    let done = command.output().unwrap();
    let errors = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "{command:?}: {errors}");
}

/// Makes `folder` belong to who runs servers.
fn give(folder: &Path) {
    if let Some(user) = other_user() {
        run(Command::new("chown").args(["-R", &user.name]).arg(folder));
    }
}

fn append(file: &Path, text: &str) {
    let mut file = fs::File::options().append(true).open(file).unwrap();
    file.write_all(text.as_bytes()).unwrap();
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0");
    let address = listener.and_then(|listener| listener.local_addr());
    address.unwrap().port()
}

/// A server refuses to run as root; it runs as `postgres` or `nobody` then.
fn other_user() -> Option<User> {
    let id = |arguments: &[&str]| {
        let output = Command::new("id").args(arguments).output().ok()?;
        let text = String::from_utf8(output.stdout).ok()?;
        text.trim().parse::<u32>().ok()
    };
    if id(&["-u"])? != 0 {
        return None;
    }
    ["postgres", "nobody"].iter().find_map(|name| {
        Some(User {
            name: (*name).to_owned(),
            uid: id(&["-u", name])?,
            gid: id(&["-g", name])?,
        })
    })
}

fn command(program: &Path, folder: &Path) -> Command {
    let mut command = Command::new(program);
    command.current_dir(folder).env("LC_ALL", "C");
    if let Some(user) = other_user() {
        command.uid(user.uid).gid(user.gid);
    }
    command
}

/// Where Debian keeps the newest PostgreSQL, or where `POSTGRES_BIN` says it is.
fn binaries() -> PathBuf {
    if let Some(folder) = std::env::var_os("POSTGRES_BIN") {
        return folder.into();
    }
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten();
    let mut found: Vec<PathBuf> = versions
        .flatten()
        .map(|version| version.path().join("bin"))
        .filter(|folder| folder.join("initdb").is_file())
        .collect();
    found.sort();
    found.pop().unwrap_or_else(|| {
        panic!("no PostgreSQL is installed: `scripts/postgres` installs it, or set POSTGRES_BIN")
    })
}

/// Where `scripts/postgres --newest` has put PostgreSQL 18, or where `POSTGRES_NEWEST_BIN` says it is.
fn newest() -> PathBuf {
    let folder = std::env::var_os("POSTGRES_NEWEST_BIN").map_or_else(
        || PathBuf::from("/var/tmp/sluice-postgresql-18.6.0/bin"),
        PathBuf::from,
    );
    let shown = folder.display();
    assert!(
        folder.join("initdb").is_file(),
        "PostgreSQL 18 is not in {shown}: `scripts/postgres --newest` installs it"
    );
    folder
}
