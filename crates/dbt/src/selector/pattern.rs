//! Shell patterns as Python's `fnmatch` and `Path.glob` read them.

/// Whether `text` matches `pattern` with `*`, `?`, `[abc]`, `[!a-z]`; `*` crosses every character.
#[must_use]
pub fn matches_pattern(text: &str, pattern: &str) -> bool {
    let text: Vec<char> = text.chars().collect();
    let pattern: Vec<char> = pattern.chars().collect();
    matches(&text, &pattern)
}

fn matches(text: &[char], pattern: &[char]) -> bool {
    // The classic two-pointer walk: on a mismatch return to the last `*` and let it take one more.
    let (mut at, mut rule) = (0, 0);
    let mut retry: Option<(usize, usize)> = None;
    while at < text.len() {
        let step = match pattern.get(rule) {
            Some('*') => {
                retry = Some((at, rule));
                rule += 1;
                continue;
            }
            Some('?') => Some(1),
            Some('[') => one_of(text[at], &pattern[rule..]),
            Some(&letter) => (letter == text[at]).then_some(1),
            None => None,
        };
        match (step, retry) {
            (Some(width), _) => {
                at += 1;
                rule += width;
            }
            (None, Some((from, star))) => {
                at = from + 1;
                rule = star + 1;
                retry = Some((at, star));
            }
            (None, None) => return false,
        }
    }
    pattern[rule..].iter().all(|letter| *letter == '*')
}

/// The width of the bracket expression at the start of `pattern` if `letter` is in it. A bracket
/// without an end is a letter.
fn one_of(letter: char, pattern: &[char]) -> Option<usize> {
    let negated = pattern.get(1) == Some(&'!');
    let first = if negated { 2 } else { 1 };
    let close = pattern.iter().skip(first + 1).position(|c| *c == ']');
    let Some(close) = close.map(|at| at + first + 1) else {
        return (letter == '[').then_some(1);
    };
    let set = &pattern[first..close];
    let mut found = false;
    let mut at = 0;
    while at < set.len() {
        if set.get(at + 1) == Some(&'-') && at + 2 < set.len() {
            found |= (set[at]..=set[at + 2]).contains(&letter);
            at += 3;
        } else {
            found |= set[at] == letter;
            at += 1;
        }
    }
    (found != negated).then_some(close + 1)
}

/// Whether the file `path`, or a folder it lies in, matches the glob `pattern` (`**` crosses
/// folders, `*` does not).
#[must_use]
pub fn matches_path(path: &str, pattern: &str) -> bool {
    let split = |text: &str| -> Vec<String> {
        let parts = text.split(['/', '\\']);
        parts
            .filter(|part| !part.is_empty() && *part != ".")
            .map(str::to_owned)
            .collect()
    };
    let (path, pattern) = (split(path), split(pattern));
    (1..=path.len()).any(|end| segments(&path[..end], &pattern))
}

fn segments(path: &[String], pattern: &[String]) -> bool {
    match pattern.split_first() {
        None => path.is_empty(),
        Some((first, rest)) if first == "**" => {
            (0..=path.len()).any(|skip| segments(&path[skip..], rest))
        }
        Some((first, rest)) => match path.split_first() {
            Some((name, deeper)) => matches_pattern(name, first) && segments(deeper, rest),
            None => false,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::{matches_path, matches_pattern};

    #[test]
    fn patterns() {
        for (text, pattern, expected) in [
            ("orders", "orders", true),
            ("orders", "ord*", true),
            ("orders", "*ers", true),
            ("orders", "o*d*s", true),
            ("orders", "o?ders", true),
            ("orders", "[a-p]rders", true),
            ("orders", "[!o]rders", false),
            ("orders", "", false),
            ("", "*", true),
            ("a[b", "a[b", true),
            ("marts.core.orders", "marts.*", true),
        ] {
            assert_eq!(matches_pattern(text, pattern), expected, "{text} {pattern}");
        }
    }

    #[test]
    fn paths() {
        for (path, pattern, expected) in [
            ("models/staging/stg_a.sql", "models/staging", true),
            ("models/staging/stg_a.sql", "models/staging/", true),
            ("models/staging/stg_a.sql", "models/staging/stg_a.sql", true),
            ("models/staging/stg_a.sql", "models/*.sql", false),
            ("models/staging/stg_a.sql", "models/**/*.sql", true),
            ("models/staging/stg_a.sql", "models/mar*", false),
            ("models/staging_x/a.sql", "models/staging", false),
            ("models/staging/stg_a.sql", "./models/st*", true),
        ] {
            assert_eq!(matches_path(path, pattern), expected, "{path} {pattern}");
        }
    }
}
