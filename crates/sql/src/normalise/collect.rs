//! `st_collect(g)`: of one argument an aggregate, of two a function
//! (<https://docs.snowflake.com/en/sql-reference/functions/st_collect>).

use sqlparser::ast::{Function, FunctionArguments, Ident, ObjectName};

/// Gives the aggregate a name of its own, because the planner takes functions by name alone.
pub(super) fn aggregate(function: &mut Function) {
    if function.name.to_string() != "ST_COLLECT" {
        return;
    }
    if let FunctionArguments::List(list) = &function.args
        && list.args.len() == 1
    {
        function.name = ObjectName::from(vec![Ident::new("ST_COLLECT_AGG")]);
    }
}
