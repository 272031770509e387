//! Functions that make other shapes of shapes.
//!
//! <https://docs.snowflake.com/en/sql-reference/functions/st_centroid>
//! <https://docs.snowflake.com/en/sql-reference/functions/st_envelope>
//! <https://docs.snowflake.com/en/sql-reference/functions/st_simplify>

use arrow::array::ArrayRef;
use datafusion::common::Result;

use super::access::bounds;
use super::{Item, Items, shape};
use crate::geography::{Coord, Shape, point_bytes, problem};
use crate::scalar::{Call, Function, Kind, Returns};
use crate::sphere::{Bounds, between_points, centroid, length, simplify};

pub(crate) const FUNCTIONS: &[Function] = &[
    Function::kernel(
        "st_centroid",
        "st_centroid(geography)",
        &[Kind::Geography],
        Returns::Geography,
        st_centroid,
    ),
    Function::kernel(
        "st_envelope",
        "st_envelope(geography)",
        &[Kind::Geography],
        Returns::Geography,
        st_envelope,
    ),
    Function::kernel(
        "st_simplify",
        "st_simplify(geography, metres [, preserve_collapsed])",
        &[Kind::Geography, Kind::Float, Kind::Boolean],
        Returns::Geography,
        st_simplify,
    )
    .required(2)
    .note("by Douglas and Peucker's algorithm"),
];

fn st_centroid(call: &Call) -> Result<ArrayRef> {
    let mut items = Items::new(call, 0, None)?;
    call.geographies(|row| {
        Ok(match items.get(row)? {
            None | Some(Item::Invalid) => None,
            Some(Item::Point(coord)) => Some(point_bytes(coord)),
            Some(Item::Figure(figure)) => centroid(&figure).map(point_bytes),
        })
    })
}

fn st_envelope(call: &Call) -> Result<ArrayRef> {
    let values = call.geography(0)?;
    call.geographies(|row| {
        let Some(shape) = shape(&values, row)? else {
            return Ok(None);
        };
        if let Shape::Point(_) = shape {
            return Ok(Some(shape.to_wkb()));
        }
        Ok(bounds(&shape).map(|bounds| rectangle(bounds).to_wkb()))
    })
}

/// A rectangle without width or height is a line; without both, a point.
fn rectangle(bounds: Bounds) -> Shape {
    let Bounds {
        west,
        east,
        south,
        north,
    } = bounds;
    let at = |lng, lat| Coord { lng, lat };
    // Only meridians and the equator are arcs of great circles.
    let flat = south == north && south == 0.0;
    if west == east && south == north {
        return Shape::Point(at(west, south));
    }
    if west == east || flat {
        return Shape::Line(vec![at(west, south), at(east, north)]);
    }
    Shape::Polygon(vec![vec![
        at(west, south),
        at(east, south),
        at(east, north),
        at(west, north),
        at(west, south),
    ]])
}

fn st_simplify(call: &Call) -> Result<ArrayRef> {
    let (values, tolerances) = (call.geography(0)?, call.float(1)?);
    let preserve = (call.len() > 2).then(|| call.boolean(2)).transpose()?;
    call.geographies(|row| {
        let (Some(shape), Some(metres)) = (shape(&values, row)?, tolerances.get(row)) else {
            return Ok(None);
        };
        if problem(&shape).is_some() {
            return Ok(None);
        }
        let keep = match &preserve {
            Some(preserve) => match preserve.get(row) {
                Some(keep) => keep,
                None => return Ok(None),
            },
            None => false,
        };
        Ok(Some(Simplifier { metres, keep }.shape(shape).to_wkb()))
    })
}

struct Simplifier {
    metres: f64,
    /// Whether shapes that are too small for the tolerance stay.
    keep: bool,
}

impl Simplifier {
    fn shape(&self, shape: Shape) -> Shape {
        match shape {
            Shape::Point(_) | Shape::Points(_) => shape,
            Shape::Line(coords) => match self.line(&coords) {
                Some(coords) => Shape::Line(coords),
                None => Self::collapsed(&coords),
            },
            Shape::Lines(lines) => {
                Shape::Lines(lines.iter().filter_map(|line| self.line(line)).collect())
            }
            Shape::Polygon(rings) => match self.rings(&rings) {
                Some(rings) => Shape::Polygon(rings),
                None => Self::collapsed(rings.first().map_or(&[], Vec::as_slice)),
            },
            Shape::Polygons(polygons) => Shape::Polygons(
                polygons
                    .iter()
                    .filter_map(|rings| self.rings(rings))
                    .collect(),
            ),
            Shape::Collection(members) => Shape::Collection(
                members
                    .into_iter()
                    .map(|member| self.shape(member))
                    .collect(),
            ),
        }
    }

    fn collapsed(coords: &[Coord]) -> Shape {
        match coords.first() {
            Some(coord) => Shape::Point(*coord),
            None => Shape::Points(Vec::new()),
        }
    }

    fn line(&self, coords: &[Coord]) -> Option<Vec<Coord>> {
        if length(coords) <= self.metres {
            return self.keep.then(|| coords.to_vec());
        }
        Some(simplify(coords, self.metres))
    }

    /// The outer loop, then the holes that are left.
    fn rings(&self, rings: &[Vec<Coord>]) -> Option<Vec<Vec<Coord>>> {
        let (shell, holes) = rings.split_first()?;
        let shell = match self.ring(shell) {
            Some(shell) => shell,
            None if self.keep => shell.clone(),
            None => return None,
        };
        let holes = holes.iter().filter_map(|hole| self.ring(hole));
        Some(std::iter::once(shell).chain(holes).collect())
    }

    /// A loop has no ends, so it is divided where it is farthest from where it begins. A loop that
    /// would cross itself afterwards stays as it is.
    fn ring(&self, ring: &[Coord]) -> Option<Vec<Coord>> {
        let first = *ring.first()?;
        let distance = |coord: &Coord| between_points(first, *coord, crate::sphere::RADIUS);
        let (at, _) = ring
            .iter()
            .enumerate()
            .map(|(at, coord)| (at, distance(coord)))
            .max_by(|a, b| a.1.total_cmp(&b.1))?;
        let mut simple = simplify(ring.get(..=at)?, self.metres);
        simple.extend(simplify(ring.get(at..)?, self.metres).into_iter().skip(1));
        if simple.len() < 4 {
            return None;
        }
        match problem(&Shape::Polygon(vec![simple.clone()])) {
            None => Some(simple),
            Some(_) => Some(ring.to_vec()),
        }
    }
}
