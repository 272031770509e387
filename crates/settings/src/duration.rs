//! Lengths of time as people write them: `500ms`, `10s`, `2 minutes`.

use std::time::Duration;

/// The time `text` stands for; `None` if it is no length of time, or none at all.
pub(crate) fn parse(text: &str) -> Option<Duration> {
    let text = text.trim();
    let digits = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let number: u64 = number.parse().ok()?;
    let millis: u64 = match unit.trim().to_ascii_lowercase().as_str() {
        "ms" | "millisecond" | "milliseconds" => 1,
        "" | "s" | "second" | "seconds" => 1_000,
        "m" | "minute" | "minutes" => 60_000,
        "h" | "hour" | "hours" => 3_600_000,
        "d" | "day" | "days" => 86_400_000,
        _ => return None,
    };
    let millis = number.checked_mul(millis).filter(|millis| *millis > 0)?;
    Some(Duration::from_millis(millis))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::parse;

    #[test]
    fn reads_units_in_short_and_in_full() {
        assert_eq!(parse("500ms"), Some(Duration::from_millis(500)));
        assert_eq!(parse("2 minutes"), Some(Duration::from_secs(120)));
        assert_eq!(parse("10"), Some(Duration::from_secs(10)));
        assert_eq!(parse("0s"), None);
        assert_eq!(parse("soon"), None);
    }
}
