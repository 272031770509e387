//! [`Assistant`]: what the editor asks while somebody types: is it complete, what could follow, which
//! colours.

use std::collections::BTreeSet;

use engine::Session;
use platform::Platform;
use tokio::runtime::Runtime;

use super::editor::{Completion, Helper};
use super::relations::Relations;
use super::scan::{self, Kind};

/// Words that begin clauses and statements, for completion and colour.
const KEYWORDS: &[&str] = &[
    "ALL",
    "ALTER",
    "AND",
    "ANY",
    "AS",
    "ASC",
    "ASOF",
    "BEGIN",
    "BETWEEN",
    "BY",
    "CASE",
    "CAST",
    "CLONE",
    "COLUMN",
    "COMMIT",
    "COPY",
    "CREATE",
    "CROSS",
    "CUBE",
    "CURRENT",
    "DATABASE",
    "DEFAULT",
    "DELETE",
    "DESC",
    "DESCRIBE",
    "DISTINCT",
    "DROP",
    "ELSE",
    "END",
    "EXCEPT",
    "EXCLUDE",
    "EXISTS",
    "EXPLAIN",
    "FALSE",
    "FIRST",
    "FOLLOWING",
    "FROM",
    "FULL",
    "GROUP",
    "GROUPING",
    "HAVING",
    "IF",
    "ILIKE",
    "IN",
    "INNER",
    "INSERT",
    "INTERSECT",
    "INTO",
    "IS",
    "JOIN",
    "LAST",
    "LATERAL",
    "LEFT",
    "LIKE",
    "LIMIT",
    "MATCHED",
    "MERGE",
    "MINUS",
    "NATURAL",
    "NOT",
    "NULL",
    "NULLS",
    "OFFSET",
    "ON",
    "OR",
    "ORDER",
    "OUTER",
    "OVER",
    "OVERWRITE",
    "PARTITION",
    "PIVOT",
    "PRECEDING",
    "QUALIFY",
    "RANGE",
    "RECURSIVE",
    "RENAME",
    "REPLACE",
    "RIGHT",
    "RLIKE",
    "ROLLBACK",
    "ROLLUP",
    "ROW",
    "ROWS",
    "SAMPLE",
    "SCHEMA",
    "SELECT",
    "SET",
    "SETS",
    "SHOW",
    "TABLE",
    "TABLES",
    "THEN",
    "TO",
    "TRUE",
    "TRUNCATE",
    "UNBOUNDED",
    "UNDROP",
    "UNION",
    "UNPIVOT",
    "UPDATE",
    "USE",
    "USING",
    "VALUES",
    "VIEW",
    "VIEWS",
    "WHEN",
    "WHERE",
    "WINDOW",
    "WITH",
    "WITHIN",
];

/// Names a completion offers at most.
const OFFERED: usize = 200;

/// What the editor's questions are answered from.
pub(super) struct Assistant<'a> {
    platform: &'a Platform,
    runtime: &'a Runtime,
    session: &'a Session,
    relations: &'a Relations,
}

impl<'a> Assistant<'a> {
    pub(super) fn new(
        platform: &'a Platform,
        runtime: &'a Runtime,
        session: &'a Session,
        relations: &'a Relations,
    ) -> Self {
        Self {
            platform,
            runtime,
            session,
            relations,
        }
    }

    /// Names of relations as they can be written here: without the database and schema one is in.
    fn relation_names(&self, qualifier: &str) -> BTreeSet<String> {
        let mut names = BTreeSet::new();
        let session = self.session;
        for name in self.relations.names(self.platform) {
            let here = name.database == session.database;
            let mut add = |scope: &str, text: String| {
                if scope.eq_ignore_ascii_case(qualifier) {
                    names.insert(text);
                }
            };
            if here && name.schema == session.schema {
                add("", name.name.to_string());
            }
            if here {
                add("", name.schema.to_string());
                add(&name.schema.to_string(), name.name.to_string());
            }
            add("", name.database.to_string());
            add(&name.database.to_string(), name.schema.to_string());
            add(&name.namespace().to_string(), name.name.to_string());
        }
        names
    }

    /// The columns of the relations that `text` names.
    fn columns(&self, text: &str) -> BTreeSet<String> {
        let words: BTreeSet<String> = scan::parts(text)
            .into_iter()
            .filter(|part| matches!(part.kind, Kind::Word | Kind::Name))
            .filter_map(|part| text.get(part.at))
            .map(|word| word.trim_matches('"').to_uppercase())
            .collect();
        self.relations
            .names(self.platform)
            .iter()
            .filter(|name| words.contains(&name.name.as_str().to_uppercase()))
            .flat_map(|name| {
                self.relations
                    .columns(name, self.platform, self.runtime, self.session)
            })
            .map(|column| model::Identifier::quoted(column).to_string())
            .collect()
    }
}

impl Helper for Assistant<'_> {
    fn is_complete(&self, text: &str) -> bool {
        scan::is_complete(text)
    }

    fn complete(&self, text: &str, cursor: usize) -> Completion {
        let before = text.get(..cursor).unwrap_or(text);
        let start = before
            .char_indices()
            .rev()
            .take_while(|(_, letter)| scan::is_word(*letter))
            .last()
            .map_or(cursor, |(at, _)| at);
        let prefix = before.get(start..).unwrap_or_default();
        let lead = before.get(..start).unwrap_or_default();
        let qualifier = qualifier(lead);
        let mut candidates: BTreeSet<String> = self.relation_names(&qualifier);
        let relation_next = names_follow(lead);
        if !relation_next {
            candidates.extend(self.columns(text));
        }
        if qualifier.is_empty() {
            // Letters as they were begun.
            let lower = prefix.chars().any(char::is_lowercase);
            let cased = |word: &str| match lower {
                true => word.to_lowercase(),
                false => word.to_uppercase(),
            };
            candidates = candidates
                .into_iter()
                .map(|name| match name.starts_with('"') {
                    true => name,
                    false => cased(&name),
                })
                .collect();
            if !prefix.is_empty() && !relation_next {
                candidates.extend(KEYWORDS.iter().map(|word| cased(word)));
                for entry in functions::catalogue() {
                    candidates.insert(cased(entry.name) + "(");
                    candidates.extend(entry.aliases.iter().map(|name| cased(name) + "("));
                }
            }
        }
        let wanted = prefix.to_uppercase();
        let found = candidates.into_iter().filter(|candidate| {
            let plain = candidate.trim_start_matches('"').to_uppercase();
            plain.starts_with(&wanted)
        });
        Completion {
            start,
            candidates: found.take(OFFERED).collect(),
        }
    }

    fn colour(&self, text: &str) -> String {
        const KEYWORD: &str = "\x1b[1;34m";
        const FUNCTION: &str = "\x1b[36m";
        const TEXT: &str = "\x1b[32m";
        const NUMBER: &str = "\x1b[35m";
        const COMMENT: &str = "\x1b[2m";
        const PLAIN: &str = "\x1b[0m";
        let mut out = String::with_capacity(text.len() * 2);
        let parts = scan::parts(text);
        for part in &parts {
            let written = text.get(part.at.clone()).unwrap_or_default();
            let called = text
                .get(part.at.end..)
                .is_some_and(|rest| rest.starts_with('('));
            let style = match part.kind {
                Kind::Word if KEYWORDS.contains(&written.to_uppercase().as_str()) => KEYWORD,
                Kind::Word if called => FUNCTION,
                Kind::Text => TEXT,
                Kind::Number => NUMBER,
                Kind::Comment => COMMENT,
                _ => "",
            };
            if style.is_empty() {
                out.push_str(written);
                continue;
            }
            // Every line has its own colours, so that prompts in between have theirs.
            for (at, line) in written.split('\n').enumerate() {
                if at > 0 {
                    out.push('\n');
                }
                out.push_str(style);
                out.push_str(line);
                out.push_str(PLAIN);
            }
        }
        out
    }
}

/// Whether the last word before the cursor is one that a relation's name follows.
fn names_follow(lead: &str) -> bool {
    const BEFORE: &[&str] = &[
        "DESCRIBE", "FROM", "INTO", "JOIN", "TABLE", "TRUNCATE", "UPDATE", "VIEW",
    ];
    let parts = scan::parts(lead);
    let last = parts.iter().rfind(|part| part.kind == Kind::Word);
    last.and_then(|part| lead.get(part.at.clone()).zip(lead.get(part.at.end..)))
        .is_some_and(|(word, rest)| {
            rest.trim().is_empty() && BEFORE.contains(&word.to_uppercase().as_str())
        })
}

/// `a.b` of text that ends with `a.b.`.
fn qualifier(lead: &str) -> String {
    let Some(lead) = lead.strip_suffix('.') else {
        return String::new();
    };
    let start = lead
        .char_indices()
        .rev()
        .take_while(|(_, letter)| scan::is_word(*letter) || matches!(letter, '.' | '"'))
        .last()
        .map_or(lead.len(), |(at, _)| at);
    lead.get(start..).unwrap_or_default().to_owned()
}
