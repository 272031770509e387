//! [`centroid`]: the middle of the parts of the highest dimension.
//!
//! <https://docs.snowflake.com/en/sql-reference/functions/st_centroid>

use super::edge::Edge;
use super::figure::Figure;
use super::vector::Vector;
use crate::geography::Coord;

/// The direction of the figure's centre of mass; nothing if it has none, as a whole great circle.
pub(crate) fn centroid(figure: &Figure) -> Option<Coord> {
    let sum = if !figure.regions.is_empty() {
        of_regions(figure)
    } else if !figure.lines.is_empty() {
        of_lines(figure)
    } else {
        total(figure.points.iter().copied())
    };
    (sum.norm() > super::TOLERANCE * super::TOLERANCE).then(|| sum.coord())
}

fn total(vectors: impl Iterator<Item = Vector>) -> Vector {
    vectors.fold(Vector::ZERO, |sum, vector| sum + vector)
}

/// By Stokes' theorem the integral of the position over an area is half of the integral of
/// `x × dx` along its boundary: the edge's normal times its angle.
fn of_regions(figure: &Figure) -> Vector {
    total(figure.regions.iter().flat_map(|region| {
        region.rings.iter().enumerate().map(|(at, ring)| {
            let side = if at == 0 { 1.0 } else { -1.0 };
            let around = total(ring.edges.iter().map(|edge| edge.normal * edge.length()));
            around * (side * ring.orientation() / 2.0)
        })
    }))
}

/// The integral of the position along an arc points to its middle, with twice the sine of half the angle.
fn of_lines(figure: &Figure) -> Vector {
    let arc = |edge: &Edge| (edge.start + edge.end).unit() * (2.0 * (edge.length() / 2.0).sin());
    total(figure.lines.iter().flat_map(|line| &line.edges).map(arc))
}
