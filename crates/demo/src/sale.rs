//! One sale and what is wrong with it, as a function of its place: any earlier sale can be had again,
//! which is how corrections of yesterday's rows cost no memory.

use crate::draws::{Draws, Stream};
use crate::names::{PRIORITIES, SHIP_MODES};
use crate::plan::Slot;
use crate::world::World;

/// What is wrong with a row. The first six are the contract's rules, in its order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    MissingOrderId,
    MissingProductId,
    InvalidSales,
    InvalidQuantity,
    MissingDate,
    DateViolation,
    /// Valid, but above the cap.
    Outlier,
    /// Valid, but with blanks and letter case to clean.
    Messy,
    None,
}

impl Fault {
    /// Whether the row may enter silver.
    pub(crate) fn valid(self) -> bool {
        matches!(self, Self::Outlier | Self::Messy | Self::None)
    }

    /// The fault of a row, by a draw below 10,000.
    fn drawn(draw: u32) -> Self {
        match draw {
            0..40 => Self::MissingOrderId,
            40..80 => Self::MissingProductId,
            80..280 => Self::InvalidSales,
            280..430 => Self::InvalidQuantity,
            430..580 => Self::MissingDate,
            580..650 => Self::DateViolation,
            650..700 => Self::Outlier,
            700..1_000 => Self::Messy,
            _ => Self::None,
        }
    }
}

/// A row's values, before its fault is applied.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sale {
    /// Unique for each order.
    pub(crate) order: u64,
    pub(crate) customer: usize,
    /// Index among the market's stores.
    pub(crate) store: usize,
    pub(crate) product: usize,
    /// The day whose year the order id names: no repetition of the sale changes it.
    pub(crate) id_day: i64,
    pub(crate) order_day: i64,
    pub(crate) ship_day: i64,
    pub(crate) ship_mode: &'static str,
    pub(crate) priority: &'static str,
    pub(crate) quantity: i64,
    pub(crate) discount_percent: i64,
    pub(crate) sales_e4: i64,
    pub(crate) profit_e4: i64,
    pub(crate) shipping_e2: i64,
    pub(crate) fault: Fault,
    /// How exactly the fault shows, below 1,000,000.
    pub(crate) detail: u32,
}

/// The cap of the contract.
pub(crate) const CAP_E4: i64 = 10_000 * 10_000;

impl Sale {
    /// Sales as silver holds them.
    pub(crate) fn capped_e4(&self) -> i64 {
        self.written_e4().min(CAP_E4)
    }

    /// Sales as the file says, in ten-thousandths; outliers have further digits.
    pub(crate) fn written_e4(&self) -> i64 {
        if self.fault == Fault::Outlier {
            CAP_E4 + 1_000 + i64::from(self.detail) * 400
        } else {
            self.sales_e4
        }
    }

    /// The same sale with an older order date and another quantity, and nothing wrong with it.
    pub(crate) fn stale(mut self) -> Self {
        self.order_day -= 1;
        self.fault = Fault::None;
        self.with_quantity(self.quantity + 1)
    }

    /// The same sale as the next day's file corrects it.
    pub(crate) fn corrected(mut self) -> Self {
        self.fault = Fault::None;
        self.with_quantity(self.quantity + 2)
    }

    fn with_quantity(mut self, quantity: i64) -> Self {
        self.sales_e4 = self.sales_e4 / self.quantity * quantity;
        self.profit_e4 = self.profit_e4 / self.quantity * quantity;
        self.quantity = quantity;
        self
    }
}

/// Where in its order each of twelve consecutive sales stands: orders of 1, 2, 3, 4 and 2 lines.
const LINE_OF_ORDER: [u64; 12] = [0, 0, 1, 0, 1, 2, 0, 1, 2, 3, 0, 1];

/// The sales of one file, by index.
pub(crate) struct Sales<'a> {
    world: &'a World,
    slot: Slot,
    draws: Stream,
    /// The draws of the current order's first line: what the whole order shares is drawn there.
    order: Option<(u64, Draws)>,
}

impl<'a> Sales<'a> {
    /// The sales of `slot` in a world with `seed`.
    pub(crate) fn new(world: &'a World, seed: u64, slot: Slot) -> Self {
        Self {
            world,
            slot,
            draws: Stream::new(seed, slot.stream()),
            order: None,
        }
    }

    /// The sale at `index`, below [`Slot::sales`].
    pub(crate) fn at(&mut self, index: u64) -> Sale {
        let twelfth = usize::try_from(index % 12).unwrap_or(0);
        let line = LINE_OF_ORDER[twelfth];
        let order = self.order_at(index - line);
        let draws = match line {
            0 => order,
            _ => self.draws.at(index),
        };
        self.sale(index - line, line, &order, &draws)
    }

    fn order_at(&mut self, first: u64) -> Draws {
        match self.order {
            Some((at, draws)) if at == first => draws,
            _ => {
                let draws = self.draws.at(first);
                self.order = Some((first, draws));
                draws
            }
        }
    }

    fn sale(&self, first: u64, line: u64, order: &Draws, draws: &Draws) -> Sale {
        let world = self.world;
        let size = |len: usize| u32::try_from(len).unwrap_or(u32::MAX);
        let products = world.products.len();
        let stride = products / 5 + 1;
        let popular = order.skewed(8, size(products)) as usize;
        let product = (popular + usize::try_from(line).unwrap_or(0) * stride) % products;
        let order_day = i64::from(self.slot.drop) + 3 - i64::from(order.below(9, 4));
        let (ship_mode, least, most) =
            SHIP_MODES[by_weight(order.below(10, 100), [60, 80, 95, 100])];
        let ship_day = order_day + i64::from(least + order.below(11, most - least + 1));
        let priority = PRIORITIES[by_weight(order.below(12, 100), [57, 87, 95, 100])];

        let quantity = 1 + i64::from(draws.skewed(0, 14));
        let discount_percent = [0, 0, 0, 0, 10, 20, 20, 30, 40, 70][draws.below(1, 10) as usize];
        let price_e2 = i64::from(world.products[product].price_e2);
        let piece_e4 = price_e2 * (100 - discount_percent);
        let margin_percent = i64::from(draws.below(2, 60)) - 15 - discount_percent / 2;
        Sale {
            order: self.slot.first_row + first,
            customer: order.below(13, size(world.customers.len())) as usize,
            store: order.skewed(14, size(world.stores[self.slot.market].len())) as usize,
            product,
            id_day: order_day,
            order_day,
            ship_day,
            ship_mode,
            priority,
            quantity,
            discount_percent,
            sales_e4: piece_e4 * quantity,
            profit_e4: piece_e4 * margin_percent / 100 * quantity,
            shipping_e2: 50 + i64::from(draws.below(3, 9_000)),
            fault: Fault::drawn(draws.below(4, 10_000)),
            detail: draws.below(5, 1_000_000),
        }
    }
}

fn by_weight(draw: u32, bounds: [u32; 4]) -> usize {
    bounds.iter().position(|bound| draw < *bound).unwrap_or(3)
}
