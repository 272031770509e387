//! Well-known text, and PostGIS's extended form of it.
//!
//! <https://docs.snowflake.com/en/sql-reference/functions/st_aswkt>

use std::fmt::Write as _;

use super::wkb::{SRID, no_altitude, wrong_srid};
use super::{Coord, Reason, Shape};

pub(super) fn read(text: &str) -> Result<Shape, Reason> {
    let mut reader = Reader { rest: text };
    if text
        .get(..5)
        .is_some_and(|start| start.eq_ignore_ascii_case("srid="))
    {
        let Some((srid, rest)) = text.split_once(';') else {
            return Err(wrong("';' after the SRID"));
        };
        let srid = srid.get(5..).unwrap_or_default().trim();
        if srid.parse() != Ok(SRID) {
            return Err(wrong_srid(&srid));
        }
        reader.rest = rest;
    }
    let shape = reader.shape()?;
    reader.skip_blanks();
    if reader.rest.is_empty() {
        Ok(shape)
    } else {
        Err(wrong("the end"))
    }
}

fn wrong(expected: &str) -> Reason {
    format!("WKT input lacks {expected}")
}

struct Reader<'a> {
    rest: &'a str,
}

impl<'a> Reader<'a> {
    fn skip_blanks(&mut self) {
        self.rest = self.rest.trim_start();
    }

    /// Whether `token` comes next, which is then read.
    fn takes(&mut self, token: char) -> bool {
        self.skip_blanks();
        match self.rest.strip_prefix(token) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn expect(&mut self, token: char) -> Result<(), Reason> {
        if self.takes(token) {
            Ok(())
        } else {
            Err(wrong(&format!("'{token}'")))
        }
    }

    fn word(&mut self) -> &'a str {
        self.skip_blanks();
        let end = self
            .rest
            .find(|letter: char| !letter.is_ascii_alphabetic())
            .unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest;
        word
    }

    fn number(&mut self) -> Result<f64, Reason> {
        self.skip_blanks();
        let end = self
            .rest
            .find(|letter: char| !matches!(letter, '0'..='9' | '.' | '-' | '+' | 'e' | 'E'))
            .unwrap_or(self.rest.len());
        let (number, rest) = self.rest.split_at(end);
        self.rest = rest;
        number.parse().map_err(|_| wrong("a number"))
    }

    fn coord(&mut self) -> Result<Coord, Reason> {
        let (lng, lat) = (self.number()?, self.number()?);
        self.skip_blanks();
        match self.rest.chars().next() {
            Some(',' | ')') | None => Ok(Coord { lng, lat }),
            _ => Err(no_altitude()),
        }
    }

    /// `(one, one, …)`.
    fn several<T>(
        &mut self,
        mut one: impl FnMut(&mut Self) -> Result<T, Reason>,
    ) -> Result<Vec<T>, Reason> {
        self.expect('(')?;
        let mut all = vec![one(self)?];
        while self.takes(',') {
            all.push(one(self)?);
        }
        self.expect(')')?;
        Ok(all)
    }

    fn coords(&mut self) -> Result<Vec<Coord>, Reason> {
        self.several(Self::coord)
    }

    fn rings(&mut self) -> Result<Vec<Vec<Coord>>, Reason> {
        self.several(Self::coords)
    }

    /// A point of a MULTIPOINT, in parentheses or without.
    fn member_point(&mut self) -> Result<Coord, Reason> {
        if !self.takes('(') {
            return self.coord();
        }
        let coord = self.coord()?;
        self.expect(')')?;
        Ok(coord)
    }

    fn shape(&mut self) -> Result<Shape, Reason> {
        let kind = self.word().to_ascii_uppercase();
        let before = self.rest;
        let empty = match self.word().to_ascii_uppercase().as_str() {
            "" => false,
            "EMPTY" => true,
            "Z" | "M" | "ZM" => return Err(no_altitude()),
            _ => return Err(wrong("'('")),
        };
        if !empty {
            self.rest = before;
        }
        Ok(match kind.as_str() {
            "POINT" if empty => {
                return Err(
                    "POINT EMPTY has no coordinates, which GEOGRAPHY does not keep here".to_owned(),
                );
            }
            "POINT" => {
                self.expect('(')?;
                let coord = self.coord()?;
                self.expect(')')?;
                Shape::Point(coord)
            }
            "LINESTRING" if empty => Shape::Line(Vec::new()),
            "LINESTRING" => Shape::Line(self.coords()?),
            "POLYGON" if empty => Shape::Polygon(Vec::new()),
            "POLYGON" => Shape::Polygon(self.rings()?),
            "MULTIPOINT" if empty => Shape::Points(Vec::new()),
            "MULTIPOINT" => Shape::Points(self.several(Self::member_point)?),
            "MULTILINESTRING" if empty => Shape::Lines(Vec::new()),
            "MULTILINESTRING" => Shape::Lines(self.rings()?),
            "MULTIPOLYGON" if empty => Shape::Polygons(Vec::new()),
            "MULTIPOLYGON" => Shape::Polygons(self.several(Self::rings)?),
            "GEOMETRYCOLLECTION" if empty => Shape::Collection(Vec::new()),
            "GEOMETRYCOLLECTION" => Shape::Collection(self.several(Self::shape)?),
            "POINTZ"
            | "POINTM"
            | "POINTZM"
            | "LINESTRINGZ"
            | "LINESTRINGM"
            | "POLYGONZ"
            | "POLYGONM"
            | "MULTIPOINTZ"
            | "MULTILINESTRINGZ"
            | "MULTIPOLYGONZ"
            | "GEOMETRYCOLLECTIONZ" => return Err(no_altitude()),
            _ => return Err(wrong("the name of a kind, such as POINT,")),
        })
    }
}

pub(super) fn write(shape: &Shape) -> String {
    let mut out = String::new();
    write_shape(&mut out, shape);
    out
}

fn write_shape(out: &mut String, shape: &Shape) {
    out.push_str(&shape.kind().to_ascii_uppercase());
    match shape {
        Shape::Point(coord) => list(out, std::slice::from_ref(coord), write_coord),
        Shape::Line(coords) => list(out, coords, write_coord),
        Shape::Points(points) => list(out, points, |out, point| {
            list(out, std::slice::from_ref(point), write_coord);
        }),
        Shape::Polygon(chains) | Shape::Lines(chains) => {
            list(out, chains, |out, chain| write_chain(out, chain))
        }
        Shape::Polygons(polygons) => list(out, polygons, |out, rings| {
            list(out, rings, |out, ring| write_chain(out, ring));
        }),
        Shape::Collection(members) => list(out, members, write_shape),
    }
}

fn write_chain(out: &mut String, chain: &[Coord]) {
    list(out, chain, write_coord);
}

fn list<T>(out: &mut String, items: &[T], write: impl Fn(&mut String, &T)) {
    if items.is_empty() {
        out.push_str(" EMPTY");
        return;
    }
    out.push('(');
    for (at, item) in items.iter().enumerate() {
        if at > 0 {
            out.push(',');
        }
        write(out, item);
    }
    out.push(')');
}

fn write_coord(out: &mut String, coord: &Coord) {
    write_degrees(out, coord.lng);
    out.push(' ');
    write_degrees(out, coord.lat);
}

/// At most nine decimals, ten below one degree, as Snowflake writes WKT.
fn write_degrees(out: &mut String, degrees: f64) {
    let decimals = if degrees.abs() < 1.0 { 10 } else { 9 };
    let start = out.len();
    // Writing to a string cannot fail.
    let _written = write!(out, "{degrees:.decimals$}");
    let kept = out.trim_end_matches('0').trim_end_matches('.').len();
    out.truncate(kept);
    if out.get(start..) == Some("-0") {
        out.truncate(start);
        out.push('0');
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::{read, write};

    fn again(text: &str) -> String {
        write(&read(text).unwrap())
    }

    #[test]
    fn writes_what_it_read_in_the_short_form() {
        assert_eq!(again("point( -122.350  37.55 )"), "POINT(-122.35 37.55)");
        assert_eq!(
            again("LINESTRING(-124.20 42.00, -120.01 41.99)"),
            "LINESTRING(-124.2 42,-120.01 41.99)"
        );
        assert_eq!(again("MULTIPOINT(1 2, (3 4))"), "MULTIPOINT((1 2),(3 4))");
        assert_eq!(
            again("SRID=4326;POLYGON((0 0, 1 0, 1 1, 0 0), (0.5 0.1, 0.6 0.1, 0.6 0.2, 0.5 0.1))"),
            "POLYGON((0 0,1 0,1 1,0 0),(0.5 0.1,0.6 0.1,0.6 0.2,0.5 0.1))"
        );
        assert_eq!(
            again("GEOMETRYCOLLECTION(POINT(100 -0.0), LINESTRING EMPTY)"),
            "GEOMETRYCOLLECTION(POINT(100 0),LINESTRING EMPTY)"
        );
        assert_eq!(
            again("POINT(14.999999999999948 15.014819855438473)"),
            "POINT(15 15.014819855)"
        );
    }

    #[test]
    fn refuses_what_is_not_wkt() {
        for text in [
            "",
            "POINT",
            "POINT(1)",
            "POINT(1 2",
            "POINT(1 2) x",
            "POINT(1 2 3)",
            "POINTZ(1 2 3)",
            "CIRCLE(1 2)",
            "SRID=3857;POINT(1 2)",
            "LINESTRING(1 2, a b)",
        ] {
            assert!(read(text).is_err(), "{text}");
        }
    }
}
