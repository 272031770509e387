//! Measuring a load: `MEASURE_DIR=<folder of CSV files> cargo test --release -p ingest measure -- --ignored`.

use std::path::Path;
use std::time::Instant;

use crate::Lake;

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs MEASURE_DIR, a folder of files of the retail example"]
async fn measure() {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let contract =
        std::fs::read_to_string(workspace.join("examples/retail/lake/sales.yml")).unwrap();
    let contract = contract.replace("from: superstore.sales", "from: shop.sales");
    let mut lake = Lake::new(&contract, "raw: reference");
    lake.source = std::env::var("MEASURE_DIR").unwrap().into();
    for _ in 0..2 {
        let begun = Instant::now();
        let outcome = lake.run().await;
        eprintln!(
            "{:?}: {} bronze, {:?}",
            begun.elapsed(),
            outcome.bronze_rows,
            outcome.silver
        );
    }
}
