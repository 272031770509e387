//! Values as text and back: what casts and `TO_…` functions write and accept.

pub(crate) mod boolean;
pub(crate) mod bytes;
pub(crate) mod date_format;
pub(crate) mod moment;
pub(crate) mod number;
pub(crate) mod number_format;
pub(crate) mod scientific;
