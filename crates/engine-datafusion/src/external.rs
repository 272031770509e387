//! Tables that other engines write, as queries see them: names and types as this warehouse has them.

use std::collections::HashSet;
use std::sync::Arc;

use arrow::datatypes::{DataType, Schema, TimeUnit};
use datafusion::catalog::TableProvider;
use datafusion::datasource::{ViewTable, provider_as_source};
use datafusion::error::Result;
use datafusion::logical_expr::{Expr, LogicalPlanBuilder, cast};
use datafusion::prelude::Expr as PlanExpr;
use diagnostic::{Error, codes};
use lake::ExternalTable;

use crate::provider::external;

/// The Delta table at `location`, at its newest version.
pub(crate) async fn provider(location: &str) -> Result<Arc<dyn TableProvider>> {
    let table = ExternalTable::open(location).await.map_err(external)?;
    let rows = table.delta().table_provider().await?;
    let schema = rows.schema();
    let upper = unique_in_upper_case(&schema);
    let columns = schema
        .fields()
        .iter()
        .map(|field| {
            let column = PlanExpr::Column(datafusion::common::Column::from_name(field.name()));
            let to = shown(field.data_type()).ok_or_else(|| {
                external(
                    Error::new(
                        codes::K3013,
                        format!(
                            "Column `{}` of the Delta table at `{location}` has type {}, which a table here cannot hold",
                            field.name(),
                            field.data_type()
                        ),
                    )
                    .help("let the other engine write its parts as columns, or as JSON text"),
                )
            })?;
            let value: Expr = match to == *field.data_type() {
                true => column,
                false => cast(column, to),
            };
            Ok(value.alias(match upper {
                true => field.name().to_uppercase(),
                false => field.name().clone(),
            }))
        })
        .collect::<Result<Vec<_>>>()?;
    let plan = LogicalPlanBuilder::scan("external", provider_as_source(rows), None)?
        .project(columns)?
        .build()?;
    Ok(Arc::new(ViewTable::new(plan, None)))
}

/// Whether names stay apart when they are written in upper case, as unquoted names are.
fn unique_in_upper_case(schema: &Schema) -> bool {
    let names = schema
        .fields()
        .iter()
        .map(|field| field.name().to_uppercase());
    names.collect::<HashSet<_>>().len() == schema.fields().len()
}

/// The type in which queries see values of type `from`.
fn shown(from: &DataType) -> Option<DataType> {
    Some(match from {
        DataType::Int8 | DataType::Int16 | DataType::Int32 | DataType::Int64 => DataType::Int64,
        DataType::Float32 | DataType::Float64 => DataType::Float64,
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => DataType::Utf8,
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView => DataType::Binary,
        DataType::Boolean | DataType::Date32 | DataType::Decimal128(..) => from.clone(),
        DataType::Timestamp(_, None) => DataType::Timestamp(TimeUnit::Microsecond, None),
        DataType::Timestamp(_, Some(_)) => {
            DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()))
        }
        DataType::Dictionary(_, values) => shown(values)?,
        _ => return None,
    })
}
