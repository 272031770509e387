//! [`Figure`]: a shape made ready for questions.

use super::edge::Edge;
use super::ring::{Cap, Place, Ring};
use super::vector::Vector;
use crate::geography::{Coord, Shape, problem};

/// The points, lines and polygons of a shape.
#[derive(Debug, Default)]
pub(crate) struct Figure {
    pub(super) points: Vec<Vector>,
    pub(super) lines: Vec<Line>,
    pub(super) regions: Vec<Region>,
}

/// A line of at least one edge.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) edges: Vec<Edge>,
    pub(super) cap: Cap,
}

impl Line {
    /// Whether `place` is an end of the line, which has none if it is closed.
    pub(super) fn ends_at(&self, place: Vector) -> bool {
        match (self.edges.first(), self.edges.last()) {
            (Some(first), Some(last)) if !first.start.is_at(last.end) => {
                place.is_at(first.start) || place.is_at(last.end)
            }
            _ => false,
        }
    }
}

/// A polygon: an outer loop, then those of its holes.
#[derive(Debug)]
pub(super) struct Region {
    pub(super) rings: Vec<Ring>,
}

impl Region {
    pub(super) fn place(&self, point: Vector) -> Place {
        let Some((shell, holes)) = self.rings.split_first() else {
            return Place::Outside;
        };
        let place = shell.place(point);
        if place != Place::Inside {
            return place;
        }
        for hole in holes {
            match hole.place(point) {
                Place::Inside => return Place::Outside,
                Place::Boundary => return Place::Boundary,
                Place::Outside => {}
            }
        }
        Place::Inside
    }

    pub(super) fn area(&self) -> f64 {
        let holes: f64 = self.rings.iter().skip(1).map(|hole| hole.area).sum();
        self.rings.first().map_or(0.0, |shell| shell.area - holes)
    }

    pub(super) fn edges(&self) -> impl Iterator<Item = &Edge> {
        self.rings.iter().flat_map(|ring| &ring.edges)
    }
}

impl Figure {
    /// The figure of a shape; nothing if the shape is not valid.
    pub(crate) fn new(shape: &Shape) -> Option<Self> {
        if problem(shape).is_some() {
            return None;
        }
        let mut figure = Self::default();
        figure.add(shape);
        Some(figure)
    }

    /// The figure of one place.
    pub(crate) fn of_point(point: Coord) -> Self {
        Self {
            points: vec![Vector::of(point)],
            ..Self::default()
        }
    }

    pub(super) fn add(&mut self, shape: &Shape) {
        match shape {
            Shape::Point(point) => self.points.push(Vector::of(*point)),
            Shape::Points(points) => self.points.extend(points.iter().copied().map(Vector::of)),
            Shape::Line(coords) => self.add_line(coords),
            Shape::Lines(lines) => lines.iter().for_each(|line| self.add_line(line)),
            Shape::Polygon(rings) => self.add_region(rings),
            Shape::Polygons(polygons) => polygons.iter().for_each(|rings| self.add_region(rings)),
            Shape::Collection(members) => members.iter().for_each(|member| self.add(member)),
        }
    }

    fn add_line(&mut self, coords: &[Coord]) {
        let places: Vec<Vector> = coords.iter().copied().map(Vector::of).collect();
        let edges = Edge::chain(&places);
        if !edges.is_empty() {
            let cap = Cap::around(&places);
            self.lines.push(Line { edges, cap });
        }
    }

    fn add_region(&mut self, rings: &[Vec<Coord>]) {
        if !rings.is_empty() {
            let rings = rings.iter().map(|ring| Ring::new(ring)).collect();
            self.regions.push(Region { rings });
        }
    }

    /// Whether there is nothing in it.
    pub(crate) fn is_empty(&self) -> bool {
        self.points.is_empty() && self.lines.is_empty() && self.regions.is_empty()
    }

    /// Square metres.
    pub(crate) fn area(&self) -> f64 {
        let area: f64 = self.regions.iter().map(Region::area).sum();
        // Adding zero makes a plain one of the sum of nothing, which is negative.
        area * super::RADIUS * super::RADIUS + 0.0
    }

    /// Metres of all lines.
    pub(crate) fn line_length(&self) -> f64 {
        metres(self.lines.iter().flat_map(|line| &line.edges))
    }

    /// Metres of all loops.
    pub(crate) fn perimeter(&self) -> f64 {
        metres(self.regions.iter().flat_map(Region::edges))
    }

    /// The edges of lines and polygons with the caps round their chains.
    pub(super) fn chains(&self) -> impl Iterator<Item = (&Cap, &[Edge])> {
        let lines = self
            .lines
            .iter()
            .map(|line| (&line.cap, line.edges.as_slice()));
        let rings = self.regions.iter().flat_map(|region| &region.rings);
        lines.chain(rings.map(|ring| (&ring.cap, ring.edges.as_slice())))
    }

    /// The edges of lines and polygons.
    pub(super) fn edges(&self) -> impl Iterator<Item = &Edge> {
        self.chains().flat_map(|(_, edges)| edges)
    }

    /// All points, and the first place of every line and loop.
    pub(super) fn starts(&self) -> impl Iterator<Item = Vector> {
        let first = self.chains().filter_map(|(_, edges)| edges.first());
        self.points
            .iter()
            .copied()
            .chain(first.map(|edge| edge.start))
    }

    /// Every place that was written.
    pub(super) fn vertices(&self) -> impl Iterator<Item = Vector> {
        let ends = self.edges().flat_map(|edge| [edge.start, edge.end]);
        self.points.iter().copied().chain(ends)
    }

    /// Whether `place` is in one of the polygons, and how.
    pub(super) fn place(&self, place: Vector) -> Place {
        let mut found = Place::Outside;
        for region in &self.regions {
            match region.place(place) {
                Place::Inside => return Place::Inside,
                Place::Boundary => found = Place::Boundary,
                Place::Outside => {}
            }
        }
        found
    }

    /// Whether `place` is a part of the figure.
    pub(super) fn holds(&self, place: Vector) -> bool {
        self.holds_point(place) || self.on_line(place) || self.place(place) != Place::Outside
    }

    /// Whether one of its points is `place`.
    pub(crate) fn holds_point(&self, place: Vector) -> bool {
        self.points.iter().any(|point| point.is_at(place))
    }

    /// Whether `place` is on one of the lines.
    pub(super) fn on_line(&self, place: Vector) -> bool {
        self.lines
            .iter()
            .any(|line| line.cap.may_hold(place) && line.edges.iter().any(|edge| edge.holds(place)))
    }
}

fn metres<'a>(edges: impl Iterator<Item = &'a Edge>) -> f64 {
    edges.map(Edge::length).sum::<f64>() * super::RADIUS + 0.0
}
