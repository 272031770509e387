//! Runs a unit test: the model over the given rows, against the expected ones.

use std::collections::HashMap;
use std::sync::Arc;

use diagnostic::{Error, Result, Source, codes};
use jinja::{Template, Value};

use super::UnitTest;
use super::fixture::{Fixture, Rows};
use super::overrides;
use crate::adapter::{Adapter, ColumnInfo, RelationName, Response};
use crate::compile::{CompiledNode, Compiler, inject};
use crate::context::references::{read_ref, read_source};
use crate::context::relation::Relation;
use crate::context::{Context, ProjectContext};
use crate::node::{Compiled, Node};

/// What a unit test found.
#[derive(Clone, Debug)]
pub struct UnitOutcome {
    /// What differs, in lines; `None` if nothing does.
    pub difference: Option<String>,
    /// How many rows were compared, of both sides.
    pub rows: u64,
    /// The model's statement over the given rows.
    pub compiled: CompiledNode,
}

/// An input that is replaced by given rows.
struct Input {
    /// The unique id it stands for; the model's own for `this`.
    id: String,
    /// The CTE's name.
    cte: String,
    query: String,
}

impl Compiler {
    /// Runs the unit test `node` on the engine. A temporary table beside the model is left behind
    /// only if the engine fails.
    ///
    /// # Errors
    /// What the model's code or the engine raises; `D1061` for rows that do not fit.
    pub fn unit_test(&self, node: &Arc<Node>, test: &UnitTest) -> Result<UnitOutcome> {
        self.unit_test_of(node, test)
            .map_err(|error| error.with("unit test", &node.unique_id))
    }

    fn unit_test_of(&self, node: &Arc<Node>, test: &UnitTest) -> Result<UnitOutcome> {
        let engine = self.engine()?;
        let model = self.manifest.nodes.get(&test.tested).ok_or_else(|| {
            Error::new(codes::D1004, format!("There is no model `{}`", test.model))
        })?;
        let mut inputs = Vec::with_capacity(test.given.len());
        for given in &test.given {
            let (id, cte) = self.input(&given.input, model)?;
            let known = self.columns_of(&id, engine.as_ref())?;
            let query = given.fixture.query(&given.input, &known)?;
            let query = self.rendered(model, given.fixture.format == "sql", query)?;
            inputs.push(Input { id, cte, query });
        }
        let compiled = self.over(node, model, test, &inputs)?;
        let mut relation = self.project.relation_of(model);
        // Unit tests of one model may run side by side in one workspace.
        let name = format!("{}__dbt_unit_test__{}", model.alias, node.name);
        relation.identifier = Some(Arc::from(name.as_str()));
        let mut expect = test.expect.clone();
        if let Rows::Sql(sql) = &mut expect.rows {
            *sql = self.rendered(model, true, sql.clone())?;
        }
        let found = rows(
            engine.as_ref(),
            &self.project,
            &relation,
            &compiled.sql,
            &expect,
        )?;
        let (difference, rows) = found;
        Ok(UnitOutcome {
            difference,
            rows,
            compiled,
        })
    }

    /// The rows of a fixture that is SQL may be a template.
    fn rendered(&self, model: &Arc<Node>, is_sql: bool, query: String) -> Result<String> {
        if !is_sql || !crate::project::render::is_template(&query) {
            return Ok(query);
        }
        let source = Source::new(format!("fixture of `{}`", model.name), query);
        self.context(Some(model)).render(&Template::parse(&source)?)
    }

    /// The unique id that `ref('…')`, `source('…', '…')` or `this` means, and the CTE it becomes.
    fn input(&self, text: &str, model: &Arc<Node>) -> Result<(String, String)> {
        if text.trim() == "this" {
            let id = model.unique_id.clone();
            return Ok((id, format!("__dbt__cte__{}", model.name)));
        }
        let context = Context::parsing(&self.project, &model.package, None);
        let source = Source::new("input of a unit test", text);
        context.environment().eval_expression(&source, &context)?;
        let captured = context.captured();
        let root = &self.project.root.name;
        if let Some(call) = captured.refs.first() {
            let found = self.manifest.resolve_ref(call, root, &model.package)?;
            return Ok((
                found.unique_id.clone(),
                format!("__dbt__cte__{}", found.alias),
            ));
        }
        if let Some(call) = captured.sources.first() {
            let found = self.manifest.resolve_source(call, root, &model.package)?;
            let cte = format!("__dbt__cte__{}__{}", found.source_name, found.name);
            return Ok((found.unique_id.clone(), cte));
        }
        let message =
            format!("`{text}` is no input: it is neither `ref(…)` nor `source(…)` nor `this`");
        Err(Error::new(codes::D1061, message))
    }

    /// The columns of the relation that `id` stands for; none if it does not exist.
    fn columns_of(&self, id: &str, engine: &dyn Adapter) -> Result<Vec<ColumnInfo>> {
        let name = if let Some(node) = self.manifest.nodes.get(id) {
            if node.is_ephemeral() {
                return Ok(Vec::new());
            }
            name_of(&self.project, &self.project.relation_of(node))
        } else if let Some(table) = self.manifest.sources.get(id) {
            RelationName {
                database: table
                    .database
                    .clone()
                    .unwrap_or_else(|| self.project.connection.database.clone()),
                schema: table.schema.clone(),
                identifier: table.identifier.clone(),
            }
        } else {
            return Ok(Vec::new());
        };
        engine.columns(&name)
    }

    /// The model's statement with its inputs replaced.
    fn over(
        &self,
        node: &Arc<Node>,
        model: &Arc<Node>,
        test: &UnitTest,
        inputs: &[Input],
    ) -> Result<CompiledNode> {
        let context = self.context(Some(model));
        let ctes: HashMap<String, String> = inputs
            .iter()
            .map(|input| (input.id.clone(), input.cte.clone()))
            .collect();
        if let Some(cte) = ctes.get(&model.unique_id) {
            context
                .0
                .extra
                .insert("this", Value::object(cte_relation(cte)));
        }
        self.replace_references(&context, model, ctes);
        if let Some(overrides) = &test.overrides {
            overrides::apply(&context, overrides);
        }
        let template = Template::parse(&self.source(model))?;
        let sql = context.render(&template)?;
        let texts: Vec<(String, String)> = inputs
            .iter()
            .map(|input| {
                (
                    input.id.clone(),
                    format!(" {} as (\n{}\n)", input.cte, input.query),
                )
            })
            .collect();
        let whole = inject(&sql, &texts);
        let mut done = Node::clone(node);
        done.compiled = Some(Compiled {
            sql: whole.clone(),
            pre_injected_sql: sql,
            extra_ctes: texts,
            path: None,
            lineage: None,
        });
        Ok(CompiledNode {
            node: Arc::new(done),
            sql: whole,
        })
    }

    fn replace_references(
        &self,
        context: &Context,
        model: &Arc<Node>,
        ctes: HashMap<String, String>,
    ) {
        let ctes = Arc::new(ctes);
        let missing = |what: &str| {
            Error::new(
                codes::D1061,
                format!("The unit test gives no rows for {what}"),
            )
            .help("add it under `given:`; `rows: []` gives it no rows")
        };
        let (manifest, project) = (Arc::clone(&self.manifest), Arc::clone(&self.project));
        let (package, known) = (model.package.clone(), Arc::clone(&ctes));
        context.0.extra.insert(
            "ref",
            Value::function("ref", move |_, arguments| {
                let call = read_ref(arguments)?;
                let target = manifest.resolve_ref(&call, &project.root.name, &package)?;
                match known.get(&target.unique_id) {
                    Some(cte) => Ok(Value::object(cte_relation(cte))),
                    None => Err(missing(&format!("`ref('{}')`", call.name))),
                }
            }),
        );
        let (manifest, project) = (Arc::clone(&self.manifest), Arc::clone(&self.project));
        let package = model.package.clone();
        context.0.extra.insert(
            "source",
            Value::function("source", move |_, arguments| {
                let call = read_source(arguments)?;
                let target = manifest.resolve_source(&call, &project.root.name, &package)?;
                match ctes.get(&target.unique_id) {
                    Some(cte) => Ok(Value::object(cte_relation(cte))),
                    None => Err(missing(&format!(
                        "`source('{}', '{}')`",
                        call.source, call.table
                    ))),
                }
            }),
        );
    }
}

fn cte_relation(name: &str) -> Relation {
    let mut relation = Relation::ephemeral("");
    relation.identifier = Some(Arc::from(name));
    relation
}

fn name_of(project: &ProjectContext, relation: &Relation) -> RelationName {
    let part =
        |part: &Option<Arc<str>>, default: &str| part.as_deref().unwrap_or(default).to_owned();
    RelationName {
        database: part(&relation.database, &project.connection.database),
        schema: part(&relation.schema, &project.connection.schema),
        identifier: part(&relation.identifier, ""),
    }
}

/// What differs between the rows of `sql` and the expected ones, and how many of both there are.
fn rows(
    engine: &dyn Adapter,
    project: &ProjectContext,
    relation: &Relation,
    sql: &str,
    expect: &Fixture,
) -> Result<(Option<String>, u64)> {
    let mut schema = relation.clone();
    schema.include.identifier = false;
    engine.execute(
        &format!("create schema if not exists {}", schema.render()),
        false,
    )?;
    let shown = relation.render();
    engine.execute(
        &format!("create or replace temporary table {shown} as (\n{sql}\n)"),
        false,
    )?;
    let compared = compare(engine, project, relation, expect);
    engine.execute(&format!("drop table if exists {shown}"), false)?;
    compared
}

fn compare(
    engine: &dyn Adapter,
    project: &ProjectContext,
    relation: &Relation,
    expect: &Fixture,
) -> Result<(Option<String>, u64)> {
    let all = engine.columns(&name_of(project, relation))?;
    let wanted = expect.columns();
    let columns: Vec<ColumnInfo> = match wanted.as_slice() {
        [] => all.clone(),
        wanted => {
            let mut columns = Vec::new();
            for name in wanted {
                let bare = name.trim_matches(['"', '`']);
                let found = all
                    .iter()
                    .find(|column| column.name.eq_ignore_ascii_case(bare));
                columns.push(found.cloned().ok_or_else(|| unknown_column(name, &all))?);
            }
            columns
        }
    };
    let fetch = |sql: String| engine.execute(&sql, true);
    let table = relation.render();
    let (list, expected) = if expect.format == "sql" {
        // The query of the expected rows says which columns count; their types are the model's.
        let sql = expect.query("expect", &[])?;
        let shape = fetch(format!(
            "select * from (\n{sql}\n) as expected_rows limit 0"
        ))?;
        let list = chosen(&shape, &all)?;
        let own = quoted(&shape.rows.columns);
        let rows = fetch(format!(
            "select {list} from {table} where false\nunion all\nselect {own} from (\n{sql}\n) as expected_rows"
        ))?;
        (list, rows)
    } else {
        let sql = expect.query("expect", &columns)?;
        (quoted(&columns), fetch(sql)?)
    };
    let actual = fetch(format!("select {list} from {table}"))?;
    let compared = actual.rows.rows.len() + expected.rows.rows.len();
    Ok((difference(&actual, &expected), compared as u64))
}

fn quoted(columns: &[ColumnInfo]) -> String {
    let quoted = columns
        .iter()
        .map(|column| format!("\"{}\"", column.name.replace('"', "\"\"")));
    quoted.collect::<Vec<_>>().join(", ")
}

fn chosen(expected: &Response, all: &[ColumnInfo]) -> Result<String> {
    let mut columns = Vec::new();
    for column in &expected.rows.columns {
        let found = all
            .iter()
            .find(|have| have.name.eq_ignore_ascii_case(&column.name));
        columns.push(
            found
                .cloned()
                .ok_or_else(|| unknown_column(&column.name, all))?,
        );
    }
    Ok(quoted(&columns))
}

fn unknown_column(name: &str, all: &[ColumnInfo]) -> Error {
    let names: Vec<&str> = all.iter().map(|column| column.name.as_str()).collect();
    Error::new(
        codes::D1061,
        format!("The expected rows have a column `{name}`, which the model does not give"),
    )
    .with("columns", names.join(", "))
    .suggest(name, names.iter().copied())
}

/// Rows that only one side has, whatever their order.
fn difference(actual: &Response, expected: &Response) -> Option<String> {
    let texts = |response: &Response| -> Vec<Vec<String>> {
        let rows = response.rows.rows.iter();
        rows.map(|row| row.iter().map(Value::repr).collect())
            .collect()
    };
    let (mut surplus, mut missing) = (texts(actual), Vec::new());
    for row in texts(expected) {
        match surplus.iter().position(|have| *have == row) {
            Some(at) => {
                surplus.remove(at);
            }
            None => missing.push(row),
        }
    }
    if surplus.is_empty() && missing.is_empty() {
        return None;
    }
    let names = expected
        .rows
        .columns
        .iter()
        .map(|column| column.name.to_lowercase());
    let mut lines = vec![
        "actual differs from expected:".to_owned(),
        String::new(),
        format!("@@ ,{}", names.collect::<Vec<_>>().join(",")),
    ];
    lines.extend(surplus.iter().map(|row| format!("+++,{}", row.join(","))));
    lines.extend(missing.iter().map(|row| format!("---,{}", row.join(","))));
    Some(lines.join("\n"))
}
