//! Column lineage of a query, at the syntax tree.

use std::collections::BTreeSet;

use sqlparser::ast::{Query, Statement};

use crate::Columns;
pub use crate::scope::ColumnRef;
use crate::scope::{Names, query_shape};

/// An output column and the columns its values derive from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ColumnLineage {
    /// The output column.
    pub name: String,
    /// Columns of tables and views, through every subquery and WITH clause.
    pub origins: BTreeSet<ColumnRef>,
}

/// For each output column of `query`, in order, where it comes from. `None` if the query selects `*`
/// from a relation whose columns `columns` does not know.
///
/// Values are followed, not conditions: a column that stands only in WHERE or ON is no origin.
///
/// ```
/// use diagnostic::Source;
/// let script = Source::new("m.sql", "with o as (select id, price * qty as total from raw.orders) \
///     select id, sum(total) as total from o group by id");
/// let statement = sql::parse_script(&script)?.remove(0);
/// let lineage = sql::lineage(sql::query_of(&statement.ast).unwrap(), &sql::NoColumns).unwrap();
/// assert_eq!(lineage[1].name, "TOTAL");
/// let origins: Vec<String> = lineage[1].origins.iter().map(|o| format!("{}.{}", o.relation, o.column)).collect();
/// assert_eq!(origins, ["RAW.ORDERS.PRICE", "RAW.ORDERS.QTY"]);
/// # Ok::<(), diagnostic::Error>(())
/// ```
#[must_use]
pub fn lineage(query: &Query, columns: &dyn Columns) -> Option<Vec<ColumnLineage>> {
    let shape = query_shape(query, &Names::default(), columns)?;
    let known = |origins: BTreeSet<ColumnRef>| {
        let named = origins
            .into_iter()
            .filter(|origin| !origin.relation.is_empty());
        named.collect()
    };
    let column = |output: crate::scope::Output| ColumnLineage {
        name: output.name,
        origins: known(output.origins),
    };
    Some(shape.into_iter().map(column).collect())
}

/// The query a statement runs: itself, or the source of CREATE … AS and INSERT.
#[must_use]
pub fn query_of(statement: &Statement) -> Option<&Query> {
    match statement {
        Statement::Query(query) => Some(query),
        Statement::CreateView(view) => Some(&view.query),
        Statement::CreateTable(table) => table.query.as_deref(),
        Statement::Insert(insert) => insert.source.as_deref(),
        _ => None,
    }
}
