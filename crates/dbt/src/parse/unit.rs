//! [`Unit`]: what the parse of one file depends on besides the file, and what it says about others. The
//! parse cache keeps it, so that an unchanged file need not be read again.

use std::collections::HashSet;

use indexmap::IndexMap;

use super::properties::PropertyFile;
use crate::cache::codec::packed;
use crate::cache::observed::Observed;
use crate::node::{Node, ResourceType};
use crate::warning::{Warning, Warnings};

/// Units by [`key`].
pub type Units = IndexMap<String, Unit>;

/// The unit of `on-run-start` and `on-run-end`.
pub const HOOKS: &str = "hooks";

/// The name of a file among all packages: `shop://models/orders.sql`.
#[must_use]
pub fn key(package: &str, original: &str) -> String {
    format!("{package}://{original}")
}

/// What the parse of one file depends on.
#[derive(Clone, Debug, Default)]
pub struct Unit {
    /// What it looked at.
    pub observed: Observed,
    /// For a properties file: what it describes.
    pub described: Vec<Described>,
    /// For a properties file: the kinds and names of nodes its tests are of.
    pub watched: Vec<(String, String)>,
    /// A hash of what those nodes were.
    pub targets: u64,
    /// Warnings of reading it.
    pub read: Vec<Warning>,
    /// Warnings of what it declares.
    pub declares: Vec<Warning>,
    /// Warnings of its tests.
    pub tests: Vec<Warning>,
}

/// An entry of a properties file.
#[derive(Clone, Debug)]
pub struct Described {
    /// `models`, `macros`, …
    pub kind: String,
    /// The name of the file or block that it describes.
    pub of: String,
    /// Its name.
    pub name: String,
    /// Where it stands: how messages name the file, line, column.
    pub place: (String, (usize, usize)),
}

packed!(Unit {
    observed,
    described,
    watched,
    targets,
    read,
    declares,
    tests
});
packed!(Described {
    kind,
    of,
    name,
    place
});

impl Unit {
    /// The unit of a file with code.
    #[must_use]
    pub fn of_code(observed: Observed) -> Self {
        Self {
            observed,
            ..Self::default()
        }
    }

    /// The unit of a properties file.
    #[must_use]
    pub fn of_properties(file: &PropertyFile, observed: Observed, read: Warnings) -> Self {
        let described = super::properties::described(file).map(|(kind, of, entry)| {
            let place = file.document.source.place(entry.span.clone());
            Described {
                kind: kind.to_owned(),
                of,
                name: file.name_of(entry).unwrap_or_default().to_owned(),
                place: (place.file.to_string(), (place.line, place.column)),
            }
        });
        Self {
            observed,
            described: described.collect(),
            watched: super::targets::watched(file),
            read: read.list,
            ..Self::default()
        }
    }

    /// Whether it describes any `kind`.
    #[must_use]
    pub fn describes(&self, kind: &str) -> bool {
        self.described.iter().any(|entry| entry.kind == kind)
    }
}

/// Properties that describe nothing are worth a warning.
pub(super) fn unused(units: &Units, nodes: &[Node], warnings: &mut Warnings) {
    let mut names: HashSet<(&str, &str, &str)> = HashSet::new();
    for node in nodes {
        let key = match node.resource_type {
            ResourceType::Model => "models",
            ResourceType::Seed => "seeds",
            ResourceType::Snapshot => "snapshots",
            ResourceType::Analysis => "analyses",
            _ => continue,
        };
        names.insert((key, &node.package, &node.name));
    }
    let mut unused = Vec::new();
    for (key, unit) in units {
        let package = key.split_once("://").map_or("", |(package, _)| package);
        for entry in &unit.described {
            let kind = entry.kind.as_str();
            let known = ["models", "seeds", "snapshots", "analyses"].contains(&kind);
            if known && !names.contains(&(kind, package, entry.name.as_str())) {
                unused.push((package, entry));
            }
        }
    }
    unused.sort_by(|(_, a), (_, b)| (&a.place.0, &a.name).cmp(&(&b.place.0, &b.name)));
    for (package, entry) in unused {
        let (file, (line, column)) = &entry.place;
        // dbt finds what tests are of by name, but describes nodes below their own key only.
        let elsewhere = ["models", "seeds", "snapshots"].into_iter();
        let mut elsewhere = elsewhere.filter(|key| names.contains(&(key, package, &entry.name)));
        let (event, message) = match elsewhere.next() {
            Some(key) => (
                "WrongResourceSchemaFile",
                format!(
                    "`{}` stands under `{}:`, but belongs under `{key}:`: only its tests count",
                    entry.name, entry.kind
                ),
            ),
            None => (
                "NoNodeForYamlKey",
                format!(
                    "`{}` under `{}:` describes nothing that exists",
                    entry.name, entry.kind
                ),
            ),
        };
        let place = diagnostic::Place {
            column: *column,
            ..diagnostic::Place::line(file.as_str(), *line)
        };
        warnings.add(Warning::new(event, message).at(place));
    }
}
