//! Builds a model's relation: by dbt's built-in kinds, or by the project's macros where it overrides
//! what those kinds call.

use std::time::Instant;

use dbt::adapter::{Answer, ColumnInfo};
use dbt::compile::CompiledNode;
use dbt::node::Node;
use diagnostic::{Error, Result, codes};

use crate::configuration;
use crate::documentation;
use crate::materialization::{
    self, Batch, BatchOutcome, Built, BuiltBatch, Contract, MicrobatchConfig, OnSchemaChange,
    Target,
};
use crate::nodes::{Nodes, blocking};
use crate::python;

/// The strategies that are built in.
const STRATEGIES: [&str; 5] = [
    "append",
    "merge",
    "delete+insert",
    "insert_overwrite",
    "default",
];

impl Nodes {
    /// Builds the relation of a compiled model.
    pub(crate) async fn model(
        &self,
        target: Target<'_>,
        compiled: &CompiledNode,
        full_refresh: bool,
    ) -> Result<Built> {
        if compiled.node.language == "python" {
            let project = &self.project().context;
            let (beside, compiled) = python::run(target, project, compiled).await?;
            let built = self.of_query(target, &compiled, full_refresh).await;
            target
                .execute(format!("drop table if exists {beside}"))
                .await?;
            return built;
        }
        self.of_query(target, compiled, full_refresh).await
    }

    /// Builds the relation of a model that is a query.
    async fn of_query(
        &self,
        target: Target<'_>,
        compiled: &CompiledNode,
        full_refresh: bool,
    ) -> Result<Built> {
        let node = &compiled.node;
        if let Some(header) = node
            .config
            .text("sql_header")
            .filter(|text| !text.trim().is_empty())
        {
            target.execute(header).await?;
        }
        let materialized = node.config.materialized();
        let kind = &self.project().context.connection.kind;
        let contract = Contract::of(node, kind)?;
        let compiled = &match &contract {
            Some(contract) if materialized != "ephemeral" => CompiledNode {
                sql: contract
                    .keep(target, &compiled.sql, !is_view(materialized))
                    .await?,
                node: std::sync::Arc::clone(node),
            },
            _ => compiled.clone(),
        };
        let built = self
            .relation(target, compiled, materialized, full_refresh)
            .await?;
        if let Some(contract) = &contract
            && !is_view(materialized)
            && materialized != "ephemeral"
        {
            contract.check(target).await?;
        }
        Ok(built)
    }

    async fn relation(
        &self,
        target: Target<'_>,
        compiled: &CompiledNode,
        materialized: &str,
        full_refresh: bool,
    ) -> Result<Built> {
        let node = &compiled.node;
        match materialized {
            // Views are always as fresh as a refreshed materialized view would be.
            kind if is_view(kind) => {
                let names = ["create_view_as", "get_create_view_as_sql"];
                if self.compiler().overrides(&names) {
                    return self.by_create_macro(target, compiled, true).await;
                }
                let secure = node.config.truth("secure").unwrap_or(false);
                let built = materialization::view(target, &compiled.sql, "", secure).await?;
                if let Some(list) = documentation::view_columns(target, node).await? {
                    materialization::view(target, &compiled.sql, &list, secure).await?;
                }
                Ok(built)
            }
            "table" => self.table(target, compiled).await,
            "incremental" => {
                let strategy = node
                    .config
                    .text("incremental_strategy")
                    .unwrap_or("default");
                if strategy == "microbatch" {
                    return self.microbatch(target, compiled, full_refresh).await;
                }
                let word = strategy.replace('+', "_");
                let own = format!("get_incremental_{word}_sql");
                let names = [own.as_str(), "get_merge_sql", "get_delete_insert_merge_sql"];
                let names = match strategy {
                    "merge" | "default" => &names[..2],
                    "delete+insert" => &names[..],
                    _ => &names[..1],
                };
                if !STRATEGIES.contains(&strategy) || self.compiler().overrides(names) {
                    return self
                        .by_strategy(target, compiled, strategy, full_refresh)
                        .await;
                }
                let config = configuration::incremental(node)?;
                materialization::incremental(target, &compiled.sql, &config, full_refresh).await
            }
            "ephemeral" => Ok(Built::default()),
            other => Err(unknown(
                node,
                other,
                &self.project().context.connection.kind,
            )),
        }
    }

    async fn table(&self, target: Target<'_>, compiled: &CompiledNode) -> Result<Built> {
        if self
            .compiler()
            .overrides(&["create_table_as", "get_create_table_as_sql"])
        {
            return self.by_create_macro(target, compiled, false).await;
        }
        materialization::table(target, &compiled.sql).await
    }

    /// Creates the relation by the project's own `create_table_as` or `create_view_as`.
    async fn by_create_macro(
        &self,
        target: Target<'_>,
        compiled: &CompiledNode,
        view: bool,
    ) -> Result<Built> {
        let (compiler, owned) = (self.compiler(), compiled.clone());
        let sql = blocking(move || compiler.create_as(&owned, view)).await?;
        // Such macros may write a plain `create`: in dbt they make a new relation beside the old one.
        if let Some(found) = target.found().await? {
            let kind = if found.view { "view" } else { "table" };
            target
                .execute(format!("drop {kind} {}", target.name))
                .await?;
        }
        let answer = target.make(sql).await?;
        Ok(match view {
            true => Built {
                answer,
                ..Built::default()
            },
            false => Built::rows(answer.made()),
        })
    }

    /// Adds new rows by the project's `get_incremental_…_sql`.
    async fn by_strategy(
        &self,
        target: Target<'_>,
        compiled: &CompiledNode,
        strategy: &str,
        full_refresh: bool,
    ) -> Result<Built> {
        let existing = match target.existing().await? {
            Some(existing) if !existing.view && !full_refresh => existing,
            _ => return self.table(target, compiled).await,
        };
        let temporary = target.temporary();
        target
            .execute(format!(
                "create or replace temporary table {temporary} as (\n{}\n)",
                compiled.sql
            ))
            .await?;
        let incoming = target.engine.describe(target.session, &temporary).await?;
        let incoming =
            incoming.ok_or_else(|| Error::new(codes::X0001, format!("`{temporary}` vanished")))?;
        let mode = compiled.node.config.text("on_schema_change");
        let mode = OnSchemaChange::of(mode.unwrap_or("ignore"));
        let columns = materialization::reconcile(target, &existing, &incoming, mode).await?;
        let columns: Vec<ColumnInfo> = incoming
            .columns
            .iter()
            .filter(|(name, _)| columns.contains(name))
            .map(|(name, kind)| ColumnInfo {
                name: name.clone(),
                data_type: kind.clone(),
            })
            .collect();
        let (compiler, owned) = (self.compiler(), compiled.clone());
        let (strategy, beside) = (strategy.to_owned(), temporary.name.as_str().to_owned());
        let sql = blocking(move || compiler.strategy(&owned, &strategy, &beside, &columns)).await?;
        let answer = target.make(sql).await?;
        target
            .execute(format!("drop table if exists {temporary}"))
            .await?;
        Ok(Built::rows(answer))
    }

    /// Builds a model batch by batch of event time. As in dbt, the others are left out where the first one
    /// fails, and go on where another one does; `retry` builds those again that an earlier command did not.
    async fn microbatch(
        &self,
        target: Target<'_>,
        compiled: &CompiledNode,
        full_refresh: bool,
    ) -> Result<Built> {
        let config = MicrobatchConfig::of(&compiled.node)?;
        let context = &self.project().context;
        let existing = target.found().await?;
        let retried = context.flags.retried_batches.get(&compiled.node.unique_id);
        let refreshed = full_refresh && retried.is_none();
        let mut fresh = refreshed || existing.as_ref().is_none_or(|found| found.view);
        let flags = &context.flags;
        let batches = match retried {
            Some(before) => config.of_spans(&before.failed),
            None => config.batches(
                target.session.as_of,
                !fresh,
                flags.event_time_start,
                flags.event_time_end,
            ),
        };
        let (mut built, from_nothing) = (Built::default(), fresh);
        let mut rows = 0;
        for batch in batches {
            let into = match (fresh, from_nothing) {
                (true, _) => Destination::New,
                (false, true) => Destination::Fresh,
                (false, false) => Destination::Old,
            };
            let clock = Instant::now();
            let first = built.batches.first().map(|first| &first.outcome);
            let outcome = match first {
                Some(BatchOutcome::Failed(_)) => BatchOutcome::Skipped,
                _ => match self.batch(target, compiled, &config, &batch, into).await? {
                    Ok(answer) => {
                        rows += answer.affected();
                        fresh = false;
                        BatchOutcome::Built(answer)
                    }
                    Err(error) => BatchOutcome::Failed(error),
                },
            };
            built.batches.push(BuiltBatch {
                shown: config.shown(&batch),
                batch,
                seconds: clock.elapsed().as_secs_f64(),
                outcome,
            });
        }
        built.rows = Some(rows);
        Ok(built)
    }

    /// Builds one batch. What goes wrong before anything of it is changed is for the batch alone; what
    /// goes wrong later is for the model.
    async fn batch(
        &self,
        target: Target<'_>,
        compiled: &CompiledNode,
        config: &MicrobatchConfig,
        batch: &Batch,
        into: Destination,
    ) -> Result<Result<Answer>> {
        let kind = self.project().context.connection.kind.clone();
        let (compiler, node, of) = (self.compiler(), compiled.node.clone(), batch.clone());
        let sql = match blocking(move || compiler.compile_batch(&node, &of)).await {
            Ok(sql) => sql,
            Err(error) => return Ok(Err(error)),
        };
        match into {
            Destination::New => {
                let built = materialization::table(target, &sql).await;
                return Ok(built.map(|built| built.answer));
            }
            Destination::Fresh => {
                let insert = format!("insert into {}\nselect * from (\n{sql}\n)", target.name);
                return Ok(target.make(insert).await);
            }
            Destination::Old => {}
        }
        let temporary = target.temporary();
        let kept = target
            .execute(format!(
                "create or replace temporary table {temporary} as (\n{sql}\n)"
            ))
            .await;
        if let Err(error) = kept {
            return Ok(Err(error));
        }
        let incoming = target.engine.describe(target.session, &temporary).await?;
        let columns: Vec<String> = incoming
            .map(|info| info.columns)
            .unwrap_or_default()
            .iter()
            .map(|(name, _)| format!("\"{name}\""))
            .collect();
        let (list, name) = (columns.join(", "), target.name);
        let condition = batch.condition(&config.event_time, &kind);
        target
            .make(format!("delete from {name} where {condition}"))
            .await?;
        let answer = target
            .make(format!(
                "insert into {name} ({list})\nselect {list} from {temporary}"
            ))
            .await?;
        target
            .execute(format!("drop table if exists {temporary}"))
            .await?;
        Ok(Ok(answer))
    }
}

/// Where the rows of a batch go.
#[derive(Clone, Copy)]
enum Destination {
    /// A table that the batch creates.
    New,
    /// A table that this run has created: it has no rows of the batch yet.
    Fresh,
    /// A table that may have rows of the batch, which go.
    Old,
}

fn is_view(materialized: &str) -> bool {
    matches!(materialized, "view" | "materialized_view" | "dynamic_table")
}

/// As dbt says it (`MissingMaterializationError`).
fn unknown(node: &Node, materialized: &str, kind: &str) -> Error {
    let message = format!(
        "No materialization '{materialized}' was found for adapter {kind}! \
         (searched types 'default' and '{kind}')"
    );
    let known = [
        "view",
        "table",
        "incremental",
        "ephemeral",
        "materialized_view",
        "dynamic_table",
    ];
    Error::new(codes::T1005, message)
        .with("file", &node.original_file_path)
        .suggest(materialized, known)
}
