//! `LATERAL FLATTEN(…)`, `SPLIT_TO_TABLE` and `STRTOK_SPLIT_TO_TABLE`: values to rows.
//!
//! <https://docs.snowflake.com/en/sql-reference/functions/flatten>
//! <https://docs.snowflake.com/en/sql-reference/functions/split_to_table>
//!
//! Each is planned over one empty row: a projection makes the list of what the value expands to, UNNEST
//! makes rows of it, a second projection makes the columns. Where the value comes from relations to the
//! left, [`Lateral`] puts those in the place of the empty row: DataFusion cannot run the correlation.

use std::sync::atomic::{AtomicU64, Ordering};

use arrow::datatypes::DataType;
use datafusion::common::{Column, DFSchema, Result, ScalarValue, UnnestOptions, plan_err};
use datafusion::functions::core::expr_fn::get_field;
use datafusion::logical_expr::planner::{
    PlannedRelation, RelationPlanner, RelationPlannerContext, RelationPlanning,
};
use datafusion::logical_expr::{Expr, LogicalPlanBuilder, cast, ident};
use datafusion::sql::sqlparser::ast::{FunctionArg, FunctionArgExpr, TableFactor};

use crate::catalogue::Entry;
use crate::variant::Path;
use crate::variant::cast::CARRIER;

mod columns;
mod lateral;
mod rows;

pub(crate) use lateral::Lateral;

use rows::{Expansion, Mode};

pub(crate) const ENTRIES: &[Entry] = &[
    entry(
        "flatten",
        "table",
        "lateral flatten(input => value [, path => …] [, outer => …] [, recursive => …] [, mode => …])",
    ),
    entry(
        "split_to_table",
        "table",
        "table(split_to_table(text, separator))",
    ),
    entry(
        "strtok_split_to_table",
        "table",
        "table(strtok_split_to_table(text [, delimiters]))",
    ),
    entry(
        "filter",
        "semi-structured",
        "filter(array, element [type] -> condition)",
    ),
    entry(
        "transform",
        "semi-structured",
        "transform(array, element [type] -> value)",
    ),
    entry(
        "reduce",
        "semi-structured",
        "reduce(array, start, (accumulator [type], element [type]) -> value)",
    ),
];

const fn entry(name: &'static str, family: &'static str, syntax: &'static str) -> Entry {
    Entry {
        name,
        aliases: &[],
        family,
        syntax,
        note: "",
    }
}

/// The column that is unnested; no query can name it without quotes.
const ROWS: &str = "$rows";

/// Keeps the columns of two expansions without an alias apart.
static PLANNED: AtomicU64 = AtomicU64::new(0);

/// Plans the table functions that make rows of a value.
#[derive(Debug)]
pub(crate) struct Expansions;

impl RelationPlanner for Expansions {
    fn plan_relation(
        &self,
        relation: TableFactor,
        context: &mut dyn RelationPlannerContext,
    ) -> Result<RelationPlanning> {
        let TableFactor::Function {
            name, args, alias, ..
        } = &relation
        else {
            return Ok(RelationPlanning::Original(Box::new(relation)));
        };
        let name = name.to_string().to_ascii_lowercase();
        let (inputs, expansion) = match name.as_str() {
            "flatten" => flatten(args, context)?,
            "split_to_table" => (texts(&name, args, context)?, Expansion::Split),
            "strtok_split_to_table" => (texts(&name, args, context)?, Expansion::Tokens),
            _ => return Ok(RelationPlanning::Original(Box::new(relation))),
        };
        // Without an alias the columns of several expansions would be of one name.
        let qualifier = format!("{name}_{}", PLANNED.fetch_add(1, Ordering::Relaxed));
        let columns = columns_of(&expansion)
            .into_iter()
            .map(|(name, expr)| expr.alias_qualified(Some(qualifier.as_str()), name))
            .collect::<Vec<_>>();
        let plan = LogicalPlanBuilder::empty(true)
            .project(vec![rows::rows(expansion, inputs).alias(ROWS)])?
            .unnest_column_with_options(
                Column::from_name(ROWS),
                UnnestOptions::new().with_preserve_nulls(false),
            )?
            .project(columns)?
            .build()?;
        Ok(RelationPlanning::Planned(Box::new(PlannedRelation::new(
            plan,
            alias.clone(),
        ))))
    }
}

/// The columns made of an unnested row.
fn columns_of(expansion: &Expansion) -> Vec<(&'static str, Expr)> {
    let field = |name: &str| get_field(ident(ROWS), name);
    match expansion {
        Expansion::Flatten(flatten) => {
            let path = match flatten.recursive {
                true => cast(field("path"), DataType::Utf8),
                false => columns::path(&flatten.prefix, field("key"), field("index")),
            };
            vec![
                ("SEQ", field("seq")),
                ("KEY", columns::key(field("key"))),
                ("PATH", path),
                ("INDEX", field("index")),
                ("VALUE", columns::value(field("value"))),
                ("THIS", columns::value(field("this"))),
            ]
        }
        Expansion::Split | Expansion::Tokens => vec![
            ("SEQ", field("seq")),
            ("INDEX", field("index")),
            ("VALUE", field("value")),
        ],
    }
}

fn flatten(
    args: &[FunctionArg],
    context: &mut dyn RelationPlannerContext,
) -> Result<(Vec<Expr>, Expansion)> {
    const ORDER: [&str; 5] = ["input", "path", "outer", "recursive", "mode"];
    let mut given: [Option<Expr>; 5] = [const { None }; 5];
    for (at, arg) in args.iter().enumerate() {
        let (place, value) = match arg {
            FunctionArg::Named { name, arg, .. } => {
                let name = name.value.to_ascii_lowercase();
                (ORDER.iter().position(|known| *known == name), arg)
            }
            FunctionArg::ExprNamed { name, arg, .. } => {
                let name = name.to_string().to_ascii_lowercase();
                (ORDER.iter().position(|known| *known == name), arg)
            }
            FunctionArg::Unnamed(arg) => (Some(at), arg),
        };
        let (Some(slot), FunctionArgExpr::Expr(value)) =
            (place.and_then(|place| given.get_mut(place)), value)
        else {
            return plan_err!("FLATTEN takes INPUT, PATH, OUTER, RECURSIVE and MODE, not `{arg}`");
        };
        if slot.is_some() {
            return plan_err!("FLATTEN's argument `{arg}` is given twice");
        }
        *slot = Some(context.sql_to_expr(value.clone(), &DFSchema::empty())?);
    }
    let [input, path, outer, recursive, mode] = given;
    let Some(input) = input else {
        return plan_err!("FLATTEN needs an INPUT");
    };
    let prefix = text("PATH", path)?.unwrap_or_default();
    let Some(path) = Path::parse(&prefix) else {
        return plan_err!("FLATTEN's PATH '{prefix}' is no path");
    };
    let mode = match text("MODE", mode)?
        .map(|mode| mode.to_ascii_uppercase())
        .as_deref()
    {
        None | Some("BOTH") => Mode::Both,
        Some("ARRAY") => Mode::Array,
        Some("OBJECT") => Mode::Object,
        Some(other) => {
            return plan_err!("FLATTEN's MODE is 'OBJECT', 'ARRAY' or 'BOTH', not '{other}'");
        }
    };
    let flatten = rows::Flatten {
        path,
        prefix,
        outer: truth("OUTER", outer)?,
        recursive: truth("RECURSIVE", recursive)?,
        mode,
        keeps_all: false,
    };
    Ok((vec![input], Expansion::Flatten(flatten)))
}

/// A constant that says yes or no.
fn truth(name: &str, value: Option<Expr>) -> Result<bool> {
    match value {
        None => Ok(false),
        Some(Expr::Literal(ScalarValue::Boolean(Some(truth)), _)) => Ok(truth),
        Some(other) => plan_err!("FLATTEN's {name} is TRUE or FALSE, not {other}"),
    }
}

/// A constant text.
fn text(name: &str, value: Option<Expr>) -> Result<Option<String>> {
    match value {
        None => Ok(None),
        Some(Expr::Literal(ScalarValue::Utf8(Some(text)), _)) => Ok(Some(text)),
        Some(other) => plan_err!("FLATTEN's {name} is a constant text, not {other}"),
    }
}

fn texts(
    name: &str,
    args: &[FunctionArg],
    context: &mut dyn RelationPlannerContext,
) -> Result<Vec<Expr>> {
    let mut texts = Vec::with_capacity(2);
    for arg in args {
        let FunctionArg::Unnamed(FunctionArgExpr::Expr(value)) = arg else {
            return plan_err!("{} takes texts, not `{arg}`", name.to_uppercase());
        };
        let value = context.sql_to_expr(value.clone(), &DFSchema::empty())?;
        texts.push(cast(value, DataType::Utf8));
    }
    if texts.len() == 1 && name == "strtok_split_to_table" {
        texts.push(Expr::Literal(ScalarValue::from(" "), None));
    }
    if texts.len() != 2 {
        return plan_err!("{} takes a text and a separator", name.to_uppercase());
    }
    Ok(texts)
}

/// What carries a value that is expanded.
const INPUT: DataType = CARRIER;
