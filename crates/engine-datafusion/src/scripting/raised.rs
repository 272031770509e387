//! [`Raised`]: an error or exception on its way to a handler.
//!
//! <https://docs.snowflake.com/en/developer-guide/snowflake-scripting/exceptions>

use diagnostic::{Error, codes};

/// What SQLSTATE is where nothing better is known.
const STATE: &str = "P0001";

/// An error on its way out of a block.
#[derive(Debug)]
pub(super) struct Raised {
    /// `STATEMENT_ERROR`, `EXPRESSION_ERROR`, or the exception's name.
    pub(super) name: String,
    /// SQLCODE.
    pub(super) number: i64,
    /// SQLERRM.
    pub(super) message: String,
    /// SQLSTATE.
    pub(super) state: &'static str,
    /// Only blocks that stand at most so deep handle it: a handler's errors are not its own block's.
    pub(super) depth: usize,
    error: Error,
}

pub(super) type Result<T> = std::result::Result<T, Box<Raised>>;

impl Raised {
    /// A statement failed.
    pub(super) fn statement(error: Error) -> Box<Self> {
        Self::failed("STATEMENT_ERROR", error)
    }

    /// An expression failed.
    pub(super) fn expression(error: Error) -> Box<Self> {
        Self::failed("EXPRESSION_ERROR", error)
    }

    fn failed(name: &str, error: Error) -> Box<Self> {
        let (number, state) = known(&error);
        Box::new(Self {
            name: name.to_owned(),
            number,
            message: error.message().to_owned(),
            state,
            depth: usize::MAX,
            error,
        })
    }

    /// RAISE of a declared exception.
    pub(super) fn exception(name: &str, number: i64, message: &str) -> Box<Self> {
        let error = Error::new(
            codes::E1111,
            format!("Exception `{name}` was raised: {message}"),
        )
        .with("sqlcode", number.to_string());
        Box::new(Self {
            name: name.to_owned(),
            number,
            message: message.to_owned(),
            state: STATE,
            depth: usize::MAX,
            error,
        })
    }

    /// The same, with a place if it has none yet.
    pub(super) fn at(mut self: Box<Self>, place: diagnostic::Place) -> Box<Self> {
        if self.error.place().is_none() {
            self.error = self.error.at(place);
        }
        self
    }

    #[allow(clippy::boxed_local, reason = "it is carried in a box")]
    pub(super) fn into_error(self: Box<Self>) -> Error {
        self.error
    }

    /// The same again, for `RAISE` in a handler.
    pub(super) fn again(&self) -> Box<Self> {
        let mut error = Error::new(self.error.code(), self.error.message());
        if let Some(place) = self.error.place() {
            error = error.at(place.clone());
        }
        Box::new(Self {
            name: self.name.clone(),
            number: self.number,
            message: self.message.clone(),
            state: self.state,
            depth: usize::MAX,
            error,
        })
    }

    /// Whether a handler for `name` handles it.
    pub(super) fn is(&self, name: &str) -> bool {
        name == "OTHER" || name == self.name
    }
}

/// Snowflake's numbers of the commonest errors.
fn known(error: &Error) -> (i64, &'static str) {
    let code = error.code();
    if code == codes::S0001 {
        (1003, "42000")
    } else if code == codes::K3001 || code == codes::K3003 {
        (2003, "02000")
    } else if code == codes::K3002 {
        (2002, "42710")
    } else if code == codes::E1101 {
        (904, "42000")
    } else if code == codes::E1103 {
        (2140, "42601")
    } else if code == codes::E1201 {
        (100_072, "22000")
    } else if code == codes::E1004 && error.message().to_lowercase().contains("zero") {
        (100_051, "22012")
    } else if code == codes::E1004 {
        (100_038, "22018")
    } else {
        (100_183, STATE)
    }
}
