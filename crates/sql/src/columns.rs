//! [`Columns`]: what the front end asks about relations it does not define itself.

use std::collections::HashMap;

use sqlparser::ast::ObjectName;

/// Tells the columns of a table or view. Names come as they are written in the statement, folded:
/// `ORDERS`, `MARTS.ORDERS` or `DB.MARTS.ORDERS`.
pub trait Columns {
    /// The column names in order, or `None` if the relation is not known.
    fn columns(&self, relation: &ObjectName) -> Option<Vec<String>>;
}

/// Knows no relation: lateral aliases are then resolved by the rule of [`crate::normalise_with`].
#[derive(Clone, Copy, Debug, Default)]
pub struct NoColumns;

impl Columns for NoColumns {
    fn columns(&self, _: &ObjectName) -> Option<Vec<String>> {
        None
    }
}

/// Keyed by the names as the statement writes them, as [`crate::relations`] lists them.
impl Columns for HashMap<ObjectName, Vec<String>> {
    fn columns(&self, relation: &ObjectName) -> Option<Vec<String>> {
        self.get(relation).cloned()
    }
}
