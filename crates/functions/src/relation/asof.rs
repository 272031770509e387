//! `ASOF JOIN`: beside each row of the left table the one row of the right table that is closest in
//! time, or NULLs.
//!
//! <https://docs.snowflake.com/en/sql-reference/constructs/asof-join>. `sql` puts what stands left of an
//! ASOF JOIN and the join itself between brackets, so that it is one relation here. Both tables are laid
//! over each other in the order of time; each left row takes the last right row before it.

use std::collections::HashSet;

use arrow::datatypes::DataType;
use datafusion::common::{Column, DFSchema, Result, ScalarValue, plan_err};
use datafusion::functions::core::expr_fn::{get_field, named_struct};
use datafusion::functions_window::nth_value::last_value_udwf;
use datafusion::logical_expr::expr::{NullTreatment, WindowFunction};
use datafusion::logical_expr::planner::{
    PlannedRelation, RelationPlanner, RelationPlannerContext, RelationPlanning,
};
use datafusion::logical_expr::type_coercion::binary::comparison_coercion;
use datafusion::logical_expr::utils::split_conjunction;
use datafusion::logical_expr::{
    Expr, ExprFunctionExt, ExprSchemable, LogicalPlan, LogicalPlanBuilder, Operator, WindowFrame,
    WindowFrameBound, WindowFrameUnits, cast, ident, lit, when,
};
use datafusion::sql::sqlparser::ast::{
    Expr as SqlExpr, Join, JoinConstraint, JoinOperator, TableFactor, TableWithJoins,
};

use super::{Qualified, qualified, reference};

const TIME: &str = "$time";
const SIDE: &str = "$side";
const CLOSEST: &str = "$closest";

/// Plans `(… ASOF JOIN …)`.
#[derive(Debug)]
pub(super) struct AsOf;

impl RelationPlanner for AsOf {
    fn plan_relation(
        &self,
        relation: TableFactor,
        context: &mut dyn RelationPlannerContext,
    ) -> Result<RelationPlanning> {
        let TableFactor::NestedJoin {
            table_with_joins,
            alias: None,
        } = relation
        else {
            return Ok(RelationPlanning::Original(Box::new(relation)));
        };
        let TableWithJoins { relation, joins } = table_with_joins.as_ref();
        let [
            Join {
                relation: right,
                join_operator:
                    JoinOperator::AsOf {
                        match_condition,
                        constraint,
                    },
                ..
            },
        ] = joins.as_slice()
        else {
            return Ok(RelationPlanning::Original(Box::new(
                TableFactor::NestedJoin {
                    table_with_joins,
                    alias: None,
                },
            )));
        };
        let left = context.plan(relation.clone())?;
        let right = context.plan(right.clone())?;
        let sides = Sides::new(left, right)?;
        let plan = sides.join(match_condition, constraint, context)?;
        Ok(RelationPlanning::Planned(Box::new(PlannedRelation::new(
            plan, None,
        ))))
    }
}

/// Values of both sides that are compared, in the type they have in common.
struct Pair {
    left: Expr,
    right: Expr,
}

struct Sides {
    left: LogicalPlan,
    right: LogicalPlan,
    schema: DFSchema,
}

impl Sides {
    fn new(left: LogicalPlan, right: LogicalPlan) -> Result<Self> {
        let schema = left.schema().join(right.schema())?;
        Ok(Self {
            left,
            right,
            schema,
        })
    }

    fn join(
        self,
        condition: &SqlExpr,
        constraint: &JoinConstraint,
        context: &mut dyn RelationPlannerContext,
    ) -> Result<LogicalPlan> {
        let matched = context.sql_to_expr(condition.clone(), &self.schema)?;
        let Expr::BinaryExpr(comparison) = &matched else {
            return plan_err!("MATCH_CONDITION compares two columns by >=, >, <= or <");
        };
        let (ascending, ties) = match comparison.op {
            Operator::GtEq => (true, true),
            Operator::Gt => (true, false),
            Operator::LtEq => (false, true),
            Operator::Lt => (false, false),
            other => return plan_err!("MATCH_CONDITION compares by >=, >, <= or <, not {other}"),
        };
        let Some(time) = self.pair(&comparison.left, &comparison.right)? else {
            return plan_err!(
                "MATCH_CONDITION names a column of the left table, then one of the right"
            );
        };
        let mut shared = HashSet::new();
        let keys = self.keys(constraint, &mut shared, context)?;
        let lefts = qualified(self.left.schema());
        let rights = qualified(self.right.schema());
        let overlaid = self.overlay(time, keys, &lefts, &rights)?;
        let order = vec![
            ident(TIME).sort(ascending, true),
            // Of equal times the right row comes first if it may match.
            ident(SIDE).sort(ties, false),
        ];
        let partition = key_names(overlaid.schema()).map(ident).collect();
        let frame = WindowFrame::new_bounds(
            WindowFrameUnits::Rows,
            WindowFrameBound::Preceding(ScalarValue::UInt64(None)),
            WindowFrameBound::CurrentRow,
        );
        let closest = Expr::from(WindowFunction::new(last_value_udwf(), vec![ident("$row")]))
            .partition_by(partition)
            .order_by(order)
            .window_frame(frame)
            .null_treatment(NullTreatment::IgnoreNulls)
            .build()?
            .alias(CLOSEST);
        let mut outputs = Vec::new();
        for (position, (qualifier, field)) in lefts.iter().enumerate() {
            outputs
                .push(ident(left_name(position)).alias_qualified(qualifier.clone(), field.name()));
        }
        for (position, (qualifier, field)) in rights.iter().enumerate() {
            if !shared.contains(field.name()) {
                let value = get_field(ident(CLOSEST), right_name(position));
                outputs.push(value.alias_qualified(qualifier.clone(), field.name()));
            }
        }
        LogicalPlanBuilder::from(overlaid)
            .window(vec![closest])?
            .filter(ident(SIDE).eq(lit(1_i64)))?
            .project(outputs)?
            .build()
    }

    /// The equalities of ON or USING; names of USING are put into `shared`.
    fn keys(
        &self,
        constraint: &JoinConstraint,
        shared: &mut HashSet<String>,
        context: &mut dyn RelationPlannerContext,
    ) -> Result<Vec<Pair>> {
        let mut keys = Vec::new();
        match constraint {
            JoinConstraint::None => {}
            JoinConstraint::On(condition) => {
                let condition = context.sql_to_expr(condition.clone(), &self.schema)?;
                for part in split_conjunction(&condition) {
                    let pair = match part {
                        Expr::BinaryExpr(part) if part.op == Operator::Eq => {
                            match self.pair(&part.left, &part.right)? {
                                Some(pair) => Some(pair),
                                None => self.pair(&part.right, &part.left)?,
                            }
                        }
                        _ => None,
                    };
                    let Some(pair) = pair else {
                        return plan_err!(
                            "ON of an ASOF JOIN holds equalities of both tables' columns, not {part}"
                        );
                    };
                    keys.push(pair);
                }
            }
            JoinConstraint::Using(names) => {
                for name in names {
                    let name = name
                        .0
                        .last()
                        .and_then(|part| part.as_ident())
                        .map(|part| part.value.clone())
                        .unwrap_or_default();
                    let (left, right) = (ident(&name), ident(&name));
                    let left = resolved(left, self.left.schema())?;
                    let right = resolved(right, self.right.schema())?;
                    keys.push(self.common(left, right)?);
                    shared.insert(name);
                }
            }
            JoinConstraint::Natural => return plan_err!("An ASOF JOIN is not NATURAL"),
        }
        Ok(keys)
    }

    /// `left` and `right` if each reads its own side only.
    fn pair(&self, left: &Expr, right: &Expr) -> Result<Option<Pair>> {
        let of = |expr: &Expr, schema: &DFSchema| {
            let columns = expr.column_refs();
            !columns.is_empty() && columns.iter().all(|column| schema.has_column(column))
        };
        if !of(left, self.left.schema()) || !of(right, self.right.schema()) {
            return Ok(None);
        }
        self.common(left.clone(), right.clone()).map(Some)
    }

    fn common(&self, left: Expr, right: Expr) -> Result<Pair> {
        let (first, second) = (
            left.get_type(self.left.schema())?,
            right.get_type(self.right.schema())?,
        );
        if first == second {
            return Ok(Pair { left, right });
        }
        let Some(kind) = comparison_coercion(&first, &second) else {
            return plan_err!("{left} and {right} cannot be compared");
        };
        Ok(Pair {
            left: cast(left, kind.clone()),
            right: cast(right, kind),
        })
    }

    /// Both sides' rows: keys, time, side (0 right, 1 left), the left columns and the right row.
    fn overlay(
        self,
        time: Pair,
        keys: Vec<Pair>,
        lefts: &[Qualified],
        rights: &[Qualified],
    ) -> Result<LogicalPlan> {
        let nothing =
            |data_type: &DataType| -> Result<Expr> { Ok(lit(ScalarValue::try_from(data_type)?)) };
        let mut left = Vec::new();
        let mut right = Vec::new();
        let mut present = time.right.clone().is_not_null();
        for (position, key) in keys.into_iter().enumerate() {
            present = present.and(key.right.clone().is_not_null());
            left.push(key.left.alias(key_name(position)));
            right.push(key.right.alias(key_name(position)));
        }
        left.extend([time.left.alias(TIME), lit(1_i64).alias(SIDE)]);
        right.extend([time.right.alias(TIME), lit(0_i64).alias(SIDE)]);
        for (position, column) in lefts.iter().enumerate() {
            left.push(reference(column).alias(left_name(position)));
            right.push(nothing(column.1.data_type())?.alias(left_name(position)));
        }
        for (position, column) in rights.iter().enumerate() {
            left.push(nothing(column.1.data_type())?.alias(right_name(position)));
            right.push(reference(column).alias(right_name(position)));
        }
        let right = LogicalPlanBuilder::from(self.right)
            .filter(present)?
            .project(right)?
            .build()?;
        let both = LogicalPlanBuilder::from(self.left)
            .project(left)?
            .union(right)?
            .build()?;
        let mut outputs: Vec<Expr> = both
            .schema()
            .columns()
            .into_iter()
            .filter(|column| !column.name.starts_with("$right"))
            .map(Expr::Column)
            .collect();
        let fields = (0..rights.len())
            .flat_map(|position| [lit(right_name(position)), ident(right_name(position))])
            .collect();
        let row = when(ident(SIDE).eq(lit(0_i64)), named_struct(fields)).end()?;
        outputs.push(row.alias("$row"));
        LogicalPlanBuilder::from(both).project(outputs)?.build()
    }
}

fn key_name(position: usize) -> String {
    format!("$key{position}")
}

fn left_name(position: usize) -> String {
    format!("$left{position}")
}

fn right_name(position: usize) -> String {
    format!("$right{position}")
}

fn key_names(schema: &DFSchema) -> impl Iterator<Item = &str> {
    schema
        .fields()
        .iter()
        .map(|field| field.name().as_str())
        .filter(|name| name.starts_with("$key"))
}

/// A column of USING on one side.
fn resolved(name: Expr, schema: &DFSchema) -> Result<Expr> {
    let Expr::Column(column) = name else {
        return Ok(name);
    };
    let (qualifier, field) = schema.qualified_field_with_unqualified_name(&column.name)?;
    Ok(Expr::Column(Column::new(qualifier.cloned(), field.name())))
}
