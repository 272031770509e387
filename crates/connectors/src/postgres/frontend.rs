//! The messages we send (<https://www.postgresql.org/docs/current/protocol-message-formats.html>).

use std::io::{Error, ErrorKind, Result};

use bytes::{BufMut, BytesMut};

/// Version 3.0 of the protocol.
const PROTOCOL: i32 = 3 << 16;
/// Stands for a version and asks for encryption.
const SSL_REQUEST: i32 = 80_877_103;

/// A message: its tag, if it has one, its length and its body.
fn message(
    tag: Option<u8>,
    out: &mut BytesMut,
    body: impl FnOnce(&mut BytesMut) -> Result<()>,
) -> Result<()> {
    if let Some(tag) = tag {
        out.put_u8(tag);
    }
    let start = out.len();
    out.put_i32(0);
    body(out)?;
    let length = i32::try_from(out.len() - start)
        .map_err(|_| Error::new(ErrorKind::InvalidInput, "a message is too large"))?;
    if let Some(place) = out.get_mut(start..start + 4) {
        place.copy_from_slice(&length.to_be_bytes());
    }
    Ok(())
}

fn text(text: &str, out: &mut BytesMut) -> Result<()> {
    if text.contains('\0') {
        let reason = "a text for the server contains a zero byte";
        return Err(Error::new(ErrorKind::InvalidInput, reason));
    }
    out.put_slice(text.as_bytes());
    out.put_u8(0);
    Ok(())
}

pub(super) fn startup(parameters: &[(&str, &str)], out: &mut BytesMut) -> Result<()> {
    message(None, out, |out| {
        out.put_i32(PROTOCOL);
        for (name, value) in parameters {
            text(name, out)?;
            text(value, out)?;
        }
        out.put_u8(0);
        Ok(())
    })
}

pub(super) fn ssl_request(out: &mut BytesMut) {
    out.put_i32(8);
    out.put_i32(SSL_REQUEST);
}

pub(super) fn query(sql: &str, out: &mut BytesMut) -> Result<()> {
    message(Some(b'Q'), out, |out| text(sql, out))
}

/// An answer to an authentication request, as it is.
pub(super) fn password(bytes: &[u8], out: &mut BytesMut) -> Result<()> {
    message(Some(b'p'), out, |out| {
        out.put_slice(bytes);
        Ok(())
    })
}

pub(super) fn password_text(password: &str, out: &mut BytesMut) -> Result<()> {
    message(Some(b'p'), out, |out| text(password, out))
}

pub(super) fn sasl_initial(mechanism: &str, data: &[u8], out: &mut BytesMut) -> Result<()> {
    message(Some(b'p'), out, |out| {
        text(mechanism, out)?;
        let length = i32::try_from(data.len())
            .map_err(|_| Error::new(ErrorKind::InvalidInput, "a message is too large"))?;
        out.put_i32(length);
        out.put_slice(data);
        Ok(())
    })
}

pub(super) fn copy_data(data: &[u8], out: &mut BytesMut) -> Result<()> {
    message(Some(b'd'), out, |out| {
        out.put_slice(data);
        Ok(())
    })
}

pub(super) fn copy_done(out: &mut BytesMut) -> Result<()> {
    message(Some(b'c'), out, |_| Ok(()))
}

pub(super) fn terminate(out: &mut BytesMut) -> Result<()> {
    message(Some(b'X'), out, |_| Ok(()))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use bytes::BytesMut;

    #[test]
    fn a_message_tells_its_length_without_its_tag() {
        let mut out = BytesMut::new();
        super::query("select 1", &mut out).unwrap();
        assert_eq!(&out[..], b"Q\0\0\0\x0dselect 1\0");
        assert!(super::query("a\0b", &mut out).is_err());
    }
}
