//! `sluice optimize --zorder-by`: filters on any of the columns open few files.

use std::fs;

use serde_json::Value;

use crate::end_to_end::shop::{Shop, said};

/// The files that the newest commit of `public.t` brings, with their statistics.
fn added(shop: &Shop) -> Vec<(String, Value)> {
    let log = shop
        .path()
        .join(".sluice/warehouse/shop/public/t/_delta_log");
    let mut commits: Vec<_> = fs::read_dir(log)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension() == Some("json".as_ref()))
        .collect();
    commits.sort();
    let text = fs::read_to_string(commits.last().unwrap()).unwrap();
    text.lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap())
        .filter_map(|action| action.get("add").cloned())
        .map(|add| {
            let stats = serde_json::from_str(add["stats"].as_str().unwrap()).unwrap();
            (add["path"].as_str().unwrap().to_owned(), stats)
        })
        .collect()
}

#[test]
fn a_filter_on_any_column_of_the_curve_opens_few_files() {
    let shop = Shop::empty();
    shop.write("sluice.yml", b"name: shop\n");
    let rows = "select mod(seq4() * 7919, 1000), mod(seq4() * 104729, 997), 'x' || seq4() \
                from table(generator(rowcount => 100000))";
    let script = format!(
        "create table public.t (a int, b int, c text); insert into public.t {rows}; insert into public.t {rows}"
    );
    let done = shop.sluice(&["sql", "-c", &script]);
    assert!(done.status.success(), "{}", said(&done));
    let sums = "select count(*) || ' ' || sum(a) || ' ' || sum(b) || ' ' || count(distinct c) from public.t";
    let before = shop.value(sums);
    let done = shop.sluice(&[
        "optimize",
        "public.t",
        "--zorder-by",
        "a,b",
        "--target-size",
        "16KiB",
    ]);
    assert!(done.status.success(), "{}", said(&done));
    assert_eq!(shop.value(sums), before);

    let files = added(&shop);
    assert!(files.len() >= 20, "{} files", files.len());
    let expected = |column: &str| {
        shop.value(&format!(
            "select count(*) from public.t where {column} = 500"
        ))
    };
    let counts = [("a", expected("a")), ("b", expected("b"))];
    for (column, count) in counts {
        let name = column.to_uppercase();
        let (hit, missed): (Vec<_>, Vec<_>) = files.iter().partition(|(_, stats)| {
            stats["minValues"][&name].as_i64() <= Some(500)
                && stats["maxValues"][&name].as_i64() >= Some(500)
        });
        assert!(
            hit.len() * 2 < files.len(),
            "{column}: {} of {}",
            hit.len(),
            files.len()
        );
        // What is not opened may be broken.
        let copy = shop.copy();
        for (path, _) in missed {
            let path = copy
                .path()
                .join(".sluice/warehouse/shop/public/t")
                .join(path);
            fs::write(path, b"broken").unwrap();
        }
        let select = format!(
            "select count(*) from (select c from public.t where {column} = 500 and c <> '')"
        );
        assert_eq!(copy.value(&select), count);
    }
    for (by, expected) in [("nope", "K3012"), ("a,b,c,a,b,c,a,b,c", "K3012")] {
        let refused = said(&shop.sluice(&["optimize", "public.t", "--zorder-by", by]));
        assert!(refused.contains(expected), "{refused}");
    }
}

#[test]
fn a_table_is_ordered_as_its_clustering_key_says() {
    let shop = Shop::empty();
    shop.write("sluice.yml", b"name: shop\n");
    shop.write(
        "sources/shop.yml",
        b"sources: [{name: shop, kind: files, path: landing, streams: [{name: orders, files: ['*.csv']}]}]\n",
    );
    shop.write(
        "lake/orders.yml",
        b"dataset: orders\nfrom: shop.orders\ncluster_by: [n]\ncolumns: {id: text, n: 'number(10,0)'}\n",
    );
    shop.write("landing/1.csv", b"id,n\nc,3\na,1\n");
    shop.run();
    shop.write("landing/2.csv", b"id,n\nd,4\nb,2\n");
    shop.run();
    let done = shop.sluice(&["optimize"]);
    assert!(done.status.success(), "{}", said(&done));
    // One file, read from front to back.
    assert_eq!(
        shop.column("select id from silver.orders"),
        ["a", "b", "c", "d"]
    );
    assert_eq!(
        shop.value("select clustering_key from information_schema.tables where table_name = 'ORDERS' and table_schema = 'SILVER'"),
        "LINEAR(N)"
    );
    let clustered = "create table public.t (a int, b int) cluster by (b); insert into public.t values (1, 9), (2, 7); \
                     insert into public.t values (3, 8)";
    let done = shop.sluice(&["sql", "-c", clustered]);
    assert!(done.status.success(), "{}", said(&done));
    let done = shop.sluice(&["optimize", "public.t"]);
    assert!(done.status.success(), "{}", said(&done));
    assert_eq!(shop.column("select a from public.t"), ["2", "3", "1"]);
}
