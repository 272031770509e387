//! The terminal's modes and size.

use std::io::{BufRead as _, Write as _};

use super::Read;

/// Columns and rows of the terminal on standard output.
#[cfg(unix)]
pub(in crate::shell) fn size() -> Option<(usize, usize)> {
    let size = rustix::termios::tcgetwinsize(std::io::stdout()).ok()?;
    let (columns, rows) = (usize::from(size.ws_col), usize::from(size.ws_row));
    (columns > 0 && rows > 0).then_some((columns, rows))
}

/// Columns and rows of the terminal on standard output.
#[cfg(not(unix))]
pub(in crate::shell) fn size() -> Option<(usize, usize)> {
    None
}

/// A terminal that hands over every key at once, until this is dropped.
#[cfg(unix)]
pub(super) struct Raw(rustix::termios::Termios);

#[cfg(unix)]
impl Raw {
    /// Changes the mode of the terminal on standard input, if it is one.
    pub(super) fn enter() -> Option<Self> {
        use rustix::termios::{OptionalActions, tcgetattr, tcsetattr};
        if std::env::var("TERM").is_ok_and(|terminal| terminal == "dumb") {
            return None;
        }
        let before = tcgetattr(std::io::stdin()).ok()?;
        let mut raw = before.clone();
        raw.make_raw();
        tcsetattr(std::io::stdin(), OptionalActions::Drain, &raw).ok()?;
        // Pasted text comes between marks, so that its line ends are no Enter.
        let mut out = std::io::stdout().lock();
        let _asked = out.write_all(b"\x1b[?2004h").and_then(|()| out.flush());
        Some(Self(before))
    }
}

#[cfg(unix)]
impl Drop for Raw {
    fn drop(&mut self) {
        use rustix::termios::{OptionalActions, tcsetattr};
        let mut out = std::io::stdout().lock();
        let _asked = out.write_all(b"\x1b[?2004l").and_then(|()| out.flush());
        // A terminal that is gone needs no mode.
        let _restored = tcsetattr(std::io::stdin(), OptionalActions::Drain, &self.0);
    }
}

/// Elsewhere the terminal edits lines itself.
#[cfg(not(unix))]
pub(super) struct Raw;

#[cfg(not(unix))]
impl Raw {
    pub(super) fn enter() -> Option<Self> {
        None
    }
}

/// Reads lines as the terminal gives them, until they are a whole input.
pub(super) fn read_plainly(
    prompt: &str,
    is_complete: impl Fn(&str) -> bool,
) -> std::io::Result<Read> {
    let mut text = String::new();
    loop {
        let shown = if text.is_empty() { prompt } else { "" };
        let mut out = std::io::stdout().lock();
        out.write_all(format!("{shown}> ").as_bytes())?;
        out.flush()?;
        drop(out);
        if std::io::stdin().lock().read_line(&mut text)? == 0 {
            return Ok(match text.trim().is_empty() {
                true => Read::End,
                false => Read::Text(text),
            });
        }
        if is_complete(&text) {
            return Ok(Read::Text(text));
        }
    }
}
