//! Random queries over random data: against themselves (a condition splits a table in three, and filters
//! as it counts), against DuckDB where its Python package is, and against panics.
//!
//! The documented differences to DuckDB are left out of the generator: `/` (DuckDB's is a double), `||`
//! and LIKE over numbers, the order of NULLs (always written here), and casts of text.

use std::fmt::Write as _;
use std::io::Write as _;
use std::process::{Command, Stdio};

use crate::warehouse::Warehouse;

/// Queries that are compared with DuckDB; each takes a few milliseconds.
const COMPARED: u64 = 120;

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

    fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    fn of<'a>(&mut self, choices: &[&'a str]) -> &'a str {
        choices[usize::try_from(self.below(choices.len() as u64)).unwrap()]
    }
}

/// `create table` statements with rows of small numbers, short texts and NULLs.
fn tables(chance: &mut Chance) -> Vec<String> {
    let mut statements = Vec::new();
    for (table, rows) in [("t", 40), ("u", 15)] {
        statements.push(format!(
            "create table {table} (a int, b int, s varchar, f boolean)"
        ));
        let mut values = Vec::new();
        for _ in 0..rows {
            let number = |chance: &mut Chance| match chance.below(5) {
                0 => "null".to_owned(),
                _ => (chance.below(9) as i64 - 3).to_string(),
            };
            let text = chance.of(&["'x'", "'xy'", "'y'", "''", "null", "'X'"]);
            let flag = chance.of(&["true", "false", "null"]);
            values.push(format!(
                "({}, {}, {text}, {flag})",
                number(chance),
                number(chance)
            ));
        }
        statements.push(format!("insert into {table} values {}", values.join(", ")));
    }
    statements
}

fn number(chance: &mut Chance, table: &str, depth: u32) -> String {
    if depth == 0 || chance.below(3) == 0 {
        return match chance.below(4) {
            0 => chance.below(6).to_string(),
            1 => "null".to_owned(),
            _ => format!("{table}.{}", chance.of(&["a", "b"])),
        };
    }
    let n = |chance: &mut Chance| number(chance, table, depth - 1);
    match chance.below(6) {
        0 => format!("({} + {})", n(chance), n(chance)),
        1 => format!("({} - {})", n(chance), n(chance)),
        2 => format!("({} * {})", n(chance), n(chance)),
        3 => format!("coalesce({}, {})", n(chance), n(chance)),
        4 => format!(
            "case when {} then {} else {} end",
            condition(chance, table, depth - 1),
            n(chance),
            n(chance)
        ),
        _ => format!("nullif({}, {})", n(chance), n(chance)),
    }
}

/// A condition without subqueries, which joins take.
fn plain_condition(chance: &mut Chance, depth: u32) -> String {
    let found = condition(chance, "t", depth);
    match found.contains("select") {
        true => condition(chance, "t", 0),
        false => found,
    }
}

fn condition(chance: &mut Chance, table: &str, depth: u32) -> String {
    if depth == 0 {
        return format!(
            "{table}.{} {} {}",
            chance.of(&["a", "b"]),
            chance.of(&["=", "<", ">=", "<>"]),
            chance.below(5)
        );
    }
    let c = |chance: &mut Chance| condition(chance, table, depth - 1);
    let n = |chance: &mut Chance| number(chance, table, depth - 1);
    match chance.below(13) {
        0 => format!("({} and {})", c(chance), c(chance)),
        1 => format!("({} or {})", c(chance), c(chance)),
        2 => format!("not ({})", c(chance)),
        3 => format!("{} is null", n(chance)),
        4 => format!("{} is distinct from {}", n(chance), n(chance)),
        5 => format!("{} between {} and {}", n(chance), n(chance), n(chance)),
        6 => format!("{} in ({}, {}, 2)", n(chance), n(chance), n(chance)),
        7 => format!("{table}.s like '{}'", chance.of(&["x%", "%y", "_", "%"])),
        8 => format!("{table}.f"),
        9 => format!(
            "exists (select 1 from u as i where i.a = {table}.a and i.b > {})",
            chance.below(4)
        ),
        10 => format!(
            "{table}.a {} (select i.b from u as i)",
            chance.of(&["in", "not in"])
        ),
        11 => format!("{table}.b > (select min(i.a) from u as i where i.s = {table}.s)"),
        _ => format!(
            "{} {} {}",
            n(chance),
            chance.of(&["=", "<", "<=", "<>"]),
            n(chance)
        ),
    }
}

fn query(chance: &mut Chance) -> String {
    let condition_of_t = condition(chance, "t", 2);
    match chance.below(9) {
        0 => format!(
            "select {} as x, t.s from t where {condition_of_t}",
            number(chance, "t", 3)
        ),
        1 => format!(
            "select t.s, count(*) as n, sum({}) as x, min(t.a) as y from t where {condition_of_t} group by t.s",
            number(chance, "t", 2)
        ),
        2 => format!(
            "select t.a, u.b, u.s from t {} join u on t.a = u.a and {}",
            chance.of(&["", "left", "right", "full"]),
            plain_condition(chance, 2)
        ),
        3 => format!(
            "select a, count(*) as n from t {} join u using (a) group by a",
            chance.of(&["", "left", "right", "full"])
        ),
        4 => format!(
            "select t.a, row_number() over (partition by t.s order by t.a nulls last, t.b nulls first, t.f nulls last) as r, \
             sum(t.b) over (partition by t.a) as x from t where {condition_of_t} qualify r <= {}",
            1 + chance.below(3)
        ),
        5 => {
            let operator = chance.of(&["union all", "union", "except", "intersect"]);
            format!("select a, s from t where {condition_of_t} {operator} select a, s from u")
        }
        6 => format!(
            "with r as (select {} as k, t.b from t), g as (select k, max(b) as m from r group by k) \
             select r.k, count(*) as n from r join g on r.k = g.k and r.b = g.m group by r.k having count(*) >= 1",
            number(chance, "t", 2)
        ),
        7 => format!(
            "select t.s, t.f, count(*) as n, grouping(t.s) as g from t where {condition_of_t} group by {} (t.s, t.f)",
            chance.of(&["rollup", "cube"])
        ),
        _ => format!(
            "select distinct t.a, (select count(*) from u as i where i.a = t.a) as n from t where {condition_of_t}"
        ),
    }
}

fn filled(seed: u64) -> (Warehouse, Vec<String>) {
    let warehouse = Warehouse::new();
    let statements = tables(&mut Chance(seed));
    warehouse.run(&statements.join(";\n"));
    (warehouse, statements)
}

/// Ternary logic partitioning and NoREC: <https://www.manuelrigger.at/preprints/TLP.pdf>.
#[test]
fn a_condition_splits_a_table_in_three_and_filters_as_it_counts() {
    let (warehouse, _) = filled(1);
    for seed in 0..60 {
        let c = condition(&mut Chance(seed), "t", 3);
        let checked = warehouse.run(&format!(
            "select (select count(*) from t where {c}) + (select count(*) from t where not ({c}))
                 + (select count(*) from t where ({c}) is null) = (select count(*) from t),
             (select count(*) from t where {c}) = (select count_if({c}) from t)"
        ));
        assert_eq!(checked, ["true|true"], "seed {seed}: {c}");
    }
}

#[test]
fn random_queries_give_rows_or_errors() {
    let (warehouse, _) = filled(2);
    let mut failures = String::new();
    for seed in 0..60 {
        let text = query(&mut Chance(seed));
        if let Err(error) = warehouse.try_run(&text) {
            let _ = writeln!(failures, "seed {seed}: {text}\n{error}\n");
        }
    }
    assert!(failures.is_empty(), "{failures}");
}

/// What DuckDB answers: for each query its rows, sorted, as lines.
fn duckdb(python: &str, statements: &[String], queries: &[String]) -> Vec<Vec<String>> {
    const PROGRAM: &str = r#"
import sys, duckdb
text = sys.stdin.read()
setup, queries = text.split("\n====\n")
connection = duckdb.connect()
for statement in setup.split(";\n"):
    connection.execute(statement)
def show(value):
    if value is None: return "-"
    if value is True: return "true"
    if value is False: return "false"
    return str(value)
for query in queries.split(";\n"):
    for row in connection.execute(query).fetchall():
        print("|".join(show(value) for value in row))
    print("====")
"#;
    let mut child = Command::new(python)
        .args(["-c", PROGRAM])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let input = format!("{}\n====\n{}", statements.join(";\n"), queries.join(";\n"));
    child
        .stdin
        .take()
        .unwrap()
        .write_all(input.as_bytes())
        .unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "DuckDB failed");
    let text = String::from_utf8(output.stdout).unwrap();
    let mut answers = Vec::new();
    let mut rows = Vec::new();
    for line in text.lines() {
        if line == "====" {
            rows.sort();
            answers.push(std::mem::take(&mut rows));
        } else {
            rows.push(line.to_owned());
        }
    }
    answers
}

/// `SLUICE_PYTHON` is a Python with DuckDB's package; `scripts/test` makes one.
#[test]
fn random_queries_give_what_duckdb_gives() {
    let Ok(python) = std::env::var("SLUICE_PYTHON") else {
        eprintln!("left out: SLUICE_PYTHON is not set");
        return;
    };
    let (warehouse, statements) = filled(3);
    let queries: Vec<String> = (1_000..1_000 + COMPARED)
        .map(|seed| query(&mut Chance(seed)))
        .collect();
    let theirs = duckdb(&python, &statements, &queries);
    let mut differences = String::new();
    for (query, theirs) in queries.iter().zip(theirs) {
        let mut ours = warehouse.run(query);
        ours.sort();
        if ours != theirs {
            let _ = writeln!(differences, "{query}\nours   {ours:?}\ntheirs {theirs:?}\n");
        }
    }
    assert!(differences.is_empty(), "{differences}");
}

/// A table of 100,000 rows, enough for joins to be ordered, and small ones whose keys repeat and are NULL at times.
fn star() -> Vec<String> {
    let mut statements = vec![
        "create table d (v bigint)".to_owned(),
        "insert into d values (0), (1), (2), (3), (4), (5), (6), (7), (8), (9)".to_owned(),
        "create table fact as select a.v * 10000 + b.v * 1000 + c.v * 100 + e.v * 10 + g.v as x,
             nullif(c.v, 3) as k0, b.v + e.v as k1, (a.v * g.v) % 11 as k2
             from d as a, d as b, d as c, d as e, d as g"
            .to_owned(),
    ];
    for table in 0..4 {
        statements.push(format!(
            "create table dim{table} as select nullif((v * {}) % {}, 5) as k0, v as k1, v % 4 as k2, v * 3 as x from d",
            table + 1,
            7 + table
        ));
    }
    statements
}

/// Inner joins of the large table with some of the small ones, one of them perhaps twice, in any order.
fn joins(chance: &mut Chance) -> String {
    let key = |chance: &mut Chance| chance.of(&["k0", "k1", "k2"]);
    let mut relations = vec!["fact".to_owned()];
    for _ in 0..2 + chance.below(4) {
        let at = usize::try_from(chance.below(relations.len() as u64 + 1)).unwrap();
        relations.insert(at, format!("dim{}", chance.below(4)));
    }
    let mut text = "select count(*) as n".to_owned();
    for at in 0..relations.len() {
        let _ = write!(text, ", sum(r{at}.x) as s{at}");
    }
    for (at, relation) in relations.iter().enumerate() {
        let _ = match at {
            0 => write!(text, " from {relation} as r0"),
            _ => {
                let other = chance.below(at as u64);
                let (left, right) = (key(chance), key(chance));
                write!(
                    text,
                    " join {relation} as r{at} on r{at}.{left} = r{other}.{right}"
                )
            }
        };
        if at > 0 && chance.below(3) == 0 {
            let (one, other) = (chance.below(at as u64 + 1), chance.below(at as u64));
            let comparison = chance.of(&["=", "<", "<>"]);
            let (left, right) = (key(chance), key(chance));
            let _ = write!(
                text,
                " and (r{one}.{left} {comparison} r{other}.{right} or r{at}.k1 = 2)"
            );
        }
    }
    let filtered = chance.below(relations.len() as u64);
    let _ = write!(
        text,
        " where r{filtered}.{} < {}",
        key(chance),
        1 + chance.below(5)
    );
    text
}

#[test]
fn joins_in_any_order_give_what_duckdb_gives() {
    let Ok(python) = std::env::var("SLUICE_PYTHON") else {
        eprintln!("left out: SLUICE_PYTHON is not set");
        return;
    };
    let (warehouse, statements) = (Warehouse::new(), star());
    warehouse.run(&statements.join(";\n"));
    let queries: Vec<String> = (0..60).map(|seed| joins(&mut Chance(seed))).collect();
    let theirs = duckdb(&python, &statements, &queries);
    for (seed, (query, theirs)) in queries.iter().zip(theirs).enumerate() {
        assert_eq!(warehouse.run(query), theirs, "seed {seed}: {query}");
    }
}
