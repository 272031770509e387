//! Writes the drops: one file for each market and day, files in parallel, bytes in bounded buffers.

use std::fs::{self, File};
use std::io::{self, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use diagnostic::{Result, ResultExt, codes};
use flate2::Compression;
use flate2::write::GzEncoder;

use crate::calendar::Calendar;
use crate::names::MARKETS;
use crate::plan::{self, Slot};
use crate::render::{HEADER, Renderer};
use crate::sale::{CAP_E4, Fault, Sale, Sales};
use crate::world::World;
use crate::{Options, Summary, Truth};

/// Bytes gathered before they are handed to the file.
const BUFFER: usize = 1 << 18;

/// How a file's bytes differ from plain UTF-8.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Plain,
    Gzip,
    ByteOrderMark,
    Windows1252,
}

/// Africa's office compresses; the offices of EU and LATAM each changed their software for a day.
fn form(slot: &Slot) -> Form {
    match (MARKETS[slot.market].file, slot.drop % 10) {
        ("africa", _) => Form::Gzip,
        ("eu", 2) => Form::Windows1252,
        ("latam", 1) => Form::ByteOrderMark,
        _ => Form::Plain,
    }
}

/// Writes the files of `days` below `dir/landing/sales`.
pub(crate) fn write_all(dir: &Path, options: &Options, days: Range<u32>) -> Result<Summary> {
    let world = World::new(options);
    let calendar = Calendar::new(options.days);
    let slots: Vec<Slot> = days
        .flat_map(|drop| (0..MARKETS.len()).map(move |market| (drop, market)))
        .map(|(drop, market)| plan::slot(options, drop, market))
        .filter(|slot| slot.rows > 0)
        .collect();
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let next = AtomicUsize::new(0);
    let total = Mutex::new(Ok(Summary::default()));
    let work = || {
        while let Some(slot) = slots.get(next.fetch_add(1, Ordering::Relaxed)) {
            let path = path(dir, &calendar, slot);
            let written = write_one(&path, &world, &calendar, options, *slot)
                .explain(codes::C0102, || {
                    format!("`{}` cannot be written", path.display())
                });
            if !add(&total, written) {
                return;
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 1..threads.min(slots.len()) {
            scope.spawn(work);
        }
        work();
    });
    total
        .into_inner()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// Adds a file to the total; false once something failed and the rest is not worth writing.
fn add(total: &Mutex<Result<Summary>>, written: Result<(u64, Truth)>) -> bool {
    let mut total = total
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    match (total.as_mut(), written) {
        (Err(_), _) => return false,
        (Ok(_), Err(error)) => *total = Err(error),
        (Ok(sum), Ok((bytes, truth))) => {
            sum.files += 1;
            sum.bytes += bytes;
            sum.truth += truth;
        }
    }
    total.is_ok()
}

fn path(dir: &Path, calendar: &Calendar, slot: &Slot) -> PathBuf {
    let extension = if form(slot) == Form::Gzip {
        "csv.gz"
    } else {
        "csv"
    };
    dir.join("landing/sales")
        .join(calendar.folder(slot.drop))
        .join(format!("{}.{extension}", MARKETS[slot.market].file))
}

fn write_one(
    path: &Path,
    world: &World,
    calendar: &Calendar,
    options: &Options,
    slot: Slot,
) -> io::Result<(u64, Truth)> {
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)?;
    }
    let file = File::create(path)?;
    let renderer = Renderer {
        world,
        calendar,
        market: slot.market,
    };
    let form = form(&slot);
    if form == Form::Gzip {
        let mut out = Lines::new(GzEncoder::new(file, Compression::fast()), form)?;
        let truth = write_rows(&renderer, options, slot, &mut out)?;
        let file = out.finish()?.finish()?;
        return Ok((file.metadata()?.len(), truth));
    }
    let mut out = Lines::new(file, form)?;
    let truth = write_rows(&renderer, options, slot, &mut out)?;
    Ok((out.finish()?.metadata()?.len(), truth))
}

/// A file that takes whole lines.
struct Lines<W: Write> {
    out: W,
    form: Form,
    buffer: Vec<u8>,
}

impl<W: Write> Lines<W> {
    fn new(out: W, form: Form) -> io::Result<Self> {
        let mut buffer = Vec::with_capacity(BUFFER + 4_096);
        if form == Form::ByteOrderMark {
            buffer.extend_from_slice(b"\xef\xbb\xbf");
        }
        buffer.extend_from_slice(HEADER.as_bytes());
        Ok(Self { out, form, buffer })
    }

    fn line(&mut self, write: impl FnOnce(&mut Vec<u8>)) -> io::Result<()> {
        write(&mut self.buffer);
        if self.buffer.len() >= BUFFER {
            self.flush()?;
        }
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.form == Form::Windows1252 {
            self.buffer = windows_1252(&self.buffer);
        }
        self.out.write_all(&self.buffer)?;
        self.buffer.clear();
        Ok(())
    }

    fn finish(mut self) -> io::Result<W> {
        self.flush()?;
        self.out.flush()?;
        Ok(self.out)
    }
}

/// The names hold no character above U+00FF, and those below are the same in Windows-1252.
fn windows_1252(utf8: &[u8]) -> Vec<u8> {
    String::from_utf8_lossy(utf8)
        .chars()
        .map(|c| u8::try_from(u32::from(c)).unwrap_or(b'?'))
        .collect()
}

fn write_rows<W: Write>(
    renderer: &Renderer<'_>,
    options: &Options,
    slot: Slot,
    out: &mut Lines<W>,
) -> io::Result<Truth> {
    let mut sales = Sales::new(renderer.world, options.seed, slot);
    let mut truth = Truth::default();
    let mut row_id = slot.first_row;
    let mut put = |sale: &Sale, truth: &mut Truth| {
        row_id += 1;
        count(sale, truth);
        out.line(|buffer| renderer.line(row_id, sale, buffer))
    };
    for index in 0..slot.sales() {
        let sale = sales.at(index);
        put(&sale, &mut truth)?;
        enter(resident(&slot, index, sale), 1, &mut truth);
        if repeated(&slot, index) {
            truth.duplicates += 1;
            put(&sale, &mut truth)?;
        }
        if stale(&slot, index) {
            truth.stale += 1;
            put(&sale.stale(), &mut truth)?;
        }
    }
    if slot.corrections() > 0 {
        let before = plan::slot(options, slot.drop - 1, slot.market);
        let mut sales = Sales::new(renderer.world, options.seed, before);
        for index in 0..slot.corrections() {
            let sale = sales.at(target(&slot, &before, index));
            truth.corrections += 1;
            put(&sale.corrected(), &mut truth)?;
            enter(
                resident(&before, target(&slot, &before, index), sale),
                -1,
                &mut truth,
            );
            enter(Some(sale.corrected()), 1, &mut truth);
        }
    }
    Ok(truth)
}

/// Whether the sale at `index` is written twice: spread evenly, [`Slot::repeats`] times.
fn repeated(slot: &Slot, index: u64) -> bool {
    let every = slot.sales().checked_div(slot.repeats()).unwrap_or(u64::MAX);
    index.is_multiple_of(every) && index / every < slot.repeats()
}

/// Whether an older version of the sale at `index` follows it.
fn stale(slot: &Slot, index: u64) -> bool {
    let every = slot.sales().checked_div(slot.repeats()).unwrap_or(u64::MAX);
    index % every == every / 2 && index / every < slot.repeats()
}

/// The sale of the day before that the `index`-th correction is about: each at most once.
fn target(slot: &Slot, before: &Slot, index: u64) -> u64 {
    let every = (before.sales() / slot.corrections()).max(1);
    index * every
}

/// What silver holds of the sale at `index` after its own day's drop.
fn resident(slot: &Slot, index: u64, sale: Sale) -> Option<Sale> {
    if sale.fault.valid() {
        Some(sale)
    } else if stale(slot, index) {
        Some(sale.stale())
    } else {
        None
    }
}

fn enter(sale: Option<Sale>, sign: i64, truth: &mut Truth) {
    if let Some(sale) = sale {
        truth.silver.rows += sign;
        truth.silver.sales_e4 += sign * sale.capped_e4();
        truth.silver.quantity += sign * sale.quantity;
        truth.silver.profit_e4 += sign * sale.profit_e4;
    }
}

fn count(sale: &Sale, truth: &mut Truth) {
    truth.rows += 1;
    let rules = &mut truth.rules;
    match sale.fault {
        Fault::MissingOrderId => rules.missing_order_id += 1,
        Fault::MissingProductId => rules.missing_product_id += 1,
        Fault::InvalidSales => rules.invalid_sales += 1,
        Fault::InvalidQuantity => rules.invalid_quantity += 1,
        Fault::MissingDate => rules.missing_date += 1,
        Fault::DateViolation => rules.date_violation += 1,
        Fault::Outlier => truth.capped += u64::from(sale.written_e4() > CAP_E4),
        Fault::Messy => truth.messy += 1,
        Fault::None => {}
    }
}
