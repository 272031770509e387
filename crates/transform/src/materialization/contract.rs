//! Contracts: what a model's properties promise about its columns, kept or refused
//! (<https://docs.getdbt.com/docs/mesh/govern/model-contracts>).

use dbt::node::Node;
use diagnostic::{Error, Result, codes};
use engine::Outcome;
use serde_json::Value as Json;

use super::Target;

/// A declared column.
#[derive(Clone, Debug)]
struct Declared {
    /// Its name as SQL.
    name: String,
    kind: String,
    not_null: bool,
}

/// What a model with `contract: {enforced: true}` promises.
#[derive(Clone, Debug)]
pub struct Contract {
    columns: Vec<Declared>,
    /// Whether types are called as Snowflake's connector calls them.
    snowflake: bool,
    /// Conditions of rows that break a constraint, with what they break.
    checks: Vec<(String, String)>,
    /// Columns that must not repeat.
    keys: Vec<Vec<String>>,
}

impl Contract {
    /// The contract of `node`, if it is enforced. What the warehouse of the profile (`kind`) does not
    /// enforce is not enforced either: Snowflake keeps only `not_null`.
    ///
    /// # Errors
    /// `T1007` for a column without a type.
    pub fn of(node: &Node, kind: &str) -> Result<Option<Self>> {
        let enforced = node
            .config
            .get("contract")
            .and_then(|contract| contract.get("enforced"))
            .and_then(Json::as_bool);
        if enforced != Some(true) {
            return Ok(None);
        }
        let mut contract = Self {
            columns: Vec::new(),
            snowflake: kind == "snowflake",
            checks: Vec::new(),
            keys: Vec::new(),
        };
        let strict = matches!(kind, "postgres" | "redshift" | "duckdb");
        for column in node.columns.values() {
            let name = match column.quote {
                Some(true) => format!("\"{}\"", column.name),
                _ => column.name.clone(),
            };
            let Some(declared) = &column.data_type else {
                return Err(Error::new(
                    codes::T1007,
                    format!("The contract of `{}` gives `{name}` no type", node.name),
                )
                .help("add `data_type` to the column"));
            };
            let has = |kind: &str| {
                let mut constraints = column.constraints.iter();
                constraints
                    .any(|constraint| constraint.get("type").and_then(Json::as_str) == Some(kind))
            };
            if strict {
                if has("unique") || has("primary_key") {
                    contract.keys.push(vec![name.clone()]);
                }
                contract.add_checks(&column.constraints);
            }
            contract.columns.push(Declared {
                not_null: has("not_null") || has("primary_key"),
                kind: declared.clone(),
                name,
            });
        }
        if strict {
            contract.add_checks(&node.constraints);
            for constraint in &node.constraints {
                let kind = constraint.get("type").and_then(Json::as_str);
                if matches!(kind, Some("unique" | "primary_key")) {
                    let columns = constraint.get("columns").and_then(Json::as_array);
                    let columns = columns.into_iter().flatten().filter_map(Json::as_str);
                    contract.keys.push(columns.map(str::to_owned).collect());
                }
            }
        }
        Ok(Some(contract))
    }

    fn add_checks(&mut self, constraints: &[Json]) {
        for constraint in constraints {
            let text = |key: &str| constraint.get(key).and_then(Json::as_str);
            if let (Some("check"), Some(expression)) = (text("type"), text("expression")) {
                self.checks.push((
                    format!("not ({expression})"),
                    format!("check ({expression})"),
                ));
            }
        }
    }

    /// The model's query with its columns as declared, if they are the declared ones.
    ///
    /// # Errors
    /// `T1007` with every column that differs.
    pub async fn keep(&self, target: Target<'_>, sql: &str, cast: bool) -> Result<String> {
        let shape = target.temporary();
        let nulls: Vec<String> = self
            .columns
            .iter()
            .map(|column| format!("cast(null as {}) as {}", column.kind, column.name))
            .collect();
        let given = described(
            target,
            &format!("select * from (\n{sql}\n) as model_subq where false"),
        )
        .await?;
        let wanted = described(target, &format!("select {} where false", nulls.join(", "))).await?;
        target
            .execute(format!("drop table if exists {shape}"))
            .await?;
        let mismatches = mismatches(&given, &wanted, self.snowflake);
        if !mismatches.is_empty() {
            let message = format!(
                "This model has an enforced contract that failed.\nPlease ensure the name, data_type, \
                 and number of columns in your contract match the columns in your model's \
                 definition.\n\n{}",
                printed(&mismatches)
            );
            return Err(Error::new(codes::T1007, message)
                .help("change the query, or the columns in the model's properties"));
        }
        let list: Vec<String> = wanted
            .iter()
            .zip(&self.columns)
            .map(|((name, _), column)| match cast {
                true => format!("cast(\"{name}\" as {}) as \"{name}\"", column.kind),
                false => format!("\"{name}\""),
            })
            .collect();
        Ok(format!(
            "select {} from (\n{sql}\n) as model_subq",
            list.join(", ")
        ))
    }

    /// Refuses a built table whose rows break a constraint.
    ///
    /// # Errors
    /// `T1007` with the constraint and the number of rows.
    pub async fn check(&self, target: Target<'_>) -> Result<()> {
        let nulls = self
            .columns
            .iter()
            .filter(|column| column.not_null)
            .map(|column| {
                (
                    format!("{} is null", column.name),
                    format!("not_null of `{}`", column.name),
                )
            });
        let table = target.name;
        let mut queries: Vec<(String, String)> = nulls
            .chain(self.checks.iter().cloned())
            .map(|(condition, what)| (format!("select 1 from {table} where {condition}"), what))
            .collect();
        for key in &self.keys {
            let key = key.join(", ");
            let query = format!("select {key} from {table} group by {key} having count(*) > 1");
            queries.push((query, format!("unique ({key})")));
        }
        for (query, what) in queries {
            let rows = count(target, &query).await?;
            if rows > 0 {
                return Err(Error::new(
                    codes::T1007,
                    format!("Rows of `{table}` break the constraint {what}"),
                )
                .with("rows", rows));
            }
        }
        Ok(())
    }
}

/// A line of dbt's table of what differs: the column, its type in the query and in the contract, and why.
type Mismatch = [String; 4];

/// What differs between the columns that a query has and those that its contract wants, by name
/// (`ContractError.get_mismatches` of dbt-core). Types differ by their names, not by their lengths.
fn mismatches(
    given: &[(String, String)],
    wanted: &[(String, String)],
    snowflake: bool,
) -> Vec<Mismatch> {
    let base = |kind: &str| {
        let word = kind.split('(').next().unwrap_or_default();
        word.trim().to_uppercase()
    };
    let shown = |kind: &str| match snowflake {
        true => of_connector(&base(kind)).to_owned(),
        false => kind.to_uppercase(),
    };
    let line = |name: &String, given: String, wanted: String, why: &str| -> Mismatch {
        [name.clone(), given, wanted, why.to_owned()]
    };
    let mut found = Vec::new();
    for (name, kind) in given {
        match wanted.iter().find(|(wanted, _)| wanted == name) {
            None => found.push(line(
                name,
                shown(kind),
                String::new(),
                "missing in contract",
            )),
            Some((_, other)) if base(other) != base(kind) => {
                found.push(line(name, shown(kind), shown(other), "data type mismatch"));
            }
            Some(_) => {}
        }
    }
    for (name, kind) in wanted {
        if !given.iter().any(|(given, _)| given == name) {
            let why = "missing in definition";
            found.push(line(name, String::new(), shown(kind), why));
        }
    }
    found.sort();
    found
}

/// What Snowflake's connector for Python, by which dbt asks, calls a type.
fn of_connector(base: &str) -> &str {
    match base {
        "NUMBER" => "FIXED",
        "VARCHAR" => "TEXT",
        "FLOAT" => "REAL",
        other => other,
    }
}

/// `mismatches` as dbt prints them.
fn printed(mismatches: &[Mismatch]) -> String {
    let head = [
        "column_name",
        "definition_type",
        "contract_type",
        "mismatch_reason",
    ];
    let head = head.map(str::to_owned);
    let width = |column: usize| {
        let cells = mismatches.iter().chain([&head]);
        let widths = cells.map(|cells| cells[column].chars().count());
        widths.max().unwrap_or_default()
    };
    let widths = [0, 1, 2, 3].map(width);
    let row = |cells: &Mismatch| {
        let cells = cells.iter().zip(widths);
        let cells = cells.map(|(cell, width)| format!(" {cell:<width$} |"));
        format!("|{}", cells.collect::<String>())
    };
    let rule = widths.map(|width| "-".repeat(width));
    let lines = [row(&head), row(&rule)].into_iter();
    let lines = lines.chain(mismatches.iter().map(row));
    lines.collect::<Vec<_>>().join("\n")
}

async fn described(target: Target<'_>, sql: &str) -> Result<Vec<(String, String)>> {
    let shape = target.temporary();
    target
        .execute(format!(
            "create or replace temporary table {shape} as (\n{sql}\n)"
        ))
        .await?;
    let found = target.engine.describe(target.session, &shape).await?;
    Ok(found.map(|info| info.columns).unwrap_or_default())
}

async fn count(target: Target<'_>, sql: &str) -> Result<usize> {
    let outcomes = target.execute(sql).await?;
    let mut rows = 0;
    for outcome in outcomes {
        if let Outcome::Rows(found) = outcome {
            let batches = found.collect().await?;
            rows += batches
                .iter()
                .map(arrow::array::RecordBatch::num_rows)
                .sum::<usize>();
        }
    }
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use super::{mismatches, printed};

    #[test]
    fn what_differs_is_a_table_by_names() {
        let columns = |columns: &[(&str, &str)]| -> Vec<(String, String)> {
            let columns = columns.iter();
            let columns = columns.map(|(name, kind)| ((*name).to_owned(), (*kind).to_owned()));
            columns.collect()
        };
        let given = columns(&[("A", "NUMBER(38,0)"), ("D", "DATE"), ("B", "VARCHAR(3)")]);
        let wanted = columns(&[("A", "VARCHAR"), ("B", "VARCHAR"), ("C", "BOOLEAN")]);
        assert_eq!(
            printed(&mismatches(&given, &wanted, true)),
            "| column_name | definition_type | contract_type | mismatch_reason       |\n\
             | ----------- | --------------- | ------------- | --------------------- |\n\
             | A           | FIXED           | TEXT          | data type mismatch    |\n\
             | C           |                 | BOOLEAN       | missing in definition |\n\
             | D           | DATE            |               | missing in contract   |"
        );
        assert!(mismatches(&wanted, &wanted, true).is_empty());
    }
}
