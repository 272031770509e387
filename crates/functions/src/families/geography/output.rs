//! Functions that write GEOGRAPHY values.
//!
//! <https://docs.snowflake.com/en/sql-reference/functions/st_asgeojson>
//! <https://docs.snowflake.com/en/sql-reference/functions/st_aswkt>
//! <https://docs.snowflake.com/en/sql-reference/functions/st_aswkb>

use std::sync::Arc;

use arrow::array::{ArrayRef, BinaryBuilder, LargeStringBuilder};
use arrow::datatypes::DataType;
use datafusion::common::Result;

use super::shape;
use crate::geography::Shape;
use crate::scalar::{Call, Function, Kind, Returns};

pub(crate) const FUNCTIONS: &[Function] = &[
    Function::kernel(
        "st_asgeojson",
        "st_asgeojson(geography)",
        &[Kind::Geography],
        Returns::With(|_, _| Ok(DataType::LargeUtf8)),
        as_geojson,
    ),
    Function::kernel(
        "st_aswkt",
        "st_aswkt(geography)",
        &[Kind::Geography],
        Returns::Text,
        |call| text(call, Shape::to_wkt),
    )
    .aliases(&["st_astext"])
    .note("at most nine decimals"),
    Function::kernel(
        "st_asewkt",
        "st_asewkt(geography)",
        &[Kind::Geography],
        Returns::Text,
        |call| text(call, Shape::to_ewkt),
    ),
    Function::kernel(
        "st_aswkb",
        "st_aswkb(geography)",
        &[Kind::Geography],
        Returns::With(|_, _| Ok(DataType::Binary)),
        |call| bytes(call, Shape::to_wkb),
    )
    .aliases(&["st_asbinary"]),
    Function::kernel(
        "st_asewkb",
        "st_asewkb(geography)",
        &[Kind::Geography],
        Returns::With(|_, _| Ok(DataType::Binary)),
        |call| bytes(call, Shape::to_ewkb),
    ),
];

fn as_geojson(call: &Call) -> Result<ArrayRef> {
    let values = call.geography(0)?;
    let mut out = LargeStringBuilder::new();
    for row in 0..call.rows() {
        out.append_option(shape(&values, row)?.map(|shape| shape.to_geojson()));
    }
    Ok(Arc::new(out.finish()))
}

fn text(call: &Call, write: fn(&Shape) -> String) -> Result<ArrayRef> {
    let values = call.geography(0)?;
    call.texts(|row| Ok(shape(&values, row)?.map(|shape| write(&shape))))
}

fn bytes(call: &Call, write: fn(&Shape) -> Vec<u8>) -> Result<ArrayRef> {
    let values = call.geography(0)?;
    let mut out = BinaryBuilder::new();
    for row in 0..call.rows() {
        out.append_option(shape(&values, row)?.map(|shape| write(&shape)));
    }
    Ok(Arc::new(out.finish()))
}
