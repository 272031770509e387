//! Regular expressions. The syntax is Rust's `regex`, a superset of POSIX's without back references.
//!
//! <https://docs.snowflake.com/en/sql-reference/functions-regexp>

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{ArrayRef, StringArray};
use datafusion::common::{Result, exec_datafusion_err, exec_err};
use regex::{Captures, Regex, RegexBuilder};

use crate::scalar::{Call, Function, Kind, Returns, Values};
use crate::variant::ArrayWriter;

use super::strings::offset_of;

pub(super) const FUNCTIONS: &[Function] = &[
    Function::kernel(
        "regexp_like",
        "regexp_like(subject, pattern [, parameters])",
        &[Kind::Text, Kind::Text, Kind::Text],
        Returns::Boolean,
        regexp_like,
    )
    .aliases(&["rlike"])
    .required(2)
    .note("the pattern stands for the whole subject"),
    Function::kernel(
        "regexp_replace",
        "regexp_replace(subject, pattern [, replacement, position, occurrence, parameters])",
        &[
            Kind::Text,
            Kind::Text,
            Kind::Text,
            Kind::Integer,
            Kind::Integer,
            Kind::Text,
        ],
        Returns::Text,
        regexp_replace,
    )
    .required(2)
    .note("occurrence 0 replaces all"),
    Function::kernel(
        "regexp_substr",
        "regexp_substr(subject, pattern [, position, occurrence, parameters, group])",
        &[
            Kind::Text,
            Kind::Text,
            Kind::Integer,
            Kind::Integer,
            Kind::Text,
            Kind::Integer,
        ],
        Returns::Text,
        regexp_substr,
    )
    .required(2),
    Function::kernel(
        "regexp_substr_all",
        "regexp_substr_all(subject, pattern [, position, occurrence, parameters, group])",
        &[
            Kind::Text,
            Kind::Text,
            Kind::Integer,
            Kind::Integer,
            Kind::Text,
            Kind::Integer,
        ],
        Returns::Array,
        regexp_substr_all,
    )
    .aliases(&["regexp_extract_all"])
    .required(2),
    Function::kernel(
        "regexp_count",
        "regexp_count(subject, pattern [, position, parameters])",
        &[Kind::Text, Kind::Text, Kind::Integer, Kind::Text],
        Returns::Integer,
        regexp_count,
    )
    .required(2),
    Function::kernel(
        "regexp_instr",
        "regexp_instr(subject, pattern [, position, occurrence, option, parameters, group])",
        &[
            Kind::Text,
            Kind::Text,
            Kind::Integer,
            Kind::Integer,
            Kind::Integer,
            Kind::Text,
            Kind::Integer,
        ],
        Returns::Integer,
        regexp_instr,
    )
    .required(2)
    .note("option 1 gives the place after the match"),
];

/// The patterns of one batch, compiled once each.
#[derive(Default)]
struct Patterns {
    compiled: HashMap<(String, String, bool), Arc<Regex>>,
    /// The one the row before used.
    last: Option<((String, String, bool), Arc<Regex>)>,
}

impl Patterns {
    fn get(&mut self, pattern: &str, parameters: &str, whole: bool) -> Result<Arc<Regex>> {
        if let Some(((same_pattern, same_parameters, same_whole), regex)) = &self.last
            && same_pattern == pattern
            && same_parameters == parameters
            && *same_whole == whole
        {
            return Ok(Arc::clone(regex));
        }
        let key = (pattern.to_owned(), parameters.to_owned(), whole);
        if let Some(regex) = self.compiled.get(&key) {
            self.last = Some((key, Arc::clone(regex)));
            return Ok(Arc::clone(regex));
        }
        let source = if whole {
            // Whatever `m` makes of `^` and `$`.
            format!(r"\A(?:{pattern})\z")
        } else {
            pattern.to_owned()
        };
        let mut builder = RegexBuilder::new(&source);
        for parameter in parameters.chars() {
            match parameter {
                'c' => builder.case_insensitive(false),
                'i' => builder.case_insensitive(true),
                'm' => builder.multi_line(true),
                's' => builder.dot_matches_new_line(true),
                // Asks for a group, which its readers see to.
                'e' => &mut builder,
                other => return exec_err!("'{other}' is no parameter of a regular expression"),
            };
        }
        let regex = builder.build().map_err(|error| {
            exec_datafusion_err!("Invalid regular expression: '{pattern}': {error}")
        })?;
        let regex = Arc::new(regex);
        self.compiled.insert(key, Arc::clone(&regex));
        Ok(regex)
    }
}

/// The arguments a search has, wherever they stand in its list.
struct Search<'a> {
    subject: Values<&'a StringArray>,
    pattern: Values<&'a StringArray>,
    position: Option<Values<&'a arrow::array::Int64Array>>,
    occurrence: Option<Values<&'a arrow::array::Int64Array>>,
    parameters: Option<Values<&'a StringArray>>,
    group: Option<Values<&'a arrow::array::Int64Array>>,
    patterns: Patterns,
}

/// One row of a [`Search`].
struct Found<'a> {
    subject: &'a str,
    /// Where the search starts, in bytes.
    from: usize,
    regex: Arc<Regex>,
    occurrence: usize,
    group: usize,
}

impl<'a> Search<'a> {
    fn new(
        call: &'a Call,
        position: usize,
        occurrence: usize,
        parameters: usize,
        group: usize,
    ) -> Result<Self> {
        Ok(Self {
            subject: call.text(0)?,
            pattern: call.text(1)?,
            position: call.integer_if_given(position)?,
            occurrence: call.integer_if_given(occurrence)?,
            parameters: call.text_if_given(parameters)?,
            group: call.integer_if_given(group)?,
            patterns: Patterns::default(),
        })
    }

    fn row(&mut self, row: usize) -> Result<Option<Found<'a>>> {
        let number = |values: &Option<Values<&arrow::array::Int64Array>>, missing| {
            values
                .as_ref()
                .map_or(Some(missing), |values| values.get(row))
        };
        let parameters = match &self.parameters {
            Some(parameters) => parameters.get(row),
            None => Some("c"),
        };
        let wants_group = parameters.is_some_and(|parameters| parameters.contains('e'));
        let (
            Some(subject),
            Some(pattern),
            Some(position),
            Some(occurrence),
            Some(parameters),
            Some(group),
        ) = (
            self.subject.get(row),
            self.pattern.get(row),
            number(&self.position, 1),
            number(&self.occurrence, 1),
            parameters,
            number(&self.group, i64::from(wants_group)),
        )
        else {
            return Ok(None);
        };
        let place = |value: i64| {
            usize::try_from(value).map_err(|_| exec_datafusion_err!("{value} is negative here"))
        };
        Ok(Some(Found {
            subject,
            from: offset_of(subject, place(position)?.saturating_sub(1)),
            regex: self.patterns.get(pattern, parameters, false)?,
            occurrence: place(occurrence)?,
            group: place(group)?,
        }))
    }
}

impl<'a> Found<'a> {
    fn tail(&self) -> &'a str {
        self.subject.get(self.from..).unwrap_or("")
    }

    /// The bytes of the asked group in the asked occurrence.
    fn span(&self) -> Option<(usize, usize)> {
        let captures = self
            .regex
            .captures_iter(self.tail())
            .nth(self.occurrence.saturating_sub(1))?;
        let group = self.group.min(captures.len().saturating_sub(1));
        let found = captures.get(group)?;
        Some((self.from + found.start(), self.from + found.end()))
    }
}

fn regexp_like(call: &Call) -> Result<ArrayRef> {
    let (subjects, patterns) = (call.text(0)?, call.text(1)?);
    let parameters = call.text_if_given(2)?;
    let mut compiled = Patterns::default();
    call.booleans(|row| {
        let parameters = parameters
            .as_ref()
            .map_or(Some("c"), |parameters| parameters.get(row));
        let (Some(subject), Some(pattern), Some(parameters)) =
            (subjects.get(row), patterns.get(row), parameters)
        else {
            return Ok(None);
        };
        let regex = compiled.get(pattern, parameters, true)?;
        Ok(Some(regex.is_match(subject)))
    })
}

fn regexp_replace(call: &Call) -> Result<ArrayRef> {
    let mut search = Search::new(call, 3, 4, 5, usize::MAX)?;
    let replacements = call.text_if_given(2)?;
    let given = call.len() > 4;
    call.texts(|row| {
        let replacement = replacements
            .as_ref()
            .map_or(Some(""), |replacements| replacements.get(row));
        let (Some(found), Some(replacement)) = (search.row(row)?, replacement) else {
            return Ok(None);
        };
        let only = if given { found.occurrence } else { 0 };
        let head = found.subject.get(..found.from).unwrap_or("");
        let mut seen = 0;
        let tail = found
            .regex
            .replace_all(found.tail(), |captures: &Captures| {
                seen += 1;
                if only == 0 || seen == only {
                    expanded(replacement, captures)
                } else {
                    captures
                        .get(0)
                        .map_or("", |found| found.as_str())
                        .to_owned()
                }
            });
        Ok(Some(format!("{head}{tail}")))
    })
}

/// The replacement with `\1` to `\9` filled in.
fn expanded(replacement: &str, captures: &Captures) -> String {
    let mut text = String::with_capacity(replacement.len());
    let mut characters = replacement.chars().peekable();
    while let Some(character) = characters.next() {
        if character != '\\' {
            text.push(character);
            continue;
        }
        match characters.peek().and_then(|next| next.to_digit(10)) {
            Some(group) => {
                characters.next();
                text.push_str(
                    captures
                        .get(group as usize)
                        .map_or("", |found| found.as_str()),
                );
            }
            None => text.push(characters.next().unwrap_or('\\')),
        }
    }
    text
}

fn regexp_substr(call: &Call) -> Result<ArrayRef> {
    let mut search = Search::new(call, 2, 3, 4, 5)?;
    call.texts(|row| {
        let Some(found) = search.row(row)? else {
            return Ok(None);
        };
        Ok(found
            .span()
            .and_then(|(start, end)| found.subject.get(start..end)))
    })
}

fn regexp_substr_all(call: &Call) -> Result<ArrayRef> {
    let mut search = Search::new(call, 2, 3, 4, 5)?;
    call.variants(|row| {
        let Some(found) = search.row(row)? else {
            return Ok(None);
        };
        let mut writer = ArrayWriter::new();
        let skipped = found.occurrence.saturating_sub(1);
        for captures in found.regex.captures_iter(found.tail()).skip(skipped) {
            let group = found.group.min(captures.len().saturating_sub(1));
            match captures.get(group) {
                Some(part) => writer.push_text(part.as_str()),
                None => writer.push(None),
            }
        }
        Ok(Some(writer.finish()))
    })
}

fn regexp_count(call: &Call) -> Result<ArrayRef> {
    let mut search = Search::new(call, 2, usize::MAX, 3, usize::MAX)?;
    call.integers(|row| {
        let Some(found) = search.row(row)? else {
            return Ok(None);
        };
        let count = found.regex.find_iter(found.tail()).count();
        Ok(i64::try_from(count).ok())
    })
}

fn regexp_instr(call: &Call) -> Result<ArrayRef> {
    let mut search = Search::new(call, 2, 3, 5, 6)?;
    let after = call.integer_if_given(4)?;
    call.integers(|row| {
        let after = after.as_ref().map_or(Some(0), |after| after.get(row));
        let (Some(found), Some(after)) = (search.row(row)?, after) else {
            return Ok(None);
        };
        let Some((start, end)) = found.span() else {
            return Ok(Some(0));
        };
        let place = if after == 1 { end } else { start };
        let before = found
            .subject
            .get(..place)
            .map_or(0, |head| head.chars().count());
        Ok(i64::try_from(before + 1).ok())
    })
}
