//! The one error shape of Sluice: a code, a sentence, where it happened, why, and what to do now.
//!
//! Every crate returns [`Error`]; the [`Class`] of its [`Code`] decides exit code, HTTP status,
//! SQLSTATE and whether a retry can help, in one table ([`class`]). Each code has a page under
//! `docs/errors/`, compiled in and shown by `sluice explain CODE`.
//!
//! ```
//! use diagnostic::{Error, codes};
//! let error = Error::new(codes::C0001, "`lake/sales.yml` is not valid YAML")
//!     .with("file", "lake/sales.yml")
//!     .help("quote the value");
//! assert!(error.to_string().starts_with("error[C0001]: "));
//! ```

mod class;
pub mod codes;
mod error;
mod near;
mod place;
mod render;

pub use class::Class;
pub use codes::Code;
pub use error::{Error, Result, ResultExt};
pub use near::nearest;
pub use place::{Place, Source};
pub use render::Style;
