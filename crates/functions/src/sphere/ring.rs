//! [`Ring`]: a closed loop, and what lies inside of it: the smaller of the two sides, whichever way
//! round it is written, as Snowflake reads polygons.

use std::f64::consts::PI;

use super::TOLERANCE;
use super::edge::Edge;
use super::vector::Vector;
use crate::geography::Coord;

/// Where a place lies, seen from a ring or a polygon.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Inside,
    Boundary,
    Outside,
}

/// A circle on the sphere that holds something.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cap {
    pub(super) center: Vector,
    pub(super) radius: f64,
    cosine: f64,
}

impl Cap {
    /// A cap round arcs between `places`.
    pub(super) fn around(places: &[Vector]) -> Self {
        let sum = places
            .iter()
            .fold(Vector::ZERO, |sum, place| sum + *place)
            .unit();
        let radius = places
            .iter()
            .map(|place| sum.angle(*place))
            .fold(0.0, f64::max);
        // Only below a right angle does a cap hold the arcs between places that it holds.
        if sum == Vector::ZERO || radius >= PI / 2.0 - TOLERANCE {
            return Self {
                center: sum,
                radius: PI,
                cosine: -1.0,
            };
        }
        let radius = radius + 4.0 * TOLERANCE;
        Self {
            center: sum,
            radius,
            cosine: radius.cos(),
        }
    }

    pub(super) fn is_whole(&self) -> bool {
        self.cosine <= -1.0
    }

    /// Whether `place` may lie inside.
    pub(super) fn may_hold(&self, place: Vector) -> bool {
        self.is_whole() || self.center.dot(place) >= self.cosine - TOLERANCE
    }

    /// Whether the caps may have something in common.
    pub(super) fn may_meet(&self, other: &Self) -> bool {
        self.is_whole()
            || other.is_whole()
            || self.center.angle(other.center) <= self.radius + other.radius + TOLERANCE
    }
}

/// A loop of at least three places.
#[derive(Debug)]
pub(super) struct Ring {
    pub(super) edges: Vec<Edge>,
    pub(super) cap: Cap,
    /// Whether the inside is to the left of the edges.
    left: bool,
    /// Of the inside, on the unit sphere.
    pub(super) area: f64,
}

impl Ring {
    /// The loop through `coords`, whose last is the first again.
    pub(super) fn new(coords: &[Coord]) -> Self {
        let places: Vec<Vector> = coords.iter().map(|coord| Vector::of(*coord)).collect();
        let edges = Edge::chain(&places);
        let cap = Cap::around(&places);
        let (left, area) = inside(&places, &edges, &cap);
        Self {
            edges,
            cap,
            left,
            area,
        }
    }

    /// 1 if the inside is to the left of the edges, else -1.
    pub(super) fn orientation(&self) -> f64 {
        if self.left { 1.0 } else { -1.0 }
    }

    pub(super) fn place(&self, point: Vector) -> Place {
        if !self.cap.may_hold(point) {
            return Place::Outside;
        }
        if self.edges.iter().any(|edge| edge.holds(point)) {
            return Place::Boundary;
        }
        let turns = self.turns(point) * if self.left { 1 } else { -1 };
        let inside = match turns {
            1.. => true,
            ..=-1 => false,
            // Both the point and its antipode are inside, or neither is.
            0 if self.cap.is_whole() => self.crossings_decide(point),
            0 => false,
        };
        if inside {
            Place::Inside
        } else {
            Place::Outside
        }
    }

    /// How often the loop runs counter-clockwise round the point, less how often round its antipode.
    fn turns(&self, point: Vector) -> i32 {
        // Half of a great circle from the point to its antipode, and which edges cross it which way.
        let normal = point.perpendicular();
        let direction = normal.cross(point);
        self.edges
            .iter()
            .map(|edge| {
                let (before, after) = (normal.dot(edge.start), normal.dot(edge.end));
                if (before >= 0.0) == (after >= 0.0) {
                    return 0;
                }
                let crossing = edge.start * after.abs() + edge.end * before.abs();
                if crossing.dot(direction) <= 0.0 {
                    return 0;
                }
                if after >= 0.0 { 1 } else { -1 }
            })
            .sum()
    }

    /// For loops larger than a hemisphere: counts crossings on the way to a place that is inside.
    fn crossings_decide(&self, point: Vector) -> bool {
        let Some(longest) = self
            .edges
            .iter()
            .max_by(|a, b| a.length().total_cmp(&b.length()))
        else {
            return false;
        };
        let aside = longest.normal * (self.orientation() * 1e-9);
        let within = ((longest.start + longest.end).unit() + aside).unit();
        let way = Edge::new(point, within);
        let crossings = self.edges.iter().filter(|edge| edge.crosses(&way)).count();
        crossings % 2 == 0
    }
}

/// Which side of a loop is the smaller one, and its area.
fn inside(places: &[Vector], edges: &[Edge], cap: &Cap) -> (bool, f64) {
    if cap.is_whole() {
        // Triangles with one corner would be as large as the loop, and their corners antipodes; the
        // turns at the corners tell the area (Gauss and Bonnet), with an error that is small here.
        let left = (2.0 * PI - turning(edges)).rem_euclid(4.0 * PI);
        return (left <= 2.0 * PI, left.min(4.0 * PI - left));
    }
    let Some((first, rest)) = places.split_first() else {
        return (true, 0.0);
    };
    let signed: f64 = rest
        .windows(2)
        .map(|pair| match pair {
            [second, third] => excess(*first, *second, *third),
            _ => 0.0,
        })
        .sum();
    (signed >= 0.0, signed.abs())
}

/// By how much the edges of a loop turn left in all.
fn turning(edges: &[Edge]) -> f64 {
    let following = edges.iter().cycle().skip(1);
    edges
        .iter()
        .zip(following)
        .map(|(edge, next)| {
            let sine = edge.normal.cross(next.normal).dot(edge.end);
            sine.atan2(edge.normal.dot(next.normal))
        })
        .sum()
}

/// The area of a triangle, negative if it runs clockwise.
fn excess(a: Vector, b: Vector, c: Vector) -> f64 {
    let volume = a.dot((b - a).cross(c - a));
    2.0 * volume.atan2(1.0 + a.dot(b) + b.dot(c) + c.dot(a))
}

/// Whether two edges of the loop through `coords` cross each other.
pub(crate) fn crosses_itself(coords: &[Coord]) -> bool {
    let places: Vec<Vector> = coords.iter().map(|coord| Vector::of(*coord)).collect();
    let edges = Edge::chain(&places);
    // Only edges whose heights above the equator's plane overlap can cross. Arcs bend beyond their ends.
    let mut spans: Vec<(f64, f64, &Edge)> = edges
        .iter()
        .map(|edge| {
            let bend = (edge.end - edge.start).norm().powi(2);
            let (low, high) = (edge.start.z.min(edge.end.z), edge.start.z.max(edge.end.z));
            (low - bend, high + bend, edge)
        })
        .collect();
    spans.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut open: Vec<(f64, &Edge)> = Vec::new();
    for (low, high, edge) in spans {
        open.retain(|(end, _)| *end >= low);
        if open.iter().any(|(_, other)| other.crosses(edge)) {
            return true;
        }
        open.push((high, edge));
    }
    false
}

#[cfg(test)]
mod tests {
    use super::{Place, Ring, crosses_itself};
    use crate::geography::Coord;
    use crate::sphere::Vector;

    fn coords(places: &[(f64, f64)]) -> Vec<Coord> {
        places
            .iter()
            .map(|&(lng, lat)| Coord { lng, lat })
            .collect()
    }

    fn place(ring: &Ring, lng: f64, lat: f64) -> Place {
        ring.place(Vector::of(Coord { lng, lat }))
    }

    #[test]
    fn the_inside_is_the_smaller_side_in_either_direction() {
        let mut square = coords(&[
            (0.0, 0.0),
            (10.0, 0.0),
            (10.0, 10.0),
            (0.0, 10.0),
            (0.0, 0.0),
        ]);
        for _ in 0..2 {
            let ring = Ring::new(&square);
            assert_eq!(place(&ring, 5.0, 5.0), Place::Inside);
            assert_eq!(place(&ring, 0.0, 5.0), Place::Boundary);
            assert_eq!(place(&ring, 10.0, 10.0), Place::Boundary);
            assert_eq!(place(&ring, 10.1, 10.0), Place::Outside);
            assert_eq!(place(&ring, -175.0, -5.0), Place::Outside);
            // The northern edge bends away from the equator.
            assert_eq!(place(&ring, 5.0, 10.03), Place::Inside);
            square.reverse();
        }
    }

    #[test]
    fn rings_may_hold_a_pole_or_cross_the_antimeridian() {
        let polar = Ring::new(&coords(&[
            (0.0, 60.0),
            (90.0, 60.0),
            (180.0, 60.0),
            (-90.0, 60.0),
            (0.0, 60.0),
        ]));
        assert_eq!(place(&polar, 45.0, 89.0), Place::Inside);
        assert_eq!(place(&polar, 45.0, 50.0), Place::Outside);
        let pacific = Ring::new(&coords(&[
            (170.0, -10.0),
            (-170.0, -10.0),
            (-170.0, 10.0),
            (170.0, 10.0),
            (170.0, -10.0),
        ]));
        assert_eq!(place(&pacific, 180.0, 0.0), Place::Inside);
        assert_eq!(place(&pacific, 0.0, 0.0), Place::Outside);
    }

    #[test]
    fn a_band_round_the_earth_may_hold_antipodes() {
        // Wider than a hemisphere: nearly all of the equator's neighbourhood, open at longitude 180.
        let south: Vec<(f64, f64)> = (-8..=8).map(|at| (f64::from(at) * 20.0, -5.0)).collect();
        let north = (-8..=8).rev().map(|at| (f64::from(at) * 20.0, 5.0));
        let mut band: Vec<(f64, f64)> = south.into_iter().chain(north).collect();
        band.push((-160.0, -5.0));
        let ring = Ring::new(&coords(&band));
        assert_eq!(place(&ring, 90.0, 0.0), Place::Inside);
        assert_eq!(place(&ring, -90.0, 0.0), Place::Inside);
        assert_eq!(place(&ring, 0.0, 0.0), Place::Inside);
        assert_eq!(place(&ring, 180.0, 0.0), Place::Outside);
        assert_eq!(place(&ring, 0.0, 90.0), Place::Outside);
        assert_eq!(place(&ring, 0.0, -90.0), Place::Outside);
    }

    #[test]
    fn knows_loops_that_cross_themselves() {
        let bow = [
            (-92.799, 37.601),
            (-88.240, 37.617),
            (-92.733, 36.198),
            (-88.305, 36.171),
            (-92.799, 37.601),
        ];
        assert!(crosses_itself(&coords(&bow)));
        let square = [(0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0), (0.0, 0.0)];
        assert!(!crosses_itself(&coords(&square)));
    }
}
