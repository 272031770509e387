//! [`simplify`]: the same line with fewer points, by Douglas and Peucker's algorithm on arcs.
//!
//! <https://docs.snowflake.com/en/sql-reference/functions/st_simplify>

use super::edge::Edge;
use super::vector::Vector;
use crate::geography::Coord;

/// The points of `coords` without which the line would be more than `metres` away from one of them.
/// The first and the last stay.
pub(crate) fn simplify(coords: &[Coord], metres: f64) -> Vec<Coord> {
    let places: Vec<Vector> = coords.iter().copied().map(Vector::of).collect();
    let mut kept = vec![false; places.len()];
    let tolerance = metres / super::RADIUS;
    let mut parts = Vec::new();
    if let Some(last) = places.len().checked_sub(1) {
        mark(&mut kept, 0);
        mark(&mut kept, last);
        parts.push((0, last));
    }
    while let Some((from, to)) = parts.pop() {
        let (Some(start), Some(end)) = (places.get(from), places.get(to)) else {
            continue;
        };
        let edge = Edge::new(*start, *end);
        let farthest = places
            .iter()
            .enumerate()
            .take(to)
            .skip(from + 1)
            .map(|(at, place)| (at, edge.distance(*place)))
            .max_by(|a, b| a.1.total_cmp(&b.1));
        if let Some((at, angle)) = farthest
            && angle > tolerance
        {
            mark(&mut kept, at);
            parts.push((from, at));
            parts.push((at, to));
        }
    }
    let chosen = coords.iter().zip(kept).filter(|(_, kept)| *kept);
    chosen.map(|(coord, _)| *coord).collect()
}

fn mark(kept: &mut [bool], at: usize) {
    if let Some(place) = kept.get_mut(at) {
        *place = true;
    }
}
