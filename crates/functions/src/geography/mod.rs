//! GEOGRAPHY values: points, lines and polygons on the earth, carried as WKB in `LargeBinary`.
//!
//! What they are made of is in [`shape`]; their written forms have a file each. Geometry on the sphere
//! is `sphere`'s business.
//!
//! <https://docs.snowflake.com/en/sql-reference/data-types-geospatial>

mod convert;
mod geojson;
mod hexadecimal;
mod shape;
mod validity;
mod wkb;
mod wkt;

pub(crate) use convert::{convert, read, to_geography, to_variant};
pub(crate) use shape::{Coord, Shape};
pub(crate) use validity::{Reason, Validity, in_range, problem};

/// The GeoJSON text of a GEOGRAPHY value's bytes, as Snowflake shows it by default; nothing if the
/// bytes are no such value.
#[must_use]
pub fn geojson(value: &[u8]) -> Option<String> {
    wkb::read(value).ok().map(|shape| geojson::write(&shape))
}

/// Reads any of the forms that Snowflake takes as text: WKT, EWKT, WKB or EWKB in hexadecimal digits,
/// or GeoJSON.
pub(crate) fn read_text(text: &str, validity: Validity) -> Result<Shape, Reason> {
    let text = text.trim();
    let shape = if text.starts_with('{') {
        geojson::read(text)?
    } else if hexadecimal::looks_like(text) {
        wkb::read(&hexadecimal::decode(text)?)?
    } else {
        wkt::read(text)?
    };
    validity.check(shape)
}

/// Reads WKT or EWKT.
pub(crate) fn read_wkt(text: &str, validity: Validity) -> Result<Shape, Reason> {
    validity.check(wkt::read(text.trim())?)
}

/// Reads WKB or EWKB in hexadecimal digits.
pub(crate) fn read_hex(text: &str, validity: Validity) -> Result<Shape, Reason> {
    validity.check(wkb::read(&hexadecimal::decode(text.trim())?)?)
}

/// Reads WKB or EWKB.
pub(crate) fn read_binary(bytes: &[u8], validity: Validity) -> Result<Shape, Reason> {
    validity.check(wkb::read(bytes)?)
}

/// Reads a VARIANT's text: a GeoJSON object, or a string in any form. JSON's null is no value.
pub(crate) fn read_variant(json: &str, validity: Validity) -> Result<Option<Shape>, Reason> {
    let json = json.trim();
    if json == "null" {
        return Ok(None);
    }
    if json.starts_with('"') {
        let text: String = serde_json::from_str(json).map_err(|error| error.to_string())?;
        return read_text(&text, validity).map(Some);
    }
    validity.check(geojson::read(json)?).map(Some)
}

impl Shape {
    /// The value that `bytes` of a GEOGRAPHY column hold.
    pub(crate) fn from_wkb(bytes: &[u8]) -> Result<Self, Reason> {
        wkb::read(bytes)
    }

    /// As WKB, in little-endian order.
    pub(crate) fn to_wkb(&self) -> Vec<u8> {
        wkb::write(self, None)
    }

    /// As EWKB, with its SRID.
    pub(crate) fn to_ewkb(&self) -> Vec<u8> {
        wkb::write(self, Some(wkb::SRID))
    }

    /// As WKT.
    pub(crate) fn to_wkt(&self) -> String {
        wkt::write(self)
    }

    /// As EWKT, with its SRID.
    pub(crate) fn to_ewkt(&self) -> String {
        format!("SRID={};{}", wkb::SRID, self.to_wkt())
    }

    /// As GeoJSON.
    pub(crate) fn to_geojson(&self) -> String {
        geojson::write(self)
    }
}

/// The coordinates of a value that is a point, without taking the value apart.
pub(crate) fn point(value: &[u8]) -> Option<Coord> {
    wkb::point(value)
}

/// A point's WKB, without memory of its own.
pub(crate) fn point_bytes(point: Coord) -> [u8; 21] {
    wkb::point_bytes(point)
}
