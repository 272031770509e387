//! Filters meet whole batches above the scan, and only choose files and row groups in it.
//!
//! Delta's scan gives every filter to the Parquet reader, twice over, to be applied row by row while
//! columns are decoded. That pays for filters that keep next to nothing of wide rows, and costs two to
//! four times the rest of a scan otherwise: query 6 of TPC-H decodes its columns once for each of ten
//! comparisons.

use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::datasource::physical_plan::{FileScanConfigBuilder, ParquetSource};
use datafusion::datasource::source::DataSourceExec;
use datafusion::error::Result;
use datafusion::logical_expr::TableProviderFilterPushDown;
use datafusion::physical_plan::ExecutionPlan;

/// What the scan is trusted with: to leave rows out, not to leave out all of them.
pub(crate) fn trusted(below: TableProviderFilterPushDown) -> TableProviderFilterPushDown {
    match below {
        TableProviderFilterPushDown::Exact => TableProviderFilterPushDown::Inexact,
        other => other,
    }
}

/// `scan` whose filters choose files and row groups only.
pub(crate) fn coarse(scan: Arc<dyn ExecutionPlan>) -> Result<Arc<dyn ExecutionPlan>> {
    let changed = scan.transform_up(|node| {
        let source = node
            .downcast_ref::<DataSourceExec>()
            .and_then(DataSourceExec::downcast_to_file_source::<ParquetSource>);
        let Some((config, source)) = source else {
            return Ok(Transformed::no(node));
        };
        // Where rows leave by deletion vectors, the scan takes no filters, and no other source than its own.
        if !source.table_parquet_options().global.pushdown_filters {
            return Ok(Transformed::no(node));
        }
        let source = source.clone().with_pushdown_filters(false);
        let config = FileScanConfigBuilder::from(config.clone())
            .with_source(Arc::new(source))
            .build();
        let scan: Arc<dyn ExecutionPlan> = DataSourceExec::from_data_source(config);
        Ok(Transformed::yes(scan))
    })?;
    Ok(changed.data)
}
