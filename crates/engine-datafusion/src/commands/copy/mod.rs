//! COPY INTO: loading staged files into tables.

pub(super) mod load;
mod options;
mod report;
mod source;
mod transform;
