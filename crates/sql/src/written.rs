//! [`written`]: text that reads as the syntax tree it was made from.

use std::fmt::Display;
use std::ops::ControlFlow;

use sqlparser::ast::{Value, ValueWithSpan, VisitorMut};

/// `ast` as text that [`crate::parse_script`] reads as the same again: a backslash in a constant stands for
/// itself only where another one stands before it
/// (<https://docs.snowflake.com/en/sql-reference/data-types-text#escape-sequences-in-single-quoted-string-constants>).
#[must_use]
pub fn written<T: Clone + Display + crate::Node>(ast: &T) -> String {
    let mut ast = ast.clone();
    let _ = crate::walk_mut(&mut ast, &mut Escape);
    ast.to_string()
}

struct Escape;

impl VisitorMut for Escape {
    type Break = ();

    fn pre_visit_value(&mut self, value: &mut ValueWithSpan) -> ControlFlow<()> {
        if let Value::SingleQuotedString(text) | Value::NationalStringLiteral(text) =
            &mut value.value
            && text.contains('\\')
        {
            // Quotes behind a backslash are printed as they are.
            *text = text.replace('\\', r"\\").replace('\'', r"\'");
        }
        ControlFlow::Continue(())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use diagnostic::Source;

    use super::written;
    use crate::parse_script;

    #[test]
    fn constants_are_read_as_they_were_written() {
        for text in [
            r"SELECT '\\', '\\n', '\n', 'it''s', '\\''\\', '\'\\\''",
            r"SELECT REPLACE(A, '\\', '\\\\') FROM T",
        ] {
            let first = parse_script(&Source::new("first", text)).unwrap();
            let again = written(&first[0].ast);
            let second = parse_script(&Source::new("second", again.as_str())).unwrap();
            assert_eq!(
                first[0].ast.to_string(),
                second[0].ast.to_string(),
                "{again}"
            );
        }
    }
}
