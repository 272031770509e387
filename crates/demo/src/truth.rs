//! What is in the generated files: how often each rule of the contract is broken, and what is left.

use std::ops::AddAssign;

use serde::{Deserialize, Serialize};

/// Rows that break each rule of `lake/sales.yml`, counted at the first one that matches.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rules {
    /// No order id, or only blanks.
    pub missing_order_id: u64,
    /// No product id, or only blanks.
    pub missing_product_id: u64,
    /// Sales empty, zero or below.
    pub invalid_sales: u64,
    /// Quantity empty, zero or below.
    pub invalid_quantity: u64,
    /// Order or ship date empty or impossible.
    pub missing_date: u64,
    /// Shipped before it was ordered.
    pub date_violation: u64,
}

impl Rules {
    /// Each rule's name and count, in the contract's order.
    #[must_use]
    pub fn counts(&self) -> [(&'static str, u64); 6] {
        [
            ("missing_order_id", self.missing_order_id),
            ("missing_product_id", self.missing_product_id),
            ("invalid_sales", self.invalid_sales),
            ("invalid_quantity", self.invalid_quantity),
            ("missing_date", self.missing_date),
            ("date_violation", self.date_violation),
        ]
    }

    /// Rows that end in quarantine.
    #[must_use]
    pub fn quarantined(&self) -> u64 {
        self.counts().iter().map(|(_, count)| count).sum()
    }
}

/// What `SILVER.SALES` holds after all drops. Amounts are exact, in ten-thousandths.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Silver {
    /// Rows, one for each order id and product id.
    pub rows: i64,
    /// Sum of sales after the cap, times 10,000.
    pub sales_e4: i64,
    /// Sum of quantity.
    pub quantity: i64,
    /// Sum of profit, times 10,000.
    pub profit_e4: i64,
}

/// The whole truth about some drops.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Truth {
    /// Rows in the files, which is what `BRONZE.SALES` must hold.
    pub rows: u64,
    /// Rows that break a rule, which is what `QUARANTINE.SALES` must hold.
    pub rules: Rules,
    /// Valid rows with sales above 10,000.
    pub capped: u64,
    /// Rows with blanks or letter case to clean.
    pub messy: u64,
    /// Rows that repeat another row of the same file.
    pub duplicates: u64,
    /// Rows that repeat another row of the same file with an older order date: they must lose.
    pub stale: u64,
    /// Rows that correct a row of the day before: they must win.
    pub corrections: u64,
    /// What is left after validation and deduplication.
    pub silver: Silver,
}

impl AddAssign for Truth {
    fn add_assign(&mut self, other: Self) {
        self.rows += other.rows;
        self.rules.missing_order_id += other.rules.missing_order_id;
        self.rules.missing_product_id += other.rules.missing_product_id;
        self.rules.invalid_sales += other.rules.invalid_sales;
        self.rules.invalid_quantity += other.rules.invalid_quantity;
        self.rules.missing_date += other.rules.missing_date;
        self.rules.date_violation += other.rules.date_violation;
        self.capped += other.capped;
        self.messy += other.messy;
        self.duplicates += other.duplicates;
        self.stale += other.stale;
        self.corrections += other.corrections;
        self.silver.rows += other.silver.rows;
        self.silver.sales_e4 += other.silver.sales_e4;
        self.silver.quantity += other.silver.quantity;
        self.silver.profit_e4 += other.silver.profit_e4;
    }
}
