//! [`View`]: one view of the information schema, whose rows are made when a query reads them.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use arrow::array::{BooleanArray, RecordBatch, StringArray};
use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use datafusion::catalog::Session as DfSession;
use datafusion::common::{DFSchema, DataFusionError};
use datafusion::datasource::{MemTable, TableProvider, TableType};
use datafusion::error::Result;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown};
use datafusion::physical_plan::ExecutionPlan;
use model::{Identifier, RelationName};

use super::{Header, containers, keys, loads, objects, privileges, relations};
use crate::listing::Listing;
use crate::provider::{Databases, external};

/// The columns by which relations are left out before they are looked at.
const NAMES: [&str; 3] = ["TABLE_CATALOG", "TABLE_SCHEMA", "TABLE_NAME"];

/// A view of one database.
pub(super) struct View {
    databases: Databases,
    database: Identifier,
    name: &'static str,
    header: Header,
    schema: SchemaRef,
}

impl fmt::Debug for View {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "View({})", self.name)
    }
}

impl View {
    pub(super) fn new(
        databases: &Databases,
        database: &Identifier,
        name: &'static str,
        header: Header,
    ) -> Self {
        Self {
            databases: databases.clone(),
            database: database.clone(),
            name,
            header,
            schema: Listing::schema(header),
        }
    }

    /// The relations that pass `filters`, which ask for nothing but names.
    fn wanted(
        &self,
        state: &dyn DfSession,
        filters: &[Expr],
    ) -> Result<Option<BTreeSet<RelationName>>> {
        if filters.is_empty() || !matches!(self.name, "TABLES" | "COLUMNS" | "TABLE_PRIVILEGES") {
            return Ok(None);
        }
        let own = |name: &RelationName| name.database == self.database;
        let all = self.databases.relations().into_keys();
        let mut names: Vec<RelationName> = all.filter(own).collect();
        let column = |part: &dyn Fn(&RelationName) -> String| -> Arc<StringArray> {
            Arc::new(names.iter().map(|name| Some(part(name))).collect())
        };
        let fields = NAMES.map(|name| self.schema.field_with_name(name).cloned());
        let fields: Vec<_> = fields.into_iter().collect::<std::result::Result<_, _>>()?;
        let schema = Arc::new(arrow::datatypes::Schema::new(fields));
        let rows = RecordBatch::try_new(
            Arc::clone(&schema),
            vec![
                column(&|name| name.database.as_str().to_owned()),
                column(&|name| name.schema.as_str().to_owned()),
                column(&|name| name.name.as_str().to_owned()),
            ],
        )?;
        let known = DFSchema::try_from(schema)?;
        let mut kept = vec![true; names.len()];
        for filter in filters.iter().filter(|filter| by_name(filter)) {
            let filter = state.create_physical_expr(filter.clone(), &known)?;
            let verdict = filter.evaluate(&rows)?.into_array(names.len())?;
            let verdict = verdict.as_any().downcast_ref::<BooleanArray>();
            let verdict = verdict.ok_or_else(|| {
                DataFusionError::Internal("a filter gives no truth value".to_owned())
            })?;
            for (kept, verdict) in kept.iter_mut().zip(verdict) {
                *kept &= verdict.unwrap_or(false);
            }
        }
        let mut kept = kept.into_iter();
        names.retain(|_| kept.next().unwrap_or(true));
        Ok(Some(names.into_iter().collect()))
    }

    async fn rows(
        &self,
        wanted: Option<&BTreeSet<RelationName>>,
        sizes: bool,
    ) -> diagnostic::Result<RecordBatch> {
        let mut listing = Listing::new(self.header);
        let (databases, database) = (&self.databases, &self.database);
        let chosen = relations::Chosen {
            databases,
            database,
            wanted,
        };
        match self.name {
            "APPLICABLE_ROLES" => containers::applicable_roles(databases, &mut listing),
            "COLUMNS" => chosen.columns(&mut listing).await?,
            "COPY_HISTORY" => loads::all(databases, &mut listing)?,
            "DATABASES" => containers::databases(databases, &mut listing)?,
            "ENABLED_ROLES" => containers::enabled_roles(databases, &mut listing),
            "FILE_FORMATS" => objects::file_formats(databases, database, &mut listing),
            "FUNCTIONS" => objects::functions(databases, database, &mut listing),
            "INFORMATION_SCHEMA_CATALOG_NAME" => {
                listing.row([("CATALOG_NAME", database.as_str().into())]);
            }
            "LOAD_HISTORY" => loads::load_history(databases, database, &mut listing)?,
            "OBJECT_PRIVILEGES" => privileges::of_objects(&chosen, &mut listing),
            "PROCEDURES" => objects::procedures(databases, database, &mut listing),
            "REFERENTIAL_CONSTRAINTS" => keys::references(databases, database, &mut listing),
            "SCHEMATA" => containers::schemata(databases, database, &mut listing)?,
            "SEQUENCES" => objects::sequences(databases, database, &mut listing)?,
            "STAGES" => objects::stages(databases, database, &mut listing),
            "TABLES" => chosen.tables(&mut listing, sizes).await?,
            "TABLE_CONSTRAINTS" => keys::constraints(databases, database, &mut listing),
            "TABLE_PRIVILEGES" => privileges::of_tables(&chosen, &mut listing),
            _ => chosen.views(&mut listing)?,
        }
        listing.batch()
    }
}

/// Whether a filter can be decided by a relation's name.
fn by_name(filter: &Expr) -> bool {
    let columns = filter.column_refs();
    !columns.is_empty()
        && columns
            .iter()
            .all(|column| NAMES.contains(&column.name.as_str()))
}

#[async_trait]
impl TableProvider for View {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::View
    }

    fn supports_filters_pushdown(
        &self,
        filters: &[&Expr],
    ) -> Result<Vec<TableProviderFilterPushDown>> {
        let inexact = |filter: &&Expr| match by_name(filter) {
            true => TableProviderFilterPushDown::Inexact,
            false => TableProviderFilterPushDown::Unsupported,
        };
        Ok(filters.iter().map(inexact).collect())
    }

    async fn scan(
        &self,
        state: &dyn DfSession,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let wanted = self.wanted(state, filters)?;
        let sizes = projection.is_none_or(|columns| {
            let mut names = columns.iter().filter_map(|at| self.header.get(*at));
            names.any(|(name, _)| matches!(*name, "ROW_COUNT" | "BYTES"))
        });
        let batch = self.rows(wanted.as_ref(), sizes).await.map_err(external)?;
        let table = MemTable::try_new(Arc::clone(&self.schema), vec![vec![batch]])?;
        table.scan(state, projection, &[], limit).await
    }
}
