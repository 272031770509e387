//! Distances, lengths and areas.
//!
//! <https://docs.snowflake.com/en/sql-reference/functions/st_distance>
//! <https://docs.snowflake.com/en/sql-reference/functions/st_area>
//! <https://docs.snowflake.com/en/sql-reference/functions/haversine>

use arrow::array::ArrayRef;
use datafusion::common::Result;

use super::{Item, Items, point_in};
use crate::geography::Coord;
use crate::scalar::{Call, Function, Kind, Returns};
use crate::sphere::{Figure, RADIUS, azimuth, between_points, distance, hausdorff, is_within};

/// Kilometres, as HAVERSINE has the earth.
const HAVERSINE_RADIUS: f64 = 6371.0;

const TWO: &[Kind] = &[Kind::Geography, Kind::Geography];

pub(crate) const FUNCTIONS: &[Function] = &[
    Function::kernel(
        "st_distance",
        "st_distance(geography, geography)",
        TWO,
        Returns::Float,
        st_distance,
    )
    .note("metres on a sphere with the radius 6,371,010 m"),
    Function::kernel(
        "st_dwithin",
        "st_dwithin(geography, geography, metres)",
        &[Kind::Geography, Kind::Geography, Kind::Float],
        Returns::Boolean,
        st_dwithin,
    ),
    Function::kernel(
        "st_hausdorffdistance",
        "st_hausdorffdistance(geography, geography)",
        TWO,
        Returns::Float,
        st_hausdorff,
    )
    .note("degrees between vertices"),
    Function::kernel(
        "st_azimuth",
        "st_azimuth(origin, target)",
        TWO,
        Returns::Float,
        st_azimuth,
    )
    .note("radians clockwise from north"),
    Function::kernel(
        "st_area",
        "st_area(geography)",
        &[Kind::Geography],
        Returns::Float,
        |call| measure(call, Figure::area),
    )
    .note("square metres"),
    Function::kernel(
        "st_length",
        "st_length(geography)",
        &[Kind::Geography],
        Returns::Float,
        |call| measure(call, Figure::line_length),
    )
    .note("metres of the lines"),
    Function::kernel(
        "st_perimeter",
        "st_perimeter(geography)",
        &[Kind::Geography],
        Returns::Float,
        |call| measure(call, Figure::perimeter),
    )
    .note("metres round the polygons"),
    Function::kernel(
        "haversine",
        "haversine(lat1, lon1, lat2, lon2)",
        &[Kind::Float, Kind::Float, Kind::Float, Kind::Float],
        Returns::Float,
        haversine,
    )
    .note("kilometres on a sphere with the radius 6,371 km"),
];

fn st_distance(call: &Call) -> Result<ArrayRef> {
    let (mut left, mut right) = (Items::new(call, 0, None)?, Items::new(call, 1, None)?);
    call.floats(|row| {
        let (Some(left), Some(right)) = (left.get(row)?, right.get(row)?) else {
            return Ok(None);
        };
        Ok(between(&left, &right))
    })
}

fn between(left: &Item, right: &Item) -> Option<f64> {
    if let (Item::Point(a), Item::Point(b)) = (left, right) {
        return Some(between_points(*a, *b, RADIUS));
    }
    distance(left.figure()?.as_ref(), right.figure()?.as_ref())
}

fn st_dwithin(call: &Call) -> Result<ArrayRef> {
    let (mut left, mut right) = (Items::new(call, 0, None)?, Items::new(call, 1, None)?);
    let limits = call.float(2)?;
    call.booleans(|row| {
        let (Some(left), Some(right), Some(limit)) =
            (left.get(row)?, right.get(row)?, limits.get(row))
        else {
            return Ok(None);
        };
        Ok(match (&left, &right) {
            (Item::Point(a), Item::Point(b)) => Some(is_within(*a, *b, limit)),
            _ => between(&left, &right).map(|metres| metres <= limit),
        })
    })
}

fn st_hausdorff(call: &Call) -> Result<ArrayRef> {
    let (mut left, mut right) = (Items::new(call, 0, None)?, Items::new(call, 1, None)?);
    call.floats(|row| {
        let (Some(left), Some(right)) = (left.get(row)?, right.get(row)?) else {
            return Ok(None);
        };
        Ok(match (left.figure(), right.figure()) {
            (Some(left), Some(right)) => hausdorff(&left, &right),
            _ => None,
        })
    })
}

fn st_azimuth(call: &Call) -> Result<ArrayRef> {
    let (origins, targets) = (call.geography(0)?, call.geography(1)?);
    call.floats(|row| {
        let origin = point_in(&origins, row, "ST_AZIMUTH")?;
        let target = point_in(&targets, row, "ST_AZIMUTH")?;
        Ok(match (origin, target) {
            (Some(origin), Some(target)) => azimuth(origin, target),
            _ => None,
        })
    })
}

fn measure(call: &Call, of: fn(&Figure) -> f64) -> Result<ArrayRef> {
    let mut items = Items::new(call, 0, None)?;
    call.floats(|row| {
        Ok(match items.get(row)? {
            None | Some(Item::Invalid) => None,
            Some(Item::Point(_)) => Some(0.0),
            Some(Item::Figure(figure)) => Some(of(&figure)),
        })
    })
}

fn haversine(call: &Call) -> Result<ArrayRef> {
    let from = (call.float(0)?, call.float(1)?);
    let to = (call.float(2)?, call.float(3)?);
    call.floats(|row| {
        let coord = |lat: Option<f64>, lng: Option<f64>| {
            Some(Coord {
                lng: lng?,
                lat: lat?,
            })
        };
        let from = coord(from.0.get(row), from.1.get(row));
        let to = coord(to.0.get(row), to.1.get(row));
        Ok(from
            .zip(to)
            .map(|(from, to)| between_points(from, to, HAVERSINE_RADIUS)))
    })
}
