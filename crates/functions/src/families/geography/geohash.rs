//! Geohashes: rectangles as text, in base 32.
//!
//! <https://docs.snowflake.com/en/sql-reference/functions/st_geohash>
//! <https://docs.snowflake.com/en/sql-reference/functions/st_geogfromgeohash>

use arrow::array::ArrayRef;
use datafusion::common::{Result, exec_datafusion_err, exec_err};

use super::access::bounds;
use super::shape;
use crate::geography::{Coord, Shape, point_bytes};
use crate::scalar::{Call, Function, Kind, Returns};
use crate::sphere::Bounds;

const ALPHABET: &[u8; 32] = b"0123456789bcdefghjkmnpqrstuvwxyz";

/// Characters at most.
const LONGEST: i64 = 20;

pub(crate) const FUNCTIONS: &[Function] = &[
    Function::kernel(
        "st_geohash",
        "st_geohash(geography [, precision])",
        &[Kind::Geography, Kind::Integer],
        Returns::Text,
        st_geohash,
    )
    .required(1),
    Function::kernel(
        "st_geogfromgeohash",
        "st_geogfromgeohash(geohash [, precision])",
        &[Kind::Text, Kind::Integer],
        Returns::Geography,
        polygon,
    )
    .required(1),
    Function::kernel(
        "st_geogpointfromgeohash",
        "st_geogpointfromgeohash(geohash)",
        &[Kind::Text],
        Returns::Geography,
        center,
    ),
];

fn precision(given: Option<i64>) -> Result<usize> {
    match given {
        Some(length @ 1..=LONGEST) => Ok(usize::try_from(length).unwrap_or_default()),
        Some(other) => exec_err!("The precision of a geohash is 1 to {LONGEST}, not {other}"),
        None => Ok(20),
    }
}

fn st_geohash(call: &Call) -> Result<ArrayRef> {
    let values = call.geography(0)?;
    let lengths = call.integer_if_given(1)?;
    call.texts(|row| {
        let length = match &lengths {
            Some(lengths) => match lengths.get(row) {
                Some(length) => precision(Some(length))?,
                None => return Ok(None),
            },
            None => precision(None)?,
        };
        Ok(match shape(&values, row)? {
            None => None,
            Some(Shape::Point(coord)) => Some(hash(coord, length)),
            // What the corners of the box have in common.
            Some(other) => bounds(&other).map(|bounds| {
                let corner = |lng, lat| hash(Coord { lng, lat }, length);
                let (low, high) = (
                    corner(bounds.west, bounds.south),
                    corner(bounds.east, bounds.north),
                );
                let both = low.chars().zip(high.chars());
                both.take_while(|(a, b)| a == b).map(|(a, _)| a).collect()
            }),
        })
    })
}

/// Every bit halves the longitudes or the latitudes in turn; five bits are a character.
fn hash(coord: Coord, length: usize) -> String {
    let (mut lng, mut lat) = ((-180.0, 180.0), (-90.0, 90.0));
    let mut out = String::with_capacity(length);
    let mut by_longitude = true;
    for _ in 0..length {
        let mut letter = 0;
        for _ in 0..5 {
            let (range, value): (&mut (f64, f64), f64) = if by_longitude {
                (&mut lng, coord.lng)
            } else {
                (&mut lat, coord.lat)
            };
            let middle = f64::midpoint(range.0, range.1);
            letter *= 2;
            if value >= middle {
                letter += 1;
                range.0 = middle;
            } else {
                range.1 = middle;
            }
            by_longitude = !by_longitude;
        }
        out.extend(ALPHABET.get(letter).copied().map(char::from));
    }
    out
}

/// The rectangle that a geohash names.
fn rectangle(text: &str) -> Result<Bounds> {
    let (mut lng, mut lat) = ((-180.0, 180.0), (-90.0, 90.0));
    let mut by_longitude = true;
    if text.is_empty() {
        return exec_err!("A geohash is not empty");
    }
    for byte in text.bytes() {
        let letter = ALPHABET
            .iter()
            .position(|letter| *letter == byte.to_ascii_lowercase())
            .ok_or_else(|| exec_datafusion_err!("'{text}' is no geohash"))?;
        for bit in (0..5).rev() {
            let range: &mut (f64, f64) = if by_longitude { &mut lng } else { &mut lat };
            let middle = f64::midpoint(range.0, range.1);
            if letter >> bit & 1 == 1 {
                range.0 = middle;
            } else {
                range.1 = middle;
            }
            by_longitude = !by_longitude;
        }
    }
    Ok(Bounds {
        west: lng.0,
        east: lng.1,
        south: lat.0,
        north: lat.1,
    })
}

fn polygon(call: &Call) -> Result<ArrayRef> {
    let texts = call.text(0)?;
    let lengths = call.integer_if_given(1)?;
    call.geographies(|row| {
        let length = match &lengths {
            Some(lengths) => match lengths.get(row) {
                Some(length) => precision(Some(length))?,
                None => return Ok(None),
            },
            None => precision(None)?,
        };
        let Some(text) = texts.get(row) else {
            return Ok(None);
        };
        let start: String = text.chars().take(length).collect();
        let bounds = rectangle(&start)?;
        let at = |lng, lat| Coord { lng, lat };
        let ring = vec![
            at(bounds.west, bounds.south),
            at(bounds.west, bounds.north),
            at(bounds.east, bounds.north),
            at(bounds.east, bounds.south),
            at(bounds.west, bounds.south),
        ];
        Ok(Some(Shape::Polygon(vec![ring]).to_wkb()))
    })
}

fn center(call: &Call) -> Result<ArrayRef> {
    let texts = call.text(0)?;
    call.geographies(|row| {
        texts
            .get(row)
            .map(|text| {
                let bounds = rectangle(text)?;
                Ok(point_bytes(Coord {
                    lng: f64::midpoint(bounds.west, bounds.east),
                    lat: f64::midpoint(bounds.south, bounds.north),
                }))
            })
            .transpose()
    })
}
