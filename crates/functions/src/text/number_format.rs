//! Snowflake's fixed-position number formats, such as `999,999.00` or `$FM9990`.
//!
//! <https://docs.snowflake.com/en/sql-reference/sql-format-models>

use datafusion::common::{Result, plan_err};

use super::number::{decimal_text, parse_decimal, rescale};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Piece {
    /// `9`: a digit, blank where it leads.
    Optional,
    /// `0`: a digit, zero where it leads.
    Required,
    Group,
    Dollar,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sign {
    /// A minus or a blank before the first digit.
    Leading,
    /// `S` at the head: a plus or a minus.
    Plus,
    /// `MI` or `S` at the tail.
    Trailing { plus: bool },
}

/// A format, taken apart.
#[derive(Clone, Debug)]
pub(crate) struct NumberFormat {
    whole: Vec<Piece>,
    fraction: Vec<Piece>,
    sign: Sign,
    /// `FM`: no blanks.
    compact: bool,
}

impl NumberFormat {
    pub(crate) fn new(format: &str) -> Result<Self> {
        let mut parsed = Self {
            whole: Vec::new(),
            fraction: Vec::new(),
            sign: Sign::Leading,
            compact: false,
        };
        let upper = format.to_ascii_uppercase();
        let mut rest = upper.as_str();
        let mut after_point = false;
        while let Some(first) = rest.chars().next() {
            let mut width = first.len_utf8();
            match first {
                '9' | '0' | ',' | 'G' | '$' => {
                    let piece = match first {
                        '9' => Piece::Optional,
                        '0' => Piece::Required,
                        '$' => Piece::Dollar,
                        _ => Piece::Group,
                    };
                    let side = if after_point {
                        &mut parsed.fraction
                    } else {
                        &mut parsed.whole
                    };
                    side.push(piece);
                }
                '.' | 'D' if !after_point => after_point = true,
                'S' if parsed.whole.is_empty() && !after_point => parsed.sign = Sign::Plus,
                'S' => parsed.sign = Sign::Trailing { plus: true },
                'M' if rest.starts_with("MI") => {
                    width = 2;
                    parsed.sign = Sign::Trailing { plus: false };
                }
                'F' if rest.starts_with("FM") => {
                    width = 2;
                    parsed.compact = true;
                }
                _ => {
                    return plan_err!(
                        "Number format '{format}' has '{rest}', which is not supported"
                    );
                }
            }
            rest = &rest[width..];
        }
        Ok(parsed)
    }

    /// Digits after the point.
    fn scale(&self) -> i8 {
        let digits = self
            .fraction
            .iter()
            .filter(|piece| is_digit(**piece))
            .count();
        i8::try_from(digits).unwrap_or(i8::MAX)
    }

    /// The text of a decimal; hash signs if it is too large for the format.
    pub(crate) fn text(&self, digits: i128, scale: i8) -> String {
        let places = self.whole.iter().filter(|piece| is_digit(**piece)).count();
        let rounded = rescale(digits, scale, self.scale()).unwrap_or(digits);
        let plain = decimal_text(rounded.abs(), self.scale());
        let (whole, fraction) = plain.split_once('.').unwrap_or((&plain, ""));
        let whole = if whole == "0" && !self.whole.contains(&Piece::Required) && self.scale() > 0 {
            ""
        } else {
            whole
        };
        if whole.len() > places {
            return "#".repeat(self.whole.len() + self.fraction.len() + 2);
        }
        let mut text = self.whole_text(whole, places);
        if !self.fraction.is_empty() {
            text.push('.');
            text.push_str(self.fraction_text(fraction));
        }
        self.signed(text, rounded < 0)
    }

    fn whole_text(&self, whole: &str, places: usize) -> String {
        let mut text = String::new();
        let mut digits = whole.bytes();
        let mut missing = places - whole.len();
        let mut started = false;
        for piece in &self.whole {
            match piece {
                Piece::Optional if missing > 0 && !started => {
                    missing -= 1;
                    text.push(' ');
                }
                Piece::Optional | Piece::Required if missing > 0 => {
                    missing -= 1;
                    started = true;
                    text.push('0');
                }
                Piece::Optional | Piece::Required => {
                    started = true;
                    text.push(digits.next().map_or('0', char::from));
                }
                Piece::Group => text.push(if started { ',' } else { ' ' }),
                Piece::Dollar => text.push('$'),
            }
        }
        // A currency sign stands right before the first digit.
        match text.find('$') {
            Some(at) if text[at..].contains(' ') => {
                let blanks = text[at..].matches(' ').count();
                let rest = text[at + 1..].trim_start().to_owned();
                format!("{}{}${rest}", &text[..at], " ".repeat(blanks))
            }
            _ => text,
        }
    }

    fn fraction_text<'a>(&self, fraction: &'a str) -> &'a str {
        if self.compact && !self.fraction.contains(&Piece::Required) {
            fraction.trim_end_matches('0')
        } else {
            fraction
        }
    }

    fn signed(&self, text: String, negative: bool) -> String {
        let text = if self.compact {
            text.trim_start().to_owned()
        } else {
            text
        };
        let blanks = text.len() - text.trim_start().len();
        let (pad, rest) = text.split_at(blanks);
        match self.sign {
            Sign::Leading if negative => format!("{pad}-{rest}"),
            Sign::Leading if self.compact => text,
            Sign::Leading => format!(" {text}"),
            Sign::Plus => format!("{pad}{}{rest}", if negative { '-' } else { '+' }),
            Sign::Trailing { plus } => match (negative, plus) {
                (true, _) => format!("{text}-"),
                (false, true) => format!("{text}+"),
                (false, false) if self.compact => text,
                (false, false) => format!("{text} "),
            },
        }
    }

    /// The digits of a formatted number at `scale`.
    pub(crate) fn parse(&self, text: &str, precision: u8, scale: i8) -> Option<i128> {
        let text = text.trim();
        let grouped = self.whole.contains(&Piece::Group);
        let (text, negative) = match text.strip_suffix(['-', '+']) {
            Some(head) => (head, text.ends_with('-')),
            None => (text, false),
        };
        let mut plain = String::with_capacity(text.len());
        for character in text.chars() {
            match character {
                ',' if grouped => {}
                '$' if self.whole.contains(&Piece::Dollar) => {}
                '0'..='9' | '.' | '-' | '+' => plain.push(character),
                _ => return None,
            }
        }
        let digits = parse_decimal(&plain, precision, scale)?;
        Some(if negative { -digits } else { digits })
    }
}

fn is_digit(piece: Piece) -> bool {
    matches!(piece, Piece::Optional | Piece::Required)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn writes_numbers() {
        for (format, digits, scale, text) in [
            ("999,999.00", 1_234_567, 2, "  12,345.67"),
            ("FM999,999.00", 1_234_567, 2, "12,345.67"),
            ("0000", 42, 0, " 0042"),
            ("9999", -42, 0, "  -42"),
            ("99", 123, 0, "####"),
            ("FM$999", 42, 0, "$42"),
            ("S999", 42, 0, " +42"),
            ("FM9990.0", 5, 1, "0.5"),
        ] {
            assert_eq!(
                NumberFormat::new(format).unwrap().text(digits, scale),
                text,
                "{format}"
            );
        }
    }

    #[test]
    fn reads_numbers() {
        let format = NumberFormat::new("999,999.99").unwrap();
        assert_eq!(format.parse("12,345.6", 10, 2), Some(1_234_560));
        assert_eq!(format.parse("x", 10, 2), None);
        assert!(NumberFormat::new("XX").is_err());
    }
}
