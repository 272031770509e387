//! [`overlay`]: what polygons have in common, have together, and have alone.
//!
//! The edges of both figures are divided where they meet; every piece is kept or dropped by which side
//! of the other figure it lies on, and the kept ones are joined to loops again. A result whose area is
//! not what the areas of the others demand is not given: there are shapes, nearly touching along long
//! edges, that need more digits than a double has.

use std::collections::HashSet;
use std::f64::consts::PI;

use super::edge::Edge;
use super::figure::Figure;
use super::ring::{Place, Ring};
use super::vector::Vector;
use crate::geography::{Coord, Shape};

/// Places nearer to each other than this angle are one: six micrometres on the ground.
const SNAP: f64 = 1e-12;

/// By how much areas on the unit sphere may differ: some square metres on the ground, and a part of
/// what is measured.
const SLACK: f64 = 1e-12;

/// What is kept of two figures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Keep {
    /// What is in one of them.
    Either,
    /// What is in both.
    Both,
    /// What is in the first alone.
    First,
}

/// The polygons that `keep` leaves of two figures of polygons; nothing if they cannot be found.
pub(crate) fn overlay(a: &Figure, b: &Figure, keep: Keep) -> Option<Vec<Vec<Vec<Coord>>>> {
    let both = Pieces::new(a, b).polygons(Keep::Both)?;
    let common = area(&both);
    let wanted = match keep {
        Keep::Both => common,
        Keep::Either => of(a) + of(b) - common,
        Keep::First => of(a) - common,
    };
    let found = match keep {
        Keep::Both => both,
        other => Pieces::new(a, b).polygons(other)?,
    };
    let slack = SLACK + 1e-9 * (of(a) + of(b));
    let plausible = common <= of(a).min(of(b)) + slack && (area(&found) - wanted).abs() <= slack;
    plausible.then_some(found)
}

fn of(figure: &Figure) -> f64 {
    figure.regions.iter().map(super::figure::Region::area).sum()
}

fn area(polygons: &[Vec<Vec<Coord>>]) -> f64 {
    let mut figure = Figure::default();
    figure.add(&Shape::Polygons(polygons.to_vec()));
    of(&figure)
}

/// The edges of two figures, divided where they meet.
struct Pieces<'a> {
    sides: [&'a Figure; 2],
    /// All places, each once.
    places: Vec<Vector>,
    /// From place to place, with the inside of the figure to the left.
    arcs: [Vec<(usize, usize)>; 2],
}

impl<'a> Pieces<'a> {
    fn new(a: &'a Figure, b: &'a Figure) -> Self {
        let mut pieces = Self {
            sides: [a, b],
            places: Vec::new(),
            arcs: [Vec::new(), Vec::new()],
        };
        let (first, second) = (inward(a), inward(b));
        pieces.arcs = [
            pieces.divided(&first, &second),
            pieces.divided(&second, &first),
        ];
        pieces
    }

    /// The number of a place; one that is nearly the same has the same number.
    fn number(&mut self, place: Vector) -> usize {
        let near = |known: &Vector| (*known - place).norm() <= SNAP;
        self.places.iter().position(near).unwrap_or_else(|| {
            self.places.push(place);
            self.places.len() - 1
        })
    }

    /// `edges` with a place wherever `others` meet them.
    fn divided(&mut self, edges: &[Edge], others: &[Edge]) -> Vec<(usize, usize)> {
        let mut arcs = Vec::new();
        for edge in edges {
            let mut cuts = vec![(0.0, edge.start), (edge.length(), edge.end)];
            for other in others {
                cuts.extend(edge.meets(other).map(|at| (edge.start.angle(at), at)));
            }
            cuts.sort_by(|a, b| a.0.total_cmp(&b.0));
            let mut numbers: Vec<usize> = cuts.iter().map(|(_, at)| self.number(*at)).collect();
            numbers.dedup();
            arcs.extend(numbers.windows(2).filter_map(|pair| match pair {
                [from, to] => Some((*from, *to)),
                _ => None,
            }));
        }
        arcs
    }

    /// The pieces that bound what is kept, with its inside to the left.
    fn kept(&self, keep: Keep) -> Option<Vec<(usize, usize)>> {
        let [first, second] = &self.arcs;
        let [a, b] = self.sides;
        let known = |arcs: &[(usize, usize)]| arcs.iter().copied().collect::<HashSet<_>>();
        let (of_first, of_second) = (known(first), known(second));
        let mut kept = Vec::new();
        for arc in first {
            // Shared edges are told by their ends: their middles may be beside each other.
            let same = of_second.contains(arc);
            let opposite = of_second.contains(&(arc.1, arc.0));
            let take = match (same, opposite) {
                (true, true) => return None,
                (true, false) => keep != Keep::First,
                (false, true) => keep == Keep::First,
                (false, false) => {
                    (b.place(self.middle(*arc)?) == Place::Inside) == (keep == Keep::Both)
                }
            };
            if take {
                kept.push(*arc);
            }
        }
        for arc in second {
            if of_first.contains(arc) || of_first.contains(&(arc.1, arc.0)) {
                continue;
            }
            let inside = a.place(self.middle(*arc)?) == Place::Inside;
            match keep {
                Keep::Both if inside => kept.push(*arc),
                Keep::Either if !inside => kept.push(*arc),
                Keep::First if inside => kept.push((arc.1, arc.0)),
                _ => {}
            }
        }
        Some(kept)
    }

    fn middle(&self, (from, to): (usize, usize)) -> Option<Vector> {
        Some((*self.places.get(from)? + *self.places.get(to)?).unit())
    }

    fn polygons(&self, keep: Keep) -> Option<Vec<Vec<Vec<Coord>>>> {
        let mut open = self.kept(keep)?;
        let mut shells: Vec<(Ring, Vec<Vec<Coord>>)> = Vec::new();
        let mut holes: Vec<Vec<Coord>> = Vec::new();
        while let Some(first) = open.pop() {
            for visited in simple(self.walk(first, &mut open)?) {
                let coords = self.coords(&visited)?;
                let ring = Ring::new(&coords);
                // The inside is to the left; of a hole that is the larger side.
                if ring.orientation() > 0.0 {
                    shells.push((ring, vec![coords]));
                } else {
                    holes.push(coords);
                }
            }
        }
        shells.sort_by(|a, b| a.0.area.total_cmp(&b.0.area));
        for hole in holes {
            // The smallest loop round it.
            let within = |ring: &Ring| {
                let places = hole.windows(2).map(|pair| match pair {
                    [from, to] => (Vector::of(*from) + Vector::of(*to)).unit(),
                    _ => Vector::ZERO,
                });
                let mut seen = places.map(|place| ring.place(place));
                seen.find(|place| *place != Place::Boundary) == Some(Place::Inside)
            };
            let (_, rings) = shells.iter_mut().find(|(ring, _)| within(ring))?;
            rings.push(hole);
        }
        Some(shells.into_iter().map(|(_, rings)| rings).collect())
    }

    /// The loop that begins with an arc. Where several go on, it is the one farthest to the left, so
    /// that loops which touch in a point stay apart.
    fn walk(&self, first: (usize, usize), open: &mut Vec<(usize, usize)>) -> Option<Vec<usize>> {
        let mut visited = vec![first.0, first.1];
        let mut last = first;
        while last.1 != first.0 {
            let (came, here) = (self.places.get(last.0)?, self.places.get(last.1)?);
            let (at, _) = open
                .iter()
                .enumerate()
                .filter(|(_, arc)| arc.0 == last.1)
                .filter_map(|(at, arc)| Some((at, turn(*came, *here, *self.places.get(arc.1)?))))
                .max_by(|a, b| a.1.total_cmp(&b.1))?;
            last = open.swap_remove(at);
            visited.push(last.1);
        }
        Some(visited)
    }

    /// The places as they were written, without those on a straight way that only a cut has made.
    fn coords(&self, visited: &[usize]) -> Option<Vec<Coord>> {
        let places: Vec<Vector> = visited
            .iter()
            .map(|at| self.places.get(*at).copied())
            .collect::<Option<_>>()?;
        (places.len() > 3).then(|| places.iter().map(|place| rounded(place.coord())).collect())
    }
}

/// The loops of a way that comes to a place more than once.
fn simple(visited: Vec<usize>) -> Vec<Vec<usize>> {
    let mut loops = Vec::new();
    let mut way: Vec<usize> = Vec::new();
    for place in visited {
        if let Some(at) = way.iter().position(|known| *known == place) {
            let mut found = way.split_off(at);
            found.push(place);
            loops.push(found);
        }
        way.push(place);
    }
    loops
}

/// Fifteen decimals of a degree come from rounding; twelve are a tenth of a micrometre.
fn rounded(coord: Coord) -> Coord {
    let round = |degrees: f64| (degrees * 1e12).round() / 1e12;
    Coord {
        lng: round(coord.lng),
        lat: round(coord.lat),
    }
}

/// The angle to the left by which a way turns at `here`.
fn turn(came: Vector, here: Vector, next: Vector) -> f64 {
    let (before, after) = (Edge::new(came, here).normal, Edge::new(here, next).normal);
    before.cross(after).dot(here).atan2(before.dot(after))
}

/// The edges of all polygons, with their insides to the left.
fn inward(figure: &Figure) -> Vec<Edge> {
    let mut edges = Vec::new();
    for region in &figure.regions {
        for (at, ring) in region.rings.iter().enumerate() {
            // Outside of a hole is inside of the polygon.
            let left = (ring.orientation() > 0.0) == (at == 0);
            edges.extend(ring.edges.iter().map(|edge| match left {
                true => *edge,
                false => Edge::new(edge.end, edge.start),
            }));
        }
    }
    edges
}

/// The pieces of the lines of `figure` that are in the polygons of `other`, or out of them.
pub(crate) fn clipped(figure: &Figure, other: &Figure, inside: bool) -> Vec<Vec<Coord>> {
    let cuts = inward(other);
    let mut lines: Vec<Vec<Coord>> = Vec::new();
    for line in &figure.lines {
        let mut current: Vec<Vector> = Vec::new();
        let mut finish = |current: &mut Vec<Vector>| {
            let places = std::mem::take(current);
            if places.len() > 1 {
                lines.push(places.iter().map(|place| rounded(place.coord())).collect());
            }
        };
        for edge in &line.edges {
            let mut at = vec![(0.0, edge.start), (edge.length(), edge.end)];
            for cut in &cuts {
                at.extend(
                    edge.meets(cut)
                        .map(|place| (edge.start.angle(place), place)),
                );
            }
            at.sort_by(|a, b| a.0.total_cmp(&b.0));
            at.dedup_by(|a, b| (a.1 - b.1).norm() <= SNAP);
            for pair in at.windows(2) {
                let [(_, from), (_, to)] = pair else { continue };
                let place = other.place((*from + *to).unit());
                // The boundary belongs to the polygon.
                if (place != Place::Outside) == inside {
                    if current.is_empty() {
                        current.push(*from);
                    }
                    current.push(*to);
                } else {
                    finish(&mut current);
                }
            }
        }
        finish(&mut current);
    }
    lines
}

/// The corners of a circle, the first again at the end; nothing if it has no inside, or is as large as
/// a hemisphere.
pub(crate) fn circle(center: Coord, metres: f64) -> Option<Vec<Coord>> {
    const CORNERS: u8 = 32;
    let angle = metres / super::RADIUS;
    if !(angle > SNAP && angle < PI / 2.0) {
        return None;
    }
    let middle = Vector::of(center);
    let east = middle.perpendicular();
    let north = middle.cross(east);
    let corner = |at: u8| {
        let turned = f64::from(at) / f64::from(CORNERS) * 2.0 * PI;
        let aside = east * turned.cos() + north * turned.sin();
        rounded((middle * angle.cos() + aside * angle.sin()).coord())
    };
    let mut ring: Vec<Coord> = (0..CORNERS).map(corner).collect();
    ring.extend(ring.first().copied());
    Some(ring)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::{Keep, area, overlay};
    use crate::geography::{Shape, Validity, read_text};
    use crate::sphere::Figure;

    fn figure(text: &str) -> Figure {
        Figure::new(&read_text(text, Validity::Required).unwrap()).unwrap()
    }

    fn wkt(a: &str, b: &str, keep: Keep) -> String {
        Shape::Polygons(overlay(&figure(a), &figure(b), keep).unwrap()).to_wkt()
    }

    const BIG: &str = "POLYGON((0 0, 10 0, 10 10, 0 10, 0 0))";

    #[test]
    fn a_polygon_inside_another_is_common_and_makes_a_hole() {
        let small = "POLYGON((4 4, 6 4, 6 6, 4 6, 4 4))";
        let parts = |keep| overlay(&figure(BIG), &figure(small), keep).unwrap();
        assert_eq!(parts(Keep::Both).len(), 1);
        assert_eq!(parts(Keep::Either).concat().len(), 1);
        assert_eq!(parts(Keep::First).concat().len(), 2);
        let whole = area(&parts(Keep::Both)) + area(&parts(Keep::First));
        assert!((whole - area(&parts(Keep::Either))).abs() < 1e-13);
    }

    #[test]
    fn neighbours_with_an_edge_in_common_become_one() {
        let east = "POLYGON((10 0, 20 0, 20 10, 10 10, 10 0))";
        let whole = overlay(&figure(BIG), &figure(east), Keep::Either).unwrap();
        assert_eq!(whole.concat().len(), 1);
        assert_eq!(wkt(BIG, east, Keep::Both), "MULTIPOLYGON EMPTY");
        assert_eq!(
            overlay(&figure(BIG), &figure(east), Keep::First)
                .unwrap()
                .len(),
            1
        );
    }

    #[test]
    fn equal_polygons_are_common_as_a_whole() {
        assert_eq!(
            overlay(&figure(BIG), &figure(BIG), Keep::Both)
                .unwrap()
                .len(),
            1
        );
        assert_eq!(
            overlay(&figure(BIG), &figure(BIG), Keep::Either)
                .unwrap()
                .len(),
            1
        );
        assert_eq!(wkt(BIG, BIG, Keep::First), "MULTIPOLYGON EMPTY");
    }

    #[test]
    fn areas_add_up_for_polygons_that_cross_anywhere() {
        for step in 0..60_u32 {
            let at = |factor: u32, range: f64| f64::from(step * factor % 101) / 101.0 * range;
            let polygon = |lng: f64, lat: f64, size: f64| {
                format!(
                    "POLYGON(({lng} {lat}, {} {}, {} {}, {} {}, {lng} {lat}))",
                    lng + size,
                    lat + size / 3.0,
                    lng + size * 0.8,
                    lat + size,
                    lng + size * 0.4,
                    lat + size * 0.3,
                )
            };
            let (lng, lat) = (at(37, 300.0) - 170.0, at(53, 120.0) - 70.0);
            let a = figure(&polygon(lng, lat, 6.0 + at(71, 10.0)));
            let b = figure(&polygon(lng + at(29, 5.0), lat + at(83, 4.0), 9.0));
            for keep in [Keep::Both, Keep::Either, Keep::First] {
                assert!(overlay(&a, &b, keep).is_some(), "{step} {keep:?}");
            }
        }
    }
}
