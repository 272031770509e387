//! Granting and revoking: what becomes of an object's [`Access`].

use model::Identifier;
use state::{Access, Grant, Grantee};

/// Adds `new`. What is there already stays as it is, and gains the right to be passed on.
pub fn grant(access: &mut Access, new: Grant) {
    let same =
        |known: &&mut Grant| known.privilege == new.privilege && known.grantee == new.grantee;
    match access.grants.iter_mut().find(same) {
        Some(known) => known.grant_option |= new.grant_option,
        None => access.grants.push(new),
    }
}

/// Takes `privilege` from `grantee`, or only the right to pass it on; and from those to whom its roles passed it on.
/// Says whether there was something to take.
pub fn revoke(access: &mut Access, privilege: &str, grantee: &Grantee, option_only: bool) -> bool {
    let held = |grant: &Grant| grant.privilege == privilege && grant.grantee == *grantee;
    let there = access.grants.iter().any(held);
    if option_only {
        for grant in access.grants.iter_mut().filter(|grant| held(grant)) {
            grant.grant_option = false;
        }
    } else {
        access.grants.retain(|grant| !held(grant));
    }
    if let (true, Grantee::Role(role)) = (there, grantee) {
        for dependent in passed_on(access, privilege, role) {
            revoke(access, privilege, &dependent, false);
        }
    }
    there
}

/// Those who have `privilege` from `role`.
#[must_use]
pub fn passed_on(access: &Access, privilege: &str, role: &Identifier) -> Vec<Grantee> {
    let from = |grant: &&Grant| {
        grant.privilege == privilege
            && grant.granted_by == *role
            && access.owner.as_ref() != Some(role)
            && grant.grantee != Grantee::Role(role.clone())
    };
    let grants = access.grants.iter().filter(from);
    grants.map(|grant| grant.grantee.clone()).collect()
}

/// Forgets `role`, whose objects become those of `heir`
/// (<https://docs.snowflake.com/en/sql-reference/sql/drop-role>). Says whether something changed.
pub fn drop_role(access: &mut Access, role: &Identifier, heir: Option<&Identifier>) -> bool {
    let before = access.clone();
    let grantee = Grantee::Role(role.clone());
    access.grants.retain(|grant| grant.grantee != grantee);
    access
        .future
        .retain(|future| future.grant.grantee != grantee);
    if access.owner.as_ref() == Some(role) {
        access.owner = heir.cloned();
    }
    *access != before
}

/// Calls `role` by its new name. Says whether something changed.
pub fn rename_role(access: &mut Access, role: &Identifier, new: &Identifier) -> bool {
    let before = access.clone();
    let future = access.future.iter_mut().map(|future| &mut future.grant);
    for grant in access.grants.iter_mut().chain(future) {
        if grant.grantee == Grantee::Role(role.clone()) {
            grant.grantee = Grantee::Role(new.clone());
        }
        if grant.granted_by == *role {
            grant.granted_by = new.clone();
        }
    }
    if access.owner.as_ref() == Some(role) {
        access.owner = Some(new.clone());
    }
    *access != before
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> Identifier {
        Identifier::unquoted(text)
    }

    fn select(to: &str, by: &str) -> Grant {
        Grant {
            privilege: "SELECT".to_owned(),
            grantee: Grantee::Role(name(to)),
            grant_option: true,
            granted_by: name(by),
            created_on: String::new(),
        }
    }

    #[test]
    fn what_was_passed_on_goes_with_what_it_came_from() {
        let mut access = Access::default();
        for (to, by) in [
            ("a", "accountadmin"),
            ("b", "a"),
            ("c", "b"),
            ("d", "accountadmin"),
        ] {
            grant(&mut access, select(to, by));
        }
        assert!(revoke(
            &mut access,
            "SELECT",
            &Grantee::Role(name("a")),
            false
        ));
        let left: Vec<_> = access.grants.iter().map(|grant| &grant.grantee).collect();
        assert_eq!(left, [&Grantee::Role(name("d"))]);
        assert!(!revoke(
            &mut access,
            "SELECT",
            &Grantee::Role(name("a")),
            false
        ));
    }

    #[test]
    fn a_dropped_role_leaves_its_objects_to_an_heir() {
        let mut access = Access::owned(Some(name("a")));
        grant(&mut access, select("a", "accountadmin"));
        assert!(drop_role(&mut access, &name("a"), Some(&name("b"))));
        assert_eq!(access, Access::owned(Some(name("b"))));
    }
}
