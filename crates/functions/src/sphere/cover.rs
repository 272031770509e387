//! Which figures meet, cover and contain each other, by the definitions of DE-9IM.
//!
//! <https://docs.snowflake.com/en/sql-reference/functions/st_contains>

use super::edge::Edge;
use super::figure::{Figure, Region};
use super::ring::Place;
use super::vector::Vector;

/// Whether the figures have a point in common.
pub(crate) fn intersects(a: &Figure, b: &Figure) -> bool {
    // Where no edges meet, one figure is inside of the other or they are apart, and one place of every
    // part tells which.
    a.starts().any(|place| b.holds(place))
        || b.starts().any(|place| a.holds(place))
        || edges_meet(a, b)
}

fn edges_meet(a: &Figure, b: &Figure) -> bool {
    a.chains().any(|(cap, edges)| {
        b.chains().any(|(other_cap, others)| {
            cap.may_meet(other_cap)
                && edges
                    .iter()
                    .any(|edge| others.iter().any(|other| edge.touches(other)))
        })
    })
}

/// Whether no point of `b` is outside of `a`.
pub(crate) fn covers(a: &Figure, b: &Figure) -> bool {
    if b.is_empty() {
        return false;
    }
    let cuts: Vec<&Edge> = a.edges().collect();
    let held = |edge: &Edge| {
        a.holds(edge.start)
            && a.holds(edge.end)
            && pieces(edge, &cuts).iter().all(|place| a.holds(*place))
    };
    b.points.iter().all(|point| a.holds(*point))
        && b.lines.iter().all(|line| line.edges.iter().all(held))
        && b.regions.iter().all(|region| covers_region(a, region))
}

/// Whether the boundary of `region` is in polygons of `a`, and none of their boundaries, behind which
/// their outside begins, is within `region`.
fn covers_region(a: &Figure, region: &Region) -> bool {
    let cuts: Vec<&Edge> = a.regions.iter().flat_map(Region::edges).collect();
    let held = |place: &Vector| a.place(*place) != Place::Outside;
    let bounded = region
        .edges()
        .all(|edge| held(&edge.start) && pieces(edge, &cuts).iter().all(held));
    if !bounded {
        return false;
    }
    let cuts: Vec<&Edge> = region.edges().collect();
    a.regions.iter().flat_map(Region::edges).all(|edge| {
        pieces(edge, &cuts)
            .iter()
            .all(|place| region.place(*place) != Place::Inside)
    })
}

fn pieces(edge: &Edge, cuts: &[&Edge]) -> Vec<Vector> {
    edge.pieces(cuts.iter().copied())
}

/// Whether `a` covers `b` and their insides have a point in common.
pub(crate) fn contains(a: &Figure, b: &Figure) -> bool {
    covers(a, b) && insides_meet(a, b)
}

/// Whether the insides of two figures meet of which the first covers the second.
fn insides_meet(a: &Figure, b: &Figure) -> bool {
    if !b.regions.is_empty() {
        return true;
    }
    let cuts: Vec<&Edge> = a.edges().collect();
    let line_inside = b.lines.iter().flat_map(|line| &line.edges).any(|edge| {
        pieces(edge, &cuts)
            .iter()
            .any(|place| a.place(*place) == Place::Inside || a.on_line(*place))
    });
    line_inside
        || b.points.iter().any(|point| {
            let on_line = a.on_line(*point) && !a.lines.iter().any(|line| line.ends_at(*point));
            a.place(*point) == Place::Inside
                || on_line
                || a.points.iter().any(|other| other.is_at(*point))
        })
}
