//! Writes a sale as a line of CSV, straight into bytes: at 20 million rows formatting is most of the work.

use crate::calendar::Calendar;
use crate::sale::{Fault, Sale};
use crate::world::World;

/// The header, spelled as the real files spell it.
pub(crate) const HEADER: &str = "Row ID,Order ID,Order Date,Ship Date,Ship Mode,Customer ID,Customer Name,\
Segment,City,State,Country,Postal Code,Market,Region,Product ID,Category,Sub-Category,Product Name,Sales,\
Quantity,Discount,Profit,Shipping Cost,Order Priority\n";

const NO_DATE: [&str; 6] = [
    "",
    "not_a_date",
    "31-02-2026",
    "00-00-0000",
    "45-13-2026",
    "?",
];

/// Renders the sales of one market.
pub(crate) struct Renderer<'a> {
    pub(crate) world: &'a World,
    pub(crate) calendar: &'a Calendar,
    pub(crate) market: usize,
}

impl Renderer<'_> {
    /// Appends the line of `sale` under `row_id`.
    pub(crate) fn line(&self, row_id: u64, sale: &Sale, out: &mut Vec<u8>) {
        let store = &self.world.stores[self.market][sale.store];
        let customer = &self.world.customers[sale.customer];
        let product = &self.world.products[sale.product];
        let version = product.on(sale.order_day);
        let messy = sale.fault == Fault::Messy;
        let field: fn(&[u8], &mut Vec<u8>) = if messy { disturbed } else { plain };

        number(i64::try_from(row_id).unwrap_or(i64::MAX), out);
        out.push(b',');
        self.order_id(sale, out);
        out.push(b',');
        self.dates(sale, out);
        plain(sale.ship_mode.as_bytes(), out);
        plain(&customer.id, out);
        plain(&customer.name, out);
        field(customer.segment, out);
        field(&store.city, out);
        field(store.state, out);
        field(store.country, out);
        plain(&store.postal_code, out);
        plain(store.market, out);
        field(store.region(sale.order_day), out);
        match sale.fault {
            Fault::MissingProductId if sale.detail.is_multiple_of(2) => {
                out.extend_from_slice(b"  ,")
            }
            Fault::MissingProductId => out.push(b','),
            _ => field(&product.id, out),
        }
        let category = |text: &[u8], out: &mut Vec<u8>| {
            let start = out.len();
            field(text, out);
            if messy && sale.detail.is_multiple_of(3) {
                out[start..].make_ascii_lowercase();
            }
        };
        category(version.category, out);
        category(version.sub_category, out);
        plain(&version.name, out);
        amounts(sale, out);
        out.extend_from_slice(sale.priority.as_bytes());
        out.push(b'\n');
    }

    fn order_id(&self, sale: &Sale, out: &mut Vec<u8>) {
        match sale.fault {
            Fault::MissingOrderId if sale.detail.is_multiple_of(2) => return,
            Fault::MissingOrderId => return out.extend_from_slice(b"   "),
            Fault::Messy => out.push(b' '),
            _ => {}
        }
        let store = &self.world.stores[self.market][sale.store];
        out.extend_from_slice(store.code.as_bytes());
        out.push(b'-');
        number(i64::from(self.calendar.year(sale.id_day)), out);
        out.push(b'-');
        number(i64::try_from(100_000 + sale.order).unwrap_or(i64::MAX), out);
        if sale.fault == Fault::Messy {
            out.push(b' ');
        }
    }

    fn dates(&self, sale: &Sale, out: &mut Vec<u8>) {
        let wrong = NO_DATE[(sale.detail / 2) as usize % NO_DATE.len()].as_bytes();
        match sale.fault {
            Fault::MissingDate if sale.detail.is_multiple_of(2) => plain(wrong, out),
            _ => plain(self.calendar.text(sale.order_day), out),
        }
        match sale.fault {
            Fault::MissingDate if !sale.detail.is_multiple_of(2) => plain(wrong, out),
            Fault::DateViolation => {
                let before = 1 + i64::from(sale.detail % 5);
                plain(self.calendar.text(sale.order_day - before), out);
            }
            _ => plain(self.calendar.text(sale.ship_day), out),
        }
    }
}

fn amounts(sale: &Sale, out: &mut Vec<u8>) {
    match (sale.fault, sale.detail % 4) {
        (Fault::InvalidSales, 0) => {}
        (Fault::InvalidSales, 1) => out.extend_from_slice(b"0.0"),
        (Fault::InvalidSales, _) => {
            out.push(b'-');
            decimal(sale.sales_e4, out);
        }
        (Fault::Outlier, _) => {
            decimal(sale.written_e4(), out);
            // More digits than a price has, as a broken converter would leave them.
            out.extend_from_slice(b"1");
            number(i64::from(1_000_000 + sale.detail), out);
        }
        _ => decimal(sale.sales_e4, out),
    }
    out.push(b',');
    match (sale.fault, sale.detail % 3) {
        (Fault::InvalidQuantity, 0) => {}
        (Fault::InvalidQuantity, 1) => out.push(b'0'),
        (Fault::InvalidQuantity, _) => number(-sale.quantity, out),
        // A second fault in the same row: the first rule that matches names the reason.
        (Fault::InvalidSales, 0) => out.push(b'0'),
        _ => number(sale.quantity, out),
    }
    out.push(b',');
    decimal(sale.discount_percent * 100, out);
    out.push(b',');
    decimal(sale.profit_e4, out);
    out.push(b',');
    decimal(sale.shipping_e2 * 100, out);
    out.push(b',');
}

fn plain(text: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(text);
    out.push(b',');
}

/// The text with a blank before and after it, and every blank in it tripled.
fn disturbed(text: &[u8], out: &mut Vec<u8>) {
    out.push(b' ');
    for byte in text {
        out.push(*byte);
        if *byte == b' ' {
            out.extend_from_slice(b"  ");
        }
    }
    out.extend_from_slice(b" ,");
}

/// A whole number.
fn number(value: i64, out: &mut Vec<u8>) {
    let mut digits = [0_u8; 20];
    let mut at = digits.len();
    let mut rest = value.unsigned_abs();
    loop {
        at -= 1;
        digits[at] = b'0' + u8::try_from(rest % 10).unwrap_or(0);
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    if value < 0 {
        out.push(b'-');
    }
    out.extend_from_slice(&digits[at..]);
}

/// A number of ten-thousandths with at least one digit after the point and no needless zeros.
fn decimal(value_e4: i64, out: &mut Vec<u8>) {
    if value_e4 < 0 {
        out.push(b'-');
    }
    let value = value_e4.abs();
    number(value / 10_000, out);
    out.push(b'.');
    let mut fraction = value % 10_000;
    let mut unit = 1_000;
    loop {
        out.push(b'0' + u8::try_from(fraction / unit).unwrap_or(0));
        fraction %= unit;
        if fraction == 0 {
            break;
        }
        unit /= 10;
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::{decimal, disturbed, number};

    fn written(write: impl Fn(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn writes_numbers() {
        for (value, text) in [(0, "0"), (-7, "-7"), (1_234_567, "1234567")] {
            assert_eq!(written(|out| number(value, out)), text);
        }
        for (value, text) in [
            (0, "0.0"),
            (28_329_600, "2832.96"),
            (-5, "-0.0005"),
            (60_000, "6.0"),
        ] {
            assert_eq!(written(|out| decimal(value, out)), text);
        }
        assert_eq!(written(|out| disturbed(b"New York", out)), " New   York ,");
    }
}
