//! [`Validity`]: which shapes become GEOGRAPHY values, and which of them are valid.
//!
//! <https://docs.snowflake.com/en/sql-reference/data-types-geospatial>

use super::{Coord, Shape};
use crate::sphere;

/// Why something is no GEOGRAPHY value, for people.
pub(crate) type Reason = String;

/// Decimals of a degree that are kept.
const DECIMALS: f64 = 1e14;

/// Beyond this many degrees a double has no more decimals than are kept.
const EXACT_ABOVE: f64 = 90.0;

/// What happens to a shape that cannot be repaired.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Validity {
    /// It is refused.
    Required,
    /// It is kept: `allow_invalid`.
    Ignored,
}

impl Validity {
    /// `shape` with its coordinates rounded and its rings closed.
    pub(super) fn check(self, shape: Shape) -> Result<Shape, Reason> {
        let mut shape = shape;
        let mut outside = None;
        shape.for_each_mut(&mut |coord| match in_range(*coord) {
            Ok(rounded) => *coord = rounded,
            Err(reason) => outside = outside.take().or(Some(reason)),
        });
        if let Some(reason) = outside {
            return Err(reason);
        }
        close_rings(&mut shape);
        match (self, problem(&shape)) {
            (Self::Required, Some(reason)) => Err(reason),
            _ => Ok(shape),
        }
    }
}

/// A coordinate on the earth, rounded to what is kept.
pub(crate) fn in_range(coord: Coord) -> Result<Coord, Reason> {
    let Coord { lng, lat } = coord;
    if !(-180.0..=180.0).contains(&lng) || !(-90.0..=90.0).contains(&lat) {
        return Err(format!("Invalid Lng/Lat pair: '{lng},{lat}'"));
    }
    let rounded = |degrees: f64| {
        if degrees.abs() < EXACT_ABOVE {
            (degrees * DECIMALS).round() / DECIMALS
        } else {
            degrees
        }
    };
    Ok(Coord {
        lng: rounded(lng),
        lat: rounded(lat),
    })
}

fn close_rings(shape: &mut Shape) {
    let close = |ring: &mut Vec<Coord>| {
        if let (Some(first), Some(last)) = (ring.first().copied(), ring.last().copied())
            && first != last
        {
            ring.push(first);
        }
    };
    match shape {
        Shape::Polygon(rings) => rings.iter_mut().for_each(close),
        Shape::Polygons(polygons) => polygons.iter_mut().flatten().for_each(close),
        Shape::Collection(members) => members.iter_mut().for_each(close_rings),
        Shape::Point(_) | Shape::Points(_) | Shape::Line(_) | Shape::Lines(_) => {}
    }
}

/// Why a shape is not valid.
pub(crate) fn problem(shape: &Shape) -> Option<Reason> {
    let line = |line: &Vec<Coord>| {
        let first = line.first()?;
        line.iter()
            .all(|coord| coord == first)
            .then(|| "a LineString needs two different points".to_owned())
    };
    let ring = |ring: &Vec<Coord>| {
        if distinct(ring) < 3 {
            return Some("a Polygon's loop needs three different points".to_owned());
        }
        sphere::crosses_itself(ring).then(|| "a Polygon's loop crosses itself".to_owned())
    };
    match shape {
        Shape::Point(_) | Shape::Points(_) => None,
        Shape::Line(coords) => line(coords),
        Shape::Lines(lines) => lines.iter().find_map(line),
        Shape::Polygon(rings) => rings.iter().find_map(ring),
        Shape::Polygons(polygons) => polygons.iter().flatten().find_map(ring),
        Shape::Collection(members) => members.iter().find_map(problem),
    }
}

/// How many different points a ring has, up to three.
fn distinct(ring: &[Coord]) -> usize {
    let mut seen: Vec<Coord> = Vec::with_capacity(3);
    for coord in ring {
        if !seen.contains(coord) {
            seen.push(*coord);
        }
        if seen.len() == 3 {
            break;
        }
    }
    seen.len()
}
