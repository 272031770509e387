//! UNDROP: <https://docs.snowflake.com/en/sql-reference/sql/undrop>.

use diagnostic::{Error, Result, codes};
use engine::{Outcome, Session};
use sql::command::ObjectWord;
use sqlparser::ast::ObjectName;

use super::database_name;
use crate::Embedded;
use crate::names::{namespace, relation};
use crate::statement::create::known_namespace;
use crate::statement::{done, unsupported};

pub(super) fn run(
    engine: &Embedded,
    session: &Session,
    kind: ObjectWord,
    name: &ObjectName,
) -> Result<Outcome> {
    let workspace = engine.workspace();
    match kind {
        ObjectWord::Table | ObjectWord::View => {
            let name = relation(session, name)?;
            known_namespace(engine, session, &name.namespace())?;
            if workspace.relation(&name).is_some() {
                return Err(
                    Error::new(codes::K3002, format!("Relation `{name}` exists already"))
                        .help("rename it, then bring the dropped one back"),
                );
            }
            let dropped = workspace.dropped_relation(&name)?;
            workspace.stage_relation(&name, dropped)?;
            Ok(done(&name, "successfully restored"))
        }
        ObjectWord::Schema => {
            let name = namespace(session, name)?;
            workspace.undrop_namespaces(&name.database, Some(&name.schema))?;
            Ok(done(&name, "successfully restored"))
        }
        ObjectWord::Database => {
            let name = database_name(name)?;
            workspace.undrop_namespaces(&name, None)?;
            Ok(done(&name, "successfully restored"))
        }
        other => Err(unsupported(&format!("UNDROP {other}"))),
    }
}
