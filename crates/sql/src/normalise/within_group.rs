//! `listagg(x, ',') within group (order by y)`: the order moves to where the planner takes it.
//!
//! <https://docs.snowflake.com/en/sql-reference/functions/listagg>,
//! <https://docs.snowflake.com/en/sql-reference/functions/percentile_cont>

use sqlparser::ast::{
    Expr, Function, FunctionArg, FunctionArgExpr, FunctionArgumentClause, FunctionArgumentList,
    FunctionArguments, ObjectNamePart, OrderByExpr, Value, WindowFrame, WindowFrameBound,
    WindowFrameUnits, WindowType,
};

/// Aggregates of Snowflake with WITHIN GROUP that are ordinary ordered aggregates.
const ORDERED: &[&str] = &["LISTAGG", "STRING_AGG", "ARRAY_AGG", "ARRAYAGG"];

/// Aggregates whose order is the value they are of: it becomes an argument, and whether it descends
/// another.
const OF_ORDER: &[&str] = &["PERCENTILE_CONT", "PERCENTILE_DISC"];

/// Moves the order of WITHIN GROUP.
pub(super) fn fold(function: &mut Function) {
    let [ObjectNamePart::Identifier(name)] = function.name.0.as_slice() else {
        return;
    };
    let name = name.value.to_uppercase();
    let FunctionArguments::List(list) = &mut function.args else {
        return;
    };
    if function.within_group.is_empty() {
        return;
    }
    if ORDERED.contains(&name.as_str()) {
        let order = std::mem::take(&mut function.within_group);
        match &mut function.over {
            Some(WindowType::WindowSpec(window)) if window.order_by.is_empty() => {
                // Snowflake takes no ORDER BY in the window of these, so the place is free.
                window.order_by = order;
                window.window_frame = Some(WindowFrame {
                    units: WindowFrameUnits::Rows,
                    start_bound: WindowFrameBound::Preceding(None),
                    end_bound: Some(WindowFrameBound::Following(None)),
                });
            }
            Some(_) => function.within_group = order,
            None => list.clauses.push(FunctionArgumentClause::OrderBy(order)),
        }
    } else if OF_ORDER.contains(&name.as_str()) && function.within_group.len() == 1 {
        let order = std::mem::take(&mut function.within_group);
        order.into_iter().for_each(|order| argue(list, order));
    }
}

/// Appends the ordered value and whether its order descends.
fn argue(list: &mut FunctionArgumentList, order: OrderByExpr) {
    let descending = order.options.asc == Some(false);
    let descending = Expr::value(Value::Boolean(descending));
    for argument in [order.expr, descending] {
        let argument = FunctionArg::Unnamed(FunctionArgExpr::Expr(argument));
        list.args.push(argument);
    }
}
