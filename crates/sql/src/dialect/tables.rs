//! What stands in FROM, and what stands elsewhere in a query than its expressions.

use std::ops::ControlFlow;

use sqlparser::ast::{
    BinaryOperator, Expr, ExprWithAlias, Function, FunctionArg, Ident, JoinOperator, ObjectName,
    OrderByKind, Query, Select, SelectFlavor, SelectItem, SetExpr, TableAlias, TableAliasColumnDef,
    TableFactor, Visitor,
};

use crate::normalise::all_columns;

use super::calls::name_of;
use super::expressions::holds_texts;
use super::json_rows::{self, Rows};
use super::template::{arguments, operand, parsed, unnamed, whole};
use super::{Dialect, dates, json};

/// `order by all` by the numbers of the columns; whether there was one.
pub(super) fn order_by_all(query: &mut Query) -> bool {
    let Some(order) = &mut query.order_by else {
        return false;
    };
    let OrderByKind::All(options) = order.kind else {
        return false;
    };
    order.kind = all_columns(&query.body, options);
    matches!(order.kind, OrderByKind::Expressions(_))
}

/// `from t select a` and `from t`, the other way round.
pub(super) fn from_first(select: &mut Select) -> bool {
    match select.flavor {
        SelectFlavor::Standard => false,
        SelectFlavor::FromFirst => {
            select.flavor = SelectFlavor::Standard;
            true
        }
        SelectFlavor::FromFirstNoSelect => {
            select.flavor = SelectFlavor::Standard;
            select.projection = vec![SelectItem::Wildcard(Default::default())];
            true
        }
    }
}

/// `semi join` and `anti join` by their longer names.
pub(super) fn half_joins(select: &mut Select) -> bool {
    let mut changed = false;
    for join in select.from.iter_mut().flat_map(|table| &mut table.joins) {
        let becomes = match &join.join_operator {
            JoinOperator::Semi(constraint) => JoinOperator::LeftSemi(constraint.clone()),
            JoinOperator::Anti(constraint) => JoinOperator::LeftAnti(constraint.clone()),
            _ => continue,
        };
        join.join_operator = becomes;
        changed = true;
    }
    changed
}

/// A series: `generate_series(first, last, step)` holds `last`, `range` does not.
struct Series {
    /// The name of its column.
    name: &'static str,
    /// How many values it has at most.
    count: String,
    /// The value at `_series.value`.
    value: String,
    /// Whether that is still in it.
    inside: String,
}

impl Series {
    fn of(name: &str, args: &[&Expr]) -> Option<Self> {
        let (name, within) = match name {
            "generate_series" => ("generate_series", "<="),
            "range" => ("range", "<"),
            _ => return None,
        };
        let zero = "0".to_owned();
        let (first, last, step) = match args {
            [last] if within == "<" => (zero, operand(last), None),
            [first, last] => (operand(first), operand(last), None),
            [first, last, step] => (operand(first), operand(last), Some(*step)),
            _ => return None,
        };
        if let Some(step) = step
            && let Some((unit, length)) = dates::step(step)
        {
            // Month by month, the 31st becomes the 29th in February and stays so.
            let months = ["month", "quarter", "year"];
            let by_months = months
                .iter()
                .any(|month| unit.to_ascii_lowercase().starts_with(month));
            if by_months && ["29'", "30'", "31'"].iter().any(|day| first.contains(day)) {
                return None;
            }
            let first = format!("{first}::timestamp_ntz");
            let value = format!("dateadd({unit}, {length} * _series.value::int, {first})");
            return Some(Self {
                name,
                count: format!(
                    "trunc(datediff({unit}, {first}, {last}::timestamp_ntz) / ({length})) + 1"
                ),
                inside: format!("{value} {within} {last}::timestamp_ntz"),
                value,
            });
        }
        let step = step.map_or_else(|| "1".to_owned(), operand);
        let value = format!("({first} + {step} * _series.value::int)");
        Some(Self {
            name,
            count: format!("greatest(trunc(({last} - {first}) / {step}) + 1, 0)"),
            inside: format!(
                "({step} > 0 and {value} {within} {last} or {step} < 0 and {last} {within} {value})"
            ),
            value,
        })
    }

    fn rows(&self) -> String {
        let Self { count, .. } = self;
        format!("table(flatten(input => array_generate_range(0, ({count})::int))) as _series")
    }
}

/// A series or a list in FROM.
pub(super) fn factor(factor: &TableFactor, dialect: Dialect) -> Option<TableFactor> {
    match factor {
        TableFactor::Table {
            name,
            alias,
            args: Some(args),
            with_ordinality,
            ..
        } => called(name, alias.as_ref(), &args.args, *with_ordinality, dialect),
        TableFactor::Function {
            name,
            alias,
            args,
            with_ordinality,
            ..
        } => called(name, alias.as_ref(), args, *with_ordinality, dialect),
        TableFactor::UNNEST {
            alias,
            array_exprs,
            with_offset: false,
            with_ordinality,
            ..
        } => match array_exprs.as_slice() {
            [list] => elements(list, alias.as_ref(), *with_ordinality, dialect),
            _ => None,
        },
        // Its value holds the name of a column as it is written.
        TableFactor::Unpivot { columns, .. } => {
            let unnamed = |column: &ExprWithAlias| column.alias.is_none();
            if dialect == Dialect::Postgres || !columns.iter().any(unnamed) {
                return None;
            }
            let mut factor = factor.clone();
            if let TableFactor::Unpivot { columns, .. } = &mut factor {
                for column in columns.iter_mut().filter(|column| unnamed(column)) {
                    column.alias = Some(Ident::with_quote('\'', column.expr.to_string()));
                }
            }
            Some(factor)
        }
        _ => None,
    }
}

/// A call of a function that makes rows.
fn called(
    name: &ObjectName,
    alias: Option<&TableAlias>,
    args: &[FunctionArg],
    with_ordinality: bool,
    dialect: Dialect,
) -> Option<TableFactor> {
    let (name, args) = (name.to_string().to_ascii_lowercase(), unnamed(args)?);
    if let [list] = args.as_slice() {
        if name == "unnest" {
            return elements(list, alias, with_ordinality, dialect);
        }
        if let Some(rows) = json_rows::of(&name) {
            return rows.table(list, &name, alias, with_ordinality, dialect);
        }
    }
    if with_ordinality {
        return None;
    }
    let series = Series::of(&name, &args)?;
    derived(&series, series.name, alias, dialect)
}

/// The column that counts rows, as the last.
pub(super) fn ordinality(wanted: bool) -> &'static str {
    match wanted {
        true => ", _list.index + 1 as ordinality",
        false => "",
    }
}

/// The elements of a list.
fn elements(
    list: &Expr,
    alias: Option<&TableAlias>,
    with_ordinality: bool,
    dialect: Dialect,
) -> Option<TableFactor> {
    if let Expr::Function(function) = list
        && !with_ordinality
        && let Some(args) = arguments(function)
        && let Some(series) = Series::of(&name_of(function)?, &args)
    {
        return derived(&series, "unnest", alias, dialect);
    }
    let query = format!(
        "lateral (select {} as unnest{} from table(flatten(input => {})) as _list)",
        value_of(list),
        ordinality(with_ordinality),
        operand(list)
    );
    let columns = ["unnest", "ordinality"];
    let nameless = &columns[..1 + usize::from(with_ordinality)];
    table(&query, alias, "unnest", nameless, dialect)
}

fn derived(
    series: &Series,
    name: &str,
    alias: Option<&TableAlias>,
    dialect: Dialect,
) -> Option<TableFactor> {
    let Series { value, inside, .. } = series;
    let query = format!(
        "(select {value} as {name} from {} where {inside})",
        series.rows()
    );
    table(&query, alias, name, &[name], dialect)
}

/// `text` as a table called `alias`, or `name`. PostgreSQL calls the first of the columns that have no names of their own as
/// the table is called.
pub(super) fn table(
    text: &str,
    alias: Option<&TableAlias>,
    name: &str,
    nameless: &[&str],
    dialect: Dialect,
) -> Option<TableFactor> {
    let mut factor = whole(text, |parser| parser.parse_table_factor())?;
    let TableFactor::Derived { alias: place, .. } = &mut factor else {
        return None;
    };
    let mut own = alias.cloned().unwrap_or_else(|| TableAlias {
        explicit: true,
        name: Ident::new(name),
        columns: Vec::new(),
        at: None,
    });
    if own.columns.is_empty() && alias.is_some() && dialect == Dialect::Postgres {
        let columns = nameless.iter().enumerate().map(|(at, column)| match at {
            0 => own.name.clone(),
            _ => Ident::new(*column),
        });
        let columns = columns.map(|name| TableAliasColumnDef {
            name,
            data_type: None,
        });
        own.columns = columns.collect();
    }
    *place = Some(own);
    Some(factor)
}

/// `select unnest(list), a from t` makes rows of a list: a lateral FLATTEN. Whether there was one, and not several, which
/// would stand beside each other.
pub(super) fn unnest_in_list(select: &mut Select, dialect: Dialect) -> bool {
    let unnested = |expr: &Expr| makes_rows(expr, dialect);
    let mut outermost = Outermost {
        calls: Vec::new(),
        inside: 0,
        dialect,
    };
    for expr in select.projection.iter().filter_map(expression) {
        let _ = crate::walk(expr, &mut outermost);
    }
    let calls = outermost.calls;
    let [call] = calls.as_slice() else {
        return false;
    };
    let Some((from, value, inside)) = rows_of(call) else {
        return false;
    };
    let (Some(value), Some(with)) = (parsed(&value), select_of(&format!("select 1 from {from}")))
    else {
        return false;
    };
    for item in &mut select.projection {
        if let SelectItem::UnnamedExpr(expr) = item
            && let Some(call) = unnested(expr)
            && let Some(name) = name_of(&call)
        {
            *item = SelectItem::ExprWithAlias {
                expr: expr.clone(),
                alias: Ident::new(name),
            };
        }
        if let SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. } = item {
            let _ = crate::own_expressions_mut(expr, &mut |part| {
                if unnested(part).is_some() {
                    *part = value.clone();
                }
                ControlFlow::Continue(())
            });
        }
    }
    select.from.extend(with.from);
    if let Some(condition) = inside.as_deref().and_then(parsed) {
        let condition = Expr::Nested(Box::new(condition));
        select.selection = Some(match select.selection.take() {
            None => condition,
            Some(before) => Expr::BinaryOp {
                left: Box::new(Expr::Nested(Box::new(before))),
                op: BinaryOperator::And,
                right: Box::new(condition),
            },
        });
    }
    true
}

/// The calls that make rows and stand in no other.
struct Outermost {
    calls: Vec<Function>,
    /// How many such calls are around the expression.
    inside: usize,
    dialect: Dialect,
}

impl Visitor for Outermost {
    type Break = ();

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
        if let Some(call) = makes_rows(expr, self.dialect) {
            if self.inside == 0 {
                self.calls.push(call);
            }
            self.inside += 1;
        }
        ControlFlow::Continue(())
    }

    fn post_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
        self.inside -= usize::from(makes_rows(expr, self.dialect).is_some());
        ControlFlow::Continue(())
    }
}

fn expression(item: &SelectItem) -> Option<&Expr> {
    match item {
        SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. } => Some(expr),
        _ => None,
    }
}

/// The call, if `expr` is one that makes rows. A series in a select list is a list to DuckDB.
fn makes_rows(expr: &Expr, dialect: Dialect) -> Option<Function> {
    match expr {
        Expr::Function(function) => match (name_of(function)?.as_str(), dialect) {
            ("unnest", _) | ("generate_series", Dialect::Postgres) => Some(function.clone()),
            (name, Dialect::Postgres) => {
                let one = json_rows::of(name).filter(|rows| rows.columns.len() == 1);
                one.map(|_| function.clone())
            }
            _ => None,
        },
        _ => None,
    }
}

/// What FROM gets, the value of a row, and which rows count.
fn rows_of(call: &Function) -> Option<(String, String, Option<String>)> {
    let name = name_of(call)?;
    let args = arguments(call)?;
    if let Some(series) = Series::of(&name, &args) {
        return Some((series.rows(), series.value, Some(series.inside)));
    }
    let [list] = args.as_slice() else {
        return None;
    };
    if let Some(Rows { columns, mode }) = json_rows::of(&name) {
        let json = operand(&json::parsed(list)?);
        let rows = format!("lateral flatten(input => {json}, mode => '{mode}') as _list");
        let (value, _) = columns.first()?;
        return Some((rows, (*value).to_owned(), None));
    }
    if let Expr::Function(inner) = list {
        let args = arguments(inner)?;
        if let Some(series) = Series::of(&name_of(inner)?, &args) {
            return Some((series.rows(), series.value, Some(series.inside)));
        }
    }
    let rows = format!("lateral flatten(input => {}) as _list", operand(list));
    Some((rows, value_of(list).to_owned(), None))
}

/// An element of a list.
fn value_of(list: &Expr) -> &'static str {
    match holds_texts(list) {
        true => "_list.value::varchar",
        false => "_list.value",
    }
}

fn select_of(text: &str) -> Option<Select> {
    match *whole(text, |parser| parser.parse_query())?.body {
        SetExpr::Select(select) => Some(*select),
        _ => None,
    }
}
