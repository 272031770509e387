//! Functions that make GEOGRAPHY values.
//!
//! <https://docs.snowflake.com/en/sql-reference/functions/st_makepoint>
//! <https://docs.snowflake.com/en/sql-reference/functions/to_geography>

use arrow::array::{ArrayRef, AsArray};
use arrow::datatypes::DataType;
use datafusion::common::{Result, exec_datafusion_err, exec_err, plan_err};

use super::{broken, shape};
use crate::conversion::Failure;
use crate::geography::{
    Coord, Shape, Validity, in_range, point_bytes, problem, read, read_binary, read_hex, read_wkt,
    to_geography,
};
use crate::scalar::{Call, Function, Kind, Returns, plain};

pub(crate) const FUNCTIONS: &[Function] = &[
    Function::kernel(
        "st_makepoint",
        "st_makepoint(longitude, latitude)",
        &[Kind::Float, Kind::Float],
        Returns::Geography,
        make_point,
    )
    .aliases(&["st_point"]),
    Function::kernel(
        "to_geography",
        "to_geography(value [, allow_invalid])",
        &[Kind::Any, Kind::Boolean],
        Returns::Geography,
        |call| to_geography(&call.array(0)?, validity(call)?, Failure::Error),
    )
    .required(1)
    .coerce(source)
    .note("no Z coordinates, no GeoJSON features"),
    Function::kernel(
        "try_to_geography",
        "try_to_geography(value [, allow_invalid])",
        &[Kind::Any, Kind::Boolean],
        Returns::Geography,
        |call| to_geography(&call.array(0)?, validity(call)?, Failure::Null),
    )
    .required(1)
    .coerce(source),
    Function::kernel(
        "st_geographyfromwkt",
        "st_geographyfromwkt(text [, allow_invalid])",
        &[Kind::Text, Kind::Boolean],
        Returns::Geography,
        from_wkt,
    )
    .aliases(&[
        "st_geogfromwkt",
        "st_geographyfromewkt",
        "st_geogfromewkt",
        "st_geographyfromtext",
        "st_geogfromtext",
    ])
    .required(1),
    Function::kernel(
        "st_geographyfromwkb",
        "st_geographyfromwkb(bytes or hexadecimal text [, allow_invalid])",
        &[Kind::Any, Kind::Boolean],
        Returns::Geography,
        from_wkb,
    )
    .aliases(&["st_geogfromwkb", "st_geographyfromewkb", "st_geogfromewkb"])
    .required(1),
    Function::kernel(
        "st_makeline",
        "st_makeline(geography, geography)",
        &[Kind::Geography, Kind::Geography],
        Returns::Geography,
        make_line,
    ),
    Function::kernel(
        "st_makepolygon",
        "st_makepolygon(closed line)",
        &[Kind::Geography],
        Returns::Geography,
        make_polygon,
    )
    .aliases(&["st_polygon"]),
    Function::kernel(
        "st_collect",
        "st_collect(geography [, geography])",
        &[Kind::Geography, Kind::Geography],
        Returns::Geography,
        collect,
    )
    .note("of one argument an aggregate"),
];

/// VARIANT and GEOGRAPHY come as they are.
fn source(types: &[DataType]) -> Result<Vec<DataType>> {
    let mut types = types.iter();
    let value = match types.next() {
        Some(carrier @ (DataType::LargeUtf8 | DataType::LargeBinary)) => carrier.clone(),
        Some(other) => match plain(other) {
            known @ (DataType::Utf8 | DataType::Binary | DataType::Null) => known,
            DataType::BinaryView | DataType::FixedSizeBinary(_) => DataType::Binary,
            other => return plan_err!("TO_GEOGRAPHY takes text, BINARY or VARIANT, not {other}"),
        },
        None => return plan_err!("TO_GEOGRAPHY takes a value"),
    };
    Ok(std::iter::once(value)
        .chain(types.map(|_| DataType::Boolean))
        .collect())
}

/// What the second argument says, row by row; a constant for all.
fn validity(call: &Call) -> Result<impl Fn(usize) -> Validity> {
    let allowed = (call.len() > 1).then(|| call.boolean(1)).transpose()?;
    Ok(move |row| match &allowed {
        Some(allowed) if allowed.get(row) == Some(true) => Validity::Ignored,
        _ => Validity::Required,
    })
}

fn make_point(call: &Call) -> Result<ArrayRef> {
    let (lng, lat) = (call.float(0)?, call.float(1)?);
    call.geographies(|row| {
        let (Some(lng), Some(lat)) = (lng.get(row), lat.get(row)) else {
            return Ok(None);
        };
        match in_range(Coord { lng, lat }) {
            Ok(coord) => Ok(Some(point_bytes(coord))),
            Err(reason) => exec_err!("{reason}"),
        }
    })
}

fn from_wkt(call: &Call) -> Result<ArrayRef> {
    let (text, validity) = (call.array(0)?, validity(call)?);
    read(
        text.as_string::<i32>().iter(),
        Failure::Error,
        |row, text| read_wkt(text, validity(row)).map(Some),
    )
}

fn from_wkb(call: &Call) -> Result<ArrayRef> {
    let (value, validity) = (call.array(0)?, validity(call)?);
    match value.data_type() {
        DataType::Utf8 => read(
            value.as_string::<i32>().iter(),
            Failure::Error,
            |row, text| read_hex(text, validity(row)).map(Some),
        ),
        DataType::Binary => read(
            value.as_binary::<i32>().iter(),
            Failure::Error,
            |row, bytes| read_binary(bytes, validity(row)).map(Some),
        ),
        DataType::Null => to_geography(&value, validity, Failure::Error),
        other => plan_err!("ST_GEOGRAPHYFROMWKB takes BINARY or text, not {other}"),
    }
}

/// The shape, if it is valid.
fn valid(shape: Shape) -> Result<Option<Shape>> {
    match problem(&shape) {
        None => Ok(Some(shape)),
        Some(reason) => Err(broken(reason)),
    }
}

fn make_line(call: &Call) -> Result<ArrayRef> {
    let sides = (call.geography(0)?, call.geography(1)?);
    call.geographies(|row| {
        let (Some(first), Some(second)) = (shape(&sides.0, row)?, shape(&sides.1, row)?) else {
            return Ok(None);
        };
        let mut coords = Vec::new();
        for side in [first, second] {
            match side {
                Shape::Point(coord) => coords.push(coord),
                Shape::Points(more) | Shape::Line(more) => coords.extend(more),
                other => {
                    return exec_err!(
                        "ST_MAKELINE takes Points, MultiPoints and LineStrings, not a {}",
                        other.kind()
                    );
                }
            }
        }
        Ok(valid(Shape::Line(coords))?.map(|line| line.to_wkb()))
    })
}

fn make_polygon(call: &Call) -> Result<ArrayRef> {
    let lines = call.geography(0)?;
    call.geographies(|row| match shape(&lines, row)? {
        None => Ok(None),
        Some(Shape::Line(coords)) => {
            if coords.first() != coords.last() {
                return exec_err!("ST_MAKEPOLYGON takes a line that ends where it begins");
            }
            Ok(valid(Shape::Polygon(vec![coords]))?.map(|polygon| polygon.to_wkb()))
        }
        Some(other) => Err(exec_datafusion_err!(
            "ST_MAKEPOLYGON takes a LineString, not a {}",
            other.kind()
        )),
    })
}

fn collect(call: &Call) -> Result<ArrayRef> {
    let sides = (call.geography(0)?, call.geography(1)?);
    call.geographies(|row| {
        let members: Vec<Shape> = [shape(&sides.0, row)?, shape(&sides.1, row)?]
            .into_iter()
            .flatten()
            .collect();
        // Of one value and a null, the value.
        Ok(match members.as_slice() {
            [] => None,
            [only] => Some(only.to_wkb()),
            _ => Some(Shape::collect(members).to_wkb()),
        })
    })
}
