//! WITH clauses that define a name again: the inner one hides the outer one, and the planner knows every
//! name once. The inner name gets a number, and its uses an alias.

use std::ops::ControlFlow;

use sqlparser::ast::{Ident, ObjectName, Query, TableAlias, TableFactor, VisitorMut};

use crate::recursive::names_itself;
use crate::scope::{Names, dotted};

/// Renames what `query` defines and `names` holds already.
pub(super) fn rename(query: &mut Query, names: &Names, number: &mut usize) {
    let Some(with) = &mut query.with else {
        return;
    };
    let recursive = with.recursive;
    for position in 0..with.cte_tables.len() {
        let Some((table, later)) = with
            .cte_tables
            .get_mut(position..)
            .and_then(<[_]>::split_first_mut)
        else {
            return;
        };
        let old = table.alias.name.value.clone();
        if !names.has(&old) {
            continue;
        }
        *number += 1;
        let new = Ident::with_quote('"', format!("{old}${number}"));
        let mut redirect = Redirect {
            from: &old,
            to: new.clone(),
            hidden: 0,
        };
        if recursive && names_itself(table) {
            let _ = crate::walk_mut(&mut table.query, &mut redirect);
        }
        table.alias.name = new;
        for table in later {
            let _ = crate::walk_mut(&mut table.query, &mut redirect);
        }
        let _ = crate::walk_mut(&mut query.body, &mut redirect);
        let _ = crate::walk_mut(&mut query.order_by, &mut redirect);
    }
}

/// Reads `to` where `from` is read.
struct Redirect<'a> {
    from: &'a str,
    to: Ident,
    /// How many of the queries around define `from` themselves.
    hidden: usize,
}

impl Redirect<'_> {
    fn hides(&self, query: &Query) -> bool {
        query.with.iter().any(|with| {
            with.cte_tables
                .iter()
                .any(|table| table.alias.name.value == self.from)
        })
    }
}

impl VisitorMut for Redirect<'_> {
    type Break = ();

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<()> {
        self.hidden += usize::from(self.hides(query));
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, query: &mut Query) -> ControlFlow<()> {
        self.hidden -= usize::from(self.hides(query));
        ControlFlow::Continue(())
    }

    fn pre_visit_table_factor(&mut self, factor: &mut TableFactor) -> ControlFlow<()> {
        if self.hidden == 0
            && let TableFactor::Table { name, alias, .. } = factor
            && name.0.len() == 1
            && dotted(name) == self.from
        {
            let old = name.0.first().and_then(|part| part.as_ident().cloned());
            *name = ObjectName::from(vec![self.to.clone()]);
            if let (None, Some(old)) = (&alias, old) {
                *alias = Some(TableAlias {
                    explicit: true,
                    name: old,
                    columns: Vec::new(),
                    at: None,
                });
            }
        }
        ControlFlow::Continue(())
    }
}
