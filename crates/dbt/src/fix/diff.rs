//! The difference of two texts as `diff -u` shows it.

const CONTEXT: usize = 3;

/// The lines that differ with three lines around them; empty if none do.
#[must_use]
pub fn unified(name: &str, before: &str, after: &str) -> String {
    let (old, new): (Vec<&str>, Vec<&str>) = (before.lines().collect(), after.lines().collect());
    let changes = changes(&old, &new);
    let mut text = String::new();
    // Changes whose surroundings would touch are shown as one.
    for group in changes.chunk_by(|a, b| b.0.start - a.0.end <= 2 * CONTEXT) {
        let ([first, ..], [.., last]) = (group, group) else {
            continue;
        };
        if text.is_empty() {
            text = format!("--- a/{name}\n+++ b/{name}\n");
        }
        let start = first.0.start.saturating_sub(CONTEXT);
        let end = (last.0.end + CONTEXT).min(old.len());
        let new_start = first.1.start - (first.0.start - start);
        let new_end = last.1.end + (end - last.0.end);
        text.push_str(&format!(
            "@@ -{},{} +{},{} @@\n",
            start + 1,
            end - start,
            new_start + 1,
            new_end - new_start
        ));
        let mut push = |sign: char, lines: &[&str]| {
            for line in lines {
                text.push(sign);
                text.push_str(line);
                text.push('\n');
            }
        };
        let mut at = start;
        for (removed, added) in group {
            push(' ', &old[at..removed.start]);
            push('-', &old[removed.clone()]);
            push('+', &new[added.clone()]);
            at = removed.end;
        }
        push(' ', &old[at..end]);
    }
    text
}

type Change = (std::ops::Range<usize>, std::ops::Range<usize>);

/// The ranges of lines that differ.
fn changes(old: &[&str], new: &[&str]) -> Vec<Change> {
    let mut all: Vec<Change> = Vec::new();
    let (mut a, mut b) = (0, 0);
    while a < old.len() || b < new.len() {
        if old.get(a) == new.get(b) {
            a += 1;
            b += 1;
            continue;
        }
        let (next_a, next_b) = meet(&old[a..], &new[b..]);
        all.push((a..a + next_a, b..b + next_b));
        a += next_a;
        b += next_b;
    }
    all
}

/// How many lines of each go until both have two equal lines, or the end.
fn meet(old: &[&str], new: &[&str]) -> (usize, usize) {
    for distance in 1..=old.len() + new.len() {
        for a in 0..=distance.min(old.len()) {
            let b = distance - a;
            if b > new.len() {
                continue;
            }
            let ends = a == old.len() && b == new.len();
            let same = a < old.len() && b < new.len() && old[a] == new[b];
            let next = old.get(a + 1) == new.get(b + 1);
            if ends || same && next {
                return (a, b);
            }
        }
    }
    (old.len(), new.len())
}

#[cfg(test)]
mod tests {
    use super::unified;

    #[test]
    fn lines_are_shown_as_diff_shows_them() {
        let before = "a\nb\nc\nd\ne\nf\ng\nh\n";
        let after = "a\nb\nc\nd2\ne\nf\ng\nh\n";
        let expected = "--- a/x\n+++ b/x\n@@ -1,7 +1,7 @@\n a\n b\n c\n-d\n+d2\n e\n f\n g\n";
        assert_eq!(unified("x", before, after), expected);
        let both = unified("x", before, "a\nb2\nc\nd\ne2\nf\ng\nh\n");
        let shown = "@@ -1,8 +1,8 @@\n a\n-b\n+b2\n c\n d\n-e\n+e2\n f\n g\n h\n";
        assert!(both.ends_with(shown), "{both}");
        assert_eq!(unified("x", before, before), "");
        assert_eq!(
            unified("x", "a\n", "a\nb\n"),
            "--- a/x\n+++ b/x\n@@ -1,1 +1,2 @@\n a\n+b\n"
        );
    }
}
