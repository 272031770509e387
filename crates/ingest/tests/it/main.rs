//! Loads as a project does them: files in a folder, contracts in YAML, tables in a folder.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod bad_input;
mod batches;
#[allow(dead_code)] // Written for more than one crate.
#[path = "../../../storage/tests/it/faults.rs"]
mod faults;
mod formats;
mod lake;
mod measure;
mod reload;
mod rules;
#[allow(dead_code)] // Written for more than one crate.
#[path = "../../../storage/tests/it/server.rs"]
mod server;
mod stores;
mod superstore;
mod types;

use lake::Lake;

/// The contract most tests use.
const SALES: &str = "
dataset: sales
from: shop.sales
columns:
  order_id: {type: text, clean: [trim]}
  day: {type: date, formats: [dd-MM-yyyy]}
  city: {type: text, clean: [trim, collapse_blanks, upper]}
  amount: {type: 'number(10,2)', cap: 1000}
rules:
  - {name: missing_order_id, when: order_id is null, reason: The order id is missing}
  - {name: invalid_amount, when: 'amount is null or amount <= 0', reason: 'The amount must be above zero, found `{amount}`'}
deduplicate: {key: [order_id], latest_by: [day]}
write: {mode: merge}
";

/// A project with [`SALES`] over CSV files in folders `run_date=…`.
fn sales() -> Lake {
    Lake::new(SALES, "batch: run_date")
}
