//! The resources of a project as the manifest knows them: [`Node`], [`SourceTable`], [`Macro`], …

use std::sync::Arc;

use indexmap::IndexMap;
use serde_json::{Map, Value as Json};

use crate::config::Config;
use crate::unit_test::UnitTest;

/// What a resource is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ResourceType {
    /// A query with a name.
    Model,
    /// A CSV file loaded as a table.
    Seed,
    /// The history of a relation.
    Snapshot,
    /// A query that returns failing rows.
    Test,
    /// A query that is compiled only.
    Analysis,
    /// A hook of `on-run-start` or `on-run-end`.
    Operation,
    /// A statement given on the command line.
    SqlOperation,
    /// A table that something else loads.
    Source,
    /// A use of the data outside the project.
    Exposure,
    /// A template function.
    Macro,
    /// A group of models with an owner.
    Group,
    /// A `{% docs %}` block.
    Doc,
    /// A model's logic on given rows.
    UnitTest,
    /// A measure of the business.
    Metric,
    /// Entities, dimensions and measures of a model.
    SemanticModel,
    /// A query of metrics with a name.
    SavedQuery,
    /// A function of the warehouse.
    Function,
}

impl ResourceType {
    /// dbt's word for it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Model => "model",
            Self::Seed => "seed",
            Self::Snapshot => "snapshot",
            Self::Test => "test",
            Self::Analysis => "analysis",
            Self::Operation => "operation",
            Self::SqlOperation => "sql_operation",
            Self::Source => "source",
            Self::Exposure => "exposure",
            Self::Macro => "macro",
            Self::Group => "group",
            Self::Doc => "doc",
            Self::UnitTest => "unit_test",
            Self::Metric => "metric",
            Self::SemanticModel => "semantic_model",
            Self::SavedQuery => "saved_query",
            Self::Function => "function",
        }
    }

    /// Whether `ref` can mean it.
    #[must_use]
    pub fn refable(self) -> bool {
        matches!(self, Self::Model | Self::Seed | Self::Snapshot)
    }
}

/// `ref('package', 'name', version=…)`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Ref {
    /// The referenced name.
    pub name: String,
    /// The package, if the call names one.
    pub package: Option<String>,
    /// The version, if the call names one.
    pub version: Option<String>,
    /// Bytes of the call in the raw code, if known.
    pub span: Option<(usize, usize)>,
}

/// `source('source', 'table')`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SourceRef {
    /// The source.
    pub source: String,
    /// Its table.
    pub table: String,
    /// Bytes of the call in the raw code, if known.
    pub span: Option<(usize, usize)>,
}

/// A described column.
#[derive(Clone, Debug, Default)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// What it holds.
    pub description: String,
    /// Its declared type.
    pub data_type: Option<String>,
    /// Free metadata.
    pub meta: Map<String, Json>,
    /// Tags of its tests.
    pub tags: Vec<String>,
    /// Whether its name needs quotes.
    pub quote: Option<bool>,
    /// Declared constraints, as written.
    pub constraints: Vec<Json>,
    /// Its `config:`.
    pub config: Map<String, Json>,
    /// Docs blocks its description uses.
    pub doc_blocks: Vec<String>,
    /// For a column of times: the span of one value.
    pub granularity: Option<String>,
    /// Its part as a dimension of the semantic model, as the manifest shows it.
    pub dimension: Json,
    /// Its part as an entity of the semantic model.
    pub entity: Json,
}

/// What a generic test was made from.
#[derive(Clone, Debug)]
pub struct TestMetadata {
    /// The package of the test's macro, if written.
    pub namespace: Option<String>,
    /// The test: `not_null`.
    pub name: String,
    /// Its arguments, unrendered.
    pub kwargs: Map<String, Json>,
}

/// What a node needs to have been compiled or run before.
#[derive(Clone, Debug, Default)]
pub struct DependsOn {
    /// Unique ids of macros.
    pub macros: Vec<String>,
    /// Unique ids of nodes and sources.
    pub nodes: Vec<String>,
}

/// What compiling a node gave.
#[derive(Clone, Debug, Default)]
pub struct Compiled {
    /// The statement, ephemeral models included.
    pub sql: String,
    /// The statement before ephemeral models were put in front.
    pub pre_injected_sql: String,
    /// Ephemeral models in it: unique id and text of the CTE.
    pub extra_ctes: Vec<(String, String)>,
    /// The file it was written to, relative to the project.
    pub path: Option<String>,
    /// By column, where its values come from, if that was asked for.
    pub lineage: Option<Json>,
}

/// A node that has code or data: model, seed, snapshot, test, analysis, operation.
#[derive(Clone, Debug)]
pub struct Node {
    /// `model.shop.orders`.
    pub unique_id: String,
    /// What it is.
    pub resource_type: ResourceType,
    /// Its name.
    pub name: String,
    /// The package it belongs to.
    pub package: String,
    /// Its file relative to the folder of its kind.
    pub path: String,
    /// Its file relative to its package.
    pub original_file_path: String,
    /// Package, folders, name.
    pub fqn: Vec<String>,
    /// The name of its relation.
    pub alias: String,
    /// `sha256` of its file, or empty.
    pub checksum: String,
    /// Its configuration.
    pub config: Config,
    /// What of the configuration was written for it, before rendering.
    pub unrendered_config: Map<String, Json>,
    /// The database of its relation.
    pub database: Option<String>,
    /// The schema of its relation.
    pub schema: String,
    /// Its relation as SQL; `None` for what has none.
    pub relation_name: Option<String>,
    /// Its code, or nothing for a seed.
    pub raw_code: String,
    /// `sql` or `python`.
    pub language: &'static str,
    /// What it says it is.
    pub description: String,
    /// Its described columns.
    pub columns: IndexMap<String, Column>,
    /// `package://path` of the properties file that describes it.
    pub patch_path: Option<String>,
    /// `build_path` as written by `run`.
    pub build_path: Option<String>,
    /// Docs blocks its description uses.
    pub doc_blocks: Vec<String>,
    /// `ref` calls.
    pub refs: Vec<Ref>,
    /// `source` calls.
    pub sources: Vec<SourceRef>,
    /// What these and its macros resolve to.
    pub depends_on: DependsOn,
    /// For a generic test: what it was made from.
    pub test_metadata: Option<TestMetadata>,
    /// For a test of a column: the column.
    pub column_name: Option<String>,
    /// For a generic test: the node it stands under.
    pub attached_node: Option<String>,
    /// For a generic test: `models.orders`, the entry of the properties file.
    pub file_key_name: Option<String>,
    /// For a model: its version.
    pub version: Option<Json>,
    /// For a versioned model: the newest released version.
    pub latest_version: Option<Json>,
    /// Model constraints, as written.
    pub constraints: Vec<Json>,
    /// For a seed: the folder of its package.
    pub root_path: Option<String>,
    /// Seconds since 1970 when it was parsed.
    pub created_at: f64,
    /// What compiling gave.
    pub compiled: Option<Compiled>,
    /// For a hook: its position.
    pub index: Option<usize>,
    /// Tags it has without configuration: those of the source it tests, `on-run-start`.
    pub own_tags: Vec<String>,
    /// The columns that tell its rows apart, as its tests say.
    pub primary_key: Vec<String>,
    /// For a unit test: what it says.
    pub unit_test: Option<Arc<UnitTest>>,
    /// For a model: when it will be gone, as written.
    pub deprecation_date: Option<String>,
    /// For a model: its role as a time spine, as written.
    pub time_spine: Json,
}

impl Node {
    /// The file in which `{{ … }}` of this node stands, for messages.
    #[must_use]
    pub fn file(&self) -> &str {
        &self.original_file_path
    }

    /// Its tags, each once.
    #[must_use]
    pub fn tags(&self) -> Vec<String> {
        let mut tags: Vec<String> = Vec::new();
        for tag in self
            .own_tags
            .iter()
            .cloned()
            .chain(self.config.texts("tags"))
        {
            if !tags.contains(&tag) {
                tags.push(tag);
            }
        }
        tags
    }

    /// Whether there is anything to run: dbt leaves out files that hold blanks only.
    #[must_use]
    pub fn has_code(&self) -> bool {
        let code = !matches!(
            self.resource_type,
            ResourceType::Seed | ResourceType::UnitTest
        );
        !code || !self.raw_code.trim().is_empty()
    }

    /// Whether it is put into its users as a CTE.
    #[must_use]
    pub fn is_ephemeral(&self) -> bool {
        self.resource_type == ResourceType::Model && self.config.materialized() == "ephemeral"
    }

    /// Whether it is built batch by batch of event time.
    #[must_use]
    pub fn is_microbatch(&self) -> bool {
        self.resource_type == ResourceType::Model
            && self.config.materialized() == "incremental"
            && self.config.text("incremental_strategy") == Some("microbatch")
    }

    /// Whether it has a relation of its own.
    #[must_use]
    pub fn is_relational(&self) -> bool {
        self.resource_type.refable() && !self.is_ephemeral()
    }

    /// The words `ref` finds it by in messages: `orders.v2`.
    #[must_use]
    pub fn search_name(&self) -> String {
        match &self.version {
            Some(Json::String(version)) => format!("{}.v{version}", self.name),
            Some(version) => format!("{}.v{version}", self.name),
            None => self.name.clone(),
        }
    }
}

/// A table of a source.
#[derive(Clone, Debug)]
pub struct SourceTable {
    /// `database:` as written.
    pub unrendered_database: Option<String>,
    /// `schema:` as written.
    pub unrendered_schema: Option<String>,
    /// `source.shop.raw.orders`.
    pub unique_id: String,
    /// The package that declares it.
    pub package: String,
    /// Its properties file relative to its folder.
    pub path: String,
    /// Its properties file relative to its package.
    pub original_file_path: String,
    /// Package, folders, source, table.
    pub fqn: Vec<String>,
    /// The source.
    pub source_name: String,
    /// What the source is.
    pub source_description: String,
    /// Who loads it.
    pub loader: String,
    /// The table's name in the project.
    pub name: String,
    /// The table's name in the database.
    pub identifier: String,
    /// Its database.
    pub database: Option<String>,
    /// Its schema.
    pub schema: String,
    /// Which parts of its name are quoted.
    pub quoting: Map<String, Json>,
    /// Its relation as SQL.
    pub relation_name: String,
    /// Column or expression that tells when a row was loaded.
    pub loaded_at_field: Option<String>,
    /// Query that tells when the table was loaded.
    pub loaded_at_query: Option<String>,
    /// `warn_after`, `error_after`, `filter`.
    pub freshness: Json,
    /// Free settings of an external table.
    pub external: Json,
    /// What the table is.
    pub description: String,
    /// Docs blocks its description uses.
    pub doc_blocks: Vec<String>,
    /// Its described columns.
    pub columns: IndexMap<String, Column>,
    /// Free metadata.
    pub meta: Map<String, Json>,
    /// Free metadata of the source.
    pub source_meta: Map<String, Json>,
    /// Tags of the source and of the table.
    pub tags: Vec<String>,
    /// Its configuration.
    pub config: Config,
    /// Seconds since 1970 when it was parsed.
    pub created_at: f64,
    /// Bytes of its name in the properties file.
    pub span: (usize, usize),
}

/// A macro, a test block or a materialization block.
#[derive(Clone, Debug)]
pub struct Macro {
    /// `macro.shop.cents_to_dollars`.
    pub unique_id: String,
    /// Its name: `test_not_null` for a test block, `materialization_x_default` for the other.
    pub name: String,
    /// Its package.
    pub package: String,
    /// Its file relative to its package.
    pub path: String,
    /// The same, as the manifest calls it.
    pub original_file_path: String,
    /// Its whole block.
    pub macro_sql: String,
    /// Unique ids of the macros it calls.
    pub depends_on: Vec<String>,
    /// What it says it is.
    pub description: String,
    /// Free metadata.
    pub meta: Map<String, Json>,
    /// `docs.show` and `docs.node_color`.
    pub docs: Json,
    /// `package://path` of the properties file that describes it.
    pub patch_path: Option<String>,
    /// Described arguments, as written.
    pub arguments: Vec<Json>,
    /// For a materialization: the languages it supports.
    pub supported_languages: Option<Vec<String>>,
    /// Seconds since 1970 when it was parsed.
    pub created_at: f64,
}

/// A `{% docs %}` block.
#[derive(Clone, Debug)]
pub struct Doc {
    /// `doc.shop.orders_status`.
    pub unique_id: String,
    /// Its name.
    pub name: String,
    /// Its package.
    pub package: String,
    /// Its file relative to its folder.
    pub path: String,
    /// Its file relative to its package.
    pub original_file_path: String,
    /// The text between the tags.
    pub block_contents: String,
}

/// A dashboard, notebook or application that uses the data.
#[derive(Clone, Debug)]
pub struct Exposure {
    /// `exposure.shop.weekly`.
    pub unique_id: String,
    /// Its name.
    pub name: String,
    /// Its package.
    pub package: String,
    /// Its properties file relative to its folder.
    pub path: String,
    /// Its properties file relative to its package.
    pub original_file_path: String,
    /// Package, folders, name.
    pub fqn: Vec<String>,
    /// dashboard, notebook, analysis, ml, application.
    pub kind: String,
    /// `name` and `email`, as written.
    pub owner: Json,
    /// What it says it is.
    pub description: String,
    /// A name for people.
    pub label: Option<String>,
    /// low, medium or high.
    pub maturity: Option<String>,
    /// Where it is.
    pub url: Option<String>,
    /// Free metadata.
    pub meta: Map<String, Json>,
    /// Tags.
    pub tags: Vec<String>,
    /// Its configuration.
    pub config: Config,
    /// `ref` calls of `depends_on`.
    pub refs: Vec<Ref>,
    /// `source` calls of `depends_on`.
    pub sources: Vec<SourceRef>,
    /// `metric` calls of `depends_on`.
    pub metrics: Vec<String>,
    /// What they resolve to.
    pub depends_on: DependsOn,
    /// Seconds since 1970 when it was parsed.
    pub created_at: f64,
    /// Bytes of its name in the properties file.
    pub span: (usize, usize),
}

/// A resource that only a properties file declares and that has no relation of its own: a metric, a
/// semantic model, a saved query.
#[derive(Clone, Debug)]
pub struct Declared {
    /// `metric.shop.revenue`.
    pub unique_id: String,
    /// What it is.
    pub resource_type: ResourceType,
    /// Its name.
    pub name: String,
    /// Its package.
    pub package: String,
    /// Its properties file relative to its folder.
    pub path: String,
    /// Its properties file relative to its package.
    pub original_file_path: String,
    /// Package, folders, name.
    pub fqn: Vec<String>,
    /// What it says it is.
    pub description: String,
    /// Tags.
    pub tags: Vec<String>,
    /// Its configuration.
    pub config: Config,
    /// `ref` calls.
    pub refs: Vec<Ref>,
    /// Metrics it is made from.
    pub metrics: Vec<String>,
    /// Measures it is made from.
    pub measures: Vec<String>,
    /// What these resolve to.
    pub depends_on: DependsOn,
    /// The fields of its kind, as the manifest shows them.
    pub fields: Map<String, Json>,
    /// The model whose entry it stands in.
    pub under: Option<String>,
    /// Seconds since 1970 when it was parsed.
    pub created_at: f64,
}

/// A group of models with an owner.
#[derive(Clone, Debug)]
pub struct Group {
    /// `group.shop.finance`.
    pub unique_id: String,
    /// Its name.
    pub name: String,
    /// Its package.
    pub package: String,
    /// Its properties file relative to its folder.
    pub path: String,
    /// Its properties file relative to its package.
    pub original_file_path: String,
    /// `name` and `email`, as written.
    pub owner: Json,
    /// What it says it is.
    pub description: Option<String>,
    /// Its configuration.
    pub config: Map<String, Json>,
}
