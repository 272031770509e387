//! Iceberg tables that Sluice wrote, read by PyIceberg and by Spark, from the SQL catalog and from a REST catalog: the
//! same rows, now and at every snapshot.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::{Map, Value, json};

use super::peers::{Peer, named_lines, run};
use crate::end_to_end::iceberg::RestServer;
use crate::end_to_end::shop::{Shop, said};

const SOURCE: &str = "
sources:
  - name: shop
    kind: files
    path: landing
    streams:
      - {name: events, files: ['events*.csv']}
      - {name: prices, files: ['prices*.csv']}
      - {name: sales, files: ['sales*.csv']}
";

/// Columns of all types, appended to.
const EVENTS: &str = "
dataset: events
from: shop.events
format: iceberg
columns:
  id: number(38,0)
  f: float
  t: text
  b: boolean
  d: date
  ts: timestamp_ntz
  tz: timestamp_ltz
  z: timestamp_tz
  x: binary
  tm: time
  v: variant
";
const PRICES: &str = "
dataset: prices
from: shop.prices
format: iceberg
write: overwrite
columns: {item: text, price: 'number(10,4)'}
";
const SALES: &str = "
dataset: sales
from: shop.sales
format: iceberg
write: merge
deduplicate: {key: [id]}
columns: {id: text, city: text, amount: 'number(10,2)'}
";
/// The same with a column that is new, and without one that is gone.
const SALES_EVOLVED: &str = "
dataset: sales
from: shop.sales
format: iceberg
write: merge
deduplicate: {key: [id]}
columns: {id: text, amount: 'number(10,2)', note: text}
schema_contract: {missing_column: evolve}
";

/// Each step's files, and what they are a step of.
const STEPS: [&[(&str, &str)]; 3] = [
    &[
        (
            "landing/events1.csv",
            "id,f,t,b,d,ts,tz,z,x,tm,v\n\
          1,1.5,Zürich,true,2026-08-01,2026-08-01 10:11:12.123456,2026-08-01T10:11:12Z,2026-08-01T10:11:12+02:00,00ff,10:11:12,\"{\"\"k\"\": [1, null]}\"\n\
          2,,,,,,,,,,\n",
        ),
        ("landing/prices1.csv", "item,price\npen,1.5\ninc,22.0001\n"),
        (
            "landing/sales1.csv",
            "id,city,amount\na,Bern,1.10\nb,Cairo,2.20\nc,,3\n",
        ),
    ],
    &[
        (
            "landing/events2.csv",
            "id,f,t,b,d,ts,tz,z,x,tm,v\n\
          12345678901234567890123456789012345678,-2.25,'',false,1969-12-31,1969-12-31 23:59:59.5,1969-12-31T23:59:59Z,1969-12-31T23:59:59-08:00,,00:00:00,7\n",
        ),
        ("landing/prices2.csv", "item,price\npen,1.75\ncap,9\n"),
        (
            "landing/sales2.csv",
            "id,city,amount\nb,Accra,20\nd,Bern,5\n",
        ),
    ],
    &[
        ("lake/sales.yml", SALES_EVOLVED),
        (
            "landing/sales3.csv",
            "id,amount,note\na,1234.50,dear\ne,7,\n",
        ),
    ],
];

/// The tables after all steps with their columns, and how many snapshots each has.
const EVENTS_COLUMNS: [&str; 11] = ["ID", "F", "T", "B", "D", "TS", "TZ", "Z", "X", "TM", "V"];
const PRICES_COLUMNS: [&str; 2] = ["ITEM", "PRICE"];
const SALES_COLUMNS: [&str; 3] = ["ID", "CITY", "AMOUNT"];
const EVOLVED_COLUMNS: [&str; 3] = ["ID", "AMOUNT", "NOTE"];

#[test]
fn spark_and_pyiceberg_see_the_rows_that_sluice_sees_at_every_snapshot() {
    let shop = Shop::empty().with("ICEBERG_CREDENTIAL", "me:s3cret");
    shop.write("sources/shop.yml", SOURCE.as_bytes());
    for (name, contract) in [("events", EVENTS), ("prices", PRICES), ("sales", SALES)] {
        shop.write(&format!("lake/{name}.yml"), contract.as_bytes());
    }
    let file = shop.path().join("rest.db");
    let server = RestServer::start(&file);
    shop.write("sluice.yml", settings(&server).as_bytes());
    let sluice = |arguments: &[&str]| {
        let done = shop.sluice(arguments);
        assert!(done.status.success(), "{}", said(&done));
        assert!(!said(&done).contains("K4003"), "{}", said(&done));
    };
    for files in STEPS {
        for (path, text) in files {
            shop.write(path, text.as_bytes());
        }
        sluice(&["run"]);
    }
    // A wider type, for which the table is built again from the raw zone.
    let wider = SALES_EVOLVED.replace("(10,2)", "(14,2)");
    shop.write("lake/sales.yml", wider.as_bytes());
    shop.write("landing/sales4.csv", b"id,amount\nf,123456789012.50\n");
    sluice(&["run", "--full-refresh", "--select", "silver.sales+"]);

    let mut questions = Map::new();
    let mut ours = BTreeMap::new();
    let mut ask = |name: &str, table: &str, columns: &[&str], version: usize, filter: &str| {
        let at = format!("at(version => {version})");
        ours.insert(name.to_owned(), rows(&shop, table, columns, &at, filter));
        let mut question = json!({
            "table": table_behind(name, table), "columns": columns, "snapshot": version - 1,
        });
        if !filter.is_empty() {
            question["filter"] = filter.into();
        }
        questions.insert(name.to_owned(), question);
    };
    for catalog in ["sluice", "rest"] {
        for version in [1, 2] {
            let name = |table: &str| format!("{catalog} {table} {version}");
            ask(&name("events"), "events", &EVENTS_COLUMNS, version, "");
            ask(&name("prices"), "prices", &PRICES_COLUMNS, version, "");
            ask(&name("sales"), "sales", &SALES_COLUMNS, version, "");
        }
        for version in [3, 4] {
            let name = format!("{catalog} sales {version}");
            ask(&name, "sales", &EVOLVED_COLUMNS, version, "");
        }
        ask(
            &format!("{catalog} dear sales"),
            "sales",
            &EVOLVED_COLUMNS,
            3,
            "AMOUNT >= 20",
        );
        ask(
            &format!("{catalog} old events"),
            "events",
            &EVENTS_COLUMNS,
            2,
            "D < '1970-01-01'",
        );
    }
    // The newest rows are also there for who does not name a snapshot.
    for (table, newest) in [("events", 2), ("prices", 2), ("sales", 4)] {
        for catalog in ["sluice", "rest"] {
            let (name, numbered) = (
                format!("{catalog} {table}"),
                format!("{catalog} {table} {newest}"),
            );
            ours.insert(name.clone(), ours[&numbered].clone());
            let mut question = questions[&numbered].clone();
            question.as_object_mut().unwrap().remove("snapshot");
            questions.insert(name, question);
        }
    }
    assert_eq!(
        ours["sluice sales"],
        [
            "a|1234.50|dear",
            "b|20.00|~",
            "c|3.00|~",
            "d|5.00|~",
            "e|7.00|~",
            "f|123456789012.50|~"
        ]
    );
    assert_eq!(
        ours["sluice sales 2"],
        ["a|Bern|1.10", "b|Accra|20.00", "c|~|3.00", "d|Bern|5.00"]
    );
    assert_eq!(ours["sluice prices"], ["cap|9.0000", "pen|1.7500"]);
    assert_eq!(ours["sluice old events"].len(), 1);

    let places = json!({
        "sluice": shop.path().join(".sluice/iceberg.db"), "rest": file, "uri": server.uri(),
    });
    let arguments = [places.to_string(), Value::Object(questions).to_string()];
    for (peer, reader) in [(Peer::Python, "pyiceberg"), (Peer::Spark, "spark")] {
        let arguments = [&[reader.to_owned()], &arguments[..]].concat();
        let theirs = named_lines(&run(peer, "iceberg_readers.py", &arguments));
        assert_eq!(theirs, ours, "through {reader}");
    }
}

fn settings(server: &RestServer) -> String {
    format!(
        "name: shop\nenvironments:\n  dev:\n    iceberg_catalog:\n      uri: {}\n      \
         credential: ${{ICEBERG_CREDENTIAL}}\n",
        server.uri()
    )
}

/// The name of `table` in the catalog that the question's name begins with.
fn table_behind(question: &str, table: &str) -> String {
    let catalog = question.split(' ').next().unwrap();
    format!("{catalog}.SHOP.SILVER.{}", table.to_uppercase())
}

/// The rows of a silver table as the script writes them.
fn rows(shop: &Shop, table: &str, columns: &[&str], at: &str, filter: &str) -> Vec<String> {
    let mut line = String::from("''");
    for (number, column) in columns.iter().enumerate() {
        let value = match *column {
            "F" => "f::text".to_owned(),
            "TS" => "to_char(ts, 'YYYY-MM-DD HH24:MI:SS.FF6')".to_owned(),
            "TZ" => "date_part(epoch_second, tz)::text".to_owned(),
            "Z" => "'[' || date_part(epoch_second, z) || ',' || \
                    (date_part(timezone_hour, z) * 60) || ']'"
                .to_owned(),
            "X" => "lower(to_varchar(x, 'HEX'))".to_owned(),
            "V" => "to_json(v)".to_owned(),
            "TM" => "tm::text || '.000000000'".to_owned(),
            column => format!("{column}::text"),
        };
        let separator = if number == 0 { "" } else { " || '|'" };
        write!(line, "{separator} || coalesce({value}, '~')").unwrap();
    }
    let filter = if filter.is_empty() { "true" } else { filter };
    let sql = format!("select {line} as line from silver.{table} {at} where {filter}");
    let mut rows = shop.column(&sql);
    rows.sort();
    rows
}
