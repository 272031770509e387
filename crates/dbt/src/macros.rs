//! [`Macros`]: every macro of a project, its packages and dbt itself, and who finds which.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use diagnostic::{Error, Result, Source, codes};
use indexmap::IndexMap;
use jinja::ast::{MacroDefinition, MacroKind};
use jinja::{Template, Value};

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

/// A project's macros by package and name.
#[derive(Default)]
pub struct Macros {
    packages: IndexMap<String, IndexMap<Arc<str>, MacroEntry>>,
    root: String,
}

impl Macros {
    /// No macros yet; `root` is the root project's name.
    #[must_use]
    pub fn new(root: &str) -> Self {
        Self {
            packages: IndexMap::new(),
            root: root.to_owned(),
        }
    }

    /// Adds the macros of one file.
    ///
    /// # Errors
    /// `D1007` for a macro the package has already, and syntax errors.
    pub fn add_file(&mut self, package: &str, path: &str, source: &Source) -> Result<()> {
        let template = Template::parse(source)?;
        let names = self.packages.entry(package.to_owned()).or_default();
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
        self.packages.get(package)?.get(name)
    }

    /// Whether there is such a package.
    #[must_use]
    pub fn has_package(&self, package: &str) -> bool {
        self.packages.contains_key(package)
    }

    /// All macros.
    pub fn iter(&self) -> impl Iterator<Item = &MacroEntry> {
        self.packages.values().flat_map(IndexMap::values)
    }

    /// The macros of one package.
    pub fn of_package(&self, package: &str) -> impl Iterator<Item = &MacroEntry> {
        self.packages
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

    /// Adds the macros that come with Sluice.
    ///
    /// # Errors
    /// Only if they are broken, which the tests of this crate exclude.
    pub fn add_built_in(&mut self) -> Result<()> {
        for (path, text) in BUILT_IN_FILES {
            self.add_file(BUILT_IN, path, &Source::new(format!("dbt/{path}"), *text))?;
        }
        Ok(())
    }
}

impl std::fmt::Debug for Macros {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let count: HashMap<&str, usize> = self
            .packages
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
