//! Avro object container files (<https://avro.apache.org/docs/1.12.0/specification/#object-container-files>):
//! one block after the other.

use std::io::{self, BufReader, Read};
use std::sync::{Arc, Mutex, PoisonError};

use arrow::array::RecordBatch;
use arrow_avro::reader::{Reader, ReaderBuilder};
use diagnostic::{Error, Result, codes};

use super::{Cause, Columnar};
use crate::files::decompress::Kind;
use crate::files::{Place, decompress};

/// Rows of a batch of arrays.
const ROWS: usize = 1024;

/// Opens the Avro file at `place`.
pub(in crate::files) fn open(place: &Place, name: &str, max_record: usize) -> Result<Columnar> {
    let (bytes, _) = decompress::open(place, name, Kind::Binary)?;
    let last = Last::default();
    let tail = Tail {
        inner: bytes,
        last: Arc::clone(&last),
    };
    let reader = ReaderBuilder::new()
        .with_batch_size(ROWS)
        .build(BufReader::with_capacity(256 * 1024, tail))
        .map_err(|cause| {
            Error::new(
                codes::F2001,
                format!("`{name}` is no Avro file, or it is damaged or cut off"),
            )
            .with("file", name)
            .because(cause)
        })?;
    let schema = reader.schema();
    let batches = Whole {
        reader,
        last,
        ended: false,
    };
    Ok(Columnar::new(name, &schema, Box::new(batches), max_record))
}

/// The last bytes that were read.
type Last = Arc<Mutex<Vec<u8>>>;

/// Length of the marker behind every block.
const MARKER: usize = 16;

/// Remembers the last bytes that were read.
struct Tail {
    inner: Box<dyn Read + Send>,
    last: Last,
}

impl Read for Tail {
    fn read(&mut self, target: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(target)?;
        let read = target.get(..count).unwrap_or_default();
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        last.extend_from_slice(read.get(count.saturating_sub(MARKER)..).unwrap_or_default());
        let surplus = last.len().saturating_sub(MARKER);
        last.drain(..surplus);
        Ok(count)
    }
}

/// The reader takes a file that ends inside a block for one that ends before it: this one does not.
struct Whole {
    reader: Reader<BufReader<Tail>>,
    last: Last,
    ended: bool,
}

impl Iterator for Whole {
    type Item = Result<RecordBatch, Cause>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Some(batch) = self.reader.next() {
            return Some(batch.map_err(|error| Box::new(error) as Cause));
        }
        let marker = self.reader.avro_header().sync();
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let cut = !self.ended && last.as_slice() != marker.as_slice();
        self.ended = true;
        cut.then(|| Err("it does not end with the marker of a block".into()))
    }
}
