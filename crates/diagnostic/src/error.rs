//! [`Error`]: the value every crate returns when something cannot be done.

use std::error::Error as StdError;
use std::fmt;

use crate::{Class, Code, Place, render};

/// The result of anything that can fail.
pub type Result<T, E = Error> = std::result::Result<T, E>;

type Cause = Box<dyn StdError + Send + Sync + 'static>;

/// What failed, on which object, where, why, and what to do now.
///
/// Secrets never enter a message or a context value; the caller who has one passes its reference.
pub struct Error(Box<Body>);

struct Body {
    code: Code,
    message: String,
    place: Option<Place>,
    context: Vec<(&'static str, String)>,
    help: Option<String>,
    cause: Option<Cause>,
    others: Vec<Error>,
}

impl Error {
    /// An error with `code` that says `message`: one sentence, backticks round names, no full stop.
    #[must_use]
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self(Box::new(Body {
            code,
            message: message.into(),
            place: None,
            context: Vec::new(),
            help: None,
            cause: None,
            others: Vec::new(),
        }))
    }

    /// Where in a file or statement it is. The innermost place wins: a later call is ignored.
    #[must_use]
    pub fn at(mut self, place: Place) -> Self {
        self.0.place.get_or_insert(place);
        self
    }

    /// Where it is, whatever was said before: for who knows the file behind a generated text.
    #[must_use]
    pub fn moved(mut self, place: Place) -> Self {
        self.0.place = Some(place);
        self
    }

    /// One fact about the failing object, for example `("file", "raw/orders.csv:12")`.
    #[must_use]
    pub fn with(mut self, key: &'static str, value: impl fmt::Display) -> Self {
        self.0.context.push((key, value.to_string()));
        self
    }

    /// What the reader can do now.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.0.help = Some(help.into());
        self
    }

    /// Points to the name in `candidates` that looks most like `name`, if one does.
    #[must_use]
    pub fn suggest<'a>(self, name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Self {
        match crate::nearest(name, candidates) {
            Some(near) => self.help(format!("a similar name exists: `{near}`")),
            None => self,
        }
    }

    /// The error underneath.
    #[must_use]
    pub fn because(mut self, cause: impl Into<Cause>) -> Self {
        self.0.cause = Some(cause.into());
        self
    }

    /// Further errors found in the same pass, so that one does not hide the others.
    #[must_use]
    pub fn and(mut self, other: Error) -> Self {
        self.0.others.push(other);
        self
    }

    /// Joins the errors of one pass into one; `None` if there are none.
    #[must_use]
    pub fn join(errors: impl IntoIterator<Item = Error>) -> Option<Self> {
        errors.into_iter().reduce(Error::and)
    }

    /// The code.
    #[must_use]
    pub fn code(&self) -> Code {
        self.0.code
    }

    /// The class of the code.
    #[must_use]
    pub fn class(&self) -> Class {
        self.0.code.class
    }

    /// The sentence, without code, place and help.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// The place, if one is known.
    #[must_use]
    pub fn place(&self) -> Option<&Place> {
        self.0.place.as_ref()
    }

    /// The facts, in the order they were added.
    #[must_use]
    pub fn context(&self) -> &[(&'static str, String)] {
        &self.0.context
    }

    /// The remedy, if there is one.
    #[must_use]
    pub fn remedy(&self) -> Option<&str> {
        self.0.help.as_deref()
    }

    /// The errors found in the same pass.
    #[must_use]
    pub fn others(&self) -> &[Error] {
        &self.0.others
    }

    /// The messages of the causes, outermost first.
    #[must_use]
    pub fn causes(&self) -> Vec<String> {
        let mut causes = Vec::new();
        let mut next = self.source();
        while let Some(cause) = next {
            causes.push(cause.to_string());
            next = cause.source();
        }
        causes
    }

    /// The error as machines read it: `code`, `class`, `message`, `file`, `line`, `column`,
    /// `context`, `help`, `causes`, `others`.
    #[must_use]
    pub fn to_json(&self) -> serde_json::Value {
        render::json(self)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&render::text(self, render::Style::Plain))
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.cause.as_deref().map(|cause| cause as _)
    }
}

/// Turns any library's error into ours, where the caller knows what failed.
pub trait ResultExt<T> {
    /// Wraps the error as the cause of `code` and the sentence `message()`.
    ///
    /// # Errors
    /// The wrapped error, if there was one.
    fn explain(self, code: Code, message: impl FnOnce() -> String) -> Result<T>;
}

impl<T, E: Into<Cause>> ResultExt<T> for std::result::Result<T, E> {
    fn explain(self, code: Code, message: impl FnOnce() -> String) -> Result<T> {
        self.map_err(|cause| Error::new(code, message()).because(cause))
    }
}
