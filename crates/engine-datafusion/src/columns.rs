//! Statements normalised with what the catalog knows: a name in a select list may be a column or an alias.

use std::collections::HashMap;

use datafusion::catalog::CatalogProviderList;
use diagnostic::Result;
use sql::{Statement, Use};

use crate::failure::explain;
use crate::names;
use crate::provider::Databases;

/// `statement` as the planner understands it. Relations are looked up only if the result depends on
/// their columns.
pub(crate) async fn normalise(databases: &Databases, statement: Statement) -> Result<Statement> {
    let mut columns = HashMap::new();
    if sql::wants_columns(&statement.ast) {
        let usages = sql::usages(&statement.ast);
        for usage in usages.into_iter().filter(|usage| usage.used == Use::Read) {
            if let Some(known) = lookup(databases, &usage.name).await? {
                columns.insert(usage.name, known);
            }
        }
    }
    sql::normalise_with(statement, &columns)
}

/// The columns of a relation; `None` if there is no such relation, which planning will report.
async fn lookup(
    databases: &Databases,
    name: &sqlparser::ast::ObjectName,
) -> Result<Option<Vec<String>>> {
    let name = names::relation(&databases.session, name)?;
    let namespace = databases
        .catalog(name.database.as_str())
        .and_then(|database| database.schema(name.schema.as_str()));
    let Some(namespace) = namespace else {
        return Ok(None);
    };
    let table = namespace.table(name.name.as_str()).await.map_err(explain)?;
    Ok(table.map(|table| {
        let schema = table.schema();
        schema
            .fields()
            .iter()
            .map(|field| field.name().clone())
            .collect()
    }))
}
