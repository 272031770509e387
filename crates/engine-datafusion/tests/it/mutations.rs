//! Thousands of mutated statements of the `.slt` files: each is an error or is planned, and none panics.
//!
//! The same as `fuzz/`, from seeds and on the stable compiler.

use std::panic::AssertUnwindSafe;
use std::path::Path;

use futures::FutureExt;

use crate::warehouse::Warehouse;

/// Statements that are parsed, and those among them that are planned.
const PARSED: u64 = 5_000;
const PLANNED: usize = 250;

/// A small generator of numbers (SplitMix64), so that a failure can be run again by its seed.
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % end.max(1) as u64).unwrap()
    }
}

/// The statements of all `.slt` files, their lines as they stand there.
fn corpus() -> Vec<String> {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folders = [
        own.join("tests/it/slt"),
        own.join("../functions/tests/it/slt"),
    ];
    let mut files: Vec<_> = folders
        .iter()
        .flat_map(|folder| std::fs::read_dir(folder).unwrap())
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "slt"))
        .collect();
    files.sort();
    let mut statements = Vec::new();
    for file in files {
        let text = std::fs::read_to_string(file).unwrap();
        for record in text.split("\n\n") {
            let mut lines = record.lines().skip_while(|line| line.starts_with('#'));
            let header = lines.next().unwrap_or_default();
            if header.starts_with("statement") || header.starts_with("query") {
                let body: Vec<&str> = lines.take_while(|line| *line != "----").collect();
                statements.push(body.join("\n"));
            }
        }
    }
    statements
}

/// The words, signs and blanks of a statement.
fn pieces(text: &str) -> Vec<String> {
    let mut pieces: Vec<String> = Vec::new();
    let mut word = false;
    for letter in text.chars() {
        let letters = letter.is_alphanumeric() || letter == '_';
        match pieces.last_mut() {
            Some(last) if word && letters => last.push(letter),
            _ => pieces.push(letter.to_string()),
        }
        word = letters;
    }
    pieces
}

/// A statement with pieces dropped, doubled, swapped, or taken from another.
fn mutated(chance: &mut Chance, corpus: &[String]) -> String {
    let mut text = pieces(&corpus[chance.below(corpus.len())]);
    let other = pieces(&corpus[chance.below(corpus.len())]);
    for _ in 0..=chance.below(3) {
        let at = chance.below(text.len());
        match chance.below(6) {
            0 if !text.is_empty() => {
                text.remove(at);
            }
            1 if !text.is_empty() => {
                let again = text[at].clone();
                text.insert(at, again);
            }
            2 if !text.is_empty() => {
                let with = chance.below(text.len());
                text.swap(at, with);
            }
            3 => text.truncate(at),
            4 if !other.is_empty() => {
                let from = chance.below(other.len());
                let to = (from + 1 + chance.below(6)).min(other.len());
                text.splice(at..at, other[from..to].iter().cloned());
            }
            _ if !text.is_empty() => {
                let signs = [
                    "(",
                    ")",
                    "'",
                    "\"",
                    ";",
                    "$$",
                    "ß",
                    "::",
                    "9999999999999999999",
                ];
                text[at] = signs[chance.below(signs.len())].to_owned();
            }
            _ => {}
        }
    }
    text.concat()
}

#[test]
fn no_statement_makes_the_parser_or_the_planner_panic() {
    let corpus = corpus();
    assert!(corpus.len() > 1_000, "{}", corpus.len());
    let warehouse = Warehouse::new();
    warehouse.run(
        "create table t (id int, a int, b varchar, v variant, d date, s varchar); \
         create table u (id int, a int, b varchar)",
    );
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let mut planned = 0;
    for seed in 0..PARSED {
        let text = mutated(&mut Chance(seed), &corpus);
        let source = diagnostic::Source::new("mutated", text.as_str());
        let parsed = std::panic::catch_unwind(AssertUnwindSafe(|| sql::parse_script(&source)));
        let parsed = parsed.unwrap_or_else(|_| panic!("seed {seed} panics the parser: {text}"));
        let Ok(statements) = parsed else { continue };
        let queries = statements.iter().all(|statement| {
            statement.command.is_none()
                && matches!(statement.ast, sqlparser::ast::Statement::Query(_))
        });
        if !queries || statements.len() != 1 || planned >= PLANNED {
            continue;
        }
        planned += 1;
        let explained = format!("explain {text}");
        let run = AssertUnwindSafe(warehouse.outcome(&explained)).catch_unwind();
        let done = runtime.block_on(run);
        assert!(done.is_ok(), "seed {seed} panics the planner: {text}");
    }
    assert!(planned == PLANNED, "{planned} statements were planned");
}
