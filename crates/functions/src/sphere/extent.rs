//! [`Extent`]: a box in space that holds every place of a shape, to tell quickly what cannot meet.

use std::f64::consts::PI;

use super::ring::Cap;
use super::vector::Vector;
use crate::geography::{Coord, Shape};

/// Angles added on every side: many times what a distance or a place may be wrong by. 64 centimetres.
const MARGIN: f64 = 1e-7;

/// A box between two corners.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Extent {
    low: [f64; 3],
    high: [f64; 3],
}

impl Extent {
    /// The box of the whole sphere.
    pub(crate) const WORLD: Self = Self {
        low: [-1.0; 3],
        high: [1.0; 3],
    };

    pub(crate) fn of_point(point: Coord) -> Self {
        let place = Vector::of(point);
        let corner = [place.x, place.y, place.z];
        Self {
            low: corner,
            high: corner,
        }
    }

    /// The box of a shape. That of a collection is the world: not every function takes one, and those
    /// that do not shall say so.
    pub(crate) fn of_shape(shape: &Shape) -> Self {
        match shape {
            Shape::Point(point) => return Self::of_point(*point),
            Shape::Collection(_) => return Self::WORLD,
            _ => {}
        }
        let mut places = Vec::new();
        shape.chains(&mut |chain| places.extend(chain.iter().copied().map(Vector::of)));
        // A cap below a right angle holds the arcs between its places, and of a loop the smaller side.
        let cap = Cap::around(&places);
        if cap.is_whole() {
            return Self::WORLD;
        }
        let center = cap.center;
        Self {
            low: [center.x, center.y, center.z],
            high: [center.x, center.y, center.z],
        }
        .grown(cap.radius)
    }

    /// The box of all places that are at most `metres` from a place in this one.
    pub(crate) fn widened(self, metres: f64) -> Self {
        let angle = (metres / super::RADIUS).max(0.0) * (1.0 + 1e-9) + MARGIN;
        // Nothing is known of a distance that is no number.
        if metres.is_nan() || angle >= PI {
            return Self::WORLD;
        }
        self.grown(angle)
    }

    /// Two places that are `angle` apart differ in no coordinate by more than the chord between them.
    fn grown(self, angle: f64) -> Self {
        let chord = 2.0 * (angle / 2.0).sin() + 1e-12;
        Self {
            low: self.low.map(|side| side - chord),
            high: self.high.map(|side| side + chord),
        }
    }

    /// Whether the boxes have something in common.
    pub(crate) fn meets(&self, other: &Self) -> bool {
        let below = |low: &[f64; 3], high: &[f64; 3]| low.iter().zip(high).all(|(l, h)| l <= h);
        below(&self.low, &other.high) && below(&other.low, &self.high)
    }

    /// The box that holds both.
    pub(crate) fn with(mut self, other: &Self) -> Self {
        for (side, other) in self.low.iter_mut().zip(other.low) {
            *side = side.min(other);
        }
        for (side, other) in self.high.iter_mut().zip(other.high) {
            *side = side.max(other);
        }
        self
    }

    /// The middle on each axis.
    pub(crate) fn middle(&self) -> [f64; 3] {
        let mut middle = self.low;
        for (side, high) in middle.iter_mut().zip(self.high) {
            *side = f64::midpoint(*side, high);
        }
        middle
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::Extent;
    use crate::geography::{Coord, Shape, Validity, read_text};
    use crate::sphere::{RADIUS, between_points};

    fn point(lng: f64, lat: f64) -> Coord {
        Coord { lng, lat }
    }

    #[test]
    fn boxes_of_places_within_a_distance_always_meet() {
        let mut near = 0;
        for step in 0..400_u32 {
            let at = |factor: u32, range: f64| f64::from(step * factor % 997) / 997.0 * range;
            let (a, b) = (
                point(at(331, 360.0) - 180.0, at(557, 180.0) - 90.0),
                point(at(733, 360.0) - 180.0, at(911, 180.0) - 90.0),
            );
            let metres = between_points(a, b, RADIUS);
            let other = Extent::of_point(b);
            assert!(Extent::of_point(a).widened(metres).meets(&other));
            near += usize::from(Extent::of_point(a).widened(metres / 4.0).meets(&other));
        }
        assert!(near < 40, "{near} of 400 are not told apart");
    }

    #[test]
    fn a_polygon_lies_in_its_box_with_the_bulge_of_its_edges() {
        let text = "POLYGON((-60 40, 60 40, 60 50, -60 50, -60 40))";
        let shape = read_text(text, Validity::Required).unwrap();
        let extent = Extent::of_shape(&shape);
        assert!(extent.meets(&Extent::of_point(point(0.0, 66.0))));
        assert!(!extent.meets(&Extent::of_point(point(180.0, -45.0))));
        let none = Shape::Collection(Vec::new());
        assert_eq!(Extent::of_shape(&none), Extent::WORLD);
    }
}
