//! INFORMATION_SCHEMA: what exists, as tables, with Snowflake's column names
//! (<https://docs.snowflake.com/en/sql-reference/info-schema>).

use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema, TimeUnit};
use catalog::RelationKind;
use datafusion::datasource::{MemTable, TableProvider};
use diagnostic::{Result, ResultExt, codes};
use model::Identifier;

use crate::failure::explain;
use crate::provider::Databases;

/// The schema's name in every database.
pub(crate) const NAME: &str = "INFORMATION_SCHEMA";

/// The table `name` of `database`'s information schema, if there is one.
pub(crate) async fn table(
    databases: &Databases,
    database: &Identifier,
    name: &str,
) -> Result<Option<Arc<dyn TableProvider>>> {
    let batch = match name {
        "TABLES" => tables(databases, database)?,
        "COLUMNS" => all_columns(databases, database).await?,
        "SCHEMATA" => schemata(databases, database)?,
        _ => return Ok(None),
    };
    let table = MemTable::try_new(batch.schema(), vec![vec![batch]]).map_err(explain)?;
    Ok(Some(Arc::new(table)))
}

fn tables(databases: &Databases, database: &Identifier) -> Result<RecordBatch> {
    let mut schemas = Vec::new();
    let mut names = Vec::new();
    let mut kinds = Vec::new();
    let mut comments = Vec::new();
    for (name, relation) in databases.workspace.relations() {
        if name.database == *database {
            schemas.push(name.schema.as_str().to_owned());
            names.push(name.name.as_str().to_owned());
            kinds.push(match relation.kind {
                RelationKind::Table { .. } => "BASE TABLE",
                RelationKind::View { .. } => "VIEW",
            });
            comments.push(relation.comment);
        }
    }
    let catalogs = vec![database.as_str(); names.len()];
    batch(vec![
        ("TABLE_CATALOG", Arc::new(StringArray::from(catalogs))),
        ("TABLE_SCHEMA", Arc::new(StringArray::from(schemas))),
        ("TABLE_NAME", Arc::new(StringArray::from(names))),
        ("TABLE_TYPE", Arc::new(StringArray::from(kinds))),
        ("COMMENT", Arc::new(StringArray::from(comments))),
    ])
}

async fn all_columns(databases: &Databases, database: &Identifier) -> Result<RecordBatch> {
    let mut schemas = Vec::new();
    let mut tables = Vec::new();
    let mut names = Vec::new();
    let mut positions = Vec::new();
    let mut types = Vec::new();
    for (name, relation) in databases.workspace.relations() {
        if name.database != *database {
            continue;
        }
        let provider = databases
            .provider(&name, &relation)
            .await
            .map_err(explain)?;
        for (position, (column, kind)) in (1_i64..).zip(columns(&provider.schema())) {
            schemas.push(name.schema.as_str().to_owned());
            tables.push(name.name.as_str().to_owned());
            names.push(column);
            positions.push(position);
            types.push(kind);
        }
    }
    let catalogs = vec![database.as_str(); names.len()];
    let nullable = vec!["YES"; names.len()];
    batch(vec![
        ("TABLE_CATALOG", Arc::new(StringArray::from(catalogs))),
        ("TABLE_SCHEMA", Arc::new(StringArray::from(schemas))),
        ("TABLE_NAME", Arc::new(StringArray::from(tables))),
        ("COLUMN_NAME", Arc::new(StringArray::from(names))),
        ("ORDINAL_POSITION", Arc::new(Int64Array::from(positions))),
        ("IS_NULLABLE", Arc::new(StringArray::from(nullable))),
        ("DATA_TYPE", Arc::new(StringArray::from(types))),
    ])
}

fn schemata(databases: &Databases, database: &Identifier) -> Result<RecordBatch> {
    let names: Vec<String> = databases
        .workspace
        .namespaces()
        .into_iter()
        .filter(|name| name.database == *database)
        .map(|name| name.schema.as_str().to_owned())
        .collect();
    let catalogs = vec![database.as_str(); names.len()];
    batch(vec![
        ("CATALOG_NAME", Arc::new(StringArray::from(catalogs))),
        ("SCHEMA_NAME", Arc::new(StringArray::from(names))),
    ])
}

fn batch(columns: Vec<(&str, ArrayRef)>) -> Result<RecordBatch> {
    RecordBatch::try_from_iter_with_nullable(
        columns.into_iter().map(|(name, array)| (name, array, true)),
    )
    .explain(codes::X0001, || "A listing cannot be built".to_owned())
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
