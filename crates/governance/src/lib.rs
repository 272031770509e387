//! Access control: which privileges there are, what granting does to an object's [`state::Access`], and what a role
//! may do. Decisions only: the rows are `state`'s, and the engine asks before it acts.
//!
//! <https://docs.snowflake.com/en/user-guide/security-access-control-overview>. A privilege is granted to a role, a
//! role to other roles and to users; a role has what the roles have that are granted to it.
//!
//! ```
//! use governance::{Rights, grant};
//! use model::Identifier;
//! use state::{Access, Grant, Grantee};
//! let (reporter, admin) = (Identifier::unquoted("reporter"), governance::admin());
//! let mut orders = Access::default();
//! grant(&mut orders, Grant {
//!     privilege: "SELECT".to_owned(),
//!     grantee: Grantee::Role(reporter.clone()),
//!     grant_option: false,
//!     granted_by: admin,
//!     created_on: "2026-11-22T00:00:00Z".to_owned(),
//! });
//! let roles = [(reporter.clone(), Access::default())];
//! let rights = Rights::of(Some(&reporter), || roles.into_iter().collect());
//! assert!(rights.has(&orders, "SELECT") && !rights.has(&orders, "INSERT"));
//! ```

mod access;
mod future;
mod rights;
mod roles;
mod securable;

pub use access::{drop_role, grant, passed_on, rename_role, revoke};
pub use future::settle;
pub use rights::Rights;
pub use roles::{MARK, Roles, SYSTEM_ROLES, admin, is_configured, is_system, of_user, within};
pub use securable::{OWNERSHIP, Securable};
