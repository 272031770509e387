//! Well-known binary, and PostGIS's extended form of it.
//!
//! <https://www.ogc.org/standards/sfa>

use super::{Coord, Reason, Shape};

/// The only spatial reference system of GEOGRAPHY: WGS 84.
pub(super) const SRID: u32 = 4326;

/// EWKB's flags in the number of the kind.
const HAS_Z: u32 = 0x8000_0000;
const HAS_M: u32 = 0x4000_0000;
const HAS_SRID: u32 = 0x2000_0000;

/// Collections inside of collections, at most.
const DEEPEST: u32 = 32;

/// How a point of ours begins: little-endian, kind 1.
const POINT: [u8; 5] = [1, 1, 0, 0, 0];

pub(super) fn point(value: &[u8]) -> Option<Coord> {
    let (head, rest) = value.split_first_chunk::<5>()?;
    let (lng, rest) = rest.split_first_chunk::<8>()?;
    let (lat, rest) = rest.split_first_chunk::<8>()?;
    (*head == POINT && rest.is_empty()).then(|| Coord {
        lng: f64::from_le_bytes(*lng),
        lat: f64::from_le_bytes(*lat),
    })
}

pub(super) fn point_bytes(point: Coord) -> [u8; 21] {
    let mut bytes = [0; 21];
    let parts = POINT
        .into_iter()
        .chain(point.lng.to_le_bytes())
        .chain(point.lat.to_le_bytes());
    for (place, byte) in bytes.iter_mut().zip(parts) {
        *place = byte;
    }
    bytes
}

pub(super) fn read(bytes: &[u8]) -> Result<Shape, Reason> {
    let mut reader = Reader {
        rest: bytes,
        little: true,
    };
    let shape = reader.shape(0)?;
    if reader.rest.is_empty() {
        Ok(shape)
    } else {
        Err("WKB input goes on after its end".to_owned())
    }
}

struct Reader<'a> {
    rest: &'a [u8],
    little: bool,
}

impl Reader<'_> {
    fn take<const N: usize>(&mut self) -> Result<[u8; N], Reason> {
        match self.rest.split_first_chunk::<N>() {
            Some((taken, rest)) => {
                self.rest = rest;
                Ok(*taken)
            }
            None => Err("WKB input ends too early".to_owned()),
        }
    }

    fn number(&mut self) -> Result<u32, Reason> {
        let bytes = self.take()?;
        Ok(if self.little {
            u32::from_le_bytes(bytes)
        } else {
            u32::from_be_bytes(bytes)
        })
    }

    fn coord(&mut self) -> Result<Coord, Reason> {
        let (lng, lat) = (self.take()?, self.take()?);
        let float = if self.little {
            f64::from_le_bytes
        } else {
            f64::from_be_bytes
        };
        Ok(Coord {
            lng: float(lng),
            lat: float(lat),
        })
    }

    /// As many things as the input counts.
    fn several<T>(
        &mut self,
        mut one: impl FnMut(&mut Self) -> Result<T, Reason>,
    ) -> Result<Vec<T>, Reason> {
        (0..self.number()?).map(|_| one(self)).collect()
    }

    fn coords(&mut self) -> Result<Vec<Coord>, Reason> {
        self.several(Self::coord)
    }

    fn shape(&mut self, depth: u32) -> Result<Shape, Reason> {
        self.little = match self.take()? {
            [0] => false,
            [1] => true,
            _ => return Err("WKB input has no byte order".to_owned()),
        };
        let kind = self.number()?;
        if kind & HAS_SRID != 0 {
            let srid = self.number()?;
            if srid != SRID {
                return Err(wrong_srid(&srid));
            }
        }
        let number = kind & !(HAS_SRID | HAS_Z | HAS_M);
        if kind & (HAS_Z | HAS_M) != 0 || (1001..4000).contains(&number) {
            return Err(no_altitude());
        }
        if depth > DEEPEST {
            return Err("collections are nested too deeply".to_owned());
        }
        Ok(match number {
            1 => Shape::Point(self.coord()?),
            2 => Shape::Line(self.coords()?),
            3 => Shape::Polygon(self.several(Self::coords)?),
            4..=7 => {
                let members = self.several(|reader| reader.shape(depth + 1))?;
                multiple(number, members)?
            }
            _ => return Err(format!("WKB input has the unknown kind {number}")),
        })
    }
}

pub(super) fn wrong_srid(srid: &dyn std::fmt::Display) -> Reason {
    format!("its SRID is {srid}, and GEOGRAPHY has {SRID} only")
}

pub(super) fn no_altitude() -> Reason {
    "it has a Z or M coordinate, which GEOGRAPHY does not keep here".to_owned()
}

fn multiple(number: u32, members: Vec<Shape>) -> Result<Shape, Reason> {
    let wrong = || "WKB input has a member of another kind".to_owned();
    Ok(match number {
        4 => Shape::Points(
            members
                .into_iter()
                .map(|member| match member {
                    Shape::Point(point) => Ok(point),
                    _ => Err(wrong()),
                })
                .collect::<Result<_, _>>()?,
        ),
        5 => Shape::Lines(
            members
                .into_iter()
                .map(|member| match member {
                    Shape::Line(line) => Ok(line),
                    _ => Err(wrong()),
                })
                .collect::<Result<_, _>>()?,
        ),
        6 => Shape::Polygons(
            members
                .into_iter()
                .map(|member| match member {
                    Shape::Polygon(rings) => Ok(rings),
                    _ => Err(wrong()),
                })
                .collect::<Result<_, _>>()?,
        ),
        _ => Shape::Collection(members),
    })
}

pub(super) fn write(shape: &Shape, srid: Option<u32>) -> Vec<u8> {
    let mut out = Vec::new();
    write_shape(&mut out, shape, srid);
    out
}

fn write_shape(out: &mut Vec<u8>, shape: &Shape, srid: Option<u32>) {
    out.push(1);
    match srid {
        Some(srid) => {
            out.extend((shape.code() | HAS_SRID).to_le_bytes());
            out.extend(srid.to_le_bytes());
        }
        None => out.extend(shape.code().to_le_bytes()),
    }
    match shape {
        Shape::Point(coord) => write_coord(out, *coord),
        Shape::Line(coords) => write_coords(out, coords),
        Shape::Polygon(rings) => {
            count(out, rings.len());
            rings.iter().for_each(|ring| write_coords(out, ring));
        }
        Shape::Points(points) => {
            count(out, points.len());
            for point in points {
                write_shape(out, &Shape::Point(*point), None);
            }
        }
        Shape::Lines(lines) => {
            count(out, lines.len());
            for line in lines {
                write_shape(out, &Shape::Line(line.clone()), None);
            }
        }
        Shape::Polygons(polygons) => {
            count(out, polygons.len());
            for rings in polygons {
                write_shape(out, &Shape::Polygon(rings.clone()), None);
            }
        }
        Shape::Collection(members) => {
            count(out, members.len());
            for member in members {
                write_shape(out, member, None);
            }
        }
    }
}

fn count(out: &mut Vec<u8>, number: usize) {
    out.extend(u32::try_from(number).unwrap_or(u32::MAX).to_le_bytes());
}

fn write_coords(out: &mut Vec<u8>, coords: &[Coord]) {
    count(out, coords.len());
    coords.iter().for_each(|coord| write_coord(out, *coord));
}

fn write_coord(out: &mut Vec<u8>, coord: Coord) {
    out.extend(coord.lng.to_le_bytes());
    out.extend(coord.lat.to_le_bytes());
}
