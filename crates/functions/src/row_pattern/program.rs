//! A row pattern as a program: what follows what, and which way is tried first.
//!
//! The syntax tree hands the pattern over as words in Polish notation:
//! `s<n>` the symbol of that number, `^` and `$` the partition's ends, `c<n>` so many patterns behind each other,
//! `a<n>` one of so many, `q<least>,<most>,<g|l> p` a repetition that takes many or few (`most` may be `*`), `x p` a
//! part whose rows are not shown.

use datafusion::common::{Result, plan_datafusion_err, plan_err};

/// One step of a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// The row fits the symbol.
    Row {
        symbol: usize,
        shown: bool,
    },
    /// Either way, the first one first.
    Either(usize, usize),
    Go(usize),
    First,
    Last,
    Found,
}

/// How long a program may become: repetitions with bounds are written out.
const LONGEST: usize = 10_000;

/// The program of a pattern in Polish notation.
pub(super) fn program(pattern: &str) -> Result<Vec<Step>> {
    let mut words = pattern.split_ascii_whitespace();
    let tree = tree(&mut words)?;
    let mut steps = Vec::new();
    write(&tree, true, &mut steps)?;
    steps.push(Step::Found);
    Ok(steps)
}

enum Tree {
    Symbol(usize),
    First,
    Last,
    Sequence(Vec<Tree>),
    OneOf(Vec<Tree>),
    Repeated {
        least: usize,
        most: Option<usize>,
        greedy: bool,
        part: Box<Tree>,
    },
    Hidden(Box<Tree>),
}

fn tree<'a>(words: &mut impl Iterator<Item = &'a str>) -> Result<Tree> {
    let bad = || plan_datafusion_err!("a row pattern is not well formed");
    let word = words.next().ok_or_else(bad)?;
    let (kind, rest) = word.split_at_checked(1).ok_or_else(bad)?;
    let number = || rest.parse::<usize>().map_err(|_| bad());
    Ok(match kind {
        "s" => Tree::Symbol(number()?),
        "^" => Tree::First,
        "$" => Tree::Last,
        "x" => Tree::Hidden(Box::new(tree(words)?)),
        "c" | "a" => {
            let parts = (0..number()?)
                .map(|_| tree(words))
                .collect::<Result<Vec<_>>>()?;
            match kind {
                "c" => Tree::Sequence(parts),
                _ => Tree::OneOf(parts),
            }
        }
        "q" => {
            let mut bounds = rest.split(',');
            let (Some(least), Some(most), Some(manner)) =
                (bounds.next(), bounds.next(), bounds.next())
            else {
                return Err(bad());
            };
            Tree::Repeated {
                least: least.parse().map_err(|_| bad())?,
                most: match most {
                    "*" => None,
                    most => Some(most.parse().map_err(|_| bad())?),
                },
                greedy: manner == "g",
                part: Box::new(tree(words)?),
            }
        }
        _ => return Err(bad()),
    })
}

fn write(tree: &Tree, shown: bool, steps: &mut Vec<Step>) -> Result<()> {
    if steps.len() > LONGEST {
        return plan_err!("The pattern of MATCH_RECOGNIZE is too long: lower its repetitions");
    }
    match tree {
        Tree::Symbol(symbol) => steps.push(Step::Row {
            symbol: *symbol,
            shown,
        }),
        Tree::First => steps.push(Step::First),
        Tree::Last => steps.push(Step::Last),
        Tree::Hidden(part) => write(part, false, steps)?,
        Tree::Sequence(parts) => {
            for part in parts {
                write(part, shown, steps)?;
            }
        }
        Tree::OneOf(parts) => {
            let mut ends = Vec::new();
            for (position, part) in parts.iter().enumerate() {
                let fork = steps.len();
                let is_last = position + 1 == parts.len();
                if !is_last {
                    steps.push(Step::Either(fork + 1, 0));
                }
                write(part, shown, steps)?;
                if !is_last {
                    ends.push(steps.len());
                    steps.push(Step::Go(0));
                    let next = steps.len();
                    set(steps, fork, Step::Either(fork + 1, next));
                }
            }
            let end = steps.len();
            for at in ends {
                set(steps, at, Step::Go(end));
            }
        }
        Tree::Repeated {
            least,
            most,
            greedy,
            part,
        } => {
            for _ in 0..*least {
                write(part, shown, steps)?;
            }
            repeat(part, *least, *most, *greedy, shown, steps)?;
        }
    }
    Ok(())
}

/// The repetitions of `part` beyond the `least` ones.
fn repeat(
    part: &Tree,
    least: usize,
    most: Option<usize>,
    greedy: bool,
    shown: bool,
    steps: &mut Vec<Step>,
) -> Result<()> {
    let fork = |again: usize, end: usize| match greedy {
        true => Step::Either(again, end),
        false => Step::Either(end, again),
    };
    let Some(most) = most else {
        let start = steps.len();
        steps.push(Step::Found);
        write(part, shown, steps)?;
        steps.push(Step::Go(start));
        let end = steps.len();
        set(steps, start, fork(start + 1, end));
        return Ok(());
    };
    let mut forks = Vec::new();
    for _ in least..most {
        forks.push(steps.len());
        steps.push(Step::Found);
        write(part, shown, steps)?;
    }
    let end = steps.len();
    for at in forks {
        set(steps, at, fork(at + 1, end));
    }
    Ok(())
}

fn set(steps: &mut [Step], at: usize, step: Step) {
    if let Some(old) = steps.get_mut(at) {
        *old = step;
    }
}
