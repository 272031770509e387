//! A seeded generator of statements, sensible and not: the parser, the rewrites and the scopes give a
//! result or an error for each, and never panic.

use std::fmt::Write as _;

use diagnostic::Source;

use crate::{NoColumns, lineage, normalise_with, query_of, relations, wants_columns};

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

    fn of<'a>(&mut self, choices: &[&'a str]) -> &'a str {
        let at = usize::try_from(self.next()).unwrap_or(0) % choices.len();
        choices[at]
    }
}

const WORDS: &[&str] = &[
    "select",
    "from",
    "where",
    "group by",
    "order by",
    "with",
    "recursive",
    "as",
    "(",
    ")",
    ",",
    "*",
    "a",
    "b.c",
    "t",
    "\"x\"",
    "$1",
    "$v",
    "?",
    ":n",
    "'t'",
    "1",
    "1.5e3",
    "null",
    "union all",
    "minus",
    "by name",
    "join",
    "left join",
    "asof join",
    "match_condition",
    "on",
    "using",
    "lateral",
    "pivot",
    "unpivot",
    "for",
    "in",
    "any",
    "all",
    "sample",
    "(10)",
    "qualify",
    "over",
    "partition by",
    "rows between",
    "unbounded preceding",
    "and",
    "or",
    "not",
    "is",
    "distinct",
    "like",
    "escape",
    "::",
    "int",
    "case",
    "when",
    "then",
    "else",
    "end",
    "exclude",
    "rename",
    "replace",
    "ilike",
    "values",
    "table",
    "identifier",
    "limit",
    "offset",
    "fetch",
    "top",
    "insert into",
    "update",
    "set",
    "delete",
    "merge into",
    "matched",
    "create",
    "view",
    "drop",
    "begin",
    ";",
    "--",
    "/*",
    "$$",
    "@stage/x",
    "a:b.c[0]",
    "=>",
    "(+)",
    "interval",
    "dateadd",
    "day",
    "{",
    "}",
    "[",
    "]",
    "->",
    "grouping sets",
    "cube",
    "rollup",
    "exists",
    "cast",
    "natural",
];

fn soup(chance: &mut Chance) -> String {
    let mut text = String::new();
    for _ in 0..(chance.next() % 40) {
        let _ = write!(text, "{} ", chance.of(WORDS));
    }
    text
}

fn expression(chance: &mut Chance, depth: u32) -> String {
    let leaf = |chance: &mut Chance| {
        chance
            .of(&[
                "a", "t.b", "x", "1", "'s'", "null", "$1", "t.$2", "true", "1.25", "\"q\"", "$v",
            ])
            .to_owned()
    };
    if depth == 0 {
        return leaf(chance);
    }
    let e = |chance: &mut Chance| expression(chance, depth - 1);
    match chance.next() % 16 {
        0 => format!("({} + {})", e(chance), e(chance)),
        1 => format!(
            "case when {} then {} else {} end",
            e(chance),
            e(chance),
            e(chance)
        ),
        2 => format!("{} is distinct from {}", e(chance), e(chance)),
        3 => format!(
            "sum({}) over (partition by {} order by {})",
            e(chance),
            e(chance),
            e(chance)
        ),
        4 => format!(
            "({}, {}) in (select {}, {} from t)",
            e(chance),
            e(chance),
            e(chance),
            e(chance)
        ),
        5 => format!("{} like any ({}, 'x%')", e(chance), e(chance)),
        6 => format!("exists ({})", query(chance, depth - 1)),
        7 => format!("{}::varchar", e(chance)),
        8 => format!("count(distinct {}, {})", e(chance), e(chance)),
        9 => format!("{} > all ({})", e(chance), query(chance, depth - 1)),
        10 => format!(
            "dateadd({}, 1, {})",
            chance.of(&["day", "dya", "'month'", "a"]),
            e(chance)
        ),
        11 => format!(
            "({}, {}) = ({}, {})",
            e(chance),
            e(chance),
            e(chance),
            e(chance)
        ),
        12 => format!(
            "listagg({}, ',') within group (order by {})",
            e(chance),
            e(chance)
        ),
        13 => format!("t.b (+) = {}", e(chance)),
        14 => format!("{} like 'a^_' escape '^'", e(chance)),
        _ => leaf(chance),
    }
}

fn factor(chance: &mut Chance, depth: u32) -> String {
    match chance.next() % 9 {
        0 if depth > 0 => format!("({})", query(chance, depth - 1)),
        1 if depth > 0 => format!("lateral ({}) l", query(chance, depth - 1)),
        2 => "values (1, 'a'), (2, 'b')".to_owned(),
        3 => "t pivot (sum(a) for b in (1, 'x' as y))".to_owned(),
        4 => "t unpivot include nulls (v for n in (a, b))".to_owned(),
        5 => "t sample (10) seed (3)".to_owned(),
        6 => "table(generator(rowcount => 3)) g".to_owned(),
        7 => "identifier('db.\"s\".t') u".to_owned(),
        _ => chance.of(&["t", "u as t", "db.s.t", "n"]).to_owned(),
    }
}

fn query(chance: &mut Chance, depth: u32) -> String {
    let mut text = String::new();
    if chance.next().is_multiple_of(4) {
        let kind = chance.of(&["", "recursive "]);
        let inner = query(chance, depth.saturating_sub(1));
        let _ = write!(text, "with {kind}n as ({inner}) ");
    }
    text.push_str("select ");
    if chance.next().is_multiple_of(8) {
        text.push_str(chance.of(&["distinct ", "top 3 ", "all "]));
    }
    for item in 0..=(chance.next() % 3) {
        if item > 0 {
            text.push_str(", ");
        }
        match chance.next() % 6 {
            0 => text.push_str(chance.of(&[
                "*",
                "t.*",
                "* exclude (a)",
                "* rename (a as z)",
                "* ilike 'a%'",
            ])),
            1 => text.push_str(&expression(chance, depth)),
            _ => {
                let value = expression(chance, depth);
                let _ = write!(text, "{value} as {}", chance.of(&["a", "x", "y", "z"]));
            }
        }
    }
    let _ = write!(text, " from {}", factor(chance, depth));
    for _ in 0..(chance.next() % 3) {
        let kind = chance.of(&[
            ", ",
            " cross join ",
            " left join ",
            " natural full join ",
            " asof join ",
            " right join ",
        ]);
        let _ = write!(text, "{kind}{}", factor(chance, depth));
        match kind.trim() {
            "left join" => {
                let _ = write!(text, " on {}", expression(chance, depth.min(1)));
            }
            "right join" => text.push_str(" using (a)"),
            "asof join" => text.push_str(" match_condition (t.a >= u.a) on t.b = u.b"),
            _ => {}
        }
    }
    for (clause, end) in [(" where ", ""), (" group by ", ""), (" qualify ", " > 1")] {
        if chance.next().is_multiple_of(3) {
            let _ = write!(text, "{clause}{}{end}", expression(chance, depth));
        }
    }
    if chance.next().is_multiple_of(4) {
        let operator = chance.of(&["union all", "minus", "intersect", "union by name", "except"]);
        let other = query(chance, depth.saturating_sub(1));
        let _ = write!(text, " {operator} {other}");
    }
    if chance.next().is_multiple_of(4) {
        text.push_str(chance.of(&[
            " order by 1",
            " order by all",
            " limit 3",
            " limit null",
            " fetch first 2 rows only",
        ]));
    }
    text
}

/// Takes a text as far as it goes: errors are fine.
fn go_through(text: &str) {
    let Ok(statements) = crate::parse_script(&Source::new("t.sql", text)) else {
        return;
    };
    for statement in statements {
        let _ = relations(&statement.ast);
        let _ = wants_columns(&statement.ast);
        if let Some(query) = query_of(&statement.ast) {
            let _ = lineage(query, &NoColumns);
        }
        let columns = relations(&statement.ast)
            .into_iter()
            .map(|name| (name, vec!["A".to_owned(), "B".to_owned()]))
            .collect::<std::collections::HashMap<_, _>>();
        let _ = normalise_with(statement.clone(), &columns);
        let _ = normalise_with(statement, &NoColumns);
    }
}

#[test]
fn soups_of_words_are_errors_or_statements() {
    for seed in 0..4_000 {
        go_through(&soup(&mut Chance(seed)));
    }
}

#[test]
fn generated_queries_are_rewritten_or_refused() {
    for seed in 0..1_500 {
        go_through(&query(&mut Chance(seed), 3));
    }
}

#[test]
fn truncated_queries_are_errors() {
    for seed in 0..300 {
        let text = query(&mut Chance(seed), 2);
        let cut = usize::try_from(Chance(seed).next()).unwrap_or(0) % (text.len() + 1);
        if let Some(text) = text.get(..cut) {
            go_through(text);
        }
    }
}
