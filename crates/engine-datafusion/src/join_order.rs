//! Inner joins in the order in which they handle the fewest rows, whatever the order they are written in.
//!
//! `from lineitem join orders … join customer … join nation … where nation.name = 'PERU'` keeps few rows, but joins
//! all of them first if it is run as written. [`JoinOrder`] takes a tree of inner joins apart, into the relations it
//! joins and the conditions between them, and puts it together again: every way to do so is tried for up to
//! [`ALL_WAYS`] relations, by what is known of smaller sets of them (Selinger et al., Access Path Selection in a
//! Relational Database Management System, 1979, with bushy trees); for more, the cheapest two are joined again and
//! again. What is equal by way of a third column is known to be equal.
//!
//! Trees stay as they are written if a table in them does not know its rows, if they are small, if a relation has no
//! condition with the others, or if a condition could fail: it might meet rows that others leave out.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::datatypes::DataType;
use datafusion::common::tree_node::{Transformed, TreeNodeRecursion};
use datafusion::common::{Column, DFSchema, DFSchemaRef, NullEquality, Result};
use datafusion::logical_expr::logical_plan::{Join, Projection};
use datafusion::logical_expr::utils::{conjunction, split_conjunction};
use datafusion::logical_expr::{
    BinaryExpr, Expr, ExprSchemable, JoinConstraint, JoinType, LogicalPlan, Operator,
};
use datafusion::optimizer::optimizer::Optimizer;
use datafusion::optimizer::{OptimizerConfig, OptimizerRule};

use crate::cardinality::{self, Distinct, key};

/// With more relations, not all ways to join them are tried: their number grows as the power of three.
const ALL_WAYS: usize = 9;

/// Relations as bits of a number.
type Set = u64;

/// Below so many rows in all tables every order is quick.
const FEW_ROWS: f64 = 100_000.0;

/// Guesses are not worth another order for less than this part of the written one's cost.
const WORTHWHILE: f64 = 0.9;

/// What a row costs that is put into a hash table, compared to one that is looked up in it.
const BUILD: f64 = 2.0;

/// Orders inner joins.
#[derive(Debug)]
struct JoinOrder;

/// Adds the rule to `optimizer`, when conditions are where they belong and columns are not chosen yet.
pub(crate) fn add_to(optimizer: &mut Optimizer) {
    const BEFORE: &str = "single_distinct_aggregation_to_group_by";
    let at = optimizer
        .rules
        .iter()
        .position(|rule| rule.name() == BEFORE);
    if let Some(at) = at {
        optimizer.rules.insert(at, Arc::new(JoinOrder));
    }
}

impl OptimizerRule for JoinOrder {
    fn name(&self) -> &'static str {
        "join_order"
    }

    fn rewrite(
        &self,
        plan: LogicalPlan,
        _: &dyn OptimizerConfig,
    ) -> Result<Transformed<LogicalPlan>> {
        ordered(plan)
    }
}

/// `plan` with all trees of inner joins in it ordered.
fn ordered(plan: LogicalPlan) -> Result<Transformed<LogicalPlan>> {
    plan.transform_down_with_subqueries(|node| {
        if inner(&node).is_none() {
            return Ok(Transformed::no(node));
        }
        let node = Arc::new(node);
        let mut tree = Tree::new(Arc::clone(node.schema()));
        let written = tree.take(&node);
        let Some(better) = Graph::of(&tree).and_then(|graph| graph.better_than(&written)) else {
            // Trees in it may have an order of their own.
            return Ok(Transformed::no(Arc::unwrap_or_clone(node)));
        };
        for relation in &mut tree.relations {
            *relation = Arc::new(ordered(relation.as_ref().clone())?.data);
        }
        let columns = node.schema().columns().into_iter().map(Expr::Column);
        let projection = Projection::try_new_with_schema(
            columns.collect(),
            Arc::new(better.assemble(&tree)?),
            Arc::clone(node.schema()),
        )?;
        let plan = LogicalPlan::Projection(projection);
        Ok(Transformed::new(plan, true, TreeNodeRecursion::Jump))
    })
}

/// The inner join that `plan` is.
fn inner(plan: &LogicalPlan) -> Option<&Join> {
    match plan {
        LogicalPlan::Join(join)
            if join.join_type == JoinType::Inner
                && join.null_equality == NullEquality::NullEqualsNothing =>
        {
            Some(join)
        }
        _ => None,
    }
}

/// In which order relations are joined.
#[derive(Clone, Debug)]
enum Order {
    Relation(usize),
    Join(Arc<Self>, Arc<Self>),
}

/// Relations and the conditions between them.
struct Tree {
    /// The columns of all relations.
    schema: DFSchemaRef,
    relations: Vec<Arc<LogicalPlan>>,
    on: Vec<(Expr, Expr)>,
    filters: Vec<Expr>,
}

impl Tree {
    fn new(schema: DFSchemaRef) -> Self {
        Self {
            schema,
            relations: Vec::new(),
            on: Vec::new(),
            filters: Vec::new(),
        }
    }

    /// Adds what `plan` joins; tells its order.
    fn take(&mut self, plan: &Arc<LogicalPlan>) -> Order {
        let Some(join) = inner(plan) else {
            self.relations.push(Arc::clone(plan));
            return Order::Relation(self.relations.len() - 1);
        };
        let (left, right) = (self.take(&join.left), self.take(&join.right));
        self.on.extend(join.on.iter().cloned());
        let filters = join.filter.iter().flat_map(split_conjunction);
        self.filters.extend(filters.cloned());
        Order::Join(Arc::new(left), Arc::new(right))
    }

    /// The only relation that has `column`.
    fn relation_of(&self, column: &Column) -> Option<usize> {
        let having =
            |(_, relation): &(usize, &Arc<LogicalPlan>)| relation.schema().has_column(column);
        let mut found = self.relations.iter().enumerate().filter(having);
        match (found.next(), found.next()) {
            (Some((at, _)), None) => Some(at),
            _ => None,
        }
    }
}

/// A column that is compared, or what it is cast to.
#[derive(Clone)]
struct Key {
    relation: usize,
    expr: Expr,
    /// How many values it is known to have, and is guessed to have.
    distinct: Distinct,
    values: f64,
    /// How many rows its table has.
    table_rows: f64,
}

impl Key {
    fn of(tree: &Tree, rows: &[f64], expr: &Expr) -> Option<Self> {
        let column = key(expr)?;
        let relation = tree.relation_of(column)?;
        let plan = &tree.relations[relation];
        let all = rows[relation];
        let distinct = cardinality::distinct(plan, column).unwrap_or(Distinct::at_most(all));
        cannot_fail(expr, &tree.schema).then(|| Self {
            relation,
            expr: expr.clone(),
            values: distinct.values,
            distinct,
            table_rows: cardinality::origin_rows(plan, column).unwrap_or(all),
        })
    }

    /// Whether what equals it equals everything that equals it: other types are equal by way of casts, and
    /// there are two zeros.
    fn is_transitive(&self, tree: &Tree) -> bool {
        let kind = self.expr.get_type(&tree.schema);
        matches!(self.expr, Expr::Column(_)) && kind.is_ok_and(|kind| !kind.is_floating())
    }
}

/// What is known of a [`Tree`].
struct Graph {
    rows: Vec<f64>,
    /// Keys that are all equal.
    classes: Vec<Vec<Key>>,
    /// Other conditions, by the relations they are about, and the part of rows that they keep.
    filters: Vec<(Set, f64)>,
}

/// A set of relations, joined in the cheapest way known.
struct Way {
    rows: f64,
    cost: f64,
    order: Arc<Order>,
}

impl Graph {
    /// The graph of `tree`, if it is one that may be ordered.
    fn of(tree: &Tree) -> Option<Self> {
        let count = tree.relations.len();
        if !(3..=Set::BITS as usize).contains(&count) {
            return None;
        }
        let rows = tree.relations.iter();
        let rows: Vec<f64> = rows
            .map(|plan| cardinality::rows(plan))
            .collect::<Option<_>>()?;
        if rows.iter().sum::<f64>() < FEW_ROWS {
            return None;
        }
        Some(Self {
            classes: classes(tree, &rows)?,
            filters: filters(tree)?,
            rows,
        })
    }

    /// The cheapest order of all, if it is cheaper than `written`.
    fn better_than(self, written: &Order) -> Option<Better> {
        let count = self.rows.len();
        let best = if count <= ALL_WAYS {
            self.of_all_ways()
        } else {
            self.greedy()
        }?;
        let known = self.cost_of(written);
        tracing::debug!(cost = best.cost, written = known.cost, order = ?best.order, "joins");
        // What is about as good stays as it is written.
        (best.cost < known.cost * WORTHWHILE).then_some(Better {
            order: best.order,
            classes: self.classes,
        })
    }

    fn relation(&self, at: usize) -> Way {
        Way {
            rows: self.rows[at],
            cost: 0.0,
            order: Arc::new(Order::Relation(at)),
        }
    }

    fn cost_of(&self, order: &Order) -> Way {
        match order {
            Order::Relation(at) => self.relation(*at),
            Order::Join(left, right) => {
                let (sets, ways) = (
                    (relations(left), relations(right)),
                    (self.cost_of(left), self.cost_of(right)),
                );
                let (rows, _) = self.joined_rows((sets.0, &ways.0), (sets.1, &ways.1));
                join(&ways.0, &ways.1, rows)
            }
        }
    }

    /// How many rows two sets of relations give, and whether there is a condition between them.
    fn joined_rows(&self, left: (Set, &Way), right: (Set, &Way)) -> (f64, bool) {
        // Of the pairs of two sets, one of as many is kept as the key has values that has the more of the two, taking
        // the fewest on each side: so a set has the same rows whichever way it is joined.
        let mut values = 1.0_f64;
        let mut compared: [Vec<&Key>; 2] = [Vec::new(), Vec::new()];
        for class in &self.classes {
            let fewest = |set: Set| {
                let keys = class.iter().filter(|key| has(set, key.relation));
                keys.min_by(|one, other| one.values.total_cmp(&other.values))
            };
            let (Some(one), Some(other)) = (fewest(left.0), fewest(right.0)) else {
                continue;
            };
            values *= one.values.max(other.values);
            compared[0].push(one);
            compared[1].push(other);
        }
        // A table has no more values of several keys than rows.
        for keys in &compared {
            if let [one, others @ ..] = keys.as_slice()
                && !others.is_empty()
                && others.iter().all(|key| key.relation == one.relation)
            {
                values = values.min(one.table_rows);
            }
        }
        let connected = !compared[0].is_empty();
        let both = left.0 | right.0;
        let new = |set: Set| within(set, both) && !within(set, left.0) && !within(set, right.0);
        let filters = self.filters.iter().filter(|(set, _)| new(*set));
        let kept: f64 = filters.map(|(_, part)| part).product();
        let rows = left.1.rows * right.1.rows / values.max(1.0) * kept;
        (rows.max(1.0), connected)
    }

    /// The cheapest way by all ways to join two smaller sets.
    fn of_all_ways(&self) -> Option<Way> {
        let all: Set = (1 << self.rows.len()) - 1;
        let mut ways: HashMap<Set, Way> = HashMap::new();
        for at in 0..self.rows.len() {
            ways.insert(1 << at, self.relation(at));
        }
        // A set comes after all of its parts.
        for set in 1..=all {
            let mut best: Option<Way> = None;
            // Every split once: the lowest relation is on the left.
            let lowest = set & set.wrapping_neg();
            let rest = set ^ lowest;
            let mut part = rest;
            while part != 0 {
                let (one, other) = (set ^ part, part);
                part = (part - 1) & rest;
                let (Some(left), Some(right)) = (ways.get(&one), ways.get(&other)) else {
                    continue;
                };
                let (rows, connected) = self.joined_rows((one, left), (other, right));
                if !connected {
                    continue;
                }
                // A set has the same rows whichever way it is joined.
                let rows = best.as_ref().map_or(rows, |best| best.rows);
                let way = join(left, right, rows);
                if best.as_ref().is_none_or(|best| way.cost < best.cost) {
                    best = Some(way);
                }
            }
            if let Some(best) = best {
                ways.insert(set, best);
            }
        }
        ways.remove(&all)
    }

    /// A way by joining the two sets again and again that cost least to join.
    fn greedy(&self) -> Option<Way> {
        let count = self.rows.len();
        let mut sets: Vec<(Set, Way)> = (0..count).map(|at| (1 << at, self.relation(at))).collect();
        while sets.len() > 1 {
            let mut best: Option<(usize, usize, Way, f64)> = None;
            for (at, (one, left)) in sets.iter().enumerate() {
                for (with, (other, right)) in sets.iter().enumerate().skip(at + 1) {
                    let (rows, connected) = self.joined_rows((*one, left), (*other, right));
                    let way = join(left, right, rows);
                    let added = way.cost - left.cost - right.cost;
                    if connected && best.as_ref().is_none_or(|(.., least)| added < *least) {
                        best = Some((at, with, way, added));
                    }
                }
            }
            let (at, with, way, _) = best?;
            let (other, _) = sets.swap_remove(with);
            let (one, _) = sets.swap_remove(at);
            sets.push((one | other, way));
        }
        sets.pop().map(|(_, way)| way)
    }
}

/// The join of two sets that gives `rows`.
fn join(left: &Way, right: &Way, rows: f64) -> Way {
    let (few, many) = match left.rows <= right.rows {
        true => (left, right),
        false => (right, left),
    };
    Way {
        rows,
        cost: left.cost + right.cost + BUILD * few.rows + many.rows + rows,
        // The first side is the one that is put into a hash table.
        order: Arc::new(Order::Join(Arc::clone(&few.order), Arc::clone(&many.order))),
    }
}

fn has(set: Set, relation: usize) -> bool {
    set >> relation & 1 == 1
}

fn within(set: Set, other: Set) -> bool {
    set & !other == 0
}

fn relations(order: &Order) -> Set {
    match order {
        Order::Relation(at) => 1 << at,
        Order::Join(left, right) => relations(left) | relations(right),
    }
}

/// The keys of `tree` that are equal to each other; nothing if a condition is not one of keys.
fn classes(tree: &Tree, rows: &[f64]) -> Option<Vec<Vec<Key>>> {
    let mut classes: Vec<Vec<Key>> = Vec::new();
    for (left, right) in &tree.on {
        let keys = [Key::of(tree, rows, left)?, Key::of(tree, rows, right)?];
        if keys[0].relation == keys[1].relation {
            return None;
        }
        if !keys.iter().all(|key| key.is_transitive(tree)) {
            classes.push(keys.into());
            continue;
        }
        let holds = |class: &Vec<Key>, key: &Key| {
            class.iter().all(|key| key.is_transitive(tree))
                && class.iter().any(|known| known.expr == key.expr)
        };
        let mut merged: Vec<Key> = Vec::new();
        let mut apart = Vec::new();
        for class in classes {
            match keys.iter().any(|key| holds(&class, key)) {
                true => merged.extend(class),
                false => apart.push(class),
            }
        }
        for key in keys {
            if merged.iter().all(|known| known.expr != key.expr) {
                merged.push(key);
            }
        }
        apart.push(merged);
        classes = apart;
    }
    classes.iter_mut().for_each(|class| guess(class));
    Some(classes)
}

/// Guesses how many values the key has that may have the most.
fn guess(class: &mut [Key]) {
    class.sort_by(|one, other| other.values.total_cmp(&one.values));
    if let [most, next, ..] = class {
        most.values = most.distinct.beside(next.values);
    }
}

/// The other conditions of `tree`; nothing if one could fail.
fn filters(tree: &Tree) -> Option<Vec<(Set, f64)>> {
    let inputs: Vec<&LogicalPlan> = tree.relations.iter().map(Arc::as_ref).collect();
    let filters = tree.filters.iter().map(|filter| {
        let columns = filter.column_refs().into_iter();
        let mut set = columns.map(|column| Some(1 << tree.relation_of(column)?));
        let set = set.try_fold(0, |all, one: Option<Set>| Some(all | one?))?;
        cannot_fail(filter, &tree.schema).then(|| (set, cardinality::kept(filter, &inputs)))
    });
    filters.collect()
}

/// Whether `expr`, over columns of `schema`, has a value for every row.
fn cannot_fail(expr: &Expr, schema: &DFSchema) -> bool {
    let can = |expr: &Expr| cannot_fail(expr, schema);
    match expr {
        Expr::Column(_) | Expr::Literal(_, _) => true,
        Expr::Alias(alias) => can(&alias.expr),
        Expr::Not(inner)
        | Expr::IsNull(inner)
        | Expr::IsNotNull(inner)
        | Expr::IsTrue(inner)
        | Expr::IsFalse(inner)
        | Expr::IsUnknown(inner)
        | Expr::IsNotTrue(inner)
        | Expr::IsNotFalse(inner)
        | Expr::IsNotUnknown(inner) => can(inner),
        Expr::BinaryExpr(BinaryExpr { left, op, right }) => {
            let compares = matches!(
                op,
                Operator::And
                    | Operator::Or
                    | Operator::Eq
                    | Operator::NotEq
                    | Operator::Lt
                    | Operator::LtEq
                    | Operator::Gt
                    | Operator::GtEq
                    | Operator::IsDistinctFrom
                    | Operator::IsNotDistinctFrom
            );
            compares && can(left) && can(right)
        }
        Expr::Between(between) => can(&between.expr) && can(&between.low) && can(&between.high),
        Expr::InList(list) => can(&list.expr) && list.list.iter().all(can),
        Expr::Cast(cast) => {
            let from = cast.expr.get_type(schema);
            let widens = from.is_ok_and(|from| widens(&from, cast.field.data_type()));
            widens && can(&cast.expr)
        }
        _ => false,
    }
}

/// Whether every value of type `from` has one of type `to`.
fn widens(from: &DataType, to: &DataType) -> bool {
    /// The digits of the largest integers of 64 bits.
    const DIGITS: i16 = 19;
    match (from, to) {
        _ if from == to => true,
        (DataType::Int64, DataType::Decimal128(precision, scale)) => {
            i16::from(*precision) - i16::from(*scale) >= DIGITS
        }
        (DataType::Decimal128(precision, scale), DataType::Decimal128(to_precision, to_scale)) => {
            let whole = |precision: &u8, scale: &i8| i16::from(*precision) - i16::from(*scale);
            to_scale >= scale && whole(to_precision, to_scale) >= whole(precision, scale)
        }
        (DataType::Int64 | DataType::Decimal128(_, _), DataType::Float64) => true,
        _ => false,
    }
}

/// An order, and what is equal.
struct Better {
    order: Arc<Order>,
    classes: Vec<Vec<Key>>,
}

impl Better {
    /// The plan that joins `tree` in this order.
    fn assemble(&self, tree: &Tree) -> Result<LogicalPlan> {
        let mut joining = Joining {
            tree,
            classes: &self.classes,
            equal: self
                .classes
                .iter()
                .map(|class| (0..class.len()).collect())
                .collect(),
            filters: tree.filters.iter().collect(),
        };
        joining
            .plan(&self.order)
            .map(|(plan, _)| Arc::unwrap_or_clone(plan))
    }
}

/// Puts a tree together.
struct Joining<'a> {
    tree: &'a Tree,
    classes: &'a [Vec<Key>],
    /// For each key of each class, a number that it shares with those which the plan knows to equal it.
    equal: Vec<Vec<usize>>,
    /// Conditions that no join has yet.
    filters: Vec<&'a Expr>,
}

impl Joining<'_> {
    fn plan(&mut self, order: &Order) -> Result<(Arc<LogicalPlan>, Set)> {
        let (left, right) = match order {
            Order::Relation(at) => return Ok((Arc::clone(&self.tree.relations[*at]), 1 << at)),
            Order::Join(left, right) => (self.plan(left)?, self.plan(right)?),
        };
        let on = self.conditions(left.1, right.1);
        let both = left.1 | right.1;
        let (now, later) = self.filters.iter().partition(|filter| {
            let mut columns = filter.column_refs().into_iter();
            columns.all(|column| {
                self.tree
                    .relation_of(column)
                    .is_some_and(|at| has(both, at))
            })
        });
        self.filters = later;
        let now: Vec<&Expr> = now;
        let join = Join::try_new(
            left.0,
            right.0,
            on,
            conjunction(now.into_iter().cloned()),
            JoinType::Inner,
            JoinConstraint::On,
            NullEquality::NullEqualsNothing,
            false,
        )?;
        Ok((Arc::new(LogicalPlan::Join(join)), both))
    }

    /// What has to be equal between two sets, and is not known to be by way of other conditions.
    fn conditions(&mut self, left: Set, right: Set) -> Vec<(Expr, Expr)> {
        let mut on = Vec::new();
        for (class, equal) in self.classes.iter().zip(&mut self.equal) {
            let of = |set: Set| {
                let keys = class.iter().enumerate();
                keys.filter(move |(_, key)| has(set, key.relation))
            };
            for (one, left) in of(left) {
                for (other, right) in of(right) {
                    let (this, that) = (equal[one], equal[other]);
                    if this != that {
                        on.push((left.expr.clone(), right.expr.clone()));
                        for known in equal.iter_mut().filter(|known| **known == that) {
                            *known = this;
                        }
                    }
                }
            }
        }
        on
    }
}
