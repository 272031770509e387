//! Which roles there are, and which a role contains.

use std::collections::{BTreeMap, BTreeSet};

use model::Identifier;
use state::{Access, Grantee};

/// The roles that were created, and system roles that were granted: each with what is granted on it.
pub type Roles = BTreeMap<Identifier, Access>;

const ADMIN: &str = "ACCOUNTADMIN";

/// The roles that every account has:
/// <https://docs.snowflake.com/en/user-guide/security-access-control-overview#system-defined-roles>.
pub const SYSTEM_ROLES: [&str; 5] = [ADMIN, "SECURITYADMIN", "SYSADMIN", "USERADMIN", MARK];

/// The role that may do everything, and owns what nobody else owns.
#[must_use]
pub fn admin() -> Identifier {
    Identifier::quoted(ADMIN)
}

/// Whether every account has the role.
#[must_use]
pub fn is_system(role: &Identifier) -> bool {
    SYSTEM_ROLES.contains(&role.as_str())
}

/// The role whose row says that there were roles: nobody creates, grants or drops it.
pub const MARK: &str = "PUBLIC";

/// Whether somebody has ever created a role. Before that, a role is a name without meaning.
#[must_use]
pub fn is_configured(roles: &Roles) -> bool {
    let means_something = |role: &Identifier| role.as_str() == MARK || !is_system(role);
    roles.keys().any(means_something)
}

/// The roles that system roles contain without a grant.
fn built_in(role: &str) -> &'static [&'static str] {
    match role {
        ADMIN => &["SECURITYADMIN", "SYSADMIN"],
        "SECURITYADMIN" => &["USERADMIN"],
        _ => &[],
    }
}

/// The global privileges that system roles have without a grant.
pub(crate) fn global(role: &str) -> &'static [&'static str] {
    match role {
        "SECURITYADMIN" => &["MANAGE GRANTS"],
        "USERADMIN" => &["CREATE ROLE"],
        "SYSADMIN" => &["CREATE DATABASE"],
        _ => &[],
    }
}

/// `role` and all roles that it has by grants, PUBLIC among them.
#[must_use]
pub fn within(role: &Identifier, roles: &Roles) -> BTreeSet<Identifier> {
    closed(vec![role.clone(), Identifier::quoted(MARK)], roles)
}

/// The roles that the user may use.
#[must_use]
pub fn of_user(user: &Identifier, roles: &Roles) -> BTreeSet<Identifier> {
    let user = Grantee::User(user.clone());
    let granted = granted_to(&user, roles).cloned();
    let public = Identifier::quoted(MARK);
    closed(granted.chain([public]).collect(), roles)
}

fn closed(mut open: Vec<Identifier>, roles: &Roles) -> BTreeSet<Identifier> {
    let mut found = BTreeSet::new();
    while let Some(role) = open.pop() {
        if !found.insert(role.clone()) {
            continue;
        }
        open.extend(built_in(role.as_str()).iter().map(Identifier::quoted));
        open.extend(granted_to(&Grantee::Role(role), roles).cloned());
    }
    found
}

fn granted_to<'a>(
    grantee: &'a Grantee,
    roles: &'a Roles,
) -> impl Iterator<Item = &'a Identifier> + 'a {
    let has = |access: &Access| access.grants.iter().any(|grant| grant.grantee == *grantee);
    roles
        .iter()
        .filter(move |(_, access)| has(access))
        .map(|(role, _)| role)
}
