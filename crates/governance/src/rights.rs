//! [`Rights`]: what the role of a session may do.

use std::collections::BTreeSet;
use std::sync::Arc;

use model::Identifier;
use state::{Access, Grantee};

use crate::roles::{Roles, admin, global, is_configured, is_system, within};
use crate::securable::OWNERSHIP;

/// What a role may do. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Rights(Option<Arc<Limited>>);

#[derive(Debug)]
struct Limited {
    role: Identifier,
    /// The role and those it has; none for a role that does not exist.
    roles: BTreeSet<Identifier>,
}

impl Rights {
    /// Rights to do everything, as ACCOUNTADMIN has them.
    #[must_use]
    pub fn all() -> Self {
        Self(None)
    }

    /// The rights of `role`; those of ACCOUNTADMIN without one. As long as nobody has created a role, every role may
    /// do everything; afterwards one that does not exist may do nothing. `roles` is asked for named roles alone.
    pub fn of(role: Option<&Identifier>, roles: impl FnOnce() -> Roles) -> Self {
        let Some(role) = role.filter(|role| **role != admin()) else {
            return Self::all();
        };
        let roles = roles();
        if !is_configured(&roles) {
            return Self::all();
        }
        let known = is_system(role) || roles.contains_key(role);
        let roles = match known {
            true => within(role, &roles),
            false => BTreeSet::new(),
        };
        if roles.contains(&admin()) {
            return Self::all();
        }
        Self(Some(Arc::new(Limited {
            role: role.clone(),
            roles,
        })))
    }

    /// The rights of an object's owner. What a role created before there were roles is ACCOUNTADMIN's, until the
    /// role exists.
    pub fn of_owner(owner: Option<&Identifier>, roles: impl FnOnce() -> Roles) -> Self {
        let rights = Self::of(owner, roles);
        match rights.is_known() {
            true => rights,
            false => Self::all(),
        }
    }

    /// Whether there is something that they do not allow.
    #[must_use]
    pub fn is_limited(&self) -> bool {
        self.0.is_some()
    }

    /// Whether the role exists.
    #[must_use]
    pub fn is_known(&self) -> bool {
        (self.0.as_ref()).is_none_or(|limited| !limited.roles.is_empty())
    }

    /// The role they are those of.
    #[must_use]
    pub fn role(&self) -> Identifier {
        (self.0.as_ref()).map_or_else(admin, |limited| limited.role.clone())
    }

    /// Whether the role is `role`, or has it.
    #[must_use]
    pub fn include(&self, role: &Identifier) -> bool {
        (self.0.as_ref()).is_none_or(|limited| limited.roles.contains(role))
    }

    /// Whether they allow what `privilege` on an object is for. Its owner may do everything with it.
    #[must_use]
    pub fn has(&self, access: &Access, privilege: &str) -> bool {
        self.owns(access)
            || privilege != OWNERSHIP && self.granted(access, |granted, _| granted == privilege)
    }

    /// Whether they allow anything about an object.
    #[must_use]
    pub fn has_any(&self, access: &Access) -> bool {
        self.owns(access) || self.granted(access, |_, _| true)
    }

    /// Whether a global privilege is theirs, `account` being what is granted on the account.
    #[must_use]
    pub fn has_global(&self, account: &Access, privilege: &str) -> bool {
        let built_in = |limited: &Arc<Limited>| {
            (limited.roles.iter()).any(|role| global(role.as_str()).contains(&privilege))
        };
        self.0.as_ref().is_none_or(built_in) || self.granted(account, |name, _| name == privilege)
    }

    /// Whether they allow to pass `privilege` on an object on to others.
    #[must_use]
    pub fn may_grant(&self, access: &Access, privilege: &str) -> bool {
        self.owns(access) || self.granted(access, |name, option| option && name == privilege)
    }

    /// Whether an object is the role's own, or that of one of its roles.
    #[must_use]
    pub fn owns(&self, access: &Access) -> bool {
        let Some(limited) = &self.0 else {
            return true;
        };
        (access.owner.as_ref()).is_some_and(|owner| limited.roles.contains(owner))
    }

    fn granted(&self, access: &Access, wanted: impl Fn(&str, bool) -> bool) -> bool {
        let Some(limited) = &self.0 else {
            return true;
        };
        access.grants.iter().any(|grant| {
            let mine = match &grant.grantee {
                Grantee::Role(role) => limited.roles.contains(role),
                Grantee::User(_) => false,
            };
            mine && wanted(&grant.privilege, grant.grant_option)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use state::Grant;

    fn name(text: &str) -> Identifier {
        Identifier::unquoted(text)
    }

    fn granted(privilege: &str, role: &str) -> Access {
        Access {
            grants: vec![Grant {
                privilege: privilege.to_owned(),
                grantee: Grantee::Role(name(role)),
                grant_option: false,
                granted_by: admin(),
                created_on: String::new(),
            }],
            ..Access::default()
        }
    }

    #[test]
    fn roles_inherit_from_roles_granted_to_them() {
        let roles: Roles = [
            (name("reader"), granted("USAGE", "analyst")),
            (name("analyst"), granted("USAGE", "sysadmin")),
        ]
        .into();
        let table = granted("SELECT", "reader");
        for (role, allowed) in [
            ("reader", true),
            ("analyst", true),
            ("sysadmin", true),
            ("accountadmin", true),
            ("useradmin", false),
            ("nobody", false),
        ] {
            let rights = Rights::of(Some(&name(role)), || roles.clone());
            assert_eq!(rights.has(&table, "SELECT"), allowed, "{role}");
        }
        let public = granted("SELECT", "public");
        assert!(Rights::of(Some(&name("reader")), || roles.clone()).has(&public, "SELECT"));
        assert!(!Rights::of(Some(&name("nobody")), || roles).has(&public, "SELECT"));
    }

    #[test]
    fn without_a_role_every_role_may_do_everything() {
        assert!(!Rights::of(Some(&name("transformer")), Roles::default).is_limited());
    }

    #[test]
    fn circles_of_roles_end() {
        let roles: Roles = [
            (name("a"), granted("USAGE", "b")),
            (name("b"), granted("USAGE", "a")),
        ]
        .into();
        assert_eq!(within(&name("a"), &roles).len(), 3);
    }
}
