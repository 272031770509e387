//! `sources/*.yml`: systems that data comes from, and the streams in them.

mod changes;
mod files;
mod postgres;
mod webhook;

use std::path::PathBuf;

use diagnostic::Result;

use crate::Located;
use crate::new_tables::{self, NewTable};
use crate::reader::{File, Item, refuse_twins};

pub use changes::{Apply, ChangeTable, PostgresReplication};
pub(crate) use files::read_stream as read_file_stream;
pub use files::{
    CellRange, ColumnarFormat, CsvFormat, Encoding, ExcelFormat, FileChange, Format, JsonFormat,
    RawMode, StreamSpec, Watch,
};
pub use postgres::{
    PostgresConnection, PostgresOrigin, PostgresSource, PostgresStream, PostgresSync, Secret,
    SslMode,
};
pub(crate) use postgres::{read_secret, read_stream as read_postgres_stream};
pub use webhook::{
    ByteEncoding, HashAlgorithm, Hmac, IdempotencyKey, Signature, Timed, WebhookStream,
};
pub(crate) use webhook::{read_path, read_signature};

/// A system that data comes from.
#[derive(Clone, Debug)]
pub struct SourceSpec {
    /// Its name, the first part of `from: source.stream`.
    pub name: Located<String>,
    /// What kind of system it is, with that kind's settings.
    pub kind: SourceKind,
    /// The streams of files in it, those of kept events too; a database keeps its own.
    pub streams: Vec<StreamSpec>,
    /// What happens to tables or files that no stream reads.
    pub new_table: NewTable,
}

/// The kinds of systems.
#[derive(Clone, Debug)]
pub enum SourceKind {
    /// A folder of files.
    Files {
        /// The folder, absolute; it need not exist yet.
        path: Located<PathBuf>,
    },
    /// Files in a bucket of an object store.
    Objects {
        /// Where they are: `s3://bucket/prefix`.
        location: Located<String>,
        /// Options of the store by name.
        storage: Vec<(String, Secret)>,
    },
    /// A PostgreSQL database.
    Postgres(Box<PostgresSource>),
    /// Addresses that other systems send events to.
    Webhook(Vec<WebhookStream>),
}

/// The words for kinds of systems.
#[derive(Clone, Copy)]
enum KindWord {
    Files,
    Postgres,
    Webhook,
}

impl SourceSpec {
    /// The sources of one file.
    pub(crate) fn read_file(file: &File<'_>) -> Result<Vec<Self>> {
        let fields = file.fields(&file.document.root, &["sources"])?;
        fields.require("sources")?.list(read_source)
    }

    /// The stream called `name`.
    #[must_use]
    pub fn stream(&self, name: &str) -> Option<&StreamSpec> {
        self.streams.iter().find(|stream| stream.name.value == name)
    }

    /// Its settings as a PostgreSQL database, if it is one.
    #[must_use]
    pub fn postgres(&self) -> Option<&PostgresSource> {
        match &self.kind {
            SourceKind::Postgres(postgres) => Some(postgres),
            SourceKind::Files { .. } | SourceKind::Objects { .. } | SourceKind::Webhook(_) => None,
        }
    }
}

fn read_source(item: Item<'_>) -> Result<SourceSpec> {
    let kind = item
        .fields(&[
            "name",
            "kind",
            "path",
            "location",
            "storage",
            "streams",
            "connection",
            "replication",
            "target_schema",
            "schema_contract",
        ])?
        .require("kind")?
        .word(&[
            ("files", KindWord::Files),
            ("postgres", KindWord::Postgres),
            ("webhook", KindWord::Webhook),
        ])?;
    match kind {
        KindWord::Files => read_files(item),
        KindWord::Webhook => read_webhook(item),
        KindWord::Postgres => {
            let fields = item.fields(&[
                "name",
                "kind",
                "connection",
                "replication",
                "target_schema",
                "streams",
                "schema_contract",
            ])?;
            let name = fields.require("name")?;
            let name = name.located(name.name("a source")?);
            let postgres = postgres::read(&name.value, &fields)?;
            Ok(SourceSpec {
                name,
                kind: SourceKind::Postgres(Box::new(postgres)),
                streams: Vec::new(),
                new_table: new_tables::read(&fields)?,
            })
        }
    }
}

fn read_webhook(item: Item<'_>) -> Result<SourceSpec> {
    let fields = item.fields(&["name", "kind", "streams"])?;
    let name = fields.require("name")?;
    let name = name.located(name.name("a source")?);
    let streams = webhook::read(&name.value, &fields)?;
    Ok(SourceSpec {
        name,
        streams: streams.iter().map(WebhookStream::files).collect(),
        kind: SourceKind::Webhook(streams),
        new_table: NewTable::Ignore,
    })
}

fn read_files(item: Item<'_>) -> Result<SourceSpec> {
    let fields = item.fields(&[
        "name",
        "kind",
        "path",
        "location",
        "storage",
        "streams",
        "schema_contract",
    ])?;
    let name = fields.require("name")?;
    let name = name.located(name.name("a source")?);
    let kind = files::read_place(&fields)?;
    let streams = fields.require("streams")?.list(files::read_stream)?;
    let places = streams
        .iter()
        .map(|stream| (stream.name.value.as_str(), stream.name.place()));
    refuse_twins(&format!("streams of the source `{}`", name.value), places)?;
    Ok(SourceSpec {
        name,
        kind,
        streams,
        new_table: new_tables::read(&fields)?,
    })
}
