//! Files of all formats take the same way: bronze as read, silver by contract, the rest to quarantine.

use std::io::{Cursor, Write};
use std::sync::Arc;

use arrow::array::{
    ArrayRef, Date32Array, Decimal128Array, RecordBatch, StringArray, TimestampMicrosecondArray,
};
use ingest::FileStatus;
use parquet::arrow::ArrowWriter;

use crate::{Lake, SALES};

/// [`SALES`] with a column of any JSON and an instant.
fn contract() -> String {
    SALES.replace("rules:", "  tags: variant\n  seen: timestamp_ltz\nrules:")
}

const ROWS: &[&str] = &["ORDER_ID", "DAY", "CITY", "AMOUNT", "TAGS", "SEEN"];

#[tokio::test(flavor = "multi_thread")]
async fn lines_of_json_become_typed_rows_and_broken_ones_are_set_aside() {
    let mut lake = Lake::of(&contract(), "**/*.jsonl*", "batch: run_date");
    let text = concat!(
        r#"{"order_id":"a","day":"01-08-2026","city":" new  york ","amount":1.50,"tags":{"b":[1.0,null],"a":"x"},"seen":"2026-08-01T06:00:00+02:00"}"#,
        "\n",
        r#"{"order_id":"b","day":"01-08-2026","city":"","amount":"2","tags":null,"extra":true}"#,
        "\n",
        r#"{"order_id":"c","day":"2026-08-01","amount":3}"#,
        "\n",
        r#"{"order_id":"d","amount":4"#,
        "\n",
        r#"{"order_id":"e","day":"01-08-2026","amount":0,"tags":"text"}"#,
        "\n",
    );
    lake.deliver("run_date=2026-08-01/a.jsonl", text);
    let outcome = lake.run().await;
    assert!(outcome.rejected.is_empty(), "{:?}", outcome.rejected);
    assert_eq!((outcome.bronze_rows, outcome.valid_rows), (5, 2));
    assert_eq!(
        lake.rows("SILVER", ROWS),
        [
            [
                "a",
                "2026-08-01",
                "NEW YORK",
                "1.50",
                r#"{"a":"x","b":[1,null]}"#,
                "2026-08-01T04:00:00Z"
            ],
            // JSON's null is a value of a VARIANT, a key that is not there is none.
            ["b", "2026-08-01", "", "2.00", "null", "NULL"],
        ]
    );
    assert_eq!(
        lake.rows("BRONZE", &["ORDER_ID", "AMOUNT", "TAGS", "EXTRA", "_LINE"]),
        [
            ["NULL", "NULL", "NULL", "NULL", "4"],
            ["a", "1.50", r#"{"b":[1.0,null],"a":"x"}"#, "NULL", "1"],
            ["b", "2", "NULL", "true", "2"],
            ["c", "3", "NULL", "NULL", "3"],
            ["e", "0", "text", "NULL", "5"],
        ]
    );
    let offset = text.find(r#"{"order_id":"d""#).unwrap() + r#"{"order_id":"d","amount":4"#.len();
    assert_eq!(
        lake.rows("QUARANTINE", &["_LINE", "_RULE", "_REASON", "_RAW"]),
        [
            [
                "3",
                "unreadable_day",
                "Day `2026-08-01` is not a date in dd-MM-yyyy",
                r#"{"order_id":"c","day":"2026-08-01","amount":3}"#
            ],
            [
                "4",
                "malformed_json",
                &format!(
                    "The record is not a JSON object: it is cut off at character 27 (byte {offset} of the file)"
                ),
                r#"{"order_id":"d","amount":4"#
            ],
            [
                "5",
                "invalid_amount",
                "The amount must be above zero, found `0`",
                r#"{"order_id":"e","day":"01-08-2026","amount":0,"tags":"text"}"#
            ],
        ]
    );
    assert!(!lake.run().await.changed());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_schema_contract_of_json_looks_at_keys() {
    let keys = |change: &str| format!("{}schema_contract: {{{change}}}\n", contract());
    let file = "{\"order_id\":\"a\",\"day\":\"01-08-2026\",\"amount\":1}\n{\"order_id\":\"b\",\"day\":\"01-08-2026\",\"amount\":2,\"city\":\"x\",\"new\":1}\n";
    let run = async |change: &str| {
        let mut lake = Lake::of(&keys(change), "*.jsonl", "");
        lake.deliver("a.jsonl", file);
        let outcome = lake.run().await;
        let codes = outcome.rejected.iter().map(|no| no.error.code().id);
        let codes: Vec<&str> = codes.collect();
        let rows = lake.rows("QUARANTINE", &["_RULE", "_REASON"]);
        let rows: Vec<String> = rows.iter().map(|row| row.join(": ")).collect();
        format!("{}{}", codes.join(", "), rows.join("; "))
    };
    // No record has `tags` or `seen`; what is left out is NULL unless the contract says otherwise.
    assert_eq!(run("new_column: evolve").await, "");
    assert_eq!(run("missing_column: freeze").await, "L1002");
    assert_eq!(run("new_column: freeze").await, "L1001");
    assert_eq!(
        run("missing_column: quarantine").await,
        "missing_column_city: The record has no key `city`; \
         missing_column_tags: The record has no key `tags`"
    );
    assert_eq!(
        run("new_column: quarantine").await,
        "new_column_new: The contract has no column `new`, found `1`"
    );
}

fn parquet() -> Vec<u8> {
    let amounts = Decimal128Array::from(vec![150_i128, 12_345]).with_precision_and_scale(10, 3);
    let columns: [(&str, ArrayRef); 6] = [
        ("Order ID", Arc::new(StringArray::from(vec!["a", "b"]))),
        ("Day", Arc::new(Date32Array::from(vec![20_666, 20_667]))),
        ("City", Arc::new(StringArray::from(vec![Some("x"), None]))),
        ("Amount", Arc::new(amounts.unwrap())),
        ("tags", Arc::new(StringArray::from(vec![Some("t"), None]))),
        (
            "seen",
            Arc::new(TimestampMicrosecondArray::from(vec![0, 1]).with_timezone("UTC")),
        ),
    ];
    let batch =
        RecordBatch::try_from_iter_with_nullable(columns.map(|(name, array)| (name, array, true)))
            .unwrap();
    let mut bytes = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut bytes, batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    bytes
}

#[tokio::test(flavor = "multi_thread")]
async fn parquet_is_mapped_by_name_and_judged_by_the_contract() {
    let mut lake = Lake::of(&contract(), "*.parquet", "");
    lake.deliver("a.parquet", parquet());
    lake.deliver("b.parquet", &parquet()[..300]);
    let outcome = lake.run().await;
    assert_eq!(outcome.rejected.len(), 1);
    assert_eq!(outcome.rejected[0].error.code().id, "F2001");
    // The date comes as one, whatever format the contract lists for text.
    assert_eq!(
        lake.rows("SILVER", ROWS),
        [[
            "a",
            "2026-08-01",
            "X",
            "0.15",
            "\"t\"",
            "1970-01-01T00:00:00Z"
        ]]
    );
    let found = lake.rows("QUARANTINE", &["_LINE", "_REASON", "_RAW"]);
    assert_eq!(
        found[0][..2],
        [
            "2",
            "Amount `12.345` has more than 2 digits after the point"
        ]
    );
    assert!(found[0][2].starts_with("{\"Order ID\":\"b\",\"Day\":\"2026-08-02\",\"City\":null,"));
}

#[tokio::test(flavor = "multi_thread")]
async fn members_of_an_archive_are_loaded_once_each() {
    let pack = |members: &[(&str, &str)]| {
        let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
        for (name, text) in members {
            let options = zip::write::SimpleFileOptions::default();
            writer.start_file(*name, options).unwrap();
            writer.write_all(text.as_bytes()).unwrap();
        }
        writer.finish().unwrap().into_inner()
    };
    let row = |id: &str| format!("order_id,day,city,amount\n{id},01-01-2020,x,1\n");
    let (a, b, c) = (row("a"), row("b"), row("c"));
    for mode in ["copy", "reference"] {
        let mut lake = Lake::of(SALES, "**/*.zip", &format!("raw: {mode}"));
        lake.deliver("drop.zip", pack(&[("a.csv", &a), ("in/b.csv", &b)]));
        let outcome = lake.run().await;
        let names: Vec<&str> = outcome
            .files
            .iter()
            .map(|file| file.name.as_str())
            .collect();
        assert_eq!(names, ["drop.zip/a.csv", "drop.zip/in/b.csv"]);
        assert_eq!(lake.rows("SILVER", &["ORDER_ID"]), [["a"], ["b"]]);
        // The archive grows: only its new member is loaded.
        lake.deliver(
            "drop.zip",
            pack(&[("a.csv", &a), ("c.csv", &c), ("in/b.csv", &b)]),
        );
        let outcome = lake.run().await;
        assert_eq!(outcome.bronze_rows, 1);
        assert_eq!(outcome.files[0].status, FileStatus::Unchanged);
        assert_eq!(lake.rows("SILVER", &["ORDER_ID"]), [["a"], ["b"], ["c"]]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn values_of_the_path_are_columns() {
    let contract = SALES.replace(
        "rules:",
        "  client: text\n  region: {type: text, clean: [upper]}\nrules:",
    );
    let mut lake = Lake::of(
        &contract,
        "clients/{client}/**/run_date=*/*.csv",
        "batch: run_date",
    );
    let text = "order_id,day,city,amount\na,01-01-2020,x,1\n";
    lake.deliver(
        "clients/acme/region=eu%20west/run_date=2026-08-01/a.csv",
        text,
    );
    lake.deliver(
        "clients/beta/region=__HIVE_DEFAULT_PARTITION__/run_date=2026-08-01/b.csv",
        text.replace("\na,", "\nb,"),
    );
    let outcome = lake.run().await;
    assert!(outcome.rejected.is_empty(), "{:?}", outcome.rejected);
    let expected = [["a", "acme", "EU WEST"], ["b", "beta", "NULL"]];
    assert_eq!(
        lake.rows("SILVER", &["ORDER_ID", "CLIENT", "REGION"]),
        expected
    );
    // A rebuild from the raw zone knows them too, though the files are gone.
    std::fs::remove_dir_all(lake.source.join("clients")).unwrap();
    std::fs::create_dir_all(lake.source.join("clients")).unwrap();
    lake.options.full_refresh = true;
    lake.run().await;
    assert_eq!(
        lake.rows("SILVER", &["ORDER_ID", "CLIENT", "REGION"]),
        expected
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_of_another_format_than_declared_is_refused_with_the_way_out() {
    let mut lake = Lake::of(SALES, "**/*.csv", "");
    lake.deliver("a.csv", parquet());
    let outcome = lake.run().await;
    let error = &outcome.rejected[0].error;
    assert_eq!(error.code().id, "F2002");
    assert!(error.remedy().unwrap().contains("kind: parquet"), "{error}");
}
