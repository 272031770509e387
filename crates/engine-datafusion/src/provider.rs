//! How DataFusion finds relations: through the workspace, with hidden columns kept hidden.

use std::fmt;
use std::sync::Arc;

use arrow::array::{RecordBatch, new_null_array};
use arrow::datatypes::{DataType, Field, FieldRef, Schema, SchemaRef};
use async_trait::async_trait;
use catalog::{At, Relation, RelationKind, Workspace};
use datafusion::catalog::{
    CatalogProvider, CatalogProviderList, SchemaProvider, Session as DfSession,
};
use datafusion::common::stats::Precision;
use datafusion::common::{ColumnStatistics, Statistics};
use datafusion::datasource::{MemTable, TableProvider, TableType, ViewTable};
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::{CastExpr, Column};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::projection::{ProjectionExec, ProjectionExpr};
use diagnostic::{Error, codes};
use engine::Session;
use governance::Rights;
use lake::{IcebergTable, carrier};
use model::{Identifier, RelationName, SchemaName};

use crate::file_scan::FileScan;
use crate::prepare::Given;
use crate::{Compute, embedded, history, information_schema, late_filter};

/// A table that every schema has unless it has one of its own by this name.
const DUAL: &str = "DUAL";

/// Views may be built on views this deep; more is a circle.
const MAX_VIEW_DEPTH: usize = 64;

/// All databases as one workspace and session see them.
#[derive(Clone)]
pub(crate) struct Databases {
    pub(crate) workspace: Arc<Workspace>,
    pub(crate) compute: Compute,
    pub(crate) session: Session,
    pub(crate) depth: usize,
    /// Tables that the statement's tree calls by names of its own.
    pub(crate) given: Arc<Given>,
    /// The moment at which tables are read, if not now.
    pub(crate) at: Option<At>,
    /// What the role whose names these are may do.
    pub(crate) rights: Rights,
}

impl fmt::Debug for Databases {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Databases(run {})", self.workspace.run())
    }
}

impl CatalogProviderList for Databases {
    fn register_catalog(
        &self,
        _: String,
        _: Arc<dyn CatalogProvider>,
    ) -> Option<Arc<dyn CatalogProvider>> {
        None
    }

    fn catalog_names(&self) -> Vec<String> {
        let mut names: Vec<_> = self
            .workspace
            .namespaces()
            .into_iter()
            .map(|name| name.database.as_str().to_owned())
            .collect();
        names.dedup();
        names
    }

    fn catalog(&self, name: &str) -> Option<Arc<dyn CatalogProvider>> {
        Some(Arc::new(Database {
            databases: self.clone(),
            name: Identifier::quoted(name),
        }))
    }
}

#[derive(Clone, Debug)]
struct Database {
    databases: Databases,
    name: Identifier,
}

impl CatalogProvider for Database {
    fn schema_names(&self) -> Vec<String> {
        self.databases
            .workspace
            .namespaces()
            .into_iter()
            .filter(|name| name.database == self.name)
            .map(|name| name.schema.as_str().to_owned())
            .collect()
    }

    fn schema(&self, name: &str) -> Option<Arc<dyn SchemaProvider>> {
        Some(Arc::new(Namespace {
            databases: self.databases.clone(),
            name: SchemaName::new(self.name.clone(), Identifier::quoted(name)),
        }))
    }
}

#[derive(Clone, Debug)]
struct Namespace {
    databases: Databases,
    name: SchemaName,
}

#[async_trait]
impl SchemaProvider for Namespace {
    fn table_names(&self) -> Vec<String> {
        self.databases
            .workspace
            .relations()
            .into_keys()
            .filter(|name| name.namespace() == self.name)
            .map(|name| name.name.as_str().to_owned())
            .collect()
    }

    async fn table(&self, name: &str) -> Result<Option<Arc<dyn TableProvider>>> {
        if let Some(given) = self.databases.given.get(name) {
            return Ok(Some(Arc::clone(given)));
        }
        if self.name.schema.as_str() == history::RESULTS {
            return history::table(&self.databases.session, name).map_err(external);
        }
        if self.name.schema.as_str() == information_schema::NAME {
            let databases = &self.databases;
            return information_schema::table(databases, &self.name.database, name)
                .map(Some)
                .map_err(external);
        }
        if information_schema::is_account_usage(&self.name) {
            return information_schema::account_usage(&self.databases, name)
                .map(Some)
                .map_err(external);
        }
        let name = self.name.relation(Identifier::quoted(name));
        let Some(relation) = self.databases.readable(&name).map_err(external)? else {
            let session = &self.databases.session;
            let own = name.database == session.database && name.schema == session.schema;
            return match own && name.name.as_str() == DUAL {
                true => dual().map(Some),
                false => Ok(None),
            };
        };
        if let Some(at) = &self.databases.at {
            return self.databases.past(&name, at).await.map(Some);
        }
        self.databases.provider(&name, &relation).await.map(Some)
    }

    fn table_exist(&self, name: &str) -> bool {
        let name = self.name.relation(Identifier::quoted(name));
        self.databases.relation(&name).is_some()
    }
}

impl Databases {
    /// What DataFusion reads for `name` as it was `at` a moment. A view is read by its query of today, over
    /// the tables of then.
    pub(crate) async fn past(
        &self,
        name: &RelationName,
        at: &At,
    ) -> Result<Arc<dyn TableProvider>> {
        let then = Self {
            at: Some(at.clone()),
            ..self.clone()
        };
        let relation = match self.workspace.relation(name) {
            Some(
                view @ Relation {
                    kind: RelationKind::View { .. },
                    ..
                },
            ) => view,
            Some(Relation {
                kind: RelationKind::External { .. },
                ..
            }) => {
                return Err(external(
                    Error::new(
                        codes::E2001,
                        format!("`{name}` is an external table, which is read as it is now"),
                    )
                    .help("leave AT and BEFORE out; its writer travels in time"),
                ));
            }
            _ => self.workspace.relation_at(name, at).map_err(external)?,
        };
        then.provider(name, &relation).await
    }

    /// What DataFusion reads for `relation`. A view reads with its owner's rights.
    pub(crate) async fn provider(
        &self,
        name: &RelationName,
        relation: &Relation,
    ) -> Result<Arc<dyn TableProvider>> {
        match &relation.kind {
            RelationKind::Table {
                location,
                version,
                hidden,
            } => {
                if let Some(rows) = self.workspace.kept_rows(location, *version) {
                    return in_memory(rows, hidden.len());
                }
                let table = self
                    .workspace
                    .open(location, *version)
                    .await
                    .map_err(external)?;
                let stored = table.schema().await.map_err(external)?;
                if let Some(scanned) = self.workspace.scanned(&table).await.map_err(external)? {
                    let ids = table.iceberg().map(IcebergTable::ids).transpose();
                    let ids = ids.map_err(external)?;
                    let scan = FileScan::new(scanned, Arc::clone(&stored), ids);
                    return Ok(shown(Arc::new(scan), &stored, hidden.len()));
                }
                let delta = table.loaded().await.map_err(external)?;
                let delta = delta.table_provider().await?;
                Ok(shown(delta, &stored, hidden.len()))
            }
            RelationKind::External { location } => crate::external::provider(location).await,
            RelationKind::View {
                sql,
                namespace,
                columns,
                ..
            } => {
                if self.depth >= MAX_VIEW_DEPTH {
                    return Err(DataFusionError::Plan(format!(
                        "view {name} is built on itself, or on more than {MAX_VIEW_DEPTH} views"
                    )));
                }
                let inner = Self {
                    session: Session {
                        database: namespace.database.clone(),
                        schema: namespace.schema.clone(),
                        ..self.session.clone()
                    },
                    depth: self.depth + 1,
                    rights: Rights::of_owner(relation.access.owner.as_ref(), || {
                        self.workspace.roles()
                    }),
                    ..self.clone()
                };
                let source = diagnostic::Source::new(format!("view {name}"), sql.as_str());
                let plan = Box::pin(embedded::plan_view(&inner, &source, columns))
                    .await
                    .map_err(external)?;
                Ok(Arc::new(ViewTable::new(plan, Some(sql.clone()))))
            }
        }
    }
}

/// The table of one row, for `select 1 from dual`.
fn dual() -> Result<Arc<dyn TableProvider>> {
    let column = Field::new("COLUMN1", DataType::Utf8, true);
    let schema = Arc::new(Schema::new(vec![column]));
    let row = vec![new_null_array(&DataType::Utf8, 1)];
    let row = RecordBatch::try_new(Arc::clone(&schema), row)?;
    Ok(Arc::new(MemTable::try_new(schema, vec![vec![row]])?))
}

/// A table whose rows are in memory.
fn in_memory(rows: RecordBatch, hidden: usize) -> Result<Arc<dyn TableProvider>> {
    let (stored, count) = (rows.schema(), rows.num_rows());
    let table = MemTable::try_new(Arc::clone(&stored), vec![vec![rows]])?;
    Ok(Arc::new(Shown {
        rows: Some(count),
        ..Shown::new(Arc::new(table), &stored, hidden)
    }))
}

/// Carries one of our errors through DataFusion.
pub(crate) fn external(error: diagnostic::Error) -> DataFusionError {
    DataFusionError::External(Box::new(error))
}

/// `inner` with its filters applied, without its trailing hidden columns, and with the types its columns have beyond files.
pub(crate) fn shown(
    inner: Arc<dyn TableProvider>,
    stored: &Schema,
    hidden: usize,
) -> Arc<dyn TableProvider> {
    Arc::new(Shown::new(inner, stored, hidden))
}

/// A table whose filters are applied, with some columns hidden, or cast to what carries their values.
#[derive(Debug)]
struct Shown {
    inner: Arc<dyn TableProvider>,
    schema: SchemaRef,
    /// How many rows it has, if that is known.
    rows: Option<usize>,
}

impl Shown {
    fn new(inner: Arc<dyn TableProvider>, stored: &Schema, hidden: usize) -> Self {
        let all = inner.schema();
        let count = all.fields().len().saturating_sub(hidden);
        let fields: Vec<FieldRef> = all
            .fields()
            .iter()
            .take(count)
            .map(|field| match stored.field_with_name(field.name()) {
                Ok(known) if carrier(known) != *known.data_type() => Arc::new(
                    Field::new(field.name(), carrier(known), field.is_nullable())
                        .with_metadata(known.metadata().clone()),
                ),
                // The scan's own form of bytes; the warehouse has one.
                _ if *field.data_type() == DataType::BinaryView => {
                    Arc::new(field.as_ref().clone().with_data_type(DataType::Binary))
                }
                _ => Arc::clone(field),
            })
            .collect();
        Self {
            schema: Arc::new(Schema::new(fields)),
            inner,
            rows: None,
        }
    }

    /// Whether a column differs from what files hold.
    fn is_cast(&self, name: &str) -> bool {
        let stored = self.inner.schema();
        match (
            self.schema.field_with_name(name),
            stored.field_with_name(name),
        ) {
            (Ok(shown), Ok(stored)) => shown.data_type() != stored.data_type(),
            _ => false,
        }
    }

    /// `plan` with its columns as the schema has them.
    fn cast(&self, plan: Arc<dyn ExecutionPlan>) -> Result<Arc<dyn ExecutionPlan>> {
        let scanned = plan.schema();
        if !scanned
            .fields()
            .iter()
            .any(|field| self.is_cast(field.name()))
        {
            return Ok(plan);
        }
        let columns = scanned
            .fields()
            .iter()
            .enumerate()
            .map(|(at, field)| {
                let column: Arc<dyn PhysicalExpr> = Arc::new(Column::new(field.name(), at));
                let shown = self.schema.field_with_name(field.name())?;
                let expr = if shown.data_type() == field.data_type() {
                    column
                } else {
                    let to = Arc::new(shown.clone());
                    Arc::new(CastExpr::new_with_target_field(column, to, None))
                };
                Ok(ProjectionExpr::new(expr, field.name().clone()))
            })
            .collect::<Result<Vec<_>>>()?;
        Ok(Arc::new(ProjectionExec::try_new(columns, plan)?))
    }
}

#[async_trait]
impl TableProvider for Shown {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        self.inner.table_type()
    }

    fn statistics(&self) -> Option<Statistics> {
        if let Some(rows) = self.rows {
            let rows = Precision::Exact(rows);
            return Some(Statistics::new_unknown(&self.schema).with_num_rows(rows));
        }
        let mut statistics = self.inner.statistics()?;
        let columns = &mut statistics.column_statistics;
        columns.truncate(self.schema.fields().len());
        for (known, field) in columns.iter_mut().zip(self.schema.fields()) {
            if self.is_cast(field.name()) {
                *known = ColumnStatistics::new_unknown();
            }
        }
        Some(statistics)
    }

    fn supports_filters_pushdown(
        &self,
        filters: &[&Expr],
    ) -> Result<Vec<TableProviderFilterPushDown>> {
        let below = self.inner.supports_filters_pushdown(filters)?;
        // Files compare what they hold, which is not what the filter means. And the table below promises
        // to apply a filter that reads no column, such as NULL, and then does not.
        let own = |filter: &Expr| {
            let columns = filter.column_refs();
            columns.is_empty() || columns.iter().any(|column| self.is_cast(&column.name))
        };
        Ok(filters
            .iter()
            .zip(below)
            .map(|(filter, below)| match own(filter) {
                true => TableProviderFilterPushDown::Unsupported,
                false => late_filter::trusted(below),
            })
            .collect())
    }

    async fn scan(
        &self,
        state: &dyn DfSession,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let all: Vec<usize> = (0..self.schema.fields().len()).collect();
        let plan = self
            .inner
            .scan(state, Some(projection.unwrap_or(&all)), filters, limit)
            .await?;
        self.cast(late_filter::coarse(plan)?)
    }
}
