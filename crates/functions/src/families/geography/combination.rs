//! Functions that combine GEOGRAPHY values: what they have in common, together, and alone.
//!
//! <https://docs.snowflake.com/en/sql-reference/functions/st_intersection>
//! <https://docs.snowflake.com/en/sql-reference/functions/st_union>
//! <https://docs.snowflake.com/en/sql-reference/functions/st_difference>
//! <https://docs.snowflake.com/en/sql-reference/functions/st_symdifference>

use arrow::array::ArrayRef;
use datafusion::common::{Result, exec_datafusion_err, exec_err};

use super::{broken, shape};
use crate::geography::{Coord, Shape};
use crate::scalar::{Call, Function, Kind, Returns};
use crate::sphere::{Figure, Keep, circle, clipped, intersects, overlay};

const TWO: &[Kind] = &[Kind::Geography, Kind::Geography];

const fn combination(
    name: &'static str,
    syntax: &'static str,
    kernel: fn(&Call) -> Result<ArrayRef>,
) -> Function {
    Function::kernel(name, syntax, TWO, Returns::Geography, kernel)
}

pub(crate) const FUNCTIONS: &[Function] = &[
    combination(
        "st_intersection",
        "st_intersection(geography, geography)",
        |call| combined(call, intersection),
    )
    .note("of lines only with polygons"),
    combination("st_union", "st_union(geography, geography)", |call| {
        combined(call, union)
    })
    .note("of polygons"),
    combination(
        "st_difference",
        "st_difference(geography, geography)",
        |call| combined(call, difference),
    )
    .note("of polygons, and of points and lines less polygons"),
    combination(
        "st_symdifference",
        "st_symdifference(geography, geography)",
        |call| {
            combined(call, |a, b| {
                if is_empty(a) || is_empty(b) {
                    return union(a, b);
                }
                let mut parts = polygons(a, b, "ST_SYMDIFFERENCE", Keep::First)?;
                parts.extend(polygons(b, a, "ST_SYMDIFFERENCE", Keep::First)?);
                Ok(of_polygons(parts))
            })
        },
    )
    .note("of polygons"),
    Function::kernel(
        "st_buffer",
        "st_buffer(point, metres)",
        &[Kind::Geography, Kind::Float],
        Returns::Geography,
        buffer,
    )
    .note("of points, with 32 corners"),
];

fn combined(call: &Call, combine: fn(&Shape, &Shape) -> Result<Shape>) -> Result<ArrayRef> {
    let (left, right) = (call.geography(0)?, call.geography(1)?);
    call.geographies(|row| {
        let (Some(left), Some(right)) = (shape(&left, row)?, shape(&right, row)?) else {
            return Ok(None);
        };
        Ok(Some(combine(&left, &right)?.to_wkb()))
    })
}

fn figure(shape: &Shape) -> Result<Figure> {
    Figure::new(shape).ok_or_else(|| broken("it is not valid".to_owned()))
}

type Polygons = Vec<Vec<Vec<Coord>>>;

fn polygons(a: &Shape, b: &Shape, function: &str, keep: Keep) -> Result<Polygons> {
    for side in [a, b] {
        if !matches!(side, Shape::Polygon(_) | Shape::Polygons(_)) {
            return exec_err!(
                "{function} of a {} is not supported yet: it takes polygons",
                side.kind()
            );
        }
    }
    overlay(&figure(a)?, &figure(b)?, keep).ok_or_else(|| {
        exec_datafusion_err!(
            "{function} finds no exact answer: the polygons nearly touch along their edges, or are as \
             large as a hemisphere"
        )
    })
}

/// Nothing is an empty collection.
fn of_polygons(polygons: Polygons) -> Shape {
    one_or_many(polygons, Shape::Polygon, Shape::Polygons)
}

fn one_or_many<T>(
    mut parts: Vec<T>,
    one: impl FnOnce(T) -> Shape,
    many: impl FnOnce(Vec<T>) -> Shape,
) -> Shape {
    if parts.len() > 1 {
        return many(parts);
    }
    match parts.pop() {
        Some(part) => one(part),
        None => Shape::Collection(Vec::new()),
    }
}

/// The points of a shape that has nothing else.
fn points(shape: &Shape) -> Option<&[Coord]> {
    match shape {
        Shape::Point(coord) => Some(std::slice::from_ref(coord)),
        Shape::Points(coords) => Some(coords),
        _ => None,
    }
}

/// Those of the points that are in a shape, or are not.
fn chosen(points: &[Coord], other: &Shape, inside: bool) -> Result<Shape> {
    let other = figure(other)?;
    let mut found: Vec<Coord> = Vec::new();
    for point in points {
        if intersects(&Figure::of_point(*point), &other) == inside && !found.contains(point) {
            found.push(*point);
        }
    }
    Ok(one_or_many(found, Shape::Point, Shape::Points))
}

/// The parts of lines that are in polygons, or are not.
fn lines(lines: &Shape, polygons: &Shape, inside: bool) -> Result<Shape> {
    let parts = clipped(&figure(lines)?, &figure(polygons)?, inside);
    if inside && parts.is_empty() && intersects(&figure(lines)?, &figure(polygons)?) {
        return exec_err!("ST_INTERSECTION of shapes that only touch is not supported yet");
    }
    Ok(one_or_many(parts, Shape::Line, Shape::Lines))
}

fn is_lines(shape: &Shape) -> bool {
    matches!(shape, Shape::Line(_) | Shape::Lines(_))
}

fn is_polygons(shape: &Shape) -> bool {
    matches!(shape, Shape::Polygon(_) | Shape::Polygons(_))
}

fn is_empty(shape: &Shape) -> bool {
    matches!(shape, Shape::Collection(members) if members.is_empty())
}

pub(super) fn union(a: &Shape, b: &Shape) -> Result<Shape> {
    match (is_empty(a), is_empty(b)) {
        (true, _) => Ok(b.clone()),
        (_, true) => Ok(a.clone()),
        _ => polygons(a, b, "ST_UNION", Keep::Either).map(of_polygons),
    }
}

pub(super) fn intersection(a: &Shape, b: &Shape) -> Result<Shape> {
    if is_empty(a) || is_empty(b) {
        return Ok(Shape::Collection(Vec::new()));
    }
    if let Some(points) = points(a) {
        return chosen(points, b, true);
    }
    if let Some(points) = points(b) {
        return chosen(points, a, true);
    }
    if is_lines(a) && is_polygons(b) {
        return lines(a, b, true);
    }
    if is_polygons(a) && is_lines(b) {
        return lines(b, a, true);
    }
    let parts = polygons(a, b, "ST_INTERSECTION", Keep::Both)?;
    // A common edge or corner is no area.
    if parts.is_empty() && intersects(&figure(a)?, &figure(b)?) {
        return exec_err!("ST_INTERSECTION of shapes that only touch is not supported yet");
    }
    Ok(of_polygons(parts))
}

fn difference(a: &Shape, b: &Shape) -> Result<Shape> {
    if is_empty(a) || is_empty(b) {
        return Ok(a.clone());
    }
    if let Some(points) = points(a) {
        return chosen(points, b, false);
    }
    if is_lines(a) && is_polygons(b) {
        return lines(a, b, false);
    }
    polygons(a, b, "ST_DIFFERENCE", Keep::First).map(of_polygons)
}

fn buffer(call: &Call) -> Result<ArrayRef> {
    let (centers, distances) = (call.geography(0)?, call.float(1)?);
    call.geographies(|row| {
        let (Some(shape), Some(metres)) = (shape(&centers, row)?, distances.get(row)) else {
            return Ok(None);
        };
        let Shape::Point(center) = shape else {
            return exec_err!(
                "ST_BUFFER of a {} is not supported yet: it takes a Point",
                shape.kind()
            );
        };
        match circle(center, metres) {
            Some(ring) => Ok(Some(Shape::Polygon(vec![ring]).to_wkb())),
            None => exec_err!(
                "ST_BUFFER takes a distance above 0 and below 10,000 kilometres, not {metres}"
            ),
        }
    })
}
