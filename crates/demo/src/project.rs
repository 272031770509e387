//! The files of `examples/retail`, compiled in: the example and the demo are one project.

use std::fs;
use std::path::Path;

use diagnostic::{Result, ResultExt, codes};

/// A file of the project: its path below the project folder, with `/`, and its text.
pub type ProjectFile = (&'static str, &'static str);

macro_rules! project {
    ($($path:literal),* $(,)?) => {
        &[$(($path, include_str!(concat!("../../../examples/retail/", $path)))),*]
    };
}

/// Every file of the retail project. A test compares the list with the folder.
pub const PROJECT: &[ProjectFile] = project![
    "README.md",
    "dbt/dbt_project.yml",
    "dbt/docs/sales.md",
    "dbt/macros/date_key.sql",
    "dbt/macros/generate_schema_name.sql",
    "dbt/macros/surrogate_key.sql",
    "dbt/macros/version_bounds.sql",
    "dbt/models/exposures.yml",
    "dbt/models/intermediate/_intermediate.yml",
    "dbt/models/intermediate/int_customers.sql",
    "dbt/models/intermediate/int_products.sql",
    "dbt/models/intermediate/int_sales.sql",
    "dbt/models/intermediate/int_stores.sql",
    "dbt/models/marts/_marts.yml",
    "dbt/models/marts/dim_customer.sql",
    "dbt/models/marts/dim_date.sql",
    "dbt/models/marts/dim_product.sql",
    "dbt/models/marts/dim_store.sql",
    "dbt/models/marts/fact_sales.sql",
    "dbt/models/marts/fact_sales_daily.sql",
    "dbt/models/staging/_sources.yml",
    "dbt/models/staging/_staging.yml",
    "dbt/models/staging/stg_seeds__markets.sql",
    "dbt/models/staging/stg_superstore__sales.sql",
    "dbt/profiles.yml",
    "dbt/seeds/_seeds.yml",
    "dbt/seeds/markets.csv",
    "dbt/snapshots/_snapshots.yml",
    "dbt/snapshots/products_history.sql",
    "dbt/snapshots/stores_history.sql",
    "dbt/tests/assert_daily_matches_fact.sql",
    "dbt/tests/assert_fact_matches_staging.sql",
    "dbt/tests/generic/in_range.sql",
    "dbt/tests/generic/no_overlap.sql",
    "lake/sales.yml",
    "sluice.yml",
    "sources/superstore.yml",
];

/// Writes the project's files below `dir`.
pub(crate) fn write(dir: &Path) -> Result<()> {
    for (path, text) in PROJECT {
        write_file(&dir.join(path), text.as_bytes())?;
    }
    Ok(())
}

/// Writes one file and the folders above it.
pub(crate) fn write_file(path: &Path, bytes: &[u8]) -> Result<()> {
    let written = match path.parent() {
        Some(parent) => fs::create_dir_all(parent).and_then(|()| fs::write(path, bytes)),
        None => fs::write(path, bytes),
    };
    written.explain(codes::C0102, || {
        format!("`{}` cannot be written", path.display())
    })
}
