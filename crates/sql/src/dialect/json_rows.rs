//! PostgreSQL's functions that take JSON apart, a row for each part.
//!
//! <https://www.postgresql.org/docs/current/functions-json.html#FUNCTIONS-JSON-PROCESSING>

use std::ops::ControlFlow;

use sqlparser::ast::{Expr, Ident, Select, SelectItem, TableAlias, TableFactor};

use super::tables::{ordinality, table};
use super::template::operand;
use super::{Dialect, json};

/// The rows of a call.
pub(super) struct Rows {
    /// Values of a FLATTEN `_list`, and the names of their columns, which are empty for those without one.
    pub(super) columns: &'static [(&'static str, &'static str)],
    /// What that FLATTEN takes apart.
    pub(super) mode: &'static str,
}

const KEY: (&str, &str) = ("_list.key", "key");
const VALUE: (&str, &str) = ("_list.value", "value");
const TEXT: (&str, &str) = ("_list.value::varchar", "value");

/// The rows of a call of `name`, which is in small letters.
pub(super) fn of(name: &str) -> Option<Rows> {
    let (columns, mode): (&[_], _) =
        match name.strip_prefix("jsonb_").or(name.strip_prefix("json_"))? {
            "array_elements" => (&[VALUE], "ARRAY"),
            "array_elements_text" => (&[TEXT], "ARRAY"),
            "each" => (&[KEY, VALUE], "OBJECT"),
            "each_text" => (&[KEY, TEXT], "OBJECT"),
            "object_keys" => (&[("_list.key", "")], "OBJECT"),
            _ => return None,
        };
    Some(Rows { columns, mode })
}

impl Rows {
    /// The rows that function `name` makes of `json`, as a table.
    pub(super) fn table(
        &self,
        json: &Expr,
        name: &str,
        alias: Option<&TableAlias>,
        with_ordinality: bool,
        dialect: Dialect,
    ) -> Option<TableFactor> {
        // Members of an object have no numbers here.
        if with_ordinality && self.mode != "ARRAY" {
            return None;
        }
        let columns = self.columns.iter().map(|(value, column)| match *column {
            "" => format!("{value} as {name}"),
            column => format!("{value} as {column}"),
        });
        let query = format!(
            "lateral (select {}{} from table(flatten(input => {}, mode => '{}')) as _list)",
            columns.collect::<Vec<_>>().join(", "),
            ordinality(with_ordinality),
            operand(&json::parsed(json)?),
            self.mode
        );
        let nameless: &[&str] = match self.columns {
            [(_, "")] => &[name],
            _ => &[],
        };
        table(&query, alias, name, nameless, dialect)
    }
}

/// `e` is `e.value` where `e` are the elements of a value of JSON; whether there was one.
pub(super) fn elements_by_table(select: &mut Select) -> bool {
    let factors = select.from.iter().flat_map(|table| {
        let joined = table.joins.iter().map(|join| &join.relation);
        [&table.relation].into_iter().chain(joined)
    });
    let named: Vec<Ident> = factors.filter_map(elements).collect();
    let is_named = |expr: &Expr| match expr {
        Expr::Identifier(name) => {
            let is = |table: &Ident| table.value.eq_ignore_ascii_case(&name.value);
            named.iter().any(is)
        }
        _ => false,
    };
    // The column keeps its name.
    for item in &mut select.projection {
        if let SelectItem::UnnamedExpr(expr) = item
            && is_named(expr)
            && let Expr::Identifier(name) = expr
        {
            let alias = name.clone();
            let expr = expr.clone();
            *item = SelectItem::ExprWithAlias { expr, alias };
        }
    }
    let mut changed = false;
    let _ = crate::own_expressions_mut(select, &mut |expr| {
        if is_named(expr)
            && let Expr::Identifier(table) = expr
        {
            *expr = Expr::CompoundIdentifier(vec![table.clone(), Ident::new("value")]);
            changed = true;
        }
        ControlFlow::Continue(())
    });
    changed
}

/// What the table of elements is called, if `factor` is one without names for its columns.
fn elements(factor: &TableFactor) -> Option<Ident> {
    let (name, alias) = match factor {
        TableFactor::Table {
            name,
            alias: Some(alias),
            args: Some(_),
            ..
        }
        | TableFactor::Function {
            name,
            alias: Some(alias),
            ..
        } => (name, alias),
        _ => return None,
    };
    let rows = of(&name.to_string().to_ascii_lowercase())?;
    (rows.mode == "ARRAY" && alias.columns.is_empty()).then(|| alias.name.clone())
}
