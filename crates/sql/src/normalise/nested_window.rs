//! A window function inside of CONDITIONAL_TRUE_EVENT or CONDITIONAL_CHANGE_EVENT, which is how sessions are told
//! apart: `conditional_true_event(datediff(minute, lag(ts) over (…), ts) > 30) over (…)`.
//!
//! The planner has one step of window functions per select, so the inner one is computed by a subquery in FROM:
//! <https://docs.snowflake.com/en/sql-reference/functions/conditional_true_event>.

use std::ops::ControlFlow;

use sqlparser::ast::{
    Expr, Function, GroupByExpr, Ident, Query, Select, SelectItem, SetExpr, TableAlias,
    TableFactor, TableWithJoins, Visit, Visitor, VisitorMut,
};

use crate::parse::template;
use crate::recursive::plain;

/// Moves inner window functions of a select that reads one relation, and does not group, into a subquery.
pub(super) fn compute_first(select: &mut Select) {
    let [TableWithJoins { relation, joins }] = select.from.as_slice() else {
        return;
    };
    let groups = match &select.group_by {
        GroupByExpr::All(_) => true,
        GroupByExpr::Expressions(keys, _) => !keys.is_empty(),
    };
    let Some(alias) = name(relation).filter(|_| joins.is_empty() && !groups) else {
        return;
    };
    // A copy of a long chain of operators needs as much stack as the chain is long.
    if !has_inner(&select.projection) && !has_inner(&select.qualify) {
        return;
    }
    let mut changed = select.clone();
    let mut finder = Events {
        depth: 0,
        found: Vec::new(),
    };
    let _ = crate::walk_mut(&mut changed.projection, &mut finder);
    let _ = crate::walk_mut(&mut changed.qualify, &mut finder);
    if finder.found.is_empty() {
        return;
    }
    let columns: Vec<Ident> = (0..finder.found.len()).map(column).collect();
    if !leave_out(&mut changed.projection, &columns) {
        return;
    }
    let Some(SetExpr::Select(mut inner)) = template("SELECT * FROM T") else {
        return;
    };
    let values = finder.found.into_iter().zip(columns);
    let values = values.map(|(expr, alias)| SelectItem::ExprWithAlias { expr, alias });
    inner.projection.extend(values);
    inner.from = std::mem::take(&mut changed.from);
    inner.selection = changed.selection.take();
    inner.named_window.clone_from(&changed.named_window);
    changed.from = vec![TableWithJoins {
        relation: TableFactor::Derived {
            lateral: false,
            subquery: Box::new(plain(SetExpr::Select(inner))),
            alias: Some(TableAlias {
                explicit: true,
                name: alias,
                columns: Vec::new(),
                at: None,
            }),
            sample: None,
        },
        joins: Vec::new(),
    }];
    *select = changed;
}

/// Whether an event function has a window function inside.
fn has_inner<T: Visit>(tree: &T) -> bool {
    struct Finder {
        depth: usize,
        event: bool,
    }
    impl Visitor for Finder {
        type Break = ();

        fn pre_visit_query(&mut self, _: &Query) -> ControlFlow<()> {
            self.depth += 1;
            ControlFlow::Continue(())
        }

        fn post_visit_query(&mut self, _: &Query) -> ControlFlow<()> {
            self.depth -= 1;
            ControlFlow::Continue(())
        }

        fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
            match expr {
                Expr::Function(function) if self.depth == 0 && function.over.is_some() => {
                    match self.event {
                        true => ControlFlow::Break(()),
                        false if is_event(function) => {
                            let mut inside = Self {
                                depth: 0,
                                event: true,
                            };
                            crate::walk(&function.args, &mut inside)
                        }
                        false => ControlFlow::Continue(()),
                    }
                }
                _ => ControlFlow::Continue(()),
            }
        }
    }
    let mut finder = Finder {
        depth: 0,
        event: false,
    };
    crate::walk(tree, &mut finder).is_break()
}

fn column(at: usize) -> Ident {
    Ident::with_quote('"', format!("$event{at}"))
}

/// What expressions call the rows of `relation`.
fn name(relation: &TableFactor) -> Option<Ident> {
    match relation {
        TableFactor::Table { name, alias, .. } => match alias {
            Some(alias) => Some(alias.name.clone()),
            None => name.0.last()?.as_ident().cloned(),
        },
        TableFactor::Derived { alias, .. } => match alias {
            Some(alias) => Some(alias.name.clone()),
            None => Some(Ident::with_quote('"', "$events")),
        },
        _ => None,
    }
}

/// Lets `*` give no more than the relation has; not if it says itself what it leaves out.
fn leave_out(projection: &mut [SelectItem], columns: &[Ident]) -> bool {
    let names: Vec<String> = columns.iter().map(ToString::to_string).collect();
    let text = format!("SELECT * EXCLUDE ({}) FROM T", names.join(", "));
    let Some(SetExpr::Select(written)) = template(&text) else {
        return false;
    };
    let Some(SelectItem::Wildcard(exclude)) = written.projection.into_iter().next() else {
        return false;
    };
    for item in projection {
        if let SelectItem::Wildcard(options) | SelectItem::QualifiedWildcard(_, options) = item {
            if options.opt_exclude.is_some() || options.opt_ilike.is_some() {
                return false;
            }
            options.opt_exclude.clone_from(&exclude.opt_exclude);
        }
    }
    true
}

/// Takes window functions out of the arguments of event functions, outside of subqueries.
struct Events {
    depth: usize,
    found: Vec<Expr>,
}

impl VisitorMut for Events {
    type Break = ();

    fn pre_visit_query(&mut self, _: &mut Query) -> ControlFlow<()> {
        self.depth += 1;
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, _: &mut Query) -> ControlFlow<()> {
        self.depth -= 1;
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        if self.depth > 0 {
            return ControlFlow::Continue(());
        }
        if let Expr::Function(function) = expr
            && is_event(function)
        {
            let mut inner = Inner {
                depth: 0,
                found: &mut self.found,
            };
            return crate::walk_mut(&mut function.args, &mut inner);
        }
        ControlFlow::Continue(())
    }
}

fn is_event(function: &Function) -> bool {
    let name = function.name.to_string().to_uppercase();
    let events = ["CONDITIONAL_TRUE_EVENT", "CONDITIONAL_CHANGE_EVENT"];
    function.over.is_some() && events.contains(&name.as_str())
}

/// Puts names in the places of window functions.
struct Inner<'a> {
    depth: usize,
    found: &'a mut Vec<Expr>,
}

impl VisitorMut for Inner<'_> {
    type Break = ();

    fn pre_visit_query(&mut self, _: &mut Query) -> ControlFlow<()> {
        self.depth += 1;
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, _: &mut Query) -> ControlFlow<()> {
        self.depth -= 1;
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        if self.depth == 0
            && let Expr::Function(function) = expr
            && function.over.is_some()
        {
            let name = Expr::Identifier(column(self.found.len()));
            self.found.push(std::mem::replace(expr, name));
        }
        ControlFlow::Continue(())
    }
}
