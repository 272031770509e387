//! What stands in FROM, and what stands elsewhere in a query than its expressions.

use sqlparser::ast::{
    Expr, Function, FunctionArg, FunctionArgExpr, Ident, OrderBy, OrderByExpr, OrderByKind, Query,
    Select, SelectFlavor, SelectItem, SetExpr, TableAlias, TableFactor, Value,
};
use sqlparser::parser::Parser;

use super::Dialect;
use super::calls::name_of;
use super::dates;
use super::template::{arguments, operand, parsed, whole};

/// `order by all` by the numbers of the columns; whether there was one.
pub(super) fn order_by_all(query: &mut Query) -> bool {
    let Some(OrderBy { kind, .. }) = &mut query.order_by else {
        return false;
    };
    let (OrderByKind::All(options), SetExpr::Select(select)) = (&*kind, query.body.as_ref()) else {
        return false;
    };
    let wild = |item: &SelectItem| {
        matches!(
            item,
            SelectItem::Wildcard(_) | SelectItem::QualifiedWildcard(..)
        )
    };
    if select.projection.iter().any(wild) {
        return false;
    }
    let key = |number: usize| OrderByExpr {
        expr: Expr::value(Value::Number(number.to_string(), false)),
        options: *options,
        with_fill: None,
    };
    *kind = OrderByKind::Expressions((1..=select.projection.len()).map(key).collect());
    true
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
            && let Some((unit, length)) = dates::length(step)
        {
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
            with_ordinality: false,
            ..
        } => series(&name.to_string(), alias.as_ref(), &args.args, dialect),
        TableFactor::Function {
            name, alias, args, ..
        } => series(&name.to_string(), alias.as_ref(), args, dialect),
        TableFactor::UNNEST {
            alias,
            array_exprs,
            with_offset: false,
            with_ordinality: false,
            ..
        } => {
            let [list] = array_exprs.as_slice() else {
                return None;
            };
            if let Expr::Function(function) = list
                && let Some(args) = arguments(function)
                && let Some(series) = Series::of(&name_of(function)?, &args)
            {
                return derived(&series, "unnest", alias.as_ref(), dialect);
            }
            let query = format!(
                "(select _list.value as unnest from table(flatten(input => {})) as _list)",
                operand(list)
            );
            table(
                &format!("lateral {query}"),
                alias.as_ref(),
                "unnest",
                dialect,
            )
        }
        _ => None,
    }
}

fn series(
    name: &str,
    alias: Option<&TableAlias>,
    args: &[FunctionArg],
    dialect: Dialect,
) -> Option<TableFactor> {
    let plain = |arg| match arg {
        &FunctionArg::Unnamed(FunctionArgExpr::Expr(ref expr)) => Some(expr),
        _ => None,
    };
    let args: Option<Vec<&Expr>> = args.iter().map(plain).collect();
    let series = Series::of(&name.to_ascii_lowercase(), &args?)?;
    derived(&series, series.name, alias, dialect)
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
    table(&query, alias, name, dialect)
}

/// `text` as a table called `alias`; PostgreSQL calls its only column so, too.
fn table(
    text: &str,
    alias: Option<&TableAlias>,
    name: &str,
    dialect: Dialect,
) -> Option<TableFactor> {
    let mut factor = whole(text, Parser::parse_table_factor)?;
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
        own.columns.push(sqlparser::ast::TableAliasColumnDef {
            name: own.name.clone(),
            data_type: None,
        });
    }
    *place = Some(own);
    Some(factor)
}

/// `select unnest(list), a from t` makes rows of a list: a lateral FLATTEN. Whether there was one, and not several, which
/// would stand beside each other.
pub(super) fn unnest_in_list(select: &mut Select) -> bool {
    let mut found = select.projection.iter_mut().filter_map(unnested);
    let (Some((call, name)), None) = (found.next(), found.next()) else {
        return false;
    };
    let Some((from, value, inside)) = rows_of(call) else {
        return false;
    };
    let Some(expr) = parsed(&value) else {
        return false;
    };
    let item = SelectItem::ExprWithAlias { expr, alias: name };
    let condition = inside.as_deref().and_then(parsed);
    let text = format!("select 1 from {from}");
    let Some(with) = select_of(&text) else {
        return false;
    };
    for place in &mut select.projection {
        if unnested(place).is_some() {
            *place = item;
            break;
        }
    }
    select.from.extend(with.from);
    if let Some(condition) = condition {
        let condition = Expr::Nested(Box::new(condition));
        select.selection = Some(match select.selection.take() {
            None => condition,
            Some(before) => Expr::BinaryOp {
                left: Box::new(Expr::Nested(Box::new(before))),
                op: sqlparser::ast::BinaryOperator::And,
                right: Box::new(condition),
            },
        });
    }
    true
}

/// The list that a column makes rows of, and the column's name.
fn unnested(item: &mut SelectItem) -> Option<(Function, Ident)> {
    let (expr, name) = match item {
        SelectItem::UnnamedExpr(expr) => (expr, None),
        SelectItem::ExprWithAlias { expr, alias } => (expr, Some(alias.clone())),
        _ => return None,
    };
    match expr {
        Expr::Function(function) => {
            let called = name_of(function)?;
            let makes_rows = called == "unnest" || called == "generate_series";
            let name = name.unwrap_or_else(|| Ident::new(called));
            makes_rows.then(|| (function.clone(), name))
        }
        _ => None,
    }
}

/// What FROM gets, the value of a row, and which rows count.
fn rows_of(call: Function) -> Option<(String, String, Option<String>)> {
    let name = name_of(&call)?;
    let args = arguments(&call)?;
    if let Some(series) = Series::of(&name, &args) {
        return Some((series.rows(), series.value, Some(series.inside)));
    }
    let [list] = args.as_slice() else {
        return None;
    };
    if let Expr::Function(inner) = list {
        let args = arguments(inner)?;
        if let Some(series) = Series::of(&name_of(inner)?, &args) {
            return Some((series.rows(), series.value, Some(series.inside)));
        }
    }
    let rows = format!("lateral flatten(input => {}) as _list", operand(list));
    Some((rows, "_list.value".to_owned(), None))
}

fn select_of(text: &str) -> Option<Select> {
    match *whole(text, Parser::parse_query)?.body {
        SetExpr::Select(select) => Some(*select),
        _ => None,
    }
}
