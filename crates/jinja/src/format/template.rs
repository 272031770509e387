//! `'{} {name!r:>10}'.format(…)`

use diagnostic::Result;

use super::format_value;
use crate::fail::bad_value;
use crate::{Arguments, CallContext, Value};

/// Formats as Python's `str.format`.
pub(crate) fn template(
    context: &mut CallContext<'_>,
    pattern: &str,
    arguments: &Arguments,
) -> Result<String> {
    let mut formatter = Formatter {
        context,
        arguments,
        next: 0,
    };
    formatter.format(pattern, 0)
}

struct Formatter<'a, 'c, 'e> {
    context: &'a CallContext<'e>,
    arguments: &'c Arguments,
    next: usize,
}

impl Formatter<'_, '_, '_> {
    fn format(&mut self, pattern: &str, depth: usize) -> Result<String> {
        if depth > 2 {
            return Err(bad_value("replacement fields are nested too deeply"));
        }
        let mut out = String::with_capacity(pattern.len());
        let mut rest = pattern;
        while let Some(at) = rest.find(['{', '}']) {
            out.push_str(&rest[..at]);
            let open = rest.as_bytes()[at] == b'{';
            rest = &rest[at + 1..];
            let double = if open { '{' } else { '}' };
            if let Some(after) = rest.strip_prefix(double) {
                out.push(double);
                rest = after;
                continue;
            }
            if !open {
                return Err(bad_value(
                    "a single `}` stands in the format text; write `}}`",
                ));
            }
            let end = field_end(rest)
                .ok_or_else(|| bad_value("a `{` of the format text is never closed"))?;
            out.push_str(&self.field(&rest[..end], depth)?);
            rest = &rest[end + 1..];
        }
        out.push_str(rest);
        Ok(out)
    }

    /// `name.attribute[item]!conversion:spec`
    fn field(&mut self, field: &str, depth: usize) -> Result<String> {
        let (name, spec) = match field.split_once(':') {
            Some((name, spec)) => (name, spec),
            None => (field, ""),
        };
        let (name, conversion) = match name.split_once('!') {
            Some((name, conversion)) => (name, Some(conversion)),
            None => (name, None),
        };
        let value = self.value(name)?;
        let value = match conversion {
            None => value,
            Some("s") => value.to_string().into(),
            Some("r" | "a") => value.repr().into(),
            Some(other) => return Err(bad_value(format!("there is no conversion `!{other}`"))),
        };
        let spec = if spec.contains(['{', '}']) {
            self.format(spec, depth + 1)?
        } else {
            spec.to_owned()
        };
        format_value(&value, &spec)
    }

    fn value(&mut self, path: &str) -> Result<Value> {
        let head_end = path.find(['.', '[']).unwrap_or(path.len());
        let (head, mut rest) = path.split_at(head_end);
        let mut value = self.argument(head)?;
        while !rest.is_empty() {
            if let Some(after) = rest.strip_prefix('[') {
                let Some((key, after)) = after.split_once(']') else {
                    return Err(bad_value("a `[` of the format text is never closed"));
                };
                let key = match key.parse::<i128>() {
                    Ok(index) => Value::Int(index),
                    Err(_) => Value::from(key),
                };
                value = self.context.item(&value, &key)?;
                rest = after;
            } else {
                let after = &rest[1..];
                let end = after.find(['.', '[']).unwrap_or(after.len());
                value = self.context.attribute(&value, &after[..end])?;
                rest = &after[end..];
            }
        }
        Ok(value)
    }

    fn argument(&mut self, head: &str) -> Result<Value> {
        let index = if head.is_empty() {
            self.next += 1;
            Some(self.next - 1)
        } else {
            head.parse().ok()
        };
        let found = match index {
            Some(index) => self.arguments.positional.get(index).cloned(),
            None => {
                let named = &self.arguments.named;
                named
                    .iter()
                    .find(|(name, _)| &**name == head)
                    .map(|(_, value)| value.clone())
            }
        };
        found.ok_or_else(|| match index {
            Some(index) => bad_value(format!(
                "the format text asks for value {}, which is not given",
                index + 1
            )),
            None => bad_value(format!(
                "the format text asks for `{head}`, which is not given"
            )),
        })
    }
}

/// Where the `}` of a field stands, past nested fields.
fn field_end(text: &str) -> Option<usize> {
    let mut open = 0_usize;
    for (at, c) in text.char_indices() {
        match c {
            '{' => open += 1,
            '}' if open == 0 => return Some(at),
            '}' => open -= 1,
            _ => {}
        }
    }
    None
}
