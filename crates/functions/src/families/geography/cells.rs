//! H3: cells of a hierarchical grid of hexagons.
//!
//! <https://docs.snowflake.com/en/sql-reference/functions/h3_latlng_to_cell>
//! <https://docs.snowflake.com/en/sql-reference/functions/h3_cell_to_boundary>

use arrow::array::{ArrayRef, Int64Array, StringArray};
use arrow::datatypes::DataType;
use datafusion::common::{
    DataFusionError, Result, ScalarValue, exec_datafusion_err, exec_err, plan_err,
};
use h3o::{CellIndex, LatLng, Resolution};

use super::point_in;
use crate::geography::{Coord, Shape, point_bytes};
use crate::scalar::{Call, Function, Kind, Returns, Values};

const PLACE: &[Kind] = &[Kind::Float, Kind::Float, Kind::Integer];
const POINT: &[Kind] = &[Kind::Geography, Kind::Integer];

pub(crate) const FUNCTIONS: &[Function] = &[
    Function::kernel(
        "h3_latlng_to_cell",
        "h3_latlng_to_cell(latitude, longitude, resolution)",
        PLACE,
        Returns::Integer,
        |call| {
            let cells = of_place(call)?;
            call.integers(|row| cells(row)?.map(number).transpose())
        },
    ),
    Function::kernel(
        "h3_latlng_to_cell_string",
        "h3_latlng_to_cell_string(latitude, longitude, resolution)",
        PLACE,
        Returns::Text,
        |call| {
            let cells = of_place(call)?;
            call.texts(|row| Ok(cells(row)?.map(text)))
        },
    ),
    Function::kernel(
        "h3_point_to_cell",
        "h3_point_to_cell(point, resolution)",
        POINT,
        Returns::Integer,
        |call| {
            let cells = of_point(call, "H3_POINT_TO_CELL")?;
            call.integers(|row| cells(row)?.map(number).transpose())
        },
    ),
    Function::kernel(
        "h3_point_to_cell_string",
        "h3_point_to_cell_string(point, resolution)",
        POINT,
        Returns::Text,
        |call| {
            let cells = of_point(call, "H3_POINT_TO_CELL_STRING")?;
            call.texts(|row| Ok(cells(row)?.map(text)))
        },
    ),
    of_cell(
        "h3_cell_to_point",
        "h3_cell_to_point(cell)",
        Returns::Geography,
        |call| {
            let cells = Cells::new(call, 0)?;
            call.geographies(|row| Ok(cells.get(row)?.map(|cell| point_bytes(center(cell)))))
        },
    ),
    of_cell(
        "h3_cell_to_boundary",
        "h3_cell_to_boundary(cell)",
        Returns::Geography,
        |call| {
            let cells = Cells::new(call, 0)?;
            call.geographies(|row| Ok(cells.get(row)?.map(|cell| boundary(cell).to_wkb())))
        },
    ),
    Function::kernel(
        "h3_cell_to_parent",
        "h3_cell_to_parent(cell, resolution)",
        &[Kind::Any, Kind::Integer],
        Returns::With(same_as_cell),
        parent,
    )
    .coerce(cell_types),
    of_cell(
        "h3_get_resolution",
        "h3_get_resolution(cell)",
        Returns::Integer,
        |call| {
            let cells = Cells::new(call, 0)?;
            call.integers(|row| {
                Ok(cells
                    .get(row)?
                    .map(|cell| i64::from(u8::from(cell.resolution()))))
            })
        },
    ),
    of_cell(
        "h3_is_pentagon",
        "h3_is_pentagon(cell)",
        Returns::Boolean,
        |call| {
            let cells = Cells::new(call, 0)?;
            call.booleans(|row| Ok(cells.get(row)?.map(CellIndex::is_pentagon)))
        },
    ),
    of_cell(
        "h3_is_valid_cell",
        "h3_is_valid_cell(cell)",
        Returns::Boolean,
        |call| {
            let cells = Cells::new(call, 0)?;
            call.booleans(|row| Ok(cells.is_valid(row)))
        },
    ),
    Function::kernel(
        "h3_grid_distance",
        "h3_grid_distance(cell, cell)",
        &[Kind::Any, Kind::Any],
        Returns::Integer,
        |call| grid_distance(call, true),
    )
    .coerce(cells_types),
    Function::kernel(
        "h3_try_grid_distance",
        "h3_try_grid_distance(cell, cell)",
        &[Kind::Any, Kind::Any],
        Returns::Integer,
        |call| grid_distance(call, false),
    )
    .coerce(cells_types),
    Function::kernel(
        "h3_int_to_string",
        "h3_int_to_string(cell)",
        &[Kind::Integer],
        Returns::Text,
        |call| {
            let cells = Cells::new(call, 0)?;
            call.texts(|row| Ok(cells.get(row)?.map(text)))
        },
    ),
    Function::kernel(
        "h3_string_to_int",
        "h3_string_to_int(text)",
        &[Kind::Text],
        Returns::Integer,
        |call| {
            let cells = Cells::new(call, 0)?;
            call.integers(|row| cells.get(row)?.map(number).transpose())
        },
    ),
];

const fn of_cell(
    name: &'static str,
    syntax: &'static str,
    returns: Returns,
    kernel: fn(&Call) -> Result<ArrayRef>,
) -> Function {
    Function::kernel(name, syntax, &[Kind::Any], returns, kernel).coerce(cell_types)
}

/// A cell is a whole number or text in hexadecimal digits.
fn cell_type(given: Option<&DataType>) -> Result<DataType> {
    match given {
        Some(DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View) => Ok(DataType::Utf8),
        Some(number) if number.is_numeric() || number.is_null() => Ok(DataType::Int64),
        _ => plan_err!("An H3 cell is an INTEGER or a VARCHAR"),
    }
}

pub(super) fn cell_types(types: &[DataType]) -> Result<Vec<DataType>> {
    let rest = types.iter().skip(1).map(|_| Ok(DataType::Int64));
    std::iter::once(cell_type(types.first()))
        .chain(rest)
        .collect()
}

pub(super) fn cells_types(types: &[DataType]) -> Result<Vec<DataType>> {
    types.iter().map(|given| cell_type(Some(given))).collect()
}

fn same_as_cell(types: &[DataType], _: &[Option<&ScalarValue>]) -> Result<DataType> {
    cell_type(types.first())
}

/// The cells in an argument.
pub(super) enum Cells<'a> {
    Numbers(Values<&'a Int64Array>),
    Texts(Values<&'a StringArray>),
}

impl<'a> Cells<'a> {
    pub(super) fn new(call: &'a Call, at: usize) -> Result<Self> {
        Ok(match call.data_type(at)? {
            DataType::Utf8 => Self::Texts(call.text(at)?),
            _ => Self::Numbers(call.integer(at)?),
        })
    }

    pub(super) fn get(&self, row: usize) -> Result<Option<CellIndex>> {
        match self {
            Self::Numbers(values) => values
                .get(row)
                .map(|value| of_number(value).ok_or_else(|| no_cell(&value)))
                .transpose(),
            Self::Texts(values) => values
                .get(row)
                .map(|value| of_text(value).ok_or_else(|| no_cell(&value)))
                .transpose(),
        }
    }

    fn is_valid(&self, row: usize) -> Option<bool> {
        match self {
            Self::Numbers(values) => values.get(row).map(|value| of_number(value).is_some()),
            Self::Texts(values) => values.get(row).map(|value| of_text(value).is_some()),
        }
    }
}

pub(super) fn of_number(value: i64) -> Option<CellIndex> {
    CellIndex::try_from(u64::try_from(value).ok()?).ok()
}

pub(super) fn of_text(value: &str) -> Option<CellIndex> {
    CellIndex::try_from(u64::from_str_radix(value, 16).ok()?).ok()
}

pub(super) fn no_cell(value: &dyn std::fmt::Display) -> DataFusionError {
    exec_datafusion_err!("Invalid H3 cell ID: {value}")
}

fn number(cell: CellIndex) -> Result<i64> {
    i64::try_from(u64::from(cell)).map_err(|_| no_cell(&cell))
}

fn text(cell: CellIndex) -> String {
    format!("{:X}", u64::from(cell))
}

pub(super) fn resolution(value: i64) -> Result<Resolution> {
    let resolution = u8::try_from(value).ok();
    match resolution.and_then(|value| Resolution::try_from(value).ok()) {
        Some(resolution) => Ok(resolution),
        None => exec_err!(
            "Invalid H3 resolution value: {value}. Resolution must be between 0 (coarsest) and 15 (finest)."
        ),
    }
}

pub(super) fn cell_at(lat: f64, lng: f64, resolution: Resolution) -> Result<CellIndex> {
    match LatLng::new(lat, lng) {
        Ok(place) => Ok(place.to_cell(resolution)),
        Err(_) => exec_err!("Invalid H3 location: {lat}, {lng}"),
    }
}

fn of_place(call: &Call) -> Result<impl Fn(usize) -> Result<Option<CellIndex>> + '_> {
    let (lats, lngs, levels) = (call.float(0)?, call.float(1)?, call.integer(2)?);
    Ok(move |row| {
        let (Some(lat), Some(lng), Some(level)) = (lats.get(row), lngs.get(row), levels.get(row))
        else {
            return Ok(None);
        };
        cell_at(lat, lng, resolution(level)?).map(Some)
    })
}

fn of_point<'a>(
    call: &'a Call,
    function: &'static str,
) -> Result<impl Fn(usize) -> Result<Option<CellIndex>> + 'a> {
    let (points, levels) = (call.geography(0)?, call.integer(1)?);
    Ok(move |row| {
        let (Some(point), Some(level)) = (point_in(&points, row, function)?, levels.get(row))
        else {
            return Ok(None);
        };
        cell_at(point.lat, point.lng, resolution(level)?).map(Some)
    })
}

fn coord(place: LatLng) -> Coord {
    Coord {
        lng: place.lng(),
        lat: place.lat(),
    }
}

pub(super) fn center(cell: CellIndex) -> Coord {
    coord(LatLng::from(cell))
}

pub(super) fn boundary(cell: CellIndex) -> Shape {
    let mut ring: Vec<Coord> = cell.boundary().iter().map(|place| coord(*place)).collect();
    ring.extend(ring.first().copied());
    Shape::Polygon(vec![ring])
}

fn parent(call: &Call) -> Result<ArrayRef> {
    let (cells, levels) = (Cells::new(call, 0)?, call.integer(1)?);
    let parent = |row| -> Result<Option<CellIndex>> {
        let (Some(cell), Some(level)) = (cells.get(row)?, levels.get(row)) else {
            return Ok(None);
        };
        match cell.parent(resolution(level)?) {
            Some(parent) => Ok(Some(parent)),
            None => exec_err!("H3 cell {} has no parent at resolution {level}", text(cell)),
        }
    };
    if *call.returns() == DataType::Utf8 {
        return call.texts(|row| Ok(parent(row)?.map(text)));
    }
    call.integers(|row| parent(row)?.map(number).transpose())
}

fn grid_distance(call: &Call, required: bool) -> Result<ArrayRef> {
    let (from, to) = (Cells::new(call, 0)?, Cells::new(call, 1)?);
    call.integers(|row| {
        let (Some(from), Some(to)) = (from.get(row)?, to.get(row)?) else {
            return Ok(None);
        };
        match from.grid_distance(to) {
            Ok(steps) => Ok(Some(i64::from(steps))),
            Err(_) if !required => Ok(None),
            Err(error) => exec_err!(
                "The grid distance of H3 cells {} and {} is not known: {error}",
                text(from),
                text(to)
            ),
        }
    })
}
