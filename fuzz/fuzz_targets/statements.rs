//! Any text: the parser and the rewrites of statements give a result or an error, and never panic.
//!
//! Without coverage, `crates/engine-datafusion/tests/it/mutations.rs` does this from seeds, and plans.

#![no_main]

use diagnostic::Source;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let Ok(statements) = sql::parse_script(&Source::new("fuzz", text)) else {
        return;
    };
    for statement in statements {
        let _ = sql::relations(&statement.ast);
        if let Some(query) = sql::query_of(&statement.ast) {
            let _ = sql::lineage(query, &sql::NoColumns);
        }
        let _ = sql::normalise(statement);
    }
});
