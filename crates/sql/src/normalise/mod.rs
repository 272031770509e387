//! Rewrites of the syntax tree: Snowflake's spelling to the one the planner knows.
//!
//! One walk, outside in. Refusals come first, so that no rewrite hides what is not implemented.

mod aggregate_subquery;
mod ambiguous;
mod asof;
mod change;
mod collect;
mod condition;
mod count_distinct;
mod date_parts;
mod distinct_on;
mod grouping;
mod having;
mod in_list;
mod interval;
mod lateral_alias;
mod like;
mod limit;
mod literal;
mod negation;
mod nested_window;
mod nth_value;
mod order;
mod outer_join;
mod qualify;
mod quantified;
mod result_name;
mod rounding;
mod row_value;
mod semi_structured;
mod set_operation;
mod shadow;
mod star;
#[cfg(test)]
mod tests;
mod using;
mod values;
mod within_group;

use std::collections::VecDeque;
use std::ops::ControlFlow;

use diagnostic::{Error, Result};
use sqlparser::ast::{
    Expr, GroupByExpr, Query, Select, Spanned, Statement as Ast, TableAlias, TableFactor, Visitor,
    VisitorMut,
};
use sqlparser::tokenizer::Span;

use crate::refuse::{self, Refusal};
use crate::scope::{Context, Names, anchor_shape, query_shape, with_names};
use crate::{Columns, NoColumns, Statement};

pub(crate) use like::function;
pub(crate) use limit::all_columns;
pub(crate) use nth_value::cut as cut_nth_value;
pub(crate) use result_name::column_name;
pub use result_name::{repeated, shown_name};

/// [`normalise_with`] without knowledge of any relation's columns.
///
/// # Errors
/// As there.
pub fn normalise(statement: Statement) -> Result<Statement> {
    normalise_with(statement, &NoColumns)
}

/// `statement` as the planner understands it.
///
/// **Lateral aliases.** A name in the select list, WHERE, GROUP BY, HAVING or QUALIFY that is no column
/// of the FROM clause and is an alias of the select list stands for the aliased expression, which is
/// inlined. Where `columns` does not know a relation of the FROM clause, a name that an alias's own
/// expression uses (`trim(x) as x`) is taken for a column and any other alias for an alias.
///
/// # Errors
/// `S1001` for what is parsed but not implemented; `S1002` for a date part that does not exist; `S1003`
/// for aliases that refer to each other in a circle or grow without bound; `E1102` for names that two columns
/// of a select list have.
pub fn normalise_with(mut statement: Statement, columns: &dyn Columns) -> Result<Statement> {
    // Taken, not cloned: a copy of a long chain of operators needs as much stack as the chain is long.
    let nothing = Ast::Rollback {
        chain: false,
        savepoint: None,
    };
    let mut tree = std::mem::replace(&mut statement.ast, nothing);
    let mut rewriter = Rewriter {
        statement: &statement,
        columns,
        frames: vec![Frame::default()],
        shadows: 0,
        read: false,
        refused: None,
    };
    let _ = crate::walk_mut(&mut tree, &mut rewriter);
    if let Some(error) = rewriter.refused {
        return Err(error);
    }
    statement.ast = tree;
    Ok(statement)
}

/// Whether [`normalise_with`] may give another result with columns than without: a select uses one of
/// its aliases, or a column by position.
#[must_use]
pub fn wants_columns(statement: &Ast) -> bool {
    struct Selects;
    impl Visitor for Selects {
        type Break = ();

        fn pre_visit_select(&mut self, select: &Select) -> ControlFlow<()> {
            let wants = lateral_alias::wants_columns(select)
                || semi_structured::wants_columns(select)
                || star::wants_columns(select)
                || using::wants_columns(select);
            match wants {
                true => ControlFlow::Break(()),
                false => ControlFlow::Continue(()),
            }
        }
    }
    crate::walk(statement, &mut Selects).is_break()
}

/// One query around the visitor and the names its WITH clause defines so far.
#[derive(Default)]
struct Frame {
    waiting: VecDeque<TableAlias>,
    recursive: bool,
    names: Names,
}

struct Rewriter<'a> {
    statement: &'a Statement,
    columns: &'a dyn Columns,
    frames: Vec<Frame>,
    /// How many names of WITH clauses were changed.
    shadows: usize,
    /// Whether the query to come is what a FROM clause reads.
    read: bool,
    refused: Option<Error>,
}

impl Rewriter<'_> {
    fn names(&self) -> Names {
        self.frames
            .last()
            .map(|frame| frame.names.clone())
            .unwrap_or_default()
    }

    fn refusal(&mut self, verdict: Result<(), Refusal>, span: Span) -> ControlFlow<()> {
        self.check(verdict.map_err(|refusal| {
            let place = self.statement.place(span);
            refuse::unsupported(&refusal.part, refusal.remedy, place)
        }))
    }

    fn check(&mut self, verdict: Result<()>) -> ControlFlow<()> {
        match verdict {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => {
                self.refused.get_or_insert(error);
                ControlFlow::Break(())
            }
        }
    }
}

impl VisitorMut for Rewriter<'_> {
    type Break = ();

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<()> {
        self.refusal(refuse::query(query), query.span())?;
        limit::fetch_to_limit(query);
        limit::drop_nulls(query);
        limit::order_by_all(query);
        distinct_on::rewrite(query);
        let read = std::mem::take(&mut self.read);
        set_operation::rewrite(&mut query.body);
        values::select_rows(&mut query.body, read);
        let names = self.names();
        shadow::rename(query, &names, &mut self.shadows);
        let mut frame = Frame {
            names,
            ..Frame::default()
        };
        if let Some(with) = &query.with {
            frame.waiting = with
                .cte_tables
                .iter()
                .map(|cte| cte.alias.clone())
                .collect();
            frame.recursive = with.recursive;
            if with.recursive {
                // The members refer to each other; what they return is known only after all of them.
                for alias in &frame.waiting {
                    frame
                        .names
                        .define(alias.name.value.clone(), with_names(None, &alias.columns));
                }
            }
        }
        self.frames.push(frame);
        limit::top_to_limit(query);
        self.check(ambiguous::in_order(query, self.statement))?;
        order::rewrite(query);
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, query: &mut Query) -> ControlFlow<()> {
        self.frames.pop();
        let columns = self.columns;
        let Some(frame) = self.frames.last_mut() else {
            return ControlFlow::Continue(());
        };
        // The queries of a WITH clause come first and in order: this one defines the next name.
        if let Some(alias) = frame.waiting.pop_front() {
            let shape = match frame.recursive {
                true => anchor_shape(query, &frame.names, columns),
                false => query_shape(query, &frame.names, columns),
            };
            let shape = with_names(shape, &alias.columns);
            frame.names.define(alias.name.value, shape);
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<()> {
        self.refusal(refuse::select(select), select.span())?;
        self.refusal(outer_join::rewrite(select), select.span())?;
        result_name::name_results(select);
        nested_window::compute_first(select);
        values::number_columns(select);
        semi_structured::bind_expansions(select);
        using::unwrap_first(select);
        select.from.iter_mut().for_each(condition::complete);
        star::name_whole(select);
        select.from.iter_mut().for_each(asof::bracket);
        using::name_subqueries(select);
        grouping::resolve_positions(select);
        grouping::keep_aliased_numbers(select);
        let names = self.names();
        condition::cast_clauses(select);
        aggregate_subquery::tell_apart(select);
        let stars = semi_structured::expand_stars(select, &names, self.columns, self.statement);
        self.check(stars)?;
        let context = Context {
            names: &names,
            columns: self.columns,
        };
        let verdict = using::rewrite(select, &context);
        self.refusal(verdict, select.span())?;
        if star::wants_columns(select) {
            let scope = context.scope(select);
            let verdict = star::expand(select, &scope, self.statement);
            self.check(verdict)?;
        }
        let verdict = lateral_alias::inline(select, &names, self.columns, self.statement);
        having::filter(select);
        nested_window::compute_first(select);
        qualify::name_window(select);
        if matches!(select.group_by, GroupByExpr::All(_)) {
            grouping::name_all(select);
        }
        self.check(verdict)
    }

    fn pre_visit_table_factor(&mut self, factor: &mut TableFactor) -> ControlFlow<()> {
        self.refusal(refuse::table_factor(factor), factor.span())?;
        if let TableFactor::NestedJoin {
            table_with_joins, ..
        } = factor
            && !asof::is_bracketed(table_with_joins)
        {
            condition::complete(table_with_joins);
            asof::bracket(table_with_joins);
        }
        semi_structured::make_lateral(factor);
        self.read = matches!(factor, TableFactor::Derived { .. });
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        self.refusal(refuse::expression(expr), expr.span())?;
        condition::cast_operands(expr);
        like::expand(expr);
        row_value::expand(expr);
        in_list::expand(expr);
        quantified::expand(expr);
        rounding::call(expr);
        literal::read(expr);
        negation::call(expr);
        semi_structured::expand(expr);
        if let Expr::Function(function) = expr {
            grouping::rename(function);
            within_group::fold(function);
            count_distinct::pack(function);
            nth_value::from_last(function);
            nth_value::see_all(function);
            rounding::place_arguments(function);
            literal::keep_bounds(function);
            collect::aggregate(function);
        }
        let verdict = interval::add(expr, self.statement)
            .and_then(|()| date_parts::quote(expr, self.statement));
        self.check(verdict)
    }

    fn pre_visit_statement(&mut self, statement: &mut Ast) -> ControlFlow<()> {
        let span = statement.span();
        self.refusal(change::refuse(statement), span)
    }
}
