//! How the resources of a project are packed.

use std::sync::Arc;

use super::codec::{Pack, Reader, Writer};
use super::observed::{Observed, Subject};
use crate::cache::codec::packed;
use crate::node::{
    Column, Compiled, Declared, DependsOn, Doc, Exposure, Group, Macro, Node, Ref, ResourceType,
    SourceRef, SourceTable, TestMetadata,
};
use crate::unit_test::{Fixture, Given, Rows, UnitTest};
use crate::warning::Warning;

const KINDS: [ResourceType; 17] = [
    ResourceType::Model,
    ResourceType::Seed,
    ResourceType::Snapshot,
    ResourceType::Test,
    ResourceType::Analysis,
    ResourceType::Operation,
    ResourceType::SqlOperation,
    ResourceType::Source,
    ResourceType::Exposure,
    ResourceType::Macro,
    ResourceType::Group,
    ResourceType::Doc,
    ResourceType::UnitTest,
    ResourceType::Metric,
    ResourceType::SemanticModel,
    ResourceType::SavedQuery,
    ResourceType::Function,
];

impl Pack for ResourceType {
    fn pack(&self, writer: &mut Writer) {
        let at = KINDS.iter().position(|kind| kind == self);
        at.unwrap_or(KINDS.len()).pack(writer);
    }

    fn unpack(reader: &mut Reader<'_>) -> Option<Self> {
        KINDS.get(usize::unpack(reader)?).copied()
    }
}

/// The language of a node.
impl Pack for &'static str {
    fn pack(&self, writer: &mut Writer) {
        (*self == "python").pack(writer);
    }

    fn unpack(reader: &mut Reader<'_>) -> Option<Self> {
        Some(if bool::unpack(reader)? {
            "python"
        } else {
            "sql"
        })
    }
}

packed!(Ref {
    name,
    package,
    version,
    span
});
packed!(SourceRef {
    source,
    table,
    span
});
packed!(Column {
    name,
    description,
    data_type,
    meta,
    tags,
    quote,
    constraints,
    config,
    doc_blocks,
    granularity,
    dimension,
    entity
});
packed!(TestMetadata {
    namespace,
    name,
    kwargs
});
packed!(DependsOn { macros, nodes });
packed!(Compiled {
    sql,
    pre_injected_sql,
    extra_ctes,
    path,
    lineage
});
packed!(Node {
    unique_id,
    resource_type,
    name,
    package,
    path,
    original_file_path,
    fqn,
    alias,
    checksum,
    config,
    unrendered_config,
    database,
    schema,
    relation_name,
    raw_code,
    language,
    description,
    columns,
    patch_path,
    build_path,
    doc_blocks,
    refs,
    sources,
    depends_on,
    test_metadata,
    column_name,
    attached_node,
    file_key_name,
    version,
    latest_version,
    constraints,
    root_path,
    created_at,
    compiled,
    index,
    own_tags,
    primary_key,
    unit_test,
    deprecation_date,
    time_spine
});
packed!(SourceTable {
    unrendered_database,
    unrendered_schema,
    unique_id,
    package,
    path,
    original_file_path,
    fqn,
    source_name,
    source_description,
    loader,
    name,
    identifier,
    database,
    schema,
    quoting,
    relation_name,
    loaded_at_field,
    loaded_at_query,
    freshness,
    external,
    description,
    doc_blocks,
    columns,
    meta,
    source_meta,
    tags,
    config,
    created_at,
    span
});
packed!(Macro {
    unique_id,
    name,
    package,
    path,
    original_file_path,
    macro_sql,
    depends_on,
    description,
    meta,
    docs,
    patch_path,
    arguments,
    supported_languages,
    created_at
});
packed!(Doc {
    unique_id,
    name,
    package,
    path,
    original_file_path,
    block_contents
});
packed!(Exposure {
    unique_id,
    name,
    package,
    path,
    original_file_path,
    fqn,
    kind,
    owner,
    description,
    label,
    maturity,
    url,
    meta,
    tags,
    config,
    refs,
    sources,
    metrics,
    depends_on,
    created_at,
    span
});
packed!(Declared {
    unique_id,
    resource_type,
    name,
    package,
    path,
    original_file_path,
    fqn,
    description,
    tags,
    config,
    refs,
    metrics,
    measures,
    depends_on,
    fields,
    under,
    created_at
});
packed!(Group {
    unique_id,
    name,
    package,
    path,
    original_file_path,
    owner,
    description,
    config
});
packed!(UnitTest {
    model,
    tested,
    given,
    expect,
    overrides,
    version,
    versions,
    checksum
});
packed!(Given { input, fixture });
packed!(Fixture { format, rows, file });

impl Pack for Rows {
    fn pack(&self, writer: &mut Writer) {
        match self {
            Self::Dicts(rows) => {
                true.pack(writer);
                rows.pack(writer);
            }
            Self::Sql(sql) => {
                false.pack(writer);
                sql.pack(writer);
            }
        }
    }

    fn unpack(reader: &mut Reader<'_>) -> Option<Self> {
        Some(match bool::unpack(reader)? {
            true => Self::Dicts(Vec::unpack(reader)?),
            false => Self::Sql(String::unpack(reader)?),
        })
    }
}

/// A warning without the text around its place.
impl Pack for Warning {
    fn pack(&self, writer: &mut Writer) {
        writer.text(&self.event);
        self.message.pack(writer);
        let place = self.place.as_ref();
        let place = place.map(|place| (place.file.to_string(), (place.line, place.column)));
        place.pack(writer);
    }

    fn unpack(reader: &mut Reader<'_>) -> Option<Self> {
        let (event, message) = (String::unpack(reader)?, String::unpack(reader)?);
        let place: Option<(String, (usize, usize))> = Option::unpack(reader)?;
        Some(Self {
            event: event.into(),
            message,
            place: place.map(|(file, (line, column))| diagnostic::Place {
                column,
                ..diagnostic::Place::line(Arc::<str>::from(file), line)
            }),
        })
    }
}

packed!(Observed { volatile, subjects });

impl Pack for Subject {
    fn pack(&self, writer: &mut Writer) {
        let (kind, name) = match self {
            Self::Environment(name) => (0_usize, name.as_str()),
            Self::Variable(name) => (1, name.as_str()),
            Self::Flag(name) => (2, name.as_str()),
            Self::Threads => (3, ""),
        };
        kind.pack(writer);
        writer.text(name);
    }

    fn unpack(reader: &mut Reader<'_>) -> Option<Self> {
        let kind = usize::unpack(reader)?;
        let name = String::unpack(reader)?;
        Some(match kind {
            0 => Self::Environment(name),
            1 => Self::Variable(name),
            2 => Self::Flag(name),
            3 => Self::Threads,
            _ => return None,
        })
    }
}
