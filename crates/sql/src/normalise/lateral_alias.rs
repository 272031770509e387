//! Aliases of the select list used inside the same select.
//!
//! `select price * 2 as double, double + 1 as more`: Snowflake resolves a name first as a column of the
//! FROM clause, then as an alias. GROUP BY and ORDER BY are the planner's: it knows aliases there.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

use diagnostic::{Error, Result, codes};
use sqlparser::ast::{Expr, Ident, Select, SelectItem, Spanned, Value, Visitor};

use super::{ambiguous, values};
use crate::scope::{Context, Names};
use crate::{Columns, Statement};

/// Inlined expressions may not hold more nodes than this in one select: a chain of aliases that each
/// use the one before twice doubles every time.
const LIMIT: usize = 100_000;

/// Inlines the aliases of `select` where they are used, and columns by position.
pub(super) fn inline(
    select: &mut Select,
    names: &Names,
    columns: &dyn Columns,
    statement: &Statement,
) -> Result<()> {
    let positions = values::uses_positions(select);
    let mut used = Words::default();
    for expr in readable(select) {
        used.take(expr);
    }
    let mut candidates = aliases(select, &used.found);
    if candidates.is_empty() && !positions {
        return Ok(());
    }
    let scope = Context { names, columns }.scope(select);
    if positions {
        values::resolve_positions(select, &scope);
    }
    candidates.retain(|name, expr| match scope.has(name) {
        Some(true) => false,
        Some(false) | None => !mentions(expr, name),
    });
    if candidates.is_empty() {
        return Ok(());
    }
    let is_alias = |name: &str| candidates.contains_key(name);
    ambiguous::in_clauses(select, is_alias, mentions, statement)?;
    let mut expander = Expander {
        aliases: &candidates,
        done: BTreeMap::new(),
        open: Vec::new(),
        statement,
    };
    let mut expanded = BTreeMap::new();
    for name in candidates.keys() {
        expanded.insert(name.clone(), expander.expand(name)?);
    }
    let mut writer = Writer {
        aliases: &expanded,
        size: 0,
    };
    for expr in places(select) {
        writer.write(expr);
    }
    if writer.size > LIMIT {
        return Err(too_large(statement, select));
    }
    Ok(())
}

fn too_large(statement: &Statement, select: &Select) -> Error {
    Error::new(
        codes::S1003,
        "The aliases of this select refer to each other too often",
    )
    .at(statement.place(select.span()))
    .help("compute the first of them in a WITH clause")
}

/// Whether what `select` means may depend on the columns of its FROM clause.
pub(super) fn wants_columns(select: &Select) -> bool {
    let mut used = Words::default();
    for expr in readable(select) {
        used.take(expr);
    }
    let aliases = select.projection.iter().filter_map(|item| match item {
        SelectItem::ExprWithAlias { alias, .. } => Some(&alias.value),
        _ => None,
    });
    used.positions || aliases.into_iter().any(|alias| used.found.contains(alias))
}

/// The aliased expressions whose names are in `used`; of two with one name the first.
fn aliases(select: &Select, used: &BTreeSet<String>) -> BTreeMap<String, Expr> {
    let mut aliases = BTreeMap::new();
    for item in &select.projection {
        if let SelectItem::ExprWithAlias { expr, alias } = item
            && used.contains(&alias.value)
        {
            aliases
                .entry(alias.value.clone())
                .or_insert_with(|| expr.clone());
        }
    }
    aliases
}

/// The expressions of `select` in which an alias may stand.
fn places(select: &mut Select) -> Vec<&mut Expr> {
    let mut places: Vec<&mut Expr> = Vec::new();
    for item in &mut select.projection {
        match item {
            SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. } => {
                places.push(expr)
            }
            _ => {}
        }
    }
    places.extend(&mut select.selection);
    places.extend(&mut select.having);
    places.extend(&mut select.qualify);
    places
}

/// [`places`], to look at.
fn readable(select: &Select) -> Vec<&Expr> {
    let mut places: Vec<&Expr> = Vec::new();
    for item in &select.projection {
        match item {
            SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. } => {
                places.push(expr);
            }
            _ => {}
        }
    }
    places.extend(&select.selection);
    places.extend(&select.having);
    places.extend(&select.qualify);
    places
}

fn mentions(expr: &Expr, name: &str) -> bool {
    let mut words = Words::default();
    words.take(expr);
    words.found.contains(name)
}

/// The unqualified names in an expression, those in subqueries left out.
#[derive(Default)]
struct Words {
    found: BTreeSet<String>,
    /// Whether `$1` is among them.
    positions: bool,
}

impl Words {
    fn take(&mut self, expr: &Expr) {
        let _ = crate::own_expressions(expr, &mut |expr| {
            match expr {
                Expr::Identifier(name) => {
                    self.found.insert(name.value.clone());
                }
                Expr::Value(value) => {
                    self.positions |= matches!(value.value, Value::Placeholder(_));
                }
                Expr::CompoundIdentifier(parts) => {
                    let last = parts.last();
                    self.positions |= last.is_some_and(|part| part.value.starts_with('$'));
                }
                _ => {}
            }
            ControlFlow::Continue(())
        });
    }
}

/// Expands aliases that use other aliases.
struct Expander<'a> {
    aliases: &'a BTreeMap<String, Expr>,
    done: BTreeMap<String, Expr>,
    open: Vec<String>,
    statement: &'a Statement,
}

impl Expander<'_> {
    fn expand(&mut self, name: &str) -> Result<Expr> {
        if let Some(done) = self.done.get(name) {
            return Ok(done.clone());
        }
        let Some(expr) = self.aliases.get(name) else {
            return Ok(Expr::Identifier(Ident::new(name)));
        };
        if self.open.iter().any(|open| open == name) {
            let circle = self.open.join("`, `");
            return Err(Error::new(
                codes::S1003,
                format!("The aliases `{circle}` refer to each other in a circle"),
            )
            .at(self.statement.place(expr.span())));
        }
        self.open.push(name.to_owned());
        let mut words = Words::default();
        let mut expr = expr.clone();
        words.take(&expr);
        let mut inner = BTreeMap::new();
        for word in words.found {
            if self.aliases.contains_key(&word) {
                let expanded = self.expand(&word)?;
                inner.insert(word, expanded);
            }
        }
        let mut writer = Writer {
            aliases: &inner,
            size: 0,
        };
        writer.write(&mut expr);
        if writer.size > LIMIT {
            return Err(Error::new(
                codes::S1003,
                format!("The alias `{name}` grows without bound"),
            )
            .at(self.statement.place(expr.span()))
            .help("compute the aliases it uses in a WITH clause"));
        }
        self.open.pop();
        self.done.insert(name.to_owned(), expr.clone());
        Ok(expr)
    }
}

/// Puts expressions in the place of names.
struct Writer<'a> {
    aliases: &'a BTreeMap<String, Expr>,
    /// Nodes seen, to stop before memory does.
    size: usize,
}

impl Writer<'_> {
    fn write(&mut self, expr: &mut Expr) {
        let _ = crate::own_expressions_mut(expr, &mut |expr| {
            self.size += 1;
            if let Expr::Identifier(name) = expr
                && let Some(aliased) = self.aliases.get(&name.value)
            {
                *expr = bracketed(aliased.clone());
                self.size += size(expr);
            }
            if self.size > LIMIT {
                return ControlFlow::Break(());
            }
            ControlFlow::Continue(())
        });
    }
}

fn size(expr: &Expr) -> usize {
    let mut counter = Counter(0);
    let _ = crate::walk(expr, &mut counter);
    counter.0
}

struct Counter(usize);

impl Visitor for Counter {
    type Break = ();

    fn pre_visit_expr(&mut self, _: &Expr) -> ControlFlow<()> {
        self.0 += 1;
        ControlFlow::Continue(())
    }
}

fn bracketed(expr: Expr) -> Expr {
    match expr {
        Expr::Identifier(_)
        | Expr::CompoundIdentifier(_)
        | Expr::Value(_)
        | Expr::Function(_)
        | Expr::Case { .. }
        | Expr::Nested(_) => expr,
        other => Expr::Nested(Box::new(other)),
    }
}
