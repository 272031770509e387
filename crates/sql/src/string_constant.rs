//! What quoted constants and names stand for: escape sequences and doubled quotes.
//!
//! <https://docs.snowflake.com/en/sql-reference/data-types-text#escape-sequences-in-single-quoted-string-constants>

use sqlparser::dialect::SnowflakeDialect;
use sqlparser::tokenizer::{Token, TokenWithSpan, Tokenizer, TokenizerError};

/// The tokens of `text`. The tokenizer's own reading knows neither `\u26c4` nor `\x41` nor `\101`.
pub(crate) fn tokens(text: &str) -> Result<Vec<TokenWithSpan>, TokenizerError> {
    let mut tokens = Tokenizer::new(&SnowflakeDialect, text)
        .with_unescape(false)
        .tokenize_with_location()?;
    for token in &mut tokens {
        match &mut token.token {
            Token::SingleQuotedString(text) | Token::NationalStringLiteral(text)
                if text.contains(['\\', '\'']) =>
            {
                *text = unescaped(text);
            }
            Token::Word(word) if word.quote_style == Some('"') && word.value.contains('"') => {
                word.value = word.value.replace("\"\"", "\"");
            }
            _ => {}
        }
    }
    Ok(tokens)
}

fn unescaped(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        rest = &rest[first.len_utf8()..];
        match first {
            '\\' => rest = escaped(rest, &mut plain),
            '\'' => {
                plain.push('\'');
                rest = rest.strip_prefix('\'').unwrap_or(rest);
            }
            other => plain.push(other),
        }
    }
    plain
}

/// Adds what stands behind a backslash to `plain` and gives what follows it.
fn escaped<'a>(text: &'a str, plain: &mut String) -> &'a str {
    let Some(first) = text.chars().next() else {
        return text;
    };
    let after = &text[first.len_utf8()..];
    let coded = match first {
        'u' => code(after, 4, 16),
        'x' => code(after, 2, 16),
        '0'..='7' => code(text, 3, 8),
        _ => None,
    };
    if let Some((letter, rest)) = coded {
        plain.push(letter);
        return rest;
    }
    plain.push(match first {
        'b' => '\u{8}',
        'f' => '\u{c}',
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        '0' => '\0',
        // A backslash before any other letter means nothing.
        other => other,
    });
    after
}

/// The letter whose number the first `length` digits are, and what follows them.
fn code(text: &str, length: usize, radix: u32) -> Option<(char, &str)> {
    let digits = text.get(..length)?;
    let is_code = digits.chars().all(|digit| digit.is_digit(radix));
    let number = u32::from_str_radix(digits, radix)
        .ok()
        .filter(|_| is_code)?;
    Some((char::from_u32(number)?, text.get(length..)?))
}

#[cfg(test)]
mod tests {
    use super::unescaped;

    #[test]
    fn reads_the_documented_sequences() {
        for (written, meant) in [
            (r"a\tb\n", "a\tb\n"),
            (r"\u26c4 \x53 \123", "⛄ S S"),
            (r"\'\\ ''", "'\\ '"),
            (r"\z \d+ \%", "z d+ %"),
            (r"\0", "\0"),
            (r"\u12", "u12"),
        ] {
            assert_eq!(unescaped(written), meant, "{written}");
        }
    }
}
