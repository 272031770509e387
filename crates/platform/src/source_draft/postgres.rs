//! Drafts of PostgreSQL sources: a stream for each table, with what its key and columns allow.

use std::path::PathBuf;

use connectors::postgres::{Client, Kind, Relation, RelationInfo, describe_table, relations};
use diagnostic::{Error, Result, codes};
use settings::{PostgresOrigin, PostgresSource, PostgresStream};

use super::text::{is_name, scalar};
use super::{Draft, DraftRequest, NewStreams, Trial};

/// Names of columns that usually say when a row was changed last.
const CHANGED: &[&str] = &[
    "updated_at",
    "modified_at",
    "last_modified",
    "changed_at",
    "updated",
    "modified",
];

/// What a URL says of a server.
struct Address {
    user: String,
    password: Option<String>,
    host: String,
    port: Option<String>,
    database: String,
}

pub(super) fn draft(request: &DraftRequest) -> Result<Draft> {
    let address = Address::parse(&request.place)?;
    let variable = format!("{}_PASSWORD", request.name.to_uppercase());
    let has_variable = std::env::var_os(&variable).is_some();
    if address.password.is_some() {
        let message = "A password in a URL ends up in the history of the shell";
        return Err(Error::new(codes::C0014, message)
            .help(format!("leave it out, and set the variable `{variable}`")));
    }
    let head = address.text(&request.name, has_variable.then_some(variable.as_str()));
    let trial = Trial::new()?;
    trial.put(
        "sources/draft.yml",
        &format!("{head}    streams:\n      - {{name: draft}}\n"),
    )?;
    let source = trial.source()?;
    let Some(postgres) = source.postgres() else {
        return Err(Error::new(codes::X0001, "A draft of a database is none"));
    };
    let mut client = Client::connect(&postgres.connection)?;
    let logical = client.value("show wal_level")?.as_deref() == Some("logical");
    let mut notes = Vec::new();
    let mut streams = String::new();
    for relation in relations(&mut client)? {
        if relation.schema != request.schema {
            continue;
        }
        if !is_name(&relation.name) {
            notes.push(format!(
                "`{}` is left out: names of streams take letters, digits and `_`; give it one with `table:`",
                relation.name
            ));
            continue;
        }
        let info = describe_table(
            &mut client,
            &relation.schema,
            &relation.name,
            &relation.name,
        )?;
        streams.push_str(&stream_text(&info, logical));
    }
    if streams.is_empty() {
        let message = format!(
            "The schema `{}` has no tables that this user may see",
            request.schema
        );
        return Err(Error::new(codes::F1009, message).help("name another one by `--schema`"));
    }
    if !has_variable {
        notes.push(format!(
            "no password is set: if the server asks for one, set `{variable}` and add `password: ${{{variable}}}`"
        ));
    }
    let text = format!(
        "# Drafted by `sluice source add`. All keys: docs/reference/project-files.md\n{head}    streams:\n{streams}"
    );
    trial.put("sources/draft.yml", &text)?;
    trial.open()?;
    let path = PathBuf::from(format!("sources/{}.yml", request.name));
    Ok(Draft {
        files: vec![(path, text)],
        notes,
    })
}

/// The tables that no stream of `source` reads, of the schemas of those that one reads. A query does not tell
/// which tables it reads.
pub(crate) fn unread(client: &mut Client, source: &PostgresSource) -> Result<Vec<Relation>> {
    let origins = source.streams.iter().map(|stream| &stream.origin);
    let read: Vec<(&str, &str)> = origins
        .filter_map(|origin| match origin {
            PostgresOrigin::Table { schema, name } => Some((schema.as_str(), name.as_str())),
            PostgresOrigin::Query(_) => None,
        })
        .collect();
    let is_new = |relation: &Relation| {
        let (schema, name) = (relation.schema.as_str(), relation.name.as_str());
        let looked_at = match read.is_empty() {
            true => schema == "public",
            false => read.iter().any(|(read, _)| *read == schema),
        };
        is_table(relation) && looked_at && !read.contains(&(schema, name))
    };
    let mut found = relations(client)?;
    found.retain(is_new);
    Ok(found)
}

/// Streams for `tables`. They are kept by changes as others of the source are, if they have a key.
pub(crate) fn draft_new(
    client: &mut Client,
    source: &PostgresSource,
    tables: &[Relation],
) -> Result<NewStreams> {
    let by_changes = source.streams.iter().any(PostgresStream::is_cdc);
    let mut draft = NewStreams::default();
    for table in tables {
        let name = &table.name;
        let twin = draft.names.contains(name) || source.stream(name).is_some();
        if twin || !is_name(name) {
            let why = match twin {
                true => "has the name of another stream",
                false => "has a name that streams cannot have",
            };
            draft.notes.push(format!(
                "no stream reads the table `{}.{name}`, which {why}: write one with `table:`",
                table.schema
            ));
            continue;
        }
        let info = describe_table(client, &table.schema, name, name)?;
        let sync = match by_changes && !info.primary_key.is_empty() {
            true => ", sync: cdc",
            false => "",
        };
        draft.streams.push_str(&format!(
            "      - {{name: {}, table: {}{sync}}}\n",
            scalar(name),
            scalar(&format!("{}.{name}", table.schema))
        ));
        draft.names.push(name.clone());
    }
    Ok(draft)
}

fn is_table(relation: &Relation) -> bool {
    matches!(relation.kind, "table" | "partitioned table")
}

impl Address {
    fn parse(url: &str) -> Result<Self> {
        let wrong = || {
            Error::new(codes::C0014, "This is no address of a database")
                .help("write it as `postgres://user@host:5432/database`")
        };
        let (_, rest) = url.split_once("://").ok_or_else(wrong)?;
        let (authority, database) = rest.split_once('/').ok_or_else(wrong)?;
        let (user, host) = authority.rsplit_once('@').ok_or_else(wrong)?;
        let (user, password) = match user.split_once(':') {
            Some((user, password)) => (user, Some(password.to_owned())),
            None => (user, None),
        };
        let (host, port) = match host.rsplit_once(':') {
            Some((host, port)) => (host, Some(port.to_owned())),
            None => (host, None),
        };
        let database = database.split('?').next().unwrap_or_default();
        let is_number = |port: &String| port.bytes().all(|byte| byte.is_ascii_digit());
        if user.is_empty() || host.is_empty() || database.is_empty() || !port.iter().all(is_number)
        {
            return Err(wrong());
        }
        Ok(Self {
            user: user.to_owned(),
            password,
            host: host.to_owned(),
            port,
            database: database.to_owned(),
        })
    }

    fn text(&self, name: &str, variable: Option<&str>) -> String {
        let mut text = format!(
            "sources:\n  - name: {name}\n    kind: postgres\n    connection:\n      host: {}\n",
            scalar(&self.host)
        );
        if let Some(port) = &self.port {
            text.push_str(&format!("      port: {port}\n"));
        }
        text.push_str(&format!(
            "      database: {}\n      user: {}\n",
            scalar(&self.database),
            scalar(&self.user)
        ));
        if let Some(variable) = variable {
            text.push_str(&format!("      password: ${{{variable}}}\n"));
        }
        text
    }
}

/// A stream that reads all of a table, and what else it could do.
fn stream_text(info: &RelationInfo, logical: bool) -> String {
    let relation = &info.relation;
    let mut text = match relation.rows {
        Some(rows) => format!("      # {}, about {rows} rows", relation.kind),
        None => format!("      # {}", relation.kind),
    };
    if !info.primary_key.is_empty() {
        text.push_str(&format!(", key {}", info.primary_key.join(", ")));
    }
    text.push('\n');
    let name = scalar(&relation.name);
    let table = match relation.schema.as_str() {
        "public" => String::new(),
        schema => format!(
            ", table: {}",
            scalar(&format!("{schema}.{}", relation.name))
        ),
    };
    let has_key = !info.primary_key.is_empty();
    if is_table(relation) && has_key {
        let needs = if logical {
            ""
        } else {
            " (needs `wal_level = logical`)"
        };
        text.push_str(&format!(
            "      # every change{needs}: - {{name: {name}{table}, sync: cdc}}\n"
        ));
    }
    let cursor = info.columns.iter().find(|column| {
        CHANGED.contains(&column.name.to_ascii_lowercase().as_str())
            && matches!(column.kind, Kind::Timestamp | Kind::TimestampTz)
    });
    if let Some(cursor) = cursor.filter(|_| has_key) {
        text.push_str(&format!(
            "      # what is new: - {{name: {name}{table}, sync: incremental, cursor: {}, look_back: 1 hour}}\n",
            scalar(&cursor.name)
        ));
    }
    text.push_str(&format!("      - {{name: {name}{table}}}\n"));
    text
}
