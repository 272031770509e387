//! [`IcebergScan`]: an Iceberg table of the warehouse as DataFusion reads it.
//!
//! Files know columns by ids. A file's column that the table's column of that name is not (it was dropped, and another
//! came under its name) counts as missing.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use arrow::datatypes::{Schema, SchemaRef};
use async_trait::async_trait;
use datafusion::catalog::Session;
use datafusion::common::stats::Precision;
use datafusion::common::{DFSchema, Statistics};
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::{FileGroup, FileScanConfigBuilder, ParquetSource};
use datafusion::datasource::source::DataSourceExec;
use datafusion::datasource::{TableProvider, TableType};
use datafusion::error::Result;
use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::logical_expr::utils::conjunction;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown};
use datafusion::physical_expr_adapter::{
    DefaultPhysicalExprAdapter, PhysicalExprAdapter, PhysicalExprAdapterFactory,
};
use datafusion::physical_plan::ExecutionPlan;
use lake::{IcebergTable, ScannedFile};
use parquet::arrow::PARQUET_FIELD_ID_META_KEY;

/// The name of a column that nobody asks for.
const NOT_OURS: &str = "\0";

/// An Iceberg table at one version.
#[derive(Debug)]
pub(crate) struct IcebergScan {
    table: IcebergTable,
    schema: SchemaRef,
    files: Vec<ScannedFile>,
    ids: Arc<HashMap<String, i32>>,
}

impl IcebergScan {
    /// The rows of `table`, whose columns are `schema`.
    pub(crate) async fn new(table: &IcebergTable, schema: &Schema) -> diagnostic::Result<Self> {
        Ok(Self {
            files: table.scanned().await?,
            ids: Arc::new(table.ids()?),
            schema: Arc::new(schema.clone()),
            table: table.clone(),
        })
    }

    fn statistics(&self) -> Statistics {
        let exact = |sum: u64| usize::try_from(sum).map_or(Precision::Absent, Precision::Exact);
        let size = |file: &ScannedFile| file.object.size;
        Statistics::new_unknown(&self.schema)
            .with_num_rows(exact(self.files.iter().map(|file| file.rows).sum()))
            .with_total_byte_size(exact(self.files.iter().map(size).sum()).to_inexact())
    }
}

#[async_trait]
impl TableProvider for IcebergScan {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn statistics(&self) -> Option<Statistics> {
        Some(self.statistics())
    }

    fn supports_filters_pushdown(
        &self,
        filters: &[&Expr],
    ) -> Result<Vec<TableProviderFilterPushDown>> {
        // Filters leave out row groups, and are applied above.
        Ok(vec![TableProviderFilterPushDown::Inexact; filters.len()])
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let mut hasher = DefaultHasher::new();
        self.table.root().hash(&mut hasher);
        let url = ObjectStoreUrl::parse(format!("iceberg://warehouse-{:x}/", hasher.finish()))?;
        let store = Arc::clone(self.table.store());
        state
            .runtime_env()
            .register_object_store(url.as_ref(), store);
        let mut source = ParquetSource::new(Arc::clone(&self.schema));
        if let Some(filter) = conjunction(filters.iter().cloned()) {
            let columns = DFSchema::try_from(Arc::clone(&self.schema))?;
            source = source.with_predicate(state.create_physical_expr(filter, &columns)?);
        }
        let files = self.files.iter();
        let files = files.map(|file| PartitionedFile::new_from_meta(file.object.clone()));
        let groups = FileGroup::new(files.collect());
        let config = FileScanConfigBuilder::new(url, Arc::new(source))
            .with_file_groups(groups.split_files(state.config().target_partitions()))
            .with_statistics(self.statistics())
            .with_limit(limit.filter(|_| filters.is_empty()))
            .with_projection_indices(projection.cloned())?
            .with_expr_adapter(Some(Arc::new(ById {
                ids: Arc::clone(&self.ids),
            })))
            .build();
        Ok(DataSourceExec::from_data_source(config))
    }
}

/// Tells a file's columns by their ids.
#[derive(Debug)]
struct ById {
    ids: Arc<HashMap<String, i32>>,
}

impl PhysicalExprAdapterFactory for ById {
    fn create(&self, table: SchemaRef, file: SchemaRef) -> Result<Arc<dyn PhysicalExprAdapter>> {
        let fields = file.fields().iter().map(|field| {
            let id = field.metadata().get(PARQUET_FIELD_ID_META_KEY);
            let id = id.and_then(|id| id.parse::<i32>().ok());
            match self.ids.get(field.name()) {
                Some(known) if id != Some(*known) => {
                    Arc::new(field.as_ref().clone().with_name(NOT_OURS))
                }
                _ => Arc::clone(field),
            }
        });
        let file = Schema::new(fields.collect::<Vec<_>>());
        Ok(Arc::new(DefaultPhysicalExprAdapter::new(
            table,
            Arc::new(file),
        )))
    }
}
