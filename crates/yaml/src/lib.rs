//! YAML that remembers where every value stands, so that errors can point at it.
//!
//! Events come from `saphyr-parser`; scalars are resolved as PyYAML's `SafeLoader` does (YAML 1.1:
//! `yes` is true, `010` is eight, `1_000` a thousand), because that is what the files of dbt, Airbyte
//! and Great Expectations were written against. Dates stay text.
//!
//! ```
//! let source = diagnostic::Source::new("sluice.yml", "name: shop\nretries: 1_000\n");
//! let document = yaml::parse(&source)?;
//! assert_eq!(document.root.get("name").and_then(yaml::Node::as_str), Some("shop"));
//! assert_eq!(document.root.get("retries").and_then(yaml::Node::as_int), Some(1000));
//! # Ok::<(), diagnostic::Error>(())
//! ```

mod deserialize;
mod indented;
mod load;
mod node;
mod scalar;
mod shape;

pub use load::{Document, Duplicate, parse};
pub use node::{Node, Value};
