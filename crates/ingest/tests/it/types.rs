//! Columns of every type, from files of every format, and merged by.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BinaryArray, RecordBatch, StringArray, Time64MicrosecondArray,
    TimestampMicrosecondArray,
};
use parquet::arrow::ArrowWriter;

use crate::Lake;

const CONTRACT: &str = "
dataset: sales
from: shop.sales
columns:
  id: {type: binary, binary_format: base64}
  opens: {type: time}
  seen: {type: timestamp_tz}
rules:
  - {name: early, when: \"opens < time '06:00:00'\", reason: 'Found `{opens}`'}
  - {name: future, when: \"seen > '2030-01-01T00:00:00Z'::timestamp_ltz\", reason: 'Found `{seen}`'}
deduplicate: {key: [id], latest_by: [seen]}
write: merge
";
const COLUMNS: &[&str] = &["ID", "OPENS", "SEEN"];

/// What silver shows of an instant and an offset.
fn zoned(instant: &str, offset: i16) -> String {
    format!("{{instant: {instant}, offset_minutes: {offset}}}")
}

#[tokio::test(flavor = "multi_thread")]
async fn texts_become_bytes_times_and_instants_with_offsets() {
    let mut lake = Lake::of(CONTRACT, "*.csv", "");
    lake.deliver(
        "a.csv",
        "id,opens,seen\n\
         /w==,06:30,2026-08-01T06:00:00+02:00\n\
         AQ==,23:59:59.123456789,2026-08-01 06:00:00\n\
         Ag==,05:59:59.9,2026-08-01\n\
         Aw==,07:00,2031-01-01T01:00:00+05:30\n\
         ?,07:00,2026-08-01\n\
         BA==,25:00,2026-08-01\n\
         BQ==,,\n",
    );
    let outcome = lake.run().await;
    assert!(outcome.rejected.is_empty(), "{:?}", outcome.rejected);
    assert_eq!(
        lake.rows("SILVER", COLUMNS),
        [
            [
                "01",
                "23:59:59.123456789",
                &zoned("2026-08-01T06:00:00Z", 0)
            ],
            ["05", "NULL", "NULL"],
            [
                "ff",
                "06:30:00.000000000",
                &zoned("2026-08-01T04:00:00Z", 120)
            ],
        ]
    );
    assert_eq!(
        lake.rows("QUARANTINE", &["_LINE", "_RULE", "_REASON"]),
        [
            ["4", "early", "Found `05:59:59.9`"],
            ["5", "future", "Found `2031-01-01T01:00:00+05:30`"],
            ["6", "unreadable_id", "Id `?` is not Base64"],
            [
                "7",
                "unreadable_opens",
                "Opens `25:00` is not a time in HH:mm:ss"
            ],
        ]
    );

    // Of one delivery the later instant wins, whatever its clock shows.
    lake.deliver(
        "b.csv",
        "id,opens,seen\n/w==,08:00,2026-08-01T01:00:00-04:00\n/w==,09:00,2026-08-01T06:30:00+02:00\n",
    );
    lake.run().await;
    assert_eq!(
        lake.rows("SILVER", COLUMNS),
        [
            [
                "01",
                "23:59:59.123456789",
                &zoned("2026-08-01T06:00:00Z", 0)
            ],
            ["05", "NULL", "NULL"],
            [
                "ff",
                "08:00:00.000000000",
                &zoned("2026-08-01T05:00:00Z", -240)
            ],
        ]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn typed_files_give_the_same_values() {
    let ids = BinaryArray::from_vec(vec![&[255_u8], &[1]]);
    let opens = Time64MicrosecondArray::from(vec![23_400_000_000, 86_399_123_456]);
    let seen = TimestampMicrosecondArray::from(vec![1_785_556_800_000_000; 2]).with_timezone("UTC");
    let columns: [(&str, ArrayRef); 3] = [
        ("id", Arc::new(ids)),
        ("opens", Arc::new(opens)),
        ("seen", Arc::new(seen)),
    ];
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    let contract = CONTRACT.replace(", binary_format: base64", "");
    let mut lake = Lake::of(&contract, "*.parquet", "");
    lake.deliver("a.parquet", parquet(&batch));
    let outcome = lake.run().await;
    assert!(outcome.rejected.is_empty(), "{:?}", outcome.rejected);
    let midnight = zoned("2026-08-01T04:00:00Z", 0);
    let expected = [
        ["01", "23:59:59.123456000", &midnight],
        ["ff", "06:30:00.000000000", &midnight],
    ];
    assert_eq!(lake.rows("SILVER", COLUMNS), expected);

    // Texts of a typed file are written as the contract says.
    let texts: [(&str, ArrayRef); 3] = [
        ("id", Arc::new(StringArray::from(vec!["ff"]))),
        ("opens", Arc::new(StringArray::from(vec!["10:00"]))),
        (
            "seen",
            Arc::new(StringArray::from(vec!["2026-08-02T00:00:00+01:00"])),
        ),
    ];
    lake.deliver(
        "b.parquet",
        parquet(&RecordBatch::try_from_iter(texts).unwrap()),
    );
    lake.run().await;
    let later = zoned("2026-08-01T23:00:00Z", 60);
    assert_eq!(
        lake.rows("SILVER", COLUMNS)[1],
        ["ff", "10:00:00.000000000", &later]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn json_with_an_envelope_gives_them_too() {
    let further = "format: {kind: json, records_path: data.items}";
    let mut lake = Lake::of(CONTRACT, "*.json", further);
    lake.deliver(
        "a.json",
        r#"{"page": 1, "data": {"items": [{"id": "/w==", "opens": "06:30:00", "seen": "2026-08-01T06:00:00+02:00"}]}}"#,
    );
    let outcome = lake.run().await;
    assert!(outcome.rejected.is_empty(), "{:?}", outcome.rejected);
    let expected = [
        "ff",
        "06:30:00.000000000",
        &zoned("2026-08-01T04:00:00Z", 120),
    ];
    assert_eq!(lake.rows("SILVER", COLUMNS), [expected]);
}

fn parquet(batch: &RecordBatch) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut bytes, batch.schema(), None).unwrap();
    writer.write(batch).unwrap();
    writer.close().unwrap();
    bytes
}
