//! Future grants: what an object is granted when it is created.
//!
//! <https://docs.snowflake.com/en/sql-reference/sql/grant-privilege#considerations>

use state::{Access, FutureGrant, Grantee};

use crate::access::grant;
use crate::securable::{OWNERSHIP, Securable};

/// Grants on a new object of `kind` what its schema and database say. Where the schema says something about the kind,
/// what the database says does not count.
pub fn settle(access: &mut Access, kind: Securable, schema: &Access, database: &Access) {
    let shown = kind.shown();
    let about = |container: &Access| -> Vec<FutureGrant> {
        let all = container.future.iter();
        all.filter(|future| future.on == shown).cloned().collect()
    };
    let of_schema = about(schema);
    let chosen = match of_schema.is_empty() {
        true => about(database),
        false => of_schema,
    };
    for FutureGrant { grant: new, .. } in chosen {
        match (new.privilege.as_str(), &new.grantee) {
            (OWNERSHIP, Grantee::Role(role)) => access.owner = Some(role.clone()),
            _ => grant(access, new),
        }
    }
}
