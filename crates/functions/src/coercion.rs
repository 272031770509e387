//! Analyzer rules around DataFusion's type coercion: before it, text that meets a truth value becomes
//! one; after it, casts and comparisons that Snowflake does otherwise become ours.

use arrow::datatypes::{DataType, Field};
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{DFSchema, Result};
use datafusion::logical_expr::expr::{Case, Cast, InList, TryCast};
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::utils::merge_schema;
use datafusion::logical_expr::{Between, Expr, ExprSchemable, LogicalPlan, cast, lit};
use datafusion::optimizer::AnalyzerRule;

use crate::conversion::{Failure, conversion, differs};
use crate::scalar::{self, plain};
use crate::types::{length, logical_type};
use crate::variant::cast::CARRIER;

/// Text in an `IN` list, a `BETWEEN` or a `CASE` of truth values, and literals such as `1e3`, whose
/// scale no warehouse type has.
#[derive(Debug)]
pub(crate) struct ImplicitCasts;

impl AnalyzerRule for ImplicitCasts {
    fn name(&self) -> &str {
        "snowflake_implicit_casts"
    }

    fn analyze(&self, plan: LogicalPlan, _: &ConfigOptions) -> Result<LogicalPlan> {
        rewrite(plan, &|expr, schema| match expr {
            Expr::InList(list) => {
                let kind = list.expr.get_type(schema)?;
                if kind != DataType::Boolean {
                    return Ok(Transformed::no(Expr::InList(list)));
                }
                let items = list
                    .list
                    .into_iter()
                    .map(|item| cast(item, kind.clone()))
                    .collect();
                Ok(Transformed::yes(Expr::InList(InList::new(
                    list.expr,
                    items,
                    list.negated,
                ))))
            }
            Expr::Between(between) => {
                let kind = between.expr.get_type(schema)?;
                if kind != DataType::Boolean {
                    return Ok(Transformed::no(Expr::Between(between)));
                }
                Ok(Transformed::yes(Expr::Between(Between::new(
                    between.expr,
                    between.negated,
                    Box::new(cast(*between.low, kind.clone())),
                    Box::new(cast(*between.high, kind)),
                ))))
            }
            Expr::Case(case) => {
                let kind = match &case.expr {
                    Some(operand) => operand.get_type(schema)?,
                    None => DataType::Boolean,
                };
                if kind != DataType::Boolean {
                    return Ok(Transformed::no(Expr::Case(case)));
                }
                let branches = case
                    .when_then_expr
                    .into_iter()
                    .map(|(when, then)| (Box::new(cast(*when, kind.clone())), then))
                    .collect();
                Ok(Transformed::yes(Expr::Case(Case::new(
                    case.expr,
                    branches,
                    case.else_expr,
                ))))
            }
            Expr::Literal(value, metadata) => match value.data_type() {
                DataType::Decimal128(_, scale) if scale < 0 => {
                    let whole = value.cast_to(&plain(&value.data_type()))?;
                    Ok(Transformed::yes(Expr::Literal(whole, metadata)))
                }
                _ => Ok(Transformed::no(Expr::Literal(value, metadata))),
            },
            other => Ok(Transformed::no(other)),
        })
    }
}

/// Casts, written or implied, that Arrow does otherwise.
#[derive(Debug)]
pub(crate) struct OwnCasts;

impl AnalyzerRule for OwnCasts {
    fn name(&self) -> &str {
        "snowflake_casts"
    }

    fn analyze(&self, plan: LogicalPlan, _: &ConfigOptions) -> Result<LogicalPlan> {
        rewrite(plan, &|expr, schema| match expr {
            Expr::Cast(Cast { expr, field }) => {
                own_cast(*expr, &field, Failure::Error, schema, |expr| {
                    Expr::Cast(Cast::new_from_field(expr, field.clone()))
                })
            }
            Expr::TryCast(TryCast { expr, field }) => {
                own_cast(*expr, &field, Failure::Null, schema, |expr| {
                    Expr::TryCast(TryCast::new_from_field(expr, field.clone()))
                })
            }
            other => Ok(Transformed::no(other)),
        })
    }
}

fn own_cast(
    expr: Expr,
    field: &Field,
    failure: Failure,
    schema: &DFSchema,
    original: impl FnOnce(Box<Expr>) -> Expr,
) -> Result<Transformed<Expr>> {
    let to = field.data_type();
    if *to == CARRIER {
        return to_semi_structured(expr, field, failure, schema);
    }
    if let Some(length) = length(field) {
        let text = if differs(&expr.get_type(schema)?, to) {
            converted(expr, to, failure)?
        } else {
            cast(expr, to.clone())
        };
        let cut = scalar::call("left", vec![text, lit(length)])?;
        return Ok(Transformed::yes(cut));
    }
    if differs(&expr.get_type(schema)?, to) {
        Ok(Transformed::yes(converted(expr, to, failure)?))
    } else {
        Ok(Transformed::no(original(Box::new(expr))))
    }
}

/// A conversion; that of a path's end to text is one step with the path.
fn converted(expr: Expr, to: &DataType, failure: Failure) -> Result<Expr> {
    match expr {
        Expr::ScalarFunction(call) if *to == DataType::Utf8 && call.name() == "get_path" => {
            scalar::call("$get_path_text", call.args)
        }
        other => Ok(conversion(other, to.clone(), failure)),
    }
}

/// `::variant`, `::object`, `::array`, and coercions to VARIANT.
fn to_semi_structured(
    expr: Expr,
    field: &Field,
    failure: Failure,
    schema: &DFSchema,
) -> Result<Transformed<Expr>> {
    let name = match logical_type(field) {
        Some("OBJECT") => "to_object",
        Some("ARRAY") => "to_array",
        _ => {
            let kept = expr.get_type(schema)? == CARRIER;
            return Ok(Transformed::yes(match kept {
                true => expr,
                false => conversion(expr, CARRIER, failure),
            }));
        }
    };
    let value = match expr.get_type(schema)? {
        CARRIER => expr,
        _ => conversion(expr, CARRIER, failure),
    };
    Ok(Transformed::yes(scalar::call(name, vec![value])?))
}

/// Rewrites every expression of `plan` and its subqueries; columns keep their names.
pub(crate) fn rewrite(
    plan: LogicalPlan,
    change: &dyn Fn(Expr, &DFSchema) -> Result<Transformed<Expr>>,
) -> Result<LogicalPlan> {
    let rewritten = plan.transform_up_with_subqueries(|plan| {
        let schema = visible(&plan)?;
        let names = NamePreserver::new(&plan);
        plan.map_expressions(|expr| {
            let name = names.save(&expr);
            let changed = expr.transform_up(|expr| change(expr, &schema))?;
            Ok(changed.update_data(|expr| name.restore(expr)))
        })?
        .map_data(LogicalPlan::recompute_schema)
    })?;
    Ok(rewritten.data)
}

/// The columns a plan's expressions may name.
fn visible(plan: &LogicalPlan) -> Result<DFSchema> {
    let mut schema = merge_schema(&plan.inputs());
    match plan {
        LogicalPlan::TableScan(scan) => schema.merge(&DFSchema::try_from_qualified_schema(
            scan.table_name.clone(),
            &scan.source.schema(),
        )?),
        LogicalPlan::Dml(dml) => schema.merge(&DFSchema::try_from_qualified_schema(
            dml.table_name.clone(),
            &dml.target.schema(),
        )?),
        _ => {}
    }
    Ok(schema)
}
