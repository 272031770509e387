//! Geospatial functions over GEOGRAPHY, in the groups of Snowflake's table of them.
//!
//! <https://docs.snowflake.com/en/sql-reference/functions-geospatial>

use std::collections::HashMap;
use std::rc::Rc;

use arrow::array::LargeBinaryArray;
use datafusion::common::{DataFusionError, Result, exec_datafusion_err};

use crate::geography::{Coord, Reason, Shape, point};
use crate::scalar::{Call, Values};
use crate::sphere::{Figure, Vector};

pub(super) mod access;
pub(super) mod cell_sets;
pub(super) mod cells;
mod collect;
pub(super) mod combination;
pub(super) mod construction;
pub(super) mod geohash;
pub(super) mod measurement;
pub(super) mod output;
pub(super) mod relationship;
pub(super) mod transformation;

pub(crate) use collect::aggregates;

/// Turns a reason into the error of a value that should have been GEOGRAPHY.
fn broken(reason: Reason) -> DataFusionError {
    exec_datafusion_err!("Invalid GEOGRAPHY value: {reason}")
}

/// The shape in a row.
fn shape(values: &Values<&LargeBinaryArray>, row: usize) -> Result<Option<Shape>> {
    values
        .get(row)
        .map(|bytes| Shape::from_wkb(bytes).map_err(broken))
        .transpose()
}

/// The point in a row; any other shape is refused.
fn point_in(
    values: &Values<&LargeBinaryArray>,
    row: usize,
    function: &str,
) -> Result<Option<Coord>> {
    match values.get(row) {
        None => Ok(None),
        Some(bytes) => match point(bytes) {
            Some(coord) => Ok(Some(coord)),
            None => {
                let kind = Shape::from_wkb(bytes).map_err(broken)?.kind();
                Err(exec_datafusion_err!(
                    "{function} takes a Point, not a {kind}"
                ))
            }
        },
    }
}

/// A value as relationships need it: points as they are, other shapes prepared.
enum Item {
    Point(Coord),
    Figure(Rc<Figure>),
    /// A shape that was allowed to be invalid: there is no answer about it.
    Invalid,
}

impl Item {
    /// The value as a figure.
    fn figure(&self) -> Option<Rc<Figure>> {
        match self {
            Self::Point(point) => Some(Rc::new(Figure::of_point(*point))),
            Self::Figure(figure) => Some(Rc::clone(figure)),
            Self::Invalid => None,
        }
    }
}

/// The values of one argument. A shape that comes again, as in a join, is prepared once per batch.
struct Items<'a> {
    values: Values<&'a LargeBinaryArray>,
    prepared: HashMap<&'a [u8], Option<Rc<Figure>>>,
    /// The name of the function, if it takes no collections.
    plain_only: Option<&'static str>,
}

impl<'a> Items<'a> {
    fn new(call: &'a Call, at: usize, plain_only: Option<&'static str>) -> Result<Self> {
        Ok(Self {
            values: call.geography(at)?,
            prepared: HashMap::new(),
            plain_only,
        })
    }

    fn get(&mut self, row: usize) -> Result<Option<Item>> {
        let Some(bytes) = self.values.get(row) else {
            return Ok(None);
        };
        if let Some(coord) = point(bytes) {
            return Ok(Some(Item::Point(coord)));
        }
        if !self.prepared.contains_key(bytes) {
            let shape = Shape::from_wkb(bytes).map_err(broken)?;
            if let (Some(function), Shape::Collection(_)) = (self.plain_only, &shape) {
                return Err(exec_datafusion_err!(
                    "{function} does not take a GeometryCollection"
                ));
            }
            self.prepared
                .insert(bytes, Figure::new(&shape).map(Rc::new));
        }
        Ok(Some(match self.prepared.get(bytes) {
            Some(Some(figure)) => Item::Figure(Rc::clone(figure)),
            _ => Item::Invalid,
        }))
    }
}

/// Whether two points are the same place.
fn same(a: Coord, b: Coord) -> bool {
    a == b || Figure::of_point(a).holds_point(Vector::of(b))
}
