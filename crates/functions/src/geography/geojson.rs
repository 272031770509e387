//! GeoJSON, whose edges are great circles here as in Snowflake.
//!
//! <https://docs.snowflake.com/en/sql-reference/functions/st_asgeojson>

use std::fmt::Write as _;

use serde_json::Value;

use super::wkb::no_altitude;
use super::{Coord, Reason, Shape};

pub(super) fn read(text: &str) -> Result<Shape, Reason> {
    let value: Value =
        serde_json::from_str(text).map_err(|error| format!("GeoJSON input is no JSON: {error}"))?;
    shape(&value)
}

fn shape(value: &Value) -> Result<Shape, Reason> {
    let kind = value.get("type").and_then(Value::as_str);
    let kind = kind.ok_or_else(|| "GeoJSON input has no `type`".to_owned())?;
    let coordinates = || {
        value
            .get("coordinates")
            .ok_or_else(|| format!("GeoJSON {kind} has no `coordinates`"))
    };
    Ok(match kind {
        "Point" => Shape::Point(coord(coordinates()?)?),
        "LineString" => Shape::Line(coords(coordinates()?)?),
        "Polygon" => Shape::Polygon(chains(coordinates()?)?),
        "MultiPoint" => Shape::Points(coords(coordinates()?)?),
        "MultiLineString" => Shape::Lines(chains(coordinates()?)?),
        "MultiPolygon" => Shape::Polygons(several(coordinates()?, chains)?),
        "GeometryCollection" => {
            let members = value
                .get("geometries")
                .ok_or_else(|| "GeoJSON GeometryCollection has no `geometries`".to_owned())?;
            Shape::Collection(several(members, shape)?)
        }
        "Feature" | "FeatureCollection" => {
            return Err(format!(
                "GeoJSON {kind} is not supported: take its `geometry`"
            ));
        }
        other => return Err(format!("GeoJSON has no type `{other}`")),
    })
}

fn several<T>(value: &Value, one: impl Fn(&Value) -> Result<T, Reason>) -> Result<Vec<T>, Reason> {
    let items = value.as_array();
    let items = items.ok_or_else(|| "GeoJSON input lacks a list".to_owned())?;
    items.iter().map(one).collect()
}

fn chains(value: &Value) -> Result<Vec<Vec<Coord>>, Reason> {
    several(value, coords)
}

fn coords(value: &Value) -> Result<Vec<Coord>, Reason> {
    several(value, coord)
}

fn coord(value: &Value) -> Result<Coord, Reason> {
    match value.as_array().map(Vec::as_slice) {
        Some([lng, lat]) => match (lng.as_f64(), lat.as_f64()) {
            (Some(lng), Some(lat)) => Ok(Coord { lng, lat }),
            _ => Err("GeoJSON coordinates are not numbers".to_owned()),
        },
        Some([_, _, ..]) => Err(no_altitude()),
        _ => Err("GeoJSON input has a position without two numbers".to_owned()),
    }
}

pub(super) fn write(shape: &Shape) -> String {
    let mut out = String::new();
    write_shape(&mut out, shape);
    out
}

/// Keys in the order of the alphabet, as in every OBJECT.
fn write_shape(out: &mut String, shape: &Shape) {
    let field = match shape {
        Shape::Collection(_) => "geometries",
        _ => "coordinates",
    };
    let _written = write!(out, "{{\"{field}\":");
    match shape {
        Shape::Point(coord) => write_coord(out, coord),
        Shape::Line(coords) | Shape::Points(coords) => list(out, coords, write_coord),
        Shape::Polygon(chains) | Shape::Lines(chains) => {
            list(out, chains, |out, chain| write_chain(out, chain))
        }
        Shape::Polygons(polygons) => list(out, polygons, |out, rings| {
            list(out, rings, |out, ring| write_chain(out, ring));
        }),
        Shape::Collection(members) => list(out, members, write_shape),
    }
    let _written = write!(out, ",\"type\":\"{}\"}}", shape.kind());
}

fn write_chain(out: &mut String, chain: &[Coord]) {
    list(out, chain, write_coord);
}

fn list<T>(out: &mut String, items: &[T], write: impl Fn(&mut String, &T)) {
    out.push('[');
    for (at, item) in items.iter().enumerate() {
        if at > 0 {
            out.push(',');
        }
        write(out, item);
    }
    out.push(']');
}

fn write_coord(out: &mut String, coord: &Coord) {
    // Adding zero takes the sign from a negative zero.
    let _written = write!(out, "[{},{}]", coord.lng + 0.0, coord.lat + 0.0);
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::{read, write};

    #[test]
    fn reads_and_writes_every_kind() {
        for text in [
            r#"{"coordinates":[-122.35,37.55],"type":"Point"}"#,
            r#"{"coordinates":[[-124.2,42],[-120.01,41.99]],"type":"LineString"}"#,
            r#"{"coordinates":[[[0,0],[1,0],[1,1],[0,0]]],"type":"Polygon"}"#,
            r#"{"geometries":[{"coordinates":[[1,2]],"type":"MultiPoint"}],"type":"GeometryCollection"}"#,
        ] {
            assert_eq!(write(&read(text).unwrap()), text);
        }
    }

    #[test]
    fn refuses_what_is_not_a_geometry() {
        for text in [
            "{}",
            r#"{"type":"Point"}"#,
            r#"{"type":"Point","coordinates":[1]}"#,
            r#"{"type":"Point","coordinates":[1,2,3]}"#,
            r#"{"type":"Feature","geometry":null}"#,
            "{",
        ] {
            assert!(read(text).is_err(), "{text}");
        }
    }
}
