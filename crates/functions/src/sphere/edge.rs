//! [`Edge`]: the shorter arc of the great circle through two places.

use super::TOLERANCE;
use super::vector::Vector;

/// An arc from `start` to `end`, shorter than half of a great circle.
#[derive(Clone, Copy, Debug)]
pub(super) struct Edge {
    pub(super) start: Vector,
    pub(super) end: Vector,
    /// Perpendicular to the arc, to its left, with length one; zero if the arc has no length.
    pub(super) normal: Vector,
}

impl Edge {
    pub(super) fn new(start: Vector, end: Vector) -> Self {
        // Twice the cross product, but exact for places that lie close together.
        let normal = (start + end).cross(end - start).unit();
        Self { start, end, normal }
    }

    /// The arcs that connect the places of a chain.
    pub(super) fn chain(places: &[Vector]) -> Vec<Self> {
        places
            .windows(2)
            .filter_map(|pair| match pair {
                [start, end] if start != end => Some(Self::new(*start, *end)),
                _ => None,
            })
            .collect()
    }

    pub(super) fn length(&self) -> f64 {
        self.start.angle(self.end)
    }

    /// The angle by which `place` lies above the arc's plane, as a sine.
    fn height(&self, place: Vector) -> f64 {
        (place - self.start).dot(self.normal)
    }

    /// Whether the nearest point of the arc's great circle lies on the arc.
    fn is_beside(&self, place: Vector) -> bool {
        self.normal.cross(self.start).dot(place) >= 0.0
            && self.end.cross(self.normal).dot(place) >= 0.0
    }

    /// The angle between `place` and the nearest point of the arc.
    pub(super) fn distance(&self, place: Vector) -> f64 {
        if self.is_beside(place) && self.normal != Vector::ZERO {
            return self.height(place).abs().min(1.0).asin();
        }
        place.angle(self.start).min(place.angle(self.end))
    }

    /// Whether `place` lies on the arc.
    pub(super) fn holds(&self, place: Vector) -> bool {
        if self.height(place).abs() > TOLERANCE {
            return false;
        }
        // Antipodes have no shorter arc between them.
        (self.is_beside(place) && self.normal != Vector::ZERO)
            || place.is_at(self.start)
            || place.is_at(self.end)
    }

    /// Whether the arcs cross at a point inside of both.
    pub(super) fn crosses(&self, other: &Self) -> bool {
        let signs = [
            -self.height(other.start),
            self.height(other.end),
            other.height(self.start),
            -other.height(self.end),
        ];
        signs.iter().all(|sign| *sign > TOLERANCE) || signs.iter().all(|sign| *sign < -TOLERANCE)
    }

    /// Whether the arcs have a point in common.
    pub(super) fn touches(&self, other: &Self) -> bool {
        self.crosses(other)
            || self.holds(other.start)
            || self.holds(other.end)
            || other.holds(self.start)
            || other.holds(self.end)
    }

    /// The places at which another arc crosses this one or ends on it.
    pub(super) fn meets(&self, other: &Self) -> impl Iterator<Item = Vector> {
        let crossing = self.crosses(other).then(|| {
            let crossing = self.normal.cross(other.normal).unit();
            let near = (self.start + self.end).dot(crossing) >= 0.0;
            if near { crossing } else { -crossing }
        });
        let ends = [other.start, other.end].map(|end| self.holds(end).then_some(end));
        crossing.into_iter().chain(ends.into_iter().flatten())
    }

    /// The point `angle` behind the start.
    fn point(&self, angle: f64) -> Vector {
        self.start * angle.cos() + self.normal.cross(self.start) * angle.sin()
    }

    /// Where `cuts` divide the arc, a point inside of each piece.
    pub(super) fn pieces<'a>(&self, cuts: impl Iterator<Item = &'a Self>) -> Vec<Vector> {
        let length = self.length();
        let mut at = vec![0.0, length];
        for cut in cuts {
            at.extend(self.meets(cut).map(|place| self.start.angle(place)));
        }
        at.sort_by(f64::total_cmp);
        at.windows(2)
            .filter_map(|pair| match pair {
                [from, to] if to - from > 2.0 * TOLERANCE => Some(self.point((from + to) / 2.0)),
                _ => None,
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::{Edge, Vector};
    use crate::geography::Coord;

    fn at(lng: f64, lat: f64) -> Vector {
        Vector::of(Coord { lng, lat })
    }

    fn edge(from: (f64, f64), to: (f64, f64)) -> Edge {
        Edge::new(at(from.0, from.1), at(to.0, to.1))
    }

    #[test]
    fn arcs_cross_where_the_shorter_ways_do() {
        let equator = edge((-10.0, 0.0), (10.0, 0.0));
        assert!(equator.crosses(&edge((0.0, -5.0), (0.0, 5.0))));
        assert!(!equator.crosses(&edge((180.0, -5.0), (180.0, 5.0))));
        assert!(!equator.crosses(&edge((11.0, -5.0), (11.0, 5.0))));
        assert!(!equator.crosses(&edge((0.0, 0.0), (0.0, 5.0))));
        assert!(equator.touches(&edge((0.0, 0.0), (0.0, 5.0))));
        assert!(edge((170.0, 0.0), (-170.0, 0.0)).touches(&edge((180.0, 1.0), (180.0, -1.0))));
    }

    #[test]
    fn the_nearest_point_is_inside_or_an_end() {
        let equator = edge((-10.0, 0.0), (10.0, 0.0));
        let degrees = |place| equator.distance(place).to_degrees();
        assert!((degrees(at(3.0, 7.0)) - 7.0).abs() < 1e-12);
        assert!((degrees(at(13.0, 0.0)) - 3.0).abs() < 1e-12);
        assert!((degrees(at(180.0, 0.0)) - 170.0).abs() < 1e-12);
    }
}
