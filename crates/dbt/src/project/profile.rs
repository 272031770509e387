//! [`Connection`]: the part of a profile that decides dialect, database and schema.

use std::path::{Path, PathBuf};

use diagnostic::{Error, Result, Source, codes};
use serde_json::{Map, Value as Json, json};
use yaml::{Document, Node};

use super::render::{Renderer, render_node};
use crate::flags::Flags;
use crate::warning::{DIALECT_NOT_TRANSLATED, Warning, Warnings};

/// What `target` shows and where relations go.
#[derive(Clone, Debug)]
pub struct Connection {
    /// The profile's name.
    pub profile: String,
    /// The target's name.
    pub target: String,
    /// The adapter type, which decides the dialect: `snowflake`, `duckdb`, `postgres`, …
    pub kind: String,
    /// The default database.
    pub database: String,
    /// The default schema.
    pub schema: String,
    /// How many nodes run at once.
    pub threads: usize,
    /// Whether statements go to the real service instead of the embedded warehouse.
    pub remote: bool,
    /// Everything else of the target as `target.*` shows it; no secrets.
    pub fields: Map<String, Json>,
    /// The file it was read from; `None` for the default connection.
    pub file: Option<PathBuf>,
}

/// Fields that never enter `target`.
const SECRETS: &[&str] = &[
    "password",
    "pass",
    "private_key",
    "private_key_passphrase",
    "token",
    "client_secret",
    "access_token",
    "refresh_token",
    "keyfile_json",
    "secret_access_key",
    "session_token",
];

/// Finds and reads the profile for a project that asks for `wanted`.
///
/// # Errors
/// `D1011` if the profile is missing, `D1012` if its target is, `C0001`/`C0002` if the file makes
/// no sense, and what rendering raises for the fields that matter.
pub fn load(
    project_root: &Path,
    project_name: &str,
    wanted: Option<&str>,
    flags: &Flags,
    render: &Renderer<'_>,
    warnings: &mut Warnings,
) -> Result<Connection> {
    let wanted = flags.profile.as_deref().or(wanted);
    let Some(path) = find(project_root, flags) else {
        return Ok(default_connection(project_name, wanted, flags));
    };
    let text = std::fs::read_to_string(&path).map_err(|cause| {
        let message = format!("`{}` cannot be read", path.display());
        Error::new(codes::D1011, message).because(cause)
    })?;
    let show = path
        .strip_prefix(project_root)
        .unwrap_or(&path)
        .display()
        .to_string();
    let document = yaml::parse(&Source::new(show, text))?;
    warnings.duplicate_keys(&document);
    let profile_name = wanted.unwrap_or(project_name);
    let Some(profile) = document.root.get(profile_name) else {
        let entries = document.root.entries().iter();
        let names: Vec<&str> = entries.filter_map(|(key, _)| key.as_str()).collect();
        // Without a profile of its own, an embedded project needs none.
        if flags.profile.is_none() && !path.starts_with(project_root) {
            return Ok(default_connection(project_name, wanted, flags));
        }
        let message = format!(
            "There is no profile `{profile_name}` in `{}`",
            path.display()
        );
        return Err(Error::new(codes::D1011, message).suggest(profile_name, names));
    };
    let reader = Reader {
        document: &document,
        render,
        flags,
    };
    let connection = reader.read(profile_name, profile, path.clone())?;
    if !TRANSLATED.contains(&connection.kind.as_str()) {
        let message = format!(
            "SQL for `{}` is read in Snowflake's dialect: what the two mean differently by the same words is not told apart",
            connection.kind
        );
        warnings.add(Warning::new(DIALECT_NOT_TRANSLATED, message));
    }
    Ok(connection)
}

/// The types of profiles whose SQL means to the warehouse what it means there.
const TRANSLATED: [&str; 3] = ["snowflake", "duckdb", "postgres"];

fn find(project_root: &Path, flags: &Flags) -> Option<PathBuf> {
    let named = flags.profiles_dir.clone();
    let named = named.or_else(|| flags.env("DBT_PROFILES_DIR").map(PathBuf::from));
    if let Some(folder) = named {
        // A named folder is the only place to look.
        let path = folder.join("profiles.yml");
        return path.is_file().then_some(path);
    }
    let home = flags.env("HOME").map(|home| Path::new(home).join(".dbt"));
    let folders = [Some(project_root.to_owned()), home];
    let paths = folders
        .into_iter()
        .flatten()
        .map(|folder| folder.join("profiles.yml"));
    paths.into_iter().find(|path| path.is_file())
}

fn default_connection(project_name: &str, profile: Option<&str>, flags: &Flags) -> Connection {
    let given = |key: &str| flags.default_connection.get(key).and_then(Json::as_str);
    let target = flags.target.clone().unwrap_or_else(|| "default".to_owned());
    let mut connection = Connection {
        profile: profile.unwrap_or("default").to_owned(),
        target,
        kind: given("type").unwrap_or("snowflake").to_owned(),
        database: given("database").unwrap_or(project_name).to_owned(),
        schema: given("schema").unwrap_or("public").to_owned(),
        threads: flags.threads.unwrap_or(4),
        remote: false,
        fields: Map::new(),
        file: None,
    };
    connection.complete_fields();
    connection
}

struct Reader<'r> {
    document: &'r Document,
    render: &'r Renderer<'r>,
    flags: &'r Flags,
}

impl Reader<'_> {
    fn read(&self, name: &str, profile: &Node, file: PathBuf) -> Result<Connection> {
        let document = self.document;
        let outputs = document.require(profile, "outputs")?;
        let target = match (&self.flags.target, profile.get("target")) {
            (Some(target), _) => target.clone(),
            (None, Some(node)) => self.text(node)?.unwrap_or_else(|| "default".to_owned()),
            (None, None) => "default".to_owned(),
        };
        let Some(output) = outputs.get(&target) else {
            let names = outputs.entries().iter().filter_map(|(key, _)| key.as_str());
            let message = format!("The profile `{name}` has no target `{target}`");
            return Err(Error::new(codes::D1012, message)
                .at(document.source.place(outputs.span.clone()))
                .suggest(&target, names));
        };
        let kind = self
            .text(document.require(output, "type")?)?
            .unwrap_or_default();
        let remote = match output.get("engine") {
            Some(node) => self.text(node)?.as_deref() == Some("remote"),
            None => false,
        };
        let mut fields = Map::new();
        for (key, value) in output.entries() {
            let key = key.key_text();
            let needed = remote || NEEDED.contains(&key.as_str());
            match render_node(&document.source, value, &|_| false, self.render) {
                Ok(value) => {
                    fields.insert(key, value.to_json());
                }
                Err(error) if needed => return Err(error),
                // The embedded warehouse needs no credentials, so their variables may be missing.
                Err(_) => {
                    fields.insert(key, Json::Null);
                }
            }
        }
        let threads = self
            .flags
            .threads
            .or_else(|| number(fields.get("threads")?));
        let field = |key: &str| fields.get(key).and_then(text_of);
        let database = database(&kind, &field);
        let schema = field("schema").or_else(|| field("dataset"));
        let mut connection = Connection {
            profile: name.to_owned(),
            target,
            database,
            schema: schema.unwrap_or_else(|| "main".to_owned()),
            threads: threads.unwrap_or(if remote { 1 } else { 4 }).max(1),
            remote,
            kind,
            fields,
            file: Some(file),
        };
        connection.complete_fields();
        Ok(connection)
    }

    fn text(&self, node: &Node) -> Result<Option<String>> {
        let rendered = render_node(&self.document.source, node, &|_| false, self.render)?;
        Ok(text_of(&rendered.to_json()))
    }
}

/// The fields of an embedded target that must render.
const NEEDED: &[&str] = &[
    "type", "engine", "database", "dbname", "path", "catalog", "project", "schema", "dataset",
];

fn text_of(json: &Json) -> Option<String> {
    match json {
        Json::Null => None,
        Json::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}

fn number(json: &Json) -> Option<usize> {
    match json {
        Json::String(text) => text.trim().parse().ok(),
        other => other
            .as_u64()
            .and_then(|number| usize::try_from(number).ok()),
    }
}

fn database(kind: &str, field: &dyn Fn(&str) -> Option<String>) -> String {
    let named = ["database", "dbname", "catalog", "project"];
    if let Some(name) = named.iter().find_map(|key| field(key)) {
        return name;
    }
    match (kind, field("path")) {
        // DuckDB's database is named after its file.
        (_, Some(path)) if path != ":memory:" => Path::new(&path).file_stem().map_or_else(
            || "memory".to_owned(),
            |stem| stem.to_string_lossy().into_owned(),
        ),
        ("duckdb", _) => "memory".to_owned(),
        _ => "dev".to_owned(),
    }
}

impl Connection {
    fn complete_fields(&mut self) {
        for secret in SECRETS {
            self.fields.shift_remove(*secret);
        }
        let known = [
            ("profile_name", json!(self.profile)),
            ("target_name", json!(self.target)),
            ("name", json!(self.target)),
            ("type", json!(self.kind)),
            ("database", json!(self.database)),
            ("dbname", json!(self.database)),
            ("schema", json!(self.schema)),
            ("threads", json!(self.threads)),
        ];
        for (key, value) in known {
            self.fields.insert(key.to_owned(), value);
        }
    }

    /// Whether the adapter quotes parts of relation names unless told otherwise.
    #[must_use]
    pub fn quotes_by_default(&self) -> bool {
        self.kind != "snowflake"
    }

    /// The character round a quoted name.
    #[must_use]
    pub fn quote_character(&self) -> char {
        match self.kind.as_str() {
            "bigquery" | "spark" | "databricks" | "mysql" => '`',
            _ => '"',
        }
    }
}
