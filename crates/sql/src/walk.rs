//! [`walk`] and [`walk_mut`]: the walk through a syntax tree, compiled once; [`expressions`] and [`expressions_mut`]:
//! that through its expressions; [`own_expressions`] and [`own_expressions_mut`]: that through a query's own ones.
//!
//! `sqlparser` makes the code of the walk anew for each type of visitor in each crate, a fifth of a megabyte each.

use std::ops::ControlFlow;

use sqlparser::ast::{
    Expr, FunctionArguments, GroupByExpr, MergeClause, MergeInsertKind, ObjectName, OrderBy,
    OrderByExpr, Query, Select, SelectItem, SetExpr, Statement, TableFactor, TableWithJoins,
    ValueWithSpan, Visit, VisitMut, Visitor, VisitorMut,
};

/// A part of a syntax tree that can be walked through. Its types are listed here, so that no other crate holds the code
/// of the walk.
pub trait Node {
    /// Shows `visitor` every part of the node, outside in, until it breaks.
    fn shown(&self, visitor: &mut dyn Visitor<Break = ()>) -> ControlFlow<()>;

    /// Lets `visitor` change every part of the node, outside in, until it breaks.
    fn changed(&mut self, visitor: &mut dyn VisitorMut<Break = ()>) -> ControlFlow<()>;
}

macro_rules! nodes {
    ($($node:ty),*) => {$(
        impl Node for $node {
            fn shown(&self, visitor: &mut dyn Visitor<Break = ()>) -> ControlFlow<()> {
                self.visit(&mut Forward(visitor))
            }

            fn changed(&mut self, visitor: &mut dyn VisitorMut<Break = ()>) -> ControlFlow<()> {
                self.visit(&mut ForwardMut(visitor))
            }
        }
    )*};
}

nodes!(
    Expr,
    FunctionArguments,
    GroupByExpr,
    MergeClause,
    MergeInsertKind,
    OrderBy,
    OrderByExpr,
    Query,
    Select,
    SelectItem,
    SetExpr,
    Statement,
    TableFactor,
    TableWithJoins
);

impl<N: Node> Node for Box<N> {
    fn shown(&self, visitor: &mut dyn Visitor<Break = ()>) -> ControlFlow<()> {
        self.as_ref().shown(visitor)
    }

    fn changed(&mut self, visitor: &mut dyn VisitorMut<Break = ()>) -> ControlFlow<()> {
        self.as_mut().changed(visitor)
    }
}

impl<N: Node> Node for Option<N> {
    fn shown(&self, visitor: &mut dyn Visitor<Break = ()>) -> ControlFlow<()> {
        self.iter().try_for_each(|node| node.shown(visitor))
    }

    fn changed(&mut self, visitor: &mut dyn VisitorMut<Break = ()>) -> ControlFlow<()> {
        self.iter_mut().try_for_each(|node| node.changed(visitor))
    }
}

impl<N: Node> Node for Vec<N> {
    fn shown(&self, visitor: &mut dyn Visitor<Break = ()>) -> ControlFlow<()> {
        self.iter().try_for_each(|node| node.shown(visitor))
    }

    fn changed(&mut self, visitor: &mut dyn VisitorMut<Break = ()>) -> ControlFlow<()> {
        self.iter_mut().try_for_each(|node| node.changed(visitor))
    }
}

/// Shows `visitor` every part of `node`, outside in, until it breaks.
pub fn walk<N: Node>(node: &N, visitor: &mut dyn Visitor<Break = ()>) -> ControlFlow<()> {
    node.shown(visitor)
}

/// Lets `visitor` change every part of `node`, outside in, until it breaks.
pub fn walk_mut<N: Node>(
    node: &mut N,
    visitor: &mut dyn VisitorMut<Break = ()>,
) -> ControlFlow<()> {
    node.changed(visitor)
}

/// Shows `each` the expressions of `node`, outside in, until it breaks.
pub fn expressions<N: Node>(
    node: &N,
    each: &mut dyn FnMut(&Expr) -> ControlFlow<()>,
) -> ControlFlow<()> {
    node.shown(&mut Expressions {
        each,
        queries: 0,
        deepest: usize::MAX,
    })
}

/// Lets `each` change the expressions of `node`, inside out: what it puts in is not shown to it.
pub fn expressions_mut<N: Node>(
    node: &mut N,
    each: &mut dyn FnMut(&mut Expr) -> ControlFlow<()>,
) -> ControlFlow<()> {
    node.changed(&mut ExpressionsMut {
        each,
        queries: 0,
        deepest: usize::MAX,
    })
}

/// As [`expressions`], without those that stand in subqueries.
pub fn own_expressions<N: Node>(
    node: &N,
    each: &mut dyn FnMut(&Expr) -> ControlFlow<()>,
) -> ControlFlow<()> {
    node.shown(&mut Expressions {
        each,
        queries: 0,
        deepest: 0,
    })
}

/// As [`expressions_mut`], without those that stand in subqueries.
pub fn own_expressions_mut<N: Node>(
    node: &mut N,
    each: &mut dyn FnMut(&mut Expr) -> ControlFlow<()>,
) -> ControlFlow<()> {
    node.changed(&mut ExpressionsMut {
        each,
        queries: 0,
        deepest: 0,
    })
}

struct Expressions<'a> {
    each: &'a mut dyn FnMut(&Expr) -> ControlFlow<()>,
    /// How many queries are around the expression.
    queries: usize,
    /// In how many queries an expression may stand.
    deepest: usize,
}

impl Visitor for Expressions<'_> {
    type Break = ();

    fn pre_visit_query(&mut self, _: &Query) -> ControlFlow<()> {
        self.queries += 1;
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, _: &Query) -> ControlFlow<()> {
        self.queries -= 1;
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
        match self.queries <= self.deepest {
            true => (self.each)(expr),
            false => ControlFlow::Continue(()),
        }
    }
}

/// As [`Expressions`].
struct ExpressionsMut<'a> {
    each: &'a mut dyn FnMut(&mut Expr) -> ControlFlow<()>,
    queries: usize,
    deepest: usize,
}

impl VisitorMut for ExpressionsMut<'_> {
    type Break = ();

    fn pre_visit_query(&mut self, _: &mut Query) -> ControlFlow<()> {
        self.queries += 1;
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, _: &mut Query) -> ControlFlow<()> {
        self.queries -= 1;
        ControlFlow::Continue(())
    }

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        match self.queries <= self.deepest {
            true => (self.each)(expr),
            false => ControlFlow::Continue(()),
        }
    }
}

/// Calls every method of the visitor: one that is missing here would not be called.
struct Forward<'a>(&'a mut dyn Visitor<Break = ()>);

impl Visitor for Forward<'_> {
    type Break = ();

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
        self.0.pre_visit_query(query)
    }

    fn post_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
        self.0.post_visit_query(query)
    }

    fn pre_visit_select(&mut self, select: &Select) -> ControlFlow<()> {
        self.0.pre_visit_select(select)
    }

    fn post_visit_select(&mut self, select: &Select) -> ControlFlow<()> {
        self.0.post_visit_select(select)
    }

    fn pre_visit_relation(&mut self, relation: &ObjectName) -> ControlFlow<()> {
        self.0.pre_visit_relation(relation)
    }

    fn post_visit_relation(&mut self, relation: &ObjectName) -> ControlFlow<()> {
        self.0.post_visit_relation(relation)
    }

    fn pre_visit_table_factor(&mut self, table_factor: &TableFactor) -> ControlFlow<()> {
        self.0.pre_visit_table_factor(table_factor)
    }

    fn post_visit_table_factor(&mut self, table_factor: &TableFactor) -> ControlFlow<()> {
        self.0.post_visit_table_factor(table_factor)
    }

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
        self.0.pre_visit_expr(expr)
    }

    fn post_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
        self.0.post_visit_expr(expr)
    }

    fn pre_visit_statement(&mut self, statement: &Statement) -> ControlFlow<()> {
        self.0.pre_visit_statement(statement)
    }

    fn post_visit_statement(&mut self, statement: &Statement) -> ControlFlow<()> {
        self.0.post_visit_statement(statement)
    }

    fn pre_visit_value(&mut self, value: &ValueWithSpan) -> ControlFlow<()> {
        self.0.pre_visit_value(value)
    }

    fn post_visit_value(&mut self, value: &ValueWithSpan) -> ControlFlow<()> {
        self.0.post_visit_value(value)
    }
}

/// As [`Forward`].
struct ForwardMut<'a>(&'a mut dyn VisitorMut<Break = ()>);

impl VisitorMut for ForwardMut<'_> {
    type Break = ();

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<()> {
        self.0.pre_visit_query(query)
    }

    fn post_visit_query(&mut self, query: &mut Query) -> ControlFlow<()> {
        self.0.post_visit_query(query)
    }

    fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<()> {
        self.0.pre_visit_select(select)
    }

    fn post_visit_select(&mut self, select: &mut Select) -> ControlFlow<()> {
        self.0.post_visit_select(select)
    }

    fn pre_visit_relation(&mut self, relation: &mut ObjectName) -> ControlFlow<()> {
        self.0.pre_visit_relation(relation)
    }

    fn post_visit_relation(&mut self, relation: &mut ObjectName) -> ControlFlow<()> {
        self.0.post_visit_relation(relation)
    }

    fn pre_visit_table_factor(&mut self, table_factor: &mut TableFactor) -> ControlFlow<()> {
        self.0.pre_visit_table_factor(table_factor)
    }

    fn post_visit_table_factor(&mut self, table_factor: &mut TableFactor) -> ControlFlow<()> {
        self.0.post_visit_table_factor(table_factor)
    }

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        self.0.pre_visit_expr(expr)
    }

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        self.0.post_visit_expr(expr)
    }

    fn pre_visit_statement(&mut self, statement: &mut Statement) -> ControlFlow<()> {
        self.0.pre_visit_statement(statement)
    }

    fn post_visit_statement(&mut self, statement: &mut Statement) -> ControlFlow<()> {
        self.0.post_visit_statement(statement)
    }

    fn pre_visit_value(&mut self, value: &mut ValueWithSpan) -> ControlFlow<()> {
        self.0.pre_visit_value(value)
    }

    fn post_visit_value(&mut self, value: &mut ValueWithSpan) -> ControlFlow<()> {
        self.0.post_visit_value(value)
    }
}
