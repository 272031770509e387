//! Which GEOGRAPHY values meet, cover and contain each other.
//!
//! <https://docs.snowflake.com/en/sql-reference/functions/st_contains>
//! <https://docs.snowflake.com/en/sql-reference/functions/st_intersects>

use arrow::array::ArrayRef;
use datafusion::common::Result;

use super::{Item, Items, same};
use crate::scalar::{Call, Function, Kind, Returns};
use crate::sphere::{Figure, contains, covers, intersects};

const TWO: &[Kind] = &[Kind::Geography, Kind::Geography];

const fn relationship(
    name: &'static str,
    syntax: &'static str,
    kernel: fn(&Call) -> Result<ArrayRef>,
) -> Function {
    Function::kernel(name, syntax, TWO, Returns::Boolean, kernel).note("no collections")
}

pub(crate) const FUNCTIONS: &[Function] = &[
    relationship("st_contains", "st_contains(geography, geography)", |call| {
        related(call, "ST_CONTAINS", contains)
    }),
    relationship("st_within", "st_within(geography, geography)", |call| {
        related(call, "ST_WITHIN", |a, b| contains(b, a))
    }),
    relationship("st_covers", "st_covers(geography, geography)", |call| {
        related(call, "ST_COVERS", covers)
    }),
    relationship(
        "st_coveredby",
        "st_coveredby(geography, geography)",
        |call| related(call, "ST_COVEREDBY", |a, b| covers(b, a)),
    ),
    relationship(
        "st_intersects",
        "st_intersects(geography, geography)",
        |call| related(call, "ST_INTERSECTS", intersects),
    ),
    relationship("st_disjoint", "st_disjoint(geography, geography)", |call| {
        related(call, "ST_DISJOINT", |a, b| !intersects(a, b))
    }),
];

fn related(
    call: &Call,
    function: &'static str,
    holds: fn(&Figure, &Figure) -> bool,
) -> Result<ArrayRef> {
    let mut left = Items::new(call, 0, Some(function))?;
    let mut right = Items::new(call, 1, Some(function))?;
    call.booleans(|row| {
        let (Some(left), Some(right)) = (left.get(row)?, right.get(row)?) else {
            return Ok(None);
        };
        if let (Item::Point(a), Item::Point(b)) = (&left, &right) {
            // Every relationship of points is equality, but for the one that denies it.
            return Ok(Some(same(*a, *b) != (function == "ST_DISJOINT")));
        }
        Ok(match (left.figure(), right.figure()) {
            (Some(left), Some(right)) => Some(holds(&left, &right)),
            _ => None,
        })
    })
}
