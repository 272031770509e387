//! The list of functions, for documentation and completion.

use crate::{aggregate, clock, families, flatten, generator};

/// One function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Name in lower case.
    pub name: &'static str,
    /// Other names of the same function.
    pub aliases: &'static [&'static str],
    /// Snowflake's family.
    pub family: &'static str,
    /// How it is written.
    pub syntax: &'static str,
    /// What differs from what one may expect; may be empty.
    pub note: &'static str,
}

/// Snowflake's functions that this crate adds to DataFusion's or replaces, by family and name.
#[must_use]
pub fn catalogue() -> Vec<Entry> {
    let scalars = families::FAMILIES.iter().flat_map(|(family, functions)| {
        functions.iter().map(|function| Entry {
            name: function.name,
            aliases: function.aliases,
            family,
            syntax: function.syntax,
            note: function.note,
        })
    });
    let mut entries: Vec<Entry> = scalars
        .chain(clock::ENTRIES.iter().copied())
        .chain(aggregate::ENTRIES.iter().copied())
        .chain(generator::ENTRIES.iter().copied())
        .chain(flatten::ENTRIES.iter().copied())
        // Those that begin with `$` are called by rewrites of statements only.
        .filter(|entry| !entry.name.starts_with('$'))
        .collect();
    entries.sort_by_key(|entry| (entry.family, entry.name));
    entries
}
