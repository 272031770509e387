//! Order: between batches, within one, and across runs.

use ingest::FileStatus;
use proptest::prelude::*;

use crate::{Lake, SALES, sales};

fn file(rows: &[(&str, &str, u32)]) -> String {
    let mut text = "order_id,day,city,amount\n".to_owned();
    for (id, day, amount) in rows {
        text.push_str(&format!("{id},{day},x,{amount}\n"));
    }
    text
}

#[tokio::test(flavor = "multi_thread")]
async fn newer_batches_win_and_older_ones_change_nothing() {
    let mut lake = sales();
    lake.deliver(
        "run_date=2026-08-02/a.csv",
        file(&[("a", "05-01-2020", 2), ("b", "01-01-2020", 2)]),
    );
    lake.run().await;
    lake.deliver(
        "run_date=2026-08-01/a.csv",
        file(&[("a", "06-01-2020", 1), ("c", "01-01-2020", 1)]),
    );
    let outcome = lake.run().await;
    assert_eq!((outcome.silver.inserted, outcome.silver.older), (1, 1));
    lake.deliver("run_date=2026-08-03/a.csv", file(&[("b", "01-01-2019", 3)]));
    let outcome = lake.run().await;
    assert_eq!((outcome.silver.inserted, outcome.silver.updated), (0, 1));
    assert_eq!(
        lake.rows("SILVER", &["ORDER_ID", "AMOUNT", "_BATCH"]),
        [
            ["a", "2.00", "2026-08-02"],
            ["b", "3.00", "2026-08-03"],
            ["c", "1.00", "2026-08-01"]
        ]
    );
    assert_eq!(lake.rows("BRONZE", &["ORDER_ID"]).len(), 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn content_counts_not_names() {
    let mut lake = Lake::new(SALES, "raw: copy");
    lake.deliver("a.csv", file(&[("a", "01-01-2020", 1)]));
    lake.run().await;
    let commits = lake.commits();
    std::fs::rename(lake.source.join("a.csv"), lake.source.join("b.csv")).unwrap();
    let outcome = lake.run().await;
    assert_eq!(outcome.files[0].status, FileStatus::Duplicate);
    assert_eq!(lake.commits(), commits);

    lake.deliver("b.csv", file(&[("a", "01-01-2020", 7)]));
    let outcome = lake.run().await;
    assert!(matches!(
        outcome.files[0].status,
        FileStatus::Loaded { changed: true, .. }
    ));
    assert_eq!(
        lake.rows("SILVER", &["ORDER_ID", "AMOUNT"]),
        [["a", "7.00"]]
    );
    assert_eq!(lake.rows("BRONZE", &["AMOUNT"]), [["1"], ["7"]]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_corrected_file_of_one_batch_replaces_its_own_rows() {
    let mut lake = sales();
    lake.deliver(
        "run_date=1/a.csv",
        file(&[("a", "05-01-2020", 1), ("b", "05-01-2020", 1)]),
    );
    lake.deliver("run_date=1/z.csv", file(&[("b", "06-01-2020", 9)]));
    lake.run().await;
    lake.deliver(
        "run_date=1/a.csv",
        file(&[("a", "04-01-2020", 2), ("b", "05-01-2020", 2)]),
    );
    lake.run().await;
    assert_eq!(
        lake.rows("SILVER", &["ORDER_ID", "AMOUNT"]),
        [["a", "2.00"], ["b", "9.00"]]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn append_overwrite_and_full_refresh() {
    let append = SALES
        .replace("mode: merge", "mode: append")
        .replace("deduplicate: {key: [order_id], latest_by: [day]}\n", "");
    let mut lake = Lake::new(&append, "");
    lake.deliver(
        "a.csv",
        file(&[("a", "01-01-2020", 1), ("a", "01-01-2020", 1)]),
    );
    lake.run().await;
    lake.deliver("b.csv", file(&[("a", "01-01-2020", 3)]));
    assert_eq!(lake.run().await.silver.inserted, 1);
    assert_eq!(lake.rows("SILVER", &["AMOUNT"]).len(), 3);

    lake.contract(&SALES.replace("mode: merge", "mode: overwrite"));
    lake.deliver("c.csv", file(&[("b", "01-01-2020", 4)]));
    lake.run().await;
    assert_eq!(lake.rows("SILVER", &["ORDER_ID"]), [["b"]]);

    lake.contract(&SALES.replace("number(10,2)", "number(12,3)"));
    lake.deliver("d.csv", file(&[("d", "01-01-2020", 4)]));
    assert_eq!(lake.try_run().await.unwrap_err().code().id, "L3001");
    lake.options.full_refresh = true;
    lake.run().await;
    assert_eq!(lake.rows("SILVER", &["ORDER_ID"]), [["a"], ["b"], ["d"]]);
    assert_eq!(lake.rows("BRONZE", &["ORDER_ID"]).len(), 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_beyond_the_memory_budget_are_spilled() {
    let mut lake = sales();
    lake.options.memory = 4096;
    let mut text = "order_id,day,city,amount\n".to_owned();
    (0..60_000)
        .for_each(|row| text.push_str(&format!("o{},01-01-2020,x,{}\n", row % 20_000, row + 1)));
    lake.deliver("run_date=1/a.csv", text);
    let outcome = lake.run().await;
    assert_eq!(
        (outcome.silver.inserted, outcome.silver.duplicates),
        (20_000, 40_000)
    );
    // Equal in batch and day: the last one in the file stays; the cap is 1000.
    assert!(
        lake.rows("SILVER", &["AMOUNT"])
            .iter()
            .all(|row| row[0] == "1000.00")
    );
}

/// Files of a few batches with few keys, so that they collide.
fn files() -> impl Strategy<Value = Vec<(usize, String)>> {
    let row = (0..6_usize, 1..5_u32, 1..900_u32);
    let content = prop::collection::vec(row, 1..6);
    prop::collection::vec((0..3_usize, content), 1..6).prop_map(|files| {
        files
            .into_iter()
            .map(|(batch, rows)| {
                let mut text = "order_id,day,city,amount\n".to_owned();
                for (id, day, amount) in rows {
                    text.push_str(&format!("o{id},0{day}-01-2020,x,{amount}\n"));
                }
                (batch, text)
            })
            .collect()
    })
}

fn silver_after(files: &[(usize, String)], runs: &[Vec<usize>]) -> Vec<Vec<String>> {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let mut lake = sales();
        for run in runs {
            for at in run {
                let (batch, text) = &files[*at];
                lake.deliver(&format!("run_date=2026-08-0{batch}/{at}.csv"), text);
            }
            lake.run().await;
        }
        lake.rows("SILVER", &["ORDER_ID", "DAY", "CITY", "AMOUNT", "_BATCH"])
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// However files are spread over runs, the silver table is the same.
    #[test]
    fn any_order_of_arrival_leads_to_one_table(
        files in files(),
        order in prop::collection::vec(any::<prop::sample::Index>(), 6),
        cut in 0..4_usize,
    ) {
        let all: Vec<usize> = (0..files.len()).collect();
        let mut shuffled = all.clone();
        for (at, other) in order.iter().enumerate().take(files.len()) {
            shuffled.swap(at, other.index(files.len()));
        }
        let runs: Vec<Vec<usize>> = shuffled.chunks(cut.max(1)).map(<[usize]>::to_vec).collect();
        prop_assert_eq!(silver_after(&files, &[all]), silver_after(&files, &runs));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_may_forbid_or_ignore_changes_of_its_files() {
    let row = |city: &str| format!("order_id,day,city,amount\na,01-01-2020,{city},1\n");
    for (policy, rejected) in [("error", 1), ("ignore", 0)] {
        let mut lake = Lake::new(SALES, &format!("on_file_change: {policy}"));
        lake.deliver("a.csv", row("x"));
        lake.run().await;
        lake.deliver("a.csv", row("y"));
        for _ in 0..2 {
            let outcome = lake.run().await;
            assert!(!outcome.changed());
            assert_eq!(outcome.rejected.len(), rejected);
            assert!(
                outcome
                    .rejected
                    .iter()
                    .all(|no| no.error.code().id == "F1006")
            );
            assert_eq!(outcome.notices.len(), 1 - rejected);
            assert_eq!(lake.rows("SILVER", &["CITY"]), [["X"]]);
        }
        // Another file is not affected, and the old rows still stand as those of a current file.
        lake.deliver("b.csv", row("z").replace("a,", "b,"));
        assert!(lake.run().await.changed());
        assert_eq!(lake.rows("SILVER", &["CITY"]), [["X"], ["Z"]]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delivery_waits_for_its_marker_and_keeps_to_its_manifest() {
    let mut lake = Lake::new(SALES, "marker: _SUCCESS");
    let row = |id: &str| format!("order_id,day,city,amount\n{id},01-01-2020,x,1\n");
    lake.deliver("d=1/a.csv", row("a"));
    let outcome = lake.run().await;
    assert!(!outcome.changed() && outcome.notices[0].contains("_SUCCESS"));
    lake.deliver("d=1/_SUCCESS", "");
    assert_eq!(lake.run().await.bronze_rows, 1);

    let manifest = |entries: &str| format!("{{\"files\": [{entries}]}}");
    let refused = async |lake: &mut Lake, entries: &str| -> Vec<String> {
        lake.deliver("d=2/_SUCCESS", manifest(entries));
        let outcome = lake.run().await;
        assert!(!outcome.changed());
        let errors = outcome
            .rejected
            .iter()
            .map(|no| no.error.message().to_owned());
        errors.collect()
    };
    lake.deliver("d=2/b.csv", row("b"));
    lake.deliver("d=2/c.csv", row("c"));
    let b = r#"{"path": "b.csv", "rows": 1}"#;
    let errors = refused(&mut lake, &format!(r#"{b}, {{"path": "gone.csv"}}"#)).await;
    assert_eq!(errors.len(), 2);
    assert!(errors[0].contains("gone.csv"), "{errors:?}");
    for wrong in [
        r#"{"path": "b.csv", "rows": 2}"#,
        r#"{"path": "b.csv", "size": 7}"#,
        r#"{"path": "b.csv", "sha256": "00"}"#,
    ] {
        let errors = refused(&mut lake, wrong).await;
        assert!(
            errors[0].contains("not what its manifest says"),
            "{errors:?}"
        );
    }
    lake.deliver("d=2/_SUCCESS", manifest(b));
    let outcome = lake.run().await;
    assert!(
        outcome
            .notices
            .iter()
            .any(|notice| notice.contains("c.csv")),
        "{:?}",
        outcome.notices
    );
    assert_eq!(lake.rows("SILVER", &["ORDER_ID"]), [["a"], ["b"]]);
}
