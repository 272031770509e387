//! The matches of a program in one partition, found by backtracking.

use std::collections::HashSet;

use datafusion::common::{Result, exec_err};

use super::program::Step;

/// Where the search goes on behind a match.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Skip {
    PastLastRow,
    ToNextRow,
    /// To the first or last row of a symbol.
    To {
        symbol: usize,
        last: bool,
    },
}

/// A row of a match.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Matched {
    pub(super) row: usize,
    pub(super) symbol: usize,
    pub(super) shown: bool,
}

/// A match: where its search began, and its rows. Without rows it is an empty one.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Match {
    pub(super) start: usize,
    pub(super) rows: Vec<Matched>,
}

/// All matches among `rows` rows, in order; `fits` says whether a row fits a symbol.
pub(super) fn matches(
    program: &[Step],
    rows: usize,
    skip: Skip,
    fits: impl Fn(usize, usize) -> bool,
) -> Result<Vec<Match>> {
    let mut found = Vec::new();
    let mut tried = HashSet::new();
    let mut start = 0;
    while start < rows {
        tried.clear();
        let Some(matched) = search(program, start, rows, &mut tried, &fits) else {
            start += 1;
            continue;
        };
        let next = next_start(start, &matched, skip)?;
        found.push(Match {
            start,
            rows: matched,
        });
        start = next;
    }
    Ok(found)
}

fn next_start(start: usize, matched: &[Matched], skip: Skip) -> Result<usize> {
    let Some(last) = matched.last() else {
        return Ok(start + 1);
    };
    match skip {
        Skip::PastLastRow => Ok(last.row + 1),
        Skip::ToNextRow => Ok(start + 1),
        Skip::To { symbol, last } => {
            let mut those = matched.iter().filter(|row| row.symbol == symbol);
            let target = match last {
                true => those.next_back(),
                false => those.next(),
            };
            match target {
                None => exec_err!("AFTER MATCH SKIP TO names a symbol that no row of a match has"),
                Some(row) if row.row == start => exec_err!(
                    "AFTER MATCH SKIP TO names the first row of a match, which would match again without end"
                ),
                Some(row) => Ok(row.row),
            }
        }
    }
}

/// The first match that starts at `start`. Whether the rest of a pattern fits does not depend on the way
/// there, so no step is tried twice at one row.
fn search(
    program: &[Step],
    start: usize,
    rows: usize,
    tried: &mut HashSet<(usize, usize)>,
    fits: &impl Fn(usize, usize) -> bool,
) -> Option<Vec<Matched>> {
    let mut path: Vec<Matched> = Vec::new();
    let mut open = vec![(0_usize, 0_usize)];
    while let Some((first, kept)) = open.pop() {
        path.truncate(kept);
        let mut at = first;
        loop {
            let row = start + path.len();
            if !tried.insert((at, row)) {
                break;
            }
            match *program.get(at)? {
                Step::Found => return Some(path),
                Step::Go(next) => at = next,
                Step::Either(one, other) => {
                    open.push((other, path.len()));
                    at = one;
                }
                Step::First if row == 0 => at += 1,
                Step::Last if row == rows => at += 1,
                Step::Row { symbol, shown } if row < rows && fits(row, symbol) => {
                    path.push(Matched { row, symbol, shown });
                    at += 1;
                }
                _ => break,
            }
        }
    }
    None
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::program::program;
    use super::*;

    /// The matches of `pattern` in `text`, whose letters are rows; `a` is symbol 0, `b` 1; symbol 2 fits all.
    fn found(pattern: &str, text: &str, skip: Skip) -> Vec<String> {
        let letters = text.as_bytes();
        let fits = |row: usize, symbol: usize| match symbol {
            0 => letters[row] == b'a',
            1 => letters[row] == b'b',
            _ => true,
        };
        matches(&program(pattern).unwrap(), letters.len(), skip, fits)
            .unwrap()
            .iter()
            .map(|found| {
                let symbols = found.rows.iter().map(|row| row.symbol.to_string());
                format!("{}:{}", found.start, symbols.collect::<String>())
            })
            .collect()
    }

    #[test]
    fn takes_the_first_way_that_fits() {
        let past = Skip::PastLastRow;
        assert_eq!(found("c2 q1,*,g s0 s1", "aabab", past), ["0:001", "3:01"]);
        assert_eq!(found("q0,*,l s0", "aa", past), ["0:", "1:"]);
        assert_eq!(found("q0,2,g s0", "aaab", past), ["0:00", "2:0", "3:"]);
        assert_eq!(found("a2 c2 s0 s0 s2", "aab", past), ["0:00", "2:2"]);
        assert_eq!(found("c2 ^ s2", "ab", past), ["0:2"]);
        assert_eq!(found("c2 s2 $", "ab", past), ["1:2"]);
        assert_eq!(found("q0,*,g q0,*,g s0", "aab", past), ["0:00", "2:"]);
        assert_eq!(found("c2 s2 s2", "abc", Skip::ToNextRow), ["0:22", "1:22"]);
    }

    #[test]
    fn a_match_may_not_begin_again_at_itself() {
        let skip = Skip::To {
            symbol: 0,
            last: false,
        };
        assert!(matches(&program("s0").unwrap(), 1, skip, |_, _| true).is_err());
    }
}
