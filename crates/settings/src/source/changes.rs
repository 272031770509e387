//! `replication:`, `apply:` and `store_changes:` of PostgreSQL: how a log of changes is followed, and what becomes
//! of the changes.

use std::time::Duration;

use diagnostic::Result;
use model::Identifier;

use crate::duration;
use crate::reader::Item;

/// The slot and publication that changes are read through, and how a process follows them.
#[derive(Clone, Debug)]
pub struct PostgresReplication {
    /// The slot; `sluice_<source>` by default.
    pub slot: String,
    /// The publication; `sluice_<source>` by default.
    pub publication: String,
    /// Whether both are made, and tables added to the publication, where they are missing.
    pub create: bool,
    /// Whether the slot is kept on standbys too (PostgreSQL 17).
    pub failover: bool,
    /// Whether the tables are copied anew when changes are missing, instead of an error.
    pub copy_when_lost: bool,
    /// Whether every transaction is published by itself.
    pub transactional: bool,
    /// How long a process that follows gathers changes before it publishes them.
    pub batch_interval: Duration,
    /// Bytes of gathered changes that are published at once.
    pub batch_bytes: u64,
    /// How often a process that follows writes to a log that is idle; `None` for never.
    pub heartbeat: Option<Duration>,
    /// How far behind is worth a warning, in bytes of the server's log.
    pub alarm_bytes: Option<u64>,
    /// How far behind is worth a warning, in time.
    pub alarm_time: Option<Duration>,
}

/// What changes do to a stream's table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Apply {
    /// The table is what the source is.
    #[default]
    Changes,
    /// Rows stay when they are deleted in the source, and are marked.
    SoftDelete {
        /// The column that says whether the row is deleted.
        deleted: Identifier,
        /// The column that says when the row was last written.
        synced: Identifier,
    },
    /// Every version of a row stays, with the time it held.
    History {
        /// The column that says since when the version holds.
        valid_from: Identifier,
        /// The column that says until when it held; NULL for the current one.
        valid_to: Identifier,
        /// The column that says whether it is the current one.
        current: Identifier,
    },
}

/// The table beside a stream's that gets every change as a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChangeTable {
    /// What its name adds to that of the stream's table.
    pub suffix: String,
    /// What the names of its header columns begin with.
    pub prefix: String,
    /// Whether the old values of an updated row are kept, where the log tells them.
    pub before_images: bool,
}

impl Default for ChangeTable {
    fn default() -> Self {
        Self {
            suffix: "__CT".to_owned(),
            prefix: "header__".to_owned(),
            before_images: true,
        }
    }
}

pub(super) fn read_replication(
    source: &str,
    item: Option<Item<'_>>,
) -> Result<PostgresReplication> {
    let default = format!("sluice_{}", source.to_lowercase());
    let mut replication = PostgresReplication {
        slot: default.clone(),
        publication: default,
        create: true,
        failover: false,
        copy_when_lost: false,
        transactional: false,
        batch_interval: Duration::from_secs(1),
        batch_bytes: 32 << 20,
        heartbeat: None,
        alarm_bytes: None,
        alarm_time: None,
    };
    let Some(item) = item else {
        return Ok(replication);
    };
    let fields = item.fields(&[
        "slot",
        "publication",
        "create",
        "failover",
        "when_lost",
        "apply",
        "batch_interval",
        "batch_bytes",
        "heartbeat",
        "alarm",
    ])?;
    if let Some(slot) = fields.get("slot") {
        replication.slot = slot_name(&slot)?;
    }
    if let Some(publication) = fields.get("publication") {
        replication.publication = publication.filled()?;
    }
    if let Some(create) = fields.get("create") {
        replication.create = create.boolean()?;
    }
    if let Some(failover) = fields.get("failover") {
        replication.failover = failover.boolean()?;
    }
    if let Some(when_lost) = fields.get("when_lost") {
        replication.copy_when_lost = when_lost.word(&[("fail", false), ("copy", true)])?;
    }
    if let Some(apply) = fields.get("apply") {
        replication.transactional =
            apply.word(&[("batch_optimized", false), ("transactional", true)])?;
    }
    if let Some(interval) = fields.get("batch_interval") {
        replication.batch_interval = read_duration(&interval)?;
    }
    if let Some(bytes) = fields.get("batch_bytes") {
        replication.batch_bytes = bytes.bytes()?;
    }
    if let Some(heartbeat) = fields.get("heartbeat") {
        replication.heartbeat = Some(read_duration(&heartbeat)?);
    }
    if let Some(alarm) = fields.get("alarm") {
        let alarm = alarm.fields(&["bytes", "time"])?;
        let bytes = alarm.get("bytes").map(|bytes| bytes.bytes()).transpose()?;
        replication.alarm_bytes = bytes;
        let time = alarm.get("time").map(|time| read_duration(&time));
        replication.alarm_time = time.transpose()?;
    }
    Ok(replication)
}

/// <https://www.postgresql.org/docs/current/warm-standby.html#STREAMING-REPLICATION-SLOTS>
fn slot_name(item: &Item<'_>) -> Result<String> {
    let name = item.filled()?;
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    match name.chars().all(fits) {
        true => Ok(name),
        false => Err(item.refuse(&format!(
            "The name of a slot takes lower-case letters, digits and `_`, found `{name}`"
        ))),
    }
}

fn read_duration(item: &Item<'_>) -> Result<Duration> {
    let text = item.text()?;
    duration::parse(&text).ok_or_else(|| {
        item.refuse(&format!(
            "`{text}` is no length of time; write it as `500ms`, `10s` or `2 minutes`"
        ))
    })
}

#[derive(Clone, Copy)]
enum Mode {
    Changes,
    SoftDelete,
    History,
}

const MODES: &[(&str, Mode)] = &[
    ("changes", Mode::Changes),
    ("soft_delete", Mode::SoftDelete),
    ("history", Mode::History),
];

const KEYS: &[&str] = &[
    "mode",
    "deleted",
    "synced",
    "valid_from",
    "valid_to",
    "current",
];

/// `apply: history`, or a mapping that names its columns.
pub(super) fn read_apply(item: Item<'_>) -> Result<Apply> {
    let mapping = item.node.as_mapping().is_some();
    let mode = match mapping {
        true => item.fields(KEYS)?.require("mode")?.word(MODES)?,
        false => item.word(MODES)?,
    };
    let known: &[&str] = match mode {
        Mode::Changes => &["mode"],
        Mode::SoftDelete => &["mode", "deleted", "synced"],
        Mode::History => &["mode", "valid_from", "valid_to", "current"],
    };
    let fields = mapping.then(|| item.fields(known)).transpose()?;
    let column = |key: &str, default: &str| -> Result<Identifier> {
        match fields.as_ref().and_then(|fields| fields.get(key)) {
            Some(given) => Ok(Identifier::unquoted(&given.name("a column")?)),
            None => Ok(Identifier::unquoted(default)),
        }
    };
    let apply = match mode {
        Mode::Changes => Apply::Changes,
        Mode::SoftDelete => Apply::SoftDelete {
            deleted: column("deleted", "_sluice_deleted")?,
            synced: column("synced", "_sluice_synced")?,
        },
        Mode::History => Apply::History {
            valid_from: column("valid_from", "valid_from")?,
            valid_to: column("valid_to", "valid_to")?,
            current: column("current", "is_current")?,
        },
    };
    let names = apply.columns();
    let twin = (1..names.len()).find(|at| names[..*at].contains(&names[*at]));
    match twin {
        Some(_) => Err(item.refuse("Two columns of `apply` have one name")),
        None => Ok(apply),
    }
}

impl Apply {
    /// The columns that it adds to the table.
    #[must_use]
    pub fn columns(&self) -> Vec<&Identifier> {
        match self {
            Self::Changes => Vec::new(),
            Self::SoftDelete { deleted, synced } => vec![deleted, synced],
            Self::History {
                valid_from,
                valid_to,
                current,
            } => vec![valid_from, valid_to, current],
        }
    }
}

/// `store_changes: true`, or a mapping.
pub(super) fn read_store_changes(item: Item<'_>) -> Result<Option<ChangeTable>> {
    let mut table = ChangeTable::default();
    if item.node.as_mapping().is_none() {
        return Ok(item.boolean()?.then_some(table));
    }
    let fields = item.fields(&["suffix", "prefix", "before_images"])?;
    if let Some(suffix) = fields.get("suffix") {
        table.suffix = suffix.filled()?;
    }
    if let Some(prefix) = fields.get("prefix") {
        table.prefix = prefix.filled()?;
    }
    if let Some(before_images) = fields.get("before_images") {
        table.before_images = before_images.boolean()?;
    }
    Ok(Some(table))
}
