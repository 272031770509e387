//! The scalar functions, a table for each of Snowflake's families.

mod arithmetic;
mod bitwise;
mod bytes;
mod calendar;
mod compression;
mod conditional;
mod conversions;
mod dates;
pub(crate) mod digest;
mod encoding;
mod encryption;
mod exponents;
mod generation;
pub(crate) mod geography;
mod numeric;
mod regular;
mod semi_structured;
mod similarity;
mod strings;
mod zones;

use crate::scalar::Function;

/// Every family with its functions.
pub(crate) const FAMILIES: &[(&str, &[Function])] = &[
    ("conditional", conditional::FUNCTIONS),
    ("numeric", arithmetic::FUNCTIONS),
    ("numeric", numeric::FUNCTIONS),
    ("numeric", exponents::FUNCTIONS),
    ("bitwise", bitwise::FUNCTIONS),
    ("string", strings::FUNCTIONS),
    ("string", similarity::FUNCTIONS),
    ("string", encoding::FUNCTIONS),
    ("string", compression::FUNCTIONS),
    ("hash", digest::FUNCTIONS),
    ("encryption", encryption::FUNCTIONS),
    ("regular expression", regular::FUNCTIONS),
    ("date and time", dates::FUNCTIONS),
    ("date and time", calendar::FUNCTIONS),
    ("date and time", zones::FUNCTIONS),
    ("conversion", conversions::FUNCTIONS),
    ("string", semi_structured::URLS),
    ("string", semi_structured::ADDRESSES),
    ("semi-structured", semi_structured::PARSING),
    ("semi-structured", semi_structured::ACCESS),
    ("semi-structured", semi_structured::KINDS),
    ("semi-structured", semi_structured::OBJECTS),
    ("semi-structured", semi_structured::ARRAYS),
    ("semi-structured", semi_structured::ARRAY_SETS),
    ("aggregate", crate::aggregate::sketch::FUNCTIONS),
    ("data generation", crate::generator::FUNCTIONS),
    ("data generation", generation::FUNCTIONS),
    ("geospatial", geography::construction::FUNCTIONS),
    ("geospatial", geography::output::FUNCTIONS),
    ("geospatial", geography::access::FUNCTIONS),
    ("geospatial", geography::measurement::FUNCTIONS),
    ("geospatial", geography::relationship::FUNCTIONS),
    ("geospatial", geography::transformation::FUNCTIONS),
    ("geospatial", geography::geohash::FUNCTIONS),
    ("geospatial", geography::cells::FUNCTIONS),
    ("geospatial", geography::cell_sets::FUNCTIONS),
    ("geospatial", geography::combination::FUNCTIONS),
];

pub(crate) fn all() -> impl Iterator<Item = &'static Function> {
    FAMILIES.iter().flat_map(|(_, functions)| functions.iter())
}
