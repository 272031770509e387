//! [`Keys`]: what a terminal sends, as keys.

use std::collections::VecDeque;
use std::io::Read as _;

/// A key, or pasted text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Key {
    Text(String),
    Enter,
    Tab,
    Backspace,
    WordBackspace,
    Delete,
    Left,
    Right,
    WordLeft,
    WordRight,
    Up,
    Down,
    Home,
    End,
    Escape,
    Control(char),
    Unknown,
}

const ESCAPE: u8 = 0x1b;
const PASTE_END: &[u8] = b"\x1b[201~";

/// Reads keys from standard input.
#[derive(Default)]
pub(super) struct Keys {
    waiting: VecDeque<u8>,
}

impl Keys {
    /// The next key; nothing at the end of the input.
    pub(super) fn next(&mut self) -> std::io::Result<Option<Key>> {
        loop {
            if let Some((key, length)) = decode(self.waiting.make_contiguous()) {
                self.waiting.drain(..length);
                return Ok(Some(key));
            }
            let mut bytes = [0; 1024];
            let count = std::io::stdin().lock().read(&mut bytes)?;
            if count == 0 {
                return Ok(None);
            }
            self.waiting.extend(bytes.iter().take(count));
        }
    }
}

/// The first key in `bytes` and its length; nothing if more bytes are needed.
fn decode(bytes: &[u8]) -> Option<(Key, usize)> {
    let first = *bytes.first()?;
    match first {
        ESCAPE => escaped(bytes),
        b'\r' | b'\n' => Some((Key::Enter, 1)),
        b'\t' => Some((Key::Tab, 1)),
        0x7f => Some((Key::Backspace, 1)),
        0..0x20 => Some((Key::Control(char::from(first | 0x60)), 1)),
        _ => text(bytes),
    }
}

/// All letters up to the next key that is none.
fn text(bytes: &[u8]) -> Option<(Key, usize)> {
    let end = bytes
        .iter()
        .position(|byte| *byte < 0x20 || *byte == 0x7f)
        .unwrap_or(bytes.len());
    let run = bytes.get(..end)?;
    let whole = match std::str::from_utf8(run) {
        Ok(text) => text,
        Err(error) if error.valid_up_to() > 0 => {
            std::str::from_utf8(run.get(..error.valid_up_to())?).ok()?
        }
        // A letter whose other bytes have not come yet, or none at all.
        Err(error) => return error.error_len().map(|length| (Key::Unknown, length)),
    };
    Some((Key::Text(whole.to_owned()), whole.len()))
}

fn escaped(bytes: &[u8]) -> Option<(Key, usize)> {
    match bytes.get(1) {
        // Sequences come in one piece, so that nothing behind it is the key itself.
        None => Some((Key::Escape, 1)),
        Some(b'[') => sequence(bytes),
        Some(b'O') => {
            let key = match bytes.get(2)? {
                b'A' => Key::Up,
                b'B' => Key::Down,
                b'C' => Key::Right,
                b'D' => Key::Left,
                b'H' => Key::Home,
                b'F' => Key::End,
                _ => Key::Unknown,
            };
            Some((key, 3))
        }
        Some(b'b') => Some((Key::WordLeft, 2)),
        Some(b'f') => Some((Key::WordRight, 2)),
        Some(0x7f) => Some((Key::WordBackspace, 2)),
        Some(b'\r' | b'\n') => Some((Key::Text("\n".to_owned()), 2)),
        Some(_) => Some((Key::Unknown, 2)),
    }
}

/// `ESC [ parameters letter`.
fn sequence(bytes: &[u8]) -> Option<(Key, usize)> {
    let parameters = bytes.get(2..)?;
    let length = parameters
        .iter()
        .position(|byte| (0x40..0x7f).contains(byte))?;
    let (letter, end) = (*parameters.get(length)?, length + 3);
    let parameters = parameters.get(..length)?;
    let by_word = parameters.ends_with(b";5") || parameters.ends_with(b";3");
    let key = match (letter, parameters) {
        (b'~', b"200") => return pasted(bytes, end),
        (b'A', _) => Key::Up,
        (b'B', _) => Key::Down,
        (b'C', _) if by_word => Key::WordRight,
        (b'D', _) if by_word => Key::WordLeft,
        (b'C', _) => Key::Right,
        (b'D', _) => Key::Left,
        (b'H', _) | (b'~', b"1" | b"7") => Key::Home,
        (b'F', _) | (b'~', b"4" | b"8") => Key::End,
        (b'~', b"3") => Key::Delete,
        _ => Key::Unknown,
    };
    Some((key, end))
}

/// Pasted text goes on to its mark, line ends and all.
fn pasted(bytes: &[u8], start: usize) -> Option<(Key, usize)> {
    let rest = bytes.get(start..)?;
    let end = rest
        .windows(PASTE_END.len())
        .position(|window| window == PASTE_END)?;
    let text = String::from_utf8_lossy(rest.get(..end)?);
    let lines = text.replace("\r\n", "\n").replace('\r', "\n");
    Some((
        Key::Text(lines.replace('\t', "    ")),
        start + end + PASTE_END.len(),
    ))
}

#[cfg(test)]
mod tests {
    use super::{Key, decode};

    #[test]
    fn keys_are_told_apart() {
        let text = |text: &str| Key::Text(text.to_owned());
        for (bytes, key) in [
            (b"abc\r".as_slice(), text("abc")),
            ("ä".as_bytes(), text("ä")),
            (b"\r", Key::Enter),
            (b"\t", Key::Tab),
            (b"\x03", Key::Control('c')),
            (b"\x7f", Key::Backspace),
            (b"\x1b[A", Key::Up),
            (b"\x1bOB", Key::Down),
            (b"\x1b[1;5D", Key::WordLeft),
            (b"\x1bf", Key::WordRight),
            (b"\x1b[3~", Key::Delete),
            (b"\x1b[200~a\r\nb\x1b[201~", text("a\nb")),
            (b"\x1b", Key::Escape),
        ] {
            assert_eq!(decode(bytes).map(|(key, _)| key), Some(key), "{bytes:?}");
        }
        // Half a letter, half a sequence, half a paste.
        for bytes in [b"\xc3".as_slice(), b"\x1b[", b"\x1b[200~abc"] {
            assert_eq!(decode(bytes), None, "{bytes:?}");
        }
    }
}
