//! `catalog.json`: the relations that exist, with their columns, comments and statistics.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{Array, AsArray, StringArray};
use arrow::compute::cast;
use arrow::datatypes::DataType;
use diagnostic::{Result, ResultExt as _, Source, codes};
use engine::{Outcome, Session};
use engine_datafusion::Embedded;
use model::{Identifier, RelationName};
use serde_json::{Map, Value as Json, json};
use transform::{folding, relation_name, source_name};

use super::DbtInvocation;

/// What `metadata` of catalog.json holds.
const CATALOG_METADATA: [&str; 6] = [
    "dbt_schema_version",
    "dbt_version",
    "generated_at",
    "invocation_id",
    "invocation_started_at",
    "env",
];

impl DbtInvocation {
    /// `catalog.json`: the relations of nodes and sources that exist, with their columns.
    ///
    /// # Errors
    /// What the engine raises.
    pub async fn catalog_json(&self) -> Result<Json> {
        let engine = self.engine()?;
        let read = self.read_catalog(&engine).await;
        self.settle(engine.workspace(), read)
    }

    async fn read_catalog(&self, engine: &Embedded) -> Result<Json> {
        let (manifest, context) = (&self.project.manifest, &self.project.context);
        let folded = folding(context, Arc::new(engine.clone()));
        let (mut nodes, mut sources) = (Map::new(), Map::new());
        let relations = manifest
            .nodes
            .values()
            .filter(|node| node.is_relational())
            .map(|node| (&node.unique_id, relation_name(context, node)));
        let tables = manifest.sources.values();
        let tables = tables.map(|table| (&table.unique_id, source_name(context, table)));
        let mut known: HashMap<Identifier, Described> = HashMap::new();
        for (id, name) in relations.chain(tables) {
            let Some(found) = folded.describe(&self.session, &name).await? else {
                continue;
            };
            let database = &found.name.database;
            if !known.contains_key(database) {
                let described = Described::read(engine, &self.session, database).await?;
                known.insert(database.clone(), described);
            }
            let described = &known[database];
            let columns = found.columns.iter().enumerate();
            let columns = columns.map(|(at, (column, kind))| {
                let value = json!({
                    "type": kind, "index": at + 1, "name": column,
                    "comment": described.comment(&found.name, column),
                });
                (column.clone(), value)
            });
            let table = described.table(&found.name);
            let entry = json!({
                "metadata": {
                    "type": if found.view { "VIEW" } else { "BASE TABLE" },
                    "schema": found.name.schema.as_str(), "name": found.name.name.as_str(),
                    "database": database.as_str(), "comment": table.and_then(|table| table.text(COMMENT)),
                    "owner": table.and_then(|table| table.text(OWNER)),
                },
                "columns": columns.collect::<Map<_, _>>(),
                "stats": statistics(table, found.view),
                "unique_id": id,
            });
            match id.starts_with("source.") {
                true => sources.insert(id.clone(), entry),
                false => nodes.insert(id.clone(), entry),
            };
        }
        let mut metadata = dbt::artifact::manifest_json::metadata(context);
        metadata["dbt_schema_version"] = json!("https://schemas.getdbt.com/dbt/catalog/v1.json");
        if let Json::Object(metadata) = &mut metadata {
            // A catalog says less of itself than a manifest.
            metadata.retain(|key, _| CATALOG_METADATA.contains(&key.as_str()));
        }
        Ok(json!({
            "metadata": metadata, "nodes": nodes, "sources": sources, "errors": null,
        }))
    }
}

/// What the information schema of a database says about tables: one text for each of the columns that
/// [`TABLES`] asks for.
struct Table(Vec<Option<String>>);

const OWNER: usize = 0;
const COMMENT: usize = 1;
const CLUSTERING_KEY: usize = 2;
const ROW_COUNT: usize = 3;
const BYTES: usize = 4;
const LAST_MODIFIED: usize = 5;

/// As dbt-snowflake's `catalog.sql` asks.
const TABLES: &str = "table_owner, comment, clustering_key, row_count::varchar, bytes::varchar, \
     to_varchar(convert_timezone('UTC', last_altered), 'yyyy-mm-dd HH24:MI') || 'UTC'";

impl Table {
    fn text(&self, at: usize) -> Option<&str> {
        self.0.get(at)?.as_deref()
    }

    fn number(&self, at: usize) -> Option<i64> {
        self.text(at)?.parse().ok()
    }
}

/// The relations of one database by schema and name, and the comments of their columns.
struct Described {
    tables: HashMap<(String, String), Table>,
    comments: HashMap<(String, String, String), String>,
}

impl Described {
    async fn read(engine: &Embedded, session: &Session, database: &Identifier) -> Result<Self> {
        let database = database.as_str().replace('"', "\"\"");
        let tables = format!(
            "select table_schema, table_name, {TABLES} from \"{database}\".information_schema.tables"
        );
        let comments = format!(
            "select table_schema, table_name, column_name, comment \
             from \"{database}\".information_schema.columns where comment is not null"
        );
        let tables = texts(engine, session, tables).await?.into_iter();
        let comments = texts(engine, session, comments).await?.into_iter();
        Ok(Self {
            tables: tables
                .filter_map(|mut row| {
                    let rest = row.split_off(2);
                    let [schema, name] = <[_; 2]>::try_from(row).ok()?;
                    Some(((schema?, name?), Table(rest)))
                })
                .collect(),
            comments: comments
                .filter_map(|row| {
                    let [schema, name, column, comment] = <[_; 4]>::try_from(row).ok()?;
                    Some(((schema?, name?, column?), comment?))
                })
                .collect(),
        })
    }

    fn table(&self, name: &RelationName) -> Option<&Table> {
        let key = (
            name.schema.as_str().to_owned(),
            name.name.as_str().to_owned(),
        );
        self.tables.get(&key)
    }

    fn comment(&self, name: &RelationName, column: &str) -> Option<&str> {
        let (schema, name) = (name.schema.as_str(), name.name.as_str());
        let key = (schema.to_owned(), name.to_owned(), column.to_owned());
        self.comments.get(&key).map(String::as_str)
    }
}

/// The rows of a query whose columns are texts.
async fn texts(
    engine: &Embedded,
    session: &Session,
    sql: String,
) -> Result<Vec<Vec<Option<String>>>> {
    let mut rows = Vec::new();
    for outcome in
        engine::Engine::execute(engine, session, &Source::new("catalog.json", sql)).await?
    {
        let Outcome::Rows(found) = outcome else {
            continue;
        };
        for batch in found.collect().await? {
            let failed = || "The information schema gives no texts".to_owned();
            let columns = batch.columns().iter();
            let columns: Vec<StringArray> = columns
                .map(|column| Ok(cast(column, &DataType::Utf8)?.as_string::<i32>().clone()))
                .collect::<std::result::Result<_, arrow::error::ArrowError>>()
                .explain(codes::X0001, failed)?;
            rows.extend((0..batch.num_rows()).map(|row| {
                let text = |column: &StringArray| {
                    column.is_valid(row).then(|| column.value(row).to_owned())
                };
                columns.iter().map(text).collect()
            }));
        }
    }
    Ok(rows)
}

/// `stats` of a relation: dbt leaves out what is not known.
fn statistics(table: Option<&Table>, view: bool) -> Json {
    let mut all = Map::new();
    let mut add = |id: &str, label: &str, description: &str, value: Option<Json>| {
        if let Some(value) = value {
            let stat = json!({
                "id": id, "label": label, "value": value, "description": description,
                "include": true,
            });
            all.insert(id.to_owned(), stat);
        }
    };
    if let Some(table) = table {
        let text = |at: usize| table.text(at).map(Json::from);
        let number = |at: usize| table.number(at).map(Json::from);
        let known = "An approximate count of rows in this table";
        add(
            "clustering_key",
            "Clustering Key",
            "The key used to cluster this table",
            text(CLUSTERING_KEY),
        );
        add("row_count", "Row Count", known, number(ROW_COUNT));
        let size = "Approximate size of the table as reported by Snowflake";
        add("bytes", "Approximate Size", size, number(BYTES));
        let modified = text(LAST_MODIFIED).filter(|_| !view);
        add(
            "last_modified",
            "Last Modified",
            "The timestamp for last update/change",
            modified,
        );
    }
    let has_stats = json!({
        "id": "has_stats", "label": "Has Stats?", "value": !all.is_empty(),
        "description": "Indicates whether there are statistics for this table", "include": false,
    });
    all.insert("has_stats".to_owned(), has_stats);
    Json::Object(all)
}
