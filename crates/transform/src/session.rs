//! The session of one node: what its settings and hooks set is for its own statements.

use dbt::context::ProjectContext;
use dbt::node::Node;
use engine::Session;
use model::Identifier;

/// A session that starts as `session` stands, with the node's `query_tag` and `snowflake_warehouse`, or
/// those of the profile.
#[must_use]
pub fn session_of(session: &Session, project: &ProjectContext, node: &Node) -> Session {
    let own = session.fork();
    let fields = &project.connection.fields;
    let setting = |key: &str, field: &str| {
        let set = node.config.text(key);
        let set = set.or_else(|| fields.get(field).and_then(serde_json::Value::as_str));
        set.filter(|text| !text.is_empty()).map(str::to_owned)
    };
    let tag = setting("query_tag", "query_tag");
    let warehouse = setting("snowflake_warehouse", "warehouse");
    own.memory.set(|settings| {
        if let Some(tag) = tag {
            settings.parameters.insert("QUERY_TAG".to_owned(), tag);
        }
        if let Some(warehouse) = warehouse {
            settings.warehouse = Some(Identifier::unquoted(&warehouse));
        }
    });
    own
}
