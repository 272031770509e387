//! Tables that Sluice wrote, read by delta-rs in Python and, through Arrow, by DuckDB: the same rows.

use std::process::Command;

use super::server::python;
use crate::end_to_end::shop::{Shop, said};

/// One table after each kind of change; the last statement of each says what it holds.
const TABLES: &[(&str, &str)] = &[
    (
        "types",
        "create table public.types (i int, n number(38, 4), f float, t text, b boolean, d date, ts timestamp_ntz, \
         tz timestamp_ltz, x binary);
         insert into public.types select 1, 12345678901234567890.1234, 1.5, 'Zürich', true, '2026-08-01', \
         '2026-08-01 10:11:12.123456', '2026-08-01 10:11:12 +00:00', to_binary('00ff', 'hex');
         insert into public.types (i) values (2)",
    ),
    (
        "merged",
        "create table public.merged (id int, v text);
         insert into public.merged values (1, 'a'), (2, 'b'), (3, 'c');
         merge into public.merged t using (select 2 id, 'B' v union all select 4, 'd') s on t.id = s.id
         when matched then update set v = s.v when not matched then insert values (s.id, s.v);
         delete from public.merged where id = 1;
         update public.merged set v = 'CC' where id = 3",
    ),
    (
        "evolved",
        "create table public.evolved (id int);
         insert into public.evolved values (1), (2);
         alter table public.evolved add column extra text;
         insert into public.evolved values (3, 'x');
         alter table public.evolved add column amount number(10, 2) default 1.5;
         insert into public.evolved values (4, 'y', 2.25)",
    ),
    (
        "replaced",
        "create table public.replaced (id int, v text);
         insert into public.replaced values (1, 'a');
         insert overwrite into public.replaced values (2, 'b'), (3, 'c');
         truncate table public.replaced;
         insert into public.replaced values (5, 'e')",
    ),
];

#[test]
fn other_readers_see_the_rows_that_sluice_sees() {
    let shop = Shop::new();
    for (_, script) in TABLES {
        let done = shop.sluice(&["sql", "-c", script]);
        assert!(done.status.success(), "{}", said(&done));
    }
    // Past a checkpoint, compacted, vacuumed, and written to after that.
    let mut script = vec!["create table public.long (id int, v text)".to_owned()];
    script.extend((1..=12).map(|at| format!("insert into public.long values ({at}, 'v{at}')")));
    for arguments in [
        &["sql", "-c", &script.join(";")][..],
        &["optimize"],
        &["vacuum", "--retention", "0"],
        &["sql", "-c", "insert into public.long values (13, null)"],
    ] {
        let done = shop.sluice(arguments);
        assert!(done.status.success(), "{arguments:?}\n{}", said(&done));
    }
    let names = TABLES.iter().map(|(name, _)| *name).chain(["long"]);
    for name in names {
        let ours = canonical(&shop, name);
        for reader in ["deltalake", "duckdb"] {
            let theirs = read(&shop, reader, &format!("public/{name}"));
            assert_eq!(theirs, ours, "{name} through {reader}");
        }
    }
}

/// The table's rows as texts, the columns joined by `|`, sorted; NULL is `~`.
fn canonical(shop: &Shop, name: &str) -> Vec<String> {
    let select = match name {
        "types" => {
            "coalesce(i::text, '~') || '|' || coalesce(n::text, '~') || '|' || coalesce(f::text, '~') || '|' || \
             coalesce(t, '~') || '|' || coalesce(b::text, '~') || '|' || coalesce(d::text, '~') || '|' || \
             coalesce(to_char(ts, 'YYYY-MM-DD HH24:MI:SS.FF6'), '~') || '|' || \
             coalesce(date_part(epoch_second, tz)::text, '~') || '|' || coalesce(lower(to_varchar(x, 'HEX')), '~')"
        }
        "evolved" => "id || '|' || coalesce(extra, '~') || '|' || coalesce(amount::text, '~')",
        _ => "id || '|' || coalesce(v, '~')",
    };
    let mut rows = shop.column(&format!("select {select} as line from public.{name}"));
    rows.sort();
    rows
}

/// The rows of the table at `name`, `schema/table`, as `reader` has them, sorted.
pub fn read(shop: &Shop, reader: &str, name: &str) -> Vec<String> {
    let table = shop.path().join(".sluice/warehouse/shop").join(name);
    let output = Command::new(python())
        .arg("-c")
        .arg(include_str!("readers.py"))
        .arg(reader)
        .arg(table)
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{reader} on {name}: {errors}");
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(ToOwned::to_owned).collect()
}
