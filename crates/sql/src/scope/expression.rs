//! The columns an expression takes its values from.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use sqlparser::ast::{Expr, Ident, Query, Visitor};

use super::{ColumnRef, Context, Scope, query_shape};

/// The columns of base relations that `expr` reads. A name no relation of `scope` is known to have is
/// reported with an empty relation: it may be an alias of the same select.
pub(crate) fn origins(expr: &Expr, scope: &Scope, context: &Context<'_>) -> BTreeSet<ColumnRef> {
    let mut reader = Reader {
        scope,
        context,
        depth: 0,
        found: BTreeSet::new(),
    };
    let _ = crate::walk(expr, &mut reader);
    reader.found
}

struct Reader<'a> {
    scope: &'a Scope,
    context: &'a Context<'a>,
    /// How many subqueries of the expression the visitor is in.
    depth: usize,
    found: BTreeSet<ColumnRef>,
}

impl Reader<'_> {
    fn column(&mut self, name: &str) {
        for member in &self.scope.members {
            let columns = member.shape.iter().flatten();
            if let Some(column) = columns.into_iter().find(|column| column.name == name) {
                self.found.extend(column.origins.iter().cloned());
                return;
            }
        }
        // One unknown table alone can only be where the name comes from.
        if let [member] = self.scope.members.as_slice()
            && let (None, Some(relation)) = (&member.shape, &member.relation)
        {
            self.insert(relation.clone(), name);
            return;
        }
        self.insert(String::new(), name);
    }

    fn insert(&mut self, relation: String, column: &str) {
        self.found.insert(ColumnRef {
            relation,
            column: column.to_owned(),
        });
    }

    fn qualified(&mut self, parts: &[Ident]) {
        let Some((column, qualifier)) = parts.split_last() else {
            return;
        };
        let qualifier: Vec<&str> = qualifier.iter().map(|part| part.value.as_str()).collect();
        let member = self.scope.members.iter().find(|member| {
            let tail = member.qualifier.len().checked_sub(qualifier.len());
            tail.is_some_and(|tail| member.qualifier[tail..].iter().eq(qualifier.iter()))
        });
        let Some(member) = member else {
            return;
        };
        match (&member.shape, &member.relation) {
            (Some(columns), _) => {
                let found = columns.iter().find(|known| known.name == column.value);
                self.found.extend(
                    found
                        .iter()
                        .flat_map(|column| column.origins.iter().cloned()),
                );
            }
            (None, Some(relation)) => self.insert(relation.clone(), &column.value),
            (None, None) => {}
        }
    }
}

impl Visitor for Reader<'_> {
    type Break = ();

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
        if self.depth == 0 {
            let shape = query_shape(query, self.context.names, self.context.columns);
            for column in shape.iter().flatten() {
                self.found.extend(column.origins.iter().cloned());
            }
        }
        self.depth += 1;
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, _: &Query) -> ControlFlow<()> {
        self.depth -= 1;
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
        match expr {
            Expr::Identifier(name) if self.depth == 0 => self.column(&name.value),
            Expr::CompoundIdentifier(parts) if self.depth == 0 => self.qualified(parts),
            _ => {}
        }
        ControlFlow::Continue(())
    }
}
