//! SEARCH OPTIMIZATION: what a table was asked to be searched by. It is kept and shown, and queries do without it.
//!
//! <https://docs.snowflake.com/en/user-guide/search-optimization/enabling>,
//! <https://docs.snowflake.com/en/sql-reference/sql/desc-search-optimization>

use arrow::datatypes::Schema;
use catalog::SearchMethod;
use diagnostic::{Error, Result, codes};
use engine::{Outcome, Session};
use sqlparser::ast::ObjectName;

use super::ddl;
use crate::Embedded;
use crate::failure::explain;
use crate::information_schema::type_name;
use crate::listing::{Kind, Listing};
use crate::names::relation;

/// Adds `on` to the methods that are `known`; EQUALITY of every plain column without it.
pub(crate) fn add(
    known: &mut Vec<SearchMethod>,
    schema: &Schema,
    on: &[(String, String)],
) -> Result<()> {
    let columns = |wanted: &dyn Fn(&str) -> bool| -> Vec<String> {
        let fields = schema.fields().iter();
        let fields = fields.filter(|field| wanted(&type_name(field)));
        fields.map(|field| field.name().clone()).collect()
    };
    let plain =
        |kind: &str| !["VARIANT", "OBJECT", "ARRAY", "GEOGRAPHY", "GEOMETRY"].contains(&kind);
    let mut asked: Vec<(String, String)> = Vec::new();
    if on.is_empty() {
        let all = columns(&plain).into_iter();
        asked.extend(all.map(|column| ("EQUALITY".to_owned(), column)));
    }
    for (method, target) in on {
        match target.as_str() {
            "*" => {
                let all = columns(&|_| true).into_iter();
                asked.extend(all.map(|column| (method.clone(), column)));
            }
            target => {
                let column = root(target);
                if schema.column_with_name(column).is_none() {
                    return Err(Error::new(
                        codes::E1101,
                        format!("Column `{column}` does not exist"),
                    )
                    .suggest(
                        column,
                        schema.fields().iter().map(|field| field.name().as_str()),
                    ));
                }
                asked.push((method.clone(), target.to_owned()));
            }
        }
    }
    for (method, target) in asked {
        if !known
            .iter()
            .any(|one| (&one.method, &one.target) == (&method, &target))
        {
            let id = known.iter().map(|one| one.id).max().unwrap_or_default() + 1;
            known.push(SearchMethod { id, method, target });
        }
    }
    Ok(())
}

/// Takes `on` out of the methods that are `known`, or all of them.
pub(crate) fn remove(known: &mut Vec<SearchMethod>, on: &[(String, String)]) -> Result<()> {
    if on.is_empty() {
        known.clear();
    }
    for (method, target) in on {
        let before = known.len();
        let all = target == "*";
        known.retain(|one| one.method != *method || (!all && one.target != *target));
        if known.len() == before && before > 0 {
            return Err(Error::new(
                codes::E1002,
                format!("The table is not searched by {method}({target})"),
            ));
        }
    }
    Ok(())
}

/// The column that a target begins with.
pub(crate) fn root(target: &str) -> &str {
    let column = target.split(':').next().unwrap_or(target);
    column.trim_matches('"')
}

pub(super) async fn describe(
    engine: &Embedded,
    session: &Session,
    name: &ObjectName,
) -> Result<Outcome> {
    let name = relation(session, name)?;
    let databases = engine.databases(session);
    let Some(found) = databases.relation(&name) else {
        return Err(Error::new(
            codes::K3001,
            format!("Relation `{name}` does not exist"),
        ));
    };
    let provider = databases.provider(&name, &found).await.map_err(explain)?;
    let schema = provider.schema();
    let mut listing = Listing::new(&[
        ("expression_id", Kind::Number),
        ("method", Kind::Text),
        ("target", Kind::Text),
        ("target_data_type", Kind::Text),
        ("active", Kind::Text),
    ]);
    for one in &found.details.search {
        let field = schema.column_with_name(root(&one.target));
        let declared = found.details.column(root(&one.target));
        let declared = declared.map(|column| column.kind.clone());
        let kind = declared.filter(|kind| !kind.is_empty());
        let kind = kind.or_else(|| field.map(|(_, field)| ddl::full_type(type_name(field))));
        let method = match one.method.as_str() {
            "FULL_TEXT" => "FULL_TEXT DEFAULT_ANALYZER",
            method => method,
        };
        listing.push(vec![
            i64::from(one.id).into(),
            method.into(),
            one.target.as_str().into(),
            kind.into(),
            "true".into(),
        ]);
    }
    listing.outcome()
}
