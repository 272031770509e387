//! Where dbt's nodes go: their names as the catalog stores them.

use dbt::context::ProjectContext;
use dbt::context::relation::Relation;
use dbt::node::{Node, SourceTable};
use model::{Identifier, RelationName};

use crate::folding::folds;

/// The relation a node makes.
#[must_use]
pub fn relation_name(project: &ProjectContext, node: &Node) -> RelationName {
    stored(project, &project.relation_of(node))
}

/// The relation a source table is.
#[must_use]
pub fn source_name(project: &ProjectContext, source: &SourceTable) -> RelationName {
    let mut relation = project.relation(
        source.database.as_deref(),
        &source.schema,
        &source.identifier,
    );
    relation.quote = relation.quote.with_quoting(&source.quoting);
    stored(project, &relation)
}

fn stored(project: &ProjectContext, relation: &Relation) -> RelationName {
    let folded = folds(project);
    let part = |text: Option<&str>, quoted: bool, default: &str| {
        let text = text.unwrap_or(default);
        if quoted && !folded {
            Identifier::quoted(text)
        } else {
            Identifier::unquoted(text)
        }
    };
    let connection = &project.connection;
    RelationName {
        database: part(
            relation.database.as_deref(),
            relation.quote.database,
            &connection.database,
        ),
        schema: part(
            relation.schema.as_deref(),
            relation.quote.schema,
            &connection.schema,
        ),
        name: part(
            relation.identifier.as_deref(),
            relation.quote.identifier,
            "",
        ),
    }
}
