//! The list of functions, for documentation and completion.

mod snowflake;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use crate::{aggregate, clock, context, families, flatten, generator};

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
        functions
            .iter()
            .filter(|function| function.is_listed())
            .map(|function| Entry {
                name: function.name,
                aliases: function.aliases,
                family,
                syntax: function.syntax,
                note: function.note,
            })
    });
    let mut entries: Vec<Entry> = scalars
        .chain(clock::ENTRIES.iter().copied())
        .chain(context::entries())
        .chain(aggregate::ENTRIES.iter().copied())
        .chain(generator::ENTRIES.iter().copied())
        .chain(flatten::ENTRIES.iter().copied())
        // Those that begin with `$` are called by rewrites of statements only.
        .filter(|entry| !entry.name.starts_with('$'))
        .collect();
    entries.sort_by_key(|entry| (entry.family, entry.name));
    entries
}

/// The entry of a function by any of its names, in either case.
#[must_use]
pub fn entry(name: &str) -> Option<Entry> {
    let name = name.to_ascii_lowercase();
    let mut entries = catalogue().into_iter();
    entries.find(|entry| entry.name == name || entry.aliases.contains(&name.as_str()))
}

/// Whether Snowflake has a function of this name that is not here.
#[must_use]
pub fn is_missing(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let known = |names: &[&str]| names.contains(&name.as_str());
    entry(&name).is_none() && snowflake::FAMILIES.iter().any(|(_, names)| known(names))
}

/// All names of all functions.
#[must_use]
pub fn names() -> BTreeSet<&'static str> {
    catalogue()
        .into_iter()
        .flat_map(|entry| std::iter::once(entry.name).chain(entry.aliases.iter().copied()))
        .collect()
}

/// The page `docs/sql/functions.md`.
#[must_use]
pub fn page() -> String {
    let mut families: BTreeMap<&str, Vec<Entry>> = BTreeMap::new();
    for entry in catalogue() {
        families.entry(entry.family).or_default().push(entry);
    }
    let names = names();
    let mut page = format!(
        "# Functions\n\n\
         <!-- Written by `UPDATE=1 cargo test -p functions --test it documented`; do not edit. -->\n\n\
         The embedded warehouse has {} functions under {} names. A function whose support is *full* does what \
         Snowflake's documentation says; otherwise the column says what differs. A function that is not listed is an \
         error, never something else of the same name.\n",
        families.values().map(Vec::len).sum::<usize>(),
        names.len()
    );
    for (family, entries) in &families {
        let _ = write!(
            page,
            "\n## {}\n\n| function | other names | written as | support |\n|---|---|---|---|\n",
            capitalised(family)
        );
        for entry in entries {
            let aliases: Vec<String> = entry.aliases.iter().map(|name| code(name)).collect();
            let support = if entry.note.is_empty() {
                "full"
            } else {
                entry.note
            };
            let _ = writeln!(
                page,
                "| {} | {} | {} | {} |",
                code(entry.name),
                aliases.join(" "),
                code(&entry.syntax.replace('|', "\\|")),
                support.replace('|', "\\|")
            );
        }
    }
    page.push_str(
        "\n## Snowflake's functions that are missing\n\n| family | functions |\n|---|---|\n",
    );
    for (family, theirs) in snowflake::FAMILIES {
        let missing: Vec<String> = theirs
            .iter()
            .filter(|name| !names.contains(*name) && !GRAMMAR.contains(name))
            .map(|name| code(name))
            .collect();
        if !missing.is_empty() {
            let _ = writeln!(page, "| {family} | {} |", missing.join(" "));
        }
    }
    page
}

/// What the parser reads as grammar; it needs no entry.
const GRAMMAR: [&str; 4] = ["cast", "try_cast", "like_any", "like_all"];

fn code(text: &str) -> String {
    format!("`{text}`")
}

fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    match letters.next() {
        Some(first) => first.to_uppercase().chain(letters).collect(),
        None => String::new(),
    }
}
