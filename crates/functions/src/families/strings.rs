//! String functions. Places count characters from 1.
//!
//! <https://docs.snowflake.com/en/sql-reference/functions-string>

use std::sync::Arc;

use arrow::array::{Array as _, ArrayRef, AsArray, StringArray};
use arrow::buffer::{Buffer, OffsetBuffer};
use arrow::datatypes::DataType;
use datafusion::common::{Result, exec_err, plan_err};

use crate::conversion::Failure;
use crate::scalar::{Call, Function, Kind, Returns, Values};

use super::bytes;

pub(super) const FUNCTIONS: &[Function] = &[
    Function::kernel(
        "concat",
        "concat(text, …)",
        &[Kind::Blob],
        Returns::With(bytes::as_first),
        |call| match bytes::is_binary(call)? {
            true => bytes::concat(call),
            false => joined(call, 0),
        },
    )
    .coerce(alike)
    .repeated()
    .note("null as soon as one text is"),
    Function::kernel(
        "concat_ws",
        "concat_ws(separator, text, …)",
        &[Kind::Text, Kind::Text],
        Returns::Text,
        |call| joined(call, 1),
    )
    .repeated()
    .note("null as soon as one text is; one text needs no separator"),
    Function::kernel(
        "upper",
        "upper(text)",
        &[Kind::Text],
        Returns::Text,
        |call| recased(call, <[u8]>::make_ascii_uppercase, str::to_uppercase),
    ),
    Function::kernel(
        "lower",
        "lower(text)",
        &[Kind::Text],
        Returns::Text,
        |call| recased(call, <[u8]>::make_ascii_lowercase, str::to_lowercase),
    ),
    Function::kernel(
        "length",
        "length(text)",
        &[Kind::Blob],
        Returns::Integer,
        |call| {
            if bytes::is_binary(call)? {
                return byte_length(call, 1);
            }
            let text = call.text(0)?;
            call.integers(|row| Ok(text.get(row).and_then(|text| count(text.chars()))))
        },
    )
    .aliases(&["len", "char_length", "character_length"]),
    Function::kernel(
        "octet_length",
        "octet_length(text)",
        &[Kind::Blob],
        Returns::Integer,
        |call| byte_length(call, 1),
    ),
    Function::kernel(
        "bit_length",
        "bit_length(text)",
        &[Kind::Blob],
        Returns::Integer,
        |call| byte_length(call, 8),
    ),
    Function::kernel(
        "rtrimmed_length",
        "rtrimmed_length(text)",
        &[Kind::Text],
        Returns::Integer,
        |call| {
            let text = call.text(0)?;
            call.integers(|row| {
                let text = text.get(row).map(|text| text.trim_end_matches(' '));
                Ok(text.and_then(|text| count(text.chars())))
            })
        },
    ),
    Function::kernel(
        "collate",
        "collate(text, specification)",
        &[Kind::Text, Kind::Text],
        Returns::Text,
        |_| exec_err!("COLLATE is not supported: text is compared by its characters"),
    )
    .note("refused: text is compared by its characters"),
    Function::kernel(
        "substr",
        "substr(text, start [, length])",
        &[Kind::Blob, Kind::Integer, Kind::Integer],
        Returns::With(bytes::as_first),
        |call| match bytes::is_binary(call)? {
            true => bytes::substr(call),
            false => substr(call),
        },
    )
    .aliases(&["substring"])
    .required(2)
    .note("a negative start counts from the end"),
    Function::kernel(
        "left",
        "left(text, length)",
        &[Kind::Blob, Kind::Integer],
        Returns::With(bytes::as_first),
        |call| {
            if bytes::is_binary(call)? {
                return bytes::end(call, false);
            }
            with_number(call, |text, length| {
                let end = offset_of(text, usize::try_from(length).unwrap_or(0));
                text.get(..end).unwrap_or("").to_owned()
            })
        },
    ),
    Function::kernel(
        "$fitting",
        "$fitting(text, length)",
        &[Kind::Text, Kind::Integer],
        Returns::Text,
        |call| fitted(call, Failure::Null),
    ),
    Function::kernel(
        "$fitted",
        "$fitted(text, length)",
        &[Kind::Text, Kind::Integer],
        Returns::Text,
        |call| fitted(call, Failure::Error),
    ),
    Function::kernel(
        "right",
        "right(text, length)",
        &[Kind::Blob, Kind::Integer],
        Returns::With(bytes::as_first),
        |call| {
            if bytes::is_binary(call)? {
                return bytes::end(call, true);
            }
            with_number(call, |text, length| {
                let skipped = text
                    .chars()
                    .count()
                    .saturating_sub(usize::try_from(length).unwrap_or(0));
                text.get(offset_of(text, skipped)..)
                    .unwrap_or("")
                    .to_owned()
            })
        },
    ),
    Function::kernel(
        "lpad",
        "lpad(text, length [, pad])",
        &[Kind::Blob, Kind::Integer, Kind::Blob],
        Returns::With(bytes::as_first),
        |call| match bytes::is_binary(call)? {
            true => bytes::padded(call, true),
            false => padded(call, |text, pad| pad + text),
        },
    )
    .required(2),
    Function::kernel(
        "rpad",
        "rpad(text, length [, pad])",
        &[Kind::Blob, Kind::Integer, Kind::Blob],
        Returns::With(bytes::as_first),
        |call| match bytes::is_binary(call)? {
            true => bytes::padded(call, false),
            false => padded(call, |text, pad| text.to_owned() + &pad),
        },
    )
    .required(2),
    Function::kernel(
        "btrim",
        "trim(text [, characters])",
        &[Kind::Text, Kind::Text],
        Returns::Text,
        |call| trimmed(call, |text, set| text.trim_matches(|c| set.contains(c))),
    )
    .aliases(&["trim"])
    .required(1)
    .note("blanks only, unless told otherwise"),
    Function::kernel(
        "ltrim",
        "ltrim(text [, characters])",
        &[Kind::Text, Kind::Text],
        Returns::Text,
        |call| {
            trimmed(call, |text, set| {
                text.trim_start_matches(|c| set.contains(c))
            })
        },
    )
    .required(1),
    Function::kernel(
        "rtrim",
        "rtrim(text [, characters])",
        &[Kind::Text, Kind::Text],
        Returns::Text,
        |call| trimmed(call, |text, set| text.trim_end_matches(|c| set.contains(c))),
    )
    .required(1),
    Function::kernel(
        "initcap",
        "initcap(text [, delimiters])",
        &[Kind::Text, Kind::Text],
        Returns::Text,
        initcap,
    )
    .required(1),
    Function::kernel(
        "replace",
        "replace(text, sought [, replacement])",
        &[Kind::Text, Kind::Text, Kind::Text],
        Returns::Text,
        replace,
    )
    .required(2),
    Function::kernel(
        "translate",
        "translate(text, from, to)",
        &[Kind::Text, Kind::Text, Kind::Text],
        Returns::Text,
        translate,
    ),
    Function::kernel(
        "contains",
        "contains(text, sought)",
        &[Kind::Blob, Kind::Blob],
        Returns::Boolean,
        |call| match bytes::is_binary(call)? {
            true => bytes::tested(call, |bytes, sought| {
                bytes::place_of(bytes, sought).is_some()
            }),
            false => tested(call, |text, sought| text.contains(sought)),
        },
    )
    .coerce(bytes::both),
    Function::kernel(
        "startswith",
        "startswith(text, head)",
        &[Kind::Blob, Kind::Blob],
        Returns::Boolean,
        |call| match bytes::is_binary(call)? {
            true => bytes::tested(call, |bytes, head| bytes.starts_with(head)),
            false => tested(call, |text, head| text.starts_with(head)),
        },
    )
    .coerce(bytes::both),
    Function::kernel(
        "endswith",
        "endswith(text, tail)",
        &[Kind::Blob, Kind::Blob],
        Returns::Boolean,
        |call| match bytes::is_binary(call)? {
            true => bytes::tested(call, |bytes, tail| bytes.ends_with(tail)),
            false => tested(call, |text, tail| text.ends_with(tail)),
        },
    )
    .coerce(bytes::both),
    Function::kernel(
        "charindex",
        "charindex(sought, text [, start])",
        &[Kind::Blob, Kind::Blob, Kind::Integer],
        Returns::Integer,
        |call| match bytes::is_binary(call)? {
            true => bytes::charindex(call),
            false => charindex(call),
        },
    )
    .coerce(bytes::both)
    .aliases(&["position"])
    .required(2),
    Function::kernel(
        "split_part",
        "split_part(text, delimiter, number)",
        &[Kind::Text, Kind::Text, Kind::Integer],
        Returns::Text,
        split_part,
    )
    .note("a negative number counts from the end, 0 is 1"),
    Function::kernel(
        "strtok",
        "strtok(text [, delimiters [, number]])",
        &[Kind::Text, Kind::Text, Kind::Integer],
        Returns::Text,
        strtok,
    )
    .required(1),
    Function::kernel(
        "repeat",
        "repeat(text, times)",
        &[Kind::Text, Kind::Integer],
        Returns::Text,
        |call| {
            with_number(call, |text, times| {
                text.repeat(usize::try_from(times).unwrap_or(0))
            })
        },
    ),
    Function::kernel(
        "reverse",
        "reverse(text)",
        &[Kind::Blob],
        Returns::With(bytes::as_first),
        |call| {
            if bytes::is_binary(call)? {
                return bytes::reversed(call);
            }
            let text = call.text(0)?;
            call.texts(|row| {
                Ok(text
                    .get(row)
                    .map(|text| text.chars().rev().collect::<String>()))
            })
        },
    ),
    Function::kernel(
        "space",
        "space(times)",
        &[Kind::Integer],
        Returns::Text,
        |call| {
            let times = call.integer(0)?;
            call.texts(|row| {
                Ok(times
                    .get(row)
                    .map(|times| " ".repeat(usize::try_from(times).unwrap_or(0))))
            })
        },
    ),
    Function::kernel(
        "ascii",
        "ascii(text)",
        &[Kind::Text],
        Returns::Integer,
        |call| {
            let text = call.text(0)?;
            call.integers(|row| {
                let first = |text: &str| text.bytes().next().map_or(0, i64::from);
                Ok(text.get(row).map(first))
            })
        },
    )
    .note("the first byte of a character that is not ASCII's"),
    Function::kernel(
        "unicode",
        "unicode(text)",
        &[Kind::Text],
        Returns::Integer,
        |call| {
            let text = call.text(0)?;
            call.integers(|row| {
                Ok(text
                    .get(row)
                    .map(|text| text.chars().next().map_or(0, |c| i64::from(u32::from(c)))))
            })
        },
    ),
    Function::kernel(
        "chr",
        "chr(code point)",
        &[Kind::Integer],
        Returns::Text,
        chr,
    )
    .aliases(&["char"]),
    Function::kernel(
        "insert",
        "insert(text, place, length, inserted)",
        &[Kind::Text, Kind::Integer, Kind::Integer, Kind::Text],
        Returns::Text,
        insert,
    ),
];

/// Texts of no more characters than the length.
fn fitted(call: &Call, failure: Failure) -> Result<ArrayRef> {
    let (texts, lengths) = (call.text(0)?, call.integer(1)?);
    call.texts(|row| {
        let (Some(text), Some(length)) = (texts.get(row), lengths.get(row)) else {
            return Ok(None);
        };
        let most = usize::try_from(length).unwrap_or(0);
        // As many bytes as allowed characters always fit.
        match (text.len() <= most || text.chars().count() <= most, failure) {
            (true, _) => Ok(Some(text)),
            (false, Failure::Null) => Ok(None),
            (false, Failure::Error) => {
                exec_err!("String '{text}' is too long and would be truncated")
            }
        }
    })
}

/// Bytes if all are bytes, else text.
#[allow(clippy::unnecessary_wraps, reason = "the shape of a type rule")]
fn alike(types: &[DataType]) -> Result<Vec<DataType>> {
    let known = types.iter().filter(|kind| !kind.is_null());
    let is_binary = |kind: &DataType| *kind == DataType::Binary;
    let all_bytes = known.clone().count() > 0 && known.clone().all(is_binary);
    if !all_bytes && types.iter().any(is_binary) {
        return plan_err!("Text and BINARY are not joined: TO_CHAR(value, 'HEX') makes text");
    }
    let to = if all_bytes {
        DataType::Binary
    } else {
        DataType::Utf8
    };
    Ok(vec![to; types.len()])
}

/// Letters in another case: all rows at once where every character is ASCII's.
fn recased(call: &Call, ascii: fn(&mut [u8]), unicode: fn(&str) -> String) -> Result<ArrayRef> {
    let array = call.array(0)?;
    let texts = array.as_string::<i32>();
    let (first, last) = match texts.value_offsets() {
        [first, .., last] => (*first, *last),
        _ => (0, 0),
    };
    let span = usize::try_from(first).ok().zip(usize::try_from(last).ok());
    let bytes = span.and_then(|(first, last)| texts.value_data().get(first..last));
    let Some(bytes) = bytes.filter(|bytes| bytes.is_ascii()) else {
        let texts = call.text(0)?;
        return call.texts(|row| Ok(texts.get(row).map(unicode)));
    };
    let mut bytes = bytes.to_vec();
    ascii(&mut bytes);
    let offsets = texts.value_offsets().iter().map(|offset| offset - first);
    let offsets = OffsetBuffer::new(offsets.collect());
    let texts = StringArray::try_new(offsets, Buffer::from_vec(bytes), texts.nulls().cloned())?;
    Ok(Arc::new(texts))
}

fn byte_length(call: &Call, bits: i64) -> Result<ArrayRef> {
    let values = call.blob(0)?;
    call.integers(|row| {
        let value = values.get(row);
        Ok(value.and_then(|value| i64::try_from(value.len()).ok()?.checked_mul(bits)))
    })
}

/// Where the character after the first `characters` begins, in bytes.
pub(super) fn offset_of(text: &str, characters: usize) -> usize {
    text.char_indices()
        .nth(characters)
        .map_or(text.len(), |(offset, _)| offset)
}

fn count<T>(items: impl Iterator<Item = T>) -> Option<i64> {
    i64::try_from(items.count()).ok()
}

fn joined(call: &Call, first: usize) -> Result<ArrayRef> {
    let separator = if first == 0 {
        None
    } else {
        Some(call.text(0)?)
    };
    let parts: Vec<Values<&StringArray>> = (first..call.len())
        .map(|at| call.text(at))
        .collect::<Result<_>>()?;
    call.texts(|row| {
        let separator = match &separator {
            Some(separator) => separator.get(row),
            None => Some(""),
        };
        // Nothing is put between the parts of one.
        let separator = match parts.len() {
            1 => Some(""),
            _ => separator,
        };
        let parts: Option<Vec<&str>> = parts.iter().map(|part| part.get(row)).collect();
        Ok(parts
            .zip(separator)
            .map(|(parts, separator)| parts.join(separator)))
    })
}

fn substr(call: &Call) -> Result<ArrayRef> {
    let (text, start) = (call.text(0)?, call.integer(1)?);
    let length = call.integer_if_given(2)?;
    call.texts(|row| {
        let length = length
            .as_ref()
            .map_or(Some(i64::MAX), |length| length.get(row));
        let (Some(text), Some(start), Some(length)) = (text.get(row), start.get(row), length)
        else {
            return Ok(None);
        };
        Ok(Some(slice(text, start, length)))
    })
}

fn slice(text: &str, start: i64, length: i64) -> &str {
    let skipped = match start {
        0 => 0,
        1.. => start - 1,
        _ => match count(text.chars()).unwrap_or(0) + start {
            before if before < 0 => return "",
            skipped => skipped,
        },
    };
    let from = offset_of(text, usize::try_from(skipped).unwrap_or(usize::MAX));
    let tail = text.get(from..).unwrap_or("");
    let end = offset_of(tail, usize::try_from(length).unwrap_or(0));
    tail.get(..end).unwrap_or("")
}

fn with_number(call: &Call, value: impl Fn(&str, i64) -> String) -> Result<ArrayRef> {
    let (text, number) = (call.text(0)?, call.integer(1)?);
    call.texts(|row| {
        Ok(text
            .get(row)
            .zip(number.get(row))
            .map(|(text, number)| value(text, number)))
    })
}

fn padded(call: &Call, join: impl Fn(&str, String) -> String) -> Result<ArrayRef> {
    let (text, length) = (call.text(0)?, call.integer(1)?);
    let pad = call.text_if_given(2)?;
    call.texts(|row| {
        let pad = pad.as_ref().map_or(Some(" "), |pad| pad.get(row));
        let (Some(text), Some(length), Some(pad)) = (text.get(row), length.get(row), pad) else {
            return Ok(None);
        };
        let length = usize::try_from(length).unwrap_or(0);
        let missing = length.saturating_sub(text.chars().count());
        if missing == 0 {
            let end = offset_of(text, length);
            return Ok(Some(text.get(..end).unwrap_or("").to_owned()));
        }
        Ok(Some(join(
            text,
            pad.chars().cycle().take(missing).collect(),
        )))
    })
}

fn trimmed(call: &Call, trim: impl for<'a> Fn(&'a str, &str) -> &'a str) -> Result<ArrayRef> {
    let text = call.text(0)?;
    let set = call.text_if_given(1)?;
    call.texts(|row| {
        let set = set.as_ref().map_or(Some(" "), |set| set.get(row));
        Ok(text.get(row).zip(set).map(|(text, set)| trim(text, set)))
    })
}

fn initcap(call: &Call) -> Result<ArrayRef> {
    const DELIMITERS: &str = "!?@\"^#$&~_,.:;+-*%/|\\[](){}<> \t\n\r\u{c}\u{b}";
    let text = call.text(0)?;
    let delimiters = call.text_if_given(1)?;
    call.texts(|row| {
        let delimiters = delimiters
            .as_ref()
            .map_or(Some(DELIMITERS), |set| set.get(row));
        let (Some(text), Some(delimiters)) = (text.get(row), delimiters) else {
            return Ok(None);
        };
        let mut result = String::with_capacity(text.len());
        let mut starts = true;
        for character in text.chars() {
            let delimits = delimiters.contains(character);
            if delimits {
                result.push(character);
            } else if starts {
                result.extend(character.to_uppercase());
            } else {
                result.extend(character.to_lowercase());
            }
            starts = delimits;
        }
        Ok(Some(result))
    })
}

fn replace(call: &Call) -> Result<ArrayRef> {
    let (text, sought) = (call.text(0)?, call.text(1)?);
    let replacement = call.text_if_given(2)?;
    call.texts(|row| {
        let replacement = replacement.as_ref().map_or(Some(""), |with| with.get(row));
        let (Some(text), Some(sought), Some(replacement)) =
            (text.get(row), sought.get(row), replacement)
        else {
            return Ok(None);
        };
        if sought.is_empty() {
            return Ok(Some(text.to_owned()));
        }
        Ok(Some(text.replace(sought, replacement)))
    })
}

fn translate(call: &Call) -> Result<ArrayRef> {
    let (text, from, to) = (call.text(0)?, call.text(1)?, call.text(2)?);
    call.texts(|row| {
        let (Some(text), Some(from), Some(to)) = (text.get(row), from.get(row), to.get(row)) else {
            return Ok(None);
        };
        let translated = text.chars().filter_map(|character| {
            match from.chars().position(|sought| sought == character) {
                Some(place) => to.chars().nth(place),
                None => Some(character),
            }
        });
        Ok(Some(translated.collect::<String>()))
    })
}

fn tested(call: &Call, test: impl Fn(&str, &str) -> bool) -> Result<ArrayRef> {
    let (text, sought) = (call.text(0)?, call.text(1)?);
    call.booleans(|row| {
        Ok(text
            .get(row)
            .zip(sought.get(row))
            .map(|(text, sought)| test(text, sought)))
    })
}

fn charindex(call: &Call) -> Result<ArrayRef> {
    let (sought, text) = (call.text(0)?, call.text(1)?);
    let start = call.integer_if_given(2)?;
    call.integers(|row| {
        let start = start.as_ref().map_or(Some(1), |start| start.get(row));
        let (Some(sought), Some(text), Some(start)) = (sought.get(row), text.get(row), start)
        else {
            return Ok(None);
        };
        let skipped = usize::try_from(start.max(1) - 1).unwrap_or(usize::MAX);
        let from = offset_of(text, skipped);
        let tail = text.get(from..).unwrap_or("");
        let Some(offset) = tail.find(sought) else {
            return Ok(Some(0));
        };
        let before = text
            .get(..from + offset)
            .map_or(0, |head| head.chars().count());
        Ok(i64::try_from(before + 1).ok())
    })
}

fn split_part(call: &Call) -> Result<ArrayRef> {
    let (text, delimiter, number) = (call.text(0)?, call.text(1)?, call.integer(2)?);
    call.texts(|row| {
        let (Some(text), Some(delimiter), Some(number)) =
            (text.get(row), delimiter.get(row), number.get(row))
        else {
            return Ok(None);
        };
        let place = usize::try_from(number.unsigned_abs().max(1) - 1).unwrap_or(usize::MAX);
        if delimiter.is_empty() {
            return Ok(Some(if place == 0 { text } else { "" }));
        }
        let part = if number < 0 {
            text.rsplit(delimiter).nth(place)
        } else {
            text.split(delimiter).nth(place)
        };
        Ok(Some(part.unwrap_or("")))
    })
}

fn strtok(call: &Call) -> Result<ArrayRef> {
    let text = call.text(0)?;
    let delimiters = call.text_if_given(1)?;
    let number = call.integer_if_given(2)?;
    call.texts(|row| {
        let delimiters = delimiters.as_ref().map_or(Some(" "), |set| set.get(row));
        let number = number.as_ref().map_or(Some(1), |number| number.get(row));
        let (Some(text), Some(delimiters), Some(number)) = (text.get(row), delimiters, number)
        else {
            return Ok(None);
        };
        let Some(place) = number
            .checked_sub(1)
            .and_then(|place| usize::try_from(place).ok())
        else {
            return Ok(None);
        };
        Ok(text
            .split(|c| delimiters.contains(c))
            .filter(|token| !token.is_empty())
            .nth(place))
    })
}

fn chr(call: &Call) -> Result<ArrayRef> {
    let code = call.integer(0)?;
    call.texts(|row| {
        let Some(code) = code.get(row) else {
            return Ok(None);
        };
        match u32::try_from(code).ok().and_then(char::from_u32) {
            Some(character) => Ok(Some(character.to_string())),
            None => exec_err!("Invalid character code {code} in the CHR input"),
        }
    })
}

fn insert(call: &Call) -> Result<ArrayRef> {
    let (text, place, length) = (call.text(0)?, call.integer(1)?, call.integer(2)?);
    let inserted = call.text(3)?;
    call.texts(|row| {
        let (Some(text), Some(place), Some(length), Some(inserted)) = (
            text.get(row),
            place.get(row),
            length.get(row),
            inserted.get(row),
        ) else {
            return Ok(None);
        };
        let (Ok(skipped), Ok(length)) = (usize::try_from(place - 1), usize::try_from(length))
        else {
            return exec_err!("INSERT takes a place from 1 and a length from 0");
        };
        let (from, to) = (
            offset_of(text, skipped),
            offset_of(text, skipped.saturating_add(length)),
        );
        let (head, tail) = (text.get(..from).unwrap_or(""), text.get(to..).unwrap_or(""));
        Ok(Some(format!("{head}{inserted}{tail}")))
    })
}
