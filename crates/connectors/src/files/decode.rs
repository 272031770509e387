//! Turning a file's bytes into UTF-8: byte order marks, declared encodings, and what to do per record.

use std::io::{self, Read};
use std::str::FromStr;

use diagnostic::{Error, codes};
use encoding_rs::{Decoder, DecoderResult, UTF_8, UTF_16BE, UTF_16LE};

/// Which encoding a stream's files are in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// A byte order mark decides. Without one a file whose first two characters have a zero byte each is
    /// UTF-16, every other one UTF-8, and a record that is not valid UTF-8 is read as Windows-1252. That never
    /// mistakes text: hardly any Windows-1252 text beyond ASCII is valid UTF-8.
    Auto,
    /// The one encoding the contract names. A record that does not keep to it is a defect.
    Declared(&'static encoding_rs::Encoding),
}

impl FromStr for Encoding {
    type Err = Error;

    fn from_str(label: &str) -> Result<Self, Error> {
        if label.eq_ignore_ascii_case("auto") {
            return Ok(Self::Auto);
        }
        encoding_rs::Encoding::for_label(label.as_bytes())
            .map(Self::Declared)
            .ok_or_else(|| {
                Error::new(codes::F2004, format!("`{label}` is not an encoding")).suggest(
                    label,
                    [
                        "auto",
                        "utf-8",
                        "utf-16le",
                        "utf-16be",
                        "windows-1252",
                        "iso-8859-1",
                    ],
                )
            })
    }
}

/// Bytes transcoded at once.
const BLOCK: usize = 64 * 1024;

/// What a record that is not valid UTF-8 means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum InvalidUtf8 {
    /// It is Windows-1252.
    Windows1252,
    /// It is a defect.
    Defect,
}

/// A reader of UTF-8 over one of any encoding.
pub(crate) struct Decoding<R> {
    inner: R,
    /// Bytes taken to look for a byte order mark and not handed on yet.
    head: Vec<u8>,
    transcoder: Option<Transcoder>,
}

struct Transcoder {
    decoder: Decoder,
    name: &'static str,
    input: Vec<u8>,
    consumed: usize,
    output: Vec<u8>,
    served: usize,
    ended: bool,
    finished: bool,
}

impl<R: Read> Decoding<R> {
    /// Looks at the first bytes of `inner` and decides.
    pub(crate) fn new(mut inner: R, encoding: Encoding) -> io::Result<(Self, InvalidUtf8)> {
        let mut head = Vec::with_capacity(4);
        inner.by_ref().take(4).read_to_end(&mut head)?;
        let mark = encoding_rs::Encoding::for_bom(&head);
        let (source, invalid) = match (encoding, mark) {
            (Encoding::Auto, Some((marked, _))) => (marked, InvalidUtf8::Windows1252),
            (Encoding::Auto, None) => match head.as_slice() {
                [1..=255, 0, 1..=255, 0] => (UTF_16LE, InvalidUtf8::Defect),
                [0, 1..=255, 0, 1..=255] => (UTF_16BE, InvalidUtf8::Defect),
                _ => (UTF_8, InvalidUtf8::Windows1252),
            },
            // "utf-16" without a side means little endian (WHATWG); a mark knows better.
            (Encoding::Declared(declared), Some((marked, _)))
                if is_utf16(declared) && is_utf16(marked) =>
            {
                (marked, InvalidUtf8::Defect)
            }
            (Encoding::Declared(declared), _) => (declared, InvalidUtf8::Defect),
        };
        if let Some((marked, length)) = mark
            && marked == source
        {
            head.drain(..length);
        }
        let transcoder = (source != UTF_8).then(|| Transcoder {
            decoder: source.new_decoder_without_bom_handling(),
            name: source.name(),
            input: Vec::new(),
            consumed: 0,
            output: Vec::new(),
            served: 0,
            ended: false,
            finished: false,
        });
        Ok((
            Self {
                inner,
                head,
                transcoder,
            },
            invalid,
        ))
    }
}

fn is_utf16(encoding: &'static encoding_rs::Encoding) -> bool {
    encoding == UTF_16LE || encoding == UTF_16BE
}

impl<R: Read> Read for Decoding<R> {
    fn read(&mut self, target: &mut [u8]) -> io::Result<usize> {
        if let Some(transcoder) = &mut self.transcoder {
            return transcoder.read(&mut self.inner, &mut self.head, target);
        }
        if self.head.is_empty() {
            return self.inner.read(target);
        }
        take_head(&mut self.head, target)
    }
}

fn take_head(head: &mut Vec<u8>, target: &mut [u8]) -> io::Result<usize> {
    let count = head.as_slice().read(target)?;
    head.drain(..count);
    Ok(count)
}

impl Transcoder {
    /// Decodes into a buffer of its own: a caller's may be too small for a single character.
    fn read(
        &mut self,
        inner: &mut impl Read,
        head: &mut Vec<u8>,
        target: &mut [u8],
    ) -> io::Result<usize> {
        while self.served == self.output.len() && !self.finished {
            if self.consumed == self.input.len() && !self.ended {
                self.refill(inner, head)?;
            }
            let rest = self.input.get(self.consumed..).unwrap_or_default();
            self.output.resize(BLOCK, 0);
            let (result, read, written) =
                self.decoder
                    .decode_to_utf8_without_replacement(rest, &mut self.output, self.ended);
            self.output.truncate(written);
            self.served = 0;
            self.consumed += read;
            match result {
                DecoderResult::Malformed(..) => {
                    let what = format!("bytes that are not {}", self.name);
                    return Err(io::Error::new(io::ErrorKind::InvalidData, what));
                }
                DecoderResult::InputEmpty => self.finished = self.ended,
                DecoderResult::OutputFull => {}
            }
        }
        let count = self
            .output
            .get(self.served..)
            .unwrap_or_default()
            .read(target)?;
        self.served += count;
        Ok(count)
    }

    fn refill(&mut self, inner: &mut impl Read, head: &mut Vec<u8>) -> io::Result<()> {
        self.input.resize(BLOCK, 0);
        self.consumed = 0;
        let count = if head.is_empty() {
            inner.read(&mut self.input)?
        } else {
            take_head(head, &mut self.input)?
        };
        self.input.truncate(count);
        self.ended = count == 0;
        Ok(())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::io::Read;

    use super::{Decoding, Encoding, InvalidUtf8};

    fn decode(bytes: &[u8], encoding: &str) -> std::io::Result<(String, InvalidUtf8)> {
        let (mut reader, invalid) = Decoding::new(bytes, encoding.parse().unwrap())?;
        let mut text = Vec::new();
        reader.read_to_end(&mut text)?;
        Ok((String::from_utf8_lossy(&text).into_owned(), invalid))
    }

    #[test]
    fn a_byte_order_mark_decides() {
        assert_eq!(decode(b"\xef\xbb\xbfid", "auto").unwrap().0, "id");
        assert_eq!(decode(b"\xff\xfei\0d\0", "auto").unwrap().0, "id");
        assert_eq!(decode(b"\xfe\xff\0i\0d", "utf-16").unwrap().0, "id");
        assert_eq!(
            decode(b"id", "auto").unwrap(),
            ("id".to_owned(), InvalidUtf8::Windows1252)
        );
        assert_eq!(decode(b"i\0d\0", "auto").unwrap().0, "id");
        assert_eq!(decode(b"\0i\0d", "auto").unwrap().0, "id");
        assert_eq!(decode(b"", "auto").unwrap().0, "");
        assert_eq!(decode(b"x", "auto").unwrap().0, "x");
    }

    #[test]
    fn declared_encodings_are_decoded_and_kept_to() {
        assert_eq!(decode(b"M\xfcller", "windows-1252").unwrap().0, "Müller");
        assert_eq!(decode(b"\x83e\x83X\x83g", "shift_jis").unwrap().0, "テスト");
        assert!(decode(b"a\x83", "shift_jis").is_err());
        assert!("latin-17".parse::<Encoding>().is_err());
    }
}
