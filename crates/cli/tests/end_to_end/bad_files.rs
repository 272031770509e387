//! Files as they should not be: each is named with what is wrong in it, and costs itself only.

use std::io::Write as _;

use super::shop::{HEADER, Shop};

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packer.write_all(text).unwrap();
    packer.finish().unwrap()
}

#[test]
fn files_that_cannot_be_read_are_refused_and_the_others_loaded() {
    let shop = Shop::new();
    let mut long = HEADER.to_owned();
    (0..50_000).for_each(|id| long.push_str(&format!("t{id},2026-08-01,Bern,{id}\n")));
    let packed = gzip(long.as_bytes());
    let refused: [(&str, &[u8]); 4] = [
        ("truncated.csv.gz", &packed[..packed.len() - 20]),
        ("empty.csv", b""),
        (
            "semicolons.csv",
            b"order_id;day;city;amount\nx,2026-08-01;Bern;1\n",
        ),
        ("no_amount.csv", b"order_id,day,city\nx,2026-08-01,Bern\n"),
    ];
    for (name, bytes) in refused {
        shop.write(&format!("landing/run_date=2026-08-01/{name}"), bytes);
    }
    shop.deliver("2026-08-01", "header_only.csv", "");
    shop.deliver("2026-08-01", "good.csv", "a,2026-08-01,Bern,1\n");

    let said = shop.run_expecting(1);
    for (name, _) in refused {
        assert!(said.contains(name), "{name} is not mentioned\n{said}");
    }
    assert_eq!(said.matches("error[").count(), refused.len(), "{said}");
    assert_eq!(shop.column("select order_id from marts.fact_sales"), ["a"]);
    assert_eq!(
        shop.value("select count(distinct _file) from bronze.sales"),
        "1"
    );

    // What was said once is no failure again, but it is not forgotten.
    let (contents, said) = (shop.contents(), shop.run());
    for (name, _) in refused {
        assert!(said.contains(name), "{name} is not mentioned\n{said}");
    }
    assert!(!said.contains("error["), "{said}");
    assert_eq!(shop.contents(), contents);

    // The file is mended.
    shop.write("landing/run_date=2026-08-01/truncated.csv.gz", &packed);
    shop.run();
    assert_eq!(shop.value("select count(*) from marts.fact_sales"), "50000");
}

#[test]
fn rows_that_cannot_be_read_are_quarantined_with_file_and_line() {
    let shop = Shop::new();
    let mut text = [
        HEADER,
        "a,2026-08-01,Bern,1\nb,2026-08-01\nc,2026-08-01,Bern,1,2,3\n",
    ]
    .concat();
    text.extend(std::iter::repeat_n('x', 20 << 20));
    text.push_str("\nd,yesterday,Bern,4\ne,2026-08-01,Bern,5\n");
    shop.write("landing/run_date=2026-08-01/rows.csv", text.as_bytes());
    shop.run();
    assert_eq!(
        shop.column("select order_id from silver.sales order by 1"),
        ["a", "e"]
    );
    let rows =
        shop.rows("select _file, _line, _rule, _reason from quarantine.sales order by _line");
    let places: Vec<u64> = rows
        .iter()
        .map(|row| row["_LINE"].as_u64().unwrap())
        .collect();
    assert_eq!(places, [3, 4, 5, 6], "{rows:?}");
    for row in &rows {
        assert_eq!(row["_FILE"], "run_date=2026-08-01/rows.csv");
        assert!(!row["_REASON"].as_str().unwrap().is_empty());
    }
    assert_eq!(rows[1]["_RULE"], "long_row");
    assert_eq!(rows[2]["_RULE"], "oversized_record");
    assert_eq!(
        rows[3]["_REASON"],
        "Day `yesterday` is not a date in yyyy-MM-dd"
    );
}

#[test]
fn encodings_are_read_as_what_they_are() {
    let shop = Shop::new();
    let mut marked = b"\xef\xbb\xbf".to_vec();
    marked.extend_from_slice([HEADER, "a,2026-08-01,Zürich,1\n"].concat().as_bytes());
    shop.write("landing/run_date=2026-08-01/marked.csv", &marked);
    let windows = [HEADER.as_bytes(), b"b,2026-08-01,Z\xfcrich,2\n"].concat();
    shop.write("landing/run_date=2026-08-01/windows.csv", &windows);
    shop.deliver("2026-08-01", "plain.csv", "c,2026-08-01,Zürich,3\n");
    shop.run();
    assert_eq!(
        shop.column("select order_id from silver.sales where city = 'Zürich' order by 1"),
        ["a", "b", "c"]
    );
}

#[test]
fn a_new_column_is_kept_in_bronze_and_told() {
    let shop = Shop::new();
    shop.deliver("2026-08-01", "a.csv", "a,2026-08-01,Bern,1\n");
    shop.run();
    shop.write(
        "landing/run_date=2026-08-02/a.csv",
        b"order_id,day,city,amount,channel\nb,2026-08-02,Bern,2,web\n",
    );
    let said = shop.run();
    assert!(said.contains("channel"), "{said}");
    let channels = shop.rows("select order_id, channel from bronze.sales order by 1");
    assert_eq!(channels[0]["CHANNEL"], serde_json::Value::Null);
    assert_eq!(channels[1]["CHANNEL"], "web");
}
