//! Files as they should not be: each is named, and costs itself only.

use std::io::Write;

use crate::{Lake, SALES, sales};

const GOOD: &str = "order_id,day,city,amount\na,01-01-2020,x,1\n";

/// Runs `bad` beside a good file and gives the code of its rejection.
async fn rejected(bad: &[u8]) -> &'static str {
    let mut lake = sales();
    lake.deliver("bad.csv", bad);
    lake.deliver("good.csv", GOOD);
    let outcome = lake.run().await;
    assert_eq!(lake.rows("SILVER", &["ORDER_ID"]), [["a"]]);
    assert_eq!(lake.rows("BRONZE", &["_FILE"]), [["good.csv"]]);
    assert_eq!(outcome.rejected.len(), 1);
    let rejection = &outcome.rejected[0];
    assert_eq!(rejection.file, "bad.csv");
    assert!(rejection.error.to_string().contains("bad.csv"));
    // A second run says so again, but records and changes nothing.
    let commits = lake.commits();
    let again = lake.run().await;
    assert!(again.rejected[0].again && again.ledger.is_empty());
    assert_eq!(lake.commits(), commits);
    rejection.error.code().id
}

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packer.write_all(text).unwrap();
    packer.finish().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn files_that_cannot_be_read_leave_nothing() {
    let mut text = b"order_id,day,city,amount\n".to_vec();
    (0..100_000)
        .for_each(|id| text.extend_from_slice(format!("o{id},01-01-2020,x,{id}\n").as_bytes()));
    let packed = gzip(&text);
    assert_eq!(rejected(&packed[..packed.len() - 20]).await, "F2001");
    assert_eq!(rejected(b"").await, "F3001");
    assert_eq!(rejected(GOOD.replace(',', ";").as_bytes()).await, "F3002");
    assert_eq!(rejected(b"a,01-01-2020,x,1\n").await, "F3004");
    assert_eq!(rejected(b"PK\x03\x04").await, "F2001");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_header_only_is_an_empty_file() {
    let mut lake = sales();
    lake.deliver("a.csv", "order_id,day,city,amount\n");
    let outcome = lake.run().await;
    assert!(outcome.rejected.is_empty());
    assert_eq!(outcome.files[0].status, ingest::FileStatus::Empty);
    assert_eq!(
        lake.run().await.files[0].status,
        ingest::FileStatus::Unchanged
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn mixed_encodings_are_read() {
    let mut lake = sales();
    let text = b"\xef\xbb\xbforder_id,day,city,amount\na,01-01-2020,M\xfcnchen,1\nb,01-01-2020,M\xc3\xbcnchen,1\n";
    lake.deliver("a.csv", text);
    lake.run().await;
    assert_eq!(lake.rows("SILVER", &["CITY"]), [["MÜNCHEN"], ["MÜNCHEN"]]);
}

#[tokio::test(flavor = "multi_thread")]
async fn broken_records_go_to_quarantine_with_their_line() {
    let mut lake = Lake::new(SALES, "format: {kind: csv, max_record: 1MiB}");
    let mut text =
        b"order_id,day,city,amount\na,01-01-2020,x,1\nb,01-01-2020,x\nc,01-01-2020,x,1,2\n"
            .to_vec();
    text.extend(std::iter::repeat_n(b'x', 5 << 20));
    text.extend_from_slice(b"\nd,01-01-2020,\"x,1\ne,01-01-2020,x,1\n");
    lake.deliver("a.csv", text);
    let outcome = lake.run().await;
    assert_eq!(lake.rows("SILVER", &["ORDER_ID"]), [["a"], ["e"]]);
    let found = lake.rows("QUARANTINE", &["_LINE", "_RULE", "_REASON"]);
    assert_eq!(found[0][..2], ["3", "invalid_amount"]);
    assert_eq!(
        found[1],
        ["4", "long_row", "The row has 5 fields, the header 4"]
    );
    assert_eq!(found[2][..2], ["5", "oversized_record"]);
    assert_eq!(found[3][..2], ["6", "unclosed_quote"]);
    assert_eq!((outcome.bronze_rows, outcome.quarantined_rows()), (6, 4));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_short_row_that_breaks_no_rule_is_quarantined_as_short() {
    let mut lake = Lake::new(
        &SALES.replace(
            "  amount: {type: 'number(10,2)', cap: 1000}\n",
            "  amount: {type: 'number(10,2)', cap: 1000}\n  note: text\n",
        ),
        "",
    );
    lake.deliver("a.csv", "order_id,day,city,amount,note\na,01-01-2020,x,1\n");
    lake.run().await;
    let expected = [["short_row", "The row has 4 of 5 fields"]];
    assert_eq!(lake.rows("QUARANTINE", &["_RULE", "_REASON"]), expected);
}
