//! [`TableOptions`]: what Snowflake's settings of a model say about its table
//! (<https://docs.getdbt.com/reference/resource-configs/snowflake-configs>).

use dbt::node::{Node, ResourceType};
use diagnostic::{Error, Result, codes};
use model::RelationName;

/// How a model's table is created.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TableOptions {
    /// `transient`, which is dbt's default.
    pub transient: bool,
    /// `cluster_by`: expressions that rows are sorted by, and that are kept as the clustering key.
    pub cluster_by: Vec<String>,
    /// `automatic_clustering`.
    pub automatic_clustering: bool,
    /// `copy_grants`: what replaces a relation keeps what roles have on it.
    pub copy_grants: bool,
}

impl TableOptions {
    /// The options of `node` for the adapter `kind`.
    ///
    /// # Errors
    /// `T1011` for settings without which the table would show what it must not, and for values that
    /// dbt refuses.
    pub fn of(node: &Node, kind: &str) -> Result<Self> {
        if kind != "snowflake" {
            return Ok(Self::default());
        }
        let config = &node.config;
        if let Some(policy) = config.text("row_access_policy") {
            return Err(Error::new(
                codes::T1011,
                format!(
                    "`{}` has the row access policy `{policy}`, which the embedded warehouse cannot enforce",
                    node.name
                ),
            )
            .with("file", &node.original_file_path)
            .help("without the setting, everybody sees all rows: remove it only if that is meant"));
        }
        check_choice(node, "tmp_relation_type", &["table", "view", "transient"])?;
        check_choice(
            node,
            "on_configuration_change",
            &["apply", "continue", "fail"],
        )?;
        let deletes = matches!(
            config.text("incremental_strategy"),
            Some("delete+insert" | "microbatch")
        );
        if deletes
            && config.get("unique_key").is_some()
            && config.text("tmp_relation_type") == Some("view")
        {
            return Err(Error::new(
                codes::T1011,
                format!(
                    "`{}` deletes by `unique_key`, which takes `tmp_relation_type: table` or `transient`, not `view`",
                    node.name
                ),
            )
            .with("file", &node.original_file_path));
        }
        let model = node.resource_type == ResourceType::Model;
        Ok(Self {
            transient: config.truth("transient").unwrap_or(model),
            cluster_by: config.texts("cluster_by"),
            automatic_clustering: config.truth("automatic_clustering").unwrap_or(false),
            copy_grants: config.truth("copy_grants").unwrap_or(false),
        })
    }

    /// COPY GRANTS, if it is asked for.
    pub(crate) fn copies(&self) -> &'static str {
        if self.copy_grants { " copy grants" } else { "" }
    }

    /// The script that makes the table `name` of the rows of `sql`.
    pub(crate) fn create(&self, name: &RelationName, sql: &str) -> String {
        let transient = if self.transient { "transient " } else { "" };
        let copies = self.copies();
        if self.cluster_by.is_empty() {
            return format!("create or replace {transient}table {name}{copies} as (\n{sql}\n)");
        }
        let keys = self.cluster_by.join(", ");
        let resume = match self.automatic_clustering {
            true => format!(";\nalter table {name} resume recluster"),
            false => String::new(),
        };
        format!(
            "create or replace {transient}table {name} cluster by ({keys}){copies} as (\n\
             select * from (\n{sql}\n) order by {keys}\n){resume}"
        )
    }
}

fn check_choice(node: &Node, key: &str, choices: &[&str]) -> Result<()> {
    match node.config.text(key) {
        Some(value) if !choices.contains(&value) => Err(Error::new(
            codes::T1011,
            format!("`{key}: {value}` of `{}` is not known", node.name),
        )
        .with("file", &node.original_file_path)
        .with("choices", choices.join(", "))
        .suggest(value, choices.iter().copied())),
        _ => Ok(()),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use model::{Identifier, RelationName};

    use super::TableOptions;

    #[test]
    fn clustered_tables_are_sorted_and_keep_their_key() {
        let name = RelationName {
            database: Identifier::unquoted("d"),
            schema: Identifier::unquoted("s"),
            name: Identifier::unquoted("t"),
        };
        let options = TableOptions {
            transient: true,
            cluster_by: vec!["day".to_owned(), "to_date(at)".to_owned()],
            automatic_clustering: true,
            copy_grants: true,
        };
        assert_eq!(
            options.create(&name, "select 1"),
            format!(
                "create or replace transient table {name} cluster by (day, to_date(at)) copy grants as (\n\
                 select * from (\nselect 1\n) order by day, to_date(at)\n);\n\
                 alter table {name} resume recluster"
            )
        );
        assert_eq!(
            TableOptions::default().create(&name, "select 1"),
            format!("create or replace table {name} as (\nselect 1\n)")
        );
    }
}
