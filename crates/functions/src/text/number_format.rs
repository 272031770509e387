//! Snowflake's fixed-position number formats, such as `999,999.00` or `$FM9990`.
//!
//! <https://docs.snowflake.com/en/sql-reference/sql-format-models>

use datafusion::common::{Result, plan_err};

use super::number::{decimal_text, fits, float_varchar, parse_decimal, rescale};
use super::scientific::Scientific;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Piece {
    /// `9`: a digit, blank where it leads.
    Optional,
    /// `0`: a digit, zero where it leads.
    Required,
    /// `X`: a hexadecimal digit.
    Hexadecimal,
    Group,
    Dollar,
    /// Stands for itself.
    Literal(char),
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

/// A number without blanks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Minimal {
    Fixed,
    Scientific,
}

/// A format, taken apart.
#[derive(Clone, Debug)]
pub(crate) struct NumberFormat {
    whole: Vec<Piece>,
    fraction: Vec<Piece>,
    sign: Sign,
    /// `FM`: no blanks.
    compact: bool,
    /// `B`: no zero stands alone before the point.
    blank_zero: bool,
    /// `TM9` and `TME`: the number as it is shown without a format, or its mantissa and power of ten.
    minimal: Option<Minimal>,
    /// The places of an exponent: `EE` takes as few as it needs, more letters have two fewer places.
    exponent: Option<usize>,
    /// Small letters write small letters: `xx`, `eeee`.
    lower: bool,
    /// Literals before the number and after it.
    around: [String; 2],
}

/// The digits of a decimal.
const MOST_DIGITS: usize = 38;

/// The characters of a floating-point number's longest exponent: `-308`.
const WIDEST_EXPONENT: usize = 4;

/// Characters that stand for themselves without quotes.
const SYMBOLS: &str = ";:-=/()";

impl NumberFormat {
    pub(crate) fn new(format: &str) -> Result<Self> {
        let mut parsed = Self {
            whole: Vec::new(),
            fraction: Vec::new(),
            sign: Sign::Leading,
            compact: false,
            blank_zero: false,
            minimal: None,
            exponent: None,
            lower: false,
            around: [String::new(), String::new()],
        };
        let mut rest = format;
        let mut after_point = false;
        let mut literals = String::new();
        while let Some(first) = rest.chars().next() {
            if let Some((literal, after)) = literal(rest) {
                literals.push_str(&literal);
                rest = after;
                continue;
            }
            parsed.place(std::mem::take(&mut literals), after_point);
            let mut width = first.len_utf8();
            match first.to_ascii_uppercase() {
                '9' | '0' | ',' | 'G' | '$' | 'X' if parsed.exponent.is_none() => {
                    parsed.lower |= first == 'x';
                    let piece = match first {
                        'X' | 'x' => Piece::Hexadecimal,
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
                '.' | 'D' if !after_point && parsed.exponent.is_none() => after_point = true,
                'S' if parsed.whole.is_empty() && !after_point => parsed.sign = Sign::Plus,
                'S' => parsed.sign = Sign::Trailing { plus: true },
                'M' if starts_with(rest, "MI") => {
                    width = 2;
                    parsed.sign = Sign::Trailing { plus: false };
                }
                'F' if starts_with(rest, "FM") => {
                    width = 2;
                    parsed.compact = true;
                }
                'B' if parsed.whole.is_empty() => parsed.blank_zero = true,
                'T' if parsed.whole.is_empty() && starts_with(rest, "TM") => {
                    let (kind, read) = match rest.as_bytes().get(2) {
                        Some(b'9') => (Minimal::Fixed, 3),
                        Some(b'E' | b'e') => (Minimal::Scientific, 3),
                        _ => (Minimal::Fixed, 2),
                    };
                    width = read;
                    parsed.lower = rest.get(..width).is_some_and(|it| it.ends_with('e'));
                    parsed.minimal = Some(kind);
                }
                'E' if starts_with(rest, "EE") && parsed.exponent.is_none() => {
                    width = rest
                        .bytes()
                        .take_while(|it| it.eq_ignore_ascii_case(&b'E'))
                        .count();
                    parsed.lower = first == 'e';
                    parsed.exponent = Some(width - 2);
                }
                _ => {
                    return plan_err!(
                        "Number format '{format}' has '{rest}', which is not supported"
                    );
                }
            }
            rest = &rest[width..];
        }
        parsed.around[1] = literals;
        let places = parsed.digits();
        let is_mixed = parsed.is_hexadecimal()
            && (after_point || parsed.exponent.is_some() || !parsed.is_only_hexadecimal());
        if is_mixed || parsed.exponent.is_some() && !(1..=MOST_DIGITS).contains(&places) {
            return plan_err!("Number format '{format}' mixes elements that exclude each other");
        }
        Ok(parsed)
    }

    /// Digits before and after the point.
    fn digits(&self) -> usize {
        let all = self.whole.iter().chain(&self.fraction);
        all.filter(|piece| is_digit(**piece)).count()
    }

    /// Puts literals that stand before another element where they belong.
    fn place(&mut self, literals: String, after_point: bool) {
        if self.whole.is_empty() && !after_point {
            self.around[0].push_str(&literals);
            return;
        }
        let side = if after_point {
            &mut self.fraction
        } else {
            &mut self.whole
        };
        side.extend(literals.chars().map(Piece::Literal));
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

    /// Whether the format is `X` or `0X`, of hexadecimal digits.
    fn is_hexadecimal(&self) -> bool {
        self.whole.contains(&Piece::Hexadecimal)
    }

    /// Whether there are `X` and leading `0` alone.
    fn is_only_hexadecimal(&self) -> bool {
        let rest = match self.whole.first() {
            Some(Piece::Required) => self.whole.get(1..).unwrap_or_default(),
            _ => &self.whole,
        };
        rest.iter().all(|piece| *piece == Piece::Hexadecimal)
    }

    fn letter(&self) -> char {
        if self.lower { 'e' } else { 'E' }
    }

    /// The text of a decimal; hash signs for its digits if it is too large for the format.
    pub(crate) fn text(&self, digits: i128, scale: i8) -> String {
        let text = if self.is_hexadecimal() {
            self.hexadecimal_text(rescale(digits, scale, 0).unwrap_or(digits))
        } else if self.minimal == Some(Minimal::Fixed) {
            decimal_text(digits, scale)
        } else if self.is_scientific() {
            self.scientific_text(&Scientific::of_decimal(digits, scale))
        } else {
            let rounded = rescale(digits, scale, self.scale()).unwrap_or(digits);
            self.signed(self.unsigned(rounded.abs()), rounded < 0)
        };
        self.surrounded(&text)
    }

    /// The text of a floating-point number, if the format is one that needs no exact number.
    pub(crate) fn float_text(&self, value: f64) -> Option<String> {
        let text = match self.minimal {
            Some(Minimal::Fixed) => match float_varchar(value) {
                text if text.contains('e') => Scientific::of_float(value)?.minimal('E'),
                text => text,
            },
            _ if self.is_scientific() => self.scientific_text(&Scientific::of_float(value)?),
            _ => return None,
        };
        Some(self.surrounded(&text))
    }

    fn surrounded(&self, text: &str) -> String {
        let [before, after] = &self.around;
        format!("{before}{text}{after}")
    }

    fn is_scientific(&self) -> bool {
        self.exponent.is_some() || self.minimal == Some(Minimal::Scientific)
    }

    fn scientific_text(&self, number: &Scientific) -> String {
        let Some(places) = self.exponent else {
            return number.minimal(self.letter());
        };
        let fraction = self
            .fraction
            .iter()
            .filter(|piece| is_digit(**piece))
            .count();
        let Some((mantissa, exponent)) = number.mantissa(self.digits() - fraction, fraction) else {
            return hidden(&self.whole);
        };
        let mut text = self.unsigned(mantissa);
        text.push(self.letter());
        if places == 0 {
            let exponent = exponent.to_string();
            text.push_str(&exponent);
            if !self.compact {
                text.push_str(&" ".repeat(WIDEST_EXPONENT.saturating_sub(exponent.len())));
            }
        } else {
            text.push(if exponent < 0 { '-' } else { '+' });
            let digits = format!("{:0places$}", exponent.unsigned_abs());
            match digits.len() > places {
                true => text.push_str(&"#".repeat(places)),
                false => text.push_str(&digits),
            }
        }
        self.signed(text, number.negative)
    }

    /// A number below zero is its two's complement, unless the format has a place for the sign.
    fn hexadecimal_text(&self, value: i128) -> String {
        let places = self.whole.len();
        let limit = u32::try_from(4 * places)
            .ok()
            .and_then(|bits| 1_i128.checked_shl(bits));
        let limit = limit.filter(|limit| *limit > 0).unwrap_or(i128::MAX);
        let shown = match (self.sign, value) {
            (Sign::Leading, ..0) if value >= -(limit / 2) => Some(value + limit),
            (Sign::Leading, ..0) => None,
            _ => Some(value.abs()).filter(|value| *value < limit),
        };
        let mut text = match shown {
            None => "#".repeat(places),
            Some(shown) => {
                let digits = format!("{shown:X}");
                match self.whole.first() {
                    Some(Piece::Required) => format!("{digits:0>places$}"),
                    _ => format!("{digits:>places$}"),
                }
            }
        };
        if self.lower {
            text.make_ascii_lowercase();
        }
        match (self.sign, self.compact) {
            (Sign::Leading, true) => text.trim_start().to_owned(),
            (Sign::Leading, false) => text,
            _ => self.signed(text, value < 0),
        }
    }

    /// The places of the format filled with a number's digits.
    fn unsigned(&self, rounded: i128) -> String {
        let places = self.whole.iter().filter(|piece| is_digit(**piece)).count();
        let plain = decimal_text(rounded, self.scale());
        let (whole, fraction) = plain.split_once('.').unwrap_or((&plain, ""));
        let blank = self.blank_zero || places == 0;
        let whole = if whole == "0" && blank && !self.whole.contains(&Piece::Required) {
            ""
        } else {
            whole
        };
        let mut text = if whole.len() > places {
            hidden(&self.whole)
        } else {
            self.whole_text(whole, places)
        };
        if !self.fraction.is_empty() {
            text.push('.');
            if whole.len() > places {
                text.push_str(&hidden(&self.fraction));
            } else {
                self.write_fraction(&mut text, fraction);
            }
        }
        text
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
                Piece::Optional | Piece::Required | Piece::Hexadecimal => {
                    started = true;
                    text.push(digits.next().map_or('0', char::from));
                }
                Piece::Group => text.push(if started { ',' } else { ' ' }),
                Piece::Dollar => text.push('$'),
                Piece::Literal(character) => text.push(*character),
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

    /// Zeros at the end are blanks in the places of `9`, or nothing if the format is compact.
    fn write_fraction(&self, text: &mut String, fraction: &str) {
        let mut digits = fraction.chars();
        let mut kept = text.len();
        for piece in &self.fraction {
            let digit = match piece {
                Piece::Literal(character) => {
                    text.push(*character);
                    kept = text.len();
                    continue;
                }
                Piece::Group | Piece::Dollar => continue,
                Piece::Optional | Piece::Required | Piece::Hexadecimal => {
                    digits.next().unwrap_or('0')
                }
            };
            text.push(digit);
            if *piece == Piece::Required || digit != '0' {
                kept = text.len();
            }
        }
        let zeros = text.len() - kept;
        text.truncate(kept);
        if !self.compact {
            text.push_str(&" ".repeat(zeros));
        }
    }

    fn signed(&self, text: String, negative: bool) -> String {
        let text = if self.compact {
            text.trim_start().to_owned()
        } else {
            text
        };
        // The sign stands right before the first digit, behind blanks and literals.
        let head = |character: char| {
            character.is_ascii_digit()
                || "$.#".contains(character)
                || self.is_hexadecimal() && character != ' '
        };
        let (pad, rest) = text.split_at(text.find(head).unwrap_or(text.len()));
        match self.sign {
            Sign::Leading if negative => format!("{pad}-{rest}"),
            Sign::Leading if self.compact => text,
            Sign::Leading => format!("{pad} {rest}"),
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
        let [before, after] = &self.around;
        let text = text.strip_prefix(before.as_str()).unwrap_or(text);
        let text = text.strip_suffix(after.as_str()).unwrap_or(text).trim();
        let grouped = self.whole.contains(&Piece::Group);
        // Blanks may part the sign from the digits.
        let (text, negative) = match (text.strip_suffix(['-', '+']), text.strip_prefix(['-', '+']))
        {
            (Some(rest), _) => (rest.trim_end(), text.ends_with('-')),
            (None, Some(rest)) => (rest.trim_start(), text.starts_with('-')),
            (None, None) => (text, false),
        };
        if self.is_hexadecimal() {
            let digits = self.hexadecimal(text)?;
            let digits = rescale(digits, 0, scale).filter(|digits| fits(*digits, precision))?;
            return Some(if negative { -digits } else { digits });
        }
        let mut plain = String::with_capacity(text.len());
        for character in text.chars() {
            match character {
                ',' if grouped => {}
                '$' if self.whole.contains(&Piece::Dollar) => {}
                '0'..='9' | '.' => plain.push(character),
                'E' | 'e' | '+' | '-' if self.exponent.is_some() => plain.push(character),
                _ => return None,
            }
        }
        let digits = parse_decimal(&plain, precision, scale)?;
        Some(if negative { -digits } else { digits })
    }
}

impl NumberFormat {
    /// What as many hexadecimal digits as the format has places, or fewer, are worth.
    fn hexadecimal(&self, text: &str) -> Option<i128> {
        let digits = |piece: &&Piece| matches!(piece, Piece::Hexadecimal | Piece::Required);
        let places = self.whole.iter().filter(digits).count();
        let written = text.bytes().all(|byte| byte.is_ascii_hexdigit()) && text.len() <= places;
        let only = self.fraction.is_empty() && places == self.whole.len();
        match written && only {
            true => i128::from_str_radix(text, 16).ok(),
            false => None,
        }
    }
}

/// Hash signs in the places of digits.
fn hidden(pieces: &[Piece]) -> String {
    let shown = |piece: &Piece| match piece {
        Piece::Optional | Piece::Required | Piece::Hexadecimal => '#',
        Piece::Group => ',',
        Piece::Dollar => '$',
        Piece::Literal(character) => *character,
    };
    pieces.iter().map(shown).collect()
}

/// The literal at the head of a format, and what follows it.
fn literal(format: &str) -> Option<(String, &str)> {
    let first = format.chars().next()?;
    if SYMBOLS.contains(first) {
        return Some((first.to_string(), format.get(first.len_utf8()..)?));
    }
    let mut text = String::new();
    let mut rest = format.strip_prefix('"')?;
    loop {
        let (part, after) = rest.split_once('"')?;
        text.push_str(part);
        match after.strip_prefix('"') {
            Some(after) => {
                text.push('"');
                rest = after;
            }
            None => return Some((text, after)),
        }
    }
}

fn starts_with(text: &str, name: &str) -> bool {
    text.get(..name.len())
        .is_some_and(|head| head.eq_ignore_ascii_case(name))
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
            ("99", 123, 0, " ##"),
            ("\">\"$99.0\"<\"", -12_391, 3, ">-$12.4<"),
            ("\">\"$99.0\"<\"", 10, 3, ">  $0.0<"),
            ("\">\"$99.0\"<\"", 3_987_000, 3, "> $##.#<"),
            ("\">\"B9,999.0\"<\"", 100, 3, ">      .1<"),
            ("\">\"B9,999.0\"<\"", -12_391, 3, ">   -12.4<"),
            ("TM9", 100, 3, "0.100"),
            ("999,999.999", 1_200, 3, "       1.2  "),
            ("999,999.999", -123_456_789, 3, "-123,456.789"),
            ("S000,000.000", 1_200, 3, "+000,001.200"),
            ("FM999.99", 1_250, 2, "12.5"),
            ("999-9999", 5_551_234, 0, " 555-1234"),
            ("FM$999", 42, 0, "$42"),
            ("S999", 42, 0, " +42"),
            ("FM9990.0", 5, 1, "0.5"),
            ("999-9999", 7, 0, "   -    7"),
            ("9-9", -7, 0, " --7"),
            ("XXX", 2_748, 0, "ABC"),
            ("xxx", 26, 0, " 1a"),
            ("0XXX", 26, 0, "001A"),
            ("XX", 4_096, 0, "##"),
            ("XX", -2, 0, "FE"),
            ("SXX", -26, 0, "-1A"),
            ("XXMI", 26, 0, "1A "),
            ("FMXXXX", 26, 1, "3"),
            ("9.99EEEE", 65_432, 1, " 6.54E+03"),
            ("99.9eeee", -65_432, 6, "-65.4e-03"),
            ("9.9EE", 25, 1, " 2.5E0   "),
            ("9EEE", 123, 0, " 1E+2"),
            ("FM9.9EEEEE", 5, 4, "5.E-004"),
            ("S9.9EEEEMI", 0, 0, "0. E+00 "),
            ("TM", 150, 2, "1.50"),
            ("TME", -150, 2, "-1.5E0"),
            ("tme", 0, 0, "0e0"),
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
        assert_eq!(format.parse("- 12.5", 10, 2), Some(-1_250));
        assert_eq!(format.parse("-+12.5", 10, 2), None);
        let hexadecimal = NumberFormat::new("XXX").unwrap();
        assert_eq!(hexadecimal.parse("ae5", 38, 0), Some(2_789));
        assert_eq!(hexadecimal.parse("F", 38, 1), Some(150));
        assert_eq!(hexadecimal.parse("ae50", 38, 0), None);
        assert_eq!(hexadecimal.parse("g", 38, 0), None);
        let exponents = NumberFormat::new("9.99EEEE").unwrap();
        assert_eq!(exponents.parse("1.25E+02", 10, 2), Some(12_500));
        for mixed in ["9X", "X9", "XEE", "EE", "9E", "9EE9"] {
            assert!(NumberFormat::new(mixed).is_err(), "{mixed}");
        }
        assert_eq!(exponents.float_text(2.5e-12).unwrap(), " 2.5 E-12");
    }
}
