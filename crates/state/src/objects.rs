//! What a schema holds beside tables and views: sequences, file formats, stages, functions; and what is
//! said about schemas and databases themselves.

use std::collections::BTreeMap;
use std::fmt;

use diagnostic::{Error, Result, codes};
use model::{RelationName, RunId};
use rusqlite::{OptionalExtension, Transaction, params};
use serde::{Deserialize, Serialize};

use crate::database::{RowResult, from_body, to_body};
use crate::relations::name_of;
use crate::{Access, State};

/// The kinds of objects. Each has names of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ObjectKind {
    /// A database; schema and name are empty.
    Database,
    /// A schema; the name is empty.
    Schema,
    /// A sequence.
    Sequence,
    /// A file format.
    FileFormat,
    /// A stage.
    Stage,
    /// A function; its name ends with the types of its arguments in brackets.
    Function,
    /// A stored procedure; named as functions are.
    Procedure,
    /// A role; database and schema are empty.
    Role,
    /// A warehouse on which something is granted; database and schema are empty.
    Warehouse,
    /// The account; all parts of its name are empty.
    Account,
}

impl ObjectKind {
    fn name(self) -> &'static str {
        match self {
            Self::Database => "database",
            Self::Schema => "schema",
            Self::Sequence => "sequence",
            Self::FileFormat => "file format",
            Self::Stage => "stage",
            Self::Function => "function",
            Self::Procedure => "procedure",
            Self::Role => "role",
            Self::Warehouse => "warehouse",
            Self::Account => "account",
        }
    }

    fn parse(text: &str) -> Result<Self> {
        [
            Self::Database,
            Self::Schema,
            Self::Sequence,
            Self::FileFormat,
            Self::Stage,
            Self::Function,
            Self::Procedure,
            Self::Role,
            Self::Warehouse,
            Self::Account,
        ]
        .into_iter()
        .find(|kind| kind.name() == text)
        .ok_or_else(|| {
            Error::new(
                codes::K2001,
                format!("The state file knows no object kind `{text}`"),
            )
        })
    }
}

impl fmt::Display for ObjectKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// One object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Object {
    /// What it is.
    pub body: ObjectBody,
    /// A sentence for people.
    #[serde(default)]
    pub comment: Option<String>,
    /// When it was created, RFC 3339 in UTC.
    #[serde(default)]
    pub created_at: String,
    /// Who owns it, and what is granted on it.
    #[serde(default, skip_serializing_if = "Access::is_plain")]
    pub access: Access,
}

/// What an object is, by its kind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum ObjectBody {
    /// A database or schema.
    Container {
        /// Whether it is TRANSIENT.
        transient: bool,
        /// DATA_RETENTION_TIME_IN_DAYS, if declared.
        retention_days: Option<u32>,
    },
    /// A sequence.
    Sequence {
        /// The counter its values come from.
        id: String,
        /// First value.
        start: i64,
        /// Distance between values.
        step: i64,
        /// Whether values were declared to rise with time.
        ordered: bool,
    },
    /// A file format.
    FileFormat {
        /// Options by name, both in upper case; values as written.
        options: BTreeMap<String, String>,
    },
    /// A stage.
    Stage {
        /// Where its files are; `None` for an internal stage.
        url: Option<String>,
        /// Other options, recorded: `FILE_FORMAT.TYPE`, `STORAGE_INTEGRATION`, …
        options: BTreeMap<String, String>,
        /// The folder of an internal stage, below the stages' folder.
        folder: String,
    },
    /// A function written in SQL.
    Function {
        /// Name, type and default of each argument.
        arguments: Vec<FunctionArgument>,
        /// The type of its result, or the columns of its table.
        returns: FunctionResult,
        /// The text between the quotes.
        body: String,
        /// Whether its text is hidden from roles that do not own it.
        secure: bool,
    },
    /// A role, a warehouse or the account, of which there is nothing but a name and grants.
    Named,
}

/// An argument of a function.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FunctionArgument {
    /// Its name.
    pub name: String,
    /// Its type, as SQL.
    pub kind: String,
    /// What it is if it is left out, as SQL.
    #[serde(default)]
    pub default: Option<String>,
}

/// What a function returns.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FunctionResult {
    /// A value of this type.
    Scalar(String),
    /// Rows with these columns: name and type.
    Table(Vec<(String, String)>),
}

/// An object's change.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ObjectChange {
    /// Its kind.
    pub kind: ObjectKind,
    /// Its name.
    pub name: RelationName,
    /// What it is afterwards; `None` drops it.
    pub becomes: Option<Object>,
    /// What it was when the run began.
    #[serde(default)]
    pub read: Option<Object>,
}

/// Objects by kind and name.
pub type Objects = BTreeMap<(ObjectKind, RelationName), Object>;

/// Every object.
pub(crate) fn all(tx: &Transaction<'_>) -> Result<Objects> {
    let mut statement = tx
        .prepare_cached("select database, schema, name, kind, body from objects")
        .row()?;
    let rows = statement
        .query_map([], |row| {
            Ok((
                name_of(row)?,
                row.get::<_, String>(3)?,
                row.get::<_, String>(4)?,
            ))
        })
        .row()?;
    rows.map(|row| {
        let (name, kind, body) = row.row()?;
        Ok(((ObjectKind::parse(&kind)?, name), from_body(&body)?))
    })
    .collect()
}

impl State {
    /// What `run` dropped: objects as they were.
    ///
    /// # Errors
    /// `K2001` if the state file cannot be used.
    pub fn dropped_objects(&self, run: RunId) -> Result<Objects> {
        self.read(|tx| {
            let mut statement = tx
                .prepare_cached(
                    "select gone.database, gone.schema, gone.name, gone.kind,
                            (select before.body from object_history before
                             where before.kind = gone.kind and before.database = gone.database
                               and before.schema = gone.schema and before.name = gone.name
                               and before.id < gone.id and before.body is not null
                             order by before.id desc limit 1)
                     from object_history gone where gone.run_id = ?1 and gone.body is null",
                )
                .row()?;
            let rows = statement
                .query_map(params![run.to_string()], |row| {
                    Ok((
                        name_of(row)?,
                        row.get::<_, String>(3)?,
                        row.get::<_, Option<String>>(4)?,
                    ))
                })
                .row()?;
            let mut objects = Objects::new();
            for row in rows {
                let (name, kind, body) = row.row()?;
                if let Some(body) = body {
                    objects.insert((ObjectKind::parse(&kind)?, name), from_body(&body)?);
                }
            }
            Ok(objects)
        })
    }

    /// Takes `count` values of the counter `sequence`, and gives the first. What was taken is gone, also
    /// if the statement that took it fails, as with Snowflake's sequences.
    ///
    /// # Errors
    /// `K2001` if the state file cannot be used, `E1004` if the counter has no value left.
    pub fn take_values(&self, sequence: &str, start: i64, step: i64, count: u64) -> Result<i64> {
        self.write(|tx| {
            let first = next_value(tx, sequence)?.unwrap_or(i128::from(start));
            let after = first + i128::from(step) * i128::from(count);
            tx.prepare_cached("insert or replace into sequence_values values (?1, ?2)")
                .and_then(|mut s| s.execute(params![sequence, after.to_string()]))
                .row()?;
            let last = after - i128::from(step);
            match (i64::try_from(first), i64::try_from(last)) {
                (Ok(first), Ok(_)) => Ok(first),
                _ => Err(Error::new(
                    codes::E1004,
                    "A sequence has no value left: it counts in 64 bits",
                )),
            }
        })
    }

    /// The value that [`State::take_values`] would give next; `None` if nobody took one.
    ///
    /// # Errors
    /// `K2001` if the state file cannot be used.
    pub fn next_value(&self, sequence: &str) -> Result<Option<i128>> {
        self.read(|tx| next_value(tx, sequence))
    }
}

fn next_value(tx: &Transaction<'_>, sequence: &str) -> Result<Option<i128>> {
    let next: Option<String> = tx
        .prepare_cached("select next from sequence_values where sequence = ?1")
        .and_then(|mut s| s.query_row(params![sequence], |row| row.get(0)).optional())
        .row()?;
    next.map(|text| {
        text.parse().map_err(|cause| {
            Error::new(codes::K2001, "A sequence's value cannot be read").because(cause)
        })
    })
    .transpose()
}

/// Whether somebody else changed what `change` is about since its run began.
pub(crate) fn is_stale(tx: &Transaction<'_>, change: &ObjectChange) -> Result<bool> {
    let ObjectChange { kind, name, .. } = change;
    let key = params![
        kind.name(),
        name.database.as_str(),
        name.schema.as_str(),
        name.name.as_str()
    ];
    let body: Option<String> = tx
        .prepare_cached(
            "select body from objects
             where kind = ?1 and database = ?2 and schema = ?3 and name = ?4",
        )
        .and_then(|mut s| s.query_row(key, |row| row.get(0)).optional())
        .row()?;
    let now: Option<Object> = body.map(|body| from_body(&body)).transpose()?;
    Ok(now != change.read && now != change.becomes)
}

pub(crate) fn change(
    tx: &Transaction<'_>,
    change: &ObjectChange,
    run: RunId,
    now: &str,
) -> Result<()> {
    let ObjectChange {
        kind,
        name,
        becomes,
        ..
    } = change;
    let (database, schema, own) = (
        name.database.as_str(),
        name.schema.as_str(),
        name.name.as_str(),
    );
    let body = becomes.as_ref().map(to_body).transpose()?;
    tx.prepare_cached(
        "insert into object_history (kind, database, schema, name, body, run_id, published_at)
         values (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )
    .and_then(|mut s| {
        s.execute(params![
            kind.name(),
            database,
            schema,
            own,
            body,
            run.to_string(),
            now
        ])
    })
    .row()?;
    match body {
        Some(body) => tx
            .prepare_cached("insert or replace into objects values (?1, ?2, ?3, ?4, ?5, ?6, ?7)")
            .and_then(|mut s| {
                s.execute(params![
                    kind.name(),
                    database,
                    schema,
                    own,
                    body,
                    run.to_string(),
                    now
                ])
            }),
        None => tx
            .prepare_cached(
                "delete from objects
                 where kind = ?1 and database = ?2 and schema = ?3 and name = ?4",
            )
            .and_then(|mut s| s.execute(params![kind.name(), database, schema, own])),
    }
    .row()
    .map(drop)
}
