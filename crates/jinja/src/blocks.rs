//! Files of blocks, where only the blocks are Jinja: dbt never parses what stands between them.

use diagnostic::Source;

use crate::lexer::find_tag;

/// The source with blanks for all that is not in a top-level block of one of `kinds`, so that every
/// place stays where it was.
pub(crate) fn only(source: &Source, kinds: &[&str]) -> Source {
    let text = &source.text;
    let mut kept = String::with_capacity(text.len());
    let mut at = 0;
    while let Some(open) = find_tag(text, at) {
        blank(&mut kept, &text[at..open]);
        let kind = name(text, open).filter(|word| kinds.contains(word));
        at = match kind {
            // Without an end the rest is kept, for the parser to say so.
            Some(kind) => end_of_block(text, after(text, open), kind).unwrap_or(text.len()),
            None => after(text, open),
        };
        match kind {
            Some(_) => kept.push_str(&text[open..at]),
            None => blank(&mut kept, &text[open..at]),
        }
    }
    blank(&mut kept, &text[at..]);
    Source {
        name: source.name.clone(),
        text: kept.into(),
    }
}

/// The same number of bytes, of which only line ends are kept.
fn blank(into: &mut String, text: &str) {
    into.extend(
        text.bytes()
            .map(|byte| if byte == b'\n' { '\n' } else { ' ' }),
    );
}

/// The name of the tag at `open`.
fn name(text: &str, open: usize) -> Option<&str> {
    let rest = text.get(open..)?.strip_prefix("{%")?;
    let rest = rest.strip_prefix(['-', '+']).unwrap_or(rest).trim_start();
    let end = rest
        .find(|c: char| !(c.is_alphanumeric() || c == '_'))
        .unwrap_or(rest.len());
    rest.get(..end).filter(|word| !word.is_empty())
}

/// Where what begins at `open` ends: a comment, a raw block, or a tag; if nothing closes it, behind
/// its opening braces.
fn after(text: &str, open: usize) -> usize {
    let close = match text.as_bytes().get(open + 1) {
        Some(b'#') => "#}",
        Some(b'%') => "%}",
        _ => "}}",
    };
    let inner = open + 2;
    let end = text.get(inner..).and_then(|rest| rest.find(close));
    let end = end.map_or(inner, |found| inner + found + close.len());
    if name(text, open) == Some("raw") {
        return end_of_block(text, end, "raw").unwrap_or(end);
    }
    end
}

/// Where the block of a `kind` ends that is open at `at`.
fn end_of_block(text: &str, mut at: usize, kind: &str) -> Option<usize> {
    while let Some(open) = find_tag(text, at) {
        let word = name(text, open);
        at = match kind {
            // Nothing has a meaning in there.
            "raw" if word != Some("endraw") => open + 2,
            _ => after(text, open),
        };
        if word.and_then(|word| word.strip_prefix("end")) == Some(kind) {
            return Some(at);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use diagnostic::Source;

    use super::only;

    fn kept(text: &str) -> String {
        let source = only(&Source::new("x", text), &["macro", "test"]);
        assert_eq!(source.text.len(), text.len());
        source.text.trim().to_owned()
    }

    #[test]
    fn keeps_blocks_alone_and_in_their_place() {
        let text = "{% see https://x %}\nä {{ ( }}\n{%- macro a() -%}{{ 'endmacro' }}{%- endmacro %} {% endif %}";
        assert_eq!(
            kept(text),
            "{%- macro a() -%}{{ 'endmacro' }}{%- endmacro %}"
        );
        let at = text.find("{%- macro");
        assert_eq!(
            only(&Source::new("x", text), &["macro"])
                .text
                .find("{%- macro"),
            at
        );
    }

    #[test]
    fn ends_in_comments_and_raw_blocks_do_not_count() {
        let block =
            "{% macro a() %}{# {% endmacro %} #}{% raw %}{% endmacro %}{% endraw %}{% endmacro %}";
        assert_eq!(kept(&format!("{block}{{# {{% macro b() %}} #}}")), block);
        assert_eq!(kept("a {% macro open() %} text"), "{% macro open() %} text");
        assert_eq!(
            kept("{# never closed {% test a() %}1{% endtest %}"),
            "{% test a() %}1{% endtest %}"
        );
    }
}
