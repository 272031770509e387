//! Booleans as Snowflake reads them from text
//! (<https://docs.snowflake.com/en/sql-reference/functions/to_boolean>).

/// The truth value that `text` (without blanks round it) stands for.
pub(crate) fn boolean(text: &[u8]) -> Option<bool> {
    let is = |words: &[&[u8]]| words.iter().any(|word| text.eq_ignore_ascii_case(word));
    if is(&[b"true", b"t", b"yes", b"y", b"on", b"1"]) {
        return Some(true);
    }
    is(&[b"false", b"f", b"no", b"n", b"off", b"0"]).then_some(false)
}

#[cfg(test)]
mod tests {
    use super::boolean;

    #[test]
    fn reads_what_snowflake_reads() {
        assert_eq!(boolean(b"Yes"), Some(true));
        assert_eq!(boolean(b"0"), Some(false));
        assert_eq!(boolean(b"2"), None);
    }
}
