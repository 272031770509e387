//! Cleaning, typing, rules and the schema contract.

use crate::{Lake, SALES, sales};

const QUARANTINED: &[&str] = &["ORDER_ID", "AMOUNT", "_RULE", "_REASON", "_LINE", "_RAW"];

#[tokio::test(flavor = "multi_thread")]
async fn values_are_cleaned_typed_and_capped() {
    let mut lake = sales();
    lake.deliver(
        "run_date=1/a.csv",
        "Order ID,Day,City,Amount\n a1 ,05-11-2013, New   york ,1200.5\nA2,06-11-2013,,17.50\n",
    );
    let outcome = lake.run().await;
    assert_eq!((outcome.bronze_rows, outcome.valid_rows), (2, 2));
    assert_eq!(
        lake.rows("SILVER", &["ORDER_ID", "DAY", "CITY", "AMOUNT", "_BATCH"]),
        [
            ["A2", "2013-11-06", "NULL", "17.50", "1"],
            ["a1", "2013-11-05", "NEW YORK", "1000.00", "1"]
        ]
    );
    assert_eq!(
        lake.rows("BRONZE", &["ORDER_ID", "CITY", "AMOUNT", "_FILE", "_LINE"]),
        [
            [" a1 ", " New   york ", "1200.5", "run_date=1/a.csv", "2"],
            ["A2", "NULL", "17.50", "run_date=1/a.csv", "3"],
        ]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_rule_that_matches_gives_the_reason() {
    let mut lake = sales();
    let text = "order_id,day,city,amount\n,01-01-2020,x,-1\nb,01-01-2020,x,0\nc,31-02-2020,x,5\nd,01-01-2020,x,1.005\ne,01-01-2020,x,-0.0001\nf,01-01-2020,x,abc\ng,01-01-2020,x,99999.123456\nh,01-01-2020,x,1\n";
    lake.deliver("run_date=1/a.csv", text);
    let outcome = lake.run().await;
    assert_eq!((outcome.valid_rows, outcome.quarantined_rows()), (2, 6));
    assert_eq!(
        lake.rows("QUARANTINE", QUARANTINED),
        [
            [
                "NULL",
                "-1",
                "missing_order_id",
                "The order id is missing",
                "2",
                ",01-01-2020,x,-1"
            ],
            [
                "b",
                "0",
                "invalid_amount",
                "The amount must be above zero, found `0`",
                "3",
                "b,01-01-2020,x,0"
            ],
            [
                "c",
                "5",
                "unreadable_day",
                "Day `31-02-2020` is not a date in dd-MM-yyyy",
                "4",
                "c,31-02-2020,x,5"
            ],
            [
                "d",
                "1.005",
                "unreadable_amount",
                "Amount `1.005` has more than 2 digits after the point",
                "5",
                "d,01-01-2020,x,1.005"
            ],
            [
                "e",
                "-0.0001",
                "invalid_amount",
                "The amount must be above zero, found `-0.0001`; Amount `-0.0001` has more than 2 digits after the point",
                "6",
                "e,01-01-2020,x,-0.0001"
            ],
            [
                "f",
                "abc",
                "invalid_amount",
                "The amount must be above zero, found `abc`; Amount `abc` is not a number",
                "7",
                "f,01-01-2020,x,abc"
            ],
        ]
    );
    assert_eq!(
        lake.rows("SILVER", &["ORDER_ID", "AMOUNT"]),
        [["g", "1000.00"], ["h", "1.00"]]
    );
}

const WIDE: &str = "order_id,day,city,amount,colour\na,01-01-2020,x,1,red\nb,01-01-2020,x,1,\n";
const NARROW: &str = "order_id,day,amount\na,01-01-2020,1\n";

async fn with(contract: &str, text: &str) -> (Lake, ingest::IngestOutcome) {
    let mut lake = Lake::new(
        &format!("{SALES}schema_contract: {contract}\n"),
        "batch: run_date",
    );
    lake.deliver("a.csv", text);
    let outcome = lake.run().await;
    (lake, outcome)
}

#[tokio::test(flavor = "multi_thread")]
async fn new_columns_follow_the_contract() {
    let (lake, outcome) = with("{new_column: evolve}", WIDE).await;
    assert_eq!(
        lake.rows("BRONZE", &["ORDER_ID", "COLOUR"]),
        [["a", "red"], ["b", "NULL"]]
    );
    assert!(
        outcome.notices[0].contains("`colour`"),
        "{:?}",
        outcome.notices
    );
    assert_eq!(outcome.silver.inserted, 2);

    let (lake, outcome) = with("{new_column: freeze}", WIDE).await;
    assert_eq!(outcome.rejected[0].error.code().id, "L1001");
    assert!(lake.rows("BRONZE", &["ORDER_ID"]).is_empty());

    let (lake, _) = with("{new_column: discard_value}", WIDE).await;
    assert!(
        lake.batch("BRONZE")
            .unwrap()
            .column_by_name("COLOUR")
            .is_none()
    );

    let (_, outcome) = with("{new_column: discard_row}", WIDE).await;
    assert_eq!((outcome.discarded_rows, outcome.valid_rows), (1, 1));

    let (lake, _) = with("{new_column: quarantine}", WIDE).await;
    let expected = [[
        "a",
        "new_column_colour",
        "The contract has no column `colour`, found `red`",
    ]];
    assert_eq!(
        lake.rows("QUARANTINE", &["ORDER_ID", "_RULE", "_REASON"]),
        expected
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn missing_columns_and_other_types_follow_the_contract() {
    let (_, outcome) = with("{missing_column: freeze}", NARROW).await;
    assert_eq!(outcome.rejected[0].error.code().id, "L1002");
    assert!(outcome.rejected[0].error.message().contains("`city`"));

    let (lake, _) = with("{missing_column: evolve}", NARROW).await;
    assert_eq!(lake.rows("SILVER", &["ORDER_ID", "CITY"]), [["a", "NULL"]]);

    let (_, outcome) = with("{missing_column: quarantine}", NARROW).await;
    assert_eq!(outcome.quarantined["missing_column_city"], 1);

    let (lake, _) = with("{missing_column: discard_value}", NARROW).await;
    assert_eq!(lake.rows("SILVER", &["ORDER_ID", "CITY"]), [["a", "NULL"]]);
    let (lake, outcome) = with("{missing_column: discard_row}", NARROW).await;
    assert_eq!((outcome.discarded_rows, outcome.valid_rows), (1, 0));
    assert_eq!(lake.rows("BRONZE", &["ORDER_ID"]), [["a"]]);
    assert!(lake.rows("QUARANTINE", &["ORDER_ID"]).is_empty());

    let odd = "order_id,day,city,amount\na,tomorrow,x,1\nb,01-01-2020,x,1\n";
    let (lake, _) = with("{type_change: evolve}", odd).await;
    assert_eq!(
        lake.rows("SILVER", &["ORDER_ID", "DAY"]),
        [["a", "NULL"], ["b", "2020-01-01"]]
    );
    let (_, outcome) = with("{type_change: discard_row}", odd).await;
    assert_eq!((outcome.discarded_rows, outcome.valid_rows), (1, 1));
    let (lake, _) = with("{type_change: discard_value}", odd).await;
    assert_eq!(
        lake.rows("SILVER", &["ORDER_ID", "DAY"]),
        [["a", "NULL"], ["b", "2020-01-01"]]
    );
    let (lake, outcome) = with("{type_change: quarantine}", odd).await;
    assert_eq!(outcome.valid_rows, 1);
    let expected = [["a", "unreadable_day"]];
    assert_eq!(lake.rows("QUARANTINE", &["ORDER_ID", "_RULE"]), expected);
    let (_, outcome) = with("{type_change: freeze}", odd).await;
    let error = &outcome.rejected[0].error;
    assert_eq!((error.code().id, error.place().unwrap().line), ("L1003", 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn contracts_that_make_no_sense_are_refused_where_they_are_written() {
    let refused = async |from: &str, to: &str| {
        let mut lake = Lake::new(&SALES.replace(from, to), "batch: run_date");
        lake.deliver("a.csv", "order_id\n");
        lake.try_run().await.unwrap_err()
    };
    let error = refused("when: order_id is null", "when: ordr_id is null").await;
    assert_eq!(error.code().id, "L2001", "{error}");
    assert!(error.to_string().contains("order_id"), "{error}");
    let two = "when: order_id is null) from (select 1";
    assert_eq!(
        refused("when: order_id is null", two).await.code().id,
        "L2001"
    );
    assert_eq!(
        refused("when: order_id is null", "when: order_id")
            .await
            .code()
            .id,
        "L2001"
    );
    assert_eq!(
        refused("cap: 1000", "cap: 1000.001").await.code().id,
        "L2004"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn rules_speak_the_warehouses_dialect() {
    let when = "when: \"iff(nvl(order_id, '') = '', true, to_char(day, 'YYYYMMDD') = '20200102')\"";
    let mut lake = Lake::new(
        &SALES.replace("when: order_id is null", when),
        "batch: run_date",
    );
    lake.deliver(
        "a.csv",
        "order_id,day,city,amount\n,01-01-2020,x,1\nb,02-01-2020,x,1\nc,03-01-2020,x,1\n",
    );
    let outcome = lake.run().await;
    assert_eq!(
        (outcome.valid_rows, outcome.quarantined["missing_order_id"]),
        (1, 2)
    );
}
