//! Projects for DuckDB and PostgreSQL give the rows that those databases give.

use std::process::{Command, Output};

struct Shop(tempfile::TempDir);

impl Shop {
    /// A project for the adapter `kind` with a table model for each of `queries`, built.
    fn build(kind: &str, queries: &[(&str, &str)]) -> Self {
        let shop = Self(tempfile::tempdir().unwrap());
        shop.write("dbt_project.yml", "name: shop\nprofile: shop\n");
        shop.write(
            "profiles.yml",
            &format!(
                "shop:\n  target: dev\n  outputs:\n    dev: {{type: {kind}, path: shop.duckdb, host: h, port: 1, \
                 user: u, password: p, dbname: shop, schema: dev, threads: 2}}\n"
            ),
        );
        for (at, (query, _)) in queries.iter().enumerate() {
            let model = format!("{{{{ config(materialized='table') }}}}\n{query}\n");
            shop.write(&format!("models/m{at}.sql"), &model);
        }
        let done = shop.sluice(&["dbt", "run"]);
        assert!(done.status.success(), "{}", text(&done));
        shop
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.0.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    fn sluice(&self, words: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sluice"));
        command.current_dir(self.0.path()).args(words);
        command.output().unwrap()
    }

    /// The rows of the table of query `at`, without their header.
    fn rows(&self, at: usize) -> String {
        let sql = format!("select * from shop.dev.m{at}");
        let done = self.sluice(&["sql", "-q", "--format", "csv", "-c", &sql]);
        assert!(done.status.success(), "{}", text(&done));
        let csv = String::from_utf8(done.stdout).unwrap();
        csv.lines().skip(1).collect::<Vec<_>>().join("\n")
    }
}

fn text(done: &Output) -> String {
    let parts = [&done.stdout, &done.stderr].map(|part| String::from_utf8_lossy(part).into_owned());
    parts.concat()
}

fn gives(kind: &str, queries: &[(&str, &str)]) {
    let shop = Shop::build(kind, queries);
    for (at, (query, rows)) in queries.iter().enumerate() {
        assert_eq!(shop.rows(at), *rows, "{query}");
    }
}

/// The rows are those of DuckDB 2.0.
#[test]
fn projects_for_duckdb_give_its_rows() {
    gives(
        "duckdb",
        &[
            (
                "select 7 / 2 as a, -7 // 2 as b, 1 / 3 as c, avg(x) as d, 7.5 // 2 as e from (values (1), (2), (4)) t(x)",
                "3.5,-3,0.3333333333333333,2.3333333333333335,3.75",
            ),
            (
                "select x, row_number() over (order by x desc) as n from (values (3), (null), (1)) t(x) order by 2",
                "3,1\n1,2\n,3",
            ),
            (
                "select count(*) filter (where x > 1) as n, sum(x) filter (where x > 5) as s, bool_or(x > 1) as o, \
                 first(x order by x desc) as f from (values (1), (2), (3)) t(x)",
                "2,,true,3",
            ),
            (
                r"select regexp_replace('a1b2', '\d', '#') as a, regexp_extract('ord-123', '(\d+)', 1) as b,
                  concat('a', null, 'b') as c, greatest(1, null) as d, '12.345'::decimal as e",
                "a#b2,123,ab,1,12.345",
            ),
            (
                "select d::date as d from generate_series(date '2024-02-28', date '2024-03-01', interval '1 day') t(d)",
                "2024-02-28\n2024-02-29\n2024-03-01",
            ),
            (
                "select unnest(generate_series(date '2024-01-28', date '2024-04-01', interval 1 month))::date as m",
                "2024-01-28\n2024-02-28\n2024-03-28",
            ),
            (
                "select strftime(d, '%Y-%m') as a, strftime(d, '%A %-d') as b, monthname(d) as c, isodow(d) as e \
                 from (values (date '2024-03-03')) t(d)",
                "2024-03,Sunday 3,March,7",
            ),
            (
                r#"select j->>'a' as a, json_extract_string(j, '$.b.c') as b, (j->'b'->>'c')::int + 1 as c
                   from (select '{"a": "x", "b": {"c": 5}}'::json as j)"#,
                "x,5,6",
            ),
            (
                "select distinct on (c) c, d from (values (1, 2), (1, 3), (2, 5)) t(c, d) order by c, d desc",
                "1,3\n2,5",
            ),
            (
                "select id, v::varchar as v from (values (1, ['a', 'b']), (2, ['c'])) t(id, l), unnest(t.l) as u(v) \
                 order by 1, 2",
                "1,a\n1,b\n2,c",
            ),
            (
                "select x, last_value(x) over (order by x) as l, nth_value(x, 2) over (order by x) as n, \
                 date_sub('month', date '2024-01-31', date '2024-03-30') as m from (values (1), (2)) t(x) order by 1",
                "1,1,,1\n2,2,2,1",
            ),
            (
                "from (values (1), (2)) t(x) select x + 1 as y order by all",
                "2\n3",
            ),
        ],
    );
}

/// The rows are those of PostgreSQL 18.
#[test]
fn projects_for_postgresql_give_its_rows() {
    gives(
        "postgres",
        &[
            (
                "select 7 / 2 as a, -7 / 2 as b, 7 / 2.0 as c, '12.345'::numeric + 0 as d, count(*) * 100.0 / 8 as e",
                "3,-3,3.5,12.345000000000,12.5",
            ),
            (
                "select x from (values (1), (null), (3)) t(x) order by x desc",
                "\n3\n1",
            ),
            (
                "select extract(epoch from (b - a)) / 60 as m, date_part('day', b - a) as d, a + 2 * interval '1 day' as c \
                 from (values (timestamp '2024-03-01 09:00:00', timestamp '2024-03-05 10:00:00')) t(a, b)",
                "5820,4,2024-03-03 09:00:00.000",
            ),
            (
                "select d::date as d from generate_series('2024-01-30'::date, '2024-02-01'::date, '1 day'::interval) d",
                "2024-01-30\n2024-01-31\n2024-02-01",
            ),
            (
                r"select 'abc' ~ '^a\w' as a, 'ABC' ~* 'b' as b, to_char(date '2024-03-05', 'FMMonth YYYY') as c,
                  extract(year from age(date '2024-03-05', date '2000-03-06')) as d",
                "true,true,March 2024,23",
            ),
            (
                "select count(*) filter (where y = 'a') as n, string_agg(y, ',' order by y) as s, \
                 'b' = any(array['a', 'b']) as i from (values ('b'), ('a')) t(y)",
                "1,\"a,b\",true",
            ),
            (
                "select id, extract(second from t) as s, (t at time zone 'America/New_York') at time zone 'UTC' as u, \
                 b - t > interval '1 day 2 hours' as l, extract(hour from b - t) as h from (values \
                 (1, timestamp '2024-01-31 09:00:07.5', timestamp '2024-02-29 08:30:00'), \
                 (2, timestamp '2024-07-01 00:00:00', timestamp '2024-07-02 01:00:00')) v(id, t, b) order by id",
                "1,7.5,2024-01-31 14:00:07.500,true,23\n2,0,2024-07-01 04:00:00.000,false,1",
            ),
            (
                "select extract(year from age(d, b)) as y, extract(month from age(d, b)) as m from (values \
                 (date '2023-02-28', date '2000-02-29'), (date '2020-01-01', date '2021-06-01')) t(d, b) order by 1",
                "-1,-5\n22,11",
            ),
            (
                "select id, sum(x) over w as s, max(x) over (w rows between 1 preceding and current row) as m \
                 from (values (1, 5), (2, 3), (3, 1)) t(id, x) window w as (order by id) order by id",
                "1,5,5\n2,8,5\n3,9,3",
            ),
            (
                r#"select o.id, i->>'sku' as sku, (i->>'qty')::int as qty from (values
                   (1, '[{"sku":"A","qty":2},{"sku":"B","qty":1}]'::jsonb), (2, '[]'::jsonb)) o(id, items)
                   cross join lateral jsonb_array_elements(o.items) as i order by 2"#,
                "1,A,2\n1,B,1",
            ),
            (
                "select u.x, u.ord from unnest(array['c', 'a']) with ordinality as u(x, ord) order by ord",
                "c,1\na,2",
            ),
            (
                "select initcap('ann o''neil-smith') as i, ('2024-02-29'::date - interval '1 year 2 months')::date as d, \
                 'completed' similar to '(comp|plac)%' as s, substring('a@b.c' from '@(.*)$') as e, \
                 encode(sha256('x'::bytea), 'hex') like '2d71%' as h, log(1000) as l, 5 # 3 as b",
                "Ann O'Neil-Smith,2022-12-29,true,b.c,true,3,6",
            ),
        ],
    );
}
