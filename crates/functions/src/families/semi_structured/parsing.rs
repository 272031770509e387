//! Text to VARIANT and back.
//!
//! <https://docs.snowflake.com/en/sql-reference/functions/parse_json>
//! <https://docs.snowflake.com/en/sql-reference/functions/to_array>

use arrow::array::ArrayRef;
use datafusion::common::{Result, exec_datafusion_err, exec_err};
use datafusion::logical_expr::Expr;

use crate::scalar::{self, Call, Function, Kind, Returns};
use crate::variant::{self, ArrayWriter, Duplicates, canonical, quote};

pub(super) const FUNCTIONS: &[Function] = &[
    Function::kernel(
        "parse_json",
        "parse_json(text [, 'd' | 's'])",
        &[Kind::Text, Kind::Text],
        Returns::Variant,
        |call| parse_json(call, true),
    )
    .required(1)
    .note("blank text is NULL"),
    Function::kernel(
        "try_parse_json",
        "try_parse_json(text [, 'd' | 's'])",
        &[Kind::Text, Kind::Text],
        Returns::Variant,
        |call| parse_json(call, false),
    )
    .required(1),
    Function::rewrite(
        "json_extract_path_text",
        "json_extract_path_text(text, path)",
        &[Kind::Text, Kind::Text],
        Returns::Text,
        |args| match <[Expr; 2]>::try_from(args) {
            Ok([text, path]) => {
                let parsed = scalar::call("parse_json", vec![text])?;
                scalar::call("$get_path_text", vec![parsed, path])
            }
            Err(_) => exec_err!("JSON_EXTRACT_PATH_TEXT takes a text and a path"),
        },
    ),
    Function::kernel(
        "check_json",
        "check_json(text)",
        &[Kind::Text],
        Returns::Text,
        |call| {
            let texts = call.text(0)?;
            call.texts(|row| {
                let parsed = texts
                    .get(row)
                    .map(|text| canonical(text, Duplicates::Refused));
                Ok(match parsed {
                    Some(Err(error)) => Some(error.to_string()),
                    _ => None,
                })
            })
        },
    )
    .note("NULL for valid JSON, or what is wrong"),
    Function::kernel(
        "to_json",
        "to_json(value)",
        &[Kind::Variant],
        Returns::Text,
        |call| {
            let values = call.variant(0)?;
            call.texts(|row| Ok(values.get(row)))
        },
    ),
    Function::kernel(
        "to_variant",
        "to_variant(value)",
        &[Kind::Variant],
        Returns::Variant,
        |call| call.array(0),
    )
    .note("dates and times become text"),
    Function::kernel(
        "to_object",
        "to_object(value)",
        &[Kind::Variant],
        Returns::Object,
        to_object,
    ),
    Function::kernel(
        "to_array",
        "to_array(value)",
        &[Kind::Variant],
        Returns::Array,
        to_array,
    )
    .note("a value that is no array becomes the only element of one"),
    Function::kernel(
        "strip_null_value",
        "strip_null_value(value)",
        &[Kind::Variant],
        Returns::Variant,
        |call| {
            let values = call.variant(0)?;
            call.variants(|row| Ok(values.get(row).filter(|value| !variant::is_missing(value))))
        },
    ),
    Function::kernel(
        "split",
        "split(text, separator)",
        &[Kind::Text, Kind::Text],
        Returns::Array,
        split,
    ),
    Function::kernel(
        "strtok_to_array",
        "strtok_to_array(text [, delimiters])",
        &[Kind::Text, Kind::Text],
        Returns::Array,
        strtok_to_array,
    )
    .required(1),
];

fn parse_json(call: &Call, fails: bool) -> Result<ArrayRef> {
    let texts = call.text(0)?;
    let modes = call.text_if_given(1)?;
    call.variants(|row| {
        let duplicates = match modes.as_ref().map(|modes| modes.get(row)) {
            None | Some(Some("s")) => Duplicates::Refused,
            Some(Some("d")) => Duplicates::LastWins,
            Some(Some(other)) => {
                return exec_err!("PARSE_JSON takes 'd' or 's' as its parameter, not '{other}'");
            }
            Some(None) => return Ok(None),
        };
        let Some(text) = texts.get(row) else {
            return Ok(None);
        };
        match canonical(text, duplicates) {
            Ok(value) => Ok(value),
            Err(error) if fails => Err(exec_datafusion_err!("Error parsing JSON: {error}")),
            Err(_) => Ok(None),
        }
    })
}

fn to_object(call: &Call) -> Result<ArrayRef> {
    let values = call.variant(0)?;
    call.variants(|row| match values.get(row) {
        None => Ok(None),
        Some(value) => match variant::kind(value) {
            variant::Kind::Object => Ok(Some(value)),
            variant::Kind::Null | variant::Kind::Undefined => Ok(None),
            _ => {
                let shown: String = value.chars().take(100).collect();
                exec_err!("Failed to cast variant value {shown} to OBJECT")
            }
        },
    })
}

fn to_array(call: &Call) -> Result<ArrayRef> {
    let values = call.variant(0)?;
    call.variants(|row| {
        Ok(values
            .get(row)
            .and_then(|value| match variant::kind(value) {
                variant::Kind::Array => Some(value.to_owned()),
                variant::Kind::Null | variant::Kind::Undefined => None,
                _ => Some(format!("[{value}]")),
            }))
    })
}

fn split(call: &Call) -> Result<ArrayRef> {
    let (texts, separators) = (call.text(0)?, call.text(1)?);
    call.variants(|row| {
        let (Some(text), Some(separator)) = (texts.get(row), separators.get(row)) else {
            return Ok(None);
        };
        if separator.is_empty() {
            return Ok(Some(format!("[{}]", quote(text))));
        }
        let mut writer = ArrayWriter::new();
        for part in text.split(separator) {
            writer.push_text(part);
        }
        Ok(Some(writer.finish()))
    })
}

fn strtok_to_array(call: &Call) -> Result<ArrayRef> {
    let (texts, delimiters) = (call.text(0)?, call.text_if_given(1)?);
    call.variants(|row| {
        let delimiters = match &delimiters {
            None => Some(" "),
            Some(delimiters) => delimiters.get(row),
        };
        let (Some(text), Some(delimiters)) = (texts.get(row), delimiters) else {
            return Ok(None);
        };
        let mut writer = ArrayWriter::new();
        for token in text.split(|letter| delimiters.contains(letter)) {
            if !token.is_empty() {
                writer.push_text(token);
            }
        }
        Ok(Some(writer.finish()))
    })
}
