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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::collections::HashMap;

    use diagnostic::Source;
    use sqlparser::ast::{Ident, ObjectName};

    fn lineage(text: &str) -> Vec<String> {
        let tables = [
            ("ORDERS", vec!["ID", "AMOUNT"]),
            ("CUSTOMERS", vec!["ID", "NAME"]),
        ];
        let columns: HashMap<ObjectName, Vec<String>> = tables
            .into_iter()
            .map(|(table, columns)| {
                (
                    ObjectName::from(vec![Ident::new(table)]),
                    columns.into_iter().map(str::to_owned).collect(),
                )
            })
            .collect();
        let statement = crate::parse_script(&Source::new("m.sql", text))
            .unwrap()
            .remove(0);
        super::lineage(super::query_of(&statement.ast).unwrap(), &columns)
            .unwrap()
            .into_iter()
            .map(|column| {
                let origins: Vec<String> = column
                    .origins
                    .iter()
                    .map(|origin| format!("{}.{}", origin.relation, origin.column))
                    .collect();
                format!("{} <- {}", column.name, origins.join(" "))
            })
            .collect()
    }

    #[test]
    fn follows_stars_unions_and_aliases() {
        assert_eq!(
            lineage(
                "with o as (select * from orders), u as (select id from o union all select id from customers) \
                 select o.*, u.id as other, amount * 2 as twice, twice + 1 as more \
                 from o join u using (id)"
            ),
            [
                "ID <- ORDERS.ID",
                "AMOUNT <- ORDERS.AMOUNT",
                "OTHER <- CUSTOMERS.ID ORDERS.ID",
                "TWICE <- ORDERS.AMOUNT",
                "MORE <- ORDERS.AMOUNT"
            ]
        );
    }

    #[test]
    fn follows_subqueries_windows_and_renames() {
        assert_eq!(
            lineage(
                "create table t as select c.* exclude (id) rename (name as who), \
                 (select max(amount) from orders) as top, \
                 sum(o.amount) over (partition by c.name) as s, count(*) \
                 from customers c left join orders o on o.id = c.id"
            ),
            [
                "WHO <- CUSTOMERS.NAME",
                "TOP <- ORDERS.AMOUNT",
                "S <- CUSTOMERS.NAME ORDERS.AMOUNT",
                "COUNT(*) <- "
            ]
        );
    }
}
