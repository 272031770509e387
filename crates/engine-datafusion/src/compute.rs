//! [`Compute`]: the memory, spill space and functions that all statements of a process share.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;

use datafusion::execution::disk_manager::{DiskManagerBuilder, DiskManagerMode};
use datafusion::execution::memory_pool::{FairSpillPool, TrackConsumersPool};
use datafusion::execution::runtime_env::{RuntimeEnv, RuntimeEnvBuilder};
use datafusion::execution::session_state::SessionStateBuilder;
use datafusion::execution::{SessionState, SessionStateDefaults};
use deltalake::delta_datafusion::planner::DeltaPlanner;
use diagnostic::{Result, ResultExt, codes};

use crate::{conditions, group_keys, join_order, projections, runtime_filter, semi_join};

/// How many consumers a message about exhausted memory names.
const NAMED_CONSUMERS: NonZeroUsize = NonZeroUsize::MIN.saturating_add(4);

/// Limits of a process's statements.
#[derive(Clone, Debug)]
pub struct ComputeOptions {
    /// Bytes that sorts, joins and aggregations may hold before they spill.
    pub memory_limit: usize,
    /// Partitions a query runs in.
    pub threads: usize,
    /// Where spilled data goes.
    pub spill: PathBuf,
}

/// With so few threads, joins whose smaller side is estimated below these limits build one hash table for all
/// partitions: the other side is not hashed and copied to be exchanged, and its scan leaves out what the table
/// has no key for. One thread builds it, so more threads would wait. Measured on TPC-H at scale 1 with 2
/// threads: the geometric mean of the 22 queries' CPU falls by a tenth.
const FEW_THREADS: usize = 4;
const SHARED_BYTES: usize = 128 << 20;
const SHARED_ROWS: usize = 2_000_000;

/// What all statements of a process share. Cheap to clone.
#[derive(Clone)]
pub struct Compute {
    template: Arc<SessionState>,
    threads: usize,
}

impl Compute {
    /// Sets up memory, spill space and functions.
    ///
    /// # Errors
    /// `E1003` if the spill folder cannot be used.
    pub fn new(options: &ComputeOptions) -> Result<Self> {
        let mut config = functions::session_config()
            .with_target_partitions(options.threads)
            .with_create_default_catalog_and_schema(false)
            .with_information_schema(false);
        if options.threads <= FEW_THREADS {
            let optimizer = &mut config.options_mut().optimizer;
            optimizer.hash_join_single_partition_threshold = SHARED_BYTES;
            optimizer.hash_join_single_partition_threshold_rows = SHARED_ROWS;
        }
        let builder = SessionStateBuilder::new()
            .with_config(config)
            .with_runtime_env(runtime(options)?)
            .with_query_planner(DeltaPlanner::new())
            .with_file_formats(SessionStateDefaults::default_file_formats());
        let mut builder = functions::register(builder);
        let optimizer = builder.optimizer().get_or_insert_default();
        conditions::add_to(optimizer);
        group_keys::add_to(optimizer);
        semi_join::add_to(optimizer);
        join_order::add_to(optimizer);
        let physical = builder.physical_optimizers().get_or_insert_default();
        projections::add_to(physical);
        runtime_filter::add_to(physical);
        Ok(Self {
            template: Arc::new(builder.build()),
            threads: options.threads,
        })
    }

    /// Partitions a query runs in.
    #[must_use]
    pub fn threads(&self) -> usize {
        self.threads
    }

    pub(crate) fn template(&self) -> &SessionState {
        &self.template
    }
}

fn runtime(options: &ComputeOptions) -> Result<Arc<RuntimeEnv>> {
    std::fs::create_dir_all(&options.spill).explain(codes::E1003, || {
        format!(
            "Spill folder `{}` cannot be created",
            options.spill.display()
        )
    })?;
    let disk = DiskManagerBuilder::default()
        .with_mode(DiskManagerMode::Directories(vec![options.spill.clone()]));
    // Every consumer gets a fair share, so that one hash table cannot starve the sort beside it.
    let pool = TrackConsumersPool::new(FairSpillPool::new(options.memory_limit), NAMED_CONSUMERS);
    RuntimeEnvBuilder::new()
        .with_memory_pool(Arc::new(pool))
        .with_disk_manager_builder(disk)
        .build_arc()
        .explain(codes::E1003, || {
            "The engine's memory cannot be set up".to_owned()
        })
}
