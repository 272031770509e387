//! Text and bytes in hexadecimal and Base64.
//!
//! <https://docs.snowflake.com/en/sql-reference/functions-string#encode-decode>

use arrow::array::{ArrayRef, StringArray};
use arrow::datatypes::DataType;
use datafusion::common::{Result, exec_datafusion_err, exec_err, plan_err};

use crate::conversion::Failure;
use crate::scalar::{Call, Function, Kind, Returns, Values};
use crate::text::bytes::{Alphabet, Encoding, from_hex, hex};

pub(super) const FUNCTIONS: &[Function] = &[
    Function::kernel(
        "hex_encode",
        "hex_encode(value [, case])",
        &[Kind::Blob, Kind::Integer],
        Returns::Text,
        hex_encode,
    )
    .required(1)
    .note("case 0 writes lower-case digits"),
    Function::kernel(
        "hex_decode_string",
        "hex_decode_string(text)",
        &[Kind::Text],
        Returns::Text,
        |call| strings(call, Failure::Error, unhex),
    ),
    Function::kernel(
        "try_hex_decode_string",
        "try_hex_decode_string(text)",
        &[Kind::Text],
        Returns::Text,
        |call| strings(call, Failure::Null, unhex),
    ),
    Function::kernel(
        "hex_decode_binary",
        "hex_decode_binary(text)",
        &[Kind::Text],
        Returns::Binary,
        |call| bytes(call, Failure::Error, unhex),
    ),
    Function::kernel(
        "try_hex_decode_binary",
        "try_hex_decode_binary(text)",
        &[Kind::Text],
        Returns::Binary,
        |call| bytes(call, Failure::Null, unhex),
    ),
    Function::kernel(
        "base64_encode",
        "base64_encode(value [, line length [, alphabet]])",
        &[Kind::Blob, Kind::Integer, Kind::Text],
        Returns::Text,
        base64_encode,
    )
    .required(1),
    Function::kernel(
        "base64_decode_string",
        "base64_decode_string(text [, alphabet])",
        &[Kind::Text, Kind::Text],
        Returns::Text,
        |call| strings(call, Failure::Error, unbase64),
    )
    .required(1),
    Function::kernel(
        "try_base64_decode_string",
        "try_base64_decode_string(text [, alphabet])",
        &[Kind::Text, Kind::Text],
        Returns::Text,
        |call| strings(call, Failure::Null, unbase64),
    )
    .required(1),
    Function::kernel(
        "base64_decode_binary",
        "base64_decode_binary(text [, alphabet])",
        &[Kind::Text, Kind::Text],
        Returns::Binary,
        |call| bytes(call, Failure::Error, unbase64),
    )
    .required(1),
    Function::kernel(
        "try_base64_decode_binary",
        "try_base64_decode_binary(text [, alphabet])",
        &[Kind::Text, Kind::Text],
        Returns::Binary,
        |call| bytes(call, Failure::Null, unbase64),
    )
    .required(1),
    Function::kernel(
        "to_binary",
        "to_binary(text [, 'HEX' | 'BASE64' | 'UTF-8'])",
        &[Kind::Blob, Kind::Text],
        Returns::Binary,
        |call| to_binary(call, Failure::Error),
    )
    .required(1)
    .note("hexadecimal unless told otherwise"),
    Function::kernel(
        "try_to_binary",
        "try_to_binary(text [, 'HEX' | 'BASE64' | 'UTF-8'])",
        &[Kind::Blob, Kind::Text],
        Returns::Binary,
        |call| to_binary(call, Failure::Null),
    )
    .required(1),
];

/// The encoding called `name`.
fn encoding(name: &str) -> Result<Encoding> {
    match Encoding::named(name) {
        Some(encoding) => Ok(encoding),
        None => plan_err!("A binary format is HEX, BASE64 or UTF-8, not '{name}'"),
    }
}

fn hex_encode(call: &Call) -> Result<ArrayRef> {
    let (values, case) = (call.blob(0)?, call.integer_if_given(1)?);
    call.texts(|row| {
        let case = case.as_ref().map_or(Some(1), |case| case.get(row));
        Ok(values
            .get(row)
            .zip(case)
            .map(|(value, case)| hex(value, case == 0)))
    })
}

fn alphabet(values: Option<&Values<&StringArray>>, row: usize) -> Result<Option<Alphabet>> {
    let Some(values) = values else {
        return Ok(Some(Alphabet::default()));
    };
    let Some(characters) = values.get(row) else {
        return Ok(None);
    };
    match Alphabet::new(characters) {
        Some(alphabet) => Ok(Some(alphabet)),
        None => exec_err!("A Base64 alphabet replaces up to three characters, not '{characters}'"),
    }
}

fn base64_encode(call: &Call) -> Result<ArrayRef> {
    let (values, line) = (call.blob(0)?, call.integer_if_given(1)?);
    let alphabets = call.text_if_given(2)?;
    call.texts(|row| {
        let line = line.as_ref().map_or(Some(0), |line| line.get(row));
        let (Some(value), Some(line), Some(alphabet)) =
            (values.get(row), line, alphabet(alphabets.as_ref(), row)?)
        else {
            return Ok(None);
        };
        Ok(Some(
            alphabet.encode(value, usize::try_from(line).unwrap_or(0)),
        ))
    })
}

/// Reads one row: nothing for null, none inside for text that is not so encoded.
type Read = fn(&Call, usize) -> Result<Option<Option<Vec<u8>>>>;

fn unhex(call: &Call, row: usize) -> Result<Option<Option<Vec<u8>>>> {
    Ok(call.text(0)?.get(row).map(from_hex))
}

fn unbase64(call: &Call, row: usize) -> Result<Option<Option<Vec<u8>>>> {
    let alphabets = call.text_if_given(1)?;
    let text = call.text(0)?.get(row);
    Ok(text
        .zip(alphabet(alphabets.as_ref(), row)?)
        .map(|(text, alphabet)| alphabet.decode(text)))
}

fn decoded<T>(
    call: &Call,
    row: usize,
    failure: Failure,
    read: Read,
    make: impl Fn(Vec<u8>) -> Option<T>,
) -> Result<Option<T>> {
    let Some(bytes) = read(call, row)? else {
        return Ok(None);
    };
    match (bytes.and_then(make), failure) {
        (Some(value), _) => Ok(Some(value)),
        (None, Failure::Null) => Ok(None),
        (None, Failure::Error) => {
            let text = call.text(0)?.get(row).unwrap_or_default();
            Err(exec_datafusion_err!("The text '{text}' cannot be decoded"))
        }
    }
}

fn strings(call: &Call, failure: Failure, read: Read) -> Result<ArrayRef> {
    call.texts(|row| {
        decoded(call, row, failure, read, |bytes| {
            String::from_utf8(bytes).ok()
        })
    })
}

fn bytes(call: &Call, failure: Failure, read: Read) -> Result<ArrayRef> {
    call.binaries(|row| decoded(call, row, failure, read, Some))
}

fn to_binary(call: &Call, failure: Failure) -> Result<ArrayRef> {
    if *call.data_type(0)? == DataType::Binary {
        return call.array(0);
    }
    let (texts, formats) = (call.text(0)?, call.text_if_given(1)?);
    let given = call.parameters().formats.binary_input;
    call.binaries(|row| {
        let encoding = match &formats {
            Some(formats) => formats.get(row).map(encoding).transpose()?,
            None => Some(given),
        };
        let (Some(text), Some(encoding)) = (texts.get(row), encoding) else {
            return Ok(None);
        };
        match (encoding.read(text), failure) {
            (Some(bytes), _) => Ok(Some(bytes)),
            (None, Failure::Null) => Ok(None),
            (None, Failure::Error) => {
                exec_err!("The text '{text}' is not legal {encoding:?} for a BINARY")
            }
        }
    })
}

/// Bytes in the encoding that the second argument names.
pub(super) fn binary_text(call: &Call) -> Result<ArrayRef> {
    let (values, formats) = (call.blob(0)?, call.text(1)?);
    call.texts(|row| {
        let (Some(bytes), Some(format)) = (values.get(row), formats.get(row)) else {
            return Ok(None);
        };
        match encoding(format)?.write(bytes) {
            Some(text) => Ok(Some(text)),
            None => exec_err!("A BINARY value is not UTF-8"),
        }
    })
}
