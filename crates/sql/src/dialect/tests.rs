#![allow(clippy::unwrap_used)]

use diagnostic::Source;

use super::{Dialect, translate};
use crate::parse_script;

fn duckdb(text: &str) -> String {
    read(text, Dialect::DuckDb)
}

fn postgres(text: &str) -> String {
    read(text, Dialect::Postgres)
}

/// What the warehouse is given, which it must be able to read.
fn read(text: &str, dialect: Dialect) -> String {
    let translated = translate(text, dialect).unwrap();
    let translated = translated.unwrap_or_else(|| text.to_owned());
    parse_script(&Source::new("translated", translated.as_str())).unwrap();
    translated
}

#[test]
fn what_means_the_same_stays_as_it_is() {
    for text in [
        "select a, sum(b) as b from t where c = 'x' group by all -- as it is",
        "select date_trunc('month', d), d + interval '1 day', x::int from t order by 1",
        "create or replace table t as (select * exclude (a) from u)",
        "create or replace transient table t cluster by (a) as select 1",
    ] {
        for dialect in [Dialect::DuckDb, Dialect::Postgres] {
            assert_eq!(translate(text, dialect).unwrap(), None, "{text}");
        }
    }
}

#[test]
fn quotients_are_of_the_dialects_type() {
    assert_eq!(duckdb("select a / b"), "SELECT CAST(a AS DOUBLE) / b");
    assert_eq!(duckdb("select a // b"), r#"SELECT "$quotient"(a, b)"#);
    assert_eq!(postgres("select a / b"), r#"SELECT "$quotient"(a, b)"#);
    assert_eq!(
        duckdb("select avg(distinct a) over (partition by b)"),
        "SELECT avg(DISTINCT CAST(a AS DOUBLE)) OVER (PARTITION BY b)"
    );
}

#[test]
fn zeros_behind_the_point_make_a_fraction() {
    assert_eq!(
        postgres("select n * 1.0 / 100.00, 1.5, 2"),
        r#"SELECT "$quotient"((n * 1.0::DECIMAL(2,1)), (100.00::DECIMAL(5,2))), 1.5, 2"#
    );
}

/// Read as the warehouse's, `//` would begin a comment.
#[test]
fn a_whole_quotient_is_not_taken_for_a_comment() {
    let error = translate("frobnicate a // b", Dialect::DuckDb).unwrap_err();
    assert_eq!(error.code(), diagnostic::codes::S0001);
    assert_eq!(translate("frobnicate '//'", Dialect::DuckDb).unwrap(), None);
}

#[test]
fn missing_values_are_where_the_dialect_has_them() {
    assert_eq!(
        duckdb("select row_number() over (order by a desc, b) from t order by c desc"),
        "SELECT row_number() OVER (ORDER BY a DESC NULLS LAST, b) FROM t ORDER BY c DESC NULLS LAST"
    );
    assert_eq!(
        translate("select a from t order by a desc", Dialect::Postgres).unwrap(),
        None
    );
    assert_eq!(
        postgres("select concat(a, '-', b), greatest(a, b)"),
        "SELECT (coalesce(a::VARCHAR, '') || '-' || coalesce(b::VARCHAR, '')), greatest_ignore_nulls(a, b)"
    );
}

#[test]
fn conditions_of_aggregates_become_cases() {
    assert_eq!(
        duckdb("select count(*) filter (where a > 1), sum(b) filter (where c) from t"),
        "SELECT count(CASE WHEN a > 1 THEN 1 END), sum(CASE WHEN c THEN b END) FROM t"
    );
}

#[test]
fn backslashes_stand_for_themselves() {
    assert_eq!(
        postgres(r"select regexp_replace(a, '\d+', 'x', 'g'), b ~ '^\w' from t"),
        r"SELECT regexp_replace(a, '\\d+', 'x', 1, 0, ''), (regexp_instr(b, '^\\w') > 0) FROM t"
    );
    assert_eq!(
        postgres("select regexp_matches(a, 'b+')"),
        "SELECT iff(regexp_substr(a, 'b+', 1, 1, '') IS NULL, NULL, \
         array_construct(regexp_substr(a, 'b+', 1, 1, '')))"
    );
    assert_eq!(
        postgres(r"select a like 'b\_%', c like 'd\e' escape '!' from t"),
        r"SELECT a LIKE 'b\\_%' ESCAPE '\\', c LIKE 'd\\e' ESCAPE '!' FROM t"
    );
    assert_eq!(
        duckdb("select regexp_replace(a, 'b', 'x')"),
        "SELECT regexp_replace(a, 'b', 'x', 1, 1, '')"
    );
}

#[test]
fn types_hold_what_they_hold_there() {
    assert_eq!(
        duckdb("select a::decimal, b::hugeint, c::uuid, d::json"),
        "SELECT a::DECIMAL(18,3), b::BIGINT, c::VARCHAR, parse_json(d::VARCHAR)"
    );
    assert_eq!(
        postgres("select a::numeric, b::varchar(3)"),
        "SELECT a::DECIMAL(38,12), left(b::VARCHAR, 3)"
    );
    assert_eq!(duckdb("select b::varchar(3)"), "SELECT b::VARCHAR");
}

#[test]
fn json_is_found_by_its_operators() {
    assert_eq!(
        duckdb("select json_object(k, v) from t"),
        "SELECT object_construct_keep_null(k::VARCHAR, v) FROM t"
    );
    assert_eq!(
        duckdb("select j->>'a', j->'a'->>'b', json_extract_string(j, '$.a.b') from t"),
        "SELECT get(parse_json(j::VARCHAR), 'a')::VARCHAR, \
         get(parse_json(get(parse_json(j::VARCHAR), 'a')::VARCHAR), 'b')::VARCHAR, \
         get_path(parse_json(j::VARCHAR), 'a.b')::VARCHAR FROM t"
    );
    assert_eq!(
        postgres("select t.j->'a'->>0 from t"),
        "SELECT get(parse_json(get(parse_json(t.j::VARCHAR), 'a')::VARCHAR), 0)::VARCHAR FROM t"
    );
    // A function stays one.
    assert_eq!(
        duckdb("select list_transform(l, x -> x + 1)"),
        "SELECT transform(l, x -> x + 1)"
    );
}

#[test]
fn intervals_whose_length_is_computed_move_moments() {
    assert_eq!(
        postgres(
            "select d + n * interval '1 day', d - interval '2 hours' * n, d + interval '1 day 2 hours'"
        ),
        "SELECT dateadd(day, (1 * n), d), dateadd(hours, -(2 * n), d), d + INTERVAL '1 day, 2 hours'"
    );
    assert_eq!(
        duckdb("select d + to_days(n), d + interval (n) month"),
        "SELECT dateadd(day, (n), d), dateadd(MONTH, ((n)), d)"
    );
    assert_eq!(
        postgres("select extract(epoch from (a - b)) / 60"),
        r#"SELECT "$quotient"(((date_part(epoch_microsecond, a) - date_part(epoch_microsecond, b)) / 1000000::FLOAT), 60)"#
    );
}

#[test]
fn zones_and_ages_are_computed() {
    assert_eq!(
        postgres("select t at time zone 'utc' at time zone 'Asia/Tokyo'"),
        r#"SELECT "$at_time_zone"("$at_time_zone"(t, 'UTC'), 'Asia/Tokyo')"#
    );
    assert_eq!(
        postgres("select to_timestamp(n) at time zone 'Asia/Tokyo'"),
        "SELECT convert_timezone('UTC', 'Asia/Tokyo', to_timestamp(n))"
    );
    // Months that are over, in either direction.
    let over = |later, earlier| {
        let of_month = |moment| format!("to_char({moment}::TIMESTAMP_NTZ, 'DDHH24MISSFF6')");
        let (reached, wanted) = (of_month(later), of_month(earlier));
        format!("(datediff(month, {earlier}, {later}) - iff({reached} < {wanted}, 1, 0))")
    };
    let (forth, back) = (over("a", "b"), over("b", "a"));
    assert_eq!(
        postgres("select extract(year from age(a, b)), date_part('month', age(a, b))"),
        format!(
            "SELECT trunc(iff(a >= b, {forth}, -{back}) / 12), mod(iff(a >= b, {forth}, -{back}), 12)"
        )
    );
}

#[test]
fn the_time_between_moments_is_counted() {
    let micros = "(date_part(epoch_microsecond, a) - date_part(epoch_microsecond, b))";
    assert_eq!(
        postgres("select a - b > interval '1 hour 30 min', '2 days'::interval <= a - b"),
        format!("SELECT {micros} > 5400000000, 172800000000 <= {micros}")
    );
    assert_eq!(
        duckdb("select extract(hour from a - b), a - interval '1 day' > b"),
        format!("SELECT trunc(mod({micros}, 86400000000) / 3600000000), a - INTERVAL '1 day' > b")
    );
    assert_eq!(
        postgres(
            "select a + interval '1 year 2 months 3 days', extract(epoch from interval '1 day 1 sec')"
        ),
        "SELECT a + INTERVAL '14 months, 3 days', (86401000000 / 1000000::FLOAT)"
    );
}

#[test]
fn lengths_beyond_all_clocks_stay_as_they_are() {
    for text in [
        "select a - b > interval '9223372036854775807 days'",
        "select a + interval '9223372036854775807 years 1 month'",
    ] {
        assert_eq!(translate(text, Dialect::Postgres).unwrap(), None, "{text}");
    }
}

#[test]
fn windows_are_written_where_they_are_called() {
    assert_eq!(
        postgres(
            "select sum(a) over w, max(b) over (w rows unbounded preceding) from t \
             window v as (partition by c), w as (v order by d) order by min(e) over v"
        ),
        "SELECT sum(a) OVER (PARTITION BY c ORDER BY d), \
         max(b) OVER (PARTITION BY c ORDER BY d ROWS UNBOUNDED PRECEDING) FROM t \
         ORDER BY min(e) OVER (PARTITION BY c)"
    );
}

#[test]
fn frames_end_where_the_standard_ends_them() {
    assert_eq!(
        postgres(
            "select last_value(a) over (partition by b order by c), first_value(a) over (order by c), last_value(a) over (partition by b)"
        ),
        "SELECT last_value(a) OVER (PARTITION BY b ORDER BY c RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW), \
         first_value(a) OVER (ORDER BY c), last_value(a) OVER (PARTITION BY b)"
    );
}

#[test]
fn json_becomes_rows() {
    assert_eq!(
        postgres("select i, i->>'sku' as sku from o, jsonb_array_elements(o.items) as i"),
        "SELECT i.value AS i, get(parse_json(i.value::VARCHAR), 'sku')::VARCHAR AS sku FROM o, \
         LATERAL (SELECT _list.value AS value FROM TABLE(flatten(input => parse_json(o.items::VARCHAR), mode => 'ARRAY')) AS _list) AS i"
    );
    assert_eq!(
        postgres("select * from json_object_keys(j) with ordinality k"),
        "select * from json_object_keys(j) with ordinality k"
    );
    assert_eq!(
        postgres("select n, x from unnest(a) with ordinality as u(x, n)"),
        "SELECT n, x FROM LATERAL (SELECT _list.value AS unnest, _list.index + 1 AS ordinality \
         FROM TABLE(flatten(input => a)) AS _list) AS u (x, n)"
    );
    assert_eq!(
        postgres("select jsonb_array_elements_text(j) from t"),
        "SELECT _list.value::VARCHAR AS jsonb_array_elements_text FROM t, \
         LATERAL flatten(input => parse_json(j::VARCHAR), mode => 'ARRAY') AS _list"
    );
}

#[test]
fn patterns_and_bits_have_the_warehouses_functions() {
    assert_eq!(
        postgres(
            "select a similar to '(x|y)%.z', substring(a from '@(.*)$'), (regexp_match(a, '(b)(c)'))[2]"
        ),
        r"SELECT (regexp_like(a, '(x|y).*\\.z', 's')), regexp_substr(a, '@(.*)$', 1, 1, 'e', 1), regexp_substr(a, '(b)(c)', 1, 1, 'e', 2)"
    );
    assert_eq!(
        postgres(
            "select a << 2, a # b, |/ a, overlay(a placing 'x' from 2), encode(sha256(a::bytea), 'hex')"
        ),
        "SELECT bitshiftleft(a, 2), bitxor(a, b), sqrt(a), insert(a, 2, length('x'), 'x'), \
         lower(hex_encode(sha2_binary(to_binary(a, 'utf-8'), 256)))"
    );
}

#[test]
fn formats_are_written_in_the_warehouses_letters() {
    assert_eq!(
        duckdb("select strftime(d, '%Y-%m')"),
        "SELECT (to_char(d::TIMESTAMP_NTZ, 'YYYY') || '-' || to_char(d::TIMESTAMP_NTZ, 'MM'))"
    );
    assert_eq!(
        postgres("select to_char(d, 'MONTH YYYY'), to_char(d, 'YYYY-MM')"),
        "SELECT (rpad(upper(to_char(d, 'MMMM')), 9) || to_char(d, ' YYYY')), to_char(d, 'YYYY-MM')"
    );
    assert_eq!(
        duckdb("select strptime(d, '%d/%m/%YT%H')"),
        r#"SELECT to_timestamp_ntz(d, 'DD/MM/YYYY"T"HH24')"#
    );
}

#[test]
fn series_and_lists_become_rows() {
    for (dialect, text) in [
        (
            Dialect::DuckDb,
            "select * from generate_series(1, 3) as t(n)",
        ),
        (
            Dialect::DuckDb,
            "select d from range(date '2024-01-01', date '2024-02-01', interval 1 day) t(d)",
        ),
        (
            Dialect::DuckDb,
            "select unnest(generate_series(date '2024-01-01', date '2024-03-01', interval 1 month)) as d",
        ),
        (
            Dialect::DuckDb,
            "select a, unnest(l) as x from t where a > 1",
        ),
        (Dialect::DuckDb, "from t select a"),
        (Dialect::DuckDb, "select a, b from t order by all"),
        (
            Dialect::Postgres,
            "select n from generate_series(1, 3) as n",
        ),
        (
            Dialect::Postgres,
            "select d::date from generate_series('2024-01-01'::date, '2024-01-03'::date, '1 day'::interval) d",
        ),
    ] {
        assert_ne!(read(text, dialect), text);
    }
    for list in [
        "select generate_series(1, 3) as l",
        "select * from generate_series(date '2024-01-31', date '2024-05-30', interval 1 month)",
    ] {
        assert_eq!(translate(list, Dialect::DuckDb).unwrap(), None, "{list}");
    }
    assert_eq!(
        duckdb("select string_split(a, ',')[2], l[1] from t"),
        "SELECT get(split(a, ','), 1)::VARCHAR, get(l, 0) FROM t"
    );
    assert_eq!(
        duckdb("select a, b from t order by all desc"),
        "SELECT a, b FROM t ORDER BY 1 DESC NULLS LAST, 2 DESC NULLS LAST"
    );
}

#[test]
fn a_filter_may_leave_out_where() {
    assert_eq!(
        duckdb("select sum(a) filter (b > 1), count(*) filter (where c), filter from t"),
        "SELECT sum(CASE WHEN b > 1 THEN a END), count(CASE WHEN c THEN 1 END), filter FROM t"
    );
}
