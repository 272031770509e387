//! Rows by `COPY … TO STDOUT (FORMAT binary)`
//! (<https://www.postgresql.org/docs/current/sql-copy.html#id-1.9.3.55.9.4>).

use arrow::array::RecordBatch;
use diagnostic::{Error, Result, codes};

use super::{Client, Column, RowBuilder, Wire, quoted};

const SIGNATURE: &[u8; 11] = b"PGCOPY\n\xff\r\n\0";

/// Rows of a batch: enough to pay for it, little enough to stay in the cache's neighbourhood.
const BATCH_ROWS: usize = 16 << 10;
/// Bytes after which a batch ends, however few its rows are.
const BATCH_BYTES: usize = 8 << 20;

/// The statement that copies `columns` of `from` (a table's quoted name, or a query in brackets with an
/// alias), with `rest` behind it.
#[must_use]
pub fn copy_statement(columns: &[Column], from: &str, rest: &str) -> String {
    let list: Vec<String> = columns
        .iter()
        .map(|column| match column.wire {
            Wire::Binary => quoted(&column.name),
            // By the type's output function, as the log of changes has it: a cast to text differs for some
            // (`inet` gets a `/32`). NULL is told by its count, since a composite of NULLs `is null` too.
            Wire::Text => {
                let name = quoted(&column.name);
                format!(
                    "case when pg_catalog.num_nulls({name}) = 0 \
                     then pg_catalog.format('%s', {name}) end"
                )
            }
        })
        .collect();
    format!(
        "copy (select {} from {from} {rest}) to stdout (format binary)",
        list.join(", ")
    )
}

/// A copy that is under way.
pub struct CopyReader<'a> {
    client: &'a mut Client,
    rows: RowBuilder,
    started: bool,
    done: bool,
    ready: bool,
    total: u64,
}

impl<'a> CopyReader<'a> {
    /// Starts `statement`, whose columns are `columns`.
    ///
    /// # Errors
    /// `P1004` if the server refuses it.
    pub fn start(client: &'a mut Client, statement: &str, columns: Vec<Column>) -> Result<Self> {
        client.begin_copy(statement, b'H')?;
        Ok(Self {
            client,
            rows: RowBuilder::new(columns),
            started: false,
            done: false,
            ready: false,
            total: 0,
        })
    }

    /// The next rows; `None` after the last.
    ///
    /// # Errors
    /// `P1001` if the connection breaks, `P1004` if the server ends the copy, `P2005` if a value does not fit
    /// its column.
    pub fn next_batch(&mut self) -> Result<Option<RecordBatch>> {
        while !self.done {
            let message = match self.client.poll()? {
                Some(message) => message,
                None => {
                    self.client.fill()?;
                    continue;
                }
            };
            match message.tag {
                b'd' => {
                    let body = self.client.body(message);
                    self.done = read(body, &mut self.started, &mut self.rows)
                        .map_err(|problem| problem.unwrap_or_else(|| self.client.garbled()))?;
                    if self.rows.rows() >= BATCH_ROWS || self.rows.bytes() >= BATCH_BYTES {
                        break;
                    }
                }
                b'E' => {
                    let error = self.client.refusal(message);
                    self.client.until_ready()?;
                    return Err(error);
                }
                b'S' | b'N' => {}
                _ => return Err(self.client.garbled()),
            }
        }
        if self.rows.rows() == 0 {
            if !self.ready {
                self.client.until_ready()?;
                self.ready = true;
            }
            return Ok(None);
        }
        self.total += self.rows.rows() as u64;
        self.rows.finish().map(Some)
    }

    /// Rows so far.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.total
    }
}

/// Reads the tuples of one message; `true` says that the copy has ended.
fn read(
    mut bytes: &[u8],
    started: &mut bool,
    rows: &mut RowBuilder,
) -> Result<bool, Option<Error>> {
    if !*started {
        let (head, rest) = bytes.split_first_chunk::<19>().ok_or(None)?;
        let (signature, numbers) = head.split_first_chunk::<11>().ok_or(None)?;
        let extension = numbers.last_chunk::<4>().ok_or(None)?;
        if signature != SIGNATURE {
            return Err(None);
        }
        let extension = u32::from_be_bytes(*extension) as usize;
        bytes = rest.get(extension..).ok_or(None)?;
        *started = true;
    }
    let width = rows.columns().len();
    while let Some((count, rest)) = bytes.split_first_chunk::<2>() {
        bytes = rest;
        let count = i16::from_be_bytes(*count);
        if count == -1 {
            return Ok(true);
        }
        if usize::try_from(count) != Ok(width) {
            return Err(Some(Error::new(
                codes::P1005,
                "A copy has another number of columns than it was asked for",
            )));
        }
        for at in 0..width {
            let (length, rest) = bytes.split_first_chunk::<4>().ok_or(None)?;
            bytes = rest;
            match usize::try_from(i32::from_be_bytes(*length)) {
                Err(_) => rows.null(at),
                Ok(length) => {
                    let (value, rest) = bytes.split_at_checked(length).ok_or(None)?;
                    bytes = rest;
                    rows.copied(at, value).map_err(Some)?;
                }
            }
        }
        rows.end_row();
    }
    Ok(false)
}
