//! [`Nearness`]: the part of a join's condition that only rows can meet whose places are near.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::datatypes::{DataType, Float64Type};
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{JoinSide, Result, exec_datafusion_err};
use datafusion::logical_expr::Operator;
use datafusion::physical_expr::expressions::{BinaryExpr, Column};
use datafusion::physical_expr::utils::collect_columns;
use datafusion::physical_expr::{PhysicalExpr, ScalarFunctionExpr, split_conjunction};
use datafusion::physical_expr_common::physical_expr::is_volatile;
use datafusion::physical_plan::joins::utils::JoinFilter;

use crate::geography::{Shape, point};
use crate::sphere::Extent;

/// Functions that hold only for values with a point in common.
const MEETING: &[&str] = &[
    "st_intersects",
    "st_contains",
    "st_within",
    "st_covers",
    "st_coveredby",
];

type Expression = Arc<dyn PhysicalExpr>;

/// Two GEOGRAPHY expressions, one over each side, and how far apart their values may be.
#[derive(Clone, Debug)]
pub(super) struct Nearness {
    left: Expression,
    right: Expression,
    /// Metres, over the rows of one side; without them the values must meet.
    metres: Option<(JoinSide, Expression)>,
}

/// The sides of a join as extents, row by row; NULL has none.
pub(super) type Extents = Vec<Option<Extent>>;

impl Nearness {
    /// The first such part among those that `filter` connects by AND.
    pub(super) fn of(filter: &JoinFilter) -> Option<Self> {
        split_conjunction(filter.expression())
            .into_iter()
            .find_map(|part| Self::of_part(part, filter))
    }

    fn of_part(part: &Expression, filter: &JoinFilter) -> Option<Self> {
        if let Some(call) = part.downcast_ref::<ScalarFunctionExpr>() {
            let metres = match (call.fun().name(), call.args()) {
                ("st_dwithin", [_, _, metres]) => Some(metres),
                (name, [_, _]) if MEETING.contains(&name) => None,
                _ => return None,
            };
            return Self::between(call.args(), metres, filter);
        }
        let comparison = part.downcast_ref::<BinaryExpr>()?;
        let (distance, metres) = match comparison.op() {
            Operator::Lt | Operator::LtEq => (comparison.left(), comparison.right()),
            Operator::Gt | Operator::GtEq => (comparison.right(), comparison.left()),
            _ => return None,
        };
        let call = distance.downcast_ref::<ScalarFunctionExpr>()?;
        match (call.fun().name(), call.args()) {
            ("st_distance", [_, _]) => Self::between(call.args(), Some(metres), filter),
            _ => None,
        }
    }

    fn between(
        arguments: &[Expression],
        metres: Option<&Expression>,
        filter: &JoinFilter,
    ) -> Option<Self> {
        let (first, second) = (arguments.first()?, arguments.get(1)?);
        let (left, right) = match (side(first, filter)?, side(second, filter)?) {
            (JoinSide::Left, JoinSide::Right) => (first, second),
            (JoinSide::Right, JoinSide::Left) => (second, first),
            _ => return None,
        };
        let metres = match metres {
            None => None,
            Some(metres) => {
                // A constant is one over any side.
                let at = match side(metres, filter)? {
                    JoinSide::None => JoinSide::Left,
                    side => side,
                };
                Some((at, over_side(metres, filter)?))
            }
        };
        Some(Self {
            left: over_side(left, filter)?,
            right: over_side(right, filter)?,
            metres,
        })
    }

    /// The extents of a batch of the left side.
    pub(super) fn left(&self, batch: &RecordBatch) -> Result<Extents> {
        self.extents(JoinSide::Left, &self.left, batch)
    }

    /// The extents of a batch of the right side, with the margin that makes up for rounding.
    pub(super) fn right(&self, batch: &RecordBatch) -> Result<Extents> {
        let extents = self.extents(JoinSide::Right, &self.right, batch)?;
        let wide = |extent: Option<Extent>| extent.map(|extent| extent.widened(0.0));
        Ok(extents.into_iter().map(wide).collect())
    }

    fn extents(&self, side: JoinSide, value: &Expression, batch: &RecordBatch) -> Result<Extents> {
        let values = evaluated(value, batch, &DataType::LargeBinary)?;
        let metres = match &self.metres {
            Some((at, metres)) if *at == side => {
                Some(evaluated(metres, batch, &DataType::Float64)?)
            }
            _ => None,
        };
        let metres = metres
            .as_ref()
            .map(|metres| metres.as_primitive::<Float64Type>());
        values
            .as_binary::<i64>()
            .iter()
            .enumerate()
            .map(|(row, bytes)| {
                let Some(bytes) = bytes else { return Ok(None) };
                let extent = match point(bytes) {
                    Some(point) => Extent::of_point(point),
                    None => Extent::of_shape(&Shape::from_wkb(bytes).map_err(|reason| {
                        exec_datafusion_err!("Invalid GEOGRAPHY value: {reason}")
                    })?),
                };
                Ok(match metres {
                    None => Some(extent),
                    Some(metres) => metres
                        .is_valid(row)
                        .then(|| extent.widened(metres.value(row))),
                })
            })
            .collect()
    }
}

fn evaluated(value: &Expression, batch: &RecordBatch, to: &DataType) -> Result<ArrayRef> {
    let array = value.evaluate(batch)?.into_array(batch.num_rows())?;
    Ok(arrow::compute::cast(&array, to)?)
}

/// The side whose columns alone the expression reads; nothing if it reads both, or gives another value
/// each time.
fn side(expression: &Expression, filter: &JoinFilter) -> Option<JoinSide> {
    if is_volatile(expression) {
        return None;
    }
    let mut found = JoinSide::None;
    for column in collect_columns(expression) {
        let side = filter.column_indices().get(column.index())?.side;
        if found != JoinSide::None && found != side {
            return None;
        }
        found = side;
    }
    Some(found)
}

/// An expression over the filter's columns as one over the columns of the side it reads.
fn over_side(expression: &Expression, filter: &JoinFilter) -> Option<Expression> {
    let moved = Arc::clone(expression).transform(|node| {
        let Some(column) = node.downcast_ref::<Column>() else {
            return Ok(Transformed::no(node));
        };
        let index = filter
            .column_indices()
            .get(column.index())
            .map(|column| column.index)
            .ok_or_else(|| exec_datafusion_err!("a join's filter reads an unknown column"))?;
        let column: Expression = Arc::new(Column::new(column.name(), index));
        Ok(Transformed::yes(column))
    });
    moved.ok().map(|moved| moved.data)
}
