//! Distances in metres, lengths and directions.

use std::f64::consts::PI;

use super::RADIUS;
use super::cover::intersects;
use super::edge::Edge;
use super::figure::Figure;
use super::vector::Vector;
use crate::geography::Coord;

/// The haversine of the angle between two points.
fn haversine(a: Coord, b: Coord) -> f64 {
    let lat = ((b.lat - a.lat).to_radians() / 2.0).sin();
    let lng = ((b.lng - a.lng).to_radians() / 2.0).sin();
    let cosines = a.lat.to_radians().cos() * b.lat.to_radians().cos();
    (lat * lat + cosines * lng * lng).min(1.0)
}

/// How far two points are apart on a sphere of this radius.
pub(crate) fn between_points(a: Coord, b: Coord, radius: f64) -> f64 {
    2.0 * radius * haversine(a, b).sqrt().asin()
}

/// Whether two points are at most `metres` apart.
pub(crate) fn is_within(a: Coord, b: Coord, metres: f64) -> bool {
    if metres < 0.0 {
        return false;
    }
    // Most pairs differ too much in latitude alone, which needs no trigonometry. The margin leaves
    // the last digit to the distance itself.
    let degrees = (metres / RADIUS).to_degrees();
    if (a.lat - b.lat).abs() > degrees * (1.0 + 1e-9) + 1e-9 {
        return false;
    }
    between_points(a, b, RADIUS) <= metres
}

/// The shortest way between two figures, in metres; nothing if one of them is empty.
pub(crate) fn distance(a: &Figure, b: &Figure) -> Option<f64> {
    if a.is_empty() || b.is_empty() {
        return None;
    }
    if intersects(a, b) {
        return Some(0.0);
    }
    let mut angle = f64::INFINITY;
    for point in &a.points {
        for other in &b.points {
            angle = angle.min(point.angle(*other));
        }
    }
    angle = angle.min(to_edges(a, b)).min(to_edges(b, a));
    Some(angle * RADIUS)
}

/// The smallest angle between places of `from` and edges of `to`. Two arcs that do not cross are
/// nearest to each other at an end of one of them.
fn to_edges(from: &Figure, to: &Figure) -> f64 {
    let mut angle = f64::INFINITY;
    for place in from.vertices() {
        for edge in to.edges() {
            angle = angle.min(edge.distance(place));
        }
    }
    angle
}

/// Metres along a chain of coordinates.
pub(crate) fn length(coords: &[Coord]) -> f64 {
    let places: Vec<Vector> = coords.iter().copied().map(Vector::of).collect();
    Edge::chain(&places).iter().map(Edge::length).sum::<f64>() * RADIUS
}

/// The direction from one point to another, in radians clockwise from north; nothing if they are the
/// same.
pub(crate) fn azimuth(origin: Coord, target: Coord) -> Option<f64> {
    if Vector::of(origin).is_at(Vector::of(target)) {
        return None;
    }
    let (lat, other) = (origin.lat.to_radians(), target.lat.to_radians());
    let lng = (target.lng - origin.lng).to_radians();
    let east = lng.sin() * other.cos();
    let north = lat.cos() * other.sin() - lat.sin() * other.cos() * lng.cos();
    Some(east.atan2(north).rem_euclid(2.0 * PI))
}

/// The discrete Hausdorff distance, in degrees; nothing if a figure is empty.
pub(crate) fn hausdorff(a: &Figure, b: &Figure) -> Option<f64> {
    if a.is_empty() || b.is_empty() {
        return None;
    }
    let one_way = |from: &Figure, to: &Figure| {
        from.vertices()
            .map(|place| {
                to.vertices()
                    .map(|other| place.angle(other))
                    .fold(f64::INFINITY, f64::min)
            })
            .fold(0.0, f64::max)
    };
    Some(one_way(a, b).max(one_way(b, a)).to_degrees())
}
