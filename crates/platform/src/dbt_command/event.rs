//! [`DbtEvent`]: what a dbt command tells while it works.

use dbt::artifact::run_results::NodeResult;
use dbt::node::Node;
use diagnostic::Error;

/// Something happened.
pub enum DbtEvent<'e> {
    /// A node is being worked on.
    Started {
        /// Its number, from 1.
        index: usize,
        /// How many there are.
        total: usize,
        /// The node.
        node: &'e Node,
    },
    /// A node is done or was skipped.
    Ended {
        /// Its number, from 1.
        index: usize,
        /// How many there are.
        total: usize,
        /// The node.
        node: &'e Node,
        /// How it ended.
        result: &'e NodeResult,
        /// Why it failed, if it did not just find something.
        error: Option<&'e Error>,
    },
    /// A hook of the run begins, or is done.
    Hook {
        /// Its number among those of its kind, from 1.
        index: usize,
        /// How many there are of its kind.
        total: usize,
        /// Whether it is one of `on-run-end`.
        end: bool,
        /// What dbt calls it: `shop.on-run-start.0`.
        name: &'e str,
        /// Its node.
        node: &'e Node,
        /// How it ended; nothing while it begins.
        result: Option<&'e NodeResult>,
    },
    /// The project's code said something with `log` or `print`.
    Said(&'e str),
    /// Something for the log alone happened.
    Noted {
        /// What dbt calls it.
        event: &'e str,
        /// What it says.
        text: &'e str,
    },
}
