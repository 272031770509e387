//! [`Bounds`]: the smallest rectangle of longitudes and latitudes round a figure. Arcs bulge beyond the
//! latitudes of their ends.
//!
//! <https://docs.snowflake.com/en/sql-reference/functions/st_xmin>

use super::edge::Edge;
use super::figure::Figure;
use super::ring::Place;
use super::vector::Vector;
use crate::geography::Coord;

/// A rectangle in degrees.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Bounds {
    pub(crate) west: f64,
    pub(crate) east: f64,
    pub(crate) south: f64,
    pub(crate) north: f64,
}

/// Degrees that coordinates lose when they are made places and back.
const NOISE: f64 = 1e-12;

impl Bounds {
    /// The bounds of a figure whose coordinates are `coords`; nothing if it is empty.
    pub(crate) fn of(figure: &Figure, coords: &[Coord]) -> Option<Self> {
        let first = coords.first()?;
        let mut bounds = Self {
            west: first.lng,
            east: first.lng,
            south: first.lat,
            north: first.lat,
        };
        let mut around = false;
        for coord in coords {
            bounds.take(*coord);
            around |= coord.lng.abs() >= 180.0;
        }
        for edge in figure.edges() {
            bounds.bulge(edge);
            around |= crosses_antimeridian(edge);
        }
        let pole = |z| {
            let place = Vector { z, ..Vector::ZERO };
            figure.place(place) != Place::Outside
        };
        for (at, latitude) in [(1.0, 90.0), (-1.0, -90.0)] {
            if !figure.regions.is_empty() && pole(at) {
                bounds.take(Coord {
                    lng: bounds.west,
                    lat: latitude,
                });
                around = true;
            }
        }
        if around {
            (bounds.west, bounds.east) = (-180.0, 180.0);
        }
        Some(bounds)
    }

    fn take(&mut self, coord: Coord) {
        self.west = self.west.min(coord.lng);
        self.east = self.east.max(coord.lng);
        self.south = self.south.min(coord.lat);
        self.north = self.north.max(coord.lat);
    }

    /// The highest and lowest points of the edge's great circle, if they are on the edge.
    fn bulge(&mut self, edge: &Edge) {
        let normal = edge.normal;
        let top = Vector {
            x: -normal.x * normal.z,
            y: -normal.y * normal.z,
            z: normal.x * normal.x + normal.y * normal.y,
        }
        .unit();
        for place in [top, -top] {
            if place == Vector::ZERO || !edge.holds(place) {
                continue;
            }
            let lat = place.coord().lat;
            if lat > self.north + NOISE || lat < self.south - NOISE {
                self.south = self.south.min(lat);
                self.north = self.north.max(lat);
            }
        }
    }
}

/// Whether the shorter way between the ends leads over longitude 180.
fn crosses_antimeridian(edge: &Edge) -> bool {
    let (from, to) = (edge.start.coord().lng, edge.end.coord().lng);
    (from - to).abs() > 180.0 + NOISE
}
