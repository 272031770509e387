//! Writes the demo project into a folder and prints the truth about it as JSON: for benchmarks.
//!
//! `cargo run --release -p demo --example generate -- DIR [ROWS] [SEED] [DAYS]`

use std::io::Write as _;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let dir = arguments
        .next()
        .ok_or("usage: generate DIR [ROWS] [SEED] [DAYS]")?;
    let mut options = demo::Options::default();
    if let Some(rows) = arguments.next() {
        options.rows = rows.parse()?;
    }
    if let Some(seed) = arguments.next() {
        options.seed = seed.parse()?;
    }
    if let Some(days) = arguments.next() {
        options.days = days.parse()?;
    }
    let summary = demo::write_project(dir.as_ref(), &options)?;
    let json = serde_json::to_string_pretty(&summary)?;
    writeln!(std::io::stdout(), "{json}")?;
    Ok(())
}
