//! [`FileScan`]: a table of the warehouse whose data files DataFusion reads as they are.
//!
//! A Delta table's files know columns by names, as DataFusion does; an Iceberg table's by ids: a file's column that the
//! table's column of that name is not (it was dropped, and another came under its name) counts as missing.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, OnceLock};

use arrow::datatypes::{Schema, SchemaRef};
use async_trait::async_trait;
use datafusion::catalog::Session;
use datafusion::common::stats::Precision;
use datafusion::common::{DFSchema, Statistics, project_schema};
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::parquet::CachedParquetFileReaderFactory;
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
use datafusion::physical_plan::empty::EmptyExec;
use lake::Scanned;
use parquet::arrow::PARQUET_FIELD_ID_META_KEY;

use crate::file_statistics::of_file;

/// The name of a column that nobody asks for.
const NOT_OURS: &str = "\0";

/// A table at one version.
#[derive(Debug)]
pub(crate) struct FileScan {
    schema: SchemaRef,
    scanned: Scanned,
    ids: Option<Arc<HashMap<String, i32>>>,
    statistics: OnceLock<Known>,
}

/// What the table's metadata says about its rows.
#[derive(Debug)]
struct Known {
    table: Statistics,
    files: Vec<Arc<Statistics>>,
}

impl FileScan {
    /// The rows of `scanned`, whose columns are `schema`; files know columns by `ids`, if there are any.
    pub(crate) fn new(
        scanned: Scanned,
        schema: SchemaRef,
        ids: Option<HashMap<String, i32>>,
    ) -> Self {
        Self {
            schema,
            scanned,
            ids: ids.map(Arc::new),
            statistics: OnceLock::new(),
        }
    }

    fn known(&self) -> &Known {
        self.statistics.get_or_init(|| {
            let files = self.scanned.files.iter();
            let files: Vec<_> = files
                .map(|file| Arc::new(of_file(file, &self.schema)))
                .collect();
            let merged = Statistics::try_merge_iter(files.iter().map(Arc::as_ref), &self.schema);
            let none = || {
                Statistics::new_unknown(&self.schema)
                    .with_num_rows(Precision::Exact(0))
                    .with_total_byte_size(Precision::Exact(0))
            };
            let table = match files.is_empty() {
                true => none(),
                // What cannot be merged is not known.
                false => merged.unwrap_or_else(|_| Statistics::new_unknown(&self.schema)),
            };
            Known { table, files }
        })
    }

    /// Where the store is registered: stores differ by their places only.
    fn url(&self) -> Result<ObjectStoreUrl> {
        let mut hasher = DefaultHasher::new();
        self.scanned.root.hash(&mut hasher);
        ObjectStoreUrl::parse(format!("warehouse://{:x}/", hasher.finish()))
    }
}

#[async_trait]
impl TableProvider for FileScan {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn statistics(&self) -> Option<Statistics> {
        Some(self.known().table.clone())
    }

    fn supports_filters_pushdown(
        &self,
        filters: &[&Expr],
    ) -> Result<Vec<TableProviderFilterPushDown>> {
        // Filters leave out files and row groups, and are applied above: row by row, while columns are decoded,
        // they cost more than they save.
        Ok(vec![TableProviderFilterPushDown::Inexact; filters.len()])
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        if self.scanned.files.is_empty() {
            // A scan of no files has no partition, which joins that collect a side do not expect.
            let schema = project_schema(&self.schema, projection)?;
            return Ok(Arc::new(EmptyExec::new(schema)));
        }
        let url = self.url()?;
        let runtime = state.runtime_env();
        let store = Arc::clone(&self.scanned.store);
        runtime.register_object_store(url.as_ref(), Arc::clone(&store));
        let footers = runtime.cache_manager.get_file_metadata_cache();
        let reader = CachedParquetFileReaderFactory::new(store, footers);
        let mut source = ParquetSource::new(Arc::clone(&self.schema))
            .with_parquet_file_reader_factory(Arc::new(reader));
        if let Some(filter) = conjunction(filters.iter().cloned()) {
            let columns = DFSchema::try_from(Arc::clone(&self.schema))?;
            source = source.with_predicate(state.create_physical_expr(filter, &columns)?);
        }
        let known = self.known();
        let files = self.scanned.files.iter().zip(&known.files);
        let files = files.map(|(file, statistics)| {
            PartitionedFile::new_from_meta(file.object.clone())
                .with_statistics(Arc::clone(statistics))
        });
        let groups = FileGroup::new(files.collect());
        let adapter = self.ids.as_ref().map(|ids| {
            let ids = Arc::clone(ids);
            Arc::new(ById { ids }) as Arc<dyn PhysicalExprAdapterFactory>
        });
        let config = FileScanConfigBuilder::new(url, Arc::new(source))
            .with_file_groups(groups.split_files(state.config().target_partitions()))
            .with_statistics(known.table.clone())
            .with_limit(limit.filter(|_| filters.is_empty()))
            .with_projection_indices(projection.cloned())?
            .with_expr_adapter(adapter)
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
