//! Files that are loaded again: from the raw zone, without a look at the source, and from the source by date.

use chrono::NaiveDate;
use ingest::{FileFilter, IngestOutcome, Reload, ReloadFrom};

use crate::{Lake, SALES, sales};

const HEADER: &str = "order_id,day,city,amount\n";
const ZONES: [&str; 3] = ["BRONZE", "SILVER", "QUARANTINE"];

/// All that readers and later loads see of the tables, without run ids.
fn contents(lake: &Lake) -> Vec<Vec<Vec<String>>> {
    let columns = |zone: &str| match zone {
        "BRONZE" => vec![
            "ORDER_ID",
            "DAY",
            "CITY",
            "AMOUNT",
            "_FILE",
            "_LINE",
            "_BATCH",
            "_CONTENT_HASH",
        ],
        "SILVER" => vec![
            "ORDER_ID",
            "DAY",
            "CITY",
            "AMOUNT",
            "_BATCH",
            "_CONTENT_HASH",
        ],
        _ => vec![
            "ORDER_ID", "AMOUNT", "_RULE", "_REASON", "_FILE", "_LINE", "_RAW", "_BATCH",
        ],
    };
    let zones = ZONES.iter();
    zones.map(|zone| lake.rows(zone, &columns(zone))).collect()
}

fn file(rows: &[&str]) -> String {
    rows.iter()
        .fold(HEADER.to_owned(), |text, row| text + row + "\n")
}

impl Lake {
    async fn reload(&mut self, from: ReloadFrom, filter: FileFilter) -> IngestOutcome {
        self.reload = Some(Reload { from, filter });
        let outcome = self.try_run().await;
        self.reload = None;
        outcome.unwrap()
    }

    async fn replay(&mut self) -> IngestOutcome {
        self.reload(ReloadFrom::Raw, FileFilter::default()).await
    }

    fn lose_source(&self) {
        std::fs::remove_dir_all(&self.source).unwrap();
    }
}

fn days(from: &str, to: &str) -> FileFilter {
    let day = |text: &str| Some(text.parse::<NaiveDate>().unwrap());
    FileFilter {
        from: day(from),
        to: day(to),
        ..FileFilter::default()
    }
}

fn named(pattern: &str) -> FileFilter {
    FileFilter {
        files: vec![pattern.to_owned()],
        ..FileFilter::default()
    }
}

/// Three drops with everything that happens: duplicates, broken rows, a correction, one that is taken back.
async fn three_drops(lake: &mut Lake) {
    lake.deliver(
        "run_date=2026-08-01/a.csv",
        file(&["a,01-08-2026,x,1", ",01-08-2026,x,2", "b,01-08-2026,x,3"]),
    );
    lake.deliver(
        "run_date=2026-08-01/b.csv",
        file(&["b,02-08-2026,y,4", "c,01-08-2026,y,-1"]),
    );
    lake.run().await;
    lake.deliver(
        "run_date=2026-08-02/a.csv",
        file(&["a,02-08-2026,x,5", "d,02-08-2026,x,6"]),
    );
    lake.run().await;
    for city in ["z", "w", "z"] {
        lake.deliver(
            "run_date=2026-08-01/b.csv",
            file(&[&format!("b,02-08-2026,{city},4"), "e,x,y,1"]),
        );
        lake.run().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replay_gives_the_same_tables_whatever_became_of_the_source() {
    for write in ["merge", "append", "overwrite"] {
        let mut lake = sales();
        lake.contract(&SALES.replace("mode: merge", &format!("mode: {write}")));
        three_drops(&mut lake).await;
        let before = contents(&lake);
        lake.lose_source();
        for round in 0..2 {
            let outcome = lake.replay().await;
            assert!(outcome.rebuilt && outcome.rejected.is_empty(), "{write}");
            assert_eq!(contents(&lake), before, "{write}, replay {round}");
        }
        // Part by part it is the same too.
        for filter in [
            days("2026-08-01", "2026-08-01"),
            named("**/run_date=2026-08-02/*"),
            named("**/a.csv"),
        ] {
            lake.reload(ReloadFrom::Raw, filter.clone()).await;
            assert_eq!(contents(&lake), before, "{write}, {filter:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replay_after_a_change_of_the_contract_is_as_a_fresh_load() {
    let changed = SALES
        .replace("number(10,2)", "number(12,3)")
        .replace("amount <= 0", "amount < -5")
        .replace(
            "city: {type: text, clean: [trim, collapse_blanks, upper]}",
            "city: {type: text}",
        );
    let mut lake = sales();
    three_drops(&mut lake).await;
    lake.contract(&changed);
    lake.lose_source();
    assert!(lake.replay().await.rebuilt);

    let mut fresh = sales();
    fresh.contract(&changed);
    three_drops(&mut fresh).await;
    assert_eq!(contents(&lake), contents(&fresh));
    // Nothing is new to a later run, and a new file goes on where the replay ended.
    for lake in [&mut lake, &mut fresh] {
        std::fs::create_dir_all(&lake.source).unwrap();
        lake.deliver("run_date=2026-08-03/a.csv", file(&["a,03-08-2026,x,9"]));
        lake.run().await;
    }
    assert_eq!(contents(&lake), contents(&fresh));
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_in_quarantine_are_judged_again_without_beating_newer_ones() {
    let mut lake = sales();
    lake.deliver(
        "run_date=2026-08-01/a.csv",
        file(&[
            "a,01-08-2026,x,-1",
            "b,01-08-2026,x,-2",
            "c,01-08-2026,x,-9",
        ]),
    );
    lake.deliver("run_date=2026-08-01/b.csv", file(&["f,01-08-2026,x,1"]));
    lake.run().await;
    lake.deliver("run_date=2026-08-02/a.csv", file(&["a,02-08-2026,x,7"]));
    lake.run().await;
    lake.contract(
        &SALES
            .replace("amount <= 0", "amount < -5")
            .replace("must be above zero", "is too low"),
    );
    lake.lose_source();
    let quarantined = FileFilter {
        quarantined: true,
        ..FileFilter::default()
    };
    for _ in 0..2 {
        lake.reload(ReloadFrom::Raw, quarantined.clone()).await;
        assert_eq!(
            lake.rows("SILVER", &["ORDER_ID", "AMOUNT"]),
            [["a", "7.00"], ["b", "-2.00"], ["f", "1.00"]]
        );
        assert_eq!(
            lake.rows("QUARANTINE", &["ORDER_ID", "_REASON"]),
            [["c", "The amount is too low, found `-9`"]]
        );
        assert_eq!(lake.rows("BRONZE", &["ORDER_ID"]).len(), 5);
    }
    // Only the file with broken rows was read.
    let again = lake.reload(ReloadFrom::Raw, quarantined.clone()).await;
    assert_eq!(again.files.len(), 1);
    lake.contract(&SALES.replace("amount <= 0", "amount < -50"));
    lake.reload(ReloadFrom::Raw, quarantined.clone()).await;
    assert!(lake.rows("QUARANTINE", &["ORDER_ID"]).is_empty());
    let commits = lake.commits();
    assert!(!lake.reload(ReloadFrom::Raw, quarantined).await.changed());
    assert_eq!(lake.commits(), commits);
}

/// A row of an older file that lost comes back when the one that beat it is invalid now.
#[tokio::test(flavor = "multi_thread")]
async fn a_partial_replay_lets_older_rows_take_the_place_of_those_that_leave() {
    let mut lake = sales();
    lake.deliver(
        "run_date=2026-08-01/a.csv",
        file(&["a,01-08-2026,x,1", "b,01-08-2026,x,1"]),
    );
    lake.deliver(
        "run_date=2026-08-02/a.csv",
        file(&["a,01-08-2026,x,500", "b,01-08-2026,x,2"]),
    );
    lake.run().await;
    lake.contract(&SALES.replace("amount <= 0", "amount <= 0 or amount > 100"));
    lake.reload(ReloadFrom::Raw, days("2026-08-02", "2026-08-02"))
        .await;
    assert_eq!(
        lake.rows("SILVER", &["ORDER_ID", "AMOUNT", "_BATCH"]),
        [["a", "1.00", "2026-08-01"], ["b", "2.00", "2026-08-02"]]
    );
    let partial = contents(&lake);
    lake.replay().await;
    assert_eq!(contents(&lake), partial);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replay_says_what_it_cannot_read_and_loses_nothing() {
    let mut lake = Lake::new(SALES, "batch: run_date\n        raw: reference");
    three_drops(&mut lake).await;
    let before = contents(&lake);
    let outcome = lake.replay().await;
    assert!(
        !outcome.changed() && outcome.notices[0].contains("no copy in the raw zone"),
        "{:?}",
        outcome.notices
    );
    assert_eq!(contents(&lake), before);

    // A copy that somebody changed.
    let mut lake = sales();
    three_drops(&mut lake).await;
    let before = contents(&lake);
    let copies = walk(&lake.folder.path().join("raw"));
    let bytes = std::fs::read(&copies[0]).unwrap();
    std::fs::write(&copies[0], &bytes[..bytes.len() - 2]).unwrap();
    lake.reload = Some(Reload {
        from: ReloadFrom::Raw,
        filter: FileFilter::default(),
    });
    let error = lake.try_run().await.unwrap_err();
    assert_eq!(
        (error.code().id, error.others()[0].code().id),
        ("L3005", "F1008")
    );
    assert_eq!(contents(&lake), before);

    // A contract that refuses what it took.
    std::fs::write(&copies[0], &bytes).unwrap();
    lake.contract(&SALES.replace("  city:", "  shop: {type: text}\n  city:"));
    let error = lake.try_run().await.unwrap_err();
    assert_eq!(
        (error.code().id, error.others()[0].code().id),
        ("L3005", "L1002")
    );
    assert_eq!(contents(&lake), before);
}

fn walk(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
        match entry.file_type().unwrap().is_dir() {
            true => files.extend(walk(&entry.path())),
            false => files.push(entry.path()),
        }
    }
    files.sort();
    files
}

/// A file that was refused is in the raw zone, and is taken once the contract allows it.
#[tokio::test(flavor = "multi_thread")]
async fn a_replay_takes_files_that_were_refused_before() {
    let mut lake = sales();
    lake.deliver("run_date=2026-08-01/a.csv", file(&["a,01-08-2026,x,1"]));
    lake.deliver(
        "run_date=2026-08-01/b.csv",
        "order_id,day,amount\nb,01-08-2026,2\n",
    );
    assert_eq!(lake.run().await.rejected.len(), 1);
    lake.lose_source();
    assert!(lake.replay().await.rejected.iter().all(|no| no.again));
    lake.contract(&(SALES.to_owned() + "schema_contract: {missing_column: evolve}\n"));
    lake.replay().await;
    assert_eq!(
        lake.rows("SILVER", &["ORDER_ID", "CITY"]),
        [["a", "X"], ["b", "NULL"]]
    );
    std::fs::create_dir_all(&lake.source).unwrap();
    lake.deliver(
        "run_date=2026-08-01/b.csv",
        "order_id,day,amount\nb,01-08-2026,2\n",
    );
    assert!(!lake.run().await.changed());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backfill_makes_a_range_what_the_source_is_now() {
    let source = ReloadFrom::Source { prune: false };
    let mut lake = sales();
    three_drops(&mut lake).await;
    let before = contents(&lake);
    for _ in 0..2 {
        lake.reload(source, days("2026-08-01", "2026-08-31")).await;
    }
    // The versions that were corrected are gone from bronze; silver is the same.
    assert_eq!(contents(&lake)[1], before[1]);
    assert_eq!(lake.rows("BRONZE", &["ORDER_ID"]).len(), 7);

    // A late file, a correction and a file that is gone, all in one day.
    lake.deliver("run_date=2026-08-02/late.csv", file(&["l,02-08-2026,x,8"]));
    lake.deliver("run_date=2026-08-02/a.csv", file(&["a,02-08-2026,x,50"]));
    lake.deliver("run_date=2026-08-03/new.csv", file(&["n,02-08-2026,x,8"]));
    std::fs::remove_file(lake.source.join("run_date=2026-08-01/a.csv")).unwrap();
    lake.reload(source, days("2026-08-02", "2026-08-02")).await;
    let ids = [["a", "50.00"], ["b", "4.00"], ["l", "8.00"]];
    assert_eq!(lake.rows("SILVER", &["ORDER_ID", "AMOUNT"]), ids);

    let outcome = lake.reload(source, days("2026-08-01", "2026-08-01")).await;
    assert!(
        outcome
            .notices
            .iter()
            .any(|notice| notice.contains("--prune")),
        "{:?}",
        outcome.notices
    );
    lake.reload(
        ReloadFrom::Source { prune: true },
        days("2026-08-01", "2026-08-01"),
    )
    .await;
    assert!(
        lake.rows("BRONZE", &["_FILE"])
            .iter()
            .all(|file| file[0] != "run_date=2026-08-01/a.csv")
    );
    assert!(
        lake.rows("QUARANTINE", &["_RULE"])
            .iter()
            .all(|rule| rule[0] != "missing_order_id")
    );
    // A run takes the file outside the range, and the one that was dropped if it comes back.
    lake.deliver("run_date=2026-08-01/a.csv", file(&["g,01-08-2026,x,1"]));
    lake.run().await;
    assert_eq!(
        lake.rows("SILVER", &["ORDER_ID"]),
        [["a"], ["b"], ["g"], ["l"], ["n"]]
    );
    let now = contents(&lake);
    lake.replay().await;
    assert_eq!(contents(&lake), now);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backfill_needs_dates_in_paths() {
    let mut lake = Lake::new(SALES, "");
    lake.deliver("a.csv", file(&["a,01-08-2026,x,1"]));
    lake.run().await;
    lake.reload = Some(Reload {
        from: ReloadFrom::Source { prune: false },
        filter: days("2026-08-01", "2026-08-01"),
    });
    assert_eq!(lake.try_run().await.unwrap_err().code().id, "L2005");
    let commits = lake.commits();
    lake.reload = None;
    let done = lake
        .reload(ReloadFrom::Source { prune: false }, named("a.csv"))
        .await;
    assert!(done.changed() && lake.commits() > commits);
    assert_eq!(lake.rows("SILVER", &["ORDER_ID"]), [["a"]]);
}

/// Files without a date in their path keep the order of their arrival when tables are rebuilt.
#[tokio::test(flavor = "multi_thread")]
async fn rebuilt_tables_keep_the_order_of_arrival() {
    let contract = SALES.replace(", latest_by: [day]", "");
    let mut lake = Lake::new(&contract, "");
    for (name, amount) in [("z", 1), ("m", 2), ("a", 3), ("q", 4)] {
        lake.deliver(
            &format!("{name}.csv"),
            file(&[&format!("k,01-08-2026,x,{amount}")]),
        );
        lake.run().await;
        let now = contents(&lake);
        lake.replay().await;
        assert_eq!(contents(&lake), now);
        lake.options.full_refresh = true;
        lake.run().await;
        lake.options.full_refresh = false;
        assert_eq!(contents(&lake), now);
    }
    assert_eq!(lake.rows("SILVER", &["AMOUNT"]), [["4.00"]]);
}
