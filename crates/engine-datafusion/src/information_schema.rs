//! INFORMATION_SCHEMA: what exists, as tables, with Snowflake's columns
//! (<https://docs.snowflake.com/en/sql-reference/info-schema>). Each family of views has its file; what costs
//! reading tables is done for the rows and columns that a query asks for.

mod containers;
mod keys;
mod loads;
mod objects;
mod privileges;
mod relations;
mod view;

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema, TimeUnit};
use datafusion::datasource::TableProvider;
use diagnostic::{Error, Result, codes};
use model::{Identifier, SchemaName};

pub(crate) use keys::referenced;
pub(crate) use loads::copy_history;

use crate::listing::Kind;
use crate::provider::Databases;

/// The schema's name in every database.
pub(crate) const NAME: &str = "INFORMATION_SCHEMA";

/// Names and types of a view's columns.
type Header = &'static [(&'static str, Kind)];

/// Every view, in the order of their names.
const VIEWS: &[(&str, Header)] = &[
    ("APPLICABLE_ROLES", containers::APPLICABLE_ROLES),
    ("COLUMNS", relations::COLUMNS),
    ("DATABASES", containers::DATABASES),
    ("ENABLED_ROLES", containers::ENABLED_ROLES),
    ("FILE_FORMATS", objects::FILE_FORMATS),
    ("FUNCTIONS", objects::FUNCTIONS),
    ("INFORMATION_SCHEMA_CATALOG_NAME", containers::CATALOG_NAME),
    ("LOAD_HISTORY", loads::LOAD_HISTORY),
    ("OBJECT_PRIVILEGES", privileges::OBJECT_PRIVILEGES),
    ("PROCEDURES", objects::PROCEDURES),
    ("REFERENTIAL_CONSTRAINTS", keys::REFERENTIAL_CONSTRAINTS),
    ("SCHEMATA", containers::SCHEMATA),
    ("SEQUENCES", objects::SEQUENCES),
    ("STAGES", objects::STAGES),
    ("TABLES", relations::TABLES),
    ("TABLE_CONSTRAINTS", keys::TABLE_CONSTRAINTS),
    ("TABLE_PRIVILEGES", privileges::TABLE_PRIVILEGES),
    ("VIEWS", relations::VIEWS),
];

/// The view `name` of `database`'s information schema.
///
/// # Errors
/// `K3001` if there is none.
pub(crate) fn table(
    databases: &Databases,
    database: &Identifier,
    name: &str,
) -> Result<Arc<dyn TableProvider>> {
    let found = VIEWS.iter().find(|(view, _)| *view == name);
    let Some((name, header)) = found else {
        let names = VIEWS.iter().map(|(view, _)| *view);
        return Err(Error::new(
            codes::K3001,
            format!("The information schema has no view `{name}`"),
        )
        .suggest(name, names));
    };
    Ok(Arc::new(view::View::new(databases, database, name, header)))
}

/// Whether `name` is the schema of views over all databases, `SNOWFLAKE.ACCOUNT_USAGE`.
pub(crate) fn is_account_usage(name: &SchemaName) -> bool {
    name.database.as_str() == "SNOWFLAKE" && name.schema.as_str() == "ACCOUNT_USAGE"
}

/// The view `name` of `SNOWFLAKE.ACCOUNT_USAGE`.
///
/// # Errors
/// `K3001` if there is none.
pub(crate) fn account_usage(databases: &Databases, name: &str) -> Result<Arc<dyn TableProvider>> {
    if name != "COPY_HISTORY" {
        let message = format!("SNOWFLAKE.ACCOUNT_USAGE has no view `{name}`");
        return Err(Error::new(codes::K3001, message).suggest(name, ["COPY_HISTORY"]));
    }
    let database = databases.session.database.clone();
    let view = view::View::new(databases, &database, "COPY_HISTORY", loads::COPY_HISTORY);
    Ok(Arc::new(view))
}

/// Names and types of columns as Snowflake shows them.
pub(crate) fn columns(schema: &Schema) -> Vec<(String, String)> {
    schema
        .fields()
        .iter()
        .map(|field| (field.name().clone(), type_name(field)))
        .collect()
}

/// The type of a column as Snowflake shows it.
pub(crate) fn type_name(field: &Field) -> String {
    match field.data_type() {
        DataType::LargeUtf8 => {
            let logical = field.metadata().get(lake::LOGICAL_TYPE);
            logical.map_or("VARIANT", String::as_str).to_owned()
        }
        DataType::Int8
        | DataType::Int16
        | DataType::Int32
        | DataType::Int64
        | DataType::UInt8
        | DataType::UInt16
        | DataType::UInt32
        | DataType::UInt64 => "NUMBER(38,0)".to_owned(),
        DataType::Decimal128(precision, scale) => format!("NUMBER({precision},{scale})"),
        DataType::Float16 | DataType::Float32 | DataType::Float64 => "FLOAT".to_owned(),
        DataType::Boolean => "BOOLEAN".to_owned(),
        DataType::Date32 | DataType::Date64 => "DATE".to_owned(),
        DataType::Time32(_) | DataType::Time64(_) => "TIME(9)".to_owned(),
        DataType::Timestamp(unit, zone) => {
            let digits = match unit {
                TimeUnit::Second => 0,
                TimeUnit::Millisecond => 3,
                TimeUnit::Microsecond => 6,
                TimeUnit::Nanosecond => 9,
            };
            let kind = if zone.is_some() { "LTZ" } else { "NTZ" };
            format!("TIMESTAMP_{kind}({digits})")
        }
        zoned if functions::is_timestamp_tz(zoned) => "TIMESTAMP_TZ(6)".to_owned(),
        DataType::LargeBinary => "GEOGRAPHY".to_owned(),
        DataType::Binary | DataType::BinaryView => "BINARY".to_owned(),
        DataType::List(_) | DataType::LargeList(_) => "ARRAY".to_owned(),
        DataType::Struct(_) | DataType::Map(..) => "OBJECT".to_owned(),
        _ => "VARCHAR".to_owned(),
    }
}
