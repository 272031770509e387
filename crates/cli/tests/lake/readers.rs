//! Tables that Sluice wrote, read by Spark, by delta-rs in Python and, through Arrow, by DuckDB: the same rows.

use std::collections::BTreeMap;

use super::peers::{Peer, named_lines, run};
use crate::end_to_end::shop::{Shop, said};

/// One table after each kind of change; the last statement of each says what it holds.
const TABLES: &[(&str, &str)] = &[
    (
        "types",
        "create table public.types (i int, n number(38, 4), f float, t text, b boolean, d date, ts timestamp_ntz, \
         tz timestamp_ltz, x binary, tm time, v variant, o object, a array, z timestamp_tz);
         insert into public.types select 1, 12345678901234567890.1234, 1.5, 'Zürich', true, '2026-08-01', \
         '2026-08-01 10:11:12.123456', '2026-08-01 10:11:12 +00:00', to_binary('00ff', 'hex'), '10:11:12', \
         to_variant(1.5), object_construct('k', 'v'), array_construct(1, 'two'), '2026-08-01 10:11:12 +02:00';
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
        "reshaped",
        "create table public.reshaped (gone int, id int, old text);
         insert into public.reshaped values (0, 1, 'a'), (0, 2, null);
         alter table public.reshaped drop column gone;
         alter table public.reshaped rename column old to v;
         insert into public.reshaped values (3, 'c')",
    ),
    (
        "replaced",
        "create table public.replaced (id int, v text);
         insert into public.replaced values (1, 'a');
         insert overwrite into public.replaced values (2, 'b'), (3, 'c');
         truncate table public.replaced;
         insert into public.replaced values (5, 'e')",
    ),
    (
        "checked",
        "create table public.checked (id int check (id > 0), v text);
         insert into public.checked values (1, 'a');
         alter table public.checked add constraint short check (length(v) < 9);
         insert into public.checked values (2, 'b')",
    ),
];

/// A dataset with a partition column of each type, one of them NULL in the second row.
const PARTS: [(&str, &str); 3] = [
    (
        "sources/parts.yml",
        "sources: [{name: parts, kind: files, path: parts, streams: [{name: parts, files: ['*.csv']}]}]\n",
    ),
    (
        "lake/parts.yml",
        "dataset: parts\nfrom: parts.parts\n\
         columns: {id: text, t: text, n: 'number(10,0)', c: 'number(10,2)', b: boolean, d: date, \
         ts: timestamp_ntz, tz: timestamp_ltz}\n\
         partition_by: [t, n, c, b, d, ts, tz]\n\
         write: merge\ndeduplicate: {key: [id]}\n",
    ),
    (
        "parts/1.csv",
        "id,t,n,c,b,d,ts,tz\n\
         1,Zürich / a=b 50%,-7,1.50,true,2026-08-01,2026-08-01 10:11:12.123456,2026-08-01T10:11:12Z\n\
         2,,,,,,,\n3,x,1,0.00,false,1969-12-31,1969-12-31 23:59:59,1969-12-31T23:59:59Z\n",
    ),
];

#[test]
fn other_readers_see_the_rows_that_sluice_sees() {
    let shop = Shop::empty();
    shop.write("sluice.yml", b"name: shop\n");
    for (path, text) in PARTS {
        shop.write(path, text.as_bytes());
    }
    shop.run();
    shop.write("parts/2.csv", b"id,t,n,c,b,d,ts,tz\n3,y,1,0.00,false,1969-12-31,1969-12-31 23:59:59,1969-12-31T23:59:59Z\n");
    shop.run();
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
    let names: Vec<&str> = TABLES
        .iter()
        .map(|(name, _)| *name)
        .chain(["long"])
        .collect();
    let ours: BTreeMap<String, Vec<String>> = names
        .iter()
        .map(|name| ((*name).to_owned(), canonical(&shop, name)))
        .collect();
    for reader in ["deltalake", "duckdb", "spark"] {
        let theirs = read_all(&shop, reader, &names);
        assert_eq!(theirs, ours, "through {reader}");
    }
}

/// The table's rows as texts, the columns joined by `|`, sorted; NULL is `~`.
fn canonical(shop: &Shop, name: &str) -> Vec<String> {
    let select = match name {
        "types" => {
            "coalesce(i::text, '~') || '|' || coalesce(n::text, '~') || '|' || coalesce(f::text, '~') || '|' || \
             coalesce(t, '~') || '|' || coalesce(b::text, '~') || '|' || coalesce(d::text, '~') || '|' || \
             coalesce(to_char(ts, 'YYYY-MM-DD HH24:MI:SS.FF6'), '~') || '|' || \
             coalesce(date_part(epoch_second, tz)::text, '~') || '|' || coalesce(lower(to_varchar(x, 'HEX')), '~') \
             || '|' || coalesce(tm::text, '~') || '|' || coalesce(to_json(v), '~') || '|' || \
             coalesce(to_json(o), '~') || '|' || coalesce(to_json(a), '~') || '|' || \
             coalesce('[' || date_part(epoch_second, z) || ',' || (date_part(timezone_hour, z) * 60) || ']', '~')"
        }
        "parts" => {
            "id || '|' || coalesce(t, '~') || '|' || coalesce(n::text, '~') || '|' || coalesce(c::text, '~') || '|' || \
             coalesce(b::text, '~') || '|' || coalesce(d::text, '~') || '|' || \
             coalesce(to_char(ts, 'YYYY-MM-DD HH24:MI:SS.FF6'), '~') || '|' || \
             coalesce(date_part(epoch_second, tz)::text, '~')"
        }
        "evolved" => "id || '|' || coalesce(extra, '~') || '|' || coalesce(amount::text, '~')",
        _ => "id || '|' || coalesce(v, '~')",
    };
    let schema = if name == "parts" { "silver" } else { "public" };
    let mut rows = shop.column(&format!("select {select} as line from {schema}.{name}"));
    rows.sort();
    rows
}

/// The rows of the table at `name`, `schema/table`, as `reader` has them, sorted.
pub fn read(shop: &Shop, reader: &str, name: &str) -> Vec<String> {
    let folder = shop.path().join(".sluice/warehouse/shop").join(name);
    let mut tables = printed(reader, &[format!("t={}", folder.display())]);
    tables.remove("t").unwrap_or_default()
}

/// The rows of the tables called `names` as `reader` has them.
fn read_all(shop: &Shop, reader: &str, names: &[&str]) -> BTreeMap<String, Vec<String>> {
    let folder = shop.path().join(".sluice/warehouse/shop");
    let tables = names.iter().map(|name| match *name {
        // Readers inside do not see the columns behind these.
        "parts" => {
            let folder = folder.join("silver/parts");
            format!("{name}={}=ID,T,N,C,B,D,TS,TZ", folder.display())
        }
        _ => format!("{name}={}", folder.join("public").join(name).display()),
    });
    printed(reader, &tables.collect::<Vec<_>>())
}

/// What the script prints of `tables`, by name.
fn printed(reader: &str, tables: &[String]) -> BTreeMap<String, Vec<String>> {
    let peer = match reader {
        "spark" => Peer::Spark,
        _ => Peer::Python,
    };
    named_lines(&run(
        peer,
        "readers.py",
        &[&[reader.to_owned()], tables].concat(),
    ))
}
