//! Reads YAML nodes as settings: expanded texts, words of a list, ranges, each refusal with its place.

use std::path::{Path, PathBuf};
use std::str::FromStr;

use diagnostic::{Error, Result, ResultExt as _, Source, codes};
use yaml::{Document, Node};

use crate::surroundings::Expanded;
use crate::{Located, Surroundings, size};

/// One project file while it is read.
pub(crate) struct File<'a> {
    pub(crate) document: Document,
    pub(crate) surroundings: &'a Surroundings,
    root: &'a Path,
}

impl<'a> File<'a> {
    /// Reads `root/path`. A key that stands twice is refused: one of the two would be ignored.
    pub(crate) fn open(
        root: &'a Path,
        path: &Path,
        surroundings: &'a Surroundings,
    ) -> Result<Self> {
        let name = path.display().to_string();
        let text = std::fs::read_to_string(root.join(path))
            .explain(codes::C0005, || format!("`{name}` cannot be read"))?;
        let document = yaml::parse(&Source::new(name, text))?;
        let duplicates = document.duplicates.iter().map(|duplicate| {
            let message = format!("The key `{}` stands twice in one mapping", duplicate.key);
            Error::new(codes::C0007, message).at(document.source.place(duplicate.kept.clone()))
        });
        match Error::join(duplicates) {
            Some(error) => Err(error),
            None => Ok(Self {
                document,
                surroundings,
                root,
            }),
        }
    }

    /// The mapping at `node`, which may hold `known` keys only.
    pub(crate) fn fields<'f>(&'f self, node: &'f Node, known: &[&str]) -> Result<Fields<'f>> {
        node.expect_mapping(&self.document)?;
        self.document.refuse_unknown_keys(node, known)?;
        Ok(Fields { file: self, node })
    }

    pub(crate) fn item<'f>(&'f self, node: &'f Node) -> Item<'f> {
        Item { file: self, node }
    }
}

/// A mapping of a file.
#[derive(Clone, Copy)]
pub(crate) struct Fields<'f> {
    file: &'f File<'f>,
    node: &'f Node,
}

impl<'f> Fields<'f> {
    /// The value under `key`; `null` counts as absent.
    pub(crate) fn get(&self, key: &str) -> Option<Item<'f>> {
        let node = self.node.get(key).filter(|node| !node.is_null())?;
        Some(self.file.item(node))
    }

    pub(crate) fn require(&self, key: &str) -> Result<Item<'f>> {
        self.file.document.require(self.node, key)?;
        self.get(key)
            .ok_or_else(|| self.item().refuse(&format!("`{key}` is empty")))
    }

    /// The mapping itself, to point at.
    pub(crate) fn item(&self) -> Item<'f> {
        self.file.item(self.node)
    }

    /// Every entry, read by `read`; the errors of all of them in one.
    pub(crate) fn each<T>(&self, read: impl Fn(Item<'f>, Item<'f>) -> Result<T>) -> Result<Vec<T>> {
        let entries = self.node.entries().iter();
        collect(entries.map(|(key, value)| read(self.file.item(key), self.file.item(value))))
    }
}

/// A value of a file.
#[derive(Clone, Copy)]
pub(crate) struct Item<'f> {
    file: &'f File<'f>,
    pub(crate) node: &'f Node,
}

impl<'f> Item<'f> {
    /// An error that points here and says `message`.
    pub(crate) fn refuse(&self, message: &str) -> Error {
        self.error(Error::new(codes::C0002, message))
    }

    /// `error`, pointing here.
    pub(crate) fn error(&self, error: Error) -> Error {
        error.at(self.file.document.source.place(self.node.span.clone()))
    }

    pub(crate) fn located<T>(&self, value: T) -> Located<T> {
        Located::new(
            value,
            self.file.document.source.clone(),
            self.node.span.clone(),
        )
    }

    pub(crate) fn fields(&self, known: &[&str]) -> Result<Fields<'f>> {
        self.file.fields(self.node, known)
    }

    /// The mapping, whose keys are names that people choose.
    pub(crate) fn named(&self) -> Result<Fields<'f>> {
        let entries = self.node.entries().iter();
        let keys: Vec<&str> = entries.filter_map(|(key, _)| key.as_str()).collect();
        self.fields(&keys)
    }

    /// The text with its variables replaced; numbers and truth values count as text.
    pub(crate) fn expanded(&self) -> Result<Expanded> {
        let text = self.node.expect_scalar(&self.file.document)?;
        self.file
            .surroundings
            .expand(&text)
            .map_err(|error| self.error(error))
    }

    pub(crate) fn text(&self) -> Result<String> {
        self.expanded().map(|expanded| expanded.text)
    }

    /// A text that may not be empty.
    pub(crate) fn filled(&self) -> Result<String> {
        let text = self.text()?;
        if text.trim().is_empty() {
            return Err(self.refuse("This text may not be empty"));
        }
        Ok(text)
    }

    /// A name: letters, digits and `_`, not starting with a digit.
    pub(crate) fn name(&self, of: &str) -> Result<String> {
        let name = self.text()?;
        let mut letters = name.chars();
        let starts = letters
            .next()
            .is_some_and(|c| c.is_ascii_alphabetic() || c == '_');
        if starts && letters.all(|c| c.is_ascii_alphanumeric() || c == '_') {
            return Ok(name);
        }
        let rule = "takes letters, digits and `_`, and does not start with a digit";
        Err(self.refuse(&format!("The name of {of} {rule}, found `{name}`")))
    }

    pub(crate) fn boolean(&self) -> Result<bool> {
        if let Some(truth) = self.node.as_bool() {
            return Ok(truth);
        }
        match self.text()?.as_str() {
            "true" => Ok(true),
            "false" => Ok(false),
            _ => Err(self.file.document.mismatch(self.node, "true or false")),
        }
    }

    /// A whole number from 1.
    pub(crate) fn count(&self) -> Result<usize> {
        let text = self.text()?;
        let number = text.trim().parse().ok().filter(|number| *number > 0);
        number
            .ok_or_else(|| self.refuse(&format!("Expected a whole number from 1, found `{text}`")))
    }

    /// A size in bytes.
    pub(crate) fn bytes(&self) -> Result<u64> {
        let text = self.text()?;
        let wrong = || {
            self.refuse(&format!(
                "`{text}` is no size; write it as `16MiB` or `1GB`"
            ))
        };
        size::parse_size(&text).ok_or_else(wrong)
    }

    /// A decimal number, digit for digit as written.
    pub(crate) fn decimal(&self) -> Result<String> {
        let written = self.file.document.source.text.get(self.node.span.clone());
        let text = match written {
            Some(written) if self.node.plain => self.file.surroundings.expand(written),
            _ => self.expanded(),
        };
        let text = text
            .map_err(|error| self.error(error))?
            .text
            .replace('_', "");
        let digits = text.strip_prefix(['-', '+']).unwrap_or(&text);
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        let all_digits = |part: &str| part.chars().all(|c| c.is_ascii_digit());
        if all_digits(whole) && all_digits(fraction) && whole.len() + fraction.len() > 0 {
            return Ok(text);
        }
        Err(self.refuse(&format!("Expected a decimal number, found `{text}`")))
    }

    /// A value that reads itself from text, such as a column type.
    pub(crate) fn parse<T: FromStr<Err: ToString>>(&self) -> Result<T> {
        self.text()?
            .parse()
            .map_err(|error: T::Err| self.refuse(&error.to_string()))
    }

    /// One of a few words.
    pub(crate) fn word<T: Copy>(&self, words: &[(&str, T)]) -> Result<T> {
        let text = self.text()?;
        if let Some((_, value)) = words.iter().find(|(word, _)| *word == text) {
            return Ok(*value);
        }
        let known: Vec<String> = words.iter().map(|(word, _)| format!("`{word}`")).collect();
        let error = self.refuse(&format!(
            "Expected one of {}, found `{text}`",
            known.join(", ")
        ));
        Err(error.suggest(&text, words.iter().map(|(word, _)| *word)))
    }

    /// A single character of ASCII, as a byte.
    pub(crate) fn ascii(&self) -> Result<u8> {
        let text = self.text()?;
        match text.as_bytes() {
            [byte] if byte.is_ascii() && !matches!(byte, b'\n' | b'\r') => Ok(*byte),
            _ if text == "\\t" => Ok(b'\t'),
            _ => Err(self.refuse(&format!("Expected one ASCII character, found `{text}`"))),
        }
    }

    /// The items of a list, each read by `read`; a single value counts as a list of one.
    pub(crate) fn list<T>(&self, read: impl Fn(Item<'f>) -> Result<T>) -> Result<Vec<T>> {
        match self.node.as_sequence() {
            Some(items) => collect(items.iter().map(|node| read(self.file.item(node)))),
            None => Ok(vec![read(*self)?]),
        }
    }

    /// A folder or file. A relative path starts at the project, or, if it begins with a variable of
    /// the environment, where the command was typed: whoever set the variable stood there.
    pub(crate) fn path(&self) -> Result<PathBuf> {
        let expanded = self.expanded()?;
        if expanded.text.trim().is_empty() {
            return Err(self.refuse("A path may not be empty"));
        }
        let base = match expanded.starts_in_environment {
            true => self.file.surroundings.working_folder(),
            false => self.file.root,
        };
        Ok(base.join(expanded.text))
    }

    /// A folder, absolute, or a location with a scheme, as it stands.
    pub(crate) fn place(&self) -> Result<String> {
        let text = self.filled()?;
        match text.contains("://") {
            true => Ok(text),
            false => Ok(self.path()?.to_string_lossy().into_owned()),
        }
    }
}

/// All values, or all errors in one.
pub(crate) fn collect<T>(results: impl IntoIterator<Item = Result<T>>) -> Result<Vec<T>> {
    let mut values = Vec::new();
    let mut errors = Vec::new();
    for result in results {
        match result {
            Ok(value) => values.push(value),
            Err(error) => errors.push(error),
        }
    }
    match Error::join(errors) {
        Some(error) => Err(error),
        None => Ok(values),
    }
}

/// Refuses the second of two values with the same name, compared without regard to case.
pub(crate) fn refuse_twins<'n>(
    what: &str,
    names: impl IntoIterator<Item = (&'n str, diagnostic::Place)>,
) -> Result<()> {
    let mut seen: Vec<(String, diagnostic::Place)> = Vec::new();
    let mut errors = Vec::new();
    for (name, place) in names {
        let folded = name.to_lowercase();
        match seen.iter().find(|(other, _)| *other == folded) {
            Some((_, first)) => {
                let error = Error::new(codes::C0007, format!("Two {what} are called `{name}`"));
                let first = format!("{}:{}", first.file, first.line);
                errors.push(error.at(place).with("the other one", first));
            }
            None => seen.push((folded, place)),
        }
    }
    match Error::join(errors) {
        Some(error) => Err(error),
        None => Ok(()),
    }
}
