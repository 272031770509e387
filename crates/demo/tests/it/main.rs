//! The demo's promises: the same bytes every time, and a truth that a plain reading of the files confirms.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use demo::{Options, PROJECT, Rules, Silver, write_drops, write_project, write_project_in_two};
use diagnostic::codes;

fn options(rows: u64, days: u32) -> Options {
    Options {
        rows,
        seed: 11,
        days,
    }
}

fn files(dir: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    walkdir::WalkDir::new(dir)
        .into_iter()
        .map(Result::unwrap)
        .filter(|entry| entry.file_type().is_file())
        .map(|entry| {
            let path = entry.path().strip_prefix(dir).unwrap().to_path_buf();
            (path, fs::read(entry.path()).unwrap())
        })
        .collect()
}

#[test]
fn embeds_every_file_of_the_example() {
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/retail");
    let mut there: Vec<String> = walkdir::WalkDir::new(&example)
        .into_iter()
        .filter_entry(|entry| {
            // What running the example in place leaves behind.
            let name = entry.file_name().to_string_lossy();
            ![".sluice", "landing", "target", "logs", "dbt_packages"].contains(&&*name)
        })
        .map(Result::unwrap)
        .filter(|entry| entry.file_type().is_file())
        .map(|entry| {
            let path = entry.path().strip_prefix(&example).unwrap();
            path.to_string_lossy().replace('\\', "/")
        })
        .collect();
    let mut embedded: Vec<&str> = PROJECT.iter().map(|(path, _)| *path).collect();
    there.sort_unstable();
    embedded.sort_unstable();
    assert_eq!(
        embedded, there,
        "update the list in `crates/demo/src/project.rs`"
    );
}

#[test]
fn writes_the_same_bytes_for_the_same_options() {
    let dirs = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let summaries = dirs
        .each_ref()
        .map(|dir| write_project(dir.path(), &options(3_000, 3)).unwrap());
    assert_eq!(summaries[0], summaries[1]);
    assert_eq!(files(dirs[0].path()), files(dirs[1].path()));
    // Written down once, so that another platform or version that differs is noticed.
    let data = &files(dirs[0].path())[Path::new("landing/sales/run_date=2026-08-02/us.csv")];
    let first_line = String::from_utf8_lossy(data)
        .lines()
        .nth(1)
        .unwrap()
        .to_owned();
    assert_eq!(first_line, FIRST_LINE);
}

const FIRST_LINE: &str = "1811,US-2026-101810,25-07-2026,31-07-2026,Standard Class,OP-10108,Olga Phan,\
Consumer,Oakland,California,United States,76009.0,US,West,FUR-FU-10000011,Furniture,Furnishings,\
\"Umbra Door Stop, Full Size\",115.44,6,0.0,11.544,32.72,Medium";

#[test]
fn refuses_folders_of_others_and_keeps_its_own() {
    let dir = tempfile::tempdir().unwrap();
    let first = write_project(dir.path(), &options(500, 2)).unwrap();
    fs::write(dir.path().join("sluice.yml"), "name: mine\n").unwrap();
    assert_eq!(write_project(dir.path(), &options(500, 2)).unwrap(), first);
    assert_eq!(
        fs::read_to_string(dir.path().join("sluice.yml")).unwrap(),
        "name: mine\n"
    );

    let other = write_project(dir.path(), &options(501, 2)).unwrap_err();
    assert_eq!(other.code(), codes::C0101);

    let foreign = tempfile::tempdir().unwrap();
    fs::write(foreign.path().join("thesis.txt"), "mine").unwrap();
    let refused = write_project(foreign.path(), &options(500, 2)).unwrap_err();
    assert_eq!(refused.code(), codes::C0100);
    assert!(refused.to_string().contains("thesis.txt"));
    assert_eq!(files(foreign.path()).len(), 1);

    let nothing = write_project(foreign.path(), &options(0, 2)).unwrap_err();
    assert_eq!(nothing.code(), codes::C0103);
}

#[test]
fn parts_add_up_to_the_whole() {
    let whole = tempfile::tempdir().unwrap();
    let parts = tempfile::tempdir().unwrap();
    let options = options(4_000, 4);
    let all = write_drops(whole.path(), &options, 0..4).unwrap();
    let mut sum = write_drops(parts.path(), &options, 0..3).unwrap();
    sum += write_drops(parts.path(), &options, 3..4).unwrap();
    assert_eq!(sum, all);
    assert_eq!(files(whole.path()), files(parts.path()));

    let paused = tempfile::tempdir().unwrap();
    let mut seen = 0;
    let in_two = write_project_in_two(paused.path(), &options, 3, |summary| {
        seen = summary.files;
        Ok(())
    });
    assert_eq!(in_two.unwrap(), all);
    assert_eq!(seen, all.files * 3 / 4);
    let again = write_project_in_two(paused.path(), &options, 3, |_| panic!("it is complete"));
    assert_eq!(again.unwrap(), all);
}

/// A second, naive implementation of the contract, to hold the generator's truth against.
#[test]
fn truth_is_what_the_files_say() {
    let dir = tempfile::tempdir().unwrap();
    let summary = write_project(dir.path(), &options(40_000, 4)).unwrap();
    let landing = dir.path().join("landing/sales");
    let mut rules = Rules::default();
    let mut rows = 0;
    let mut silver: HashMap<(String, String), Winner> = HashMap::new();
    for (path, bytes) in files(&landing) {
        let batch = path.iter().next().unwrap().to_string_lossy().into_owned();
        for record in records(&path, bytes) {
            rows += 1;
            judge(&record, &batch, &mut rules, &mut silver);
        }
    }
    assert_eq!(rows, summary.truth.rows);
    assert_eq!(rules, summary.truth.rules);
    assert!(
        rules.counts().iter().all(|(_, count)| *count > 0),
        "{rules:?}"
    );
    let found = silver.values().fold(Silver::default(), |mut sum, winner| {
        sum.rows += 1;
        sum.sales_e4 += winner.sales_e4;
        sum.quantity += winner.quantity;
        sum.profit_e4 += winner.profit_e4;
        sum
    });
    assert_eq!(found, summary.truth.silver);
    assert!(summary.truth.capped > 0 && summary.truth.stale > 0 && summary.truth.corrections > 0);
}

struct Winner {
    order: (String, String, u64),
    sales_e4: i64,
    quantity: i64,
    profit_e4: i64,
}

fn records(path: &Path, bytes: Vec<u8>) -> Vec<csv::StringRecord> {
    let bytes = if path.extension().is_some_and(|e| e == "gz") {
        let mut out = Vec::new();
        flate2::read::GzDecoder::new(&*bytes)
            .read_to_end(&mut out)
            .unwrap();
        out
    } else {
        bytes
    };
    let text = match String::from_utf8(bytes) {
        Ok(text) => text.trim_start_matches('\u{feff}').to_owned(),
        Err(latin) => latin.into_bytes().into_iter().map(char::from).collect(),
    };
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    assert_eq!(reader.headers().unwrap().len(), 24);
    reader.records().map(Result::unwrap).collect()
}

fn judge(
    record: &csv::StringRecord,
    batch: &str,
    rules: &mut Rules,
    silver: &mut HashMap<(String, String), Winner>,
) {
    let text = |at: usize| record[at].trim().to_owned();
    let (order, product) = (text(1), text(14));
    let sales = amount(&record[18]).map(|sales| sales.min(100_000_000));
    let quantity: Option<i64> = record[19].parse().ok();
    let (ordered, shipped) = (date(&record[2]), date(&record[3]));
    let counter = if order.is_empty() {
        &mut rules.missing_order_id
    } else if product.is_empty() {
        &mut rules.missing_product_id
    } else if sales.is_none_or(|sales| sales <= 0) {
        &mut rules.invalid_sales
    } else if quantity.is_none_or(|quantity| quantity <= 0) {
        &mut rules.invalid_quantity
    } else if ordered.is_none() || shipped.is_none() {
        &mut rules.missing_date
    } else if shipped < ordered {
        &mut rules.date_violation
    } else {
        let winner = Winner {
            order: (
                batch.to_owned(),
                ordered.unwrap_or_default(),
                record[0].parse().unwrap(),
            ),
            sales_e4: sales.unwrap(),
            quantity: quantity.unwrap(),
            profit_e4: amount(&record[21]).unwrap(),
        };
        match silver.entry((order, product)) {
            std::collections::hash_map::Entry::Occupied(mut there) => {
                if there.get().order < winner.order {
                    there.insert(winner);
                }
            }
            std::collections::hash_map::Entry::Vacant(free) => {
                free.insert(winner);
            }
        }
        return;
    };
    *counter += 1;
}

/// `31-12-2026` as `2026-12-31`, if there is such a day.
fn date(text: &str) -> Option<String> {
    let date = chrono::NaiveDate::parse_from_str(text, "%d-%m-%Y").ok()?;
    Some(date.to_string())
}

fn amount(text: &str) -> Option<i64> {
    let negative = text.starts_with('-');
    let (whole, fraction) = text.trim_start_matches('-').split_once('.')?;
    let fraction = &format!("{fraction}0000")[..4];
    let value = whole.parse::<i64>().ok()? * 10_000 + fraction.parse::<i64>().ok()?;
    Some(if negative { -value } else { value })
}
