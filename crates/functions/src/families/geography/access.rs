//! Functions that look into GEOGRAPHY values.
//!
//! <https://docs.snowflake.com/en/sql-reference/functions/st_x>
//! <https://docs.snowflake.com/en/sql-reference/functions/st_xmin>
//! <https://docs.snowflake.com/en/sql-reference/functions/st_pointn>

use arrow::array::ArrayRef;
use datafusion::common::{Result, exec_datafusion_err, exec_err};

use super::{point_in, shape};
use crate::geography::{Coord, Shape, point_bytes, problem};
use crate::scalar::{Call, Function, Kind, Returns};
use crate::sphere::{Bounds, Figure};

const ONE: &[Kind] = &[Kind::Geography];

pub(crate) const FUNCTIONS: &[Function] = &[
    Function::kernel("st_x", "st_x(point)", ONE, Returns::Float, |call| {
        part_of_point(call, "ST_X", |point| point.lng)
    }),
    Function::kernel("st_y", "st_y(point)", ONE, Returns::Float, |call| {
        part_of_point(call, "ST_Y", |point| point.lat)
    }),
    Function::kernel(
        "st_xmin",
        "st_xmin(geography)",
        ONE,
        Returns::Float,
        |call| bound(call, |bounds| bounds.west),
    ),
    Function::kernel(
        "st_xmax",
        "st_xmax(geography)",
        ONE,
        Returns::Float,
        |call| bound(call, |bounds| bounds.east),
    ),
    Function::kernel(
        "st_ymin",
        "st_ymin(geography)",
        ONE,
        Returns::Float,
        |call| bound(call, |bounds| bounds.south),
    ),
    Function::kernel(
        "st_ymax",
        "st_ymax(geography)",
        ONE,
        Returns::Float,
        |call| bound(call, |bounds| bounds.north),
    ),
    Function::kernel(
        "st_npoints",
        "st_npoints(geography)",
        ONE,
        Returns::Integer,
        |call| integer(call, points),
    )
    .aliases(&["st_numpoints"]),
    Function::kernel(
        "st_dimension",
        "st_dimension(geography)",
        ONE,
        Returns::Integer,
        |call| integer(call, Shape::dimension),
    ),
    Function::kernel(
        "st_srid",
        "st_srid(geography)",
        ONE,
        Returns::Integer,
        |call| integer(call, |_| 4326),
    ),
    Function::kernel(
        "st_isvalid",
        "st_isvalid(geography)",
        ONE,
        Returns::Boolean,
        is_valid,
    ),
    Function::kernel(
        "st_pointn",
        "st_pointn(line, index)",
        &[Kind::Geography, Kind::Integer],
        Returns::Geography,
        point_n,
    ),
    Function::kernel(
        "st_startpoint",
        "st_startpoint(line)",
        ONE,
        Returns::Geography,
        |call| end(call, "ST_STARTPOINT", |line| line.first()),
    ),
    Function::kernel(
        "st_endpoint",
        "st_endpoint(line)",
        ONE,
        Returns::Geography,
        |call| end(call, "ST_ENDPOINT", |line| line.last()),
    ),
];

fn part_of_point(call: &Call, function: &str, part: fn(Coord) -> f64) -> Result<ArrayRef> {
    let values = call.geography(0)?;
    call.floats(|row| Ok(point_in(&values, row, function)?.map(part)))
}

fn integer(call: &Call, count: fn(&Shape) -> i64) -> Result<ArrayRef> {
    let values = call.geography(0)?;
    call.integers(|row| Ok(shape(&values, row)?.map(|shape| count(&shape))))
}

fn points(shape: &Shape) -> i64 {
    let mut count = 0;
    shape.chains(&mut |chain| count += chain.len());
    i64::try_from(count).unwrap_or(i64::MAX)
}

fn is_valid(call: &Call) -> Result<ArrayRef> {
    let values = call.geography(0)?;
    call.booleans(|row| Ok(shape(&values, row)?.map(|shape| problem(&shape).is_none())))
}

/// The rectangle round a shape; nothing if it is invalid or empty.
pub(super) fn bounds(shape: &Shape) -> Option<Bounds> {
    let mut coords = Vec::new();
    shape.chains(&mut |chain| coords.extend_from_slice(chain));
    Bounds::of(&Figure::new(shape)?, &coords)
}

fn bound(call: &Call, side: fn(&Bounds) -> f64) -> Result<ArrayRef> {
    let values = call.geography(0)?;
    call.floats(|row| {
        let shape = shape(&values, row)?;
        Ok(shape
            .and_then(|shape| bounds(&shape))
            .map(|bounds| side(&bounds)))
    })
}

fn line(shape: Shape, function: &str) -> Result<Vec<Coord>> {
    match shape {
        Shape::Line(coords) => Ok(coords),
        other => exec_err!("{function} takes a LineString, not a {}", other.kind()),
    }
}

fn end(call: &Call, function: &str, which: fn(&[Coord]) -> Option<&Coord>) -> Result<ArrayRef> {
    let values = call.geography(0)?;
    call.geographies(|row| {
        let Some(shape) = shape(&values, row)? else {
            return Ok(None);
        };
        Ok(which(&line(shape, function)?).map(|coord| point_bytes(*coord)))
    })
}

/// Counted from 1, or from -1 backwards.
fn point_n(call: &Call) -> Result<ArrayRef> {
    let (values, indexes) = (call.geography(0)?, call.integer(1)?);
    call.geographies(|row| {
        let (Some(shape), Some(index)) = (shape(&values, row)?, indexes.get(row)) else {
            return Ok(None);
        };
        let coords = line(shape, "ST_POINTN")?;
        let steps = usize::try_from(index.unsigned_abs()).unwrap_or(usize::MAX);
        let at = match index {
            1.. => Some(steps - 1),
            0 => None,
            _ => coords.len().checked_sub(steps),
        };
        let coord = at.and_then(|at| coords.get(at)).ok_or_else(|| {
            exec_datafusion_err!(
                "ST_POINTN: index {index} is out of bounds for a line of {} points",
                coords.len()
            )
        })?;
        Ok(Some(point_bytes(*coord)))
    })
}
