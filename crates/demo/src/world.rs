//! The customers, products and stores of one generated world, rendered for the files once.
//!
//! Products and stores change on some days. Which version a sale shows follows from its order date.

use crate::Options;
use crate::draws::{Draws, Stream};
use crate::names::{
    BRANDS, DISTRICTS, FIRST_NAMES, KINDS, Kind, LAST_NAMES, MARKETS, SEGMENTS, VARIANTS,
};

/// Streams of draws beside those of the files.
const PRODUCTS: u64 = u64::MAX;
const STORES: u64 = u64::MAX - 1;
const CUSTOMERS: u64 = u64::MAX - 2;

/// A customer's fields up to the segment.
pub(crate) struct Customer {
    pub(crate) id: Box<[u8]>,
    pub(crate) name: Box<[u8]>,
    pub(crate) segment: &'static [u8],
}

/// A product with its price and its versions, oldest first.
pub(crate) struct Product {
    pub(crate) id: Box<[u8]>,
    /// Price of one piece in hundredths.
    pub(crate) price_e2: u32,
    versions: Vec<ProductVersion>,
}

/// What a product is called from a day on.
pub(crate) struct ProductVersion {
    from: i64,
    pub(crate) category: &'static [u8],
    pub(crate) sub_category: &'static [u8],
    /// Quoted where it must be.
    pub(crate) name: Box<[u8]>,
}

/// A store: a city with the regions it has reported to.
pub(crate) struct Store {
    /// The prefix of its order ids.
    pub(crate) code: &'static str,
    pub(crate) city: Box<[u8]>,
    pub(crate) state: &'static [u8],
    pub(crate) country: &'static [u8],
    /// Empty outside the US, as in the real files.
    pub(crate) postal_code: Box<[u8]>,
    pub(crate) market: &'static [u8],
    regions: Vec<(i64, &'static [u8])>,
}

impl Product {
    /// How the product was described on a day.
    pub(crate) fn on(&self, day: i64) -> &ProductVersion {
        let at = self
            .versions
            .iter()
            .rposition(|version| version.from <= day);
        &self.versions[at.unwrap_or(0)]
    }
}

impl Store {
    /// The region the store reported to on a day.
    pub(crate) fn region(&self, day: i64) -> &'static [u8] {
        let found = self.regions.iter().rev().find(|(from, _)| *from <= day);
        found
            .or(self.regions.first())
            .map_or(b"", |(_, region)| region)
    }
}

/// Everything that is sold, and by and to whom.
pub(crate) struct World {
    pub(crate) customers: Vec<Customer>,
    pub(crate) products: Vec<Product>,
    /// Per market, in the order of [`MARKETS`].
    pub(crate) stores: Vec<Vec<Store>>,
}

impl World {
    /// The world of some options: it grows with the rows, up to 100,000 customers, 20,000 products and
    /// as many stores as the markets have cities and districts.
    pub(crate) fn new(options: &Options) -> Self {
        let scaled =
            |divisor: u64, least: u64, most: u64| (options.rows / divisor).clamp(least, most);
        let mut draws = Stream::new(options.seed, CUSTOMERS);
        let customers = (0..scaled(20, 200, 100_000))
            .map(|i| customer(i, &draws.at(i)))
            .collect();
        let mut draws = Stream::new(options.seed, PRODUCTS);
        let products = (0..scaled(25, 100, 20_000))
            .map(|i| product(i, &draws.at(i), options.days))
            .collect();
        let mut draws = Stream::new(options.seed, STORES);
        let most = scaled(700, 8, 700);
        let stores = (0..MARKETS.len())
            .map(|market| stores(market, most, &mut draws, options.days))
            .collect();
        Self {
            customers,
            products,
            stores,
        }
    }
}

fn pick<'a, T: ?Sized>(draws: &Draws, place: usize, list: &'a [&'a T]) -> &'a T {
    list[draws.below(place, u32::try_from(list.len()).unwrap_or(1)) as usize]
}

fn customer(i: u64, draws: &Draws) -> Customer {
    let first = pick(draws, 0, FIRST_NAMES);
    let last = pick(draws, 1, LAST_NAMES);
    let initials: String = [first, last]
        .iter()
        .filter_map(|name| name.chars().next())
        .collect();
    let segment = match draws.below(2, 100) {
        0..52 => SEGMENTS[0],
        52..82 => SEGMENTS[1],
        _ => SEGMENTS[2],
    };
    Customer {
        id: format!("{initials}-{}", 10_000 + i).into_bytes().into(),
        name: format!("{first} {last}").into_bytes().into(),
        segment: segment.as_bytes(),
    }
}

fn product(i: u64, draws: &Draws, days: u32) -> Product {
    let count = u32::try_from(KINDS.len()).unwrap_or(1);
    let kind = &KINDS[draws.below(0, count) as usize];
    let brand = pick(draws, 1, BRANDS);
    let noun = pick(draws, 2, kind.nouns);
    let variant = pick(draws, 3, VARIANTS);
    let name = format!("{brand} {noun}{variant}");
    let version = |from: i64, sub_category: &'static str, name: &str| ProductVersion {
        from,
        category: kind.category.as_bytes(),
        sub_category: sub_category.as_bytes(),
        name: quoted(name),
    };
    let mut versions = vec![version(i64::MIN, kind.sub_category, &name)];
    let change = 2 + i64::from(draws.below(5, days));
    if draws.below(4, 100) < 15 {
        versions.push(version(
            change,
            kind.sub_category,
            &format!("{name} (2nd Generation)"),
        ));
    }
    if draws.below(6, 100) < 4 {
        let siblings: Vec<&Kind> = KINDS
            .iter()
            .filter(|k| k.category == kind.category)
            .collect();
        let other = siblings[draws.below(7, u32::try_from(siblings.len()).unwrap_or(1)) as usize];
        versions.push(version(
            change + 3,
            other.sub_category,
            &format!("{name} (revised)"),
        ));
    }
    Product {
        id: format!("{}-{}", kind.prefix, 10_000_000 + i)
            .into_bytes()
            .into(),
        price_e2: kind.price * (40 + draws.below(8, 80)) + draws.below(9, 100),
        versions,
    }
}

fn stores(market: usize, most: u64, draws: &mut Stream, days: u32) -> Vec<Store> {
    let words = &MARKETS[market];
    let mut stores = Vec::new();
    for district in DISTRICTS {
        for country in words.countries {
            for (state, cities) in country.states {
                for city in *cities {
                    if stores.len() as u64 == most {
                        return stores;
                    }
                    let at = market as u64 * 10_000 + stores.len() as u64;
                    let draws = draws.at(at);
                    let postal_code = if country.code == "US" {
                        format!("{}.0", 10_000 + draws.below(3, 89_999))
                    } else {
                        String::new()
                    };
                    stores.push(Store {
                        code: country.code,
                        city: format!("{city}{district}").into_bytes().into(),
                        state: state.as_bytes(),
                        country: country.name.as_bytes(),
                        postal_code: postal_code.into_bytes().into(),
                        market: words.name.as_bytes(),
                        regions: regions(words.regions, &draws, days),
                    });
                }
            }
        }
    }
    stores
}

fn regions(all: &[&'static str], draws: &Draws, days: u32) -> Vec<(i64, &'static [u8])> {
    let count = u32::try_from(all.len()).unwrap_or(1);
    let first = draws.below(0, count);
    let mut regions = vec![(i64::MIN, all[first as usize].as_bytes())];
    if count > 1 && draws.below(1, 100) < 20 {
        let next = all[((first + 1) % count) as usize];
        regions.push((2 + i64::from(draws.below(2, days)), next.as_bytes()));
    }
    regions
}

/// The text as a CSV field: quoted if it holds a comma, a quote or a line break.
fn quoted(text: &str) -> Box<[u8]> {
    if text.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", text.replace('"', "\"\""))
            .into_bytes()
            .into()
    } else {
        text.as_bytes().into()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::World;
    use crate::Options;

    #[test]
    fn fits_windows_1252_and_grows_with_the_rows() {
        let small = World::new(&Options::default());
        let large = World::new(&Options {
            rows: 20_000_000,
            ..Options::default()
        });
        assert!(small.products.len() < large.products.len());
        assert!(large.customers.len() <= 100_000);
        assert!(large.stores.iter().map(Vec::len).sum::<usize>() <= 5_000);
        let latin = |bytes: &[u8]| {
            let text = std::str::from_utf8(bytes).unwrap();
            assert!(text.chars().all(|c| (c as u32) < 0x100), "{text}");
        };
        for customer in &large.customers {
            latin(&customer.name);
        }
        for store in large.stores.iter().flatten() {
            latin(&store.city);
            latin(store.state);
        }
        for product in &large.products {
            product
                .versions
                .iter()
                .for_each(|version| latin(&version.name));
        }
    }
}
