//! `TABLE(GENERATOR(ROWCOUNT => n))` and `SEQ1()` to `SEQ8()`, which number rows from 0.
//!
//! <https://docs.snowflake.com/en/sql-reference/functions/generator>
//! <https://docs.snowflake.com/en/sql-reference/functions/seq1>

use std::sync::Arc;

use arrow::datatypes::DataType;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{DFSchema, Result, ScalarValue, plan_err};
use datafusion::functions_window::expr_fn::row_number;
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::planner::{
    PlannedRelation, RelationPlanner, RelationPlannerContext, RelationPlanning,
};
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, cast, ident, lit};
use datafusion::optimizer::AnalyzerRule;
use datafusion::sql::sqlparser::ast::{
    Expr as SqlExpr, FunctionArg, FunctionArgExpr, FunctionArguments, TableFactor,
};

use crate::catalogue::Entry;
use crate::scalar::{self, Function, Returns};

/// The generator's only column; no query can name it without quotes.
const NUMBER: &str = "$seq";

const NUMBERING: [&str; 4] = ["seq1", "seq2", "seq4", "seq8"];

pub(crate) const ENTRIES: &[Entry] = &[Entry {
    name: "generator",
    aliases: &[],
    family: "table",
    syntax: "table(generator(rowcount => n))",
    note: "TIMELIMIT is refused",
}];

/// The numbering functions; [`Numbering`] replaces every call before it is evaluated.
pub(crate) const FUNCTIONS: &[Function] = &[
    numbering("seq1", "seq1()"),
    numbering("seq2", "seq2()"),
    numbering("seq4", "seq4()"),
    numbering("seq8", "seq8()"),
];

const fn numbering(name: &'static str, syntax: &'static str) -> Function {
    Function::kernel(
        name,
        syntax,
        &[crate::scalar::Kind::Integer],
        Returns::Integer,
        |_| plan_err!("SEQ4() stands where no rows are numbered"),
    )
    .required(0)
    .volatile()
    .note("numbers the rows from 0 without gaps")
}

/// Plans `TABLE(GENERATOR(…))`.
#[derive(Debug)]
pub(crate) struct Generator;

impl RelationPlanner for Generator {
    fn plan_relation(
        &self,
        relation: TableFactor,
        context: &mut dyn RelationPlannerContext,
    ) -> Result<RelationPlanning> {
        let (arguments, alias) = match relation {
            TableFactor::TableFunction {
                expr: SqlExpr::Function(function),
                alias,
            } if function.name.to_string().eq_ignore_ascii_case("generator") => {
                (function.args, alias)
            }
            // Those of sessions and users are replaced before.
            TableFactor::TableFunction {
                expr: SqlExpr::Function(function),
                ..
            } => return plan_err!("Invalid function '{}'.", function.name),
            other => return Ok(RelationPlanning::Original(Box::new(other))),
        };
        let rows = row_count(arguments, context)?;
        let source = context
            .context_provider()
            .get_table_function_source("generate_series", vec![lit(0_i64), lit(rows - 1)])?;
        let plan = LogicalPlanBuilder::scan("generator", source, None)?
            .project(vec![ident("value").alias(NUMBER)])?
            .build()?;
        Ok(RelationPlanning::Planned(Box::new(PlannedRelation::new(
            plan, alias,
        ))))
    }
}

fn row_count(
    arguments: FunctionArguments,
    context: &mut dyn RelationPlannerContext,
) -> Result<i64> {
    let FunctionArguments::List(list) = arguments else {
        return plan_err!("GENERATOR takes ROWCOUNT => n");
    };
    let [argument] = list.args.as_slice() else {
        return plan_err!("GENERATOR takes ROWCOUNT => n and nothing else");
    };
    let (name, value) = match argument {
        FunctionArg::Named { name, arg, .. } => (name.value.clone(), arg),
        FunctionArg::ExprNamed { name, arg, .. } => (name.to_string(), arg),
        FunctionArg::Unnamed(_) => return plan_err!("GENERATOR takes ROWCOUNT => n"),
    };
    let FunctionArgExpr::Expr(value) = value else {
        return plan_err!("GENERATOR's ROWCOUNT is a number");
    };
    if !name.eq_ignore_ascii_case("rowcount") {
        return plan_err!("GENERATOR takes ROWCOUNT => n, not {name}");
    }
    let expr = context.sql_to_expr(value.clone(), &DFSchema::empty())?;
    match constant(&expr) {
        Some(rows) if rows >= 0 => Ok(rows),
        _ => plan_err!("GENERATOR's ROWCOUNT is a constant whole number, not {expr}"),
    }
}

fn constant(expr: &Expr) -> Option<i64> {
    match expr {
        Expr::Literal(value, _) => match value.cast_to(&DataType::Int64) {
            Ok(ScalarValue::Int64(number)) => number,
            _ => None,
        },
        Expr::Cast(cast) => constant(&cast.expr),
        _ => None,
    }
}

/// Puts row numbers in the place of `SEQ4()`: the generator's, or those of the rows below.
#[derive(Debug)]
pub(crate) struct Numbering;

impl AnalyzerRule for Numbering {
    fn name(&self) -> &str {
        "snowflake_sequences"
    }

    fn analyze(&self, plan: LogicalPlan, _: &ConfigOptions) -> Result<LogicalPlan> {
        let rewritten = plan.transform_up_with_subqueries(|plan| {
            let mut numbered = false;
            plan.apply_expressions(|expr| {
                numbered |= expr.exists(|expr| Ok(is_numbering(expr)))?;
                Ok(TreeNodeRecursion::Continue)
            })?;
            if !numbered {
                return Ok(Transformed::no(plan));
            }
            number_rows(plan).map(Transformed::yes)
        })?;
        Ok(rewritten.data)
    }
}

fn is_numbering(expr: &Expr) -> bool {
    matches!(expr, Expr::ScalarFunction(call)
        if NUMBERING.contains(&call.name()) || seed_of(call).is_some())
}

/// The seed of `RANDOM(seed)`, whose numbers follow from the row's.
fn seed_of(call: &ScalarFunction) -> Option<&Expr> {
    (call.name() == "random")
        .then(|| call.args.first())
        .flatten()
}

/// What stands for a numbering call in the row of this number.
fn numbered(expr: Expr, number: &Expr) -> Result<Transformed<Expr>> {
    let Expr::ScalarFunction(call) = &expr else {
        return Ok(Transformed::no(expr));
    };
    if let Some(seed) = seed_of(call) {
        let seeded = scalar::call("$seeded", vec![seed.clone(), number.clone()])?;
        return Ok(Transformed::yes(seeded));
    }
    Ok(if NUMBERING.contains(&call.name()) {
        Transformed::yes(number.clone())
    } else {
        Transformed::no(expr)
    })
}

fn number_rows(plan: LogicalPlan) -> Result<LogicalPlan> {
    let inputs = plan.inputs();
    let [input] = inputs.as_slice() else {
        return plan_err!("SEQ4() or RANDOM(seed) stands where no rows are numbered");
    };
    let generated = input
        .schema()
        .columns()
        .into_iter()
        .find(|column| column.name == NUMBER);
    let names = NamePreserver::new(&plan);
    let replace = |expr: Expr, number: &Expr| {
        let name = names.save(&expr);
        let replaced = expr.transform_up(|expr| numbered(expr, number))?;
        Ok(replaced.update_data(|expr| name.restore(expr)))
    };
    if let Some(column) = generated {
        let number = Expr::Column(column);
        return plan
            .map_expressions(|expr| replace(expr, &number))?
            .data
            .recompute_schema();
    }
    let LogicalPlan::Projection(projection) = plan else {
        return plan_err!(
            "SEQ4() or RANDOM(seed) outside of a generator stands in the SELECT list only"
        );
    };
    let input = LogicalPlanBuilder::from(Arc::unwrap_or_clone(projection.input))
        .window(vec![row_number().alias(NUMBER)])?
        .build()?;
    let number = cast(ident(NUMBER), DataType::Int64) - lit(1_i64);
    let exprs = projection
        .expr
        .into_iter()
        .map(|expr| replace(expr, &number).map(|replaced| replaced.data))
        .collect::<Result<Vec<_>>>()?;
    LogicalPlanBuilder::from(input).project(exprs)?.build()
}
