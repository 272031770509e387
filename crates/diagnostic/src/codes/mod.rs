//! The registry of error codes: a letter for the room and a number. One file per room.
//!
//! A code is declared once by its room's `codes!` table and must have a page
//! `docs/errors/<CODE>.md`, which is compiled in; a missing page is a compile error.

use crate::Class;

/// An error code with its class and its page.
#[derive(Clone, Copy, Debug)]
pub struct Code {
    /// Letter and number, for example `D1004`.
    pub id: &'static str,
    /// What kind of failure this is.
    pub class: Class,
    /// One line: what went wrong in general.
    pub title: &'static str,
    /// The Markdown page that `sluice explain` shows.
    pub page: &'static str,
}

impl PartialEq for Code {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id
    }
}

impl Eq for Code {}

macro_rules! codes {
    ($($id:ident, $class:ident, $title:literal;)*) => {
        $(
            #[doc = $title]
            pub const $id: $crate::Code = $crate::Code {
                id: stringify!($id),
                class: $crate::Class::$class,
                title: $title,
                page: include_str!(concat!("../../../../docs/errors/", stringify!($id), ".md")),
            };
        )*
        /// Every code of this room.
        pub(super) const ALL: &[$crate::Code] = &[$($id),*];
    };
}

macro_rules! rooms {
    ($($(#[$doc:meta])* $room:ident),* $(,)?) => {
        $( $(#[$doc])* mod $room; pub use $room::*; )*

        const ROOMS: &[&[Code]] = &[$($room::ALL),*];
    };
}

rooms!(
    catalog,
    configuration,
    dbt,
    engine,
    files,
    internal,
    jinja,
    lake,
    orchestrate,
    postgres,
    push,
    sql,
    storage,
    transform,
);

/// Every code, in the order of the rooms.
pub fn all() -> impl Iterator<Item = Code> {
    ROOMS.iter().flat_map(|room| room.iter().copied())
}

/// The code called `id`, whatever its case.
#[must_use]
pub fn find(id: &str) -> Option<Code> {
    all().find(|code| code.id.eq_ignore_ascii_case(id))
}
