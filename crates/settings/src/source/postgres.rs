//! `kind: postgres`: the connection, and which tables or queries become which tables of ours.

use std::fmt;
use std::num::NonZero;
use std::path::PathBuf;

use diagnostic::{Error, Result, codes};
use model::{ColumnType, Identifier};

use super::changes::{
    Apply, ChangeTable, PostgresReplication, read_apply, read_replication, read_store_changes,
};
use crate::reader::{Fields, Item, refuse_twins};
use crate::{Located, OnChange};

/// A PostgreSQL database to read from.
#[derive(Clone, Debug)]
pub struct PostgresSource {
    /// How to reach it.
    pub connection: PostgresConnection,
    /// The slot and publication of streams with `sync: cdc`.
    pub replication: PostgresReplication,
    /// The schema of our database that its tables go to; by default the source's name.
    pub target_schema: Identifier,
    /// What is read from it.
    pub streams: Vec<PostgresStream>,
}

/// How to reach a server, as libpq names it
/// (<https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-PARAMKEYWORDS>).
#[derive(Clone, Debug)]
pub struct PostgresConnection {
    /// A name, an address, or the folder of a Unix socket.
    pub host: String,
    /// The port, 5432 by default.
    pub port: u16,
    /// The database.
    pub database: String,
    /// The user.
    pub user: String,
    /// The password, if the server asks for one.
    pub password: Option<Secret>,
    /// Whether the connection is encrypted, and what is checked.
    pub sslmode: SslMode,
    /// Certificates to trust instead of the system's.
    pub sslrootcert: Option<PathBuf>,
    /// Seconds to wait for the server to accept.
    pub connect_timeout: u64,
    /// Connections that copy one large table at once; by default as many as there are cores, at most 4.
    pub copy_connections: usize,
}

/// Connections that copy one table, if nothing else is said: a server that others work with as well should
/// not notice.
const COPY_CONNECTIONS: usize = 4;

/// Whether a connection is encrypted, and what is checked
/// (<https://www.postgresql.org/docs/current/libpq-ssl.html#LIBPQ-SSL-PROTECTION>).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SslMode {
    /// Never encrypted.
    Disable,
    /// Encrypted if the server can.
    Prefer,
    /// Encrypted; the certificate is not checked.
    Require,
    /// Encrypted; the certificate comes from a trusted authority.
    VerifyCa,
    /// Encrypted; the certificate is trusted and names the host.
    VerifyFull,
}

/// One table of ours, and where its rows come from.
#[derive(Clone, Debug)]
pub struct PostgresStream {
    /// Its name.
    pub name: Located<String>,
    /// Where the rows are.
    pub origin: PostgresOrigin,
    /// How they are fetched.
    pub sync: PostgresSync,
    /// The columns that tell rows apart; empty for the primary key of the table.
    pub key: Vec<String>,
    /// The columns that the table is partitioned by.
    pub partition_by: Vec<String>,
    /// The columns to read; empty for all.
    pub columns: Vec<String>,
    /// Types other than those that follow from PostgreSQL's.
    pub types: Vec<(String, ColumnType)>,
    /// The table, if not the target schema's of the stream's name.
    pub target: Option<(Identifier, Identifier)>,
    /// What happens when the shape of the source changes.
    pub new_column: OnChange,
    /// What happens when a column has gone.
    pub missing_column: OnChange,
    /// What changes do to the table, with `sync: cdc`.
    pub apply: Apply,
    /// The table that gets every change as a row, with `sync: cdc`.
    pub store_changes: Option<ChangeTable>,
    /// Whether rows leave the table by deletion vectors instead of new files, with `sync: cdc` or
    /// `sync: incremental`.
    pub deletion_vectors: bool,
    /// Whether the table says which rows each of its versions changes. `None` leaves that as it is.
    pub change_data_feed: Option<bool>,
}

/// Where a stream's rows are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PostgresOrigin {
    /// A table or view.
    Table {
        /// Its schema.
        schema: String,
        /// Its name.
        name: String,
    },
    /// The rows of a query.
    Query(String),
}

/// How rows are fetched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PostgresSync {
    /// All of them in every run.
    FullRefresh,
    /// Those whose cursor is not below the greatest seen.
    Incremental {
        /// The column that only grows.
        cursor: String,
        /// How far before the greatest seen a run reads again: an interval, or a number.
        look_back: Option<String>,
        /// Whether rows are only added, and none replaced by key.
        append: bool,
    },
    /// A consistent copy first, then every change, from the log.
    Cdc,
}

/// A text that is never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// The secret, for whoever has to send it.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl PostgresSource {
    /// The stream called `name`.
    #[must_use]
    pub fn stream(&self, name: &str) -> Option<&PostgresStream> {
        self.streams.iter().find(|stream| stream.name.value == name)
    }
}

impl PostgresStream {
    /// Whether it is kept by changes.
    #[must_use]
    pub fn is_cdc(&self) -> bool {
        self.sync == PostgresSync::Cdc
    }
}

const ON_CHANGE: &[(&str, OnChange)] = &[
    ("evolve", OnChange::Evolve),
    ("freeze", OnChange::Freeze),
    ("discard_value", OnChange::DiscardValue),
];

/// Reads what a source of this kind has beside `name` and `kind`.
pub(super) fn read(source: &str, fields: &Fields<'_>) -> Result<PostgresSource> {
    let connection = read_connection(fields.require("connection")?)?;
    let replication = read_replication(source, fields.get("replication"))?;
    let target_schema = match fields.get("target_schema") {
        Some(item) => Identifier::unquoted(&item.name("a schema")?),
        None => Identifier::unquoted(source),
    };
    let streams = fields.require("streams")?.list(read_stream)?;
    let places = streams
        .iter()
        .map(|stream| (stream.name.value.as_str(), stream.name.place()));
    refuse_twins(&format!("streams of the source `{source}`"), places)?;
    Ok(PostgresSource {
        connection,
        replication,
        target_schema,
        streams,
    })
}

fn read_connection(item: Item<'_>) -> Result<PostgresConnection> {
    let fields = item.fields(&[
        "host",
        "port",
        "database",
        "user",
        "password",
        "sslmode",
        "sslrootcert",
        "connect_timeout",
        "copy_connections",
    ])?;
    let text = |key: &str, default: &str| -> Result<String> {
        fields
            .get(key)
            .map_or_else(|| Ok(default.to_owned()), |item| item.filled())
    };
    let number = |key: &str, default: usize| -> Result<usize> {
        fields.get(key).map_or(Ok(default), |item| item.count())
    };
    let port = number("port", 5432)?;
    let port = u16::try_from(port).map_err(|_| item.refuse(&format!("`{port}` is no port")))?;
    let sslmode = match fields.get("sslmode") {
        Some(mode) => mode.word(&[
            ("disable", SslMode::Disable),
            ("prefer", SslMode::Prefer),
            ("require", SslMode::Require),
            ("verify-ca", SslMode::VerifyCa),
            ("verify-full", SslMode::VerifyFull),
        ])?,
        None => SslMode::Prefer,
    };
    let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
    Ok(PostgresConnection {
        host: text("host", "localhost")?,
        port,
        database: fields.require("database")?.filled()?,
        user: fields.require("user")?.filled()?,
        password: fields.get("password").map(read_secret).transpose()?,
        sslmode,
        sslrootcert: fields
            .get("sslrootcert")
            .map(|item| item.path())
            .transpose()?,
        connect_timeout: u64::try_from(number("connect_timeout", 10)?).unwrap_or(10),
        copy_connections: number("copy_connections", cores.min(COPY_CONNECTIONS))?.max(1),
    })
}

/// A secret must come from outside: project files are committed and shared.
pub(crate) fn read_secret(item: Item<'_>) -> Result<Secret> {
    let expanded = item.expanded()?;
    if !expanded.from_environment && !expanded.text.is_empty() {
        return Err(item
            .refuse("A secret stands in a project file")
            .help("write the name of a variable of the environment: `${SHOP_PASSWORD}`"));
    }
    Ok(Secret(expanded.text))
}

pub(crate) fn read_stream(item: Item<'_>) -> Result<PostgresStream> {
    let fields = item.fields(&[
        "name",
        "table",
        "query",
        "sync",
        "cursor",
        "look_back",
        "key",
        "columns",
        "types",
        "write",
        "into",
        "schema_contract",
        "apply",
        "store_changes",
        "deletion_vectors",
        "change_data_feed",
        "partition_by",
    ])?;
    let name = fields.require("name")?;
    let name = name.located(name.name("a stream")?);
    let origin = read_origin(&fields, &name.value)?;
    let names = |key: &str| -> Result<Vec<String>> {
        fields
            .get(key)
            .map_or_else(|| Ok(Vec::new()), |item| item.list(|item| item.filled()))
    };
    let (new_column, missing_column) = read_contract(fields.get("schema_contract"))?;
    let stream = PostgresStream {
        sync: read_sync(&fields, &origin)?,
        key: names("key")?,
        partition_by: names("partition_by")?,
        columns: names("columns")?,
        types: fields
            .get("types")
            .map_or_else(|| Ok(Vec::new()), read_types)?,
        target: fields.get("into").map(read_target).transpose()?,
        name,
        origin,
        new_column,
        missing_column,
        apply: fields
            .get("apply")
            .map_or_else(|| Ok(Apply::Changes), read_apply)?,
        store_changes: fields
            .get("store_changes")
            .map_or_else(|| Ok(None), read_store_changes)?,
        deletion_vectors: fields
            .get("deletion_vectors")
            .map_or(Ok(false), |item| item.boolean())?,
        change_data_feed: fields
            .get("change_data_feed")
            .map(|item| item.boolean())
            .transpose()?,
    };
    Ok(stream)
}

fn read_origin(fields: &Fields<'_>, stream: &str) -> Result<PostgresOrigin> {
    match (fields.get("table"), fields.get("query")) {
        (Some(_), Some(query)) => {
            Err(query.refuse("A stream has a `table` or a `query`, not both"))
        }
        (None, Some(query)) => Ok(PostgresOrigin::Query(
            query.filled()?.trim().trim_end_matches(';').to_owned(),
        )),
        (Some(table), None) => {
            let text = table.filled()?;
            let (schema, name) = text.split_once('.').unwrap_or(("public", &text));
            Ok(PostgresOrigin::Table {
                schema: schema.to_owned(),
                name: name.to_owned(),
            })
        }
        (None, None) => Ok(PostgresOrigin::Table {
            schema: "public".to_owned(),
            name: stream.to_owned(),
        }),
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Word {
    FullRefresh,
    Incremental,
    Cdc,
}

fn read_sync(fields: &Fields<'_>, origin: &PostgresOrigin) -> Result<PostgresSync> {
    let word = match fields.get("sync") {
        Some(sync) => sync.word(&[
            ("full_refresh", Word::FullRefresh),
            ("incremental", Word::Incremental),
            ("cdc", Word::Cdc),
        ])?,
        None => Word::FullRefresh,
    };
    let only = |keys: &[&str], needs: Word, of: &str| -> Result<()> {
        for key in keys {
            if let Some(item) = fields.get(key).filter(|_| word != needs) {
                return Err(contradiction(
                    &item,
                    &format!("`{key}` belongs to `sync: {of}`"),
                ));
            }
        }
        Ok(())
    };
    only(
        &["cursor", "look_back", "write"],
        Word::Incremental,
        "incremental",
    )?;
    only(&["apply", "store_changes"], Word::Cdc, "cdc")?;
    if let Some(item) = fields
        .get("deletion_vectors")
        .filter(|_| word == Word::FullRefresh)
    {
        return Err(contradiction(
            &item,
            "`deletion_vectors` belongs to `sync: cdc` and `sync: incremental`",
        ));
    }
    match word {
        Word::FullRefresh => Ok(PostgresSync::FullRefresh),
        Word::Incremental => {
            let look_back = fields.get("look_back");
            let append = match fields.get("write") {
                Some(write) => write.word(&[("merge", false), ("append", true)])?,
                None => false,
            };
            if let Some(item) = look_back.as_ref().filter(|_| append) {
                return Err(contradiction(
                    item,
                    "`look_back` reads rows again, which `write: append` would add twice",
                ));
            }
            Ok(PostgresSync::Incremental {
                cursor: fields.require("cursor")?.filled()?,
                look_back: look_back.map(|item| item.filled()).transpose()?,
                append,
            })
        }
        Word::Cdc => match origin {
            PostgresOrigin::Table { .. } => Ok(PostgresSync::Cdc),
            PostgresOrigin::Query(_) => Err(contradiction(
                &fields.require("query")?,
                "The changes of a query cannot be followed; name its `table`",
            )),
        },
    }
}

fn contradiction(item: &Item<'_>, message: &str) -> Error {
    item.error(Error::new(codes::C0010, message))
}

fn read_types(item: Item<'_>) -> Result<Vec<(String, ColumnType)>> {
    item.named()?
        .each(|key, value| Ok((key.text()?, value.parse()?)))
}

fn read_target(item: Item<'_>) -> Result<(Identifier, Identifier)> {
    let text = item.filled()?;
    match text.split_once('.') {
        Some((schema, name)) if !schema.is_empty() && !name.is_empty() => {
            Ok((Identifier::unquoted(schema), Identifier::unquoted(name)))
        }
        _ => Err(item.refuse(&format!(
            "Expected two names as in `RAW.ORDERS`, found `{text}`"
        ))),
    }
}

fn read_contract(item: Option<Item<'_>>) -> Result<(OnChange, OnChange)> {
    let Some(item) = item else {
        return Ok((OnChange::Evolve, OnChange::Evolve));
    };
    let fields = item.fields(&["new_column", "missing_column"])?;
    let new_column = match fields.get("new_column") {
        Some(word) => word.word(ON_CHANGE)?,
        None => OnChange::Evolve,
    };
    let missing_column = match fields.get("missing_column") {
        Some(word) => word.word(&[("evolve", OnChange::Evolve), ("freeze", OnChange::Freeze)])?,
        None => OnChange::Evolve,
    };
    Ok((new_column, missing_column))
}
