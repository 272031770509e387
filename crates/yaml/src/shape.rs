//! Reads nodes as what the caller expects; what does not fit is an error that points at it.

use diagnostic::{Error, Result, codes};

use crate::{Document, Node};

impl Document {
    /// An error that points at `node`: the value there is not `expected`, for example "a list".
    #[must_use]
    pub fn mismatch(&self, node: &Node, expected: &str) -> Error {
        let message = format!(
            "Expected {expected} in `{}`, found {}",
            self.source.name,
            node.kind()
        );
        Error::new(codes::C0002, message).at(self.source.place(node.span.clone()))
    }

    /// The value under `key`, which must be there.
    ///
    /// # Errors
    /// `C0002` at `node` if it has no such key.
    pub fn require<'n>(&self, node: &'n Node, key: &str) -> Result<&'n Node> {
        node.get(key).ok_or_else(|| {
            let message = format!("`{key}` is missing in `{}`", self.source.name);
            Error::new(codes::C0002, message).at(self.source.place(node.span.clone()))
        })
    }

    /// One `C0003` per key of the mapping `node` that is not in `known`, each with the name that
    /// was probably meant.
    #[must_use]
    pub fn unknown_keys(&self, node: &Node, known: &[&str]) -> Vec<Error> {
        let keys = node.entries().iter().map(|(key, _)| key);
        let unknown = keys.filter(|key| !key.as_str().is_some_and(|name| known.contains(&name)));
        unknown
            .map(|key| {
                let name = key.key_text();
                let message = format!("`{name}` is not a known key in `{}`", self.source.name);
                Error::new(codes::C0003, message)
                    .at(self.source.place(key.span.clone()))
                    .suggest(&name, known.iter().copied())
            })
            .collect()
    }

    /// Refuses a mapping with keys that are not in `known`; see [`Document::unknown_keys`].
    ///
    /// # Errors
    /// `C0003`, all of them joined.
    pub fn refuse_unknown_keys(&self, node: &Node, known: &[&str]) -> Result<()> {
        match Error::join(self.unknown_keys(node, known)) {
            Some(error) => Err(error),
            None => Ok(()),
        }
    }
}

impl Node {
    /// The text that must stand here.
    ///
    /// # Errors
    /// `C0002` at the node if something else does.
    pub fn expect_str(&self, document: &Document) -> Result<&str> {
        self.as_str().ok_or_else(|| document.mismatch(self, "text"))
    }

    /// The text that must stand here; numbers and truth values count as text.
    ///
    /// # Errors
    /// `C0002` at the node if a list, a mapping or nothing does.
    pub fn expect_scalar(&self, document: &Document) -> Result<String> {
        match self.scalar_text() {
            Some(text) if !self.is_null() => Ok(text),
            _ => Err(document.mismatch(self, "text")),
        }
    }

    /// The truth value that must stand here.
    ///
    /// # Errors
    /// `C0002` at the node if something else does.
    pub fn expect_bool(&self, document: &Document) -> Result<bool> {
        self.as_bool()
            .ok_or_else(|| document.mismatch(self, "true or false"))
    }

    /// The whole number that must stand here.
    ///
    /// # Errors
    /// `C0002` at the node if something else does.
    pub fn expect_int(&self, document: &Document) -> Result<i64> {
        self.as_int()
            .ok_or_else(|| document.mismatch(self, "a whole number"))
    }

    /// The number that must stand here.
    ///
    /// # Errors
    /// `C0002` at the node if something else does.
    pub fn expect_float(&self, document: &Document) -> Result<f64> {
        self.as_float()
            .ok_or_else(|| document.mismatch(self, "a number"))
    }

    /// The items of the list that must stand here; nothing counts as an empty list.
    ///
    /// # Errors
    /// `C0002` at the node if something else does.
    pub fn expect_sequence(&self, document: &Document) -> Result<&[Node]> {
        match self.as_sequence() {
            Some(items) => Ok(items),
            None if self.is_null() => Ok(&[]),
            None => Err(document.mismatch(self, "a list")),
        }
    }

    /// The pairs of the mapping that must stand here; nothing counts as an empty mapping.
    ///
    /// # Errors
    /// `C0002` at the node if something else does.
    pub fn expect_mapping(&self, document: &Document) -> Result<&[(Node, Node)]> {
        match self.as_mapping() {
            Some(entries) => Ok(entries),
            None if self.is_null() => Ok(&[]),
            None => Err(document.mismatch(self, "a mapping")),
        }
    }

    /// Text, or a list of texts: what dbt calls a string list.
    ///
    /// # Errors
    /// `C0002` at the node if something else stands here.
    pub fn expect_strings(&self, document: &Document) -> Result<Vec<String>> {
        match self.as_sequence() {
            Some(items) => items
                .iter()
                .map(|item| item.expect_scalar(document))
                .collect(),
            None if self.is_null() => Ok(Vec::new()),
            None => Ok(vec![self.expect_scalar(document)?]),
        }
    }
}
