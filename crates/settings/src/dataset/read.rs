//! Reads the contract of a dataset from its file.

use diagnostic::{Error, Result, codes};
use model::{ColumnType, Identifier, Severity};

use super::{
    BinaryFormat, CheckSpec, Clean, ColumnSpec, DatasetSpec, Deduplicate, Exposed, OnChange,
    RuleSpec, SchemaContract, SilverFormat, StreamReference, WriteMode,
};
use crate::reader::{File, Item};
use crate::{DateFormat, Located};

const ON_CHANGE: &[(&str, OnChange)] = &[
    ("evolve", OnChange::Evolve),
    ("freeze", OnChange::Freeze),
    ("discard_value", OnChange::DiscardValue),
    ("discard_row", OnChange::DiscardRow),
    ("quarantine", OnChange::Quarantine),
];

impl DatasetSpec {
    /// The dataset of one file.
    pub(crate) fn read_file(file: &File<'_>) -> Result<Self> {
        let fields = file.fields(
            &file.document.root,
            &[
                "dataset",
                "from",
                "expose",
                "columns",
                "rules",
                "deduplicate",
                "write",
                "partition_by",
                "cluster_by",
                "change_data_feed",
                "format",
                "schema_contract",
                "checks",
            ],
        )?;
        let name = fields.require("dataset")?;
        let from = fields.require("from")?;
        let columns = fields.require("columns")?;
        let listed = file
            .fields(columns.node, &keys(columns.node))?
            .each(read_column)?;
        if listed.is_empty() {
            return Err(columns.refuse("A dataset needs at least one column"));
        }
        let write = match fields.get("write") {
            Some(write) => read_write(write)?,
            None => WriteMode::Append,
        };
        Ok(Self {
            name: name.located(name.name("a dataset")?),
            from: from.located(read_reference(from)?),
            expose: fields.get("expose").map(read_exposed).transpose()?,
            columns: listed,
            rules: list(fields.get("rules"), read_rule)?,
            deduplicate: fields
                .get("deduplicate")
                .map(read_deduplicate)
                .transpose()?,
            write,
            partition_by: fields
                .get("partition_by")
                .map_or_else(|| Ok(Vec::new()), read_names)?,
            cluster_by: fields
                .get("cluster_by")
                .map_or_else(|| Ok(Vec::new()), read_names)?,
            change_data_feed: fields
                .get("change_data_feed")
                .map(|item| item.boolean())
                .transpose()?,
            format: match fields.get("format") {
                Some(format) => format.word(&[
                    ("delta", SilverFormat::Delta),
                    ("iceberg", SilverFormat::Iceberg),
                ])?,
                None => SilverFormat::Delta,
            },
            schema_contract: match fields.get("schema_contract") {
                Some(contract) => read_contract(contract)?,
                None => SchemaContract::default(),
            },
            says_missing_column: match fields.get("schema_contract") {
                Some(contract) => contract.node.get("missing_column").is_some(),
                None => false,
            },
            checks: list(fields.get("checks"), read_check)?,
            source: file.document.source.clone(),
        })
    }
}

fn list<'f, T>(item: Option<Item<'f>>, read: impl Fn(Item<'f>) -> Result<T>) -> Result<Vec<T>> {
    item.map_or_else(|| Ok(Vec::new()), |item| item.list(read))
}

/// Column names are the user's: every text is known.
fn keys(node: &yaml::Node) -> Vec<&str> {
    node.entries()
        .iter()
        .filter_map(|(key, _)| key.as_str())
        .collect()
}

fn two_parts(item: Item<'_>, example: &str) -> Result<(String, String)> {
    let text = item.text()?;
    let parts: Vec<&str> = text.split('.').map(str::trim).collect();
    match parts.as_slice() {
        [first, second] if !first.is_empty() && !second.is_empty() => {
            Ok(((*first).to_owned(), (*second).to_owned()))
        }
        _ => Err(item.refuse(&format!(
            "Expected two names as in `{example}`, found `{text}`"
        ))),
    }
}

fn read_reference(item: Item<'_>) -> Result<StreamReference> {
    let (source, stream) = two_parts(item, "source.stream")?;
    Ok(StreamReference { source, stream })
}

fn read_exposed(item: Item<'_>) -> Result<Exposed> {
    let (schema, name) = two_parts(item, "RAW.SALES")?;
    Ok(Exposed {
        schema: Identifier::unquoted(&schema),
        name: Identifier::unquoted(&name),
    })
}

fn read_column(key: Item<'_>, value: Item<'_>) -> Result<ColumnSpec> {
    let name = key.name("a column")?;
    if name.starts_with('_') {
        let message =
            format!("The column `{name}` starts with `_`, as only Sluice's own columns do");
        return Err(key.refuse(&message));
    }
    let name = key.located(name);
    // `order_id: varchar` is short for `order_id: {type: varchar}`.
    if value.node.as_mapping().is_none() {
        let kind = value.parse()?;
        return Ok(ColumnSpec {
            name,
            kind,
            clean: Vec::new(),
            formats: Vec::new(),
            cap: None,
            binary_format: BinaryFormat::default(),
        });
    }
    let fields = value.fields(&["type", "clean", "formats", "cap", "binary_format"])?;
    let kind = fields.require("type")?.parse()?;
    let clean = list(fields.get("clean"), |item| {
        item.word(&[
            ("trim", Clean::Trim),
            ("collapse_blanks", Clean::CollapseBlanks),
            ("upper", Clean::Upper),
            ("lower", Clean::Lower),
        ])
    })?;
    let formats = list(fields.get("formats"), |item| read_format(item, kind))?;
    let cap = match fields.get("cap") {
        Some(cap) if matches!(kind, ColumnType::Number { .. } | ColumnType::Float) => {
            Some(cap.decimal()?)
        }
        Some(cap) => {
            let message = format!("`cap` limits numbers, but `{}` is {kind}", name.value);
            return Err(cap.error(Error::new(codes::C0010, message)));
        }
        None => None,
    };
    let binary_format = match fields.get("binary_format") {
        Some(format) if kind == ColumnType::Binary => format.word(&[
            ("hex", BinaryFormat::Hex),
            ("base64", BinaryFormat::Base64),
            ("utf8", BinaryFormat::Utf8),
        ])?,
        Some(format) => {
            let message = format!(
                "`binary_format` is for bytes, but `{}` is {kind}",
                name.value
            );
            return Err(format.error(Error::new(codes::C0010, message)));
        }
        None => BinaryFormat::default(),
    };
    Ok(ColumnSpec {
        name,
        kind,
        clean,
        formats,
        cap,
        binary_format,
    })
}

fn read_format(item: Item<'_>, kind: ColumnType) -> Result<DateFormat> {
    let format: DateFormat = item.parse()?;
    let fits = match kind {
        ColumnType::Date
        | ColumnType::TimestampNtz
        | ColumnType::TimestampLtz
        | ColumnType::TimestampTz => format.has_date(),
        ColumnType::Time => format.has_time() && !format.has_date(),
        _ => false,
    };
    if fits {
        return Ok(format);
    }
    let message = format!("The format `{format}` does not fit a column of type {kind}");
    Err(item.error(Error::new(codes::C0010, message)))
}

fn read_rule(item: Item<'_>) -> Result<RuleSpec> {
    let fields = item.fields(&["name", "when", "reason"])?;
    let name = fields.require("name")?;
    let when = fields.require("when")?;
    let reason = fields.require("reason")?;
    Ok(RuleSpec {
        name: name.located(name.name("a rule")?),
        when: when.located(when.filled()?),
        reason: reason.located(reason.filled()?),
    })
}

fn read_deduplicate(item: Item<'_>) -> Result<Deduplicate> {
    let fields = item.fields(&["key", "latest_by"])?;
    Ok(Deduplicate {
        key: read_names(fields.require("key")?)?,
        latest_by: fields
            .get("latest_by")
            .map_or_else(|| Ok(Vec::new()), read_names)?,
    })
}

fn read_names(item: Item<'_>) -> Result<Vec<Located<String>>> {
    let names = item.list(|name| Ok(name.located(name.filled()?)))?;
    if names.is_empty() {
        return Err(item.refuse("This list needs at least one column"));
    }
    Ok(names)
}

fn read_write(item: Item<'_>) -> Result<WriteMode> {
    let mode = match item.node.as_mapping() {
        Some(_) => item.fields(&["mode"])?.require("mode")?,
        None => item,
    };
    mode.word(&[
        ("append", WriteMode::Append),
        ("overwrite", WriteMode::Overwrite),
        ("overwrite_partitions", WriteMode::OverwritePartitions),
        ("merge", WriteMode::Merge),
    ])
}

fn read_contract(item: Item<'_>) -> Result<SchemaContract> {
    let fields = item.fields(&["new_column", "missing_column", "type_change"])?;
    let mut contract = SchemaContract::default();
    if let Some(new_column) = fields.get("new_column") {
        contract.new_column = new_column.word(ON_CHANGE)?;
    }
    if let Some(missing) = fields.get("missing_column") {
        contract.missing_column = missing.word(ON_CHANGE)?;
    }
    if let Some(type_change) = fields.get("type_change") {
        contract.type_change = type_change.word(ON_CHANGE)?;
    }
    Ok(contract)
}

fn read_check(item: Item<'_>) -> Result<CheckSpec> {
    let fields = item.fields(&["name", "expect", "severity"])?;
    let name = fields.require("name")?;
    let expect = fields.require("expect")?;
    let severity = match fields.get("severity") {
        Some(severity) => severity.word(&[("error", Severity::Error), ("warn", Severity::Warn)])?,
        None => Severity::Error,
    };
    Ok(CheckSpec {
        name: name.located(name.name("a check")?),
        expect: expect.located(expect.filled()?),
        severity,
    })
}
