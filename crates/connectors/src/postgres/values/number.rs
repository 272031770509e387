//! `numeric`: in base 10,000 as `numeric_send` writes it, and as text.

/// Why a number cannot be kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Unfit {
    /// It is NaN or infinite.
    NotFinite,
    /// It has more digits than fit.
    TooLarge,
    /// It has more digits after the point than fit.
    TooFine,
    /// It is no number.
    Garbled,
}

impl Unfit {
    pub(in super::super) fn reason(self) -> &'static str {
        match self {
            Self::NotFinite => "it is NaN or infinite",
            Self::TooLarge => "it has too many digits",
            Self::TooFine => "it has too many digits after the point",
            Self::Garbled => "it is no number",
        }
    }
}

const POWERS: [i128; 39] = {
    let mut powers = [1_i128; 39];
    let mut at = 1;
    while at < 39 {
        powers[at] = powers[at - 1] * 10;
        at += 1;
    }
    powers
};

/// `value` times ten to the `exponent`, exactly.
fn scaled(value: i128, exponent: i32) -> Result<i128, Unfit> {
    if value == 0 {
        return Ok(0);
    }
    let power = |exponent: u32| POWERS.get(exponent as usize).copied();
    if exponent >= 0 {
        power(exponent.unsigned_abs())
            .and_then(|power| value.checked_mul(power))
            .ok_or(Unfit::TooLarge)
    } else {
        let power = power(exponent.unsigned_abs()).ok_or(Unfit::TooFine)?;
        match value % power {
            0 => Ok(value / power),
            _ => Err(Unfit::TooFine),
        }
    }
}

fn checked(value: i128, precision: u8) -> Result<i128, Unfit> {
    let limit = POWERS
        .get(usize::from(precision))
        .copied()
        .unwrap_or(i128::MAX);
    match value.abs() < limit {
        true => Ok(value),
        false => Err(Unfit::TooLarge),
    }
}

/// A binary `numeric` as a whole number of units of ten to the `-scale`.
pub(in super::super) fn binary(bytes: &[u8], precision: u8, scale: i8) -> Result<i128, Unfit> {
    let (head, digits) = bytes.split_first_chunk::<8>().ok_or(Unfit::Garbled)?;
    let [c0, c1, w0, w1, s0, s1, _, _] = *head;
    let count = usize::from(u16::from_be_bytes([c0, c1]));
    let weight = i32::from(i16::from_be_bytes([w0, w1]));
    let negative = match u16::from_be_bytes([s0, s1]) {
        0 => false,
        0x4000 => true,
        0xC000 | 0xD000 | 0xF000 => return Err(Unfit::NotFinite),
        _ => return Err(Unfit::Garbled),
    };
    if digits.len() != count * 2 {
        return Err(Unfit::Garbled);
    }
    let mut value: i128 = 0;
    for digit in digits.chunks_exact(2) {
        let digit = i128::from(u16::from_be_bytes([digit[0], digit[1]]));
        value = value
            .checked_mul(10_000)
            .and_then(|value| value.checked_add(digit))
            .ok_or(Unfit::TooLarge)?;
    }
    let count = i32::try_from(count).map_err(|_| Unfit::TooLarge)?;
    let exponent = (weight - count + 1) * 4 + i32::from(scale);
    let value = checked(scaled(value, exponent)?, precision)?;
    Ok(if negative { -value } else { value })
}

/// A number in text as a whole number of units of ten to the `-scale`.
pub(in super::super) fn text(text: &str, precision: u8, scale: i8) -> Result<i128, Unfit> {
    if matches!(text, "NaN" | "Infinity" | "-Infinity") {
        return Err(Unfit::NotFinite);
    }
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (
            mantissa,
            exponent.parse::<i32>().map_err(|_| Unfit::Garbled)?,
        ),
        None => (text, 0),
    };
    let (negative, unsigned) = match mantissa.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, mantissa),
    };
    let mut value: i128 = 0;
    let mut fraction: Option<i32> = None;
    let mut any = false;
    for byte in unsigned.bytes() {
        match byte {
            b'0'..=b'9' => {
                any = true;
                value = value
                    .checked_mul(10)
                    .and_then(|value| value.checked_add(i128::from(byte - b'0')))
                    .ok_or(Unfit::TooLarge)?;
                if let Some(fraction) = &mut fraction {
                    *fraction += 1;
                }
            }
            b'.' if fraction.is_none() => fraction = Some(0),
            _ => return Err(Unfit::Garbled),
        }
    }
    if !any {
        return Err(Unfit::Garbled);
    }
    let exponent = exponent
        .checked_add(i32::from(scale))
        .and_then(|exponent| exponent.checked_sub(fraction.unwrap_or(0)))
        .ok_or(Unfit::TooLarge)?;
    let value = checked(scaled(value, exponent)?, precision)?;
    Ok(if negative { -value } else { value })
}

#[cfg(test)]
mod tests {
    use super::{Unfit, binary, text};

    fn sent(weight: i16, sign: u16, digits: &[u16]) -> Vec<u8> {
        let mut bytes = Vec::new();
        bytes.extend(u16::try_from(digits.len()).unwrap_or(0).to_be_bytes());
        bytes.extend(weight.to_be_bytes());
        bytes.extend(sign.to_be_bytes());
        bytes.extend(2_u16.to_be_bytes());
        digits.iter().for_each(|d| bytes.extend(d.to_be_bytes()));
        bytes
    }

    /// Examples of numeric.c: digits are base 10,000, the first has the weight given.
    #[test]
    fn binary_numbers() {
        assert_eq!(binary(&sent(0, 0, &[12, 3400]), 12, 2), Ok(1234));
        assert_eq!(binary(&sent(0, 0x4000, &[12, 3400]), 12, 2), Ok(-1234));
        assert_eq!(binary(&sent(1, 0, &[1]), 12, 2), Ok(1_000_000));
        assert_eq!(binary(&sent(-1, 0, &[1]), 12, 4), Ok(1));
        assert_eq!(binary(&sent(0, 0, &[]), 12, 2), Ok(0));
        assert_eq!(binary(&sent(0, 0, &[1, 1]), 12, 2), Err(Unfit::TooFine));
        assert_eq!(binary(&sent(2, 0, &[1]), 6, 2), Err(Unfit::TooLarge));
        assert_eq!(binary(&sent(0, 0xC000, &[]), 6, 2), Err(Unfit::NotFinite));
    }

    #[test]
    fn numbers_in_text() {
        assert_eq!(text("12.34", 12, 2), Ok(1234));
        assert_eq!(text("-12.3", 12, 2), Ok(-1230));
        assert_eq!(text("12", 12, 2), Ok(1200));
        assert_eq!(text("12.340", 12, 2), Ok(1234));
        assert_eq!(text("1.5e3", 12, 0), Ok(1500));
        assert_eq!(text("12.345", 12, 2), Err(Unfit::TooFine));
        assert_eq!(text("10000", 6, 2), Err(Unfit::TooLarge));
        assert_eq!(text("NaN", 6, 2), Err(Unfit::NotFinite));
        assert_eq!(text("", 6, 2), Err(Unfit::Garbled));
        assert_eq!(text("1.2.3", 6, 2), Err(Unfit::Garbled));
        let widest = "9".repeat(38);
        assert_eq!(text(&widest, 38, 0).map(|n| n.to_string()), Ok(widest));
    }
}
