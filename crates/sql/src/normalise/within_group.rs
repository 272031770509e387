//! `listagg(x, ',') within group (order by y)`: the order moves inside the call for the aggregates
//! that the planner knows only so.

use sqlparser::ast::{Function, FunctionArgumentClause, FunctionArguments, ObjectNamePart};

/// Aggregates of Snowflake with WITHIN GROUP that are ordinary ordered aggregates
/// (<https://docs.snowflake.com/en/sql-reference/functions/listagg>, `array_agg` likewise).
/// `percentile_cont` and its kin are ordered-set aggregates and stay.
const ORDERED: &[&str] = &["LISTAGG", "STRING_AGG", "ARRAY_AGG"];

/// Moves the order of WITHIN GROUP into the argument list.
pub(super) fn fold(function: &mut Function) {
    let [ObjectNamePart::Identifier(name)] = function.name.0.as_slice() else {
        return;
    };
    if function.within_group.is_empty() || !ORDERED.contains(&name.value.to_uppercase().as_str()) {
        return;
    }
    if let FunctionArguments::List(list) = &mut function.args {
        let order = std::mem::take(&mut function.within_group);
        list.clauses.push(FunctionArgumentClause::OrderBy(order));
    }
}
