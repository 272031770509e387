//! Relations of the FROM clause that DataFusion's planner does not know: PIVOT, UNPIVOT, ASOF JOIN,
//! SAMPLE and VALUES, each planned into ordinary plan nodes.

mod asof;
mod pivot;
mod sample;
mod unpivot;
mod values;

use std::sync::Arc;

use arrow::datatypes::FieldRef;
use datafusion::common::{Column, DFSchema, TableReference};
use datafusion::logical_expr::Expr;
use datafusion::logical_expr::planner::RelationPlanner;

/// The planners of this module, in the order they are asked.
pub(crate) fn planners() -> Vec<Arc<dyn RelationPlanner>> {
    vec![
        Arc::new(sample::Sample),
        Arc::new(pivot::Pivot),
        Arc::new(unpivot::Unpivot),
        Arc::new(asof::AsOf),
        Arc::new(values::Values),
    ]
}

/// One column of a plan, with the table it is qualified by.
pub(crate) type Qualified = (Option<TableReference>, FieldRef);

/// The columns of `schema`, in order.
pub(crate) fn qualified(schema: &DFSchema) -> Vec<Qualified> {
    schema
        .iter()
        .map(|(qualifier, field)| (qualifier.cloned(), Arc::clone(field)))
        .collect()
}

/// A reference to `column`.
pub(crate) fn reference(column: &Qualified) -> Expr {
    Expr::Column(Column::new(column.0.clone(), column.1.name()))
}

/// Whether `expr` reads `column`.
fn reads(expr: &Expr, column: &Qualified) -> bool {
    let wanted = Column::new(column.0.clone(), column.1.name());
    expr.column_refs().contains(&wanted)
}
