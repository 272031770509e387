//! Each rewrite by an example or two, and what is refused.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::HashMap;

use diagnostic::{Error, Source};
use sqlparser::ast::{Ident, ObjectName};

fn with(text: &str, tables: &[(&str, &[&str])]) -> Result<String, Error> {
    let columns: HashMap<ObjectName, Vec<String>> = tables
        .iter()
        .map(|(table, columns)| {
            (
                ObjectName::from(vec![Ident::new(*table)]),
                columns.iter().map(|c| (*c).to_owned()).collect(),
            )
        })
        .collect();
    let statement = crate::parse_script(&Source::new("t.sql", text))?.remove(0);
    crate::normalise_with(statement, &columns).map(|statement| statement.ast.to_string())
}

fn plain(text: &str) -> String {
    with(text, &[]).unwrap()
}

fn refusal(text: &str) -> (&'static str, usize, usize) {
    let error = with(text, &[]).unwrap_err();
    let place = error.place().unwrap();
    (error.code().id, place.line, place.column)
}

#[test]
fn lateral_aliases_stand_for_their_expressions() {
    assert_eq!(
        with(
            "select a + 1 as b, b * 2 as c, c from t where c > 2",
            &[("T", &["A"])]
        )
        .unwrap(),
        "SELECT A + 1 AS B, (A + 1) * 2 AS C, ((A + 1) * 2) FROM T WHERE ((A + 1) * 2) > 2"
    );
}

#[test]
fn a_column_wins_over_an_alias() {
    assert_eq!(
        with(
            "select a + 1 as b, b * 2 as c from t",
            &[("T", &["A", "B"])]
        )
        .unwrap(),
        "SELECT A + 1 AS B, B * 2 AS C FROM T"
    );
    // Unknown columns: an alias that uses its own name covers a column.
    assert_eq!(
        plain("select trim(x) as x, x || 'a' as y from t"),
        "SELECT TRIM(X) AS X, X || 'a' AS Y FROM T"
    );
}

#[test]
fn columns_come_through_with_clauses_and_subqueries() {
    assert_eq!(
        with(
            "with s as (select a, a + 1 as b from t) select upper(a) as b, b as c from (select * from s) q",
            &[("T", &["A"])]
        )
        .unwrap(),
        "WITH S AS (SELECT A, A + 1 AS B FROM T) SELECT UPPER(A) AS B, B AS C FROM (SELECT * FROM S) Q"
    );
}

#[test]
fn aliases_in_subqueries_belong_to_them() {
    assert_eq!(
        with(
            "select 1 as b, (select max(b) from u) as m from t",
            &[("T", &["A"]), ("U", &["B"])]
        )
        .unwrap(),
        "SELECT 1 AS B, (SELECT MAX(B) AS \"MAX(B)\" FROM U) AS M FROM T"
    );
}

#[test]
fn circles_and_explosions_are_errors() {
    assert_eq!(
        with("select b as a, a as b from t", &[("T", &["X"])])
            .unwrap_err()
            .code()
            .id,
        "S1003"
    );
    let mut text = "select x as a0".to_owned();
    for n in 0..40 {
        text.push_str(&format!(", a{n} + a{n} as a{}", n + 1));
    }
    text.push_str(" from t");
    assert_eq!(
        with(&text, &[("T", &["X"])]).unwrap_err().code().id,
        "S1003"
    );
}

#[test]
fn date_parts_become_texts() {
    assert_eq!(
        plain(
            "select dateadd(day, 1, d) as a, extract(dow from d) as b, last_day(d, Month) as c, trunc(x, y) as e"
        ),
        "SELECT DATEADD('day', 1, D) AS A, DATE_PART('dow', D) AS B, LAST_DAY(D, 'month') AS C, TRUNC(X, Y) AS E"
    );
    assert_eq!(refusal("select\n dateadd(dya, 1, d)"), ("S1002", 2, 10));
}

#[test]
fn quantified_likes_become_chains() {
    assert_eq!(
        plain(
            "select * from t where x like any ('a', 'b') and y not like all ('c', 'd') and z not rlike 'e+'"
        ),
        "SELECT * FROM T WHERE (X LIKE 'a' OR X LIKE 'b') AND NOT (Y LIKE 'c' AND Y LIKE 'd') \
         AND NOT REGEXP_LIKE(Z, 'e+')"
    );
}

#[test]
fn aggregates_take_their_order_inside() {
    assert_eq!(
        plain("select listagg(x, ',') within group (order by y desc) as l from t"),
        "SELECT LISTAGG(X, ',' ORDER BY Y DESC) AS L FROM T"
    );
    assert_eq!(
        plain("select count(distinct a, b) as n from t"),
        "SELECT COUNT(DISTINCT CASE WHEN (A) IS NOT NULL AND (B) IS NOT NULL THEN STRUCT(A, B) END) AS N FROM T"
    );
}

#[test]
fn limits_have_one_spelling() {
    assert_eq!(plain("select top 5 a from t"), "SELECT A FROM T LIMIT 5");
    assert_eq!(
        plain("select a from t offset 2 fetch next 3 rows only"),
        "SELECT A FROM T LIMIT 3 OFFSET 2"
    );
}

#[test]
fn values_have_columns() {
    assert_eq!(
        plain("select $2, t.$1, column1 from values (1, 'a') t"),
        "SELECT \"COLUMN2\", T.\"COLUMN1\", COLUMN1 FROM (VALUES (1, 'a')) T (COLUMN1, COLUMN2)"
    );
}

#[test]
fn unnamed_results_are_named_by_their_text() {
    assert_eq!(
        plain("select count(*), count(*), 'x', a.b from a"),
        "SELECT COUNT(*) AS \"COUNT(*)\", COUNT(*) AS \"COUNT(*)_2\", 'x' AS \"'X'\", A.B FROM A"
    );
}

#[test]
fn what_nobody_implements_is_refused() {
    let refused = [
        "select * from t sample (10)",
        "select * from t tablesample (10 rows)",
        "select * from a asof join b match_condition (a.t >= b.t)",
        "select * from t pivot (sum(x) for y in ('a'))",
        "select a into b from t",
        "select top 5 percent a from t",
        "select a from t connect by prior a = b",
        "select a from t for update",
        "create iceberg table t (a int)",
    ];
    for text in refused {
        match with(text, &[]) {
            Err(error) => assert!(
                ["S1001", "S0001"].contains(&error.code().id),
                "{text}: {error}"
            ),
            Ok(accepted) => panic!("accepted: {text} as {accepted}"),
        }
    }
}

#[test]
fn deep_statements_do_not_overflow() {
    let brackets = format!("select {}1{} as x", "(".repeat(100), ")".repeat(100));
    assert!(plain(&brackets).len() > 200);
    let cases = format!(
        "select {}1{} as x",
        "case when a then b else ".repeat(60),
        " end".repeat(60)
    );
    assert!(plain(&cases).len() > 600);
}

#[test]
fn long_statements_do_not_overflow() {
    let chain = vec!["a = 1"; 1500].join(" or ");
    let text = format!("select a + 1 as b, b from t where {chain}");
    let statement = crate::parse_script(&Source::new("t.sql", text))
        .unwrap()
        .remove(0);
    assert!(crate::normalise(statement).is_ok());
}

#[test]
fn nesting_has_a_limit() {
    let text = format!("select {}1{}", "(".repeat(2000), ")".repeat(2000));
    assert_eq!(with(&text, &[]).unwrap_err().code().id, "S0002");
}
