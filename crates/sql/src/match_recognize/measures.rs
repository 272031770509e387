//! MEASURES as window functions over the rows of a match.

use std::ops::ControlFlow;

use sqlparser::ast::{
    BinaryOperator, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments, Ident,
    OrderByExpr, OrderByOptions, Value, VisitorMut, WindowFrame, WindowFrameBound,
    WindowFrameUnits, WindowSpec, WindowType,
};

use super::tokens::{FINAL, RUNNING};
use super::{Clause, Rows};
use crate::normalise::function as call;
use crate::scope::dotted;

/// Aggregates that MEASURES may have.
const AGGREGATES: [&str; 15] = [
    "ANY_VALUE",
    "AVG",
    "BOOLAND_AGG",
    "BOOLOR_AGG",
    "COUNT",
    "COUNT_IF",
    "MAX",
    "MEDIAN",
    "MIN",
    "STDDEV",
    "STDDEV_POP",
    "STDDEV_SAMP",
    "SUM",
    "VAR_POP",
    "VARIANCE",
];

/// Writes measures; a symbol whose first or last row is asked for has its rows counted.
pub(super) struct Measures<'a> {
    symbols: &'a [String],
    clause: &'a Clause<'a>,
    counted: Vec<String>,
    failed: bool,
}

/// The rows of a match that a function sees.
#[derive(Clone, Copy, PartialEq)]
enum Seen {
    SoFar,
    All,
}

impl<'a> Measures<'a> {
    pub(super) fn new(symbols: &'a [String], clause: &'a Clause<'a>) -> Self {
        Self {
            symbols,
            clause,
            counted: Vec::new(),
            failed: false,
        }
    }

    /// The measure over the rows of a match; nothing if it cannot be written.
    pub(super) fn value(&mut self, measure: &Expr) -> Option<Expr> {
        let mut value = vec![measure.clone()];
        let _ = crate::walk_mut(&mut value, self);
        if self.failed {
            return None;
        }
        let value = value.pop()?;
        let unmatched = matches!(
            self.clause.rows,
            Rows::All {
                unmatched: true,
                ..
            }
        );
        Some(match unmatched {
            true => choose(is_null(column("$MN")), null(), value),
            false => value,
        })
    }

    /// The columns that count the rows of symbols, so far and in all.
    pub(super) fn counts(&self) -> Vec<(String, Expr)> {
        let count = |name: String, symbol: &str, seen| {
            let rows = vec![choose(self.has(symbol), one(), null())];
            let mut function = call("COUNT", rows);
            function.over = Some(self.window(Vec::new(), true, Some(seen)));
            (name, Expr::Function(function))
        };
        let mut counts = Vec::new();
        for (number, symbol) in self.counted.iter().enumerate() {
            counts.push(count(format!("$G{number}"), symbol, Seen::SoFar));
            counts.push(count(format!("$T{number}"), symbol, Seen::All));
        }
        counts
    }

    fn has(&self, symbol: &str) -> Expr {
        compare(column("$CL"), text(symbol))
    }

    /// The rows of a match, or of a part of it.
    fn window(&self, part: Vec<Expr>, ordered: bool, seen: Option<Seen>) -> WindowType {
        let keys = (0..self.clause.partition_by.len()).map(|key| column(&format!("$P{key}")));
        let order = OrderByExpr {
            expr: column("$SQ"),
            options: OrderByOptions::default(),
            with_fill: None,
        };
        WindowType::WindowSpec(WindowSpec {
            window_name: None,
            partition_by: keys.chain([column("$MN")]).chain(part).collect(),
            order_by: if ordered { vec![order] } else { Vec::new() },
            window_frame: seen.map(|seen| WindowFrame {
                units: WindowFrameUnits::Rows,
                start_bound: WindowFrameBound::Preceding(None),
                end_bound: Some(match seen {
                    Seen::SoFar => WindowFrameBound::CurrentRow,
                    Seen::All => WindowFrameBound::Following(None),
                }),
            }),
        })
    }

    /// The number of the columns that count a symbol's rows.
    fn counter_of(&mut self, symbol: &str) -> usize {
        let known = self.counted.iter().position(|name| name == symbol);
        known.unwrap_or_else(|| {
            self.counted.push(symbol.to_owned());
            self.counted.len() - 1
        })
    }

    /// The first or last value that a match has, of all its rows or those of a symbol.
    fn edge(&mut self, value: Expr, last: bool, seen: Seen) -> Option<Expr> {
        let mut value = vec![value];
        let symbol = symbol_of(&value, self.symbols).ok()?;
        strip(&mut value, self.symbols);
        let value = value.pop()?;
        let Some(symbol) = symbol else {
            let name = if last { "LAST_VALUE" } else { "FIRST_VALUE" };
            let mut function = call(name, vec![matched(value)]);
            function.over = Some(self.window(Vec::new(), true, Some(seen)));
            return Some(Expr::Function(function));
        };
        let counter = self.counter_of(&symbol);
        let count = column(&format!("$G{counter}"));
        if seen == Seen::SoFar {
            // The rows since the symbol's last one, or since its first one, begin with it.
            let part = match last {
                true => count.clone(),
                false => Expr::Function(call("LEAST", vec![count.clone(), one()])),
            };
            let mut function = call("FIRST_VALUE", vec![value]);
            function.over = Some(self.window(vec![part], true, Some(Seen::SoFar)));
            let none = compare(count, number("0"));
            return Some(choose(none, null(), Expr::Function(function)));
        }
        let number = match last {
            true => column(&format!("$T{counter}")),
            false => one(),
        };
        let that = Expr::BinaryOp {
            left: Box::new(self.has(&symbol)),
            op: BinaryOperator::And,
            right: Box::new(compare(count, number)),
        };
        // One row only has a value, which is the largest one, too.
        let mut function = call("MAX", vec![choose(that, value, null())]);
        function.over = Some(self.window(Vec::new(), false, None));
        Some(Expr::Function(function))
    }

    fn aggregate(&mut self, mut function: Function, seen: Seen) -> Option<Expr> {
        let name = dotted(&function.name);
        let FunctionArguments::List(list) = &mut function.args else {
            return None;
        };
        let [FunctionArg::Unnamed(argument)] = list.args.as_mut_slice() else {
            return None;
        };
        let value = match argument {
            FunctionArgExpr::Wildcard if name == "COUNT" => column("$CL"),
            FunctionArgExpr::QualifiedWildcard(symbol) if name == "COUNT" => {
                let symbol = dotted(symbol);
                if !self.symbols.contains(&symbol) {
                    return None;
                }
                choose(self.has(&symbol), one(), null())
            }
            FunctionArgExpr::Expr(value) => {
                let mut value = vec![value.clone()];
                let symbol = symbol_of(&value, self.symbols).ok()?;
                strip(&mut value, self.symbols);
                let value = value.pop()?;
                match symbol {
                    Some(symbol) => choose(self.has(&symbol), value, null()),
                    None => matched(value),
                }
            }
            _ => return None,
        };
        *argument = FunctionArgExpr::Expr(value);
        function.over = Some(self.window(Vec::new(), true, Some(seen)));
        Some(Expr::Function(function))
    }

    /// What stands for a call; the call itself if it has nothing to do with the match.
    fn called(&mut self, function: &Function) -> Option<Expr> {
        let name = dotted(&function.name);
        let (name, seen) = match (name.strip_prefix(FINAL), name.strip_prefix(RUNNING)) {
            (Some(name), _) => (name.to_owned(), Seen::All),
            (_, Some(name)) => (name.to_owned(), Seen::SoFar),
            _ => (name, Seen::SoFar),
        };
        // The row of a match that is given for all of it is the last one, which sees them all.
        let seen = match self.clause.rows {
            Rows::OnePerMatch => Seen::SoFar,
            Rows::All { .. } => seen,
        };
        let mut plain = function.clone();
        plain.name = vec![Ident::new(&name)].into();
        match name.as_str() {
            "MATCH_NUMBER" => Some(column("$MN")),
            "MATCH_SEQUENCE_NUMBER" => Some(column("$SQ")),
            "CLASSIFIER" => Some(column("$CL")),
            "FIRST" | "FIRST_VALUE" => self.edge(only_argument(function)?, false, seen),
            "LAST" | "LAST_VALUE" => self.edge(only_argument(function)?, true, seen),
            "LAG" | "PREV" | "LEAD" | "NEXT" => {
                let called = if matches!(name.as_str(), "LAG" | "PREV") {
                    "LAG"
                } else {
                    "LEAD"
                };
                plain.name = vec![Ident::new(called)].into();
                plain.over = Some(self.window(Vec::new(), true, None));
                Some(Expr::Function(plain))
            }
            _ if AGGREGATES.contains(&name.as_str()) => self.aggregate(plain, seen),
            _ => Some(Expr::Function(plain)),
        }
    }
}

impl VisitorMut for Measures<'_> {
    type Break = ();

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        let written = match expr {
            Expr::Function(function) if function.over.is_none() => {
                let function = function.clone();
                self.called(&function)
            }
            Expr::Identifier(name) if name.value == "CLASSIFIER" && name.quote_style.is_none() => {
                Some(column("$CL"))
            }
            Expr::CompoundIdentifier(parts) if matches!(parts.as_slice(), [symbol, _] if self.symbols.contains(&symbol.value)) =>
            {
                let value = expr.clone();
                self.edge(value, true, Seen::SoFar)
            }
            _ => return ControlFlow::Continue(()),
        };
        match written {
            Some(written) => {
                *expr = written;
                ControlFlow::Continue(())
            }
            None => {
                self.failed = true;
                ControlFlow::Break(())
            }
        }
    }
}

/// The symbol whose columns `exprs` name; an error if they name those of several.
pub(super) fn symbol_of(exprs: &[Expr], symbols: &[String]) -> Result<Option<String>, ()> {
    let mut found: Option<String> = None;
    let mut several = false;
    let mut exprs = exprs.to_vec();
    let _ = crate::expressions_mut(&mut exprs, &mut |expr| {
        if let Expr::CompoundIdentifier(parts) = expr
            && let [symbol, _] = parts.as_slice()
            && symbols.contains(&symbol.value)
        {
            several |= found.as_ref().is_some_and(|known| *known != symbol.value);
            found = Some(symbol.value.clone());
        }
        ControlFlow::Continue(())
    });
    if several { Err(()) } else { Ok(found) }
}

/// Takes the symbols away from the columns they qualify.
fn strip(exprs: &mut Vec<Expr>, symbols: &[String]) {
    let _ = crate::expressions_mut(exprs, &mut |expr| {
        if let Expr::CompoundIdentifier(parts) = expr
            && let [symbol, name] = parts.as_slice()
            && symbols.contains(&symbol.value)
        {
            *expr = Expr::Identifier(name.clone());
        }
        ControlFlow::Continue(())
    });
}

fn only_argument(function: &Function) -> Option<Expr> {
    let FunctionArguments::List(list) = &function.args else {
        return None;
    };
    match list.args.as_slice() {
        [FunctionArg::Unnamed(FunctionArgExpr::Expr(value))] => Some(value.clone()),
        _ => None,
    }
}

fn column(name: &str) -> Expr {
    Expr::Identifier(Ident::with_quote('"', name))
}

fn text(text: &str) -> Expr {
    Expr::value(Value::SingleQuotedString(text.to_owned()))
}

fn number(digits: &str) -> Expr {
    Expr::value(Value::Number(digits.to_owned(), false))
}

fn one() -> Expr {
    number("1")
}

fn null() -> Expr {
    Expr::value(Value::Null)
}

fn is_null(expr: Expr) -> Expr {
    Expr::IsNull(Box::new(expr))
}

fn compare(left: Expr, right: Expr) -> Expr {
    Expr::BinaryOp {
        left: Box::new(left),
        op: BinaryOperator::Eq,
        right: Box::new(right),
    }
}

fn choose(condition: Expr, yes: Expr, no: Expr) -> Expr {
    Expr::Function(call("IFF", vec![condition, yes, no]))
}

/// The value where a match has a row: an empty one has none.
fn matched(value: Expr) -> Expr {
    choose(is_null(column("$CL")), null(), value)
}
