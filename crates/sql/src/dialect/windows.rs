//! Windows: those that have names (`over w … window w as (…)`), and those that end where nothing is said.
//!
//! <https://www.postgresql.org/docs/current/sql-select.html#SQL-WINDOW>

use std::ops::ControlFlow;

use sqlparser::ast::{
    Expr, Function, Ident, NamedWindowDefinition, NamedWindowExpr, Query, SetExpr, WindowFrame,
    WindowFrameBound, WindowFrameUnits, WindowSpec, WindowType,
};

use super::calls::name_of;

/// Ends the frame of LAST_VALUE and NTH_VALUE at the current row and its peers, where the standard has it; here it would be
/// the whole partition. Whether it had no end.
pub(super) fn bound(function: &mut Function) -> bool {
    let names = ["last_value", "nth_value"];
    if !name_of(function).is_some_and(|name| names.contains(&name.as_str())) {
        return false;
    }
    match &mut function.over {
        Some(WindowType::WindowSpec(window))
            if window.window_frame.is_none() && !window.order_by.is_empty() =>
        {
            window.window_frame = Some(WindowFrame {
                units: WindowFrameUnits::Range,
                start_bound: WindowFrameBound::Preceding(None),
                end_bound: Some(WindowFrameBound::CurrentRow),
            });
            true
        }
        _ => false,
    }
}

/// Writes windows where they are called; whether there were any.
pub(super) fn inline(query: &mut Query) -> bool {
    let SetExpr::Select(select) = query.body.as_mut() else {
        return false;
    };
    let mut known: Vec<(Ident, WindowSpec)> = Vec::new();
    for NamedWindowDefinition(name, window) in std::mem::take(&mut select.named_window) {
        let window = match window {
            NamedWindowExpr::NamedWindow(other) => found(&known, &other),
            NamedWindowExpr::WindowSpec(window) => Some(whole(&known, window)),
        };
        known.extend(window.map(|window| (name, window)));
    }
    if known.is_empty() {
        return false;
    }
    let mut written = |expr: &mut Expr| {
        if let Expr::Function(function) = expr {
            let over = function.over.take().map(|over| match over {
                WindowType::NamedWindow(name) => match found(&known, &name) {
                    Some(window) => WindowType::WindowSpec(window),
                    None => WindowType::NamedWindow(name),
                },
                WindowType::WindowSpec(window) => WindowType::WindowSpec(whole(&known, window)),
            });
            function.over = over;
        }
        ControlFlow::Continue(())
    };
    let _ = crate::own_expressions_mut(select, &mut written);
    if let Some(order) = &mut query.order_by {
        let _ = crate::own_expressions_mut(order, &mut written);
    }
    true
}

fn found(known: &[(Ident, WindowSpec)], name: &Ident) -> Option<WindowSpec> {
    let is = |(known, _): &&(Ident, WindowSpec)| known.value.eq_ignore_ascii_case(&name.value);
    known.iter().find(is).map(|(_, window)| window.clone())
}

/// `(w order by a)` with the partitions, and the order, of `w`.
fn whole(known: &[(Ident, WindowSpec)], mut window: WindowSpec) -> WindowSpec {
    let base = window
        .window_name
        .as_ref()
        .and_then(|name| found(known, name));
    if let Some(base) = base {
        window.window_name = None;
        window.partition_by = base.partition_by;
        if window.order_by.is_empty() {
            window.order_by = base.order_by;
        }
    }
    window
}
