//! [`Probe`]: the plain tests of one table, judged together.
//!
//! `not_null`, `accepted_values` and `unique` as dbt writes them are conditions on rows or columns, so one
//! scan of a table can tell for all of them whether anything is wrong. Only passing is told that way: a
//! test that finds something is run as it is written, for its number and its rows. A test with settings
//! of its own (`where`, `fail_calc`, `warn_if`, `error_if`, stored rows), or of a macro that the project
//! overrides, is left to itself.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use arrow::array::AsArray as _;
use arrow::compute::cast;
use arrow::datatypes::{DataType, Int64Type};
use dbt::context::ProjectContext;
use dbt::load::Project;
use dbt::macros::BUILT_IN;
use dbt::node::{Node, ResourceType};
use dbt::parse::stores_failures;
use dbt::python_text::str_of;
use diagnostic::{Result, ResultExt as _, Source, codes};
use engine::{Engine, Outcome, Session};
use model::RelationName;
use serde_json::Value as Json;
use tokio::sync::OnceCell;

use crate::names::{relation_name, source_name};

/// Tables with more rows are not asked for distinct values of several columns at once, which would keep
/// them all in memory.
const MANY_ROWS: i64 = 1_000_000;

/// What a test counts.
#[derive(Clone, Debug)]
enum Count {
    /// Rows that a scan counts.
    Rows(String),
    /// Rows that repeat a value of this column.
    Repeats(String),
}

/// The tests of one table.
struct Group {
    table: RelationName,
    tests: Vec<(String, Count)>,
    passing: OnceCell<HashSet<String>>,
}

/// Which tests of a command are judged together, and what was found.
pub struct Probe {
    groups: HashMap<String, Arc<Group>>,
}

impl Probe {
    /// The tests among `ids` that can be judged together.
    #[must_use]
    pub fn new<'i>(project: &Project, ids: impl IntoIterator<Item = &'i str>) -> Self {
        let context = &project.context;
        let mut tables: HashMap<String, (RelationName, Vec<(String, Count)>)> = HashMap::new();
        for id in ids {
            let found = project
                .manifest
                .nodes
                .get(id)
                .and_then(|node| Some((count(context, node)?, table(project, node)?)));
            if let Some((count, table)) = found {
                let entry = tables.entry(table.to_string());
                let (_, tests) = entry.or_insert_with(|| (table, Vec::new()));
                tests.push((id.to_owned(), count));
            }
        }
        let mut groups = HashMap::new();
        for (table, tests) in tables.into_values().filter(|(_, tests)| tests.len() > 1) {
            let ids: Vec<String> = tests.iter().map(|(id, _)| id.clone()).collect();
            let group = Arc::new(Group {
                table,
                tests,
                passing: OnceCell::new(),
            });
            groups.extend(ids.into_iter().map(|id| (id, Arc::clone(&group))));
        }
        Self { groups }
    }

    /// Whether the test `id` is known to pass. The first test of a table asks for all of them.
    pub async fn passes(&self, engine: &dyn Engine, session: &Session, id: &str) -> bool {
        let Some(group) = self.groups.get(id) else {
            return false;
        };
        let passing = group.passing.get_or_init(|| async {
            // Whatever goes wrong here goes wrong again, and is told, when tests run one by one.
            group.ask(engine, session).await.unwrap_or_default()
        });
        passing.await.contains(id)
    }
}

impl Group {
    async fn ask(&self, engine: &dyn Engine, session: &Session) -> Result<HashSet<String>> {
        let rows = self.tests.iter().filter_map(|(id, count)| match count {
            Count::Rows(sql) => Some((id, sql.clone())),
            Count::Repeats(_) => None,
        });
        let rows: Vec<(&String, String)> = rows.collect();
        let repeats = self.tests.iter().filter_map(|(id, count)| match count {
            Count::Repeats(column) => {
                Some((id, format!("count({column}) - count(distinct {column})")))
            }
            Count::Rows(_) => None,
        });
        let repeats: Vec<(&String, String)> = repeats.collect();
        let mut first: Vec<&str> = vec!["count(*)"];
        first.extend(rows.iter().map(|(_, sql)| sql.as_str()));
        let found = self.numbers(engine, session, &first).await?;
        let total = found.first().copied().unwrap_or(i64::MAX);
        let mut passing: HashSet<String> = rows
            .iter()
            .zip(found.iter().skip(1))
            .filter(|(_, wrong)| **wrong == 0)
            .map(|((id, _), _)| (*id).clone())
            .collect();
        if repeats.len() > 1 && total <= MANY_ROWS {
            let second: Vec<&str> = repeats.iter().map(|(_, sql)| sql.as_str()).collect();
            let found = self.numbers(engine, session, &second).await?;
            let unique = repeats.iter().zip(&found).filter(|(_, wrong)| **wrong == 0);
            passing.extend(unique.map(|((id, _), _)| (*id).clone()));
        }
        Ok(passing)
    }

    async fn numbers(
        &self,
        engine: &dyn Engine,
        session: &Session,
        expressions: &[&str],
    ) -> Result<Vec<i64>> {
        let sql = format!("select {} from {}", expressions.join(", "), self.table);
        let source = Source::new(format!("tests of {}", self.table), sql);
        let Some(Outcome::Rows(rows)) = engine.execute(session, &source).await?.pop() else {
            return Ok(Vec::new());
        };
        let batches = rows.collect().await?;
        let Some(batch) = batches.iter().find(|batch| batch.num_rows() == 1) else {
            return Ok(Vec::new());
        };
        let unread = || "A number of wrong rows cannot be read".to_owned();
        let columns = batch.columns().iter().map(|column| {
            let column = cast(column, &DataType::Int64).explain(codes::T2001, unread)?;
            let numbers = column.as_primitive::<Int64Type>();
            Ok(numbers.iter().next().flatten().unwrap_or(i64::MAX))
        });
        columns.collect()
    }
}

/// The table a test reads.
fn table(project: &Project, test: &Node) -> Option<RelationName> {
    let (manifest, context) = (&project.manifest, &project.context);
    // Where references may mean another environment, the test itself finds out which.
    let deferred = context.deferred.lock().ok()?;
    if !deferred.relations.is_empty() {
        return None;
    }
    let id = test
        .attached_node
        .as_ref()
        .or(test.depends_on.nodes.first())?;
    match manifest.nodes.get(id) {
        Some(node) if node.is_relational() => Some(relation_name(context, node)),
        Some(_) => None,
        None => Some(source_name(context, manifest.sources.get(id)?)),
    }
}

/// What `test` counts, if it is a plain one.
fn count(context: &ProjectContext, test: &Node) -> Option<Count> {
    let metadata = test.test_metadata.as_ref()?;
    let name = metadata.name.as_str();
    let plain = test.resource_type == ResourceType::Test
        && metadata.namespace.is_none()
        && !stores_failures(context, test)
        && plain_settings(test)
        && built_in(context, name);
    let text = |key: &str| metadata.kwargs.get(key).and_then(Json::as_str);
    let column = text("column_name").filter(|column| plain && !column.contains("{{"))?;
    match name {
        "not_null" => Some(Count::Rows(format!("count_if({column} is null)"))),
        "unique" => Some(Count::Repeats(column.to_owned())),
        "accepted_values" => {
            let quote = match metadata.kwargs.get("quote") {
                None => true,
                Some(quote) => quote.as_bool()?,
            };
            let values = metadata.kwargs.get("values")?.as_array()?;
            let values: Option<Vec<String>> = values
                .iter()
                .map(|value| {
                    let text = str_of(value);
                    let plain = !value.is_null() && !text.contains("{{");
                    plain.then(|| if quote { format!("'{text}'") } else { text })
                })
                .collect();
            let values = values.filter(|values| !values.is_empty())?.join(", ");
            Some(Count::Rows(format!("count_if({column} not in ({values}))")))
        }
        _ => None,
    }
}

/// Whether nothing but the number of rows decides.
fn plain_settings(test: &Node) -> bool {
    let config = &test.config;
    let is = |key: &str, default: &str| config.text(key).is_none_or(|text| text.trim() == default);
    config.get("where").is_none()
        && config.get("sql_header").is_none()
        && is("fail_calc", "count(*)")
        && is("warn_if", "!= 0")
        && is("error_if", "!= 0")
}

/// Whether the test `name` and what it calls are dbt's own.
fn built_in(context: &ProjectContext, name: &str) -> bool {
    let own = format!("test_{name}");
    let prefixes = context.adapter_prefixes();
    let root = &context.root.name;
    [own.as_str(), "get_where_subquery"].iter().all(|name| {
        let found = context.macros.find(root, name);
        found.is_some_and(|entry| &*entry.package == BUILT_IN)
            && prefixes.iter().all(|prefix| {
                let packages = std::iter::once(&context.root).chain(&context.packages);
                packages.into_iter().all(|package| {
                    let name = format!("{prefix}__{name}");
                    context.macros.in_package(&package.name, &name).is_none()
                })
            })
    })
}
