//! [`Warnings`]: what dbt v1 accepts with a warning, collected and never an error.

use std::borrow::Cow;

use diagnostic::Place;
use yaml::Document;

/// Events that dbt does not have.
pub const OWN_EVENTS: [&str; 2] = [CONFIG_WITHOUT_EFFECT, DIALECT_NOT_TRANSLATED];

/// A setting of an adapter that the embedded warehouse has nothing for.
pub(crate) const CONFIG_WITHOUT_EFFECT: &str = "ConfigWithoutEffect";

/// A profile of an adapter whose SQL is read as the warehouse's own.
pub(crate) const DIALECT_NOT_TRANSLATED: &str = "DialectNotTranslated";

/// One warning, with the name of dbt's event.
#[derive(Clone, Debug)]
pub struct Warning {
    /// dbt's name of the event: `MissingArgumentsPropertyInGenericTestDeprecation`.
    pub event: Cow<'static, str>,
    /// The sentence.
    pub message: String,
    /// Where it is, if that is known.
    pub place: Option<Place>,
}

impl Warning {
    /// A warning without a place.
    #[must_use]
    pub fn new(event: &'static str, message: impl Into<String>) -> Self {
        Self {
            event: event.into(),
            message: message.into(),
            place: None,
        }
    }

    /// Where it is.
    #[must_use]
    pub fn at(mut self, place: Place) -> Self {
        self.place = Some(place);
        self
    }
}

impl std::fmt::Display for Warning {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.message)?;
        match &self.place {
            Some(place) => write!(f, " ({}:{}:{})", place.file, place.line, place.column),
            None => Ok(()),
        }
    }
}

/// The warnings of a command, in the order they were found.
#[derive(Clone, Debug, Default)]
pub struct Warnings {
    /// All of them.
    pub list: Vec<Warning>,
}

impl Warnings {
    /// Adds one.
    pub fn add(&mut self, warning: Warning) {
        self.list.push(warning);
    }

    /// Adds those of another pass.
    pub fn extend(&mut self, other: Warnings) {
        self.list.extend(other.list);
    }

    /// One warning per key that stands twice in a mapping.
    pub fn duplicate_keys(&mut self, document: &Document) {
        for duplicate in &document.duplicates {
            let message = format!(
                "The key `{}` stands twice; the last one counts",
                duplicate.key
            );
            let place = document.source.place(duplicate.ignored.clone());
            self.add(Warning::new("DuplicateYAMLKeysDeprecation", message).at(place));
        }
    }
}
