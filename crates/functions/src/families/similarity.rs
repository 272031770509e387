//! How alike two texts are, and how they sound.
//!
//! <https://docs.snowflake.com/en/sql-reference/functions/editdistance>
//! <https://docs.snowflake.com/en/sql-reference/functions/jarowinkler_similarity>
//! <https://docs.snowflake.com/en/sql-reference/functions/soundex>

use arrow::array::ArrayRef;
use datafusion::common::Result;

use crate::scalar::{Call, Function, Kind, Returns};

pub(super) const FUNCTIONS: &[Function] = &[
    Function::kernel(
        "editdistance",
        "editdistance(left, right [, most])",
        &[Kind::Text, Kind::Text, Kind::Integer],
        Returns::Integer,
        editdistance,
    )
    .required(2)
    .note("Levenshtein's distance, no more than `most`"),
    Function::kernel(
        "jarowinkler_similarity",
        "jarowinkler_similarity(left, right)",
        &[Kind::Text, Kind::Text],
        Returns::Integer,
        jarowinkler,
    )
    .note("0 to 100, without regard to case"),
    Function::kernel(
        "soundex",
        "soundex(text)",
        &[Kind::Text],
        Returns::Text,
        |call| sounds(call, false),
    ),
    Function::kernel(
        "soundex_p123",
        "soundex_p123(text)",
        &[Kind::Text],
        Returns::Text,
        |call| sounds(call, true),
    )
    .note("keeps the second letter's code if it is the first one's"),
];

fn editdistance(call: &Call) -> Result<ArrayRef> {
    let (left, right) = (call.text(0)?, call.text(1)?);
    let most = call.integer_if_given(2)?;
    call.integers(|row| {
        let most = most.as_ref().map_or(Some(i64::MAX), |most| most.get(row));
        let (Some(left), Some(right), Some(most)) = (left.get(row), right.get(row), most) else {
            return Ok(None);
        };
        let distance = i64::try_from(strsim::levenshtein(left, right)).unwrap_or(i64::MAX);
        Ok(Some(distance.min(most.max(0))))
    })
}

fn jarowinkler(call: &Call) -> Result<ArrayRef> {
    let (left, right) = (call.text(0)?, call.text(1)?);
    call.integers(|row| {
        Ok(left
            .get(row)
            .zip(right.get(row))
            .map(|(left, right)| likeness(&left.to_lowercase(), &right.to_lowercase())))
    })
}

/// Winkler's bonus counts the whole common head, for any two texts; percents are cut, not rounded.
#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    reason = "a share of 100"
)]
fn likeness(left: &str, right: &str) -> i64 {
    if left.is_empty() || right.is_empty() {
        return 0;
    }
    let jaro = strsim::jaro(left, right);
    let head = left
        .chars()
        .zip(right.chars())
        .take(10)
        .take_while(|(left, right)| left == right)
        .count();
    let winkler = jaro + 0.1 * head as f64 * (1.0 - jaro);
    // A share that is 0.29 must not become 28 by the last bit.
    (winkler * 100.0 + 1e-9).floor() as i64
}

/// The group of consonants a letter sounds like.
fn code(letter: char) -> Option<char> {
    Some(match letter {
        'B' | 'F' | 'P' | 'V' => '1',
        'C' | 'G' | 'J' | 'K' | 'Q' | 'S' | 'X' | 'Z' => '2',
        'D' | 'T' => '3',
        'L' => '4',
        'M' | 'N' => '5',
        'R' => '6',
        _ => return None,
    })
}

fn sounds(call: &Call, keeps_second: bool) -> Result<ArrayRef> {
    let texts = call.text(0)?;
    call.texts(|row| Ok(texts.get(row).map(|text| soundex(text, keeps_second))))
}

fn soundex(text: &str, keeps_second: bool) -> String {
    let mut letters = text.chars().filter(char::is_ascii_alphabetic);
    let Some(first) = letters.next() else {
        return String::new();
    };
    let mut result = String::from(first);
    let mut last = match keeps_second {
        true => None,
        false => code(first.to_ascii_uppercase()),
    };
    for letter in letters.map(|letter| letter.to_ascii_uppercase()) {
        let found = code(letter);
        if let Some(digit) = found
            && found != last
            && result.len() < 4
        {
            result.push(digit);
        }
        // H and W do not part two letters of one sound; vowels do.
        if !matches!(letter, 'H' | 'W') {
            last = found;
        }
    }
    format!("{result:0<4}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_names_by_sound() {
        for (name, expected) in [
            ("Robert", "R163"),
            ("Rupert", "R163"),
            ("Ashcraft", "A261"),
            ("Tymczak", "T522"),
            ("Pfister", "P236"),
            ("Honeyman", "H555"),
            ("Marks", "M620"),
            ("Lee", "L000"),
        ] {
            assert_eq!(soundex(name, false), expected, "{name}");
        }
        assert_eq!(soundex("Pfister", true), "P123");
    }

    /// The vendor's examples.
    #[test]
    fn measures_likeness() {
        for (left, right, expected) in [
            ("", "", 0),
            ("snowflake", "oracle", 61),
            ("ich weiß nicht", "ich wei? nicht", 98),
            ("ich weiß nicht", "ich weiss nicht", 97),
            ("test", "test", 100),
            ("gute nacht", "ich weis nicht", 56),
            ("święta", "swieta", 77),
            ("", "swieta", 0),
        ] {
            assert_eq!(likeness(left, right), expected, "{left} {right}");
        }
    }
}
