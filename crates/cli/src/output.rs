//! Writes results to stdout and messages to stderr. A reader that goes away (`| head`) is no error.

use std::io::{ErrorKind, IsTerminal as _, Write};

use diagnostic::{Result, ResultExt as _, codes};

/// Writes `text` and a line end to stdout.
pub fn line(text: &str) -> Result<()> {
    write_all(&mut std::io::stdout().lock(), &[text, "\n"].concat())
}

/// Writes `text` with ANSI colours, if stdout shows them, and a line end to stdout.
pub fn styled_line(text: &str) -> Result<()> {
    write_all(&mut anstream::stdout().lock(), &[text, "\n"].concat())
}

/// Writes a message for people to stderr. Where nobody can hear it there is nobody to tell.
pub fn message(text: &str) {
    let _unheard = writeln!(anstream::stderr().lock(), "{text}");
}

/// Whether people watch stderr, so that lines may move.
pub fn is_watched() -> bool {
    std::io::stderr().is_terminal()
}

fn write_all(out: &mut impl Write, text: &str) -> Result<()> {
    settle(out.write_all(text.as_bytes()).and_then(|()| out.flush()))
}

/// The result of writing output: a closed pipe is fine.
pub fn settle(result: std::io::Result<()>) -> Result<()> {
    match result {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        other => other.explain(codes::C0012, || "The output cannot be written".to_owned()),
    }
}
