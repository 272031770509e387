//! [`Contract`]: a dataset's contract, compiled: how each column is read, and what makes a row invalid.

mod column;
mod judge;
mod predicate;
mod reason;
mod strings;

use std::sync::Arc;

use arrow::array::ArrayRef;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use chrono::{DateTime, Utc};
use connectors::files::header;
use diagnostic::{Error, Result, codes};
use settings::{DatasetSpec, Format, OnChange, SchemaContract, WriteMode};

use crate::tables::Feed;

pub(crate) use column::Column;
pub(crate) use judge::{FileColumns, Judged, Verdict};
use predicate::Predicates;
pub(crate) use strings::{StringsBuilder, TextRules};

/// The trailing columns of a silver table that order its rows and that readers do not see.
pub const HIDDEN_COLUMNS: [&str; 2] = ["_BATCH", "_CONTENT_HASH"];

/// The contract of one dataset, ready to judge rows.
pub struct Contract {
    pub(crate) name: String,
    pub(crate) columns: Vec<Column>,
    rules: Vec<Rule>,
    predicates: Predicates,
    /// Positions of the key's columns.
    pub(crate) key: Vec<usize>,
    /// Positions of the columns whose highest values win.
    pub(crate) latest_by: Vec<usize>,
    pub(crate) deduplicates: bool,
    pub(crate) write: WriteMode,
    /// The silver table's partition columns, by their names there.
    pub(crate) partition_by: Vec<String>,
    change_data_feed: Option<bool>,
    pub(crate) changes: SchemaContract,
    pub(crate) texts: TextRules,
}

struct Rule {
    name: String,
    reason: String,
}

impl Contract {
    /// Compiles `dataset`, whose stream is written as `format` says; `clock` is the instant that rules call
    /// the current one.
    ///
    /// # Errors
    /// `L2001` to `L2004` for what does not make sense, at the place where it is written.
    pub fn compile(dataset: &DatasetSpec, format: &Format, clock: DateTime<Utc>) -> Result<Self> {
        let texts = TextRules::new(format);
        let columns = dataset
            .columns
            .iter()
            .map(|column| Column::compile(column, &texts))
            .collect::<Result<Vec<_>>>()?;
        let position = |name: &settings::Located<String>| {
            columns
                .iter()
                .position(|column| column.name.eq_ignore_ascii_case(name))
                .ok_or_else(|| {
                    Error::new(
                        codes::L2002,
                        format!("The dataset has no column `{}`", name.value),
                    )
                    .at(name.place())
                    .suggest(name, columns.iter().map(|column| column.name.as_str()))
                })
        };
        let (mut key, mut latest_by) = (Vec::new(), Vec::new());
        if let Some(deduplicate) = &dataset.deduplicate {
            key = deduplicate
                .key
                .iter()
                .map(position)
                .collect::<Result<_>>()?;
            latest_by = deduplicate
                .latest_by
                .iter()
                .map(position)
                .collect::<Result<_>>()?;
        } else if dataset.write == WriteMode::Merge {
            return Err(Error::new(codes::L2003, "A dataset that merges needs a key to merge by")
                .at(dataset.name.place())
                .help("add `deduplicate: {key: [...], latest_by: [...]}`, or write by `append` or `overwrite`"));
        }
        let partition_by = dataset
            .partition_by
            .iter()
            .map(|name| {
                Ok(columns
                    .get(position(name)?)
                    .map(|column| column.stored.clone()))
            })
            .filter_map(Result::transpose)
            .collect::<Result<Vec<_>>>()?;
        let fields: Vec<Field> = columns.iter().map(Column::field).collect();
        if let (Some(first), Err(error)) = (
            dataset.partition_by.first(),
            lake::check_partition_by(&Schema::new(fields), &partition_by),
        ) {
            return Err(error.at(first.place()));
        }
        for rule in &dataset.rules {
            reason::check(rule, &columns)?;
        }
        let rules = dataset
            .rules
            .iter()
            .map(|rule| Rule {
                name: rule.name.value.clone(),
                reason: rule.reason.value.clone(),
            })
            .collect();
        let mut changes = dataset.schema_contract;
        if matches!(format, Format::Json(_)) && !dataset.says_missing_column {
            // Whoever writes JSON leaves keys without a value out.
            changes.missing_column = OnChange::Evolve;
        }
        let predicates = Predicates::compile(&dataset.rules, &columns, clock)?;
        Ok(Self {
            name: dataset.name.value.clone(),
            columns,
            rules,
            predicates,
            deduplicates: dataset.deduplicate.is_some(),
            key,
            latest_by,
            write: dataset.write,
            partition_by,
            change_data_feed: dataset.change_data_feed,
            changes,
            texts,
        })
    }

    /// What the change data feed of the silver table has to know.
    pub(crate) fn feed(&self) -> Feed {
        let key = self.key.iter().filter_map(|at| self.columns.get(*at));
        Feed {
            enabled: self.change_data_feed,
            key: match self.write {
                WriteMode::Merge => key.map(|column| column.stored.clone()).collect(),
                // Rows of several runs may have one key.
                WriteMode::Append | WriteMode::Overwrite | WriteMode::OverwritePartitions => {
                    Vec::new()
                }
            },
        }
    }

    /// The names by which headers are matched.
    pub(crate) fn header_names(&self) -> Vec<String> {
        self.columns
            .iter()
            .map(|column| header::normalise(&column.name))
            .collect()
    }

    /// The columns of the silver table that readers see.
    #[must_use]
    pub fn silver_schema(&self) -> SchemaRef {
        let fields: Vec<Field> = self.columns.iter().map(Column::field).collect();
        Arc::new(Schema::new(fields))
    }

    /// All columns of the silver table, [`HIDDEN_COLUMNS`] last.
    #[must_use]
    pub fn stored_silver_schema(&self) -> SchemaRef {
        let mut fields: Vec<Field> = self.columns.iter().map(Column::field).collect();
        fields.extend(
            HIDDEN_COLUMNS
                .iter()
                .map(|name| Field::new(*name, DataType::Utf8, true)),
        );
        Arc::new(Schema::new(fields))
    }

    /// The columns of the quarantine table.
    #[must_use]
    pub fn quarantine_schema(&self) -> SchemaRef {
        let own = [
            "_RULE", "_REASON", "_FILE", "_LINE", "_RAW", "_BATCH", "_RUN_ID",
        ];
        self.text_schema(&[], &own)
    }

    /// The columns of the bronze table; `extra` are those beyond the contract that sources have sent.
    #[must_use]
    pub fn bronze_schema(&self, extra: &[String]) -> SchemaRef {
        let own = ["_FILE", "_LINE", "_BATCH", "_CONTENT_HASH", "_RUN_ID"];
        self.text_schema(extra, &own)
    }

    fn text_schema(&self, extra: &[String], own: &[&str]) -> SchemaRef {
        let names = self.columns.iter().map(|column| column.stored.as_str());
        let names = names
            .chain(extra.iter().map(String::as_str))
            .chain(own.iter().copied());
        let fields: Vec<Field> = names
            .map(|name| {
                let kind = if name == "_LINE" {
                    DataType::Int64
                } else {
                    DataType::Utf8
                };
                Field::new(name, kind, true)
            })
            .collect();
        Arc::new(Schema::new(fields))
    }

    /// Whether bronze keeps columns beyond the contract.
    pub(crate) fn keeps_new_columns(&self) -> bool {
        matches!(
            self.changes.new_column,
            OnChange::Evolve | OnChange::Quarantine
        )
    }
}

/// The arrays at `positions`, which were read.
pub(crate) fn pick(arrays: &[Option<ArrayRef>], positions: &[usize]) -> Vec<ArrayRef> {
    positions
        .iter()
        .filter_map(|at| arrays.get(*at).cloned().flatten())
        .collect()
}
