//! Log lines and moving bars share one terminal: the bars step aside while a line is written.

use std::io::Write;

use indicatif::MultiProgress;
use parking_lot::Mutex;

static BARS: Mutex<Option<MultiProgress>> = Mutex::new(None);

/// Makes log lines step round `bars`; `None` when there are none any more.
pub(super) fn share_terminal_with(bars: Option<MultiProgress>) {
    *BARS.lock() = bars;
}

/// Where a log line goes. The line is written when the writer is dropped.
pub fn log_writer() -> Box<dyn Write> {
    Box::new(LogLine(Vec::new()))
}

struct LogLine(Vec<u8>);

impl Write for LogLine {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        let line = std::mem::take(&mut self.0);
        let bars = BARS.lock().clone();
        let write = || std::io::stderr().lock().write_all(&line);
        match bars {
            Some(bars) => bars.suspend(write),
            None => write(),
        }
    }
}

impl Drop for LogLine {
    fn drop(&mut self) {
        // Where nobody can read logs there is nobody to tell.
        let _unheard = self.flush();
    }
}
