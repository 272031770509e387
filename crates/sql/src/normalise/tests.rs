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
            "select a + 1 as b, b * 2 as c, c as d from t where c > 2",
            &[("T", &["A"])]
        )
        .unwrap(),
        "SELECT A + 1 AS B, (A + 1) * 2 AS C, ((A + 1) * 2) AS D FROM T WHERE ((A + 1) * 2) > 2"
    );
}

#[test]
fn names_of_two_columns_are_ambiguous() {
    for text in [
        "select a + 1 as c, b as c from t where c > 2",
        "select a + 1 as c, c from t where c > 2",
        "select a as c, b as c from t order by c",
        "select a as c, b as c, c * 2 as d from t",
        "select a as c, b as c from t qualify row_number() over (order by c) = 1",
    ] {
        let error = with(text, &[("T", &["A", "B"])]).unwrap_err();
        assert_eq!(error.code().id, "E1102", "{text}");
    }
    for text in [
        "select a as b, b from t where b > 2",
        "select a, a from t order by a",
        "select a as c, b as c from t order by 1",
        "select a as c, b from t order by c",
    ] {
        assert!(with(text, &[("T", &["A", "B"])]).is_ok(), "{text}");
    }
}

#[test]
fn having_of_a_select_without_groups_filters_its_rows() {
    for (text, expected) in [
        (
            "select a as c from t where b = 1 or b = 2 having c > 1",
            "SELECT A AS C FROM T WHERE (B = 1 OR B = 2) AND (A > 1)",
        ),
        (
            "select sum(a) over () as s from t having b > 1",
            "SELECT SUM(A) OVER () AS S FROM T WHERE B > 1",
        ),
        (
            "select 1 as one from t having max(a) > 1",
            "SELECT 1 AS ONE FROM T HAVING MAX(A) > 1",
        ),
        (
            "select max(a) as m from t having 1 = 1",
            "SELECT MAX(A) AS M FROM T HAVING 1 = 1",
        ),
    ] {
        assert_eq!(with(text, &[("T", &["A", "B"])]).unwrap(), expected);
    }
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
        "SELECT COUNT(*) AS \"COUNT(*)\", COUNT(*) AS \"COUNT(*)\u{1}2\", 'x' AS \"'X'\", A.B FROM A"
    );
}

#[test]
fn what_nobody_implements_is_refused() {
    let refused = [
        "select a into b from t",
        "select top 5 percent a from t",
        "select a from t, u connect by prior a = b",
        "select a from t for update",
        "create iceberg table t (a int)",
        "select * from t sample (bucket 1 out of 4)",
        "select * from t pivot (sum(x), max(x) for y in ('a'))",
        "select * from t pivot (sum(x) as total for y in ('a'))",
        "select * from t match_recognize (order by a measures first(x.a + y.a) as f pattern (x+ y) define x as a > 1)",
        "select sum(a) filter (where a > 1) from t",
        "select a similar to 'x' from t",
        "select a collate 'de' from t",
        "select a at time zone 'UTC' from t",
        "select cast(a as date format 'YYYY') from t",
        "select a from t group by a with rollup",
        "select a from t sort by a",
        "select a from t cluster by a",
        "select a from t distribute by a",
        "select a from t lateral view explode(b) x as y",
        "select a from t fetch first 3 rows with ties",
        "select a from t order by a with fill",
        "select a from t limit 1 by a",
        "select a from t |> where a > 1",
        "select a from t prewhere a > 1",
        "from t select a",
        "select * from a intersect by name select * from b",
        "select * from t where a.id (+) = b.id (+)",
        "select a.id (+) from a, b",
        "with recursive n as (select 1 as x union all select x + 1 from n limit 3) select * from n",
        "with n as materialized (select 1 as x) select * from n",
        "select max(select 1)",
        "select listagg(a, ',' on overflow truncate) from t",
        "select array_agg(a limit 3) from t",
        "select as struct 1 as x",
        "select * except (a) from t",
        "select * from t for system_time as of '2024-01-01'",
        "select * from t with (nolock)",
        "select * from json_table('[]', '$[*]' columns (a int path '$.a'))",
        "select * from a cross apply b",
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
fn outer_joins_of_the_where_clause_become_left_joins() {
    assert_eq!(
        plain(
            "select * from a, b, c where a.id = b.id (+) and b.k (+) = 3 and b.x = c.x (+) and a.y > 1"
        ),
        "SELECT * FROM A LEFT OUTER JOIN B ON A.ID = B.ID AND B.K = 3 \
         LEFT OUTER JOIN C ON B.X = C.X WHERE A.Y > 1"
    );
}

#[test]
fn asof_joins_are_one_relation() {
    assert_eq!(
        plain(
            "select * from a join x on a.i = x.i asof join b match_condition (a.t >= b.t) on a.k = b.k join c on c.i = a.i"
        ),
        "SELECT * FROM ((A JOIN X ON A.I = X.I) ASOF JOIN B MATCH_CONDITION (A.T >= B.T) ON A.K = B.K) \
         JOIN C ON C.I = A.I"
    );
}

#[test]
fn rows_of_values_are_compared_one_by_one() {
    assert_eq!(
        plain("select 1 as x from t where (a, b) in ((1, 2), (3, 4)) and (a, b) = (5, 6)"),
        "SELECT 1 AS X FROM T WHERE ((A = 1 AND B = 2) OR (A = 3 AND B = 4)) AND (A = 5 AND B = 6)"
    );
    assert_eq!(
        plain("select 1 as x from t where (a, b) not in (select c, d from u)"),
        "SELECT 1 AS X FROM T WHERE NOT EXISTS (SELECT 1 AS \"1\" FROM (SELECT C, D FROM U) AS \"$ROWS\" (\"C0\", \"C1\") \
         WHERE COALESCE(A = \"$ROWS\".\"C0\", true)::BOOLEAN AND COALESCE(B = \"$ROWS\".\"C1\", true)::BOOLEAN)"
    );
}

#[test]
fn stars_that_rename_are_written_out() {
    assert_eq!(
        with(
            "select t.* exclude (c) replace (a + 1 as a) rename (b as bee), u.x from t join u on true",
            &[("T", &["A", "B", "C"]), ("U", &["X"])]
        )
        .unwrap(),
        "SELECT A + 1 AS \"A\", \"T\".\"B\" AS BEE, U.X FROM T JOIN U ON true"
    );
    assert_eq!(
        with("select * rename (zz as y) from t", &[("T", &["A"])])
            .unwrap_err()
            .code()
            .id,
        "E1101"
    );
}

#[test]
fn columns_beside_a_star_are_told_apart_from_its_own() {
    let tables: &[(&str, &[&str])] = &[("T", &["A", "B"])];
    let numbered = |text: &str| with(text, tables).unwrap();
    assert_eq!(
        numbered("select *, a, b + 1 as b, 1 as c from t"),
        "SELECT *, A AS \"A\u{1}2\", B + 1 AS \"B\u{1}3\", 1 AS C FROM T"
    );
    assert_eq!(
        numbered("select * exclude (b), b + 1 as b from t"),
        "SELECT * EXCLUDE (B), B + 1 AS B FROM T"
    );
    assert_eq!(
        numbered("select t.* rename (b as c), b from t"),
        "SELECT \"T\".\"A\" AS \"A\", \"T\".\"B\" AS C, B FROM T"
    );
}

#[test]
fn a_with_clause_may_define_a_name_again() {
    assert_eq!(
        plain(
            "with a as (select 1 as x) select * from (with a as (select x from a) select a.x from a) b"
        ),
        "WITH A AS (SELECT 1 AS X) SELECT * FROM (WITH \"A$1\" AS (SELECT X FROM A) SELECT A.X FROM \"A$1\" AS A) B"
    );
}

#[test]
fn using_of_outer_joins_takes_the_column_that_is_there() {
    let tables: &[(&str, &[&str])] = &[("A", &["ID", "X"]), ("B", &["ID", "Y"])];
    assert_eq!(
        with("select id, x from a full join b using (id) where id > 1", tables).unwrap(),
        "SELECT COALESCE(A.ID, B.ID) AS ID, X FROM A FULL JOIN B ON A.ID = B.ID WHERE COALESCE(A.ID, B.ID) > 1"
            .replace("A.ID", "\"A\".\"ID\"")
            .replace("B.ID", "\"B\".\"ID\"")
    );
    assert_eq!(
        with("select * from a natural right join b", tables).unwrap(),
        "SELECT \"B\".\"ID\" AS \"ID\", \"A\".\"X\", \"B\".\"Y\" FROM A RIGHT JOIN B ON \"A\".\"ID\" = \"B\".\"ID\""
    );
    assert_eq!(
        plain("select * from a left join b using (id)"),
        "SELECT \"A\".*, \"B\".* EXCLUDE (ID) FROM A LEFT JOIN B USING(ID)"
    );
    assert_eq!(
        with(
            "select * replace (1 as y) from b left join a using (id)",
            tables
        )
        .unwrap(),
        "SELECT \"B\".\"ID\" AS \"ID\", 1 AS Y, \"A\".\"X\" FROM B LEFT JOIN A ON \"B\".\"ID\" = \"A\".\"ID\""
    );
}

#[test]
fn patterns_escape_with_what_escape_says() {
    assert_eq!(
        plain("select a like 'x^%^^\\\\' escape '^' as b, a like 'x\\\\_' as c from t"),
        "SELECT A LIKE 'x\\%\\^\\\\' AS B, A LIKE 'x\\\\_' AS C FROM T"
    );
}

#[test]
fn computed_values_of_lists_are_compared_one_by_one() {
    assert_eq!(
        plain("select 1 as x from t where a in (1, -2, b) and a not in (b) and a in (3, '4')"),
        "SELECT 1 AS X FROM T WHERE (A IN (1, -2) OR (A) = (B)) AND (NOT ((A) = (B))) AND A IN (3, '4')"
    );
}

#[test]
fn equality_with_any_row_of_a_query_is_membership() {
    assert_eq!(
        plain(
            "select 1 as x from t where a = any (select b from u) and a <> all (select b from u)"
        ),
        "SELECT 1 AS X FROM T WHERE A IN (SELECT B FROM U) AND A NOT IN (SELECT B FROM U)"
    );
    assert_eq!(
        plain("select 1 as x from t where a > all ((select b from u))"),
        "SELECT 1 AS X FROM T WHERE A > ALL(SELECT B FROM U)"
    );
}

#[test]
fn limits_of_null_are_none() {
    assert_eq!(
        plain("select a from t limit null offset null"),
        "SELECT A FROM T"
    );
    assert_eq!(
        plain("select top 1 a from t union all select top 2 a from u"),
        "(SELECT A FROM T LIMIT 1) UNION ALL (SELECT A FROM U LIMIT 2)"
    );
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

#[test]
fn window_functions_inside_of_events_come_first() {
    assert_eq!(
        with(
            "select *, conditional_true_event(ts - lag(ts) over (order by ts) > 5) over (order by ts) as n from t where u > 1",
            &[("T", &["TS", "U"])]
        )
        .unwrap(),
        "SELECT * EXCLUDE (\"$event0\"), CONDITIONAL_TRUE_EVENT(TS - \"$event0\" > 5) OVER (ORDER BY TS) AS N FROM \
         (SELECT *, LAG(TS) OVER (ORDER BY TS) AS \"$event0\" FROM T WHERE U > 1) AS T"
    );
}
