//! [`Macros`]: every macro of a project, its packages and dbt itself, and who finds which.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use diagnostic::{Error, Result, Source, codes};
use indexmap::IndexMap;
use jinja::ast::{MacroDefinition, MacroKind};
use jinja::{Template, Value};

use crate::parse::files::SourceFile;

/// The package of the macros that come with Sluice, named as in dbt.
pub const BUILT_IN: &str = "dbt";

/// One macro.
#[derive(Clone)]
pub struct MacroEntry {
    /// `macro.shop.cents_to_dollars`.
    pub unique_id: Arc<str>,
    /// Its package.
    pub package: Arc<str>,
    /// How it is defined.
    pub definition: Arc<MacroDefinition>,
    /// Its file relative to its package.
    pub path: Arc<str>,
    /// The macro as a value.
    pub value: Value,
}

type Packages = IndexMap<String, IndexMap<Arc<str>, MacroEntry>>;

/// A file that may hold macros.
pub struct MacroFile {
    /// Its package.
    pub package: String,
    /// The file.
    pub file: SourceFile,
}

/// A project's macros by package and name. Their files are read when a macro is looked for first, or by
/// [`Macros::read`].
#[derive(Default)]
pub struct Macros {
    packages: OnceLock<Packages>,
    files: Vec<MacroFile>,
    root: String,
}

impl Macros {
    /// The macros in `files` and those that come with Sluice; `root` is the root project's name.
    #[must_use]
    pub fn new(root: &str, files: Vec<MacroFile>) -> Self {
        Self {
            packages: OnceLock::new(),
            files,
            root: root.to_owned(),
        }
    }

    /// Reads all files. What renders anything does that first: later, nobody hears of errors.
    ///
    /// # Errors
    /// `D1007` for a macro that a package has twice, and syntax errors, joined.
    pub fn read(&self) -> Result<()> {
        if self.packages.get().is_none() {
            let packages = self.parse()?;
            let _ = self.packages.set(packages);
        }
        Ok(())
    }

    fn packages(&self) -> &Packages {
        self.packages
            .get_or_init(|| self.parse().unwrap_or_default())
    }

    fn parse(&self) -> Result<Packages> {
        let mut packages = Packages::new();
        let mut errors = Vec::new();
        for (path, text) in BUILT_IN_FILES {
            let source = Source::new(format!("dbt/{path}"), *text);
            add_file(&mut packages, BUILT_IN, path, &source)?;
        }
        for MacroFile { package, file } in &self.files {
            let added = file.read().and_then(|text| {
                let source = Source::new(file.show.as_str(), text);
                add_file(&mut packages, package, &file.original, &source)
            });
            errors.extend(added.err());
        }
        match Error::join(errors) {
            Some(error) => Err(error),
            None => Ok(packages),
        }
    }

    /// The macro that `name` alone means in a node of `package`: its own, the root project's, then
    /// dbt's.
    #[must_use]
    pub fn find(&self, package: &str, name: &str) -> Option<&MacroEntry> {
        self.in_package(package, name)
            .or_else(|| self.in_package(&self.root, name))
            .or_else(|| self.in_package(BUILT_IN, name))
    }

    /// The macro `name` of `package`.
    #[must_use]
    pub fn in_package(&self, package: &str, name: &str) -> Option<&MacroEntry> {
        self.packages().get(package)?.get(name)
    }

    /// Whether there is such a package.
    #[must_use]
    pub fn has_package(&self, package: &str) -> bool {
        self.packages().contains_key(package)
    }

    /// All macros.
    pub fn iter(&self) -> impl Iterator<Item = &MacroEntry> {
        self.packages().values().flat_map(IndexMap::values)
    }

    /// The macros of one package.
    pub fn of_package(&self, package: &str) -> impl Iterator<Item = &MacroEntry> {
        self.packages()
            .get(package)
            .into_iter()
            .flat_map(IndexMap::values)
    }

    /// The macro `dispatch` chooses: the first of `packages` that has one for an adapter prefix.
    #[must_use]
    pub fn dispatch(
        &self,
        name: &str,
        prefixes: &[&str],
        packages: &[Option<&str>],
        from: &str,
    ) -> Option<&MacroEntry> {
        packages.iter().find_map(|package| {
            prefixes.iter().find_map(|prefix| {
                let name = format!("{prefix}__{name}");
                match package {
                    Some(package) => self.in_package(package, &name),
                    None => self.find(from, &name),
                }
            })
        })
    }
}

/// Adds the macros of one file.
fn add_file(packages: &mut Packages, package: &str, path: &str, source: &Source) -> Result<()> {
    let kinds = ["macro", "materialization", "test", "data_test"];
    let template = Template::blocks(source, &kinds)?;
    let names = packages.entry(package.to_owned()).or_default();
    for definition in template.definitions() {
        if matches!(
            definition.kind,
            MacroKind::Docs | MacroKind::Snapshot | MacroKind::Caller
        ) {
            continue;
        }
        let unique_id: Arc<str> = format!("macro.{package}.{}", definition.name).into();
        let value = Value::object(jinja::Macro::new(Arc::clone(definition)));
        let entry = MacroEntry {
            unique_id,
            package: package.into(),
            definition: Arc::clone(definition),
            path: path.into(),
            value,
        };
        if let Some(other) = names.get(&definition.name) {
            let message = format!(
                "The macro `{}` is defined twice in `{package}`",
                definition.name
            );
            let place = definition.source.place(definition.name_span.range());
            return Err(Error::new(codes::D1007, message)
                .at(place)
                .with("also in", &other.path));
        }
        names.insert(Arc::clone(&definition.name), entry);
    }
    Ok(())
}

impl std::fmt::Debug for Macros {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let count: HashMap<&str, usize> = self
            .packages()
            .iter()
            .map(|(name, macros)| (name.as_str(), macros.len()))
            .collect();
        f.debug_struct("Macros").field("packages", &count).finish()
    }
}

macro_rules! built_in {
    ($($path:literal),* $(,)?) => {
        const BUILT_IN_FILES: &[(&str, &str)] =
            &[$(($path, include_str!(concat!("../", $path)))),*];
    };
}

built_in!(
    "macros/names.sql",
    "macros/python.sql",
    "macros/statement.sql",
    "macros/schema_tests.sql",
    "macros/types.sql",
    "macros/functions.sql",
    "macros/dates.sql",
    "macros/relations.sql",
    "macros/hooks.sql",
    "macros/incremental.sql",
    "macros/snapshot.sql",
    "macros/snapshot_strategies.sql",
    "macros/materializations.sql",
);

/// Whether `path` is a file that may hold macros.
#[must_use]
pub fn is_macro_file(path: &Path) -> bool {
    path.extension()
        .is_some_and(|extension| extension == "sql" || extension == "jinja")
}
