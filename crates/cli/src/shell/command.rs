//! The shell's own commands: `\` and a letter, as psql has them.

use diagnostic::{Error, Result, codes};
use engine::Session;
use model::Identifier;

use crate::output;

/// What `\?` shows.
pub(super) const HELP: &str = "\
Statements end with `;`. Ctrl-C drops what is typed, or stops what runs.

  \\d            relations of this schema      \\d NAME    columns of a relation
  \\dt, \\dv      tables, views                 \\dn        schemas
  \\df [TEXT]    functions with TEXT in their name
  \\l            databases                     \\use NAME  go to [database.]schema
  \\x            rows column by column         \\timing    times on or off
  \\i FILE       run a file                    \\q         leave (or Ctrl-D)";

/// One command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Command {
    Leave,
    Help,
    Timing,
    Expanded,
    Functions(Option<String>),
    /// A statement that answers.
    Statement(String),
    File(String),
    Use(UseName),
}

/// `[database.]schema` as it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct UseName {
    database: Option<Identifier>,
    schema: Identifier,
}

impl UseName {
    fn read(text: &str) -> Self {
        let part = |text: &str| {
            let text = text.trim();
            match text
                .strip_prefix('"')
                .and_then(|text| text.strip_suffix('"'))
            {
                Some(quoted) => Identifier::quoted(quoted),
                None => Identifier::unquoted(text),
            }
        };
        match text.split_once('.') {
            Some((database, schema)) => Self {
                database: Some(part(database)),
                schema: part(schema),
            },
            None => Self {
                database: None,
                schema: part(text),
            },
        }
    }

    /// The database and schema that are meant in `session`.
    pub(super) fn resolve(&self, session: &Session) -> (Identifier, Identifier) {
        let database = self.database.as_ref().unwrap_or(&session.database);
        (database.clone(), self.schema.clone())
    }
}

impl Command {
    /// Reads a command, without its backslash.
    pub(super) fn read(text: &str) -> Result<Self> {
        let text = text.trim().trim_end_matches(';').trim_end();
        let (word, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
        let rest = rest.trim();
        let statement = |sql: &str| Ok(Self::Statement(sql.to_owned()));
        match (word, rest) {
            ("q" | "quit" | "exit", _) => Ok(Self::Leave),
            ("?" | "h" | "help", _) => Ok(Self::Help),
            ("timing", _) => Ok(Self::Timing),
            ("x", _) => Ok(Self::Expanded),
            ("d", "") => statement("show objects in schema"),
            ("d", name) => statement(&format!("describe table {name}")),
            ("dt", "") => statement("show tables"),
            ("dv", "") => statement("show views"),
            ("dn", "") => statement("show schemas"),
            ("l", "") => statement("show databases"),
            ("df", "") => Ok(Self::Functions(None)),
            ("df", part) => Ok(Self::Functions(Some(part.to_lowercase()))),
            ("i" | "use", "") => Err(unknown(&format!("\\{word} needs a name"))),
            ("i", path) => Ok(Self::File(path.to_owned())),
            ("use", name) => Ok(Self::Use(UseName::read(name))),
            _ => Err(unknown(&format!("The shell has no command `\\{text}`"))),
        }
    }
}

fn unknown(message: &str) -> Error {
    Error::new(codes::C0013, message).help("`\\?` lists the shell's commands")
}

/// Writes the functions whose names have `part` in them.
pub(super) fn list_functions(part: Option<&str>) -> Result<()> {
    let mut lines = Vec::new();
    for entry in functions::catalogue() {
        let names = std::iter::once(&entry.name).chain(entry.aliases);
        if part.is_none_or(|part| names.clone().any(|name| name.contains(part))) {
            let note = if entry.note.is_empty() {
                String::new()
            } else {
                format!("  ({})", entry.note)
            };
            lines.push(format!("  {}{note}", entry.syntax));
        }
    }
    output::line(&lines.join("\n"))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::Command;

    #[test]
    fn commands_are_words_with_a_name_behind_them() {
        let read = |text| Command::read(text).unwrap();
        assert_eq!(read("q"), Command::Leave);
        assert_eq!(
            read("d orders;"),
            Command::Statement("describe table orders".to_owned())
        );
        assert_eq!(read("df ST_"), Command::Functions(Some("st_".to_owned())));
        assert!(Command::read("use").is_err());
        assert!(Command::read("dx").is_err());
        assert!(Command::read("dt x").is_err());
    }
}
