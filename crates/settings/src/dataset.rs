//! `lake/*.yml`: the contract of one dataset: columns, rules, deduplication, write mode, checks.

mod read;

use diagnostic::Source;
use model::{ColumnType, Identifier, Severity};

use crate::{DateFormat, Located};

/// The contract of a dataset: `SILVER.<name>`, with what feeds it and what it promises.
#[derive(Clone, Debug)]
pub struct DatasetSpec {
    /// Its name, and that of its tables in `BRONZE`, `SILVER` and `QUARANTINE`.
    pub name: Located<String>,
    /// The stream it reads.
    pub from: Located<StreamReference>,
    /// A view over the silver table in another schema, for example `RAW.SALES`.
    pub expose: Option<Exposed>,
    /// The columns in their order.
    pub columns: Vec<ColumnSpec>,
    /// What makes a row invalid; the first rule that matches wins.
    pub rules: Vec<RuleSpec>,
    /// Which of several rows with one key stays.
    pub deduplicate: Option<Deduplicate>,
    /// How new rows meet those of earlier runs.
    pub write: WriteMode,
    /// The columns whose values tell the silver table's partitions apart.
    pub partition_by: Vec<Located<String>>,
    /// The columns that `sluice optimize` orders the silver table's rows by.
    pub cluster_by: Vec<Located<String>>,
    /// Whether the silver table says which rows each of its versions changes. `None` leaves that as it is.
    pub change_data_feed: Option<bool>,
    /// In which format the silver table is kept.
    pub format: SilverFormat,
    /// What happens when the source changes its shape.
    pub schema_contract: SchemaContract,
    /// Whether the contract itself says what a missing column means; formats differ where it does not.
    pub says_missing_column: bool,
    /// What must hold for the result before readers see it.
    pub checks: Vec<CheckSpec>,
    /// The whole file, for a hash of the contract.
    pub source: Source,
}

/// `source.stream`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamReference {
    /// The source.
    pub source: String,
    /// The stream in it.
    pub stream: String,
}

/// `SCHEMA.VIEW` in the project's database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exposed {
    /// The schema.
    pub schema: Identifier,
    /// The view.
    pub name: Identifier,
}

/// One column of the contract. A value is cleaned, typed, capped, then judged by the rules.
#[derive(Clone, Debug)]
pub struct ColumnSpec {
    /// Its name as written in the contract; headers map to it by normalised name.
    pub name: Located<String>,
    /// Its type in the silver table.
    pub kind: ColumnType,
    /// What is done to the text, in this order.
    pub clean: Vec<Clean>,
    /// How the source writes dates or times, tried in this order; empty means ISO 8601.
    pub formats: Vec<DateFormat>,
    /// Larger numbers become this one: a decimal number, digit for digit as written.
    pub cap: Option<String>,
    /// How the source writes bytes as text.
    pub binary_format: BinaryFormat,
}

/// How bytes are written as text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum BinaryFormat {
    /// Two hexadecimal digits a byte, of either case.
    #[default]
    Hex,
    /// Base64, with padding or without.
    Base64,
    /// The text's own bytes.
    Utf8,
}

/// What is done to a text before it is typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Clean {
    /// Blanks at both ends go.
    Trim,
    /// Every run of blanks becomes one space.
    CollapseBlanks,
    /// Upper case.
    Upper,
    /// Lower case.
    Lower,
}

/// What makes a row invalid. It then goes to `QUARANTINE.<dataset>` with the rule and the reason.
#[derive(Clone, Debug)]
pub struct RuleSpec {
    /// Its name.
    pub name: Located<String>,
    /// A condition in SQL over the typed columns; a row for which it is true breaks the rule.
    pub when: Located<String>,
    /// A sentence; `{column}` stands for the value as the source wrote it.
    pub reason: Located<String>,
}

/// Which of several rows with one key stays.
#[derive(Clone, Debug)]
pub struct Deduplicate {
    /// The columns that say which rows are the same thing.
    pub key: Vec<Located<String>>,
    /// The row with the highest values, compared in this order, stays.
    pub latest_by: Vec<Located<String>>,
}

/// How new rows meet those of earlier runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WriteMode {
    /// They are added.
    Append,
    /// They replace everything.
    Overwrite,
    /// They replace the partitions they belong to.
    OverwritePartitions,
    /// They replace the rows with the same key, if they are newer.
    Merge,
}

/// In which format a silver table is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SilverFormat {
    /// Delta.
    Delta,
    /// Iceberg, version 2.
    Iceberg,
}

/// What happens when the source changes its shape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SchemaContract {
    /// A column the contract does not list.
    pub new_column: OnChange,
    /// A column of the contract that the source lacks.
    pub missing_column: OnChange,
    /// A value that is not of the column's type.
    pub type_change: OnChange,
}

/// The answer to one kind of change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnChange {
    /// Follow it: keep the new column, fill the missing one with NULL, read the value as NULL and
    /// let the rules judge it.
    Evolve,
    /// Stop: the file is refused.
    Freeze,
    /// Drop the value, keep the row.
    DiscardValue,
    /// Drop the row.
    DiscardRow,
    /// Set the row aside with the reason.
    Quarantine,
}

/// What must hold for the result before readers see it.
#[derive(Clone, Debug)]
pub struct CheckSpec {
    /// Its name.
    pub name: Located<String>,
    /// A query with one row and one column, which must be true.
    pub expect: Located<String>,
    /// What follows when it is not.
    pub severity: Severity,
}

impl Default for SchemaContract {
    fn default() -> Self {
        Self {
            new_column: OnChange::Evolve,
            missing_column: OnChange::Freeze,
            type_change: OnChange::Quarantine,
        }
    }
}

impl DatasetSpec {
    /// The column called `name`, without regard to case.
    #[must_use]
    pub fn column(&self, name: &str) -> Option<&ColumnSpec> {
        let wanted = |column: &&ColumnSpec| column.name.value.eq_ignore_ascii_case(name);
        self.columns.iter().find(wanted)
    }

    /// The name of its tables.
    #[must_use]
    pub fn identifier(&self) -> Identifier {
        Identifier::unquoted(&self.name.value)
    }
}

impl ColumnSpec {
    /// Its name in the tables.
    #[must_use]
    pub fn identifier(&self) -> Identifier {
        Identifier::unquoted(&self.name.value)
    }
}

impl RuleSpec {
    /// The names between `{` and `}` in the reason.
    pub fn placeholders(&self) -> impl Iterator<Item = &str> {
        let parts = self.reason.value.split('{').skip(1);
        parts.filter_map(|part| part.split_once('}').map(|(name, _)| name.trim()))
    }
}
