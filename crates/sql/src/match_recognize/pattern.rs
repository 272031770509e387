//! A row pattern in the words of `functions`: Polish notation, symbols by number.

use sqlparser::ast::{
    MatchRecognizePattern as Pattern, MatchRecognizeSymbol, RepetitionQuantifier,
};

use super::tokens::HIDDEN;

/// How many symbols PERMUTE takes: each one more makes so many times the ways.
const PERMUTED: usize = 6;

/// A pattern and its symbols in the order of their numbers.
#[derive(Default)]
pub(super) struct Written {
    pub(super) text: String,
    pub(super) symbols: Vec<String>,
}

impl Written {
    /// Nothing if the pattern is more than can be written.
    pub(super) fn of(pattern: &Pattern) -> Option<Self> {
        let mut written = Self::default();
        written.add(pattern)?;
        Some(written)
    }

    /// The number of a symbol.
    pub(super) fn number(&mut self, symbol: &str) -> usize {
        let known = self.symbols.iter().position(|name| name == symbol);
        known.unwrap_or_else(|| {
            self.symbols.push(symbol.to_owned());
            self.symbols.len() - 1
        })
    }

    fn word(&mut self, word: &str) {
        self.text.push_str(word);
        self.text.push(' ');
    }

    fn symbol(&mut self, symbol: &MatchRecognizeSymbol) {
        match symbol {
            MatchRecognizeSymbol::Start => self.word("^"),
            MatchRecognizeSymbol::End => self.word("$"),
            MatchRecognizeSymbol::Named(name) => {
                let number = self.number(&name.value);
                self.word(&format!("s{number}"));
            }
        }
    }

    fn add(&mut self, pattern: &Pattern) -> Option<()> {
        match pattern {
            Pattern::Symbol(symbol) => self.symbol(symbol),
            Pattern::Exclude(symbol) => {
                self.word("x");
                self.symbol(symbol);
            }
            Pattern::Permute(symbols) => {
                let ways = orders(symbols)?;
                self.word(&format!("a{}", ways.len()));
                for way in ways {
                    self.word(&format!("c{}", way.len()));
                    way.iter().for_each(|symbol| self.symbol(symbol));
                }
            }
            Pattern::Concat(parts) => self.all('c', parts)?,
            Pattern::Alternation(parts) => self.all('a', parts)?,
            Pattern::Group(inner) => match inner.as_ref() {
                Pattern::Concat(parts) if parts.first().is_some_and(is_hidden) => {
                    self.word("x");
                    self.all('c', parts.get(1..)?)?;
                }
                inner => self.add(inner)?,
            },
            Pattern::Repetition(part, quantifier) => self.repeat(part, quantifier)?,
        }
        Some(())
    }

    fn all(&mut self, kind: char, parts: &[Pattern]) -> Option<()> {
        self.word(&format!("{kind}{}", parts.len()));
        parts.iter().try_for_each(|part| self.add(part))
    }

    fn repeat(&mut self, part: &Pattern, quantifier: &RepetitionQuantifier) -> Option<()> {
        // `+?` is one quantifier, which takes as few rows as it can.
        let (part, quantifier, manner) = match (part, quantifier) {
            (Pattern::Repetition(inner, first), RepetitionQuantifier::AtMost(1)) => {
                (inner.as_ref(), first, 'l')
            }
            // Two other quantifiers behind each other are not in the grammar.
            (Pattern::Repetition(..), _) => return None,
            _ => (part, quantifier, 'g'),
        };
        let (least, most) = match quantifier {
            RepetitionQuantifier::ZeroOrMore => (0, None),
            RepetitionQuantifier::OneOrMore => (1, None),
            RepetitionQuantifier::AtMostOne => (0, Some(1)),
            RepetitionQuantifier::Exactly(number) => (*number, Some(*number)),
            RepetitionQuantifier::AtLeast(number) => (*number, None),
            RepetitionQuantifier::AtMost(number) => (0, Some(*number)),
            RepetitionQuantifier::Range(least, most) => (*least, Some(*most)),
        };
        let most = most.map_or("*".to_owned(), |most| most.to_string());
        self.word(&format!("q{least},{most},{manner}"));
        self.add(part)
    }
}

fn is_hidden(pattern: &Pattern) -> bool {
    matches!(pattern, Pattern::Symbol(MatchRecognizeSymbol::Named(name)) if name.value == HIDDEN)
}

/// The symbols in every order; those of the first ones first, as they are listed.
fn orders(symbols: &[MatchRecognizeSymbol]) -> Option<Vec<Vec<MatchRecognizeSymbol>>> {
    if symbols.len() > PERMUTED {
        return None;
    }
    if symbols.is_empty() {
        return Some(vec![Vec::new()]);
    }
    let mut all = Vec::new();
    for (position, first) in symbols.iter().enumerate() {
        let mut others = symbols.to_vec();
        others.remove(position);
        for rest in orders(&others)? {
            let mut order = vec![first.clone()];
            order.extend(rest);
            all.push(order);
        }
    }
    Some(all)
}
