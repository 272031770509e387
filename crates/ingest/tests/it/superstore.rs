//! The retail example's contract on the real regional files: the figures that must come out.

use std::path::Path;

use arrow::array::AsArray;
use arrow::datatypes::{Decimal128Type, DecimalType};

use crate::Lake;

fn sum(lake: &Lake, column: &str) -> String {
    let silver = lake.batch("SILVER").unwrap();
    let array = silver
        .column_by_name(column)
        .unwrap()
        .as_primitive::<Decimal128Type>();
    let units: i128 = array.iter().flatten().sum();
    let text = Decimal128Type::format_decimal(units, 38, array.scale());
    if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        text
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_figures_come_out() {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let data = workspace.join("../shared/data/superstore");
    let contract =
        std::fs::read_to_string(workspace.join("examples/retail/lake/sales.yml")).unwrap();
    if !data.exists() {
        return; // The files are not part of the repository.
    }
    let contract = contract.replace("from: superstore.sales", "from: shop.sales");
    let mut lake = Lake::new(&contract, "raw: reference");
    lake.source = data.canonicalize().unwrap();

    let outcome = lake.run().await;

    assert!(outcome.rejected.is_empty(), "{:?}", outcome.rejected);
    assert_eq!(outcome.bronze_rows, 51_290);
    let quarantined: Vec<(&str, u64)> = outcome
        .quarantined
        .iter()
        .map(|(rule, count)| (rule.as_str(), *count))
        .collect();
    let expected = [
        ("invalid_quantity", 4_537),
        ("invalid_sales", 4_710),
        ("missing_date", 4_066),
    ];
    assert_eq!(quarantined, expected);
    assert_eq!(outcome.valid_rows, 37_977);
    assert_eq!(
        (outcome.silver.inserted, outcome.silver.duplicates),
        (37_952, 25)
    );
    assert_eq!(lake.batch("BRONZE").unwrap().num_rows(), 51_290);
    assert_eq!(lake.batch("QUARANTINE").unwrap().num_rows(), 13_313);
    assert_eq!(lake.batch("SILVER").unwrap().num_rows(), 37_952);
    assert_eq!(sum(&lake, "SALES"), "30009853.76186");
    assert_eq!(sum(&lake, "QUANTITY"), "132001");
    assert_eq!(sum(&lake, "PROFIT"), "1111061.59226");

    let commits = lake.commits();
    let again = lake.run().await;
    assert!(!again.changed());
    assert!(again.ledger.is_empty());
    assert_eq!(lake.commits(), commits);
}
