//! Cleaning text.

use std::borrow::Cow;

use settings::Clean;

/// `text` without blanks at both ends.
#[inline]
pub(crate) fn trim(text: &[u8]) -> &[u8] {
    match (text.first(), text.last()) {
        (Some(first), Some(last)) if is_plain(*first) && is_plain(*last) => text,
        _ => trim_slowly(text),
    }
}

/// A printable ASCII character: certainly no blank, nor part of one.
#[inline]
fn is_plain(byte: u8) -> bool {
    byte > b' ' && byte < 0x7f
}

fn trim_slowly(text: &[u8]) -> &[u8] {
    std::str::from_utf8(text).map_or(text, |text| text.trim().as_bytes())
}

/// Whether `text` has nothing but blanks.
#[inline]
pub(crate) fn is_blank(text: &[u8]) -> bool {
    match text.first() {
        None => true,
        Some(first) if is_plain(*first) => false,
        Some(_) => trim_slowly(text).is_empty(),
    }
}

/// `text` after `steps`.
pub(crate) fn clean<'a>(text: &'a [u8], steps: &[Clean]) -> Cow<'a, [u8]> {
    let mut cleaned = Cow::Borrowed(text);
    for step in steps {
        let changed = match (step, &cleaned) {
            (Clean::Trim, Cow::Borrowed(text)) => {
                cleaned = Cow::Borrowed(trim(text));
                continue;
            }
            (Clean::Trim, Cow::Owned(text)) => Some(trim(text).to_vec()),
            (Clean::CollapseBlanks, text) => collapse(text),
            (Clean::Upper, text) => changed_case(
                text,
                u8::is_ascii_lowercase,
                <[u8]>::to_ascii_uppercase,
                str::to_uppercase,
            ),
            (Clean::Lower, text) => changed_case(
                text,
                u8::is_ascii_uppercase,
                <[u8]>::to_ascii_lowercase,
                str::to_lowercase,
            ),
        };
        if let Some(changed) = changed {
            cleaned = Cow::Owned(changed);
        }
    }
    cleaned
}

/// Every run of blanks as one space, if that changes anything.
fn collapse(text: &[u8]) -> Option<Vec<u8>> {
    let is_blank = |byte: &u8| byte.is_ascii_whitespace();
    let runs = text.windows(2).any(|pair| pair.iter().all(is_blank));
    let others = text
        .iter()
        .any(|byte| (is_blank(byte) && *byte != b' ') || !byte.is_ascii());
    if !runs && !others {
        return None;
    }
    let text = std::str::from_utf8(text).ok()?;
    let mut collapsed = String::with_capacity(text.len());
    let mut in_run = false;
    for c in text.chars() {
        if c.is_whitespace() {
            if !in_run {
                collapsed.push(' ');
            }
            in_run = true;
        } else {
            collapsed.push(c);
            in_run = false;
        }
    }
    (collapsed != text).then(|| collapsed.into_bytes())
}

fn changed_case(
    text: &[u8],
    changes: impl Fn(&u8) -> bool,
    ascii: impl Fn(&[u8]) -> Vec<u8>,
    unicode: impl Fn(&str) -> String,
) -> Option<Vec<u8>> {
    if text.is_ascii() {
        return text.iter().any(changes).then(|| ascii(text));
    }
    std::str::from_utf8(text)
        .ok()
        .map(|text| unicode(text).into_bytes())
}

#[cfg(test)]
mod tests {
    use settings::Clean::{CollapseBlanks, Lower, Trim, Upper};

    use super::{clean, is_blank};

    #[test]
    fn cleans_step_by_step() {
        let cleaned = |text: &str, steps: &[settings::Clean]| {
            String::from_utf8_lossy(&clean(text.as_bytes(), steps)).into_owned()
        };
        assert_eq!(
            cleaned("  New\t\tYork  City ", &[Trim, CollapseBlanks]),
            "New York City"
        );
        assert_eq!(cleaned("a\u{a0}\u{a0}b", &[CollapseBlanks]), "a b");
        assert_eq!(cleaned("Möbel", &[Upper]), "MÖBEL");
        assert_eq!(cleaned(" OFF ", &[Lower, Trim]), "off");
        assert_eq!(cleaned(" as is ", &[]), " as is ");
        assert!(
            is_blank(b"") && is_blank(b" \t") && is_blank("\u{a0}".as_bytes()) && !is_blank(b" x")
        );
    }
}
