//! [`Location`]: what `@stage/path`, `@~/path`, `@%table/path` and `file:///path` mean.
//!
//! <https://docs.snowflake.com/en/user-guide/data-load-local-file-system-create-stage>

use std::path::{Path, PathBuf};

use catalog::{ObjectBody, ObjectKind, RelationKind};
use diagnostic::{Error, Result, codes};
use model::{Identifier, RelationName};
use sqlparser::ast::ObjectName;

use crate::access::Named;
use crate::provider::Databases;
use crate::statement::unsupported;

/// Whether `name` names staged files.
pub(crate) fn is_stage(name: &ObjectName) -> bool {
    name.0
        .first()
        .and_then(|part| part.as_ident())
        .is_some_and(|ident| ident.value.starts_with('@'))
}

/// A stage, or a folder of this machine, and a path in it.
#[derive(Clone, Debug)]
pub(crate) struct Location {
    /// The folder that names of files are relative to.
    pub(crate) root: PathBuf,
    /// The start of the names that are meant.
    pub(crate) path: String,
    /// How LIST calls the folder.
    pub(crate) label: String,
    /// The file format that the stage declares: options by name.
    pub(crate) format: Vec<(String, String)>,
    /// What COPY puts before a file's name in METADATA$FILENAME.
    pub(crate) prefix: String,
    /// Whether the files are the warehouse's own.
    pub(crate) internal: bool,
    /// The stage, if it has a name.
    stage: Option<RelationName>,
}

/// The folder of all internal stages.
pub(crate) fn stages_folder(databases: &Databases) -> PathBuf {
    databases.workspace.catalog().folder().join("stages")
}

impl Location {
    /// What `name` in a statement means.
    pub(crate) fn named(databases: &Databases, name: &ObjectName) -> Result<Self> {
        let text = name
            .0
            .first()
            .and_then(|part| part.as_ident())
            .map(|ident| ident.value.as_str())
            .unwrap_or_default();
        Self::resolve(databases, text)
    }

    /// What `text` means: `@stage/path` or a URL.
    pub(crate) fn resolve(databases: &Databases, text: &str) -> Result<Self> {
        let name = text.strip_prefix('@').unwrap_or(text);
        if name.contains("://") {
            outside(databases, name)?;
            return external(name, "");
        }
        if !text.starts_with('@') {
            return Err(
                Error::new(codes::E1002, format!("`{text}` is no location of files"))
                    .help("write `@stage/path` or `file:///path`"),
            );
        }
        let (stage, path) = match slash(name) {
            Some(at) => (&name[..at], &name[at + 1..]),
            None => (name, ""),
        };
        let folder = stages_folder(databases);
        if stage == "~" {
            return internal(folder.join("user"), path, "~", Vec::new());
        }
        let mut parts = identifiers(stage);
        let last = parts.pop().unwrap_or_default();
        if let Some(table) = last.strip_prefix('%') {
            return of_table(databases, &folder, &parts, table, path);
        }
        let name = full(databases, &parts, &last);
        let Some(object) = databases.object(ObjectKind::Stage, &name) else {
            let known = databases.objects();
            let names: Vec<String> = known
                .into_keys()
                .filter(|(kind, _)| *kind == ObjectKind::Stage)
                .map(|(_, name)| name.to_string())
                .collect();
            return Err(
                Error::new(codes::K3001, format!("Stage `{name}` does not exist"))
                    .suggest(&name.to_string(), names.iter().map(String::as_str)),
            );
        };
        let ObjectBody::Stage {
            url,
            options,
            folder: own,
        } = object.body
        else {
            return Err(Error::new(codes::X0001, "A stage is stored as no stage"));
        };
        let format = options
            .into_iter()
            .filter_map(|(name, value)| {
                let name = name.strip_prefix("FILE_FORMAT.")?;
                Some((name.to_owned(), value))
            })
            .collect();
        let named = Named::Object(ObjectKind::Stage, name.clone());
        databases.require(&named, if url.is_some() { "USAGE" } else { "READ" })?;
        let label = name.name.as_str().to_lowercase();
        let location = match url {
            Some(url) => Self {
                format,
                ..external(&url, path)?
            },
            None => internal(folder.join(own), path, &label, format)?,
        };
        Ok(Self {
            stage: Some(name),
            ..location
        })
    }

    /// Refuses to write files where the session's role may only read them:
    /// <https://docs.snowflake.com/en/user-guide/security-access-control-privileges#stage-privileges>.
    pub(crate) fn require_write(&self, databases: &Databases) -> Result<()> {
        match &self.stage {
            Some(stage) if self.internal => {
                databases.require(&Named::Object(ObjectKind::Stage, stage.clone()), "WRITE")
            }
            _ => Ok(()),
        }
    }

    /// The folder or file that the path names.
    pub(crate) fn target(&self) -> PathBuf {
        if self.path.is_empty() {
            return self.root.clone();
        }
        self.root.join(&self.path)
    }
}

fn internal(
    root: PathBuf,
    path: &str,
    label: &str,
    format: Vec<(String, String)>,
) -> Result<Location> {
    Ok(Location {
        root,
        path: safe(path)?,
        label: format!("{label}/"),
        format,
        prefix: String::new(),
        internal: true,
        stage: None,
    })
}

/// The files behind a URL, and a path in it.
fn external(url: &str, path: &str) -> Result<Location> {
    let Some(folder) = url.strip_prefix("file://") else {
        let scheme = url.split("://").next().unwrap_or_default();
        return Err(unsupported(&url).help(format!(
            "files behind `{scheme}://` cannot be read yet: copy them to a folder and use `file:///folder/`"
        )));
    };
    let whole = match (folder.ends_with('/'), path.is_empty()) {
        (_, true) => folder.to_owned(),
        (true, false) => format!("{folder}{path}"),
        (false, false) => format!("{folder}/{path}"),
    };
    if !whole.starts_with('/') {
        return Err(
            Error::new(codes::E1002, format!("`{url}` is no absolute path"))
                .help("write `file:///folder/…`"),
        );
    }
    let whole = safe(&whole)?;
    // The last part may be the start of names only.
    let (root, rest) = match whole.rsplit_once('/') {
        Some((root, rest)) if !whole.ends_with('/') => (format!("/{root}"), rest.to_owned()),
        Some((root, _)) => (format!("/{root}"), String::new()),
        None => ("/".to_owned(), whole.clone()),
    };
    let prefix = match root.trim_start_matches('/') {
        "" => String::new(),
        root => format!("{root}/"),
    };
    Ok(Location {
        label: format!("file:///{prefix}"),
        root: PathBuf::from(root),
        path: rest,
        format: Vec::new(),
        prefix,
        internal: false,
        stage: None,
    })
}

/// The stage that every table has.
fn of_table(
    databases: &Databases,
    folder: &Path,
    parts: &[String],
    table: &str,
    path: &str,
) -> Result<Location> {
    let name = full(databases, parts, table);
    databases.require_ownership(&Named::Relation(name.clone()))?;
    match databases.workspace.relation(&name) {
        Some(relation) if matches!(relation.kind, RelationKind::Table { .. }) => internal(
            folder.join("tables").join(&relation.id),
            path,
            &name.name.as_str().to_lowercase(),
            Vec::new(),
        ),
        _ => Err(Error::new(
            codes::K3001,
            format!("Table `{name}` does not exist"),
        )),
    }
}

/// Refuses files that no stage names to roles with limits: whoever makes a stage of them decides who reads them.
pub(crate) fn outside(databases: &Databases, url: &str) -> Result<()> {
    match databases.rights.is_limited() {
        false => Ok(()),
        true => Err(Error::new(
            codes::K3016,
            format!(
                "Role `{}` may not use `{url}`, which is in no stage",
                databases.rights.role()
            ),
        )
        .help("ACCOUNTADMIN can make a stage of it and grant USAGE on the stage")),
    }
}

/// A path without leading slashes that leads nowhere else.
fn safe(path: &str) -> Result<String> {
    let path = path.trim_start_matches('/');
    if path.split('/').any(|part| part == "..") {
        return Err(Error::new(
            codes::E1002,
            format!("Path `{path}` leads out of its stage"),
        ));
    }
    Ok(path.to_owned())
}

/// The first slash outside of quotes.
fn slash(name: &str) -> Option<usize> {
    let mut quoted = false;
    name.char_indices().find_map(|(at, letter)| {
        if letter == '"' {
            quoted = !quoted;
        }
        (letter == '/' && !quoted).then_some(at)
    })
}

/// The parts of a dotted name: in quotes as written, otherwise in upper case.
fn identifiers(name: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut quoted = false;
    for letter in name.chars() {
        match letter {
            '"' => quoted = !quoted,
            '.' if !quoted => parts.push(String::new()),
            letter => {
                if let Some(part) = parts.last_mut() {
                    if quoted {
                        part.push(letter);
                    } else {
                        part.extend(letter.to_uppercase());
                    }
                }
            }
        }
    }
    parts
}

/// `name` with the session's database and schema where `parts` do not say others.
fn full(databases: &Databases, parts: &[String], name: &str) -> RelationName {
    let session = &databases.session;
    let mut parts = parts.iter().rev();
    let schema = parts
        .next()
        .map_or_else(|| session.schema.clone(), Identifier::quoted);
    let database = parts
        .next()
        .map_or_else(|| session.database.clone(), Identifier::quoted);
    RelationName {
        database,
        schema,
        name: Identifier::quoted(name),
    }
}
