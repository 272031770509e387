//! `modules.re`: Python's regular expressions, with look-around and back-references.

use std::sync::Arc;

use diagnostic::{Result, ResultExt as _, codes};
use fancy_regex::{Captures, Regex, RegexBuilder};

use crate::fail::{bad_value, wrong_type};
use crate::value::Object;
use crate::{Arguments, CallContext, Dict, Value};

const IGNORECASE: i128 = 2;
const MULTILINE: i128 = 8;
const DOTALL: i128 = 16;
const VERBOSE: i128 = 64;

/// The module.
pub(super) fn module() -> Value {
    let mut entries: Vec<(&str, Value)> = vec![
        (
            "compile",
            Value::function("compile", |_, arguments| {
                let [pattern, flags] = arguments.bind("re.compile", ["pattern", "flags"], 1)?;
                Ok(Value::object(Pattern::of(
                    pattern.unwrap_or(Value::None),
                    flags,
                )?))
            }),
        ),
        (
            "escape",
            Value::function("escape", |_, arguments| {
                let text = arguments.one("re.escape", "pattern")?.to_string();
                Ok(escape(&text).into())
            }),
        ),
    ];
    for name in [
        "match",
        "search",
        "fullmatch",
        "findall",
        "finditer",
        "split",
        "sub",
        "subn",
    ] {
        entries.push((
            name,
            Value::function(name, move |context, mut arguments: Arguments| {
                let pattern = if arguments.positional.is_empty() {
                    arguments.take("pattern").unwrap_or(Value::None)
                } else {
                    arguments.positional.remove(0)
                };
                let flags = arguments.take("flags");
                let flags = flags.or_else(|| extra_flags(name, &mut arguments));
                let pattern = match pattern.downcast::<Pattern>() {
                    Some(pattern) => pattern.clone(),
                    None => Pattern::of(pattern, flags)?,
                };
                pattern
                    .apply(context, name, &arguments)?
                    .ok_or_else(|| bad_value("no such function"))
            }),
        ));
    }
    for (long, short, flag) in [
        ("IGNORECASE", "I", IGNORECASE),
        ("MULTILINE", "M", MULTILINE),
        ("DOTALL", "S", DOTALL),
        ("VERBOSE", "X", VERBOSE),
        ("ASCII", "A", 256),
        ("UNICODE", "U", 32),
    ] {
        entries.push((long, flag.into()));
        entries.push((short, flag.into()));
    }
    Value::Dict(entries.into_iter().collect())
}

/// The flags, where they are given by position after the text.
fn extra_flags(name: &str, arguments: &mut Arguments) -> Option<Value> {
    let at = match name {
        "match" | "search" | "fullmatch" | "findall" | "finditer" => 1,
        "split" => 2,
        _ => 3,
    };
    (arguments.positional.len() > at).then(|| arguments.positional.remove(at))
}

fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if "()[]{}?*+-|^$\\.&~# \t\n\r\x0b\x0c".contains(c) {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

/// A compiled pattern.
#[derive(Clone)]
struct Pattern {
    text: Arc<str>,
    regex: Regex,
    flags: i128,
}

impl Pattern {
    fn of(pattern: Value, flags: Option<Value>) -> Result<Self> {
        let Value::Str(text) = pattern else {
            return Err(wrong_type("the pattern", "a string", &pattern));
        };
        let flags = flags.and_then(|flags| flags.as_int()).unwrap_or(0);
        let regex = build(&translate(&text), flags).explain(codes::J2005, || {
            format!("the regular expression '{text}' cannot be used")
        })?;
        Ok(Self { text, regex, flags })
    }

    fn apply(
        &self,
        context: &mut CallContext<'_>,
        name: &str,
        arguments: &Arguments,
    ) -> Result<Option<Value>> {
        let arguments = arguments.clone();
        Ok(Some(match name {
            "match" | "search" | "fullmatch" => {
                let subject = subject(arguments.one(name, "string")?)?;
                self.first(name, &subject)?
            }
            "findall" => {
                let subject = subject(arguments.one(name, "string")?)?;
                Value::list(self.all(&subject, usize::MAX)?.iter().map(found_value))
            }
            "finditer" => {
                let subject = subject(arguments.one(name, "string")?)?;
                let found = self.all(&subject, usize::MAX)?;
                let found = found.iter();
                Value::list(found.map(|found| Match::value(self, &subject, found)))
            }
            "split" => {
                let [text, most] = arguments.bind("re.split", ["string", "maxsplit"], 1)?;
                let most = most.and_then(|most| most.as_int()).unwrap_or(0);
                self.split(&subject(text.unwrap_or(Value::None))?, most)?
            }
            "sub" | "subn" => {
                let [replacement, text, count] =
                    arguments.bind("re.sub", ["repl", "string", "count"], 2)?;
                let replacement = replacement.unwrap_or(Value::None);
                let text = subject(text.unwrap_or(Value::None))?;
                let count = count.and_then(|count| count.as_int()).unwrap_or(0);
                let (text, made) = self.replace(context, &replacement, &text, count)?;
                if name == "sub" {
                    text.into()
                } else {
                    Value::tuple([text.into(), made.into()])
                }
            }
            _ => return Ok(None),
        }))
    }

    /// The matches, at most `most` of them.
    fn all<'s>(&self, subject: &'s str, most: usize) -> Result<Vec<Captures<'s, str>>> {
        self.regex
            .captures_iter(subject)
            .take(most)
            .collect::<Result<_, _>>()
            .explain(codes::J2005, || self.failed())
    }

    /// A search gives up where backtracking would take too long.
    fn failed(&self) -> String {
        format!("the search for '{}' was given up", self.text)
    }

    fn first(&self, name: &str, subject: &Arc<str>) -> Result<Value> {
        let text: &str = subject;
        let found = match name {
            // The leftmost match starts at the beginning if any does.
            "match" => self.regex.captures(text).map(|found| {
                found.filter(|found| found.get(0).is_some_and(|whole| whole.start() == 0))
            }),
            "fullmatch" => {
                // A line end closes the comment that a verbose pattern may end with.
                let end = if self.flags & VERBOSE != 0 { "\n" } else { "" };
                let whole = format!(r"\A(?:{}{end})\z", self.regex.as_str());
                build(&whole, self.flags).and_then(|regex| regex.captures(text))
            }
            _ => self.regex.captures(text),
        };
        let found = found.explain(codes::J2005, || self.failed())?;
        Ok(found.map_or(Value::None, |found| Match::value(self, subject, &found)))
    }

    fn split(&self, subject: &str, most: i128) -> Result<Value> {
        let most = usize::try_from(most)
            .ok()
            .filter(|most| *most > 0)
            .unwrap_or(usize::MAX);
        let mut parts = Vec::new();
        let mut last = 0;
        for found in self.all(subject, most)? {
            let Some(whole) = found.get(0) else { continue };
            parts.push(subject[last..whole.start()].into());
            parts.extend(
                found
                    .iter()
                    .skip(1)
                    .map(|group| group.map(|group| group.as_str()).into()),
            );
            last = whole.end();
        }
        parts.push(subject[last..].into());
        Ok(Value::list(parts))
    }

    fn replace(
        &self,
        context: &mut CallContext<'_>,
        replacement: &Value,
        subject: &Arc<str>,
        count: i128,
    ) -> Result<(String, usize)> {
        let most = usize::try_from(count)
            .ok()
            .filter(|most| *most > 0)
            .unwrap_or(usize::MAX);
        let mut out = String::with_capacity(subject.len());
        let mut last = 0;
        let mut made = 0;
        for found in self.all(subject, most)? {
            let Some(whole) = found.get(0) else { continue };
            out.push_str(&subject[last..whole.start()]);
            match replacement {
                Value::Str(template) => expand(template, &found, &mut out)?,
                callable => {
                    let found = Match::value(self, subject, &found);
                    context
                        .call(callable, Arguments::of([found]))?
                        .write_to(&mut out);
                }
            }
            last = whole.end();
            made += 1;
        }
        out.push_str(&subject[last..]);
        Ok((out, made))
    }
}

fn build(pattern: &str, flags: i128) -> Result<Regex, fancy_regex::Error> {
    RegexBuilder::new(pattern)
        .case_insensitive(flags & IGNORECASE != 0)
        .multi_line(flags & MULTILINE != 0)
        .dot_matches_new_line(flags & DOTALL != 0)
        .verbose_mode(flags & VERBOSE != 0)
        .build()
}

fn subject(value: Value) -> Result<Arc<str>> {
    match value {
        Value::Str(text) => Ok(text),
        other => Err(wrong_type("the searched value", "a string", &other)),
    }
}

/// Python's spelling of a few things that the crate spells otherwise.
fn translate(pattern: &str) -> String {
    let mut out = String::with_capacity(pattern.len());
    let mut chars = pattern.chars().peekable();
    let mut class = 0_usize;
    while let Some(c) = chars.next() {
        match c {
            '\\' => match chars.next() {
                Some('Z') if class == 0 => out.push_str(r"\z"),
                // The crate refuses escapes of letters and characters that need none.
                Some(other) if !other.is_ascii_alphanumeric() && !is_meta(other) => out.push(other),
                Some(other) => {
                    out.push('\\');
                    out.push(other);
                }
                None => out.push('\\'),
            },
            '[' if class > 0 => out.push_str(r"\["),
            '[' => {
                class += 1;
                out.push('[');
                if chars.next_if_eq(&'^').is_some() {
                    out.push('^');
                }
                if chars.next_if_eq(&']').is_some() {
                    out.push_str(r"\]");
                }
            }
            ']' if class > 0 => {
                class -= 1;
                out.push(']');
            }
            // A brace that is no repetition stands for itself, as in Python.
            '{' if class == 0 && !repeats(chars.clone()) => out.push_str(r"\{"),
            '}' if class == 0 && !out.ends_with(|c: char| c.is_ascii_digit() || c == ',') => {
                out.push_str(r"\}");
            }
            '&' | '~' if class > 0 => {
                out.push('\\');
                out.push(c);
            }
            _ => out.push(c),
        }
    }
    out
}

/// Whether what follows a `{` is `3}`, `3,}`, `,5}` or `3,5}`.
fn repeats(rest: impl Iterator<Item = char>) -> bool {
    let inner: String = rest.take_while(|c| *c != '}').take(12).collect();
    let counts = inner.chars().all(|c| c.is_ascii_digit() || c == ',');
    counts && inner.chars().any(|c| c.is_ascii_digit()) && inner.matches(',').count() < 2
}

fn is_meta(c: char) -> bool {
    regex::escape(&c.to_string()).len() > c.len_utf8()
}

/// What `findall` gives for a match: the group, all groups, or the whole.
fn found_value(found: &Captures<'_, str>) -> Value {
    let group = |index: usize| Value::from(found.get(index).map_or("", |group| group.as_str()));
    match found.len() {
        1 => group(0),
        2 => group(1),
        count => Value::tuple((1..count).map(group)),
    }
}

/// Fills a replacement: `\1`, `\g<1>`, `\g<name>`, `\n`.
fn expand(template: &str, found: &Captures<'_, str>, out: &mut String) -> Result<()> {
    let mut rest = template;
    while let Some(at) = rest.find('\\') {
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        let group = if let Some(named) = rest.strip_prefix("g<") {
            let Some((name, after)) = named.split_once('>') else {
                return Err(bad_value("a `\\g<` of the replacement has no `>`"));
            };
            rest = after;
            Some(name)
        } else {
            let count = rest.bytes().take(2).take_while(u8::is_ascii_digit).count();
            let (digits, after) = rest.split_at(count);
            (count > 0).then(|| {
                rest = after;
                digits
            })
        };
        let Some(group) = group else {
            let escaped = rest.chars().next();
            rest = &rest[escaped.map_or(0, char::len_utf8)..];
            match escaped {
                Some('n') => out.push('\n'),
                Some('t') => out.push('\t'),
                Some('\\') | None => out.push('\\'),
                Some(other) => {
                    out.push('\\');
                    out.push(other);
                }
            }
            continue;
        };
        let known = match group.parse::<usize>() {
            Ok(index) => (index < found.len()).then(|| found.get(index)),
            Err(_) => Some(found.name(group)),
        };
        let Some(text) = known else {
            return Err(bad_value(format!("the pattern has no group `{group}`")));
        };
        out.push_str(text.map_or("", |text| text.as_str()));
    }
    out.push_str(rest);
    Ok(())
}

impl Object for Pattern {
    fn type_name(&self) -> &str {
        "re.Pattern"
    }

    fn get_attr(&self, name: &str) -> Result<Option<Value>> {
        Ok(match name {
            "pattern" => Some(Value::Str(Arc::clone(&self.text))),
            "groups" => Some(Value::from(self.regex.captures_len() - 1)),
            _ => None,
        })
    }

    fn call_method(
        &self,
        context: &mut CallContext<'_>,
        name: &str,
        arguments: &Arguments,
    ) -> Result<Option<Value>> {
        self.apply(context, name, arguments)
    }

    fn repr(&self) -> String {
        format!("re.compile({})", Value::Str(Arc::clone(&self.text)).repr())
    }
}

/// A match: groups with their positions in characters.
struct Match {
    subject: Arc<str>,
    groups: Vec<Option<(usize, usize)>>,
    names: Vec<(String, usize)>,
}

impl Match {
    fn value(pattern: &Pattern, subject: &Arc<str>, found: &Captures<'_, str>) -> Value {
        let names = pattern.regex.capture_names().enumerate();
        Value::object(Self {
            subject: Arc::clone(subject),
            groups: found
                .iter()
                .map(|group| group.map(|g| (g.start(), g.end())))
                .collect(),
            names: names
                .filter_map(|(at, name)| Some((name?.to_owned(), at)))
                .collect(),
        })
    }

    fn index(&self, key: &Value) -> Result<usize> {
        let index = match key {
            Value::Str(name) => self
                .names
                .iter()
                .find(|(known, _)| **known == **name)
                .map(|(_, index)| *index),
            other => other.as_int().and_then(|index| usize::try_from(index).ok()),
        };
        index
            .filter(|index| *index < self.groups.len())
            .ok_or_else(|| bad_value(format!("the match has no group {}", key.repr())))
    }

    fn group(&self, index: usize, default: &Value) -> Value {
        match self.groups.get(index).copied().flatten() {
            Some((start, end)) => self.subject[start..end].into(),
            None => default.clone(),
        }
    }

    fn position(&self, index: usize) -> (i128, i128) {
        let chars = |at: usize| self.subject[..at].chars().count() as i128;
        match self.groups.get(index).copied().flatten() {
            Some((start, end)) => (chars(start), chars(end)),
            None => (-1, -1),
        }
    }
}

impl Object for Match {
    fn type_name(&self) -> &str {
        "re.Match"
    }

    fn get_attr(&self, name: &str) -> Result<Option<Value>> {
        Ok((name == "string").then(|| Value::Str(Arc::clone(&self.subject))))
    }

    fn get_item(&self, key: &Value) -> Result<Option<Value>> {
        let group = self.index(key).ok();
        Ok(group.map(|index| self.group(index, &Value::None)))
    }

    fn call_method(
        &self,
        _: &mut CallContext<'_>,
        name: &str,
        arguments: &Arguments,
    ) -> Result<Option<Value>> {
        let first = arguments.positional.first().cloned();
        let index = || self.index(first.as_ref().unwrap_or(&Value::Int(0)));
        let default = || first.clone().unwrap_or(Value::None);
        Ok(Some(match name {
            "group" if arguments.positional.len() > 1 => {
                let mut groups = Vec::new();
                for key in &arguments.positional {
                    groups.push(self.group(self.index(key)?, &Value::None));
                }
                Value::tuple(groups)
            }
            "group" => self.group(index()?, &Value::None),
            "groups" => {
                let default = default();
                Value::tuple((1..self.groups.len()).map(|index| self.group(index, &default)))
            }
            "groupdict" => {
                let default = default();
                let groups = self
                    .names
                    .iter()
                    .map(|(name, at)| (name.as_str(), self.group(*at, &default)));
                Value::Dict(groups.collect::<Dict>())
            }
            "start" => self.position(index()?).0.into(),
            "end" => self.position(index()?).1.into(),
            "span" => {
                let (start, end) = self.position(index()?);
                Value::tuple([start.into(), end.into()])
            }
            _ => return Ok(None),
        }))
    }

    fn repr(&self) -> String {
        let (start, end) = self.position(0);
        let whole = self.group(0, &Value::None).repr();
        format!("<re.Match object; span=({start}, {end}), match={whole}>")
    }
}
