//! H3 functions that give sets of cells.
//!
//! <https://docs.snowflake.com/en/sql-reference/functions/h3_coverage>
//! <https://docs.snowflake.com/en/sql-reference/functions/h3_polygon_to_cells>
//! <https://docs.snowflake.com/en/sql-reference/functions/h3_cell_to_children>

use std::collections::BTreeSet;

use arrow::array::ArrayRef;
use datafusion::common::{Result, exec_datafusion_err, exec_err};
use h3o::{CellIndex, LatLng, Resolution};

use super::cells::{Cells, boundary, cell_at, cell_types, center, no_cell, of_number, of_text};
use super::cells::{cells_types, resolution};
use super::shape;
use crate::geography::{Coord, Shape};
use crate::scalar::{Call, Function, Kind, Returns};
use crate::sphere::{Figure, intersects};
use crate::variant::ArrayWriter;

/// Cells that one value may give: more would be a mistake in the resolution.
const MOST: usize = 1_000_000;

const SHAPE: &[Kind] = &[Kind::Geography, Kind::Integer];
const CELLS: &[Kind] = &[Kind::Semi];

/// Whether the cells of an array are written as text, in hexadecimal digits.
#[derive(Clone, Copy)]
enum Written {
    Numbers,
    Texts,
}

use Written::{Numbers, Texts};

const fn of_shape(
    name: &'static str,
    syntax: &'static str,
    kernel: fn(&Call) -> Result<ArrayRef>,
) -> Function {
    Function::kernel(name, syntax, SHAPE, Returns::Array, kernel)
}

const fn of_cell(
    name: &'static str,
    syntax: &'static str,
    kernel: fn(&Call) -> Result<ArrayRef>,
) -> Function {
    let kinds = &[Kind::Any, Kind::Integer];
    Function::kernel(name, syntax, kinds, Returns::Array, kernel).coerce(cell_types)
}

pub(crate) const FUNCTIONS: &[Function] = &[
    of_shape(
        "h3_coverage",
        "h3_coverage(geography, resolution)",
        |call| of_shapes(call, Numbers, coverage),
    ),
    of_shape(
        "h3_coverage_strings",
        "h3_coverage_strings(geography, resolution)",
        |call| of_shapes(call, Texts, coverage),
    ),
    of_shape(
        "h3_polygon_to_cells",
        "h3_polygon_to_cells(polygon, resolution)",
        |call| of_shapes(call, Numbers, polygon_cells),
    ),
    of_shape(
        "h3_polygon_to_cells_strings",
        "h3_polygon_to_cells_strings(polygon, resolution)",
        |call| of_shapes(call, Texts, polygon_cells),
    ),
    of_cell(
        "h3_cell_to_children",
        "h3_cell_to_children(cell, resolution)",
        |call| children(call, Numbers),
    ),
    of_cell(
        "h3_cell_to_children_string",
        "h3_cell_to_children_string(cell, resolution)",
        |call| children(call, Texts),
    ),
    of_cell("h3_grid_disk", "h3_grid_disk(cell, k)", grid_disk),
    Function::kernel(
        "h3_grid_path",
        "h3_grid_path(cell, cell)",
        &[Kind::Any, Kind::Any],
        Returns::Array,
        grid_path,
    )
    .coerce(cells_types),
    Function::kernel(
        "h3_compact_cells",
        "h3_compact_cells(cells)",
        CELLS,
        Returns::Array,
        |call| compact(call, Numbers),
    ),
    Function::kernel(
        "h3_compact_cells_strings",
        "h3_compact_cells_strings(cells)",
        CELLS,
        Returns::Array,
        |call| compact(call, Texts),
    ),
    Function::kernel(
        "h3_uncompact_cells",
        "h3_uncompact_cells(cells, resolution)",
        &[Kind::Semi, Kind::Integer],
        Returns::Array,
        |call| uncompact(call, Numbers),
    ),
    Function::kernel(
        "h3_uncompact_cells_strings",
        "h3_uncompact_cells_strings(cells, resolution)",
        &[Kind::Semi, Kind::Integer],
        Returns::Array,
        |call| uncompact(call, Texts),
    ),
];

fn array(cells: impl IntoIterator<Item = CellIndex>, written: Written) -> String {
    let mut out = ArrayWriter::new();
    for cell in cells {
        match written {
            Numbers => out.push(Some(&u64::from(cell).to_string())),
            // In lower case, unlike the functions that give one cell.
            Texts => out.push_text(&format!("{:x}", u64::from(cell))),
        }
    }
    out.finish()
}

/// As the cells of an argument are written.
fn as_given(cells: &Cells<'_>) -> Written {
    match cells {
        Cells::Numbers(_) => Numbers,
        Cells::Texts(_) => Texts,
    }
}

fn limited<T>(count: u64, then: impl FnOnce() -> T) -> Result<T> {
    if count > MOST as u64 {
        return exec_err!("More than {MOST} H3 cells: choose a coarser resolution");
    }
    Ok(then())
}

fn children(call: &Call, written: Written) -> Result<ArrayRef> {
    let (cells, levels) = (Cells::new(call, 0)?, call.integer(1)?);
    call.variants(|row| {
        let (Some(cell), Some(level)) = (cells.get(row)?, levels.get(row)) else {
            return Ok(None);
        };
        let level = resolution(level)?;
        if level < cell.resolution() {
            return exec_err!("H3 cell {cell} has no children at resolution {level}");
        }
        let count = cell.children_count(level);
        limited(count, || array(cell.children(level), written)).map(Some)
    })
}

fn grid_disk(call: &Call) -> Result<ArrayRef> {
    let (cells, distances) = (Cells::new(call, 0)?, call.integer(1)?);
    let written = as_given(&cells);
    call.variants(|row| {
        let (Some(cell), Some(distance)) = (cells.get(row)?, distances.get(row)) else {
            return Ok(None);
        };
        let Ok(distance) = u32::try_from(distance) else {
            return exec_err!("H3_GRID_DISK takes a distance of at least 0, not {distance}");
        };
        let around = u64::from(distance).saturating_add(1).saturating_pow(2);
        let disk = || cell.grid_disk::<Vec<CellIndex>>(distance);
        let disk = limited(around.saturating_mul(3), disk)?;
        Ok(Some(array(disk, written)))
    })
}

fn grid_path(call: &Call) -> Result<ArrayRef> {
    let (from, to) = (Cells::new(call, 0)?, Cells::new(call, 1)?);
    let written = as_given(&from);
    call.variants(|row| {
        let (Some(from), Some(to)) = (from.get(row)?, to.get(row)?) else {
            return Ok(None);
        };
        let path = from
            .grid_path_cells(to)
            .and_then(Iterator::collect::<std::result::Result<Vec<CellIndex>, _>>);
        match path {
            Ok(path) => Ok(Some(array(path, written))),
            Err(error) => exec_err!("The grid path of H3 cells is not known: {error}"),
        }
    })
}

/// The cells of an array: numbers or text in hexadecimal digits.
fn members(json: &str) -> Result<Vec<CellIndex>> {
    let values: Vec<serde_json::Value> = serde_json::from_str(json)
        .map_err(|_| exec_datafusion_err!("H3 functions take an ARRAY of cells, not {json}"))?;
    values
        .iter()
        .map(|value| {
            let cell = match value {
                serde_json::Value::Number(number) => number.as_i64().and_then(of_number),
                serde_json::Value::String(text) => of_text(text),
                _ => None,
            };
            cell.ok_or_else(|| no_cell(value))
        })
        .collect()
}

fn compact(call: &Call, written: Written) -> Result<ArrayRef> {
    let sets = call.variant(0)?;
    call.variants(|row| {
        let Some(set) = sets.get(row) else {
            return Ok(None);
        };
        let mut cells = members(set)?;
        CellIndex::compact(&mut cells)
            .map_err(|error| exec_datafusion_err!("H3 cells cannot be compacted: {error}"))?;
        // What stayed comes first, then what became coarser.
        cells.sort_by_key(|cell| (std::cmp::Reverse(u8::from(cell.resolution())), *cell));
        Ok(Some(array(cells, written)))
    })
}

fn uncompact(call: &Call, written: Written) -> Result<ArrayRef> {
    let (sets, levels) = (call.variant(0)?, call.integer(1)?);
    call.variants(|row| {
        let (Some(set), Some(level)) = (sets.get(row), levels.get(row)) else {
            return Ok(None);
        };
        let (cells, level) = (members(set)?, resolution(level)?);
        if let Some(cell) = cells.iter().find(|cell| cell.resolution() > level) {
            return exec_err!("H3 cell {cell} is finer than resolution {level}");
        }
        let count = CellIndex::uncompact_size(cells.iter().copied(), level);
        limited(count, || {
            array(cells.iter().flat_map(|cell| cell.children(level)), written)
        })
        .map(Some)
    })
}

fn of_shapes(
    call: &Call,
    written: Written,
    cells: fn(&Shape, Resolution) -> Result<BTreeSet<CellIndex>>,
) -> Result<ArrayRef> {
    let (shapes, levels) = (call.geography(0)?, call.integer(1)?);
    call.variants(|row| {
        let (Some(shape), Some(level)) = (shape(&shapes, row)?, levels.get(row)) else {
            return Ok(None);
        };
        Ok(Some(array(cells(&shape, resolution(level)?)?, written)))
    })
}

/// Goes from cell to cell as long as they are wanted.
fn flood(
    start: impl IntoIterator<Item = CellIndex>,
    wanted: impl Fn(CellIndex) -> bool,
) -> Result<BTreeSet<CellIndex>> {
    let mut seen: BTreeSet<CellIndex> = start.into_iter().collect();
    let mut open: Vec<CellIndex> = seen.iter().copied().collect();
    let mut found = BTreeSet::new();
    while let Some(cell) = open.pop() {
        if !wanted(cell) {
            continue;
        }
        found.insert(cell);
        if found.len() > MOST {
            return exec_err!("More than {MOST} H3 cells: choose a coarser resolution");
        }
        for near in cell.grid_disk::<Vec<CellIndex>>(1) {
            if seen.insert(near) {
                open.push(near);
            }
        }
    }
    Ok(found)
}

/// The cells that have a point in common with a shape, on the sphere. Those of one part of a shape lie
/// together, so that they are found from the cells of its vertices.
fn coverage(shape: &Shape, resolution: Resolution) -> Result<BTreeSet<CellIndex>> {
    let Some(figure) = Figure::new(shape) else {
        return exec_err!("H3_COVERAGE takes a valid GEOGRAPHY");
    };
    let mut start = Vec::new();
    let mut coords = Vec::new();
    shape.chains(&mut |chain| coords.extend_from_slice(chain));
    for coord in coords {
        let cell = cell_at(coord.lat, coord.lng, resolution)?;
        start.extend(cell.grid_disk::<Vec<CellIndex>>(1));
    }
    flood(start, |cell| {
        Figure::new(&boundary(cell)).is_some_and(|cell| intersects(&cell, &figure))
    })
}

/// The cells whose centres lie in a polygon, whose edges are straight lines on a map here.
fn polygon_cells(shape: &Shape, resolution: Resolution) -> Result<BTreeSet<CellIndex>> {
    let polygons = match shape {
        Shape::Polygon(rings) => vec![rings.clone()],
        Shape::Polygons(polygons) => polygons.clone(),
        other => {
            return exec_err!(
                "H3_POLYGON_TO_CELLS takes a Polygon, not a {}",
                other.kind()
            );
        }
    };
    let mut found = BTreeSet::new();
    for rings in polygons {
        let flat = Flat::new(rings);
        let start = flat.edge_cells(resolution)?;
        found.append(&mut flood(start, |cell| flat.holds(center(cell)))?);
    }
    Ok(found)
}

/// A polygon on a map, on which longitudes may go on beyond 180.
struct Flat {
    rings: Vec<Vec<Coord>>,
    /// Whether western longitudes are those beyond 180.
    beyond: bool,
}

impl Flat {
    fn new(mut rings: Vec<Vec<Coord>>) -> Self {
        let lngs = || rings.iter().flatten().map(|coord| coord.lng);
        let (west, east) = (
            lngs().fold(f64::INFINITY, f64::min),
            lngs().fold(f64::NEG_INFINITY, f64::max),
        );
        let beyond = east - west > 180.0;
        if beyond {
            for coord in rings.iter_mut().flatten() {
                *coord = moved(*coord);
            }
        }
        Self { rings, beyond }
    }

    /// By the crossings of a line to the east.
    fn holds(&self, place: Coord) -> bool {
        let place = if self.beyond { moved(place) } else { place };
        let crossings = self.rings.iter().flat_map(|ring| ring.windows(2));
        let crossings = crossings.filter(|edge| match edge {
            [a, b] => {
                let level = (a.lat > place.lat) != (b.lat > place.lat);
                let share = (place.lat - a.lat) / (b.lat - a.lat);
                level && place.lng < a.lng + share * (b.lng - a.lng)
            }
            _ => false,
        });
        crossings.count() % 2 == 1
    }

    /// The cells along the edges and near them: every cell inside that has a neighbour outside is one.
    fn edge_cells(&self, resolution: Resolution) -> Result<BTreeSet<CellIndex>> {
        // Steps of a third of a cell's edge on the ground.
        let step = resolution.edge_length_rads().to_degrees() / 3.0;
        let mut along = BTreeSet::new();
        for edge in self.rings.iter().flat_map(|ring| ring.windows(2)) {
            let [a, b] = edge else { continue };
            let length = (a.lng - b.lng).hypot(a.lat - b.lat);
            let steps = (length / step).ceil().max(1.0);
            if steps > 1e6 {
                return exec_err!("More than {MOST} H3 cells: choose a coarser resolution");
            }
            let mut at = 0.0;
            while at <= steps {
                let share = at / steps;
                let (lat, lng) = (
                    a.lat + share * (b.lat - a.lat),
                    a.lng + share * (b.lng - a.lng),
                );
                let place = LatLng::new(lat, lng)
                    .map_err(|_| exec_datafusion_err!("Invalid H3 location: {lat}, {lng}"))?;
                along.insert(place.to_cell(resolution));
                at += 1.0;
            }
        }
        let near = along
            .iter()
            .flat_map(|cell| cell.grid_disk::<Vec<CellIndex>>(2));
        Ok(near.collect())
    }
}

/// West of the antimeridian beyond 180.
fn moved(coord: Coord) -> Coord {
    Coord {
        lng: if coord.lng < 0.0 {
            coord.lng + 360.0
        } else {
            coord.lng
        },
        ..coord
    }
}
