//! Data generation: random numbers, texts and identifiers.
//!
//! <https://docs.snowflake.com/en/sql-reference/functions-data-generation>

use arrow::array::ArrayRef;
use arrow::datatypes::DataType;
use datafusion::common::{Result, ScalarValue, exec_err, plan_err};
use sha1::{Digest, Sha1};

use crate::scalar::{Call, Function, Kind, Returns, common_type};
use crate::text::bytes::{from_hex, hex};

pub(super) const FUNCTIONS: &[Function] = &[
    Function::kernel(
        "random",
        "random([seed])",
        &[Kind::Integer],
        Returns::Integer,
        |call| match call.len() {
            0 => call.integers(|_| Ok(Some(rand::random()))),
            _ => plan_err!("RANDOM with a seed stands where no rows are numbered"),
        },
    )
    .required(0)
    .volatile()
    .note("a 64-bit number; with a seed the same numbers every time, but not Snowflake's"),
    Function::kernel(
        "$seeded",
        "$seeded(seed, row)",
        &[Kind::Integer, Kind::Integer],
        Returns::Integer,
        |call| {
            let (seeds, rows) = (call.integer(0)?, call.integer(1)?);
            call.integers(|row| {
                let pair = seeds.get(row).zip(rows.get(row));
                Ok(pair.map(|(seed, number)| {
                    let start = Stream::new(seed).bits();
                    let number = number.cast_unsigned();
                    Stream(start.wrapping_add(number)).bits().cast_signed()
                }))
            })
        },
    ),
    Function::kernel(
        "uniform",
        "uniform(least, greatest, generator)",
        &[Kind::Number, Kind::Number, Kind::Integer],
        Returns::With(uniform_type),
        uniform,
    )
    .coerce(uniform_arguments)
    .note("whole numbers if both bounds are whole"),
    Function::kernel(
        "normal",
        "normal(mean, deviation, generator)",
        &[Kind::Float, Kind::Float, Kind::Integer],
        Returns::Float,
        normal,
    ),
    Function::kernel(
        "zipf",
        "zipf(exponent, count, generator)",
        &[Kind::Float, Kind::Integer, Kind::Integer],
        Returns::Integer,
        zipf,
    ),
    Function::kernel(
        "randstr",
        "randstr(length, generator)",
        &[Kind::Integer, Kind::Integer],
        Returns::Text,
        randstr,
    ),
    Function::kernel(
        "uuid_string",
        "uuid_string([namespace, name])",
        &[Kind::Text, Kind::Text],
        Returns::Text,
        uuid_string,
    )
    .required(0)
    .volatile()
    .note("version 4, or version 5 of a name in a namespace"),
];

/// Well-mixed bits from a generator's number: the same number gives the same bits.
struct Stream(u64);

impl Stream {
    fn new(generator: i64) -> Self {
        Self(generator.cast_unsigned())
    }

    /// SplitMix64.
    fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }

    /// From 0 to below 1.
    #[allow(clippy::cast_precision_loss, reason = "53 bits fit")]
    fn fraction(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// From 0 to below `count`.
    fn below(&mut self, count: u64) -> u64 {
        let wide = u128::from(self.bits()) * u128::from(count);
        u64::try_from(wide >> 64).unwrap_or(0)
    }
}

fn uniform_arguments(types: &[DataType]) -> Result<Vec<DataType>> {
    let [least, greatest, _] = types else {
        return plan_err!("UNIFORM takes uniform(least, greatest, generator)");
    };
    let bound = match common_type([least, greatest])? {
        DataType::Int64 | DataType::Null | DataType::Decimal128(_, 0) => DataType::Int64,
        _ => DataType::Float64,
    };
    Ok(vec![bound.clone(), bound, DataType::Int64])
}

fn uniform_type(types: &[DataType], _: &[Option<&ScalarValue>]) -> Result<DataType> {
    Ok(types.first().cloned().unwrap_or(DataType::Int64))
}

fn uniform(call: &Call) -> Result<ArrayRef> {
    let generators = call.integer(2)?;
    if *call.returns() == DataType::Float64 {
        let (least, greatest) = (call.float(0)?, call.float(1)?);
        return call.floats(|row| {
            let bounds = least.get(row).zip(greatest.get(row));
            match bounds.zip(generators.get(row)) {
                None => Ok(None),
                Some(((least, greatest), _)) if least > greatest => {
                    exec_err!("UNIFORM takes its bounds in order")
                }
                Some(((least, greatest), generator)) => {
                    let share = Stream::new(generator).fraction();
                    Ok(Some(least + (greatest - least) * share))
                }
            }
        });
    }
    let (least, greatest) = (call.integer(0)?, call.integer(1)?);
    call.integers(|row| {
        let bounds = least.get(row).zip(greatest.get(row));
        let Some(((least, greatest), generator)) = bounds.zip(generators.get(row)) else {
            return Ok(None);
        };
        if least > greatest {
            return exec_err!("UNIFORM takes its bounds in order");
        }
        let span = greatest.wrapping_sub(least).cast_unsigned();
        let mut stream = Stream::new(generator);
        let drawn = match span.checked_add(1) {
            Some(count) => stream.below(count),
            None => stream.bits(),
        };
        Ok(Some(least.wrapping_add(drawn.cast_signed())))
    })
}

fn normal(call: &Call) -> Result<ArrayRef> {
    let (means, deviations, generators) = (call.float(0)?, call.float(1)?, call.integer(2)?);
    call.floats(|row| {
        let (Some(mean), Some(deviation), Some(generator)) =
            (means.get(row), deviations.get(row), generators.get(row))
        else {
            return Ok(None);
        };
        // Box and Muller's way; the logarithm must not meet zero.
        let mut stream = Stream::new(generator);
        let (radius, angle) = (1.0 - stream.fraction(), stream.fraction());
        let unit = (-2.0 * radius.ln()).sqrt() * (std::f64::consts::TAU * angle).cos();
        Ok(Some(mean + deviation * unit))
    })
}

fn zipf(call: &Call) -> Result<ArrayRef> {
    const MOST: i64 = 16_777_215;
    let (exponents, counts, generators) = (call.float(0)?, call.integer(1)?, call.integer(2)?);
    let mut known: Option<(f64, i64, Vec<f64>)> = None;
    call.integers(|row| {
        let (Some(exponent), Some(count), Some(generator)) =
            (exponents.get(row), counts.get(row), generators.get(row))
        else {
            return Ok(None);
        };
        if !(1..=MOST).contains(&count) {
            return exec_err!("ZIPF takes 1 to {MOST} values, not {count}");
        }
        let table = match known.take() {
            Some(table) if table.0.to_bits() == exponent.to_bits() && table.1 == count => table,
            _ => (exponent, count, cumulated(exponent, count)),
        };
        let total = table.2.last().copied().unwrap_or(0.0);
        let drawn = Stream::new(generator).fraction() * total;
        let place = table.2.partition_point(|sum| *sum <= drawn);
        known = Some(table);
        Ok(i64::try_from(place + 1).ok())
    })
}

/// Sums of the weights up to each rank.
#[allow(clippy::cast_precision_loss, reason = "ranks are below 2^24")]
fn cumulated(exponent: f64, count: i64) -> Vec<f64> {
    let weight = |rank: i64| (rank as f64).powf(-exponent);
    (1..=count)
        .scan(0.0, |sum, rank| {
            *sum += weight(rank);
            Some(*sum)
        })
        .collect()
}

fn randstr(call: &Call) -> Result<ArrayRef> {
    const LETTERS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let (lengths, generators) = (call.integer(0)?, call.integer(1)?);
    call.texts(|row| {
        let Some((length, generator)) = lengths.get(row).zip(generators.get(row)) else {
            return Ok(None);
        };
        let Ok(length) = usize::try_from(length) else {
            return exec_err!("RANDSTR takes a length from 0, not {length}");
        };
        let mut stream = Stream::new(generator);
        let letter = |stream: &mut Stream| {
            let place = usize::try_from(stream.below(62)).unwrap_or(0);
            LETTERS.get(place).copied().map_or('0', char::from)
        };
        Ok(Some(
            (0..length).map(|_| letter(&mut stream)).collect::<String>(),
        ))
    })
}

fn uuid_string(call: &Call) -> Result<ArrayRef> {
    if call.len() == 0 {
        return call.texts(|_| Ok(Some(uuid(rand::random::<u128>().to_be_bytes(), 4))));
    }
    if call.len() == 1 {
        return exec_err!("UUID_STRING takes both a namespace and a name, or neither");
    }
    let (namespaces, names) = (call.text(0)?, call.text(1)?);
    call.texts(|row| {
        let Some((namespace, name)) = namespaces.get(row).zip(names.get(row)) else {
            return Ok(None);
        };
        let Some(space) = from_hex(&namespace.replace('-', "")).filter(|id| id.len() == 16) else {
            return exec_err!("'{namespace}' is not a UUID");
        };
        let digest = Sha1::digest([space.as_slice(), name.as_bytes()].concat());
        let mut bytes = [0; 16];
        for (to, from) in bytes.iter_mut().zip(digest.iter()) {
            *to = *from;
        }
        Ok(Some(uuid(bytes, 5)))
    })
}

/// Text of a UUID of this version, RFC 9562.
fn uuid(bytes: [u8; 16], version: u8) -> String {
    let mut bytes = bytes;
    bytes[6] = bytes[6] & 0x0f | version << 4;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let digits = hex(&bytes, true);
    let parts = [0..8, 8..12, 12..16, 16..20, 20..32];
    parts
        .map(|part| digits.get(part).unwrap_or_default().to_owned())
        .join("-")
}
